"""The wire: a closed set of types as a JSON header and raw tensor bytes, never pickle.

A frame is a prefix (magic, length of the header, length of the body), a header and a
body. The header is JSON: the frame's number, what there is to know of each tensor, and
the message as a tree that names tensors by their place. The body holds the bytes of the
tensors one after the other. Everything a header claims of a tensor is checked before
anything is allocated for it, and reading a frame has two outcomes: a value, or one
`WireError`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from grader.worker.tensors import (
    MAX_BODY,
    Fill,
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
MAX_PARTS = 20_000
MAX_DEPTH = 24
MAX_INT_BITS = 1024
SMALL = 1 << 16  # bytes of a body that is copied to be written in one piece
MAX_TEXT = 1 << 17  # characters

# A tree is no deeper than MAX_DEPTH: there is no circle to be looked for.
encoded = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
decoded = json.JSONDecoder().raw_decode


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
    places: dict[int, int] = field(default_factory=dict)  # of each tensor, by its id
    parts: int = 0

    def node(self, value: Any, depth: int = 0) -> Any:
        """The JSON tree of a value, decided on its exact type."""
        self.parts += 1
        if self.parts > MAX_PARTS or depth > MAX_DEPTH:
            raise Unsendable("a value with too many parts")
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is str:
            return value[:MAX_TEXT]
        if kind is int:
            return _sendable_int(value)
        depth += 1
        if kind is list or kind is tuple:
            return [kind.__name__, *[self.node(part, depth) for part in value]]
        if kind is dict:
            return {_sendable_key(key): self.node(part, depth) for key, part in value.items()}
        if kind is torch.Tensor or kind is torch.nn.Parameter:
            return self.tensor(value)
        handle = value if kind is Handle else self.keep(value)
        if handle is None:
            raise Unsendable(_type_name(kind))
        return ["handle", handle.number, handle.type_name]

    def tensor(self, tensor: torch.Tensor) -> list[Any]:
        """The tensor by its place: one passed twice is sent once and arrives as one."""
        place = self.places.setdefault(id(tensor), len(self.tensors))
        if place == len(self.tensors):
            self.tensors.append(tensor)
        return ["tensor", place]


def _type_name(kind: type) -> str:
    module = getattr(kind, "__module__", "")
    name = getattr(kind, "__qualname__", "?")
    return name if module == "builtins" else f"{module}.{name}"


def _sendable_int(value: int) -> int:
    if value.bit_length() > MAX_INT_BITS:
        raise Unsendable("an int of more than 1024 bits")
    return value


def _sendable_key(key: Any) -> str:
    if type(key) is not str:
        raise Unsendable(f"a dict with a key of type {_type_name(type(key))}")
    return key[:MAX_TEXT]


def frame(number: int, message: Any, keep: Keep = _keep_nothing) -> list[bytes | memoryview]:
    """A message as the buffers to be written in turn.

    Raises `Unsendable` for a value outside the closed set.
    """
    encoder = _Encoder(keep)
    try:
        tree = encoder.node(message)
        claims = [describe(tensor) for tensor in encoder.tensors]
        header = encoded([number, claims, tree]).encode("ascii")
    except RecursionError:
        raise Unsendable("a value with too many parts") from None
    length = sum([size_of(tensor) for tensor in encoder.tensors])
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


@dataclass
class _Decoder:
    tensors: list[torch.Tensor]
    resolve: Resolve
    parts: int = 0

    def value(self, node: Any, depth: int = 0) -> Any:
        """The value of a JSON tree; raises `WireError` for a node that `_Encoder` never makes."""
        self.parts += 1
        if self.parts > MAX_PARTS or depth > MAX_DEPTH:
            raise WireError("too many parts")
        kind = type(node)
        depth += 1
        if kind is dict:
            return {key: self.value(part, depth) for key, part in node.items()}
        if kind is not list:
            return node
        tag = node[0] if node else None
        if tag == "tuple":
            return tuple([self.value(part, depth) for part in node[1:]])
        if tag == "list":
            return [self.value(part, depth) for part in node[1:]]
        kinds = [type(part) for part in node[1:]]
        if tag == "tensor" and kinds == [int]:
            if not 0 <= node[1] < len(self.tensors):
                raise WireError("a tensor that was not sent")
            return self.tensors[node[1]]
        if tag == "handle" and kinds == [int, str]:
            return self.resolve(Handle(node[1], node[2]))
        raise WireError("unknown node")


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
        (number, claims, tree), end = decoded(raw.decode("ascii"))
        if end < header_length:
            raise WireError("more than a header")
        if len(claims) > MAX_PARTS:
            raise WireError("too many tensors")
        headers = [checked(fields) for fields in claims]
    except (ValueError, TypeError, RecursionError) as error:
        raise WireError(f"an unreadable header: {type(error).__name__}") from None
    if type(number) is not int or sum([header.size for header in headers]) != body_length:
        raise WireError("the body is not as long as the header says")
    if not cuda and any([header.device.startswith("cuda") for header in headers]):
        raise WireError("a tensor on a device that was not given")
    tensors = [filled(header, fill) for header in headers]
    if faithful:
        tensors = [as_sent(t, h) for t, h in zip(tensors, headers, strict=True)]
    return number, _Decoder(tensors, resolve).value(tree)
