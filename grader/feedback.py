"""What a step's outcome says to the learner: a message, and the failing case made small."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

from grader import words
from grader.calls import (
    Answer,
    Call,
    Died,
    Garbled,
    Missing,
    NotSent,
    Raised,
    Recorded,
    Trapped,
    Value,
)
from grader.compare import Difference
from grader.contracts import attribute
from grader.model import Case, Verdict
from grader.plainly import meaning
from grader.submissions import Submission
from grader.typed import call_text, inputs

VERDICTS = MappingProxyType(
    {
        Raised: Verdict.RAISED,
        NotSent: Verdict.FAILED,
        Garbled: Verdict.CRASHED,
        Missing: Verdict.NOT_STARTED,
        Trapped: Verdict.FORBIDDEN,
    }
)
# How torch and Python say that there was no memory; a hint for the wording, worth no points.
MEMORY_WORDS = ("can't allocate memory", "out of memory", "bad_alloc", "Unable to allocate")
# And how torch says that it has no such operation for a dtype or a kind of tensor.
UNSUPPORTED_WORDS = ("not implemented for", "Could not run")


def verdict_of(answer: Answer) -> Verdict:
    """The verdict of a call that gave no value."""
    if isinstance(answer, Died):
        return Verdict(answer.how)
    if isinstance(answer, Raised):
        # Python's own MemoryError says nothing; one with words is raised by somebody's code.
        bare = answer.builtin == "MemoryError" and not answer.text
        if bare or any(said in answer.text for said in MEMORY_WORDS):
            return Verdict.OUT_OF_MEMORY
        if _is_unwritten(answer):
            return Verdict.NOT_STARTED
    return VERDICTS[type(answer)]


def _is_unwritten(raised: Raised) -> bool:
    """Whether the stub's own words were raised, and not torch's of the same type."""
    foreign = any(said in raised.text for said in UNSUPPORTED_WORDS)
    return raised.builtin == "NotImplementedError" and not foreign


def message_of(answer: Answer, function: str, contract: Any, submission: Submission) -> str:
    """What to say of a call that gave no value.

    function: its name, empty where the file itself could not be loaded. contract: the
    reference's function, for its signature.
    """
    subject = f"`{function}`" if function else "Your file"
    match answer:
        case Raised():
            return _of_raised(answer, subject, contract, submission)
        case Died("timed_out"):
            return (
                f"{subject} did not come back: {answer.detail}. "
                "Is there a loop that never ends, or work that grows too fast?"
            )
        case Died("out_of_memory"):
            return f"{subject} ran out of memory: {answer.detail}. What grows so large there?"
        case Died():
            return (
                f"{subject} took its whole process down: {answer.detail}. "
                "What in it could end Python itself?"
            )
        case NotSent("method") if contract is attribute:
            return (
                f"{subject} is a method in your class, and is read without being called. "
                "Which line above it would make it a property?"
            )
        case NotSent():
            return (
                f"{subject} returned {_article(answer.what)}, which cannot be graded. "
                "A plain torch.Tensor (or what the docstring says) is expected."
            )
        case Missing() if "." in function:
            owner, _, member = function.partition(".")
            return f"An object of your class `{owner}` has no `{member}`."
        case Missing():
            return f"There is no `{function}` in this file{_nearest(function, submission)}"
        case Trapped():
            # A kernel goes by its bare name, which may be that of the learner's own function.
            names = " and ".join(
                f"`{name}`" if "." in name else f"torch's own `{name}`"
                for name in answer.operations
            )
            said = f"{subject} uses {names}, which this exercise asks you to build yourself."
            if function:
                return said
            return (
                f'{said} Is it a check of your own? Under `if __name__ == "__main__":` it is free.'
            )
        case Garbled():
            return f"{subject} sent back what could not be read: {answer.why}."
    raise AssertionError(answer)


def _of_raised(raised: Raised, subject: str, contract: Any, submission: Submission) -> str:
    if _is_unwritten(raised):
        return f"{subject} came upon a NotImplementedError. What is not written there yet?"
    if raised.builtin == "RecursionError":
        return f"{subject} calls itself without end. What should stop it?"
    if raised.builtin == "SystemExit":
        return f"{subject} ends the program. What should it do instead, so that others can go on?"
    if verdict_of(raised) is Verdict.OUT_OF_MEMORY:
        return (
            f"{subject} ran out of memory: {raised.text or raised.type}. What grows so large there?"
        )
    said = f"{subject} raised {raised.type}"
    said += f": {raised.text}" if raised.text else "."
    plain = meaning(raised.text)
    said += f"\n{plain}" if plain else ""
    if raised.builtin == "TypeError" and contract is not None:
        wanted = tuple(inspect.signature(contract).parameters)
        given = submission.parameters_of(subject.strip("`"))
        if given is not None and given != wanted:
            has, wants = ", ".join(given), ", ".join(wanted)
            said += f"\nIts parameters are ({has}); ({wants}) are expected."
    return said


def _nearest(function: str, submission: Submission) -> str:
    others = [name for name in submission.defines() if name != function]
    near = difflib.get_close_matches(function, others, 1, 0.75)
    return f"; it has `{near[0]}`. Is that the one?" if near else "."


def _article(what: str) -> str:
    if what[:2] in ("a ", "an"):
        return what
    if not what:  # a worker may say anything, and a class may have no name
        return "an object without a name"
    return f"{'an' if what[0].lower() in 'aeiou' else 'a'} {what}"


def case_of(
    call: Call, contract: Callable[..., Any], answer: Answer, expected: Answer | None,
    difference: Difference | None, beside: Sequence[str] = (), before: Sequence[Recorded] = (),
) -> Case:  # fmt: skip
    """The failing case: the call, its inputs, what came back, and how it differs.

    beside: the functions that were answered correctly for it. before: the earlier calls of
    the case.
    """
    compared = isinstance(answer, Value) and call.mode != "strays" and _tells(difference)
    return Case(
        call=call_text(call, contract) + _beside(beside),
        inputs=tuple(inputs(call, contract, before)),
        returned=_shown(answer, difference) if compared else "",
        expected=_shown(expected, difference, theirs=True) if compared else "",
        difference=difference.says if difference else "",
        pattern=difference.pattern if difference else "",
    )


def _beside(functions: Sequence[str]) -> str:
    return f" beside a right {' and '.join(functions)}" if functions else ""


def right_in_itself(function: str, waits_for: Sequence[str]) -> str:
    """What a step says that fails only because of earlier functions."""
    waits = " and ".join(f"`{name}`" for name in waits_for)
    return f"`{function}` is right in itself" + (f"; it waits for {waits}." if waits else ".")


def _tells(difference: Difference | None) -> bool:
    """Whether values beside each other say more than the sentence does."""
    return difference is None or difference.kind in ("values", "not finite", "argument")


def _shown(answer: Answer | None, difference: Difference | None, theirs: bool = False) -> str:
    """The part of an answer that differs, or all of it."""
    if not isinstance(answer, Value):
        return ""
    if difference is None:
        return words.shown(answer.value)
    return words.shown(difference.expected if theirs else difference.got)


def asks_too_much(function: str, of: Sequence[str]) -> str:
    """What a step says beside its message that cannot be graded beside right objects."""
    owners = " and ".join(f"`{name}`" for name in of)
    return f"`{function}` asks more of {owners} than its contract promises; make that right first."


def waits_for(titles: Sequence[str]) -> str:
    """What a skipped step says."""
    return "This counts once the step it builds on passes: " + "; ".join(titles) + "."
