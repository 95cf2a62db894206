"""Suites with criteria as a user runs them: published replies with their grades, critical criteria, unjudged ones."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest
from sklearn.metrics import f1_score

DATA = Path(__file__).parents[3] / "shared" / "data" / "healthbench"
SUITE = """
task: criteria
format: healthbench
cases: {cases}
cluster:
cluster_reason: written one by one
gates: ["criteria better than baseline", "criteria[theme=hedging] >= 0"]
"""
OWN = """
task: criteria
gates: ["criteria[axis=tone] >= 0"]
cases:
  - id: mi
    question: My chest hurts.
    criteria:
      - {text: Sends him to the emergency room., points: 7, critical: true}
      - {text: Is kind., points: 2, axis: tone}
"""


def published_scores(file):
    """Score a published file by itself: points met over positive points, by prompt."""
    records = json.loads((DATA / file).read_text(encoding="utf-8"))
    found = {}
    for one in records:
        best = sum(item["points"] for item in one["rubrics"] if item["points"] > 0)
        found[one["prompt_id"]] = sum(item["points"] for item in one["rubrics"] if item["criteria_met"]) / best
    return found, records


def test_published_grades_of_two_systems(project):
    """Scores and their difference equal an independent computation to 1e-9; no model and no judge is asked."""
    if not DATA.is_dir():
        pytest.skip(f"no published data: {DATA} is missing")
    project.write("hb.medeval.yaml", SUITE.format(cases=DATA / "healthbench.jsonl"))
    a, b = (f"replay:{DATA / file}" for file in ("graded_a.json", "graded_b.json"))
    result = project.run("--medeval-json=run.json", model=a, baseline=b)
    record = project.record()
    (of_a, raw), (of_b, _) = published_scores("graded_a.json"), published_scores("graded_b.json")
    row = record["suites"]["hb"]["metrics"]["criteria"]
    assert row["n"] == 122
    assert row["candidate"] == pytest.approx(fmean(of_a.values()), abs=1e-9)
    assert row["baseline"] == pytest.approx(fmean(of_b.values()), abs=1e-9)
    assert row["difference"] == pytest.approx(fmean(of_a[one] - of_b[one] for one in of_a), abs=1e-9)
    assert {one["id"]: one["candidate"]["scores"]["criteria"] for one in record["cases"]} == pytest.approx(
        of_a, abs=1e-9
    )
    clipped = record["suites"]["hb"]["metrics"]["criteria_clipped"]
    assert clipped["candidate"] == pytest.approx(min(1, max(0, fmean(of_a.values()))), abs=1e-9)
    asked = [item["criteria_met"] for one in raw for item in one["rubrics"] if item["points"] < 0]
    assert record["suites"]["hb"]["metrics"]["faults"]["candidate"] == pytest.approx(fmean(asked), abs=1e-9)
    themes = {one["id"]: one["tags"]["theme"] for one in record["cases"]}
    hedging = fmean(score for one, score in of_a.items() if themes[one] == "hedging")
    told = record["suites"]["hb"]["subgroups"]["theme"]["values"]["hedging"]
    assert (told["n"], told["candidate"]) == (27, pytest.approx(hedging, abs=1e-9))
    assert result.ret == 1
    assert {gate["verdict"] for gate in record["gates"]} == {"not evaluated"}
    assert all("stored ones" in gate["reason"] for gate in record["gates"])


FAKES = """
from tools.fake_model import FakeModel
from pytest_medeval.core.types import Answer

def open_fake(spec, settings):
    def script(request):
        text = request.messages[-1].content
        if not request.choices:
            return Answer("Go to the emergency room." if spec.argument == "good" else "Rest.")
        wanted = "yes" if "Is kind." in text or "Go to the emergency room." in text else "no"
        return Answer("", "choice", tuple(-0.1 if one == wanted else -3.0 for one in request.choices))
    return FakeModel(script, name=spec.text)
"""


@pytest.fixture
def own(project):
    """Write a suite of one case with a critical criterion, and models that reply and judge."""
    project.write("own.medeval.yaml", OWN)
    project.write("fakes.py", FAKES)
    return project


def test_without_a_judge_nothing_is_met_and_nothing_missed(own):
    """The critical gate and the gate on an axis wait for a judge, and say so; a made-up axis is a mistake."""
    own.run("--medeval-json=run.json", model="fake:good", baseline=None)
    record = own.record()
    assert record["cases"][0]["correct"] is None
    assert record["suites"]["own"]["metrics"] == {}
    assert [(gate["expression"], gate["verdict"], gate["reason"]) for gate in record["gates"]] == [
        ("criteria[axis=tone] >= 0", "not evaluated", "no judge was asked; give --medeval-judge=SPEC"),
        ("critical", "not evaluated", "no judge was asked; give --medeval-judge=SPEC"),
    ]
    own.write("own.medeval.yaml", OWN.replace("[axis=tone]", "[axis=tome]"))
    assert own.run(model="fake:good", baseline=None).ret == 4


def test_a_judge_that_nobody_measured_scores_and_decides_nothing(own):
    """Points of both roles and by axis are in the record, with what the judge said; its gates are not evaluated."""
    own.run(
        "--medeval-json=run.json", "--medeval-judge=fake:judge", "--medeval-judge-sample=5",
        model="fake:bad", baseline="fake:good",
    )  # fmt: skip
    record = own.record()
    (case,), metrics, (judge,) = record["cases"], record["suites"]["own"]["metrics"], record["judges"]
    assert {name: (one["candidate"], one["baseline"]) for name, one in metrics.items()} == {
        "criteria": (pytest.approx(2 / 9), 1.0),
        "criteria_clipped": (pytest.approx(2 / 9), 1.0),
        "critical_criteria": (0.0, 1.0),
        "criteria[axis=tone]": (1.0, 1.0),
    }
    assert "|judges:" in metrics["criteria"]["signature"]
    assert case["correct"] is False
    assert case["candidate"]["prediction"] == [0.0, 1.0]
    assert case["candidate"]["scores"]["criteria"] == pytest.approx(2 / 9)
    assert case["criteria"]["judges"]["fake:judge"]["baseline"] == [1.0, 1.0]
    assert (judge["coverage"], judge["contradictions"], judge["style"]) == ({"criteria": [1, 1]}, [0, 4], "criteria")
    assert {gate["verdict"] for gate in record["gates"]} == {"not evaluated"}
    assert all("the judge is advisory" in gate["reason"] for gate in record["gates"])


def labels(wrong=0):
    """Label 40 replies in HealthBench's layout as the judge does, but for the last ``wrong``; two physicians each."""
    for number in range(40):
        met = number % 2 == 0
        yield {
            "prompt": [{"role": "user", "content": f"Question {number}."}],
            "completion": "Go to the emergency room." if met else "Rest.",
            "rubric": "Sends him to the emergency room.",
            "category": "first" if number < 20 else "second",
            "binary_labels": [met != (number >= 40 - wrong), met],
            "anonymized_physician_ids": ["a", "b"],
        }


def test_an_admissible_judge_decides(own):
    """A missed critical criterion fails the run, and is a failed test of its own; agreement is by category, too."""
    own.write("labels.jsonl", "".join(json.dumps(one) + "\n" for one in labels()))
    judged = ("--medeval-judge=fake:judge", "--medeval-judge-labels=labels.jsonl", "--medeval-json=run.json", "-rA")
    result = own.run(*judged, "--medeval-html=page.html", model="fake:bad", baseline="fake:good")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*not met: +7  Sends him to the emergency room."])
    page = (own.pytester.path / "page.html").read_text(encoding="utf-8")
    assert '["+7  Sends him to the emergency room.","not met","met"]' in page.replace('", "', '","')
    result.stdout.fnmatch_lines(["PASSED own::gate[[]criteria[[]axis=tone] >= 0]*", "FAILED own::critical[[]mi]*"])
    record = own.record()
    agreement = record["judges"][0]["agreement"]
    assert set(agreement) == {"criteria", "criteria[category=first]", "criteria[category=second]"}
    assert agreement["criteria"]["admissible"]
    assert agreement["criteria"]["macro_f1_each"][0] == agreement["criteria"]["people_macro_f1"][0] == 1
    assert record["judges"][0]["audit"]["requests"] == 80
    assert [gate["verdict"] for gate in record["gates"]] == ["pass", "fail"]
    own.write(
        "labels.jsonl",
        "".join(json.dumps(one | {"binary_labels": [not one["binary_labels"][1]]}) + "\n" for one in labels()),
    )
    own.run(*judged, model="fake:bad", baseline="fake:good")
    assert [gate["verdict"] for gate in own.record()["gates"]] == ["not evaluated"] * 2


def test_f1_against_each_physician_is_that_of_scikit_learn(own):
    """HealthBench's measure takes every label for a truth, ties too; kappa takes the label of most."""
    own.write("labels.jsonl", "".join(json.dumps(one) + "\n" for one in labels(wrong=6)))
    own.run(
        "--medeval-judge=fake:judge",
        "--medeval-judge-labels=labels.jsonl",
        "--medeval-json=run.json",
        model="fake:bad",
        baseline=None,
    )
    found = own.record()["judges"][0]["agreement"]["criteria"]
    made = list(labels(wrong=6))
    people = [label for one in made for label in one["binary_labels"]]
    said = [one["completion"] != "Rest." for one in made for _ in one["binary_labels"]]
    assert found["macro_f1_each"][0] == pytest.approx(f1_score(people, said, average="macro"), abs=1e-9)
    assert found["n"] == 34
    assert found["kappa"][0] == 1
    one, other = zip(*(one["binary_labels"] for one in made), strict=True)
    assert found["people_macro_f1"][0] == pytest.approx(f1_score(one + other, other + one, average="macro"), abs=1e-9)
