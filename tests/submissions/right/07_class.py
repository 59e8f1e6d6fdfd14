"""A module in the manner of torch: keys and values are made once, then asked."""

from dataclasses import dataclass
from functools import cached_property

import torch


@dataclass
class Source:
    tokens: torch.Tensor
    w_k: torch.Tensor
    w_v: torch.Tensor
    mask: torch.Tensor | None

    @cached_property
    def keys(self):
        return self.tokens.matmul(self.w_k)

    @cached_property
    def values(self):
        return self.tokens.matmul(self.w_v)

    def visible_to(self, queries):
        shape = (*queries.shape[:-1], self.tokens.shape[-2])
        if self.mask is None:
            return torch.ones(shape, dtype=torch.bool, device=queries.device)
        return self.mask[..., None, :].expand(shape)

    def asked_by(self, queries):
        visible = self.visible_to(queries)
        scores = queries.matmul(self.keys.mT).div(self.keys.shape[-1] ** 0.5)
        anything = visible.any(dim=-1, keepdim=True)
        scores = torch.where(visible | ~anything, scores, -torch.inf)
        weights = torch.where(anything, torch.softmax(scores, dim=-1), 0.0)
        return weights.matmul(self.values)


def cross_attention(x, context, w_q, w_k, w_v, context_mask=None):
    return Source(context, w_k, w_v, context_mask).asked_by(x.matmul(w_q))


if __name__ == "__main__":
    x, context = torch.randn(2, 3, 4), torch.randn(2, 5, 6)
    w_q, w_k, w_v = torch.randn(4, 8), torch.randn(6, 8), torch.randn(6, 7)
    theirs = torch.nn.functional.scaled_dot_product_attention(x @ w_q, context @ w_k, context @ w_v)
    print((theirs - cross_attention(x, context, w_q, w_k, w_v)).abs().max())
