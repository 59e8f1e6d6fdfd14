"""The wire carries a closed set of types exactly, and anything else ends in one error."""

from __future__ import annotations

import contextlib
import io
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.worker import wire
from grader.worker.tensors import MAX_BODY

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**200), 2**200), st.floats(), st.text(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
    ),
    max_leaves=12,
)


def reader(data: bytes):
    stream = io.BytesIO(data)

    def fill(view: memoryview) -> None:
        chunk = stream.read(len(view))
        if len(chunk) < len(view):
            raise EOFError
        view[:] = chunk

    return fill


def there(value, **options):
    frame = b"".join(bytes(buffer) for buffer in wire.frame(7, value))
    number, back = wire.read(reader(frame), **options)
    assert number == 7
    return back


def framed(header: object, body: bytes = b"") -> bytes:
    raw = json.dumps(header).encode()
    return wire.PREFIX.pack(wire.MAGIC, len(raw), len(body)) + raw + body


PLAIN = ["float32", [2], [1], False, "cpu"]


def claiming(dtype="float32", shape=(2,), strides=(1,), grad=False, device="cpu", body=0) -> bytes:
    """A frame of one tensor of which the header claims this."""
    claim = [dtype, list(shape), list(strides), grad, device]
    return framed([1, [claim], ["tensor", 0]], bytes(body))


@given(values)
@settings(deadline=None, derandomize=True)
def test_plain_values_come_back_equal_and_of_the_same_type(value):
    assert repr(there(value)) == repr(value)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(3.5),
        torch.zeros(0, 4),
        torch.tensor([[True, False]]),
        torch.tensor([1.5, math.inf, -math.inf, math.nan], dtype=torch.float16),
        torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        torch.arange(24, dtype=torch.int64).reshape(2, 3, 4).transpose(0, 2),
        torch.tensor([1 + 2j]),
        torch.tensor([1 + 2j]).conj(),
        torch.tensor([1 + 2j]).conj().imag,
    ],
    ids=[
        "scalar",
        "empty",
        "bool",
        "specials",
        "bfloat16",
        "transposed",
        "complex",
        "conjugate",
        "negative",
    ],
)
def test_a_tensor_comes_back_bit_for_bit(tensor):
    back = there(tensor)
    assert back.dtype == tensor.dtype and back.shape == tensor.shape
    assert (
        torch.equal(back.nan_to_num(9.0), tensor.nan_to_num(9.0))
        if (tensor.is_floating_point())
        else torch.equal(back, tensor)
    )


def test_a_faithful_reader_rebuilds_strides_and_requires_grad():
    transposed = torch.arange(6.0).reshape(2, 3).mT.requires_grad_()
    expanded = torch.tensor([[1.0], [2.0]]).expand(2, 5)
    back, wide = there((transposed, expanded), faithful=True)
    assert back.stride() == (1, 3) and back.requires_grad and torch.equal(back, transposed)
    assert wide.stride() == (1, 0) and torch.equal(wide, expanded)


def test_one_tensor_passed_twice_arrives_as_one_object():
    x = torch.ones(2)
    first, [second], other = there((x, [x], torch.ones(2)))
    assert first is second and first is not other


def test_a_contiguous_tensor_may_come_without_strides_gradient_and_device():
    frame = framed([1, [["float32", [2, 1]]], ["tensor", 0]], b"\0\0\x80\x3f\0\0\0\x40")
    for faithful in (True, False):
        _, tensor = wire.read(reader(frame), faithful=faithful)
        assert torch.equal(tensor, torch.tensor([[1.0], [2.0]])) and not tensor.requires_grad


def test_a_meta_tensor_has_no_bytes():
    frame = wire.frame(1, torch.empty(10**6, device="meta"))
    assert len(frame) == 1
    assert there(torch.empty(3, 4, device="meta")).device.type == "meta"


class Sub(torch.Tensor):
    """A tensor that lies."""


@pytest.mark.parametrize(
    "value, named",
    [
        (torch.ones(2).numpy(), "numpy.ndarray"),
        (torch.ones(2).as_subclass(Sub), "Sub"),
        ({1: 2}, "key of type int"),
        (1 << 5000, "1024 bits"),
        ({2, 3}, "set"),
        (torch.ones(2).to_sparse(), "not dense"),
        ([[[]]] * 20_000, "too many parts"),
    ],
    ids=["array", "subclass", "int key", "huge int", "set", "sparse", "parts"],
)
def test_a_value_outside_the_closed_set_is_named_by_its_type(value, named):
    with pytest.raises(wire.Unsendable, match=named):
        wire.frame(1, value)


def test_an_object_may_stay_behind_a_handle():
    class Cache:
        pass

    kept = []

    def keep(value):
        kept.append(value)
        return wire.Handle(0, "Cache")

    frame = b"".join(map(bytes, wire.frame(1, [Cache()], keep)))
    assert wire.read(reader(frame))[1] == [wire.Handle(0, "Cache")]
    resolved = wire.read(reader(frame), resolve=lambda handle: kept[handle.number])[1]
    assert resolved == kept


@pytest.mark.parametrize(
    "frame",
    [
        b"nope" + bytes(12),
        b"agw0" + framed([1, [], None])[4:],
        wire.PREFIX.pack(wire.MAGIC, 1 << 30, 0),
        wire.PREFIX.pack(wire.MAGIC, 4, 1 << 60),
        framed([1, [], ["shell", "rm"]]),
        framed([1, [], []]),
        framed([1, [], [["tuple"]]]),
        framed([1, [], {"a": ["tensor", 0]}]),
        framed([1, [PLAIN], ["tensor"]], bytes(8)),
        framed([1, [PLAIN], ["tensor", 1]], bytes(8)),
        framed([1, [PLAIN], ["tensor", -1]], bytes(8)),
        framed([1, [PLAIN], ["tensor", False]], bytes(8)),
        framed([1, [PLAIN], ["tensor", 0, 0]], bytes(8)),
        framed([1, [], ["handle", 0]]),
        framed([1, [], ["handle", "0", "Tensor"]]),
        framed([1, ["tensor"], None]),
        framed([1, {"tensor": PLAIN}, None]),
        framed([1, 1, None]),
        framed([1, [["uint8", [0], [1], False, "cpu"]] * 20_001, None]),
        framed({"no": 1, "number": 2, "here": 3}),
        framed([1]),
        framed([1, []]),
        framed(["one", [], None]),
        framed([True, [], None]),
        framed([1, [["float32"]], None]),
        framed([1, [["float32", [2], [1]]], None], bytes(8)),
        framed([1, [["float99", [2]]], None], bytes(8)),
        framed([1, [["float32", [-2]]], None], bytes(8)),
        framed([1, [["float32", [1 << 40]]], None]),
        framed([1, [["float32", [2]]], None], bytes(9)),
        wire.PREFIX.pack(wire.MAGIC, 13, 0) + b"[1,[],null] 1",
        claiming("float99", body=8),
        claiming("object", body=8),
        claiming(shape=(-2,), body=8),
        claiming(shape=(2.0,), body=8),
        claiming(shape=(True,), body=4),
        claiming(shape=(1 << 40,)),
        claiming(shape=(1 << 20, 1 << 20), strides=(1, 1)),
        claiming(strides=(1 << 29,), body=8),
        claiming(shape=(1,) * 13, strides=(1,) * 13, body=4),
        claiming(strides=(), body=8),
        claiming(device="cuda:999", body=8),
        claiming(device="../cpu", body=8),
        claiming(grad="yes", body=8),
        claiming(body=7),
        claiming(body=9),
        wire.PREFIX.pack(wire.MAGIC, 3, 0) + b"{{{",
        wire.PREFIX.pack(wire.MAGIC, 2, 0) + b"\xff\xff",
        wire.PREFIX.pack(wire.MAGIC, 100_000, 0) + b"[" * 100_000,
        wire.PREFIX.pack(wire.MAGIC, 5000, 0) + b"9" * 5000,
        framed([1, [], ["list", *[0] * 30_000]]),
        framed([1, [], json.loads('["list",' * 30 + "0" + "]" * 30)]),
        framed([1, [], json.loads('{"a":' * 30 + "0" + "}" * 30)]),
    ],
)
def test_a_frame_that_breaks_the_rules_is_one_error(frame):
    with pytest.raises(wire.WireError):
        wire.read(reader(frame))


@given(st.binary(max_size=200), st.integers(0, 400))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_damaged_frames_give_a_value_or_one_error_and_allocate_little(noise, place):
    frame = bytearray(framed([3, [PLAIN], {"value": ["list", ["tensor", 0], "text"]}], bytes(8)))
    place %= len(frame)
    frame[place : place + len(noise)] = noise
    with contextlib.suppress(wire.WireError, EOFError):
        wire.read(reader(bytes(frame)))


def test_what_a_header_claims_is_checked_before_anything_is_allocated(monkeypatch):
    claims = claiming(shape=(MAX_BODY // 4,))  # 512 MiB, and no body
    monkeypatch.setattr(torch, "empty", lambda *a, **k: pytest.fail("allocated"))
    with pytest.raises(wire.WireError):
        wire.read(reader(claims))


def test_a_tensor_on_a_device_that_was_not_given_is_never_put_there(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "to", lambda *a, **k: pytest.fail("put on a device"))
    with pytest.raises(wire.WireError):
        wire.read(reader(claiming(device="cuda", body=8)), cuda=False)
