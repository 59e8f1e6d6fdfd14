"""Does every tensor a function makes follow its inputs' device? Found without any GPU.

On a GPU, a tensor that was made without being told a device lies on the CPU, and the
first operation that brings it together with the inputs fails. Here everything lies on the
CPU and nothing fails, so a function mode keeps the books: what a factory makes without a
device is *elsewhere*, and so is what is computed from it alone; where it meets what came
from the inputs, or is returned, it has strayed. A scalar tensor may meet anything, as it
may on a GPU, and what is moved to the inputs' device is at home again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from grader.worker.parts import copied, tensors_in

FACTORIES = frozenset(
    getattr(torch, name)
    for name in (
        "arange", "as_tensor", "asarray", "empty", "eye", "full", "linspace",
        "logspace", "normal", "ones", "rand", "randint", "randn", "randperm", "tensor",
        "tril_indices", "triu_indices", "zeros",
    )
)  # fmt: skip


class _Books(TorchFunctionMode):
    """Which tensors are elsewhere, by what call they were made, and which have strayed."""

    def __init__(self, asked_for: str | None) -> None:
        super().__init__()
        self.asked_for = asked_for  # the caller's `device`, which may be handed on
        self.elsewhere: dict[int, tuple[torch.Tensor, str]] = {}  # kept, so that ids stay theirs
        self.strayed: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func is torch.Tensor.cpu and result is args[0]:
            result = result.view_as(result)  # on a GPU a copy: only one of the two is elsewhere
        origin = self._origin(func, args, kwargs, result)
        for tensor in tensors_in(result):
            if origin is not None:
                self.elsewhere[id(tensor)] = (tensor, origin)
            else:  # moved home, which on one device gives the very same object
                self.elsewhere.pop(id(tensor), None)
        return result

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """The books are kept; `from_numpy`, which calls no function mode, writes in them itself."""
        real = torch.from_numpy

        def from_numpy(ndarray: Any) -> torch.Tensor:
            made = real(ndarray)
            self.elsewhere[id(made)] = (made, _call(real, made))
            return made

        torch.from_numpy = from_numpy
        try:
            with self:
                yield
        finally:
            torch.from_numpy = real

    def origin_of(self, tensor: torch.Tensor) -> str | None:
        """The call that made a tensor elsewhere; None for one that is at home."""
        kept = self.elsewhere.get(id(tensor))
        return kept[1] if kept else None

    def _origin(self, func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> str | None:
        """Where the result of one call is: at home (None), or elsewhere, made by this call."""
        given = list(tensors_in([args, kwargs]))
        away = [tensor for tensor in given if self.origin_of(tensor)]
        at_home = len(away) < len(given)
        if func in FACTORIES:
            return self._made(func, kwargs, result, at_home)
        if func is torch.Tensor.cpu and at_home:
            return _call(func, given[0])
        if func is torch.Tensor.numpy and at_home:  # which a GPU refuses
            self.strayed.append(_call(func, given[0]))
            return self.strayed[-1]
        if func is torch.Tensor.to or func is torch.Tensor.type_as:
            return self._moved(func, args, kwargs)
        if func is torch.Tensor.__getitem__ or func is torch.Tensor.__setitem__:
            return self.origin_of(args[0])  # indices may lie on the CPU
        if away and at_home:
            self.strayed += [self.elsewhere[id(tensor)][1] for tensor in away if tensor.dim()]
            return None
        return self.origin_of(away[0]) if away else None

    def _made(self, func: Any, kwargs: dict[str, Any], result: Any, at_home: bool) -> str | None:
        told = kwargs.get("device")
        follows = at_home if told is None else not self._is_written_out(told)
        return None if follows else _call(func, result)

    def _moved(self, func: Any, args: Any, kwargs: dict[str, Any]) -> str | None:
        for told in (*args[1:], kwargs.get("device"), kwargs.get("other")):
            if isinstance(told, torch.Tensor):
                return self.origin_of(told)
            if isinstance(told, (str, torch.device)):
                return _call(func, args[0]) if self._is_written_out(told) else None
        return self.origin_of(args[0])  # a change of dtype moves nothing

    def _is_written_out(self, told: Any) -> bool:
        """Whether a device is a text of the function's own, not the caller's handed on."""
        return type(told) is str and told is not self.asked_for


def _call(func: Any, tensor: torch.Tensor) -> str:
    """A call in words: its name and the shape of what it makes."""
    return f"{func.__name__}{tuple(tensor.shape)}"


def strays(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[str]:
    """The calls whose tensors do not follow the inputs' device, as "zeros(4, 3)"; empty if none.

    Raises what the function raises, unless a stray was seen before.
    """
    args, kwargs = copied((args, kwargs))
    home = next(tensors_in([args, kwargs]), torch.empty(0)).device
    if "device" in kwargs:  # an object of its own, to be told from a device written out
        home = torch.device(kwargs["device"])
        kwargs = kwargs | {"device": "".join(list(str(kwargs["device"])))}
    books = _Books(kwargs.get("device"))
    try:
        with books.keeping():
            results = list(tensors_in(function(*args, **kwargs)))
    except Exception:
        if not books.strayed:
            raise
        results = []
    for tensor in results:
        origin = books.origin_of(tensor)
        if origin is not None:
            books.strayed.append(origin)
        elif tensor.device.type != home.type:
            books.strayed.append(f"a result on {tensor.device.type}")
    return list(dict.fromkeys(books.strayed))
