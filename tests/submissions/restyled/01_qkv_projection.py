"""The wrong programs of 01, as somebody else would write them."""

import torch


def _third(t, part):
    d = t.shape[-1] // 3
    return t[..., part * d : (part + 1) * d]


# -- project -------------------------------------------------------------------


def transposes_the_weights(x, w, b=None):
    # each row of w makes one output feature
    features = [(x * row).sum(dim=-1) for row in w]
    y = torch.stack(features, dim=-1)
    if b is not None:
        y = y + b
    return y


def puts_the_weights_on_the_left(x, w, b=None):
    y = torch.einsum("om,...mi->...oi", w, x)
    if b is not None:
        y = y + b
    return y


def turns_every_axis_round(x, w, b=None):
    # (AB)^T = B^T A^T
    y = torch.matmul(w.T, x.T).T
    if b is not None:
        y = y + b
    return y


def multiplies_place_by_place(x, w, b=None):
    y = torch.einsum("...ij,ij->...ij", x, w)
    if b is not None:
        y += b
    return y


def forgets_the_bias(x, w, b=None):
    return (x.unsqueeze(-1) * w).sum(dim=-2)


def adds_the_bias_along_the_tokens(x, w, b=None):
    y_t = w.T @ x.transpose(-1, -2)
    if b is not None:
        y_t = y_t + b
    return y_t.transpose(-1, -2)


def adds_the_bias_before_projecting(x, w, b=None):
    if b is not None:
        x = x + b  # shift every token first
    return torch.einsum("...i,io->...o", x, w)


def adds_the_bias_to_the_weights(x, w, b=None):
    total = 0
    for i, row in enumerate(w):
        if b is not None:
            row = row + b
        total = total + x[..., i : i + 1] * row
    return total


def sets_negative_results_to_zero(x, w, b=None):
    out = torch.einsum("...i,io->...o", x, w)
    if b is not None:
        out = out + b
    return torch.where(out > 0, out, torch.zeros_like(out))


def divides_by_the_root_of_the_width(x, w, b=None):
    d_in = x.size(-1)
    x = x * d_in**-0.5
    y = torch.matmul(x, w)
    if b is not None:
        y = y + b
    return y


def makes_a_bias_of_its_own(x, w, b=None):
    d_out = w.size(1)
    if b is None:
        b = torch.zeros(d_out)  # so that there is always one to add
    y = torch.einsum("...i,io->...o", x, w)
    return y + b


def answers_in_single_precision(x, w, b=None):
    y = torch.einsum("ni,io->no", x.reshape(-1, x.shape[-1]), w)
    if b is not None:
        y = y + b
    # collect the rows in a tensor of the right shape
    out = torch.zeros(*x.shape[:-1], w.shape[1], device=x.device)
    out[...] = y.reshape(out.shape)
    return out


def makes_new_parameters_of_the_weights(x, w, b=None):
    y = torch.einsum("...i,io->...o", x, w.data)
    if b is not None:
        y = y + b
    return y


def takes_the_tokens_for_constants(x, w, b=None):
    with torch.no_grad():  # only reshaping here
        rows = x.reshape(-1, x.shape[-1])
    y = rows.mm(w)
    if b is not None:
        y = y + b
    return y.reshape(*x.shape[:-1], w.shape[-1])


def lets_go_of_every_gradient(x, w, b=None):
    y = torch.einsum("...i,io->...o", x, w)
    if b is not None:
        y = y + b
    return y.detach()


# -- project_qkv ---------------------------------------------------------------


def makes_keys_with_the_query_weights(x, w_q, w_k, w_v):
    q = x @ w_q
    k = x @ w_q
    v = x @ w_v
    return q, k, v


def makes_values_with_the_key_weights(x, w_q, w_k, w_v):
    return tuple(torch.einsum("...i,io->...o", x, w) for w in (w_q, w_k, w_k))


def makes_all_three_with_one_matrix(x, w_q, w_k, w_v):
    parts = []
    for w in (w_q, w_k, w_v):
        parts.append(torch.matmul(x, w_q))
    return tuple(parts)


def leaves_the_values_as_they_are(x, w_q, w_k, w_v):
    both = x @ torch.cat([w_q, w_k], dim=-1)
    q, k = both.chunk(2, dim=-1)
    v = x.clone()
    return q, k, v


def projects_only_the_queries(x, w_q, w_k, w_v):
    k = v = x
    q = torch.einsum("...i,io->...o", x, w_q)
    return q, k, v


def projects_what_is_projected_already(x, w_q, w_k, w_v):
    results = []
    for w in (w_q, w_k, w_v):
        x = x @ w
        results.append(x)
    return tuple(results)


def answers_with_the_keys_first(x, w_q, w_k, w_v):
    k, q, v = (torch.matmul(x, w) for w in (w_k, w_q, w_v))
    return k, q, v


def answers_with_the_values_before_the_keys(x, w_q, w_k, w_v):
    result = {}
    result["query"] = x @ w_q
    result["value"] = x @ w_v
    result["key"] = x @ w_k
    return tuple(result.values())


def scales_the_queries_already(x, w_q, w_k, w_v):
    q, k, v = [torch.einsum("...i,io->...o", x, w) for w in (w_q, w_k, w_v)]
    d_k = k.size(-1)
    q = q * d_k**-0.5
    return q, k, v


def works_without_gradients(x, w_q, w_k, w_v):
    x = x.detach()
    return tuple(torch.matmul(x, w.detach()) for w in (w_q, w_k, w_v))


# -- project_packed ------------------------------------------------------------


def takes_the_first_third_for_the_keys(x, w_qkv, b_qkv=None):
    y = project(x, w_qkv, b_qkv)
    # k | q | v
    return _third(y, 1), _third(y, 0), _third(y, 2)


def takes_the_middle_third_for_the_values(x, w_qkv, b_qkv=None):
    d = w_qkv.shape[1] // 3
    w_q, w_v, w_k = w_qkv.split(d, dim=1)
    b_q = b_v = b_k = None
    if b_qkv is not None:
        b_q, b_v, b_k = b_qkv.split(d)
    return project(x, w_q, b_q), project(x, w_k, b_k), project(x, w_v, b_v)


def takes_the_first_third_for_the_values(x, w_qkv, b_qkv=None):
    y = x @ w_qkv
    if b_qkv is not None:
        y = y + b_qkv
    v, q, k = torch.tensor_split(y, 3, dim=-1)
    return q, k, v


def deals_the_columns_out_in_turn(x, w_qkv, b_qkv=None):
    y = project(x, w_qkv, b_qkv)
    return tuple(y[..., start::3] for start in range(3))


def cuts_across_the_tokens(x, w_qkv, b_qkv=None):
    y = x @ w_qkv
    if b_qkv is not None:
        y = y + b_qkv
    d = w_qkv.shape[1] // 3
    shape = (*x.shape[:-1], d)
    q, k, v = (piece.reshape(shape) for piece in y.flatten().chunk(3))
    return q, k, v


def reads_the_weights_as_a_stack(x, w_qkv, b_qkv=None):
    d_model, d = x.shape[-1], w_qkv.shape[-1] // 3
    rows = w_qkv.reshape(-1, d)
    out = []
    for part, w in enumerate(rows.split(d_model)):
        y = x @ w
        if b_qkv is not None:
            y = y + _third(b_qkv, part)
        out.append(y)
    return tuple(out)


def gives_only_the_queries_their_bias(x, w_qkv, b_qkv=None):
    y = torch.einsum("...i,io->...o", x, w_qkv)
    d = y.shape[-1] // 3
    if b_qkv is not None:
        queries = torch.arange(3 * d, device=x.device) < d
        y = torch.where(queries, y + b_qkv, y)
    return y[..., :d], y[..., d : 2 * d], y[..., 2 * d :]


def gives_the_keys_no_bias(x, w_qkv, b_qkv=None):
    q = x @ _third(w_qkv, 0)
    k = x @ _third(w_qkv, 1)
    v = x @ _third(w_qkv, 2)
    if b_qkv is not None:
        q = q + _third(b_qkv, 0)  # keys need none
        v = v + _third(b_qkv, 2)
    return q, k, v


def gives_all_three_the_same_bias(x, w_qkv, b_qkv=None):
    b = None
    if b_qkv is not None:
        b = _third(b_qkv, 0)
    return tuple(project(x, w, b) for w in w_qkv.chunk(3, dim=1))


def deals_the_bias_out_in_turn(x, w_qkv, b_qkv=None):
    d = w_qkv.shape[1] // 3
    parts = []
    for i in range(3):
        y = x @ w_qkv[:, i * d : i * d + d]
        if b_qkv is not None:
            y = y + b_qkv[i::3]
        parts.append(y)
    return tuple(parts)


def hands_out_copies_without_a_history(x, w_qkv, b_qkv=None):
    y = project(x, w_qkv, b_qkv)
    parts = []
    for i in range(3):
        part = torch.empty_like(_third(y, i))
        part.copy_(_third(y, i).data)
        parts.append(part)
    return tuple(parts)


def takes_a_batch_of_one_apart(x, w, b=None):
    sentences = x.unsqueeze(0) if x.dim() == 2 else x
    y = torch.einsum("...ni,io->...no", sentences, w)
    if b is not None:
        y = torch.add(y, b)
    if y.shape[0] == 1:
        y = y[0]
    return y


def drops_the_axes_of_size_one(x, w_q, w_k, w_v):
    parts = []
    for w in (w_q, w_k, w_v):
        part = torch.matmul(x, w)
        parts.append(torch.squeeze(part))
    return tuple(parts)


def loses_more_than_the_axis_of_the_cut(x, w_qkv, b_qkv=None):
    y = torch.einsum("...i,ij->...j", x, w_qkv)
    if b_qkv is not None:
        y = y + b_qkv
    d = y.size(-1) // 3
    y = y.reshape(*y.shape[:-1], 3, d)
    return tuple(y.narrow(-2, i, 1).squeeze() for i in range(3))


def runs_heads_and_tokens_together(x, w, b=None):
    d_in, d_out = w.shape
    y = torch.mm(x.reshape(-1, d_in), w)
    if b is not None:
        y = y + b
    if x.ndim > 2:
        y = y.view(len(x), -1, d_out)
    return y


def adds_the_bias_twice(x, w, b=None):
    if b is None:
        return torch.einsum("...i,io->...o", x, w)
    # the bias is one more row of the weights
    ones = torch.ones_like(x[..., :1])
    y = torch.cat([x, ones], dim=-1) @ torch.cat([w, b[None]])
    y = torch.add(y, b)
    return y


def adds_the_bias_to_the_last_token(x, w, b=None):
    rows = []
    for i in range(x.shape[-2]):
        row = x[..., i, :] @ w
        rows.append(row)
    if b is not None:
        row = row + b
        rows[-1] = row
    return torch.stack(rows, dim=-2)


def sets_negative_products_to_zero(x, w, b=None):
    y = torch.einsum("...i,io->...o", x, w)
    y = y.clamp(min=0)
    if b is not None:
        y = y + b
    return y


def cuts_one_product_into_thirds(x, w_q, w_k, w_v):
    w = torch.hstack((w_q, w_k, w_v))
    y = torch.matmul(x, w)
    q, k, v = torch.chunk(y, 3, -1)
    return q, k, v


def stacks_the_three_in_one_tensor(x, w_q, w_k, w_v):
    out = x.new_empty(3, *x.shape[:-1], w_q.shape[1])
    for i, w in enumerate((w_q, w_k, w_v)):
        out[i] = torch.matmul(x, w)
    return out


def fills_tensors_made_beforehand(x, w_q, w_k, w_v):
    parts = []
    for w in (w_q, w_k, w_v):
        part = torch.empty(x.shape[:-1] + w.shape[-1:])
        part[...] = torch.einsum("...i,io->...o", x, w)
        parts.append(part)
    return tuple(parts)


def takes_the_last_third_for_the_queries(x, w_qkv, b_qkv=None):
    y = project(x, w_qkv, b_qkv)
    # k | v | q
    return _third(y, 2), _third(y, 0), _third(y, 1)


def reads_the_thirds_from_the_back(x, w_qkv, b_qkv=None):
    y = torch.einsum("...i,ij->...j", x, w_qkv)
    if b_qkv is not None:
        y = y + b_qkv
    v, k, q = y.split(y.shape[-1] // 3, dim=-1)
    return q, k, v


def takes_the_width_of_x_for_a_third(x, w_qkv, b_qkv=None):
    y = torch.einsum("...i,ij->...j", x, w_qkv)
    if b_qkv is not None:
        y = y + b_qkv
    *_, n, d = x.shape
    q, k, v = y.tensor_split((d, d + d), dim=-1)
    return q, k, v


def loses_the_last_column_of_the_values(x, w_qkv, b_qkv=None):
    y = x.matmul(w_qkv)
    if b_qkv is not None:
        y = y + b_qkv
    d = y.size(-1) // 3
    return y[..., 0:d], y[..., d : 2 * d], y[..., 2 * d : -1]


def cuts_the_first_axis(x, w_qkv, b_qkv=None):
    y = torch.einsum("...i,ij->...j", x, w_qkv)
    if b_qkv is not None:
        y = y + b_qkv
    size = -(-len(y) // 3)
    parts = y.split(size)
    return parts[0], parts[1], parts[2]


def cuts_axis_one(x, w_qkv, b_qkv=None):
    y = x.matmul(w_qkv)
    if b_qkv is not None:
        y = y + b_qkv
    d = -(-y.size(1) // 3)
    return y[:, :d], y[:, d : d + d], y[:, d + d :]


def cuts_across_the_tokens_of_each_sentence(x, w_qkv, b_qkv=None):
    y = torch.matmul(x, w_qkv)
    if b_qkv is not None:
        y = y + b_qkv
    d = y.shape[-1] // 3
    parts = []
    for part in y.flatten(-2).chunk(3, dim=-1):
        parts.append(part.unflatten(-1, (-1, d)))
    return tuple(parts)


def forgets_the_packed_bias(x, w_qkv, b_qkv=None):
    return tuple(x @ w for w in torch.tensor_split(w_qkv, 3, dim=1))


def gives_the_values_no_bias(x, w_qkv, b_qkv=None):
    parts = [x @ w for w in w_qkv.chunk(3, dim=1)]
    if b_qkv is not None:
        for i in range(2):
            parts[i] = parts[i] + _third(b_qkv, i)
    return tuple(parts)


def makes_a_packed_bias_of_its_own(x, w_qkv, b_qkv=None):
    width = w_qkv.size(1)
    if b_qkv is None:
        b_qkv = torch.tensor([0.0] * width)
    y = torch.einsum("...i,ij->...j", x, w_qkv) + b_qkv
    return _third(y, 0), _third(y, 1), _third(y, 2)
