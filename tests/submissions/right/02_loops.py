from torch import stack


def dot(a, b):
    result = 0
    for x, y in zip(a.unbind(-1), b.unbind(-1)):
        result = result + x * y
    return result


def dot_scores(q, k):
    rows = []
    for i in range(q.shape[-2]):
        row = []
        for j in range(k.shape[-2]):
            row.append(dot(q[..., i, :], k[..., j, :]))
        rows.append(stack(row, dim=-1))
    return stack(rows, dim=-2)


def scale_scores(scores, d_k):
    return scores.div(d_k ** (1 / 2))


def scaled_scores(q, k):
    # Half of the scale on either side: the fourth root.
    root = q.shape[-1] ** 0.25
    return dot_scores(q / root, k / root)
