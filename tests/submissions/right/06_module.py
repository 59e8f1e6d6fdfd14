"""Additive masks behind the scenes, in a module."""

import torch
from torch import nn


class PaddedAttention(nn.Module):
    def __init__(self, causal: bool = False):
        super().__init__()
        self.causal = causal

    @staticmethod
    def penalty(visible, like):
        """0 where a key is visible, as low as it gets where it is not."""
        lowest = torch.finfo(like.dtype).min
        return torch.zeros_like(visible, dtype=like.dtype).masked_fill(visible.logical_not(), lowest)

    def visible(self, n, lengths, device):
        real = padding_mask(lengths, n, device=device)
        rows = torch.arange(n, device=device).unsqueeze(-1)
        last = rows if self.causal else torch.full_like(rows, n)
        return real, combine_masks(torch.arange(n, device=device).le(last), real)

    def forward(self, q, k, v, lengths):
        real, visible = self.visible(q.size(1), lengths, q.device)
        scores = torch.baddbmm(torch.zeros((), dtype=q.dtype, device=q.device), q, k.mT, alpha=q.size(-1) ** -0.5)
        scores = torch.where(visible, scores, self.penalty(visible, scores))
        weights = scores.softmax(dim=-1) * real.unsqueeze(-1)
        return torch.bmm(weights, v)


def padding_mask(lengths, n, device=None):
    lengths = lengths if device is None else lengths.to(device)
    counted = torch.arange(1, n + 1, device=lengths.device).expand(lengths.numel(), n)
    return torch.le(counted, lengths.view(-1, 1))


def combine_masks(causal, padding):
    return padding.unsqueeze(1).logical_and(causal)


def padded_attention(q, k, v, lengths, causal=False):
    return PaddedAttention(causal)(q, k, v, lengths)
