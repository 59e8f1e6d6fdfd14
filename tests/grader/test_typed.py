"""A call is told as one would type it, and an object by what it has met."""

from __future__ import annotations

import pytest
import torch

from grader.calls import Call, Earlier, Recorded, Value
from grader.contracts import contract_of
from grader.typed import call_text, inputs
from grader.worker.wire import Handle


class RollingKVCache:
    def __init__(self, window):
        self.position = 0

    position: int

    def append(self, k, v=None):
        return k

    def __len__(self):
        return 0


def attend(q, cache, *, scale=1.0):
    return q


CONTRACTS = {"RollingKVCache": RollingKVCache, "attend": attend}
Q = torch.ones(2, 3)
CACHE = Earlier(0)


def contract(call):
    return contract_of(CONTRACTS, call.function)


@pytest.mark.parametrize(
    "call, text",
    [
        (Call("RollingKVCache", (4,)), "RollingKVCache(4)"),
        (Call("RollingKVCache.append", (CACHE, Q), {"v": Q}), "cache.append(k, v=v)"),
        (Call("RollingKVCache.append", (CACHE, 3)), "cache.append(3)"),
        (Call("RollingKVCache.__len__", (CACHE,)), "len(cache)"),
        (Call("RollingKVCache.position", (CACHE,), mode="attribute"), "cache.position"),
        (Call("RollingKVCache.append", (CACHE, Q), mode="kept"), "cache.append(k)"),
        (Call("RollingKVCache.append", (Earlier(1),), mode="read"),
         "what append returned before, looked at again"),
        (Call("attend", (Earlier(2),), mode="read"),
         "what attend returned before, looked at again"),
        (Call("RollingKVCache.append", (CACHE, Q), mode="gradients"),
         "the gradients of cache.append(k)"),
        (Call("attend", (Q, CACHE), {"scale": 2.0}), "attend(q, cache, scale=2)"),
        (Call("attend", (Q, CACHE), mode="arguments_after"),
         "the arguments after attend(q, cache)"),
    ],
)  # fmt: skip
def test_a_call_is_told_as_one_would_type_it(call, text):
    assert call_text(call, contract(call)) == text


def test_an_object_is_told_by_the_calls_it_has_met():
    made, met = Call("RollingKVCache", (4,)), []
    before = [Recorded(made, Value(Handle(0, "RollingKVCache")))]
    before.append(Recorded(Call("RollingKVCache", (4,)), Value(Handle(1, "RollingKVCache"))))
    for call in (
        Call("RollingKVCache.__len__", (CACHE,)),
        Call("attend", (torch.ones(4, 3), CACHE)),
        Call("attend", (Q, Earlier(1))),  # another's
        Call("attend", (torch.ones(1, 3), CACHE)),
        Call("RollingKVCache.append", (CACHE, Q)),
    ):
        met.append(Recorded(call, Value(Q)))
    call = Call("attend", (Q, CACHE), {"scale": None})
    told = dict(inputs(call, contract(call), [*before, *met]))
    assert told == {
        "q": "1  1  1\n1  1  1",
        "cache": "RollingKVCache(4), then attend of (4, 3), of (1, 3), append of (2, 3)",
    }
    assert dict(inputs(call, contract(call), before))["cache"] == "RollingKVCache(4)"


def test_what_is_done_twice_to_an_object_is_told_twice():
    free = Recorded(Call("RollingKVCache.free", (CACHE, "a")), Value(None))
    made = Recorded(Call("RollingKVCache", (4,)), Value(Handle(0, "RollingKVCache")))
    told = dict(inputs(Call("attend", (Q, CACHE)), attend, [made, free, free]))
    assert told["cache"] == "RollingKVCache(4), then free('a'), free('a')"


def test_an_object_that_was_part_of_a_result_is_told_by_whose():
    before = [Recorded(Call("step", (Q,)), Value((Q, Handle(0, "State"))))]
    call = Call("attend", (Q, Earlier(0, (1,))))
    assert dict(inputs(call, attend, before))["cache"] == "part of what step returned"
    assert dict(inputs(call, attend, []))["cache"] == "an object"
