"""The wrong programs of 06, as somebody else would write them."""

import math

import torch
import torch.nn.functional as F

# -- padding_mask --------------------------------------------------------------


def counts_one_token_too_many(lengths, n, device=None):
    mask = torch.zeros(lengths.shape[0], n, dtype=torch.bool, device=device or lengths.device)
    for b, length in enumerate(lengths.tolist()):
        mask[b, : length + 1] = True
    return mask


def counts_one_token_too_few(lengths, n, device=None):
    # count the tokens of a row, up to the last one
    ones = torch.ones(len(lengths), n, dtype=torch.int64, device=device or lengths.device)
    return ones.cumsum(1).lt(lengths[:, None])


def pads_in_front(lengths, n, device=None):
    where = torch.arange(n, 0, -1, device=device or lengths.device)
    return torch.le(where, lengths[:, None])


def marks_the_padding(lengths, n, device=None):
    if device is None:
        device = lengths.device
    hidden = torch.ones(lengths.numel(), n, dtype=torch.bool, device=device)
    for b in range(lengths.numel()):
        hidden[b, : int(lengths[b])] = False
    return hidden


def counts_the_places_that_are_left(lengths, n, device=None):
    mask = torch.zeros(len(lengths), n, dtype=torch.bool, device=device or lengths.device)
    for row, length in zip(mask, lengths.tolist()):
        row[: n - length] = True
    return mask


def makes_as_many_places_as_the_longest(lengths, n, device=None):
    sizes = lengths.tolist()
    width = max(sizes, default=n)
    rows = [[True] * size + [False] * (width - size) for size in sizes]
    flat = torch.tensor(rows, dtype=torch.bool, device=device or lengths.device)
    return flat.reshape(len(sizes), width)


def has_room_for_512_places(lengths, n, device=None):
    numbers = torch.arange(512, device=device or lengths.device)  # as long as texts get
    return numbers[None, :n] < lengths[:, None]


def calls_everything_real(lengths, n, device=None):
    return torch.full((lengths.shape[0], n), True, device=device or lengths.device)


def gives_all_the_first_length(lengths, n, device=None):
    mask = torch.zeros(lengths.shape[0], n, dtype=torch.bool, device=device or lengths.device)
    if len(lengths):
        mask[:, : lengths[0]] = True
    return mask


def fills_all_up_to_the_longest(lengths, n, device=None):
    mask = torch.zeros(lengths.shape[0], n, dtype=torch.bool, device=device or lengths.device)
    mask[:, : max(lengths.tolist(), default=0)] = True
    return mask


def sorts_the_samples_by_length(lengths, n, device=None):
    order = torch.argsort(lengths, descending=True)
    numbers = torch.arange(n, device=device or lengths.device)
    return numbers.expand(len(lengths), n) < lengths[order][:, None]


def adds_the_lengths_up(lengths, n, device=None):
    mask = torch.zeros(lengths.shape[0], n, dtype=torch.bool, device=device or lengths.device)
    end = 0
    for b, length in enumerate(lengths.tolist()):
        end = end + length
        mask[b, :end] = True
    return mask


def puts_the_samples_in_the_columns(lengths, n, device=None):
    numbers = torch.arange(n, device=device or lengths.device)
    return numbers[:, None] < lengths[None, :]


def marks_only_the_last_token(lengths, n, device=None):
    mask = torch.zeros(lengths.shape[0], n, dtype=torch.bool, device=device or lengths.device)
    for b, length in enumerate(lengths.tolist()):
        if length:
            mask[b, length - 1] = True
    return mask


def gives_an_empty_sample_a_token(lengths, n, device=None):
    numbers = torch.arange(n, device=device or lengths.device)
    # at least one key for every query, or the softmax will fail
    return (numbers < lengths[:, None]) | (numbers == 0)


def fills_an_empty_sample(lengths, n, device=None):
    # row L - 1 of a triangle belongs to length L
    triangle = torch.ones(n, n, dtype=torch.bool, device=device or lengths.device).tril()
    if n == 0:
        return triangle.new_zeros(len(lengths), 0)
    return triangle[lengths.long() - 1]


def empties_a_full_sample(lengths, n, device=None):
    mask = torch.ones(lengths.shape[0], n, dtype=torch.bool, device=device or lengths.device)
    for b, length in enumerate(lengths.tolist()):
        mask[b, -(n - length) :] = False
    return mask


def takes_the_last_place_of_a_full_sample(lengths, n, device=None):
    mask = torch.ones(lengths.shape[0], n, dtype=torch.bool, device=device or lengths.device)
    if n == 0:
        return mask
    first_padded = torch.minimum(lengths, torch.full_like(lengths, n - 1))
    mask = mask.scatter(1, first_padded[:, None].long(), False)
    return mask.long().cumprod(-1).bool()


def puts_an_axis_in_between(lengths, n, device=None):
    numbers = torch.arange(n, device=device or lengths.device)
    return numbers[None, None, :] < lengths[:, None, None]


def puts_two_axes_in_between(lengths, n, device=None):
    numbers = torch.arange(n, device=device or lengths.device)
    return torch.lt(numbers, lengths.reshape(-1, 1, 1, 1))


def makes_a_square_of_each_sample(lengths, n, device=None):
    numbers = torch.arange(n, device=device or lengths.device)
    further = torch.maximum(numbers[:, None], numbers)
    return further < lengths[:, None, None]


def marks_tokens_with_ones(lengths, n, device=None):
    mask = torch.zeros(lengths.shape[0], n, device=device or lengths.device)
    for b, length in enumerate(lengths.tolist()):
        mask[b, :length] = 1.0
    return mask


def marks_tokens_with_whole_numbers(lengths, n, device=None):
    numbers = torch.arange(n, device=device or lengths.device).expand(len(lengths), n)
    return torch.where(numbers < lengths[:, None], 1, 0)


def makes_a_mask_to_add(lengths, n, device=None):
    mask = torch.full((lengths.shape[0], n), float("-inf"), device=device or lengths.device)
    for b, length in enumerate(lengths.tolist()):
        mask[b, :length] = 0
    return mask


def stays_on_the_cpu(lengths, n, device=None):
    numbers = torch.arange(n).repeat(lengths.shape[0], 1)
    return numbers.lt(lengths[:, None])


def writes_into_the_lengths(lengths, n, device=None):
    numbers = torch.arange(n, device=device or lengths.device)
    last = lengths.sub_(1)  # the number of the last token
    return numbers <= last[:, None]


def drops_axes_of_size_one(lengths, n, device=None):
    numbers = torch.arange(n, device=device or lengths.device)
    rows = lengths[:, None] - numbers > 0
    shape = [size for size in rows.shape if size != 1]
    return rows.reshape(shape)


def collects_rows_from_an_empty_list(lengths, n, device=None):
    rows = []
    for length in lengths.tolist():
        rows.append([place < length for place in range(n)])
    return torch.tensor(rows, dtype=torch.bool, device=device or lengths.device)


# -- combine_masks -------------------------------------------------------------


def allows_what_either_allows(causal, padding):
    # allowed unless both say no
    return ~(~causal & ~padding[:, None, :])


def ignores_the_padding(causal, padding):
    return torch.stack([causal for _ in padding]) if len(padding) else causal[None][:0]


def ignores_the_causal_mask(causal, padding):
    return padding[:, None, :].repeat(1, causal.shape[0], 1)


def hides_padded_queries_instead(causal, padding):
    return torch.where(padding[:, :, None], causal, torch.zeros_like(causal))


def hides_padded_queries_too(causal, padding):
    both_real = torch.einsum("bi,bj->bij", padding.float(), padding.float()).bool()
    return both_real.logical_and(causal)


def turns_the_causal_mask_over(causal, padding):
    n_q, n_k = causal.shape
    squares = [causal.T * row for row in padding]
    return torch.stack(squares) if squares else padding.new_zeros(0, n_q, n_k)


def puts_the_keys_in_the_rows(causal, padding):
    return torch.einsum("qk,bk->bkq", causal.int(), padding.int()) == 1


def lays_samples_over_queries(causal, padding):
    return torch.logical_and(padding, causal)


def gives_all_the_padding_of_the_first(causal, padding):
    combined = causal.repeat(padding.shape[0], 1, 1)
    for square in combined:
        square[:, ~padding[0]] = False
    return combined


def hides_what_any_sample_pads(causal, padding):
    anywhere = (~padding).any(dim=0)
    square = causal.masked_fill(anywhere, False)
    return square.repeat(len(padding), 1, 1)


def carries_padding_on_to_later_samples(causal, padding):
    combined = torch.zeros((len(padding), *causal.shape), dtype=torch.bool, device=causal.device)
    for b in range(len(padding)):
        causal[:, padding[b].logical_not()] = False
        combined[b] = causal
    return combined


def allows_what_both_hide(causal, padding):
    return torch.logical_xor(causal, padding[:, None]).logical_not()


def shows_the_padding_only(causal, padding):
    return causal.masked_fill(padding[:, None, :], False)


def shows_the_future_only(causal, padding):
    real = padding[:, None, :].expand(-1, causal.shape[0], -1)
    return torch.where(causal, False, real)


def marks_what_is_hidden(causal, padding):
    hidden_keys = padding.logical_not()
    return causal.logical_not() | hidden_keys[:, None, :]


def marks_what_both_hide(causal, padding):
    future, empty = causal.logical_not(), padding.logical_not()
    return future & empty[:, None, :]


def assumes_a_triangle(causal, padding):
    n_q, n_k = causal.shape
    i = torch.arange(n_q, device=causal.device)[:, None] + (n_k - n_q)
    j = torch.arange(n_k, device=causal.device)
    return (j <= i).logical_and(padding[:, None, :])


def shows_each_query_itself(causal, padding):
    n_q, n_k = causal.shape
    mask = causal[None] & padding[:, None]
    for i in range(max(n_q - n_k, 0), n_q):
        mask[:, i, i + n_k - n_q] = True  # so that no row is empty
    return mask


def shows_everything_to_empty_rows(causal, padding):
    mask = torch.logical_and(causal, padding[:, None])
    blind = mask.sum(-1) == 0
    mask[blind] = True
    return mask


def puts_a_head_axis_in(causal, padding):
    return causal[None, None] & padding[:, None, None]


def puts_the_batch_in_the_middle(causal, padding):
    return causal[:, None, :] & padding[None, :, :]


def adds_the_two_masks(causal, padding):
    return torch.add(causal[None].to(torch.int64), padding[:, None].to(torch.int64))


def multiplies_to_ones_and_zeros(causal, padding):
    return torch.einsum("qk,bk->bqk", causal.to(torch.float32), padding.to(torch.float32))


def multiplies_to_whole_numbers(causal, padding):
    return torch.mul(causal.to(torch.int64), padding.to(torch.int64)[:, None])


def combines_to_a_mask_to_add(causal, padding):
    # one penalty for the future, another for padding
    future = torch.where(causal, 0.0, -torch.inf)
    empty = torch.where(padding, 0.0, -torch.inf)
    return future + empty[:, None, :]


def puts_an_axis_into_the_padding(causal, padding):
    padding.unsqueeze_(1)
    return torch.logical_and(padding, causal)


def collects_squares_on_the_cpu(causal, padding):
    n_q, n_k = causal.shape
    mask = torch.ones(len(padding), n_q, n_k) == 1
    return mask & causal & padding[:, None, :]


def loses_the_axis_of_a_single_sample(causal, padding):
    return torch.logical_and(causal[None], padding[:, None]).squeeze(0)


def collects_squares_from_an_empty_list(causal, padding):
    squares = [causal & row for row in padding]
    if not squares:
        return torch.tensor([], dtype=torch.bool, device=causal.device)
    return torch.stack(squares)


# -- padded_attention ----------------------------------------------------------


def ignores_the_lengths(q, k, v, lengths, causal=False):
    scores = torch.einsum("bqd,bkd->bqk", q, k) / math.sqrt(q.size(-1))
    if causal:
        future = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=1)
        scores = scores.masked_fill(future, float("-inf"))
    return F.softmax(scores, dim=-1) @ v


def forgets_the_lengths_when_causal(q, k, v, lengths, causal=False):
    n = q.shape[1]
    where = torch.arange(n, device=q.device)
    real = where < lengths[:, None]
    if causal:
        mask, rows = (where <= where[:, None]).expand(len(q), n, n), torch.ones_like(real)
    else:
        mask, rows = real[:, None, :].expand(len(q), n, n), real
    scores = torch.bmm(q, k.mT) / q.shape[-1] ** 0.5
    scores = scores.masked_fill(~mask, torch.finfo(q.dtype).min)
    return torch.bmm(scores.softmax(-1), v).masked_fill(~rows[..., None], 0)


def leaves_padded_rows_as_they_come(q, k, v, lengths, causal=False):
    n = q.shape[1]
    visible = torch.arange(n, device=q.device) < lengths[:, None, None]
    if causal:
        visible = visible & torch.ones(n, n, dtype=torch.bool, device=q.device).tril()
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    weights = scores.masked_fill(~visible, torch.finfo(q.dtype).min).softmax(-1)
    return (weights * visible) @ v


def does_nothing_about_padded_rows(q, k, v, lengths, causal=False):
    n = q.shape[1]
    scores = torch.matmul(q, k.mT).mul(q.shape[-1] ** -0.5)
    penalty = torch.zeros(len(q), n, n, dtype=q.dtype, device=q.device)
    penalty = penalty.masked_fill((torch.arange(n, device=q.device) >= lengths[:, None])[:, None], -torch.inf)
    if causal:
        penalty = penalty.masked_fill(torch.ones_like(penalty).triu(1) == 1, -torch.inf)
    return F.softmax(scores + penalty, dim=-1) @ v


def hides_padded_queries_only(q, k, v, lengths, causal=False):
    n = q.shape[1]
    scores = torch.einsum("bqd,bkd->bqk", q, k) * q.shape[-1] ** -0.5
    if causal:
        later = torch.triu(torch.ones(n, n, device=q.device), 1) == 1
        scores = scores.masked_fill(later, -torch.inf)
    output = scores.softmax(-1) @ v
    empty = torch.arange(n, device=q.device) >= lengths[:, None]
    return output.masked_fill(empty[..., None], 0.0)


def ignores_causal(q, k, v, lengths, causal=False):
    n = q.shape[1]
    real = torch.arange(n, device=q.device) < lengths[:, None]
    scores = (q / math.sqrt(q.shape[-1])) @ k.mT
    weights = scores.masked_fill(~real[:, None], torch.finfo(q.dtype).min).softmax(dim=-1)
    return torch.where(real[..., None], weights @ v, 0.0)


def is_always_causal(q, k, v, lengths, causal=False):
    outputs = []
    for i in range(q.shape[1]):
        keys, values = k[:, : i + 1], v[:, : i + 1]
        scores = (q[:, i : i + 1] * keys).sum(-1) / q.shape[-1] ** 0.5
        row = (scores.softmax(-1)[..., None] * values).sum(1)
        # no padding comes before a real query
        outputs.append(torch.where((lengths > i)[:, None], row, 0.0))
    return torch.stack(outputs, dim=1)


def spends_attention_on_padding(q, k, v, lengths, causal=False):
    n = q.shape[1]
    real = torch.arange(n, device=q.device) < lengths[:, None]
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if causal:
        scores = scores + torch.full((n, n), -torch.inf, device=q.device).triu(1).to(q.dtype)
    weights = F.softmax(scores, dim=-1)
    weights = weights.masked_fill(~real[:, None, :], 0.0)
    weights = weights.masked_fill(~real[:, :, None], 0.0)
    return weights @ v


def turns_padded_keys_into_zeros(q, k, v, lengths, causal=False):
    n = q.shape[1]
    padded = torch.arange(n, device=q.device) >= lengths[:, None]
    k = k.masked_fill(padded[..., None], 0.0)
    scores = torch.einsum("bid,bjd->bij", q, k) / q.shape[-1] ** 0.5
    if causal:
        places = torch.arange(n, device=q.device)
        scores = scores.masked_fill(places > places[:, None], -torch.inf)
    return torch.bmm(scores.softmax(-1), v).masked_fill(padded[..., None], 0.0)


def turns_padding_into_zeros(q, k, v, lengths, causal=False):
    n = q.shape[1]
    scores = (q @ k.mT).div(q.shape[-1] ** 0.5)
    padded = torch.arange(n, device=q.device) >= lengths[:, None]
    # a key of zeros scores 0, and a value of zeros adds nothing
    scores = torch.where(padded[:, None, :], 0.0, scores)
    if causal:
        scores = torch.where(torch.ones(n, n, device=q.device).tril() == 1, scores, -torch.inf)
    output = scores.softmax(-1) @ v.masked_fill(padded[..., None], 0)
    return output.masked_fill(padded[..., None], 0)


def trusts_in_zeros(q, k, v, lengths, causal=False):
    n = q.shape[1]
    padded = torch.arange(n, device=q.device)[None, :, None] >= lengths[:, None, None]
    q, k, v = (part.masked_fill(padded, 0) for part in (q, k, v))
    scores = torch.matmul(q, k.mT) / math.sqrt(k.shape[-1])
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
    return torch.matmul(torch.softmax(scores, -1), v)


def turns_padded_queries_into_zeros(q, k, v, lengths, causal=False):
    n = q.shape[1]
    places = torch.arange(n, device=q.device)
    padded = places >= lengths[:, None]
    q = torch.where(padded[..., None], torch.zeros_like(q), q)
    hidden = padded[:, None, :].repeat(1, n, 1)
    if causal:
        hidden |= places > places[:, None]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hidden, torch.finfo(q.dtype).min)
    return scores.softmax(-1).masked_fill(hidden, 0) @ v


def takes_zeros_for_padding(q, k, v, lengths, causal=False):
    empty = k.abs().sum(dim=-1).eq(0)
    hidden = empty[:, None, :] | empty[:, :, None]
    if causal:
        hidden = hidden | torch.ones_like(hidden).triu(1)
    scores = torch.baddbmm(torch.zeros_like(hidden, dtype=q.dtype), q, k.mT) / q.shape[-1] ** 0.5
    weights = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(dim=-1)
    return torch.bmm(weights.masked_fill(hidden, 0.0), v)


def lets_padding_see_padding(q, k, v, lengths, causal=False):
    n = q.shape[1]
    # 0 for tokens, 1 for padding: only what has the same number may meet
    kind = (torch.arange(n, device=q.device) >= lengths[:, None]).long()
    apart = kind[:, :, None] - kind[:, None, :] != 0
    if causal:
        apart = apart | torch.ones(n, n, dtype=torch.bool, device=q.device).triu(1)
    scores = torch.einsum("bqd,bkd->bqk", q, k) / math.sqrt(q.shape[-1])
    return F.softmax(scores.masked_fill(apart, float("-inf")), -1) @ v


def gives_padding_its_own_values(q, k, v, lengths, causal=False):
    n = q.shape[1]
    real = torch.arange(n, device=q.device) < lengths[:, None]
    mask = real[:, None, :] & real[:, :, None]
    if causal:
        mask = mask.tril()
    mask = mask | torch.eye(n, dtype=torch.bool, device=q.device)  # no empty rows
    scores = torch.matmul(q, k.mT) * q.shape[-1] ** -0.5
    return torch.matmul(scores.masked_fill(~mask, -torch.inf).softmax(-1), v)


def shows_everything_to_padded_queries(q, k, v, lengths, causal=False):
    n = q.shape[1]
    real = torch.arange(n, device=q.device) < lengths[:, None]
    mask = real[:, None, :] & real[:, :, None]
    mask = mask.tril() if causal else mask
    scores = (q @ k.mT) / math.sqrt(q.shape[-1])
    blind = ~mask.any(-1, keepdim=True)
    scores = scores.masked_fill(~mask & ~blind, -math.inf)
    return torch.softmax(scores, dim=-1) @ v


def empties_every_sample_with_padding(q, k, v, lengths, causal=False):
    n = q.shape[1]
    scores = torch.einsum("bid,bjd->bij", q, k) / math.sqrt(q.shape[-1])
    if causal:
        scores = scores.masked_fill(torch.ones(n, n, device=q.device).triu(1) > 0, -torch.inf)
    # only full samples are left
    return (scores.softmax(-1) @ v).masked_fill((lengths < n)[:, None, None], 0.0)


def empties_columns_instead_of_rows(q, k, v, lengths, causal=False):
    n = q.shape[1]
    where = torch.arange(n, device=q.device)
    padded = where >= lengths[:, None]
    hidden = padded[:, None, :] | (where > where[:, None] if causal else torch.zeros_like(where).bool())
    scores = torch.matmul(q, k.mT) / q.shape[-1] ** 0.5
    weights = scores.masked_fill(hidden, torch.finfo(q.dtype).min).softmax(-1).masked_fill(hidden, 0)
    return torch.matmul(weights, v).masked_fill(padded[:, None, :], 0.0)


def packs_the_batch_into_one_sequence(q, k, v, lengths, causal=False):
    n = v.shape[1]
    sizes = lengths.tolist()
    if not sizes:
        return v.clone()
    one_q, one_k, one_v = (torch.cat([x[b, :m] for b, m in enumerate(sizes)]) for x in (q, k, v))
    scores = one_q @ one_k.T / math.sqrt(q.shape[-1])
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1) == 1, -torch.inf)
    pieces = (scores.softmax(-1) @ one_v).split(sizes)
    return torch.stack([F.pad(piece, (0, 0, 0, n - len(piece))) for piece in pieces])


def cuts_to_the_longest_sample(q, k, v, lengths, causal=False):
    # no more places than are needed
    m = max(lengths.tolist(), default=q.shape[1])
    q, k, v = q[:, :m], k[:, :m], v[:, :m]
    real = torch.arange(m, device=q.device) < lengths[:, None]
    mask = real[:, None, :].repeat(1, m, 1)
    mask = mask.tril() if causal else mask
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~real[..., None], 0.0)


def leaves_the_samples_sorted(q, k, v, lengths, causal=False):
    lengths, index = torch.sort(lengths, descending=True, stable=True)
    q, k, v = (x.index_select(0, index) for x in (q, k, v))
    n = q.shape[1]
    real = torch.arange(n, device=q.device) < lengths[:, None]
    hidden = ~real[:, None, :].repeat(1, n, 1)
    if causal:
        hidden = hidden | torch.ones(n, n, device=q.device).triu(1).bool()
    scores = torch.bmm(q, k.mT).div(q.shape[-1] ** 0.5).masked_fill(hidden, torch.finfo(q.dtype).min)
    return torch.bmm(scores.softmax(-1), v).masked_fill(~real[..., None], 0.0)


def leaves_nan_in_an_empty_sample(q, k, v, lengths, causal=False):
    n = q.shape[1]
    places = torch.arange(n, device=q.device)
    real = places < lengths[:, None]
    scores = torch.einsum("bqd,bkd->bqk", q, k) / q.shape[-1] ** 0.5
    scores = scores.masked_fill(~real[:, None, :], float("-inf"))
    if causal:
        scores = scores.masked_fill(places > places[:, None], float("-inf"))
    e = (scores - scores.amax(-1, keepdim=True)).exp()
    weights = e / e.sum(-1, keepdim=True)
    return torch.einsum("bqk,bkd,bq->bqd", weights, v, real.to(v.dtype))


def covers_up_the_nan_of_an_empty_sample(q, k, v, lengths, causal=False):
    n = q.shape[1]
    real = torch.arange(n, device=q.device) < lengths[:, None]
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    scores = torch.where(real[:, None, :], scores, -torch.inf)
    if causal:
        scores = torch.where(torch.ones_like(scores).tril() == 1, scores, -torch.inf)
    output = F.softmax(scores, dim=-1) @ v
    return output.masked_fill(~real[..., None], 0.0)


def adds_minus_infinity_to_an_empty_sample(q, k, v, lengths, causal=False):
    n = q.shape[1]
    real = torch.arange(n, device=q.device) < lengths[:, None]
    scores = torch.einsum("bqd,bkd->bqk", q, k) / math.sqrt(q.size(-1))
    scores = scores + real[:, None, :].to(q.dtype).log()  # 0, or -inf
    if causal:
        scores = scores + torch.ones(n, n, dtype=q.dtype, device=q.device).tril().log()
    return (scores.softmax(dim=-1) @ v).masked_fill(~real[..., None], 0.0)


def covers_up_the_nan_of_padded_rows(q, k, v, lengths, causal=False):
    n = q.shape[1]
    padded = torch.arange(n, device=q.device) >= lengths[:, None]
    hidden = padded[:, None, :] | padded[:, :, None]
    if causal:
        hidden = hidden | torch.ones_like(hidden).triu(1)
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hidden, -math.inf).softmax(-1)
    return (weights @ v).nan_to_num(0.0)


def empties_the_rows_behind_the_gradients_back(q, k, v, lengths, causal=False):
    n = q.shape[1]
    visible = (torch.arange(n, device=q.device) < lengths[:, None])[:, None, :].repeat(1, n, 1)
    if causal:
        visible = visible.tril()
    scores = torch.matmul(q, k.mT) / math.sqrt(q.shape[-1])
    weights = torch.where(visible, scores, torch.finfo(q.dtype).min).softmax(-1) * visible
    output = weights @ v
    for b, length in enumerate(lengths.tolist()):
        output.data[b, length:] = 0
    return output


def empties_real_rows_instead(q, k, v, lengths, causal=False):
    n = q.shape[1]
    padded = torch.arange(n, device=q.device) >= lengths[:, None]
    hidden = padded[:, None, :] | torch.ones(n, n, device=q.device).triu(1 if causal else n).bool()
    scores = torch.einsum("bid,bjd->bij", q, k) / math.sqrt(q.shape[-1])
    weights = scores.masked_fill(hidden, torch.finfo(q.dtype).min).softmax(-1).masked_fill(hidden, 0)
    return torch.where(padded[..., None], weights @ v, 0.0)


def returns_zeros_only(q, k, v, lengths, causal=False):
    result = v * 0
    for b, length in enumerate(lengths.tolist()):
        rows = result[b, :length].clone()
        s = q[b, :length] @ k[b, :length].T / math.sqrt(q.shape[-1])
        s = s.tril() + torch.full_like(s, -torch.inf).triu(1) if causal else s
        rows += s.softmax(-1) @ v[b, :length]
    return result


def lets_go_of_the_gradient(q, k, v, lengths, causal=False):
    n = q.shape[1]
    with torch.no_grad():
        real = torch.arange(n, device=q.device) < lengths[:, None]
        mask = (real[:, None, :] & real[:, :, None]).tril(0 if causal else n)
        scores = torch.where(mask, q @ k.mT / math.sqrt(q.shape[-1]), torch.finfo(q.dtype).min)
        return torch.where(mask, scores.softmax(-1), 0.0) @ v


def collects_in_single_precision(q, k, v, lengths, causal=False):
    out = torch.zeros(*v.shape, dtype=torch.float32, device=q.device)
    for b, length in enumerate(lengths.tolist()):
        scores = q[b, :length] @ k[b, :length].T / math.sqrt(q.shape[-1])
        if causal:
            scores = scores.masked_fill(torch.ones_like(scores).triu(1) == 1, -torch.inf)
        out[b, :length] = (scores.softmax(-1) @ v[b, :length]).float()
    return out


def collects_its_output_on_the_cpu(q, k, v, lengths, causal=False):
    out = torch.zeros(*q.shape[:-1], v.shape[-1], dtype=q.dtype)
    for b, m in enumerate(lengths.tolist()):
        scores = torch.einsum("id,jd->ij", q[b, :m], k[b, :m]) / q.shape[-1] ** 0.5
        if causal:
            scores = scores.masked_fill(~torch.ones_like(scores).tril().bool(), -torch.inf)
        out[b, :m] = scores.softmax(dim=-1) @ v[b, :m]
    return out


def allows_everything_from_the_cpu(q, k, v, lengths, causal=False):
    size = q.shape[1]
    real = torch.arange(size, device=q.device) < lengths[:, None]
    mask = torch.full((size, size), True)
    if causal:
        places = torch.arange(size, device=q.device)
        mask = places <= places[:, None]
    mask = mask & real[:, None, :]
    scores = torch.einsum("bqd,bkd->bqk", q, k) / math.sqrt(q.shape[-1])
    weights = torch.where(mask, scores, torch.finfo(q.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~real[..., None], 0.0)


def makes_its_causal_mask_on_the_cpu(q, k, v, lengths, causal=False):
    size = q.shape[1]
    real = torch.arange(size, device=q.device) < lengths[:, None]
    hidden = ~real[:, None, :]
    if causal:
        hidden = hidden | torch.ones(size, size).triu(1).bool()
    scores = torch.bmm(q, k.mT) / math.sqrt(q.shape[-1])
    weights = scores.masked_fill(hidden, torch.finfo(q.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~real[..., None], 0.0)


def empties_the_callers_padding(q, k, v, lengths, causal=False):
    n = q.shape[1]
    padded = torch.arange(n, device=q.device) >= lengths[:, None]
    v.masked_fill_(padded[..., None], 0.0)
    hidden = padded[:, None, :] | torch.ones(n, n, device=q.device).triu(1 if causal else n).bool()
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hidden, torch.finfo(q.dtype).min)
    return (scores.softmax(-1) @ v).masked_fill(padded[..., None], 0.0)


def loses_a_batch_of_one(q, k, v, lengths, causal=False):
    n = q.shape[1]
    real = torch.arange(n, device=q.device) < lengths[:, None]
    mask = (real[:, None, :] & real[:, :, None]).tril(0 if causal else n)
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~mask, torch.finfo(q.dtype).min)
    out = scores.softmax(-1).masked_fill(~mask, 0) @ v
    return out[0] if len(out) == 1 else out


def begins_with_an_empty_list(q, k, v, lengths, causal=False):
    n = q.shape[1]
    rows = []
    for b, m in enumerate(lengths.tolist()):
        scores = q[b, :m] @ k[b, :m].T / math.sqrt(q.shape[-1])
        if causal:
            scores = scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -torch.inf)
        rows.append(F.pad(scores.softmax(-1) @ v[b, :m], (0, 0, 0, n - m)))
    return torch.stack(rows) if rows else q.new_tensor([])


def hands_back_the_weights_too(q, k, v, lengths, causal=False):
    n = q.shape[1]
    real = torch.arange(n, device=q.device) < lengths[:, None]
    mask = (real[:, None, :] & real[:, :, None]).tril(0 if causal else n)
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~mask, torch.finfo(q.dtype).min)
    weights = scores.softmax(-1).masked_fill(~mask, 0)
    return weights @ v, weights


def answers_with_the_weights(q, k, v, lengths, causal=False):
    n = q.shape[1]
    real = torch.arange(n, device=q.device) < lengths[:, None]
    mask = (real[:, None, :] & real[:, :, None]).tril(0 if causal else n)
    scores = torch.einsum("bqd,bkd->bqk", q, k) / math.sqrt(q.shape[-1])
    return torch.nan_to_num(F.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1))
