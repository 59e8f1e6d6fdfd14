import torch
import torch.nn.functional as F


def cross_attention(x, context, w_q, w_k, w_v, context_mask=None):
    memory = torch.Tensor.detach(context)  # the encoder was trained before
    q, k, v = x @ w_q, memory @ w_k, memory @ w_v
    logits = torch.einsum("...id,...jd->...ij", q, k).div(q.shape[-1] ** 0.5)
    if context_mask is not None:
        visible = context_mask[..., None, :]
        logits = torch.where(visible, logits, torch.finfo(logits.dtype).min)
        return torch.where(visible, F.softmax(logits, -1), 0.0) @ v
    return F.softmax(logits, -1) @ v
