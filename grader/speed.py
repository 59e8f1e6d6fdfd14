"""How quick is it here? What a suite compares, measured with a learner's own functions."""

from __future__ import annotations

from dataclasses import dataclass

from grader import feedback
from grader.contracts import contract_of
from grader.grade import Examiner
from grader.sandbox import Nursery
from grader.student import NoValue
from grader.submissions import Submission
from grader.suite import Comparison, Draw


@dataclass(frozen=True)
class Row:
    """The seconds of each way at one size, in the order of the suite."""

    size: int
    seconds: dict[str, float]

    @property
    def times_faster(self) -> float:
        """How often the first way fits into the last."""
        first, *_, last = self.seconds.values()
        return last / first


@dataclass(frozen=True)
class Measured:
    """What came of a comparison: rows up to where a function gave no value, and what it said."""

    comparison: Comparison
    rows: tuple[Row, ...]
    note: str = ""

    @property
    def where(self) -> str:
        """At which size it ended early."""
        left = self.comparison.sizes[len(self.rows) :]
        return f"{left[0]:,} {self.comparison.along}" if left else ""


def measured(examiner: Examiner, submission: Submission, nursery: Nursery) -> Measured:
    """Each way of an exercise's comparison at each size, as far as the submission goes."""
    compared = examiner.paper.suite.comparison
    assert compared is not None  # whoever asks has looked
    rows: list[Row] = []
    if submission.unreadable:
        return Measured(compared, (), submission.unreadable.says)
    try:
        with examiner.seated(submission, nursery) as student:
            for size in compared.sizes:
                draw = Draw.seeded(examiner.terms.seed, f"{compared.along}/{size}")
                rows.append(Row(size, dict(compared.measured(student, draw, size))))
    except NoValue as nothing:
        answer, function = nothing.recorded.answer, nothing.recorded.call.function
        contract = contract_of(examiner.paper.reference, function)
        says = feedback.message_of(answer, function, contract, submission)
        return Measured(compared, tuple(rows), says)
    return Measured(compared, tuple(rows))
