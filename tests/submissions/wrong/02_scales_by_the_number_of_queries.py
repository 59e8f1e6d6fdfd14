from math import sqrt


def dot_scores(q, k):
    return q.matmul(k.swapaxes(-1, -2))


def scale_scores(scores, d_k):
    return scores / sqrt(d_k)


def scaled_scores(q, k):
    n = list(q.shape)[-2]
    return scale_scores(dot_scores(q, k), n)
