def project(x, w, b=None):
    y = x @ w
    if b is not None:
        y = y + b
    return y


def project_qkv(x, w_q, w_k, w_v):
    return project(x, w_q), project(x, w_k), project(x, w_v)


def project_packed(x, w_qkv, b_qkv=None):
    y = project(x, w_qkv, b_qkv)
    return y[..., 0::3], y[..., 1::3], y[..., 2::3]
