"""04 · Softmax: the right way, then the ways people go wrong.

A mask is boolean, and True means "may attend". In scores `(..., n_q, n_k)` rows are
queries and columns are keys; `...` stands for any number of leading batch dimensions,
none included. A result has the dtype and the device of its input, and no argument is
changed. Gradients flow through both functions.

Torch's own softmax is not to be used here, by whatever name: no `softmax`, `log_softmax`,
`logsumexp` or their like, and none of its attention. Exponentials, sums, maxima and
comparisons are yours.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.bank import misconception


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """Weights between 0 and 1 that sum to one along `dim`.

    x: floating point (float16, bfloat16, float32 or float64), of any shape; dim: the
    dimension to sum over, counted from the front or, if negative, from the back.

    Returns a tensor of the same shape. However large or small the entries of x are, as
    long as they are finite, so is the result.
    """
    weights = (x - x.amax(dim, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


def masked_softmax(scores: Tensor, mask: Tensor, dim: int = -1) -> Tensor:
    """Softmax over the visible scores only; what is hidden gets a weight of exactly 0.

    scores: floating point, finite, of any shape, mostly (..., n_q, n_k).
    mask: boolean, of the same shape or of one that broadcasts to it; dim: a dimension
    of the scores, as in softmax.

    Returns weights of the shape of the scores. Hidden scores leave no trace, however large
    they are. Where the mask hides everything along `dim` all weights are 0, and neither
    they nor any gradient are ever NaN.
    """
    mask = mask.expand(scores.shape)
    nothing_visible = ~mask.any(dim, keepdim=True)
    # A row with nothing visible keeps its scores for now: minus infinity all along it
    # would make NaN, and the gradient would remember that.
    hidden = ~mask & ~nothing_visible
    weights = softmax(scores.masked_fill(hidden, -math.inf), dim)
    return weights.masked_fill(~mask, 0.0)


# -- the ways people go wrong --------------------------------------------------


@misconception(softmax)
def ignores_dim(x, dim=-1):
    """You always sum over the last dimension, whatever `dim` says.

    Scores are mostly normalised over the last one, but not always. Where in your function
    does `dim` arrive?
    """
    weights = (x - x.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


@misconception(softmax)
def always_sums_over_the_first_dimension(x, dim=-1):
    """You always sum over the first dimension, whatever `dim` says.

    In scores that one counts queries, or sentences, and none of them shares with the others.
    Where in your function does `dim` arrive?
    """
    weights = (x - x.amax(0, keepdim=True)).exp()
    return weights / weights.sum(0, keepdim=True)


@misconception(softmax)
def sums_over_everything(x, dim=-1):
    """All weights of your tensor sum to one together.

    Each query has one unit of attention to hand out, and does not share it with the
    others. Over which entries should one sum run?
    """
    weights = (x - x.amax()).exp()
    return weights / weights.sum()


@misconception(softmax)
def sums_over_every_other_dimension(x, dim=-1):
    """Where there are several dimensions, you kept `dim` apart and summed over all the others.

    Some libraries name the axis that stays, PyTorch names the one that is summed. Along
    which axis do the weights sum to one now?
    """
    others = [axis for axis in range(x.dim()) if axis != dim % x.dim()]
    weights = (x - x.amax(others, keepdim=True)).exp()
    return weights / weights.sum(others, keepdim=True)


@misconception(softmax)
def never_subtracts_the_maximum(x, dim=-1):
    """You take exp of the scores as they come, and large ones overflow.

    exp(89) is more than float32 can hold, exp(12) more than float16. What may be taken
    away from all scores of a row without changing its weights?
    """
    weights = x.exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def subtracts_one_maximum_from_all_rows(x, dim=-1):
    """You take the largest entry of the whole tensor away from every row.

    In a row that lies far below it, every exp is 0, and so is their sum. Whose maximum
    does a row need?
    """
    weights = (x - x.amax()).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def subtracts_the_maximum_of_another_dimension(x, dim=-1):
    """You take the maximum along the last dimension, and sum along `dim`.

    A shift cancels only where it is the same for all the scores of one sum. Is yours?
    """
    weights = (x - x.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def sums_over_the_last_dimension_only(x, dim=-1):
    """You take the maximum along `dim`, but sum over the last dimension, whatever `dim` says.

    Along `dim` your weights do not sum to one. Which of your lines never hears of it?
    """
    weights = (x - x.amax(dim, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


@misconception(softmax)
def leaves_the_dimension_at_the_end(x, dim=-1):
    """You bring `dim` to the end for your sums, and there it stays.

    A weight belongs where its score was. Which order of dimensions does the caller expect?
    """
    rows = x.movedim(dim, -1)
    weights = (rows - rows.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


@misconception(softmax)
def subtracts_the_mean(x, dim=-1):
    """You take the mean of a row away, and a score far above it still overflows.

    The shift is free, so it may be chosen well. After which shift is no exponent larger
    than 0?
    """
    weights = (x - x.mean(dim, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def subtracts_the_minimum(x, dim=-1):
    """You take the smallest entry of a row away, and a score far above it overflows.

    The shift is free, so it may be chosen well. After which shift is no exponent larger
    than 0?
    """
    weights = (x - x.amin(dim, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def subtracts_the_place_of_the_maximum(x, dim=-1):
    """You take away the place where the maximum stands, not the maximum itself.

    `max` along a dimension gives two things, the values and their places. Which of them
    makes the largest exponent 0?
    """
    weights = (x - x.argmax(dim, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def cuts_off_large_scores(x, dim=-1):
    """You cut large scores off before exp, and so scores beyond the limit become equal.

    Nothing overflows, but 10 000 and 9 999 now weigh the same. Is there a way to make
    scores small that keeps their distances?
    """
    weights = x.clamp(-10.0, 10.0).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def subtracts_the_other_way_round(x, dim=-1):
    """Your largest weight goes to the smallest score.

    Each difference has the wrong sign, and large ones overflow. What becomes of the largest
    score on its way into exp?
    """
    weights = (x.amax(dim, keepdim=True) - x).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def turns_every_sign_over(x, dim=-1):
    """You turn the sign of every score over, and the smallest one gets the largest weight.

    That is a soft minimum, and a sound one: nothing overflows. Whom should a query listen
    to most?
    """
    weights = (x.amin(dim, keepdim=True) - x).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def forgets_the_exponential(x, dim=-1):
    """You divided the scores by their own sum, without exp.

    Scores may be negative, and may sum to nearly nothing. What would a weight of −3 mean?
    """
    return x / x.sum(dim, keepdim=True)


@misconception(softmax)
def forgets_to_divide(x, dim=-1):
    """The largest weight in each of your rows is 1, and so a row sums to more than one.

    The weights are in the right proportion. What do they sum to, and what should they?
    """
    return (x - x.amax(dim, keepdim=True)).exp()


@misconception(softmax)
def divides_by_the_count(x, dim=-1):
    """You divided by the number of entries.

    That would be a mean. What do the entries have to be divided by, so that they sum to
    one afterwards?
    """
    return (x - x.amax(dim, keepdim=True)).exp() / x.shape[dim]


@misconception(softmax)
def leaves_the_last_entry_out_of_the_sum(x, dim=-1):
    """You leave the last entry along `dim` out of the sum, and so rows sum to more than one.

    It gets a weight, but has no part in what all are divided by. Where does your loop, or
    your slice, end?
    """
    weights = (x - x.amax(dim, keepdim=True)).exp()
    return weights / weights.narrow(dim, 0, weights.shape[dim] - 1).sum(dim, keepdim=True)


@misconception(softmax)
def adds_one_to_the_sum(x, dim=-1):
    """You divide by 1 more than the sum, and so a row sums to less than one.

    What is missing goes to nobody. By what do the entries have to be divided, so that they
    use up the whole?
    """
    weights = (x - x.amax(dim, keepdim=True)).exp()
    return weights / (weights.sum(dim, keepdim=True) + 1)


@misconception(softmax)
def sets_small_weights_to_zero(x, dim=-1):
    """You set small weights to 0, and a row that had some sums to less than one.

    A small weight says little already. Who should get the share that you take from it, or
    may it stay where it is?
    """
    weights = softmax(x, dim)
    return weights.masked_fill(weights < 0.1, 0.0)


@misconception(softmax)
def answers_with_logarithms(x, dim=-1):
    """You return the logarithms of the weights.

    A loss likes those; a weighted sum does not. Which signs have your numbers, and which
    should they have?
    """
    shifted = x - x.amax(dim, keepdim=True)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


@misconception(softmax)
def judges_each_score_alone(x, dim=-1):
    """You squeeze each score between 0 and 1 by itself, as a sigmoid does.

    A weight should shrink when a neighbour's score grows. Which part of the formula looks
    at the neighbours?
    """
    return torch.sigmoid(x)


@misconception(softmax)
def gives_all_to_the_winner(x, dim=-1):
    """The largest score takes all, and the others get nothing.

    That is the hard maximum. What did the "soft" in the name promise to the second best?
    """
    return torch.zeros_like(x).scatter(dim, x.argmax(dim, keepdim=True), 1.0)


@misconception(softmax)
def counts_in_powers_of_two(x, dim=-1):
    """You raise 2, not e, to the scores.

    Your weights are positive and sum to one, but they are too even. By what factor should
    a weight grow when its score grows by 1?
    """
    weights = (x - x.amax(dim, keepdim=True)).exp2()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def loses_the_summed_dimension(x, dim=-1):
    """Your sums lost the dimension they ran over, and no longer stand beside their rows.

    With as many rows as columns nothing complains. Which shape do the sums need, to stand
    beside their own rows?
    """
    weights = (x - x.amax(dim, keepdim=True)).exp()
    return weights / weights.sum(dim)


@misconception(softmax)
def loses_the_dimension_of_the_maximum(x, dim=-1):
    """Your maxima lost the dimension they ran over, and no longer stand beside their rows.

    With as many rows as columns nothing complains. Which shape do the maxima need, to stand
    beside their own rows?
    """
    weights = (x - x.amax(dim)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def loses_the_dimension_twice(x, dim=-1):
    """Your maxima and your sums both lost the dimension they ran over.

    With as many rows as columns nothing complains, and rows meet the numbers of others.
    Which shape do both need, to stand beside their own rows?
    """
    weights = (x - x.amax(dim)).exp()
    return weights / weights.sum(dim)


@misconception(softmax)
def loses_the_summed_dimension_of_plain_exponentials(x, dim=-1):
    """You take exp of the scores as they come, and your sums lose the dimension they ran over.

    So large scores overflow, and the sums no longer stand beside their rows. Begin with the
    sums: which shape do they need?
    """
    weights = x.exp()
    return weights / weights.sum(dim)


@misconception(softmax)
def writes_into_its_input(x, dim=-1):
    """Your weights are right, but the tensor you were given is changed.

    `-=` works in place, and so does a method with an underscore at its end. Where does a
    new tensor begin in your function?
    """
    x -= x.amax(dim, keepdim=True)
    weights = x.exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def answers_in_single_precision(x, dim=-1):
    """Your values are right, but half precision comes back as float32.

    To calculate in a wider dtype is a good thought. Which dtype does the caller count on?
    """
    wide = x.float()
    weights = (wide - wide.amax(dim, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def cuts_the_gradient(x, dim=-1):
    """Your values are right, but no gradient finds its way back to the scores.

    A model learns through exactly that way. What in your function lets go of the thread?
    """
    weights = (x - x.amax(dim, keepdim=True)).exp().detach()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def holds_the_sum_fixed(x, dim=-1):
    """Your values are right, but the gradient takes the sum of a row for a constant.

    When one score grows, all other weights shrink, through the sum they share. Does your
    gradient know about that?
    """
    weights = (x - x.amax(dim, keepdim=True).detach()).exp()
    return weights / weights.sum(dim, keepdim=True).detach()


@misconception(softmax)
def divides_one_by_a_sum_of_ratios(x, dim=-1):
    """Your weights are right, but where scores lie far apart their gradient is NaN.

    Between such scores an exponential overflows. 1/∞ is 0, but on the way back that ∞ meets
    a 0, and their product is no number. After which shift does no exponential overflow?
    """
    rows = x.movedim(dim, -1)
    ratios = (rows.unsqueeze(-2) - rows.unsqueeze(-1)).exp()
    return (1 / ratios.sum(-1)).movedim(-1, dim)


@misconception(softmax)
def begins_with_an_empty_list(x, dim=-1):
    """Where there are no rows, you return a tensor of shape (0,).

    What is collected row by row has no other axes until the first row comes. Does the
    formula need the rows one at a time?
    """
    weights = x.new_empty(0)
    for row in softmax(x, dim):
        weights = torch.cat([weights, row.unsqueeze(0)])
    return weights


@misconception(masked_softmax)
def never_uses_the_mask(scores, mask, dim=-1):
    """Your weights are the same with every mask.

    A hidden position should weigh nothing. At which point does your function look at the
    mask?
    """
    return softmax(scores, dim)


@misconception(masked_softmax)
def hides_what_may_be_seen(scores, mask, dim=-1):
    """You gave the weights to the hidden positions, and 0 to the visible ones.

    In this course True means "may attend". Which places does your function fill?
    """
    mask = mask.expand(scores.shape)
    hidden = mask & ~mask.all(dim, keepdim=True)
    return softmax(scores.masked_fill(hidden, -math.inf), dim).masked_fill(mask, 0.0)


@misconception(masked_softmax)
def hides_what_may_be_seen_and_leaves_nan(scores, mask, dim=-1):
    """You hid the scores where the mask is True, and a row that is True throughout became NaN.

    In this course True means "may attend". Begin there: which places does your function
    fill?
    """
    return softmax(scores.masked_fill(mask, -math.inf), dim)


@misconception(masked_softmax)
def leaves_nan_in_empty_rows(scores, mask, dim=-1):
    """A row that is hidden throughout comes out as NaN.

    With −∞ everywhere there is no maximum to take away and no sum to divide by: −∞ + ∞ and
    0/0 are no numbers. What should a query get that has nothing to look at?
    """
    return softmax(scores.masked_fill(~mask, -math.inf), dim)


@misconception(masked_softmax)
def shares_empty_rows_out_evenly(scores, mask, dim=-1):
    """A row that is hidden throughout gets equal weights on everything it must not see.

    Equal scores, as a finite fill leaves them, do that. What should a query get that has
    nothing to look at?
    """
    return softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim)


@misconception(masked_softmax)
def covers_up_the_nan(scores, mask, dim=-1):
    """Your values are right, but the gradient of an empty row is NaN.

    The NaN was made, then covered up; on the way back it comes to light again. Can you
    keep the row from ever becoming NaN?
    """
    hiding = torch.zeros_like(scores).masked_fill(~mask, -math.inf)
    return softmax(scores + hiding, dim).nan_to_num(0.0)


@misconception(masked_softmax)
def hides_behind_a_small_number(scores, mask, dim=-1):
    """You gave hidden scores a low number, but a number all the same.

    A row of nothing but hidden scores shares itself out evenly among them, and a visible
    score can be lower still. Which value lies below every score?
    """
    return softmax(torch.where(mask, scores, -1e9), dim)


@misconception(masked_softmax)
def hides_behind_a_small_number_and_tidies_up(scores, mask, dim=-1):
    """Your hidden scores are a number, and visible ones below it lose to them.

    Setting hidden weights to 0 afterwards does not bring back what they took. Which value
    lies below every score there is, in every dtype?
    """
    return softmax(scores.masked_fill(~mask, -1e4), dim).masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def adds_minus_ten_thousand(scores, mask, dim=-1):
    """You added a low number to the hidden scores, which lowers them and does not remove them.

    In a row that is hidden throughout, all of them go down together, and a shift costs
    nothing. A huge one stays on top. What could stand there that no score comes near?
    """
    return softmax(scores + (1 - mask.to(scores.dtype)) * -1e4, dim)


@misconception(masked_softmax)
def adds_minus_a_billion(scores, mask, dim=-1):
    """You added a very low number to hidden scores, which lowers them and does not remove them.

    In a row that is hidden throughout, all of them go down together, and share the whole
    as if they could be seen. What should a query get that has nothing to look at?
    """
    return softmax(scores + (1 - mask.to(scores.dtype)) * -1e9, dim)


@misconception(masked_softmax)
def always_shares_along_the_last_dimension(scores, mask, dim=-1):
    """You always sum over the last dimension, whatever `dim` says.

    Scores are mostly shared out along the last one, but not always. Where in your function
    does `dim` arrive?
    """
    mask = mask.expand(scores.shape)
    hidden = ~mask & mask.any(-1, keepdim=True)
    return softmax(scores.masked_fill(hidden, -math.inf), -1).masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def leaves_a_score_of_zero(scores, mask, dim=-1):
    """You turned the hidden scores into 0, and they still weigh.

    Softmax takes exp of every score. What is exp(0), and is that nothing?
    """
    return softmax(scores * mask, dim)


@misconception(masked_softmax)
def adds_the_mask_itself(scores, mask, dim=-1):
    """Your mask lifts visible scores over hidden ones by 1 only, and the hidden ones still weigh.

    A mask to be added has other numbers in it than one and zero. Which would they be?
    """
    return softmax(scores + mask, dim)


@misconception(masked_softmax)
def takes_weights_away_at_the_end(scores, mask, dim=-1):
    """You hid weights after the sum was taken, and what they held is lost.

    A query hands out one unit of attention, among what it can see. What do your rows sum
    to?
    """
    return softmax(scores, dim) * mask


@misconception(masked_softmax)
def shares_out_again_at_the_end(scores, mask, dim=-1):
    """A huge hidden score still counts, in the maximum or in a first softmax, before it is hidden.

    On mild scores that is right. But beside it every other exp is 0. Before which step must
    a hidden score be out of the game?
    """
    weights = softmax(scores, dim) * mask
    total = weights.sum(dim, keepdim=True)
    return weights / total.masked_fill(total == 0, 1.0)


@misconception(masked_softmax)
def divides_by_what_is_left_of_nothing(scores, mask, dim=-1):
    """You divided by what was left after hiding, even where that was nothing: 0/0.

    Nothing is left in an empty row, nor beside a huge hidden score that counts in the
    maximum or in a first softmax. What could be hidden earlier, and what is 0/0?
    """
    weights = softmax(scores, dim) * mask
    return weights / weights.sum(dim, keepdim=True)


@misconception(masked_softmax)
def looks_for_empty_rows_along_the_last_dimension(scores, mask, dim=-1):
    """You share out along `dim`, but look for empty rows along the last dimension.

    Whether there is anything to attend to is a question about the very entries that share.
    Along which dimension do they lie?
    """
    mask = mask.expand(scores.shape)
    nothing_visible = ~mask.any(-1, keepdim=True)
    weights = softmax(scores.masked_fill(~mask & ~nothing_visible, -math.inf), dim)
    return weights.masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def asks_the_mask_before_it_grows(scores, mask, dim=-1):
    """You ask the mask along `dim` while it has fewer dimensions than the scores.

    Counted from the front, `dim` then names another of its dimensions. What would have to
    be true of the mask, for `dim` to mean the same in both?
    """
    nothing_visible = ~mask.any(dim, keepdim=True)
    weights = softmax(scores.masked_fill(~mask & ~nothing_visible, -math.inf), dim)
    return weights.masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def empties_every_row_with_a_gap(scores, mask, dim=-1):
    """A row that is hidden in part gets no weights at all.

    Only a row without anything visible is empty. Which question do you ask of the mask:
    "is anything visible here", or "is everything"?
    """
    mask = mask.expand(scores.shape)
    full = mask.all(dim, keepdim=True)
    return softmax(scores, dim).masked_fill(~full, 0.0)


@misconception(masked_softmax)
def uses_the_first_mask_for_all(scores, mask, dim=-1):
    """Every sample of your batch gets the mask of the first sample.

    Sentences in a batch have different lengths, and so different masks. Which axes of the
    mask can stay as they are?
    """
    mask = mask[(0,) * (mask.dim() - 2)].expand(scores.shape)
    nothing_visible = ~mask.any(dim, keepdim=True)
    weights = softmax(scores.masked_fill(~mask & ~nothing_visible, -math.inf), dim)
    return weights.masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def writes_into_the_scores(scores, mask, dim=-1):
    """Your weights are right, but the scores you were given are changed.

    Whoever called you may still need them. In PyTorch, what does an underscore at the end
    of a method's name promise, and what an assignment to `scores[...]`?
    """
    mask = mask.expand(scores.shape)
    nothing_visible = ~mask.any(dim, keepdim=True)
    scores.masked_fill_(~mask & ~nothing_visible, -math.inf)
    return softmax(scores, dim).masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def writes_into_the_mask(scores, mask, dim=-1):
    """Your weights are right, but the mask you were given is changed.

    `|=` works in place, and so does an assignment to `mask[...]`. Whoever called you may
    hide other scores with it. How can an empty row be spared in a mask of your own?
    """
    hidden = ~mask
    nothing_visible = hidden.expand(scores.shape).all(dim, keepdim=True)
    if mask.shape == scores.shape:
        mask |= nothing_visible
    else:
        mask = mask | nothing_visible
    return softmax(scores.masked_fill(~mask, -math.inf), dim).masked_fill(hidden, 0.0)


@misconception(masked_softmax)
def turns_the_mask_into_single_precision(scores, mask, dim=-1):
    """Your values are right, but float16 scores come back as float32 weights.

    One float32 tensor on the way is enough for that, such as a mask turned into numbers.
    Which dtype does the caller count on?
    """
    weights = softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim)
    return weights * mask.float()


@misconception(masked_softmax)
def hides_in_a_copy(scores, mask, dim=-1):
    """Where the scores are a transposed tensor, hidden ones still take their share.

    `reshape` and `flatten` give a view where they can, and a copy where they cannot; what
    is written into a copy does not reach the softmax. Do the scores have to lie in one line
    to be hidden?
    """
    mask = mask.expand(scores.shape)
    hidden = ~mask & mask.any(dim, keepdim=True)
    visible = scores.clone()
    visible.reshape(-1)[hidden.reshape(-1)] = -math.inf
    return softmax(visible, dim).masked_fill(~mask, 0.0)
