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
    """You multiply by the weights transposed.

    Which axis of w counts the features that come in, and which the features that go out?

    With a square matrix nothing complains. `nn.Linear` keeps its weights as (d_out, d_in),
    but here w is (d_in, d_out).
    """
    projected = x @ w.mT
    return projected if b is None else projected + b


@misconception(project)
def puts_the_weights_on_the_left(x, w, b=None):
    """You multiply w·x, which mixes whole tokens, not the features of one.

    In a product of two matrices, whose rows meet whose columns?

    In books whose tokens are columns the weights stand on the left; here the tokens are
    rows.
    """
    projected = w @ x
    return projected if b is None else projected + b


@misconception(project)
def turns_every_axis_round(x, w, b=None):
    """Your result is right for a single matrix, but with a batch other axes meet the weights.

    Of three axes, which two take part in a product of matrices?

    `.T` turns round all the axes there are, the batch with them.
    """
    backwards = x.permute(*reversed(range(x.dim())))
    projected = w.mT @ backwards
    projected = projected.permute(*reversed(range(projected.dim())))
    return projected if b is None else projected + b


@misconception(project)
def runs_heads_and_tokens_together(x, w, b=None):
    """Of four axes your result keeps three: the middle ones are run together.

    Which axis of x may come out with another size, and which must come out as they went in?

    To lay all rows end to end for one product is fine, as long as every axis gets its own
    size back afterwards.
    """
    projected = x.flatten(0, -2) @ w if b is None else x.flatten(0, -2) @ w + b
    return projected if x.dim() == 2 else projected.reshape(x.shape[0], -1, w.shape[-1])


@misconception(project)
def multiplies_place_by_place(x, w, b=None):
    """You multiply x and the weights place by place, as `*` does.

    How many numbers of a token should have a say in one number of its projection, and how
    many do in yours?

    That only works where the shapes happen to fit, and even there no two features of a
    token ever meet.
    """
    projected = x * w
    return projected if b is None else projected + b


@misconception(project)
def forgets_the_bias(x, w, b=None):
    """Your result is the same with a bias and without.

    Think of a token that is all zeros. What should its projection be, and what is yours?

    Without a bias a token of zeros can only come out as zeros.
    """
    return x @ w


@misconception(project)
def adds_the_bias_twice(x, w, b=None):
    """Your result holds the bias twice.

    Take x·w away from your result. What should be left in every row, and what is left in
    yours?

    A token that is all zeros should come out as the bias itself, not as twice as much.
    """
    projected = x @ w
    return projected if b is None else projected + 2 * b


@misconception(project)
def adds_the_bias_to_the_last_token(x, w, b=None):
    """Your last token gets the bias, and no other does.

    Compare the first row of your result with x·w, then the last row. Where do you find the
    bias?

    All tokens of a sentence are treated alike. In code that goes through them one by one, a
    line after the loop meets only the last.
    """
    projected = x @ w
    if b is None:
        return projected
    return torch.cat([projected[..., :-1, :], projected[..., -1:, :] + b], dim=-2)


@misconception(project)
def adds_the_bias_along_the_tokens(x, w, b=None):
    """You give each token one number of the bias, and all its features the same.

    To which numbers of a sentence's projection should the first number of b be added: to a
    whole row, or to a whole column?

    If two tokens change places, so should their projections, and nothing else; here each
    would get the other's bias.
    """
    projected = x @ w
    return projected if b is None else projected + b.unsqueeze(-1)


@misconception(project)
def adds_the_bias_before_projecting(x, w, b=None):
    """Your bias is multiplied by the weights, as if it belonged to x.

    A bias has d_out numbers. At which point of its way is a token d_out numbers wide?

    A token comes in with d_in numbers and a bias has d_out, so the two can only be added
    there if the shapes happen to fit.
    """
    return x @ w if b is None else (x + b) @ w


@misconception(project)
def adds_the_bias_to_the_weights(x, w, b=None):
    """Your bias is multiplied by x, as if it belonged to the weights.

    Double every number of a token. Which part of its projection should double too, and
    which should stay as it is?

    A token of zeros would get no bias at all, and one twice as large would get twice as
    much.
    """
    return x @ w if b is None else x @ (w + b)


@misconception(project)
def sets_negative_results_to_zero(x, w, b=None):
    """Your projection is never negative: whatever should lie below zero comes back as zero.

    What is the smallest number that your function could ever return, whatever x and w hold?

    A query can point away from a key, and should be able to say so. The formula holds
    nothing besides a product and a sum.
    """
    projected = x @ w
    return torch.relu(projected if b is None else projected + b)


@misconception(project)
def sets_negative_products_to_zero(x, w, b=None):
    """Your product is cut off at zero before the bias is added.

    In the lesson, which number of ball's key says that it is not alive, and what becomes of
    such a number in your function?

    After the cut, what points the other way looks like what says nothing at all. The
    formula holds nothing besides a product and a sum.
    """
    projected = torch.relu(x @ w)
    return projected if b is None else projected + b


@misconception(project)
def divides_by_the_root_of_the_width(x, w, b=None):
    """Your product is too small, by a factor of √d_in.

    Which of your lines makes numbers smaller, and which part of y = x·w + b asks for that?

    A root does come into attention, but it belongs to the scores, one exercise on; this
    formula has none.
    """
    projected = x @ w / math.sqrt(w.shape[-2])
    return projected if b is None else projected + b


@misconception(project)
def makes_a_bias_of_its_own(x, w, b=None):
    """Where no bias is given, you bring in a tensor of your own.

    Which of your lines run when no bias is given, and which tensors do they make?

    A tensor made from nothing is float32 and on the CPU unless you say otherwise. If there
    is no bias, there is nothing to add.
    """
    b = torch.zeros(w.shape[-1]) if b is None else b
    return x @ w + b


@misconception(project)
def answers_in_single_precision(x, w, b=None):
    """Your numbers are right, but they always come back as float32.

    Follow the dtype of x through your function. At which point does it become another?

    Some models calculate in float16 to save room, some in float64 to be exact: the caller
    counts on getting back the dtype that went in.
    """
    projected = x.float() @ w.float()
    return projected if b is None else projected + b.float()


@misconception(project)
def makes_new_parameters_of_the_weights(x, w, b=None):
    """Your numbers are right, but no gradient finds its way back to the weights.

    Follow w from the argument to the product. At which point is it no longer the caller's
    own tensor?

    `nn.Parameter(w)` and `w.detach()` both make a new tensor without a history, and it is
    the caller's w whose gradient will be asked for.
    """
    projected = x @ torch.nn.Parameter(w)
    return projected if b is None else projected + b


@misconception(project)
def takes_the_tokens_for_constants(x, w, b=None):
    """Your numbers are right, but the tokens get no gradient.

    In a model, x was made with earlier weights. Which of your lines keeps a gradient from
    finding its way to them?

    The weights that made the tokens have to learn as well, and can do so only through the
    tokens' gradient.
    """
    projected = x.detach() @ w
    return projected if b is None else projected + b


@misconception(project)
def lets_go_of_every_gradient(x, w, b=None):
    """Your numbers are right, but neither tokens nor weights nor bias get a gradient.

    Gradients run back the way the result came. At which of your lines does that way break
    off?

    `torch.no_grad()` is for using a model, and `detach` for what should not learn; here
    everything should.
    """
    with torch.no_grad():
        projected = x @ w
        return projected if b is None else projected + b


@misconception(project)
def takes_a_batch_of_one_apart(x, w, b=None):
    """You take the batch axis off where a batch holds a single sentence.

    A batch may hold a single sentence. How many axes go in then, and how many should come
    out?

    An axis that you put there yourself may go again; this one was there before you, and the
    caller counts on it.
    """
    projected = x @ w if b is None else x @ w + b
    return projected.squeeze(0) if x.dim() > 2 else projected


@misconception(project_qkv)
def makes_keys_with_the_query_weights(x, w_q, w_k, w_v):
    """Your keys are made with w_q, so each token's key is its query.

    Which of your three parts is the label on the spine, and which matrix makes it?

    Then every word looks for its own likeness, and w_k has gone unused.
    """
    q = project(x, w_q)
    return q, q, project(x, w_v)


@misconception(project_qkv)
def makes_values_with_the_key_weights(x, w_q, w_k, w_v):
    """Your values are made with w_k, so each token's value is its key.

    Which of your three parts is the book that is carried home, and which matrix makes it?

    In the library you would carry home the label instead of the book, and w_v has gone
    unused.
    """
    k = project(x, w_k)
    return project(x, w_q), k, k


@misconception(project_qkv)
def makes_all_three_with_one_matrix(x, w_q, w_k, w_v):
    """Your queries, keys and values are one and the same, all made with w_q.

    Queries, keys and values come from the same x. What makes them differ?

    Then every word looks for its own likeness, and carries home the label instead of the
    book.
    """
    q = project(x, w_q)
    return q, q, q


@misconception(project_qkv)
def leaves_the_values_as_they_are(x, w_q, w_k, w_v):
    """Your values are x itself, as it came in.

    Which matrix decides what a word has to give, and where does your function use it?

    Queries and keys decide who is heard. What is said needs a matrix of its own.
    """
    return project(x, w_q), project(x, w_k), x


@misconception(project_qkv)
def projects_only_the_queries(x, w_q, w_k, w_v):
    """You project only the queries; keys and values are x itself.

    In w_q a word has learnt what to look for. Which matrices have learnt how it is found,
    and what it hands over?

    The one who asks has learnt how to ask, but nobody has learnt how to be found, or what
    to hand over.
    """
    return project(x, w_q), x, x


@misconception(project_qkv)
def projects_what_is_projected_already(x, w_q, w_k, w_v):
    """Your keys are queries projected once more, and your values are keys projected once more.

    In the product with w_k, what stands on the left, and what has happened to it before?

    The three are sisters, not grandmother, mother and child: each comes straight from x.
    """
    q = project(x, w_q)
    k = project(q, w_k)
    return q, k, project(k, w_v)


@misconception(project_qkv)
def cuts_one_product_into_thirds(x, w_q, w_k, w_v):
    """You cut one product into thirds, as if the values were as wide as the keys.

    How many columns should each of q, k and v have, and whose shape tells you so?

    To multiply once by all three is a good idea. But d_v need not be d_k, and then the
    parts do not end where the thirds do.
    """
    packed = project(x, torch.cat([w_q, w_k, w_v], dim=-1))
    return packed.chunk(3, dim=-1)


@misconception(project_qkv)
def stacks_the_three_in_one_tensor(x, w_q, w_k, w_v):
    """You return one tensor that holds all three, where a tuple of three was asked for.

    The values may be wider than queries and keys. What can hold tensors of different shapes
    together?

    No single tensor has room for parts of different widths, and the contract promises a
    tuple even where they are equal.
    """
    return torch.stack([project(x, w_q), project(x, w_k), project(x, w_v)])


@misconception(project_qkv)
def answers_with_the_keys_first(x, w_q, w_k, w_v):
    """Your first part holds the keys, and your second the queries.

    Whoever calls you unpacks three parts by their places. Which of yours will they take for
    the queries?

    All three are there, only not in the order that the contract promised.
    """
    return project(x, w_k), project(x, w_q), project(x, w_v)


@misconception(project_qkv)
def answers_with_the_values_before_the_keys(x, w_q, w_k, w_v):
    """Your second part holds the values, and your third the keys.

    In which order does the contract name the three parts, and in which do you hand them
    over?

    Keras asks for them like that: query, value, key. Here the values come last.
    """
    return project(x, w_q), project(x, w_v), project(x, w_k)


@misconception(project_qkv)
def scales_the_queries_already(x, w_q, w_k, w_v):
    """Your queries are smaller than they should be, by a factor of √d_k.

    What happens to one of your three parts that happens to neither of the others?

    Some code does divide the queries, and leaves the scores alone later. Here the root is
    the scores' business, one exercise on.
    """
    return project(x, w_q) / math.sqrt(w_q.shape[-1]), project(x, w_k), project(x, w_v)


@misconception(project_qkv)
def fills_tensors_made_beforehand(x, w_q, w_k, w_v):
    """You make a tensor on the CPU on the way to your three parts, wherever x is.

    Which of your lines makes a tensor from nothing, and how does it know the dtype and the
    device of x?

    A tensor made from nothing is float32 and on the CPU unless you say otherwise, and what
    is filled in later changes neither.
    """
    q, k, v = (torch.zeros(*x.shape[:-1], w.shape[-1]) for w in (w_q, w_k, w_v))
    q += project(x, w_q)
    k += project(x, w_k)
    v += project(x, w_v)
    return q, k, v


@misconception(project_qkv)
def works_without_gradients(x, w_q, w_k, w_v):
    """Your numbers are right, but no gradient comes back to anything you were given.

    What stands before, around or after your three products and keeps PyTorch from
    remembering how they were made?

    Under `torch.no_grad()` and after `detach` a tensor no longer knows what it was made
    from, and no gradient finds its way back.
    """
    with torch.no_grad():
        return project(x, w_q), project(x, w_k), project(x, w_v)


@misconception(project_qkv)
def drops_the_axes_of_size_one(x, w_q, w_k, w_v):
    """Your queries, keys and values lose every axis of size 1.

    Count the axes of x and of your queries when x is a single word. Which are missing, and
    which line removed them?

    A sentence of one word is a sentence, and a batch of one a batch. `squeeze` removes
    every axis of size 1 if you do not name one.
    """
    q, k, v = project(x, w_q), project(x, w_k), project(x, w_v)
    return q.squeeze(), k.squeeze(), v.squeeze()


@misconception(project_packed)
def takes_the_first_third_for_the_keys(x, w_qkv, b_qkv=None):
    """Your queries and keys have changed places.

    Which columns of w_qkv come first, and which of your three parts comes from them?

    The three stand side by side in the packed matrix, and their order is an agreement: the
    queries come first.
    """
    first, second, third = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return second, first, third


@misconception(project_packed)
def takes_the_middle_third_for_the_values(x, w_qkv, b_qkv=None):
    """Your keys and values have changed places.

    Which columns of w_qkv stand in the middle, and which of your three parts comes from
    them?

    The three stand side by side in the packed matrix, and their order is an agreement: the
    keys stand in the middle.
    """
    first, second, third = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return first, third, second


@misconception(project_packed)
def takes_the_first_third_for_the_values(x, w_qkv, b_qkv=None):
    """Your three parts come as keys, values, queries.

    Name the three pieces of w_qkv from left to right. Which of your parts does each of them
    become?

    The three stand side by side in the packed matrix, and their order is an agreement: the
    queries come first, and the values last.
    """
    first, second, third = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return second, third, first


@misconception(project_packed)
def takes_the_last_third_for_the_queries(x, w_qkv, b_qkv=None):
    """Your three parts come as values, queries, keys.

    Name the three pieces of w_qkv from left to right. Which of your parts does each of them
    become?

    The three stand side by side in the packed matrix, and their order is an agreement: the
    queries come first, and the values last.
    """
    first, second, third = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return third, first, second


@misconception(project_packed)
def reads_the_thirds_from_the_back(x, w_qkv, b_qkv=None):
    """Your three parts come as values, keys, queries.

    At which end of w_qkv does the contract begin to count, and at which end do you?

    The three stand side by side in the packed matrix, and their order is an agreement: it
    begins at the first column.
    """
    first, second, third = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return third, second, first


@misconception(project_packed)
def takes_the_width_of_x_for_a_third(x, w_qkv, b_qkv=None):
    """You cut where the width of x ends, not where a third of the packed columns does.

    How many columns does w_qkv have, and how many of them belong to one part?

    The width of x and a third of the packed columns are the same in many models, and need
    not be.
    """
    packed, width = project(x, w_qkv, b_qkv), x.shape[-1]
    return packed[..., :width], packed[..., width : 2 * width], packed[..., 2 * width :]


@misconception(project_packed)
def loses_the_last_column_of_the_values(x, w_qkv, b_qkv=None):
    """Your values lack their last column.

    Which columns of w_qkv go to the queries, which to the keys, which to the values, and
    which to nobody?

    A slice leaves out its end: one that ends at -1 stops before the last column.
    """
    q, k, v = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return q, k, v[..., :-1]


@misconception(project_packed)
def cuts_the_first_axis(x, w_qkv, b_qkv=None):
    """You cut along the first axis: what comes apart are tokens, or sentences.

    Along which axis do queries, keys and values stand side by side?

    `chunk` and `split` cut the first axis if they are not told which.
    """
    q, k, v = project(x, w_qkv, b_qkv).chunk(3)
    return q, k, v


@misconception(project_packed)
def cuts_axis_one(x, w_qkv, b_qkv=None):
    """You cut along axis 1, which holds the features only when there is no batch.

    With a batch or without one: from which end does the axis of the features always have
    the same number?

    With a batch in front, axis 1 counts tokens or sentences.
    """
    return project(x, w_qkv, b_qkv).chunk(3, dim=1)


@misconception(project_packed)
def deals_the_columns_out_in_turn(x, w_qkv, b_qkv=None):
    """You deal the columns out like cards: one for q, one for k, one for v, and again.

    To which of the three parts does column 0 of w_qkv belong, and to which part its
    neighbour, column 1?

    Each of the three matrices lies in the packed one in a single piece.
    """
    q, k, v = project(x, w_qkv, b_qkv).unflatten(-1, (-1, 3)).unbind(-1)
    return q, k, v


@misconception(project_packed)
def cuts_across_the_tokens(x, w_qkv, b_qkv=None):
    """Your queries hold numbers of the first tokens or sentences only, from all three parts.

    When you cut the packed product, which axis should become shorter, and which must stay
    whole?

    Numbers laid end to end do not know what a row means to you: the first third of them all
    belongs to the first tokens.
    """
    packed = project(x, w_qkv, b_qkv)
    q, k, v = packed.reshape(3, *packed.shape[:-1], packed.shape[-1] // 3)
    return q, k, v


@misconception(project_packed)
def cuts_across_the_tokens_of_each_sentence(x, w_qkv, b_qkv=None):
    """In each sentence your queries hold numbers of the first tokens only, from all three parts.

    Follow the first token alone. Which numbers of the packed product are its own, and into
    which of your parts do they go?

    Numbers laid end to end do not know what a row means to you: the cut has to go through
    each token's own row.
    """
    packed = project(x, w_qkv, b_qkv)
    *batch, n, width = packed.shape
    q, k, v = packed.reshape(*batch, 3, n, width // 3).unbind(-3)
    return q, k, v


@misconception(project_packed)
def reads_the_weights_as_a_stack(x, w_qkv, b_qkv=None):
    """Your query weights are the first rows of the packed matrix, with columns of all three.

    To which of the three matrices do the numbers in the first row of w_qkv belong?

    The three stand side by side, so a row holds a piece of each, and no cut between rows
    can part them.
    """
    width = w_qkv.shape[-1] // 3
    parts = w_qkv.reshape(3, w_qkv.shape[0], width)
    biases = (None,) * 3 if b_qkv is None else b_qkv.chunk(3)
    q, k, v = (project(x, w, b) for w, b in zip(parts, biases, strict=True))
    return q, k, v


@misconception(project_packed)
def gives_only_the_queries_their_bias(x, w_qkv, b_qkv=None):
    """Your queries have their bias, but keys and values have none.

    For a token that is all zeros, what should each of the three parts be, and what are
    yours?

    The packed bias is 3·d numbers long, and the last two thirds of it belong to the keys
    and the values.
    """
    q, k, v = project(x, w_qkv).chunk(3, dim=-1)
    return (q if b_qkv is None else q + b_qkv[: q.shape[-1]]), k, v


@misconception(project_packed)
def forgets_the_packed_bias(x, w_qkv, b_qkv=None):
    """Your three parts are the same with a bias and without.

    Which line of your function reads b_qkv, and what becomes of it from there on?

    The packed bias is as long as the packed matrix is wide: it has a number for every
    column.
    """
    return project(x, w_qkv).chunk(3, dim=-1)


@misconception(project_packed)
def gives_the_values_no_bias(x, w_qkv, b_qkv=None):
    """Your queries and keys have their bias, but the values have none.

    Which of your three parts gets the last number of b_qkv?

    The packed bias has a part for each of the three, and its last third belongs to the
    values.
    """
    q, k, v = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return q, k, (v if b_qkv is None else v - b_qkv.chunk(3)[2])


@misconception(project_packed)
def gives_the_keys_no_bias(x, w_qkv, b_qkv=None):
    """Your queries and values have their bias, but the keys have none.

    Suppose b_qkv is zero except in its middle third. Which of the three parts should it
    change, and which of yours does it?

    Some models leave this bias out, and the end of the lesson asks what they lose. Here the
    numbers in b_qkv decide, not your function.
    """
    q, k, v = project(x, w_qkv, b_qkv).chunk(3, dim=-1)
    return q, (k if b_qkv is None else k - b_qkv.chunk(3)[1]), v


@misconception(project_packed)
def gives_all_three_the_same_bias(x, w_qkv, b_qkv=None):
    """You add the bias of the queries to the keys and the values as well.

    Which numbers of b_qkv stand under the columns of the keys, and which under those of the
    values?

    The packed bias is as long as the packed matrix is wide, so each of the three has
    numbers of its own in it.
    """
    q, k, v = project(x, w_qkv).chunk(3, dim=-1)
    if b_qkv is None:
        return q, k, v
    b = b_qkv[: q.shape[-1]]
    return q + b, k + b, v + b


@misconception(project_packed)
def deals_the_bias_out_in_turn(x, w_qkv, b_qkv=None):
    """You cut the weights into three pieces, but deal the bias out like cards.

    Follow one column of w_qkv through your function, and the number of b_qkv that stands
    under it. Where does each end up?

    Each number of the bias belongs to the column it stands under, and has to go where the
    column goes.
    """
    q, k, v = project(x, w_qkv).chunk(3, dim=-1)
    if b_qkv is None:
        return q, k, v
    b_q, b_k, b_v = b_qkv.unflatten(0, (-1, 3)).unbind(-1)
    return q + b_q, k + b_k, v + b_v


@misconception(project_packed)
def makes_a_packed_bias_of_its_own(x, w_qkv, b_qkv=None):
    """Where no packed bias is given, you bring in a tensor of your own.

    If b_qkv is not given, what is there to add, and what does your function add?

    A tensor made from nothing is float32 and on the CPU unless you say otherwise. Where no
    bias is given, nothing needs to be added.
    """
    b_qkv = torch.zeros(w_qkv.shape[-1]) if b_qkv is None else b_qkv
    return project(x, w_qkv, b_qkv).chunk(3, dim=-1)


@misconception(project_packed)
def hands_out_copies_without_a_history(x, w_qkv, b_qkv=None):
    """Your numbers are right, but no gradient comes back through the three parts.

    A piece of a tensor remembers where it was cut from. Which of your lines makes the three
    parts forget?

    Neither a cut nor a copy stops a gradient by itself; `detach` and `torch.no_grad()` do.
    """
    q, k, v = project(x, w_qkv, b_qkv).detach().clone().chunk(3, dim=-1)
    return q, k, v


@misconception(project_packed)
def loses_more_than_the_axis_of_the_cut(x, w_qkv, b_qkv=None):
    """Your three parts lose every axis of size 1, those that came in with x as well.

    Suppose x is a single sentence of a single word. Which axes should q have, and which of
    your lines takes axes away?

    A batch may hold one sentence, and a sentence one word. An axis can be taken off by its
    number, and some cuts leave none behind.
    """
    packed = project(x, w_qkv, b_qkv)
    parts = packed.unflatten(-1, (3, packed.shape[-1] // 3)).chunk(3, dim=-2)
    q, k, v = (part.squeeze() for part in parts)
    return q, k, v
