"""What is said of one cause, in words: what is true first, the mistake, a question."""

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
    opening: str  # of the diagnosis
    mistakes: tuple[str, ...]
    question: str


def prose(report: Report, result: StepResult, words: int | None, ellipsis: str) -> Prose:
    """What there is to say of a result in at most so many words; None stands for all of it."""
    opening, mistakes, question = _diagnosis(result.diagnoses, in_full=words is None)
    message = _message(report, result)
    case = result.case or Case(call="")
    difference = "" if case.difference in message else _sentence(case.difference)
    pattern = "" if case.pattern in message + difference else _sentence(case.pattern)
    texts = [*mistakes, question, message, difference, pattern]  # what matters most comes first
    *mistakes, question, message, difference, pattern = rationed(texts, words, ellipsis)
    return Prose(message, difference, pattern, opening, tuple(mistakes), question)


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
    diagnoses: Sequence[Sequence[Misconception]], *, in_full: bool
) -> tuple[str, list[str], str]:
    """How the diagnosis opens, the mistakes it names, and the question after them."""
    alternatives = diagnoses[:MOST_ALTERNATIVES]
    if not alternatives:
        return "", [], ""
    first = alternatives[0]
    if len(alternatives) == 1 == len(first):
        return (
            "Measured: " if first[0].is_measured else "This looks like: ",
            [_named(first[0], _going_on(first[0].says))],
            _flat(first[0].hint),
        )
    if len(alternatives) == 1:
        opening = "This looks like these mistakes at once:"
        alternatives = [[one] for one in first]
        question = _flat(first[0].hint)
    else:
        opening = "This looks like one of these:"
        question = "Which of them is yours?"
    if in_full:
        return opening, [" And: ".join(map(_with_hint, group)) for group in alternatives], ""
    return (
        opening,
        [" And: ".join(_named(one, one.says) for one in group) for group in alternatives],
        question,
    )


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


def _with_hint(one: Misconception) -> str:
    return f"{_named(one, one.says)} {_flat(one.hint)}".rstrip()


def _named(one: Misconception, says: str) -> str:
    """What a mistake does, with the name by which `explain` knows it."""
    owner, _, name = one.id.partition(".")
    return f"{says} [{name if owner[:2].isdigit() else one.id}]"


def _flat(text: str) -> str:
    return " ".join(text.split())
