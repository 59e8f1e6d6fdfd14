import torch


def padding_mask(lengths, n, device=None):
    if device is None:
        device = lengths.device
    mask = torch.zeros(len(lengths), n, dtype=torch.bool, device=device)
    for i, length in enumerate(lengths):
        mask[i, :length] = True
    return mask


def combine_masks(causal, padding):
    return torch.stack([causal & p for p in padding]) if len(padding) else causal[None][:0]


def padded_attention(q, k, v, lengths, causal=False):
    keep = padding_mask(lengths, q.shape[1], q.device).to(v.dtype)
    v = v * keep[..., None]
    scores = torch.einsum("bid,bjd->bij", q, k) / q.shape[-1] ** 0.5
    if causal:
        later = torch.ones(q.shape[1], q.shape[1], device=q.device).triu(1)
        scores = scores.masked_fill(later > 0, -torch.inf)
    out = torch.einsum("bij,bjd->bid", scores.softmax(-1), v)
    return out * keep[..., None]
