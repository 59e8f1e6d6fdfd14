"""02 · Scaled scores: the right way, then the ways people go wrong.

A token is a row, and `...` stands for any number of leading batch dimensions, none
included. In scores rows are queries and columns are keys. A result has the dtype and
the device of its inputs, no argument is changed, and gradients flow through. Matrix
products of any kind are yours to use; PyTorch's own attention is not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.bank import misconception


def dot_scores(q: Tensor, k: Tensor) -> Tensor:
    """The dot product of every query with every key.

    q: floating point, (..., n_q, d_k), one query in each row; k: (..., n_k, d_k), one key
    in each row, with the same leading dimensions.

    Returns a tensor (..., n_q, n_k): in row i and column j stands query i times key j.
    """
    return q @ k.mT


def scale_scores(scores: Tensor, d_k: int) -> Tensor:
    """The scores, divided by the square root of d_k.

    scores: floating point, of any shape, mostly (..., n_q, n_k).
    d_k: how wide the queries and keys are that the scores were made from. It cannot be
    read off the scores.

    Returns a new tensor of the shape of the scores.
    """
    return scores / math.sqrt(d_k)


def scaled_scores(q: Tensor, k: Tensor) -> Tensor:
    """The dot product of every query with every key, divided by √d_k.

    q: floating point, (..., n_q, d_k); k: (..., n_k, d_k), with the same leading dimensions.

    Returns a tensor (..., n_q, n_k). The width d_k is that of the queries and keys.
    """
    return scale_scores(dot_scores(q, k), q.shape[-1])


# -- the ways people go wrong --------------------------------------------------


@misconception(dot_scores)
def leaves_the_keys_as_rows(q, k):
    """Your scores are Q·K, where Q·Kᵀ is asked for: the keys are not turned on their side.

    Where there are as many keys as features nothing complains. What does a matrix product
    pair the rows of the left side with?
    """
    return q @ k


@misconception(dot_scores)
def reshapes_the_keys(q, k):
    """You read the numbers of the keys into a new shape, without turning anything round.

    `reshape` and `view` fill the new rows in the old order, and so a column holds pieces of
    several keys. What does a transposition do that a reshape does not?
    """
    return q @ k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2])


@misconception(dot_scores)
def puts_the_keys_in_the_rows(q, k):
    """Your rows are keys, and your columns are queries.

    Later each row is turned into the weights of one token that asks. Who owns a row: a
    query or a key?
    """
    return k @ q.mT


@misconception(dot_scores)
def multiplies_place_by_place(q, k):
    """You multiply queries and keys place by place, as `*` does.

    Every query should meet every key, not only the one in the same row. What still has to
    happen to the products of one pair?
    """
    return q * k


@misconception(dot_scores)
def leaves_the_last_feature_out(q, k):
    """The last feature of queries and keys has no say in your scores.

    To Python the end of a range or a slice is left out already. How many products does the
    sum in one score have?
    """
    return q[..., :-1] @ k[..., :-1].mT


@misconception(dot_scores)
def adds_up_the_products_without_their_signs(q, k):
    """You add up the products without their signs, so no score is ever negative.

    Where query and key differ in sign, the sum should shrink. Does the formula leave a sign
    aside?
    """
    return (q.unsqueeze(-2) * k.unsqueeze(-3)).abs().sum(-1)


@misconception(dot_scores)
def leaves_the_later_keys_out(q, k):
    """Your scores are 0 wherever the key stands after the query.

    Who may look at whom is a question for the next exercise. Does this formula ask who
    comes first?
    """
    return (q @ k.mT).tril()


@misconception(dot_scores)
def compares_queries_with_queries(q, k):
    """You multiply the queries with themselves; the keys are never asked.

    Every token would find that it fits itself best. Which name stands where the other
    should?
    """
    return q @ q.mT


@misconception(dot_scores)
def compares_directions_only(q, k):
    """Your scores are cosines: the lengths of the two vectors are divided out.

    A cosine stays between -1 and 1, however loud a key calls. Does the formula take the
    lengths away?
    """
    q = q / q.norm(dim=-1, keepdim=True)
    k = k / k.norm(dim=-1, keepdim=True)
    return q @ k.mT


@misconception(dot_scores)
def forgets_how_long_the_queries_are(q, k):
    """The length of each query is divided out of your scores.

    Two queries of one direction then ask alike, however loud they are. Does the formula
    take a length away?
    """
    return q @ k.mT / q.norm(dim=-1, keepdim=True)


@misconception(dot_scores)
def measures_the_distance(q, k):
    """Your score is a squared distance with a minus sign, not a dot product.

    Both grow when two vectors come close, but only one of them grows when they get longer.
    Which of the two is in the formula?
    """
    return -(q.unsqueeze(-2) - k.unsqueeze(-3)).square().sum(-1)


@misconception(dot_scores)
def measures_the_plain_distance(q, k):
    """Your score is the distance of query and key with a minus sign, not a dot product.

    Both grow when two vectors come close, but only one of them grows when they get longer.
    Which of the two is in the formula?
    """
    return -(q.unsqueeze(-2) - k.unsqueeze(-3)).norm(dim=-1)


@misconception(dot_scores)
def turns_every_axis_round(q, k):
    """Your transposition turns all axes round, the batch with them.

    On a single matrix that is the transpose you meant; `.T` does the same. Of three axes,
    which two should change places?
    """
    return q @ k.permute(*reversed(range(k.dim())))


@misconception(dot_scores)
def exchanges_the_first_two_axes(q, k):
    """You exchange axes 0 and 1, which fits a single matrix and nothing else.

    In a batch, axis 0 counts sentences. From which end do the axes of tokens and features
    always have the same number?
    """
    return q @ k.transpose(0, 1)


@misconception(dot_scores)
def exchanges_axes_one_and_two(q, k):
    """You exchange axes 1 and 2, which fits one batch dimension, no fewer and no more.

    With heads there are four axes, and axis 1 counts them. From which end do the axes of
    tokens and features always have the same number?
    """
    return q @ k.transpose(1, 2)


@misconception(dot_scores)
def adds_up_the_keys_of_all_sentences(q, k):
    """Your sums run over the batch as well: each query meets the keys of all sentences.

    What one sentence holds should make no difference to another. Along which axis alone do
    the products of one score run?
    """
    return q @ k.flatten(0, -3).sum(0).mT if k.dim() > 2 else q @ k.mT


@misconception(dot_scores)
def adds_up_the_scores_of_all_sentences(q, k):
    """You add up the scores of all sentences, and the axis that counts them is gone.

    In einsum a letter that is missing on the right is summed away. And how can it speak of
    batch dimensions of which there may be none, or many?
    """
    return torch.einsum("bqd,bkd->qk", q, k)


@misconception(dot_scores)
def gives_the_keys_a_batch_of_their_own(q, k):
    """Your queries meet the keys of all sentences, and those got axes of their own.

    What one sentence holds should make no difference to another. Which axes of q and k go
    together, step by step?
    """
    return torch.tensordot(q, k, dims=([-1], [-1]))


@misconception(dot_scores)
def divides_by_the_root_already(q, k):
    """Your plain scores are divided by √d_k already.

    The next function does that, and so it would happen twice. Which of the two asks for the
    dot product alone?
    """
    return q @ k.mT / math.sqrt(q.shape[-1])


@misconception(dot_scores)
def rebuilds_the_scores_from_numbers(q, k):
    """Your scores are right, but nothing leads back from them to q and k.

    Plain numbers, NumPy, `torch.tensor` and `detach` all let go of the thread. Can you stay
    with tensors all the way?
    """
    return torch.tensor((q.double() @ k.double().mT).tolist())


@misconception(dot_scores)
def answers_in_single_precision(q, k):
    """Your scores are right, but they always come back as float32.

    A wider dtype on the way does that, and so does a new tensor made without a dtype. Which
    dtype does the caller count on?
    """
    return q.float() @ k.float().mT


@misconception(dot_scores)
def takes_the_keys_for_constants(q, k):
    """Your scores are right, but the keys get no gradient.

    A key has to learn how to be found. What in your function lets go of the thread?
    """
    return q @ k.detach().mT


@misconception(dot_scores)
def takes_a_batch_of_one_apart(q, k):
    """You take the batch axis off where a batch holds a single sentence.

    An axis that you put there yourself may go again; this one was there before you. To whom
    does the number of axes of the scores matter?
    """
    scores = q @ k.mT
    return scores.squeeze(0) if q.dim() > 2 else scores


@misconception(scale_scores)
def divides_by_the_whole_width(scores, d_k):
    """You divide by d_k itself, or by its root twice.

    The variance of the scores is d_k, and a variance counts in squares. What is the typical
    size of a score?
    """
    return scores / d_k


@misconception(scale_scores)
def multiplies_by_the_root(scores, d_k):
    """Your scores come out √d_k times as large, where they should come out √d_k times smaller.

    Loud scores become louder still. If your number is called `scale`, is it a factor or a
    divisor?
    """
    return scores * math.sqrt(d_k)


@misconception(scale_scores)
def divides_by_half_the_width(scores, d_k):
    """You divide by half of d_k.

    If you wrote `d_k ** 1/2`: a power binds tighter than a division, so that is (d_k ** 1)
    / 2. How would you write one half as a single number?
    """
    return scores / (d_k**1 / 2)


@misconception(scale_scores)
def divides_by_twice_the_width(scores, d_k):
    """You divide by d_k, and then by 2 as well.

    If you wrote `scores / d_k ** 1/2`: it is read as (scores / (d_k ** 1)) / 2, first the
    power, then the divisions from the left. How would you write one half as a single
    number?
    """
    return scores / d_k**1 / 2


@misconception(scale_scores)
def rounds_the_root_down(scores, d_k):
    """You divide by a whole number: the root of d_k, rounded down.

    For d_k = 64 that is right, for most other widths it is not. What do `int`, `//` and
    `math.isqrt` do to what stands behind the point?
    """
    return scores / math.isqrt(d_k)


@misconception(scale_scores)
def rounds_the_root(scores, d_k):
    """You divide by a whole number: the root of d_k, rounded up or down to the nearest.

    For d_k = 64 that is right, for most other widths it is not. Must a divisor be a whole
    number?
    """
    return scores / round(math.sqrt(d_k))


@misconception(scale_scores)
def always_divides_by_eight(scores, d_k):
    """You divide by 8, whatever d_k is.

    That is right for d_k = 64, as in the lesson's example. Where does your function look at
    its second argument?
    """
    return scores / 8


@misconception(scale_scores)
def divides_by_the_root_of_the_number_of_keys(scores, d_k):
    """You divide by the root of the number of keys.

    A longer sentence has more scores, but not larger ones. Over how many products does the
    sum in one score run?
    """
    return scores / math.sqrt(scores.shape[-1])


@misconception(scale_scores)
def takes_the_root_of_everything(scores, d_k):
    """You take the root of the scores too, and a negative one becomes NaN.

    A root sign reaches as far as its line. In the formula, what stands under it?
    """
    return (scores / d_k).sqrt()


@misconception(scale_scores)
def divides_by_the_largest_score(scores, d_k):
    """You divide by the largest score there is, its sign left aside.

    Then the scores of one token depend on all the others, and all lie between -1 and 1. Is
    the divisor in the formula made from scores, or from a width?
    """
    return scores / scores.abs().max()


@misconception(scale_scores)
def measures_the_spread_instead(scores, d_k):
    """You divide by the standard deviation of the scores you were given.

    √d_k is the spread that is to be expected when training begins, and later a model may
    make use of more. Is the divisor in the formula measured, or known beforehand?
    """
    # As `scores.std()`, which warns where there are no scores.
    squares = (scores - scores.mean()).square()
    return scores / (squares.sum() / (scores.numel() - 1)).sqrt()


@misconception(scale_scores)
def stops_at_fifty(scores, d_k):
    """Your result stops at 50 and at -50, however large the scores are.

    Above that, a better answer no longer counts for more. Is there a bound in the formula?
    """
    return (scores / math.sqrt(d_k)).clamp(-50.0, 50.0)


@misconception(scale_scores)
def writes_into_the_scores(scores, d_k):
    """Your result is right, but the scores you were given are changed.

    `/=`, methods with an underscore at the end and assignments to `scores[...]` write in
    place. Where does a new tensor begin in your function?
    """
    scores /= math.sqrt(d_k)
    return scores


@misconception(scale_scores)
def makes_a_tensor_of_the_width(scores, d_k):
    """You make a tensor that does not follow the scores.

    A tensor made from nothing is float32 and on the CPU unless you say otherwise. Is there
    anything to be gained from making it a tensor?
    """
    return scores / torch.tensor([float(d_k)]).sqrt()


@misconception(scale_scores)
def cuts_the_gradient(scores, d_k):
    """Your result is right, but no gradient finds its way back to the scores.

    A model learns through exactly that way. What in your function lets go of the thread?
    """
    return scores.detach() / math.sqrt(d_k)


@misconception(scale_scores)
def fills_a_copy_of_the_result(scores, d_k):
    """Where the scores are a transposed tensor, you return zeros.

    `reshape` and `flatten` give a view where they can, and a copy where they cannot; what
    is written into a copy is not in the tensor you return. Does the formula need a loop, or
    a tensor to be filled?
    """
    scaled = torch.zeros_like(scores)
    scaled.reshape(-1)[:] = scores.reshape(-1) / math.sqrt(d_k)
    return scaled


@misconception(scaled_scores)
def forgets_to_scale(q, k):
    """Your scores are plain dot products; nothing divides them.

    The coins of the lesson know it: a sum of many products is large. How large would yours
    become for queries and keys of width 64?
    """
    return dot_scores(q, k)


@misconception(scaled_scores)
def scales_twice(q, k):
    """You divide by d_k in all, where √d_k was asked for.

    Dividing by the root twice comes to the same. If `scale_scores` does all the scaling,
    what is left to do for this function?
    """
    return dot_scores(q, k) / q.shape[-1]


@misconception(scaled_scores)
def divides_by_eight_at_any_width(q, k):
    """You divide by 8, however wide the queries and keys are.

    That is right for d_k = 64, as in the lesson's example. Which axis of q knows how wide
    the vectors are?
    """
    return dot_scores(q, k) / 8


@misconception(scaled_scores)
def makes_the_scores_louder(q, k):
    """Your scores are √d_k times the dot products, where they should be √d_k times smaller.

    The wider the vectors, the louder their scores are already. Is your scale a factor or a
    divisor?
    """
    return dot_scores(q, k) * math.sqrt(q.shape[-1])


@misconception(scaled_scores)
def counts_the_keys(q, k):
    """You divide by the root of the number of keys.

    More keys make a row longer, but no score larger. Which axis of k do the products of one
    score run along?
    """
    return scale_scores(dot_scores(q, k), k.shape[-2])


@misconception(scaled_scores)
def counts_the_queries(q, k):
    """You divide by the root of the number of queries.

    Whether a sentence is long or short, its scores are the same size. Which axis of q do
    the products of one score run along?
    """
    return scale_scores(dot_scores(q, k), q.shape[-2])


@misconception(scaled_scores)
def takes_the_width_from_axis_one(q, k):
    """You take d_k from axis 1 of q, which is its width only when there is no batch.

    In a batch that axis counts tokens, or heads. From which end does the width always have
    the same number?
    """
    return scale_scores(dot_scores(q, k), q.shape[1])


@misconception(scaled_scores)
def takes_the_length_for_the_width(q, k):
    """You take the size of q's first axis, which is `len(q)`, for the width.

    Without a batch that axis counts queries, with one it counts sentences. Which axis do the
    products of one score run along?
    """
    return scale_scores(dot_scores(q, k), len(q))


@misconception(scaled_scores)
def takes_the_width_of_the_whole_model(q, k):
    """You divide by the root of the widths of all heads together.

    That is √512 instead of √64 in the lesson's example. How many products are there in the
    sum of one head's score?
    """
    heads = q.shape[-3] if q.dim() > 3 else 1
    return scale_scores(dot_scores(q, k), heads * q.shape[-1])


@misconception(scaled_scores)
def divides_by_the_lengths(q, k):
    """The lengths of the two vectors are divided out of your scores, where √d_k should stand.

    That makes a cosine, between -1 and 1, and a key cannot call any louder than another. Do
    the lengths belong to what is said, or to the noise?
    """
    lengths = q.norm(dim=-1).unsqueeze(-1) * k.norm(dim=-1).unsqueeze(-2)
    return dot_scores(q, k) / lengths


@misconception(scaled_scores)
def goes_on_to_the_weights(q, k):
    """You took the softmax of the scores already: their rows sum to one.

    It comes once, and later, when some of the scores may have been hidden. Is it for this
    function, or for a later step, to turn scores into weights?
    """
    return scale_scores(dot_scores(q, k), q.shape[-1]).softmax(-1)


@misconception(scaled_scores)
def subtracts_the_largest_of_each_row(q, k):
    """You subtract the largest score of each row, so that no score is above 0.

    A softmax does that for its own safety, and will do it again. Is it in the formula of
    the scores?
    """
    scores = scale_scores(dot_scores(q, k), q.shape[-1])
    return scores - scores.amax(-1, keepdim=True)


@misconception(scaled_scores)
def fills_a_tensor_made_beforehand(q, k):
    """Your scores are float32 and on the CPU, whatever q and k are.

    A tensor made from nothing is like that unless you say otherwise. How could it know the
    dtype and the device of q and k?
    """
    scores = torch.zeros(*q.shape[:-1], k.shape[-2])
    scores += scale_scores(dot_scores(q, k), q.shape[-1])
    return scores


@misconception(scaled_scores)
def answers_an_empty_batch_without_axes(q, k):
    """Where there is nothing to score, you return a tensor of shape (0,).

    No sentences make no scores, but scores of n_q rows and n_k columns all the same. Does
    the formula need a case of its own for that?
    """
    if q.numel() == 0:
        return q.new_tensor([])
    return scale_scores(dot_scores(q, k), q.shape[-1])
