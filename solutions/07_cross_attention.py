"""07 · Cross-attention: the right way, then the ways people go wrong.

Rows are queries, columns are keys; `...` stands for any number of leading batch
dimensions, none included. A mask is boolean, and True means "may attend". Weights of a
projection multiply from the right: `x @ w`. The result has the dtype and the device of its
inputs, no argument is changed, and gradients flow to both sequences and all three weights.

This file starts from nothing: write the earlier steps again where you need them, as short
as you like. Torch's softmax is free; its attention is not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.bank import misconception
from solutions.attention import attention, weighted_sum
from solutions.qkv_projection import project
from solutions.scaled_scores import scaled_scores
from solutions.softmax import masked_softmax, softmax


def cross_attention(
    x: Tensor,
    context: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    context_mask: Tensor | None = None,
) -> Tensor:
    """Attention of one sequence to another: each token of x blends what it finds in context.

    x: the tokens that ask, (..., n_x, d_model); context: the tokens that are read,
    (..., n_context, d_context), with the batch dimensions of x.
    w_q: (d_model, d_k); w_k: (d_context, d_k); w_v: (d_context, d_v).
    context_mask: boolean, (..., n_context), with the batch dimensions of context: True on
    the tokens that may be read. None: all of them.

    Returns the output alone, (..., n_x, d_v): scaled dot-product attention, in which the
    scores are divided by the square root of d_k. Nothing is hidden but by context_mask. A
    token with nothing to read gets zeros; there is no NaN, in no gradient either.
    """
    mask = None if context_mask is None else context_mask.unsqueeze(-2)  # (..., 1, n_context)
    output, _ = attention(project(x, w_q), project(context, w_k), project(context, w_v), mask)
    return output


# -- the ways people go wrong --------------------------------------------------


def _blend(q, k, v, context_mask):
    """The output of attention whose keys the mask speaks of, as it should be."""
    return attention(q, k, v, None if context_mask is None else context_mask.unsqueeze(-2))[0]


def _all_of(context):
    """A mask that hides nothing of the context."""
    return torch.ones(context.shape[:-1], dtype=torch.bool, device=context.device)


def _token_by_token(x, context, w_q, w_k, w_v, context_mask, ahead):
    """Token i of x reads as many tokens of the context as i + ahead, if there are so many."""
    seen = _all_of(context) if context_mask is None else context_mask
    rows = []
    for i in range(x.shape[-2]):
        read = slice(0, max(i + ahead, 0))
        q, part = project(x[..., i : i + 1, :], w_q), context[..., read, :]
        if part.shape[-2]:
            rows.append(_blend(q, project(part, w_k), project(part, w_v), seen[..., read]))
        else:
            rows.append(x.new_zeros(*x.shape[:-2], 1, w_v.shape[-1]))
    return torch.cat(rows, dim=-2)


@misconception(cross_attention)
def asks_with_the_context(x, context, w_q, w_k, w_v, context_mask=None):
    """Your context asks and your x is read: queries come from the context, keys and values from x.

    Each row of the output answers one token. Whose token: one of x, or one of the
    context?

    An output belongs to the token that asked. A translation asks its source; the source,
    which was there first, has nothing to ask of it.
    """
    return _blend(project(context, w_q), project(x, w_k), project(x, w_v), context_mask)


@misconception(cross_attention)
def takes_the_keys_from_x(x, context, w_q, w_k, w_v, context_mask=None):
    """Your queries meet keys made from x, and the weights are then spent on values of the context.

    Weight j multiplies value j. Which token earned that weight by its key, and which one
    hands over its value?

    Key j and value j are the label and the book of one token. Here a token of x is found,
    and one of the context carried home.
    """
    return _blend(project(x, w_q), project(x, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def takes_the_values_from_x(x, context, w_q, w_k, w_v, context_mask=None):
    """You score the tokens of the context, and then blend values made from x.

    A query has found the token it was looking for. From which sequence does your function
    take what is handed over?

    The weights say how much of each token of the context to take. A translation that
    blends itself learns nothing of its source.
    """
    return _blend(project(x, w_q), project(context, w_k), project(x, w_v), context_mask)


@misconception(cross_attention)
def lets_the_context_attend_to_itself(x, context, w_q, w_k, w_v, context_mask=None):
    """Queries, keys and values are all made from the context, and x has no say in your output.

    Put other tokens into x. What should become of the output, and what becomes of yours?

    This is how an encoder reads its own text. Here the text is only read: it is x that
    asks.
    """
    return _blend(project(context, w_q), project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def attends_to_itself(x, context, w_q, w_k, w_v, context_mask=None):
    """The tokens of x attend to one another, and no token of the context is ever read.

    Two sequences came in. At which of your steps do the tokens of the second one enter?

    That is self-attention. A translation made so may be fluent, but it does not know what
    it translates.
    """
    return _blend(project(x, w_q), project(x, w_k), project(x, w_v), context_mask)


@misconception(cross_attention)
def reads_x_as_well(x, context, w_q, w_k, w_v, context_mask=None):
    """Each token of x reads x as well as the context, with one softmax over both.

    Count the keys that one query meets. How many should there be, and how many are there
    in your function?

    Some models lay two texts end to end and do without cross-attention. Here all
    attention of a token of x belongs to the context.
    """
    both = torch.cat([x, context], dim=-2)  # (..., n_x + n_context, d_model)
    seen = _all_of(context) if context_mask is None else context_mask
    seen = torch.cat([_all_of(x), seen], dim=-1)
    return _blend(project(x, w_q), project(both, w_k), project(both, w_v), seen)


@misconception(cross_attention)
def reads_no_further_than_x_is_long(x, context, w_q, w_k, w_v, context_mask=None):
    """Of a context that is longer than x you read only as many tokens as x has.

    Take two tokens of x and five of the context. How many of the five can change your
    output?

    The two lengths have nothing to do with each other: two words may need five others to
    be understood.
    """
    seen = _all_of(context) if context_mask is None else context_mask
    n_x = x.shape[-2]
    context, seen = context[..., :n_x, :], seen[..., :n_x]
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), seen)


@misconception(cross_attention)
def uses_w_q_for_the_keys(x, context, w_q, w_k, w_v, context_mask=None):
    """Your keys are made by w_q, and w_k has no say.

    Three matrices came in, each with a task of its own. Whose task is it to make labels,
    and who does it in your function?

    Question and label are made from two texts, perhaps from two languages, and one matrix
    cannot learn both.
    """
    return _blend(project(x, w_q), project(context, w_q), project(context, w_v), context_mask)


@misconception(cross_attention)
def uses_w_k_for_the_queries(x, context, w_q, w_k, w_v, context_mask=None):
    """Your queries are made by w_k, and w_q has no say.

    What a token looks for, and what it can be found by, are two things. Which matrix
    makes the first of them?

    w_k has learnt to label the context. Of x it makes labels too, where questions are
    needed.
    """
    return _blend(project(x, w_k), project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def swaps_w_q_and_w_k(x, context, w_q, w_k, w_v, context_mask=None):
    """Your queries are made from x by w_k, and your keys from the context by w_q.

    Look up the shape of w_q by its names. Which of the two sequences has tokens of that
    width?

    Each matrix is made for one of the sequences. Only where both are equally wide can the
    two change places unnoticed.
    """
    return _blend(project(x, w_k), project(context, w_q), project(context, w_v), context_mask)


@misconception(cross_attention)
def swaps_w_k_and_w_v(x, context, w_q, w_k, w_v, context_mask=None):
    """Your queries meet what w_v makes of the context, and what w_k makes of it is blended.

    In a library labels are compared, and books carried home. Which matrix writes your
    labels?

    The two have different tasks. Where d_k and d_v are equal they can change places
    unnoticed, and labels are carried home.
    """
    return _blend(project(x, w_q), project(context, w_v), project(context, w_k), context_mask)


@misconception(cross_attention)
def leaves_x_unprojected(x, context, w_q, w_k, w_v, context_mask=None):
    """The tokens of x ask as they came in, and w_q has no say.

    What a token is, and what it asks, are two things. Where does your function make the
    second from the first?

    Without w_q a token can only look for what is like itself, and in another text nothing
    needs to be.
    """
    return _blend(x, project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def leaves_the_values_unprojected(x, context, w_q, w_k, w_v, context_mask=None):
    """You blend the tokens of the context as they came in, and w_v has no say.

    How wide is a row of the output, and which matrix gives it that width?

    A token of the context was made for its own text. w_v makes of it what x can use.
    """
    return _blend(project(x, w_q), project(context, w_k), context, context_mask)


@misconception(cross_attention)
def takes_the_context_as_it_is(x, context, w_q, w_k, w_v, context_mask=None):
    """Keys and values are both the context itself, and neither w_k nor w_v has a say.

    Another part of the model has worked on the context before. What has yet to happen to
    it before a query can meet it?

    The context is made once, but each layer that reads it learns keys and values of its
    own.
    """
    return _blend(project(x, w_q), context, context, context_mask)


@misconception(cross_attention)
def leaves_the_keys_unprojected(x, context, w_q, w_k, w_v, context_mask=None):
    """The tokens of the context are their own keys in your function, and w_k has no say.

    How wide must a key be to meet a query, and which matrix gives it that width?

    A token of the context was made for its own text. w_k makes of it what a query of x
    can find.
    """
    return _blend(project(x, w_q), context, project(context, w_v), context_mask)


@misconception(cross_attention)
def never_projects(x, context, w_q, w_k, w_v, context_mask=None):
    """You used x as queries, and the context as keys and values, all as they came in.

    What are the three matrices for, and where does each of them come into your function?

    Queries come from x, keys and values from the context, but through w_q, w_k and w_v.
    """
    return _blend(x, context, context, context_mask)


@misconception(cross_attention)
def makes_the_values_from_the_keys(x, context, w_q, w_k, w_v, context_mask=None):
    """Your values are made from the keys: the context goes through w_k, and then through w_v.

    Follow one token of the context to its key, then to its value. How many matrices lie
    on each of the two ways?

    Key and value are made from the token, side by side. A value made from a key knows
    only what the label says.
    """
    k = project(context, w_k)
    return _blend(project(x, w_q), k, project(k, w_v), context_mask)


@misconception(cross_attention)
def lays_the_mask_on_the_queries(x, context, w_q, w_k, w_v, context_mask=None):
    """The mask empties rows of your scores, and hidden tokens of the context are read all the same.

    A hidden token should be read by nobody. Does it own a row of the scores, or a column?

    Rows belong to tokens of x, of which this mask knows nothing. What it hides are
    columns.
    """
    mask = None if context_mask is None else context_mask.unsqueeze(-1)
    return attention(project(x, w_q), project(context, w_k), project(context, w_v), mask)[0]


@misconception(cross_attention)
def empties_rows_of_x_as_well(x, context, w_q, w_k, w_v, context_mask=None):
    """You hide the right tokens of the context, and empty the rows of x that have the same numbers.

    The third token of the context is hidden. What should that mean for the third token of
    x?

    In self-attention the two are one token, and padding asks nothing. Here they are
    tokens of two texts.
    """
    mask = None
    if context_mask is not None:
        mask = context_mask.unsqueeze(-2) & context_mask.unsqueeze(-1)
    return attention(project(x, w_q), project(context, w_k), project(context, w_v), mask)[0]


@misconception(cross_attention)
def blanks_the_hidden_tokens(x, context, w_q, w_k, w_v, context_mask=None):
    """Hidden tokens of the context act as zeros in your function, and zeros still take weight.

    Let a token be nothing but zeros. What is its score, and what does softmax make of
    that score?

    A score of 0 is a score like any other, and its exp is 1. What the blank token takes,
    the visible ones lack.
    """
    if context_mask is not None:
        context = context.masked_fill(~context_mask.unsqueeze(-1), 0.0)
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), None)


@misconception(cross_attention)
def hides_the_values_only(x, context, w_q, w_k, w_v, context_mask=None):
    """Hidden tokens of the context still get their share of the softmax, and that share is lost.

    Add up what one token of x gives to the visible tokens alone. What is the sum, and
    what should it be?

    To cross out a value, or a weight, after the softmax comes too late: what was shared
    out to it is given back to nobody.
    """
    v = project(context, w_v)
    if context_mask is not None:
        v = v * context_mask.unsqueeze(-1)
    return _blend(project(x, w_q), project(context, w_k), v, None)


@misconception(cross_attention)
def hides_the_later_context(x, context, w_q, w_k, w_v, context_mask=None):
    """Your first token of x reads one token of the context, the second reads two, and so on.

    Before the first word of a translation is written, how much of the source is there to
    be read?

    A causal mask hides what has yet to be written. The context has been written: none of
    it is the future.
    """
    return _token_by_token(x, context, w_q, w_k, w_v, context_mask, ahead=1)


@misconception(cross_attention)
def lines_up_the_last_tokens(x, context, w_q, w_k, w_v, context_mask=None):
    """Your last token of x reads all of the context, and each one before it a token less.

    Two tokens of x meet five of the context. How many should the first of the two read?

    To line up the last query with the last key makes sense within one text. Here no place
    in x answers to a place in the context.
    """
    ahead = context.shape[-2] - x.shape[-2] + 1
    return _token_by_token(x, context, w_q, w_k, w_v, context_mask, ahead)


@misconception(cross_attention)
def takes_samples_for_queries(x, context, w_q, w_k, w_v, context_mask=None):
    """In a batch your mask goes by queries: token i of x gets the mask of sample i.

    Write the shape of the mask below that of the scores, both ending at the right. Which
    axes come to stand together?

    The mask has no axis for the queries. As it came, its batch stands where they are, and
    where both are equally many nothing complains.
    """
    return attention(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)[0]


@misconception(cross_attention)
def counts_the_masks_axes_from_the_front(x, context, w_q, w_k, w_v, context_mask=None):
    """You give the mask its new axis in the second place, however many batch axes there are.

    A mask may have one axis, or two, or three. In which of them does your new axis meet
    the queries?

    Any number of batch axes may stand in front. Counted from the end, the queries always
    have the same place.
    """
    mask = None if context_mask is None else context_mask.unsqueeze(1)
    return attention(project(x, w_q), project(context, w_k), project(context, w_v), mask)[0]


@misconception(cross_attention)
def makes_room_for_heads(x, context, w_q, w_k, w_v, context_mask=None):
    """Your mask has one axis more than the scores, and so your output has one too many as well.

    How many axes do the scores have, and how many has the mask when the two meet?

    The second new axis is for heads, of which there are none here. Broadcasting then
    pairs every sample with the mask of every other.
    """
    scores = scaled_scores(project(x, w_q), project(context, w_k))
    v = project(context, w_v)
    if context_mask is None:
        return weighted_sum(softmax(scores), v)
    scores, mask = torch.broadcast_tensors(scores, context_mask[:, None, None])
    return weighted_sum(masked_softmax(scores, mask), v)


@misconception(cross_attention)
def lowers_hidden_scores_by_a_fixed_amount(x, context, w_q, w_k, w_v, context_mask=None):
    """You take a fixed number away from hidden scores, and a hidden score can be higher than that.

    A hidden token may have a score far above all the others. Where does that score lie
    when your softmax sees it?

    Less ten thousand, a score of a hundred thousand still beats the visible ones. Only −∞
    lies below them wherever it began.
    """
    scores = scaled_scores(project(x, w_q), project(context, w_k))
    v = project(context, w_v)
    if context_mask is None:
        return weighted_sum(softmax(scores), v)
    mask = context_mask.unsqueeze(-2)  # (..., 1, n_context)
    weights = softmax(scores - 1e4 * (~mask).to(scores.dtype))
    return weighted_sum(weights.masked_fill(~mask, 0.0), v)


@misconception(cross_attention)
def uses_the_first_mask_for_all(x, context, w_q, w_k, w_v, context_mask=None):
    """Every sample of your batch gets the mask of the first one.

    Three contexts of unequal length share a batch. How many masks does your function look
    at?

    Each mask tells what is padding in its own context; in its neighbour other tokens are.
    """
    if context_mask is not None and context_mask.dim() > 1:
        context_mask = context_mask[:1].expand(context_mask.shape)
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def takes_the_mask_for_a_length(x, context, w_q, w_k, w_v, context_mask=None):
    """You read as many tokens as the mask allows, but always the first ones of the context.

    Of four tokens the mask hides the second. Which three should be read, and which three
    are in your function?

    Padding often stands at the end, but a mask may hide any token. Its sum tells how many
    are visible, not which.
    """
    seen = None
    if context_mask is not None:
        places = torch.arange(context.shape[-2], device=context.device)
        seen = places < context_mask.sum(-1, keepdim=True)  # (..., n_context)
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), seen)


@misconception(cross_attention)
def reads_all_where_nothing_may_be_read(x, context, w_q, w_k, w_v, context_mask=None):
    """Where all of a context is hidden, your tokens of x read all of it.

    A context is hidden throughout. With which scores does it enter your softmax, and what
    becomes of its weights afterwards?

    To spare such a row its −∞ keeps NaN away, but is only the first half. Its weights
    must become zeros as well.
    """
    if context_mask is not None:
        context_mask = context_mask | ~context_mask.any(-1, keepdim=True)
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def takes_an_empty_mask_for_none(x, context, w_q, w_k, w_v, context_mask=None):
    """A mask without a single True counts as no mask in your function, and everything is read.

    Is a mask in which nothing is True a mask or none, and which of your lines decides
    that?

    Whether there is a mask, and whether it lets anything through, are two questions.
    """
    if context_mask is not None and not context_mask.any():
        context_mask = None
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def gives_up_on_the_whole_batch(x, context, w_q, w_k, w_v, context_mask=None):
    """One sample with nothing to read turns the outputs of the whole batch into zeros.

    In a batch of three, one context is hidden throughout. What should the other two
    samples get?

    Every sample has a context of its own, and theirs can be read.
    """
    output = _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)
    if context_mask is not None and not context_mask.any(-1).all():
        return torch.zeros_like(output)
    return output


@misconception(cross_attention)
def covers_up_the_nan(x, context, w_q, w_k, w_v, context_mask=None):
    """Your values are right, but a sample with nothing to read turns gradients into NaN.

    Follow a sample with nothing to read, step by step. Where does a NaN appear, even if
    only for a moment?

    A NaN that is made and then covered up comes to light again on the way back.
    """
    scores = scaled_scores(project(x, w_q), project(context, w_k))
    if context_mask is not None:
        low = torch.zeros_like(scores).masked_fill(~context_mask.unsqueeze(-2), -math.inf)
        scores = scores + low
    return weighted_sum(softmax(scores).nan_to_num(0.0), project(context, w_v))


@misconception(cross_attention)
def covers_up_the_nan_in_the_output(x, context, w_q, w_k, w_v, context_mask=None):
    """Your output is right, but where nothing may be read w_v gets NaN for a gradient.

    A NaN is taken out of the output. Which tensors made it, and what do they make of a
    gradient that comes back?

    On the way back the same weights are used once more, and even zero times NaN is NaN.
    """
    scores = scaled_scores(project(x, w_q), project(context, w_k))
    if context_mask is not None:
        scores = scores.masked_fill(~context_mask.unsqueeze(-2), -math.inf)
    return weighted_sum(softmax(scores), project(context, w_v)).nan_to_num(0.0)


@misconception(cross_attention)
def reads_the_contexts_of_all_samples(x, context, w_q, w_k, w_v, context_mask=None):
    """Your tokens of x read the contexts of all samples in the batch.

    Three sentences are translated side by side. How many keys should one token of x meet,
    and how many does it meet in yours?

    Samples share a batch to save time. Each must come out as if it were alone.
    """
    seen = _all_of(context) if context_mask is None else context_mask
    every = context.reshape(-1, context.shape[-1])  # (batch · n_context, d_context)
    k, v = project(every, w_k), project(every, w_v)
    k, v = (part.expand(*x.shape[:-2], *part.shape) for part in (k, v))
    return _blend(project(x, w_q), k, v, seen.reshape(-1).expand(k.shape[:-1]))


@misconception(cross_attention)
def pools_what_the_mask_leaves(x, context, w_q, w_k, w_v, context_mask=None):
    """With a mask, your tokens of x read the visible tokens of all samples in the batch.

    Pick out the visible tokens of three contexts. What still tells you which of the three
    each one came from?

    Picked out, they stand in one long list. Contexts keep their places, and what is
    hidden gets no weight.
    """
    if context_mask is not None:
        context = context.reshape(-1, context.shape[-1])
        context = context.expand(*x.shape[:-2], *context.shape)
        context_mask = context_mask.reshape(-1).expand(context.shape[:-1])
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def reads_the_first_context_only(x, context, w_q, w_k, w_v, context_mask=None):
    """Every sample of your batch reads the context of the first one.

    In a batch, change the context of the last sample. What should become of its output,
    and what does in yours?

    Each sample of x comes with a context of its own, in the same place of the batch.
    """
    if context.dim() > 2:
        context = context[:1].expand(context.shape)
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def scales_by_the_width_of_x(x, context, w_q, w_k, w_v, context_mask=None):
    """You scale the scores by √d_model, the width of the tokens of x.

    Two vectors meet in a score. How wide are they by then, and where do you take that
    width from?

    The tokens have been projected by then, and d_k has taken the place of their own
    width.
    """
    narrower = math.sqrt(w_q.shape[-1] / x.shape[-1])
    q = project(x, w_q) * narrower
    return _blend(q, project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def scales_by_the_width_of_the_context(x, context, w_q, w_k, w_v, context_mask=None):
    """You scale the scores by √d_context, the width of the context before it is projected.

    How many products are added up in one score, and is that the number whose root you
    take?

    What meets the queries are keys, and w_k has made them as wide as d_k.
    """
    k = project(context, w_k)
    return _blend(
        project(x, w_q),
        k * math.sqrt(k.shape[-1] / context.shape[-1]),
        project(context, w_v),
        context_mask,
    )


@misconception(cross_attention)
def averages_what_may_be_read(x, context, w_q, w_k, w_v, context_mask=None):
    """All tokens of x get the same: the plain mean of what may be read.

    Two tokens of x ask different things. From where on could their answers differ in your
    function?

    One summary for all is what translation had before attention. Each word needs other
    parts of the source.
    """
    # Queries of zeros find all keys alike.
    q = project(x, w_q) * 0.0
    return _blend(q, project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def adds_x_back(x, context, w_q, w_k, w_v, context_mask=None):
    """You added x to the output.

    Suppose there is nothing to read at all. What should a token of x get, and what does
    it get from your function?

    A decoder does add back what went in, but around its attention and not in it.
    """
    return x + _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def adds_x_back_where_it_fits(x, context, w_q, w_k, w_v, context_mask=None):
    """You add x to the output wherever their widths allow it.

    Let w_v make outputs as wide as x. Which of your lines then does something that it
    does not do otherwise?

    A decoder adds back what went in, but around its attention; what attention itself
    returns is the same thing at any width.
    """
    output = _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)
    return output + x if output.shape == x.shape else output


@misconception(cross_attention)
def turns_the_output_over(x, context, w_q, w_k, w_v, context_mask=None):
    """The rows of your output are features, and its columns are tokens.

    Row i of the output belongs to token i of x. What stands in row i of yours?

    Tokens are rows throughout this course, and whatever comes next counts on it.
    """
    output = _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)
    return output.transpose(-2, -1)


@misconception(cross_attention)
def answers_with_the_weights(x, context, w_q, w_k, w_v, context_mask=None):
    """You returned the weights instead of the output.

    What do the numbers in one row of your result stand for: tokens of the context, or
    features of a value?

    Weights say where a token of x looks; the output is what it finds there.
    """
    mask = None if context_mask is None else context_mask.unsqueeze(-2)
    return attention(project(x, w_q), project(context, w_k), project(context, w_v), mask)[1]


@misconception(cross_attention)
def hands_back_the_weights_as_well(x, context, w_q, w_k, w_v, context_mask=None):
    """You return the output and the weights, where the output alone was asked for.

    How many things does the docstring promise to return, and how many does your function
    hand back?

    Whoever calls this function goes on computing with what comes back, and with two
    things in one that cannot be done.
    """
    mask = None if context_mask is None else context_mask.unsqueeze(-2)
    return attention(project(x, w_q), project(context, w_k), project(context, w_v), mask)


@misconception(cross_attention)
def loses_the_axis_of_a_single_token(x, context, w_q, w_k, w_v, context_mask=None):
    """Where x has a single token, your output has no axis for tokens.

    A translation begins with one token. How many axes should its output have, and how
    many does yours?

    An axis of size 1 still counts tokens, and the caller goes on to the second one.
    """
    output = _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)
    return output.squeeze(-2)


@misconception(cross_attention)
def detaches_the_context(x, context, w_q, w_k, w_v, context_mask=None):
    """Your values are right, but no gradient finds its way back to the context.

    Who made the context, and how should that part of the model learn that it made it
    badly?

    An encoder learns from the translation it serves, by this gradient alone. Who wants it
    frozen freezes it outside.
    """
    context = context.detach()
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def detaches_the_keys(x, context, w_q, w_k, w_v, context_mask=None):
    """Your values are right, but no gradient finds its way back through the keys.

    What a token of the context is found by has to be learnt. By which tensor does that
    gradient have to pass?

    w_k stays as it is, and the context learns to be worth reading, but not to be found.
    """
    k = project(context, w_k).detach()
    return _blend(project(x, w_q), k, project(context, w_v), context_mask)


@misconception(cross_attention)
def detaches_the_values(x, context, w_q, w_k, w_v, context_mask=None):
    """Your values are right, but no gradient finds its way back through what w_v makes.

    What a token of the context hands over has to be learnt. By which tensor does that
    gradient have to pass?

    w_v stays as it is, and the context learns to be found, but not to be worth reading.
    """
    v = project(context, w_v).detach()
    return _blend(project(x, w_q), project(context, w_k), v, context_mask)


@misconception(cross_attention)
def keeps_only_the_numbers_of_keys_and_values(x, context, w_q, w_k, w_v, context_mask=None):
    """Your values are right, but neither keys nor values let a gradient through.

    Keys and values may be kept for a whole translation. What besides their numbers is
    needed while a model learns?

    Then w_k, w_v and whatever made the context learn nothing, and x adapts itself to what
    never moves.
    """
    with torch.no_grad():
        k, v = project(context, w_k), project(context, w_v)
    return _blend(project(x, w_q), k, v, context_mask)


@misconception(cross_attention)
def answers_in_single_precision(x, context, w_q, w_k, w_v, context_mask=None):
    """Your values are right, but they always come back as float32.

    In which dtype do x and the context come in, and which of your lines leaves it?

    To compute in float32 can be wise, but whoever called you goes on in the dtype that
    went in.
    """
    x, context, w_q, w_k, w_v = (part.float() for part in (x, context, w_q, w_k, w_v))
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)


@misconception(cross_attention)
def blanks_the_context_it_was_given(x, context, w_q, w_k, w_v, context_mask=None):
    """Your output is right, but hidden tokens of the context you were given are overwritten.

    Compare the context before the call with the context after it. Which of your lines
    writes into it?

    The same context is read by the next layer, and again for the next token. It belongs
    to the caller.
    """
    if context_mask is not None:
        context[~context_mask] = 0.0
    return _blend(project(x, w_q), project(context, w_k), project(context, w_v), context_mask)
