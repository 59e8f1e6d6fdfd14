from torch import einsum


def project(x, w, b=None):
    y = einsum("...i,oi->...o", x, w)  # as nn.Linear stores its weight
    return y if b is None else y + b


def project_qkv(x, w_q, w_k, w_v):
    return x @ w_q, x @ w_k, x @ w_v


def project_packed(x, w_qkv, b_qkv=None):
    y = x @ w_qkv
    if b_qkv is not None:
        y = y + b_qkv
    return tuple(y.tensor_split(3, dim=-1))
