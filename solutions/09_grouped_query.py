"""09 · Grouped queries: the right way, then the ways people go wrong.

Rows are queries, columns are keys; `...` stands for any number of leading batch
dimensions, none included. Heads are the slow part of the width: of H heads, head h owns the
columns h·d/H to (h+1)·d/H − 1 of a tensor (..., n, d); with heads it is (..., H, n, d/H).
Neighbouring query heads share a key head: of 6 query heads and 2 key heads, the first 3
read key head 0. A mask is boolean, and True means "may attend". Weights multiply from the
right: `x @ w`. A result has the dtype and the device of its inputs, no argument is changed,
and gradients flow through the functions of tensors.

This file starts from nothing: write the earlier steps again where you need them, as short
as you like. Torch's softmax is free; its attention is not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.bank import misconception
from solutions.attention import attention
from solutions.multi_head import merge_heads, split_heads
from solutions.qkv_projection import project, project_qkv
from solutions.scaled_scores import dot_scores, scaled_scores
from solutions.softmax import masked_softmax


def repeat_kv(x: Tensor, n_rep: int) -> Tensor:
    """Give every query head a key (or value) head of its own, by repeating the few there are.

    x: (..., n_kv, n, d). n_rep: how many query heads share one.

    Returns (..., n_kv·n_rep, n, d): each head n_rep times, copies next to one another.
    """
    return x.repeat_interleave(n_rep, dim=-3)


def multi_query_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_heads: int,
    mask: Tensor | None = None,
) -> Tensor:
    """Multi-head attention in which all query heads share one head of keys and values.

    x: tokens, (..., n, d_model). w_q: (d_model, n_heads·d_k); w_k: (d_model, d_k);
    w_v: (d_model, d_v); w_o: (n_heads·d_v, d_model). Scores are divided by the root of d_k.
    mask: boolean, True where a query may attend to a key; (n, n), or (..., n, n) with the
    batch dimensions of x. It holds for every head. None: every token may attend to all.

    Returns (..., n, d_model). A query that may attend to nothing gets zeros.
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    q = split_heads(q, n_heads)  # (..., n_heads, n, d_k)
    k, v = (repeat_kv(part.unsqueeze(-3), n_heads) for part in (k, v))
    output, _ = attention(q, k, v, None if mask is None else mask.unsqueeze(-3))
    return project(merge_heads(output), w_o)


def grouped_query_attention(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_heads: int,
    n_kv_heads: int,
    mask: Tensor | None = None,
) -> Tensor:
    """Multi-head attention in which neighbouring query heads share their keys and values.

    x: tokens, (..., n, d_model). w_q: (d_model, n_heads·d_k);
    w_k: (d_model, n_kv_heads·d_k); w_v: (d_model, n_kv_heads·d_v);
    w_o: (n_heads·d_v, d_model).
    n_kv_heads divides n_heads: n_heads / n_kv_heads query heads share one key head. Scores
    are divided by the root of d_k.
    mask: boolean, True where a query may attend to a key; (n, n), or (..., n, n) with the
    batch dimensions of x. It holds for every head. None: every token may attend to all.

    Returns (..., n, d_model). A query that may attend to nothing gets zeros.
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    n_rep = n_heads // n_kv_heads
    q = split_heads(q, n_heads)
    k, v = (repeat_kv(split_heads(part, n_kv_heads), n_rep) for part in (k, v))
    output, _ = attention(q, k, v, None if mask is None else mask.unsqueeze(-3))
    return project(merge_heads(output), w_o)


def kv_cache_bytes(
    n_layers: int, n_kv_heads: int, d_head: int, n_tokens: int, bytes_per_value: int
) -> int:
    """How many bytes the keys and values of a text take, in all layers together.

    n_layers: layers, each with keys and values of its own; n_kv_heads: heads of keys and
    values in each; d_head: the width of one; n_tokens: tokens that are kept;
    bytes_per_value: 2 for half precision, 4 for single.

    Returns an int: bytes, keys and values together.
    """
    return 2 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value


# -- the ways people go wrong --------------------------------------------------


def _for_all_heads(mask):
    """A mask with an axis on which heads can repeat it."""
    return None if mask is None else mask.unsqueeze(-3)


def _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads=1):
    """Queries, keys and values, each query head with keys and values of its own."""
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    n_rep = n_heads // n_kv_heads
    k, v = (repeat_kv(split_heads(part, n_kv_heads), n_rep) for part in (k, v))
    return split_heads(q, n_heads), k, v


def _mixed(q, k, v, mask, w_o):
    """What the heads find, side by side, times w_o."""
    output, _ = attention(q, k, v, _for_all_heads(mask))
    return project(merge_heads(output), w_o)


def _visible(x, mask):
    """The mask, or one that hides nothing."""
    n = x.shape[-2]
    return torch.ones(n, n, dtype=torch.bool, device=x.device) if mask is None else mask


def _shares(scores, mask):
    """The softmax of the scores, of what is visible where there is a mask."""
    return torch.softmax(scores, -1) if mask is None else masked_softmax(scores, mask)


def _folded(part):
    """Every axis but the last two as one."""
    return part.reshape(-1, *part.shape[-2:])


def _mean_of_each(part, n_rep):
    """Every head as the mean of the group it is in."""
    groups = part.unflatten(-3, (-1, n_rep))  # (..., n_kv, n_rep, n, d)
    return groups.mean(-3, keepdim=True).expand_as(groups).flatten(-4, -3)


def _in_reading_order(part, heads):
    """The numbers of all tokens, one after the other, dealt out to the heads."""
    *batch, n, width = part.shape
    return part.reshape(*batch, heads, n, width // heads)


@misconception(repeat_kv)
def lays_the_whole_set_out_again(x, n_rep):
    """Your heads come in turn, 0, 1, 0, 1, and not each beside its own copies.

    Four query heads share two key heads. Which key head should the second of them read, and
    which does it read in yours?

    The weights were learnt for neighbours that share, and in turn many a query head asks keys
    it has never met. With a single key head the two orders are the same.
    """
    return torch.cat([x] * n_rep, dim=-3)


@misconception(repeat_kv)
def repeats_every_token(x, n_rep):
    """You repeated each token, and there are no more heads than before.

    From the end, the axes of x are features, tokens and heads. Which of the three should
    become longer, and which does in your function?

    A query would meet every key n_rep times, and most query heads would still have no keys.
    """
    return x.repeat_interleave(n_rep, dim=-2)


@misconception(repeat_kv)
def repeats_every_feature(x, n_rep):
    """You repeated each feature, so that heads grew wider but not more.

    A key is a vector of d numbers. How many numbers does it have in your result, and how many
    heads are there?

    A wider key no longer fits the queries, whose width has not changed.
    """
    return x.repeat_interleave(n_rep, dim=-1)


@misconception(repeat_kv)
def lays_the_sequence_out_again(x, n_rep):
    """In every head you laid the whole sequence out n_rep times, one after the other.

    How many tokens went in, how many came out, and which number should have grown instead?

    The text has not become longer; there are only more readers, and each wants a head to read.
    """
    return torch.cat([x] * n_rep, dim=-2)


@misconception(repeat_kv)
def counts_the_heads_from_the_front(x, n_rep):
    """You repeat along axis 1, which holds the heads only where one axis stands before them.

    Without a batch x has three axes, with one it has four. What number does the axis of heads
    have each time, from the front and from the end?

    What stands in front of the heads may be nothing, or several axes; from the end, heads are
    always the third.
    """
    return x.repeat_interleave(n_rep, dim=1)


@misconception(repeat_kv)
def repeats_the_first_axis(x, n_rep):
    """You repeat along the first axis, and in a batch that is not the heads.

    Suppose x holds two sentences. Which of its axes counts them, and how many sentences does
    your result hold?

    Without a batch the heads do come first; with one it is the samples that you copied.
    """
    return x.repeat_interleave(n_rep, dim=0)


@misconception(repeat_kv)
def lays_everything_out_again_along_the_first_axis(x, n_rep):
    """You laid x out n_rep times along its first axis, whatever that axis counts.

    Name the axes of x from the first to the last, without a batch and with one. Which of them
    became longer in your result?

    In a batch it is the samples that came back several times; without one the heads come in
    turn, and not each beside its own copies.
    """
    return torch.cat([x] * n_rep, dim=0)


@misconception(repeat_kv)
def keeps_the_original_as_well(x, n_rep):
    """Each head stands n_rep + 1 times in your result.

    With n_rep = 1, how many heads should come out for each that went in, and how many does
    your function give back?

    n_rep is how often a head appears in all; the one you began with is among them.
    """
    return x.repeat_interleave(n_rep + 1, dim=-3)


@misconception(repeat_kv)
def leaves_one_copy_out(x, n_rep):
    """Each head stands only n_rep − 1 times in your result.

    How many query heads share one key head, and how many copies of it does your function hand
    out?

    The last reader of each group is left without a head.
    """
    return x.repeat_interleave(n_rep - 1, dim=-3)


@misconception(repeat_kv)
def copies_the_first_head_only(x, n_rep):
    """Every head of your result is head 0.

    Which of the key heads never appear in your result, and who should have read them?

    One head for all is multi-query attention; here each group has a head of its own.
    """
    return x[..., :1, :, :].repeat_interleave(n_rep * x.shape[-3], dim=-3)


@misconception(repeat_kv)
def turns_the_order_of_the_heads_over(x, n_rep):
    """Your heads stand in reverse order, the last one first.

    Which key head belongs to the very first query head, and which one stands first in your
    result?

    Query heads keep their order, and the heads they read must follow it.
    """
    return x.flip(-3).repeat_interleave(n_rep, dim=-3)


@misconception(repeat_kv)
def leaves_them_as_few_as_they_are(x, n_rep):
    """You gave the heads back as they came, none of them repeated.

    How many query heads are waiting, and how many key heads do you have for them?

    A few heads broadcast over many only if they are one.
    """
    return x.clone()


@misconception(repeat_kv)
def leaves_the_copies_on_an_axis_of_their_own(x, n_rep):
    """Your copies lie along an axis of their own, beside that of the heads.

    How many axes does your result have, and how many had x?

    The copies are in the right order; the two axes only have yet to become one.
    """
    return x.unsqueeze(-3).expand(*x.shape[:-2], n_rep, *x.shape[-2:])


@misconception(repeat_kv)
def leaves_room_for_the_copies(x, n_rep):
    """Only the first copy of each head is filled; the others are zeros.

    Look at the second head of your result. What are its numbers, and where should they have
    come from?

    A query head that reads zeros finds all keys alike, and its values empty.
    """
    room = x.new_zeros(*x.shape[:-3], x.shape[-3] * n_rep, *x.shape[-2:])
    room[..., ::n_rep, :, :] = x
    return room


@misconception(repeat_kv)
def averages_the_heads(x, n_rep):
    """Every head of your result is the mean of all the heads.

    Two key heads hold different numbers. Which numbers should the first query head read, and
    which does it read in your function?

    Heads are averaged once, when a trained model is given fewer of them; in use they stay apart.
    """
    mean = x.mean(-3, keepdim=True)
    return mean.repeat_interleave(n_rep * x.shape[-3], dim=-3)


@misconception(repeat_kv)
def runs_copies_and_tokens_together(x, n_rep):
    """There are as many heads as there should be, but each holds its first tokens several times.

    Take one head of your result and read it token by token. Which tokens of x are these, and
    is each there once?

    A token was repeated, not a head, and the longer sequence was then cut into pieces of the
    right length.
    """
    longer = x.repeat_interleave(n_rep, dim=-2)  # (..., n_kv, n·n_rep, d)
    return longer.reshape(*x.shape[:-3], x.shape[-3] * n_rep, *x.shape[-2:])


@misconception(repeat_kv)
def runs_copies_and_features_together(x, n_rep):
    """You have heads enough, but in each every number stands n_rep times in a row.

    Read one token of your first head from left to right. Which numbers of x are these, and how
    often is each there?

    A number was repeated, not a head, and the longer rows were then cut into pieces of the right
    length.
    """
    wider = x.repeat_interleave(n_rep, dim=-1)  # (..., n_kv, n, d·n_rep)
    return wider.reshape(*x.shape[:-3], x.shape[-3] * n_rep, *x.shape[-2:])


@misconception(repeat_kv)
def reads_n_rep_as_the_number_of_heads(x, n_rep):
    """You took n_rep for the number of heads there should be in the end.

    Two heads come in, and n_rep is 3. How many heads should come out, and how many do in your
    function?

    n_rep counts the readers of one head, not those of all.
    """
    return x.repeat_interleave(n_rep // x.shape[-3], dim=-3)


@misconception(repeat_kv)
def answers_in_single_precision(x, n_rep):
    """Your heads are right, but they always come back as float32.

    Which dtype has x, and which of your lines makes a tensor of another?

    For some callers float32 is wider, for others narrower; each counts on the dtype that went
    in.
    """
    return x.repeat_interleave(n_rep, dim=-3).float()


@misconception(repeat_kv)
def makes_room_on_the_cpu(x, n_rep):
    """You made a tensor on the CPU, wherever x is.

    Which of your lines makes a tensor from nothing, and how is it told where x lies?

    On a GPU the queries would wait in one place, and their keys in another.
    """
    room = torch.zeros(*x.shape[:-3], x.shape[-3] * n_rep, *x.shape[-2:], dtype=x.dtype)
    room[:] = x.repeat_interleave(n_rep, dim=-3)
    return room


@misconception(repeat_kv)
def hands_on_copies_without_a_history(x, n_rep):
    """Your heads are right, but no gradient finds its way back from them to x.

    Which operation of yours keeps the numbers, but not where they came from?

    The heads were made by weights that have to learn, and without a gradient they cannot.
    """
    return x.detach().repeat_interleave(n_rep, dim=-3)


@misconception(repeat_kv)
def lets_one_copy_learn(x, n_rep):
    """Your heads are right, but a gradient comes back from the first copy of each only.

    A key head is read by several query heads. From how many of them should it learn, and from
    how many does it in yours?

    What all readers of a head want of it adds up in its gradient.
    """
    copies = [x, *[x.detach()] * (n_rep - 1)]
    return torch.stack(copies, dim=-3).flatten(-4, -3)


@misconception(repeat_kv)
def loses_axes_of_size_one(x, n_rep):
    """You drop every axis whose size is 1.

    A text may hold one token, and a batch one text. Which axes should the result still have
    then, and which does yours have?

    An axis of size 1 still counts something, and the caller relies on finding it.
    """
    return x.repeat_interleave(n_rep, dim=-3).squeeze()


@misconception(multi_query_attention)
def averages_the_queries(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """All your heads ask the same question, the mean of their queries.

    One head of keys is shared. How many different questions are put to it, and how many in
    your function?

    Only the keys and values are shared; a head whose question is everybody's has nothing of its
    own to find.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    return _mixed(q.mean(-3, keepdim=True).expand_as(q), k, v, mask, w_o)


@misconception(multi_query_attention)
def asks_with_the_first_head_only(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """All your heads ask with the query of head 0.

    Which columns of w_q make the queries of head 2, and what becomes of them in your
    function?

    It is the keys and values that are one for all; of queries there are as many as heads.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    return _mixed(q[..., :1, :, :].expand_as(q), k, v, mask, w_o)


@misconception(multi_query_attention)
def attends_once_with_all_queries(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You attend once, with all the queries of a token as one long vector.

    How many rows of weights does a token have, and how many heads look for something?

    The heads are then bound to one common answer; each was to look where it wants.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    found, _ = attention(merge_heads(q), merge_heads(k), merge_heads(v), mask)
    return project(found, w_o)


@misconception(multi_query_attention)
def gives_each_head_some_of_the_queries(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your heads hold the queries of a few tokens each, and not a part of every token's.

    Take the first head's queries, row by row. Which tokens were they made from, and which
    columns of w_q made them?

    Numbers that are only given another shape stay in reading order, token after token; the axes
    of heads and tokens have to change places. Undone in the same way, it looks right.
    """
    _, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    q = _in_reading_order(project(x, w_q), n_heads)
    found, _ = attention(q, k, v, _for_all_heads(mask))
    return project(found.reshape(*x.shape[:-1], n_heads * v.shape[-1]), w_o)


@misconception(multi_query_attention)
def averages_what_the_heads_found(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You gave every head the mean of what all heads found.

    Each head finds something of its own. Where do these vectors lie when w_o meets them, and
    how many different ones are there?

    w_o has rows of its own for every head, and they learn nothing where all heads say the same.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    found, _ = attention(q, k, v, _for_all_heads(mask))
    return project(merge_heads(found.mean(-3, keepdim=True).expand_as(found)), w_o)


@misconception(multi_query_attention)
def answers_before_the_heads_are_mixed(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You returned the heads side by side, and w_o has no say.

    Four matrices came in. Where does the last of them enter your function?

    Side by side, no head knows what another found; w_o is where they are brought together.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    return merge_heads(attention(q, k, v, _for_all_heads(mask))[0])


@misconception(multi_query_attention)
def turns_w_o_over(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You multiplied by w_o with its rows and columns exchanged.

    w_o has a row for each number that the heads found. Which of its two axes meets these numbers
    in your product?

    A square w_o hides this well: the shapes fit, and only the numbers are wrong.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    return _mixed(q, k, v, mask, w_o.transpose(-2, -1))


@misconception(multi_query_attention)
def mixes_every_head_with_the_first_rows(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Every head went through the first rows of w_o, those of head 0.

    w_o has d_v rows for each head. Which of them are meant for the last head, and which does
    it meet in your function?

    What the heads found is then added up as if they were all the same one.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    found, _ = attention(q, k, v, _for_all_heads(mask))
    return project(found.sum(-3), w_o[: v.shape[-1]])


@misconception(multi_query_attention)
def averages_over_the_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output is the right one, divided by the number of heads.

    With w_o, the contributions of all heads come together in one vector. Are they added up
    there, or averaged?

    The product with w_o is a sum over all heads, and w_o has learnt how much each should count.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    return _mixed(q, k, v, mask, w_o) / n_heads


@misconception(multi_query_attention)
def scales_by_the_width_of_the_tokens(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You scaled the scores by √d_model, the width of the tokens.

    How many products are added up in one score, and the root of which number do you divide
    by?

    The tokens have been projected by then, and two vectors as wide as one head meet.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    return _mixed(q * math.sqrt(q.shape[-1] / x.shape[-1]), k, v, mask, w_o)


@misconception(multi_query_attention)
def scales_by_the_width_of_all_queries(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You scaled the scores by the root of n_heads·d_k, the width of all queries together.

    Which axis, of which tensor, did you ask for the width: before the heads were taken apart,
    or after?

    A head asks with its own d_k numbers, and only they are multiplied and added up.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    return _mixed(q / math.sqrt(n_heads), k, v, mask, w_o)


@misconception(multi_query_attention)
def scales_by_a_share_of_the_tokens(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You scaled the scores by the root of d_model / n_heads, whatever the width of a key is.

    d_k is said by a matrix. By which one, and do you ask it?

    Many models choose d_k = d_model / n_heads, but they need not, and the formula asks for d_k.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    share = x.shape[-1] // n_heads
    return _mixed(q * math.sqrt(q.shape[-1] / share), k, v, mask, w_o)


@misconception(multi_query_attention)
def scales_by_the_number_of_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You scaled the scores by √n_heads.

    Suppose a model gets twice as many heads of the same width. What happens to a single score?

    A score grows with the numbers that are added up in it, and those are the d_k of one head.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    return _mixed(q * math.sqrt(q.shape[-1] / n_heads), k, v, mask, w_o)


@misconception(multi_query_attention)
def shares_one_unit_among_all_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """The weights of a token sum to one over all heads together, not in each of them.

    Take one token and its weights in one head. What do they sum to, and what should they
    sum to?

    Each head is a reader of its own and has a whole unit of attention to share out.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    scores = scaled_scores(q, k).transpose(-3, -2)  # (..., n, n_heads, n)
    seen = _visible(x, mask).unsqueeze(-2).expand(scores.shape)
    weights = masked_softmax(scores.flatten(-2), seen.flatten(-2)).view_as(scores)
    return project(merge_heads(weights.transpose(-3, -2) @ v), w_o)


@misconception(multi_query_attention)
def hides_keys_from_the_first_head_only(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """The mask reaches head 0, and all other heads see everything.

    A token may not see a certain key. How many of its heads must not, and how many do not in
    your function?

    What one head is kept from, the others tell: w_o mixes them all.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    if mask is not None:
        first = (torch.arange(n_heads, device=x.device) == 0)[:, None, None]
        mask = _for_all_heads(mask) | ~first  # (..., n_heads, n, n)
    return project(merge_heads(attention(q, k, v, mask)[0]), w_o)


@misconception(multi_query_attention)
def gives_each_head_the_mask_of_a_sample(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You gave each head the mask of a sample, where there are as many samples as heads.

    Line up the shapes of scores and mask from the right. Which axis of the scores does the
    mask's first one meet?

    Scores have an axis more than the mask, that of the heads; where the numbers agree, the mask
    falls on the wrong axis without an error.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    return project(merge_heads(attention(q, k, v, mask)[0]), w_o)


@misconception(multi_query_attention)
def gives_the_mask_its_second_axis_for_heads(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You put the mask's axis for heads in second place, whatever stands before it.

    A mask may have two axes, three or four. In which place do the heads belong each time,
    counted from the end?

    With one axis of samples in front that place is right; with none the new axis comes
    between queries and keys.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    mask = None if mask is None else mask.unsqueeze(1)
    return project(merge_heads(attention(q, k, v, mask)[0]), w_o)


@misconception(multi_query_attention)
def uses_the_mask_of_the_first_sample(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You used the mask of the first sample for all of them.

    Two sentences in a batch hide different tokens. Which mask does the second sentence get
    in your function?

    What one sentence may see says nothing of another.
    """
    if mask is not None:
        mask = mask[(0,) * (mask.dim() - 2)]
    return _mixed(*_heads(x, w_q, w_k, w_v, n_heads), mask, w_o)


@misconception(multi_query_attention)
def deals_the_masks_out_in_turn(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """In a batch, your heads get the masks of the samples in turn.

    Heads and samples may share an axis: all heads of sample 0 first, then those of sample 1.
    Whose mask does the second place need?

    A sample's mask is meant for all of its heads, which stand next to one another there.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    if mask is not None and mask.dim() > 2:
        mask = _folded(mask).repeat(n_heads, 1, 1)  # (batch·n_heads, n, n)
    found, _ = attention(_folded(q), _folded(k), _folded(v), mask)
    return project(merge_heads(found.reshape(*q.shape[:-1], v.shape[-1])), w_o)


@misconception(multi_query_attention)
def deals_the_samples_out_in_turn(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """In a batch, your heads read the keys and values of the samples in turn.

    All heads of the first sentence should read the first sentence's keys. Whose keys does its
    second head read in your function?

    A batch only saves time: no sentence should come out otherwise for the company it is in.
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    q = split_heads(q, n_heads)
    k, v = (_folded(part).repeat(n_heads, 1, 1) for part in (k, v))  # (n_heads·batch, n, d)
    seen = _visible(x, mask).unsqueeze(-3).expand(*q.shape[:-1], x.shape[-2])
    found, _ = attention(_folded(q), k, v, _folded(seen))
    return project(merge_heads(found.reshape(*q.shape[:-1], v.shape[-1])), w_o)


@misconception(multi_query_attention)
def is_causal_where_no_mask_is_given(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Where no mask is given, you hide from each token what comes after it.

    Without a mask, which tokens may the first one attend to, and which does it in your function?

    Multi-query attention is mostly met where a model writes, but whether the future is hidden is
    for the mask to say.
    """
    mask = _visible(x, None).tril() if mask is None else mask
    return _mixed(*_heads(x, w_q, w_k, w_v, n_heads), mask, w_o)


@misconception(multi_query_attention)
def lets_samples_see_each_other(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your tokens attend to those of other samples in the batch.

    Take three sentences of four tokens each. How many keys should one query meet, and how
    many does it meet in your function?

    One sentence should know nothing of another; here all are read as one long sequence.
    """
    tokens = x.reshape(-1, x.shape[-1])
    return _mixed(*_heads(tokens, w_q, w_k, w_v, n_heads), mask, w_o).reshape(x.shape)


@misconception(multi_query_attention)
def adds_the_input_back(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """You added x to the output.

    If w_o were all zeros, what should the output be, and what would yours be?

    A model may add back what went in, but around its attention and not in it.
    """
    return x + _mixed(*_heads(x, w_q, w_k, w_v, n_heads), mask, w_o)


@misconception(multi_query_attention)
def turns_to_single_precision(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output is right, but it always comes back as float32.

    Which dtype comes in, which one should come out, and which of your lines changes it?

    To compute in float32 is well meant, but the caller counts on the dtype that went in.
    """
    q, k, v = (part.float() for part in _heads(x, w_q, w_k, w_v, n_heads))
    return _mixed(q, k, v, mask, w_o.float())


@misconception(multi_query_attention)
def makes_up_a_mask_on_the_cpu(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Where no mask is given you make a tensor on the CPU, wherever x is.

    When no mask is given, which tensors does your function make from nothing, and where do
    they lie?

    A tensor made from nothing lies on the CPU unless you say otherwise.
    """
    if mask is None:
        mask = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool)
    return _mixed(*_heads(x, w_q, w_k, w_v, n_heads), mask, w_o)


@misconception(multi_query_attention)
def scales_the_weights_it_was_given(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output is right, but the weights you were given are changed.

    Call your function twice with the same tensors. Which of your lines makes the second
    answer differ from the first?

    The next call finds weights that were changed already, and changes them once more.
    """
    w_k /= math.sqrt(w_k.shape[-1])
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    found = _shares(dot_scores(q, k), _for_all_heads(mask)) @ v
    return project(merge_heads(found), w_o)


@misconception(multi_query_attention)
def takes_keys_and_values_for_constants(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output is right, but no gradient comes back through the keys and values.

    Which two of your matrices find no gradient, and which step stands between them and the
    output?

    Keys that are only kept and read need no gradient; while a model learns, they do.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads)
    return _mixed(q, k.detach(), v.detach(), mask, w_o)


@misconception(multi_query_attention)
def drops_axes_of_size_one(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """Your output has lost every axis whose size is 1.

    A text may hold one token, and a batch one text. How many axes should the output have
    then, and how many has yours?

    The axis you put there for the one key head may go again; the others were there before you,
    and the caller counts on them.
    """
    return _mixed(*_heads(x, w_q, w_k, w_v, n_heads), mask, w_o).squeeze()


def _in_turn(part, n_rep):
    """Heads as they come, all of them n_rep times."""
    return torch.cat([part] * n_rep, dim=-3)


def _in_groups(x, w_q, w_k, w_v, n_heads, n_kv_heads):
    """Queries (..., n_kv, n_rep, n, d_k), keys and values (..., n_kv, 1, n, d)."""
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    q = split_heads(q, n_heads).unflatten(-3, (n_kv_heads, -1))
    return q, *(split_heads(part, n_kv_heads).unsqueeze(-3) for part in (k, v))


def _attended(q, k, v, mask):
    """What each query head finds, in groups that share keys and values."""
    k, v = (part.expand(*q.shape[:-2], *part.shape[-2:]) for part in (k, v))
    return attention(q, k, v, mask)[0]  # (..., n_kv, n_rep, n, d_v)


@misconception(grouped_query_attention)
def deals_the_values_out_in_turn(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Neighbours share their keys, but the values go to the query heads in turn.

    Follow query head 1. Whose keys does it compare with, and whose values does it carry home?

    A key is the label of its own value; this is to search one shelf and to take from another.
    """
    q, k, _ = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    v = _in_turn(split_heads(project(x, w_v), n_kv_heads), n_heads // n_kv_heads)
    return _mixed(q, k, v, mask, w_o)


@misconception(grouped_query_attention)
def deals_the_keys_out_in_turn(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Neighbours share their values, but the keys go to the query heads in turn.

    Write down, for each query head, the number of its key head and that of its value head. In
    which rows do the two differ?

    The value of a head answers to the key of the same head; a query that meets another key takes
    what it did not ask for.
    """
    q, _, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    k = _in_turn(split_heads(project(x, w_k), n_kv_heads), n_heads // n_kv_heads)
    return _mixed(q, k, v, mask, w_o)


@misconception(grouped_query_attention)
def averages_the_queries_of_a_group(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """The heads of a group all ask the same question, the mean of their queries.

    Three query heads read one key head. How many different questions does it hear, and how
    many in your function?

    A group shares what it reads and not what it asks; otherwise it would be a single head.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    return _mixed(_mean_of_each(q, n_heads // n_kv_heads), k, v, mask, w_o)


@misconception(grouped_query_attention)
def asks_with_the_first_head_of_a_group(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """The heads of a group all ask with the query of the first of them.

    Change the second head's columns of w_q. What should change in the output, and what does
    in yours?

    Keys and values are what is repeated; of queries there are as many as heads from the start.
    """
    q, k, v = _in_groups(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    found = _attended(q[..., :1, :, :].expand_as(q), k, v, _for_all_heads(_for_all_heads(mask)))
    return project(merge_heads(found.flatten(-4, -3)), w_o)


@misconception(grouped_query_attention)
def attends_once_over_the_whole_width(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Your heads were never taken apart: there is one row of weights for each token.

    A token has n_heads queries. How many different rows of weights come of them in your
    function?

    To repeat the keys is not yet to have heads; the long vectors have to be cut, and each piece
    needs a softmax of its own.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    found, _ = attention(merge_heads(q), merge_heads(k), merge_heads(v), mask)
    return project(found, w_o)


@misconception(grouped_query_attention)
def views_there_and_back(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You cut heads from the tokens in reading order, and put them back in the same way.

    Follow the numbers of the second token. In which heads do they lie, and do they lie in all of
    them?

    A round trip hides it: what went wrong on the way there is undone on the way back, and in
    between a head knows only some of the tokens.
    """
    n_rep = n_heads // n_kv_heads
    q = _in_reading_order(project(x, w_q), n_heads)
    k, v = (repeat_kv(_in_reading_order(project(x, w), n_kv_heads), n_rep) for w in (w_k, w_v))
    found, _ = attention(q, k, v, _for_all_heads(mask))
    return project(found.reshape(*x.shape[:-1], n_heads * v.shape[-1]), w_o)


@misconception(grouped_query_attention)
def averages_what_a_group_found(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You gave all heads of a group the mean of what they found.

    Two heads of a group look at different tokens. Where in your function do their results
    become one?

    Heads that share keys still look where they want, and w_o has rows for each of them.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    found, _ = attention(q, k, v, _for_all_heads(mask))
    return project(merge_heads(_mean_of_each(found, n_heads // n_kv_heads)), w_o)


@misconception(grouped_query_attention)
def averages_over_the_groups(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Your output is the right one, divided by the number of key heads.

    Each group contributes to the output through its own rows of w_o. What is done with the
    contributions of all groups?

    The product with w_o is one long sum over all heads, whatever groups they are in.
    """
    return _mixed(*_heads(x, w_q, w_k, w_v, n_heads, n_kv_heads), mask, w_o) / n_kv_heads


@misconception(grouped_query_attention)
def lets_the_heads_compete_for_a_key(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Your weights sum to one over the heads, and not over the keys.

    Name the axes of your scores one by one. Along which of them does a query share out its
    attention?

    Heads do not share anything out among themselves; the same key may matter to all of them, or
    to none.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    scores = scaled_scores(q, k)
    seen = _visible(x, mask).unsqueeze(-3).expand(scores.shape)
    return project(merge_heads(masked_softmax(scores, seen, dim=-3) @ v), w_o)


@misconception(grouped_query_attention)
def lets_every_head_read_all_key_heads(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Each query head attends to the keys of all key heads at once.

    A text has n tokens. How many keys does one query head find, and how many weights does a
    row of yours hold?

    Every token is then met once in each key head, and all of them compete in one softmax.
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    q = split_heads(q, n_heads)
    k, v = (
        repeat_kv(split_heads(part, n_kv_heads).flatten(-3, -2).unsqueeze(-3), n_heads)
        for part in (k, v)
    )  # (..., n_heads, n_kv·n, d)
    mask = None if mask is None else torch.cat([mask] * n_kv_heads, dim=-1)
    return _mixed(q, k, v, mask, w_o)


@misconception(grouped_query_attention)
def makes_groups_as_large_as_there_are_groups(
    x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None
):
    """Your query head h reads key head h // n_kv_heads.

    Six query heads share three key heads. How many query heads are in a group, and how many
    groups are there?

    The number of groups and the size of a group are two things, and only their product is
    n_heads.
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    chosen = torch.arange(n_heads, device=x.device) // n_kv_heads
    k, v = (split_heads(part, n_kv_heads).index_select(-3, chosen) for part in (k, v))
    return _mixed(split_heads(q, n_heads), k, v, mask, w_o)


@misconception(grouped_query_attention)
def lays_the_groups_side_by_side_in_turn(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Your heads attend rightly, but go into w_o in another order: the first of each group first.

    Your heads have two numbers, that of the group and that within it. Which of the two runs
    faster where w_o meets them?

    Head 1 is the second of the first group, and there it finds the rows of w_o of another head.
    """
    q, k, v = _in_groups(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    found = _attended(q, k, v, _for_all_heads(_for_all_heads(mask)))
    return project(merge_heads(found.transpose(-4, -3).flatten(-4, -3)), w_o)


@misconception(grouped_query_attention)
def takes_the_groups_apart_in_turn(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Your query heads read key heads in turn, and then go into w_o group by group.

    Give each query head a name. In which order do the names stand in your groups, and in which
    order do they meet w_o?

    Query heads that are neighbours belong together; here those do that are n_kv_heads apart,
    and they do not come back to their places.
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    q = split_heads(q, n_heads).unflatten(-3, (-1, n_kv_heads)).transpose(-4, -3)
    k, v = (split_heads(part, n_kv_heads).unsqueeze(-3) for part in (k, v))
    found = _attended(q, k, v, _for_all_heads(_for_all_heads(mask)))
    return project(merge_heads(found.flatten(-4, -3)), w_o)


@misconception(grouped_query_attention)
def leaves_w_o_out(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You returned what the heads found, side by side, without a product with w_o.

    How wide should each token be in the end, and what makes it so?

    Until w_o, each head's findings stand in columns of their own, and nothing brings them
    together.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    return merge_heads(attention(q, k, v, _for_all_heads(mask))[0])


@misconception(grouped_query_attention)
def reads_w_o_as_torch_keeps_it(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You exchanged the rows and columns of w_o before you multiplied.

    Weights of this course have a row for each number that comes in. What are the numbers that
    come into w_o?

    nn.Linear keeps its matrix the other way up; a square one fits both ways, and is right only
    in one.
    """
    return _mixed(*_heads(x, w_q, w_k, w_v, n_heads, n_kv_heads), mask, w_o.transpose(-2, -1))


@misconception(grouped_query_attention)
def divides_by_the_root_of_d_model(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You divided the scores by √d_model.

    A score adds up products of two vectors. Which vectors are they, and how wide is each?

    d_model is the width of a token; a query head knows it only by d_k numbers.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    return _mixed(q * math.sqrt(q.shape[-1] / x.shape[-1]), k, v, mask, w_o)


@misconception(grouped_query_attention)
def divides_by_the_root_of_all_queries(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You divided the scores by the root of n_heads·d_k, the width of all queries side by side.

    Cut into heads, how wide is a query? And which width stands under the root in your
    function?

    The other heads' numbers take no part in a score, so they cannot make it larger.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    return _mixed(q / math.sqrt(n_heads), k, v, mask, w_o)


@misconception(grouped_query_attention)
def divides_by_the_root_of_all_keys(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You divided the scores by the root of n_kv_heads·d_k, the width of all keys side by side.

    w_k makes the keys of several heads at once. How many of its columns make the key that one
    query meets?

    A query meets the key of its own key head, and that is d_k wide.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    return _mixed(q / math.sqrt(n_kv_heads), k, v, mask, w_o)


@misconception(grouped_query_attention)
def divides_by_the_root_of_n_heads(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You divided the scores by √n_heads.

    Which number says how many products one score adds up: that of the heads, or another?

    Heads stand side by side and do not meet in a score, so their number does not make it larger.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    return _mixed(q * math.sqrt(q.shape[-1] / n_heads), k, v, mask, w_o)


@misconception(grouped_query_attention)
def divides_by_the_root_of_a_share(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You divided the scores by the root of d_model / n_heads, and d_k is another number here.

    By which sizes can d_k be told, with certainty, from the tensors that came in?

    That d_k = d_model / n_heads is a habit of many models, and not part of the formula.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    share = x.shape[-1] // n_heads
    return _mixed(q * math.sqrt(q.shape[-1] / share), k, v, mask, w_o)


@misconception(grouped_query_attention)
def hides_keys_from_the_first_of_each_group(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """The mask reaches the first head of each group, and the others see everything.

    How many heads are there in a group, and how many of them does the mask reach in your
    function?

    The mask speaks of tokens and holds for whoever reads them, in every head of every group.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    if mask is not None:
        place = torch.arange(n_heads, device=x.device) % (n_heads // n_kv_heads)
        mask = _for_all_heads(mask) | (place != 0)[:, None, None]  # (..., n_heads, n, n)
    return project(merge_heads(attention(q, k, v, mask)[0]), w_o)


@misconception(grouped_query_attention)
def takes_the_samples_masks_for_those_of_heads(
    x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None
):
    """Where there are as many samples as heads, each head got the mask of one sample.

    A batch of masks has three axes, and your scores have more. Which axis of the scores does
    the first of the three fall on?

    Broadcasting lines shapes up from the right and knows no names; two equal sizes are enough
    to deceive it.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    return project(merge_heads(attention(q, k, v, mask)[0]), w_o)


@misconception(grouped_query_attention)
def takes_the_samples_masks_for_those_of_groups(
    x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None
):
    """Where there are as many samples as key heads, each group got the mask of one sample.

    Cut into groups, the scores have two axes more than the mask. How many did you give it, and
    where?

    With one axis too few, that of the samples falls on the groups, and no error tells of it if
    their numbers agree.
    """
    q, k, v = _in_groups(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    found = _attended(q, k, v, _for_all_heads(mask))
    return project(merge_heads(found.flatten(-4, -3)), w_o)


@misconception(grouped_query_attention)
def takes_the_samples_masks_for_those_within_a_group(
    x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None
):
    """Where a group has as many heads as there are samples, each of them got a sample's mask.

    Write the shapes of the scores and of a batch of masks below each other, from the right.
    What stands above the samples?

    Cut into groups, the scores have two axes for heads, and the mask has none.
    """
    q, k, v = _in_groups(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    return project(merge_heads(_attended(q, k, v, mask).flatten(-4, -3)), w_o)


@misconception(grouped_query_attention)
def gives_the_heads_axis_one_of_the_mask(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You gave the mask a new axis 1 for the heads, even where samples do not come first.

    With a mask for all samples, what are the axes of your mask when it meets the scores, one
    by one?

    The heads stand before queries and keys; how many axes are in front of them is never the
    same.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    mask = None if mask is None else mask.unsqueeze(1)
    return project(merge_heads(attention(q, k, v, mask)[0]), w_o)


@misconception(grouped_query_attention)
def deals_the_masks_of_samples_out_in_turn(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """In a batch the masks of the samples go to the heads one after the other, in turn.

    Suppose all heads of all samples lie on one axis. How often in a row must the first mask
    stand there?

    All heads of a sample look at the same sentence, and what is hidden in it is hidden from
    them all.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    if mask is not None and mask.dim() > 2:
        mask = _folded(mask).repeat(n_heads, 1, 1)  # (batch·n_heads, n, n)
    found, _ = attention(_folded(q), _folded(k), _folded(v), mask)
    return project(merge_heads(found.reshape(*q.shape[:-1], v.shape[-1])), w_o)


@misconception(grouped_query_attention)
def deals_key_heads_out_across_samples(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Query heads take key heads in turn, from the next sample when one sample's are used up.

    Suppose the key heads of all samples lie on one axis. How often in a row must each stand
    there before the next one comes?

    A sentence must read its own keys, and neighbours among its heads the same ones.
    """
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    q = split_heads(q, n_heads)
    k, v = (
        _folded(split_heads(part, n_kv_heads)).repeat(n_heads // n_kv_heads, 1, 1)
        for part in (k, v)
    )  # (n_rep·batch·n_kv, n, d)
    seen = _visible(x, mask).unsqueeze(-3).expand(*q.shape[:-1], x.shape[-2])
    found, _ = attention(_folded(q), k, v, _folded(seen))
    return project(merge_heads(found.reshape(*q.shape[:-1], v.shape[-1])), w_o)


@misconception(grouped_query_attention)
def hides_the_future_unasked(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """With no mask given, your tokens see themselves and the past only.

    Who decides what a token must not see, and what does it mean if nothing is said?

    No mask means that every token may attend to all; a reader who is to be causal is given one.
    """
    mask = _visible(x, None).tril() if mask is None else mask
    return _mixed(*_heads(x, w_q, w_k, w_v, n_heads, n_kv_heads), mask, w_o)


@misconception(grouped_query_attention)
def runs_all_samples_together(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You read all samples of the batch as one long sequence.

    How many rows and columns has one head's table of scores, and how long is a sentence?

    Tokens find keys in other sentences then, which happen to be in the same batch.
    """
    tokens = x.reshape(-1, x.shape[-1])
    heads = _heads(tokens, w_q, w_k, w_v, n_heads, n_kv_heads)
    return _mixed(*heads, mask, w_o).reshape(x.shape)


@misconception(grouped_query_attention)
def adds_the_tokens_themselves(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Your output is attention's, with x added to it.

    What should become of a token whose heads find nothing but zeros, and what becomes of it in
    your function?

    The way past attention belongs to the model around it; attention itself returns what it
    found.
    """
    return x + _mixed(*_heads(x, w_q, w_k, w_v, n_heads, n_kv_heads), mask, w_o)


@misconception(grouped_query_attention)
def computes_in_single_precision(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Your numbers are right, but the output is float32 whatever x is.

    Follow the dtype from x to the output. Where does it change, and does it change back?

    What is widened for a sum has to be narrowed again, and float64 must not be narrowed at all.
    """
    heads = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    return _mixed(*(part.float() for part in heads), mask, w_o.float())


@misconception(grouped_query_attention)
def collects_the_heads_on_the_cpu(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You made room for results on the CPU, wherever x is.

    Which tensor of yours is there before anything has been computed, and on which device?

    On a GPU what the heads found would have nowhere to go.
    """
    q, k, v = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    room = torch.zeros(*q.shape[:-1], v.shape[-1], dtype=x.dtype)
    room[:] = attention(q, k, v, _for_all_heads(mask))[0]
    return project(merge_heads(room), w_o)


@misconception(grouped_query_attention)
def writes_into_the_mask(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Your output is right, but the mask you were given is changed.

    A row that hides everything needs care. In whose tensor do you take care of it?

    The caller's mask now lets such a token see, and the next layer believes it.
    """
    heads = _heads(x, w_q, w_k, w_v, n_heads, n_kv_heads)
    if mask is None:
        return _mixed(*heads, None, w_o)
    blind = ~mask.any(-1, keepdim=True)
    mask |= blind
    return _mixed(*heads, mask, w_o).masked_fill(blind, 0.0)


@misconception(grouped_query_attention)
def keeps_keys_and_values_without_gradients(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """Your output is right, but w_k and w_v get no gradient.

    Go back from the output to w_k, step by step. Where does the way end?

    They make what all query heads of a group read, and they learn only if the gradients of all
    of them arrive.
    """
    q, k, v = _heads(x, w_q, w_k.detach(), w_v.detach(), n_heads, n_kv_heads)
    return _mixed(q, k, v, mask, w_o)


@misconception(grouped_query_attention)
def takes_off_a_first_axis_of_size_one(x, w_q, w_k, w_v, w_o, n_heads, n_kv_heads, mask=None):
    """You take the first axis off where its size is 1.

    A batch may hold a single text. How many axes should the output have then, and which of your
    lines makes them fewer?

    Whoever calls you with a batch, even a batch of one, goes on with a batch.
    """
    return _mixed(*_heads(x, w_q, w_k, w_v, n_heads, n_kv_heads), mask, w_o).squeeze(0)


@misconception(kv_cache_bytes)
def counts_the_keys_only(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """Your number is half of what it should be, as if only one of keys and values were kept.

    For each token a head keeps two vectors. What are they, and where do both appear in your
    product?

    A query needs the keys to find a token, and the value to take something from it.
    """
    return n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value


@misconception(kv_cache_bytes)
def keeps_the_queries_too(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """You counted three vectors for each token and head, as if queries were kept as well.

    When a new token is written, which vectors of the earlier tokens are read again?

    An earlier token has asked already, and its query is of no use to anybody any more.
    """
    return 3 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value


@misconception(kv_cache_bytes)
def counts_bits(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """Your number is eight times too large, as if it counted bits.

    How many bytes is a number in half precision, and how many does it add to your result?

    Memory is told in bytes, and so is the width of a value here.
    """
    return 2 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value * 8


@misconception(kv_cache_bytes)
def counts_numbers_and_not_bytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """You counted how many numbers are kept, and not how many bytes they take.

    How does your result change when the same numbers are kept in single instead of half
    precision?

    What fills the memory is bytes, and a number takes several.
    """
    return 2 * n_layers * n_kv_heads * d_head * n_tokens


@misconception(kv_cache_bytes)
def takes_two_bytes_for_granted(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """You took every number for two bytes, whatever bytes_per_value says.

    Five sizes came in. Which of them does your result not depend on?

    Half precision is usual, but some keep four bytes, and some only one.
    """
    return 2 * n_layers * n_kv_heads * d_head * n_tokens * 2


@misconception(kv_cache_bytes)
def counts_one_layer(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """You counted the keys and values of a single layer.

    A model has many layers, one after the other. Which of them make keys and values of their
    own?

    In every layer the tokens are other vectors, so none can use another's keys.
    """
    return 2 * n_kv_heads * d_head * n_tokens * bytes_per_value


@misconception(kv_cache_bytes)
def counts_one_head(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """You counted a single head of keys and values in each layer.

    How does your number change from multi-query to multi-head attention, and how should it?

    It is their number that grouping makes smaller; left out, all kinds of attention would
    take the same.
    """
    return 2 * n_layers * d_head * n_tokens * bytes_per_value


@misconception(kv_cache_bytes)
def forgets_how_wide_a_head_is(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """You counted one number for each key and each value, whatever their width is.

    A key is a vector. How many numbers does it hold, and where does your function say so?

    Twice as wide a head keeps twice as many numbers.
    """
    return 2 * n_layers * n_kv_heads * n_tokens * bytes_per_value


@misconception(kv_cache_bytes)
def squares_the_tokens(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """Your number grows with the square of the tokens.

    The text becomes twice as long. How many keys are kept then: twice as many, or four times?

    It is the table of scores that is square, and that is not kept.
    """
    return 2 * n_layers * n_kv_heads * d_head * n_tokens**2 * bytes_per_value


@misconception(kv_cache_bytes)
def squares_the_heads(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """Your number grows with the square of the key heads.

    Give the model twice as many key heads. By which factor does your number grow, and by which
    should it?

    d_head is the width of one head already; what one head keeps does not depend on the others.
    """
    return 2 * n_layers * n_kv_heads**2 * d_head * n_tokens * bytes_per_value


@misconception(kv_cache_bytes)
def squares_the_width(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """Your number grows with the square of d_head.

    Make each head twice as wide. How many more numbers does one key hold, and how many more
    does your function count?

    The matrices that make keys grow in two directions; a key grows in one.
    """
    return 2 * n_layers * n_kv_heads * d_head**2 * n_tokens * bytes_per_value


@misconception(kv_cache_bytes)
def counts_the_token_to_come(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """You counted one token more than is kept.

    With no tokens kept, how many bytes are needed, and how many does your function say?

    The next token needs room too, but only once it is there.
    """
    return 2 * n_layers * n_kv_heads * d_head * (n_tokens + 1) * bytes_per_value


@misconception(kv_cache_bytes)
def answers_in_gibibytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """You answered in GiB, the number of bytes divided by 1 024³.

    In which unit is the answer asked for, and what does your last step turn it into?

    A person reads GiB more easily; whoever reserves memory needs bytes, all of them.
    """
    return 2 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value / 1024**3


@misconception(kv_cache_bytes)
def answers_in_mebibytes(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """You answered in MiB, the number of bytes divided by 1 024².

    One token of one small head takes a few bytes. What does your function say of it?

    Turned into a larger unit a number is shorter, but no longer the one that was asked for.
    """
    return 2 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value / 1024**2


@misconception(kv_cache_bytes)
def answers_with_a_float(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """Your number is right, but it is a float and not an int.

    Bytes come in whole numbers. Which operation of yours leaves them, even where nothing is
    behind the point?

    A float holds whole numbers exactly only up to 2⁵³, and nobody can reserve half a byte.
    """
    return float(2 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value)


@misconception(kv_cache_bytes)
def rounds_on_the_way(n_layers, n_kv_heads, d_head, n_tokens, bytes_per_value):
    """Your number goes through a float, and large ones lose their last digits.

    How many digits can a float hold, and which operation of yours makes one?

    A float keeps some 16 digits, and `int` does not bring back what is lost; whole numbers that
    are only multiplied stay exact.
    """
    return int(2.0 * n_layers * n_kv_heads * d_head * n_tokens * bytes_per_value)
