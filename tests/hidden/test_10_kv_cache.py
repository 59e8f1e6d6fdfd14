"""What `KVCache`, `cached_attention` and `decode_step` must do."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from grader.suite import (
    SDPA,
    comparison,
    follows_device,
    grows_no_faster,
    leaves_arguments_alone,
    odd_forms,
    same,
    same_values,
    seconds_of_attention,
    step,
    takes_less_than,
)

FORBIDDEN = SDPA
# The size by whose root the scores are divided, under its name in the docstrings' shapes.
SCALES = {"cached_attention": "d_k", "decode_step": "d_k"}
PARTS = "keys values"
DTYPES = [torch.float16, torch.bfloat16, torch.float64]

# Eight tokens, cut into pieces.
PLANS = [(8,), (4, 1, 1, 1, 1), (3, 3, 2), (1,) * 8]
# A batch of one, none, two samples, and a batch without samples.
ODD_BATCHES = [(1,), (), (2,), (0,)]

# Keys and values of four words. The last one was said before: it comes again.
SMALL = (
    [[1.0, 0.0], [0.0, 2.0], [3.0, -1.0], [1.0, 0.0]],
    [[4.0, 4.0, 0.0], [8.0, 0.0, 8.0], [5.0, 6.0, 7.0], [4.0, 4.0, 0.0]],
)
# The lesson's example: *The* and *quick* are held, and *brown* comes.
HELD = ([[0.0, 1.0, 2.0, -1.0], [1.0, 0.0, 1.0, 0.0]], [[6.0, 0.0], [0.0, 4.0]])
BROWN = ([[2.0, 1.0, 0.0, 1.0]], [[1.0, 1.0, 0.0, 1.0]], [[-2.0, 2.0]])
# And a token of width 2 with three matrices that make such vectors of it.
TOKEN = [[1.0, 2.0]]
MATRICES = (
    [[0.0, 1.0, 0.0, -1.0], [1.0, 0.0, 0.0, 1.0]],
    [[1.0, 1.0, -2.0, 1.0], [0.0, 0.0, 1.0, 0.0]],
    [[0.0, -2.0], [-1.0, 2.0]],
)

# n_new, d_k, d_v of a prompt, and n, d_k, d_v of what is held before single tokens come: all
# equal, then all different. In the second list of each, values are unit vectors, and the output
# is the weights.
PROMPTS, PROMPTS_OF_UNITS = [(3, 3, 3), (5, 7, 2), (1, 4, 6)], [(4, 2, 4), (3, 5, 6)]
BEFORE, BEFORE_OF_UNITS = [(4, 4, 4), (6, 3, 2)], [(2, 7, 5), (3, 2, 6)]
# batch, tokens, d_model, d_k, d_v. In the second list tokens and w_v are unit vectors: the
# values are too.
UNITS = [((), 3, 5, 2, 4), ((), 4, 6, 7, 5), ((), 2, 3, 5, 6)]
TEXTS = [((), 4, 4, 4, 4), ((), 5, 7, 3, 2), *UNITS]
# Tokens, at which the products of one step are counted, and others at which it is timed. The
# second of these is so long that who does the work of its square shows in any case.
COUNTED, TIMED = (8, 32), (512, 4096)
WIDE, PIECE = 256, 256


def tensors(rows, device):
    """Small numbers, so that the case that is shown can be done by hand."""
    return tuple(torch.tensor(one, device=device) for one in rows)


def pair(draw, n, d_k, d_v, batch=(), dtype=torch.float32):
    """Keys and values of n tokens."""
    return draw.normal(*batch, n, d_k, dtype=dtype), draw.normal(*batch, n, d_v, dtype=dtype)


def three(draw, n, d_k, d_v, batch=(), dtype=torch.float32):
    """Queries, keys and values of n tokens."""
    return draw.normal(*batch, n, d_k, dtype=dtype), *pair(draw, n, d_k, d_v, batch, dtype)


def projections(draw, d_model, d_k, d_v):
    """Three matrices that keep numbers at unit size."""
    return tuple(draw.normal(d_model, d) / math.sqrt(d_model) for d in (d_k, d_k, d_v))


def text(sizes, draw, device):
    """A text and its three projections. sizes: (batch, n, d_model, d_k, d_v)."""
    batch, n, d_model, d_k, d_v = sizes
    if sizes in UNITS:
        x, w_v = torch.eye(n, d_model, device=device), torch.eye(d_model, d_v, device=device)
        return x, (draw.normal(d_model, d_k), draw.normal(d_model, d_k), w_v)
    return draw.normal(*batch, n, d_model), projections(draw, d_model, d_k, d_v)


def token_by_token(x):
    """Each token of a text by itself, (..., 1, d_model)."""
    return x.split(1, dim=-2)


def appended(cache, pieces):
    """What a cache returns as these come in."""
    return [cache.append(k, v) for k, v in pieces]


def lengths_of(cache, pieces):
    """How long a cache is before these come in, and after each."""
    lengths = [len(cache)]
    for k, v in pieces:
        cache.append(k, v)
        lengths.append(len(cache))
    return lengths


def attended(attention, cache, pieces, held=()):
    """What attention gives for each piece, with a cache that holds some keys and values."""
    for k, v in held:
        cache.append(k, v)
    return [attention(*piece, cache) for piece in pieces]


def decoded(decode_step, cache, tokens, weights, held=()):
    """What each step gives, with a cache that holds some keys and values."""
    for k, v in held:
        cache.append(k, v)
    return [decode_step(x_t, *weights, cache) for x_t in tokens]


def work_of(asked, cache, calls):
    """The multiply-adds of two of the calls that are made one after the other."""
    asks = [asked.multiply_adds if n in COUNTED else asked for n in range(1, len(calls) + 1)]
    gave = [ask(*call, cache) for ask, call in zip(asks, calls, strict=True)]
    return [gave[n - 1] for n in COUNTED]


def held_for_long(draw, n, d):
    """Keys and values of n tokens on the CPU, where time is measured; few rows, many times over.

    They come in pieces: one question to an object that is given may not be too large.
    """
    k, v = (draw.normal(64, d).cpu().repeat(PIECE // 64, 1) for _ in range(2))
    return [(k, v)] * (n // PIECE)


def all_same(got, expected, check=same_values, **named):
    """Compare answer by answer; all calls were made before."""
    return all(check(one, right, **named) for one, right in zip(got, expected, strict=True))


def same_lengths(got, expected):
    """Compare length by length, the last first.

    Of equal numbers that came back it is the last one whose call is shown.
    """
    return all_same(reversed(got), reversed(expected))


@step(points=2, public=True)
@pytest.mark.parametrize("lengths", [(2, 1, 1), (1, 3)], ids=str)
def test_small_pieces(student, reference, device, lengths):
    """All keys and values so far come back, the oldest first

    Some pieces come in, one after the other. Which rows should your last answer have, and in
    which order?
    """
    k, v = tensors(SMALL, device)
    pieces = list(zip(k.split(lengths), v.split(lengths), strict=True))
    got = appended(student.KVCache(), pieces)
    expected = appended(reference.KVCache(), pieces)
    assert all_same(got, expected, parts=PARTS)


@step(points=2)
@pytest.mark.parametrize(
    "lengths, d_k, d_v", [((3, 3, 3), 3, 3), ((4, 1, 2), 5, 3), ((1, 1, 1, 1), 4, 2)], ids=str
)
def test_pieces_of_any_length(student, reference, draw, lengths, d_k, d_v):
    """A piece may hold one token or many, of any width

    Which sizes do the keys of two pieces share, in which may they differ, and along which axis
    do you join them?
    """
    pieces = [pair(draw, n, d_k, d_v) for n in lengths]
    got = appended(student.KVCache(), pieces)
    expected = appended(reference.KVCache(), pieces)
    assert all_same(got, expected, parts=PARTS)


@step(points=2)
@pytest.mark.parametrize(
    "batch, lengths, d_k, d_v",
    [
        ((3,), (3, 3), 3, 3),
        ((4,), (1, 1, 1), 5, 2),
        ((2, 3), (4, 1, 2), 5, 6),
        ((2, 3), (2, 2), 4, 5),
    ],
    ids=str,
)
def test_batches_and_heads(student, reference, draw, batch, lengths, d_k, d_v):
    """Every text of a batch, and every head, grows by itself

    How many axes may stand in front of the tokens, and which of your lines counts on a certain
    number?
    """
    pieces = [pair(draw, n, d_k, d_v, batch) for n in lengths]
    got = appended(student.KVCache(), pieces)
    expected = appended(reference.KVCache(), pieces)
    assert all_same(got, expected, parts=PARTS)


@step(points=2)
@pytest.mark.parametrize("batch, lengths", [((), (4, 1, 2)), ((2, 3), (4, 1, 2))], ids=str)
def test_its_length(student, reference, draw, batch, lengths):
    """Its length is the number of tokens it holds

    How many tokens are held before the first piece, and by how much does each piece change
    that?
    """
    pieces = [pair(draw, n, 5, 8, batch) for n in lengths]
    got = lengths_of(student.KVCache(), pieces)
    expected = lengths_of(reference.KVCache(), pieces)
    assert same_lengths(got, expected)


@step(points=2)
@pytest.mark.parametrize("batch, lengths", [((), (3, 1, 1, 5)), ((2,), (1, 2, 1, 3))], ids=str)
def test_what_was_returned_stays(student, draw, batch, lengths):
    """What was returned earlier never changes

    Who may still hold what you returned before, and does any later line of yours write into
    it?
    """
    cache, kept, then, now = student.KVCache(), [], [], []
    for n in lengths:
        kept.append(cache.append.kept(*pair(draw, n, 4, 3, batch)))
        then.append(cache.append.again(kept[-1]))
        now.append([cache.append.again(one) for one in kept])
    # Against its own first reading: a wrong order of tokens has cost its points elsewhere.
    for answers in now:
        assert all_same(answers, then[: len(answers)], parts=PARTS)


@step(points=1)
def test_two_texts(student, reference, draw):
    """Two caches know nothing of each other

    What belongs to one text, what to all of them, and where does your class keep each?
    """
    pieces = [pair(draw, n, 3, 4) for n in (2, 1, 3, 1)]
    got, expected = [], []
    for cache, answers in ((student.KVCache, got), (reference.KVCache, expected)):
        one, other = cache(), cache()
        for mine, piece in zip([one, other] * 2, pieces, strict=True):
            answers.append(mine.append(*piece))
    assert all_same(got, expected, parts=PARTS)


@step(points=1)
def test_a_long_text(student, reference, draw):
    """However long the text gets, all of it is held

    Is there any number in your class that a long text could outgrow?
    """
    pieces = [pair(draw, n, 1, 2) for n in (9000, 1)]
    got = appended(student.KVCache(), pieces)
    expected = appended(reference.KVCache(), pieces)
    assert all_same(got, expected, parts=PARTS)


@step(points=1, needs="test_pieces_of_any_length")
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_cache_follows_its_inputs(student, reference, draw, dtype):
    """Dtype and device follow the inputs, which stay as they are

    Which of your lines makes a tensor from nothing, names a dtype, or writes into a tensor that
    came in?
    """
    pieces = [pair(draw, n, 5, 4, dtype=dtype) for n in (3, 1)]
    got = appended(student.KVCache(), pieces)
    expected = appended(reference.KVCache(), pieces)
    assert all_same(got, expected, same, parts=PARTS)
    cache = student.KVCache()
    for piece in pieces:  # into an empty cache, and into one that holds something
        assert follows_device(cache.append, *piece)
        assert leaves_arguments_alone(cache.append, *piece)


@step(points=1, needs="test_batches_and_heads")
@pytest.mark.parametrize("batch", ODD_BATCHES)
def test_odd_pieces(student, reference, draw, batch):
    """Transposed, empty, in training, a batch of one: all work

    What do your lines take for granted about a piece: its batch, how it lies in memory, that it
    holds a token?
    """
    drawn = (*pair(draw, 2, 3, 4, batch), *pair(draw, 1, 3, 4, batch))
    for k, v, next_k, next_v in odd_forms(*drawn):
        nothing = k[..., :0, :], v[..., :0, :]
        pieces = [(k, v), (next_k, next_v), nothing]
        got = appended(student.KVCache(), pieces)
        expected = appended(reference.KVCache(), pieces)
        assert all_same(got, expected, parts=PARTS)


@step(points=2, public=True)
def test_brown_comes(student, reference, device):
    """A new word meets all that is held, and itself

    Work out the weights of *brown* by hand. Which keys does its query meet in your function,
    and what does it read there?
    """
    held, brown = [tensors(HELD, device)], [tensors(BROWN, device)]
    got = attended(student.cached_attention, student.KVCache(), brown, held)
    expected = attended(reference.cached_attention, reference.KVCache(), brown, held)
    assert all_same(got, expected)


@step(points=3)
@pytest.mark.parametrize("sizes", [*PROMPTS, *PROMPTS_OF_UNITS], ids=str)
def test_a_prompt(student, reference, draw, device, sizes):
    """A prompt is causal inside itself

    The cache is empty and a prompt comes. Which of its words may the first one see, which the
    second, which the last?
    """
    q, k, v = three(draw, *sizes)
    if sizes in PROMPTS_OF_UNITS:
        v = torch.eye(*v.shape, device=device)
    pieces = [(q, k, v)]
    assert all_same(
        attended(student.cached_attention, student.KVCache(), pieces),
        attended(reference.cached_attention, reference.KVCache(), pieces),
    )


@step(points=2)
@pytest.mark.parametrize("sizes", [*BEFORE, *BEFORE_OF_UNITS], ids=str)
def test_one_new_token(student, reference, draw, device, sizes):
    """A single new token sees the whole text so far

    Which row of the whole text's mask belongs to a new token, and which keys does it show?
    """
    n, d_k, d_v = sizes
    k, v = pair(draw, n, d_k, d_v)
    tokens = [three(draw, 1, d_k, d_v) for _ in range(2)]
    if sizes in BEFORE_OF_UNITS:
        v, *units = torch.eye(n + 2, d_v, device=device).split([n, 1, 1])
        tokens = [(q, k, unit) for (q, k, _), unit in zip(tokens, units, strict=True)]
    got = attended(student.cached_attention, student.KVCache(), tokens, [(k, v)])
    expected = attended(reference.cached_attention, reference.KVCache(), tokens, [(k, v)])
    assert all_same(got, expected)


@step(points=4)
@pytest.mark.parametrize("lengths", PLANS, ids=str)
def test_any_pieces(student, reference, draw, device, lengths):
    """However a text is cut into pieces, it comes out the same

    Which keys should the first query of a later piece see, and which the last? Which of them
    came in earlier pieces?
    """
    d_k = 8 if lengths == (8,) else 5
    units = torch.eye(8, device=device).split(lengths)
    pieces = [(*three(draw, n, d_k, 1)[:2], v) for n, v in zip(lengths, units, strict=True)]
    got = attended(student.cached_attention, student.KVCache(), pieces)
    expected = attended(reference.cached_attention, reference.KVCache(), pieces)
    assert all_same(got, expected)


@step(points=2)
@pytest.mark.parametrize(
    "batch, lengths, d_k, d_v",
    [((3,), (3, 3), 3, 3), ((2, 3), (4, 1, 2), 5, 6), ((3, 2), (1, 1, 1), 4, 5)],
    ids=str,
)
def test_pieces_in_batches(student, reference, draw, batch, lengths, d_k, d_v):
    """Every text of a batch attends to its own tokens alone

    In which of your steps could a token meet one of another text, and how is that step told
    which axes to use?
    """
    pieces = [three(draw, n, d_k, d_v, batch) for n in lengths]
    assert all_same(
        attended(student.cached_attention, student.KVCache(), pieces),
        attended(reference.cached_attention, reference.KVCache(), pieces),
    )


@step(points=2)
@pytest.mark.parametrize("batch", [(), (2,)], ids=str)
def test_the_cache_afterwards(student, reference, draw, batch):
    """Afterwards the new tokens are in the cache, each of them once

    What should the cache hold when your function has returned, and which of your lines puts it
    there?
    """
    pieces, more = [three(draw, n, 4, 3, batch) for n in (3, 1)], pair(draw, 2, 4, 3, batch)
    lengths, held = [], []
    both = (
        (student.cached_attention, student.KVCache),
        (reference.cached_attention, reference.KVCache),
    )
    for attention, new in both:
        cache, seen = new(), []
        for piece in pieces:
            attention(*piece, cache)
            seen.append(len(cache))
        lengths.append(seen)
        held.append(cache.append(*more))
    assert same_lengths(*lengths)
    assert same_values(*held, parts=PARTS)


@step(points=1)
def test_as_torch_attends(student, draw, device):
    """It says what PyTorch's own attention says

    What do you have to give to PyTorch beside the newest queries, and what does your function
    make of the same?
    """
    pieces = [three(draw, n, 4, 7, (2, 3)) for n in (5, 3, 1)]
    got, end = attended(student.cached_attention, student.KVCache(), pieces), 0
    _, keys, values = (torch.cat(parts, -2) for parts in zip(*pieces, strict=True))
    for answer, (q, *_) in zip(got, pieces, strict=True):
        start, end = end, end + q.shape[-2]
        mask = torch.ones(q.shape[-2], end, dtype=torch.bool, device=device).tril(start)
        seen = keys[..., :end, :], values[..., :end, :]
        assert same_values(answer, F.scaled_dot_product_attention(q, *seen, attn_mask=mask))


@step(points=1, needs="test_any_pieces")
@pytest.mark.parametrize("dtype", DTYPES)
def test_attention_follows_its_inputs(student, reference, draw, dtype):
    """Dtype and device follow the inputs, which stay as they are

    Where does each tensor that you make get its dtype and device from, and which line writes
    into one you were given?
    """
    # A width whose root is exact in every dtype.
    pieces = [three(draw, n, 4, 5, dtype=dtype) for n in (3, 1, 2)]
    got = attended(student.cached_attention, student.KVCache(), pieces)
    expected = attended(reference.cached_attention, reference.KVCache(), pieces)
    assert all_same(got, expected, same)
    cache = student.KVCache()
    for piece in pieces:
        assert follows_device(student.cached_attention, *piece, cache)
        assert leaves_arguments_alone(student.cached_attention, *piece, cache)


@step(points=1, needs=("test_any_pieces", "test_pieces_in_batches"))
@pytest.mark.parametrize("batch", ODD_BATCHES)
def test_odd_inputs(student, reference, draw, batch):
    """Transposed, empty, in training, a batch of one: all work

    What does your function expect of its inputs that a transposed tensor, one in training or an
    empty batch does not give?
    """
    drawn = (*three(draw, 3, 2, 4, batch), *three(draw, 2, 2, 4, batch))
    for parts in odd_forms(*drawn):
        pieces = [parts[:3], parts[3:]]
        assert all_same(
            attended(student.cached_attention, student.KVCache(), pieces),
            attended(reference.cached_attention, reference.KVCache(), pieces),
        )


@step(points=1, needs=("test_any_pieces", "test_one_new_token"))
def test_the_work_for_one_token(student, reference, draw):
    """The work for one token grows with the text, not its square

    Of all that your function computes for a single new token, what was computed before, when
    the text was shorter?
    """
    tokens = [three(draw, 1, 16, 8) for _ in range(COUNTED[-1])]
    got = work_of(student.cached_attention, student.KVCache(), tokens)
    expected = work_of(reference.cached_attention, reference.KVCache(), tokens)
    assert grows_no_faster(got, expected, COUNTED)


@step(points=2, public=True)
def test_a_small_step(student, reference, device):
    """One step: project, append, attend

    Make query, key and value of the token by hand. Which of the three goes where, and what does
    your function make of each?
    """
    tokens, weights = tensors([TOKEN], device), tensors(MATRICES, device)
    held = [tensors(HELD, device)]
    got = decoded(student.decode_step, student.KVCache(), tokens, weights, held)
    expected = decoded(reference.decode_step, reference.KVCache(), tokens, weights, held)
    assert all_same(got, expected)


@step(points=3)
@pytest.mark.parametrize("sizes", TEXTS, ids=str)
def test_token_by_token(student, reference, draw, device, sizes):
    """Token by token, a text comes out as in one go

    Follow the first three tokens. What is made of each, what is kept, and what does the third
    one meet?
    """
    x, weights = text(sizes, draw, device)
    tokens = token_by_token(x)
    assert all_same(
        decoded(student.decode_step, student.KVCache(), tokens, weights),
        decoded(reference.decode_step, reference.KVCache(), tokens, weights),
    )


@step(points=2)
@pytest.mark.parametrize("sizes", TEXTS, ids=str)
def test_after_a_prompt(student, reference, draw, device, sizes):
    """A step goes on where a prompt has ended

    A prompt has left keys and values in the cache. What does your step do to them, and what
    does it add?
    """
    x, weights = text(sizes, draw, device)
    *prompt, last = token_by_token(x)
    held = [(x_t @ weights[1], x_t @ weights[2]) for x_t in prompt]
    tokens = [last, draw.normal(*last.shape)]
    got = decoded(student.decode_step, student.KVCache(), tokens, weights, held)
    expected = decoded(reference.decode_step, reference.KVCache(), tokens, weights, held)
    assert all_same(got, expected)


@step(points=2)
@pytest.mark.parametrize("sizes", [((3,), 3, 3, 3, 3), ((2, 3), 4, 7, 6, 5)], ids=str)
def test_steps_in_batches(student, reference, draw, device, sizes):
    """Every text of a batch goes on by itself

    Where in your step could the tokens of two texts meet, and what are the shapes of queries
    and keys there?
    """
    x, weights = text(sizes, draw, device)
    tokens = token_by_token(x)
    assert all_same(
        decoded(student.decode_step, student.KVCache(), tokens, weights),
        decoded(reference.decode_step, reference.KVCache(), tokens, weights),
    )


@step(points=1)
@pytest.mark.parametrize("d_model, d_k, d_v", [(5, 5, 5), (6, 4, 3)])
def test_what_a_step_leaves_behind(student, reference, draw, d_model, d_k, d_v):
    """A step leaves its key and its value behind, each once

    What has to be in the cache after a step, so that the next token finds it?
    """
    weights, tokens = projections(draw, d_model, d_k, d_v), [draw.normal(1, d_model)] * 2
    held, more = pair(draw, 2, d_k, d_v), pair(draw, 1, d_k, d_v)
    lengths, left = [], []
    both = (student.decode_step, student.KVCache), (reference.decode_step, reference.KVCache)
    for decode_step, new in both:
        cache, seen = new(), []
        cache.append(*held)
        for x_t in tokens:  # a word that is said twice
            decode_step(x_t, *weights, cache)
            seen.append(len(cache))
        lengths.append(seen)
        left.append(cache.append(*more))
    assert same_lengths(*lengths)
    assert same_values(*left, parts=PARTS)


@step(points=1)
def test_as_torch_reads_it(student, draw, device):
    """Token by token, it says what PyTorch says of the whole text

    PyTorch reads the whole text behind a causal mask. Which of its rows does each of your steps
    stand for?
    """
    x, weights = text(((2, 3), 6, 5, 4, 7), draw, device)
    got = decoded(student.decode_step, student.KVCache(), token_by_token(x), weights)
    whole = F.scaled_dot_product_attention(*(x @ w for w in weights), is_causal=True)
    assert all_same(got, token_by_token(whole))


@step(points=1, needs="test_token_by_token")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_step_follows_its_inputs(student, reference, draw, dtype):
    """Dtype and device follow the inputs, which stay as they are

    Which tensors do you make from nothing, which do you convert, and which do you write into?
    """
    weights = [w.to(dtype) for w in projections(draw, 6, 4, 3)]
    tokens = [draw.normal(1, 6, dtype=dtype) for _ in range(3)]
    got = decoded(student.decode_step, student.KVCache(), tokens, weights)
    expected = decoded(reference.decode_step, reference.KVCache(), tokens, weights)
    assert all_same(got, expected, same)
    cache = student.KVCache()
    for x_t in tokens:
        assert follows_device(student.decode_step, x_t, *weights, cache)
        assert leaves_arguments_alone(student.decode_step, x_t, *weights, cache)


@step(points=1, needs=("test_token_by_token", "test_steps_in_batches"))
@pytest.mark.parametrize("batch", ODD_BATCHES)
def test_odd_steps(student, reference, draw, batch):
    """Transposed, empty, in training, a batch of one: all work

    What does your step take for granted about its token and its matrices: a batch, how they lie
    in memory, no training?
    """
    drawn = [draw.normal(*batch, 1, 3) for _ in range(2)]
    for first, second, *weights in odd_forms(*drawn, *projections(draw, 3, 4, 2)):
        tokens = [first, second]
        assert all_same(
            decoded(student.decode_step, student.KVCache(), tokens, weights),
            decoded(reference.decode_step, reference.KVCache(), tokens, weights),
        )


@step(points=2, needs=("test_token_by_token", "test_after_a_prompt"))
def test_the_work_of_a_step(student, reference, draw):
    """The work of a step grows with the text, not with its square

    Of all that your step computes, what was computed before, when the text was shorter? Where
    does it lie now?
    """
    x, weights = text(((), COUNTED[-1], 6, 8, 8), draw, draw.device)
    steps = [(x_t, *weights) for x_t in token_by_token(x)]
    counts = work_of(student.decode_step, student.KVCache(), steps)
    enough = work_of(reference.decode_step, reference.KVCache(), steps)
    x_t = draw.normal(1, 16).cpu()
    weights = [w.cpu() for w in projections(draw, 16, WIDE, WIDE)]
    got, expected, took = [], [], []
    for n in TIMED:
        held, mine, right = held_for_long(draw, n, WIDE), student.KVCache(), reference.KVCache()
        for piece in held:
            mine.append.kept(*piece)
            right.append.kept(*piece)
        answer, seconds = student.decode_step.timed(x_t, *weights, mine)
        got.append(answer)
        took.append(seconds)
        expected.append(reference.decode_step(x_t, *weights, right))
    assert grows_no_faster(counts, enough, COUNTED)
    assert all_same(got, expected)
    limit = seconds_of_attention(TIMED[-1], WIDE)
    if counts[-1] < enough[-1] / 2:  # Python's own products are not counted, and take their time
        limit = max(limit, 16 * took[0])  # eight times the tokens; the square would be 64
    of_all = f"attention of {TIMED[-1]:,} tokens to one another"
    step_after = f"one step after {TIMED[-1]:,} tokens"
    assert takes_less_than(took[-1], limit, step_after, of_all, got[-1])


@comparison("tokens held", sizes=(256, 1024, 4096))
def what_the_cache_saves(student, draw, n):
    """What your cache saves: attention for one new token, with the cache and from the start

    The width is that of one head of a model.
    """
    q, k, v = three(draw, n + 1, 64, 64)
    cache = student.KVCache()
    cache.append.kept(k[:n], v[:n])
    newest = q[n:], k[n:], v[n:]
    attend = student.cached_attention
    return {
        "with your cache": min(attend.seconds(*newest, cache) for _ in range(5)),
        "from the start": min(attend.seconds(q, k, v, student.KVCache()) for _ in range(2)),
    }
