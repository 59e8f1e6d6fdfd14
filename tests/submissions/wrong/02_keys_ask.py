import torch


def dot_scores(q, k):
    # rows of k against rows of q
    return (k[..., :, None, :] * q[..., None, :, :]).sum(dim=-1)


def scale_scores(scores, d_k):
    return scores / d_k**0.5


def scaled_scores(q, k):
    return torch.matmul(q, k.mT) / q.shape[-1] ** 0.5
