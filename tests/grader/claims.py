"""Whether a pattern is true: each sentence read back, and looked up entry by entry."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import torch

NUMBER = r"-?(?:\d[\d.]*(?:e[-+]\d+)?|inf)"
ROWLIKE = r"(?:row|column|head|sample|entry)"
DIAGONAL = r"the diagonal(?: that ends at the last entry)?"
REST = ", all else is right"


@dataclass
class Wrong:
    got: torch.Tensor
    expected: torch.Tensor
    right: torch.Tensor

    def slices(self, axis: int):
        parts = (t.unbind(axis) for t in (self.got, self.expected, self.right))
        return [Wrong(*part) for part in zip(*parts, strict=True)]

    def lines(self, axis: int):
        parts = (
            t.movedim(axis, -1).reshape(-1, t.shape[axis])
            for t in (self.got, self.expected, self.right)
        )
        return [Wrong(*part) for part in zip(*parts, strict=True)]

    def axis(self, name: str) -> int:
        dim = self.got.dim()
        if name.startswith("entr"):
            return 0 if dim == 1 else int(name.split()[-1])
        return {"colu": dim - 1, "row": dim - 2, "rows": dim - 2, "head": dim - 3, "samp": 0}[
            name[:4]
        ]

    def off_by(self, factor: float) -> bool:
        return near(self.got, self.expected * factor, 2e-3)

    def off_by_one_factor(self) -> float | None:
        usable = self.expected.isfinite() & (self.expected.abs() > 1e-6)
        if not usable.any():
            return 1.0 if near(self.got, self.expected) else None
        factor = (self.got[usable] / self.expected[usable])[0].item()
        return factor if self.off_by(factor) else None

    def off_by_amount(self) -> float | None:
        amount = (self.got - self.expected).flatten()[0].item()
        return amount if near(self.got, self.expected + amount, 1e-3) else None


def near(one, other, share=1e-3) -> bool:
    if torch.bool in (one.dtype, other.dtype):
        return torch.equal(one, other)
    return torch.allclose(one, other, rtol=share, atol=1e-5, equal_nan=True)


def value(text: str) -> float:
    return float(text)


def chosen(text: str, wrong: Wrong) -> tuple[int, list[int]] | None:
    """The axis and indices that are named; None for a mere count of them."""
    if m := re.fullmatch(rf"the (first|last) ({ROWLIKE}(?: of axis \d)?)", text):
        axis = wrong.axis(m[2])
        return axis, [0 if m[1] == "first" else wrong.got.shape[axis] - 1]
    if m := re.fullmatch(r"the (first|last) (\d+) (\w+(?: of axis \d)?)", text):
        axis, many = wrong.axis(m[3]), int(m[2])
        count = wrong.got.shape[axis]
        return axis, list(range(many) if m[1] == "first" else range(count - many, count))
    if m := re.fullmatch(rf"({ROWLIKE}) (\d+)( of axis \d)?", text):
        return wrong.axis(m[1] + (m[3] or "")), [int(m[2])]
    if m := re.fullmatch(r"(\w+) ([\d, ]+ and \d+)( of axis \d)?", text):
        return wrong.axis(m[1] + (m[3] or "")), [int(i) for i in re.findall(r"\d+", m[2])]
    assert re.fullmatch(r"\d+ of the \d+ \w+(?: of axis \d)?", text), text
    return None


def row_at(text: str, tensor: torch.Tensor) -> torch.Tensor:
    """Row 1 of head 0 of sample 2."""
    for index in reversed(re.findall(r"\d+", re.sub(r"axis \d", "", text))):
        tensor = tensor[int(index)]
    return tensor


Reader = Callable[..., bool]
READERS: list[tuple[str, Reader]] = []


def reads(regex: str):
    def keep(reader: Reader) -> Reader:
        READERS.append((regex, reader))
        return reader

    return keep


def holds(says: str, wrong: Wrong) -> bool:
    """Whether what is said is true; an unknown sentence is an error."""
    place, _, nature = says.partition("; ")
    if nature:
        return holds(place, wrong) and holds(nature, wrong)
    for regex, reader in READERS:
        if m := re.fullmatch(regex, says):
            return bool(reader(wrong, *m.groups()))
    raise AssertionError(f"nobody reads: {says}")


def others_right(wrong: Wrong, bad: torch.Tensor, rest: str | None) -> bool:
    return not rest or bool(wrong.right[~bad].all())


# NaN


@reads(r"every entry is NaN")
def _(w):
    return w.got.isnan().all()


@reads(rf"the rows? (with nothing to attend to|that should be all 0) (?:are|is) NaN({REST})?")
def _(w, which, rest):
    empty = (w.expected == 0).all(-1, keepdim=True).expand_as(w.got)
    return torch.equal(w.got.isnan(), empty) and others_right(w, empty, rest)


@reads(rf"some (rows|columns) are NaN throughout, others not at all({REST})?")
def _(w, which, rest):
    each = [line.got.isnan() for line in w.lines(-1 if which == "rows" else -2)]
    mixed = {bool(line.all()) for line in each} == {True, False}
    return (
        mixed
        and all(line.all() or not line.any() for line in each)
        and others_right(w, w.got.isnan(), rest)
    )


@reads(rf"(.*) (?:is|are) NaN({REST})?")
def _(w, what, rest):
    bad = w.got.isnan()
    if what == "one entry":
        return bad.sum() == 1 and others_right(w, bad, rest)
    if what == "some entries":
        return bad.any() and not bad.all() and others_right(w, bad, rest)
    if what == "whatever should be finite":
        return torch.equal(bad, w.expected.isfinite()) and others_right(w, bad, rest)
    named = chosen(what, w)
    whole = [i for i, part in enumerate(w.slices(named[0])) if part.got.isnan().all()]
    elsewhere = [
        i for i, part in enumerate(w.slices(named[0])) if part.got.isnan().any() and i not in whole
    ]
    return whole == named[1] and not elsewhere and others_right(w, bad, rest)


@reads(rf"wherever ({NUMBER}) was expected stands NaN({REST})?")
def _(w, was, rest):
    bad = w.got.isnan()
    same = w.expected[bad]
    return (
        (same == same[0]).all()
        and not (~bad & (w.expected == same[0])).any()
        and math.isclose(same[0], value(was), rel_tol=1e-3)
        and others_right(w, bad, rest)
    )


@reads(rf"NaN stands in (.*) only({REST})?")
def _(w, what, rest):
    named, bad = chosen(what, w), w.got.isnan()
    if named is None:
        return bad.any() and others_right(w, bad, rest)
    some = [i for i, part in enumerate(w.slices(named[0])) if part.got.isnan().any()]
    return some == named[1] and others_right(w, bad, rest)


@reads(rf"({NUMBER}) stands wherever it should not, and nowhere that it should")
def _(w, number):
    there = w.got == value(number)
    return torch.equal(there, w.expected.isfinite()) and not there.all()


# Each entry for itself


@reads(r"every entry is the opposite of what it should be")
def _(w):
    return torch.equal(w.got, ~w.expected)


@reads(r"every entry is (True|False)")
def _(w, which):
    return (w.got == (which == "True")).all()


@reads(rf"every entry is ({NUMBER})")
def _(w, number):
    return near(w.got, torch.full_like(w.got, value(number)))


@reads(r"every sign is turned round")
def _(w):
    return near(w.got, -w.expected)


@reads(r"the sizes are right, but what should be (negative|positive) is \w+")
def _(w, lost):
    sign = 1 if lost == "negative" else -1
    return near(w.got, sign * w.expected.abs()) and (sign * w.expected < 0).any()


@reads(rf"whatever should be (below|above) ({NUMBER}) is ({NUMBER}), all else is right")
def _(w, side, bound, now):
    held = (
        w.expected.clamp(min=value(bound))
        if side == "below"
        else w.expected.clamp(max=value(bound))
    )
    return bound == now and near(w.got, held)


@reads(rf"nothing is below ({NUMBER}) or above ({NUMBER}), what lies between is right")
def _(w, low, high):
    return near(w.got, w.expected.clamp(value(low), value(high)))


@reads(r"every entry is (rounded|cut off) (?:to a whole number|(?:to|after) (\d) decimals?)")
def _(w, how, decimals):
    unit = 10.0 ** -int(decimals or 0)
    units = w.got / unit
    whole = (units - units.round()).abs().max() < 1e-3
    return whole and (w.got - w.expected).abs().max() < unit * (
        0.502 if how == "rounded" else 1.001
    )


@reads(r"every entry is (.*) what it should be")
def _(w, name):
    of = {
        "the square of": lambda x: x * x,
        "the square root of": lambda x: x**0.5,
        "one divided by": lambda x: 1 / x,
        "the logarithm of": torch.log,
        "exp of": torch.exp,
        "tanh of": torch.tanh,
    }[name]
    return near(w.got, of(w.expected))


@reads(r"no entry is off by more than ([\d.]+) %")
def _(w, share):
    close = (w.got - w.expected).abs() <= float(share) / 100 * w.expected.abs() + 1e-4
    return (close | (w.got == w.expected)).all()


@reads(r"nothing is (-?inf), where (\d+) of (\d+) entries should be")
def _(w, number, some, count):
    there = w.expected == value(number)
    missing = not (w.got == value(number)).any()
    return missing and there.sum() == int(some) and w.got.numel() == int(count)


@reads(r"nothing is (below|above) 0, where (\d+) of (\d+) entries should be")
def _(w, side, some, count):
    sign = 1 if side == "below" else -1
    beyond = int((sign * w.expected < 0).sum())
    return (sign * w.got >= 0).all() and beyond == int(some) and w.got.numel() == int(count)


# By how much


def _by(text: str) -> float:
    number = text.split(" = ")[0].replace("−", "-")
    return value(number)


FACTOR = rf"(?:the factor (−?{NUMBER})(?: = \S+)?|the same factor, ({NUMBER}))"


@reads(rf"every entry is off by {FACTOR}")
def _(w, named, plain):
    return w.off_by(_by(named or plain))


@reads(rf"every entry is off by the same amount, ({NUMBER})")
def _(w, by):
    return near(w.got, w.expected + value(by), 2e-3)


@reads(
    r"every (wrong )?(row|column|head|sample|entry of axis \d) "
    r"is off by (a factor|an amount) of its own(: .*)?"
)
def _(w, only, name, kind, example):
    axis = w.axis(name)
    lines = w.slices(axis)

    def off(line):
        found = line.off_by_one_factor() if kind == "a factor" else line.off_by_amount()
        return found is not None or (bool(only) and line.right.all())

    fits = all(map(off, lines))
    if not fits and name in ("row", "column"):
        fits = all(map(off, w.lines(-1 if name == "row" else -2)))
    untouched = any(line.right.all() for line in lines)
    if example:
        fits &= holds(example[2:], w)
    return fits and (bool(only) or not untouched)


@reads(rf"every sign in (.*?) is turned round({REST})?")
def _(w, what, rest):
    return _subject(w, what, rest, lambda part: part.off_by(-1))


@reads(rf"(.*?) (?:is|are) all 0({REST})?")
def _(w, what, rest):
    return _subject(w, what, rest, lambda part: not part.got.any())


@reads(rf"((?!every).*?) (?:is|are) off by {FACTOR}({REST})?")
def _(w, what, named, plain, rest):
    return _subject(w, what, rest, lambda part: part.off_by(_by(named or plain)))


@reads(rf"((?!every).*?) (?:is|are) off by the same amount, ({NUMBER})({REST})?")
def _(w, what, by, rest):
    return _subject(w, what, rest, lambda part: near(part.got, part.expected + value(by), 2e-3))


def _subject(w, what, rest, fits) -> bool:
    named = chosen(what, w)
    if named is None:
        return True
    parts = w.slices(named[0])
    inside = all(fits(parts[i]) for i in named[1])
    outside = all(part.right.all() for i, part in enumerate(parts) if i not in named[1])
    return inside and (not rest or outside)


@reads(rf"every wrong entry is (True|False|{NUMBER})")
def _(w, what):
    bad = w.got[~w.right]
    if what in ("True", "False"):
        return (bad == (what == "True")).all()
    return near(bad, torch.full_like(bad, value(what)))


@reads(r"every wrong entry has its sign turned round")
def _(w):
    return near(w.got[~w.right], -w.expected[~w.right])


@reads(rf"every wrong entry is off by {FACTOR}")
def _(w, named, plain):
    return near(w.got[~w.right], w.expected[~w.right] * _by(named or plain), 2e-3)


@reads(rf"every wrong entry is off by the same amount, ({NUMBER})")
def _(w, by):
    return near(w.got[~w.right], w.expected[~w.right] + value(by), 2e-3)


@reads(rf"wherever ({NUMBER}) was expected stands ({NUMBER}), all else is right")
def _(w, was, now):
    there = w.expected == w.expected[~w.right][0]
    bad = torch.full_like(w.got[there], value(now))
    first = w.expected[there][0].item()
    named = first == value(was) or math.isclose(first, value(was), rel_tol=1e-3)
    return named and near(w.got[there], bad) and w.right[~there].all()


# Sums


@reads(r"(columns|rows) sum to one, ((?:rows|columns) do not|not every (?:row|column) does)")
def _(w, good, bad):
    one, other = (-2, -1) if good == "columns" else (-1, -2)
    off = (w.got.sum(other) - w.expected.sum(other)).abs() > 5e-3
    return (
        ((w.got.sum(one) - 1).abs() < 2e-2).all()
        and off.any()
        and (off.all() or bad.startswith("not"))
    )


@reads(rf"the sum is ({NUMBER}), not 1")
def _(w, total):
    return abs(w.got.sum() - value(total)) < 1e-2 and abs(w.got.sum() - 1) > 5e-3


@reads(rf"(no|not every) (row|column) sums to one(?:: (.*?) sums to ({NUMBER}))?")
def _(w, many, name, which, total):
    axis = -1 if name == "row" else -2
    sums, wanted = w.got.sum(axis), w.expected.sum(axis)
    off = ((sums - 1).abs() > 5e-3)[wanted > 0]
    example = not which or holds(f"{which} sums to {total}, not to one", w)
    return example and (off.all() if many == "no" else off.any())


@reads(rf"column (\d+) sums to ({NUMBER}), not to one")
def _(w, index, total):
    return math.isclose(w.got[:, int(index)].sum(), value(total), rel_tol=1e-3, abs_tol=1e-2)


@reads(rf"(.*) sums to ({NUMBER}), not to one")
def _(w, which, total):
    row = row_at(which, w.got)
    return row.dim() == 1 and math.isclose(row.sum(), value(total), rel_tol=1e-3, abs_tol=1e-2)


@reads(rf"(the|a) rows? with nothing to attend to (?:is|are) (.*?)({REST})?")
def _(w, article, what, rest):
    empty = (w.expected == 0).all(-1)
    filled = w.got[empty]
    fits = filled.any()
    if m := re.fullmatch(rf"({NUMBER}) throughout instead of all zeros", what):
        fits &= near(filled, torch.full_like(filled, value(m[1])))
    else:
        assert what == "not all zeros"
    return fits and (not rest or w.right[~empty].all())


@reads(r"(?:every row|it) gives all its weight to one entry(, the one that should weigh most)?")
def _(w, most):
    best = all(line.expected[line.got.argmax()] == line.expected.max() for line in w.lines(-1))
    return all(sorted(line.got.tolist())[-2:] == [0, 1] for line in w.lines(-1)) and (
        best or not most
    )


@reads(r"these are the weights of scores (?:with every sign turned round|(.*) times as large)")
def _(w, times):
    by = _by(times) if times else -1.0
    for axis in (-1, -2)[: w.got.dim()]:
        right = (by * w.expected.log()).softmax(axis).nan_to_num(0.0)
        if torch.allclose(w.got, right, rtol=2e-2, atol=1e-3):
            return True
    return False


@reads(r"nothing is below 0 and every row sums to one, as in weights")
def _(w):
    return (w.got >= 0).all() and near(w.got.sum(-1), torch.ones(w.got.shape[:-1]).double())


# In other places


@reads(r"it is the transpose of what it should be")
def _(w):
    return near(w.got, w.expected.mT)


@reads(r"axes (\d) and (\d) have changed places")
def _(w, one, other):
    return near(w.got, w.expected.transpose(int(one), int(other)))


@reads(r"the axes stand in (reverse|another) order")
def _(w, how):
    dim = w.got.dim()
    orders = [tuple(reversed(range(dim)))] if how == "reverse" else permutations(range(dim))
    turned = (w.expected.permute(order) for order in orders)
    return any(t.shape == w.got.shape and near(w.got, t) for t in turned)


@reads(r"(\S+) ([\d, ]+ and \d+)( of axis \d)? have changed places(, the others are right)?")
def _(w, name, both, of, rest):
    axis = w.axis(name + (of or ""))
    one, other = (int(i) for i in re.findall(r"\d+", both))
    parts = w.slices(axis)
    return (
        near(parts[one].got, parts[other].expected)
        and near(parts[other].got, parts[one].expected)
        and (not rest or all(p.right.all() for i, p in enumerate(parts) if i not in (one, other)))
    )


@reads(r"the (\S+(?: of axis \d)?) stand in (reverse|another) order")
def _(w, names, how):
    axis = w.axis(names)
    if how == "reverse":
        return near(w.got, w.expected.flip(axis))
    theirs = [part.expected for part in w.slices(axis)]
    return all(any(near(part.got, one) for one in theirs) for part in w.slices(axis))


@reads(r"(\w+) ([\d, ]+) are \w+ ([\d, ]+) of what was expected")
def _(w, names, ours, theirs):
    axis = w.axis(names)
    order = [int(i) for i in theirs.split(", ")]
    assert [int(i) for i in ours.split(", ")] == list(range(w.got.shape[axis]))
    return near(w.got, w.expected.index_select(axis, torch.tensor(order)))


@reads(r"the (\w+(?: of axis \d)?) have moved (on|up) by one, and the \w+ stands \w+")
def _(w, names, way):
    return near(w.got, w.expected.roll(1 if way == "on" else -1, w.axis(names)))


@reads(r"every (.*) is the same")
def _(w, name):
    parts = w.slices(w.axis(name))
    return all(near(part.got, parts[0].got) for part in parts)


@reads(r"every (row|column|head|sample|entry of axis \d) is (.*) of what was expected")
def _(w, name, which):
    axis, (index,) = chosen(which, w)
    parts = w.slices(axis)
    return axis == w.axis(name) and all(near(p.got, parts[index].expected) for p in parts)


@reads(r"every (.*) but the (first|last) is what the one (?:before|after) it should be")
def _(w, name, which):
    axis = w.axis(name)
    count = w.got.shape[axis] - 1
    here, there = (1, 0) if which == "first" else (0, 1)
    return near(w.got.narrow(axis, here, count), w.expected.narrow(axis, there, count))


@reads(r"each (row|column) holds the right numbers, but not all in their places")
def _(w, name):
    lines = w.lines(-1 if name == "row" else -2)
    return all(near(line.got.sort().values, line.expected.sort().values) for line in lines)


@reads(r"all the right numbers are there, but not all in their places")
def _(w):
    return near(w.got.flatten().sort().values, w.expected.flatten().sort().values)


# Where


@reads(r"all other entries are right")
def _(w):
    return (~w.right).sum() == 1


@reads(r"only (\d+) of (\d+) entries are wrong")
def _(w, some, count):
    return (~w.right).sum() == int(some) and w.right.numel() == int(count)


@reads(r"only the rows? that should be all 0 (?:is|are) right")
def _(w):
    return all(bool(line.right.all()) == bool((line.expected == 0).all()) for line in w.lines(-1))


@reads(r"only (\[.*\]) and (\[.*\]) are wrong")
def _(w, *places):
    named = [[int(i) for i in re.findall(r"\d+", one)] for one in "], ".join(places).split("], ")]
    return sorted(named) == (~w.right).nonzero().tolist()


@reads(r"all that is wrong stands in (.*)")
def _(w, place):
    rest = torch.ones_like(w.right)
    for name, index, of in re.findall(rf"({ROWLIKE}) (\d+)( of axis \d)?", place):
        flags = torch.zeros_like(rest)
        flags.select(w.axis(name + of), int(index)).fill_(True)
        rest &= flags
    return w.right[~rest].all()


@reads(r"only (.*) (?:is|are) (ever )?(right|wrong)( everywhere)?")
def _(w, what, ever, kind, everywhere):
    named = chosen(what, w)
    if named is None:
        return True
    axis, indices = named
    parts = w.slices(axis)
    whole = [i for i, part in enumerate(parts) if part.right.all()]
    others = [i for i in range(len(parts)) if i not in indices]
    if (whole if kind == "right" else others) != (indices if kind == "right" else whole):
        return False
    # Without "everywhere" it is true of each sample and head by itself.
    dim = w.got.dim()
    outer = list(range(min(axis, dim - 2))) if dim > 1 else []
    if ever or everywhere or not outer:
        return True
    each = w.right.flatten(0, len(outer) - 1).unbind(0)
    inner = axis - len(outer)
    for one in each:
        flags = one.movedim(inner, 0).reshape(one.shape[inner], -1).all(-1)
        if flags.nonzero().flatten().tolist() != whole:
            return False
    return True


def _sides(w):
    rows, columns = w.right.shape[-2:]
    shift = columns - rows
    place = torch.arange(columns)[None] - torch.arange(rows)[:, None] - shift
    return place.expand_as(w.right)


@reads(rf"right on and (below|above) {DIAGONAL}, (?:wrong|all (.*)) \w+ it")
def _(w, side, filling):
    place = _sides(w)
    right = place <= 0 if side == "below" else place >= 0
    filled = not filling or holds(f"every wrong entry is {filling}", w)
    return torch.equal(w.right, right) and filled


@reads(rf"(wrong|right) on {DIAGONAL} only")
def _(w, kind):
    return torch.equal(w.right, (_sides(w) == 0) == (kind == "right"))


@reads(rf"wrong only one step (above|below) {DIAGONAL}")
def _(w, side):
    return torch.equal(~w.right, _sides(w) == (1 if side == "above" else -1))


@reads(rf"all that is wrong stands (above|below) {DIAGONAL}")
def _(w, side):
    place = _sides(w)[~w.right]
    return (place > 0).all() if side == "above" else (place < 0).all()
