"""01 · Query, key, value: the right way, then the ways people go wrong.

A token is a row of x, and `...` stands for any number of leading batch dimensions, none
included. Weights multiply from the right: `x @ w`, where w is (d_in, d_out). Weights and
biases always come in as arguments. A result has the dtype and the device of its inputs,
no argument is changed, and gradients flow through to all of them. Matrix products of any
kind are yours to use; `F.linear`, `nn.Linear` and PyTorch's own attention are not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.bank import misconception


def project(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """Every token's vector, seen through the weights: x @ w, plus the bias if there is one.

    x: floating point, (..., n, d_in), one token in each row.
    w: (d_in, d_out); b: (d_out,), one number for each feature, the same for every token.

    Returns a tensor (..., n, d_out). Without b nothing is added.
    """
    projected = x @ w
    return projected if b is None else projected + b


def project_qkv(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of the same tokens, each with weights of their own.

    x: floating point, (..., n, d_model).
    w_q, w_k: (d_model, d_k); w_v: (d_model, d_v), where d_v need not be d_k.

    Returns a tuple (q, k, v): q and k are (..., n, d_k), v is (..., n, d_v).
    """
    return project(x, w_q), project(x, w_k), project(x, w_v)


def project_packed(
    x: Tensor, w_qkv: Tensor, b_qkv: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values from one matrix that holds the weights of all three.

    x: floating point, (..., n, d_model).
    w_qkv: (d_model, 3·d): its first d columns are w_q, the next d are w_k, the last d are
    w_v. b_qkv: (3·d,), the three biases in the same order.

    Returns a tuple (q, k, v), each (..., n, d). Without b_qkv nothing is added.
    """
    q, k, v = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return q, k, v


# -- the ways people go wrong --------------------------------------------------


@misconception(project)
def transposes_the_weights(x, w, b=None):
    """Your result is that of the weights transposed.

    With a square matrix nothing complains. `nn.Linear` keeps its weights as (d_out, d_in);
    in which order do the two stand here?
    """
    projected = x @ w.mT
    return projected if b is None else projected + b


@misconception(project)
def puts_the_weights_on_the_left(x, w, b=None):
    """Your result is w·x: it mixes whole tokens, not the features of one.

    In books whose tokens are columns the weights stand on the left; here the tokens are
    rows. In a product of two matrices, whose rows meet whose columns?
    """
    projected = w @ x
    return projected if b is None else projected + b


@misconception(project)
def turns_every_axis_round(x, w, b=None):
    """Your result is right for a single matrix, but with a batch other axes meet the weights.

    `.T` turns round all the axes there are, the batch with them. Of three axes, which two
    take part in a product of matrices?
    """
    backwards = x.permute(*reversed(range(x.dim())))
    projected = w.mT @ backwards
    projected = projected.permute(*reversed(range(projected.dim())))
    return projected if b is None else projected + b


@misconception(project)
def runs_heads_and_tokens_together(x, w, b=None):
    """Of four axes your result keeps three: the middle ones are run together.

    To lay all rows end to end for one product is fine. Whose shape could tell you how they
    stood before?
    """
    projected = x.flatten(0, -2) @ w if b is None else x.flatten(0, -2) @ w + b
    return projected if x.dim() == 2 else projected.reshape(x.shape[0], -1, w.shape[-1])


@misconception(project)
def multiplies_place_by_place(x, w, b=None):
    """You multiply x and the weights place by place, as `*` does.

    That only works where the shapes happen to fit. How many numbers of a token have a say
    in one number of its projection?
    """
    projected = x * w
    return projected if b is None else projected + b


@misconception(project)
def forgets_the_bias(x, w, b=None):
    """Your result is the same with a bias and without.

    Think of a token that is all zeros. What should its projection be, and what is yours?
    """
    return x @ w


@misconception(project)
def adds_the_bias_twice(x, w, b=None):
    """Your result holds the bias twice.

    A token that is all zeros should come out as the bias itself. In how many places of your
    function does the bias come in?
    """
    projected = x @ w
    return projected if b is None else projected + 2 * b


@misconception(project)
def adds_the_bias_to_the_last_token(x, w, b=None):
    """Your last token gets the bias, and no other does.

    All tokens of a sentence are treated alike. If you go through them one by one: which of
    your lines run for each of them, and which only once, at the end?
    """
    projected = x @ w
    if b is None:
        return projected
    return torch.cat([projected[..., :-1, :], projected[..., -1:, :] + b], dim=-2)


@misconception(project)
def adds_the_bias_along_the_tokens(x, w, b=None):
    """You give each token one number of the bias, and all its features the same.

    If two tokens change places, so should their projections, and nothing else. Do tokens
    own the numbers of a bias, or do features?
    """
    projected = x @ w
    return projected if b is None else projected + b.unsqueeze(-1)


@misconception(project)
def adds_the_bias_before_projecting(x, w, b=None):
    """Your bias is multiplied by the weights, as if it belonged to x.

    A bias has d_out numbers, and a token comes in with d_in. At which point of the way is a
    token d_out numbers wide?
    """
    return x @ w if b is None else (x + b) @ w


@misconception(project)
def adds_the_bias_to_the_weights(x, w, b=None):
    """Your bias is multiplied by x, as if it belonged to the weights.

    A token of zeros would get no bias at all, a large one a large bias. Should a bias
    depend on the token?
    """
    return x @ w if b is None else x @ (w + b)


@misconception(project)
def sets_negative_results_to_zero(x, w, b=None):
    """Your projection is never negative anywhere, as after a relu.

    A query can point away from a key, and should be able to say so. Does the formula hold
    anything besides a product and a sum?
    """
    projected = x @ w
    return torch.relu(projected if b is None else projected + b)


@misconception(project)
def sets_negative_products_to_zero(x, w, b=None):
    """Your product is cut off at zero before the bias is added.

    A query can point away from a key, and should be able to say so. Does the formula hold
    anything besides a product and a sum?
    """
    projected = torch.relu(x @ w)
    return projected if b is None else projected + b


@misconception(project)
def divides_by_the_root_of_the_width(x, w, b=None):
    """Your product is too small, by a factor of √d_in.

    A root does come into attention, but it belongs to the scores, one exercise on. What
    does this formula say?
    """
    projected = x @ w / math.sqrt(w.shape[-2])
    return projected if b is None else projected + b


@misconception(project)
def makes_a_bias_of_its_own(x, w, b=None):
    """Where no bias is given, you bring in a tensor of your own.

    A tensor made from nothing is float32 and on the CPU unless you say otherwise. If there
    is no bias, what is there to add?
    """
    b = torch.zeros(w.shape[-1]) if b is None else b
    return x @ w + b


@misconception(project)
def answers_in_single_precision(x, w, b=None):
    """Your numbers are right, but they always come back as float32.

    Some models calculate in float16 to save room, some in float64 to be exact. Which dtype
    does the caller count on?
    """
    projected = x.float() @ w.float()
    return projected if b is None else projected + b.float()


@misconception(project)
def makes_new_parameters_of_the_weights(x, w, b=None):
    """Your numbers are right, but no gradient finds its way back to the weights.

    `nn.Parameter(w)` and `w.detach()` both make a tensor with a history of its own. Whose
    gradient will be asked for?
    """
    projected = x @ torch.nn.Parameter(w)
    return projected if b is None else projected + b


@misconception(project)
def takes_the_tokens_for_constants(x, w, b=None):
    """Your numbers are right, but the tokens get no gradient.

    In a model x comes out of earlier weights, which have to learn as well. Which part of
    your function lets go of the thread?
    """
    projected = x.detach() @ w
    return projected if b is None else projected + b


@misconception(project)
def lets_go_of_every_gradient(x, w, b=None):
    """Your numbers are right, but neither tokens nor weights nor bias get a gradient.

    `torch.no_grad()` is for using a model, and `detach` for what should not learn. Which
    part of your function lets go of the thread?
    """
    with torch.no_grad():
        projected = x @ w
        return projected if b is None else projected + b


@misconception(project)
def takes_a_batch_of_one_apart(x, w, b=None):
    """You take the batch axis off where a batch holds a single sentence.

    An axis that you put there yourself may go again; this one was there before you. To whom
    does the number of axes of a result matter?
    """
    projected = x @ w if b is None else x @ w + b
    return projected.squeeze(0) if x.dim() > 2 else projected


@misconception(project_qkv)
def makes_keys_with_the_query_weights(x, w_q, w_k, w_v):
    """Your keys are made with w_q, so each token's key is its query.

    Then every word looks for its own likeness. Which of the three matrices has gone unused?
    """
    q = project(x, w_q)
    return q, q, project(x, w_v)


@misconception(project_qkv)
def makes_values_with_the_key_weights(x, w_q, w_k, w_v):
    """Your values are made with w_k, so each token's value is its key.

    In the library you would carry home the label instead of the book. Which of the three
    matrices has gone unused?
    """
    k = project(x, w_k)
    return project(x, w_q), k, k


@misconception(project_qkv)
def makes_all_three_with_one_matrix(x, w_q, w_k, w_v):
    """Your queries, keys and values are one and the same, all made with w_q.

    All three come from the same x, that is true. What makes them differ?
    """
    q = project(x, w_q)
    return q, q, q


@misconception(project_qkv)
def leaves_the_values_as_they_are(x, w_q, w_k, w_v):
    """Your values are x itself, as it came in.

    Queries and keys decide who is heard. Does what is said not need a matrix of its own?
    """
    return project(x, w_q), project(x, w_k), x


@misconception(project_qkv)
def projects_only_the_queries(x, w_q, w_k, w_v):
    """You project only the queries; keys and values are x itself.

    The one who asks has learnt how to ask. Who learns how to be found, and what to hand
    over?
    """
    return project(x, w_q), x, x


@misconception(project_qkv)
def projects_what_is_projected_already(x, w_q, w_k, w_v):
    """Your keys are queries projected once more, and your values are keys projected once more.

    The three are sisters, not grandmother, mother and child. Is x still x when w_k comes to
    meet it?
    """
    q = project(x, w_q)
    k = project(q, w_k)
    return q, k, project(k, w_v)


@misconception(project_qkv)
def cuts_one_product_into_thirds(x, w_q, w_k, w_v):
    """You cut one product into thirds, as if the values were as wide as the keys.

    To multiply once by all three is well thought of. But d_v need not be d_k: which numbers
    say where one part ends and the next begins?
    """
    packed = project(x, torch.cat([w_q, w_k, w_v], dim=-1))
    return packed.chunk(3, dim=-1)


@misconception(project_qkv)
def stacks_the_three_in_one_tensor(x, w_q, w_k, w_v):
    """You return one tensor that holds all three, where a tuple of three was asked for.

    The values may be wider than queries and keys, and then no single tensor has room for
    them. What can hold things of different shapes together?
    """
    return torch.stack([project(x, w_q), project(x, w_k), project(x, w_v)])


@misconception(project_qkv)
def answers_with_the_keys_first(x, w_q, w_k, w_v):
    """Your first part holds the keys, and your second the queries.

    All three are there, but whoever calls you unpacks them by their places. Which order did
    the contract promise?
    """
    return project(x, w_k), project(x, w_q), project(x, w_v)


@misconception(project_qkv)
def answers_with_the_values_before_the_keys(x, w_q, w_k, w_v):
    """Your second part holds the values, and your third the keys.

    Keras asks for them like that: query, value, key. Which order did the contract promise
    here?
    """
    return project(x, w_q), project(x, w_v), project(x, w_k)


@misconception(project_qkv)
def scales_the_queries_already(x, w_q, w_k, w_v):
    """Your queries are smaller than they should be, by a factor of √d_k.

    Some code does put the scale there, and leaves it out later. Whose business is it here:
    the projection's, or the scores'?
    """
    return project(x, w_q) / math.sqrt(w_q.shape[-1]), project(x, w_k), project(x, w_v)


@misconception(project_qkv)
def fills_tensors_made_beforehand(x, w_q, w_k, w_v):
    """Your three parts are float32 and on the CPU, whatever x is.

    A tensor made from nothing is like that unless you say otherwise. How could it know the
    dtype and the device of x?
    """
    q, k, v = (torch.zeros(*x.shape[:-1], w.shape[-1]) for w in (w_q, w_k, w_v))
    q += project(x, w_q)
    k += project(x, w_k)
    v += project(x, w_v)
    return q, k, v


@misconception(project_qkv)
def works_without_gradients(x, w_q, w_k, w_v):
    """Your numbers are right, but no gradient comes back to anything you were given.

    `torch.no_grad()` is for using a model, not for training it. Which part of your function
    lets go of the thread?
    """
    with torch.no_grad():
        return project(x, w_q), project(x, w_k), project(x, w_v)


@misconception(project_qkv)
def drops_the_axes_of_size_one(x, w_q, w_k, w_v):
    """Your queries, keys and values lose every axis of size 1.

    A sentence of one word is a sentence, and a batch of one a batch. Which axes does
    `squeeze` remove if you do not name one?
    """
    q, k, v = project(x, w_q), project(x, w_k), project(x, w_v)
    return q.squeeze(), k.squeeze(), v.squeeze()


@misconception(project_packed)
def takes_the_first_third_for_the_keys(x, w_qkv, b_qkv=None):
    """Your queries and keys have changed places.

    The three stand side by side in the packed matrix, and their order is an agreement. Who
    comes first?
    """
    first, second, third = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return second, first, third


@misconception(project_packed)
def takes_the_middle_third_for_the_values(x, w_qkv, b_qkv=None):
    """Your keys and values have changed places.

    The three stand side by side in the packed matrix, and their order is an agreement. Who
    stands in the middle?
    """
    first, second, third = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return first, third, second


@misconception(project_packed)
def takes_the_first_third_for_the_values(x, w_qkv, b_qkv=None):
    """Your three parts come as keys, values, queries.

    The three stand side by side in the packed matrix, and their order is an agreement. Who
    comes first, and who last?
    """
    first, second, third = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return second, third, first


@misconception(project_packed)
def takes_the_last_third_for_the_keys(x, w_qkv, b_qkv=None):
    """Your three parts come as values, queries, keys.

    The three stand side by side in the packed matrix, and their order is an agreement. Who
    comes first, and who last?
    """
    first, second, third = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return third, first, second


@misconception(project_packed)
def reads_the_thirds_from_the_back(x, w_qkv, b_qkv=None):
    """Your three parts come as values, keys, queries.

    The three stand side by side in the packed matrix, and their order is an agreement. At
    which end does it begin?
    """
    first, second, third = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return third, second, first


@misconception(project_packed)
def takes_the_width_of_x_for_a_third(x, w_qkv, b_qkv=None):
    """You cut where the width of x ends, not where a third of the packed columns does.

    The two are the same in many models, and need not be. How many columns does w_qkv have,
    and how many of them are one part's?
    """
    packed, width = project(x, w_qkv, b_qkv), x.shape[-1]
    return packed[..., :width], packed[..., width : 2 * width], packed[..., 2 * width :]


@misconception(project_packed)
def loses_the_last_column_of_the_values(x, w_qkv, b_qkv=None):
    """Your values lack their last column.

    A slice leaves out its end: one that ends at -1 stops before the last. How does a slice
    say that it goes on to the very end?
    """
    q, k, v = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return q, k, v[..., :-1]


@misconception(project_packed)
def cuts_the_first_axis(x, w_qkv, b_qkv=None):
    """You cut along the first axis: what comes apart are tokens, or sentences.

    `chunk` and `split` cut the first axis if they are not told which. Along which axis do
    queries, keys and values stand side by side?
    """
    q, k, v = project(x, w_qkv, b_qkv).chunk(3)
    return q, k, v


@misconception(project_packed)
def cuts_axis_one(x, w_qkv, b_qkv=None):
    """You cut along axis 1, which holds the features only when there is no batch.

    In a batch that axis counts tokens, or something else. From which end does the axis of
    the features always have the same number?
    """
    return project(x, w_qkv, b_qkv).chunk(3, dim=1)


@misconception(project_packed)
def deals_the_columns_out_in_turn(x, w_qkv, b_qkv=None):
    """You deal the columns out like cards: one for q, one for k, one for v, and again.

    Each of the three matrices lies in the packed one in a single piece. Which columns are
    neighbours of column 0?
    """
    q, k, v = project(x, w_qkv, b_qkv).unflatten(-1, (-1, 3)).unbind(-1)
    return q, k, v


@misconception(project_packed)
def cuts_across_the_tokens(x, w_qkv, b_qkv=None):
    """Your queries hold numbers of the first tokens only, taken from all three parts.

    Numbers laid end to end do not know what a row means to you. Which axis should become
    shorter by the cut, and which must stay whole?
    """
    packed = project(x, w_qkv, b_qkv)
    q, k, v = packed.reshape(3, *packed.shape[:-1], packed.shape[-1] // 3)
    return q, k, v


@misconception(project_packed)
def cuts_across_the_tokens_of_each_sentence(x, w_qkv, b_qkv=None):
    """In each sentence your queries hold numbers of the first tokens only, from all three parts.

    Numbers laid end to end do not know what a row means to you. Into which axis should your
    new axis of size 3 be cut?
    """
    packed = project(x, w_qkv, b_qkv)
    *batch, n, width = packed.shape
    q, k, v = packed.reshape(*batch, 3, n, width // 3).unbind(-3)
    return q, k, v


@misconception(project_packed)
def reads_the_weights_as_a_stack(x, w_qkv, b_qkv=None):
    """Your query weights are the first rows of the packed matrix, with columns of all three.

    The three stand side by side, so a row holds a piece of each. Should the cut run between
    rows, or through every row?
    """
    width = w_qkv.shape[-1] // 3
    parts = w_qkv.reshape(3, w_qkv.shape[0], width)
    biases = (None,) * 3 if b_qkv is None else b_qkv.chunk(3)
    q, k, v = (project(x, w, b) for w, b in zip(parts, biases, strict=True))
    return q, k, v


@misconception(project_packed)
def gives_only_the_queries_their_bias(x, w_qkv, b_qkv=None):
    """Your queries have their bias, but keys and values have none.

    The packed bias is 3·d numbers long. What are the last two thirds of it for?
    """
    q, k, v = project(x, w_qkv).chunk(3, dim=-1)
    return (q if b_qkv is None else q + b_qkv[: q.shape[-1]]), k, v


@misconception(project_packed)
def forgets_the_packed_bias(x, w_qkv, b_qkv=None):
    """Your three parts are the same with a bias and without.

    The packed bias is as long as the packed matrix is wide. Which line of your function
    reads it?
    """
    return project(x, w_qkv).chunk(3, dim=-1)


@misconception(project_packed)
def gives_the_values_no_bias(x, w_qkv, b_qkv=None):
    """Your queries and keys have their bias, but the values have none.

    The packed bias has a part for each of the three. What is its last third for?
    """
    q, k, v = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return q, k, (v if b_qkv is None else v - b_qkv.chunk(3)[2])


@misconception(project_packed)
def gives_the_keys_no_bias(x, w_qkv, b_qkv=None):
    """Your queries and values have their bias, but the keys have none.

    There are models without one, for the reason at the end of the lesson. Who decides that
    here: your function, or the numbers in b_qkv?
    """
    q, k, v = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return q, (k if b_qkv is None else k - b_qkv.chunk(3)[1]), v


@misconception(project_packed)
def gives_all_three_the_same_bias(x, w_qkv, b_qkv=None):
    """You add the bias of the queries to the keys and the values as well.

    The packed bias is as long as the packed matrix is wide. Which part of it stands under
    the columns of the keys?
    """
    q, k, v = project(x, w_qkv).chunk(3, dim=-1)
    if b_qkv is None:
        return q, k, v
    b = b_qkv[: q.shape[-1]]
    return q + b, k + b, v + b


@misconception(project_packed)
def deals_the_bias_out_in_turn(x, w_qkv, b_qkv=None):
    """You cut the weights into three pieces, but deal the bias out like cards.

    Each number of the bias belongs to the column it stands under. After your cut, does it
    still?
    """
    q, k, v = project(x, w_qkv).chunk(3, dim=-1)
    if b_qkv is None:
        return q, k, v
    b_q, b_k, b_v = b_qkv.unflatten(0, (-1, 3)).unbind(-1)
    return q + b_q, k + b_k, v + b_v


@misconception(project_packed)
def makes_a_packed_bias_of_its_own(x, w_qkv, b_qkv=None):
    """Where no packed bias is given, you bring in a tensor of your own.

    A tensor made from nothing is float32 and on the CPU unless you say otherwise. If there
    is no bias, what is there to add?
    """
    b_qkv = torch.zeros(w_qkv.shape[-1]) if b_qkv is None else b_qkv
    return project(x, w_qkv, b_qkv).chunk(3, dim=-1)


@misconception(project_packed)
def hands_out_copies_without_a_history(x, w_qkv, b_qkv=None):
    """Your numbers are right, but no gradient comes back through the three parts.

    A piece of a tensor remembers where it was cut from, unless it is told not to. Which
    part of your function lets go of the thread?
    """
    q, k, v = project(x, w_qkv, b_qkv).detach().clone().chunk(3, dim=-1)
    return q, k, v


@misconception(project_packed)
def loses_more_than_the_axis_of_the_cut(x, w_qkv, b_qkv=None):
    """Your three parts lose every axis of size 1, not only one that your cut may have left.

    A batch may hold one sentence, and a sentence one word. Can an axis be taken off by its
    number, or is there a cut that leaves none behind?
    """
    packed = project(x, w_qkv, b_qkv)
    parts = packed.unflatten(-1, (3, packed.shape[-1] // 3)).chunk(3, dim=-2)
    q, k, v = (part.squeeze() for part in parts)
    return q, k, v
