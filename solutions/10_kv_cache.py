"""10 · KV cache: the right way, then the ways people go wrong.

Rows are queries, columns are keys; `...` stands for any number of leading batch
dimensions, none included. A text comes in pieces: the newest tokens are the queries, and
every token so far is a key. So the *last* query is the same token as the *last* key. Weights
multiply from the right: `x @ w`. A result has the dtype and the device of its inputs; no
argument is changed but the cache, whose business that is.

This file starts from nothing: write the earlier steps again where you need them, as short
as you like. Torch's softmax is free; its attention is not, and neither is NumPy.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from grader.bank import misconception
from solutions.attention import attention
from solutions.causal_mask import causal_mask
from solutions.qkv_projection import project_qkv
from solutions.scaled_scores import dot_scores
from solutions.softmax import masked_softmax


class KVCache:
    """The keys and values of all tokens so far; empty when it is made."""

    def __init__(self) -> None:
        self._kept: tuple[Tensor, Tensor] | None = None

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of new tokens, and return all there are by now.

        k: keys, (..., n_new, d_k); v: values, (..., n_new, d_v); with the batch dimensions,
        widths and dtypes of those before. n_new may be any number; where tokens are held, 0 too.

        Returns keys (..., n, d_k) and values (..., n, d_v) of all n tokens so far, the
        oldest first. What was returned earlier never changes.
        """
        old_k, old_v = self._kept or (k[..., :0, :], v[..., :0, :])
        # New tensors each time: whoever was given the old ones still has them.
        self._kept = torch.cat([old_k, k], dim=-2), torch.cat([old_v, v], dim=-2)
        return self._kept

    def __len__(self) -> int:
        """How many tokens it holds."""
        return 0 if self._kept is None else self._kept[0].shape[-2]


def cached_attention(q: Tensor, k: Tensor, v: Tensor, cache: KVCache) -> Tensor:
    """Causal attention of the newest tokens over all tokens so far.

    q and k: (..., n_new, d_k); v: (..., n_new, d_v): queries, keys and values of the newest
    tokens, of any number n_new; cache: holds the tokens before them, and these afterwards.

    Returns (..., n_new, d_v): each new token attends to itself and to every token before it,
    in the cache or in this piece. However a text is cut into pieces, the outputs are the
    same.
    """
    keys, values = cache.append(k, v)
    mask = causal_mask(q.shape[-2], keys.shape[-2], device=q.device)  # (n_new, n)
    output, _ = attention(q, keys, values, mask)
    return output


def decode_step(x_t: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, cache: KVCache) -> Tensor:
    """Attention for one new token, with the keys and values of those before it from a cache.

    x_t: the new token, (..., 1, d_model); w_q and w_k: (d_model, d_k); w_v: (d_model, d_v);
    cache: holds the tokens before it, and this one afterwards.

    Returns (..., 1, d_v). What is multiplied and added for one step grows linearly with the
    tokens held: d_k + d_v multiply-adds for each, and a constant for the new one.
    """
    return cached_attention(*project_qkv(x_t, w_q, w_k, w_v), cache)


# -- the ways people go wrong --------------------------------------------------


def _held(cache, k, v):
    """What a cache holds; nothing, in the shape of these, where it is empty."""
    return cache._kept or (k[..., :0, :], v[..., :0, :])


def _joined(old, new, dim=-2):
    """Keys with keys and values with values, along an axis."""
    return tuple(torch.cat(pair, dim) for pair in zip(old, new, strict=True))


@misconception(KVCache)
class PutsTheNewOnesFirst(KVCache):
    """You put the new tokens before the old ones.

    Three words are said one after the other. In which order do their keys come back from your
    cache?

    Where a key stands tells when its word was said: the oldest comes first, the newest last.
    """

    def append(self, k, v):
        self._kept = _joined((k, v), _held(self, k, v))
        return self._kept


@misconception(KVCache)
class ReturnsTheTextBackwards(KVCache):
    """Your rows stand in reverse: the newest token first, the oldest last.

    A prompt of three words has come in one piece. Which of the words stands in your first row?

    Inside a piece, too, the order of the rows is that in which the words were said.
    """

    def append(self, k, v):
        return tuple(part.flip(-2) for part in super().append(k, v))


@misconception(KVCache)
class ReturnsTheNewOnesOnly(KVCache):
    """You return the new tokens alone; those of earlier pieces never come back.

    Three pieces have come in. Where in your object are the keys of the first, and how do they get
    into your answer?

    A new word may attend to any word there ever was, the first one too.
    """

    def append(self, k, v):
        super().append(k, v)
        return k, v


@misconception(KVCache)
class ReturnsWhatWasThereBefore(KVCache):
    """You return what was there before the new tokens came.

    The cache is empty and a first token comes. What should be returned, and what do you
    return?

    A token attends to itself as well, so its own key and value belong to what comes back.
    """

    def append(self, k, v):
        before = _held(self, k, v)
        super().append(k, v)
        return before


@misconception(KVCache)
class KeepsTheFirstPieceOnly(KVCache):
    """Only your first piece is kept; a later one is returned once, and then it is lost.

    Three pieces have come in. Which of the first two is missing from your last answer, and
    where was it lost?

    To join pieces for an answer does not store them: the next call finds only what was kept.
    """

    def append(self, k, v):
        if self._kept is None:
            return super().append(k, v)
        return _joined(self._kept, (k, v))


@misconception(KVCache)
class DropsTheFirstPiece(KVCache):
    """You give the first piece back, but it is missing from every later answer.

    Your first answer is right. What of it is left in your second?

    The first piece is mostly the prompt, and with it goes what the model was asked.
    """

    def append(self, k, v):
        if self._kept is None:
            self._kept = _held(self, k, v)
            return k, v
        return super().append(k, v)


@misconception(KVCache)
class KeepsOneTokenOfEachPiece(KVCache):
    """Of each piece you keep the last token only.

    A piece of four tokens comes in. By how many rows should your answer grow, and by how many
    does it?

    While a model writes, a piece is one token; a prompt has many, and each of them is asked for
    later.
    """

    def append(self, k, v):
        return super().append(k[..., -1:, :], v[..., -1:, :])


@misconception(KVCache)
class WritesOnePlaceTooLate(KVCache):
    """Your rows stand one place too late: zeros come first, and the newest token is missing.

    In which row should the very first token stand, and what stands there in your answer?

    Rows are counted from 0, so with five tokens held the next one belongs in row 5.
    """

    def append(self, k, v):
        found = super().append(k, v)
        return tuple(torch.cat([0 * part[..., :1, :], part[..., :-1, :]], -2) for part in found)


@misconception(KVCache)
class LosesATokenAtEveryJoint(KVCache):
    """The first token of each new piece takes the place of the last one that was there.

    Append one token, and then another. How many rows should come back, and who is missing?

    The first free row comes after the last token that is held, not on it.
    """

    def append(self, k, v):
        shorter = [part[..., :-1, :] for part in _held(self, k, v)]
        self._kept = _joined(shorter, (k, v))
        return self._kept


@misconception(KVCache)
class JoinsAlongTheFeatures(KVCache):
    """You join the pieces along their width: the keys grow longer, and none is added.

    Write two keys as the rows of a table. Where does the key of a third token go?

    Each token has a key of its own, and all are equally wide; what grows is their number.
    """

    def append(self, k, v):
        self._kept = (k, v) if self._kept is None else _joined(self._kept, (k, v), -1)
        return self._kept


@misconception(KVCache)
class JoinsAlongTheFirstAxis(KVCache):
    """You join the pieces along the first axis, which in a batch counts the texts.

    What does the first axis count when there is no batch, and what when there is one?

    The number of texts stays what it is; each of them grows by itself.
    """

    def append(self, k, v):
        self._kept = (k, v) if self._kept is None else _joined(self._kept, (k, v), 0)
        return self._kept


@misconception(KVCache)
class JoinsAlongAxisOne(KVCache):
    """You join the pieces along axis 1, where the tokens are only if there is one batch axis.

    Count from the front: where are the tokens in (n, d), and where in (heads, n, d)? And
    counted from the end?

    Axes of a batch come in front, any number of them; counted from the end, the tokens stay
    where they are.
    """

    def append(self, k, v):
        self._kept = (k, v) if self._kept is None else _joined(self._kept, (k, v), 1)
        return self._kept


@misconception(KVCache)
class JoinsAlongAxisTwo(KVCache):
    """You join the pieces along axis 2, as if there were always a batch axis and an axis of heads.

    How many axes may stand in front of the tokens, and how many does your class count on?

    Many libraries keep keys in four axes; here `...` stands for any number of axes in front.
    """

    def append(self, k, v):
        self._kept = (k, v) if self._kept is None else _joined(self._kept, (k, v), 2)
        return self._kept


@misconception(KVCache)
class StacksThePieces(KVCache):
    """Your pieces lie on top of one another along a new axis, not end to end.

    How many axes do the keys have that come in, and how many those that you return?

    A text is one sequence, however many pieces it came in, and its keys are rows of one table.
    """

    def append(self, k, v):
        old = [part.unsqueeze(0)[:0] for part in (k, v)] if self._kept is None else self._kept
        self._kept = _joined(old, (k.unsqueeze(0), v.unsqueeze(0)), 0)
        return self._kept


@misconception(KVCache)
class RunsTheBatchTogether(KVCache):
    """You keep the tokens of all texts of a batch in one long row.

    Two texts come in side by side. Whose keys could a query of the first text meet in what you
    return?

    Texts share a batch to save time; the tokens of one are nothing to another.
    """

    def append(self, k, v):
        return super().append(k.reshape(-1, k.shape[-1]), v.reshape(-1, v.shape[-1]))


@misconception(KVCache)
class AddsThePiecesUp(KVCache):
    """You add the numbers of a new piece to those that were there.

    Two pieces of one token each have come in. How many rows should come back, and what stands
    in yours?

    Two lists added make a longer one; two tensors added make sums, in which neither can be found
    again.
    """

    def append(self, k, v):
        pair = (k, v) if self._kept is None else (self._kept[0] + k, self._kept[1] + v)
        self._kept = pair
        return pair


@misconception(KVCache)
class AnswersWithTheValuesFirst(KVCache):
    """You return the values first, and the keys second.

    Two tensors come back, and the caller takes them by their places. Which one should be in
    front?

    The caller compares its queries with the first and blends the second; where both are equally
    wide, nothing complains.
    """

    def append(self, k, v):
        keys, values = super().append(k, v)
        return values, keys


@misconception(KVCache)
class ReturnsTheKeysTwice(KVCache):
    """What you return as values are the keys once more.

    Two tensors came in. Which of them is nowhere to be found in what you return?

    A key is there to be found by, a value to be read; a query that looks for a book would carry
    home its label.
    """

    def append(self, k, v):
        return super().append(k, k)


@misconception(KVCache)
class ReturnsTheValuesTwice(KVCache):
    """What you return as keys are the values once more.

    Two tensors came in. Which of them is nowhere to be found in what you return?

    A value is there to be read, and what it is found by is its key.
    """

    def append(self, k, v):
        return super().append(v, v)


@misconception(KVCache)
class LetsOnlyTheKeysGrow(KVCache):
    """Your keys grow from piece to piece, but of the values only the new ones come back.

    Two pieces have come in. How many rows do your keys have, and how many your values?

    Every key leads to a value of its own, and a weight without a value has nothing to blend.
    """

    def append(self, k, v):
        return super().append(k, v)[0], v


@misconception(KVCache)
class LetsOnlyTheValuesGrow(KVCache):
    """Your values grow from piece to piece, but of the keys only the new ones come back.

    Two pieces have come in. How many of the values that you return can be found by a key?

    A value without a key gets no attention, whatever it holds.
    """

    def append(self, k, v):
        return k, super().append(k, v)[1]


@misconception(KVCache)
class StoresEachPieceTwice(KVCache):
    """Every piece is in your cache twice.

    One token comes into an empty cache. How many rows should come back, and how many do?

    A token that is there twice gets attention twice.
    """

    def append(self, k, v):
        super().append(k, v)
        return super().append(k, v)


@misconception(KVCache)
class GrowsWhatItGaveOut(KVCache):
    """Tensors that you returned earlier grow when new tokens come.

    Somebody kept what your first call returned. How many rows does that tensor have after your
    second call?

    The tensor that you go on working with is the very one that the caller holds.
    """

    def append(self, k, v):
        if self._kept is None:
            self._kept = k.clone(), v.clone()
        else:
            for old, new in zip(self._kept, (k, v), strict=True):
                old.data = torch.cat([old, new], -2)
        return self._kept


@misconception(KVCache)
class MovesWhatItGaveOut(KVCache):
    """What you returned earlier holds other tokens after the next call.

    Somebody still holds your first answer. Which of your lines writes to the memory that it is
    made of?

    A slice of a tensor is no copy: whoever writes to the whole changes every slice that was
    given out.
    """

    _room = 64

    def append(self, k, v):
        n, new = len(self) + k.shape[-2], k.shape[-2]
        if self._kept is None or n > self._room:
            self._room = max(self._room, 2 * n)
            held = _held(self, k, v)
            empty = [p.new_zeros(*p.shape[:-2], self._room, p.shape[-1]) for p in (k, v)]
            self._stores = [
                torch.cat([e[..., : self._room - len(self), :], old], -2)
                for e, old in zip(empty, held, strict=True)
            ]
        for store, piece in zip(self._stores, (k, v), strict=True):
            store.copy_(store.roll(-new, -2))
            store[..., self._room - new :, :] = piece
        self._kept = tuple(store[..., self._room - n :, :] for store in self._stores)
        return self._kept


@misconception(KVCache)
class HandsBackTheLists(KVCache):
    """You return the pieces in two lists, where two tensors were asked for.

    Can a query be multiplied with what you return, and what would have to be done to it first?

    Pieces may well be kept in a list; who asks for the keys wants one tensor with all of them.
    """

    _pieces = ((), ())

    def append(self, k, v):
        super().append(k, v)
        self._pieces = (*self._pieces[0], k), (*self._pieces[1], v)
        return list(self._pieces[0]), list(self._pieces[1])


@misconception(KVCache)
class CountsThePieces(KVCache):
    """Your length is the number of pieces, not of tokens.

    A prompt of four tokens comes in one piece. How long is the cache then?

    The length tells where the next token stands, and one piece may hold many.
    """

    _pieces = 0

    def append(self, k, v):
        self._pieces += 1
        return super().append(k, v)

    def __len__(self):
        return self._pieces


@misconception(KVCache)
class CountsTheFirstAxis(KVCache):
    """Your length is the size of the first axis, which in a batch counts the texts.

    Two texts of five tokens share a batch. Which of the two numbers is your length?

    The first axis counts tokens only where there is no batch; otherwise it stays as it is,
    however long the texts grow.
    """

    def __len__(self):
        return 0 if self._kept is None else len(self._kept[0])


@misconception(KVCache)
class CountsTheFeatures(KVCache):
    """Your length is the width of a key.

    One more token comes. Which size of the keys grows, and which stays as it was?

    The width belongs to the model; the length is how much of the text has been read.
    """

    def __len__(self):
        return 0 if self._kept is None else self._kept[0].shape[-1]


@misconception(KVCache)
class CountsTheTokensOfAllTexts(KVCache):
    """Your length counts the tokens of all texts of a batch together.

    Two texts of four tokens each share a batch. At which place does the next token of each
    stand?

    The texts of a batch grow side by side, and the length is that of one of them.
    """

    def __len__(self):
        return 0 if self._kept is None else self._kept[0][..., 0].numel()


@misconception(KVCache)
class CountsKeysAndValues(KVCache):
    """Your length counts keys and values, two for each token.

    A single token comes. By how much should the length grow, and by how much does it?

    A key and a value are two sides of one token, and it is tokens that are counted.
    """

    def __len__(self):
        return 2 * super().__len__()


@misconception(KVCache)
class CountsTheLastPiece(KVCache):
    """Your length is that of the last piece alone.

    Five tokens are held, and one more comes. What should the length be before, and what
    afterwards?

    What was there stays there, and so it stays in the length.
    """

    _last = 0

    def append(self, k, v):
        self._last = k.shape[-2]
        return super().append(k, v)

    def __len__(self):
        return self._last


@misconception(KVCache)
class LeavesTheFirstPieceUncounted(KVCache):
    """Your length leaves the first piece out.

    Which of your lines makes the length grow, and is it reached when the very first piece
    comes?

    The first piece may need a line of its own, since nothing is there to be joined to; it is
    held like any other.
    """

    _later = 0

    def append(self, k, v):
        self._later += 0 if self._kept is None else k.shape[-2]
        return super().append(k, v)

    def __len__(self):
        return self._later


@misconception(KVCache)
class NeverCounts(KVCache):
    """Your length is 0, whatever was appended.

    Where does your length come from, and which of your lines makes it grow?

    Whoever asks is told that nothing has been read yet.
    """

    def __len__(self):
        return 0


@misconception(KVCache)
class KeepsEverythingInSinglePrecision(KVCache):
    """Keys and values come back as float32, whatever they were.

    Which dtype comes in, which should come out, and where is it decided in your class?

    The caller's queries have the dtype that came in; and in half precision a cache takes half
    the memory, which is why one keeps it so.
    """

    def append(self, k, v):
        return super().append(k.float(), v.float())


@misconception(KVCache)
class MakesItsStoreOnTheCpu(KVCache):
    """You made a tensor on the CPU, wherever the keys and values are.

    Which of your lines makes a tensor from nothing, and how is it told where the keys are?

    On a GPU queries and keys would lie in two places, and could not meet.
    """

    def append(self, k, v):
        self._kept = tuple(
            torch.cat([old, torch.zeros(new.shape, dtype=new.dtype).copy_(new)], -2)
            for old, new in zip(_held(self, k, v), (k, v), strict=True)
        )
        return self._kept


@misconception(KVCache)
class AnswersAnEmptyPieceWithNothing(KVCache):
    """Where no new token comes, you return nothing of what is held.

    Five tokens are held, and a piece without any comes in. What is there to be returned?

    Nothing is added and nothing is lost: all keys and values so far are what they were.
    """

    def append(self, k, v):
        found = super().append(k, v)
        return found if k.shape[-2] else (k, v)


@misconception(KVCache)
class TakesABatchOfOneApart(KVCache):
    """You take the batch axis off where a batch holds a single text.

    A batch may hold a single text. How many axes should its keys have when they come back?

    Whoever gave you a batch goes on with a batch, be there two texts in it or one.
    """

    def append(self, k, v):
        keys, values = super().append(k, v)
        return (keys.squeeze(0), values.squeeze(0)) if k.dim() > 2 else (keys, values)


def _output(q, keys, values, mask=None):
    """What attention gives, without the weights."""
    return attention(q, keys, values, mask)[0]


def _ending(q, keys):
    """The right mask: the last query at the last key."""
    return causal_mask(q.shape[-2], keys.shape[-2], device=q.device)


@misconception(cached_attention)
def lines_up_the_first_tokens(q, k, v, cache):
    """You lined up the first query with the first key.

    Ten tokens are held and one more comes. At which place in the text does the one query stand?

    The queries are those of the newest tokens. Lined up at the front, a new word sees the
    oldest key and nothing else, not even itself.
    """
    keys, values = cache.append(k, v)
    seen = torch.ones(q.shape[-2], keys.shape[-2], dtype=torch.bool, device=q.device).tril()
    return _output(q, keys, values, seen)


@misconception(cached_attention)
def lines_up_the_first_tokens_of_longer_pieces(q, k, v, cache):
    """In a later piece of several tokens you lined up the first query with the first key.

    Three tokens are held, and two come at once. At which place in the text does the first of
    the two stand?

    A single new token sees everything and needs no mask. Several need one that begins where the
    held tokens end.
    """
    keys, values = cache.append(k, v)
    seen = torch.ones(q.shape[-2], keys.shape[-2], dtype=torch.bool, device=q.device)
    return _output(q, keys, values, seen.tril() if q.shape[-2] > 1 else seen)


@misconception(cached_attention)
def forgets_the_mask(q, k, v, cache):
    """Nothing is hidden in your function: inside a piece, tokens see those that come after them.

    A prompt of four words comes in one piece. What may its first word see, and what does it see
    in your function?

    A single new word is the last one and sees everything; the words of a prompt could look at
    what they are to foretell.
    """
    return _output(q, *cache.append(k, v))


@misconception(cached_attention)
def masks_the_first_piece_only(q, k, v, cache):
    """You hide what comes later in the first piece only; in later ones tokens see ahead.

    Some tokens are held, and two come at once. May the first of the two see the second?

    Every piece is causal inside itself, whatever was there before it.
    """
    is_first = len(cache) == 0
    keys, values = cache.append(k, v)
    return _output(q, keys, values, _ending(q, keys) if is_first else None)


@misconception(cached_attention)
def lets_the_first_piece_look_ahead(q, k, v, cache):
    """In the first piece of a text, tokens see those that come after them.

    The cache is empty, and a prompt of several words comes. Which of them may the first one
    attend to?

    The words of a prompt would turn into vectors that they never were in training, and be kept
    like that.
    """
    is_first = len(cache) == 0
    keys, values = cache.append(k, v)
    return _output(q, keys, values, None if is_first else _ending(q, keys))


@misconception(cached_attention)
def leaves_the_new_tokens_out(q, k, v, cache):
    """Your queries see what was held before their piece, and no token of the piece itself.

    The very first token of a text comes. Whom should its query meet, and whom does it meet in
    your function?

    A token attends to itself as well: its key is to be there when its query asks.
    """
    old_keys, old_values = cache.append(k[..., :0, :], v[..., :0, :])
    cache.append(k, v)
    if old_keys.shape[-2] == 0:
        return torch.zeros_like(v)
    return _output(q, old_keys, old_values)


@misconception(cached_attention)
def sees_its_own_piece_only(q, k, v, cache):
    """Your queries see the keys of their own piece, and what came before is never read.

    Three pieces have come in. How many keys does the last query meet in your function, and how
    many are there?

    What is held is held to be read: a text goes on where the piece before it ended.
    """
    cache.append(k, v)
    return _output(q, k, v, _ending(q, k))


@misconception(cached_attention)
def forgets_the_piece_afterwards(q, k, v, cache):
    """The tokens of a piece are not in the cache when your function has returned.

    The next piece will come without these tokens. Where is it to find their keys and values?

    The cache is all that one call leaves to the next.
    """
    held = cache.append(k[..., :0, :], v[..., :0, :])
    keys, values = _joined(held, (k, v))
    return _output(q, keys, values, _ending(q, keys))


@misconception(cached_attention)
def forgets_the_first_piece(q, k, v, cache):
    """Where the cache is empty, you answer for the piece and do not store it.

    The cache is empty, and a piece of four tokens comes. How long is the cache when your function
    has returned?

    What comes first is asked for by all that comes later, and an empty cache has no other way to
    fill.
    """
    if len(cache) == 0:
        return _output(q, k, v, _ending(q, k))
    keys, values = cache.append(k, v)
    return _output(q, keys, values, _ending(q, keys))


@misconception(cached_attention)
def leaves_longer_pieces_unstored(q, k, v, cache):
    """A piece of several tokens is answered by itself, and not stored.

    A prompt of four words comes, then a single word. How many keys does that word meet in your
    function?

    A prompt is read at once, but what comes after it is to find every one of its keys.
    """
    if q.shape[-2] > 1:
        return _output(q, k, v, _ending(q, k))
    return _output(q, *cache.append(k, v))


@misconception(cached_attention)
def reads_longer_pieces_as_prompts(q, k, v, cache):
    """In a piece of several tokens queries see that piece alone, as if the text began there.

    A single new token finds all that is held. What becomes of that when two tokens come at
    once?

    Several tokens at once need not be the beginning: in a conversation each new question comes
    as such a piece.
    """
    keys, values = cache.append(k, v)
    keys, values = (keys, values) if q.shape[-2] == 1 else (k, v)
    return _output(q, keys, values, _ending(q, keys))


@misconception(cached_attention)
def puts_the_triangle_over_the_oldest_keys(q, k, v, cache):
    """Your triangle lies over the oldest keys, and those of the piece itself stand open.

    The mask of a later piece has a full part and a triangle. Over which keys does each of the
    two belong?

    Held tokens come first and are visible throughout; only among the newest keys is there
    anything to hide.
    """
    keys, values = cache.append(k, v)
    triangle = causal_mask(q.shape[-2], device=q.device)
    full = triangle.new_ones(q.shape[-2], keys.shape[-2] - q.shape[-2])
    return _output(q, keys, values, torch.cat([triangle, full], -1))


@misconception(cached_attention)
def appends_twice(q, k, v, cache):
    """Each piece is in the cache twice when your queries see it.

    One token comes into an empty cache. How many keys should its query meet, and how many are
    there when it asks?

    To append does two things: it stores, and it gives back. Done twice, it leaves every new token
    with two keys.
    """
    cache.append(k, v)
    keys, values = cache.append(k, v)
    return _output(q, keys, values, _ending(q, keys))


@misconception(cached_attention)
def appends_again_at_the_end(q, k, v, cache):
    """Your first result is right, but afterwards each piece is in the cache twice.

    One token comes into an empty cache. How long is the cache when your function has returned?

    What was appended in order to be seen is stored already; the next query would meet it twice.
    """
    keys, values = cache.append(k, v)
    output = _output(q, keys, values, _ending(q, keys))
    cache.append(k, v)
    return output


@misconception(cached_attention)
def appends_the_queries(q, k, v, cache):
    """You kept the queries in the place of the keys.

    What will later tokens be compared with, and what do they find in your cache?

    Past queries are never needed, for they have been answered; what is searched are the keys.
    """
    keys, values = cache.append(q, v)
    return _output(q, keys, values, _ending(q, keys))


@misconception(cached_attention)
def appends_the_keys_as_values(q, k, v, cache):
    """You kept the keys in the place of the values.

    Which of the tensors that came in has no influence on your result?

    Keys tell where to look; what is found there are the values.
    """
    keys, values = cache.append(k, k)
    return _output(q, keys, values, _ending(q, keys))


@misconception(cached_attention)
def takes_the_values_for_keys(q, k, v, cache):
    """You compare the queries with the values, and blend the keys.

    The cache gives two tensors back. Which of the two comes first, and which meets the queries?

    Where keys and values are equally wide nothing complains, but you search the books and carry
    home the labels.
    """
    values, keys = cache.append(k, v)
    return _output(q, keys, values, _ending(q, keys))


@misconception(cached_attention)
def answers_for_the_last_token_only(q, k, v, cache):
    """You answer for the last token of a piece alone.

    Three tokens come in one piece. How many rows should the result have?

    The next word is read off the last token, but each of them goes on to the next layer, where
    it makes a key and a value again.
    """
    keys, values = cache.append(k, v)
    return _output(q[..., -1:, :], keys, values)


@misconception(cached_attention)
def hands_back_the_weights_as_well(q, k, v, cache):
    """You return the weights beside the output, where one tensor was asked for.

    How many things does your function return, and how many will the caller expect?

    Whoever takes the result for a tensor now holds a tuple.
    """
    keys, values = cache.append(k, v)
    return attention(q, keys, values, _ending(q, keys))


@misconception(cached_attention)
def answers_with_the_weights(q, k, v, cache):
    """You returned the weights instead of the output.

    What does a row of your result sum to, and what is it made of?

    Weights say where a token looks; the output is what it takes from there.
    """
    keys, values = cache.append(k, v)
    return attention(q, keys, values, _ending(q, keys))[1]


@misconception(cached_attention)
def answers_in_single_precision(q, k, v, cache):
    """Your values are right, but they always come back as float32.

    Which dtype do queries, keys and values have, and which line makes another one of it?

    For some callers float32 is wider, for others narrower; each counts on the dtype that went
    in.
    """
    keys, values = cache.append(k, v)
    return _output(q.float(), keys.float(), values.float(), _ending(q, keys))


@misconception(cached_attention)
def makes_its_mask_on_the_cpu(q, k, v, cache):
    """You made a tensor on the CPU, wherever the queries are.

    Which tensor does your function make from nothing, and what could tell it the right place?

    On a GPU it could not meet the scores.
    """
    keys, values = cache.append(k, v)
    return _output(q, keys, values, causal_mask(q.shape[-2], keys.shape[-2]))


@misconception(cached_attention)
def writes_into_the_queries(q, k, v, cache):
    """Your result is right, but the queries you were given are changed.

    Some operations make a new tensor, others write into the one they are given. Which of your
    lines does the second?

    `/=`, `*=` and calls that end in `_` work in place, and somebody else may still be holding
    that tensor.
    """
    keys, values = cache.append(k, v)
    q *= q.shape[-1] ** -0.5
    return masked_softmax(dot_scores(q, keys), _ending(q, keys)) @ values


@misconception(cached_attention)
def takes_a_batch_of_one_apart(q, k, v, cache):
    """You take the batch axis off where a batch holds a single text.

    A batch may hold a single text. How many axes should the result have then?

    An axis that you put there yourself may go again; this one was there before you.
    """
    keys, values = cache.append(k, v)
    output = _output(q, keys, values, _ending(q, keys))
    return output.squeeze(0) if q.dim() > 2 else output


@misconception(cached_attention)
def answers_all_queries_again(q, k, v, cache):
    """Your attention answers the old queries again, though only the new rows are returned.

    How many queries are new, and how many rows of scores does your function compute for them?

    An old query was answered when its token was new, and its row never changes. With all of
    them, the work of a step grows with the square of the length.
    """
    n_new = q.shape[-2]
    q = cache.queries = torch.cat([getattr(cache, "queries", q[..., :0, :]), q], dim=-2)
    keys, values = cache.append(k, v)
    return _output(q, keys, values, _ending(q, keys))[..., -n_new:, :]


@misconception(decode_step)
def leaves_the_new_token_out(x_t, w_q, w_k, w_v, cache):
    """Your token attends to those before it, and not to itself.

    Nothing is held yet, and the first token comes. Whom does its query meet in your function?

    Every token attends to itself too, and the first one to nobody else: its result is its own
    value.
    """
    q, k, v = project_qkv(x_t, w_q, w_k, w_v)
    old_keys, old_values = cache.append(k[..., :0, :], v[..., :0, :])
    cache.append(k, v)
    return _output(q, old_keys, old_values) if old_keys.shape[-2] else torch.zeros_like(v)


@misconception(decode_step)
def sees_itself_alone(x_t, w_q, w_k, w_v, cache):
    """Your result is the new token's own value, whatever the cache holds.

    Two texts end in the same token. Should its result be the same in both, and what could make
    a difference in your function?

    A token that meets no key but its own has no choice, and gives itself all its attention.
    """
    q, k, v = project_qkv(x_t, w_q, w_k, w_v)
    cache.append(k, v)
    return _output(q, k, v)


@misconception(decode_step)
def forgets_the_token_afterwards(x_t, w_q, w_k, w_v, cache):
    """The new token is not in the cache when your step has returned.

    Two new tokens come, one after the other. Where does the second find the first?

    The cache is all that one step leaves to the next.
    """
    q, *new = project_qkv(x_t, w_q, w_k, w_v)
    held = cache.append(*[part[..., :0, :] for part in new])
    return _output(q, *_joined(held, new))


@misconception(decode_step)
def forgets_the_first_token(x_t, w_q, w_k, w_v, cache):
    """Where the cache is empty, you answer for the token and do not store it.

    The cache is empty, and a first token comes. How many does it hold after your step?

    The first token needs no attention to know its answer, but later ones need its key and its
    value.
    """
    q, k, v = project_qkv(x_t, w_q, w_k, w_v)
    return cached_attention(q, k, v, cache) if len(cache) else v


@misconception(decode_step)
def appends_the_token_twice(x_t, w_q, w_k, w_v, cache):
    """The new token is in the cache twice when its query asks.

    Which of the functions that you call append something, and how often is that in one step?

    With two keys of its own, a token gives itself two shares of its attention.
    """
    q, k, v = project_qkv(x_t, w_q, w_k, w_v)
    cache.append(k, v)
    return cached_attention(q, k, v, cache)


@misconception(decode_step)
def appends_the_token_again(x_t, w_q, w_k, w_v, cache):
    """Your first step is right, but afterwards its token is in the cache twice.

    One step has been made with an empty cache. How many tokens does it hold now?

    The step that saw the token has stored it already; the next one would meet it twice.
    """
    q, k, v = project_qkv(x_t, w_q, w_k, w_v)
    output = cached_attention(q, k, v, cache)
    cache.append(k, v)
    return output


@misconception(decode_step)
def sees_the_oldest_token_only(x_t, w_q, w_k, w_v, cache):
    """Every step of yours gives the value of the oldest token there is.

    How many keys has the one query of a step to choose from, and how many are held?

    A causal mask that lines up the first query with the first key leaves one query one key.
    """
    _, k, v = project_qkv(x_t, w_q, w_k, w_v)
    return cache.append(k, v)[1][..., :1, :]


@misconception(decode_step)
def makes_the_values_with_w_k(x_t, w_q, w_k, w_v, cache):
    """You made keys and values with one matrix, w_k, and w_v has no say.

    Which of the three matrices could be filled with zeros without changing your result?

    What a token is found by and what it has to give are two things, each learnt by a matrix of
    its own.
    """
    return cached_attention(*project_qkv(x_t, w_q, w_k, w_k), cache)


@misconception(decode_step)
def makes_the_keys_with_w_q(x_t, w_q, w_k, w_v, cache):
    """You made queries and keys with one matrix, w_q, and w_k has no say.

    Fill w_k with zeros, and all tokens should look alike to a query. Do they in your function?

    Every token would then be found by what it is looking for itself.
    """
    return cached_attention(*project_qkv(x_t, w_q, w_q, w_v), cache)


@misconception(decode_step)
def makes_the_queries_with_w_k(x_t, w_q, w_k, w_v, cache):
    """You made queries and keys with one matrix, w_k, and w_q has no say.

    Fill w_q with zeros, and a query should find all keys alike. Does it in your function?

    Every token would then look for what it is to be found by.
    """
    return cached_attention(*project_qkv(x_t, w_k, w_k, w_v), cache)


@misconception(decode_step)
def asks_with_the_keys(x_t, w_q, w_k, w_v, cache):
    """What w_k makes does the asking in your function, and what w_q makes is kept as keys.

    Of all that is made from a token, what is used once and what is kept? Which matrix makes
    which?

    The shapes fit, so nothing complains, but every token looks for what it should be found by.
    """
    return cached_attention(*project_qkv(x_t, w_k, w_q, w_v), cache)


@misconception(decode_step)
def exchanges_keys_and_values(x_t, w_q, w_k, w_v, cache):
    """What w_v makes is kept as keys, and what w_k makes is kept as values.

    What is appended first, and which matrix should have made it?

    Queries then search among what was meant to be read.
    """
    return cached_attention(*project_qkv(x_t, w_q, w_v, w_k), cache)


@misconception(decode_step)
def keeps_the_token_as_its_value(x_t, w_q, w_k, w_v, cache):
    """You blended the tokens themselves, and w_v has no say.

    How wide should the result be, and which matrix decides that?

    What a token is and what it has to give are two things, and w_v makes the second from the
    first.
    """
    q, k, _ = project_qkv(x_t, w_q, w_k, w_v)
    return cached_attention(q, k, x_t, cache)


@misconception(decode_step)
def keeps_the_token_as_its_key(x_t, w_q, w_k, w_v, cache):
    """You compared the query with the tokens themselves, and w_k has no say.

    With what is the query multiplied in your function, and which matrix has made that?

    A token is to be found by what w_k makes of it; unprojected, it was never meant to meet a
    query.
    """
    q, _, v = project_qkv(x_t, w_q, w_k, w_v)
    return cached_attention(q, x_t, v, cache)


@misconception(decode_step)
def never_projects(x_t, w_q, w_k, w_v, cache):
    """You used the token itself as query, key and value.

    Three matrices came in. Where does each of them come into your function?

    All three are made from the token, but none of the three is the token.
    """
    return cached_attention(x_t, x_t, x_t, cache)


@misconception(decode_step)
def keeps_the_tokens_themselves(x_t, w_q, w_k, w_v, cache):
    """You take what is held for tokens, and project all of it again in every step.

    A prompt has left its keys and values in the cache. What does your function do to them
    before the query meets them?

    Keys and values of old tokens are finished. Projected again they are wrong, and it is work
    that a cache is there to save.
    """
    tokens, _ = cache.append(x_t, x_t)
    q, _, _ = project_qkv(x_t, w_q, w_k, w_v)
    _, keys, values = project_qkv(tokens, w_q, w_k, w_v)
    return _output(q, keys, values)


@misconception(decode_step)
def adds_the_token_back(x_t, w_q, w_k, w_v, cache):
    """You add the token to the output where their widths allow it.

    If w_v were all zeros, what should the result be, and what would yours be?

    A model may add back what went in, but around its attention and not in it.
    """
    output = cached_attention(*project_qkv(x_t, w_q, w_k, w_v), cache)
    return x_t + output if x_t.shape == output.shape else output


@misconception(decode_step)
def drops_the_token_axis(x_t, w_q, w_k, w_v, cache):
    """Your result has no axis for tokens: the 1 is gone from its shape.

    One token came in as a piece with one row. Which axes should the result have?

    One token is a piece of length 1, so that whatever takes pieces takes it too.
    """
    return cached_attention(*project_qkv(x_t, w_q, w_k, w_v), cache).squeeze(-2)


@misconception(decode_step)
def returns_its_weights(x_t, w_q, w_k, w_v, cache):
    """You returned the weights instead of the output.

    How wide is your result, and does it grow from step to step?

    There is one weight for each token that is held; the output is as wide as a value, at any
    length.
    """
    q, k, v = project_qkv(x_t, w_q, w_k, w_v)
    keys, values = cache.append(k, v)
    return attention(q, keys, values)[1]


@misconception(decode_step)
def scales_by_the_width_of_the_token(x_t, w_q, w_k, w_v, cache):
    """You scaled the scores by √d_model, the width of the token.

    How wide are the two vectors that meet in a score, and the root of which width do you divide
    by?

    By then the token has been projected, and the width of a key has taken the place of its own.
    """
    q, k, v = project_qkv(x_t, w_q, w_k, w_v)
    narrower = math.sqrt(q.shape[-1] / x_t.shape[-1])
    return cached_attention(q * narrower, k, v, cache)


@misconception(decode_step)
def takes_the_first_sample_for_all(x_t, w_q, w_k, w_v, cache):
    """You read the first token of a batch only, and every sample gets its result.

    Three texts share a batch, and each has a new token. How many different results should come
    back?

    Each text goes on with a word of its own.
    """
    first = x_t[:1].expand_as(x_t) if x_t.dim() > 2 else x_t
    return cached_attention(*project_qkv(first, w_q, w_k, w_v), cache)


@misconception(decode_step)
def takes_a_batch_for_a_text(x_t, w_q, w_k, w_v, cache):
    """You read the tokens of a batch as one text, in which the later ones see the earlier.

    Three texts share a batch, and each has a new token. Whom may the third of these tokens
    see?

    Side by side in a batch is not one after the other: they belong to texts that know nothing
    of each other.
    """
    q, k, v = project_qkv(x_t.reshape(-1, x_t.shape[-1]), w_q, w_k, w_v)
    return cached_attention(q, k, v, cache).reshape(*x_t.shape[:-1], v.shape[-1])


@misconception(decode_step)
def comes_back_in_single_precision(x_t, w_q, w_k, w_v, cache):
    """Your values are right, but they always come back as float32.

    Which dtype does the token have, and after which of your lines is it another?

    To compute in float32 is well meant, but what is returned has the dtype that came in.
    """
    return cached_attention(*project_qkv(x_t, w_q, w_k, w_v), cache).float()


@misconception(decode_step)
def makes_a_tensor_on_the_cpu(x_t, w_q, w_k, w_v, cache):
    """You made a tensor on the CPU, wherever the token is.

    What does your function make from nothing, and does a single new token need it at all?

    On a GPU it could not meet the others.
    """
    q, k, v = project_qkv(x_t, w_q, w_k, w_v)
    keys, values = cache.append(k, v)
    return _output(q, keys, values, torch.ones(1, keys.shape[-2], dtype=torch.bool))


@misconception(decode_step)
def scales_the_weights_it_was_given(x_t, w_q, w_k, w_v, cache):
    """Your first step is right, but the weights you were given are changed.

    Make the same step twice, each time with an empty cache. Which of your lines makes the
    answers differ?

    The next step finds weights that were changed already, and changes them once more.
    """
    w_q /= math.sqrt(w_q.shape[-1])
    q, k, v = project_qkv(x_t, w_q, w_k, w_v)
    keys, values = cache.append(k, v)
    return torch.softmax(dot_scores(q, keys), -1) @ values


@misconception(decode_step)
def reads_the_whole_text_again(x_t, w_q, w_k, w_v, cache):
    """Your step computes attention for the whole text again, and returns its last row.

    Count the rows of scores that your step computes. Which of them did an earlier step have
    already?

    The rows before the last are answers to old queries. Nothing in them has changed, and with
    them a step costs the square of the length.
    """
    x = cache.tokens = torch.cat([getattr(cache, "tokens", x_t[..., :0, :]), x_t], dim=-2)
    q, keys, values = _of_the_whole_text(x, project_qkv(x, w_q, w_k, w_v), cache)
    return _output(q, keys, values, _ending(q, keys))[..., -1:, :]


@misconception(decode_step)
def projects_every_token_again(x_t, w_q, w_k, w_v, cache):
    """Your step makes the keys and values of all tokens again, not only those of the new one.

    How many tokens does your step multiply with w_k, and of how many is the key not known yet?

    A key depends on its own token alone. Made once and kept, it costs nothing more; made again,
    it costs d_model times as much as the product it is needed for.
    """
    x = cache.tokens = torch.cat([getattr(cache, "tokens", x_t[..., :0, :]), x_t], dim=-2)
    q, keys, values = _of_the_whole_text(x, project_qkv(x, w_q, w_k, w_v), cache)
    return _output(q[..., -1:, :], keys, values)


def _of_the_whole_text(x, projected, cache):
    """Queries of these tokens; keys and values too, after those that only the cache knows."""
    q, k, v = projected
    keys, values = cache.append(k[..., -1:, :], v[..., -1:, :])
    before = keys.shape[-2] - x.shape[-2]
    keys = torch.cat([keys[..., :before, :], k], dim=-2)
    return q, keys, torch.cat([values[..., :before, :], v], dim=-2)
