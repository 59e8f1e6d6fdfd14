"""An error counts once; what is answered for a later function helps no earlier one."""

from __future__ import annotations

import contextlib
import io
import resource
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from grader import submissions
from grader.calls import Call, Raised
from grader.carrying import Again
from grader.course import Course
from grader.exchange import Allowance
from grader.given import LARGEST, MOST_BYTES, MOST_KEPT, MOST_QUESTIONS, Given
from grader.grade import Examiner, Terms, with_examiner
from grader.model import CarryForward, Feedback, Report, Verdict
from grader.sandbox import Nursery, open_nursery
from grader.seats import Rules, WorkerSeat
from grader.worker import wire
from grader.worker.asking import asking, asking_class

ROOT = Path(__file__).parents[2]
COURSE = Course.open(ROOT)
RIGHT_SCALE = """
def scale_scores(scores, d_k):
    return scores / d_k ** 0.5
"""
RIGHT_WHOLE = """
def scaled_scores(q, k):
    return scale_scores(dot_scores(q, k), q.shape[-1])
"""
WRONG_DOTS = """
def dot_scores(q, k):
    return k @ q.mT
"""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with contextlib.closing(open_nursery("apart")) as nursery:
        yield nursery


@pytest.fixture(scope="module")
def graded(nursery: Nursery) -> Callable[..., Report]:
    """Grades a source as a submission to exercise 02."""

    def graded(source: str, course: Course = COURSE, nursery: Nursery = nursery) -> Report:
        def report(examiner: Examiner) -> Report:
            return examiner.report(submissions.of_bytes(source.encode(), "mine.py"), nursery)

        terms = Terms(2017, Feedback.PRACTICE, "cpu")
        return with_examiner(course, course.exercise("02"), terms, report)

    return graded


def points(report: Report) -> tuple[int, ...]:
    """The points of each function, in file order."""
    functions = dict.fromkeys(one.step.function for one in report.steps)
    return tuple(
        sum(one.points for one in report.steps if one.step.function == function)
        for function in functions
    )


def carried(report: Report) -> set[str]:
    return {one.step.function for one in report.steps if one.carried_forward}


def test_a_function_that_only_fails_because_of_an_earlier_one_has_its_points(graded):
    report = graded(WRONG_DOTS + RIGHT_SCALE + RIGHT_WHOLE)
    assert points(report) == (0, 10, 10)
    assert carried(report) == {"scaled_scores"}
    told = {one.message for one in report.steps if one.carried_forward}
    assert told == {"`scaled_scores` is right in itself; it waits for `dot_scores`."}
    assert not report.passed


@pytest.mark.slow
def test_workers_that_are_started_afresh_are_given_the_same(graded):
    with contextlib.closing(open_nursery("spawn")) as spawning:
        report = graded(WRONG_DOTS + RIGHT_SCALE + RIGHT_WHOLE, nursery=spawning)
    assert points(report) == (0, 10, 10)


def test_its_side_steps_are_graded_as_well_gradients_and_devices_included(graded):
    report = graded(WRONG_DOTS + RIGHT_SCALE + RIGHT_WHOLE)
    steps = [one for one in report.steps if one.step.function == "scaled_scores"]
    assert len([one for one in steps if one.step.needs]) == 3
    assert {one.verdict for one in steps} == {Verdict.PASSED}


def test_a_function_that_is_not_written_yet_holds_up_nothing_that_is_right(graded):
    unwritten = "def dot_scores(q, k):\n    raise NotImplementedError\n"
    assert points(graded(unwritten + RIGHT_SCALE + RIGHT_WHOLE)) == (0, 10, 10)


def test_a_function_that_raises_or_never_ends_holds_up_nothing_either(graded):
    course = replace(
        COURSE,
        settings=replace(COURSE.settings, limits=replace(COURSE.settings.limits, cpu_seconds=0.4)),
    )
    for body in ("raise ValueError('no')", "while True: pass"):
        report = graded(
            f"def dot_scores(q, k):\n    {body}\n" + RIGHT_SCALE + RIGHT_WHOLE, course=course
        )
        assert points(report) == (0, 10, 10)


def test_a_forbidden_call_in_an_earlier_function_is_counted_there_alone(graded):
    forbidden = """
import torch
def dot_scores(q, k):
    return torch.nn.functional.scaled_dot_product_attention(q, k, k)
"""
    report = graded(forbidden + RIGHT_SCALE + RIGHT_WHOLE)
    assert points(report) == (0, 10, 10)
    both = (
        forbidden
        + RIGHT_SCALE
        + RIGHT_WHOLE.replace(
            "    return",
            "    torch.nn.functional.scaled_dot_product_attention(q, k, k)\n    return",
        )
    )
    report = graded(both)
    assert points(report) == (0, 10, 0)
    last = [one.verdict for one in report.steps if one.step.function == "scaled_scores"]
    assert set(last) == {Verdict.FORBIDDEN}


def test_a_later_function_with_a_mistake_of_its_own_is_told_that_one(graded):
    wrong_whole = RIGHT_WHOLE.replace("q.shape[-1]", "k.shape[-2]")
    report = graded(WRONG_DOTS + RIGHT_SCALE + wrong_whole)
    assert points(report) == (0, 10, 0) and not carried(report)
    values = [one for one in report.steps if one.step.function == "scaled_scores" and one.diagnoses]
    assert {one.diagnoses[0][0].id for one in values} == {"02_scaled_scores.counts_the_keys"}
    assert values[0].case is not None
    assert values[0].case.call == "scaled_scores(q, k) beside a right dot_scores"


def test_what_is_built_on_nothing_that_is_wrong_is_not_graded_again(graded):
    alone = "def scaled_scores(q, k):\n    return q @ k.mT / 3\n"
    report = graded(WRONG_DOTS + RIGHT_SCALE + alone)
    assert points(report) == (0, 10, 0) and not carried(report)


def test_a_side_step_that_fails_without_asking_is_told_its_own_mistake(graded):
    coarse = RIGHT_WHOLE.replace(
        "    return",
        "    if q.dtype.itemsize == 2:\n        return q.float() @ k.float().mT\n    return",
    )
    report = graded(WRONG_DOTS + RIGHT_SCALE + coarse)
    assert points(report) == (0, 10, 9)
    (side,) = (
        one for one in report.steps if one.step.function == "scaled_scores" and not one.points
    )
    assert side.verdict is Verdict.FAILED and "dtype" in side.message


def test_a_function_may_ask_from_threads_of_its_own(graded):
    threads = """
import torch

def scaled_scores(q, k):
    pool = torch.sys.modules["importlib"].import_module("concurrent.futures")
    with pool.ThreadPoolExecutor(4) as workers:
        rows = list(workers.map(lambda row: dot_scores(row, k), q.split(1, -2)))
    return torch.cat(rows, -2) / q.shape[-1] ** 0.5 if q.numel() else dot_scores(q, k)
"""
    assert points(graded(WRONG_DOTS + RIGHT_SCALE + threads)) == (0, 10, 10)


def test_a_course_may_give_no_points_for_it_and_still_says_so(graded):
    strict = replace(
        COURSE,
        settings=replace(
            COURSE.settings,
            policy=replace(COURSE.settings.policy, carry_forward=CarryForward.NONE),
        ),
    )
    report = graded(WRONG_DOTS + RIGHT_SCALE + RIGHT_WHOLE, course=strict)
    assert points(report) == (0, 10, 0)
    assert carried(report) == {"scaled_scores"}


def test_a_step_that_is_not_run_has_asked_for_nothing():
    """The values steps ask and fail all the same; what needs them waits as before."""
    wrong_whole = RIGHT_WHOLE.replace("q.shape[-1]", "k.shape[-2]")

    def again(examiner: Examiner) -> list[Again]:
        program = dict(examiner.paper.reference)
        exec(WRONG_DOTS + wrong_whole, program)
        return list(examiner.attempt_of_program(program).again.values())

    terms = Terms(2017, Feedback.PRACTICE, "cpu")
    found = with_examiner(COURSE, COURSE.exercise("02"), terms, again)
    asked = {one.outcome.verdict: one.asked for one in found}
    assert asked == {Verdict.FAILED: ("dot_scores",), Verdict.SKIPPED: ()}


# -- nothing is gained by cunning -----------------------------------------------


def test_a_function_is_never_given_to_itself_or_to_an_earlier_one(graded):
    """The earlier function asks the later one, which asks the earlier one."""
    circle = """
def dot_scores(q, k):
    return scaled_scores(q, k) * q.shape[-1] ** 0.5

def scaled_scores(q, k):
    return dot_scores(q, k) / q.shape[-1] ** 0.5
"""
    report = graded(circle + RIGHT_SCALE)
    assert points(report) == (0, 10, 10)  # the later one is right, given the earlier
    backwards = """
def dot_scores(q, k):
    return scaled_scores(q, k) * q.shape[-1] ** 0.5

def scaled_scores(q, k):
    return dot_scores(k, q) / q.shape[-1] ** 0.5
"""
    assert points(graded(backwards + RIGHT_SCALE)) == (0, 10, 0)


def test_answers_that_are_kept_are_gone_with_their_worker(graded):
    """In a global, in a file of the working folder, in an attribute of torch."""
    stash = """
import torch
KEPT = {}

def dot_scores(q, k):
    try:
        with open("kept") as file:
            KEPT["file"] = file.read()
    except OSError:
        pass
    if KEPT or hasattr(torch, "kept"):
        return q @ k.mT
    return k @ q.mT

def scaled_scores(q, k):
    found = dot_scores(q, k)
    KEPT["here"] = torch.kept = found
    with open("kept", "w") as file:
        file.write("found")
    return found / q.shape[-1] ** 0.5
"""
    report = graded(stash + RIGHT_SCALE)
    dots = [one for one in report.steps if one.step.function == "dot_scores"]
    assert {one.verdict for one in dots if not one.step.needs} == {Verdict.FAILED}
    again = graded(stash + RIGHT_SCALE)
    assert points(again) == points(report)


def test_every_step_of_an_earlier_function_is_judged_before_anything_is_given(graded):
    """A file that passes the first function only once it has seen an answer."""
    spy = f"""
import os
MARK = {str(Path(tempfile.gettempdir()) / "attn-grade-spy")!r} + str(os.getppid())

def dot_scores(q, k):
    return q @ k.mT if os.path.exists(MARK) else k @ q.mT

def scaled_scores(q, k):
    found = dot_scores(q, k)
    open(MARK, "w").close()
    return found / q.shape[-1] ** 0.5
"""
    report = graded(spy.replace("import os", "import torch; os = torch.os") + RIGHT_SCALE)
    for mark in Path(tempfile.gettempdir()).glob("attn-grade-spy*"):
        mark.unlink()
    dots = [one for one in report.steps if one.step.function == "dot_scores"]
    assert dots[0].verdict is Verdict.FAILED
    assert all(one.points == 0 for one in dots if one.verdict is not Verdict.PASSED)


def test_who_asks_without_being_given_anything_loses_the_step(graded):
    forged = """
import sys
def dot_scores(q, k):
    bench = sys._getframe(1)
    while "bench" not in bench.f_locals:
        bench = bench.f_back
    question = {"function": "dot_scores", "mode": "value", "args": (q, k), "kwargs": {},
                "cotangent": None}
    return bench.f_locals["bench"].asks(question)["value"]
"""
    report = graded(forged.replace("import sys", "import torch; sys = torch.sys") + RIGHT_SCALE)
    dots = [one for one in report.steps if one.step.function == "dot_scores"]
    assert dots[0].verdict is Verdict.CRASHED
    assert sum(one.points for one in dots) == 0


# -- what may be asked -----------------------------------------------------------


@pytest.fixture
def given() -> Given:
    return Given({"double": lambda x: 2 * x, "square": lambda n: torch.ones(n, n)})


def question(function: str, *args, mode: str = "value", cotangent=None):
    return {
        "function": function, "mode": mode, "args": args, "kwargs": {}, "cotangent": cotangent,
    }  # fmt: skip


def test_a_question_is_answered_for_its_own_arguments(given):
    answer = given.answer(question("double", torch.tensor([1.0, -3.0])))
    assert answer["value"].tolist() == [2.0, -6.0]
    assert given.asked == {"double"}


def test_gradients_are_answered_too(given):
    asked = question(
        "double", torch.tensor([1.0, 5.0]), mode="gradients", cotangent=torch.tensor([1.0, 10.0])
    )
    assert given.answer(asked)["value"]["0"].tolist() == [2.0, 20.0]


def test_what_the_right_function_raises_comes_back_as_text(given):
    answer = given.answer(question("double", None))
    assert answer["raised"] == "TypeError" and "NoneType" in answer["text"]


@pytest.mark.parametrize(
    "asked",
    [
        question("halve", 1.0),
        question("double", 1.0, mode="strays"),
        question("square", LARGEST + 1),
        question("square", -LARGEST - 1),
        question("double", "cuda"),
        question("double", torch.zeros(LARGEST + 1)),
        question("double", torch.zeros(600, 600)),
        question("double", {"deep": [torch.zeros(600, 600)]}),
        {"function": "double"},
        ["double"],
        None,
        "double",
    ],
)
def test_what_is_not_to_be_asked_is_refused(given, asked):
    assert list(given.answer(asked)) == ["refused"]
    assert not given.asked


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to count memory by")
def test_an_answer_that_needs_too_much_memory_is_refused_by_the_kernel():
    before = resource.getrlimit(resource.RLIMIT_AS)
    hungry = Given({"grow": lambda n: torch.ones(n, n, n)})
    answer = hungry.answer(question("grow", 1000))
    assert answer["raised"] == "RuntimeError"
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_an_answer_that_no_wire_can_carry_is_refused(nursery):
    endless = Given({"grow": lambda x: x.expand(1 << 20, 1 << 12)})
    file = submissions.of_bytes(b"def mine(x): return grow(x)", "mine.py")
    allowance = Allowance(cpu_seconds=4, submission_seconds=60, memory_mib=1024, output_kib=64)
    with contextlib.closing(
        WorkerSeat(file, Rules((), (), ("torch",), "cpu"), nursery, allowance, endless)
    ) as seat:
        assert seat.begin_step(False) is None
        answer = seat.answerer()(Call("mine", (torch.ones(1),)))
    assert isinstance(answer, Raised) and "did not answer" in answer.text


def test_questions_are_counted_by_the_step(given):
    for _ in range(MOST_QUESTIONS):
        assert "value" in given.answer(question("double", 1.0))
    assert "refused" in given.answer(question("double", 1.0))
    given.begin_step()
    assert "value" in given.answer(question("double", 1.0))
    assert given.asked == {"double"}


# -- the worker's side -----------------------------------------------------------


@pytest.fixture
def double(given: Given) -> Callable[..., object]:
    """What stands for `double` in a submission."""
    return asking("double", given.answer)


def test_what_stands_for_a_function_gives_its_value(double):
    assert double.__name__ == "double"
    assert double(torch.tensor([3.0])).tolist() == [6.0]
    assert double(4) == 8


def test_gradients_flow_through_what_was_asked(double):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (double(x * x) * torch.tensor([1.0, 10.0])).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [4.0, 80.0]


def test_gradients_flow_through_several_results_and_arguments():
    pair = Given({"mix": lambda x, y: (x @ y, (x > 0), x + 1)})
    mix = asking("mix", pair.answer)
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    y = torch.tensor([[3.0], [4.0]], requires_grad=True)
    product, positive, more = mix(x, y)
    assert positive.dtype is torch.bool and not positive.requires_grad
    (product.sum() * 10 + more.sum()).backward()
    assert x.grad is not None and x.grad.tolist() == [[31.0, 41.0]]
    assert y.grad is not None and y.grad.tolist() == [[10.0], [20.0]]


def test_without_gradients_none_are_asked_for(double):
    x = torch.tensor([1.0], requires_grad=True)
    with torch.no_grad():
        assert not double(x).requires_grad
    assert not double(x.detach()).requires_grad


def test_what_the_right_function_raises_is_raised(double):
    with pytest.raises(TypeError, match="NoneType"):
        double(None)


def test_what_is_refused_is_an_error():
    greedy = asking("double", Given({"double": lambda x: x}).answer)
    with pytest.raises(RuntimeError, match="did not answer"):
        greedy(torch.zeros(LARGEST + 1))


def gradients_beside(function: Callable[..., object], use: Callable[..., torch.Tensor]):
    """The gradients of a use of a function, asked for and computed here."""
    found = []
    for one in (function, asking("f", Given({"f": function}).answer)):
        x = torch.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)
        (use(one, x) * torch.tensor([[1.0, 2.0], [3.0, 5.0]])).sum().backward()
        found.append(x.grad.tolist())
    return found


@pytest.mark.parametrize(
    "function, use",
    [
        (lambda a, b: a @ b.mT, lambda f, x: f(x, x)),
        (lambda p: p["w"] * p["v"], lambda f, x: f({"w": x, "v": x})),
        (lambda a: (a, a, 3 * a), lambda f, x: f(x)[1] * f(x)[2]),
        (lambda a: (2 * a, None), lambda f, x: f(x)[0]),
        (lambda a: ((a * a, a), 5 * a), lambda f, x: f(x)[0][0] + f(x)[1]),
        (lambda a: {"out": a * a, "kept": a}, lambda f, x: f(x)["out"]),
    ],
    ids=["one passed twice", "one in a dict twice", "one returned twice", "beside None", "nested",
         "in a dict"],
)  # fmt: skip
def test_gradients_are_the_right_ones_whatever_goes_in_and_comes_out(function, use):
    here, asked = gradients_beside(function, use)
    assert asked == here


@pytest.mark.parametrize("device", [torch.device("cpu"), "cpu"])
def test_a_device_may_be_named_as_one_does(device):
    def ask(question):
        number, heard = read_back(wire.frame(1, question))
        return ones.answer(heard)

    ones = Given({"ones": lambda n, device=None: torch.ones(n, device=device)})
    assert asking("ones", ask)(2, device=device).tolist() == [1.0, 1.0]
    assert asking("ones", ask)(2, device).tolist() == [1.0, 1.0]


def read_back(buffers):
    stream = io.BytesIO(b"".join(bytes(part) for part in buffers))
    return wire.read(lambda view: stream.readinto(view))


# -- classes -----------------------------------------------------------------------


class Kept:
    """A cache as a reference might have it, and one that is read off it."""

    def __init__(self, room: int = 4) -> None:
        self.room = room
        self.keys: list[torch.Tensor] = []

    def append(self, k: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        if len(self) == self.room:
            raise MemoryError("no room is left")
        self.keys.append(scale * k * k)
        return torch.stack(self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def is_full(self) -> bool:
        return len(self) == self.room

    def _forget(self) -> None:
        self.keys.clear()


def kept_sum(kept: Kept, k: torch.Tensor) -> torch.Tensor:
    return kept.append(k).sum(0)


@pytest.fixture
def giving() -> Given:
    """A class and a function that are given."""
    return Given({"Kept": Kept, "kept_sum": kept_sum})


@pytest.fixture
def stand_in(giving: Given) -> type:
    """What stands for the class in a submission."""
    members = giving.members["Kept"]
    assert members is not None and giving.members["kept_sum"] is None
    return asking_class("Kept", members, over_the_wire(giving), "submission")


def over_the_wire(giving: Given) -> Callable[[dict[str, object]], dict[str, object]]:
    def ask(question: dict[str, object]) -> dict[str, object]:
        _, heard = read_back(wire.frame(1, question))
        answer: dict[str, object] = read_back(wire.frame(1, giving.answer(heard)))[1]
        return answer

    return ask


def test_the_objects_of_a_given_class_answer_as_the_right_ones(stand_in, giving):
    kept, other = stand_in(room=2), stand_in()
    assert stand_in.__module__ == "submission" and type(kept).__name__ == "Kept"
    assert kept.append(torch.tensor([2.0])).tolist() == [[4.0]]
    assert kept.append(k=torch.tensor([3.0]), scale=2.0).tolist() == [[4.0], [18.0]]
    assert (len(kept), len(other), kept.is_full, other.is_full) == (2, 0, True, False)
    with pytest.raises(MemoryError, match="no room"):
        kept.append(torch.ones(1))
    assert giving.asked == {"Kept"}


def test_a_given_object_may_go_into_a_given_function(stand_in, giving):
    kept = stand_in()
    kept.append(torch.tensor([2.0]))
    asked = asking("kept_sum", over_the_wire(giving))
    assert asked(kept, torch.tensor([1.0])).tolist() == [5.0]
    assert len(kept) == 2 and giving.asked == {"Kept", "kept_sum"}


def test_an_object_that_a_given_function_gives_is_one_of_the_given_class():
    giving = Given({"Kept": Kept, "new": lambda room: [Kept(room), room]})
    ask, classes = over_the_wire(giving), {}
    members = giving.members["Kept"]
    assert members is not None
    classes["Kept"] = asking_class("Kept", members, ask, "submission", classes)
    kept, room = asking("new", ask, classes)(1)
    assert type(kept) is classes["Kept"] and room == 1
    assert kept.append(torch.tensor([2.0])).tolist() == [[4.0]]
    assert (len(kept), kept.is_full) == (1, True)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to count memory by")
def test_an_answer_that_there_is_no_memory_to_copy_is_refused_as_well():
    giving = Given({"Kept": Kept, "grow": lambda n: torch.ones(n, 320, 1 << 10)})
    assert "value" in giving.answer(question("Kept"))
    assert giving.answer(question("grow", 256))["raised"] == "RuntimeError"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to count memory by")
def test_what_objects_keep_counts_until_the_step_is_over():
    class Hoard:
        def __init__(self) -> None:
            self.kept = torch.ones(200 << 18)

    giving = Given({"Hoard": Hoard})
    for _ in range(2):
        giving.begin_step()
        answers = [giving.answer(question("Hoard")) for _ in range(4)]
        assert ["raised" in answer for answer in answers] == [False, False, True, True]


def test_of_a_given_object_nothing_but_its_contract_is_there(stand_in):
    kept = stand_in()
    for name in ("_forget", "keys", "room"):
        with pytest.raises(AttributeError):
            getattr(kept, name)


def test_gradients_through_an_object_are_those_of_its_state_at_that_call(stand_in):
    kept = stand_in()
    first = torch.tensor([3.0], requires_grad=True)
    second = torch.tensor([5.0], requires_grad=True)
    early = kept.append(first)
    late = kept.append(second)
    (early.sum() + 10 * late.sum()).backward()
    # By its own row, and by that which the later call gives of it once more.
    assert first.grad is not None and first.grad.tolist() == [66.0]
    assert second.grad is not None and second.grad.tolist() == [100.0]
    assert len(kept) == 2  # asking for gradients appends nothing


def test_what_was_given_by_name_to_an_object_has_its_gradient_too(stand_in):
    kept = stand_in()
    first = torch.tensor([3.0], requires_grad=True)
    kept.append(k=first, scale=2.0)
    last = torch.tensor([1.0], requires_grad=True)
    with torch.no_grad():
        kept.append(torch.ones(1))
    kept.append(last).sum().backward()
    assert first.grad is not None and first.grad.tolist() == [12.0]
    assert last.grad is not None and last.grad.tolist() == [2.0]


@pytest.mark.parametrize(
    "name, args",
    [
        ("Kept._forget", "object"), ("Kept.__init__", "object"), ("Kept.__class__", "object"),
        ("Kept.keys", "object"), ("Kept.append.__globals__", "object"), ("Kept.", "object"),
        ("kept_sum.__globals__", "object"), ("Kept.append", "tensor"), ("Kept.append", "nothing"),
        ("Kept.append", "a list"),
    ],
)  # fmt: skip
def test_nothing_but_methods_of_given_objects_can_be_asked(giving, name, args):
    handle = giving.answer(question("Kept"))["value"]
    given = {
        "object": (handle,), "tensor": (torch.ones(1),), "nothing": (), "a list": ([1],)
    }  # fmt: skip
    assert list(giving.answer(question(name, *given[args]))) == ["refused"]


@pytest.mark.parametrize("number", [1, -1, 2**70])
def test_a_handle_that_was_never_given_leads_nowhere(giving, number):
    giving.answer(question("Kept"))
    forged = giving.answer(question("Kept.append", wire.Handle(number, "Kept"), torch.ones(1)))
    assert forged["raised"] == "KeyError"


def test_an_object_is_gone_with_its_step(giving):
    handle = giving.answer(question("Kept"))["value"]
    giving.begin_step()
    assert giving.answer(question("Kept.append", handle, torch.ones(1)))["raised"] == "KeyError"


def test_what_objects_may_keep_is_bounded_by_the_step():
    rows = torch.zeros(MOST_BYTES // 4 // LARGEST, 1).expand(-1, LARGEST)
    sized = Given({"Kept": Kept, "width": lambda x: x.shape[-1]})
    answers = [sized.answer(question("width", rows)) for _ in range(MOST_KEPT // MOST_BYTES + 1)]
    assert all("value" in one for one in answers[:-1])
    assert list(answers[-1]) == ["refused"]
    sized.begin_step()
    assert "value" in sized.answer(question("width", rows))


@pytest.mark.parametrize("at", [None, "1", -1, 10**9, True])
def test_gradients_at_an_odd_place_are_still_only_gradients(giving, at):
    handle = giving.answer(question("Kept"))["value"]
    asked = question("Kept.append", handle, torch.ones(1), mode="gradients")
    answer = giving.answer(asked | {"cotangent": torch.ones(1, 1), "at": at})
    assert set(answer) <= {"value", "raised", "text", "at"}


def test_an_argument_may_be_a_text_that_names_no_device():
    given = Given({"named": lambda name, x: x})
    for name, refused in (("a", False), ("chapter 3", False), ("meta", True), ("cuda:1", True)):
        reply = given.answer(question("named", name, torch.ones(2)))
        assert ("refused" in reply) is refused, name
