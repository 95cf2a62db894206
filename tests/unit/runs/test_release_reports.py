"""Markdown, GitHub annotations and model card: other systems read them, so their syntax is held here."""

from __future__ import annotations

import yaml

from pytest_medeval.plugin.outputs import workflow_commands
from pytest_medeval.report import card as ink
from pytest_medeval.report import markdown as marks
from pytest_medeval.report.outline import outline_of
from pytest_medeval.runs.reference import Reference


def markdown(record):
    """Write a record's Markdown."""
    return marks.markdown(outline_of(record))


def card(record):
    """Write a record's model card."""
    return ink.card(outline_of(record))


def regressed(quiz):
    """Make a run that lost against its reference and fails a gate."""
    old = quiz.run({0}, baseline={1, 2})
    return quiz.run(
        set(range(20)),
        baseline={1, 2},
        reference=Reference("0001_old", old),
        gates=["accuracy not worse than reference by 0.1", "accuracy >= 0.1"],
    )


def test_markdown_says_what_to_do_and_why(quiz):
    """Verdict first, then gates with reasons, then numbers against baseline and reference."""
    text = markdown(regressed(quiz))
    assert text.startswith("## Medical evaluation: MAY NOT GO OUT\n\n1 of 2 gates failed: quiz: accuracy not worse")
    assert "| `quiz: accuracy not worse than reference by 0.1` | ❌ fail | -0.4750 | [" in text
    assert "| `accuracy` | 0.9750 | 0.5000 | -0.4750 | [" in text
    assert "worse than the reference in accuracy: 19 of 40 cases: q1 1.0000 -\\> 0.0000" in text
    assert "- reference 0001\\_old of " in text
    assert "## Medical evaluation: MAY GO OUT\n\n1 gate passed.\n" in markdown(quiz.run(gates=["accuracy >= 0.1"]))
    assert "## Medical evaluation: UNDECIDED\n\nno gate was set" in markdown(quiz.run())


def test_every_table_row_has_as_many_cells_as_its_head(quiz):
    """Names with bars, backticks and line breaks break no table."""
    record = regressed(quiz)
    record["gates"][0] |= {"suite": "a|b", "expression": "x|`y`", "reason": "line\nbreak | <b>*bold*</b>"}
    width = 0
    for line in markdown(record).splitlines():
        if line.startswith("| ") and not width:
            width = line.count("|")
        assert not line.startswith("| ") or line.replace("\\|", "").count("|") == width
        width = width if line.startswith("|") else 0


def test_annotations_only_under_github_actions(quiz):
    """One workflow command a gate that did not pass, its text escaped, an error only where the run fails."""
    record = regressed(quiz)
    record["suites"]["quiz"]["source"] = "suites/test_quiz.py:7"
    record["gates"][0]["reason"] = "100 %\nsecond line"
    assert list(workflow_commands(record, {})) == []
    assert list(workflow_commands(record, {"GITHUB_ACTIONS": "true"})) == [
        (
            "::error file=suites/test_quiz.py,line=7,title=quiz%3A accuracy not worse than reference by 0.1"
            "::fail: 100 %25%0Asecond line"
        )
    ]
    record["gates"][0] |= {"verdict": "inconclusive", "outcome": "passed"}
    assert next(workflow_commands(record, {"GITHUB_ACTIONS": "true"})).startswith("::warning ")


def test_the_hub_reads_the_card(quiz):
    """huggingface_hub 1.x finds every metric with value, interval and signature in the model-index."""
    hub = __import__("pytest").importorskip("huggingface_hub")
    record = quiz.run({1})
    record["models"]["candidate"]["spec"] = "adapters/tiny-mcq"
    found = hub.ModelCard(card(record))
    accuracy, brier = found.data.eval_results
    assert found.data.model_name == "tiny-mcq"
    assert (accuracy.task_type, accuracy.dataset_name, accuracy.metric_type, accuracy.metric_value) == (
        "multiple-choice",
        "quiz",
        "accuracy",
        39 / 40,
    )
    assert accuracy.dataset_revision == record["suites"]["quiz"]["signature"]
    assert accuracy.metric_args["ci95"] == record["suites"]["quiz"]["metrics"]["accuracy"]["candidate_ci95"]
    assert brier.metric_args["signature"] == record["suites"]["quiz"]["metrics"]["brier"]["signature"]


def test_the_card_is_yaml_between_dashes_and_a_table(quiz):
    """A README may begin with it as it stands."""
    text = card(quiz.run({1}))
    front, table = text.removeprefix("---\n").split("---\n", maxsplit=1)
    assert yaml.safe_load(front)["model-index"][0]["results"][0]["dataset"]["args"] == {
        "cases": 40,
        "of": 40,
        "complete": True,
    }
    assert "| `accuracy` (headline) | 0.9750 | [" in table
