"""The wrong programs of 02, as somebody else would write them."""

import torch


def leaves_the_keys_as_rows(q, k):
    return torch.matmul(q, k)


def multiplies_place_by_place(q, k):
    return torch.mul(q, k)
