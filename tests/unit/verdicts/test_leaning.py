"""A comparison that rests on a judge's word takes off what may be its liking for one of the two models."""

from dataclasses import replace

import numpy as np
import pytest

from pytest_medeval.judges.panel import judge_metrics
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.stats.bootstrap import NORMAL
from pytest_medeval.verdicts.gates.data import SuiteData
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import ADVISORY, judge
from pytest_medeval.verdicts.leaning import LABELS, UNKNOWN, Leaning, leaning_of

NAME = "judge.accuracy"
METRICS = {metric.name: metric for metric in judge_metrics(DEFAULT_RUBRIC)}


def agreed(*gaps, admissible=True):
    """Make what the record says of a judge."""
    told = [{"first": first, "second": second, "gap": list(gap)} for first, second, gap in gaps]
    return {"n": 60, "admissible": admissible, "reason": "", "kappa_quadratic": [0.7, 0.6, 0.8], "gaps": told}


OWN = ("candidate", "baseline", (0.2, 0.1, 0.3))
OTHER = ("q", "r", (-0.4, -0.6, -0.2))


@pytest.mark.parametrize(
    ("judges", "expected"),
    [
        ([agreed(OWN, OTHER)], Leaning(0.2, 0.1, 0.3, named=True)),
        ([agreed(OTHER)], Leaning(0.0, -0.6, 0.6, named=False)),
        ([agreed(OWN), agreed(OTHER)], Leaning(0.1, -0.25, 0.45, named=False)),
        ([agreed(OWN), agreed()], None),
        ([agreed(OWN), None], None),
        ([agreed(OWN, admissible=False)], None),
        ([agreed(OWN, ("q", "r", (0.1, None, None)))], None),
        ([], None),
    ],
)
def test_what_the_labels_say_of_a_panel(judges, expected):
    """The pair that is compared, else the largest of any two to both sides, in the mean; unknown of one is unknown."""
    found = leaning_of(judges, "baseline")
    assert (found is None) == (expected is None)
    if found is not None:
        assert (found.value, found.low, found.high, found.named) == pytest.approx(
            (expected.value, expected.low, expected.high, expected.named)
        )


def test_the_gap_of_another_level_is_as_much_wider():
    """Both intervals are of one level: at 95 % end to end, at 99 % the gap's by the quantiles' ratio wider."""
    gap = Leaning(0.2, 0.1, 0.4, named=True)
    assert gap.off((0.5, 0.9), 0.95) == pytest.approx((0.1, 0.8))
    wider = NORMAL.inv_cdf(0.995) / NORMAL.inv_cdf(0.975)
    assert gap.off((0.5, 0.9), 0.99) == pytest.approx((0.5 - 0.2 - 0.2 * wider, 0.9 - 0.2 + 0.1 * wider))
    assert [gap.inside(margin) for margin in (0.4, 0.39)] == [True, False]
    assert not Leaning(-0.2, -0.4, 0.1, named=True).inside(0.39)


def data(mean, *judges, n=200):
    """Make a suite whose judge finds the candidate better by ``mean`` points, more or less."""
    graded = {"candidate": 3 + mean + 0.5 * np.where(np.arange(n) % 2, 1, -1), "baseline": np.full(n, 3.0)}
    rows = {role: {NAME: np.stack([grades, np.ones(n)], axis=1)} for role, grades in graded.items()}
    ids = [f"{i:03}" for i in range(n)]
    return SuiteData(name="talk", metrics=METRICS, rows=rows, ids=ids, judges=[{"accuracy": one} for one in judges])


@pytest.mark.parametrize(
    ("mean", "gap", "gate", "verdict", "said"),
    [
        (0.30, (0.0, -0.05, 0.05), "better than baseline", "pass", "less the judge's bias between the two"),
        (0.30, (0.3, 0.2, 0.4), "better than baseline", "inconclusive", "people's ratings of both replies"),
        (0.30, (0.6, 0.5, 0.7), "better than baseline", "fail", "even its favourable end"),
        (0.00, (0.0, -0.2, 0.2), "not worse than baseline by 0.3", "pass", "even its unfavourable end"),
        (0.00, (0.0, -0.2, 0.2), "not worse than baseline by 0.2", "inconclusive", "people's ratings"),
        (0.00, (0.0, -0.2, 0.2), "not worse than baseline by 0.19", "not evaluated", "within the margin of 0.19"),
        (9.00, (0.0, -0.2, 0.21), "not worse than baseline by 0.2", "not evaluated", "within the margin of 0.2"),
        (0.30, None, "better than baseline", "not evaluated", UNKNOWN),
        (0.30, None, "not worse than baseline by 1", "not evaluated", UNKNOWN),
    ],
)
def test_a_comparison_rests_on_the_difference_less_the_gap(mean, gap, gate, verdict, said):
    """The difference's own interval is +-0.07; what more cases cannot settle promises no number of them."""
    judges = [agreed(*([("candidate", "baseline", gap)] if gap else []))]
    found = judge(parse_gate(f"{NAME} {gate}"), data(mean, *judges))
    assert (found.verdict, said in found.reason, found.cases_needed) == (verdict, True, None)
    if found.observed is not None:
        assert found.observed == pytest.approx(mean - gap[0])
        assert found.interval == pytest.approx((mean - gap[2] - 0.07, mean - gap[1] + 0.07), abs=0.005)


def test_what_ratings_do_not_correct_asks_for_labels():
    """A subgroup and a reference are compared without them."""
    whole = data(0.3, agreed())
    tagged = replace(whole, tags=[{"kind": "x"}] * 200, rows={**whole.rows, "reference": whole.rows["baseline"]})
    for gate in (f"{NAME}[kind=x] better than baseline", f"{NAME} better than reference"):
        assert judge(parse_gate(gate), tagged).reason == f"{UNKNOWN}; {LABELS}"


def test_a_threshold_is_no_comparison():
    """It holds the judge's own mean, which has no gap to lose, where all judges agree with people."""
    gate = parse_gate(f"{NAME} >= 3.2")
    assert judge(gate, data(0.3, agreed())).verdict == "pass"
    for judges in ([], [agreed(), agreed(admissible=False)]):
        found = judge(gate, data(0.3, *judges))
        assert (found.verdict, found.reason) == ("not evaluated", ADVISORY)
