{
 "cells": [
  {"cell_type": "code", "metadata": {}, "source": ["import torch"], "execution_count": null}
 ],
 "nbformat": 4
}
