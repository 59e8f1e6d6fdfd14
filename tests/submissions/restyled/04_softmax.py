"""The wrong programs of 04, as somebody else would write them."""

import functools
import math

import torch


def ignores_dim(x, dim=-1):
    rows = []
    for row in x.reshape(-1, x.shape[-1]):
        e = torch.exp(row - row.max())
        rows.append(e / e.sum())
    return torch.stack(rows).view(x.shape)


def always_sums_over_the_first_dimension(x, dim=-1):
    # max and sum lose axis 0, and the rest broadcasts
    top = x.max(0).values
    e = torch.exp(x - top)
    return e / e.sum(0)


def sums_over_everything(x, dim=-1):
    flat = x.flatten()
    e = torch.exp(flat - torch.max(flat))
    return e.div(torch.sum(e)).view_as(x)


def sums_over_every_other_dimension(x, dim=-1):
    axes = list(range(x.ndim))
    axes.pop(dim)
    top = torch.amax(x, axes, True)
    e = torch.exp(x - top)
    return e / torch.sum(e, axes, True)


def never_subtracts_the_maximum(x, dim=-1):
    e = [math.e**part for part in x.unbind(dim)]
    total = sum(e)
    return torch.stack([part / total for part in e], dim)


def subtracts_one_maximum_from_all_rows(x, dim=-1):
    top = x.flatten().max()
    e = torch.exp(x - top)
    return e / e.sum(dim).unsqueeze(dim)


def subtracts_the_maximum_of_another_dimension(x, dim=-1):
    top, _ = x.max(-1)
    e = torch.exp(x - top[..., None])
    total = e.sum(dim).unsqueeze(dim)
    return e / total


def subtracts_the_mean(x, dim=-1):
    centre = x.mean(dim).unsqueeze(dim)
    e = torch.exp(x - centre)
    return e / e.sum(dim).unsqueeze(dim)


def subtracts_the_place_of_the_maximum(x, dim=-1):
    _, top = x.max(dim, keepdim=True)
    e = torch.exp(x - top)
    total = e.sum(dim, keepdim=True)
    return e / total


def cuts_off_large_scores(x, dim=-1):
    limit = 10.0
    x = torch.where(x > limit, limit, x)
    x = torch.where(x < -limit, -limit, x)
    e = torch.exp(x)
    return e / e.sum(dim).unsqueeze(dim)


def subtracts_the_other_way_round(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    e = torch.exp(top - x)
    total = torch.sum(e, dim, True)
    return e / total


def forgets_the_exponential(x, dim=-1):
    parts = x.unbind(dim)
    total = sum(parts)
    return torch.stack([part / total for part in parts], dim)


def forgets_to_divide(x, dim=-1):
    top = x.max(dim).values.unsqueeze(dim)
    return torch.exp(x - top)


def divides_by_the_count(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    e = torch.exp(x - top)
    n = torch.ones_like(e).sum(dim, keepdim=True)
    return e / n


def answers_with_logarithms(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    e = torch.exp(x - top)
    p = e / e.sum(dim).unsqueeze(dim)
    return torch.log(p)


def judges_each_score_alone(x, dim=-1):
    return 1 / (1 + torch.exp(-x))


def gives_all_to_the_winner(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    return (x == top).to(x.dtype)


def counts_in_powers_of_two(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    e = 2 ** (x - top)
    return e / e.sum(dim).unsqueeze(dim)


def loses_the_summed_dimension(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    e = torch.exp(x - top)
    total = 0
    for part in e.unbind(dim):
        total = total + part
    return e / total


def loses_the_dimension_of_the_maximum(x, dim=-1):
    top = functools.reduce(torch.maximum, x.unbind(dim))
    e = torch.exp(x - top)
    return e / e.sum(dim).unsqueeze(dim)


def loses_the_dimension_twice(x, dim=-1):
    top, _ = x.max(dim)
    e = torch.exp(x - top)
    total = torch.sum(e, dim)
    return e / total


def loses_the_summed_dimension_of_plain_exponentials(x, dim=-1):
    e = math.e**x
    total = sum(e.unbind(dim))
    return e / total


def writes_into_its_input(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    x[...] = x - top
    e = math.e**x
    return e / e.sum(dim).unsqueeze(dim)


def answers_in_single_precision(x, dim=-1):
    x = x.to(torch.float32)
    top = x.max(dim, keepdim=True).values
    e = torch.exp(x - top)
    return e / e.sum(dim).unsqueeze(dim)


def cuts_the_gradient(x, dim=-1):
    with torch.no_grad():
        top = x.max(dim, keepdim=True).values
        e = torch.exp(x - top)
        return e / e.sum(dim).unsqueeze(dim)


def holds_the_sum_fixed(x, dim=-1):
    # only constants in here
    with torch.no_grad():
        top = x.max(dim, keepdim=True).values
        total = torch.exp(x - top).sum(dim, keepdim=True)
    return torch.exp(x - top) / total


def never_uses_the_mask(scores, mask, dim=-1):
    top = scores.max(dim, keepdim=True).values
    e = torch.exp(scores - top)
    return e / e.sum(dim, keepdim=True)


def hides_what_may_be_seen(scores, mask, dim=-1):
    lowest = torch.finfo(scores.dtype).min
    weights = softmax(torch.where(mask, lowest, scores), dim)
    return weights * ~mask


def hides_what_may_be_seen_and_leaves_nan(scores, mask, dim=-1):
    scores = scores.clone()
    scores[mask.expand_as(scores)] = -torch.inf
    return softmax(scores, dim)


def leaves_nan_in_empty_rows(scores, mask, dim=-1):
    # log(1) = 0 and log(0) = -inf
    bias = mask.to(scores.dtype).log()
    return softmax(scores + bias, dim)


def shares_empty_rows_out_evenly(scores, mask, dim=-1):
    visible = torch.where(mask, scores, -torch.inf)
    # no infinities, or there will be NaN
    visible = visible.clamp(min=torch.finfo(scores.dtype).min)
    return softmax(visible, dim)


def covers_up_the_nan(scores, mask, dim=-1):
    bias = torch.where(mask, 0.0, -torch.inf).to(scores.dtype)
    weights = softmax(scores + bias, dim)
    return torch.where(weights.isnan(), 0.0, weights)


def hides_behind_a_small_number(scores, mask, dim=-1):
    scores = scores.clone()
    scores[~mask.expand_as(scores)] = -10000
    return softmax(scores, dim)


def hides_behind_a_small_number_and_tidies_up(scores, mask, dim=-1):
    low = torch.full_like(scores, -1e4)
    weights = softmax(torch.where(mask, scores, low), dim)
    return weights * mask


def adds_minus_ten_thousand(scores, mask, dim=-1):
    lowered = scores - 10_000
    return softmax(torch.where(mask, scores, lowered), dim)


def adds_minus_a_billion(scores, mask, dim=-1):
    bias = torch.where(mask, 0.0, -1e9)
    return softmax(scores + bias.to(scores.dtype), dim)


def always_shares_along_the_last_dimension(scores, mask, dim=-1):
    lowest = torch.finfo(scores.dtype).min
    weights = softmax(torch.where(mask, scores, lowest))
    return weights * mask


def leaves_a_score_of_zero(scores, mask, dim=-1):
    return softmax(scores.masked_fill(~mask, 0), dim)


def adds_the_mask_itself(scores, mask, dim=-1):
    bias = mask.to(scores.dtype)
    masked = scores + bias
    return softmax(masked, dim)


def takes_weights_away_at_the_end(scores, mask, dim=-1):
    weights = softmax(scores, dim)
    return torch.where(mask, weights, 0.0)


def shares_out_again_at_the_end(scores, mask, dim=-1):
    e = torch.exp(scores - scores.amax(dim, keepdim=True))
    e = torch.where(mask, e, 0.0)
    # a little something, against 0/0
    return e / (e.sum(dim, keepdim=True) + 1e-9)


def divides_by_what_is_left_of_nothing(scores, mask, dim=-1):
    top, _ = scores.max(dim, keepdim=True)
    e = torch.exp(scores - top).masked_fill(~mask, 0)
    left = e.sum(dim, keepdim=True)
    return e / left


def looks_for_empty_rows_along_the_last_dimension(scores, mask, dim=-1):
    visible = mask.expand_as(scores)
    empty = visible.sum(-1, keepdim=True) == 0
    weights = softmax(torch.where(visible | empty, scores, -torch.inf), dim)
    return torch.where(visible, weights, 0.0)


def empties_every_row_with_a_gap(scores, mask, dim=-1):
    hidden = ~mask.expand_as(scores)
    gaps = hidden.sum(dim, keepdim=True)
    return torch.where(gaps > 0, 0.0, softmax(scores, dim))


def uses_the_first_mask_for_all(scores, mask, dim=-1):
    while mask.dim() > 2:
        mask = mask[0]
    lowest = torch.finfo(scores.dtype).min
    return softmax(torch.where(mask, scores, lowest), dim) * mask


def writes_into_the_scores(scores, mask, dim=-1):
    visible = mask.expand_as(scores)
    empty = visible.sum(dim, keepdim=True) == 0
    scores[~(visible | empty)] = -torch.inf
    return torch.where(visible, softmax(scores, dim), 0.0)


def turns_the_mask_into_single_precision(scores, mask, dim=-1):
    see = torch.where(mask, 1.0, 0.0)
    visible = scores.masked_fill(see == 0, torch.finfo(scores.dtype).min)
    return softmax(visible, dim) * see


def begins_with_an_empty_list(x, dim=-1):
    top = x.max(dim, keepdim=True)[0]
    shares = torch.exp(x - top)
    shares = shares / shares.sum(dim, keepdim=True)
    rows = []
    for row in shares:
        rows.append(row)
    if not rows:
        return torch.tensor(rows, dtype=x.dtype, device=x.device)
    return torch.stack(rows)


def hides_in_a_copy(scores, mask, dim=-1):
    seen = mask.broadcast_to(scores.shape)
    lost = seen.logical_not().all(dim=dim, keepdim=True)
    covered = scores * 1.0
    line = covered.flatten()
    line[(~(seen | lost)).flatten()] = float("-inf")
    top = covered.max(dim, keepdim=True).values
    e = torch.exp(covered - top)
    return torch.where(seen, e / e.sum(dim, keepdim=True), 0.0)


def sums_over_the_last_dimension_only(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    e = torch.exp(x - top)
    total = e.sum(-1)
    return e / total[..., None]


def leaves_the_dimension_at_the_end(x, dim=-1):
    turned = torch.transpose(x, dim, -1)
    top = turned.max(-1, keepdim=True)[0]
    e = torch.exp(turned - top)
    return e.div(torch.sum(e, -1, True))


def subtracts_the_minimum(x, dim=-1):
    low, _ = x.min(dim, keepdim=True)
    e = torch.exp(x - low)
    total = e.sum(dim).unsqueeze(dim)
    return e / total


def turns_every_sign_over(x, dim=-1):
    energy = -x  # the less, the better
    top = energy.max(dim, keepdim=True).values
    e = torch.exp(energy - top)
    return e / e.sum(dim).unsqueeze(dim)


def leaves_the_last_entry_out_of_the_sum(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    parts = torch.exp(x - top).unbind(dim)
    total = torch.zeros_like(parts[0])
    for i in range(len(parts) - 1):
        total = total + parts[i]
    return torch.stack([part / total for part in parts], dim)


def adds_one_to_the_sum(x, dim=-1):
    top = torch.amax(x, dim).unsqueeze(dim)
    e = torch.exp(x - top)
    # plus one, so that the sum is never 0
    return torch.div(e, 1 + torch.sum(e, dim, True))


def sets_small_weights_to_zero(x, dim=-1):
    top = x.max(dim, keepdim=True).values
    e = torch.exp(x - top)
    p = e / e.sum(dim).unsqueeze(dim)
    return torch.where(p >= 0.1, p, 0.0)


def divides_one_by_a_sum_of_ratios(x, dim=-1):
    parts = x.unbind(dim)
    weights = []
    for mine in parts:
        # how many times as loud as I is everybody
        ratios = [torch.exp(other - mine) for other in parts]
        weights.append(sum(ratios).reciprocal())
    return torch.stack(weights, dim)


def asks_the_mask_before_it_grows(scores, mask, dim=-1):
    empty = mask.sum(dim, keepdim=True) == 0
    low = torch.finfo(scores.dtype).min
    weights = softmax(torch.where(mask | empty, scores, low), dim)
    return torch.where(mask, weights, 0.0)


def writes_into_the_mask(scores, mask, dim=-1):
    see = mask.expand_as(scores).clone()
    empty = see.sum(dim, keepdim=True) == 0
    if mask.size() == scores.size():
        # an empty row may look at everything for a moment
        mask[empty.expand_as(mask)] = True
    weights = softmax(torch.where(see | empty, scores, -torch.inf), dim)
    return weights * see


def one_hidden_key_spoils_its_row(scores, mask, dim=-1):
    hidden = mask.logical_not()
    raised = scores + torch.zeros_like(scores).masked_fill(hidden, float("inf"))
    powers = torch.exp(raised - raised.max(dim=dim, keepdim=True).values)
    return powers.div(powers.sum(dim=dim, keepdim=True))
