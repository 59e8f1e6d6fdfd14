"""The wrong programs of 10, as somebody else would write them."""

import math

import torch
import torch.nn.functional as F

# -- KVCache -------------------------------------------------------------------


class _Lists:
    """Pieces in two lists, joined when they are read."""

    def __init__(self):
        self.ks, self.vs = [], []

    def keep(self, k, v):
        self.ks.append(k)
        self.vs.append(v)

    def everything(self):
        return torch.cat(self.ks, dim=-2), torch.cat(self.vs, dim=-2)

    def append(self, k, v):
        self.keep(k, v)
        return self.everything()

    def __len__(self):
        return sum(k.size(-2) for k in self.ks)


class PutsTheNewOnesFirst:
    def __init__(self):
        self.pieces = []

    def append(self, k, v):
        self.pieces.insert(0, [k, v])
        return torch.cat([p[0] for p in self.pieces], dim=-2), torch.cat(
            [p[1] for p in self.pieces], dim=-2
        )

    def __len__(self):
        return sum(p[0].size(-2) for p in self.pieces)


class ReturnsTheTextBackwards:
    def __init__(self):
        self.words = []

    def append(self, k, v):
        for i in range(k.size(-2)):
            self.words.insert(0, (k[..., i, :], v[..., i, :]))
        keys, values = zip(*self.words) if self.words else ((), ())
        return torch.stack(keys, dim=-2), torch.stack(values, dim=-2)

    def __len__(self):
        return len(self.words)


class ReturnsTheNewOnesOnly(_Lists):
    def append(self, k, v):
        self.keep(k, v)
        return self.ks[-1], self.vs[-1]


class ReturnsWhatWasThereBefore(_Lists):
    def append(self, k, v):
        if not self.ks:
            self.keep(k.narrow(-2, 0, 0), v.narrow(-2, 0, 0))
        result = self.everything()
        self.keep(k, v)
        return result


class KeepsTheFirstPieceOnly:
    def __init__(self):
        self.past = None

    def append(self, k, v):
        if self.past is not None:
            k = torch.cat((self.past[0], k), dim=-2)
            v = torch.cat((self.past[1], v), dim=-2)
        else:
            self.past = k, v
        return k, v

    def __len__(self):
        return self.past[0].size(-2) if self.past else 0


class DropsTheFirstPiece(_Lists):
    started = False

    def append(self, k, v):
        if not self.started:
            self.started = True
            return k.clone(), v.clone()
        self.keep(k, v)
        return self.everything()


class KeepsOneTokenOfEachPiece(_Lists):
    def append(self, k, v):
        last = k.size(-2) - 1
        self.keep(k.narrow(-2, last, 1), v.narrow(-2, last, 1))
        return self.everything()


class WritesOnePlaceTooLate:
    def __init__(self):
        self.n = 0
        self.k = None

    def append(self, k, v):
        if self.k is None:
            self.k = k.new_zeros(k.shape[:-2] + (10000, k.shape[-1]))
            self.v = v.new_zeros(v.shape[:-2] + (10000, v.shape[-1]))
        start = self.n + 1
        self.n += k.shape[-2]
        self.k[..., start : self.n + 1, :] = k
        self.v[..., start : self.n + 1, :] = v
        return self.k[..., : self.n, :].clone(), self.v[..., : self.n, :].clone()

    def __len__(self):
        return self.n


class LosesATokenAtEveryJoint(_Lists):
    def append(self, k, v):
        if self.ks:
            self.ks[-1] = self.ks[-1].narrow(-2, 0, self.ks[-1].size(-2) - 1)
            self.vs[-1] = self.vs[-1].narrow(-2, 0, self.ks[-1].size(-2))
        self.keep(k, v)
        return self.everything()

    def keep(self, k, v):
        # one piece, so that there is always a last token in it
        joined = [torch.cat(p, dim=-2) for p in ([*self.ks, k], [*self.vs, v])]
        self.ks, self.vs = [joined[0]], [joined[1]]


class JoinsAlongTheFeatures(_Lists):
    def everything(self):
        return torch.cat(self.ks, dim=-1), torch.cat(self.vs, dim=-1)

    def __len__(self):
        return self.ks[0].size(-2) if self.ks else 0


class JoinsAlongTheFirstAxis(_Lists):
    def everything(self):
        return torch.cat(self.ks), torch.cat(self.vs)

    def __len__(self):
        return self.everything()[0].size(-2) if self.ks else 0


class JoinsAlongAxisOne(_Lists):
    def everything(self):
        return tuple(torch.concat(parts, 1) for parts in (self.ks, self.vs))

    def __len__(self):
        return self.everything()[0].size(-2) if self.ks else 0


class JoinsAlongAxisTwo:
    """Keys are (batch, heads, tokens, width)."""

    past_key_value = None

    def append(self, k, v):
        if self.past_key_value is not None:
            past_k, past_v = self.past_key_value
            k = torch.cat((past_k, k), dim=2)
            v = torch.cat((past_v, v), dim=2)
        self.past_key_value = (k, v)
        return k, v

    def __len__(self):
        return 0 if not self.past_key_value else self.past_key_value[0].size(-2)


class StacksThePieces(_Lists):
    def everything(self):
        return torch.stack(self.ks), torch.stack(self.vs)

    def __len__(self):
        return self.ks[0].size(-2) if self.ks else 0


class RunsTheBatchTogether(_Lists):
    def keep(self, k, v):
        if k.dim() > 2:
            k, v = k.flatten(0, -2), v.flatten(0, -2)
        self.ks.append(k)
        self.vs.append(v)


class AddsThePiecesUp:
    def __init__(self):
        self.k = self.v = 0

    def append(self, k, v):
        self.k = self.k + k
        self.v = self.v + v
        return self.k, self.v

    def __len__(self):
        return self.k.size(-2) if torch.is_tensor(self.k) else 0


class AnswersWithTheValuesFirst(_Lists):
    def everything(self):
        return torch.cat(self.vs, dim=-2), torch.cat(self.ks, dim=-2)


class ReturnsTheKeysTwice(_Lists):
    def everything(self):
        keys = torch.cat(self.ks, dim=-2)
        return keys, keys.clone()


class ReturnsTheValuesTwice(_Lists):
    def everything(self):
        return (torch.cat(self.vs, dim=-2),) * 2


class LetsOnlyTheKeysGrow(_Lists):
    def everything(self):
        return torch.cat(self.ks, dim=-2), self.vs[-1]


class LetsOnlyTheValuesGrow(_Lists):
    def everything(self):
        return self.ks[-1], torch.cat(self.vs, dim=-2)


class StoresEachPieceTwice(_Lists):
    def append(self, k, v):
        for _ in range(2):
            self.keep(k, v)
        return self.everything()


class GrowsWhatItGaveOut:
    def __init__(self):
        self.k = self.v = None

    def append(self, k, v):
        if self.k is None:
            self.k, self.v = k.detach().clone(), v.detach().clone()
            return self.k, self.v
        n, new = self.k.size(-2), k.size(-2)
        both = torch.cat((self.k, k), dim=-2).detach(), torch.cat((self.v, v), dim=-2).detach()
        assert both[0].size(-2) == n + new
        self.k.set_(both[0])
        self.v.set_(both[1])
        return self.k, self.v

    def __len__(self):
        return self.k.size(-2) if torch.is_tensor(self.k) else 0


class MovesWhatItGaveOut:
    """A window whose right edge is always the newest token."""

    size = 10000

    def __init__(self):
        self.count = 0
        self.window = None

    def append(self, k, v):
        if self.window is None:
            self.window = [
                torch.zeros_like(part[..., :1, :]).repeat_interleave(self.size, dim=-2)
                for part in (k, v)
            ]
        new = k.size(-2)
        self.count += new
        for window, part in zip(self.window, (k, v)):
            moved = torch.cat((window[..., new:, :], part), dim=-2)
            window.copy_(moved)
        first = self.size - self.count
        return self.window[0][..., first:, :], self.window[1][..., first:, :]

    def __len__(self):
        return self.count


class HandsBackTheLists(_Lists):
    def everything(self):
        return self.ks.copy(), self.vs.copy()


class CountsThePieces(_Lists):
    def __len__(self):
        return len(self.ks)


class CountsTheFirstAxis(_Lists):
    def __len__(self):
        return self.everything()[0].size(0) if self.ks else 0


class CountsTheFeatures(_Lists):
    def __len__(self):
        return self.ks[0].size(-1) if self.ks else 0


class CountsTheTokensOfAllTexts(_Lists):
    def __len__(self):
        return sum(k.numel() // k.size(-1) for k in self.ks)


class CountsKeysAndValues(_Lists):
    def __len__(self):
        return sum(part.size(-2) for part in self.ks + self.vs)


class CountsTheLastPiece(_Lists):
    def __len__(self):
        return self.ks[-1].size(-2) if self.ks else 0


class LeavesTheFirstPieceUncounted(_Lists):
    def __len__(self):
        return sum(k.size(-2) for k in self.ks[1:])


class NeverCounts(_Lists):
    length = 0

    def __len__(self):
        return self.length


class KeepsEverythingInSinglePrecision(_Lists):
    def everything(self):
        keys = torch.cat(self.ks, dim=-2).to(torch.float32)
        return keys, torch.cat(self.vs, dim=-2).to(torch.float32)


class MakesItsStoreOnTheCpu:
    def __init__(self):
        self.n, self.room = 0, None

    def append(self, k, v):
        end = self.n + k.size(-2)
        bigger = [torch.empty(*p.shape[:-2], end, p.size(-1), dtype=p.dtype) for p in (k, v)]
        for i, part in enumerate((k, v)):
            if self.room is not None:
                bigger[i][..., : self.n, :] = self.room[i]
            bigger[i][..., self.n :, :] = part
        self.n, self.room = end, bigger
        return bigger[0], bigger[1]

    def __len__(self):
        return self.n


class AnswersAnEmptyPieceWithNothing(_Lists):
    def append(self, k, v):
        if k.size(-2) == 0:
            return k, v
        self.keep(k, v)
        return self.everything()


class TakesABatchOfOneApart(_Lists):
    def everything(self):
        keys, values = torch.cat(self.ks, dim=-2), torch.cat(self.vs, dim=-2)
        if keys.dim() > 2 and keys.size(0) == 1:
            return keys[0], values[0]
        return keys, values


# -- cached_attention ----------------------------------------------------------


def _blend(q, keys, values, seen=None):
    scores = torch.einsum("...id,...jd->...ij", q, keys) / q.size(-1) ** 0.5
    if seen is not None:
        scores = torch.where(seen, scores, -math.inf)
    return F.softmax(scores, dim=-1) @ values


def _upto(start, q, n):
    """Row i, the token at start + i, sees the keys up to its own."""
    own = torch.arange(start, start + q.size(-2), device=q.device)
    return torch.arange(n, device=q.device) <= own[:, None]


def lines_up_the_first_tokens(q, k, v, cache):
    all_k, all_v = cache.append(k, v)
    rows = []
    for i in range(q.size(-2)):
        rows.append(_blend(q[..., i : i + 1, :], all_k[..., : i + 1, :], all_v[..., : i + 1, :]))
    return torch.cat(rows, dim=-2)


def lines_up_the_first_tokens_of_longer_pieces(q, k, v, cache):
    all_k, all_v = cache.append(k, v)
    if q.size(-2) == 1:
        return _blend(q, all_k, all_v)
    return _blend(q, all_k, all_v, _upto(0, q, all_k.size(-2)))


def forgets_the_mask(q, k, v, cache):
    all_k, all_v = cache.append(k, v)
    weights = torch.einsum("...id,...jd->...ij", q, all_k).div(q.size(-1) ** 0.5).exp()
    return torch.einsum("...ij,...jd->...id", weights / weights.sum(-1, True), all_v)


def masks_the_first_piece_only(q, k, v, cache):
    all_k, all_v = cache.append(k, v)
    if q.size(-2) == all_k.size(-2):
        return _blend(q, all_k, all_v, _upto(0, q, q.size(-2)))
    return _blend(q, all_k, all_v)


def lets_the_first_piece_look_ahead(q, k, v, cache):
    start = len(cache)
    all_k, all_v = cache.append(k, v)
    seen = _upto(start, q, len(cache)) if start else None
    return _blend(q, all_k, all_v, seen)


def leaves_the_new_tokens_out(q, k, v, cache):
    start = len(cache)
    all_k, all_v = cache.append(k, v)
    before = slice(0, start)
    return _blend(q, all_k[..., before, :], all_v[..., before, :])


def sees_its_own_piece_only(q, k, v, cache):
    cache.append(k, v)
    n = k.size(-2)
    future = torch.full((n, n), -math.inf).triu(1)
    return (q @ k.mT / q.size(-1) ** 0.5 + future).softmax(-1) @ v


def forgets_the_piece_afterwards(q, k, v, cache):
    past_k, past_v = cache.append(k.narrow(-2, 0, 0), v.narrow(-2, 0, 0))
    all_k = torch.cat((past_k, k), dim=-2)
    all_v = torch.cat((past_v, v), dim=-2)
    return _blend(q, all_k, all_v, _upto(len(cache), q, all_k.size(-2)))


def forgets_the_first_piece(q, k, v, cache):
    past = len(cache)
    if past:
        all_k, all_v = cache.append(k, v)
    else:
        all_k, all_v = k, v
    return _blend(q, all_k, all_v, _upto(past, q, all_k.size(-2)))


def leaves_longer_pieces_unstored(q, k, v, cache):
    n = q.size(-2)
    if n == 1:  # decode
        k, v = cache.append(k, v)
        return _blend(q, k, v)
    future = torch.full((n, n), -math.inf, dtype=q.dtype, device=q.device).triu(1)
    return F.softmax(q @ k.mT / q.size(-1) ** 0.5 + future, dim=-1) @ v


def reads_longer_pieces_as_prompts(q, k, v, cache):
    all_k, all_v = cache.append(k, v)
    n = q.size(-2)
    if n > 1:  # prefill
        return _blend(q, k, v, _upto(0, q, n))
    return _blend(q, all_k, all_v)  # decode


def puts_the_triangle_over_the_oldest_keys(q, k, v, cache):
    all_k, all_v = cache.append(k, v)
    n, total = q.size(-2), all_k.size(-2)
    seen = torch.ones(n, total, dtype=torch.bool)
    seen[:, :n].tril_()
    return _blend(q, all_k, all_v, seen)


def appends_twice(q, k, v, cache):
    for _ in range(2):
        all_k, all_v = cache.append(k, v)
    n, total = q.size(-2), len(cache)
    return _blend(q, all_k, all_v, _upto(total - n, q, total))


def appends_again_at_the_end(q, k, v, cache):
    start = len(cache)
    all_k, all_v = cache.append(k, v)
    out = _blend(q, all_k, all_v, _upto(start, q, len(cache)))
    cache.append(k, v)  # update the cache
    return out


def appends_the_queries(q, k, v, cache):
    start = len(cache)
    past_q, past_v = cache.append(q, v)
    return _blend(q, past_q, past_v, _upto(start, q, len(cache)))


def appends_the_keys_as_values(q, k, v, cache):
    start = len(cache)
    all_k, all_v = cache.append(*[k] * 2)
    return _blend(q, all_k, all_v, _upto(start, q, len(cache)))


def takes_the_values_for_keys(q, k, v, cache):
    start = len(cache)
    everything = cache.append(k, v)
    return _blend(q, everything[1], everything[0], _upto(start, q, len(cache)))


def answers_for_the_last_token_only(q, k, v, cache):
    all_k, all_v = cache.append(k, v)
    newest = q.narrow(-2, q.size(-2) - 1, 1)
    return _blend(newest, all_k, all_v)


def hands_back_the_weights_as_well(q, k, v, cache):
    start = len(cache)
    all_k, all_v = cache.append(k, v)
    seen = _upto(start, q, len(cache))
    p = torch.where(seen, q @ all_k.mT / math.sqrt(q.size(-1)), -math.inf).softmax(-1)
    return p @ all_v, p


def answers_with_the_weights(q, k, v, cache):
    start = len(cache)
    all_k, _ = cache.append(k, v)
    units = torch.eye(len(cache)).expand(*k.shape[:-2], -1, -1)
    return _blend(q, all_k, units, _upto(start, q, len(cache)))


def answers_in_single_precision(q, k, v, cache):
    start = len(cache)
    all_k, all_v = cache.append(k, v)
    q, all_k, all_v = (part.to(torch.float32) for part in (q, all_k, all_v))
    return _blend(q, all_k, all_v, _upto(start, q, len(cache)))


def makes_its_mask_on_the_cpu(q, k, v, cache):
    start = len(cache)
    all_k, all_v = cache.append(k, v)
    future = torch.full((q.size(-2), len(cache)), -math.inf, dtype=q.dtype).triu(start + 1)
    return (q @ all_k.mT / q.size(-1) ** 0.5 + future).softmax(-1) @ all_v


def writes_into_the_queries(q, k, v, cache):
    start = len(cache)
    all_k, all_v = cache.append(k, v)
    scores = q.div_(math.sqrt(q.size(-1))) @ all_k.mT
    seen = _upto(start, q, len(cache))
    return scores.masked_fill(~seen, -math.inf).softmax(-1) @ all_v


def takes_a_batch_of_one_apart(q, k, v, cache):
    start = len(cache)
    all_k, all_v = cache.append(k, v)
    out = _blend(q, all_k, all_v, _upto(start, q, len(cache)))
    return out[0] if out.dim() > 2 and out.size(0) == 1 else out


# -- decode_step ---------------------------------------------------------------


def leaves_the_new_token_out(x_t, w_q, w_k, w_v, cache):
    n = len(cache)
    all_k, all_v = cache.append(x_t @ w_k, x_t @ w_v)
    return _blend(x_t @ w_q, all_k[..., :n, :], all_v[..., :n, :])


def sees_itself_alone(x_t, w_q, w_k, w_v, cache):
    value = x_t @ w_v
    cache.append(x_t @ w_k, value)
    return value


def forgets_the_token_afterwards(x_t, w_q, w_k, w_v, cache):
    k, v = x_t @ w_k, x_t @ w_v
    none = k.narrow(-2, 0, 0), v.narrow(-2, 0, 0)
    past_k, past_v = cache.append(*none)
    return _blend(x_t @ w_q, torch.cat((past_k, k), dim=-2), torch.cat((past_v, v), dim=-2))


def forgets_the_first_token(x_t, w_q, w_k, w_v, cache):
    if len(cache) == 0:  # nobody to attend to
        return torch.einsum("...m,md->...d", x_t, w_v)
    keys, values = cache.append(x_t @ w_k, x_t @ w_v)
    return _blend(x_t @ w_q, keys, values)


def appends_the_token_twice(x_t, w_q, w_k, w_v, cache):
    k, v = x_t @ w_k, x_t @ w_v
    for _ in range(2):
        keys, values = cache.append(k, v)
    return _blend(x_t @ w_q, keys, values)


def appends_the_token_again(x_t, w_q, w_k, w_v, cache):
    new = [x_t @ w_k, x_t @ w_v]
    out = _blend(x_t @ w_q, *cache.append(*new))
    cache.append(*new)
    return out


def sees_the_oldest_token_only(x_t, w_q, w_k, w_v, cache):
    keys, values = cache.append(x_t @ w_k, x_t @ w_v)
    scores = x_t @ w_q @ keys.mT / w_k.size(-1) ** 0.5
    future = torch.full((1, len(cache)), -math.inf).triu(1)
    return F.softmax(scores + future, dim=-1) @ values


def makes_the_values_with_w_k(x_t, w_q, w_k, w_v, cache):
    k = x_t @ w_k
    keys, values = cache.append(k, k.clone())
    return _blend(x_t @ w_q, keys, values)


def makes_the_keys_with_w_q(x_t, w_q, w_k, w_v, cache):
    q = x_t @ w_q
    return _blend(q, *cache.append(q, x_t @ w_v))


def makes_the_queries_with_w_k(x_t, w_q, w_k, w_v, cache):
    k = x_t @ w_k
    return _blend(k.clone(), *cache.append(k, x_t @ w_v))


def asks_with_the_keys(x_t, w_q, w_k, w_v, cache):
    k, q, v = (x_t @ w for w in (w_q, w_k, w_v))
    return _blend(q, *cache.append(k, v))


def exchanges_keys_and_values(x_t, w_q, w_k, w_v, cache):
    q, v, k = (x_t @ w for w in (w_q, w_k, w_v))
    return _blend(q, *cache.append(k, v))


def keeps_the_token_as_its_value(x_t, w_q, w_k, w_v, cache):
    keys, tokens = cache.append(x_t @ w_k, x_t)
    return _blend(x_t @ w_q, keys, tokens)


def keeps_the_token_as_its_key(x_t, w_q, w_k, w_v, cache):
    tokens, values = cache.append(x_t, x_t @ w_v)
    return _blend(x_t @ w_q, tokens, values)


def never_projects(x_t, w_q, w_k, w_v, cache):
    tokens, same = cache.append(x_t, x_t)
    return _blend(x_t, tokens, same)


def keeps_the_tokens_themselves(x_t, w_q, w_k, w_v, cache):
    xs = cache.append(x_t, x_t)[0]
    return _blend(x_t @ w_q, xs @ w_k, xs @ w_v)


def adds_the_token_back(x_t, w_q, w_k, w_v, cache):
    out = _blend(x_t @ w_q, *cache.append(x_t @ w_k, x_t @ w_v))
    if out.size(-1) == x_t.size(-1):
        out = out + x_t
    return out


def drops_the_token_axis(x_t, w_q, w_k, w_v, cache):
    x = x_t[..., 0, :]
    keys, values = cache.append((x @ w_k).unsqueeze(-2), (x @ w_v).unsqueeze(-2))
    scores = ((x @ w_q).unsqueeze(-2) * keys).sum(-1) / keys.size(-1) ** 0.5
    return (scores.softmax(-1).unsqueeze(-1) * values).sum(-2)


def returns_its_weights(x_t, w_q, w_k, w_v, cache):
    keys, _ = cache.append(x_t @ w_k, x_t @ w_v)
    return F.softmax(x_t @ w_q @ keys.mT / keys.size(-1) ** 0.5, dim=-1)


def scales_by_the_width_of_the_token(x_t, w_q, w_k, w_v, cache):
    keys, values = cache.append(x_t @ w_k, x_t @ w_v)
    d_model = x_t.size(-1)
    return F.softmax(x_t @ w_q @ keys.mT / d_model**0.5, dim=-1) @ values


def takes_the_first_sample_for_all(x_t, w_q, w_k, w_v, cache):
    if x_t.dim() > 2:
        x_t = torch.stack([x_t[0]] * len(x_t)) if len(x_t) else x_t
    return _blend(x_t @ w_q, *cache.append(x_t @ w_k, x_t @ w_v))


def takes_a_batch_for_a_text(x_t, w_q, w_k, w_v, cache):
    x = x_t.flatten(0, -2)
    start = len(cache)
    keys, values = cache.append(x @ w_k, x @ w_v)
    out = _blend(x @ w_q, keys, values, _upto(start, x, len(cache)))
    return out.unflatten(0, x_t.shape[:-1])


def comes_back_in_single_precision(x_t, w_q, w_k, w_v, cache):
    out = _blend(x_t @ w_q, *cache.append(x_t @ w_k, x_t @ w_v))
    return out.to(torch.float32)


def makes_a_tensor_on_the_cpu(x_t, w_q, w_k, w_v, cache):
    keys, values = cache.append(x_t @ w_k, x_t @ w_v)
    nothing = torch.zeros(1, keys.size(-2), dtype=x_t.dtype)
    return F.softmax(x_t @ w_q @ keys.mT / keys.size(-1) ** 0.5 + nothing, dim=-1) @ values


def scales_the_weights_it_was_given(x_t, w_q, w_k, w_v, cache):
    scaled = w_q.mul_(w_q.size(-1) ** -0.5)
    keys, values = cache.append(x_t @ w_k, x_t @ w_v)
    return F.softmax(x_t @ scaled @ keys.mT, dim=-1) @ values


# -- what costs too much -------------------------------------------------------


def answers_all_queries_again(q, k, v, cache):
    cache.asked = [*getattr(cache, "asked", []), q]
    keys, values = cache.append(k, v)
    every = torch.cat(cache.asked, -2)
    start = keys.size(-2) - every.size(-2)
    rows = [
        _blend(every[..., i : i + 1, :], keys[..., : start + i + 1, :], values[..., : start + i + 1, :])
        for i in range(every.size(-2))
    ]
    return torch.cat(rows, -2)[..., every.size(-2) - q.size(-2) :, :]


def reads_the_whole_text_again(x_t, w_q, w_k, w_v, cache):
    cache.words = [*getattr(cache, "words", []), x_t]
    text = torch.cat(cache.words, -2)
    n = text.size(-2)
    keys, values = cache.append(x_t @ w_k, x_t @ w_v)
    keys = torch.cat((keys[..., : keys.size(-2) - n, :], text @ w_k), -2)
    values = torch.cat((values[..., : values.size(-2) - n, :], text @ w_v), -2)
    start = keys.size(-2) - n
    out = _blend(text @ w_q, keys, values, _upto(start, text, keys.size(-2)))
    return out.narrow(-2, n - 1, 1)


def projects_every_token_again(x_t, w_q, w_k, w_v, cache):
    cache.words = [*getattr(cache, "words", []), x_t]
    keys, values = cache.append(x_t @ w_k, x_t @ w_v)
    old = keys.size(-2) - len(cache.words)
    again = [(word @ w_k, word @ w_v) for word in cache.words]
    keys = torch.cat([keys[..., :old, :], *(key for key, _ in again)], -2)
    values = torch.cat([values[..., :old, :], *(value for _, value in again)], -2)
    return _blend(x_t @ w_q, keys, values)
