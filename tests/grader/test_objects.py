"""Objects stay with whoever made them: their methods are asked, and each call finds its own."""

from __future__ import annotations

import contextlib

import pytest
import torch

from grader.bank import Bank
from grader.calls import Call, Earlier, Missing, Raised, Value
from grader.compare import Different
from grader.course import Course
from grader.errors import CourseFault
from grader.exchange import Allowance
from grader.programs import in_process
from grader.sandbox import open_nursery
from grader.seats import Rules, WorkerSeat
from grader.student import NoValue, Player
from grader.submissions import of_bytes
from grader.suite import leaves_arguments_alone, raises
from grader.worker.objects import Objects, function_named
from grader.worker.wire import Handle

from . import cache_course

K, V = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]])
BOXES = """
import torch

class KVCache:
    '''One that tells of itself.'''
    alive = 0

    def __init__(self):
        KVCache.alive += 1

    def __del__(self):
        KVCache.alive -= 1

    def append(self, k, v):
        k.add_(1)
        return k

    def __len__(self):
        return KVCache.alive

    @property
    def is_empty(self):
        raise ValueError("nobody knows")

def cached_attention(q, k, v, cache):
    return [cache, {"same": cache}, isinstance(cache, KVCache)]
"""


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    course = Course.open(cache_course.lay_out(tmp_path_factory.mktemp("cache")))
    return Bank(course).reference(course.exercise("01"))


@pytest.fixture(scope="module")
def contracts(reference):
    return {name: reference[name] for name in ("KVCache", "cached_attention")}


@pytest.fixture(scope="module")
def nursery():
    with contextlib.closing(open_nursery("apart")) as nursery:
        yield nursery


@pytest.fixture
def seat_of(nursery):
    """Seats a source in a worker, one at a time."""
    allowance = Allowance(cpu_seconds=4, submission_seconds=60, memory_mib=1024, output_kib=64)
    rules = Rules((), (), ("torch", "dataclasses"), "cpu")
    with contextlib.ExitStack() as stack:

        def seated(source):
            stack.close()
            seat = WorkerSeat(of_bytes(source.encode(), "mine.py"), rules, nursery, allowance)
            stack.callback(seat.close)
            assert seat.begin_step(False) is None
            return seat

        yield seated


@pytest.fixture(params=["in a worker", "in this process"])
def player(request, seat_of, contracts, reference):
    """Somebody who plays the student well."""
    if request.param == "in this process":
        return Player("student", contracts, in_process(reference))
    return Player("student", contracts, seat_of(cache_course.LISTS).answerer())


@pytest.fixture
def boxes(seat_of, contracts):
    """A student in a worker whose caches tell of themselves."""
    return Player("student", contracts, seat_of(BOXES).answerer())


def test_an_object_keeps_what_its_methods_are_given(player):
    cache = player.KVCache()
    assert (len(cache), cache.is_empty) == (0, True)
    cache.append(K, V)
    keys, values = cache.append(2 * K, v=2 * V)
    assert keys.tolist() == [[1, 2], [2, 4]] and values.tolist() == [[3], [6]]
    assert (len(cache), cache.is_empty) == (2, False)
    assert len(player.KVCache()) == 0  # another one has met nothing


def test_an_object_is_given_to_functions(player):
    cache = player.KVCache()
    cache.append(K, V)
    out = player.cached_attention(K, K, 5 * V, cache)
    assert out.tolist() == [[9.0]]  # the mean of 3 and 15: both keys are the query
    assert len(cache) == 2


def test_calls_are_recorded_with_the_call_that_gave_the_object(player):
    first, second = player.KVCache(), player.KVCache()
    second.append(K, V)
    len(first)
    assert second.is_empty is False
    asked = [
        (one.call.function, one.call.mode, [a for a in one.call.args if type(a) is Earlier])
        for one in player.recorded
    ]
    assert asked == [
        ("KVCache", "value", []),
        ("KVCache", "value", []),
        ("KVCache.append", "value", [Earlier(1)]),
        ("KVCache.__len__", "value", [Earlier(0)]),
        ("KVCache.is_empty", "attribute", [Earlier(1)]),
    ]


def test_what_a_method_is_given_is_recorded_as_it_was(boxes):
    k = K.clone()
    boxes.KVCache().append(k, V)
    assert boxes.recorded[-1].call.args[1].tolist() == K.tolist()
    assert k.tolist() == K.tolist()


def test_a_result_may_be_kept_and_looked_at_again(player):
    cache = player.KVCache()
    kept = cache.append.kept(K, V)
    cache.append(2 * K, 2 * V)
    keys, values = cache.append.again(kept)
    assert keys.tolist() == K.tolist() and values.tolist() == V.tolist()
    last = player.recorded[-1].call
    assert (last.function, last.mode, last.args) == ("KVCache.append", "read", (Earlier(1),))
    assert cache.append.again(kept[1]).tolist() == V.tolist()
    assert player.recorded[-1].call.args == (Earlier(1, (1,)),)
    assert len(cache.append.again([kept[1], kept[0]])) == 2
    assert player.recorded[-1].call.args == ([Earlier(1, (1,)), Earlier(1, (0,))],)


@pytest.mark.parametrize("forged", [K, (K, V), [Handle(0, "KVCache")], None])
def test_what_is_kept_comes_back_by_handles_and_by_nothing_else(contracts, forged):
    """Or the record would hold what a worker made up, and others would be asked with it."""
    said = iter([Value(Handle(0, "KVCache")), Value(forged)])
    cache = Player("student", contracts, lambda call: next(said)).KVCache()
    with pytest.raises(Different, match="What `KVCache.append\\(\\)` gives is"):
        cache.append.kept(K, V)


STATES = """
class Sum:
    def __init__(self, total): self.total = total

def step(x, state):
    total = x if state is None else x + (state.total if isinstance(state, Sum) else state["sum"])
    return 2 * total, %s
"""


@pytest.mark.parametrize("state", ["Sum(total)", "{'sum': total, 'set': {1, 2}}"])
def test_a_state_of_any_form_may_be_given_on(seat_of, state):
    """Even of one that no wire can carry: it stays where it is."""
    source = STATES % state
    namespace: dict[str, object] = {"__name__": "solutions.state"}
    exec(source, namespace)
    for answerer in (seat_of(source).answerer(), in_process(namespace)):
        student = Player("student", {"step": namespace["step"]}, answerer)
        state = None
        for total in (2, 4, 6):
            out, state = student.step.kept(K[0, :1], state)
            assert student.step.again(out).tolist() == [total]


def test_gradients_and_changed_arguments_of_methods_are_told_by_the_parameters_names(player):
    cache = player.KVCache()
    found = cache.append.gradients(K, V, cotangent=(5 * torch.ones(1, 2), None))
    assert found["the gradient of `k`"].tolist() == [[5.0, 5.0]]
    assert found["the gradient of `v`"] is None
    assert [t.tolist() for t in cache.append.arguments_after(K, V)] == [K.tolist(), V.tolist()]
    assert cache.append.names_of(K, v=V) == ["k", "v"]


def test_what_is_not_in_the_contract_cannot_be_asked(player):
    cache = player.KVCache()
    for name in ("pieces", "_kept", "__dict__x"):
        with pytest.raises(AttributeError, match="the exercise's KVCache has no"):
            getattr(cache, name)
    with pytest.raises(AttributeError, match="no function"):
        player.Cache  # noqa: B018


def test_an_object_of_another_player_is_the_courses_fault(player, contracts, reference):
    theirs = Player("reference", contracts, in_process(reference)).KVCache()
    with pytest.raises(CourseFault, match="another player's"):
        player.cached_attention(K, K, V, theirs)


def test_one_object_has_one_handle_however_deep_it_comes_back(boxes):
    cache = boxes.KVCache()
    whole, inner, is_it = boxes.cached_attention(K, K, V, cache)
    assert (whole, inner["same"], is_it) == (cache.handle, cache.handle, True)


def test_what_an_attribute_or_a_method_raises_is_the_students(boxes):
    cache = boxes.KVCache()
    with pytest.raises(NoValue) as caught:
        cache.is_empty  # noqa: B018
    answer = caught.value.recorded.answer
    assert isinstance(answer, Raised) and (answer.builtin, answer.text) == (
        "ValueError",
        "nobody knows",
    )


def test_objects_of_an_earlier_step_are_let_go(seat_of, contracts):
    seat = seat_of(BOXES)
    first = Player("student", contracts, seat.answerer())
    caches = [first.KVCache() for _ in range(3)]
    assert len(caches[0]) == 3
    assert seat.begin_step(False) is None
    assert len(Player("student", contracts, seat.answerer()).KVCache()) == 1


@pytest.mark.parametrize(
    "source, what",
    [
        ("def KVCache(): return []", "a list of 0"),
        ("def KVCache(): pass", "None"),
        ("def KVCache(): return 3", "an int"),
    ],
)
def test_what_should_be_an_object_and_is_none_is_told(seat_of, contracts, source, what):
    student = Player("student", contracts, seat_of(source).answerer())
    with pytest.raises(Different) as caught:
        student.KVCache()
    assert caught.value.difference.says == (
        f"What `KVCache()` gives is {what} where an object of your class KVCache was expected."
    )


def test_a_class_may_be_derived_from_whatever_one_likes(seat_of, contracts):
    for base in ("list", "dict", "tuple", "torch.nn.Module"):
        source = f"import torch\nclass KVCache({base}):\n    def append(self, k, v): return k"
        student = Player("student", contracts, seat_of(source).answerer())
        assert student.KVCache().append(K, V).tolist() == K.tolist(), base
        found = student.KVCache().append.gradients(K, V, cotangent=K)
        assert found["the gradient of `k`"].tolist() == K.tolist(), base


def test_a_method_that_is_not_there_is_missing(seat_of, contracts):
    student = Player("student", contracts, seat_of("class KVCache: pass").answerer())
    cache = student.KVCache()
    for ask in (lambda: cache.append(K, V), lambda: cache.is_empty, lambda: len(cache)):
        with pytest.raises(NoValue) as caught:
            ask()
        assert isinstance(caught.value.recorded.answer, Missing)


# -- the worker's side -----------------------------------------------------------


def test_handles_lead_to_their_objects_until_these_are_let_go():
    objects, one, other = Objects(), [1], [1]
    first, second = objects.handle(one), objects.handle(other)
    assert first == Handle(0, "list") and second == Handle(1, "list")
    assert objects.thing(first) is one and objects.thing(second) is other
    assert objects.handle(one) == first and len(objects) == 2
    objects.clear()
    assert len(objects) == 0
    with pytest.raises(KeyError):
        objects.thing(first)


def test_a_name_with_a_dot_is_a_method_of_the_first_argument():
    named = function_named({"abs": abs}, "abs", "value")
    assert named is abs and function_named({}, "abs", "value") is None
    append = function_named({}, "Anything.append", "value")
    things = [1]
    assert append is not None and append(things, 2) is None and things == [1, 2]
    real = function_named({}, "Number.real", "attribute")
    assert real is not None and real(3) == 3


# -- programs of the course's own ----------------------------------------------------


def test_an_answer_stays_what_it_was_when_its_object_changes(contracts):
    class Rewrites:
        def __init__(self):
            self.k = torch.zeros(1)

        def append(self, k, v):
            self.k += 1
            return self.k

    student = Player("student", contracts, in_process({"KVCache": Rewrites}))
    cache = student.KVCache()
    kept = cache.append.kept(K, V)
    first = cache.append(K, V)
    second = cache.append(K, V)
    assert (first.item(), second.item(), cache.append.again(kept).item()) == (2, 3, 3)


def test_a_function_that_a_program_lacks_is_missing():
    answer = in_process({})
    assert isinstance(answer(Call("f")), Missing)


def test_an_object_that_was_never_given_is_no_argument():
    answer = in_process({"f": lambda x: x})
    assert isinstance(answer(Call("f", (Handle(5, "Cache"),))), Raised)
    assert isinstance(answer(Call("f", (5,))), Value)


FULL = """
class Full(MemoryError):
    pass

class KVCache:
    def append(self, k, v):
        raise Full("no page is free")

    def __len__(self):
        raise NotImplementedError

def cached_attention(q, k, v, cache):
    return q
"""


def test_an_exception_of_the_contract_may_be_asked_for(seat_of, contracts):
    mine = Player("student", contracts, seat_of(FULL).answerer())
    cache = mine.KVCache()
    for kind in (MemoryError, Exception):
        assert raises(cache.append, kind, K, V)
    with pytest.raises(Different) as other:
        raises(cache.append, KeyError, K, V)
    assert str(other.value) == "A KeyError should be raised here; a MemoryError is raised."
    with pytest.raises(Different) as none:
        raises(mine.cached_attention, KeyError, K, K, V, cache)
    assert str(none.value) == "A KeyError should be raised here; nothing is raised."
    with pytest.raises(NoValue):  # what is not written yet raises nothing of the contract's
        raises(cache.__getattr__("__len__"), NotImplementedError)


LEFT_ALONE = """
def step(x, state=None):
    {old}
    return x, {new}
"""


@pytest.mark.parametrize(
    "old, new, kept_alone",
    [
        ("", "(x, [x])", True),
        ("", "{'x': x}", True),
        ("state and state.append(x)", "state or [x]", False),
        ("state and state['x'].zero_()", "{'x': x}", False),
    ],
)
def test_a_state_of_any_form_is_an_argument_to_be_left_alone(seat_of, old, new, kept_alone):
    def step(x, state=None):
        """The contract."""

    mine = Player(
        "student", {"step": step}, seat_of(LEFT_ALONE.format(old=old, new=new)).answerer()
    )
    _, state = mine.step.kept(K)
    if kept_alone:
        assert leaves_arguments_alone(mine.step, 2 * K, state)
        return
    with pytest.raises(Different, match="`state`"):
        leaves_arguments_alone(mine.step, 2 * K, state)


@pytest.mark.parametrize("new", ["x", "(x, x)", "{'x': x}", "[(x, x)]"])
def test_gradients_are_of_what_was_given_whatever_form_a_state_has(seat_of, new):
    def step(x, state=None):
        """The contract."""

    mine = Player("student", {"step": step}, seat_of(LEFT_ALONE.format(old="", new=new)).answerer())
    _, state = mine.step.kept(K)
    found = mine.step.gradients(K, state, cotangent=(K, None))
    assert found.keys() == {"the gradient of `x`"}
