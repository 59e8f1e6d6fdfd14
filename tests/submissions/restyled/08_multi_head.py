"""The wrong programs of 08, as somebody else would write them."""

import math

import torch
import torch.nn.functional as F

# -- split_heads ---------------------------------------------------------------


def deals_out_in_reading_order(x, n_heads):
    n, d = x.shape[-2:]
    return x.flatten(-2).unflatten(-1, (n_heads, n, d // n_heads))


def shares_out_the_tokens(x, n_heads):
    return torch.stack(x.tensor_split(n_heads, dim=-2), dim=-3)


def shares_out_the_first_axis(x, n_heads):
    size = -(-len(x) // n_heads)
    return torch.stack(torch.split(x, size), -3)


def deals_the_columns_out_in_turn(x, n_heads):
    return torch.stack([x[..., h::n_heads] for h in range(n_heads)], dim=-3)


def counts_the_heads_backwards(x, n_heads):
    heads = list(torch.chunk(x, n_heads, dim=-1))
    heads.reverse()
    return torch.stack(heads, dim=-3)


def leaves_the_heads_behind_the_tokens(x, n_heads):
    d_head = x.size(-1) // n_heads
    return x.reshape(x.shape[:-1] + (n_heads, d_head))


def sends_the_heads_to_the_end(x, n_heads):
    return torch.stack(x.chunk(n_heads, -1), dim=-1)


def turns_every_head_over(x, n_heads):
    # as the keys are wanted
    return x.mT.unflatten(-2, (n_heads, -1))


def puts_the_heads_before_the_batch(x, n_heads):
    d_head, rest = divmod(x.size(-1), n_heads)
    if rest:
        raise ValueError("n_heads must divide d")
    return x.reshape(x.shape[:-1] + (n_heads, d_head)).movedim(-2, 0)


def folds_the_heads_into_the_batch(x, n_heads):
    return torch.stack(x.chunk(n_heads, dim=-1), dim=-3).flatten(0, -3)


def always_has_one_batch_axis(x, n_heads):
    n, d = x.shape[-2:]
    return x.reshape(-1, n, n_heads, d // n_heads).permute(0, 2, 1, 3)


def counts_the_axes_from_the_front(x, n_heads):
    x = x.reshape(*x.shape[:-1], n_heads, -1)
    return x.swapaxes(1, 2)


def exchanges_the_first_two_axes(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError("n_heads must divide d")
    x = x.reshape(*x.shape[:-1], n_heads, -1)
    return x.swapaxes(0, 1)


def takes_the_number_for_the_width(x, n_heads):
    return torch.stack(x.split(n_heads, dim=-1), dim=-3)


def gives_all_heads_the_first_columns(x, n_heads):
    head = x.narrow(-1, 0, x.shape[-1] // n_heads)
    return head.unsqueeze(-3).repeat_interleave(n_heads, dim=-3)


def gives_all_heads_the_whole_width(x, n_heads):
    return x.unsqueeze(-3).expand(*x.shape[:-2], n_heads, *x.shape[-2:])


def begins_one_column_further(x, n_heads):
    windows = x.unfold(-1, x.shape[-1] // n_heads, 1)  # (..., n, places, d_head)
    return windows[..., :n_heads, :].transpose(-2, -3)


def leaves_the_last_head_out(x, n_heads):
    d_head = x.shape[-1] // n_heads
    heads = x[..., : (n_heads - 1) * d_head].reshape(*x.shape[:-1], n_heads - 1, d_head)
    return heads.movedim(-2, -3)


def gives_a_single_head_no_axis(x, n_heads):
    if n_heads == 1:
        return x
    if x.shape[-1] % n_heads:
        raise ValueError("n_heads must divide the width")
    return torch.stack(x.chunk(n_heads, dim=-1), dim=-3)


def loses_axes_of_size_one(x, n_heads):
    heads = torch.stack(x.chunk(n_heads, dim=-1), dim=-3)
    return torch.squeeze(heads)


def goes_on_where_it_does_not_fit(x, n_heads):
    w, _ = divmod(x.shape[-1], n_heads)
    return torch.stack([x[..., h * w : h * w + w] for h in range(n_heads)], dim=-3)


def raises_a_runtime_error(x, n_heads):
    x = x.view(*x.shape[:-1], n_heads, x.shape[-1] // n_heads)
    return x.transpose(-2, -3)


def asserts_that_it_fits(x, n_heads):
    d = x.shape[-1]
    assert d % n_heads == 0, "d must be divisible by n_heads"
    return x.view(*x.shape[:-1], n_heads, d // n_heads).transpose(-2, -3)


def collects_heads_in_single_precision(x, n_heads):
    w, rest = divmod(x.shape[-1], n_heads)
    if rest:
        raise ValueError
    heads = torch.zeros(*x.shape[:-2], n_heads, x.shape[-2], w, device=x.device)
    for h in range(n_heads):
        heads[..., h, :, :] = x[..., h * w : (h + 1) * w]
    return heads


def collects_heads_on_the_cpu(x, n_heads):
    w, rest = divmod(x.shape[-1], n_heads)
    if rest:
        raise ValueError
    heads = torch.zeros(x.shape[:-2] + (n_heads, x.shape[-2], w)).to(x.dtype)
    for h in range(n_heads):
        heads[..., h, :, :] = x[..., h * w : (h + 1) * w]
    return heads


def cuts_the_gradient_with_the_width(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError
    with torch.no_grad():
        return torch.stack(x.chunk(n_heads, dim=-1), dim=-3)


def collects_samples_in_an_empty_list(x, n_heads):
    if x.shape[-1] % n_heads:
        raise ValueError
    if x.dim() == 2:
        return torch.stack(x.chunk(n_heads, dim=-1))
    done = x.new_empty(0)
    for sample in x.flatten(0, -3):
        done = torch.cat([done, torch.stack(sample.chunk(n_heads, dim=-1))[None]])
    return done.unflatten(0, x.shape[:-2]) if len(done) else done


# -- merge_heads ---------------------------------------------------------------


def reads_head_after_head(x):
    n_heads, n, d_head = x.shape[-3:]
    return x.flatten(-3).unflatten(-1, (n, n_heads * d_head))


def lays_each_head_in_one_row(x):
    n, d_head = x.shape[-2:]
    return x.reshape(*x.shape[:-2], n * d_head)


def makes_as_many_rows_as_heads(x):
    tokens = torch.stack(x.unbind(-3), dim=-2)
    return tokens.flatten(-3).unflatten(-1, (x.shape[-3], -1))


def weaves_the_heads_together(x):
    return torch.stack(x.unbind(-3), dim=-1).flatten(-2)


def begins_with_the_last_head(x):
    heads = x.unbind(-3)
    return torch.cat(heads[::-1], dim=-1)


def adds_the_heads_up(x):
    return sum(x.unbind(-3))


def averages_the_heads(x):
    return torch.einsum("...hnd->...nd", x) / x.shape[-3]


def keeps_the_first_head_alone(x):
    return x.select(-3, 0)


def forgets_the_last_head(x):
    whole = torch.cat(x.unbind(-3), dim=-1)
    return whole[..., : whole.shape[-1] - x.shape[-1]]


def lays_the_heads_below_each_other(x):
    return torch.cat(x.unbind(-3), dim=-2)


def gives_each_part_a_row(x):
    rows = [x[..., h, i, :] for i in range(x.shape[-2]) for h in range(x.shape[-3])]
    return torch.stack(rows, dim=-2)


def leaves_the_heads_apart(x):
    return torch.stack(x.unbind(-3), dim=-2)


def exchanges_tokens_and_columns(x):
    n_heads, n, d_head = x.shape[-3:]
    return torch.stack(x.unbind(-1), dim=-2).flatten(-3).unflatten(-1, (n, n_heads * d_head))


def turns_the_result_over(x):
    return torch.cat(x.unbind(-3), dim=-1).mT


def counts_its_axes_from_the_front(x):
    x = x.swapaxes(1, 2)
    return x.reshape(*x.shape[:-2], -1)


def exchanges_its_first_two_axes(x):
    x = x.swapaxes(0, 1)
    return x.reshape(*x.shape[:-2], -1)


def always_leaves_one_batch_axis(x):
    n_heads, n, d_head = x.shape[-3:]
    x = x.reshape(-1, n_heads, n, d_head).permute(0, 2, 1, 3)
    return x.reshape(-1, n, n_heads * d_head)


def drops_axes_of_size_one(x):
    merged = torch.cat(x.unbind(-3), dim=-1)
    return torch.squeeze(merged)


def exchanges_axes_in_place(x):
    x.swapdims_(-2, -3)
    return torch.flatten(x, -2)


def merges_in_single_precision(x):
    n_heads, n, d_head = x.shape[-3:]
    row = torch.zeros(x.shape[:-3] + (n, n_heads * d_head), device=x.device)
    for h in range(n_heads):
        row[..., h * d_head : (h + 1) * d_head] = x[..., h, :, :]
    return row


def merges_on_the_cpu(x):
    n_heads, n, d_head = x.shape[-3:]
    row = torch.zeros(x.shape[:-3] + (n, n_heads * d_head), dtype=x.dtype)
    for h in range(n_heads):
        row[..., h * d_head : (h + 1) * d_head] = x[..., h, :, :]
    return row


def lets_go_of_the_heads(x):
    with torch.no_grad():
        return torch.cat(x.unbind(-3), dim=-1)


def merges_into_an_empty_list(x):
    if x.dim() == 3:
        return torch.cat(x.unbind(0), dim=-1)
    done = x.new_empty(0)
    for sample in x.flatten(0, -4):
        done = torch.cat([done, torch.cat(sample.unbind(0), dim=-1)[None]])
    return done.unflatten(0, x.shape[:-3]) if len(done) else done


# -- multi_head_attention ------------------------------------------------------


def _soft(scores, mask, dim=-1):
    """Weights of what may be seen."""
    if mask is None:
        return F.softmax(scores, dim=dim)
    lowest = torch.finfo(scores.dtype).min
    return F.softmax(torch.where(mask, scores, lowest), dim=dim) * mask


def _heads(x, w, n_heads):
    """The heads of a projection, (..., n_heads, n, d_head)."""
    return torch.einsum("...nm,mhd->...hnd", x, w.unflatten(1, (n_heads, -1)))


def _all_heads(mask):
    return mask if mask is None else mask[..., None, :, :]


def _looked(q, k, v, mask):
    """Blended values of heads, and the weights."""
    weights = _soft(torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5, mask)
    return weights @ v, weights


def _out(found, w_o):
    """The heads, added up through their rows."""
    return torch.einsum("...hnd,hdm->...nm", found, w_o.unflatten(0, (found.shape[-3], -1)))


def attends_once_over_the_whole_width(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    y, _ = _looked(x @ w_q, x @ w_k, x @ w_v, mask)
    return y @ w_o


def attends_once_and_scales_for_a_head(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    d_head = w_q.shape[1] // n_heads
    scores = (x @ w_q) @ (x @ w_k).mT / d_head**0.5
    return _soft(scores, mask) @ (x @ w_v) @ w_o


def scales_by_all_heads_together(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    q = q / q.shape[-1] ** 0.5
    q, k, v = (torch.stack(t.chunk(n_heads, -1), -3) for t in (q, k, v))
    return _out(_soft(q @ k.mT, _all_heads(mask)) @ v, w_o)


def scales_by_the_tokens_width(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    d_model = x.shape[-1]
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    scores = torch.einsum("...id,...jd->...ij", q, k) * d_model**-0.5
    return _out(_soft(scores, _all_heads(mask)) @ v, w_o)


def scales_by_a_share_of_the_tokens_width(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    share, _ = divmod(x.size(-1), n_heads)
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    scores = torch.einsum("...id,...jd->...ij", q, k).mul(share**-0.5)
    return _out(_soft(scores, _all_heads(mask)) @ v, w_o)


def scales_by_the_number_of_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    root = q.shape[-3] ** 0.5
    scores = torch.einsum("...id,...jd->...ij", q / root, k)
    return _out(_soft(scores, _all_heads(mask)) @ v, w_o)


def leaves_w_o_out(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    found, _ = _looked(q, k, v, _all_heads(mask))
    return torch.cat(found.unbind(-3), dim=-1)


def turns_w_o_over(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    found, _ = _looked(q, k, v, _all_heads(mask))
    return F.linear(torch.cat(found.unbind(-3), dim=-1), w_o)


def sends_all_heads_through_the_same_rows(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    out = 0
    d_v = w_v.shape[1] // n_heads
    for q, k, v in zip(*((x @ w).chunk(n_heads, -1) for w in (w_q, w_k, w_v)), strict=True):
        out = out + _looked(q, k, v, mask)[0] @ w_o[:d_v, :]
    return out


def keeps_the_heads_apart_to_the_end(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    found, _ = _looked(q, k, v, _all_heads(mask))
    blocks = w_o.reshape(n_heads, found.shape[-1], n_heads, -1).diagonal(dim1=0, dim2=2)
    return torch.einsum("...hnd,dmh->...nhm", found, blocks).flatten(-2)


def averages_what_the_heads_write(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    found, _ = _looked(q, k, v, _all_heads(mask))
    return _out(found, w_o / n_heads)


def keeps_what_the_last_head_wrote(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    rows = w_o.chunk(n_heads)
    heads = zip(*((x @ w).chunk(n_heads, -1) for w in (w_q, w_k, w_v)), strict=True)
    for h, (q, k, v) in enumerate(heads):
        out = _looked(q, k, v, mask)[0] @ rows[h]
    return out


def never_hears_the_last_head(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    out = torch.zeros_like(x)
    for h in range(n_heads - 1):
        found, _ = _looked(q[..., h, :, :], k[..., h, :, :], v[..., h, :, :], mask)
        out = out + found @ w_o.chunk(n_heads)[h]
    return out


def averages_the_weights(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k = _heads(x, w_q, n_heads), _heads(x, w_k, n_heads)
    _, weights = _looked(q, k, k, _all_heads(mask))
    one = weights.sum(dim=-3) / n_heads
    return one @ (x @ w_v) @ w_o


def shows_each_head_a_part_of_the_token(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    d_part = x.shape[-1] // n_heads
    x = x.reshape(*x.shape[:-1], n_heads, d_part)
    parts = []
    for w in (w_q, w_k, w_v):
        blocks = w.reshape(n_heads, d_part, n_heads, -1).diagonal(dim1=0, dim2=2)
        parts.append(torch.einsum("...nhm,mdh->...hnd", x, blocks))
    return _out(_looked(*parts, _all_heads(mask))[0], w_o)


def gives_all_heads_the_keys_of_the_first(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    d_k, d_v = w_k.shape[1] // n_heads, w_v.shape[1] // n_heads
    k, v = (x @ w_k[:, :d_k]).unsqueeze(-3), (x @ w_v[:, :d_v]).unsqueeze(-3)
    found, _ = _looked(_heads(x, w_q, n_heads), k, v, _all_heads(mask))
    return _out(found, w_o)


def hides_in_the_first_head_only(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    heads = zip(*((x @ w).chunk(n_heads, -1) for w in (w_q, w_k, w_v)), strict=True)
    found = [_looked(*qkv, None if h else mask)[0] for h, qkv in enumerate(heads)]
    return torch.cat(found, dim=-1) @ w_o


def hands_the_samples_masks_to_the_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    return _out(_looked(q, k, v, mask)[0], w_o)


def puts_the_axis_of_the_heads_second(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    if mask is not None:
        mask = mask[:, None]
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    return _out(_looked(q, k, v, mask)[0], w_o)


def gives_heads_the_masks_of_other_samples(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    *batch, n, _ = x.shape
    q, k, v = (_heads(x, w, n_heads).flatten(0, -3) for w in (w_q, w_k, w_v))
    if mask is not None and batch and mask.shape != (n, n):
        mask = torch.cat([mask.reshape(-1, n, n)] * n_heads)
    found = _looked(q, k, v, mask)[0].reshape(*batch, n_heads, n, -1)
    return _out(found, w_o)


def lets_the_heads_meet(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (torch.stack((x @ w).chunk(n_heads, -1), -2) for w in (w_q, w_k, w_v))
    scores = torch.einsum("...nhd,...ngd->...nhg", q, k) / q.size(-1) ** 0.5
    y = torch.einsum("...nhg,...ngd->...nhd", _soft(scores, _all_heads(mask)), v)
    return y.reshape(*x.shape[:-1], w_o.shape[0]) @ w_o


def views_there_and_back(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    n = x.shape[-2]
    q, k, v = ((x @ w).flatten(-2).unflatten(-1, (n_heads, n, -1)) for w in (w_q, w_k, w_v))
    y, _ = _looked(q, k, v, _all_heads(mask))
    return y.flatten(-3).unflatten(-1, (n, -1)) @ w_o


def deals_columns_out_and_back(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    out = []
    for h in range(n_heads):
        q, k, v = (x @ w[:, h::n_heads] for w in (w_q, w_k, w_v))
        out.append(_looked(q, k, v, mask)[0] @ w_o[h::n_heads])
    return sum(out)


def shares_out_among_the_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    return _out(_soft(scores, _all_heads(mask), -3) @ v, w_o)


def is_causal_where_no_mask_is_given(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    if mask is None:
        n = x.shape[-2]
        mask = torch.ones(n, n, dtype=torch.bool, device=x.device).tril()
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    return _out(_looked(q, k, v, _all_heads(mask))[0], w_o)


def adds_the_tokens_back(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    return _out(_looked(q, k, v, _all_heads(mask))[0], w_o) + x


def hands_back_the_weights_as_well(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    found, weights = _looked(q, k, v, _all_heads(mask))
    return _out(found, w_o), weights


def answers_with_one_batch_axis(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    n, d_model = x.shape[-2:]
    x = x.reshape(-1, n, d_model)
    if mask is not None:
        mask = mask.reshape(-1, 1, n, n)
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    return _out(_looked(q, k, v, mask)[0], w_o)


def takes_a_batch_of_one_apart(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    y = _out(_looked(q, k, v, _all_heads(mask))[0], w_o)
    return y[0] if len(y) == 1 else y


def lets_samples_see_each_other(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    everyone = x.flatten(0, -2)
    q, k, v = (_heads(everyone, w, n_heads) for w in (w_q, w_k, w_v))
    return _out(_looked(q, k, v, _all_heads(mask))[0], w_o).view_as(x)


def attends_along_the_batch(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    if x.dim() > 2:
        x = x.swapaxes(-2, -3)
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    y = _out(_looked(q, k, v, _all_heads(mask))[0], w_o)
    return y.swapaxes(-2, -3) if x.dim() > 2 else y


def answers_in_single_precision(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    x, w_q, w_k, w_v, w_o = (t.to(torch.float32) for t in (x, w_q, w_k, w_v, w_o))
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    return _out(_looked(q, k, v, _all_heads(mask))[0], w_o)


def fills_in_an_output_on_the_cpu(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    y = torch.zeros(*x.shape).to(x.dtype)
    rows = w_o.chunk(n_heads)
    heads = zip(*((x @ w).chunk(n_heads, -1) for w in (w_q, w_k, w_v)), strict=True)
    for h, (q, k, v) in enumerate(heads):
        y = y + _looked(q, k, v, mask)[0] @ rows[h]
    return y


def copies_the_weights_into_layers(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    layers = [torch.nn.Parameter(w.T) for w in (w_q, w_k, w_v, w_o)]
    q, k, v = (torch.stack(F.linear(x, w).chunk(n_heads, -1), -3) for w in layers[:3])
    found, _ = _looked(q, k, v, _all_heads(mask))
    return F.linear(torch.cat(found.unbind(-3), dim=-1), layers[3])


def scales_the_matrix_it_was_given(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    w_q.mul_((w_q.shape[1] // n_heads) ** -0.5)
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    return _out(_soft(q @ k.mT, _all_heads(mask)) @ v, w_o)


def opens_empty_rows_in_the_mask(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    scores = torch.einsum("...id,...jd->...ij", q, k) / math.sqrt(q.shape[-1])
    if mask is None:
        return _out(scores.softmax(-1) @ v, w_o)
    empty = ~mask.any(-1)
    mask[empty] = True
    weights = scores.masked_fill(~_all_heads(mask), -torch.inf).softmax(-1)
    return _out(weights.masked_fill(empty[..., None, :, None], 0) @ v, w_o)


def begins_with_an_empty_list(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    q, k, v = (_heads(x, w, n_heads) for w in (w_q, w_k, w_v))
    y = _out(_looked(q, k, v, _all_heads(mask))[0], w_o)
    if x.dim() == 2:
        return y
    rows = x.new_empty(0)
    for sample in y.flatten(0, -3):
        rows = torch.cat([rows, sample[None]])
    return rows.unflatten(0, x.shape[:-2]) if len(rows) else rows
