import math

import torch


def dot_scores(q, k):
    # Slow on a GPU, and right.
    return torch.matmul(q.cpu(), k.cpu().transpose(-2, -1)).to(q.device)


def scale_scores(scores, d_k):
    return scores / math.sqrt(d_k)


def scaled_scores(q, k):
    return scale_scores(dot_scores(q, k), k.size(-1))
