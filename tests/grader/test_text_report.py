"""What a learner reads: one calm screen, plain text from strangers, nothing hidden told."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from grader.model import Case, Feedback, Misconception, Report, Step, StepResult, Verdict
from grader.reports import text
from grader.reports.escape import encodable, visible
from grader.reports.layout import clip, shelf, wrap
from grader.reports.prose import rationed

from .sample_reports import (
    ALIGNS_FIRST,
    MORE_KEYS,
    STEPS,
    STRICT,
    in_homework,
    report_of,
    right,
    with_second,
    wrong,
)

HIDES = Misconception("03_causal_mask.hides", "causal_mask", "Your mask is True where it hides.")
TALL = Misconception("03_causal_mask.tall", "causal_mask", "Your mask has its sides exchanged.")
COMMAND = "attn-grade hint 03 causal_mask"


def shown(
    report: Report, *, next_step: str = COMMAND, width: int = 80, verbose: bool = False
) -> str:
    file = io.StringIO()
    text.render(report, Console(file=file, width=width), next_step=next_step, verbose=verbose)
    return file.getvalue()


def assert_one_screen(output: str, width: int = 80) -> None:
    lines = output.removesuffix("\n").split("\n")
    assert len(lines) <= 23
    assert max(map(cell_len, lines)) <= width


def line_with(output: str, part: str) -> str:
    (line,) = [line for line in output.split("\n") if part in line]
    return line


@pytest.fixture
def misaligned() -> StepResult:
    return wrong(
        STEPS[1],
        message="The shape is right, (2, 5); not every value is.",
        diagnoses=((ALIGNS_FIRST,),),
        case=MORE_KEYS,
        line=14,
        output="here\nthere\n",
    )


@pytest.fixture
def half_right(misaligned: StepResult) -> Report:
    return report_of(
        right(STEPS[0]),
        misaligned,
        right(STEPS[2]),
        right(STEPS[3]),
        wrong(STEPS[4], Verdict.SKIPPED),
        *(wrong(step, Verdict.NOT_STARTED) for step in STEPS[5:]),
    )


def test_a_half_right_report_is_this_screen(half_right: Report) -> None:
    assert (
        shown(half_right)
        == """\
03 · Causal mask                                       4 of 12 points

 1 ✓ Query i may see the keys 0 to i                 causal_mask  2/2
 2 ✗ The last query lines up with the last key       causal_mask  0/2
 3 ✓ One token sees itself                           causal_mask  1/1
 4 ✓ The mask is boolean                             causal_mask  1/1
 5 · It lies on the given device · waits for step 2  causal_mask  0/1
   not written yet: apply_mask

Step 2 · The last query lines up with the last key
  The shape is right, (2, 5); not every value is.
  causal_mask(2, 5)   exercises/03_causal_mask.py:14
    came back            expected
    [[1, 0, 0, 0, 0],    [[1, 1, 1, 1, 0],
     [1, 1, 0, 0, 0]]     [1, 1, 1, 1, 1]]
  At [0, 1] it says False where True belongs. Only the first column is right.
  You printed | here
              | there
  Which ends should meet?

  This looks like: you lined up the first query with the first key. [03.early]

4 of 12 points. Next: attn-grade hint 03 causal_mask
"""
    )


def test_an_untouched_stub_is_one_line_and_a_command() -> None:
    untouched = report_of(*(wrong(step, Verdict.NOT_STARTED) for step in STEPS))
    assert shown(untouched, next_step="attn-grade lesson 03") == (
        "03 · Causal mask: not started (0 of 12 points)\nNext: attn-grade lesson 03\n"
    )


def test_a_stub_whose_side_steps_wait_is_untouched_too() -> None:
    untouched = report_of(
        *(wrong(step, Verdict.SKIPPED if step.needs else Verdict.NOT_STARTED) for step in STEPS)
    )
    assert len(shown(untouched).splitlines()) == 2


def test_a_function_under_another_name_is_told_and_not_called_unwritten() -> None:
    says = "There is no `causal_mask` in this file; it has `casual_mask`. Is that the one?"
    missing = [
        wrong(step, Verdict.SKIPPED)
        if step.needs
        else wrong(step, Verdict.NOT_STARTED, message=says, case=Case("causal_mask(2, 5)"))
        for step in STEPS[:5]
    ]
    absent = [wrong(step, Verdict.NOT_STARTED, message="Not yet.") for step in STEPS[5:]]
    output = shown(report_of(*missing, *absent))
    assert "1–3 ✗ 3 steps with the same cause · not started" in output
    assert "not written yet: apply_mask\n" in output
    assert says in " ".join(output.split())
    assert "Not yet." not in output


def test_a_branch_that_is_not_written_is_told_as_what_it_is() -> None:
    says = "`causal_mask` came upon a NotImplementedError. What is not written there yet?"
    output = shown(
        with_second(wrong(STEPS[1], Verdict.NOT_STARTED, message=says, case=MORE_KEYS, line=9))
    )
    assert line_with(output, "· not started").startswith(" 2 ✗ ")
    assert says in " ".join(output.split())
    assert "03_causal_mask.py:9" in output


def test_everything_right_is_said_gladly_and_shortly() -> None:
    output = shown(report_of(*map(right, STEPS)), next_step="attn-grade lesson 04")
    assert output.endswith(
        "\n\nWell done: all 8 steps are right, 12 of 12 points. Next: attn-grade lesson 04\n"
    )
    assert len(output.splitlines()) == 12
    assert "!" not in output


def test_a_syntax_error_is_told_once_and_its_caret_stays_in_place() -> None:
    message = (
        "Python cannot read your file yet: '(' was never closed.\n"
        "    return torch.ones(n_q\n"
        "                     ^\n"
        "Which bracket is left open?"
    )
    broken = report_of(*(wrong(step, Verdict.RAISED, message=message, line=14) for step in STEPS))
    assert shown(broken, next_step="attn-grade check 03").split("\n")[2:] == [
        "One cause for all 8 steps",
        "  Python cannot read your file yet: '(' was never closed.",
        "      return torch.ones(n_q",
        "                       ^",
        "  Which bracket is left open?",
        "  exercises/03_causal_mask.py:14",
        "",
        "0 of 12 points. Next: attn-grade check 03",
        "",
    ]


def test_steps_that_only_wait_do_not_hide_that_there_is_one_cause() -> None:
    results = [
        wrong(step, Verdict.SKIPPED)
        if step.needs
        else wrong(step, Verdict.RAISED, message="`nunpy` is not there. Is it numpy?")
        for step in STEPS
    ]
    output = shown(report_of(*results))
    assert "One cause for all 8 steps" in output
    assert output.count("nunpy") == 1
    assert "✗" not in output


def test_alike_steps_of_one_function_share_a_line_and_a_cause() -> None:
    missing = [
        wrong(step, Verdict.RAISED, message="There is no function `apply_mask`.")
        for step in STEPS[5:]
    ]
    output = shown(report_of(*map(right, STEPS[:5]), *missing))
    assert "6–8 ✗ 3 steps with the same cause · raised" in output
    assert "Steps 6, 7, 8 · the same cause\n  There is no function `apply_mask`." in output


def test_neighbours_that_wait_for_the_same_steps_share_a_line() -> None:
    waits = [
        wrong(replace(step, needs=("test_more_keys",)), Verdict.SKIPPED, message="It waits.")
        for step in STEPS[5:]
    ]
    second = wrong(STEPS[1], message="Not every value is right.")
    output = shown(report_of(right(STEPS[0]), second, *map(right, STEPS[2:5]), *waits))
    assert " 6–8 · 3 steps · wait for step 2  " in output


def test_wrong_answers_with_the_same_message_stay_apart(misaligned: StepResult) -> None:
    other = replace(misaligned, step=STEPS[2], case=replace(MORE_KEYS, call="causal_mask(1, 1)"))
    results = (right(STEPS[0]), misaligned, other, *map(right, STEPS[3:]))
    output = shown(report_of(*results), verbose=True)
    assert "\nStep 2 · " in output
    assert "\nStep 3 · " in output


@pytest.mark.parametrize(
    "other",
    [
        {"line": 8},
        {"message": "`k` is not defined."},
        {"diagnoses": ((STRICT,),)},
        {"verdict": Verdict.TIMED_OUT},
    ],
)
def test_steps_have_one_cause_only_where_all_that_is_known_of_them_is_the_same(
    other: dict[str, object],
) -> None:
    raised = wrong(STEPS[0], Verdict.RAISED, message="`n` is not defined.", line=7)
    two = [replace(raised, step=STEPS[1]), replace(raised, step=STEPS[2], **other)]
    output = shown(report_of(raised, *two, *map(right, STEPS[3:])), verbose=True)
    assert "\nSteps 1, 2 · the same cause\n" in output
    assert "\nStep 3 · One token sees itself\n" in output


def test_a_step_waits_for_those_that_did_not_pass() -> None:
    waits = replace(STEPS[3], needs=("test_square", "test_more_keys"))
    output = shown(
        report_of(right(STEPS[0]), wrong(STEPS[1], message="No."), wrong(waits, Verdict.SKIPPED))
    )
    assert "The mask is boolean · waits for step 2  " in output


def test_what_is_true_comes_first_then_a_question_then_the_name(misaligned: StepResult) -> None:
    output = shown(with_second(misaligned))
    fact, values = output.index("The shape is right"), output.index("came back")
    question = output.index("  Which ends should meet?\n\n")
    name = output.index("  This looks like: you lined up the first query")
    assert fact < values < question < name


def test_a_mistake_that_another_function_is_about_is_told_as_its_work(
    misaligned: StepResult,
) -> None:
    foreign = Misconception("01_qkv_projection.twice", "project", "Your result holds it twice.")
    output = " ".join(shown(with_second(replace(misaligned, diagnoses=((foreign,),)))).split())
    assert (
        "This looks like the work of `project` gone wrong: your result holds it twice. [01.twice]"
        in output
    )


def test_why_it_is_wrong_is_told_on_request_only(misaligned: StepResult) -> None:
    why = "  With cached keys the queries are the last tokens.\n"
    assert why not in shown(with_second(misaligned))
    output = shown(with_second(misaligned), verbose=True)
    assert output.index("[03.early]") < output.index(why)


def test_where_no_mistake_is_known_the_step_asks_its_own_question(misaligned: StepResult) -> None:
    nameless = replace(misaligned, diagnoses=())
    assert "\n  Which query is the newest?\n\n10 of 12" in shown(with_second(nameless))
    raised = replace(nameless, verdict=Verdict.RAISED)
    assert "Which query" not in shown(with_second(raised))  # what broke off has another cause
    asked = replace(nameless, message="The result is None. Does it end in `return`?", case=None)
    assert "Which query" not in shown(with_second(asked))


def test_an_ambiguous_mistake_is_asked_about_by_the_step(misaligned: StepResult) -> None:
    output = shown(with_second(replace(misaligned, diagnoses=((ALIGNS_FIRST,), (HIDES,)))))
    assert "  Which query is the newest?\n\n  This looks like one of these:\n" in output
    assert "Which ends should meet?" not in output


def test_an_ambiguous_mistake_names_three_at_most(misaligned: StepResult) -> None:
    alternatives = ((ALIGNS_FIRST,), (HIDES,), (STRICT,), (TALL,))
    output = shown(with_second(replace(misaligned, diagnoses=alternatives)))
    assert (
        """\
  This looks like one of these:
  – You lined up the first query with the first key. [03.early]
  – Your mask is True where it hides. [03.hides]
  – Your mask hides a token itself. [03.strict]
"""
        in output
    )
    assert TALL.says not in output


@pytest.mark.parametrize(
    "says, told",
    [
        ("Where no bias is given you add one.", "where no bias"),
        ("Each query gets the same.", "each query"),
        ("A row sums to two.", "a row"),
        ("Queries, keys and values are mixed.", "queries, keys"),
        ("K and V are exchanged.", "K and V"),
        ("NaN is left in empty rows.", "NaN is"),
        ("QK is not scaled.", "QK is"),
        ("W1 is never used.", "W1 is"),
        ("`Linear` keeps its weights turned.", "`Linear` keeps"),
    ],
)
def test_a_mistake_goes_on_in_small_letters_but_a_name_keeps_its_case(
    misaligned: StepResult, says: str, told: str
) -> None:
    mistake = replace(ALIGNS_FIRST, says=says)
    output = shown(with_second(replace(misaligned, diagnoses=((mistake,),))))
    assert f"This looks like: {told}" in output


def test_a_step_that_raised_names_its_mistake_as_one_that_failed_does(
    misaligned: StepResult,
) -> None:
    raised = wrong(
        STEPS[1],
        Verdict.RAISED,
        message="`causal_mask` raised RuntimeError.",
        diagnoses=((ALIGNS_FIRST,),),
        case=Case("causal_mask(2, 5)"),
        line=14,
    )
    output = shown(with_second(raised))
    assert "lines up with the last key · raised " in output
    assert (
        """  `causal_mask` raised RuntimeError.
  causal_mask(2, 5)   exercises/03_causal_mask.py:14
  Which ends should meet?

  This looks like: you lined up the first query with the first key. [03.early]
"""
        in output
    )
    homework = shown(in_homework(with_second(raised)))
    assert "This looks like: you lined up the first query" in homework


def test_what_came_back_is_left_out_where_it_reads_like_what_was_expected(
    misaligned: StepResult,
) -> None:
    alike = replace(MORE_KEYS, returned="tensor (2, 3)", expected="tensor (2, 3)")
    output = shown(with_second(replace(misaligned, case=alike)))
    assert "came back" not in output and "tensor (2, 3)" not in output
    assert "At [0, 1] it says False where True belongs." in output


def test_mistakes_made_together_are_told_together(misaligned: StepResult) -> None:
    output = shown(with_second(replace(misaligned, diagnoses=((ALIGNS_FIRST, STRICT),))))
    assert (
        """\
  Which ends should meet?

  This looks like these mistakes at once:
  – You lined up the first query with the first key. [03.early]
  – Your mask hides a token itself. [03.strict]
"""
        in output
    )


def test_the_command_stands_whole_on_its_own_line_where_it_would_not_fit(
    half_right: Report,
) -> None:
    command = "attn-grade check 03_causal_mask " + "a_long_folder/" * 8 + "mine.py"
    assert shown(half_right, next_step=command).endswith(f"\n4 of 12 points.\nNext: {command}\n")


def test_without_a_command_only_the_score_ends_the_report(half_right: Report) -> None:
    assert shown(half_right, next_step="").endswith("\n\n4 of 12 points.\n")


def test_a_fault_of_the_grader_is_said_not_to_be_the_learners() -> None:
    output = shown(with_second(wrong(STEPS[1], Verdict.GRADER_ERROR, message="Lost the pipe.")))
    assert line_with(output, "not your fault").startswith(" 2 ! The last query lines up")
    assert line_with(output, "not your fault").endswith("?/2")
    assert (
        "  Lost the pipe.\n  This step has not been judged; that is no fault of yours.\n" in output
    )
    assert "10 of 12 points, 2 not judged." in output


def test_the_learners_own_fault_is_told_before_the_graders() -> None:
    output = shown(
        report_of(
            wrong(STEPS[0], Verdict.GRADER_ERROR, message="Lost the pipe."),
            wrong(STEPS[1], message="Not every value is right."),
            *map(right, STEPS[2:]),
        )
    )
    assert "Step 2 · " in output
    assert "Step 1 · " not in output


@pytest.mark.parametrize("verdict", ["timed_out", "out_of_memory", "crashed", "forbidden"])
def test_a_step_that_was_stopped_says_why(verdict: str) -> None:
    stopped = wrong(STEPS[1], Verdict(verdict), message="This is why.")
    output = shown(with_second(stopped))
    assert f"lines up with the last key · {verdict.replace('_', ' ')}" in output
    assert "Step 2 · The last query lines up with the last key\n  This is why.\n" in output


def test_a_later_step_that_was_stopped_says_why_below_its_line(misaligned: StepResult) -> None:
    late = wrong(STEPS[6], Verdict.TIMED_OUT, message="It ran for 4 s.")
    short = replace(misaligned, case=None, output="")
    output = shown(
        report_of(right(STEPS[0]), short, *map(right, STEPS[2:6]), late, right(STEPS[7]))
    )
    assert re.search(
        r" 7 ✗ One mask serves.* · timed out +apply_mask +0/2\n +It ran for 4 s.", output
    )


@pytest.mark.parametrize("verdict", ["forbidden", "timed_out", "crashed", "out_of_memory"])
def test_why_a_later_step_was_stopped_is_left_to_the_row_where_homework_hides_it(
    misaligned: StepResult, verdict: str
) -> None:
    late = wrong(STEPS[6], Verdict(verdict), message="This is why.")
    first = replace(misaligned, case=None, output="")
    report = report_of(right(STEPS[0]), first, *map(right, STEPS[2:6]), late, right(STEPS[7]))
    assert re.search(r"\n +This is why\.\n", shown(report))
    assert shown(in_homework(report)).count("One mask serves every batch and head") == 1


@pytest.mark.parametrize(
    "verdict, says",
    [
        ("raised", "It ended in an exception."),
        ("timed_out", "It did not come to an end in its time."),
        ("out_of_memory", "It asked for more memory than it may have."),
        ("crashed", "It took the whole Python process down with it."),
        ("forbidden", "It uses an operation that this exercise is there to write."),
    ],
)
def test_a_verdict_without_a_message_still_says_something(verdict: str, says: str) -> None:
    bare = with_second(wrong(STEPS[1], Verdict(verdict)))
    assert f"\n  {says}\n" in shown(bare)
    told = " ".join(shown(in_homework(bare)).split())
    assert f"{says} What it was given stays hidden in homework." in told


def test_a_function_right_in_itself_says_what_it_waits_for(misaligned: StepResult) -> None:
    rescued = [right(step, carried_forward=True, waits_for=("causal_mask",)) for step in STEPS[5:]]
    output = shown(report_of(right(STEPS[0]), misaligned, *map(right, STEPS[2:5]), *rescued))
    assert "`apply_mask` is right in itself; it waits for `causal_mask`\n" in output


def printed(output: str) -> list[str]:
    """The lines of a report that quote what was printed."""
    return [line.partition("| ")[2] for line in output.splitlines() if line[14:16] == "| "]


def test_prints_are_cut_to_a_few_lines_where_the_failing_case_needs_the_room(
    unscaled: StepResult,
) -> None:
    loud = replace(unscaled, output="".join(f"line {n}\n" for n in range(50)))
    wrongs = {n: replace(unscaled, diagnoses=()) for n in range(5, 10)} | {4: loud}
    output = shown(attention_report(wrongs))
    assert_one_screen(output)
    assert printed(output) == ["… 50 lines (-v shows them)"]
    assert "came back" in output
    fewer = replace(loud, diagnoses=())
    output = shown(attention_report(wrongs | {4: fewer}))
    assert printed(output) == ["line 0", "line 1", "… 48 more lines"]
    assert "came back" in output


def test_prints_get_the_lines_that_are_free_but_not_the_whole_screen(
    misaligned: StepResult,
) -> None:
    few = replace(misaligned, output="".join(f"line {n}\n" for n in range(5)))
    output = shown(report_of(few))
    assert_one_screen(output)
    assert printed(output) == [f"line {n}" for n in range(5)]
    many = replace(few, output="".join(f"line {n}\n" for n in range(50)), case=None, diagnoses=())
    output = shown(report_of(many))
    assert_one_screen(output)
    assert printed(output) == [*(f"line {n}" for n in range(11)), "… 39 more lines"]


def test_inputs_that_the_call_spells_out_are_not_repeated(misaligned: StepResult) -> None:
    assert "n_k = 5" not in shown(with_second(misaligned))
    named = replace(misaligned, case=replace(MORE_KEYS, call="causal_mask(n_q, n_k)"))
    assert "    n_q = 2, n_k = 5\n" in shown(with_second(named))


def test_inputs_in_rows_and_columns_stand_beside_what_came_back(misaligned: StepResult) -> None:
    case = Case(
        call="dot_scores(q, k)",
        inputs=(("q", "0.3  -1.2"), ("k", "1  0\n0  1"), ("d", "tensor (2, 3, 5) float32")),
        returned="0.3  -1.2",
    )
    assert """\
    d = tensor (2, 3, 5) float32
    q            k       came back
    0.3  -1.2    1  0    0.3  -1.2
                 0  1
""" in shown(with_second(replace(misaligned, case=case)))


def test_a_difference_that_the_message_tells_already_is_not_repeated(
    misaligned: StepResult,
) -> None:
    told = replace(misaligned, message=f"The shape is right; {MORE_KEYS.difference}.")
    assert shown(with_second(told)).count(MORE_KEYS.difference) == 1


def test_markup_of_a_stranger_is_text(misaligned: StepResult) -> None:
    strange = "[bold red]x[/bold red] [link=http://a.b]c[/link] :smile: \\[d]"
    case = replace(MORE_KEYS, returned=strange)
    output = shown(with_second(replace(misaligned, message=strange, output=strange, case=case)))
    assert output.count("[bold red]x[/bold red]") == 3
    assert output.count(":smile: \\[d]") == 3


def test_what_a_stranger_wrote_moves_no_cursor_and_turns_no_text(misaligned: StepResult) -> None:
    nasty = "a\x1b[2J\x07\r\x9b1mb\u202e\u200bc\ud800"
    strange = with_second(
        replace(
            misaligned,
            message=nasty,
            output=nasty,
            case=Case(nasty, ((nasty, nasty),), nasty, nasty, nasty, nasty),
        )
    )
    for verbose in (False, True):
        output = shown(replace(strange, path=nasty, notes=(nasty,)), verbose=verbose)
        assert all(character == "\n" or character.isprintable() for character in output)
        assert "a\\x1b[2J\\x07\\r\\x9b1mb\\u202e\\u200bc\\ud800" in output


def test_colours_are_for_terminals_only(half_right: Report) -> None:
    file = io.StringIO()
    terminal = Console(file=file, width=80, force_terminal=True, color_system="standard")
    text.render(half_right, terminal, next_step=COMMAND)
    coloured = file.getvalue()
    assert "\x1b[32m✓" in coloured
    assert "\x1b[31m✗" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == shown(half_right)


def test_an_encoding_without_the_signs_gets_ascii(half_right: Report) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    written = replace(half_right, notes=("√d_k is 8 for 漢",))
    text.render(written, Console(file=file, width=80), next_step=COMMAND, verbose=True)
    file.flush()
    output = raw.getvalue().decode("ascii")
    assert output.startswith("03 - Causal mask")
    assert " 1 + Query i may see the keys 0 to i" in output
    assert " 2 x The last query lines up" in output
    assert "Note: sqrt d_k is 8 for \\u6f22" in output
    assert max(map(len, output.splitlines())) <= 80


def test_fourteen_steps_with_two_wrong_fit_one_screen(misaligned: StepResult) -> None:
    steps = [Step(f"test_{n}", "causal_mask", f"Sentence number {n}", 1) for n in range(1, 15)]
    results = [
        replace(misaligned, step=step) if step.id in ("test_6", "test_10") else right(step)
        for step in steps
    ]
    output = shown(report_of(*results))
    assert_one_screen(output)
    assert "  1–5 ✓ 5 steps" in output
    assert "✗ Sentence number 6 " in output
    assert "✗ Sentence number 10 " in output
    assert "This looks like: you lined up" in output


def test_the_first_cause_stays_whole_where_far_too_many_steps_fail(
    misaligned: StepResult,
) -> None:
    steps = [Step(f"test_{n}", "causal_mask", f"Sentence number {n}", 1) for n in range(30)]
    output = shown(report_of(*(replace(misaligned, step=step) for step in steps)))
    assert_one_screen(output)
    assert " 2–30 ✗ 29 steps, the same mistake" in output
    assert "came back            expected" in output
    assert "Which ends should meet?" in output


ATTENTION = [
    *(Step(f"test_sum_{n}", "weighted_sum", f"Sum number {n}", 1) for n in range(1, 4)),
    *(Step(f"test_{n}", "attention", f"Attention number {n}", 2) for n in range(4, 10)),
    *(
        Step(f"test_{n}", "attention", f"Attention number {n}", 1, needs=("test_4", "test_6"))
        for n in range(10, 13)
    ),
    *(Step(f"test_{n}", "self_attention", f"Self number {n}", 1) for n in range(13, 15)),
    Step("test_15", "self_attention", "Self number 15", 1, needs=("test_13",)),
]
SCALED = Case(
    call="attention(q, k, v)",
    inputs=tuple(
        (name, "\n".join(["0.1178  -0.2345  0.3456  -0.4567  0.5678"] * 5)) for name in "qkv"
    ),
    returned=(
        "  0.02496    0.07259    0.03238    0.04395     0.8261\n"
        "  0.08621     0.1055     0.3814     0.3696    0.05728\n"
        "  0.07134    0.06541    0.03705    0.05495     0.7713\n"
        " 0.002753   0.001124  7.313e-05   0.004454     0.9916\n"
        "  0.04799     0.2418     0.4979     0.1966    0.01579"
    ),
    expected=(
        "  0.102   0.1644   0.1146   0.1313   0.4877\n"
        " 0.1473   0.1612   0.2864   0.2824   0.1227\n"
        " 0.1539    0.148   0.1148   0.1369   0.4463\n"
        "0.05876  0.03937   0.0116  0.07287   0.8174\n"
        " 0.1191   0.2455   0.3391   0.2238  0.07245"
    ),
    difference="at [0, 0] it has 0.02496 where 0.102 was expected",
)


def attention_report(
    wrongs: dict[int, StepResult], waiting: tuple[int, ...] = (), **changes: object
) -> Report:
    """All steps of ATTENTION right but some that are wrong, by number, and some that wait."""
    results = [
        replace(wrongs[number], step=step)
        if number in wrongs
        else wrong(step, Verdict.SKIPPED)
        if number in waiting
        else right(step)
        for number, step in enumerate(ATTENTION, start=1)
    ]
    return report_of(*results, **changes)


@pytest.fixture
def unscaled(misaligned: StepResult) -> StepResult:
    mistake = replace(ALIGNS_FIRST, function="attention")
    said = {"message": "Not every value is right.", "diagnoses": ((mistake,),)}
    return replace(misaligned, **said, case=SCALED, output="")


def test_the_failing_case_matters_more_than_the_list_of_steps(unscaled: StepResult) -> None:
    wrongs = dict.fromkeys([*range(4, 10), 13, 14], unscaled)
    output = shown(attention_report(wrongs, waiting=(10, 11, 12, 15)))
    assert_one_screen(output)
    assert (
        """
   1–3 ✓ 3 steps                             weighted_sum     3/3
     4 ✗ Attention number 4                  attention        0/2
   5–9 ✗ 5 steps, the same mistake           attention       0/10
 10–12 · 3 steps · wait for steps 4, 6       attention        0/3
 13–14 ✗ 2 steps, the same mistake           self_attention   0/2
    15 · Self number 15 · waits for step 13  self_attention   0/1

Step 4 · Attention number 4
  Not every value is right.
  attention(q, k, v)   exercises/03_causal_mask.py:14
    came back                            expected
    0.025  0.073  0.032  0.044  0.826    0.102  0.164  0.115  0.131  0.488
    0.086  0.105  0.381  0.370  0.057    0.147  0.161  0.286  0.282  0.123
    0.071  0.065  0.037  0.055  0.771    0.154  0.148  0.115  0.137  0.446
    0.003  0.001  0.000  0.004  0.992    0.059  0.039  0.012  0.073  0.817
    0.048  0.242  0.498  0.197  0.016    0.119  0.245  0.339  0.224  0.072
  At [0, 0] it has 0.02496 where 0.102 was expected.
  Which ends should meet?
  This looks like: you lined up the first query with the first key. [03.early]
"""
        in output
    )


def test_steps_that_passed_share_a_row_though_others_stand_between(unscaled: StepResult) -> None:
    others = {n: replace(unscaled, diagnoses=((HIDES,),)) for n in (5, 9)}
    mine = replace(unscaled, diagnoses=((replace(ALIGNS_FIRST, function="weighted_sum"),),))
    output = shown(attention_report({3: mine} | others))
    assert_one_screen(output)
    assert re.search(r"\n +✓ 7 of 9 steps: 4, 6–8, 10–12 +attention +11/11\n", output)
    assert re.search(r"\n +5 ✗ Attention number 5 +attention +0/2\n", output)
    assert "\n   1–2 ✓ 2 steps  " in output
    assert "came back" in output


def test_consequences_in_all_functions_share_a_row_where_room_is_very_short(
    unscaled: StepResult,
) -> None:
    loud = replace(unscaled, output="one\ntwo\n")
    wrongs = dict.fromkeys(range(5, 10), unscaled) | {4: loud, 13: unscaled, 14: unscaled}
    output = shown(attention_report(wrongs, waiting=(10, 11, 12, 15)))
    assert_one_screen(output)
    assert re.search(r"\n +✗ 7 steps, the same mistake: 5–9, 13, 14 +0/12\n", output)
    assert re.search(r"\n +· 4 steps: 10–12, 15 · wait for steps 4, 6, 13 +0/4\n", output)
    assert printed(output) == ["one", "two"]


def test_an_uncertain_diagnosis_is_perhaps_the_same_mistake(unscaled: StepResult) -> None:
    unsure = replace(unscaled, diagnoses=((HIDES,), (STRICT,)))
    output = shown(attention_report(dict.fromkeys(range(4, 10), unsure)))
    assert "   5–9 ✗ 5 steps, perhaps the same mistake  " in output


def test_failures_without_a_diagnosis_are_not_called_the_same_mistake(
    unscaled: StepResult,
) -> None:
    unknown = replace(unscaled, diagnoses=(), output="one\ntwo\nthree\n")
    wrongs = dict.fromkeys([*range(4, 10), 13, 14], unknown)
    output = shown(attention_report(wrongs, waiting=(10, 11, 12, 15)))
    assert_one_screen(output)
    assert "   5–9 ✗ 5 more steps  " in output
    assert "same mistake" not in output
    assert "came back" in output


def test_no_step_that_was_stopped_is_folded_away(unscaled: StepResult) -> None:
    slow = wrong(STEPS[0], Verdict.TIMED_OUT, message="It ran for 4 s.")
    wrongs = dict.fromkeys(range(4, 10), unscaled) | {8: slow}
    output = shown(attention_report(wrongs))
    assert re.search(r" 8 ✗ Attention number 8 · timed out ", output)
    assert "✗ 4 steps, the same mistake: 5–7, 9" in output


def test_grids_too_wide_for_rounding_lose_columns_and_flat_ones_stand_apart(
    unscaled: StepResult,
) -> None:
    wide = "  ".join(SCALED.returned.split("\n")[0].split())
    row = f"{wide}  {wide}"
    tall, flat = "\n".join([row] * 3), f"{wide}  0.1234  0.1235"
    case = Case("f(x)", returned=tall, expected=tall.replace("0.8261", "0.8999"))
    output = shown(report_of(replace(unscaled, case=case)))
    line = "0.02  0.07  0.03  0.04  0.83  …    0.02  0.07  0.03  0.04  0.90  …"
    assert f"    {line}\n" * 3 in output
    case = Case("f(x)", returned=flat, expected=flat.replace("0.8261", "0.8999"))
    output = shown(report_of(replace(unscaled, case=case)))
    assert f"    came back\n    {flat}\n    expected\n    0.02496" in output


def test_verbose_shows_all_digits(unscaled: StepResult) -> None:
    output = shown(attention_report({4: unscaled}), verbose=True)
    assert "0.002753  0.001124  7.313e-05  0.004454   0.9916\n" in output


def test_rounding_hides_no_difference(unscaled: StepResult) -> None:
    near = "\n".join(
        "  ".join(f"{float(cell) + 2e-4:.4g}" for cell in line.split())
        for line in SCALED.returned.split("\n")
    )
    case = replace(SCALED, expected=near)
    output = shown(attention_report({4: replace(unscaled, case=case)}))
    assert_one_screen(output)
    assert "0.02496" in output.split("came back")[1].split("At [0, 0]")[0]


def test_where_room_is_short_what_came_back_outlives_the_inputs(misaligned: StepResult) -> None:
    wide = "  ".join(f"0.{n}234" for n in range(8))
    case = Case(
        call="project(x, w)",
        inputs=(("x", "\n".join([wide] * 5)), ("w", "\n".join([wide] * 6))),
        returned="1  2\n3  4",
        expected="1  2\n3  5",
    )
    results = [right(step) if step.needs else wrong(step, message=step.id) for step in STEPS]
    results[0] = replace(misaligned, step=STEPS[0], case=case)
    output = shown(report_of(*results))
    assert_one_screen(output)
    assert (
        """\
  project(x, w)   exercises/03_causal_mask.py:14
    came back    expected
    1  2         1  2
    3  4         3  5
"""
        in output
    )


def test_a_message_without_end_leaves_the_diagnosis_on_the_screen(misaligned: StepResult) -> None:
    for endless in ("word " * 500, "x" * 5000, "line\n" * 500, "  code\n" * 500):
        output = shown(with_second(replace(misaligned, message=endless, output=endless)))
        assert_one_screen(output)
        assert "This looks like: you lined up the first query with the first key." in output


def test_prose_is_eighty_words_at_most(misaligned: StepResult) -> None:
    wordy = replace(
        misaligned,
        case=replace(MORE_KEYS, difference="d " * 40, pattern="p " * 40),
        message="m " * 40,
        output="",
    )
    output = shown(with_second(wordy))
    story = output[output.index("Step 2") : output.index("10 of 12 points. Next")]
    words = [word.strip(".…") for word in story.split()]
    assert words.count("m") == 40
    # 11 words name the mistake, 4 ask about it.
    assert words.count("d") + words.count("D") == 80 - 40 - 11 - 4
    assert "p" not in words
    assert "Which ends should meet?" in story


def test_notes_are_told_where_there_is_room(half_right: Report) -> None:
    note = "`F.softmax` stands unused in line 40; that costs nothing."
    passed = report_of(*map(right, STEPS), notes=(note,))
    assert f"\nNote: {note}\n" in shown(passed)
    assert note not in shown(replace(half_right, notes=(note,)))
    assert f"\nNote: {note}\n" in shown(replace(half_right, notes=(note,)), verbose=True)


def test_verbose_tells_every_failure_and_what_graded_it(misaligned: StepResult) -> None:
    second = wrong(STEPS[6], Verdict.CRASHED, message="It took Python down.", seconds=1.234)
    results = (right(STEPS[0]), misaligned, *map(right, STEPS[2:6]), second, right(STEPS[7]))
    output = shown(report_of(*results), verbose=True)
    assert "Step 2 · The last query" in output
    assert "Step 7 · One mask serves every batch and head\n  It took Python down.\n" in output
    assert line_with(output, " 7 ✗ ").endswith("0/2  1.23 s")
    assert "0.42 s on cpu · seed 2017 · grader 0.1.0, Python 3.11.7, torch 2.13.0\n" in output
    assert "isolation: no sandbox\n" in output
    assert "submission 5ab5ab5a · suite 11111111 · solution 22222222 · course 33333333" in output


def test_verbose_folds_and_shortens_nothing(misaligned: StepResult) -> None:
    loud = replace(
        misaligned,
        message="m " * 100,
        diagnoses=((ALIGNS_FIRST,), (STRICT,)),
        output="".join(f"line {n}\n" for n in range(30)),
    )
    missing = [wrong(step, Verdict.RAISED, message="`k` is gone.", line=3) for step in STEPS[5:]]
    output = shown(
        report_of(right(STEPS[0]), loud, *map(right, STEPS[2:5]), *missing), verbose=True
    )
    assert output.count("· raised ") == 3
    assert output.split().count("m") == 100
    assert printed(output) == [f"line {n}" for n in range(30)]
    assert "– You lined up the first query with the first key. [03.early] With cached" in output


def test_verbose_lists_the_steps_though_one_cause_holds_up_all() -> None:
    broken = [wrong(step, Verdict.RAISED, message="'(' was never closed.") for step in STEPS]
    assert shown(report_of(*broken), verbose=True).count(" ✗ ") == 8


def test_an_untouched_stub_tells_under_verbose_what_it_would_be_graded_with() -> None:
    untouched = report_of(*(wrong(step, Verdict.NOT_STARTED) for step in STEPS))
    assert "isolation: no sandbox\n" in shown(untouched, verbose=True)


def test_homework_tells_of_a_hidden_step_its_sentence_and_its_mistake(
    misaligned: StepResult,
) -> None:
    output = shown(in_homework(with_second(misaligned)))
    assert "Step 2 · The last query lines up with the last key\n" in output
    assert "  What it was given stays hidden in homework.\n" in output
    assert (
        "  This looks like: you lined up the first query with the first key. [03.early]\n" in output
    )


def test_homework_shows_a_public_step_as_practice_does(misaligned: StepResult) -> None:
    public = replace(misaligned, step=replace(STEPS[1], public=True))
    practice = with_second(public)
    assert shown(in_homework(practice)) == shown(practice)


STRANGE = st.text(
    st.characters(codec=None, categories=None) | st.sampled_from("\n\x1b[]/ :漢é\u0301\u202e"),
    max_size=300,
)


@st.composite
def results(draw: st.DrawFn) -> tuple[StepResult, ...]:
    verdicts = draw(st.lists(st.sampled_from(Verdict), min_size=1, max_size=30))
    steps = [
        Step(f"test_{n}", f"function_{n // 6}", "Sentence " * 8, 1, needs=("test_0",) * (n % 2))
        for n in range(len(verdicts))
    ]
    found = []
    for step, verdict in zip(steps, verdicts, strict=True):
        message, value, output = draw(st.tuples(STRANGE, STRANGE, STRANGE))
        found.append(
            StepResult(
                step,
                verdict,
                message=message,
                case=Case(value, ((value, message), ("x", value)), value, message, output, value),
                output=output,
                line=draw(st.none() | st.integers(1, 9999)),
                diagnoses=draw(st.sampled_from([(), ((ALIGNS_FIRST,),), ((HIDES,), (STRICT,))])),
                carried_forward=draw(st.booleans()),
            )
        )
    return tuple(found)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(results(), st.sampled_from(Feedback), STRANGE)
def test_whatever_happened_fits_one_screen_of_printable_text(
    found: tuple[StepResult, ...], feedback: Feedback, note: str
) -> None:
    output = shown(report_of(*found, feedback=feedback, notes=(note,)))
    assert_one_screen(output)
    assert all(character == "\n" or character.isprintable() for character in output)


def test_a_narrow_terminal_keeps_its_lines_whole(half_right: Report) -> None:
    assert_one_screen(shown(half_right, width=48), width=48)


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_long_names_are_cut_to_the_page(misaligned: StepResult, width: int) -> None:
    functions = [f"a_function_with_a_long_name_{n}" for n in range(6)]
    steps = [Step(f"test_{name}", name, "Sentence " * 8, 1) for name in functions]
    report = report_of(
        replace(misaligned, step=STEPS[1]),
        *(wrong(step, Verdict.NOT_STARTED) for step in steps),
        title="A title of words " * 8,
        path="a_long_folder/" * 8 + "mine.py",
        notes=("A note of words " * 20,),
    )
    assert_one_screen(shown(report, width=width), width)


def test_a_line_is_never_longer_than_is_good_to_read() -> None:
    noted = report_of(*map(right, STEPS), notes=("A note. " * 60,))
    assert max(map(cell_len, shown(noted, width=300).splitlines())) == 100


def test_the_command_to_type_is_spelt_out_too(half_right: Report) -> None:
    assert "\x1b" not in shown(half_right, next_step="attn-grade --course '\x1b[2J' hint 03")


def test_of_a_long_line_the_part_around_the_caret_is_shown() -> None:
    code = "    return " + "x" * 90 + " y"
    message = f"SyntaxError on line 2: odd.\n{code}\n{' ' * 102}^"
    broken = report_of(*(wrong(step, Verdict.RAISED, message=message, line=2) for step in STEPS))
    assert shown(broken).splitlines()[4:7] == [
        "      …" + "x" * 37 + " y",
        " " * 45 + "^",
        "  exercises/03_causal_mask.py:2",
    ]


@pytest.mark.parametrize("place", [0, 70, 72, 73, 74, 75, 120, 199])
@pytest.mark.parametrize("letters", ["abcdefghij", "漢字仮名交文章例題"])
def test_the_caret_stands_under_its_letter_wherever_the_line_is_cut(
    place: int, letters: str
) -> None:
    code = "".join(letters[n % len(letters)] for n in range(200))
    message = f"SyntaxError on line 2: odd.\n    {code}\n    {' ' * place}^"
    broken = report_of(*(wrong(step, Verdict.RAISED, message=message, line=2) for step in STEPS))
    above, caret = shown(broken).splitlines()[4:6]
    cells = "".join(letter + "\0" * (cell_len(letter) - 1) for letter in above)
    assert cells[caret.index("^")] == code[place]
    assert cell_len(above) <= 80


def test_a_wide_terminal_shows_longer_sentences_whole() -> None:
    title = "A sentence that is as long as sentences of steps may ever be.."
    long = report_of(right(replace(STEPS[0], title=title)), right(STEPS[1]))
    assert title not in shown(long, width=80)
    assert title in shown(long, width=100)


def test_visible_spells_out_what_cannot_be_seen_and_only_once() -> None:
    once = visible("tab\there\r\nnext\x00\u2028\u00a0é漢\\x1b")
    assert once == "tab here\nnext\\x00\\u2028 é漢\\x1b"
    assert visible(once) == once


def test_visible_spells_out_what_is_printable_and_yet_not_seen() -> None:
    assert visible("a\u3164\u2800\U000e0100b") == "a\\u3164\\u2800\\U000e0100b"
    assert visible("right \u2714\ufe0f") == "right \u2714\ufe0f"  # as an emoji


def test_encodable_spells_the_courses_signs_and_escapes_the_rest() -> None:
    assert encodable("√d ≤ 8… ✓", "ascii") == "sqrt d <= 8... \\u2713"
    assert encodable("·×√", "latin-1") == "·×sqrt "
    assert encodable("·×√", "utf-8") == "·×√"


def test_wide_characters_count_twice_and_piled_up_accents_count_too() -> None:
    assert clip("漢字漢字", 6, "…") == "漢字…"
    assert len(clip("e" + "\u0301" * 1000, 10, "…")) <= 20
    assert wrap("漢字漢字 ab", 4) == ["漢字", "漢字", "ab"]


def test_blocks_stand_side_by_side_as_far_as_they_fit() -> None:
    blocks = [("x", "[[1, 2],\n [3, 4]]"), ("came back", "7"), ("expected", "8")]
    assert shelf(blocks, 40, 6, "…") == [
        "x           came back    expected",
        "[[1, 2],    7            8",
        " [3, 4]]",
    ]
    assert shelf(blocks, 22, 6, "…") == [
        "x           came back",
        "[[1, 2],    7",
        " [3, 4]]",
        "expected",
        "8",
    ]
    assert shelf([("x", "1\n2\n3\n4")], 40, 3, "…") == ["x", "1", "2", "…"]


def test_words_are_rationed_in_order_and_stumps_are_dropped() -> None:
    texts = ["one two three", "four five six seven eight", "nine ten"]
    assert rationed(texts, 7, "…") == ["one two three", "four five six seven…", ""]
    assert rationed(texts, 5, "…") == ["one two three", "", ""]
    assert rationed(texts, None, "…") == texts


def test_reports_need_neither_torch_nor_numpy_nor_pytest_nor_click() -> None:
    program = (
        "import sys, grader.reports.text, grader.reports.as_json, grader.reports.junit\n"
        "print(sorted({'torch', 'numpy', 'pytest', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_what_was_measured_is_not_said_to_look_like_something(misaligned: StepResult) -> None:
    scale = Misconception(
        "probes.scale", "causal_mask", "Your result is 3 times too large.", "Why?"
    )
    told = shown(with_second(replace(misaligned, diagnoses=((scale,),))))
    assert "  Why?\n\n  Measured: your result is 3 times too large. [probes.scale]\n" in told
    assert "This looks like" not in told
