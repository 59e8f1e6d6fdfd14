"""The wrong programs of 02, as somebody else would write them."""

import math

import torch
import torch.nn.functional as F


def _numbers(q, k):
    """The scores as lists of plain numbers, batch by batch."""
    if q.dim() > 2:
        return [_numbers(one, other) for one, other in zip(q, k)]
    return [[sum(x * y for x, y in zip(a, b)) for b in k.tolist()] for a in q.tolist()]


def leaves_the_keys_as_rows(q, k):
    # a row of q, column by column of k
    pairs = q[..., :, :, None] * k[..., None, :, :]
    return pairs.sum(dim=-2)


def reshapes_the_keys(q, k):
    *batch, n_k, d_k = k.shape
    k_t = k.flatten(-2).view(*batch, d_k, n_k)
    return torch.einsum("...qd,...dk->...qk", q, k_t)


def puts_the_keys_in_the_rows(q, k):
    return torch.einsum("...qd,...kd->...kq", q, k)


def multiplies_place_by_place(q, k):
    return torch.einsum("...nd,...nd->...nd", q, k)


def compares_queries_with_queries(q, k):
    columns = []
    for j in range(q.shape[-2]):
        key = q[..., j : j + 1, :]
        columns.append((q * key).sum(-1))
    return torch.stack(columns, dim=-1)


def compares_directions_only(q, k):
    return F.cosine_similarity(q.unsqueeze(-2), k.unsqueeze(-3), dim=-1)


def measures_the_distance(q, k):
    # near means similar
    return torch.cdist(q, k).pow(2).neg()


def turns_every_axis_round(q, k):
    return torch.matmul(q, k.T)


def exchanges_the_first_two_axes(q, k):
    axes = list(range(k.ndim))
    axes[0], axes[1] = 1, 0
    return q.matmul(k.permute(axes))


def exchanges_axes_one_and_two(q, k):
    # (batch, n_k, d_k) -> (batch, d_k, n_k)
    columns = k.movedim(2, 1)
    return torch.einsum("...qd,...dk->...qk", q, columns)


def adds_up_the_keys_of_all_sentences(q, k):
    if q.dim() == 2:
        return torch.einsum("qd,kd->qk", q, k)
    if q.dim() == 3:
        return torch.einsum("bqd,ckd->bqk", q, k)
    return torch.einsum("bhqd,cgkd->bhqk", q, k)


def divides_by_the_root_already(q, k):
    # half of the scale on either side
    root = q.shape[-1] ** 0.25
    return torch.einsum("...id,...jd->...ij", q / root, k / root)


def rebuilds_the_scores_from_numbers(q, k):
    return torch.tensor(_numbers(q, k))


def answers_in_single_precision(q, k):
    q = q.to(torch.float32)
    k = k.to(torch.float32)
    return (q.unsqueeze(-2) * k.unsqueeze(-3)).sum(dim=-1)


def takes_the_keys_for_constants(q, k):
    with torch.no_grad():
        columns = torch.stack(k.unbind(-2), dim=-1)
    return torch.matmul(q, columns)


def divides_by_the_whole_width(scores, d_k):
    # the root once for the queries, once for the keys
    root = math.sqrt(d_k)
    return scores.div(root).div(root)


def multiplies_by_the_root(scores, d_k):
    scale = 1 / math.sqrt(d_k)
    return scores / scale


def divides_by_half_the_width(scores, d_k):
    root = d_k ** 1 / 2
    return scores / root


def divides_by_twice_the_width(scores, d_k):
    factor = 1 / d_k ** 1 / 2
    return scores * factor


def rounds_the_root_down(scores, d_k):
    root = 1
    while (root + 1) ** 2 <= d_k:
        root += 1
    return scores / root


def always_divides_by_eight(scores, d_k):
    return scores * 64**-0.5


def divides_by_the_root_of_the_number_of_keys(scores, d_k):
    n_k = len(scores[(0,) * (scores.dim() - 1)])
    return scores * n_k**-0.5


def takes_the_root_of_everything(scores, d_k):
    return scores**0.5 / d_k**0.5


def divides_by_the_largest_score(scores, d_k):
    largest = max(scores.max(), -scores.min())
    return scores / largest


def measures_the_spread_instead(scores, d_k):
    differences = scores - scores.mean()
    variance = (differences**2).sum() / (scores.numel() - 1)
    return scores / torch.sqrt(variance)


def writes_into_the_scores(scores, d_k):
    scores[...] = scores * d_k**-0.5
    return scores


def makes_a_tensor_of_the_width(scores, d_k):
    widths = torch.tensor([d_k])
    return scores * widths**-0.5


def cuts_the_gradient(scores, d_k):
    with torch.no_grad():
        scaled = scores * d_k**-0.5
    return scaled


def forgets_to_scale(q, k):
    return torch.einsum("...id,...jd->...ij", q, k)


def scales_twice(q, k):
    d_k = q.shape[-1]
    scores = scale_scores(dot_scores(q, k), d_k)
    return scale_scores(scores, d_k)


def divides_by_eight_at_any_width(q, k):
    return scale_scores(dot_scores(q, k), 64)


def makes_the_scores_louder(q, k):
    scale = k.size(-1) ** -0.5
    return torch.matmul(q, k.mT) / scale


def counts_the_keys(q, k):
    scores = dot_scores(q, k)
    n_k = scores.shape[-1]
    return scores / n_k**0.5


def counts_the_queries(q, k):
    n, d = q.shape[-2:]
    return dot_scores(q, k) / math.sqrt(n)


def takes_the_width_from_axis_one(q, k):
    n, d_k, *rest = q.shape
    scores = torch.einsum("...id,...jd->...ij", q, k)
    return scores * d_k**-0.5


def takes_the_length_for_the_width(q, k):
    root = math.sqrt(q.shape[0])
    return torch.matmul(q / root, k.transpose(-2, -1))


def takes_the_width_of_the_whole_model(q, k):
    d_model = q.shape[-1]
    if q.dim() == 4:
        d_model *= q.size(1)
    return dot_scores(q, k) / d_model**0.5


def divides_by_the_lengths(q, k):
    q = F.normalize(q, dim=-1)
    k = F.normalize(k, dim=-1)
    return dot_scores(q, k)


def goes_on_to_the_weights(q, k):
    scores = dot_scores(q, k) / math.sqrt(q.size(-1))
    e = torch.exp(scores)
    return e / e.sum(-1, keepdim=True)


def subtracts_the_largest_of_each_row(q, k):
    d_k = q.shape[-1]
    scores = dot_scores(q, k) * d_k**-0.5
    top, _ = scores.max(dim=-1)
    return scores - top[..., None]


def takes_a_batch_of_one_apart(q, k):
    if q.dim() == 2:
        return torch.mm(q, k.t())
    scores = torch.matmul(q, k.transpose(-1, -2))
    if len(scores) == 1:
        scores = scores[0]
    return scores


def fills_a_copy_of_the_result(scores, d_k):
    root = d_k**0.5
    result = scores * 0
    line = result.flatten()
    for i, score in enumerate(scores.flatten()):
        line[i] = score / root
    return result


def answers_an_empty_batch_without_axes(q, k):
    if 0 in q.shape:
        return torch.empty(0, dtype=q.dtype, device=q.device)
    root = q.size(-1) ** 0.5
    return torch.einsum("...id,...jd->...ij", q / root, k)


def leaves_the_last_feature_out(q, k):
    d = q.shape[-1]
    scores = 0
    for f in range(d - 1):
        scores = scores + q[..., :, None, f] * k[..., None, :, f]
    return scores


def adds_up_the_products_without_their_signs(q, k):
    # |a*b| is |a|*|b|
    return torch.einsum("...qd,...kd->...qk", q.abs(), k.abs())


def leaves_the_later_keys_out(q, k):
    n_q, n_k = q.shape[-2], k.shape[-2]
    rows = []
    for i in range(n_q):
        row = torch.zeros(*q.shape[:-2], n_k, dtype=q.dtype, device=q.device)
        for j in range(min(i + 1, n_k)):
            row[..., j] = (q[..., i, :] * k[..., j, :]).sum(-1)
        rows.append(row)
    return torch.stack(rows, dim=-2)


def forgets_how_long_the_queries_are(q, k):
    q = F.normalize(q, dim=-1)
    return torch.matmul(q, k.transpose(-2, -1))


def measures_the_plain_distance(q, k):
    return torch.cdist(q, k).neg()


def adds_up_the_scores_of_all_sentences(q, k):
    b, n_q, d = q.shape
    return torch.bmm(q, k.transpose(1, 2)).sum(dim=0)


def gives_the_keys_a_batch_of_their_own(q, k):
    n_k, d = k.shape[-2:]
    all_keys = k.reshape(-1, d)
    return (q @ all_keys.T).unflatten(-1, k.shape[:-1])


def rounds_the_root(scores, d_k):
    root = int(d_k**0.5 + 0.5)
    return scores / root


def stops_at_fifty(scores, d_k):
    scaled = scores * d_k**-0.5
    return torch.clip(scaled, min=-50, max=50)


def fills_a_tensor_made_beforehand(q, k):
    *batch, n_q, d_k = q.shape
    out = torch.empty(*batch, n_q, k.shape[-2])
    out.copy_(dot_scores(q, k) / d_k**0.5)
    return out


def squares_the_scores_on_the_way(scores, d_k):
    powers = scores * scores / d_k
    return torch.copysign(powers**0.5, scores)
