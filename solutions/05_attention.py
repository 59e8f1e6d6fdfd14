"""05 · Attention: the right way, then the ways people go wrong.

Rows are queries, columns are keys; `...` stands for any number of leading batch
dimensions, none included. A mask is boolean, and True means "may attend". Weights of a
projection multiply from the right: `x @ w`. A result has the dtype and the device of its
inputs, no argument is changed, and gradients flow through all three functions.

This file starts from nothing: write the earlier steps again where you need them, as
short as you like. Torch's own softmax is free from here on; its attention is not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.bank import misconception
from solutions.causal_mask import apply_mask, causal_mask
from solutions.qkv_projection import project, project_qkv
from solutions.scaled_scores import dot_scores, scaled_scores
from solutions.softmax import masked_softmax, softmax


def weighted_sum(weights: Tensor, v: Tensor) -> Tensor:
    """For each query the sum of all values, each times its weight.

    weights: floating point, (..., n_q, n_k). A row mostly sums to one; a row of zeros is
    allowed and makes a row of zeros.
    v: the values, (..., n_k, d_v), with the batch dimensions of the weights.

    Returns (..., n_q, d_v): row i is weights[i, 0] * v[0] + weights[i, 1] * v[1] + ...
    """
    return weights @ v  # (..., n_q, d_v)


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention: each query's blend of the values it may attend to.

    q: queries, (..., n_q, d_k); k: keys, (..., n_k, d_k); v: values, (..., n_k, d_v); all
    with the same batch dimensions. n_q and n_k may differ, and so may d_k and d_v.
    mask: boolean, True where a query may attend to a key; (n_q, n_k) or any shape that
    broadcasts to (..., n_q, n_k). None: every query may attend to every key.

    Returns two tensors, in this order:
    output, (..., n_q, d_v): the values, weighted and summed.
    weights, (..., n_q, n_k): the softmax, over the keys, of the scores divided by the
    square root of d_k. What the mask hides weighs exactly 0, and the rest of a row sums
    to one. A query that may attend to nothing gets weights and an output of zeros; there
    is no NaN in the results, nor in any gradient. Large scores do not overflow.
    """
    scores = scaled_scores(q, k)  # (..., n_q, n_k)
    weights = softmax(scores) if mask is None else masked_softmax(scores, mask)
    return weighted_sum(weights, v), weights


def self_attention(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, causal: bool = False
) -> Tensor:
    """Attention of a sequence to itself: queries, keys and values are all made from x.

    x: tokens, (..., n, d_model); w_q and w_k: (d_model, d_k); w_v: (d_model, d_v).
    causal: whether a token may attend only to itself and to the tokens before it;
    otherwise every token may attend to all of them.

    Returns the output alone, (..., n, d_v).
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    mask = causal_mask(x.shape[-2], device=x.device) if causal else None
    output, _ = attention(q, k, v, mask)
    return output


# -- the ways people go wrong --------------------------------------------------


def _shared_out(scores, mask, dim=-1):
    """The softmax of the scores, of what is visible where there is a mask."""
    return softmax(scores, dim) if mask is None else masked_softmax(scores, mask, dim)


def _causal(x, causal):
    """The mask that self_attention needs, if it needs one."""
    return causal_mask(x.shape[-2], device=x.device) if causal else None


def _seen_in_squares(q, k, mask):
    """The mask, and where there are as many keys as queries a causal one upon it."""
    n_q, n_k = q.shape[-2], k.shape[-2]
    seen = torch.ones(n_q, n_k, dtype=torch.bool, device=q.device) if mask is None else mask
    return seen & causal_mask(n_q, device=q.device) if n_q == n_k else seen


@misconception(weighted_sum)
def reads_the_weights_by_columns(weights, v):
    """Each of your output rows used a column of the weights, not a row.

    Pick one query. Where in the weights do you find what it hands out: in a row or in a
    column?

    A row of weights is what one query hands out; a column is what one key gets from every
    query.
    """
    return weights.transpose(-2, -1) @ v


@misconception(weighted_sum)
def turns_the_values_over(weights, v):
    """Your sums run along the width of the values, not over the keys.

    A query has one weight for each key. Which axis of the values has one place for each
    key?

    A weight belongs to a key, and so to a whole value; the features of a value have no
    weights of their own.
    """
    return weights @ v.transpose(-2, -1)


@misconception(weighted_sum)
def puts_the_values_in_front(weights, v):
    """Your result is the product values times weights, in that order.

    A matrix product takes the rows of its result from one of its two factors. From which,
    and whose rows should the output have?

    In a matrix product, the rows of the result come from the left factor. With the values
    there, an output belongs to a key, not to a query.
    """
    return v @ weights


@misconception(weighted_sum)
def multiplies_entry_by_entry(weights, v):
    """You multiplied weights and values entry by entry, and nothing was summed.

    One number of the output is a sum. How many products belong to it, and where in your
    function are they added up?

    `*` and `@` both multiply, but only one of them also adds up over the keys.
    """
    return weights * v


@misconception(weighted_sum)
def gives_all_keys_the_same_say(weights, v):
    """Every query gets the plain mean of all values, whatever its weights are.

    A query gives its whole weight to one key. What should its output be, and what would
    yours be?

    A mean gives each value the same say, and then no query can prefer one to another.
    """
    return v.mean(-2, keepdim=True).expand(*weights.shape[:-1], v.shape[-1]).clone()


@misconception(weighted_sum)
def averages_where_it_should_sum(weights, v):
    """Your output is the weighted sum, divided by the number of keys.

    Take a query with its whole weight on one key. By which factor does your output differ
    from that key's value?

    The weights of a row already sum to one, so nothing is left to divide by.
    """
    return (weights.unsqueeze(-1) * v.unsqueeze(-3)).mean(-2)


@misconception(weighted_sum)
def picks_the_heaviest_value(weights, v):
    """Each query gets a copy of the one value that weighs most.

    With weights of a half, a quarter and a quarter: what should the two quarters add to the
    output, and what do they add in yours?

    Its neighbours have weights too, smaller ones, and their share belongs in the blend.
    """
    heaviest = torch.zeros_like(weights).scatter(-1, weights.argmax(-1, keepdim=True), 1.0)
    return torch.where(weights.sum(-1, keepdim=True) == 0, 0.0, heaviest) @ v


@misconception(weighted_sum)
def takes_the_largest_product(weights, v):
    """You keep the largest of the weighted values in each feature, and drop the others.

    Write down the products that belong to one number of the output. What becomes of each of
    them in your function?

    A blend holds something of every value: the smaller products belong in it, and the
    negative ones too.
    """
    return (weights.unsqueeze(-1) * v.unsqueeze(-3)).amax(-2)


@misconception(weighted_sum)
def leaves_the_last_key_out(weights, v):
    """The value of the last key is never added to your sums.

    Count the keys that take part in one of your sums. How many are there, and how many
    should there be?

    Every key has a weight and a value, and what a query gave to the last one is lost.
    """
    return weights[..., :-1] @ v[..., :-1, :]


@misconception(weighted_sum)
def reads_the_values_backwards(weights, v):
    """Your first weight meets the last value, and your last weight the first.

    The first weight of a row is what the first key gets. Whose value does it meet in your
    function?

    Weights and values stand in the same order, that of the keys, so that weight j meets
    value j.
    """
    return weights @ v.flip(-2)


@misconception(weighted_sum)
def squares_the_weights(weights, v):
    """Your values count by the squares of their weights.

    A weight of a half meets a value of ten. How much should come of it, and how much does
    in your function?

    A half becomes a quarter, and a row that blends sums to less than one.
    """
    return weights.square() @ v


@misconception(weighted_sum)
def takes_the_softmax_again(weights, v):
    """You sent the weights through a softmax once more, and they became more even.

    Follow the row of weights 0, 1, 0 through your function. What are its numbers when they meet
    the values?

    What arrives here has been through a softmax already, and a second one gives even a
    weight of 0 a share.
    """
    return torch.softmax(weights, -1) @ v


@misconception(weighted_sum)
def divides_by_the_sum_again(weights, v):
    """A row of zeros became NaN, as if it had been divided by its own sum.

    A query may hand out nothing: its weights are all zeros. Which of your operations does
    not end in a number there?

    Where a row sums to one such a division changes nothing, and in a row of zeros it is
    0/0.
    """
    return (weights / weights.sum(-1, keepdim=True)) @ v


@misconception(weighted_sum)
def adds_up_in_single_precision(weights, v):
    """Your result comes back as float32, whatever the weights and values are.

    Which dtype do the weights and values have, and which of your lines makes a tensor or
    asks for a dtype?

    To add up in float32 is well meant, but the sum keeps it, and the caller counts on the
    dtype of the inputs.
    """
    total = torch.zeros(*weights.shape[:-1], v.shape[-1])
    for j in range(v.shape[-2]):
        total += weights[..., j, None] * v[..., None, j, :]
    return total


@misconception(weighted_sum)
def lets_go_of_both(weights, v):
    """Your sums are right, but no gradient finds its way back to weights and values.

    Go back from the result to the weights and the values, line by line. Which line keeps
    the numbers, but not where they came from?

    Both were made by matrices that have to learn, and without a gradient they cannot.
    """
    return (weights @ v).detach()


@misconception(weighted_sum)
def begins_with_an_empty_list(weights, v):
    """From an empty batch you return a tensor of shape (0,).

    A batch may hold no sample at all. Which shape should the result have then, and from
    where does yours take its axes?

    What is collected sample by sample has no other axes until the first sample comes.
    """
    sums = weights.new_empty(0)
    for blended in weights @ v:
        sums = torch.cat([sums, blended.unsqueeze(0)])
    return sums


@misconception(attention)
def never_scales(q, k, v, mask=None):
    """You used the dot products as they are, without scaling them.

    As a rule, the wider two vectors are, the larger is their dot product. Which of your steps
    makes up for their width?

    Unscaled scores of wide vectors bring the softmax close to picking one key, and then
    almost no gradient comes back.
    """
    weights = _shared_out(dot_scores(q, k), mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def divides_by_d_k(q, k, v, mask=None):
    """Your scores are divided by d_k in all, and the weights are too even.

    The variance of a dot product grows with d_k. How does its typical size grow?

    A typical size is the root of a variance. Divided by the whole variance, the scores of
    wide vectors all come close to zero.
    """
    weights = _shared_out(dot_scores(q, k) / q.shape[-1], mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def multiplies_by_the_root(q, k, v, mask=None):
    """Your scores are √d_k times the dot products, and the weights are nearly all or nothing.

    Are your scaled scores larger or smaller than the plain dot products, and which of the two
    should they be?

    Scaling is there to make large scores smaller; made larger still, they leave almost
    everything to one key.
    """
    weights = _shared_out(dot_scores(q, k) * math.sqrt(q.shape[-1]), mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def divides_by_the_root_of_d_v(q, k, v, mask=None):
    """You divided the scores by the root of the width of the values.

    How many products are added up in one score, and which of the widths is that?

    The values take no part in a score, so their width says nothing about its size.
    """
    weights = _shared_out(dot_scores(q, k) / math.sqrt(v.shape[-1]), mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def divides_by_the_root_of_n_k(q, k, v, mask=None):
    """You divided the scores by the root of the number of keys.

    Suppose the text becomes twice as long. What happens to the dot product of one query and
    one key?

    A longer text does not make a single dot product longer; only the width of its two
    vectors does.
    """
    weights = _shared_out(dot_scores(q, k) / math.sqrt(k.shape[-2]), mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def scales_after_the_softmax(q, k, v, mask=None):
    """You scaled after the softmax, so a row of weights sums to 1/√d_k.

    Add up one row of your weights. What is the sum, and which step has changed it since the
    softmax?

    Scaling should change how sharp a row is, not what it sums to; after the softmax it does
    only the second.
    """
    weights = _shared_out(dot_scores(q, k), mask) / math.sqrt(q.shape[-1])
    return weighted_sum(weights, v), weights


@misconception(attention)
def scales_once_more_after_the_softmax(q, k, v, mask=None):
    """You scaled before the softmax and once more after it, so rows sum to 1/√d_k.

    How often does your function scale, and what does a row of weights sum to before and
    after the last time?

    The first time is right: it sets how sharp a row is. The second only makes weights and
    output smaller.
    """
    weights = _shared_out(scaled_scores(q, k), mask) / math.sqrt(q.shape[-1])
    return weighted_sum(weights, v), weights


@misconception(attention)
def sums_over_the_queries(q, k, v, mask=None):
    """Your columns sum to one, as if the queries shared out each key among themselves.

    A query has one unit of attention to share out. Along which axis of the scores does it
    find the keys?

    It is each query that has one unit to hand out; a key may get much from all of them, or
    nothing.
    """
    weights = _shared_out(scaled_scores(q, k), mask, dim=-2)
    return weighted_sum(weights, v), weights


@misconception(attention)
def counts_the_axes_from_the_front(q, k, v, mask=None):
    """Your softmax runs along axis 1, which in a batch is no longer the keys.

    A batch puts new axes in front of the scores. Along which axis does your softmax run
    then, and where do the keys lie?

    Two dimensions or four, the keys are always the last one; counted from the front, its
    number changes.
    """
    weights = _shared_out(scaled_scores(q, k), mask, dim=1)
    return weighted_sum(weights, v), weights


@misconception(attention)
def forgets_the_softmax(q, k, v, mask=None):
    """You weighted the values with the scores themselves.

    Weights are never negative, and a row of them sums to one. Which of your steps sees to
    that?

    Scores may be negative and sum to anything, and what they make of the values is no
    blend.
    """
    scores = scaled_scores(q, k)
    weights = scores if mask is None else apply_mask(scores, mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def gives_all_to_the_best_key(q, k, v, mask=None):
    """The key with the highest score takes all, and the others get nothing.

    Look at the key with the second highest score. How much of the attention should it get,
    and how much does it?

    That is a lookup, a hard maximum, and it has no slope to learn from.
    """
    weights = _shared_out(scaled_scores(q, k), mask)
    best = torch.zeros_like(weights).scatter(-1, weights.argmax(-1, keepdim=True), 1.0)
    weights = torch.where(weights.sum(-1, keepdim=True) == 0, 0.0, best)
    return weighted_sum(weights, v), weights


@misconception(attention)
def swaps_queries_and_keys(q, k, v, mask=None):
    """Your rows are keys and your columns queries, so it is the keys that ask.

    Take the first row of your scores. Which vector do all its numbers have in common: the
    first query or the first key?

    With as many keys as queries nothing complains, but every row then answers a question
    that nobody asked.
    """
    weights = _shared_out(scaled_scores(k, q), mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def compares_queries_with_values(q, k, v, mask=None):
    """You compared the queries with the values, and the keys were never asked.

    In a library you search by the labels and carry home the books. Which of the three
    tensors holds the labels?

    A value is what a token hands over once it is found; what it is found by is the key.
    """
    weights = _shared_out(scaled_scores(q, v), mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def evens_out_queries_and_keys(q, k, v, mask=None):
    """You give every query and key mean 0 and variance 1 before they meet.

    Double every number of one key. What should happen to its scores, and what happens in
    your function?

    Some newer models do that; here a long vector is allowed to be louder than a short one.
    """
    q, k = (
        (part - part.mean(-1, keepdim=True))
        / (part.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
        for part in (q, k)
    )
    weights = _shared_out(scaled_scores(q, k), mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def blends_the_keys(q, k, v, mask=None):
    """You weighted and summed the keys; the values were never used.

    Keys are there to be found by. What is there to be read?

    A query that asked for a book would carry home its label.
    """
    weights = _shared_out(scaled_scores(q, k), mask)
    return weighted_sum(weights, k), weights


@misconception(attention)
def adds_the_queries_back(q, k, v, mask=None):
    """You added the queries to the output.

    If every value were zero, what should the output be, and what would yours be?

    A model may add back what went in, but around its attention and not in it.
    """
    weights = _shared_out(scaled_scores(q, k), mask)
    return q + weighted_sum(weights, v), weights


@misconception(attention)
def ignores_the_mask(q, k, v, mask=None):
    """Your results are the same with every mask.

    A hidden key should weigh nothing. At which point does the mask change what your
    function computes?

    Hidden keys keep their share of the attention, and their values get into the output.
    """
    weights = softmax(scaled_scores(q, k))
    return weighted_sum(weights, v), weights


@misconception(attention)
def hides_what_may_be_seen(q, k, v, mask=None):
    """Each query attended to exactly the keys that the mask hides from it.

    What does True in the mask mean in this course, and what does it mean in the line that
    hides?

    In this course True means "may attend"; elsewhere it may mean "hide", and to a fill it
    means "fill here".
    """
    weights = _shared_out(scaled_scores(q, k), None if mask is None else ~mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def turns_the_mask_over(q, k, v, mask=None):
    """You laid the mask on the scores with its rows and columns exchanged.

    Which axis of the mask belongs to the queries, and which axis of the scores does it meet
    in your function?

    A square hides this well: the shapes fit, and only the places are wrong.
    """
    weights = _shared_out(scaled_scores(q, k), None if mask is None else mask.transpose(-2, -1))
    return weighted_sum(weights, v), weights


@misconception(attention)
def hides_the_future_in_every_square(q, k, v, mask=None):
    """Where there are as many keys as queries you hide what comes later, unasked.

    Who decides what a query must not see, and how are you told?

    Two equal numbers do not make a sequence that is read in order.
    """
    weights = masked_softmax(scaled_scores(q, k), _seen_in_squares(q, k, mask))
    return weighted_sum(weights, v), weights


@misconception(attention)
def gives_every_mask_a_head_axis(q, k, v, mask=None):
    """You give every mask of three axes a fourth, as if there were always heads.

    Match the shapes of mask and scores from the right. Which axes meet before you touch the
    mask, and which afterwards?

    Scores of three axes have no heads, and on scores of four a mask of three may hold one
    for each head.
    """
    scores = scaled_scores(q, k)
    if mask is not None:
        scores, mask = torch.broadcast_tensors(
            scores, mask.unsqueeze(1) if mask.dim() == 3 else mask
        )
    weights = _shared_out(scores, mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def takes_weights_away_at_the_end(q, k, v, mask=None):
    """Hidden keys still took their share of the softmax, and what they took is lost.

    A query hands out one unit of attention, among what it can see. What do your rows of weights
    sum to?

    What a hidden key takes in the softmax is missing from the visible ones; to cross it out
    later gives it back to nobody.
    """
    weights = softmax(scaled_scores(q, k))
    weights = weights if mask is None else weights * mask
    return weighted_sum(weights, v), weights


@misconception(attention)
def hides_the_values_only(q, k, v, mask=None):
    """Hidden values are missing from your output, but your weights still spend attention on them.

    Follow one hidden key through your function. At which step should it drop out, and at
    which does it?

    A query that spends attention on what is hidden gets nothing for it, and has less left
    for the rest.
    """
    weights = softmax(scaled_scores(q, k))
    return weighted_sum(weights if mask is None else weights * mask, v), weights


@misconception(attention)
def looks_for_empty_rows_along_the_queries(q, k, v, mask=None):
    """You look for keys that no query may see, not for queries that may see nothing.

    Along which axis of the mask must you look to learn whether a query may see anything?

    An empty row is to be spared its −∞. Here a key that nobody may see is spared instead, and
    takes its share of the softmax.
    """
    if mask is None:
        mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device)
    spared = ~mask.any(-2, keepdim=True)
    scores = scaled_scores(q, k).masked_fill(~mask & ~spared, -math.inf)
    weights = softmax(scores).masked_fill(~mask, 0.0)
    return weighted_sum(weights, v), weights


@misconception(attention)
def leaves_a_score_of_zero(q, k, v, mask=None):
    """You turned the hidden scores into 0, and they still weigh.

    Softmax takes exp of every score. What should it make of a hidden one, and what does it
    make of yours?

    exp(0) is 1, so a score of 0 is a score like any other, and can even be the largest of
    its row.
    """
    scores = scaled_scores(q, k)
    weights = softmax(scores if mask is None else scores * mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def adds_the_mask_itself(q, k, v, mask=None):
    """Hiding changes your scores by 1 only, as if the mask were added, and hidden keys still weigh.

    Two scores are equal, and one of the two is to be hidden. How far apart does your
    function put them, and how far should it?

    A mask to be added has other numbers in it than one and zero: 0 for what may be seen and
    −∞ for what may not.
    """
    scores = scaled_scores(q, k)
    weights = softmax(scores if mask is None else scores + mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def leaves_nan_in_empty_rows(q, k, v, mask=None):
    """A query that may attend to nothing gets NaN, in its weights and in its output.

    Every score of a row is hidden. Work out its softmax by hand: at which point does it
    stop being a number?

    To share out among nothing ends in 0/0 or in −∞ less −∞, and neither is a number.
    """
    scores = scaled_scores(q, k)
    weights = softmax(scores if mask is None else apply_mask(scores, mask))
    return weighted_sum(weights, v), weights


@misconception(attention)
def shares_empty_rows_out_evenly(q, k, v, mask=None):
    """A query that may attend to nothing gets the mean of everything it must not see.

    Where everything in a row is hidden, which scores does your softmax see, and what does
    it make of them?

    A finite fill does that: in such a row all scores become equal, and equal scores make
    equal weights.
    """
    scores = scaled_scores(q, k)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = softmax(scores)
    return weighted_sum(weights, v), weights


@misconception(attention)
def empties_the_whole_sample(q, k, v, mask=None):
    """One query that may attend to nothing turns its whole sample into zeros.

    Four queries look at six keys. When you ask their mask who may see nothing, how many
    answers should come back?

    The queries beside it may still see something, and their blends are lost.
    """
    weights = _shared_out(scaled_scores(q, k), mask)
    if mask is not None:
        weights = weights * mask.any(-1, keepdim=True).all(-2, keepdim=True)
    return weighted_sum(weights, v), weights


@misconception(attention)
def covers_up_the_nan(q, k, v, mask=None):
    """Your values are right, but an empty row makes the gradients NaN.

    Go through an empty row step by step. Where does a NaN first appear, even if only for a
    moment?

    A NaN that is made and then covered up comes to light again on the way back.
    """
    scores = scaled_scores(q, k)
    if mask is not None:
        scores = scores + torch.zeros_like(scores).masked_fill(~mask, -math.inf)
    weights = softmax(scores).nan_to_num(0.0)
    return weighted_sum(weights, v), weights


@misconception(attention)
def hides_behind_a_small_number(q, k, v, mask=None):
    """You gave hidden scores a number, and a visible score can be lower than that.

    Visible scores may lie very low themselves. Which value lies below every score there is?

    Where every visible score of a row is lower, it is the hidden keys that take the
    attention.
    """
    scores = scaled_scores(q, k)
    if mask is None:
        weights = softmax(scores)
    else:
        weights = softmax(scores.masked_fill(~mask, -1e4)).masked_fill(~mask, 0.0)
    return weighted_sum(weights, v), weights


@misconception(attention)
def adds_minus_a_billion(q, k, v, mask=None):
    """You added a very low number to hidden scores, which lowers them and does not remove them.

    Take a query that may see nothing. What do its scores become before the softmax, and how far
    apart are they then?

    Where everything is hidden, all of a row goes down together, and the whole is shared
    among keys that must not be seen.
    """
    scores = scaled_scores(q, k)
    if mask is not None:
        scores = scores + (1 - mask.to(scores.dtype)) * -1e9
    weights = softmax(scores)
    return weighted_sum(weights, v), weights


@misconception(attention)
def hands_the_weights_back_first(q, k, v, mask=None):
    """You returned the weights first, and the output second.

    Two results come back, and whoever calls you takes them by their places. Which of the
    two comes first?

    The caller goes on computing with the weights, and takes them for the output.
    """
    weights = _shared_out(scaled_scores(q, k), mask)
    return weights, weighted_sum(weights, v)


@misconception(attention)
def hands_back_the_scores(q, k, v, mask=None):
    """Your output is right, but what you return beside it are scores, not weights.

    What do the rows of your second result sum to, and which tensor in your function has
    rows that sum to one?

    Scores may be negative and sum to anything; they do not tell how much of each value went
    into the output.
    """
    scores = scaled_scores(q, k)
    return weighted_sum(_shared_out(scores, mask), v), scores


@misconception(attention)
def hands_back_the_weights_before_the_mask(q, k, v, mask=None):
    """Your output is right, but the weights you return are those from before the mask.

    With which weights did you blend the values, and which ones do you return?

    They still spend attention on hidden keys, and your output does not.
    """
    scores = scaled_scores(q, k)
    return weighted_sum(_shared_out(scores, mask), v), softmax(scores)


@misconception(attention)
def writes_into_the_queries(q, k, v, mask=None):
    """Your results are right, but the queries you were given are changed.

    Some operations make a new tensor, others write into the one they are given. Which of
    your lines does the second to q?

    `/=`, `*=` and calls that end in `_` work in place, and somebody else may still be
    holding that tensor.
    """
    q *= q.shape[-1] ** -0.5
    weights = _shared_out(dot_scores(q, k), mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def answers_in_single_precision(q, k, v, mask=None):
    """Your values are right, but they always come back as float32.

    Which dtype comes in, which one should come out, and which of your lines changes it?

    For some callers float32 is wider, for others narrower; each counts on the dtype that
    went in.
    """
    weights = _shared_out(scaled_scores(q.float(), k.float()), mask)
    return weighted_sum(weights, v.float()), weights


@misconception(attention)
def fills_from_the_cpu(q, k, v, mask=None):
    """You made a tensor on the CPU, wherever the queries are.

    Which of your lines makes a new tensor, and how is it told where the others are?

    On a GPU it could not meet the others.
    """
    scores = scaled_scores(q, k)
    if mask is not None:
        nothing = torch.full(scores.shape, -math.inf, dtype=scores.dtype)
        scores = torch.where(mask, scores, nothing)
    weights = softmax(scores).nan_to_num(0.0)
    return weighted_sum(weights, v), weights


@misconception(attention)
def makes_up_a_mask_on_the_cpu(q, k, v, mask=None):
    """Where no mask is given you make a tensor on the CPU, wherever the queries are.

    When no mask is given, which tensors does your function make from nothing, and what does
    it need them for?

    A tensor made from nothing lies on the CPU unless you say otherwise.
    """
    if mask is None:
        mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
    weights = masked_softmax(scaled_scores(q, k), mask)
    return weighted_sum(weights, v), weights


@misconception(attention)
def cuts_the_gradient(q, k, v, mask=None):
    """Your values are right, but no gradient finds its way back to queries and keys.

    From the output a gradient goes back through weights and scores to queries and keys. At
    which of these steps does it stop?

    They are what a model learns to ask and to offer, and without a gradient it learns
    neither.
    """
    weights = _shared_out(scaled_scores(q, k), mask).detach()
    return weighted_sum(weights, v), weights


@misconception(attention)
def takes_a_batch_of_one_apart(q, k, v, mask=None):
    """You take the batch axis off where a batch holds a single sample.

    A batch may hold a single sample. How many axes should the results have then, and which
    of your lines makes them fewer?

    An axis that you put there yourself may go again; this one was there before you, and the
    caller counts on it.
    """
    weights = _shared_out(scaled_scores(q, k), mask)
    output = weighted_sum(weights, v)
    return (output.squeeze(0), weights.squeeze(0)) if q.dim() > 2 else (output, weights)


@misconception(self_attention)
def ignores_causal(x, w_q, w_k, w_v, causal=False):
    """Every token sees the whole sequence, with causal=True as without.

    Where does `causal` change what your function computes?

    A token must not read what it is to foretell.
    """
    return attention(*project_qkv(x, w_q, w_k, w_v))[0]


@misconception(self_attention)
def is_always_causal(x, w_q, w_k, w_v, causal=False):
    """You hid what comes after a token, even where nobody asked for that.

    When `causal` is False, which tokens may the first one attend to, and which does it
    attend to in your function?

    A reader who has the whole sentence may look ahead.
    """
    return attention(*project_qkv(x, w_q, w_k, w_v), _causal(x, True))[0]


@misconception(self_attention)
def keeps_the_future(x, w_q, w_k, w_v, causal=False):
    """With causal=True a token sees itself and everything after it.

    Rows of a mask look, columns are looked at. On which side of the diagonal does the past
    lie?

    The first token should see nothing but itself, and the last one everything; yours do the
    opposite.
    """
    mask = _causal(x, True).transpose(-2, -1) if causal else None
    return attention(*project_qkv(x, w_q, w_k, w_v), mask)[0]


@misconception(self_attention)
def marks_what_is_hidden(x, w_q, w_k, w_v, causal=False):
    """With causal=True a token sees just what comes after it, and the last one nothing.

    What does True mean in the mask you build, and what does it mean where the mask is used?

    A mask that marks what should be hidden does that, where True is taken for "may attend".
    """
    return attention(*project_qkv(x, w_q, w_k, w_v), ~_causal(x, True) if causal else None)[0]


@misconception(self_attention)
def hides_the_token_itself(x, w_q, w_k, w_v, causal=False):
    """With causal=True a token sees what came before it, but not itself.

    Nobody came before the first token. What is left for it to look at?

    The diagonal is each token's own place, and without it the first token has nothing to
    look at.
    """
    mask = _causal(x, True).tril(-1) if causal else None
    return attention(*project_qkv(x, w_q, w_k, w_v), mask)[0]


@misconception(self_attention)
def makes_its_mask_on_the_cpu(x, w_q, w_k, w_v, causal=False):
    """With causal=True you make a tensor on the CPU, wherever x is.

    Which tensor does your function make from nothing when `causal` is True, and what could
    tell it the right place?

    On a GPU the scores would be in one place and that tensor in another.
    """
    mask = causal_mask(x.shape[-2]) if causal else None
    return attention(*project_qkv(x, w_q, w_k, w_v), mask)[0]


@misconception(self_attention)
def scales_the_weights_it_was_given(x, w_q, w_k, w_v, causal=False):
    """Your output is right, but the weights you were given are changed.

    Call your function twice with the same tensors. Which of your lines makes the second
    answer differ from the first?

    The next call finds weights that were changed already, and changes them once more.
    """
    w_q /= math.sqrt(w_q.shape[-1])
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    weights = _shared_out(dot_scores(q, k), _causal(x, causal))
    return weighted_sum(weights, v)


@misconception(self_attention)
def asks_with_the_keys(x, w_q, w_k, w_v, causal=False):
    """What w_k makes does the asking in your function, and what w_q makes is asked.

    Rows of the scores ask, columns are asked. Which matrix makes your rows, and which
    should?

    The shapes fit, so nothing complains, but every token looks for what it should be found
    by.
    """
    q, k, v = project_qkv(x, w_k, w_q, w_v)
    return attention(q, k, v, _causal(x, causal))[0]


@misconception(self_attention)
def swaps_keys_and_values(x, w_q, w_k, w_v, causal=False):
    """What w_v makes is compared with the query, and what w_k makes is summed.

    Which two of queries, keys and values meet in your scores, and which one is blended in
    the end?

    One of keys and values is there to be found by, the other to be read; the other way
    round you search the books and carry home the labels.
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    return attention(q, v, k, _causal(x, causal))[0]


@misconception(self_attention)
def uses_w_q_for_the_keys(x, w_q, w_k, w_v, causal=False):
    """Queries and keys are the same in your scores, both made by w_q, and w_k has no say.

    Which matrix says what a token offers, and where does your function use it?

    Then a token always looks for what is like itself, which is mostly itself.
    """
    q, k, v = project_qkv(x, w_q, w_q, w_v)
    return attention(q, k, v, _causal(x, causal))[0]


@misconception(self_attention)
def leaves_the_values_unprojected(x, w_q, w_k, w_v, causal=False):
    """You blended the tokens themselves, and w_v has no say.

    Three matrices came in. What does the third one make of a token?

    What a token is and what it has to give are two things, and w_v learns to make the
    second from the first.
    """
    q, k = project(x, w_q), project(x, w_k)
    return attention(q, k, x, _causal(x, causal))[0]


@misconception(self_attention)
def never_projects(x, w_q, w_k, w_v, causal=False):
    """You used x itself as queries, keys and values.

    What are the three matrices for, and where does each of them come into your function?

    All three come from x, but not all three are x.
    """
    return attention(x, x, x, _causal(x, causal))[0]


@misconception(self_attention)
def scales_by_the_width_of_the_tokens(x, w_q, w_k, w_v, causal=False):
    """You scaled the scores by √d_model, the width of the tokens.

    How wide are the two vectors that meet in a score, and the root of which width do you
    divide by?

    By then the tokens have been projected, and another width has taken the place of theirs.
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    narrower = math.sqrt(q.shape[-1] / x.shape[-1])
    return attention(q * narrower, k, v, _causal(x, causal))[0]


@misconception(self_attention)
def lets_samples_see_each_other(x, w_q, w_k, w_v, causal=False):
    """Your tokens attend to those of other samples in the batch.

    Take three sentences of four tokens each. How many keys should one query meet, and how
    many does it meet in your function?

    One sentence should know nothing of another; here all of them are read as one long
    sequence.
    """
    tokens = x.reshape(-1, x.shape[-1])
    output = self_attention(tokens, w_q, w_k, w_v, causal)
    return output.reshape(*x.shape[:-1], output.shape[-1])


@misconception(self_attention)
def answers_with_the_weights(x, w_q, w_k, w_v, causal=False):
    """You returned the weights instead of the output.

    Attention gives two things back. What does each of them hold for a token, and which one
    was asked for?

    Weights say where a token looks; the output is what it takes from there.
    """
    return attention(*project_qkv(x, w_q, w_k, w_v), _causal(x, causal))[1]


@misconception(self_attention)
def adds_the_input_back(x, w_q, w_k, w_v, causal=False):
    """You added x to the output.

    If w_v were all zeros, what should the output be, and what would yours be?

    A model may add back what went in, but around its attention and not in it.
    """
    return x + attention(*project_qkv(x, w_q, w_k, w_v), _causal(x, causal))[0]


@misconception(self_attention)
def adds_the_input_back_where_it_fits(x, w_q, w_k, w_v, causal=False):
    """You add x to the output wherever their widths allow it.

    Suppose the output happens to be as wide as x. Which of your lines does something then
    that it does not do otherwise?

    A model may add back what went in, but around its attention and not in it, and what
    attention gives back is the same thing at any width.
    """
    output, _ = attention(*project_qkv(x, w_q, w_k, w_v), _causal(x, causal))
    return x + output if x.shape == output.shape else output


@misconception(self_attention)
def loses_a_first_axis_of_size_one(x, w_q, w_k, w_v, causal=False):
    """You take the first axis off where its size is 1.

    A batch may hold one sentence, and a sentence one word. Which axes of x should the
    output still have then?

    An axis of size 1 still counts something, be it a sentence or a word, and the caller
    relies on finding it.
    """
    return attention(*project_qkv(x, w_q, w_k, w_v), _causal(x, causal))[0].squeeze(0)
