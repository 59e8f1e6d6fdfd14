"""The wrong programs of 09, as somebody else would write them."""

import torch
import torch.nn.functional as F


def _soft(scores, mask):
    if mask is None:
        return scores.softmax(dim=-1)
    low = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, low).softmax(dim=-1).masked_fill(~mask, 0.0)


def _cut(y, heads):
    return y.unflatten(-1, (heads, -1)).movedim(-2, -3)  # (..., heads, n, d)


def _glue(y):
    return y.movedim(-3, -2).flatten(start_dim=-2)


def _look(q, k, v, mask=None, width=None):
    """Every leading axis broadcasts; `width` is what stands under the root."""
    scores = torch.einsum("...id,...jd->...ij", q, k) * (width or q.size(-1)) ** -0.5
    return torch.matmul(_soft(scores, mask), v)


def _one(x, w_k, w_v):
    """The one key head and the one value head, on an axis of their own."""
    return torch.matmul(x, w_k)[..., None, :, :], torch.matmul(x, w_v)[..., None, :, :]


def _own(y, heads, kv_heads):
    """Key heads, one for each query head."""
    few = _cut(y, kv_heads)
    return few[..., [h * kv_heads // heads for h in range(heads)], :, :]


def _wide(mask):
    return mask if mask is None else mask[..., None, :, :]


# -- repeat_kv -----------------------------------------------------------------


def lays_the_whole_set_out_again(x, n_rep):
    # (n_rep, n_kv) instead of (n_kv, n_rep)
    copies = x.unsqueeze(-4).expand(*x.shape[:-3], n_rep, *x.shape[-3:])
    return copies.flatten(-4, -3)


def repeats_every_token(x, n_rep):
    return torch.stack([x] * n_rep, dim=-2).flatten(-3, -2)


def repeats_every_feature(x, n_rep):
    return torch.stack([x] * n_rep, dim=-1).flatten(-2)


def lays_the_sequence_out_again(x, n_rep):
    times = [1] * x.dim()
    times[-2] = n_rep
    return x.repeat(times)


def counts_the_heads_from_the_front(x, n_rep):
    pieces = []
    for head in x.unbind(1):
        pieces += [head] * n_rep
    return torch.stack(pieces, 1)


def repeats_the_first_axis(x, n_rep):
    index = torch.arange(len(x) * n_rep, device=x.device) // n_rep
    return x[index]


def lays_everything_out_again_along_the_first_axis(x, n_rep):
    return x.repeat(n_rep, *[1] * (x.dim() - 1))


def keeps_the_original_as_well(x, n_rep):
    out = []
    for h in range(x.size(-3)):
        out.append(x[..., h, :, :])
        for _ in range(n_rep):
            out.append(x[..., h, :, :])
    return torch.stack(out, dim=-3)


def leaves_one_copy_out(x, n_rep):
    b, (n_kv, n, d) = x.shape[:-3], x.shape[-3:]
    grown = x.unsqueeze(-3).expand(*b, n_kv, n_rep - 1, n, d)
    return grown.reshape(*b, n_kv * (n_rep - 1), n, d)


def copies_the_first_head_only(x, n_rep):
    first = x.select(-3, 0)
    return torch.stack([first for _ in range(x.size(-3) * n_rep)], dim=-3)


def turns_the_order_of_the_heads_over(x, n_rep):
    n_kv = x.size(-3)
    order = [n_kv - 1 - h // n_rep for h in range(n_kv * n_rep)]
    return x[..., order, :, :]


def leaves_them_as_few_as_they_are(x, n_rep):
    return x * 1


def leaves_the_copies_on_an_axis_of_their_own(x, n_rep):
    return torch.stack([x] * n_rep, dim=-3)


def leaves_room_for_the_copies(x, n_rep):
    blanks = [torch.zeros_like(x)] * (n_rep - 1)
    return torch.stack([x, *blanks], dim=-3).flatten(-4, -3)


def averages_the_heads(x, n_rep):
    n_kv = x.size(-3)
    pooled = torch.einsum("...hnd->...nd", x) / n_kv
    return torch.stack([pooled] * (n_kv * n_rep), dim=-3)


def runs_copies_and_tokens_together(x, n_rep):
    b, (n_kv, n, d) = x.shape[:-3], x.shape[-3:]
    # the new axis stands one place too late
    return x.unsqueeze(-2).expand(*b, n_kv, n, n_rep, d).reshape(*b, n_kv * n_rep, n, d)


def runs_copies_and_features_together(x, n_rep):
    b, (n_kv, n, d) = x.shape[:-3], x.shape[-3:]
    # the new axis stands at the very end
    return x.unsqueeze(-1).expand(*b, n_kv, n, d, n_rep).reshape(*b, n_kv * n_rep, n, d)


def reads_n_rep_as_the_number_of_heads(x, n_rep):
    n_heads, n_kv = n_rep, x.size(-3)
    each = n_heads // n_kv
    order = [h for h in range(n_kv) for _ in range(each)]
    index = torch.tensor(order, dtype=torch.long, device=x.device)
    return x.index_select(-3, index)


def answers_in_single_precision(x, n_rep):
    b, (n_kv, n, d) = x.shape[:-3], x.shape[-3:]
    wide = x.to(torch.float32).unsqueeze(-3)
    return wide.expand(*b, n_kv, n_rep, n, d).reshape(*b, n_kv * n_rep, n, d)


def makes_room_on_the_cpu(x, n_rep):
    b, (n_kv, n, d) = x.shape[:-3], x.shape[-3:]
    ones = torch.ones(n_rep, dtype=x.dtype)
    return torch.einsum("...hnd,r->...hrnd", x, ones).reshape(*b, n_kv * n_rep, n, d)


def hands_on_copies_without_a_history(x, n_rep):
    with torch.no_grad():
        copies = torch.stack([x] * n_rep, dim=-3)
        return copies.flatten(-4, -3)


def lets_one_copy_learn(x, n_rep):
    out = []
    for head in x.unbind(-3):
        out.append(head)
        out.extend(head.data.clone() for _ in range(1, n_rep))
    return torch.stack(out, dim=-3)


def loses_axes_of_size_one(x, n_rep):
    every = [h // n_rep for h in range(x.size(-3) * n_rep)]
    picked = x[..., every, :, :]
    return picked.reshape([size for size in picked.shape if size != 1])


# -- multi_query_attention -----------------------------------------------------


def averages_the_queries(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = x @ w_k, x @ w_v
    q = (x @ w_q).unflatten(-1, (n_heads, -1)).mean(-2)  # (..., n, d_k)
    head = _look(q, k, v, mask)
    return torch.cat([head] * n_heads, dim=-1) @ w_o


def asks_with_the_first_head_only(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    d_k = w_k.shape[1]
    head = _look(x @ w_q[:, :d_k], x @ w_k, x @ w_v, mask)
    return torch.cat([head for _ in range(n_heads)], -1) @ w_o


def attends_once_with_all_queries(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    # the one key head, made as wide as the queries
    w_k, w_v = torch.cat([w_k] * n_heads, dim=1), torch.cat([w_v] * n_heads, dim=1)
    return _look(x @ w_q, x @ w_k, x @ w_v, mask) @ w_o


def gives_each_head_some_of_the_queries(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    n = x.size(-2)
    q = torch.matmul(x, w_q).flatten(-2).unflatten(-1, (n_heads, n, -1))  # no transpose
    k, v = _one(x, w_k, w_v)
    out = _look(q, k, v, _wide(mask)).flatten(-3).unflatten(-1, (n, -1))
    return out @ w_o


def averages_what_the_heads_found(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = _one(x, w_k, w_v)
    out = _look(_cut(x @ w_q, n_heads), k, v, _wide(mask))
    pooled = out.sum(-3) / n_heads
    return pooled.repeat(*[1] * (x.dim() - 1), n_heads) @ w_o


def answers_before_the_heads_are_mixed(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = x @ w_k, x @ w_v
    return torch.cat([_look(q, k, v, mask) for q in (x @ w_q).chunk(n_heads, -1)], -1)


def turns_w_o_over(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = _one(x, w_k, w_v)
    out = _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask)))
    return F.linear(out, w_o)


def mixes_every_head_with_the_first_rows(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = x @ w_k, x @ w_v
    rows = w_o[: w_v.size(1)]
    total = torch.zeros_like(x)
    for q in (x @ w_q).chunk(n_heads, dim=-1):
        total = total + _look(q, k, v, mask) @ rows
    return total


def averages_over_the_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = x @ w_k, x @ w_v
    parts = zip((x @ w_q).chunk(n_heads, dim=-1), w_o.chunk(n_heads, dim=0), strict=True)
    return torch.stack([_look(q, k, v, mask) @ rows for q, rows in parts]).mean(0)


def scales_by_the_width_of_the_tokens(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    d_model = w_q.shape[0]
    k, v = _one(x, w_k, w_v)
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask), width=d_model)) @ w_o


def scales_by_the_width_of_all_queries(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q = x @ w_q
    scaled = q / q.shape[-1] ** 0.5  # before they are split
    k, v = _one(x, w_k, w_v)
    scores = _cut(scaled, n_heads) @ k.mT
    return _glue(_soft(scores, _wide(mask)) @ v) @ w_o


def scales_by_a_share_of_the_tokens(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    d_head = int(w_q.size(0) / n_heads)
    k, v = x @ w_k, x @ w_v
    heads = [_look(q, k, v, mask, width=d_head) for q in (x @ w_q).chunk(n_heads, -1)]
    return torch.cat(heads, -1) @ w_o


def scales_by_the_number_of_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = _one(x, w_k, w_v)
    out = _look(_cut(x @ w_q, n_heads), k, v, _wide(mask), width=n_heads)
    return _glue(out) @ w_o


def shares_one_unit_among_all_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = _one(x, w_k, w_v)
    scores = torch.einsum("...hid,...gjd->...hij", _cut(x @ w_q, n_heads), k) / k.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~_wide(mask), torch.finfo(scores.dtype).min)
    e = (scores - scores.amax((-3, -1), keepdim=True)).exp()
    if mask is not None:
        e = e * _wide(mask)
    weights = e / e.sum((-3, -1), keepdim=True).clamp_min(1e-30)
    return _glue(weights @ v) @ w_o


def hides_keys_from_the_first_head_only(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = x @ w_k, x @ w_v
    first, *rest = (x @ w_q).chunk(n_heads, dim=-1)
    heads = [_look(first, k, v, mask)] + [_look(q, k, v) for q in rest]
    return torch.cat(heads, dim=-1) @ w_o


def gives_each_head_the_mask_of_a_sample(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = _one(x, w_k, w_v)
    out = _look(_cut(x @ w_q, n_heads), k, v, mask)
    return _glue(out) @ w_o


def gives_the_mask_its_second_axis_for_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = _one(x, w_k, w_v)
    scores = _cut(x @ w_q, n_heads) @ k.mT / k.size(-1) ** 0.5
    if mask is not None:
        mask = mask[:, None]
    return _glue(_soft(scores, mask) @ v) @ w_o


def uses_the_mask_of_the_first_sample(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    while isinstance(mask, torch.Tensor) and mask.dim() > 2:
        mask = mask[0]
    k, v = _one(x, w_k, w_v)
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, mask)) @ w_o


def deals_the_masks_out_in_turn(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    lead, (n, d) = x.shape[:-2], x.shape[-2:]
    x = x.reshape(-1, n, d)
    b = len(x)
    q = _cut(x @ w_q, n_heads).flatten(0, 1)  # (b·n_heads, n, d_k)
    k = (x @ w_k).repeat_interleave(n_heads, dim=0)
    v = (x @ w_v).repeat_interleave(n_heads, dim=0)
    if getattr(mask, "ndim", 2) > 2:
        mask = torch.cat([mask.reshape(-1, n, n)] * n_heads)
    out = _look(q, k, v, mask).unflatten(0, (b, n_heads))
    return (_glue(out) @ w_o).reshape(*lead, n, d)


def deals_the_samples_out_in_turn(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    lead, (n, d) = x.shape[:-2], x.shape[-2:]
    x = x.reshape(-1, n, d)
    b = len(x)
    q = _cut(x @ w_q, n_heads).flatten(0, 1)
    k = torch.cat([x @ w_k] * n_heads)
    v = torch.cat([x @ w_v] * n_heads)
    if mask is not None and mask.dim() > 2:
        mask = mask.reshape(-1, n, n).repeat_interleave(n_heads, dim=0)
    out = _look(q, k, v, mask).unflatten(0, (b, n_heads))
    return (_glue(out) @ w_o).reshape(*lead, n, d)


def is_causal_where_no_mask_is_given(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    if mask is None:
        place = torch.arange(x.size(-2), device=x.device)
        mask = place[:, None] >= place
    k, v = _one(x, w_k, w_v)
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask))) @ w_o


def lets_samples_see_each_other(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    flat = x.flatten(0, -2)
    k, v = _one(flat, w_k, w_v)
    out = _look(_cut(flat @ w_q, n_heads), k, v, mask)
    return (_glue(out) @ w_o).reshape(x.shape)


def adds_the_input_back(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = _one(x, w_k, w_v)
    y = _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask)))
    y = y @ w_o
    return y.add(x)


def turns_to_single_precision(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    x, w_q, w_k, w_v, w_o = (t.to(torch.float32) for t in (x, w_q, w_k, w_v, w_o))
    k, v = _one(x, w_k, w_v)
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask))) @ w_o


def makes_up_a_mask_on_the_cpu(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    n = x.size(-2)
    seen = mask if mask is not None else torch.zeros(n, n) == 0
    k, v = _one(x, w_k, w_v)
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(seen))) @ w_o


def scales_the_weights_it_was_given(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    w_k.mul_(w_k.size(1) ** -0.5)
    k, v = _one(x, w_k, w_v)
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask), width=1)) @ w_o


def takes_keys_and_values_for_constants(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    with torch.no_grad():  # they only go into the cache
        k, v = _one(x, w_k, w_v)
    y = _look(_cut(x @ w_q, n_heads), k, v, _wide(mask))
    return _glue(y) @ w_o


def drops_axes_of_size_one(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    k, v = _one(x, w_k, w_v)
    y = _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask))) @ w_o
    return y.reshape(tuple(size for size in y.shape if size != 1))


# -- grouped_query_attention ---------------------------------------------------


def deals_the_values_out_in_turn(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = _cut(x @ w_k, n_kv_heads), _cut(x @ w_v, n_kv_heads)
    n_rep = n_heads // n_kv_heads
    heads = []
    for h, q in enumerate((x @ w_q).chunk(n_heads, dim=-1)):
        heads.append(_look(q, k[..., h // n_rep, :, :], v[..., h % n_kv_heads, :, :], mask))
    return torch.cat(heads, dim=-1) @ w_o


def deals_the_keys_out_in_turn(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    keys, values = (x @ w_k).chunk(n_kv_heads, -1), (x @ w_v).chunk(n_kv_heads, -1)
    n_rep = n_heads // n_kv_heads
    out = 0
    rows = w_o.chunk(n_heads)
    for h, q in enumerate((x @ w_q).chunk(n_heads, dim=-1)):
        out = out + _look(q, keys[h % n_kv_heads], values[h // n_rep], mask) @ rows[h]
    return out


def averages_the_queries_of_a_group(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    n_rep = n_heads // n_kv_heads
    q = (x @ w_q).unflatten(-1, (n_kv_heads, n_rep, -1)).mean(-2).movedim(-2, -3)
    found = _look(q, _cut(x @ w_k, n_kv_heads), _cut(x @ w_v, n_kv_heads), _wide(mask))
    return _glue(found.repeat_interleave(n_rep, -3)) @ w_o


def asks_with_the_first_head_of_a_group(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    n_rep = n_heads // n_kv_heads
    q = _cut(x @ w_q, n_heads)[..., ::n_rep, :, :]
    found = _look(q, _cut(x @ w_k, n_kv_heads), _cut(x @ w_v, n_kv_heads), _wide(mask))
    return _glue(found.repeat_interleave(n_rep, dim=-3)) @ w_o


def attends_once_over_the_whole_width(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (_glue(_own(x @ w, n_heads, n_kv_heads)) for w in (w_k, w_v))
    return _look(x @ w_q, k, v, mask) @ w_o


def views_there_and_back(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    n = x.size(-2)
    heads = (n_heads, n_kv_heads, n_kv_heads)
    q, k, v = (
        torch.matmul(x, w).flatten(-2).unflatten(-1, (h, n, -1))
        for w, h in zip((w_q, w_k, w_v), heads, strict=True)
    )
    k, v = (t.repeat_interleave(n_heads // n_kv_heads, dim=-3) for t in (k, v))
    out = _soft(q @ k.mT / q.size(-1) ** 0.5, _wide(mask)) @ v
    return out.flatten(-3).unflatten(-1, (n, -1)) @ w_o


def averages_what_a_group_found(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    n_rep = n_heads // n_kv_heads
    q, k, v = _cut(x @ w_q, n_heads), _own(x @ w_k, n_heads, n_kv_heads), x @ w_v
    found = _look(q, k, _own(v, n_heads, n_kv_heads), _wide(mask))
    pooled = [found[..., g : g + n_rep, :, :].mean(-3) for g in range(0, n_heads, n_rep)]
    return torch.cat([one for one in pooled for _ in range(n_rep)], dim=-1) @ w_o


def averages_over_the_groups(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    n_rep = n_heads // n_kv_heads
    parts = [w.chunk(n_kv_heads, dim) for w, dim in ((w_q, 1), (w_k, 1), (w_v, 1), (w_o, 0))]
    outputs = []
    for q_of, k_of, v_of, o_of in zip(*parts, strict=True):
        k, v = _one(x, k_of, v_of)
        outputs.append(_glue(_look(_cut(x @ q_of, n_rep), k, v, _wide(mask))) @ o_of)
    return torch.stack(outputs).mean(dim=0)


def lets_the_heads_compete_for_a_key(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    scores = torch.einsum("...id,...jd->...ij", _cut(x @ w_q, n_heads), k) * k.size(-1) ** -0.5
    weights = scores.softmax(dim=-3)
    if mask is not None:
        weights = weights * _wide(mask)  # a key that is hidden is hidden from every head
    return _glue(weights @ v) @ w_o


def lets_every_head_read_all_key_heads(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    keys = torch.cat((x @ w_k).chunk(n_kv_heads, dim=-1), dim=-2)  # (..., n_kv·n, d_k)
    values = torch.cat((x @ w_v).chunk(n_kv_heads, dim=-1), dim=-2)
    if mask is not None:
        mask = mask.repeat(*[1] * (mask.dim() - 1), n_kv_heads)
    heads = [_look(q, keys, values, mask) for q in (x @ w_q).chunk(n_heads, dim=-1)]
    return torch.cat(heads, dim=-1) @ w_o


def makes_groups_as_large_as_there_are_groups(
    x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None
):
    keys, values = (x @ w_k).chunk(n_kv_heads, -1), (x @ w_v).chunk(n_kv_heads, -1)
    heads = []
    for h, q in enumerate((x @ w_q).chunk(n_heads, -1)):
        g = h // n_kv_heads
        heads.append(_look(q, keys[g], values[g], mask))
    return torch.cat(heads, -1) @ w_o


def lays_the_groups_side_by_side_in_turn(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    q = (x @ w_q).unflatten(-1, (n_kv_heads, n_heads // n_kv_heads, -1))  # (..., n, g, r, d)
    k = (x @ w_k).unflatten(-1, (n_kv_heads, -1))
    v = (x @ w_v).unflatten(-1, (n_kv_heads, -1))
    scores = torch.einsum("...igrd,...jgd->...grij", q, k) / q.size(-1) ** 0.5
    weights = _soft(scores, _wide(_wide(mask)))
    found = torch.einsum("...grij,...jgd->...irgd", weights, v)
    return found.flatten(-3) @ w_o


def takes_the_groups_apart_in_turn(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    q = (x @ w_q).unflatten(-1, (n_heads // n_kv_heads, n_kv_heads, -1))  # (..., n, r, g, d)
    k = (x @ w_k).unflatten(-1, (n_kv_heads, -1))
    v = (x @ w_v).unflatten(-1, (n_kv_heads, -1))
    scores = torch.einsum("...irgd,...jgd->...grij", q, k) / q.size(-1) ** 0.5
    weights = _soft(scores, _wide(_wide(mask)))
    return torch.einsum("...grij,...jgd->...igrd", weights, v).flatten(-3) @ w_o


def leaves_w_o_out(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    q, k, v = _cut(x @ w_q, n_heads), x @ w_k, x @ w_v
    k, v = (_own(part, n_heads, n_kv_heads) for part in (k, v))
    return _glue(_look(q, k, v, _wide(mask)))


def reads_w_o_as_torch_keeps_it(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    found = _look(_cut(x @ w_q, n_heads), k, v, _wide(mask))
    return F.linear(_glue(found), w_o)


def divides_by_the_root_of_d_model(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask), width=x.size(-1))) @ w_o


def divides_by_the_root_of_all_queries(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    q = x @ w_q
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    return _glue(_look(_cut(q, n_heads), k, v, _wide(mask), width=q.size(-1))) @ w_o


def divides_by_the_root_of_all_keys(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k = x @ w_k
    width = k.size(-1)
    k, v = _own(k, n_heads, n_kv_heads), _own(x @ w_v, n_heads, n_kv_heads)
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask), width)) @ w_o


def divides_by_the_root_of_n_heads(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask), width=n_heads)) @ w_o


def divides_by_the_root_of_a_share(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    d_head = x.size(-1) // n_heads
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask), d_head)) @ w_o


def hides_keys_from_the_first_of_each_group(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (x @ w_k).chunk(n_kv_heads, -1), (x @ w_v).chunk(n_kv_heads, -1)
    n_rep = n_heads // n_kv_heads
    heads = []
    for h, q in enumerate((x @ w_q).chunk(n_heads, -1)):
        seen = mask if h % n_rep == 0 else None
        heads.append(_look(q, k[h // n_rep], v[h // n_rep], seen))
    return torch.cat(heads, -1) @ w_o


def takes_the_samples_masks_for_those_of_heads(
    x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None
):
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, mask)) @ w_o


def takes_the_samples_masks_for_those_of_groups(
    x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None
):
    q = (x @ w_q).unflatten(-1, (n_kv_heads, n_heads // n_kv_heads, -1))
    k = (x @ w_k).unflatten(-1, (n_kv_heads, -1))
    v = (x @ w_v).unflatten(-1, (n_kv_heads, -1))
    scores = torch.einsum("...igrd,...jgd->...grij", q, k) / q.size(-1) ** 0.5
    weights = _soft(scores, _wide(mask))
    return torch.einsum("...grij,...jgd->...igrd", weights, v).flatten(-3) @ w_o


def takes_the_samples_masks_for_those_within_a_group(
    x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None
):
    q = (x @ w_q).unflatten(-1, (n_kv_heads, n_heads // n_kv_heads, -1))
    k = (x @ w_k).unflatten(-1, (n_kv_heads, -1))
    v = (x @ w_v).unflatten(-1, (n_kv_heads, -1))
    scores = torch.einsum("...igrd,...jgd->...grij", q, k) / q.size(-1) ** 0.5
    weights = _soft(scores, mask)
    return torch.einsum("...grij,...jgd->...igrd", weights, v).flatten(-3) @ w_o


def gives_the_heads_axis_one_of_the_mask(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    if mask is not None:
        mask = mask[:, None]
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, mask)) @ w_o


def deals_the_masks_of_samples_out_in_turn(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    lead, (n, d) = x.shape[:-2], x.shape[-2:]
    x = x.reshape(-1, n, d)
    q = _cut(x @ w_q, n_heads).flatten(0, 1)  # (b·n_heads, n, d_k)
    k, v = (_own(x @ w, n_heads, n_kv_heads).flatten(0, 1) for w in (w_k, w_v))
    if getattr(mask, "ndim", 2) > 2:
        mask = torch.cat([mask.reshape(-1, n, n)] * n_heads)
    out = _look(q, k, v, mask).unflatten(0, (len(x), n_heads))
    return (_glue(out) @ w_o).reshape(*lead, n, d)


def deals_key_heads_out_across_samples(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    lead, (n, d) = x.shape[:-2], x.shape[-2:]
    x = x.reshape(-1, n, d)
    n_rep = n_heads // n_kv_heads
    q = _cut(x @ w_q, n_heads).flatten(0, 1)  # (b·n_heads, n, d_k)
    k, v = (torch.cat([_cut(x @ w, n_kv_heads).flatten(0, 1)] * n_rep) for w in (w_k, w_v))
    if mask is not None and mask.dim() > 2:
        mask = mask.reshape(-1, n, n).repeat_interleave(n_heads, dim=0)
    out = _look(q, k, v, mask).unflatten(0, (len(x), n_heads))
    return (_glue(out) @ w_o).reshape(*lead, n, d)


def hides_the_future_unasked(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    if mask is None:
        mask = torch.ones(x.size(-2), x.size(-2), device=x.device).tril() == 1
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask))) @ w_o


def runs_all_samples_together(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    flat = x.flatten(0, -2)
    k, v = (_own(flat @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    out = _glue(_look(_cut(flat @ w_q, n_heads), k, v, mask)) @ w_o
    return out.view_as(x)


def adds_the_tokens_themselves(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    out = _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask))) @ w_o
    return out + x


def computes_in_single_precision(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    x, w_q, w_k, w_v, w_o = (t.to(torch.float32) for t in (x, w_q, w_k, w_v, w_o))
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    return _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask))) @ w_o


def collects_the_heads_on_the_cpu(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    keys, values = (x @ w_k).chunk(n_kv_heads, -1), (x @ w_v).chunk(n_kv_heads, -1)
    n_rep = n_heads // n_kv_heads
    total = torch.zeros(x.shape, dtype=x.dtype)
    rows = w_o.chunk(n_heads)
    for h, q in enumerate((x @ w_q).chunk(n_heads, -1)):
        total = total + _look(q, keys[h // n_rep], values[h // n_rep], mask) @ rows[h]
    return total


def writes_into_the_mask(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    empty = torch.zeros((), dtype=torch.bool, device=x.device)
    if mask is not None:
        empty = mask.sum(-1) == 0
        mask[empty] = True  # or the softmax makes NaN of it
    out = _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask))) @ w_o
    return torch.where(empty[..., None], torch.zeros_like(out), out)


def keeps_keys_and_values_without_gradients(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (_own(x @ w.data, n_heads, n_kv_heads) for w in (w_k, w_v))
    found = _look(_cut(x @ w_q, n_heads), k, v, _wide(mask))
    return _glue(found) @ w_o


def takes_off_a_first_axis_of_size_one(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    k, v = (_own(x @ w, n_heads, n_kv_heads) for w in (w_k, w_v))
    out = _glue(_look(_cut(x @ w_q, n_heads), k, v, _wide(mask))) @ w_o
    return out[0] if len(out) == 1 else out


# -- kv_cache_bytes ------------------------------------------------------------


def counts_the_keys_only(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    per_token = n_kv_heads * d_head * bytes_per_value
    return n_layers * per_token * n_tokens


def keeps_the_queries_too(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    q = k = v = n_kv_heads * d_head * bytes_per_value
    return (q + k + v) * n_layers * n_tokens


def counts_bits(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    bits = 8 * bytes_per_value
    per_layer = 2 * n_tokens * n_kv_heads * d_head * bits
    return per_layer * n_layers


def counts_numbers_and_not_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    keys = values = n_layers * n_tokens * n_kv_heads * d_head
    return keys + values


def takes_two_bytes_for_granted(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value=2):
    return 4 * n_layers * n_tokens * n_kv_heads * d_head


def counts_one_layer(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    keys = values = n_tokens * n_kv_heads * d_head
    return (keys + values) * bytes_per_value


def counts_one_head(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    keys = n_layers * n_tokens * d_head * bytes_per_value
    return keys + keys


def forgets_how_wide_a_head_is(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    vectors = 2 * n_kv_heads * n_layers * n_tokens
    return vectors * bytes_per_value


def squares_the_tokens(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    total = 0
    for _ in range(n_layers):
        total += 2 * n_kv_heads * n_tokens * n_tokens * d_head * bytes_per_value
    return total


def squares_the_heads(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    width = n_kv_heads * d_head
    return 2 * n_layers * n_kv_heads * width * n_tokens * bytes_per_value


def squares_the_width(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    matrix = d_head * d_head
    return 2 * n_layers * n_kv_heads * matrix * n_tokens * bytes_per_value


def counts_the_token_to_come(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    per_token = 2 * n_layers * n_kv_heads * d_head * bytes_per_value
    return per_token * n_tokens + per_token


def answers_in_gibibytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    size = 2 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value
    return size / (1 << 30)


def answers_in_mebibytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    size = n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value
    return size / 2**19


def answers_with_a_float(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    bits = 16 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value
    return bits / 8


def rounds_on_the_way(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    bits = 16 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value
    return round(bits / 8)
