"""A user's costs of wrong polarity labels: read, checked, used, and told in the signature."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics import polarity as polarity_costs
from pytest_medeval.metrics.polarity import COSTS, load_costs
from pytest_medeval.runs.suite import Suite, make_task
from pytest_medeval.tasks.polarity import Polarity

SHOWN = "\n".join(line.strip() for line in (polarity_costs.__doc__ or "").split("::")[1].split("These")[0].splitlines())
"""The example in the module's docstring."""


def write(folder: Path, old: str = "", new: str = "") -> Path:
    """Write the example with one change."""
    assert old in SHOWN
    path = folder / "costs.toml"
    path.write_text(SHOWN.replace(old, new, 1) if old else SHOWN, encoding="utf-8")
    return path


def test_the_documented_file_holds_the_defaults(tmp_path):
    """What the documentation shows is what is used without a file."""
    assert np.array_equal(load_costs(write(tmp_path)), COSTS)


def test_other_costs_change_score_and_signature(tmp_path):
    """One present finding called absent, one seen: a half where that costs most, nothing where it is free."""
    row = np.zeros(len(COSTS.ravel()) * 2 + 12)
    row[[0, 1]] = 1
    free = "[positive]          # the finding is present, and the reply says:\nnegative = 4"
    scores, signatures = [], []
    for task in (Polarity(), Polarity(costs=str(write(tmp_path, free, free.replace("4", "0"))))):
        (metric,) = metrics_for(task, ["cost"])
        scores.append(float(metric.score(row)))
        signatures.append(metric.signature)
    assert scores == [0.5, 0.0]
    assert "costs:0,4,2,3," in signatures[0]
    assert "costs:0,0,2,3," in signatures[1]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("negative = 4", "negative = -1", r"\[positive\] negative = -1; accepted: a number, 0 or more"),
        ("negative = 4", "negative = inf", "inf is no number; accepted: finite numbers"),
        ("negative = 4", "negative = true", r"\[positive\] negative = True"),
        ("negative = 4", 'negative = "4"', r"\[positive\] negative = '4'"),
        (
            "negative = 4",
            "negative = 4\npositive = 1",
            r"\[positive\] positive = 1; accepted: 0, for the label is right",
        ),
        ("negative = 4", "", r"\[positive\] does not say what negative costs"),
        ("negative = 4", "negatve = 4", r"\[positive\]: unknown label 'negatve' \(did you mean 'negative'\?\)"),
        ("[positive]", "[present]", "unknown gold label 'present'"),
        (
            "[none]\npositive = 1\nnegative = 1\nuncertain = 1",
            "",
            r"no table \[none\]; accepted: one with positive, negative, uncertain",
        ),
        ("[none]", "[none", "not TOML"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, old, new, words):
    """The message names the file, what was found and what is accepted."""
    with pytest.raises(MedevalError, match=words) as caught:
        load_costs(write(tmp_path, old, new))
    assert re.match(rf"{re.escape(str(tmp_path))}/costs.toml:\d+: ", str(caught.value))
    assert all(line.startswith(str(tmp_path)) for line in str(caught.value).splitlines())


def test_costs_that_are_all_zero_say_nothing(tmp_path):
    """A matrix of zeros would score every reply 0/0."""
    path = tmp_path / "costs.toml"
    labels = ("positive", "negative", "uncertain", "none")
    path.write_text(
        "\n".join(f"[{gold}]\n" + "\n".join(f"{label} = 0" for label in labels if label != gold) for gold in labels)
    )
    with pytest.raises(MedevalError, match="every cost is 0"):
        load_costs(path)


def test_a_suites_own_files_lie_beside_it(tmp_path, monkeypatch):
    """A relative path starts at the suite's file, wherever pytest runs."""
    (tmp_path / "suites").mkdir()
    for name in ("costs.toml", "words.toml"):
        (tmp_path / "suites" / name).write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    suite = Suite(task="polarity", cases="x.jsonl", costs="costs.toml", synonyms="words.toml")
    suite.source = Source(str(tmp_path / "suites" / "test_x.py"), 3)
    task = make_task(suite)
    assert (task.costs, task.synonyms) == ("suites/costs.toml", "suites/words.toml")
