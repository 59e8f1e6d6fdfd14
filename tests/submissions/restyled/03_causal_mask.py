"""The wrong programs of 03, as somebody else would write them."""

import math

import numpy as np
import torch


_BUFFER = torch.tril(torch.ones(32, 32)) == 1


def _positions(n_q, n_k, device):
    return torch.arange(n_q, device=device)[:, None], torch.arange(n_k, device=device)[None, :]


# -- causal_mask ---------------------------------------------------------------


def aligns_the_first_tokens(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_k, device)
    return j <= i


def keeps_the_future(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    cached = n_k - n_q
    rows = [[j >= i + cached for j in range(n_k)] for i in range(n_q)]
    return torch.tensor(rows, device=device)


def marks_what_is_hidden(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_k, device)
    future = j > i + (n_k - n_q)
    return future


def keeps_the_future_of_the_first_tokens(n_q, n_k=None, device=None):
    past = np.tri(n_q, n_k or n_q, -1, dtype=bool)
    return torch.tensor(~past, device=device)


def marks_what_is_hidden_from_the_first_tokens(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    mask = torch.zeros(n_q, n_k, dtype=torch.bool, device=device)
    for i in range(n_q):
        mask[i, i + 1 :] = True
    return mask


def hides_the_token_itself(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_k, device)
    return j - n_k < i - n_q


def looks_one_token_ahead(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    mask = torch.zeros((n_q, n_k), device=device).bool()
    for i in range(n_q):
        # a slice leaves out its end, so one more
        end = i + (n_k - n_q) + 2
        mask[i, : max(end, 0)] = True
    return mask


def slides_the_triangle_the_wrong_way(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    offset = n_k - n_q
    i, j = _positions(n_q, n_k, device)
    return i >= j + offset


def hides_the_cached_keys(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_q, device)
    # what the cache adds on the left is filled up with False
    return torch.nn.functional.pad(j <= i, (n_k - n_q, 0), value=False)


def lets_no_row_be_empty(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    cached = 0
    if n_k > n_q:
        cached = n_k - n_q
    i, j = _positions(n_q, n_k, device)
    return j <= i + cached


def ends_a_row_below_zero(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    keys = list(range(n_k))
    rows = []
    for i in range(n_k - n_q, n_k):
        visible = keys[: i + 1]  # up to this query's own key
        rows.append([j in visible for j in keys])
    return torch.tensor(rows, device=device)


def ignores_the_number_of_keys(n_q, n_k=None, device=None):
    i, j = _positions(n_q, n_q, device)
    return i >= j


def puts_the_keys_in_the_rows(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    k, q = _positions(n_k, n_q, device)
    return k <= q + n_k - n_q


def answers_with_ones_and_zeros(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_k, device)
    return torch.where(j <= i + n_k - n_q, 1.0, 0.0)


def answers_with_a_mask_to_add(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_k, device)
    mask = torch.zeros(n_q, n_k, device=device)
    mask[j > i + n_k - n_q] = float("-inf")
    return mask


def stays_on_the_cpu(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    queries, keys = torch.arange(n_q), torch.arange(n_k)
    return keys <= queries.unsqueeze(1) + (n_k - n_q)


# -- apply_mask ----------------------------------------------------------------


def leaves_a_score_of_zero(scores, mask):
    return torch.where(mask, scores, torch.zeros_like(scores))


def adds_the_mask_itself(scores, mask):
    bias = mask.to(scores.dtype)
    return torch.add(bias, scores)


def hides_what_may_be_seen(scores, mask):
    return torch.where(mask, -torch.inf, scores)


def fills_with_plus_infinity(scores, mask):
    result = scores.clone()
    result[~mask.expand_as(scores)] = float("inf")
    return result


def fills_with_a_large_number(scores, mask):
    return torch.where(mask, scores, -1e9)


def fills_with_minus_ten_thousand(scores, mask):
    low = torch.full_like(scores, -10000)
    return torch.where(mask, scores, low)


def adds_minus_ten_thousand(scores, mask):
    penalty = torch.zeros_like(scores)
    penalty = penalty.masked_fill(mask == False, -10000.0)
    return scores + penalty


def fills_with_the_lowest_number(scores, mask):
    lowest = -torch.finfo(scores.dtype).max
    return torch.where(mask, scores, lowest)


def multiplies_infinity_by_zero(scores, mask):
    keep = mask.type_as(scores)
    penalty = (1 - keep) * float("-inf")
    return penalty + scores


def takes_a_score_of_zero_for_hidden(scores, mask):
    result = scores * mask
    result[result == 0] = float("-inf")  # what the mask has taken away
    return result


def assumes_a_causal_mask(scores, mask):
    n_q, n_k = scores.shape[-2:]
    i, j = _positions(n_q, n_k, scores.device)
    return torch.where(j > i + n_k - n_q, -torch.inf, scores)


def turns_the_mask_over(scores, mask):
    flipped = scores.mT.masked_fill(mask.logical_not(), -torch.inf)
    return flipped.mT


def uses_the_first_mask_for_all(scores, mask):
    while mask.dim() > 2:
        mask = mask[0]
    return torch.where(mask, scores, float("-inf"))


def drops_the_axes_of_size_one(scores, mask):
    if mask.dim() == 4:
        mask = mask[:, 0]  # the same for every head
    return torch.where(mask, scores, float("-inf"))


def writes_into_the_scores(scores, mask):
    scores[~mask.expand_as(scores)] = float("-inf")
    return scores


def answers_in_single_precision(scores, mask):
    penalty = torch.where(mask, 0.0, -math.inf)
    return scores + penalty


def fills_from_the_cpu(scores, mask):
    hidden = torch.tensor([float("-inf")], dtype=scores.dtype)
    return torch.where(mask, scores, hidden)


def cuts_the_gradient(scores, mask):
    with torch.no_grad():
        return torch.where(mask, scores, float("-inf"))


def takes_no_keys_for_not_given(n_q, n_k=None, device=None):
    if not n_k:
        n_k = n_q
    rows = torch.arange(n_q, device=device)[:, None]
    columns = torch.arange(n_k, device=device)
    return columns - rows <= n_k - n_q


def hides_in_a_copy(scores, mask):
    hidden = (mask == False).expand_as(scores)  # noqa: E712
    answer = scores * 1
    line = answer.flatten()
    line[hidden.flatten()] = float("-inf")
    return answer


def looks_ahead_beyond_a_cache(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_k, device)
    if n_k <= n_q:
        return j - i <= n_k - n_q
    start = n_k - n_q + 1
    return i + start >= j


def hides_only_the_next_key(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_k, device)
    own = i + n_k - n_q
    return j != own + 1


def shows_the_first_key_to_empty_rows(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    last = torch.arange(n_q, device=device) + (n_k - n_q)
    return torch.arange(n_k, device=device) <= last.clamp(min=0).unsqueeze(1)


def takes_the_offset_without_its_sign(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    more = max(n_q, n_k) - min(n_q, n_k)
    i, j = _positions(n_q, n_k, device)
    return j - i <= more


def makes_a_column_for_every_query(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_q, device)
    square = j <= i
    if n_k > n_q:
        past = square.new_ones(n_q, n_k - n_q)
        square = torch.hstack([past, square])
    return square


def cuts_a_fixed_square(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    if n_q <= n_k:
        return _BUFFER[n_k - n_q : n_k, :n_k].to(device)
    empty = torch.zeros(n_q - n_k, n_k, dtype=torch.bool)
    return torch.vstack((empty, _BUFFER[:n_k, :n_k])).to(device)


def puts_two_axes_in_front(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_k, device)
    seen = j <= i + n_k - n_q
    return seen[None, None]


def answers_with_whole_numbers(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    i, j = _positions(n_q, n_k, device)
    return (j <= i + n_k - n_q).int()


def divides_by_the_mask(scores, mask):
    keep = mask.to(scores.dtype)
    return torch.div(scores, keep)


def goes_on_to_the_weights(scores, mask):
    e = torch.exp(torch.where(mask, scores, -torch.inf))
    return e / e.sum(-1, keepdim=True)


def spares_rows_without_keys(scores, mask):
    seen = mask.clone()
    seen[mask.sum(-1) == 0] = True  # nothing to look at: leave it
    return torch.where(seen, scores, float("-inf"))


def hides_a_key_from_all_queries(scores, mask):
    columns = mask.float().amin(dim=-2, keepdim=True)
    return torch.where(columns > 0, scores, float("-inf"))


def puts_a_head_axis_into_every_mask(scores, mask):
    if len(mask.shape) == 3:
        n, n_q, n_k = mask.shape
        mask = mask.view(n, 1, n_q, n_k)
    return torch.where(mask, scores, float("-inf"))


def answers_always_in_single_precision(scores, mask):
    result = torch.full(scores.shape, float("-inf"), device=scores.device)
    seen = mask.expand_as(scores)
    result[seen] = scores[seen].to(torch.float32)
    return result


def counts_in_half_precision(n_q, n_k=None, device=None):
    if n_k is None:
        n_k = n_q
    column = torch.linspace(0, n_k - 1, n_k, device=device).half()
    row = column.new_tensor(range(n_k - n_q, n_k))
    return column.unsqueeze(0).le(row.unsqueeze(1))
