"""The shipped judge against the known grades of replies that it never saw; scikit-learn computes the agreement too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_medeval.judges.judge import Judging, judge_cases
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.runs.track_b import JudgePlan, standing_of

pytest.importorskip("torch", reason="pip install 'pytest-medeval[local]' brings torch")
ROOT = Path(__file__).parents[2]
LABELS = ROOT / "fixtures" / "world" / "judge-labels.jsonl"
LEAST = 0.6


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Open the shipped judge; what it answered once it is not asked again."""
    cache = tmp_path_factory.mktemp("cache")
    return open_model(parse_spec("adapters/tiny-judge", ROOT), Settings(device="cpu", threads=1, cache=cache))


def labelled() -> dict[str, dict[str, Any]]:
    """Read the labelled replies: item -> texts and ``grades``."""
    found: dict[str, dict[str, Any]] = {}
    for line in LABELS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found.setdefault(row["item"], {"grades": {}, **row})["grades"][row["dimension"]] = row["score"]
    return found


def graded(judge: Any, texts: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, float]]:
    """Let the judge grade replies: name -> dimension -> grade."""
    entries = [
        {
            "suite": "labels",
            "id": name,
            "asked": one["question"],
            "gold": one["reference"],
            "candidate": {"reply": one["reply"], "outcome": "answered"},
        }
        for name, one in texts.items()
    ]
    run = judge_cases(judge, entries, how=Judging(preference=False))
    return {case.id: case.replies["candidate"].grades for case in run.cases}


def test_it_agrees_with_the_known_grades(judge: Any):
    """Quadratic-weighted kappa on each dimension; the audit's figure is scikit-learn's."""
    from sklearn.metrics import cohen_kappa_score

    known = labelled()
    found = graded(judge, known)
    standing = standing_of(judge, JudgePlan(labels=LABELS), 0).agreement
    for name in DEFAULT_RUBRIC.names:
        pairs = [(one["grades"][name], int(found[item][name] + 0.5)) for item, one in known.items()]
        kappa = cohen_kappa_score(*zip(*pairs, strict=True), weights="quadratic", labels=[1, 2, 3, 4, 5])
        assert standing[name]["kappa_quadratic"][0] == pytest.approx(kappa, abs=1e-9)
        assert kappa >= LEAST, name
        assert standing[name]["admissible"], name
