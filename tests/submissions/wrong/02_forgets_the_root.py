import torch


def dot_scores(q, k):
    return torch.einsum("...id,...jd->...ij", q, k)


def scale_scores(scores, d_k):
    return scores * (1.0 / d_k)


def scaled_scores(q, k):
    d_k = q.shape[-1]
    # the root here, but not above
    return dot_scores(q, k) * d_k**-0.5
