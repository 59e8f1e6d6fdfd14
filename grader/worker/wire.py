"""The wire: a closed set of types as a JSON header and raw tensor bytes, never pickle.

A frame is a prefix (magic, length of the header, length of the body), a header and a
body. The header is a JSON tree of the message; the body holds the bytes of its tensors
one after the other. Everything a header claims is checked before anything is allocated
for it, and reading a frame has two outcomes: a value, or one `WireError`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from grader.worker.tensors import (
    MAX_BODY,
    Fill,
    TensorHeader,
    Unsendable,
    WireError,
    as_sent,
    bytes_of,
    checked,
    describe,
    filled,
    size_of,
)

__all__ = ["Fill", "Handle", "Unsendable", "WireError", "frame", "read"]

MAGIC = b"agw1"
PREFIX = struct.Struct(">4sIQ")

MAX_HEADER = 1 << 20  # bytes
MAX_NODES = 20_000
MAX_DEPTH = 24
MAX_INT_BITS = 1024
SMALL = 1 << 16  # bytes of a body that is copied to be written in one piece
MAX_TEXT = 1 << 17  # characters

encoded = json.JSONEncoder(separators=(",", ":")).encode
decoded = json.JSONDecoder().decode


@dataclass(frozen=True)
class Handle:
    """A name for an object that stays on its own side of the wire."""

    number: int
    type_name: str


Keep = Callable[[object], Handle | None]  # a handle for an object that may stay, or None
Resolve = Callable[[Handle], object]


def _keep_nothing(value: object) -> Handle | None:
    return None


def _resolve_nothing(handle: Handle) -> object:
    return handle


# -- writing -------------------------------------------------------------------


@dataclass
class _Encoder:
    keep: Keep
    tensors: list[torch.Tensor] = field(default_factory=list)
    seen: dict[int, int] = field(default_factory=dict)
    nodes: int = 0

    def node(self, value: Any, depth: int = 0) -> Any:
        """The JSON tree of a value, decided on its exact type."""
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            raise Unsendable("a value with too many parts")
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            return _sendable_int(value)
        if kind is str:
            return value[:MAX_TEXT]
        if kind is list or kind is tuple:
            return [kind.__name__, *(self.node(part, depth + 1) for part in value)]
        if kind is dict:
            return ["dict", *(self.pair(key, part, depth + 1) for key, part in value.items())]
        if kind is torch.Tensor or kind is torch.nn.Parameter:
            return self.tensor(value)
        handle = value if kind is Handle else self.keep(value)
        if handle is None:
            raise Unsendable(_type_name(kind))
        return ["handle", handle.number, handle.type_name]

    def pair(self, key: Any, value: Any, depth: int) -> list[Any]:
        if type(key) is not str:
            raise Unsendable(f"a dict with a key of type {_type_name(type(key))}")
        return [key[:MAX_TEXT], self.node(value, depth)]

    def tensor(self, tensor: torch.Tensor) -> list[Any]:
        if id(tensor) in self.seen:
            return ["again", self.seen[id(tensor)]]
        fields = describe(tensor)
        self.seen[id(tensor)] = len(self.tensors)
        self.tensors.append(tensor)
        return ["tensor", *fields]


def _type_name(kind: type) -> str:
    module = getattr(kind, "__module__", "")
    name = getattr(kind, "__qualname__", "?")
    return name if module == "builtins" else f"{module}.{name}"


def _sendable_int(value: int) -> int:
    if value.bit_length() > MAX_INT_BITS:
        raise Unsendable("an int of more than 1024 bits")
    return value


def frame(number: int, message: Any, keep: Keep = _keep_nothing) -> list[bytes | memoryview]:
    """A message as the buffers to be written in turn.

    Raises `Unsendable` for a value outside the closed set.
    """
    encoder = _Encoder(keep)
    try:
        tree = encoder.node(message)
        header = encoded([number, tree]).encode("ascii")
    except RecursionError:
        raise Unsendable("a value with too many parts") from None
    length = sum(size_of(tensor) for tensor in encoder.tensors)
    if len(header) > MAX_HEADER or length > MAX_BODY:  # before the bytes are laid out
        raise Unsendable("a value that is too large")
    bodies = [bytes_of(tensor) for tensor in encoder.tensors]
    buffers: list[bytes | memoryview] = [
        PREFIX.pack(MAGIC, len(header), length) + header,
        *(body for body in bodies if len(body)),
    ]
    # Most frames are small: one write wakes the other side once.
    return [b"".join(buffers)] if length < SMALL else buffers


# -- reading -------------------------------------------------------------------


def _tensor_headers(tree: Any) -> Iterator[TensorHeader]:
    """The headers of all tensors in the order of the body, while the tree is checked."""
    stack, nodes = [(tree, 0)], 0
    while stack:
        node, depth = stack.pop()
        nodes += 1
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            raise WireError("too many parts")
        if type(node) is not list:
            if type(node) is dict:
                raise WireError("unknown node")
            continue
        # Comparing tags one by one, the frequent ones first: half the time of `match`.
        tag = node[0] if node else None
        if tag == "dict":
            pairs = node[1:]
            if not all(_is_pair(pair) for pair in pairs):
                raise WireError("a dict's entry is not a pair")
            stack.extend((pair[1], depth + 1) for pair in reversed(pairs))
        elif tag == "tuple" or tag == "list":
            stack.extend((part, depth + 1) for part in node[:0:-1])
        elif tag == "tensor":
            yield checked(node[1:])
        elif not _is_reference(node):
            raise WireError("unknown node")


def _is_pair(pair: Any) -> bool:
    return type(pair) is list and len(pair) == 2 and type(pair[0]) is str


def _is_reference(node: list[Any]) -> bool:
    """Whether a node names a tensor sent before, or an object that stays where it is."""
    kinds = [type(part) for part in node]
    return (kinds == [str, int] and node[0] == "again") or (
        kinds == [str, int, str] and node[0] == "handle"
    )


def read(
    fill: Fill,
    *,
    faithful: bool = False,
    resolve: Resolve = _resolve_nothing,
    most: int = MAX_BODY,
    cuda: bool = True,
) -> Any:
    """The next frame as (number, message).

    faithful: rebuild strides and requires_grad as the header says them (the worker does,
    for the grader's arguments); otherwise tensors come contiguous and without gradient.
    most: bytes a body may have. cuda: whether tensors may be put on such a device.
    Raises `WireError`, and whatever `fill` raises when the bytes end or time is up.
    """
    prefix = bytearray(PREFIX.size)
    fill(memoryview(prefix))
    magic, header_length, body_length = PREFIX.unpack(prefix)
    if magic != MAGIC or header_length > MAX_HEADER or body_length > most:
        raise WireError("not a frame of this wire")
    raw = bytearray(header_length)
    fill(memoryview(raw))
    try:
        number, tree = decoded(raw.decode("ascii"))
        headers = list(_tensor_headers(tree))
    except (ValueError, TypeError, RecursionError) as error:
        raise WireError(f"an unreadable header: {type(error).__name__}") from None
    if type(number) is not int or sum(header.size for header in headers) != body_length:
        raise WireError("the body is not as long as the header says")
    if not cuda and any(header.device.startswith("cuda") for header in headers):
        raise WireError("a tensor on a device that was not given")
    tensors = [filled(header, fill) for header in headers]
    if faithful:
        tensors = [as_sent(t, h) for t, h in zip(tensors, headers, strict=True)]
    return number, _value(tree, iter(tensors), tensors, resolve)


def _value(
    node: Any, fresh: Iterator[torch.Tensor], tensors: list[torch.Tensor], resolve: Resolve
) -> Any:
    """The value of a tree whose shape `_tensor_headers` has checked."""
    if type(node) is not list:
        return node
    tag = node[0]
    if tag == "dict":
        return {key: _value(part, fresh, tensors, resolve) for key, part in node[1:]}
    if tag == "tuple":
        return tuple([_value(part, fresh, tensors, resolve) for part in node[1:]])
    if tag == "list":
        return [_value(part, fresh, tensors, resolve) for part in node[1:]]
    if tag == "tensor":
        return next(fresh)
    if tag == "handle":
        return resolve(Handle(node[1], node[2]))
    if not 0 <= node[1] < len(tensors):
        raise WireError("a tensor that was not sent")
    return tensors[node[1]]
