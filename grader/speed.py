"""How quick is it here? What a suite compares, measured with a learner's own functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from grader import feedback
from grader.contracts import contract_of
from grader.grade import Examiner
from grader.sandbox import Nursery
from grader.student import NoValue
from grader.submissions import Submission
from grader.suite import Draw


class NotMeasured(Exception):
    """The submission gave no value where it was to be timed; the text says what it gave."""


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


def rows(examiner: Examiner, submission: Submission, nursery: Nursery) -> Iterator[Row]:
    """A row for each size; raises `NotMeasured` where a function gives no value."""
    if submission.unreadable:
        raise NotMeasured(submission.unreadable.says)
    compared = examiner.paper.suite.comparison
    assert compared is not None  # whoever asks has looked
    try:
        with examiner.seated(submission, nursery) as student:
            for size in compared.sizes:
                draw = Draw.seeded(examiner.terms.seed, f"{compared.along}/{size}")
                yield Row(size, dict(compared.measured(student, draw, size)))
    except NoValue as nothing:
        answer, function = nothing.recorded.answer, nothing.recorded.call.function
        contract = contract_of(examiner.paper.reference, function)
        says = feedback.message_of(answer, function, contract, submission)
        raise NotMeasured(says) from None
