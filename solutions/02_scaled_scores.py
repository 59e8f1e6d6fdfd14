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

    What does a matrix product pair the rows of the left side with?

    A column of K holds one feature of every key, where one whole key is wanted. If there
    are as many keys as features, nothing complains.
    """
    return q @ k


@misconception(dot_scores)
def reshapes_the_keys(q, k):
    """You read the numbers of the keys into a new shape, without turning anything round.

    Take the first key of the lesson, [0.8, 0.6, 0.7]. Where should its three numbers stand
    in the matrix that q is multiplied by, and where do they?

    `reshape` and `view` fill the new rows in the old order, and so a column holds pieces of
    several keys.
    """
    return q @ k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2])


@misconception(dot_scores)
def puts_the_keys_in_the_rows(q, k):
    """Your rows are keys, and your columns are queries.

    Who owns a row of the scores: a query or a key?

    Later each row is turned into the weights of one token that asks.
    """
    return k @ q.mT


@misconception(dot_scores)
def multiplies_place_by_place(q, k):
    """You multiply queries and keys place by place, as `*` does.

    How many scores do the lesson's two queries and three keys make, and how many products
    go into each of them?

    Every query should meet every key, not only the one in the same row, and the products of
    each pair are added up to a single number.
    """
    return q * k


@misconception(dot_scores)
def leaves_the_last_feature_out(q, k):
    """The last feature of queries and keys has no say in your scores.

    For the first query and the first key the lesson adds up three products. Which of them
    are in your sum?

    Each score is a sum of d_k products, one for each feature. In Python a range or a slice
    leaves out its end by itself.
    """
    return q[..., :-1] @ k[..., :-1].mT


@misconception(dot_scores)
def adds_up_the_products_without_their_signs(q, k):
    """You add up the products without their signs, so no score is ever negative.

    In the lesson, 0.68 is the sum of 0.56, -0.30 and 0.42. Which three numbers do you add
    up?

    Where query and key differ in sign, the sum should shrink. Without signs, a key that
    points the other way scores as high as one that agrees.
    """
    return (q.unsqueeze(-2) * k.unsqueeze(-3)).abs().sum(-1)


@misconception(dot_scores)
def leaves_the_later_keys_out(q, k):
    """Your scores are 0 wherever the key stands after the query.

    Which queries have a score for the last key in the lesson's Q·Kᵀ, and which have one in
    your result?

    Who may look at whom is a question for the next exercise. Here every query meets every
    key.
    """
    return (q @ k.mT).tril()


@misconception(dot_scores)
def compares_queries_with_queries(q, k):
    """You multiply the queries with themselves; the keys are never asked.

    Suppose you change one number of the first key. Which scores should change with it, and
    which do in your function?

    Every token would look for what resembles it, which is mostly itself.
    """
    return q @ q.mT


@misconception(dot_scores)
def compares_directions_only(q, k):
    """Your scores are cosines: the lengths of the two vectors are divided out.

    Double every number of one key. What should become of its scores, and what becomes of
    them in your function?

    A cosine stays between -1 and 1, however loud a key calls.
    """
    q = q / q.norm(dim=-1, keepdim=True)
    k = k / k.norm(dim=-1, keepdim=True)
    return q @ k.mT


@misconception(dot_scores)
def forgets_how_long_the_queries_are(q, k):
    """The length of each query is divided out of your scores.

    Double all numbers of one query. What should become of its row of scores, and what does
    in your function?

    Two queries of one direction then ask alike, however loud they are.
    """
    return q @ k.mT / q.norm(dim=-1, keepdim=True)


@misconception(dot_scores)
def measures_the_distance(q, k):
    """Your score is a squared distance with a minus sign, not a dot product.

    What is the score of the query [1, 2] and the key [1, 2], by the formula and by your
    function?

    No score is ever above 0 then, and a key in the right direction loses by being longer
    than the query.
    """
    return -(q.unsqueeze(-2) - k.unsqueeze(-3)).square().sum(-1)


@misconception(dot_scores)
def measures_the_plain_distance(q, k):
    """Your score is the distance of query and key with a minus sign, not a dot product.

    What is the score of the query [1, 2] and the key [1, 2], by the formula and by your
    function?

    Two equal vectors are at distance 0, however long they are. Their dot product grows with
    their length.
    """
    return -(q.unsqueeze(-2) - k.unsqueeze(-3)).norm(dim=-1)


@misconception(dot_scores)
def turns_every_axis_round(q, k):
    """Your transposition turns all axes round, the batch with them.

    In keys of shape (sentences, tokens, features), which two axes should change places, and
    which do in your function?

    On a single matrix that is the transpose you meant, and `.T` does the same. In a batch,
    sentences and features change places.
    """
    return q @ k.permute(*reversed(range(k.dim())))


@misconception(dot_scores)
def exchanges_the_first_two_axes(q, k):
    """You exchange axes 0 and 1, which fits a single matrix and nothing else.

    Put a batch axis in front of (n_k, d_k). Which numbers do the two old axes have now,
    counted from the start and counted from the end?

    In a batch, axis 0 counts sentences, and sentences have no part in the exchange.
    """
    return q @ k.transpose(0, 1)


@misconception(dot_scores)
def exchanges_axes_one_and_two(q, k):
    """You exchange axes 1 and 2, which fits one batch dimension, no fewer and no more.

    Keys may have two axes, three or four. From which end do the axes of tokens and features
    have the same number each time?

    With heads there are four axes, and axis 1 counts the heads. A single matrix has no axis
    2 at all.
    """
    return q @ k.transpose(1, 2)


@misconception(dot_scores)
def adds_up_the_keys_of_all_sentences(q, k):
    """Your sums run over the batch as well: each query meets the keys of all sentences.

    Suppose the second sentence of a batch gets other keys. Which scores of the first
    sentence should change, and which do in your function?

    What one sentence holds should make no difference to another.
    """
    return q @ k.flatten(0, -3).sum(0).mT if k.dim() > 2 else q @ k.mT


@misconception(dot_scores)
def adds_up_the_scores_of_all_sentences(q, k):
    """You add up the scores of all sentences, and the axis that counts them is gone.

    No batch, a batch of sentences, sentences with heads: which axes should the scores have
    each time, and which do yours have?

    Each sentence should keep scores of its own. In einsum a letter that is missing on the
    right is summed away, and each letter on the left asks for an axis.
    """
    return torch.einsum("bqd,bkd->qk", q, k)


@misconception(dot_scores)
def gives_the_keys_a_batch_of_their_own(q, k):
    """Your queries meet the keys of all sentences, and those got axes of their own.

    Two sentences have four words each. How many pairs of a query and a key should get a
    score, and how many do in your function?

    A query has nothing to ask in another sentence: the first sentence of q goes with the
    first of k, the second with the second.
    """
    return torch.tensordot(q, k, dims=([-1], [-1]))


@misconception(dot_scores)
def divides_by_the_root_already(q, k):
    """Your plain scores are divided by √d_k already.

    Three functions share the work of this exercise. What is the part of `dot_scores`, and
    what is left to the next one?

    The next function does that, and so it would happen twice.
    """
    return q @ k.mT / math.sqrt(q.shape[-1])


@misconception(dot_scores)
def rebuilds_the_scores_from_numbers(q, k):
    """The numbers of your scores are right, but nothing leads back from them to q and k.

    Follow one number from q to the scores. After which line does it no longer know its
    dtype, its device or where it came from?

    Plain numbers, NumPy, `torch.tensor` and `detach` all let go of the thread, and no
    gradient finds its way back without it.
    """
    return torch.tensor((q.double() @ k.double().mT).tolist())


@misconception(dot_scores)
def answers_in_single_precision(q, k):
    """Your scores are right, but they always come back as float32.

    With which of your lines does a dtype come in that q and k do not have?

    Whoever calls with float16 counts on float16. A wider dtype on the way does not keep to
    that, nor does a new tensor made without a dtype.
    """
    return q.float() @ k.float().mT


@misconception(dot_scores)
def takes_the_keys_for_constants(q, k):
    """Your scores are right, but the keys get no gradient.

    Go back from the scores towards k, line by line. At which of your lines does the way
    end?

    A key has to learn how to be found, and without a gradient it learns nothing.
    """
    return q @ k.detach().mT


@misconception(dot_scores)
def takes_a_batch_of_one_apart(q, k):
    """You take the batch axis off where a batch holds a single sentence.

    Follow a batch of two sentences through your lines, then a batch of one. After which
    line do they have different numbers of axes?

    An axis that you put there yourself may go again. This one was there before you, and
    whoever called you counts on it.
    """
    scores = q @ k.mT
    return scores.squeeze(0) if q.dim() > 2 else scores


@misconception(scale_scores)
def divides_by_the_whole_width(scores, d_k):
    """You divide by d_k itself, or by its root twice.

    In the lesson a sum of 64 coins has variance 64. How large is it typically, and by what
    do you divide at d_k = 64?

    The variance of the scores is d_k, and a variance counts in squares. Divided by d_k,
    scores grow quieter the wider the vectors are.
    """
    return scores / d_k


@misconception(scale_scores)
def multiplies_by_the_root(scores, d_k):
    """Your scores come out √d_k times as large, where they should be divided by √d_k.

    At width 64 scores come in with a typical size of 8. With what size should they go out,
    and with what size do yours?

    Loud scores become louder still. A number called `scale` may be meant as a factor or as
    a divisor, and the two are not the same number.
    """
    return scores * math.sqrt(d_k)


@misconception(scale_scores)
def divides_by_half_the_width(scores, d_k):
    """You divide by half of d_k.

    Work your divisor out by hand for d_k = 64, in the order in which Python does. What
    should it be, and what is it?

    Half of 64 is 32, where its root is 8. If you wrote `d_k ** 1/2`: a power binds tighter
    than a division, so it is (d_k ** 1) / 2.
    """
    return scores / (d_k**1 / 2)


@misconception(scale_scores)
def divides_by_twice_the_width(scores, d_k):
    """You divide by d_k, and then by 2 as well.

    A score of 8 at d_k = 64 should become 1. What do your operations make of it, one after
    the other as Python does them?

    At d_k = 64 scores shrink by the factor 128, not 8. If you wrote `scores / d_k ** 1/2`:
    first comes the power, then the divisions from the left.
    """
    return scores / d_k**1 / 2


@misconception(scale_scores)
def rounds_the_root_down(scores, d_k):
    """You divide by a whole number: the root of d_k, rounded down.

    What is the root of 3 in the lesson, and how much of it is left in your divisor?

    For d_k = 64 that is right, for most other widths it is not. `int`, `//` and
    `math.isqrt` drop what stands behind the point.
    """
    return scores / math.isqrt(d_k)


@misconception(scale_scores)
def rounds_the_root(scores, d_k):
    """You divide by a whole number: the root of d_k, rounded up or down to the nearest.

    Between which two whole numbers does the root of 3 lie, and where does your divisor lie
    at d_k = 3?

    For d_k = 64 that is right, for most other widths it is not: few roots are whole
    numbers.
    """
    return scores / round(math.sqrt(d_k))


@misconception(scale_scores)
def always_divides_by_eight(scores, d_k):
    """You divide by 8, whatever d_k is.

    Where does your function look at its second argument?

    That is right for d_k = 64, as in the lesson's example, and for no other width.
    """
    return scores / 8


@misconception(scale_scores)
def divides_by_the_root_of_the_number_of_keys(scores, d_k):
    """You divide by the root of the number of keys.

    Two tables of scores have different shapes and the same d_k. By what should each be
    divided, and by what do you divide each?

    A longer sentence has more scores, but not larger ones.
    """
    return scores / math.sqrt(scores.shape[-1])


@misconception(scale_scores)
def takes_the_root_of_everything(scores, d_k):
    """You take the root of the scores too, and a negative one becomes NaN.

    What stands under the root sign in the formula, and what does in your function?

    A root sign reaches as far as its line, and the scores stand outside it: a negative
    score would have no root.
    """
    return (scores / d_k).sqrt()


@misconception(scale_scores)
def divides_by_the_largest_score(scores, d_k):
    """You divide by the largest score there is, its sign left aside.

    If the largest score were ten times as large, what should become of the others, and what
    does in your function?

    Then the scores of one token depend on all the others, and all lie between -1 and 1.
    """
    return scores / scores.abs().max()


@misconception(scale_scores)
def measures_the_spread_instead(scores, d_k):
    """You divide by the standard deviation of the scores, the root of their variance.

    Multiply all scores by ten. How should the result change, and how does yours?

    √d_k is the size that is to be expected when training begins. Later a model may make use
    of larger scores, and a measured divisor takes that away again.
    """
    # As `scores.std()`, which warns where there are no scores.
    squares = (scores - scores.mean()).square()
    return scores / (squares.sum() / (scores.numel() - 1)).sqrt()


@misconception(scale_scores)
def stops_at_fifty(scores, d_k):
    """Your result stops at 50 and at -50, however large the scores are.

    What is the largest number that your function can return, and what is the largest that
    the formula can?

    Beyond 50 a better answer no longer counts for more.
    """
    return (scores / math.sqrt(d_k)).clamp(-50.0, 50.0)


@misconception(scale_scores)
def writes_into_the_scores(scores, d_k):
    """Your result is right, but the scores you were given are changed.

    Which of your lines makes a new tensor, and which writes into one that is there already?

    `/=`, methods with an underscore at the end and assignments to `scores[...]` write in
    place, and whoever called you finds other scores than before.
    """
    scores /= math.sqrt(d_k)
    return scores


@misconception(scale_scores)
def makes_a_tensor_of_the_width(scores, d_k):
    """You make a tensor on the CPU, wherever the scores are.

    Which of the numbers in your function have to be tensors, and which can stay plain
    Python numbers?

    A tensor made from nothing is float32 and on the CPU unless you say otherwise, and the
    scores may be neither.
    """
    return scores / torch.tensor([float(d_k)]).sqrt()


@misconception(scale_scores)
def cuts_the_gradient(scores, d_k):
    """Your result is right, but no gradient finds its way back to the scores.

    Suppose a gradient comes back from the result, line by line. Which is the last of your
    lines that it reaches?

    A model learns by gradients, and all that made the scores lies behind this function.
    """
    return scores.detach() / math.sqrt(d_k)


@misconception(scale_scores)
def fills_a_copy_of_the_result(scores, d_k):
    """Where the scores are a transposed tensor, you return zeros.

    Into which tensor do you write your numbers, and which tensor do you return?

    `reshape` and `flatten` give a view where they can, and a copy where they cannot; what
    is written into a copy is not in the tensor you return.
    """
    scaled = torch.zeros_like(scores)
    scaled.reshape(-1)[:] = scores.reshape(-1) / math.sqrt(d_k)
    return scaled


@misconception(scale_scores)
def squares_the_scores_on_the_way(scores, d_k):
    """Large scores become infinite in float16, though their results would fit.

    The largest number in float16 is 65504. Which is the largest on the way from a score of
    4096 to its result?

    The result itself is small enough, but a square that comes before it is not. Where a score
    is 0, the way through a root has no slope either.
    """
    return (scores.square() / d_k).sqrt() * scores.sign()


@misconception(scaled_scores)
def forgets_to_scale(q, k):
    """Your scores are plain dot products; nothing divides them.

    Think of the lesson's coins. How large are your scores, typically, at width 64, and how
    large should they be?

    A sum of many products is large, and a softmax of large scores is saturated.
    """
    return dot_scores(q, k)


@misconception(scaled_scores)
def scales_twice(q, k):
    """You divide by d_k in all, where √d_k was asked for.

    How often is a score divided on its way through your functions, and by how much in all
    at width 64?

    Dividing by the root twice comes to the same: the wider the vectors, the quieter their
    scores.
    """
    return dot_scores(q, k) / q.shape[-1]


@misconception(scaled_scores)
def divides_by_eight_at_any_width(q, k):
    """You divide by 8, however wide the queries and keys are.

    Which axis of q knows how wide the vectors are?

    That is right for d_k = 64, as in the lesson's example, and for no other width.
    """
    return dot_scores(q, k) / 8


@misconception(scaled_scores)
def makes_the_scores_louder(q, k):
    """Your scores are √d_k times the dot products, where they should be divided by √d_k.

    At width 64, what does the formula make of a dot product of 8, and what does your
    function?

    The wider the vectors, the louder their scores are already.
    """
    return dot_scores(q, k) * math.sqrt(q.shape[-1])


@misconception(scaled_scores)
def counts_the_keys(q, k):
    """You divide by the root of the number of keys.

    If one more key comes in, what should become of the scores of the others, and what does
    in your function?

    More keys make a row longer, but no score larger.
    """
    return scale_scores(dot_scores(q, k), k.shape[-2])


@misconception(scaled_scores)
def counts_the_queries(q, k):
    """You divide by the root of the number of queries.

    Let a query ask alone, and then among others. What should become of its scores, and what
    becomes of yours?

    Whether a sentence is long or short, its scores are the same size.
    """
    return scale_scores(dot_scores(q, k), q.shape[-2])


@misconception(scaled_scores)
def takes_the_width_from_axis_one(q, k):
    """You take d_k from axis 1 of q, which is its width only when there is no batch.

    Take a q of shape (2, 9, 64). Which of its sizes is the width, and which does your
    function take for it?

    In a batch that axis counts tokens, or heads.
    """
    return scale_scores(dot_scores(q, k), q.shape[1])


@misconception(scaled_scores)
def takes_the_length_for_the_width(q, k):
    """You take the size of q's first axis, which is `len(q)`, for the width.

    Which axis of q do the products of one score run along?

    Without a batch that axis counts queries, with one it counts sentences.
    """
    return scale_scores(dot_scores(q, k), len(q))


@misconception(scaled_scores)
def takes_the_width_of_the_whole_model(q, k):
    """You divide by the root of the widths of all heads together.

    A model of width 512 has 8 heads. How many products are in the sum of one head's score,
    and which number is under your root?

    That is √512 instead of √64 in the lesson's example, and every score of a head comes out
    too small.
    """
    heads = q.shape[-3] if q.dim() > 3 else 1
    return scale_scores(dot_scores(q, k), heads * q.shape[-1])


@misconception(scaled_scores)
def divides_by_the_lengths(q, k):
    """The lengths of the two vectors are divided out of your scores, where √d_k should stand.

    Where does the divisor of the formula come from: from the shape of q and k, or from the
    numbers in them? And yours?

    That makes a cosine, between -1 and 1, and a key cannot call any louder than another.
    """
    lengths = q.norm(dim=-1).unsqueeze(-1) * k.norm(dim=-1).unsqueeze(-2)
    return dot_scores(q, k) / lengths


@misconception(scaled_scores)
def goes_on_to_the_weights(q, k):
    """You took the softmax of the scores already: their rows sum to one.

    Scores may be negative, and a row of them may sum to anything. After which of your lines
    is this no longer so?

    A softmax comes once, and later, when some of the scores may have been hidden.
    """
    return scale_scores(dot_scores(q, k), q.shape[-1]).softmax(-1)


@misconception(scaled_scores)
def subtracts_the_largest_of_each_row(q, k):
    """You subtract the largest score of each row, so that no score is above 0.

    Q·Kᵀ / √d_k holds a product and a division. What else happens to a row of scores in your
    function?

    A softmax does that for its own safety, and will do it again.
    """
    scores = scale_scores(dot_scores(q, k), q.shape[-1])
    return scores - scores.amax(-1, keepdim=True)


@misconception(scaled_scores)
def fills_a_tensor_made_beforehand(q, k):
    """You make a tensor on the CPU on the way to your scores, wherever q and k are.

    Into which tensor do your scores go, and how could it know the dtype and the device of q
    and k?

    A tensor made from nothing is float32 and on the CPU unless you say otherwise, and stays
    so, whatever is written into it.
    """
    scores = torch.zeros(*q.shape[:-1], k.shape[-2])
    scores += scale_scores(dot_scores(q, k), q.shape[-1])
    return scores


@misconception(scaled_scores)
def answers_an_empty_batch_without_axes(q, k):
    """Where there is nothing to score, you return a tensor of shape (0,).

    Which of your lines does an empty batch go through, and what would the formula alone
    make of it?

    A batch without sentences holds no scores, but its shape still says that a sentence
    would have n_q rows and n_k columns.
    """
    if q.numel() == 0:
        return q.new_tensor([])
    return scale_scores(dot_scores(q, k), q.shape[-1])
