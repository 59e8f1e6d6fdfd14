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

    Where in your function does `dim` arrive?

    Scores are mostly shared out along the last one, but not always.
    """
    weights = (x - x.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


@misconception(softmax)
def always_sums_over_the_first_dimension(x, dim=-1):
    """You always sum over the first dimension, whatever `dim` says.

    Rows are queries, columns are keys. Among which entries does one query share out its
    attention, and along which dimension do they lie?

    In scores the first dimension counts queries, or sentences, and none of them shares with
    the others.
    """
    weights = (x - x.amax(0, keepdim=True)).exp()
    return weights / weights.sum(0, keepdim=True)


@misconception(softmax)
def sums_over_everything(x, dim=-1):
    """All weights of your tensor sum to one together.

    How many queries are there, and how many units of attention do your weights hand out in
    all?

    Each query has one unit of attention to hand out, and does not share it with the others.
    """
    weights = (x - x.amax()).exp()
    return weights / weights.sum()


@misconception(softmax)
def sums_over_every_other_dimension(x, dim=-1):
    """Where there are several dimensions, you kept `dim` apart and summed over all the others.

    Take scores of shape (2, 3, 4) and `dim=-1`. How many numbers should meet in one sum,
    and how many do in yours?

    Some libraries name the axis that stays, PyTorch names the one that is summed.
    """
    others = [axis for axis in range(x.dim()) if axis != dim % x.dim()]
    weights = (x - x.amax(others, keepdim=True)).exp()
    return weights / weights.sum(others, keepdim=True)


@misconception(softmax)
def never_subtracts_the_maximum(x, dim=-1):
    """You take exp of the scores as they come, and large ones overflow.

    exp(89) is inf in float32. What may be taken away from all scores of a row without
    changing its weights?

    One exp that is inf spoils the whole row, for inf / inf is NaN. In float16 that begins
    at exp(12).
    """
    weights = x.exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def subtracts_one_maximum_from_all_rows(x, dim=-1):
    """You take the largest entry of the whole tensor away from every row.

    Take a row that lies far below the others. What is the largest number that exp meets in
    it?

    In a row that lies far below it, every exp is 0, and so is their sum.
    """
    weights = (x - x.amax()).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def subtracts_the_maximum_of_another_dimension(x, dim=-1):
    """You take the maximum along the last dimension, and sum along `dim`.

    Take the scores that share one sum. Which number do you take away from each of them
    before exp?

    A shift cancels only where it is the same for all the scores of one sum.
    """
    weights = (x - x.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def sums_over_the_last_dimension_only(x, dim=-1):
    """You take the maximum along `dim`, but sum over the last dimension, whatever `dim` says.

    Which of your steps run along a dimension, and which of them are told `dim`?

    The maximum only keeps exp from overflowing. It is the sum that says which scores share one
    whole.
    """
    weights = (x - x.amax(dim, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


@misconception(softmax)
def leaves_the_dimension_at_the_end(x, dim=-1):
    """You bring `dim` to the end for your sums, and there it stays.

    A weight belongs where its score was. In which order do the dimensions stand when you
    return?

    The caller looks for each weight in the place of its score. Where sizes are equal, not
    even the shape tells that they have moved.
    """
    rows = x.movedim(dim, -1)
    weights = (rows - rows.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


@misconception(softmax)
def subtracts_the_mean(x, dim=-1):
    """You take the mean of a row away, and a score far above it still overflows.

    Take a row with one score far above all the others. How large is the exponent of that
    score after your shift?

    The shift is free, so it may be chosen well: even in such a row, the right one leaves no
    exponent larger than 0.
    """
    weights = (x - x.mean(dim, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def subtracts_the_minimum(x, dim=-1):
    """You take the smallest entry of a row away, and a score far above it overflows.

    exp overflows at one end of the number line only. Which end is that, and on which side
    of 0 do your exponents lie?

    The shift is free, so it may be chosen well: this one moves every score to the side
    where exp overflows.
    """
    weights = (x - x.amin(dim, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def subtracts_the_place_of_the_maximum(x, dim=-1):
    """You take away the place where the maximum stands, not the maximum itself.

    Take the scores 5, 9 and 7. Which number does your function take away from them before
    exp?

    `max` along a dimension gives two things, the values and their places. Only one of them
    makes the largest exponent 0.
    """
    weights = (x - x.argmax(dim, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def cuts_off_large_scores(x, dim=-1):
    """You cut large scores off before exp, and so scores beyond the limit become equal.

    How far apart are the scores 10 000 and 9 999 when they come to exp, and how far should
    they be?

    Nothing overflows, but such scores now weigh the same. Only differences count, and
    theirs are gone.
    """
    weights = x.clamp(-10.0, 10.0).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def subtracts_the_other_way_round(x, dim=-1):
    """Your largest weight goes to the smallest score, and scores far apart overflow.

    What becomes of the largest score on its way into exp?

    Each difference has the wrong sign, and large ones overflow.
    """
    weights = (x.amax(dim, keepdim=True) - x).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def turns_every_sign_over(x, dim=-1):
    """You turn the sign of every score over, and the smallest one gets the largest weight.

    Which score should get the largest weight, and where in your function does the smallest
    one overtake it?

    That is a soft minimum, and a sound one: nothing overflows. But a query should listen
    most to the key that answers it best.
    """
    weights = (x.amin(dim, keepdim=True) - x).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def forgets_the_exponential(x, dim=-1):
    """You divided the scores by their own sum, without exp.

    Give your function the scores 3, 1 and −2. Which weight does the last one get, and what
    could it mean?

    Scores may be negative, and may sum to nearly nothing. A weight is a share of a whole,
    and no share is negative.
    """
    return x / x.sum(dim, keepdim=True)


@misconception(softmax)
def forgets_to_divide(x, dim=-1):
    """The largest weight in each of your rows is 1, and so a row sums to more than one.

    What do the weights of one row sum to, and what should they?

    The weights are in the right proportion, but a query has no more than one unit of
    attention to hand out.
    """
    return (x - x.amax(dim, keepdim=True)).exp()


@misconception(softmax)
def divides_by_the_count(x, dim=-1):
    """You divided by the number of entries, not by their sum.

    What do positive numbers have to be divided by, so that they sum to one afterwards?

    Your rows sum to the mean of their exponentials. How many entries there are says nothing
    about what they sum to.
    """
    return (x - x.amax(dim, keepdim=True)).exp() / x.shape[dim]


@misconception(softmax)
def leaves_the_last_entry_out_of_the_sum(x, dim=-1):
    """You leave the last entry along `dim` out of the sum, and so rows sum to more than one.

    Add up the weights of a row, from the first one on. When is the whole used up?

    It gets a weight, but has no part in what all are divided by. A loop or a slice that
    ends too early does that.
    """
    weights = (x - x.amax(dim, keepdim=True)).exp()
    return weights / weights.narrow(dim, 0, weights.shape[dim] - 1).sum(dim, keepdim=True)


@misconception(softmax)
def adds_one_to_the_sum(x, dim=-1):
    """You divide by 1 more than the sum, and so a row sums to less than one.

    A query with a single key must give it the weight 1. Which weight comes out of your
    formula, and why?

    What is missing goes to nobody, though a query should hand out the whole.
    """
    weights = (x - x.amax(dim, keepdim=True)).exp()
    return weights / (weights.sum(dim, keepdim=True) + 1)


@misconception(softmax)
def sets_small_weights_to_zero(x, dim=-1):
    """You set small weights to 0, and rows that held such weights sum to less than one.

    exp of a score such as −2 is small, but not 0. In which line of yours does a 0 first
    appear?

    A small weight says little already, and the share that you take from it goes to nobody.
    """
    weights = softmax(x, dim)
    return weights.masked_fill(weights < 0.1, 0.0)


@misconception(softmax)
def answers_with_logarithms(x, dim=-1):
    """You return the logarithms of the weights.

    Which sign do your numbers have, and which should a share of a whole have?

    A share can be handed out, its logarithm cannot: it is less than nothing.
    """
    shifted = x - x.amax(dim, keepdim=True)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


@misconception(softmax)
def judges_each_score_alone(x, dim=-1):
    """You squeeze each score between 0 and 1 by itself, as a sigmoid does.

    Raise only the first score of a row by 1. Which of your weights change, and which
    should?

    A weight should shrink when a neighbour's score grows: all of a row share one whole.
    """
    return torch.sigmoid(x)


@misconception(softmax)
def gives_all_to_the_winner(x, dim=-1):
    """The largest score takes all, and the others get nothing.

    What does the "soft" in the name promise to the second best?

    That is the hard maximum: it is flat, then it jumps, and has no slope to learn from.
    """
    return torch.zeros_like(x).scatter(dim, x.argmax(dim, keepdim=True), 1.0)


@misconception(softmax)
def counts_in_powers_of_two(x, dim=-1):
    """You raise 2, not e, to the scores.

    Two scores differ by 1. By what factor should their weights differ, and by what factor
    do yours?

    Your weights are positive and sum to one, but they are too even: one more point of score
    should be e times the weight.
    """
    weights = (x - x.amax(dim, keepdim=True)).exp2()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def loses_the_summed_dimension(x, dim=-1):
    """Your sums lost the dimension they ran over, and no longer stand beside their rows.

    Scores of shape (4, 6) have four sums. Which shape do yours come in, and which one would
    stand beside the rows?

    With as many rows as columns nothing complains, and entries are divided by the sums of
    other rows.
    """
    weights = (x - x.amax(dim, keepdim=True)).exp()
    return weights / weights.sum(dim)


@misconception(softmax)
def loses_the_dimension_of_the_maximum(x, dim=-1):
    """Your maxima lost the dimension they ran over, and no longer stand beside their rows.

    Take the lesson's rows, 1 2 and 3 5. Which number do you take away from the 1, and which
    from the 2?

    With as many rows as columns nothing complains, and the entries of one row are shifted
    by the maxima of several.
    """
    weights = (x - x.amax(dim)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def loses_the_dimension_twice(x, dim=-1):
    """Your maxima and your sums both lost the dimension they ran over.

    For scores of shape (4, 4), which shapes have your maxima and your sums, and beside
    which entries does broadcasting put them?

    With as many rows as columns nothing complains, and rows meet the numbers of others.
    """
    weights = (x - x.amax(dim)).exp()
    return weights / weights.sum(dim)


@misconception(softmax)
def loses_the_summed_dimension_of_plain_exponentials(x, dim=-1):
    """You take exp of the scores as they come, and your sums lose the dimension they ran over.

    Which entries of the scores do you divide by the sum of the first row, and which should
    you?

    So large scores overflow, and the sums no longer stand beside their rows. The sums are
    the place to begin.
    """
    weights = x.exp()
    return weights / weights.sum(dim)


@misconception(softmax)
def writes_into_its_input(x, dim=-1):
    """Your weights are right, but the tensor you were given is changed.

    Which of your lines make a new tensor, and which change the one that they are given?

    `-=` works in place, and so does a method with an underscore at its end. Whoever called
    you may still need the scores.
    """
    x -= x.amax(dim, keepdim=True)
    weights = x.exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def answers_in_single_precision(x, dim=-1):
    """Your values are right, but float16 and bfloat16 come back as float32.

    Follow the dtype from line to line. Where does it change, and which dtype does the
    caller count on?

    To calculate in a wider dtype is a good thought, but the caller's other tensors still
    have the narrow one.
    """
    wide = x.float()
    weights = (wide - wide.amax(dim, keepdim=True)).exp()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def cuts_the_gradient(x, dim=-1):
    """Your values are right, but no gradient finds its way back to the scores.

    A gradient goes back through your lines, from the last to the first. At which one does
    its way end?

    A model learns through exactly that way. What is detached, or made anew from plain
    numbers, is no longer part of it.
    """
    weights = (x - x.amax(dim, keepdim=True)).exp().detach()
    return weights / weights.sum(dim, keepdim=True)


@misconception(softmax)
def holds_the_sum_fixed(x, dim=-1):
    """Your values are right, but the gradient takes the sum of a row for a constant.

    When one score grows, what happens to the other weights of its row, and through which of
    your numbers?

    A growing score makes all other weights of its row shrink, through the sum they share.
    Your gradient does not know about that.
    """
    weights = (x - x.amax(dim, keepdim=True).detach()).exp()
    return weights / weights.sum(dim, keepdim=True).detach()


@misconception(softmax)
def divides_one_by_a_sum_of_ratios(x, dim=-1):
    """Your weights are right, but where scores lie far apart their gradient is NaN.

    Two scores of a row lie 100 apart. What is the largest exponent that your function meets
    there?

    Between such scores an exponential overflows. 1/∞ is 0, but on the way back that ∞ meets
    a 0, and their product is no number.
    """
    rows = x.movedim(dim, -1)
    ratios = (rows.unsqueeze(-2) - rows.unsqueeze(-1)).exp()
    return (1 / ratios.sum(-1)).movedim(-1, dim)


@misconception(softmax)
def begins_with_an_empty_list(x, dim=-1):
    """Where there are no rows, you return a tensor of shape (0,).

    Think of scores that have columns, but no rows. Which of your lines still knows how many
    columns there are?

    What is collected row by row has no other axes until the first row comes. The formula
    can do without: it takes all rows at once.
    """
    weights = x.new_empty(0)
    for row in softmax(x, dim):
        weights = torch.cat([weights, row.unsqueeze(0)])
    return weights


@misconception(masked_softmax)
def never_uses_the_mask(scores, mask, dim=-1):
    """Your weights are the same with every mask.

    At which point does your function look at the mask?

    A hidden position should weigh nothing, whatever its score. Only the mask knows which
    ones are hidden.
    """
    return softmax(scores, dim)


@misconception(masked_softmax)
def hides_what_may_be_seen(scores, mask, dim=-1):
    """You gave the weights to the hidden positions, and 0 to the visible ones.

    What does True in a mask mean in this course, and what becomes of the scores in such
    places?

    In this course True means "may attend". Elsewhere it may mean the opposite, and no error
    tells you.
    """
    mask = mask.expand(scores.shape)
    hidden = mask & ~mask.all(dim, keepdim=True)
    return softmax(scores.masked_fill(hidden, -math.inf), dim).masked_fill(mask, 0.0)


@misconception(masked_softmax)
def hides_what_may_be_seen_and_leaves_nan(scores, mask, dim=-1):
    """You hid the scores where the mask is True, and a row that is True throughout became NaN.

    Think of a row whose mask is True throughout. How many of its scores should your softmax
    see, and how many does it see?

    In this course True means "may attend". The NaN comes from there: nothing was left of a
    row that may see everything.
    """
    return softmax(scores.masked_fill(mask, -math.inf), dim)


@misconception(masked_softmax)
def leaves_nan_in_empty_rows(scores, mask, dim=-1):
    """A row that is hidden throughout comes out as NaN.

    Follow a row that is hidden throughout. Which of your steps makes the first NaN, and
    from which two numbers?

    With −∞ everywhere there is no maximum to take away and no sum to divide by: −∞ + ∞ and
    0/0 are no numbers.
    """
    return softmax(scores.masked_fill(~mask, -math.inf), dim)


@misconception(masked_softmax)
def shares_empty_rows_out_evenly(scores, mask, dim=-1):
    """A row that is hidden throughout gets equal weights on everything it must not see.

    What does softmax make of a row whose scores are all the same, however low they are?

    Equal scores, as a finite fill leaves them, do that. Who can see nothing should get
    nothing.
    """
    return softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim)


@misconception(masked_softmax)
def covers_up_the_nan(scores, mask, dim=-1):
    """Your values are right, but the gradient of an empty row is NaN.

    A gradient passes all your lines once more on its way back. What does an empty row hold
    after each of them?

    The NaN was made, then covered up; on the way back it comes to light again.
    """
    hiding = torch.zeros_like(scores).masked_fill(~mask, -math.inf)
    return softmax(scores + hiding, dim).nan_to_num(0.0)


@misconception(masked_softmax)
def one_hidden_key_spoils_its_row(scores, mask, dim=-1):
    """A single hidden key turns its whole row into NaN.

    Follow a hidden score up to exp. What does it become on the way, and which of your steps
    makes NaN of it?

    ∞ − ∞ and 0 · ∞ are NaN, and one NaN in a sum spoils the row. +∞ ends so (`-float("-inf")`
    is +∞); −∞ does when multiplied by 0, or when the row is shifted by its minimum.
    """
    return softmax(scores.masked_fill(~mask, math.inf), dim)


@misconception(masked_softmax)
def hides_behind_a_small_number(scores, mask, dim=-1):
    """You gave hidden scores a low number, but a number all the same.

    What do you put in the place of a hidden score, and what does softmax make of a row that
    holds nothing else?

    A row of nothing but hidden scores shares itself out evenly among them, and a visible
    score can be lower still.
    """
    return softmax(torch.where(mask, scores, -1e9), dim)


@misconception(masked_softmax)
def hides_behind_a_small_number_and_tidies_up(scores, mask, dim=-1):
    """You hid scores behind a number, and visible scores below that number lose to them.

    Visible scores may be very low. Which value lies below every score there is, in every
    dtype?

    Setting hidden weights to 0 afterwards does not bring back what they took.
    """
    return softmax(scores.masked_fill(~mask, -1e4), dim).masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def adds_minus_ten_thousand(scores, mask, dim=-1):
    """You added a low number to the hidden scores, which lowers them and does not remove them.

    What happens to the weights of a row when the same number is added to all of its scores?

    In a row that is hidden throughout, all of them go down together, and a shift costs nothing.
    Elsewhere a huge hidden score stays on top.
    """
    return softmax(scores + (1 - mask.to(scores.dtype)) * -1e4, dim)


@misconception(masked_softmax)
def adds_minus_a_billion(scores, mask, dim=-1):
    """You added a very low number to hidden scores, which lowers them and does not remove them.

    Take a row that sees nothing. What does each of its scores become before exp, and how
    far apart are they then?

    In a row that is hidden throughout, all of them go down together, and share the whole as
    if they could be seen.
    """
    return softmax(scores + (1 - mask.to(scores.dtype)) * -1e9, dim)


@misconception(masked_softmax)
def always_shares_along_the_last_dimension(scores, mask, dim=-1):
    """You always sum over the last dimension, whatever `dim` says.

    Where in your function does `dim` arrive?

    Scores are mostly shared out along the last one, but not always.
    """
    mask = mask.expand(scores.shape)
    hidden = ~mask & mask.any(-1, keepdim=True)
    return softmax(scores.masked_fill(hidden, -math.inf), -1).masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def leaves_a_score_of_zero(scores, mask, dim=-1):
    """You turned the hidden scores into 0, and they still weigh.

    What does a hidden score become before exp, and what does exp make of that?

    exp(0) is 1, so a score of 0 is a score like any other; beside negative ones it is even
    the largest.
    """
    return softmax(scores * mask, dim)


@misconception(masked_softmax)
def adds_the_mask_itself(scores, mask, dim=-1):
    """Your mask lifts visible scores over hidden ones by 1 only, and the hidden ones still weigh.

    Take two equal scores, one visible, one hidden. How far apart are they when they come to
    exp?

    One more point of score is e times the weight, and no more. A mask to be added has other
    numbers in it than one and zero.
    """
    return softmax(scores + mask, dim)


@misconception(masked_softmax)
def takes_weights_away_at_the_end(scores, mask, dim=-1):
    """You hid weights after the sum was taken, and what they held is lost.

    Which scores of a row have a part in the sum that you divide by, and which should?

    A query hands out one unit of attention, among what it can see. Here the hidden scores
    had taken their part before.
    """
    return softmax(scores, dim) * mask


@misconception(masked_softmax)
def shares_out_again_at_the_end(scores, mask, dim=-1):
    """A huge hidden score still counts, in the maximum or in a first softmax, before it is hidden.

    Suppose a hidden score is huge. Which of your steps still sees it, and what becomes of
    the visible ones there?

    On mild scores that is right. But beside a huge one every other exp is 0, and nothing
    brings them back.
    """
    weights = softmax(scores, dim) * mask
    total = weights.sum(dim, keepdim=True)
    return weights / total.masked_fill(total == 0, 1.0)


@misconception(masked_softmax)
def divides_by_what_is_left_of_nothing(scores, mask, dim=-1):
    """You divided by what was left after hiding, even where that was nothing: 0/0.

    In which rows can the sum that you divide by be 0, and what is 0/0?

    Nothing is left in an empty row, nor beside a huge hidden score that counts in the
    maximum or in a first softmax.
    """
    weights = softmax(scores, dim) * mask
    return weights / weights.sum(dim, keepdim=True)


@misconception(masked_softmax)
def looks_for_empty_rows_along_the_last_dimension(scores, mask, dim=-1):
    """You share out along `dim`, but look for empty rows along the last dimension.

    A line of scores is empty if the mask hides all of it. Along which dimension must you
    look to find such lines?

    Whether there is anything to attend to is a question about the very entries that share.
    """
    mask = mask.expand(scores.shape)
    nothing_visible = ~mask.any(-1, keepdim=True)
    weights = softmax(scores.masked_fill(~mask & ~nothing_visible, -math.inf), dim)
    return weights.masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def asks_the_mask_before_it_grows(scores, mask, dim=-1):
    """You ask the mask along `dim` while it has fewer dimensions than the scores.

    Take a mask of shape (3, 4) for scores of shape (2, 3, 4). Which axis does `dim=1` name
    in each of them?

    Counted from the front, `dim` then names another of its dimensions, and the mask is
    asked about other entries than those that share.
    """
    nothing_visible = ~mask.any(dim, keepdim=True)
    weights = softmax(scores.masked_fill(~mask & ~nothing_visible, -math.inf), dim)
    return weights.masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def empties_every_row_with_a_gap(scores, mask, dim=-1):
    """A row that is hidden in part gets no weights at all.

    In a row with three visible scores and a hidden one, which of your steps makes all the
    weights 0, and what tells it to?

    Only a row without anything visible is empty. Whoever writes 0 over every NaN empties others
    too.
    """
    mask = mask.expand(scores.shape)
    full = mask.all(dim, keepdim=True)
    return softmax(scores, dim).masked_fill(~full, 0.0)


@misconception(masked_softmax)
def uses_the_first_mask_for_all(scores, mask, dim=-1):
    """Every sample of your batch gets the mask of the first sample.

    How many different masks may a batch of three sentences bring, and how many of them does
    your function look at?

    Sentences in a batch have different lengths, and so different masks.
    """
    mask = mask[(0,) * (mask.dim() - 2)].expand(scores.shape)
    nothing_visible = ~mask.any(dim, keepdim=True)
    weights = softmax(scores.masked_fill(~mask & ~nothing_visible, -math.inf), dim)
    return weights.masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def writes_into_the_scores(scores, mask, dim=-1):
    """Your weights are right, but the scores you were given are changed.

    In PyTorch, what does an underscore at the end of a method's name promise, and what does an
    assignment to `scores[...]` do?

    Whoever called you may still need them as they were.
    """
    mask = mask.expand(scores.shape)
    nothing_visible = ~mask.any(dim, keepdim=True)
    scores.masked_fill_(~mask & ~nothing_visible, -math.inf)
    return softmax(scores, dim).masked_fill(~mask, 0.0)


@misconception(masked_softmax)
def writes_into_the_mask(scores, mask, dim=-1):
    """Your weights are right, but the mask you were given is changed.

    Which of your lines write into a tensor that was there before, and whose tensor is that?

    `|=` works in place, and so does an assignment to `mask[...]`. Whoever called you may
    hide other scores with it.
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

    Which dtypes meet in your function, and what does PyTorch make of float16 times float32?

    One float32 tensor on the way is enough for that, such as a mask turned into numbers.
    """
    weights = softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim)
    return weights * mask.float()


@misconception(masked_softmax)
def hides_in_a_copy(scores, mask, dim=-1):
    """Where the scores are a transposed tensor, hidden ones still take their share.

    The scores may be a transposed tensor. Into which tensor does your function write then,
    and from which one does the softmax read?

    `reshape` and `flatten` leave the numbers where they lie if they can, and copy them if they
    cannot; what is written into a copy does not reach the softmax.
    """
    mask = mask.expand(scores.shape)
    hidden = ~mask & mask.any(dim, keepdim=True)
    visible = scores.clone()
    visible.reshape(-1)[hidden.reshape(-1)] = -math.inf
    return softmax(visible, dim).masked_fill(~mask, 0.0)
