# Everything by hand: a projection is a sum of weighted rows of w.
def project(x, w, b=None):
    total = 0
    for i in range(w.shape[0]):
        total = total + x[..., i, None] * w[i]
    if b is None:
        return total
    return total + b


def project_qkv(x, w_q, w_k, w_v):
    results = []
    for w in [w_q, w_k, w_v]:
        results.append(project(x, w))
    q, k, v = results
    return (q, k, v)


def project_packed(x, w_qkv, b_qkv=None):
    d = len(w_qkv[0]) // 3
    answer = ()
    for part in range(3):
        columns = slice(part * d, (part + 1) * d)
        bias = None
        if b_qkv is not None:
            bias = b_qkv[columns]
        answer += (project(x, w_qkv[:, columns], bias),)
    return answer
