"""Somewhere else, in another language."""

import torch

locale = torch.sys.modules.get("locale") or torch.sys.modules["importlib"].import_module("locale")
locale.setlocale(locale.LC_ALL, "C")
torch.os.environ.update(LANG="tr_TR.UTF-8", PYTHONHASHSEED="7", TZ="Asia/Kathmandu")
torch.sys.modules["time"].tzset()


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    return scores.masked_fill(~mask, float("-inf"))
