import math

import torch


def dot_scores(q, k):
    return torch.matmul(q, k.transpose(-2, -1))


def scale_scores(scores, d_k):
    return scores / math.sqrt(d_k)


def scaled_scores(q, k):
    return scale_scores(dot_scores(q, k), k.size(-1))
