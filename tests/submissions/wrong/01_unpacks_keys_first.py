import torch


def project(x, w, b=None):
    return x.matmul(w) if b is None else x.matmul(w).add(b)


def project_qkv(x, w_q, w_k, w_v):
    return tuple(project(x, w) for w in (w_q, w_k, w_v))


def project_packed(x, w_qkv, b_qkv=None):
    d = w_qkv.shape[-1] // 3
    if b_qkv is None:
        b_qkv = x.new_zeros(3 * d)
    names = {}
    for place, name in enumerate(["k", "q", "v"]):
        columns = range(place * d, (place + 1) * d)
        names[name] = project(x, w_qkv[:, list(columns)], b_qkv[list(columns)])
    return names["q"], names["k"], names["v"]
