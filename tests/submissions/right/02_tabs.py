"""Indented with tabs, and products of a whole batch at once."""

import torch


def _flat(t):
	return t.reshape(-1, t.shape[-2], t.shape[-1])


def dot_scores(q, k):
	scores = torch.bmm(_flat(q), _flat(k).mT)
	return scores.view(*q.shape[:-1], k.shape[-2])


def scale_scores(scores, d_k):
	return torch.divide(scores, float(d_k) ** 0.5)


def scaled_scores(q, k):
	n, d = q.shape[-2:]
	if n == 0:
		return dot_scores(q, k)
	return scale_scores(dot_scores(q, k), d)
