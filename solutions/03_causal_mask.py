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

    Which query is the newest, and which key was written last?

    With cached keys the queries are the *last* tokens. Lined up with the first keys, they would
    not even see themselves.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril()


@misconception(causal_mask)
def keeps_the_future(n_q, n_k=None, device=None):
    """You let each query see itself and everything that comes after it.

    In a row of the mask, on which side of the diagonal does the past lie?

    While word 3 is being written, words 4 and 5 do not exist yet.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).triu(n_k - n_q)


@misconception(causal_mask)
def marks_what_is_hidden(n_q, n_k=None, device=None):
    """Your mask says True exactly where a key must stay hidden.

    What may a query do where a mask of this course says True?

    Both conventions are in use; the table in the lesson has them side by side. Read by this
    course's, your mask shows nothing but the future.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).triu(n_k - n_q + 1)


@misconception(causal_mask)
def keeps_the_future_of_the_first_tokens(n_q, n_k=None, device=None):
    """Your mask is the upper triangle, from the top left corner on.

    On which side of the diagonal lies the past, and in which corner do the newest query and the
    newest key meet?

    So a query sees itself and the future, and extra keys count as future too.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).triu()


@misconception(causal_mask)
def marks_what_is_hidden_from_the_first_tokens(n_q, n_k=None, device=None):
    """You marked what is hidden, with the first query lined up with the first key.

    What does True let a query do, and which key is the last query's own?

    Many tutorials draw it like that: they know only squares, and their True hides.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).triu(1)


@misconception(causal_mask)
def hides_the_token_itself(n_q, n_k=None, device=None):
    """Your queries see what came before them, but not themselves.

    The very first token has nobody before it. What is left for it to look at?

    A query's own token is written already; only what comes after it is still to be guessed.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q - 1)


@misconception(causal_mask)
def looks_one_token_ahead(n_q, n_k=None, device=None):
    """Your queries see one key too many: the token that comes right after them.

    How many keys may the first of four queries see, when there are four keys?

    That token is the very one to be guessed, and whoever can see it learns only to copy it.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q + 1)


@misconception(causal_mask)
def looks_ahead_beyond_a_cache(n_q, n_k=None, device=None):
    """With more keys than queries, your queries see one key too many.

    Two queries, five keys: the last query may see all five. How many may the one before it see?

    A cache gives a query more of the past to see, but nothing of the future. The key too many
    is the token right after it, the very one to be guessed.
    """
    n_k = n_q if n_k is None else n_k
    ahead = 1 if n_k > n_q else 0
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q + ahead)


@misconception(causal_mask)
def hides_only_the_next_key(n_q, n_k=None, device=None):
    """You hide the one key right after each query, and show all those after that.

    Read your first row from left to right. What may still come after its first False?

    Word 3 is the next to guess, but words 4 and 5 give it away as well.
    """
    n_k = n_q if n_k is None else n_k
    every = torch.ones(n_q, n_k, dtype=torch.bool, device=device)
    return every.tril(n_k - n_q) | every.triu(n_k - n_q + 2)


@misconception(causal_mask)
def slides_the_triangle_the_wrong_way(n_q, n_k=None, device=None):
    """Your triangle is right for a square, but extra keys push it to the wrong side.

    Two queries, five keys: three of the keys are older than both queries. Do older keys make a
    query see more, or less?

    Every key more should make the rows longer by one place. In your mask it makes them shorter,
    until nothing is left.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_q - n_k)


@misconception(causal_mask)
def hides_the_cached_keys(n_q, n_k=None, device=None):
    """Your queries see one another, but none of the keys that were there before them.

    With more keys than queries, which tokens do the columns on the left belong to, and when
    were those written?

    Earlier keys wait in a cache for just this: that new queries can look at them. Hidden, they
    might as well not be there.
    """
    n_k = n_q if n_k is None else n_k
    seen = torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)
    cached = torch.arange(n_k, device=device) < n_k - n_q
    return seen & ~cached


@misconception(causal_mask)
def lets_no_row_be_empty(n_q, n_k=None, device=None):
    """Where keys are fewer than queries, you lined up the first query with the first key after all.

    With five queries and two keys, the last query meets the last key. Which keys are left for
    the first query?

    The last query meets the last key, whichever of the two are more. In your mask the first
    rows see what comes after them.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(max(n_k - n_q, 0))


@misconception(causal_mask)
def shows_the_first_key_to_empty_rows(n_q, n_k=None, device=None):
    """Queries before the first key, which should see nothing, see the first key in your mask.

    Five queries, two keys: what is i + (n_k - n_q) in the first row, and which j are no larger?

    A row of nothing looks like an accident, but what to make of it is for a later step to say.
    The formula makes no exception.
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

    Fewer keys make the rows shorter, not longer. The first rows should be empty, and in your
    mask they see what comes after them.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(abs(n_k - n_q))


@misconception(causal_mask)
def makes_a_column_for_every_query(n_q, n_k=None, device=None):
    """Where keys are fewer than queries, your mask still has a column for every query.

    Five queries, two keys: what is the shape of their scores, and of a mask that lies over
    them?

    It is a square then, while the scores are narrower: they have a column for every key and no
    more.
    """
    n_k = max(n_q, n_q if n_k is None else n_k)
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


@misconception(causal_mask)
def cuts_a_fixed_square(n_q, n_k=None, device=None):
    """Your mask has no room for more than 32 keys.

    Which two numbers say how large a mask has to be, and how large may they grow?

    It is as if it came out of a square whose size was chosen beforehand. A text soon has more
    tokens than that.
    """
    n_k = n_q if n_k is None else n_k
    square = torch.ones(32, 32, dtype=torch.bool, device=device).tril()
    rows = square[max(n_k - n_q, 0) : n_k, :n_k]
    return torch.cat([rows.new_zeros(max(n_q - n_k, 0), rows.shape[-1]), rows])


@misconception(causal_mask)
def ends_a_row_below_zero(n_q, n_k=None, device=None):
    """Rows that should be empty see keys in your mask, as if a slice had ended below zero.

    Five queries, two keys: at which number does your second row end, and what does Python take
    such a number for?

    To Python `[:-1]` is everything but the last, not nothing.
    """
    n_k = n_q if n_k is None else n_k
    mask = torch.zeros(n_q, n_k, dtype=torch.bool, device=device)
    for i in range(n_q):
        mask[i, : i + 1 + n_k - n_q] = True
    return mask


@misconception(causal_mask)
def ignores_the_number_of_keys(n_q, n_k=None, device=None):
    """Your mask has as many columns as rows, whatever `n_k` says.

    What does a column of the mask stand for, and how many columns do two queries and five keys
    need?

    Keys may come from a cache and be more than the queries. The scores have a column for each
    of them, and so must the mask.
    """
    return torch.ones(n_q, n_q, dtype=torch.bool, device=device).tril()


@misconception(causal_mask)
def puts_the_keys_in_the_rows(n_q, n_k=None, device=None):
    """Your rows are keys, and your columns are queries.

    Who owns a row of the mask: a token that asks, or a token that is asked?

    The mask is laid over the scores, place by place, and in the scores a row is a query.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q).T


@misconception(causal_mask)
def puts_two_axes_in_front(n_q, n_k=None, device=None):
    """Your mask has two axes of size 1 in front of those of queries and keys.

    Which shape does the docstring promise, and how many axes does your mask have?

    They fit scores of batches and heads, but a mask of two axes does so too, and fits scores
    without heads as well.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(1, 1, n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


@misconception(causal_mask)
def answers_with_ones_and_zeros(n_q, n_k=None, device=None):
    """Your mask has ones and zeros in the right places, but they are numbers.

    Which of your lines decides the dtype of the mask, and which dtype does PyTorch take when
    none is named?

    Numbers can be added by accident, and `~` does not turn them round.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, device=device).tril(n_k - n_q)


@misconception(causal_mask)
def answers_with_whole_numbers(n_q, n_k=None, device=None):
    """Your mask has ones and zeros in the right places, but they are whole numbers.

    What does `~` make of True, and what does it make of 1?

    `~` turns True into False, but 1 into a number that counts as true again. A dtype of nothing
    but yes and no has no such surprise.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.int, device=device).tril(n_k - n_q)


@misconception(causal_mask)
def answers_with_a_mask_to_add(n_q, n_k=None, device=None):
    """You made a mask that is to be added to the scores: 0 keeps, -inf hides.

    The lesson has a table of four conventions. Which of the four does `causal_mask` promise?

    That is the last of the lesson's four conventions. Read as yes and no it says the opposite:
    0 counts as False, and -inf as True.
    """
    n_k = n_q if n_k is None else n_k
    return torch.full((n_q, n_k), -math.inf, device=device).triu(n_k - n_q + 1)


@misconception(causal_mask)
def stays_on_the_cpu(n_q, n_k=None, device=None):
    """A tensor in your function is made on the CPU, whatever `device` says.

    At which moment is it decided where a tensor lives?

    On a GPU the scores would be in one place and the mask in another.
    """
    n_k = n_q if n_k is None else n_k
    return torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q)


@misconception(causal_mask)
def takes_no_keys_for_not_given(n_q, n_k=None, device=None):
    """You take `n_k = 0` for a number that was not given, and make as many keys as queries.

    For which values of `n_k` does your function take `n_q` instead, and for which should it?

    To `or` and `if n_k`, 0 and None are alike: both count as false. But 0 is a number of keys,
    and None says that no number was given.
    """
    n_k = n_k or n_q
    return torch.ones(n_q, n_k, dtype=torch.bool, device=device).tril(n_k - n_q)


@misconception(causal_mask)
def counts_in_half_precision(n_q, n_k=None, device=None):
    """With thousands of keys your mask can no longer tell neighbouring keys apart.

    Of 3000 keys, which number does your function use for the last one, and which for the one
    before it?

    Of whole numbers, float16 holds each one only up to 2048, bfloat16 only up to 256. Texts
    grow longer than that.
    """
    n_k = n_q if n_k is None else n_k
    keys = torch.arange(n_k, dtype=torch.float16, device=device)
    return keys <= torch.arange(n_k - n_q, n_k, dtype=torch.float16, device=device)[:, None]


@misconception(apply_mask)
def leaves_a_score_of_zero(scores, mask):
    """You turned the hidden scores into 0.

    Softmax will take exp of every score. What is exp(0), and what is exp(-inf)?

    exp(0) is 1, and so a hidden key still gets a weight like any other.
    """
    return scores * mask


@misconception(apply_mask)
def adds_the_mask_itself(scores, mask):
    """You added the mask to the scores: visible ones grew by 1, hidden ones stayed.

    What must be added to a score so that exp of the sum is nothing, and what so that the score
    stays?

    Adding can hide, but not by adding one and zero. A score that stays as it was is not hidden.
    """
    return scores + mask


@misconception(apply_mask)
def hides_what_may_be_seen(scores, mask):
    """You hid the scores where the mask is True and kept those where it is False.

    Pick a place with -inf in your result. What does the mask say there, and what does that mean
    in this course?

    That fits the convention of `triu` and `nn.MultiheadAttention`, whose True hides. In this
    course True keeps.
    """
    return scores.masked_fill(mask, -math.inf)


@misconception(apply_mask)
def fills_with_plus_infinity(scores, mask):
    """Your hidden scores are +inf, larger than every other score.

    The largest score gets the largest weight. What weight should a hidden key get, and what
    score leads to that?

    exp(-inf) is 0. But exp(+inf) is infinite, and no weights that sum to one can be made of a
    row that holds it.
    """
    return scores.masked_fill(~mask, math.inf)


@misconception(apply_mask)
def fills_with_a_large_number(scores, mask):
    """You hid scores behind -1e9, which is low, but not as low as can be.

    Which value lies below every score, whatever the dtype?

    Float16 cannot even hold that number, and a row that is hidden throughout turns into equal
    weights.
    """
    return scores.masked_fill(~mask, -1e9)


@misconception(apply_mask)
def fills_with_minus_ten_thousand(scores, mask):
    """You hid scores behind -1e4, and real scores have been seen below that.

    Suppose that a visible score is -15 000. Which is larger in your result: that one, or a
    hidden one?

    What lies below -1e4 weighs less than what is hidden, and a row that is hidden throughout
    turns into equal weights.
    """
    return scores.masked_fill(~mask, -1e4)


@misconception(apply_mask)
def adds_minus_ten_thousand(scores, mask):
    """You added -1e4 to the hidden scores, which are then low, but not out of the game.

    How much should a hidden score still tell of what it was before?

    In a row that is hidden throughout all go down by the same amount, and their weights are as
    if nothing were hidden.
    """
    return scores + (1 - mask.to(scores.dtype)) * -1e4


@misconception(apply_mask)
def fills_with_the_lowest_number(scores, mask):
    """You hid scores behind the lowest number that their dtype can hold.

    A row may be hidden throughout. Which weights do its keys get when all its scores are the
    same number?

    It fits every dtype, as a fixed number does not. But a row that is hidden throughout turns
    into equal weights.
    """
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min)


@misconception(apply_mask)
def multiplies_infinity_by_zero(scores, mask):
    """Your visible scores became NaN, as -inf times 0 does.

    Which of your lines calculates with infinity, and what comes of that at a visible place?

    Infinity less infinity, or times zero, is not zero; nobody can say what it is. To choose
    between two values takes no arithmetic.
    """
    return scores + (~mask).to(scores.dtype) * -math.inf


@misconception(apply_mask)
def divides_by_the_mask(scores, mask):
    """Your hidden scores became infinite, but with the signs they had.

    Look at hidden scores above 0, below 0, and at 0. What becomes of each, and what should?

    A division by ones and zeros does that: a hidden score above 0 is then larger than every
    visible one, and one of 0 is NaN.
    """
    return scores / mask


@misconception(apply_mask)
def goes_on_to_the_weights(scores, mask):
    """You returned weights, where scores were asked for.

    What does the docstring promise for a score where the mask is True, and which of your lines
    changes such a score?

    To hide scores is one step, to turn them into weights another. Whoever calls you will take
    the second, and then it is taken twice.
    """
    return scores.masked_fill(~mask, -math.inf).softmax(-1)


@misconception(apply_mask)
def spares_rows_without_keys(scores, mask):
    """A row that is hidden throughout keeps its scores in your result.

    Where a row of the mask is False throughout, which of its scores may stay as they were?

    That the row has nothing to look at is for a later step to deal with. With its scores kept,
    it would look at everything.
    """
    return scores.masked_fill(~mask & mask.any(-1, keepdim=True), -math.inf)


@misconception(apply_mask)
def hides_a_key_from_all_queries(scores, mask):
    """You hide a key from every query as soon as it is hidden from one.

    Which row of the mask decides what the second query may see?

    Each query has a row of the mask to itself. What is hidden from one may well be seen by the
    next.
    """
    return scores.masked_fill(~mask.all(-2, keepdim=True), -math.inf)


@misconception(apply_mask)
def takes_a_score_of_zero_for_hidden(scores, mask):
    """You hide a visible score as well, where it happens to be exactly 0.

    Which of your lines decides that a place is hidden, and what does that line look at?

    Two vectors at right angles have a product of 0, and may still look at each other.
    """
    return scores.masked_fill(scores * mask == 0, -math.inf)


@misconception(apply_mask)
def assumes_a_causal_mask(scores, mask):
    """You hid the future, whatever mask was given.

    Which of your function's arguments says what stays visible?

    Masks come in other shapes than triangles, and whoever calls you has chosen one.
    """
    return scores.masked_fill(
        ~causal_mask(scores.shape[-2], scores.shape[-1], device=scores.device), -math.inf
    )


@misconception(apply_mask)
def turns_the_mask_over(scores, mask):
    """You laid the mask on the scores with its rows and columns exchanged.

    Which axis of the mask belongs to the queries, and which axis of the scores does?

    A square hides this well: the mask still fits, but it tells each query what was meant for a
    key.
    """
    return scores.masked_fill(~mask.transpose(-2, -1), -math.inf)


@misconception(apply_mask)
def uses_the_first_mask_for_all(scores, mask):
    """You give every sample of the batch the mask of the first one.

    In a mask of shape (8, 1, 4, 4), which part belongs to the second sentence, and where does
    your function use it?

    Sentences in a batch have different lengths, and so different masks.
    """
    return scores.masked_fill(~mask[(0,) * (mask.dim() - 2)], -math.inf)


@misconception(apply_mask)
def drops_the_axes_of_size_one(scores, mask):
    """The samples of your mask line up with the heads of the scores: its axis of size 1 is gone.

    In a mask of shape (8, 1, 4, 4), whose place does the axis of size 1 keep?

    Shapes are matched from the right. Without the axis of size 1, the samples move to where the
    heads are.
    """
    return scores.masked_fill(~mask.squeeze(), -math.inf)


@misconception(apply_mask)
def puts_a_head_axis_into_every_mask(scores, mask):
    """Where a mask has three axes you put another one in, and so its first axis moves.

    A mask comes with three axes. What may the first of them count, and which axis of the scores
    does it meet without your help?

    Shapes are matched from the right, and not all scores have heads. A mask that fits as it
    comes needs no other axis.
    """
    return scores.masked_fill(~(mask.unsqueeze(1) if mask.dim() == 3 else mask), -math.inf)


@misconception(apply_mask)
def writes_into_the_scores(scores, mask):
    """You wrote the -inf into the scores you were given.

    In PyTorch, what does an underscore at the end of a method's name promise, and what an
    assignment to `scores[...]`?

    Whoever called you may still need them.
    """
    return scores.masked_fill_(~mask, -math.inf)


@misconception(apply_mask)
def answers_in_single_precision(scores, mask):
    """Your values are right, but float16 scores come back as float32.

    Where on their way through your function do float16 scores meet something of another dtype?

    The model's other tensors are still float16, and PyTorch multiplies no matrices of two
    different dtypes.
    """
    return scores + torch.zeros(mask.shape, device=scores.device).masked_fill(~mask, -math.inf)


@misconception(apply_mask)
def answers_always_in_single_precision(scores, mask):
    """Your values are right, but scores of every dtype come back as float32.

    Which of your lines chooses a dtype, and which dtype does the caller count on?

    Some models calculate in float16 to save room, some in float64 to be exact.
    """
    return scores.float().masked_fill(~mask, -math.inf)


@misconception(apply_mask)
def fills_from_the_cpu(scores, mask):
    """You made a tensor on the CPU, wherever the scores are.

    Which of your lines makes a new tensor, and from what could that line learn where the scores
    are?

    On a GPU such a tensor could not meet the scores.
    """
    return torch.where(mask, scores, torch.full(scores.shape, -math.inf, dtype=scores.dtype))


@misconception(apply_mask)
def cuts_the_gradient(scores, mask):
    """Your values are right, but no gradient finds its way back to the scores.

    Which of your lines makes a tensor that no longer knows which scores it came from?

    What made the scores can learn only if a gradient comes back to them.
    """
    return scores.detach().clone().masked_fill(~mask, -math.inf)


@misconception(apply_mask)
def hides_in_a_copy(scores, mask):
    """Where the scores come as a transposed tensor, your result hides nothing.

    Into which tensor do you write the -inf, and which tensor do you return?

    `reshape` and `flatten` give a view where they can, and a copy where they cannot; what is
    written into a copy is not in the tensor you return.
    """
    result = scores.clone()
    result.reshape(-1)[~mask.expand(scores.shape).reshape(-1)] = -math.inf
    return result
