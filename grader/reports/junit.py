"""The Report as a JUnit file: a suite per report, a testcase per step, for CI to show."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from grader.model import Case, Report, StepResult, Verdict
from grader.reports.escape import escaped
from grader.reports.prose import by_itself, opening_of, question_of
from grader.reports.redact import headline, redacted


def as_junit(report: Report) -> str:
    """The report as a JUnit document, in ASCII with character references."""
    root = Element("testsuites")
    root.append(suite(report))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="us-ascii")
    return document.decode("ascii")


def suite(report: Report) -> Element:
    """The report as one `<testsuite>`; homework feedback is redacted as in every view.

    Whatever XML forbids (control characters, lone surrogates) has been spelt out before.
    """
    told = escaped(redacted(report))
    kinds = [_kind(result) for result in told.steps]
    element = Element(
        "testsuite",
        name=told.exercise,
        tests=str(len(kinds)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
        time=f"{told.seconds:.3f}",
    )
    _properties(element, _facts(told))
    element.extend([_testcase(told, result) for result in told.steps])
    if told.notes:
        SubElement(element, "system-out").text = "\n".join(told.notes)
    return element


def _facts(report: Report) -> dict[str, str]:
    facts = {
        "points": str(report.score),
        "max_points": str(report.max_score),
        "submission": report.path,
        "sha256": report.sha256,
        "seed": str(report.seed),
        "feedback": report.feedback.value,
        "isolation": report.environment.isolation,
    }
    if report.student is not None:
        facts["student"] = report.student
    return facts


def _testcase(report: Report, result: StepResult) -> Element:
    step = result.step
    element = Element(
        "testcase",
        classname=f"{report.exercise}.{step.function}",
        name=step.id,
        time=f"{result.seconds:.3f}",
    )
    if result.line is not None:
        element.set("file", report.path)
        element.set("line", str(result.line))
    _properties(element, {"points": str(result.points), "max_points": str(step.points)})
    kind = _kind(result)
    if kind is not None:
        problem = SubElement(element, kind, message=result.message or headline(result))
        if kind != "skipped":
            problem.set("type", result.verdict.value)
        problem.text = _account(result)
    if result.output:
        SubElement(element, "system-out").text = result.output
    return element


def _kind(result: StepResult) -> str | None:
    """The JUnit element that a verdict becomes; a pass has none."""
    match result.verdict:
        case Verdict.PASSED:
            return None
        case Verdict.SKIPPED:
            return "skipped"
        case Verdict.GRADER_ERROR:
            return "error"
    return "failure"


def _properties(element: Element, values: dict[str, str]) -> None:
    properties = SubElement(element, "properties")
    for name, value in values.items():
        SubElement(properties, "property", name=name, value=value)


def _account(result: StepResult) -> str:
    """Everything there is to say about a step that did not pass, a line each."""
    lines = [headline(result)]
    if result.message and result.message != lines[0]:
        lines.append(result.message)
    if result.case is not None:
        lines += _case_lines(result.case)
    asked = question_of(result, asked=lines[-1].endswith("?"))
    lines += [asked] if asked else []
    for number, together in enumerate(result.diagnoses):
        opening = "or: " if number else opening_of(together[0], result.step.function)
        lines.append(opening + " And: ".join(map(by_itself, together)))
    return "\n".join(lines)


def _case_lines(case: Case) -> list[str]:
    lines = [f"call: {case.call}"]
    lines += [_named(name, " =", value) for name, value in case.inputs]
    named = {
        "came back": case.returned,
        "expected": case.expected,
        "difference": case.difference,
        "pattern": case.pattern,
    }
    return lines + [_named(name, ":", part) for name, part in named.items() if part]


def _named(name: str, sign: str, value: str) -> str:
    """A value after its name; one of several lines begins below, so that its columns stand."""
    gap = "\n" if "\n" in value else " "
    return f"{name}{sign}{gap}{value}"
