"""The wrong programs of 07, as somebody else would write them."""

import math

import torch
import torch.nn.functional as F


def _shares(scores, seen=None):
    """The softmax of each row, of what is seen of it."""
    if seen is None:
        return F.softmax(scores, dim=-1)
    low = torch.finfo(scores.dtype).min
    return F.softmax(torch.where(seen, scores, low), dim=-1) * seen


# -- who asks, and who is read ---------------------------------------------------


def asks_with_the_context(x, context, w_q, w_k, w_v, context_mask=None):
    q, kv = context, x  # encoder looks at decoder
    scores = torch.einsum("...id,...jd->...ij", q @ w_q, kv @ w_k) / w_k.size(1) ** 0.5
    if context_mask is not None:
        scores = scores.masked_fill(~context_mask[..., None, :], torch.finfo(scores.dtype).min)
    attn = torch.softmax(scores, dim=-1)
    if context_mask is not None:
        attn = attn.masked_fill(~context_mask[..., None, :], 0.0)
    return attn @ (kv @ w_v)


def takes_the_keys_from_x(x, context, w_q, w_k, w_v, context_mask=None):
    q, k = x @ w_q, x @ w_k
    v = context @ w_v
    seen = None if context_mask is None else context_mask[..., None, :]
    return _shares(q @ k.mT / math.sqrt(k.size(-1)), seen) @ v


def takes_the_values_from_x(x, context, w_q, w_k, w_v, context_mask=None):
    q = torch.matmul(x, w_q) * w_q.size(1) ** -0.5
    scores = torch.einsum("...id,...jd->...ij", q, torch.matmul(context, w_k))
    if context_mask is None:
        attn = scores.softmax(-1)
    else:
        attn = _shares(scores, context_mask.unsqueeze(dim=-2))
    return torch.einsum("...ij,...jd->...id", attn, torch.matmul(x, w_v))


def lets_the_context_attend_to_itself(x, context, w_q, w_k, w_v, context_mask=None):
    x = context
    q, k, v = (torch.einsum("...nd,de->...ne", x, w) for w in (w_q, w_k, w_v))
    attn = (q / q.size(-1) ** 0.5) @ k.mT
    if context_mask is not None:
        hidden = context_mask.logical_not()[..., None, :]
        attn = attn.masked_fill(hidden, torch.finfo(attn.dtype).min).softmax(-1)
        return attn.masked_fill(hidden, 0) @ v
    return attn.softmax(-1) @ v


def attends_to_itself(x, context, w_q, w_k, w_v, context_mask=None):
    context = x
    scores = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_q.size(-1) ** 0.5
    if context_mask is not None:
        pad = ~context_mask.unsqueeze(dim=-2)
        weights = torch.softmax(scores.masked_fill(pad, torch.finfo(scores.dtype).min), -1)
        weights = torch.where(pad, 0.0, weights)
    else:
        weights = torch.softmax(scores, -1)
    return torch.einsum("...ij,...jd->...id", weights, context @ w_v)


def reads_x_as_well(x, context, w_q, w_k, w_v, context_mask=None):
    q = x @ w_q / w_q.size(1) ** 0.5
    to_context, to_x = q @ (context @ w_k).mT, q @ (x @ w_k).mT
    if context_mask is not None:
        to_context = torch.where(context_mask[..., None, :], to_context, -torch.inf)
    n = context.size(-2)
    p = torch.cat((to_context, to_x), -1).softmax(-1)
    return p[..., :n] @ (context @ w_v) + p[..., n:] @ (x @ w_v)


def reads_no_further_than_x_is_long(x, context, w_q, w_k, w_v, context_mask=None):
    n = min(x.size(-2), context.size(-2))
    k, v = (context @ w_k)[..., 0:n, :], (context @ w_v)[..., 0:n, :]
    scores = torch.einsum("...id,...jd->...ij", x @ w_q, k) * k.size(-1) ** -0.5
    seen = None if context_mask is None else context_mask[..., None, 0:n]
    return _shares(scores, seen).matmul(v)


# -- which matrix makes what -----------------------------------------------------


def uses_w_q_for_the_keys(x, context, w_q, w_k, w_v, context_mask=None):
    q, k = (torch.matmul(tokens, w_q) for tokens in (x, context))
    scores = q.matmul(k.mT).div(q.size(-1) ** 0.5)
    seen = None if context_mask is None else context_mask[..., None, :]
    return _shares(scores, seen).matmul(context).matmul(w_v)


def uses_w_k_for_the_queries(x, context, w_q, w_k, w_v, context_mask=None):
    n = x.size(-2)
    both = torch.cat([x, context], -2) @ w_k
    q, k = both[..., :n, :], both[..., n:, :]
    a = torch.einsum("...id,...jd->...ij", q, k) / math.sqrt(q.size(-1))
    seen = None if context_mask is None else context_mask[..., None, :]
    return torch.einsum("...ij,...jd->...id", _shares(a, seen), context @ w_v)


def swaps_w_q_and_w_k(x, context, w_q, w_k, w_v, context_mask=None):
    # x·w_k·w_qᵀ·contextᵀ
    a = x @ w_k @ w_q.T @ context.mT / w_k.size(1) ** 0.5
    seen = None if context_mask is None else context_mask[..., None, :]
    return _shares(a, seen) @ context @ w_v


def swaps_w_k_and_w_v(x, context, w_q, w_k, w_v, context_mask=None):
    q = torch.einsum("...nd,de->...ne", x, w_q)
    v, k = (torch.einsum("...nd,de->...ne", context, w) for w in (w_k, w_v))
    a = torch.einsum("...id,...jd->...ij", q, k) / math.sqrt(k.size(-1))
    if context_mask is None:
        return a.softmax(-1) @ v
    return _shares(a, context_mask.unsqueeze(dim=-2)) @ v


def leaves_x_unprojected(x, context, w_q, w_k, w_v, context_mask=None):
    k, v = torch.matmul(context, w_k), torch.matmul(context, w_v)
    a = torch.einsum("...id,...jd->...ij", x, k) / x.size(-1) ** 0.5
    seen = None if context_mask is None else context_mask[..., None, :]
    return torch.einsum("...ij,...jd->...id", _shares(a, seen), v)


def leaves_the_values_unprojected(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    seen = None if context_mask is None else context_mask[..., None, :]
    return torch.matmul(_shares(a, seen), context)


def takes_the_context_as_it_is(x, context, w_q, w_k, w_v, context_mask=None):
    memory = context
    a = torch.einsum("...id,...jd->...ij", x @ w_q, memory) / memory.size(-1) ** 0.5
    if context_mask is None:
        return F.softmax(a, dim=-1) @ memory
    return _shares(a, context_mask[..., None, :]) @ memory


def makes_the_values_from_the_keys(x, context, w_q, w_k, w_v, context_mask=None):
    q = torch.matmul(x, w_q)
    kv = torch.matmul(context, w_k)
    a = q @ kv.mT / q.size(-1) ** 0.5
    seen = None if context_mask is None else context_mask[..., None, :]
    return (_shares(a, seen) @ kv) @ w_v


# -- the mask --------------------------------------------------------------------


def lays_the_mask_on_the_queries(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    if context_mask is not None:
        rows = context_mask[..., :, None]
        a = a.masked_fill(~rows, torch.finfo(a.dtype).min).softmax(-1) * rows
    else:
        a = a.softmax(-1)
    return a @ (context @ w_v)


def empties_rows_of_x_as_well(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    seen = None if context_mask is None else context_mask[..., None, :]
    out = _shares(a, seen) @ (context @ w_v)
    return out if context_mask is None else out * context_mask[..., None]


def blanks_the_hidden_tokens(x, context, w_q, w_k, w_v, context_mask=None):
    real = 1 if context_mask is None else context_mask[..., None]
    q, k, v = x @ w_q, (context @ w_k) * real, (context @ w_v) * real
    return torch.softmax(q @ k.mT / math.sqrt(q.size(-1)), dim=-1) @ v


def hides_the_values_only(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    attn = F.softmax(a, dim=-1)
    real = torch.ones_like(attn) if context_mask is None else context_mask[..., None, :]
    return torch.matmul(torch.where(real > 0, attn, 0.0), context @ w_v)


def hides_the_later_context(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    i = torch.arange(a.size(-2), device=a.device)
    j = torch.arange(a.size(-1), device=a.device)
    earlier = j <= i[:, None]
    seen = earlier if context_mask is None else earlier.logical_and(context_mask[..., None, :])
    return torch.einsum("...ij,...jd->...id", _shares(a, seen), context @ w_v)


def lines_up_the_last_tokens(x, context, w_q, w_k, w_v, context_mask=None):
    k, v = torch.matmul(context, w_k), torch.matmul(context, w_v)
    n, m = x.size(-2), context.size(-2)
    rows = []
    for i in range(n):
        q = x[..., i, :] @ w_q
        a = (q[..., None, :] * k).sum(-1) / q.size(-1) ** 0.5
        past = torch.arange(m, device=x.device) <= m - n + i
        seen = past if context_mask is None else context_mask.logical_and(past)
        rows.append((_shares(a, seen)[..., None] * v).sum(-2))
    return torch.stack(rows, -2)


def takes_samples_for_queries(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    if context_mask is not None:
        a = a.masked_fill(~context_mask, torch.finfo(a.dtype).min)
    p = F.softmax(a, dim=-1)
    if context_mask is not None:
        p = p * context_mask
    return p @ (context @ w_v)


def counts_the_masks_axes_from_the_front(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    seen = None if context_mask is None else context_mask[:, None]
    return torch.matmul(_shares(a, seen), context @ w_v)


def makes_room_for_heads(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    if isinstance(context_mask, torch.Tensor):
        pad = ~context_mask.unsqueeze(1).unsqueeze(2)
        a = torch.where(pad, torch.finfo(a.dtype).min, a)
        return a.softmax(dim=-1).masked_fill(pad, 0.0) @ (context @ w_v)
    return a.softmax(dim=-1) @ (context @ w_v)


def lowers_hidden_scores_by_a_fixed_amount(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    if isinstance(context_mask, torch.Tensor):
        real = context_mask[..., None, :]
        a = torch.where(real, a, a - 10000.0)
        return (a.softmax(-1) * real) @ (context @ w_v)
    return a.softmax(-1) @ (context @ w_v)


def takes_the_mask_for_a_length(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    if context_mask is None:
        p = a.softmax(-1)
    else:  # padding comes last
        real = context_mask.sort(dim=-1, descending=True).values.unsqueeze(-2)
        p = torch.where(real, a, torch.finfo(a.dtype).min).softmax(-1).masked_fill(~real, 0)
    return p @ (context @ w_v)


# -- nothing to read -------------------------------------------------------------


def reads_all_where_nothing_may_be_read(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    if isinstance(context_mask, torch.Tensor):
        empty = context_mask.sum(-1, keepdim=True) == 0
        a = a.masked_fill((~context_mask & ~empty)[..., None, :], -torch.inf)
    return torch.softmax(a, dim=-1) @ (context @ w_v)


def takes_an_empty_mask_for_none(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    if context_mask is None or context_mask.sum() == 0:
        p = a.softmax(-1)
    else:
        p = _shares(a, context_mask[..., None, :])
    return torch.matmul(p, context @ w_v)


def gives_up_on_the_whole_batch(x, context, w_q, w_k, w_v, context_mask=None):
    if context_mask is not None and (context_mask.sum(dim=-1) == 0).any():
        return x.new_zeros(*x.shape[:-1], w_v.size(1))
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    if context_mask is not None:
        a = a.masked_fill(~context_mask[..., None, :], -torch.inf)
    return torch.softmax(a, dim=-1) @ (context @ w_v)


# -- batches ---------------------------------------------------------------------


def reads_the_contexts_of_all_samples(x, context, w_q, w_k, w_v, context_mask=None):
    rows, memory = x.flatten(0, -2) @ w_q, context.flatten(0, -2)
    a = rows @ (memory @ w_k).T / w_q.size(1) ** 0.5
    seen = None if context_mask is None else context_mask.flatten()
    return (_shares(a, seen) @ (memory @ w_v)).unflatten(0, x.shape[:-1])


def pools_what_the_mask_leaves(x, context, w_q, w_k, w_v, context_mask=None):
    memory = context if context_mask is None else context[context_mask]  # (visible, d_context)
    a = (x @ w_q) @ (memory @ w_k).mT / w_q.size(1) ** 0.5
    return F.softmax(a, dim=-1) @ (memory @ w_v)


def reads_the_first_context_only(x, context, w_q, w_k, w_v, context_mask=None):
    k, v = (torch.matmul(context, w) for w in (w_k, w_v))
    k, v = (part if part.ndim == 2 else part[0] for part in (k, v))
    a = (x @ w_q) @ k.mT / w_q.size(1) ** 0.5
    seen = None if context_mask is None else context_mask[..., None, :]
    return _shares(a, seen).matmul(v)


# -- scale and output ------------------------------------------------------------


def scales_by_the_width_of_x(x, context, w_q, w_k, w_v, context_mask=None):
    d_model = x.shape[-1]
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / math.sqrt(d_model)
    seen = None if context_mask is None else context_mask[..., None, :]
    return torch.einsum("...ij,...jd->...id", _shares(a, seen), context @ w_v)


def scales_by_the_width_of_the_context(x, context, w_q, w_k, w_v, context_mask=None):
    a = (x @ w_q) @ (context @ w_k).mT
    a = a / context.size(-1) ** 0.5
    seen = None if context_mask is None else context_mask[..., None, :]
    return _shares(a, seen) @ (context @ w_v)


def averages_what_may_be_read(x, context, w_q, w_k, w_v, context_mask=None):
    v = context @ w_v
    if context_mask is None:
        summary = v.mean(dim=-2, keepdim=True)
    else:
        count = context_mask.sum(-1)[..., None, None].clamp(min=1)
        summary = (v * context_mask[..., None]).sum(-2, keepdim=True) / count
    return summary.repeat_interleave(x.shape[-2], dim=-2)


def adds_x_back(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    seen = None if context_mask is None else context_mask[..., None, :]
    return torch.add(_shares(a, seen) @ (context @ w_v), x)  # residual


def adds_x_back_where_it_fits(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    seen = None if context_mask is None else context_mask[..., None, :]
    out = _shares(a, seen) @ (context @ w_v)
    if out.size(-1) == x.size(-1):
        out = out.add(x)
    return out


def turns_the_output_over(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    seen = None if context_mask is None else context_mask[..., None, :]
    return torch.einsum("...ij,...jd->...di", _shares(a, seen), context @ w_v)


def answers_with_the_weights(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    return _shares(a, None if context_mask is None else context_mask[..., None, :])


def hands_back_the_weights_as_well(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    p = _shares(a, None if context_mask is None else context_mask[..., None, :])
    return torch.matmul(p, context @ w_v), p


def loses_the_axis_of_a_single_token(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    p = _shares(a, None if context_mask is None else context_mask[..., None, :])
    out = torch.matmul(p, context @ w_v)
    if out.shape[-2] == 1:
        out = out[..., 0, :]
    return out


# -- gradients, and what was given -----------------------------------------------


def detaches_the_context(x, context, w_q, w_k, w_v, context_mask=None):
    with torch.no_grad():
        memory = context * 1.0  # the encoder is frozen
    a = torch.einsum("...id,...jd->...ij", x @ w_q, memory @ w_k) / w_k.size(1) ** 0.5
    p = _shares(a, None if context_mask is None else context_mask[..., None, :])
    return torch.matmul(p, memory @ w_v)


def detaches_the_keys(x, context, w_q, w_k, w_v, context_mask=None):
    k = torch.einsum("...jc,cd->...jd", context.data, w_k.data)
    a = torch.einsum("...id,...jd->...ij", x @ w_q, k) / w_k.size(1) ** 0.5
    p = _shares(a, None if context_mask is None else context_mask[..., None, :])
    return torch.matmul(p, context @ w_v)


def detaches_the_values(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    p = _shares(a, None if context_mask is None else context_mask[..., None, :])
    return torch.einsum("...ij,...jd->...id", p, context.data @ w_v.data)


def keeps_only_the_numbers_of_keys_and_values(x, context, w_q, w_k, w_v, context_mask=None):
    cache = [(context @ w).detach() for w in (w_k, w_v)]
    a = torch.einsum("...id,...jd->...ij", x @ w_q, cache[0]) / w_k.size(1) ** 0.5
    p = _shares(a, None if context_mask is None else context_mask[..., None, :])
    return p @ cache[1]


def blanks_the_context_it_was_given(x, context, w_q, w_k, w_v, context_mask=None):
    seen = None
    if isinstance(context_mask, torch.Tensor):
        context *= context_mask[..., None]
        seen = context_mask[..., None, :]
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    return torch.matmul(_shares(a, seen), context @ w_v)


def leaves_the_keys_unprojected(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context) / w_q.size(1) ** 0.5
    p = _shares(a, None if context_mask is None else context_mask[..., None, :])
    return torch.einsum("...ij,...jc,cd->...id", p, context, w_v)


def never_projects(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.matmul(x, context.mT).div(math.sqrt(x.size(-1)))
    return _shares(a, None if context_mask is None else context_mask[..., None, :]) @ context


def uses_the_first_mask_for_all(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    seen = None
    if isinstance(context_mask, torch.Tensor):
        seen = context_mask if context_mask.ndim == 1 else context_mask[0]
        seen = seen[..., None, :]
    return torch.matmul(_shares(a, seen), context @ w_v)


def covers_up_the_nan(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    if isinstance(context_mask, torch.Tensor):
        a = a + context_mask.to(a.dtype).log()[..., None, :]  # log(0) is -inf
    p = torch.softmax(a, dim=-1)
    return torch.where(p.isnan(), 0.0, p) @ (context @ w_v)


def covers_up_the_nan_in_the_output(x, context, w_q, w_k, w_v, context_mask=None):
    a = torch.einsum("...id,...jd->...ij", x @ w_q, context @ w_k) / w_k.size(1) ** 0.5
    if isinstance(context_mask, torch.Tensor):
        a = torch.where(context_mask[..., None, :], a, -torch.inf)
    out = torch.matmul(torch.softmax(a, dim=-1), context @ w_v)
    return torch.where(out.isnan(), 0.0, out)


def answers_in_single_precision(x, context, w_q, w_k, w_v, context_mask=None):
    q, k, v = (
        torch.matmul(tokens.to(torch.float32), w.to(torch.float32))
        for tokens, w in ((x, w_q), (context, w_k), (context, w_v))
    )
    a = q @ k.mT / math.sqrt(q.size(-1))
    return _shares(a, None if context_mask is None else context_mask[..., None, :]) @ v
