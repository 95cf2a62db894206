"""Gates judged on rows."""

import numpy as np
import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.stats.proportions import tango, wilson
from pytest_medeval.verdicts.gates import SuiteData, critical_gate, judge, judge_all, parse_gate


class Share:
    """A mean of per-case scores; stored rows (score,)."""

    per_case = True
    signature = "test"
    bounds = (0.0, 1.0)

    def __init__(self, name, counts=None, direction=1):
        self.name, self.counts, self.direction = name, counts or name, direction

    def expand(self, rows):
        """Add the number of cases."""
        return np.concatenate([rows, np.ones_like(rows)], axis=1)

    def score(self, total):
        """Divide the sum by the number."""
        return total[..., 0] / total[..., 1]


def suite(wins=0, losses=0, both=80, neither=20, **more):
    """Make a suite of right/wrong cases from a paired table; `ece` reads the same rows as lower is better."""
    new = np.repeat([1.0, 0.0, 1.0, 0.0], [wins, losses, both, neither])[:, None]
    old = np.repeat([0.0, 1.0, 1.0, 0.0], [wins, losses, both, neither])[:, None]
    metrics = {
        m.name: m for m in (Share("accuracy"), Share("ece", "accuracy", -1), Share("length_ratio", "accuracy", 0))
    }
    fields = {
        "name": "mcq",
        "metrics": metrics,
        "ids": [f"case-{i:04}" for i in range(len(new))],
        "rows": {"candidate": {"accuracy": new}, "baseline": {"accuracy": old}},
    }
    return SuiteData(**fields | more)


def verdict(text, data):
    """Judge one gate given as text."""
    return judge(parse_gate(text), data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy >= 0.8", "pass"),
        ("accuracy > 0.8", "fail"),
        ("accuracy <= 0.8", "pass"),
        ("accuracy < 0.8", "fail"),
        ("accuracy == 0.8", "pass"),
        ("accuracy >= 0.801", "fail"),
        ("length_ratio >= 0.5", "pass"),
        ("accuracy.low >= 0.71", "pass"),
        ("accuracy.low >= 0.72", "fail"),
        ("ece.high <= 0.9", "pass"),
    ],
)
def test_thresholds(text, expected):
    """80 of 100 right, Wilson's interval 0.711 to 0.867: values and ends against numbers."""
    found = verdict(text, suite())
    assert found.verdict == expected
    assert (found.n, found.observed, found.interval) == (100, 0.8, wilson(80, 100))


def test_a_low_end_says_how_many_cases_would_lift_it():
    """The value meets the threshold, its lower end does not: widths shrink by the root of n."""
    found = verdict("accuracy.low >= 0.75", suite())
    assert found.cases_needed == int(np.ceil(100 * ((0.8 - wilson(80, 100)[0]) / 0.05) ** 2))
    assert f"about {found.cases_needed} cases" in found.reason
    assert verdict("accuracy.low >= 0.85", suite()).cases_needed is None


@pytest.mark.parametrize(
    ("table", "text", "expected"),
    [
        ((30, 5), "accuracy better than baseline", "pass"),
        ((5, 30), "accuracy better than baseline", "fail"),
        ((12, 8), "accuracy better than baseline", "inconclusive"),
        ((0, 0), "accuracy not worse than baseline by 0.05", "pass"),
        ((0, 0), "accuracy not worse than baseline by 0.02", "inconclusive"),
        ((5, 30), "accuracy not worse than baseline by 0.05", "fail"),
        ((5, 30), "ece better than baseline", "pass"),
        ((30, 5), "ece better than baseline", "fail"),
        ((30, 5), "ece not worse than baseline by 0.5", "pass"),
        ((30, 5), "ece not worse than baseline by 0.01", "fail"),
    ],
)
def test_comparisons_are_read_from_tangos_interval(table, text, expected):
    """Wins and losses among 100 other cases; lower is better turns the condition around."""
    found = verdict(text, suite(*table))
    n = 100 + sum(table)
    assert found.verdict == expected
    assert found.interval == tango(*table, n)
    assert found.observed == pytest.approx((table[0] - table[1]) / n)


def test_an_inconclusive_gate_says_how_many_cases_settle_it():
    """In the result and in the reason; with that many cases of the same kind the gate decides."""
    text = "accuracy better than baseline"
    found = verdict(text, suite(12, 8))
    assert f"about {found.cases_needed} cases settle it" in found.reason
    times = found.cases_needed // found.n + 1
    assert verdict(text, suite(12 * times, 8 * times, 80 * times, 20 * times)).verdict == "pass"


def test_a_difference_on_the_threshold_is_settled_by_no_number_of_cases():
    """Equal wins and losses: no number is named."""
    found = verdict("accuracy better than baseline", suite(10, 10))
    assert (found.verdict, found.cases_needed) == ("inconclusive", None)
    assert "too near" in found.reason


def test_partial_suites_are_not_evaluated():
    """A part of a suite never passes a gate, and the reason is passed on."""
    part = suite(30, 5, complete=False, reason="12 of 135 cases were deselected")
    for text in ("accuracy >= 0.1", "accuracy better than baseline"):
        found = verdict(text, part)
        assert found.verdict == "not evaluated"
        assert found.reason == "only a part of the suite ran: 12 of 135 cases were deselected"


def test_a_missing_role_is_not_evaluated():
    """Nothing to compare with: not evaluated, and which role is missing."""
    found = verdict("accuracy better than reference", suite(30, 5))
    assert (found.verdict, found.reason) == ("not evaluated", "there is no reference to compare accuracy with")
    strangers = suite(30, 5)
    rows = {**strangers.rows, "reference": {"accuracy": np.full((135, 1), np.nan)}}
    found = verdict("accuracy better than reference", suite(30, 5, rows=rows))
    assert (found.verdict, found.reason) == ("not evaluated", "candidate and reference have no case in common")


def test_only_common_cases_are_compared():
    """Cases that the reference lacks (rows of NaN) are left out of the comparison, and n says so."""
    whole = suite(30, 5)
    reference = whole.rows["baseline"]["accuracy"].copy()
    reference[:10] = np.nan
    found = verdict(
        "accuracy better than reference", suite(30, 5, rows={**whole.rows, "reference": {"accuracy": reference}})
    )
    assert (found.n, found.interval) == (125, tango(20, 5, 125))


def tagged():
    """Make a suite with 60 cardiology, 30 neurology and 10 rare cases; neurology is the worst judged one."""
    right = np.concatenate([np.repeat([1.0, 0.0], [54, 6]), np.repeat([1.0, 0.0], [21, 9]), np.zeros(10)])[:, None]
    tags = [{"specialty": name} for name in ["cardiology"] * 60 + ["neurology"] * 30 + ["rare"] * 10]
    return suite(0, 0, 100, 0, tags=tags, rows={"candidate": {"accuracy": right}, "baseline": {"accuracy": right}})


def test_subgroups():
    """A subgroup is judged on its cases; one of fewer than 20 is shown and not judged."""
    found = verdict("accuracy[specialty=neurology] >= 0.7", tagged())
    assert (found.verdict, found.n, found.observed) == ("pass", 30, pytest.approx(0.7))
    small = verdict("accuracy[specialty=rare] >= 0.7", tagged())
    assert (small.verdict, small.n, small.observed) == ("not evaluated", 10, 0.0)
    assert "fewer than 20" in small.reason
    compared = verdict("accuracy[specialty=rare] better than baseline", tagged())
    assert (compared.verdict, compared.n) == ("not evaluated", 10)


def test_the_worst_subgroup_that_is_large_enough_decides():
    """The worst of the groups of 20 and more; the others and the small ones are named."""
    found = verdict("worst(accuracy by specialty) >= 0.75", tagged())
    assert (found.verdict, found.n, found.observed) == ("fail", 30, pytest.approx(0.7))
    assert "neurology is 0.7000" in found.reason
    assert "cardiology 0.9000 (n 60)" in found.reason
    assert "not judged, fewer than 20 cases: rare 0.0000 (n 10)" in found.reason
    assert verdict("worst(ece by specialty) <= 0.85", tagged()).observed == pytest.approx(0.9)


def test_no_large_subgroup_is_not_evaluated():
    """All groups small: shown, not judged."""
    tags = [{"id": str(i % 10)} for i in range(100)]
    found = verdict("worst(accuracy by id) >= 0", suite(tags=tags))
    assert found.verdict == "not evaluated"
    assert found.reason.startswith("no id has 20 cases; not judged")
    assert "and 5 more" in found.reason


def test_few_cases_stay_inconclusive():
    """A comparison of fewer than 20 cases is not decided, however clear it looks."""
    found = verdict("accuracy better than baseline", suite(15, 0, 2, 1))
    assert (found.verdict, found.cases_needed) == ("inconclusive", 20)
    clusters = [str(i % 5) for i in range(135)]
    found = verdict("accuracy better than baseline", suite(30, 5, clusters=clusters))
    assert (found.verdict, found.cases_needed) == ("inconclusive", 162)
    assert "5 clusters in both roles are too few to compare; 6 at least" in found.reason


def test_a_margin_that_cannot_be_missed_is_not_evaluated():
    """A margin of 2 on a metric between 0 and 1 is a slip for 0.02."""
    found = verdict("accuracy not worse than baseline by 2", suite(5, 30))
    assert found.verdict == "not evaluated"
    assert "two points are written 0.02" in found.reason


def test_metrics_the_suite_lacks_are_refused():
    """The plugin checks at collection; judging checks again."""
    with pytest.raises(MedevalError, match="unknown metric 'f1'"):
        verdict("f1 >= 1", suite())


def test_holm_raises_the_level_of_several_comparisons():
    """Alone p = 0.03 passes; beside two hopeless gates it does not; beside two clear ones it does again."""
    clear, near, hopeless = (suite(60, 5, name="clear"), suite(20, 8, name="near"), suite(10, 10, name="hopeless"))
    gate = parse_gate("accuracy better than baseline")

    def verdicts(*data):
        return [result.verdict for result in judge_all([(gate, one) for one in data])]

    second = suite(10, 10, name="hopeless too")
    assert verdicts(near) == ["pass"]
    assert verdicts(near, hopeless, second) == ["inconclusive"] * 3
    assert verdicts(clear, near, suite(60, 5, name="clear too")) == ["pass"] * 3
    levels = judge_all([(gate, one) for one in (clear, near, hopeless)])
    assert levels[0].interval == tango(60, 5, 165, 1 - 0.05 / 3)
    assert levels[1].interval == tango(20, 8, 128, 1 - 0.05 / 2)
    assert "(Holm, 3 comparisons)" in levels[0].reason


def test_thresholds_do_not_count_as_comparisons():
    """Only comparisons make a family: a threshold beside one leaves its level at 95 %."""
    data = suite(20, 8)
    results = judge_all([(parse_gate("accuracy >= 0.1"), data), (parse_gate("accuracy better than baseline"), data)])
    assert [result.verdict for result in results] == ["pass", "pass"]
    assert results[1].interval == tango(20, 8, 128)


def shuffled(data, seed):
    """Put the cases of a suite in another order."""
    order = np.random.default_rng(seed).permutation(len(data.ids))
    rows = {role: {name: array[order] for name, array in counts.items()} for role, counts in data.rows.items()}
    return SuiteData(name=data.name, metrics=data.metrics, ids=[data.ids[i] for i in order], rows=rows)


def test_the_order_of_cases_changes_nothing():
    """Two runs of the same replies in different order give the same results to the last digit."""
    rng = np.random.default_rng(1)
    scores = rng.random((2, 90, 1))
    data = suite(
        metrics={"rougeL": Share("rougeL")},
        ids=[f"c{i}" for i in range(90)],
        rows={"candidate": {"rougeL": scores[0]}, "baseline": {"rougeL": scores[1]}},
    )
    gates = [parse_gate("rougeL better than baseline"), parse_gate("rougeL.low >= 0.4")]
    first = judge_all([(gate, data) for gate in gates], seed=7)
    assert judge_all([(gate, shuffled(data, 3)) for gate in gates], seed=7) == first


def test_critical_cases():
    """One miss fails and is named; a part of a suite without a miss is not evaluated."""
    assert critical_gate("mcq", [], 4).verdict == "pass"
    missed = critical_gate("mcq", [f"case-{i}" for i in range(7)], 9)
    assert (missed.verdict, missed.observed, missed.threshold, missed.n) == ("fail", 7.0, 0.0, 9)
    assert missed.reason.endswith("case-0, case-1, case-2, case-3, case-4 and 2 more")
    assert critical_gate("mcq", [], 4, complete=False, reason="-x").verdict == "not evaluated"
    assert critical_gate("mcq", ["case-1"], 4, complete=False).verdict == "fail"
