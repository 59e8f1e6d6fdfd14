"""03 · Causal mask: the right way, then the ways people go wrong.

Rows are queries, columns are keys. A mask is boolean, and True means "may attend".
`...` stands for any number of leading batch dimensions, none included. A result has
the dtype and the device of what it is made from, and no argument is changed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.bank import misconception


def causal_mask(
    n_q: int, n_k: int | None = None, device: torch.device | str | None = None
) -> Tensor:
    """True where query i may attend to key j: itself and everything before it.

    n_q: how many queries there are, n_k: how many keys; as many as queries if not given.
    device: where the mask is made.

    Returns a boolean tensor (n_q, n_k). The last query lines up with the last key, so
    query i sees the keys j <= i + (n_k - n_q). With more queries than keys the first
    rows see nothing: they are False throughout.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


def apply_mask(scores: Tensor, mask: Tensor) -> Tensor:
    """The scores, with -inf wherever the mask is False.

    scores: floating point, (..., n_q, n_k).
    mask: boolean, of the same shape or of one that broadcasts to it, such as (n_q, n_k)
    for a whole batch, or (batch, 1, n_q, n_k) for one mask a sample and any number of heads.

    Returns a new tensor (..., n_q, n_k) with the dtype and device of the scores. Where the
    mask is True the score stays exactly as it was, a score of 0 too, and gradients flow
    back to it.
    """
    return scores.masked_fill(~mask, -math.inf)


# -- the ways people go wrong --------------------------------------------------


@misconception(causal_mask)
def aligns_the_first_tokens(n_q, n_k=None, device=None):
    """You lined up the first query with the first key.

    With cached keys the queries are the *last* tokens. Which ends should meet?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril()


@misconception(causal_mask)
def keeps_the_future(n_q, n_k=None, device=None):
    """You let each query see itself and everything that comes after it.

    While word 3 is being written, words 4 and 5 do not exist yet. On which side of the
    diagonal does the past lie?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).triu(n_k - n_q)


@misconception(causal_mask)
def marks_what_is_hidden(n_q, n_k=None, device=None):
    """Your mask says True exactly where a key must stay hidden.

    Both conventions are in use; the table in the lesson has them side by side. Which of
    them is this course's?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).triu(n_k - n_q + 1)


@misconception(causal_mask)
def keeps_the_future_of_the_first_tokens(n_q, n_k=None, device=None):
    """Your mask is the upper triangle, from the top left corner on.

    So a query sees itself and the future, and extra keys count as future too. On which side
    lies the past, and in which corner do the newest query and the newest key meet?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).triu()


@misconception(causal_mask)
def marks_what_is_hidden_from_the_first_tokens(n_q, n_k=None, device=None):
    """You marked what is hidden, with the first query lined up with the first key.

    Many tutorials draw it like that: they know only squares, and their True hides. What
    does True mean here, and which ends should meet?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).triu(1)


@misconception(causal_mask)
def hides_the_token_itself(n_q, n_k=None, device=None):
    """Your queries see what came before them, but not themselves.

    The very first token has nobody before it. What is left for it to look at?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q - 1)


@misconception(causal_mask)
def looks_one_token_ahead(n_q, n_k=None, device=None):
    """Your queries see one key too many: the token that comes right after them.

    That token is the very one to be guessed. How many keys may the first of four
    queries see?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q + 1)


@misconception(causal_mask)
def looks_ahead_beyond_a_cache(n_q, n_k=None, device=None):
    """With more keys than queries, your queries see one key too many.

    Two queries, five keys: the last query may see all five. How many may the one before it
    see?
    """
    n_k = n_q if n_k is None else n_k
    ahead = 1 if n_k > n_q else 0
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q + ahead)


@misconception(causal_mask)
def hides_only_the_next_key(n_q, n_k=None, device=None):
    """You hide the one key right after each query, and show all those after that.

    Word 3 is the next to guess, but words 4 and 5 give it away as well. How many keys of
    the future may a query see?
    """
    n_k = n_q if n_k is None else n_k
    every = torch.ones(n_q, n_k, dtype=torch.bool, device=device)
    return every.tril(n_k - n_q) | every.triu(n_k - n_q + 2)


@misconception(causal_mask)
def slides_the_triangle_the_wrong_way(n_q, n_k=None, device=None):
    """Your triangle is right for a square, but extra keys push it to the wrong side.

    Two queries, five keys: three of the keys are older than both queries. Do older keys
    make a query see more, or less?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_q - n_k)


@misconception(causal_mask)
def hides_the_cached_keys(n_q, n_k=None, device=None):
    """Your queries see one another, but none of the keys that were there before them.

    Extra keys on the left belong to earlier tokens. Is there a reason to forget those?
    """
    n_k = n_q if n_k is None else n_k
    seen = torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)
    cached = torch.arange(n_k, device=device) < n_k - n_q
    return seen & ~cached


@misconception(causal_mask)
def lets_no_row_be_empty(n_q, n_k=None, device=None):
    """You lined up the first ones after all where keys are fewer than queries.

    The last query meets the last key, whichever of the two are more. With five queries
    and two keys, what does that leave for the first query?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(max(n_k - n_q, 0))


@misconception(causal_mask)
def shows_the_first_key_to_empty_rows(n_q, n_k=None, device=None):
    """Queries before the first key, which should see nothing, see the first key in your mask.

    A row of nothing looks like an accident, but what to make of it is for a later step to
    say. Does j <= i + (n_k - n_q) make an exception?
    """
    n_k = n_q if n_k is None else n_k
    seen = torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)
    seen[: max(n_q - n_k, 0), :1] = True
    return seen


@misconception(causal_mask)
def takes_the_offset_without_its_sign(n_q, n_k=None, device=None):
    """Where keys are fewer than queries, you count the difference as if they were more.

    With five queries and two keys, n_k - n_q is -3. Does that let a query see more keys, or
    fewer?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(abs(n_k - n_q))


@misconception(causal_mask)
def makes_a_column_for_every_query(n_q, n_k=None, device=None):
    """Where keys are fewer than queries, your mask still has a column for every query.

    It is a square then, and lies over no scores. What does a column of the mask stand for?
    """
    n_k = max(n_q, n_q if n_k is None else n_k)
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


@misconception(causal_mask)
def cuts_a_fixed_square(n_q, n_k=None, device=None):
    """Your mask has no room for more than 32 keys.

    It comes out of a square whose size was chosen beforehand. Which two numbers say how
    large a mask has to be?
    """
    n_k = n_q if n_k is None else n_k
    square = torch.ones(32, 32, dtype=torch.bool, device=device).tril()
    rows = square[max(n_k - n_q, 0) : n_k, :n_k]
    return torch.cat([rows.new_zeros(max(n_q - n_k, 0), rows.shape[-1]), rows])


@misconception(causal_mask)
def ends_a_row_below_zero(n_q, n_k=None, device=None):
    """Rows that should be empty see keys in your mask, as if a slice had ended below zero.

    To Python `[:-1]` is everything but the last, not nothing. With seven queries and four
    keys, at which number would your first row end?
    """
    n_k = n_q if n_k is None else n_k
    mask = torch.zeros(n_q, n_k, dtype=torch.bool, device=device)
    for i in range(n_q):
        mask[i, : i + 1 + n_k - n_q] = True
    return mask


@misconception(causal_mask)
def ignores_the_number_of_keys(n_q, n_k=None, device=None):
    """Your mask has as many columns as rows, whatever `n_k` says.

    Keys may come from a cache and be more than the queries. What does a column of the
    mask stand for?
    """
    return torch.ones(n_q, n_q, dtype=torch.bool, device=device).tril()


@misconception(causal_mask)
def puts_the_keys_in_the_rows(n_q, n_k=None, device=None):
    """Your rows are keys, and your columns are queries.

    The mask is laid over the scores, place by place. Who owns a row there: a token that
    asks, or a token that is asked?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q).T


@misconception(causal_mask)
def puts_two_axes_in_front(n_q, n_k=None, device=None):
    """Your mask has two axes of size 1 in front of those of queries and keys.

    They fit scores of batches and heads, but a mask of two axes does so too. Which shape
    does the contract promise?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(1, 1, n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


@misconception(causal_mask)
def answers_with_ones_and_zeros(n_q, n_k=None, device=None):
    """Your mask has ones and zeros in the right places, but they are numbers.

    Numbers can be added by accident, and `~` does not turn them round. Which dtype has
    nothing but yes and no?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, device=device).tril(n_k - n_q)


@misconception(causal_mask)
def answers_with_whole_numbers(n_q, n_k=None, device=None):
    """Your mask has ones and zeros in the right places, but they are whole numbers.

    `~` turns True into False, but 1 into -2. Which dtype has nothing but yes and no?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.int, device=device).tril(n_k - n_q)


@misconception(causal_mask)
def answers_with_a_mask_to_add(n_q, n_k=None, device=None):
    """You made a mask that is to be added to the scores: 0 keeps, -inf hides.

    That is one of the four conventions, the last in the lesson's table. Which one was
    asked for here?
    """
    n_k = n_q if n_k is None else n_k
    return torch.full((n_q, n_k), -math.inf, device=device).triu(n_k - n_q + 1)


@misconception(causal_mask)
def stays_on_the_cpu(n_q, n_k=None, device=None):
    """A tensor in your function is made on the CPU, whatever `device` says.

    On a GPU the scores would be in one place and the mask in another. At which moment is
    it decided where a tensor lives?
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q)


@misconception(causal_mask)
def takes_no_keys_for_not_given(n_q, n_k=None, device=None):
    """You take `n_k = 0` for a number that was not given, and make as many keys as queries.

    To `or` and `if n_k`, 0 and None are alike: both count as false. How do you ask for None
    and nothing else?
    """
    n_k = n_k or n_q
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


@misconception(apply_mask)
def leaves_a_score_of_zero(scores, mask):
    """You turned the hidden scores into 0.

    Softmax will take exp of every score. What is exp(0), and is that nothing?
    """
    return scores * mask


@misconception(apply_mask)
def adds_the_mask_itself(scores, mask):
    """You added the mask to the scores: visible ones grew by 1, hidden ones stayed.

    Adding can hide, but not by adding one and zero. What would have to be added to a
    score so that exp of it is nothing?
    """
    return scores + mask


@misconception(apply_mask)
def hides_what_may_be_seen(scores, mask):
    """You hid the scores where the mask is True and kept those where it is False.

    That fits the convention of `triu` and `nn.MultiheadAttention`. What does True mean in
    this course?
    """
    return scores.masked_fill(mask, -math.inf)


@misconception(apply_mask)
def fills_with_plus_infinity(scores, mask):
    """Your hidden scores are +inf, larger than every other score.

    The largest score gets the largest weight. Is that what should happen to a hidden key?
    """
    return scores.masked_fill(~mask, math.inf)


@misconception(apply_mask)
def fills_with_a_large_number(scores, mask):
    """You hid scores behind -1e9, which is low, but not as low as can be.

    Float16 cannot even hold that number, and a row that is hidden throughout turns into
    equal weights. Which value lies below every score?
    """
    return scores.masked_fill(~mask, -1e9)


@misconception(apply_mask)
def fills_with_minus_ten_thousand(scores, mask):
    """You hid scores behind -1e4, and real scores have been seen below that.

    A visible score of -15 000 would then weigh less than a hidden one. Which value lies
    below every score?
    """
    return scores.masked_fill(~mask, -1e4)


@misconception(apply_mask)
def adds_minus_ten_thousand(scores, mask):
    """You added -1e4 to the hidden scores, which are then low, but not out of the game.

    In a row that is hidden throughout all go down by the same amount, and their weights are
    as if nothing were hidden. What could be put there that no score comes near?
    """
    return scores + (1 - mask.to(scores.dtype)) * -1e4


@misconception(apply_mask)
def fills_with_the_lowest_number(scores, mask):
    """You hid scores behind the lowest number that their dtype can hold.

    It fits every dtype, and that is well thought of. But a row that is hidden throughout
    turns into equal weights. Which value lies below every number?
    """
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min)


@misconception(apply_mask)
def multiplies_infinity_by_zero(scores, mask):
    """Your visible scores became NaN, as -inf times 0 does.

    Infinity less infinity, or times zero, is not zero; nobody can say what it is. Can you
    choose between two values without any arithmetic?
    """
    return scores + (~mask).to(scores.dtype) * -math.inf


@misconception(apply_mask)
def divides_by_the_mask(scores, mask):
    """Your hidden scores became infinite, but with the signs they had.

    So it comes out of a division by a mask of ones and zeros: a score above 0 is then larger
    than every other, and one of 0 is NaN. Which value should be there, whatever was before?
    """
    return scores / mask


@misconception(apply_mask)
def goes_on_to_the_weights(scores, mask):
    """You returned weights, where scores were asked for.

    To hide scores is one step, to turn them into weights another. Which of the two was
    asked for here?
    """
    return scores.masked_fill(~mask, -math.inf).softmax(-1)


@misconception(apply_mask)
def spares_rows_without_keys(scores, mask):
    """A row that is hidden throughout keeps its scores in your result.

    That the row has nothing to look at is for a later step to deal with. Does the mask say
    True anywhere in it?
    """
    return scores.masked_fill(~mask & mask.any(-1, keepdim=True), -math.inf)


@misconception(apply_mask)
def hides_a_key_from_all_queries(scores, mask):
    """You hide a key from every query as soon as it is hidden from one.

    Each query has a row of the mask to itself. What does the third row say about the
    second query?
    """
    return scores.masked_fill(~mask.all(-2, keepdim=True), -math.inf)


@misconception(apply_mask)
def takes_a_score_of_zero_for_hidden(scores, mask):
    """You hide a visible score as well, where it happens to be exactly 0.

    Two vectors at right angles have a product of 0, and may still look at each other.
    What, other than the score, tells you that a place is hidden?
    """
    return scores.masked_fill(scores * mask == 0, -math.inf)


@misconception(apply_mask)
def assumes_a_causal_mask(scores, mask):
    """You hid the future, whatever mask was given.

    Masks come in other shapes than triangles, and whoever calls you has chosen one. Which of
    your function's arguments says what stays visible?
    """
    return scores.masked_fill(
        ~causal_mask(scores.shape[-2], scores.shape[-1], device=scores.device), -math.inf
    )


@misconception(apply_mask)
def turns_the_mask_over(scores, mask):
    """You laid the mask on the scores with its rows and columns exchanged.

    A square hides this well. Which axis of the mask belongs to the queries?
    """
    return scores.masked_fill(~mask.transpose(-2, -1), -math.inf)


@misconception(apply_mask)
def uses_the_first_mask_for_all(scores, mask):
    """You give every sample of the batch the mask of the first one.

    Sentences in a batch have different lengths, and so different masks. Which axes of the
    mask can stay as they are?
    """
    return scores.masked_fill(~mask[(0,) * (mask.dim() - 2)], -math.inf)


@misconception(apply_mask)
def drops_the_axes_of_size_one(scores, mask):
    """The samples of your mask line up with the heads of the scores.

    Shapes are matched from the right. What was the axis of size 1 there to hold open?
    """
    return scores.masked_fill(~mask.squeeze(), -math.inf)


@misconception(apply_mask)
def puts_a_head_axis_into_every_mask(scores, mask):
    """Where a mask has three axes you put another one in, and so its first axis moves.

    Shapes are matched from the right, and not all scores have heads. Whose business is it
    that a mask fits its scores: yours, or the caller's?
    """
    return scores.masked_fill(~(mask.unsqueeze(1) if mask.dim() == 3 else mask), -math.inf)


@misconception(apply_mask)
def writes_into_the_scores(scores, mask):
    """You wrote the -inf into the scores you were given.

    Whoever called you may still need them. In PyTorch, what does an underscore at the end
    of a method's name promise, and what an assignment to `scores[...]`?
    """
    return scores.masked_fill_(~mask, -math.inf)


@misconception(apply_mask)
def answers_in_single_precision(scores, mask):
    """Your values are right, but float16 scores come back as float32.

    Somewhere on the way the numbers were given another dtype. Where could the scores' dtype
    be handed on?
    """
    return scores + torch.zeros(mask.shape, device=scores.device).masked_fill(~mask, -math.inf)


@misconception(apply_mask)
def answers_always_in_single_precision(scores, mask):
    """Your values are right, but scores of every dtype come back as float32.

    Some models calculate in float16 to save room, some in float64 to be exact. Which dtype
    does the caller count on?
    """
    return scores.float().masked_fill(~mask, -math.inf)


@misconception(apply_mask)
def fills_from_the_cpu(scores, mask):
    """You made a tensor on the CPU, wherever the scores are.

    On a GPU it could not meet them. Which of your lines makes a new tensor, and how could
    it know the place?
    """
    return torch.where(mask, scores, torch.full(scores.shape, -math.inf, dtype=scores.dtype))


@misconception(apply_mask)
def cuts_the_gradient(scores, mask):
    """Your values are right, but no gradient finds its way back to the scores.

    A model learns through exactly that way. Which part of your function lets go of the
    thread?
    """
    return scores.detach().clone().masked_fill(~mask, -math.inf)


@misconception(apply_mask)
def hides_in_a_copy(scores, mask):
    """Where the scores are a transposed tensor, you hide nothing.

    `reshape` and `flatten` give a view where they can, and a copy where they cannot; what
    is written into a copy is not in the tensor you return. Do the scores have to lie in one
    line to be hidden?
    """
    result = scores.clone()
    result.reshape(-1)[~mask.expand(scores.shape).reshape(-1)] = -math.inf
    return result
