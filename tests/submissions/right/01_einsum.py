from torch import einsum


def project(x, w, b=None):
    return einsum("...i,io->...o", x, w) + (0 if b is None else b)


def project_qkv(x, w_q, w_k, w_v):
    return tuple(einsum("...i,io->...o", x, w) for w in (w_q, w_k, w_v))


def project_packed(x, w_qkv, b_qkv=None):
    # One product over a matrix seen as (d_model, 3, d): which of the three, then which feature.
    width = w_qkv.size(-1) // 3
    packed = einsum("...i,ico->...co", x, w_qkv.unflatten(1, (3, width)))
    if b_qkv is not None:
        packed = packed + b_qkv.unflatten(0, (3, width))
    return packed.unbind(-2)
