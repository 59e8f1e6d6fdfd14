"""Tensors on the wire: what a header says of one, its bytes, and how it is rebuilt."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

MAX_BODY = 1 << 29  # bytes: twice the largest tensor a suite may pass
MAX_DIMENSIONS = 12

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
        torch.float16, torch.bfloat16, torch.float32, torch.float64,
        torch.complex64, torch.complex128,
    )
}  # fmt: skip
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}
DEVICE = re.compile(r"(cpu|meta|cuda(:\d{1,2})?)\Z")

Fill = Callable[[memoryview], None]  # fills the whole view with the next bytes, or raises


class WireError(Exception):
    """A frame breaks the rules of the wire."""


class Unsendable(Exception):
    """A value is not of the wire's closed set; the text names its type."""


# -- writing -------------------------------------------------------------------


def describe(tensor: torch.Tensor) -> list[Any]:
    """The fields of a tensor's header: dtype, shape, and if need be the rest.

    The rest is strides, requires_grad and device; a contiguous tensor on the CPU that
    requires no gradient, as most are, goes without.
    """
    if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_quantized:
        raise Unsendable("a tensor that is not dense")
    dtype, device = DTYPE_NAMES.get(tensor.dtype), str(tensor.device)
    if dtype is None:
        raise Unsendable(f"a tensor of dtype {tensor.dtype}")
    if not _is_known(device) or tensor.dim() > MAX_DIMENSIONS:
        raise Unsendable(f"a tensor on {device} with {tensor.dim()} dimensions")
    if device == "cpu" and not tensor.requires_grad and tensor.is_contiguous():
        return [dtype, list(tensor.shape)]
    return [dtype, list(tensor.shape), list(tensor.stride()), tensor.requires_grad, device]


def _is_known(device: str) -> bool:
    return device == "cpu" or DEVICE.match(device) is not None


def size_of(tensor: torch.Tensor) -> int:
    """Bytes a tensor takes in a body."""
    return 0 if tensor.is_meta else tensor.numel() * tensor.itemsize


def bytes_of(tensor: torch.Tensor) -> memoryview:
    """The elements in row-major order; a meta tensor has none."""
    if tensor.is_meta or tensor.numel() == 0:
        return memoryview(b"")
    plain = tensor.detach()
    if plain.is_conj() or plain.is_neg():
        plain = plain.resolve_conj().resolve_neg()
    return _memory((plain if plain.is_cpu else plain.cpu()).contiguous())


def _memory(tensor: torch.Tensor) -> memoryview:
    """The bytes of a contiguous tensor on the CPU that has some, to be read or written."""
    if tensor.dtype is torch.bfloat16:  # which NumPy does not know
        tensor = tensor.view(torch.int16)
    return tensor.numpy().data.cast("B")


# -- reading -------------------------------------------------------------------


class TensorHeader(NamedTuple):
    """What a header claims of one tensor, checked."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    size: int  # bytes in the body
    strides: tuple[int, ...] | None = None  # None: contiguous
    requires_grad: bool = False
    device: str = "cpu"


def checked(fields: list[Any]) -> TensorHeader:
    """The header these fields claim; raises `WireError` for a claim that cannot be."""
    if len(fields) not in (2, 5):
        raise WireError("a tensor's header has the wrong number of fields")
    name = fields[0]
    if type(name) is not str or name not in DTYPES:
        raise WireError("unknown dtype")
    dtype, shape = DTYPES[name], _lengths(fields[1])
    size = dtype.itemsize * math.prod(shape)
    if size > MAX_BODY:
        raise WireError("a tensor is too large")
    if len(fields) == 2:
        return TensorHeader(dtype, shape, size)
    strides, requires_grad, device = _lengths(fields[2]), fields[3], fields[4]
    if type(device) is not str or not _is_known(device) or type(requires_grad) is not bool:
        raise WireError("unknown device")
    if len(strides) != len(shape):
        raise WireError("shape and strides differ in length")
    span = 1
    for length, stride in zip(shape, strides, strict=True):
        span += max(length - 1, 0) * stride
    if span * dtype.itemsize > MAX_BODY:
        raise WireError("a tensor is too large")
    size = 0 if device == "meta" else size
    return TensorHeader(dtype, shape, size, strides, requires_grad, device)


def _lengths(numbers: Any) -> tuple[int, ...]:
    if type(numbers) is not list or len(numbers) > MAX_DIMENSIONS:
        raise WireError("too many dimensions")
    for number in numbers:
        if type(number) is not int or not 0 <= number <= MAX_BODY:
            raise WireError("a dimension is not a length")
    return tuple(numbers)


def filled(header: TensorHeader, fill: Fill) -> torch.Tensor:
    """A contiguous tensor on the header's device, its bytes read by `fill`."""
    try:
        device = "meta" if header.device == "meta" else "cpu"
        tensor = torch.empty(header.shape, dtype=header.dtype, device=device)
    except RuntimeError as error:
        raise WireError("a tensor cannot be made") from error
    if header.size:
        fill(_memory(tensor))
    if header.device == device:
        return tensor
    try:
        return tensor.to(header.device)
    except (RuntimeError, AssertionError) as error:  # a device that is not there
        raise WireError(f"a tensor on {header.device}") from error


def as_sent(tensor: torch.Tensor, header: TensorHeader) -> torch.Tensor:
    """The tensor with the strides and requires_grad that its sender's had."""
    if header.strides is not None and tensor.stride() != header.strides:
        lengths = zip(header.shape, header.strides, strict=True)
        narrow = tuple(min(n, 1) if stride == 0 else n for n, stride in lengths)
        rebuilt = torch.empty_strided(
            narrow, header.strides, dtype=header.dtype, device=tensor.device
        )
        if tensor.numel():
            rebuilt.copy_(tensor[tuple(slice(0, n) for n in narrow)])
        tensor = rebuilt.expand(header.shape)
    return tensor.requires_grad_() if header.requires_grad else tensor
