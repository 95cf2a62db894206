"""docs/forms.md: its lines are made from records, and every form of every shipped adapter has one."""

from pathlib import Path

import pytest
from tests.scripts import benchmark

from pytest_medeval.core.errors import MedevalError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def forms():
    """Load the script, which is no part of the package."""
    with benchmark("forms") as module:
        yield module


def metric(baseline, candidate, low, high, p):
    """Make a metric of a record."""
    difference = candidate - baseline
    return {
        "baseline": baseline, "candidate": candidate, "difference": difference, "ci95": [low, high], "p_corrected": p,
    }  # fmt: skip


def role(reply, prompt, *logprobs):
    """Make a role's part of a case of a record."""
    return {"reply": reply, "prediction": reply, "prompt_hash": prompt, "logprobs": list(logprobs)}


@pytest.fixture(scope="module")
def record():
    """Make a run of two cases: one reply differs, one prompt, and one metric clearly."""
    metrics = {"accuracy": metric(1.0, 0.5, -0.75, 0.0, 0.5), "brier": metric(0.1, 0.3, 0.1, 0.3, 0.0312)}
    cases = [
        {"candidate": role("A", "p", -1.0, -2.0), "baseline": role("A", "p", -1.25, -2.0)},
        {"candidate": role("B", "q", -1.0, -4.5), "baseline": role("A", "r", -1.0, -2.0)},
    ]
    return {"suites": {"mcq": {"headline": "accuracy", "metrics": metrics}}, "cases": cases}


def test_a_form_is_a_line(forms, record):
    """The headline metric with its interval, and the cases that are answered alike."""
    told = "| mcq | `nf4:` | accuracy | 1.0000 | 0.5000 | -0.5000 | -0.7500 to +0.0000 | 1 of 2 |"
    assert forms.row("mcq", "`nf4:`", record) == told


def test_what_the_headline_does_not_show_is_said(forms, record):
    """Prompts of other tokens, the largest change of a log-likelihood, and the one metric that is clearly different."""
    assert list(forms.notes("mcq", "merged", record)) == [
        "mcq, merged: 1 of 2 prompts are other tokens",
        "mcq, merged: log-likelihoods of options moved by up to 2.5",
        "mcq, merged: brier 0.1000 to 0.3000, +0.1000 to +0.3000, p 0.0312 after Holm",
    ]


def test_the_shipped_page_has_a_line_for_every_form(forms):
    """In the order of the script, each with all cases of its suite."""
    page = (ROOT / "docs" / "forms.md").read_text(encoding="utf-8")
    part = page.partition("<!-- forms -->")[2].partition("<!-- /forms -->")[0]
    rows = [line.split(" | ") for line in part.splitlines() if line.endswith(" of 240 |")]
    assert [(suite.strip("| "), form) for suite, form, *_ in rows] == [
        (suite, form) for suite in forms.SUITES for form in forms.FORMS
    ]
    assert "prompts are other tokens" not in part


@pytest.mark.parametrize("page", ["none", "<!-- a -->", "<!-- /a -->\n<!-- a -->", "<!-- a -->\n<!-- /a -->\n" * 2])
def test_a_page_without_a_place_is_refused(page):
    """Nothing is written where it is not known what it replaces."""
    with benchmark("pages") as pages, pytest.raises(MedevalError, match="no place for a"):
        pages.filled(page, "a", "text")
