"""The nouns: steps, diagnoses, results and the Report that every view is made from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How one step ended; everything but `passed` is worth no points."""

    PASSED = "passed"
    FAILED = "failed"
    RAISED = "raised"
    NOT_STARTED = "not_started"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    FORBIDDEN = "forbidden"
    SKIPPED = "skipped"
    GRADER_ERROR = "grader_error"


class Feedback(StrEnum):
    """How much a report tells: practice shows the failing case, homework no hidden value."""

    PRACTICE = "practice"
    HOMEWORK = "homework"


class CarryForward(StrEnum):
    """What a function is worth that fails only because an earlier one is wrong."""

    FULL = "full"
    NONE = "none"


class Certainty(StrEnum):
    """How sure a diagnosis is: one mistake explains it, a few do, or none that is known."""

    UNIQUE = "unique"
    AMBIGUOUS = "ambiguous"
    NONE = "none"


@dataclass(frozen=True)
class Step:
    """One graded test of a hidden suite, as its decorator and docstring declare it."""

    id: str  # the pytest function's name
    function: str  # the exercise's function it grades
    title: str  # the sentence the student reads
    points: int
    needs: tuple[str, ...] = ()  # ids of steps that must pass before this one runs
    public: bool = False
    question: str = ""  # what it asks where no mistake is known that explains a failure


@dataclass(frozen=True)
class Misconception:
    """A mistake with a name: a wrong program of the bank, or something that was measured."""

    id: str  # "03_causal_mask.aligns_the_first_tokens", "probes.scale"
    function: str  # the exercise's function it stands in for
    says: str  # the first line of its docstring: the diagnosis
    question: str = ""  # the next paragraph: what to look at, asked before the diagnosis is told
    why: str = ""  # the last: why it is wrong, told on request
    alike: str = ""  # the id of another that no call can tell from it
    because: str = ""  # and why that is so
    in_general: str = ""  # for what was measured with a number in it: the same without

    @property
    def is_measured(self) -> bool:
        """Whether a probe read it off the answers, rather than the bank knowing it."""
        return self.id.startswith("probes.")

    @property
    def short_id(self) -> str:
        """The id with the number of its exercise only: "03.aligns_the_first_tokens"."""
        owner, _, name = self.id.partition(".")
        number = owner.partition("_")[0]
        return f"{number if number.isdecimal() else owner}.{name}"


@dataclass(frozen=True)
class Case:
    """The failing case, in words and small enough to read."""

    call: str  # "causal_mask(2, 5)"
    inputs: tuple[tuple[str, str], ...] = ()  # parameter name, value as text
    returned: str = ""  # what came back, as text
    expected: str = ""  # what was expected, as text; empty where nothing was compared
    difference: str = ""  # the first difference, one sentence
    pattern: str = ""  # what is right and what is not: "only the last row is right"


@dataclass(frozen=True)
class StepResult:
    """What became of one step of one submission."""

    step: Step
    verdict: Verdict
    points: int = 0
    message: str = ""  # what, where, and what to do: second person, no traceback
    diagnoses: tuple[tuple[Misconception, ...], ...] = ()  # alternatives of mistakes made together
    certainty: Certainty = Certainty.NONE
    carried_forward: bool = False  # right in itself, beside right earlier functions
    waits_for: tuple[str, ...] = ()  # the earlier functions that are wrong, if it was
    case: Case | None = None
    line: int | None = None  # in the learner's own file, counted from 1
    output: str = ""  # what the submission printed during the step, escaped and bounded
    seconds: float = 0.0


@dataclass(frozen=True)
class Environment:
    """What graded: versions, the device, and what stood between submission and machine."""

    grader: str
    python: str
    torch: str
    device: str
    isolation: str


@dataclass(frozen=True)
class Hashes:
    """SHA-256 of what the marks depend on."""

    suite: str
    solution: str
    course: str


@dataclass(frozen=True)
class Report:
    """One attempt at one exercise; everything shown or exported is a view of it."""

    exercise: str  # "03_causal_mask"
    title: str  # "Causal mask"
    path: str  # of the submission, as it was given
    sha256: str  # of the submission's bytes
    seed: int
    feedback: Feedback
    steps: tuple[StepResult, ...]
    hashes: Hashes
    environment: Environment
    seconds: float
    notes: tuple[str, ...] = ()  # remarks that cost nothing, such as an unused forbidden call
    student: str | None = None

    @property
    def score(self) -> int:
        """The points gained."""
        return sum(result.points for result in self.steps)

    @property
    def max_score(self) -> int:
        """The points there are; fixed before any student code runs."""
        return sum(result.step.points for result in self.steps)

    @property
    def passed(self) -> bool:
        """Whether every step passed."""
        return all(result.verdict is Verdict.PASSED for result in self.steps)

    @property
    def faulty(self) -> bool:
        """Whether the grader or the course, not the student, is at fault somewhere."""
        return any(result.verdict is Verdict.GRADER_ERROR for result in self.steps)
