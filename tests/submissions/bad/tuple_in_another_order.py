import torch


def project(x, w, b=None):
    return x @ w if b is None else x @ w + b


def project_qkv(x, w_q, w_k, w_v):
    return project(x, w_v), project(x, w_k), project(x, w_q)


def project_packed(x, w_qkv, b_qkv=None):
    return project(x, w_qkv, b_qkv).chunk(3, -1)
