"""From what judges said to rows, metrics and coverage."""

import json
import math

import numpy as np
import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.judges.ask import Budget, Judged, Judgement, JudgeRun, Preference, Unjudged, parse_budget
from pytest_medeval.judges.panel import case_data, combine, coverage, judge_data, judge_metrics, judge_rows
from pytest_medeval.judges.rubric import Dimension, Rubric

RUBRIC = Rubric("two", (Dimension("accuracy", "?", {1: "no", 5: "yes"}), Dimension("tone", "?", {1: "no", 5: "yes"})))
NONE = Unjudged("no verdict: no JSON object", "a 4")


def grades(accuracy: float | None, tone: float | None) -> Judgement:
    """Make what a judge said of one reply; None is unjudged."""
    given = {"accuracy": accuracy, "tone": tone}
    return Judgement(
        {name: grade for name, grade in given.items() if grade is not None},
        {name: NONE for name, grade in given.items() if grade is None},
        tokens=12,
    )


def run(spec: str, *cases: Judged) -> JudgeRun:
    """Make one judge's run."""
    return JudgeRun(
        spec=spec,
        fingerprint=spec * 8,
        prompt_hash="1" * 64,
        style="json",
        cases=cases,
        requests=4,
        tokens=48,
        cached=0,
        failed=0,
        seconds=0.5,
    )


def case(number: int, candidate: Judgement, baseline: Judgement, preference=None) -> Judged:
    """Make one judge's say on one case."""
    return Judged("talk", f"c{number}", {"candidate": candidate, "baseline": baseline}, preference)


ONE = run("one", case(1, grades(4, 5), grades(2, 3), Preference(1, 1)), case(2, grades(None, 3), grades(1, 1), NONE))
TWO = run(
    "two", case(1, grades(5, None), grades(3, 3), Preference(1, -1)), case(2, grades(None, 2), grades(2, 1), NONE)
)


def test_a_panel_takes_the_mean_of_the_grades_that_there_are():
    """A judge that did not grade has no part in the mean, and each judge's own grades are kept."""
    first, second = combine([ONE, TWO])
    assert first.grades == {"candidate": {"accuracy": 4.5, "tone": 5}, "baseline": {"accuracy": 2.5, "tone": 3}}
    assert first.preference == 0.75
    assert second.grades["candidate"] == {"tone": 2.5}
    assert second.preference is None
    assert first.said["two"].replies["candidate"].grades == {"accuracy": 5}


def test_coverage_counts_cases_with_both_grades():
    """A case is judged when every model's reply has a grade."""
    cases = combine([ONE, TWO])
    assert {name: str(coverage(cases, name)) for name in ("accuracy", "tone", "preference")} == {
        "accuracy": "judged 1 of 2",
        "tone": "judged 2 of 2",
        "preference": "judged 1 of 2",
    }
    assert coverage(cases, "accuracy").share == 0.5
    assert math.isnan(coverage([], "accuracy").share)


def test_rows_fold_into_the_mean_of_judged_cases():
    """An unjudged case has no row; a candidate's and a baseline's share of the point add up to one."""
    cases = combine([ONE])
    metrics = {metric.name: metric for metric in judge_metrics(RUBRIC, [ONE])}
    assert list(metrics) == ["judge.accuracy", "judge.tone", "judge.preference"]
    rows = [judge_rows(one) for one in cases]
    for role, name, expected in [
        ("candidate", "judge.accuracy", 4),
        ("candidate", "judge.tone", 4),
        ("baseline", "judge.accuracy", 1.5),
        ("candidate", "judge.preference", 1),
        ("baseline", "judge.preference", 0),
    ]:
        metric = metrics[name]
        found = np.array([row[role][metric.counts] for row in rows if metric.counts in row[role]])
        assert metric.score(metric.expand(found).sum(axis=0)) == expected
    assert "judge.accuracy" not in rows[1]["candidate"]


def test_a_row_of_a_metric_is_the_stored_one():
    """``row`` gives what ``judge_rows`` stores, and NaN for what is unjudged."""
    accuracy, tone, _ = judge_metrics(RUBRIC)
    first, second = combine([ONE, TWO])
    assert tone.row(None, first.grades["candidate"]) == judge_rows(first)["candidate"]["judge.tone"]
    assert all(map(math.isnan, accuracy.row(None, second.grades["candidate"])))


def test_the_signature_names_rubric_prompts_and_judges():
    """Another rubric or another judge gives another signature."""
    signature = judge_metrics(RUBRIC, [ONE])[0].signature
    assert signature.startswith(f"judge.accuracy|prompt:2|rubric:{RUBRIC.digest[:8]}|judges:oneoneon:json:11111111|")
    assert judge_metrics(RUBRIC, [TWO])[0].signature != signature
    other = Rubric("two", RUBRIC.dimensions, high=6)
    assert judge_metrics(other, [ONE])[0].signature != signature


def test_the_record_holds_every_grade_and_every_reason():
    """Case data is JSON: the panel's grades, each judge's own, and why a grade is missing."""
    data = json.loads(json.dumps(case_data(combine([ONE, TWO])[1])))
    assert data["candidate"] == {"tone": 2.5}
    assert data["judges"]["one"]["unjudged"] == {
        "candidate": {"accuracy": {"reason": NONE.reason, "raw": "a 4"}},
        "preference": {"reason": NONE.reason, "raw": "a 4"},
    }
    assert json.loads(json.dumps(case_data(combine([ONE])[0])))["judges"]["one"]["preference"] == [1, 1]


def test_the_record_says_what_a_judge_cost():
    """Judge data is JSON: coverage by dimension, position consistency, requests, tokens, seconds."""
    data = json.loads(json.dumps(judge_data(TWO, RUBRIC, {}, None)))
    assert data["coverage"] == {"accuracy": [1, 2], "tone": [1, 2], "preference": [1, 2]}
    assert data["position_consistency"] == 0.0
    assert (data["requests"], data["tokens"], data["seconds"]) == (4, 48, 0.5)


@pytest.mark.parametrize("admissible", [False, True])
def test_a_judge_whose_grades_hardly_vary_is_useless(admissible: bool):
    """Grades from 1.3 to 1.5 and a preference that always flips: both are told of a judge that is not admissible."""
    cases = [case(i, grades(1.3, 1.4), grades(1.4, 1.5), Preference(1, -1)) for i in range(10)]
    agreement = {"accuracy": {"admissible": True}} if admissible else {}
    data = judge_data(run("flat", *cases), RUBRIC, agreement, None)
    assert data.get("useless", {}) == (
        {}
        if admissible
        else {
            "grades": "its grades hardly vary (standard deviation 0.05 points over 20 replies, bound 0.25)",
            "preference": "its preference depends on the order of the replies (the same in both orders 0 of 10 times)",
        }
    )


def test_one_judge_twice_is_told_apart():
    """A panel may hold the same judge more than once."""
    assert list(combine([ONE, ONE])[0].said) == ["one (1)", "one (2)"]


def test_without_a_baseline_there_is_no_preference():
    """A single model's grades are a track of their own."""
    alone = run("one", Judged("talk", "c1", {"candidate": grades(4, 5)}))
    assert str(coverage(combine([alone]), "accuracy")) == "judged 1 of 1"
    assert str(coverage(combine([alone]), "preference")) == "judged 0 of 0"
    assert list(judge_rows(combine([alone])[0])) == ["candidate"]


@pytest.mark.parametrize(
    ("text", "budget"),
    [("500", Budget(requests=500)), (" 1 request", Budget(requests=1)), ("20000 Tokens", Budget(tokens=20000))],
)
def test_budgets_are_read(text: str, budget: Budget):
    """A number alone means requests."""
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "0", "-3", "1.5", "5 euros", "tokens", "9" * 5000, "²"])
def test_other_budgets_are_refused(text: str):
    """The message says what is accepted."""
    with pytest.raises(MedevalError, match="accepted: '500', '500 requests' or '200000 tokens'"):
        parse_budget(text)
