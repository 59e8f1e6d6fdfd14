"""06 · Padding mask: the right way, then the ways people go wrong.

Rows are queries, columns are keys, and a mask is boolean: True means "may attend". Samples
of a batch are padded at the end, to a common number of places n. A result has the dtype and
the device of its inputs, no argument is changed, and gradients flow to queries, keys and
values.

This file starts from nothing: write the earlier steps again where you need them, as short
as you like. Torch's softmax is free; its attention is not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.bank import misconception
from solutions.attention import attention
from solutions.causal_mask import apply_mask, causal_mask
from solutions.scaled_scores import scaled_scores


def padding_mask(lengths: Tensor, n: int, device: torch.device | str | None = None) -> Tensor:
    """True on the real tokens of each sample, False on its padding.

    lengths: integers, (batch,): how many tokens of each sample are real, from 0 to n. They
    come first, the padding after them.
    n: how many places every sample has.
    device: where the mask is made; None: where the lengths are.

    Returns a boolean tensor, (batch, n).
    """
    device = lengths.device if device is None else device
    return torch.arange(n, device=device) < lengths.to(device).unsqueeze(-1)  # (batch, n)


def combine_masks(causal: Tensor, padding: Tensor) -> Tensor:
    """True where both masks let a query attend to a key.

    causal: boolean, (n_q, n_k), one for the whole batch: which key each query may see.
    padding: boolean, (batch, n_k): which keys are real. It says nothing of queries.

    Returns a boolean tensor, (batch, n_q, n_k).
    """
    return causal & padding.unsqueeze(-2)


def padded_attention(
    q: Tensor, k: Tensor, v: Tensor, lengths: Tensor, causal: bool = False
) -> Tensor:
    """Scaled dot-product attention among the real tokens of each sample.

    q and k: (batch, n, d_k); v: (batch, n, d_v); lengths: integers, (batch,), as for
    padding_mask. Query i belongs to the same token as key i and value i.
    causal: whether a token may attend only to itself and to the tokens before it.

    Returns (batch, n, d_v). Padding is attended to by nobody, whatever finite numbers stand in
    it, and the rows of padded queries are zeros. There is no NaN, in no gradient either.
    """
    n = q.shape[-2]
    real = padding_mask(lengths, n, device=q.device)  # (batch, n)
    everything = torch.ones(n, n, dtype=torch.bool, device=q.device)
    visible = combine_masks(causal_mask(n, device=q.device) if causal else everything, real)
    output, _ = attention(q, k, v, visible & real.unsqueeze(-1))
    return output


# -- the ways people go wrong --------------------------------------------------


def _places(lengths, n, device):
    """The numbers of the places, where the mask is to be."""
    return torch.arange(n, device=lengths.device if device is None else device)


def _allowed(q, causal):
    """Which key each query may see, as long as there is no padding."""
    n = q.shape[-2]
    if causal:
        return causal_mask(n, device=q.device)
    return torch.ones(n, n, dtype=torch.bool, device=q.device)


def _keys_only(q, lengths, causal):
    """A mask that hides padded keys, and leaves padded queries alone."""
    real = padding_mask(lengths, q.shape[-2], device=q.device)
    return combine_masks(_allowed(q, causal), real)  # (batch, n, n)


def _rows(q, lengths):
    """Which places are real, as a column for each sample."""
    return padding_mask(lengths, q.shape[-2], device=q.device).unsqueeze(-1)  # (batch, n, 1)


def _blended(q, k, v, mask):
    """Attention that gives NaN where a row is empty."""
    return torch.softmax(apply_mask(scaled_scores(q, k), mask), -1) @ v


@misconception(padding_mask)
def counts_one_token_too_many(lengths, n, device=None):
    """You count one token too many in every sample that has padding.

    Places are numbered from 0. In a sample of three tokens, which number does the last one
    have?

    The place whose number is the length comes right after the last token, and there the
    padding begins.
    """
    return _places(lengths, n, device) <= lengths.unsqueeze(-1)


@misconception(padding_mask)
def counts_one_token_too_few(lengths, n, device=None):
    """The last token of every sample counts as padding in your mask.

    How many places should be True in the row of a sample of three tokens, and how many are
    in yours?

    Of three tokens the last one stands at place 2, and it is as real as the two before it.
    """
    return _places(lengths, n, device) < lengths.unsqueeze(-1) - 1


@misconception(padding_mask)
def pads_in_front(lengths, n, device=None):
    """Your mask has the padding in front and the tokens at the end.

    In the row of one sample, what stands in place 0: its first token, or padding?

    Models that write often pad in front. Here the tokens come first, and in your mask real ones
    are hidden while padding is shown.
    """
    return _places(lengths, n, device) >= n - lengths.unsqueeze(-1)


@misconception(padding_mask)
def marks_the_padding(lengths, n, device=None):
    """Your mask says True on the padding and False on the tokens.

    In this course, what may a query do with a key where a mask says True?

    That is how PyTorch's `key_padding_mask` wants it. In this course True means "may attend".
    """
    return _places(lengths, n, device) >= lengths.unsqueeze(-1)


@misconception(padding_mask)
def counts_the_places_that_are_left(lengths, n, device=None):
    """Your mask is True, from the front, on as many places as the sample has of padding.

    A sample has two tokens in five places. How many places of its row should be True, and
    which?

    A length counts tokens. What it leaves of the n places is padding, and stands behind
    them.
    """
    return _places(lengths, n, device) < n - lengths.unsqueeze(-1)


@misconception(padding_mask)
def makes_as_many_places_as_the_longest(lengths, n, device=None):
    """Your mask has as many places as the longest sample has tokens, whatever n is.

    Which of the arguments says how many places there are, and where do you use it?

    A batch may have more places than its longest sample fills, and then such a mask does not
    fit its keys.
    """
    longest = int(lengths.max()) if len(lengths) else n
    return padding_mask(lengths, longest, device)


@misconception(padding_mask)
def has_room_for_512_places(lengths, n, device=None):
    """Your mask never has more than 512 places.

    Which number says how many places a mask must have, and how large may it grow?

    It is as if the places had been counted beforehand, for texts of a certain length. Longer
    ones will come.
    """
    return padding_mask(lengths, min(n, 512), device)


@misconception(padding_mask)
def calls_everything_real(lengths, n, device=None):
    """Your mask is True everywhere, whatever the lengths are.

    At which point do the lengths change what your mask says?

    A mask that hides nothing leaves every query free to spend attention on padding.
    """
    return torch.ones_like(_places(lengths, n, device), dtype=torch.bool).repeat(len(lengths), 1)


@misconception(padding_mask)
def gives_all_the_first_length(lengths, n, device=None):
    """Every sample has the length of the first one in your mask.

    Which number decides how far the second row of your mask is True?

    That samples differ in length is the very reason for padding, and so each needs a row of its
    own.
    """
    return _places(lengths, n, device) < lengths[:1].expand_as(lengths).unsqueeze(-1)


@misconception(padding_mask)
def fills_all_up_to_the_longest(lengths, n, device=None):
    """Every sample is as long as the longest one in your mask.

    Look at the shortest sample of a batch. Who decides how many of its places are real?

    The longest sample only says how many places are needed; the others do not grow by it.
    """
    longest = lengths.max() if len(lengths) else lengths
    return _places(lengths, n, device) < longest.expand_as(lengths).unsqueeze(-1)


@misconception(padding_mask)
def sorts_the_samples_by_length(lengths, n, device=None):
    """The rows of your mask are sorted by length, the longest first.

    To which sample does the first row of your mask belong, and to which should it?

    Some functions of PyTorch, such as `pack_padded_sequence`, like their samples sorted. Here
    row b is about sample b, and sorted rows meet the tokens of others.
    """
    return padding_mask(lengths.sort(descending=True).values, n, device)


@misconception(padding_mask)
def adds_the_lengths_up(lengths, n, device=None):
    """In your mask a sample is as long as itself and all samples before it together.

    Which of the lengths have a say in the second row of your mask?

    Such running totals are for samples that lie end to end in one long row. Here each has a row
    to itself.
    """
    return padding_mask(lengths.cumsum(0), n, device)


@misconception(padding_mask)
def puts_the_samples_in_the_columns(lengths, n, device=None):
    """The rows of your mask are places, and its columns are samples.

    What does one row of your mask tell about: a sample, or a place?

    Some layers of PyTorch want the places first and the batch after them. Here the batch comes
    first.
    """
    return padding_mask(lengths, n, device).T


@misconception(padding_mask)
def marks_only_the_last_token(lengths, n, device=None):
    """Your mask is True on the last token of each sample, and nowhere else.

    Which keys should a query find in a sample of three tokens: one of them, or all?

    To compare for being equal finds a single place. Who needs the last token alone picks it
    after attention, in which all tokens are keys.
    """
    return _places(lengths, n, device) == lengths.unsqueeze(-1) - 1


@misconception(padding_mask)
def gives_an_empty_sample_a_token(lengths, n, device=None):
    """A sample of length 0 has one real place in your mask.

    A sample holds no token at all. How should its row of the mask look?

    It keeps a row from being empty, but by showing a key that is padding. What becomes of empty
    rows is for attention to say.
    """
    return padding_mask(lengths.clamp(min=1), n, device)


@misconception(padding_mask)
def fills_an_empty_sample(lengths, n, device=None):
    """A sample of length 0 counts as full in your mask.

    Follow a length of 0 through your function. Which numbers does it become on the way, and
    what do those mean there?

    Python counts index -1 from the end, and `or` takes 0 for nothing at all. Here 0 is a length
    like any other.
    """
    return padding_mask(torch.where(lengths == 0, n, lengths), n, device)


@misconception(padding_mask)
def empties_a_full_sample(lengths, n, device=None):
    """A sample without padding counts as nothing but padding in your mask.

    A sample fills all its places. How many does your function hide, and what does it take
    that number to mean?

    To Python `[-2:]` is the last two places, but `[-0:]` is all of them.
    """
    return padding_mask(torch.where(lengths == n, 0, lengths), n, device)


@misconception(padding_mask)
def takes_the_last_place_of_a_full_sample(lengths, n, device=None):
    """A sample that fills all its places loses its last token in your mask.

    A sample has as many tokens as there are places. At which place does its padding begin?

    There is no such place, and the nearest one there is belongs to a token.
    """
    return padding_mask(lengths.clamp(max=n - 1), n, device)


@misconception(padding_mask)
def puts_an_axis_in_between(lengths, n, device=None):
    """Your mask has an axis of size 1 between the samples and their places.

    What does each axis of your mask count, and which of them does the docstring ask for?

    The axis of queries comes in where this mask meets scores. Until then it is about samples
    and places alone.
    """
    return padding_mask(lengths, n, device).unsqueeze(1)


@misconception(padding_mask)
def puts_two_axes_in_between(lengths, n, device=None):
    """Your mask has two axes of size 1 between the samples and their places.

    Which shape does the docstring promise, and how many axes has yours?

    They fit scores that have heads, and no others. Whoever needs them can still put them
    in.
    """
    return padding_mask(lengths, n, device)[:, None, None, :]


@misconception(padding_mask)
def makes_a_square_of_each_sample(lengths, n, device=None):
    """Your mask has a square for each sample, True where query and key are both real.

    Does a list of lengths say anything of queries, or only of places?

    Which query sees which key is for the next function to say. Here a place is real or not,
    once.
    """
    real = padding_mask(lengths, n, device)
    return real.unsqueeze(-1) & real.unsqueeze(-2)


@misconception(padding_mask)
def marks_tokens_with_ones(lengths, n, device=None):
    """Your mask has ones and zeros in the right places, but they are floating-point numbers.

    Which of your lines decides whether the mask holds numbers, or yes and no?

    A mask of numbers is easily multiplied where it should hide, and a score times 0 still
    weighs.
    """
    return padding_mask(lengths, n, device).float()


@misconception(padding_mask)
def marks_tokens_with_whole_numbers(lengths, n, device=None):
    """Your mask has ones and zeros in the right places, but they are whole numbers.

    What does `~` make of True, and what does it make of 1?

    Tokenizers do that. But used as an index such a mask picks rows 0 and 1, and `~1` is -2,
    which counts as true again.
    """
    return padding_mask(lengths, n, device).long()


@misconception(padding_mask)
def makes_a_mask_to_add(lengths, n, device=None):
    """You made a mask that is to be added to scores: 0 keeps, -inf hides.

    Of the four conventions for masks in lesson 03, which one does the docstring name?

    Taken as yes and no it says the opposite: 0 counts as False, and -inf as True.
    """
    hidden = ~padding_mask(lengths, n, device)
    return torch.zeros_like(hidden, dtype=torch.float32).masked_fill(hidden, -math.inf)


@misconception(padding_mask)
def stays_on_the_cpu(lengths, n, device=None):
    """A tensor in your function is made on the CPU, wherever the lengths are.

    The numbers of the places come from nothing. What tells them where to be?

    On a GPU they could not be compared with the lengths.
    """
    return torch.arange(n) < lengths.unsqueeze(-1)


@misconception(padding_mask)
def writes_into_the_lengths(lengths, n, device=None):
    """Your mask is right, but the lengths you were given are not as they were.

    Call your function twice with the same lengths. Why does the second call not find what
    the first one found?

    `-=` writes into the tensor that came in, and a method whose name ends in `_` changes the one
    it is called on, its shape too. Both belong to the caller.
    """
    return _places(lengths, n, device) < lengths.unsqueeze_(-1)


@misconception(padding_mask)
def drops_axes_of_size_one(lengths, n, device=None):
    """Where a batch holds one sample, or a sample one place, your mask lacks that axis.

    How many axes should the mask of a single sample have, and which of your lines takes one
    away?

    One is a size like any other, and whoever lays the mask over scores counts on both axes.
    """
    return padding_mask(lengths, n, device).squeeze()


@misconception(padding_mask)
def collects_rows_from_an_empty_list(lengths, n, device=None):
    """Where the batch is empty, your mask has the shape (0,).

    A batch may hold no sample. Which shape should its mask have, and from where does yours
    learn about n?

    Rows that are collected one by one say how long they are only once there is one.
    """
    mask = padding_mask(lengths, n, device)
    return mask if len(mask) else mask.flatten()


@misconception(combine_masks)
def allows_what_either_allows(causal, padding):
    """You let a query see a key that only one of the two masks allows.

    A key lies in the past, but is padding. What do the two masks say of it, and what does
    your result?

    What one mask forbids the other lets in again: the past lets in padding, and real keys come
    in from the future.
    """
    return causal | padding.unsqueeze(-2)


@misconception(combine_masks)
def ignores_the_padding(causal, padding):
    """Every sample has the causal mask as it is, and its padding hides nothing.

    Two samples differ in their padding. Where should their masks differ, and where do yours?

    Without its padding mask a short sample spends attention on places that hold nothing.
    """
    return causal.expand(padding.shape[0], *causal.shape).clone()


@misconception(combine_masks)
def ignores_the_causal_mask(causal, padding):
    """Every query sees all real keys, whatever the causal mask says.

    Compare the first row of one sample with its last. What should make them differ?

    With the padding alone a word can read those that come after it.
    """
    return torch.ones_like(causal) & padding.unsqueeze(-2)


@misconception(combine_masks)
def hides_padded_queries_instead(causal, padding):
    """You hid the rows of padded queries, and not the columns of padded keys.

    Draw the square of one sample. Along which axis does a token ask, along which is it
    looked at, and which of the two does padding close?

    A hidden row is a query that sees nothing. Padding is to be seen by nobody, and that is a
    hidden column; without it real queries see padding.
    """
    return causal & padding.unsqueeze(-1)


@misconception(combine_masks)
def hides_padded_queries_too(causal, padding):
    """You hid the rows of padded queries along with the columns of padded keys.

    Which rows of your result are empty, and which argument says anything of queries there?

    `padding` speaks of keys, and keys may be more than queries. What becomes of a padded
    query's row is decided later.
    """
    return causal & padding.unsqueeze(-2) & padding.unsqueeze(-1)


@misconception(combine_masks)
def turns_the_causal_mask_over(causal, padding):
    """You laid the causal mask on with its rows and columns exchanged.

    Which tokens may the first query see in the causal mask, and which in your result?

    A square hides this well: everything fits, and each token sees the future in place of the
    past.
    """
    return causal.mT & padding.unsqueeze(-2)


@misconception(combine_masks)
def puts_the_keys_in_the_rows(causal, padding):
    """The rows of your result are keys, and its columns are queries.

    What do all entries in one row of your result have in common: who looks, or what is
    looked at?

    The result is laid over scores, in which a row is a query.
    """
    return (causal & padding.unsqueeze(-2)).mT


@misconception(combine_masks)
def lays_samples_over_queries(causal, padding):
    """You laid the padding of sample i on the row of query i, and the batch is gone.

    Write (n_q, n_k) above (batch, n_k), lined up on the right. Which axis does the batch
    meet?

    Shapes are matched from the right. Where there are as many samples as queries nothing
    complains, and every sample gets the same square.
    """
    return causal & padding


@misconception(combine_masks)
def gives_all_the_padding_of_the_first(causal, padding):
    """Every sample of your result has the padding of the first one.

    Which row of `padding` is about the second sample, and where does your function use it?

    Short samples then see padding, and of long ones tokens are missing.
    """
    return causal & padding[:1].unsqueeze(-2).expand(padding.shape[0], -1, -1)


@misconception(combine_masks)
def hides_what_any_sample_pads(causal, padding):
    """A key that is padding in one sample is hidden in all of them.

    The longest sample of a batch has no padding. Which of its keys does your function hide,
    and because of whom?

    Then a batch sees no more than its shortest sample has, and long sentences lose their ends.
    """
    return causal & padding.all(0).unsqueeze(-2).expand(padding.shape[0], -1, -1)


@misconception(combine_masks)
def carries_padding_on_to_later_samples(causal, padding):
    """What is hidden in one sample stays hidden in all samples after it.

    Go through the samples in order. What does your causal mask look like when the second
    one begins?

    What is written into the causal mask for one sample is still there for the next; and the
    caller's mask is changed.
    """
    combined = []
    for one in padding:
        causal &= one
        combined.append(causal.clone())
    return torch.stack(combined) if combined else causal.new_empty(0, *causal.shape)


@misconception(combine_masks)
def allows_what_both_hide(causal, padding):
    """Your result is True where the two masks say the same, and so where both say False.

    A key is padding and lies in the future. What do the two masks say of it, and what does
    your result?

    To agree is not yet to allow: two masks can agree that a key is forbidden.
    """
    return causal == padding.unsqueeze(-2)


@misconception(combine_masks)
def shows_the_padding_only(causal, padding):
    """Your result hides the real keys and shows the padded ones.

    What does True mean in `padding`, and what does it mean in the line where you use it?

    Elsewhere, in `nn.MultiheadAttention` for one, a mask of this name has True on the padding.
    Here True means "may attend" in every mask.
    """
    return causal & ~padding.unsqueeze(-2)


@misconception(combine_masks)
def shows_the_future_only(causal, padding):
    """Your result shows just those real keys that the causal mask forbids.

    In your result, may a query see itself, and may it in the causal mask?

    Some functions make a causal mask whose True hides. This one says True where a query may
    look.
    """
    return ~causal & padding.unsqueeze(-2)


@misconception(combine_masks)
def marks_what_is_hidden(causal, padding):
    """Your result says True exactly where a key must stay hidden.

    The first token of a full sample may see itself. What does your result say there?

    It is right for functions whose True means "hide". In this course True means "may
    attend".
    """
    return ~(causal & padding.unsqueeze(-2))


@misconception(combine_masks)
def marks_what_both_hide(causal, padding):
    """Your result is True only where both masks say False.

    Pick a key that both masks allow. Which of your operations turns its two Trues into
    something else?

    Two masks turned round and put together with `and` allow what neither of them allows.
    """
    return ~causal & ~padding.unsqueeze(-2)


@misconception(combine_masks)
def assumes_a_triangle(causal, padding):
    """You hid what comes after each query, whatever the first mask says.

    Suppose the first mask is True everywhere. Which keys should your result still hide?

    Whoever calls you decides what each query may see. Where nothing is to be causal, that mask
    allows everything.
    """
    n_q, n_k = causal.shape
    return torch.ones_like(causal).tril(n_k - n_q) & padding.unsqueeze(-2)


@misconception(combine_masks)
def shows_each_query_itself(causal, padding):
    """You let each query see its own place, even where that is padding.

    Can a query's own place be one that no query may see?

    It keeps rows from being empty, at a price: a padded query looks at padding, and what the
    masks forbid is allowed.
    """
    n_q, n_k = causal.shape
    every = torch.ones_like(causal)
    return causal & padding.unsqueeze(-2) | every.tril(n_k - n_q) & every.triu(n_k - n_q)


@misconception(combine_masks)
def shows_everything_to_empty_rows(causal, padding):
    """A query that may see nothing sees everything in your result.

    All keys of a sample are padding. What should the rows of its square look like?

    It keeps a softmax from NaN, but with keys that both masks may forbid. An empty row is a
    true answer, and attention makes zeros of it.
    """
    visible = causal & padding.unsqueeze(-2)
    return visible | ~visible.any(-1, keepdim=True)


@misconception(combine_masks)
def puts_a_head_axis_in(causal, padding):
    """Your result has an axis of size 1 between the batch and the queries.

    What do the axes of your result count, one after the other, and which of them was not
    asked for?

    With heads it would be needed, but not all scores have heads. Where they have, it can still
    be put in.
    """
    return (causal & padding.unsqueeze(-2)).unsqueeze(1)


@misconception(combine_masks)
def puts_the_batch_in_the_middle(causal, padding):
    """Your result has the queries on its first axis and the batch on its second.

    Take the first part of your result along its first axis. Is it about one sample or about
    one query?

    Which axis is new is a choice wherever squares are put together; the batch stands in
    front.
    """
    return (causal & padding.unsqueeze(-2)).transpose(0, 1)


@misconception(combine_masks)
def adds_the_two_masks(causal, padding):
    """Your result counts how many of the two masks allow a key: 0, 1 or 2.

    A key is allowed by just one of the masks. What does your result say there, and would it
    count as True?

    A sum tells no `and` from `or`: anything that is not 0 counts as true.
    """
    return causal.long() + padding.unsqueeze(-2).long()


@misconception(combine_masks)
def multiplies_to_ones_and_zeros(causal, padding):
    """Your result has ones and zeros in the right places, but they are floating-point numbers.

    Two tensors of True and False went in. At which of your lines did they become numbers?

    For one and zero, a product says the same as `and`. But a mask of numbers is none: `~` will
    not take it, and multiplied with scores it does not hide.
    """
    return causal.float() * padding.unsqueeze(-2).float()


@misconception(combine_masks)
def multiplies_to_whole_numbers(causal, padding):
    """Your result has ones and zeros in the right places, but they are whole numbers.

    What is `~1`, and does PyTorch count it as true or as false?

    Turned round for a fill, ones become -2 and zeros -1, and both count as true.
    """
    return causal.long() * padding.unsqueeze(-2).long()


@misconception(combine_masks)
def combines_to_a_mask_to_add(causal, padding):
    """You made a mask to be added to scores: 0 keeps, -inf hides.

    Your two arguments are made of True and False. What is your result made of?

    Two masks of that kind are put together by adding them. These two are answers of yes and no,
    and so is what comes of them.
    """
    hidden = ~(causal & padding.unsqueeze(-2))
    return torch.zeros_like(hidden, dtype=torch.float32).masked_fill(hidden, -math.inf)


@misconception(combine_masks)
def puts_an_axis_into_the_padding(causal, padding):
    """Your result is right, but the padding mask you were given has another shape afterwards.

    Which of your lines makes room for the queries: in a new tensor, or in the caller's own?

    The caller still needs it as it was, to find the rows of padded queries for one thing.
    """
    return causal & padding.unsqueeze_(-2)


@misconception(combine_masks)
def collects_squares_on_the_cpu(causal, padding):
    """You made a tensor on the CPU, wherever the two masks are.

    Is there a tensor in your function that is made from nothing, and how does it know where
    to be?

    On a GPU the scores that this mask is meant for lie elsewhere.
    """
    combined = torch.zeros(padding.shape[0], *causal.shape, dtype=torch.bool)
    for b in range(len(padding)):
        combined[b] = causal & padding[b]
    return combined


@misconception(combine_masks)
def loses_the_axis_of_a_single_sample(causal, padding):
    """Where the batch holds a single sample, your result has no batch axis.

    How many axes should your result have for one sample, and how many for two?

    One sample is a batch as well, and the caller finds a query where the sample should be.
    """
    combined = causal & padding.unsqueeze(-2)
    return combined[0] if len(combined) == 1 else combined


@misconception(combine_masks)
def collects_squares_from_an_empty_list(causal, padding):
    """Where the batch is empty, your result has the shape (0,).

    Suppose there are queries and keys, but no sample. Which shape should the result have?

    Squares that are collected one by one tell their size only once there is one.
    """
    combined = causal & padding.unsqueeze(-2)
    return combined if len(combined) else combined.flatten()


@misconception(padded_attention)
def ignores_the_lengths(q, k, v, lengths, causal=False):
    """Your output is the same for all lengths.

    Shorten one sample of a batch by a token. What should change in the output, and what
    changes in yours?

    Without its length a sample is as long as its padding makes it, and every query spends attention
    on what is not there.
    """
    return attention(q, k, v, _allowed(q, causal))[0]


@misconception(padded_attention)
def forgets_the_lengths_when_causal(q, k, v, lengths, causal=False):
    """With causal=True your output is the same for all lengths.

    With causal=True and without: which masks does each of the two ways through your
    function use?

    With padding at the end, the causal mask hides it from every real query, but padded queries
    see it, and their rows are no zeros.
    """
    if causal:
        return attention(q, k, v, causal_mask(q.shape[-2], device=q.device))[0]
    return padded_attention(q, k, v, lengths)


@misconception(padded_attention)
def leaves_padded_rows_as_they_come(q, k, v, lengths, causal=False):
    """Your padded keys are hidden, but the rows of padded queries still hold a blend of values.

    A padded query is no token. What does the docstring want in its row, and what has your
    function put there?

    A mask on keys says nothing of queries, and padded ones look around like any other. A mean
    over all rows would count what they found.
    """
    return attention(q, k, v, _keys_only(q, lengths, causal))[0]


@misconception(padded_attention)
def does_nothing_about_padded_rows(q, k, v, lengths, causal=False):
    """Rows of padded queries hold a blend of values, and a sample of length 0 is NaN.

    Your padded keys are hidden. What happens in your function to the rows of padded queries, and to
    a row in which everything is hidden?

    A mask on keys alone leaves padded queries looking around like any other, or with nothing to
    look at. All these rows should be zeros.
    """
    return _blended(q, k, v, _keys_only(q, lengths, causal))


@misconception(padded_attention)
def hides_padded_queries_only(q, k, v, lengths, causal=False):
    """The rows of padded queries are zeros, but real queries still look at padded keys.

    A sample has three tokens in five places. Over how many keys does its first query share
    out attention in yours?

    Padding must not ask, and it must not be looked at. Each of the two has an axis of its own in
    the scores.
    """
    return attention(q, k, v, _allowed(q, causal) & _rows(q, lengths))[0]


@misconception(padded_attention)
def ignores_causal(q, k, v, lengths, causal=False):
    """Every token sees all real tokens of its sample, with causal=True as without.

    Where does `causal` change what your function computes?

    Padding is hidden, but a token still reads those that come after it.
    """
    return padded_attention(q, k, v, lengths)


@misconception(padded_attention)
def is_always_causal(q, k, v, lengths, causal=False):
    """You hid what comes after a token, even where nobody asked for that.

    When `causal` is False, which keys may the first token of a sample attend to?

    A reader who has the whole sentence may look ahead, as far as it goes.
    """
    return padded_attention(q, k, v, lengths, causal=True)


@misconception(padded_attention)
def spends_attention_on_padding(q, k, v, lengths, causal=False):
    """Padding adds nothing to your outputs, but still takes its share of the attention.

    In a sample of three tokens, what do the weights of the three real keys sum to in your
    function?

    What is crossed out after the softmax has been paid for: the real keys have less than one
    to share.
    """
    real = _rows(q, lengths)
    return attention(q, k, v * real, _allowed(q, causal))[0] * real


@misconception(padded_attention)
def turns_padded_keys_into_zeros(q, k, v, lengths, causal=False):
    """Your padded keys became zeros, and a score of 0 still gets its share of the attention.

    What is the product of a query with a key that is all zeros, and what does a softmax
    make of it?

    exp(0) is 1. A key of zeros can even have the highest score of all.
    """
    real = _rows(q, lengths)
    return attention(q, k * real, v, _allowed(q, causal))[0] * real


@misconception(padded_attention)
def turns_padding_into_zeros(q, k, v, lengths, causal=False):
    """You turned padded keys and values into zeros, and hid nothing.

    Three real keys, two of zeros: how many numbers does a row of your softmax share
    attention out among?

    Zeros say nothing, but they listen: a score of 0 is paid for, and what is paid for a value
    of zeros is lost.
    """
    real = _rows(q, lengths)
    return attention(q, k * real, v * real, _allowed(q, causal))[0] * real


@misconception(padded_attention)
def trusts_in_zeros(q, k, v, lengths, causal=False):
    """You turned padding into zeros in queries, keys and values, and hid nothing.

    A query of zeros meets three real keys. What are its scores, and what does its row of
    the output become?

    A query of zeros is indifferent, not silent: it gets something of every value. A key of
    zeros has the score 0, which weighs.
    """
    real = _rows(q, lengths)
    return attention(q * real, k * real, v * real, _allowed(q, causal))[0]


@misconception(padded_attention)
def turns_padded_queries_into_zeros(q, k, v, lengths, causal=False):
    """You turned padded queries into zeros, and their rows became plain means of real values.

    What are the scores of a query that is all zeros, and what weights does a softmax make
    of them?

    Equal scores make equal weights, not weights of zero. It is the row of the output that has to
    be zeros.
    """
    mask = _keys_only(q, lengths, causal)
    return attention(q * _rows(q, lengths), k, v, mask)[0]


@misconception(padded_attention)
def takes_zeros_for_padding(q, k, v, lengths, causal=False):
    """You found padding by what it holds, zeros, and not by the lengths.

    What makes a place padding: the numbers that stand in it, or the length of its sample?

    Zeros are only a habit. Padding can hold anything once layers have been over it, and a real
    token may be zeros.
    """
    real = (k != 0).any(-1)
    mask = combine_masks(_allowed(q, causal), real)
    return attention(q, k, v, mask & real.unsqueeze(-1))[0]


@misconception(padded_attention)
def lets_padding_see_padding(q, k, v, lengths, causal=False):
    """Padded queries attend to padded keys in your function.

    Real queries see real keys. Which keys do padded queries see in your function, and what
    does that make of their rows?

    To let like meet like keeps real tokens apart from padding, and no row is empty. But then
    rows that should be zeros are blends of padding.
    """
    real = _rows(q, lengths)
    return attention(q, k, v, _allowed(q, causal) & (real == real.mT))[0]


@misconception(padded_attention)
def gives_padding_its_own_values(q, k, v, lengths, causal=False):
    """A padded query gets back the value that stands in its own place.

    What stands in the last place of a short sample, and how does it come into your output?

    Let a row see itself and it is not empty, that is true. But what it sees there is padding, and
    its row should be zeros.
    """
    real = _rows(q, lengths)
    return torch.where(real, attention(q, k, v, _keys_only(q, lengths, causal))[0], v)


@misconception(padded_attention)
def shows_everything_to_padded_queries(q, k, v, lengths, causal=False):
    """A padded query sees all places of its sample in your function, padding too.

    Which row of your mask belongs to the last place of a short sample, and what may that
    row see?

    Rows are opened like that to keep a softmax from NaN. The output of a padded query should
    be zeros, and yours is a blend of everything.
    """
    real = _rows(q, lengths)
    return attention(q, k, v, _keys_only(q, lengths, causal) & real | ~real)[0]


@misconception(padded_attention)
def empties_every_sample_with_padding(q, k, v, lengths, causal=False):
    """A sample with padding has zeros in all its rows.

    One of five places is padding. Which rows of the output should be zeros, and which are
    in yours?

    What is asked of a whole sample at once, whether it has any padding, is to be asked of each
    place.
    """
    whole = padding_mask(lengths, q.shape[-2], device=q.device).all(-1)
    output = padded_attention(q, k, v, lengths, causal)
    return output * whole.reshape(-1, 1, 1)


@misconception(padded_attention)
def empties_columns_instead_of_rows(q, k, v, lengths, causal=False):
    """Zeros stand in the last columns of your output, not in the rows of padded queries.

    In the output of one sample, what does a row belong to, what a column, and which of them
    can be padding?

    Where there are as many features as places, a mask of places fits over features without
    a complaint.
    """
    real = padding_mask(lengths, q.shape[-2], device=q.device)
    output, _ = attention(q, k, v, _keys_only(q, lengths, causal))
    return output * real.unsqueeze(-2)


@misconception(padded_attention)
def packs_the_batch_into_one_sequence(q, k, v, lengths, causal=False):
    """Your tokens attend to the tokens of other samples.

    Two samples of three tokens each: among how many keys should a query share out its
    attention?

    End to end, all samples are one long sequence, and nothing says any more where one ends and
    the next begins.
    """
    real = padding_mask(lengths, q.shape[-2], device=q.device)
    tokens = [part[real] for part in (q, k, v)]  # (all real tokens, d)
    output = torch.zeros_like(v)
    output[real] = attention(*tokens, _allowed(tokens[0], causal))[0]
    return output


@misconception(padded_attention)
def cuts_to_the_longest_sample(q, k, v, lengths, causal=False):
    """Your output has as many rows as the longest sample has tokens, and not n.

    Suppose that no sample fills all n places. How many rows should the output have?

    Rows that nobody needs are still expected: what comes next adds the output to a tensor
    of n rows.
    """
    longest = int(lengths.max()) if len(lengths) else q.shape[-2]
    return padded_attention(q, k, v, lengths, causal)[:, :longest]


@misconception(padded_attention)
def leaves_the_samples_sorted(q, k, v, lengths, causal=False):
    """Your samples come back sorted by length, the longest first.

    The first sample that comes back: is it the first that went in?

    To sort a batch by length is useful at times. But then each sample has to find back to its
    place.
    """
    order = lengths.argsort(descending=True, stable=True)
    return padded_attention(q[order], k[order], v[order], lengths[order], causal)


@misconception(padded_attention)
def leaves_nan_in_an_empty_sample(q, k, v, lengths, causal=False):
    """A sample of length 0 comes back as NaN.

    In a sample of length 0 every key is hidden. What does a softmax make of such a row, and what
    does a zero make of that?

    NaN times 0 is NaN, so no mask laid over the output by multiplication takes it away.
    """
    return _blended(q, k, v, _keys_only(q, lengths, causal)) * _rows(q, lengths)


@misconception(padded_attention)
def covers_up_the_nan_of_an_empty_sample(q, k, v, lengths, causal=False):
    """Your output is right, but a sample of length 0 makes gradients NaN.

    A sample holds no token at all. Go through your function with it: does a NaN come up
    anywhere, even for a moment?

    The zeros in the output cover weights that are NaN. On the way back these are multiplied with
    a gradient of 0, and that is NaN again.
    """
    blended = _blended(q, k, v, _keys_only(q, lengths, causal))
    return torch.where(_rows(q, lengths), blended, 0.0)


@misconception(padded_attention)
def adds_minus_infinity_to_an_empty_sample(q, k, v, lengths, causal=False):
    """Your output is right, but a sample of length 0 makes gradients NaN, those of q and k too.

    How does your function hide the scores of a sample without any token, and what comes back
    through that line to queries and keys?

    A NaN was made and covered up. What is added to scores passes every gradient on to them as it
    is, and so NaN reaches all that made queries and keys.
    """
    scores = scaled_scores(q, k)
    hidden = ~_keys_only(q, lengths, causal)
    penalty = torch.zeros(hidden.shape, dtype=q.dtype, device=q.device)
    weights = torch.softmax(scores + penalty.masked_fill(hidden, -math.inf), -1)
    return torch.where(_rows(q, lengths), weights @ v, 0.0)


@misconception(padded_attention)
def covers_up_the_nan_of_padded_rows(q, k, v, lengths, causal=False):
    """Your output is right, but every sample with padding makes gradients NaN.

    The row of a padded query is all hidden. What are its weights after the softmax, before
    anything is mended?

    The NaN is gone from the output and still there in the weights. On the way back they meet a
    gradient of 0, and NaN times 0 is NaN.
    """
    real = _rows(q, lengths)
    blended = _blended(q, k, v, _keys_only(q, lengths, causal) & real)
    return torch.where(real, blended, 0.0)


@misconception(padded_attention)
def empties_the_rows_behind_the_gradients_back(q, k, v, lengths, causal=False):
    """Your output is right, but a gradient still comes back through rows that you set to zero.

    The row of a padded query is zeros, whatever q, k and v hold. What should the gradient of such
    a row be?

    What is written through `.data`, or where gradients are switched off, changes the numbers and
    not what is known of their origin.
    """
    output, _ = attention(q, k, v, _keys_only(q, lengths, causal))
    with torch.no_grad():
        output.masked_fill_(~_rows(q, lengths), 0.0)
    return output


@misconception(padded_attention)
def empties_real_rows_instead(q, k, v, lengths, causal=False):
    """The rows of real tokens are zeros, and those of padded queries hold a blend.

    In your mask of real places, what does True stand for, and what do you do to the output where
    it is True?

    A fill asks where to write, and takes True for an answer. The rows to be zeros are the others.
    """
    output, _ = attention(q, k, v, _keys_only(q, lengths, causal))
    return output.masked_fill(_rows(q, lengths), 0.0)


@misconception(padded_attention)
def returns_zeros_only(q, k, v, lengths, causal=False):
    """Every number of your output is zero, in rows of real tokens too.

    Where do the blends of values stand when your function is done, and is that the tensor which
    you return?

    What is written into a copy, as `output[mask][...]` is one, never reaches the tensor it was
    taken from; and rows that are emptied after they were filled are as empty.
    """
    places = _rows(q, lengths).squeeze(-1)
    output = torch.zeros_like(v)
    output[places].copy_(padded_attention(q, k, v, lengths, causal)[places])
    return output


@misconception(padded_attention)
def lets_go_of_the_gradient(q, k, v, lengths, causal=False):
    """Your output is right, but no gradient finds its way back from it.

    Follow one number of the output back to the values it was made of. At which line does
    the trail end?

    Queries, keys and values were made by matrices that have to learn, and without a gradient
    they cannot.
    """
    return padded_attention(q, k, v, lengths, causal).detach()


@misconception(padded_attention)
def collects_in_single_precision(q, k, v, lengths, causal=False):
    """Your output is float32, whatever the inputs are.

    Which dtype goes into your function, and at which of your lines does it become another
    one?

    A tensor of zeros to write results into has a dtype of its own, and what is written into
    it takes that on.
    """
    output = torch.zeros(v.shape, device=v.device)
    output[:] = padded_attention(q, k, v, lengths, causal)
    return output


@misconception(padded_attention)
def collects_its_output_on_the_cpu(q, k, v, lengths, causal=False):
    """You made your output on the CPU, wherever the inputs are.

    Where does the tensor that you return come from, and what told it where to be?

    On a GPU, what is written into it would be copied back, and the next layer could not use
    it.
    """
    output = torch.zeros(v.shape, dtype=v.dtype)
    output[:] = padded_attention(q, k, v, lengths, causal)
    return output


@misconception(padded_attention)
def allows_everything_from_the_cpu(q, k, v, lengths, causal=False):
    """Where nothing is causal you make a tensor on the CPU, wherever the queries are.

    When `causal` is False, what do you make in place of the causal mask, and where?

    A mask that forbids nothing still has to meet the others, and so to be where they are.
    """
    n = q.shape[-2]
    allowed = _allowed(q, causal) if causal else torch.ones(n, n, dtype=torch.bool)
    real = padding_mask(lengths, n, device=q.device)
    return attention(q, k, v, combine_masks(allowed, real) & real.unsqueeze(-1))[0]


@misconception(padded_attention)
def makes_its_causal_mask_on_the_cpu(q, k, v, lengths, causal=False):
    """With causal=True you make a tensor on the CPU, wherever the queries are.

    Which tensor does your function make only when `causal` is True, and what tells it where
    to be?

    On a GPU the two masks would lie in two places, and could not be put together.
    """
    n = q.shape[-2]
    allowed = causal_mask(n) if causal else _allowed(q, causal)
    real = padding_mask(lengths, n, device=q.device)
    return attention(q, k, v, combine_masks(allowed, real) & real.unsqueeze(-1))[0]


@misconception(padded_attention)
def empties_the_callers_padding(q, k, v, lengths, causal=False):
    """Your output is right, but you wrote zeros into the padding of the values you were given.

    Which of your lines works in a tensor that somebody else made?

    Padding seems to be nobody's, but the whole tensor is the caller's, and where gradients are
    gathered PyTorch may refuse to write into it.
    """
    v *= _rows(q, lengths)
    return padded_attention(q, k, v, lengths, causal)


@misconception(padded_attention)
def loses_a_batch_of_one(q, k, v, lengths, causal=False):
    """You take the batch axis off where a batch holds a single sample.

    How many axes should the output of a single sample have, and how many has yours?

    A batch of one is a batch, and whoever takes the first sample out of it finds a row.
    """
    output = padded_attention(q, k, v, lengths, causal)
    return output.squeeze(0)


@misconception(padded_attention)
def begins_with_an_empty_list(q, k, v, lengths, causal=False):
    """From an empty batch you return a tensor of shape (0,).

    A batch may hold no sample. Which shape should the output have then, and from where does
    yours take its axes?

    What is collected sample by sample has no other axes until the first sample comes.
    """
    output = padded_attention(q, k, v, lengths, causal)
    return output if len(output) else output.flatten()


@misconception(padded_attention)
def hands_back_the_weights_too(q, k, v, lengths, causal=False):
    """You returned two tensors, the output and its weights.

    How many tensors does the docstring say come back?

    Attention gives back two things, this function one; what comes next cannot compute with a
    pair.
    """
    real = _rows(q, lengths)
    return attention(q, k, v, _keys_only(q, lengths, causal) & real)


@misconception(padded_attention)
def answers_with_the_weights(q, k, v, lengths, causal=False):
    """You returned the weights instead of the output.

    What do the columns of your result stand for: keys, or features of values?

    Weights say where a token looks; the output is what it takes from there.
    """
    real = _rows(q, lengths)
    return attention(q, k, v, _keys_only(q, lengths, causal) & real)[1]
