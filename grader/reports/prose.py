"""What is said of one cause, in words: what is true first, a question, then the mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grader.model import Case, Feedback, Misconception, Report, StepResult, Verdict
from grader.reports.redact import headline

MOST_ALTERNATIVES = 3
LEAST_WORDS = 4  # a shorter stump of a sentence says nothing


@dataclass(frozen=True)
class Prose:
    """The sentences of an account, cut to the words that there are for them."""

    message: str
    difference: str
    pattern: str
    question: str
    opening: str  # of the diagnosis
    mistakes: tuple[str, ...]
    why: str  # only where all is told


def prose(report: Report, result: StepResult, words: int | None, ellipsis: str) -> Prose:
    """What there is to say of a result in at most so many words; None stands for all of it."""
    opening, mistakes, why = _diagnosis(
        result.diagnoses, result.step.function, in_full=words is None
    )
    message = _message(report, result)
    case = result.case or Case(call="")
    difference = "" if case.difference in message else _sentence(case.difference)
    pattern = "" if case.pattern in message + difference else _sentence(case.pattern)
    question = question_of(result, asked=f"{message} {difference}".rstrip().endswith("?"))
    texts = [*mistakes, question, message, difference, pattern]  # what matters most comes first
    *mistakes, question, message, difference, pattern = rationed(texts, words, ellipsis)
    return Prose(message, difference, pattern, question, opening, tuple(mistakes), why)


def rationed(texts: Iterable[str], words: int | None, ellipsis: str) -> list[str]:
    """The texts, each cut to the words that those before it have left over."""
    if words is None:
        return list(texts)
    cut: list[str] = []
    for text in texts:
        ends = [match.end() for match in re.finditer(r"\S+", text)]
        if len(ends) > words:
            text = text[: ends[words - 1]] + ellipsis if words >= LEAST_WORDS else ""
        words = max(words - len(ends), 0)
        cut.append(text)
    return cut


def _diagnosis(
    diagnoses: Sequence[Sequence[Misconception]], function: str, *, in_full: bool
) -> tuple[str, list[str], str]:
    """How the diagnosis opens, the mistakes it names, and why a single one is wrong."""
    alternatives = diagnoses[:MOST_ALTERNATIVES]
    if not alternatives:
        return "", [], ""
    first = alternatives[0]
    if len(alternatives) == 1 == len(first):
        return (
            opening_of(first[0], function),
            [_named(first[0], _going_on(first[0].says))],
            first[0].why * in_full,
        )
    if len(alternatives) == 1:
        opening = "This looks like these mistakes at once:"
        alternatives = [[one] for one in first]
    else:
        opening = "This looks like one of these:"
    tell = _with_why if in_full else by_itself
    return opening, [" And: ".join(map(tell, group)) for group in alternatives], ""


def opening_of(mistake: Misconception, function: str) -> str:
    """How a single mistake of a function is brought up: by how it is known, and where it belongs.

    What another function is there for may have been done anew in this one.
    """
    if mistake.is_measured:
        return "Measured: "
    if mistake.function == function:
        return "This looks like: "
    return f"This looks like the work of `{mistake.function}` gone wrong: "


def question_of(result: StepResult, *, asked: bool) -> str:
    """What to ask: the mistake's question where one is known, else the step's own.

    Of several at once the first is asked about; which of several it is only the step can ask.
    asked: whether what went before ends in a question already.
    """
    if len(result.diagnoses) == 1 and result.diagnoses[0][0].question:
        return result.diagnoses[0][0].question
    compared = result.verdict is Verdict.FAILED
    return result.step.question if (compared or result.diagnoses) and not asked else ""


def _message(report: Report, result: StepResult) -> str:
    """What is true of this step, first of all: what was said, else what the verdict means."""
    hidden = report.feedback is Feedback.HOMEWORK and not result.step.public
    if hidden and result.message == headline(result):
        return f"{_meaning(result.verdict)} What it was given stays hidden in homework.".lstrip()
    if result.verdict is Verdict.GRADER_ERROR:
        return f"{result.message}\n{_meaning(result.verdict)}"
    return result.message or _meaning(result.verdict)


def _meaning(verdict: Verdict) -> str:
    match verdict:
        case Verdict.RAISED:
            return "It ended in an exception."
        case Verdict.TIMED_OUT:
            return "It did not come to an end in its time."
        case Verdict.OUT_OF_MEMORY:
            return "It asked for more memory than it may have."
        case Verdict.CRASHED:
            return "It took the whole Python process down with it."
        case Verdict.FORBIDDEN:
            return "It uses an operation that this exercise is there to write."
        case Verdict.GRADER_ERROR:
            return "This step has not been judged; that is no fault of yours."
    return ""


def _sentence(text: str) -> str:
    """A remark such as "only the last row is right" as a sentence; names keep their case."""
    if not text:
        return ""
    first = text.split(maxsplit=1)[0]
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if text[-1] in ".?…" else text + "."


def _going_on(says: str) -> str:
    """A sentence after a colon; a first word that is a symbol or a name keeps its case."""
    word = re.split(r"[\W_]", says, maxsplit=1)[0]
    plain = word == "A" or (word[1:].isalpha() and word[1:].islower())
    return says[0].lower() + says[1:] if plain else says


def by_itself(one: Misconception) -> str:
    """What a mistake does, with its id, as a sentence of its own."""
    return _named(one, one.says)


def _with_why(one: Misconception) -> str:
    return f"{by_itself(one)} {one.why}".rstrip()


def _named(one: Misconception, says: str) -> str:
    """What a mistake does, with the name by which `explain` knows it."""
    return f"{says} [{one.short_id}]"
