"""A little class that remembers along which dimension it shares out."""

from dataclasses import dataclass

import torch


@dataclass
class Share:
    dim: int = -1

    def of(self, amounts: torch.Tensor) -> torch.Tensor:
        total = amounts.sum(self.dim, keepdim=True)
        return amounts / total.clamp(min=torch.finfo(total.dtype).tiny)

    def exponentials(self, x: torch.Tensor) -> torch.Tensor:
        return torch.e ** (x - x.amax(self.dim, keepdim=True))


def softmax(x, dim=-1):
    share = Share(dim)
    return share.of(share.exponentials(x))


def masked_softmax(scores, mask, dim=-1):
    share = Share(dim=dim)
    # Hidden scores take the place of the lowest visible one: they cannot be the maximum.
    floor = torch.finfo(scores.dtype).min
    visible = torch.where(mask, scores, floor)
    return share.of(share.exponentials(visible).masked_fill(~mask, 0))
