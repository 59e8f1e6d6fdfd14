"""The wrong programs of 05, as somebody else would write them."""

import math

import torch
import torch.nn.functional as F

# -- weighted_sum --------------------------------------------------------------


def reads_the_weights_by_columns(weights, v):
    # features in rows, tokens in columns, and turned back at the end
    out = torch.matmul(v.mT, weights)
    return out.mT


def turns_the_values_over(weights, v):
    return torch.einsum("...qk,...dk->...qd", weights, v)


def puts_the_values_in_front(weights, v):
    # vectors as columns: both turned, then the result turned back
    columns = torch.matmul(weights.mT, v.mT)
    return columns.mT


def multiplies_entry_by_entry(weights, v):
    return torch.einsum("...ij,...ij->...ij", weights, v)


def gives_all_keys_the_same_say(weights, v):
    n_q, n_k = weights.shape[-2:]
    average = v.sum(dim=-2) / n_k
    return torch.stack([average] * n_q, dim=-2)


def averages_where_it_should_sum(weights, v):
    total = torch.einsum("...qk,...kd->...qd", weights, v)
    return total / v.size(-2)


def picks_the_heaviest_value(weights, v):
    best = weights.max(dim=-1)
    index = best.indices.unsqueeze(-1).expand(*weights.shape[:-1], v.shape[-1])
    picked = v.gather(-2, index)
    # a query that hands out nothing gets nothing
    return picked.masked_fill(best.values.unsqueeze(-1) == 0, 0)


def takes_the_softmax_again(weights, v):
    e = weights.exp()
    e = e / e.sum(dim=-1, keepdim=True)
    rows = [(e[..., i, :, None] * v).sum(dim=-2) for i in range(e.shape[-2])]
    return torch.stack(rows, dim=-2)


def divides_by_the_sum_again(weights, v):
    # weighted mean: sum of w * v over sum of w
    top = torch.einsum("...qk,...kd->...qd", weights, v)
    bottom = weights.sum(dim=-1)
    return top / bottom.unsqueeze(-1)


def adds_up_in_single_precision(weights, v):
    n_q, n_k = weights.shape[-2:]
    out = torch.zeros(weights.shape[:-1] + v.shape[-1:])
    for i in range(n_q):
        for j in range(n_k):
            out[..., i, :] += weights[..., i, j].unsqueeze(-1) * v[..., j, :]
    return out


def lets_go_of_both(weights, v):
    with torch.no_grad():
        out = torch.einsum("...qk,...kd->...qd", weights, v)
    return out


# -- attention -----------------------------------------------------------------


def never_scales(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ v, weights


def divides_by_d_k(q, k, v, mask=None):
    root = q.size(-1) ** 0.5
    scores = (q / root) @ (k / root).mT
    if mask is None:
        mask = torch.ones_like(scores, dtype=torch.bool)
    weights = torch.where(mask, scores, -math.inf).softmax(-1)
    weights = torch.where(mask, weights, 0.0)
    return torch.matmul(weights, v), weights


def multiplies_by_the_root(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = torch.matmul(q, k.transpose(-1, -2)) / scale
    if mask is not None:
        empty = ~mask.any(dim=-1, keepdim=True)
        weights = F.softmax(scores.masked_fill(~(mask | empty), -torch.inf), dim=-1)
        weights = weights * ~empty
    else:
        weights = F.softmax(scores, dim=-1)
    return torch.matmul(weights, v), weights


def divides_by_the_root_of_d_v(q, k, v, mask=None):
    d = v.shape[-1]  # width of a head
    scores = torch.einsum("...qd,...kd->...qk", q, k).div(d**0.5)
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), torch.finfo(scores.dtype).min)
    weights = F.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights * mask
    return weights.matmul(v), weights


def divides_by_the_root_of_n_k(q, k, v, mask=None):
    scores = q @ k.mT
    scores = scores * scores.shape[-1] ** -0.5
    if mask is None:
        p = torch.softmax(scores, dim=-1)
    else:
        p = torch.softmax(torch.where(mask, scores, -torch.inf), dim=-1)
        p = torch.where(mask.any(-1, keepdim=True), p, 0.0)
    return p @ v, p


def scales_after_the_softmax(q, k, v, mask=None):
    n, d = k.shape[-2:]
    dots = (q.unsqueeze(-2) * k.unsqueeze(-3)).sum(-1)
    seen = torch.ones_like(dots).bool() if mask is None else mask
    p = dots.masked_fill(~seen, torch.finfo(dots.dtype).min).softmax(-1) * seen
    p = p / d**0.5
    return p @ v, p


def scales_once_more_after_the_softmax(q, k, v, mask=None):
    scale = q.shape[-1] ** -0.5
    scores = (q * scale) @ k.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1) * scale
    if mask is not None:
        weights = weights.where(mask, 0.0)
    return weights @ v, weights


def sums_over_the_queries(q, k, v, mask=None):
    scores = torch.einsum("...qd,...kd->...qk", q, k) / q.shape[-1] ** 0.5
    e = (scores - scores.max()).exp()
    if mask is not None:
        e = e * mask
    total = e.sum(dim=-2, keepdim=True)
    weights = e / total.masked_fill(total == 0, 1.0)
    return weights @ v, weights


def counts_the_axes_from_the_front(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(k.shape[-1])
    if mask is not None:
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    weights = F.softmax(scores, 1)  # rows are 0, columns are 1
    if mask is not None:
        weights = torch.where(mask, weights, 0.0)
    return weights @ v, weights


def forgets_the_softmax(q, k, v, mask=None):
    a = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    if mask is not None:
        a = torch.where(mask, a, float("-inf"))
    return torch.einsum("...ij,...jd->...id", a, v), a


def gives_all_to_the_best_key(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    chosen = scores.argmax(dim=-1)
    weights = F.one_hot(chosen, k.shape[-2]).to(q.dtype)
    if mask is not None:
        weights = weights * mask  # nothing to choose from
    return weights @ v, weights


def swaps_queries_and_keys(q, k, v, mask=None):
    d = k.size(-1)
    scores = torch.einsum("...id,...jd->...ji", q, k) / d**0.5
    if mask is None:
        weights = scores.softmax(-1)
    else:
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
        weights = weights.masked_fill(~mask, 0)
    return weights @ v, weights


def compares_queries_with_values(q, k, v, mask=None):
    d = q.shape[-1]
    similarity = torch.einsum("...id,...jd->...ij", q, v) * d**-0.5
    if mask is not None:
        similarity = torch.where(mask, similarity, -torch.inf)
    weights = torch.nan_to_num(similarity.softmax(-1))
    return weights @ v, weights


def blends_the_keys(q, k, v, mask=None):
    scores = torch.matmul(q, k.mT) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = torch.softmax(scores, dim=-1)
    weights = torch.where(weights.isnan(), 0.0, weights)
    context = torch.einsum("...qk,...kd->...qd", weights, k)
    return context, weights


def ignores_the_mask(q, k, v, mask=None):
    scores = torch.einsum("...qd,...kd->...qk", q, k) / q.size(-1) ** 0.5
    if mask is not None:
        scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(dim=-1)
    return weights @ v, weights


def hides_what_may_be_seen(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights.masked_fill(mask, 0.0)
    return weights @ v, weights


def turns_the_mask_over(q, k, v, mask=None):
    rows = []
    for i in range(q.shape[-2]):
        s = (q[..., i, None, :] * k).sum(-1) / q.shape[-1] ** 0.5
        if mask is None:
            rows.append(s.softmax(-1))
        else:
            seen = mask[..., :, i]
            s = s.masked_fill(~seen, torch.finfo(s.dtype).min)
            rows.append(s.softmax(-1) * seen)
    weights = torch.stack(rows, dim=-2)
    return weights @ v, weights


def takes_weights_away_at_the_end(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    attn = torch.softmax(scores, dim=-1)
    if mask is not None:
        attn = attn.masked_fill(~mask, 0)
    return attn @ v, attn


def hides_the_values_only(q, k, v, mask=None):
    attn = F.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1)
    parts = attn[..., None] * v[..., None, :, :]  # (..., n_q, n_k, d_v)
    if mask is not None:
        parts = torch.where(mask[..., None], parts, 0.0)
    return parts.sum(dim=-2), attn


def leaves_a_score_of_zero(q, k, v, mask=None):
    scores = (q @ k.mT).div(math.sqrt(q.size(-1)))
    if mask is not None:
        scores = torch.where(mask, scores, 0.0)
    attn = F.softmax(scores, dim=-1)
    return attn @ v, attn


def adds_the_mask_itself(q, k, v, mask=None):
    bias = 0 if mask is None else mask.to(q.dtype)
    attn = (torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5 + bias).softmax(-1)
    return attn @ v, attn


def leaves_nan_in_empty_rows(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = torch.where(mask, scores, -torch.inf)
    e = (scores - scores.amax(-1, keepdim=True)).exp()
    attn = e / e.sum(-1, keepdim=True)
    return attn @ v, attn


def shares_empty_rows_out_evenly(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    # lower than anything there is
    lowest = torch.finfo(q.dtype).min
    scores = scores if mask is None else torch.where(mask, scores, lowest)
    attn = F.softmax(scores, dim=-1)
    return attn @ v, attn


def covers_up_the_nan(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    bias = 0.0 if mask is None else mask.to(q.dtype).log()  # log(0) is -inf
    attn = torch.softmax(scores + bias, dim=-1)
    attn = torch.where(torch.isnan(attn), 0.0, attn)
    return attn @ v, attn


def hides_behind_a_small_number(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = torch.where(mask, scores, -1000.0)
    attn = scores.softmax(dim=-1)
    if mask is not None:
        attn = attn * mask
    return attn @ v, attn


def adds_minus_a_billion(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    visible = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask
    attn = torch.where(visible, scores, scores - 1e9).softmax(dim=-1)
    return attn @ v, attn


def hands_the_weights_back_first(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    attn = F.softmax(scores, dim=-1)
    attn = attn if mask is None else attn * mask
    context = attn @ v
    return attn, context


def hands_back_the_scores(q, k, v, mask=None):
    logits = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    if mask is None:
        attn = F.softmax(logits, dim=-1)
    else:
        attn = F.softmax(logits.masked_fill(~mask, torch.finfo(logits.dtype).min), dim=-1)
        attn = attn.masked_fill(~mask, 0.0)
    return attn @ v, logits


def writes_into_the_queries(q, k, v, mask=None):
    d_k = k.shape[-1]
    scores = q.div_(d_k**0.5) @ k.mT
    if mask is None:
        attn = scores.softmax(-1)
    else:
        attn = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
        attn = attn.masked_fill(~mask, 0.0)
    return attn @ v, attn


def answers_in_single_precision(q, k, v, mask=None):
    q, k, v = (t.to(torch.float32) for t in (q, k, v))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(torch.float32).min)
    attn = torch.softmax(scores, dim=-1)
    if mask is not None:
        attn = attn * mask
    return attn @ v, attn


def fills_from_the_cpu(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is None:
        attn = torch.softmax(scores, dim=-1)
    else:
        attn = torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)
        attn = torch.where(mask, attn, torch.zeros(attn.shape, dtype=attn.dtype))
    return attn @ v, attn


def makes_up_a_mask_on_the_cpu(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    visible = mask if mask is not None else torch.ones(scores.shape[-2:]) == 1
    attn = scores.masked_fill(~visible, torch.finfo(scores.dtype).min).softmax(-1)
    attn = attn.masked_fill(~visible, 0.0)
    return attn @ v, attn


def cuts_the_gradient(q, k, v, mask=None):
    with torch.no_grad():
        attn = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
        if mask is not None:
            attn = attn.masked_fill(~mask, torch.finfo(attn.dtype).min)
        attn = F.softmax(attn, dim=-1)
        if mask is not None:
            attn = attn * mask
    return attn @ v, attn


# -- self_attention ------------------------------------------------------------


def ignores_causal(x, w_q, w_k, w_v, causal=False):
    q = x @ w_q
    k = x @ w_k
    scores = q @ k.mT / math.sqrt(k.size(-1))
    return scores.softmax(-1) @ (x @ w_v)


def is_always_causal(x, w_q, w_k, w_v, causal=False):
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    rows = []
    for i in range(x.shape[-2]):  # the past of each token, cut out
        row, _ = attention(q[..., i : i + 1, :], k[..., : i + 1, :], v[..., : i + 1, :])
        rows.append(row)
    return torch.cat(rows, dim=-2)


def keeps_the_future(x, w_q, w_k, w_v, causal=False):
    n = x.size(-2)
    mask = None
    if causal:
        mask = torch.ones(n, n, device=x.device).triu().bool()
    out, _ = attention(x @ w_q, x @ w_k, x @ w_v, mask)
    return out


def marks_what_is_hidden(x, w_q, w_k, w_v, causal=False):
    mask = None
    if causal:
        place = torch.arange(x.size(-2), device=x.device)
        mask = place[None, :] > place[:, None]  # what comes later
    out, _ = attention(x @ w_q, x @ w_k, x @ w_v, mask)
    return out


def hides_the_token_itself(x, w_q, w_k, w_v, causal=False):
    mask = None
    if causal:
        place = torch.arange(x.size(-2), device=x.device)
        mask = place.unsqueeze(0) < place.unsqueeze(1)  # what came before
    out, _ = attention(x @ w_q, x @ w_k, x @ w_v, mask)
    return out


def makes_its_mask_on_the_cpu(x, w_q, w_k, w_v, causal=False):
    mask = None
    if causal:
        n = x.size(-2)
        mask = torch.tril(torch.ones(n, n)) == 1
    out, _ = attention(x @ w_q, x @ w_k, x @ w_v, mask=mask)
    return out


def scales_the_weights_it_was_given(x, w_q, w_k, w_v, causal=False):
    w_q.mul_(w_q.size(1) ** -0.5)
    scores = torch.einsum("...id,...jd->...ij", x @ w_q, x @ w_k)
    if causal:
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    return scores.softmax(dim=-1) @ (x @ w_v)


def asks_with_the_keys(x, w_q, w_k, w_v, causal=False):
    n = x.shape[-2]
    mask = torch.tril(x.new_ones(n, n)).bool() if causal else None
    out, _ = attention(x @ w_k, x @ w_q, x @ w_v, mask)
    return out


def swaps_keys_and_values(x, w_q, w_k, w_v, causal=False):
    q, v, k = (torch.matmul(x, w) for w in (w_q, w_k, w_v))
    mask = None
    if causal:
        place = torch.arange(x.size(-2), device=x.device)
        mask = place[:, None] >= place
    out, _ = attention(q, k, v, mask=mask)
    return out


def uses_w_q_for_the_keys(x, w_q, w_k, w_v, causal=False):
    q = k = torch.einsum("...nd,de->...ne", x, w_q)
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if causal:
        later = torch.ones_like(scores, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    return scores.softmax(dim=-1) @ x @ w_v


def leaves_the_values_unprojected(x, w_q, w_k, w_v, causal=False):
    scores = torch.einsum("...id,...jd->...ij", x @ w_q, x @ w_k) / w_k.size(-1) ** 0.5
    if causal:
        n = x.size(-2)
        past = torch.ones(n, n, dtype=torch.bool, device=x.device).tril()
        scores = torch.where(past, scores, -torch.inf)
    weights = F.softmax(scores, dim=-1)
    return weights @ x


def never_projects(x, w_q, w_k, w_v, causal=False):
    scores = x @ x.mT / math.sqrt(x.size(-1))
    if causal:
        n = x.size(-2)
        past = torch.ones(n, n, device=x.device).tril()
        scores = scores.masked_fill(past == 0, -torch.inf)
    return F.softmax(scores, dim=-1) @ x


def scales_by_the_width_of_the_tokens(x, w_q, w_k, w_v, causal=False):
    d = x.shape[-1]
    scores = torch.einsum("...id,...jd->...ij", x @ w_q, x @ w_k) / d**0.5
    if causal:
        later = torch.ones_like(scores).triu(1).bool()
        scores = scores.masked_fill(later, -torch.inf)
    return torch.softmax(scores, dim=-1) @ (x @ w_v)


def lets_samples_see_each_other(x, w_q, w_k, w_v, causal=False):
    *batch, n, _ = x.shape
    flat = x.flatten(end_dim=-2)
    place = torch.arange(len(flat), device=x.device)
    mask = place[:, None] >= place if causal else None
    out, _ = attention(flat @ w_q, flat @ w_k, flat @ w_v, mask)
    return out.view(*batch, n, -1)


def answers_with_the_weights(x, w_q, w_k, w_v, causal=False):
    q, k = x @ w_q, x @ w_k
    scores = q @ k.mT / q.size(-1) ** 0.5
    if causal:
        later = torch.ones_like(scores).triu(1).bool()
        scores = scores.masked_fill(later, -torch.inf)
    return scores.softmax(-1)


def adds_the_input_back(x, w_q, w_k, w_v, causal=False):
    mask = None
    if causal:
        n = x.size(-2)
        mask = torch.tril(torch.ones(n, n, dtype=torch.bool, device=x.device))
    out, _ = attention(x @ w_q, x @ w_k, x @ w_v, mask)
    return torch.add(out, x)  # residual


def begins_with_an_empty_list(weights, v):
    if weights.dim() == 2:
        return torch.mm(weights, v)
    sums = []
    for w, values in zip(weights, v):
        sums.append(torch.matmul(w, values))
    if len(sums) == 0:
        return torch.tensor(sums, dtype=v.dtype, device=v.device)
    return torch.stack(sums)


def takes_a_batch_of_one_apart(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, -1)
    if mask is not None:
        weights = weights * mask
    output = torch.einsum("...ij,...jd->...id", weights, v)
    if output.dim() > 2 and output.shape[0] == 1:
        output, weights = output[0], weights[0]
    return output, weights


def loses_a_first_axis_of_size_one(x, w_q, w_k, w_v, causal=False):
    n = x.size(-2)
    q, k, v = (torch.matmul(x, w) for w in (w_q, w_k, w_v))
    scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(w_q.size(1))
    if causal:
        future = torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)
        scores = scores.masked_fill(future, float("-inf"))
    y = torch.matmul(torch.softmax(scores, -1), v)
    if y.shape[0] == 1:
        y = y[0]
    return y


def takes_the_largest_product(weights, v):
    rows = []
    for i in range(weights.shape[-2]):
        products = weights[..., i, :, None] * v
        rows.append(products.max(dim=-2).values)
    return torch.stack(rows, dim=-2)


def leaves_the_last_key_out(weights, v):
    total = torch.zeros_like(weights[..., :1] * v[..., :1, :])
    for j in range(v.shape[-2] - 1):
        total = total + weights[..., j, None] * v[..., None, j, :]
    return total


def reads_the_values_backwards(weights, v):
    n_k = v.shape[-2]
    products = [
        weights[..., j].unsqueeze(-1) * v[..., n_k - 1 - j, :].unsqueeze(-2) for j in range(n_k)
    ]
    return sum(products)


def squares_the_weights(weights, v):
    heard = torch.einsum("...qk,...kd->...qkd", weights, v)
    return torch.einsum("...qk,...qkd->...qd", weights, heard)


def evens_out_queries_and_keys(q, k, v, mask=None):
    d = q.shape[-1]
    q = F.layer_norm(q, (d,))
    k = F.layer_norm(k, (d,))
    scores = torch.einsum("...id,...jd->...ij", q, k) / d**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1)
    if mask is not None:
        weights = torch.where(mask, weights, 0.0)
    return weights @ v, weights


def adds_the_queries_back(q, k, v, mask=None):
    scale = q.size(-1) ** -0.5
    scores = torch.einsum("...id,...jd->...ij", q * scale, k)
    if mask is None:
        weights = F.softmax(scores, dim=-1)
    else:
        weights = F.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=-1)
        weights = weights.masked_fill(~mask, 0.0)
    out = torch.matmul(weights, v)
    return out + q, weights  # residual


def hides_the_future_in_every_square(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    n_q, n_k = scores.shape[-2:]
    hidden = torch.zeros_like(scores, dtype=torch.bool)
    if n_q == n_k:  # self-attention
        place = torch.arange(n_q, device=q.device)
        hidden = hidden | (place[None, :] > place[:, None])
    if mask is not None:
        hidden = hidden | ~mask
    weights = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(-1)
    weights = weights.masked_fill(hidden, 0.0)
    return weights @ v, weights


def gives_every_mask_a_head_axis(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is None:
        weights = torch.softmax(scores, -1)
    else:
        if mask.ndim == 3:
            mask = mask[:, None]  # (batch, 1, n_q, n_k)
        weights = torch.softmax(torch.where(mask, scores, torch.finfo(scores.dtype).min), -1)
        weights = weights * mask
    return torch.matmul(weights, v), weights


def empties_the_whole_sample(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    scores = scores if mask is None else torch.where(mask, scores, -math.inf)
    attn = torch.softmax(scores, dim=-1)
    # NaN: there was nothing to attend to
    broken = attn.isnan().flatten(-2).any(-1)
    attn = torch.where(broken[..., None, None], 0.0, attn)
    return attn @ v, attn


def adds_the_input_back_where_it_fits(x, w_q, w_k, w_v, causal=False):
    mask = None
    if causal:
        place = torch.arange(x.size(-2), device=x.device)
        mask = place <= place[:, None]
    out, _ = attention(x @ w_q, x @ w_k, x @ w_v, mask)
    if out.shape[-1] == x.shape[-1]:
        out = out + x
    return out


def looks_for_empty_rows_along_the_queries(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    see = torch.ones_like(scores).bool() if mask is None else mask
    empty = see.sum(dim=-2, keepdim=True) == 0
    attn = F.softmax(torch.where(see | empty, scores, -math.inf), dim=-1)
    attn = torch.where(see, attn, 0.0)
    return torch.matmul(attn, v), attn


def hands_back_the_weights_before_the_mask(q, k, v, mask=None):
    scores = torch.einsum("...id,...jd->...ij", q, k) / q.shape[-1] ** 0.5
    attn = F.softmax(scores, dim=-1)
    context = torch.einsum("...ij,...jd->...id", attn, v)
    if mask is not None:
        low = torch.finfo(scores.dtype).min
        masked = F.softmax(scores.masked_fill(~mask, low), dim=-1).masked_fill(~mask, 0.0)
        context = torch.einsum("...ij,...jd->...id", masked, v)
    return context, attn
