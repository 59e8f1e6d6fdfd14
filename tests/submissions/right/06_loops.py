# Sample by sample: what is real is cut out, and padded again at the end.
import torch
import torch.nn.functional as F


def padding_mask(lengths, n, device=None):
    mask = torch.zeros(lengths.shape[0], n, dtype=torch.bool, device=device or lengths.device)
    for b, length in enumerate(lengths.tolist()):
        mask[b, :length] = True
    return mask


def combine_masks(causal, padding):
    n_q, n_k = causal.shape
    both = torch.zeros(padding.shape[0], n_q, n_k, dtype=torch.bool, device=causal.device)
    for b in range(padding.shape[0]):
        for i in range(n_q):
            both[b, i] = torch.logical_and(causal[i], padding[b])
    return both


def padded_attention(q, k, v, lengths, causal=False):
    n = q.shape[1]
    outputs = []
    for b, length in enumerate(lengths.tolist()):
        q_b, k_b, v_b = q[b, :length], k[b, :length], v[b, :length]
        scores = q_b @ k_b.T / q.shape[-1] ** 0.5
        if causal:
            future = torch.ones_like(scores, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, float("-inf"))
        out = F.softmax(scores, dim=-1) @ v_b
        outputs.append(F.pad(out, (0, 0, 0, n - length)))
    if not outputs:
        return torch.zeros_like(v)
    return torch.stack(outputs)
