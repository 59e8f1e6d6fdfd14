"""08 · Multi-head attention: the right way, then the ways people go wrong.

Rows are queries, columns are keys; `...` stands for any number of leading batch
dimensions, none included. Heads are the slow part of the width: of H heads, head h owns the
columns h·d/H to (h+1)·d/H − 1 of a tensor (..., n, d); with heads it is (..., H, n, d/H). A
mask is boolean, and True means "may attend". Weights multiply from the right: `x @ w`. A
result has the dtype and the device of its inputs, no argument is changed, and gradients
flow through all three functions.

This file starts from nothing: write the earlier steps again where you need them, as short
as you like. Torch's softmax is free; its attention is not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.bank import misconception
from solutions.attention import attention, weighted_sum
from solutions.causal_mask import causal_mask
from solutions.qkv_projection import project, project_qkv
from solutions.scaled_scores import dot_scores, scaled_scores
from solutions.softmax import masked_softmax, softmax


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """Cut the width of every token into heads.

    x: (..., n, d). n_heads: how many heads there are.

    Returns (..., n_heads, n, d / n_heads): head h holds its own columns of every token.
    Raises ValueError where n_heads does not divide d.
    """
    d = x.shape[-1]
    if n_heads < 1 or d % n_heads:
        raise ValueError(f"A width of {d} cannot be cut into {n_heads} heads of one size.")
    return x.reshape(*x.shape[:-1], n_heads, d // n_heads).transpose(-3, -2)


def merge_heads(x: Tensor) -> Tensor:
    """Lay the heads of every token side by side again: what undoes split_heads.

    x: (..., n_heads, n, d_head). Returns (..., n, n_heads·d_head), the columns of head 0
    first.
    """
    return x.transpose(-3, -2).flatten(-2)


def multi_head_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_heads: int,
    mask: Tensor | None = None,
) -> Tensor:
    """Self-attention in several heads side by side, whose outputs are mixed by w_o.

    x: tokens, (..., n, d_model). w_q and w_k: (d_model, n_heads·d_k); w_v: (d_model,
    n_heads·d_v); w_o: (n_heads·d_v, d_model). Each head divides its scores by √d_k, the root
    of its own width; d_k and d_v may differ, and d_model may have nothing to do with them.
    mask: boolean, True where a query may attend to a key; (n, n), or (..., n, n) with the
    batch dimensions of x. It holds for every head. None: every token may attend to all.

    Returns (..., n, d_model). A query that may attend to nothing gets zeros, and there is no
    NaN in the result, nor in any gradient.
    """
    q, k, v = (split_heads(part, n_heads) for part in project_qkv(x, w_q, w_k, w_v))
    output, _ = attention(q, k, v, None if mask is None else mask.unsqueeze(-3))
    return project(merge_heads(output), w_o)


# -- the ways people go wrong --------------------------------------------------


def _width_of_a_head(x, n_heads):
    """d / n_heads, where it is a whole number."""
    d = x.shape[-1]
    if n_heads < 1 or d % n_heads:
        raise ValueError(f"A width of {d} cannot be cut into {n_heads} heads of one size.")
    return d // n_heads


def _cut(x, n_heads):
    """The width of every token in heads, which stay behind the tokens."""
    return x.unflatten(-1, (n_heads, _width_of_a_head(x, n_heads)))  # (..., n, n_heads, d_head)


@misconception(split_heads)
def deals_out_in_reading_order(x, n_heads):
    """You dealt out the numbers of a sequence as one reads them, so the rows of tokens are mixed.

    Take the first row of your first head. From which token is it, and the second row, from
    which?

    A reshape keeps numbers in the order of reading, whatever its new axes are called; it
    takes no number from a token to a head.
    """
    *batch, n, _ = x.shape
    return x.reshape(*batch, n_heads, n, _width_of_a_head(x, n_heads))


@misconception(split_heads)
def shares_out_the_tokens(x, n_heads):
    """Your heads share out the tokens: each holds some of them, in their whole width.

    How many tokens are there in one of your heads, and how many numbers does it have of
    each?

    A head looks at the whole sequence through columns of its own: what is cut is a token,
    not the sequence.
    """
    _width_of_a_head(x, n_heads)
    return x.unflatten(-2, (n_heads, -1))


@misconception(split_heads)
def shares_out_the_first_axis(x, n_heads):
    """You cut the first axis of x into heads, whatever it counts.

    Split one sequence, then a batch of them. What is in the first head of each result?

    A cut that is told no axis goes through the first one, and that counts tokens, or
    samples, but never columns.
    """
    _width_of_a_head(x, n_heads)
    return torch.stack(x.chunk(n_heads), dim=-3)


@misconception(split_heads)
def deals_the_columns_out_in_turn(x, n_heads):
    """You dealt the columns out in turn, so those of one head are no neighbours.

    Number the columns of a token. Which numbers does your first head hold, and which should
    it hold?

    Heads are the slow part of the width: the first columns all belong to head 0, the next
    ones to head 1.
    """
    parts = x.unflatten(-1, (_width_of_a_head(x, n_heads), n_heads))
    return parts.movedim(-1, -3)


@misconception(split_heads)
def counts_the_heads_backwards(x, n_heads):
    """Your heads stand in reverse order: the first one holds the last columns.

    Split a row that holds the numbers 0, 1, 2 and so on. In which head do you find the 0?

    Head 0 owns the first columns. Whoever looks for a head by its number finds another one
    here.
    """
    return _cut(x, n_heads).transpose(-3, -2).flip(-3)


@misconception(split_heads)
def leaves_the_heads_behind_the_tokens(x, n_heads):
    """You cut the width rightly, and left the axis of the heads behind that of the tokens.

    A matrix product works on the last two axes of each tensor. What do these two count in
    your result?

    There the heads of one token would meet each other, and no token would ever meet
    another.
    """
    return _cut(x, n_heads)


@misconception(split_heads)
def sends_the_heads_to_the_end(x, n_heads):
    """The heads are the last axis of your result, behind the columns that they hold.

    Write beside each axis of your result what it counts. In which order do tokens, heads
    and columns come?

    Each head is to be a table of its own, with a row for each token: tokens and columns
    come last, in this order.
    """
    return _cut(x, n_heads).transpose(-2, -1)


@misconception(split_heads)
def turns_every_head_over(x, n_heads):
    """Each of your heads is turned over: its rows are columns of x, and its columns are tokens.

    Look at one of your heads as a table. What does each row of it belong to?

    Keys are turned over where scores are made, and nowhere else; queries and values never
    are.
    """
    return _cut(x, n_heads).movedim(-3, -1)


@misconception(split_heads)
def puts_the_heads_before_the_batch(x, n_heads):
    """The axis of the heads comes first in your result, even before the batch.

    Split a batch of sentences. What does the first axis count before, and what does it
    count afterwards?

    Batch dimensions stay in front, so that whoever takes the first sample gets all of its
    heads.
    """
    _width_of_a_head(x, n_heads)
    return torch.stack(x.chunk(n_heads, dim=-1))


@misconception(split_heads)
def folds_the_heads_into_the_batch(x, n_heads):
    """You made a single axis of batch and heads.

    How many axes does a batch of sentences have, and how many should it have once it is
    split?

    No number is lost, but a mask for each sample no longer fits, and whoever looks for the
    samples finds heads.
    """
    heads = _cut(x, n_heads).transpose(-3, -2)
    return heads.reshape(math.prod(heads.shape[:-2]), *heads.shape[-2:])


@misconception(split_heads)
def always_has_one_batch_axis(x, n_heads):
    """Your result has exactly one batch axis, however many x has.

    Split one sequence without a batch, then a batch of batches. How many axes does each
    result have?

    Any number of axes may stand in front of the tokens, none included, and all of them go
    through as they are.
    """
    heads = _cut(x, n_heads).transpose(-3, -2)
    return heads.reshape(math.prod(x.shape[:-2]), *heads.shape[-3:])


@misconception(split_heads)
def counts_the_axes_from_the_front(x, n_heads):
    """The axes you exchange are the second and the third from the front, whatever they hold.

    Say what each axis holds, once for a sequence without a batch and once with two batch
    axes. Which ones change places?

    Counted from the end, tokens, heads and columns keep their numbers, whatever stands in
    front of them.
    """
    return _cut(x, n_heads).transpose(1, 2)


@misconception(split_heads)
def exchanges_the_first_two_axes(x, n_heads):
    """The axes you exchange are the first two, and in a batch these are not tokens and heads.

    What is the first axis of x when there is a batch, and where do you find it in your
    result?

    For a single sequence the first two are the right ones; a batch takes their place.
    """
    return _cut(x, n_heads).transpose(0, 1)


@misconception(split_heads)
def takes_the_number_for_the_width(x, n_heads):
    """You made heads of width n_heads, and as many of them as fit.

    Cut a row of six into two heads. How many come out of your function, and how wide is
    each?

    How many heads there are is given, and how wide each one is follows from it.
    """
    parts = x.unflatten(-1, (_width_of_a_head(x, n_heads), n_heads))
    return parts.transpose(-3, -2)


@misconception(split_heads)
def gives_all_heads_the_first_columns(x, n_heads):
    """Every head holds the same columns, the first ones, and the others are lost.

    Each column of x should turn up in your result once. Which of them do, and how often?

    Heads that see the same columns see the same things, and what the others hold is never
    read.
    """
    first = x[..., : _width_of_a_head(x, n_heads)]
    return torch.stack([first] * n_heads, dim=-3)


@misconception(split_heads)
def gives_all_heads_the_whole_width(x, n_heads):
    """Each of your heads holds every token in its whole width.

    How many numbers go into your function, and how many come out?

    A head gets a part of the width for its own. Together they are as wide as the token, and
    no wider.
    """
    _width_of_a_head(x, n_heads)
    return torch.stack([x] * n_heads, dim=-3)


@misconception(split_heads)
def begins_one_column_further(x, n_heads):
    """Each of your heads begins one column after the one before it, so they overlap.

    At which column does your first head end, and at which does the second begin?

    A head begins where the one before it ends, and that is a whole head further on.
    """
    wide = _width_of_a_head(x, n_heads)
    return torch.stack([x[..., h : h + wide] for h in range(n_heads)], dim=-3)


@misconception(split_heads)
def leaves_the_last_head_out(x, n_heads):
    """The last head is missing from your result.

    Count the heads of your result, and their columns all together. How many did x have?

    Its columns hold a part of every token that no other head has.
    """
    return _cut(x, n_heads).transpose(-3, -2)[..., :-1, :, :].clone()


@misconception(split_heads)
def gives_a_single_head_no_axis(x, n_heads):
    """Where there is a single head, your result has no axis of heads.

    How many axes does your result have for two heads, and how many for one?

    One is a number of heads like any other, and whoever asks for the axis of the heads
    finds another one in its place.
    """
    heads = _cut(x, n_heads).transpose(-3, -2)
    return heads.squeeze(-3) if n_heads == 1 else heads


@misconception(split_heads)
def loses_axes_of_size_one(x, n_heads):
    """Every axis of size 1 is gone from your result.

    A sentence may be a single word, and a head a single column. Which axes should the
    result have then?

    An axis of size 1 still counts something, and the caller relies on finding it.
    """
    return _cut(x, n_heads).transpose(-3, -2).squeeze()


@misconception(split_heads)
def goes_on_where_it_does_not_fit(x, n_heads):
    """Where n_heads does not divide the width you go on all the same, and nothing is raised.

    Cut a row of seven into three heads of one size. What becomes of each of the seven
    numbers?

    Heads of one size cannot share out what is left over, and whoever asked for them should
    be told.
    """
    wide = x.shape[-1] // n_heads
    return x[..., : n_heads * wide].unflatten(-1, (n_heads, wide)).transpose(-3, -2)


@misconception(split_heads)
def raises_a_runtime_error(x, n_heads):
    """Where n_heads does not divide the width it is a RuntimeError that is raised.

    Which line stops your function when the width cannot be cut, and what does it tell the
    caller?

    That is how torch complains of shapes. Here it is the caller's number that is wrong, and
    for that Python has ValueError.
    """
    if x.shape[-1] % n_heads:
        raise RuntimeError("The shape is invalid for input of this size.")
    return split_heads(x, n_heads)


@misconception(split_heads)
def asserts_that_it_fits(x, n_heads):
    """Where n_heads does not divide the width it is an AssertionError that is raised.

    Who made the mistake when a width cannot be cut: you or your caller? Which exception
    says so?

    An assertion is a note to oneself, and Python leaves it out when it is told to optimise.
    """
    if x.shape[-1] % n_heads:
        raise AssertionError("The heads must divide the width.")
    return split_heads(x, n_heads)


@misconception(split_heads)
def collects_heads_in_single_precision(x, n_heads):
    """Your heads come back as float32, whatever x is.

    Which dtype does x have, and which of your lines makes a tensor or names a dtype?

    To cut is no arithmetic, and there is no reason for a number to change.
    """
    return _cut(x, n_heads).transpose(-3, -2).float()


@misconception(split_heads)
def collects_heads_on_the_cpu(x, n_heads):
    """You made a tensor on the CPU, wherever x is.

    Which of your lines makes a tensor from nothing, and how is it told where x lies?

    On a GPU the heads would be taken from one place to another, or not come through at all.
    """
    wide = _width_of_a_head(x, n_heads)
    heads = torch.empty(*x.shape[:-2], n_heads, x.shape[-2], wide, dtype=x.dtype)
    return heads.copy_(_cut(x, n_heads).transpose(-3, -2))


@misconception(split_heads)
def cuts_the_gradient_with_the_width(x, n_heads):
    """Your heads are right, but no gradient finds its way back to x.

    Go back from one of your heads to x. Which step keeps the numbers, but not where they
    came from?

    What makes queries, keys and values lies behind this function, and could never learn.
    """
    return _cut(x, n_heads).transpose(-3, -2).detach()


@misconception(split_heads)
def collects_samples_in_an_empty_list(x, n_heads):
    """From an empty batch you return a tensor of shape (0,).

    A batch may hold no sample at all. Where does your result take its axes from then?

    What is collected sample by sample knows nothing of heads and columns until the first
    sample comes.
    """
    heads = _cut(x, n_heads).transpose(-3, -2)
    return heads if heads.numel() or x.dim() < 3 else x.new_empty(0)


def _beside(x):
    """The heads of every token next to each other, each still with an axis of its own."""
    return x.transpose(-3, -2)  # (..., n, n_heads, d_head)


@misconception(merge_heads)
def reads_head_after_head(x):
    """You laid the numbers out head after head, so that a row holds several tokens.

    Take the first row of your result. Which tokens do its numbers belong to?

    In the order of reading one head comes to its end before the next begins; the parts of
    one token lie far apart.
    """
    *batch, n_heads, n, d_head = x.shape
    return x.reshape(*batch, n, n_heads * d_head)


@misconception(merge_heads)
def lays_each_head_in_one_row(x):
    """Each row of your result is one whole head, all its tokens in a line.

    What does one row of your result belong to, and what should it belong to?

    A row is a token: what every head has found for it belongs side by side.
    """
    return x.flatten(-2)


@misconception(merge_heads)
def makes_as_many_rows_as_heads(x):
    """The numbers of your result are in the right order, in as many rows as there are heads.

    How many rows has your result for two heads and three tokens?

    Two axes that change places take their sizes along, and what was read off the shape
    before is no longer true.
    """
    *batch, n_heads, n, d_head = x.shape
    return _beside(x).reshape(*batch, n_heads, n * d_head)


@misconception(merge_heads)
def weaves_the_heads_together(x):
    """Your rows take one column from each head in turn.

    Merge two heads of width 3. Which columns of your result come from the first head?

    A head's columns stay together, those of head 0 first, or w_o will meet the wrong ones.
    """
    return x.movedim(-3, -1).flatten(-2)


@misconception(merge_heads)
def begins_with_the_last_head(x):
    """You laid the heads side by side in reverse order, the last one first.

    Whose columns are the first ones of your result, and whose should they be?

    What is split and merged again should be as it was before.
    """
    return _beside(x.flip(-3)).flatten(-2)


@misconception(merge_heads)
def adds_the_heads_up(x):
    """You added the heads up.

    How wide is a token after your function, and how wide was it before it was split?

    Once the heads are summed, nobody can tell any more which of them had found what.
    """
    return x.sum(-3)


@misconception(merge_heads)
def averages_the_heads(x):
    """You took the mean of the heads.

    Two heads have found opposite things about a token. What is left of them in your result?

    Heads do not vote. Each has something of its own to say, and needs columns of its own
    for it.
    """
    return x.mean(-3)


@misconception(merge_heads)
def keeps_the_first_head_alone(x):
    """Your result is the first head alone.

    Change a number in the second head. What should become of the result, and what becomes
    of yours?

    What the others have found is thrown away, and their work with it.
    """
    return x[..., 0, :, :].clone()


@misconception(merge_heads)
def forgets_the_last_head(x):
    """The columns of the last head are missing from your result.

    How many columns do all heads have together, and how many does your result have?

    What the last head has found about every token is lost.
    """
    return _beside(x[..., :-1, :, :]).flatten(-2)


@misconception(merge_heads)
def lays_the_heads_below_each_other(x):
    """You laid the heads below each other, not side by side.

    How many rows does your result have, and how many tokens are there?

    One token's parts then stand in several rows, and no row has all of them.
    """
    return x.flatten(-3, -2)


@misconception(merge_heads)
def gives_each_part_a_row(x):
    """Your rows go token by token, but each part of a token has a row of its own.

    Which two axes do you make one, and which two should become one?

    Tokens stay apart; it is heads and their columns that become one axis, the width.
    """
    return _beside(x).flatten(-3, -2)


@misconception(merge_heads)
def leaves_the_heads_apart(x):
    """Your heads stand beside each other, but still have an axis of their own.

    How many axes does your result have, and how many did the tokens have before they were
    split?

    The matrix that comes next multiplies whole rows, and the parts of a token are not yet
    one.
    """
    return _beside(x)


@misconception(merge_heads)
def exchanges_tokens_and_columns(x):
    """You exchanged tokens and columns before you laid the numbers out, and rows mix tokens.

    Write down the axes in the order they have just before you lay the numbers out. Which
    one moves fastest, and which comes next?

    Heads have to come just before their columns. It is tokens and heads that change places.
    """
    *batch, n_heads, n, d_head = x.shape
    return x.transpose(-2, -1).reshape(*batch, n, n_heads * d_head)


@misconception(merge_heads)
def turns_the_result_over(x):
    """Your result is turned over: its columns are tokens.

    Which axis of your result counts the tokens, and which axis should?

    Rows are tokens here as everywhere, and w_o stands on the right of them.
    """
    return x.transpose(-2, -1).flatten(-3, -2)


@misconception(merge_heads)
def counts_its_axes_from_the_front(x):
    """The axes you exchange are the second and third from the front, whatever they hold.

    Which axes change places without a batch, which with one batch axis, and which with two?

    Counted from the end, heads, tokens and columns keep their numbers, whatever stands in
    front of them.
    """
    return x.transpose(1, 2).flatten(-2)


@misconception(merge_heads)
def exchanges_its_first_two_axes(x):
    """The axes you exchange are the first two, and in a batch these are not heads and tokens.

    Merge the heads of a whole batch. Which axis should stay the first, and which one is the
    first in your result?

    Without a batch the first two are the right ones; with one, samples change places with
    heads.
    """
    return x.transpose(0, 1).flatten(-2)


@misconception(merge_heads)
def always_leaves_one_batch_axis(x):
    """Your result has exactly one batch axis, however many x has.

    Which axes may stand in front of the heads, and what becomes of them in your function?

    There may be any number of them, none included, and all of them go through as they are.
    """
    merged = _beside(x).flatten(-2)
    return merged.reshape(math.prod(x.shape[:-3]), *merged.shape[-2:])


@misconception(merge_heads)
def drops_axes_of_size_one(x):
    """Every axis of size 1 is gone from your result.

    A batch may hold one sentence, and a sentence one word. Which axes does your result have
    then?

    An axis of size 1 still counts something; only that of the heads goes, whatever its
    size.
    """
    return _beside(x).flatten(-2).squeeze()


@misconception(merge_heads)
def exchanges_axes_in_place(x):
    """Your result is right, but the tensor you were given has changed its shape.

    Which of your lines makes a new tensor, and which one changes x itself?

    Calls that end in `_` work in place, and whoever still holds that tensor finds its axes
    exchanged.
    """
    return x.transpose_(-3, -2).flatten(-2)


@misconception(merge_heads)
def merges_in_single_precision(x):
    """Your result comes back as float32, whatever x is.

    Which dtype do the heads have, and which one does your result have? Where does it
    change?

    To lay numbers side by side is no arithmetic, and there is no reason for them to change.
    """
    return _beside(x).flatten(-2).float()


@misconception(merge_heads)
def merges_on_the_cpu(x):
    """You made a tensor on the CPU, wherever the heads are.

    Which tensor does your function make from nothing, and what tells it where to lie?

    A tensor made from nothing lies on the CPU unless you say otherwise.
    """
    *batch, n_heads, n, d_head = x.shape
    return torch.empty(*batch, n, n_heads * d_head, dtype=x.dtype).copy_(_beside(x).flatten(-2))


@misconception(merge_heads)
def lets_go_of_the_heads(x):
    """Your result is right, but no gradient finds its way back to the heads.

    Go back from your result to the heads. Which step forgets where the numbers came from?

    Everything before this function learns through it, and here the thread is cut.
    """
    return _beside(x).flatten(-2).detach()


@misconception(merge_heads)
def merges_into_an_empty_list(x):
    """From an empty batch you return a tensor of shape (0,).

    Which shape should come out when a batch holds no sample, and what does your function
    take it from?

    What is collected sample by sample has no other axes until the first sample comes.
    """
    return _beside(x).flatten(-2) if x.numel() or x.dim() < 4 else x.new_empty(0)


def _of_heads(mask):
    """A mask with an axis for the heads, if there is one."""
    return None if mask is None else mask.unsqueeze(-3)


def _shared_out(scores, mask, dim=-1):
    """The softmax of the scores, of what is visible where there is a mask."""
    return softmax(scores, dim) if mask is None else masked_softmax(scores, mask, dim)


def _in_heads(x, w_q, w_k, w_v, n_heads):
    """Queries, keys and values, (..., n_heads, n, d_head) each."""
    return tuple(split_heads(part, n_heads) for part in project_qkv(x, w_q, w_k, w_v))


def _found(x, w_q, w_k, w_v, n_heads, mask):
    """What the heads have found, (..., n_heads, n, d_v)."""
    return attention(*_in_heads(x, w_q, w_k, w_v, n_heads), _of_heads(mask))[0]


def _written(found, w_o):
    """What each head writes: its own columns times its own rows of w_o."""
    return found @ w_o.unflatten(0, (found.shape[-3], -1))  # (..., n_heads, n, d_model)


def _rescaled(x, w_q, w_k, w_v, w_o, n_heads, mask, width):
    """Multi-head attention whose scores are divided by the root of another width."""
    q, k, v = _in_heads(x, w_q, w_k, w_v, n_heads)
    weights = _shared_out(dot_scores(q, k) / math.sqrt(width), _of_heads(mask))
    return project(merge_heads(weighted_sum(weights, v)), w_o)


@misconception(multi_head_attention)
def attends_once_over_the_whole_width(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output is that of a single head, however many were asked for.

    Ask for one head, then for two. What should change in the output, and what does?

    One softmax is one way of looking. Cut into heads, the same width looks in several ways
    at once.
    """
    output, _ = attention(*project_qkv(x, w_q, w_k, w_v), mask)
    return project(output, w_o)


@misconception(multi_head_attention)
def attends_once_and_scales_for_a_head(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You attended once, over the whole width, and n_heads changes nothing but your scale.

    How many tables of weights are there for one sentence in your function, and how many
    should there be?

    To divide by the root of a head's width does not cut anything; all columns still share
    one way of looking.
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    output, _ = attention(q * math.sqrt(n_heads), k, v, mask)
    return project(output, w_o)


@misconception(multi_head_attention)
def scales_by_all_heads_together(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You divided the scores by the root of the width of all heads together.

    How many products are added up in one score of one head?

    A score knows one head's columns only. Divided by the root of all, it is too small, and
    the weights are too even.
    """
    return _rescaled(x, w_q, w_k, w_v, w_o, n_heads, mask, w_q.shape[-1])


@misconception(multi_head_attention)
def scales_by_the_tokens_width(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You divided the scores by √d_model, the root of the width of the tokens.

    How wide are the two vectors that meet in a score, and by the root of which width do you
    divide?

    The tokens have been projected and cut by then, and two vectors meet that are only as
    wide as a head.
    """
    return _rescaled(x, w_q, w_k, w_v, w_o, n_heads, mask, x.shape[-1])


@misconception(multi_head_attention)
def scales_by_a_share_of_the_tokens_width(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You divided the scores by the root of d_model / n_heads, which need not be a head's width.

    Where can you read off how wide the queries of one head are?

    A projection may make its result wider or narrower than the token. What counts is what
    it has made.
    """
    return _rescaled(x, w_q, w_k, w_v, w_o, n_heads, mask, x.shape[-1] // n_heads)


@misconception(multi_head_attention)
def scales_by_the_number_of_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You divided the scores by the root of the number of heads.

    Suppose there are more heads, all as wide as before. What becomes of a dot product in
    one of them?

    Another head beside it makes no dot product longer; only more columns in this head do.
    """
    return _rescaled(x, w_q, w_k, w_v, w_o, n_heads, mask, n_heads)


@misconception(multi_head_attention)
def leaves_w_o_out(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You returned the merged heads as they are, and w_o has no say.

    Four matrices come in. What does the fourth one do in your function?

    As long as they only stand side by side, no head has added anything to the columns of
    another.
    """
    return merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask))


@misconception(multi_head_attention)
def turns_w_o_over(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You multiplied the merged heads by w_o transposed.

    Which axis of w_o counts the columns of the merged heads, and which axis do they meet in
    your function?

    Torch's own layers keep their weights like that; here the way in comes first, then the
    way out.
    """
    return project(merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask)), w_o.transpose(-2, -1))


@misconception(multi_head_attention)
def sends_all_heads_through_the_same_rows(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You sent every head through the first rows of w_o, as if all had the same columns.

    Which rows of w_o belong to the second head, and which rows does it meet in your
    function?

    Merged, each head has columns of its own, and for each column w_o has a row of its own.
    """
    found = _found(x, w_q, w_k, w_v, n_heads, mask)
    return (found @ w_o[: found.shape[-1]]).sum(-3)


@misconception(multi_head_attention)
def keeps_the_heads_apart_to_the_end(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Each head reaches only its own share of the columns of your output, and no other.

    Change what the first head has found. Which columns of the output should change, and
    which do?

    Every head may write into the whole token: through w_o what one has found meets what
    another has.
    """
    written = _written(_found(x, w_q, w_k, w_v, n_heads, mask), w_o)  # (..., n_heads, n, d_model)
    own = written.unflatten(-1, (n_heads, -1))  # (..., n_heads, n, n_heads, d_model / n_heads)
    return torch.cat([own[..., h, :, h, :] for h in range(n_heads)], dim=-1)


@misconception(multi_head_attention)
def averages_what_the_heads_write(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output is divided by the number of heads.

    Compare your output with one that is done by hand. Which factor lies between the two,
    and where does it come from?

    A matrix product adds up what comes from all its rows. Nothing in it is a mean.
    """
    return _written(_found(x, w_q, w_k, w_v, n_heads, mask), w_o).mean(-3)


@misconception(multi_head_attention)
def keeps_what_the_last_head_wrote(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output holds what the last head has written, and nothing of the others.

    Go from head to head. What is in your output after the first one, and what after the
    second?

    All heads write into the same token, and what each adds to it has to stay.
    """
    return _written(_found(x, w_q, w_k, w_v, n_heads, mask), w_o)[..., -1, :, :].clone()


@misconception(multi_head_attention)
def never_hears_the_last_head(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """The last head has no part in your output.

    Change the last columns of w_v. What should become of the output, and what becomes of
    yours?

    It has looked at the whole sentence as the others have, and what it found is lost.
    """
    return _written(_found(x, w_q, w_k, w_v, n_heads, mask), w_o)[..., :-1, :, :].sum(-3)


@misconception(multi_head_attention)
def averages_the_weights(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You made one table of weights out of those of all heads, their mean, and used it for all.

    With how many different tables of weights do you blend the values of one sentence?

    The mean of several ways of looking is one way of looking. Each head blends its own
    values with its own weights.
    """
    _, weights = attention(*_in_heads(x, w_q, w_k, w_v, n_heads), _of_heads(mask))
    return project(weighted_sum(weights.mean(-3), project(x, w_v)), w_o)


@misconception(multi_head_attention)
def shows_each_head_a_part_of_the_token(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Each of your heads is made from a part of the token, and never sees the rest of it.

    Which numbers of a token have a say in the query of the first head?

    It is what the matrices make that is cut, not what goes into them: every head may learn
    to use any part of the token.
    """
    parts = x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)  # (..., n_heads, n, d_model / H)

    def blocks(w):
        rows = w.unflatten(0, (n_heads, -1)).unflatten(-1, (n_heads, -1))
        return torch.stack([rows[h, :, h] for h in range(n_heads)])

    output, _ = attention(*(parts @ blocks(w) for w in (w_q, w_k, w_v)), _of_heads(mask))
    return project(merge_heads(output), w_o)


@misconception(multi_head_attention)
def gives_all_heads_the_keys_of_the_first(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """All your heads use the keys and values of the first head.

    Change the last columns of w_k. In which head should something change, and does it in
    yours?

    Some later models do share keys and values; here each head has labels and books of its
    own.
    """
    q, k, v = _in_heads(x, w_q, w_k, w_v, n_heads)
    k, v = (part[..., :1, :, :].expand_as(part) for part in (k, v))
    return project(merge_heads(attention(q, k, v, _of_heads(mask))[0]), w_o)


@misconception(multi_head_attention)
def hides_in_the_first_head_only(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """The mask holds in your first head only, and the others see everything.

    For how many heads is the mask meant, and which of them does it reach?

    What one head must not see, no head may see: a single one that peeks tells all the rest.
    """
    if mask is not None:
        others = torch.ones_like(mask).unsqueeze(-3)
        mask = torch.cat([mask.unsqueeze(-3)] + [others] * (n_heads - 1), dim=-3)
    output, _ = attention(*_in_heads(x, w_q, w_k, w_v, n_heads), mask)
    return project(merge_heads(output), w_o)


@misconception(multi_head_attention)
def hands_the_samples_masks_to_the_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Where each sample has a mask of its own, you handed these masks out to the heads.

    Line up the shapes of your scores and of a mask for each sample, from the right. What
    does each axis meet?

    Just before the tokens come the heads, so a mask without an axis for them is taken for
    one mask per head.
    """
    output, _ = attention(*_in_heads(x, w_q, w_k, w_v, n_heads), mask)
    return project(merge_heads(output), w_o)


@misconception(multi_head_attention)
def puts_the_axis_of_the_heads_second(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You made the heads the second axis of every mask, which is right behind one batch axis only.

    A mask may be for all samples or one for each. At which place must the heads come in the
    one, and in the other?

    Counted from the end, the heads are always in the same place, just before the last two.
    """
    mask = None if mask is None else mask.unsqueeze(1)
    output, _ = attention(*_in_heads(x, w_q, w_k, w_v, n_heads), mask)
    return project(merge_heads(output), w_o)


@misconception(multi_head_attention)
def gives_heads_the_masks_of_other_samples(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Where each sample has a mask of its own, your heads get the masks of other samples.

    In which order do samples and heads follow one another in your scores, and in which in
    your masks?

    All heads of the first sample come first, then those of the second. Masks that are
    repeated as a whole follow another order.
    """
    q, k, v = _in_heads(x, w_q, w_k, w_v, n_heads)
    if mask is not None and mask.dim() > 2:
        repeated = mask.flatten(0, -3).repeat(n_heads, 1, 1)
        mask = repeated.reshape(*q.shape[:-1], q.shape[-2])
    output, _ = attention(q, k, v, mask)
    return project(merge_heads(output), w_o)


@misconception(multi_head_attention)
def lets_the_heads_meet(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your scores compare the heads of one token, and no token meets another.

    Write down the shape of your scores. What do the last two axes count?

    A matrix product takes the last two axes. If tokens are not one of them, each stays by
    itself.
    """
    q, k, v = (part.unflatten(-1, (n_heads, -1)) for part in project_qkv(x, w_q, w_k, w_v))
    output, _ = attention(q, k, v, _of_heads(mask))
    return project(output.flatten(-2), w_o)


@misconception(multi_head_attention)
def views_there_and_back(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your heads hold the numbers in reading order, and are put together again in that order.

    Cut and put together, everything is where it was. Which head did each number visit in
    between?

    Two reshapes undo each other, but in between the rows were made of several tokens, and
    these did the looking.
    """
    *batch, n, _ = x.shape
    cut = (
        part.reshape(*batch, n_heads, n, part.shape[-1] // n_heads)
        for part in project_qkv(x, w_q, w_k, w_v)
    )
    output, _ = attention(*cut, _of_heads(mask))
    return project(output.reshape(*batch, n, -1), w_o)


@misconception(multi_head_attention)
def deals_columns_out_and_back(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your heads take the columns in turn, and the merge puts each column back in its place.

    Which columns of the queries belong to the first head, and which of them does it hold in
    your function?

    The columns are back where they were, but those of other heads have looked together.
    """
    q, k, v = (
        part.unflatten(-1, (-1, n_heads)).movedim(-1, -3) for part in project_qkv(x, w_q, w_k, w_v)
    )
    output, _ = attention(q, k, v, _of_heads(mask))
    return project(output.movedim(-3, -1).flatten(-2), w_o)


@misconception(multi_head_attention)
def shares_out_among_the_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your softmax runs over the heads, and not over the keys.

    Add up what one query hands out in one head. What is the sum, and along which axis did
    you share out?

    Each head has a unit of its own to share out among the keys; no head takes from another.
    """
    q, k, v = _in_heads(x, w_q, w_k, w_v, n_heads)
    weights = _shared_out(scaled_scores(q, k), _of_heads(mask), dim=-3)
    return project(merge_heads(weighted_sum(weights, v)), w_o)


@misconception(multi_head_attention)
def is_causal_where_no_mask_is_given(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Where no mask is given you hide what comes after a token, unasked.

    What may the first token attend to when no mask is given, and what does it attend to in
    your function?

    Who wants a causal mask hands one over. None hides nothing.
    """
    mask = causal_mask(x.shape[-2], device=x.device) if mask is None else mask
    return project(merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask)), w_o)


@misconception(multi_head_attention)
def adds_the_tokens_back(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You added x to the output.

    Suppose w_o is all zeros. What should the output be, and what is yours?

    A model may do that around its attention; inside it nothing is added.
    """
    return x + project(merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask)), w_o)


@misconception(multi_head_attention)
def hands_back_the_weights_as_well(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You returned two things, the output and the weights.

    What does the docstring say comes back, and how many things do you return?

    The caller goes on computing with what comes back, and finds a tuple.
    """
    output, weights = attention(*_in_heads(x, w_q, w_k, w_v, n_heads), _of_heads(mask))
    return project(merge_heads(output), w_o), weights


@misconception(multi_head_attention)
def answers_with_one_batch_axis(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output has exactly one batch axis, however many x has.

    Give your function a sentence without a batch. How many axes should come back, and how
    many do?

    Any number of axes may stand before the tokens, none included, and the caller finds them
    again in the output.
    """
    output = project(merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask)), w_o)
    return output.reshape(math.prod(x.shape[:-2]), *x.shape[-2:])


@misconception(multi_head_attention)
def takes_a_batch_of_one_apart(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You take the first axis off where its size is 1.

    A batch may hold one sentence, and a sentence one word. Which axes of x should the
    output still have then?

    An axis of size 1 still counts something, be it a sentence or a word.
    """
    return project(merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask)), w_o).squeeze(0)


@misconception(multi_head_attention)
def lets_samples_see_each_other(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your tokens attend to those of all samples in the batch.

    Take three sentences of four words. How many keys should one query meet in a head, and
    how many does it meet in your function?

    One sentence should know nothing of another; here all are read as a single long one.
    """
    tokens = x.reshape(-1, x.shape[-1])
    found = _found(tokens, w_q, w_k, w_v, n_heads, mask)
    return project(merge_heads(found), w_o).reshape(x.shape)


@misconception(multi_head_attention)
def attends_along_the_batch(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """In a batch your words attend to words of other samples, and to none of their own sentence.

    Change one word of the first sentence. Which rows of the output should change, and which
    ones do?

    Some of torch's layers expect the words first and the samples second; here the samples
    come first.
    """
    if x.dim() < 3:
        return multi_head_attention(x, w_q, w_k, w_v, w_o, n_heads, mask)
    turned = x.transpose(-3, -2)
    return project(merge_heads(_found(turned, w_q, w_k, w_v, n_heads, mask)), w_o).transpose(-3, -2)


@misconception(multi_head_attention)
def answers_in_single_precision(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your values are right, but they always come back as float32.

    Which dtype comes in, which one should come out, and which of your lines changes it?

    Heads that are collected in a tensor made from nothing take on its dtype, and that is
    float32.
    """
    return project(merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask)), w_o).float()


@misconception(multi_head_attention)
def fills_in_an_output_on_the_cpu(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You made a tensor on the CPU, wherever x is.

    Which tensor is there before any head has attended, and how does it know where x lies?

    A tensor made from nothing lies on the CPU unless you say otherwise; on a GPU the heads
    do not.
    """
    output = torch.zeros(x.shape, dtype=x.dtype)
    return output + project(merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask)), w_o)


@misconception(multi_head_attention)
def copies_the_weights_into_layers(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output is right, but no gradient finds its way back to the four matrices.

    From where does each of your products take its matrix: from what you were given, or from
    a copy?

    A copy of the numbers knows nothing of where they came from, and what was handed over
    never learns.
    """
    w_q, w_k, w_v, w_o = (w.detach() for w in (w_q, w_k, w_v, w_o))
    return project(merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask)), w_o)


@misconception(multi_head_attention)
def scales_the_matrix_it_was_given(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output is right, but the matrices you were given are changed.

    Call your function twice with the same tensors. Which of your lines makes the second
    answer differ from the first?

    The next call finds a matrix that was changed already, and changes it once more.
    """
    w_q /= math.sqrt(w_q.shape[-1] // n_heads)
    q, k, v = _in_heads(x, w_q, w_k, w_v, n_heads)
    weights = _shared_out(dot_scores(q, k), _of_heads(mask))
    return project(merge_heads(weighted_sum(weights, v)), w_o)


@misconception(multi_head_attention)
def opens_empty_rows_in_the_mask(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output is right, but the mask you were given is changed.

    How do you spare a query that may see nothing its NaN, and which tensor do you write
    that into?

    The caller goes on with a mask in which somebody may see what was to be hidden.
    """
    output = project(merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask)), w_o)
    if mask is not None:
        mask |= ~mask.any(-1, keepdim=True)
    return output


@misconception(multi_head_attention)
def begins_with_an_empty_list(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """From an empty batch you return a tensor of shape (0,).

    A batch may hold no sample at all. Which shape should the output have then, and from
    where does yours take its axes?

    What is collected sample by sample has no other axes until the first sample comes.
    """
    output = project(merge_heads(_found(x, w_q, w_k, w_v, n_heads, mask)), w_o)
    return output if output.numel() or x.dim() < 3 else x.new_empty(0)
