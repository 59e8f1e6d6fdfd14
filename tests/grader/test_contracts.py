"""What may be asked of an exercise is read off its reference."""

from __future__ import annotations

import inspect

import pytest

from grader.contracts import argument_at, contract_of, members_of, with_methods


class Kept:
    """A class as a reference has it."""

    position: int

    def __init__(self, room: int = 3) -> None:
        self.position = 0

    def append(self, k, v):
        return self._joined(k, v)

    def __len__(self):
        return 0

    def __repr__(self):
        return "kept"

    @property
    def is_full(self):
        return False

    def _joined(self, k, v):
        return k, v


class Rolling(Kept):
    """One that is derived from another."""

    def roll(self):
        return None


def halve(x, *, scale=None):
    return x / 2


CONTRACTS = {"halve": halve, "Rolling": Rolling}


def test_methods_are_called_and_attributes_are_not():
    assert members_of(Kept) == {
        "position": False, "append": True, "__len__": True, "is_full": False
    }  # fmt: skip


def test_what_a_class_inherits_is_its_own():
    assert members_of(Rolling) == members_of(Kept) | {"roll": True}


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("halve", ["x", "scale"]),
        ("Rolling", ["room"]),
        ("Rolling.append", ["self", "k", "v"]),
        ("Rolling.__len__", ["self"]),
        ("Rolling.is_full", ["self"]),
        ("Rolling.position", ["self"]),
    ],
)
def test_a_contract_tells_the_parameters_of_whatever_may_be_asked(name, parameters):
    contract = contract_of(CONTRACTS, name)
    assert contract is not None and list(inspect.signature(contract).parameters) == parameters


@pytest.mark.parametrize(
    "name", ["double", "Rolling._joined", "Rolling.__init__", "Rolling.__class__", "Rolling.",
             "halve.__globals__", "halve.", "", "Rolling.append.__globals__"],
)  # fmt: skip
def test_there_is_no_contract_for_anything_else(name):
    assert contract_of(CONTRACTS, name) is None


def test_methods_stand_beside_functions_and_classes():
    assert set(with_methods(CONTRACTS)) == {
        "halve", "Rolling", "Rolling.append", "Rolling.__len__", "Rolling.roll"
    }  # fmt: skip


@pytest.mark.parametrize(
    "path, name", [("0", "x"), ("0.w", "x.w"), ("scale", "scale"), ("7", "7"), ("123", "123")]
)
def test_a_place_among_the_arguments_has_the_parameters_name(path, name):
    assert argument_at(path, halve) == name
