"""Gates judged on rows."""

import math
from dataclasses import replace
from math import nan

import numpy as np
import pytest
from scipy.stats import norm

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import rare_class
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.polarity import WIDTH as POLARITY
from pytest_medeval.stats.compare import compare
from pytest_medeval.stats.proportions import tango, wilson
from pytest_medeval.tasks.mcq import MCQ
from pytest_medeval.tasks.polarity import Polarity
from pytest_medeval.tasks.reading.labels import LABELS
from pytest_medeval.verdicts.gates.data import SuiteData, left_out, suite_data
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import critical_gate, judge, judge_all
from pytest_medeval.verdicts.gates.thresholds import holds


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
        assert found.reason == "12 of 135 cases were deselected"


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
    found = verdict("worst(accuracy by specialty) >= 0.95", tagged())
    assert (found.verdict, found.n, found.observed) == ("fail", 30, pytest.approx(0.7))
    assert "neurology is 0.7000" in found.reason
    assert "cardiology 0.9000 (n 60)" in found.reason
    assert "not judged, fewer than 20 cases: rare 0.0000 (n 10)" in found.reason
    assert verdict("worst(ece by specialty) <= 0.85", tagged()).observed == pytest.approx(0.9)


def test_the_worst_of_several_may_be_so_by_chance():
    """Two groups: the interval has level 97.5 %; what it reaches is open, one group alone is judged as a threshold."""
    found, high = verdict("worst(accuracy by specialty) >= 0.75", tagged()), wilson(21, 30, 0.975)[1]
    assert (found.verdict, found.interval) == ("inconclusive", pytest.approx(wilson(21, 30, 0.975)))
    assert f"the worst of 2 may be so by chance: its 97.5 % interval reaches {high:.4f}" in found.reason
    assert found.cases_needed == math.ceil(30 * ((high - 0.7) / 0.05) ** 2)
    assert verdict("worst(accuracy by specialty) >= 0.7", tagged()).verdict == "pass"
    assert verdict("worst(ece by specialty) <= 0.69", tagged()).verdict == "fail"
    assert verdict("worst(ece by specialty) <= 0.85", tagged()).verdict == "inconclusive"
    one = suite(tags=[{"g": "one"}] * 100)
    assert verdict("worst(accuracy by g) >= 0.81", one).verdict == "fail"


def test_a_large_group_that_is_shown_to_miss_goes_before_a_small_one_that_may():
    """Seven tenths of 400 are below 0.8 beyond chance; the 13 of 20 below them are not."""
    right = np.concatenate([np.repeat([1.0, 0.0], [13, 7]), np.repeat([1.0, 0.0], [280, 120])])[:, None]
    tags = [{"g": "small"}] * 20 + [{"g": "large"}] * 400
    rows = {"candidate": {"accuracy": right}, "baseline": {"accuracy": right}}
    shown = verdict("worst(accuracy by g) >= 0.8", suite(0, 0, 420, 0, tags=tags, rows=rows))
    assert (shown.verdict, shown.n) == ("fail", 400)
    assert "large is 0.7000" in shown.reason
    assert "then small 0.6500" in shown.reason


def test_a_pass_that_its_interval_does_not_settle_is_marked():
    """Wilson's interval of 80 of 100 reaches 0.7112: 0.72 passes within noise, an end or an exact value never does."""
    for text, marked in (
        ("accuracy >= 0.71", False),
        ("accuracy >= 0.72", True),
        ("accuracy.low >= 0.71", False),
        ("ece <= 0.85", True),
        ("ece <= 0.87", False),
        ("accuracy == 0.8", False),
    ):
        found = verdict(text, suite())
        assert (found.verdict, found.within_noise) == ("pass", marked), text
        assert found.record("passed")["within_noise"] is marked
        assert ("within noise" in found.reason) is marked
    assert verdict("accuracy >= 0.9", suite()).within_noise is False


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


def test_all_must_pass_needs_no_correction_of_passes():
    """P = 0.03 passes beside any others, at 95 %; where each pass is claimed on its own Holm's levels hold it back."""
    clear, near, hopeless = (suite(60, 5, name="clear"), suite(20, 8, name="near"), suite(10, 10, name="hopeless"))
    gate = parse_gate("accuracy better than baseline")

    def verdicts(*data, together=True):
        return [one.verdict for one in judge_all([(gate, one) for one in data], all_must_pass=together)]

    second = suite(10, 10, name="hopeless too")
    assert verdicts(near, hopeless, second) == ["pass", "inconclusive", "inconclusive"]
    assert verdicts(near, hopeless, second, together=False) == ["inconclusive"] * 3
    assert verdicts(clear, near, suite(60, 5, name="clear too"), together=False) == ["pass"] * 3
    alone = judge_all([(gate, one) for one in (clear, near, hopeless)])
    assert [one.interval for one in alone] == [tango(60, 5, 165), tango(20, 8, 128), tango(10, 10, 120)]
    levels = judge_all([(gate, one) for one in (clear, near, hopeless)], all_must_pass=False)
    assert levels[0].interval == tango(60, 5, 165, 1 - 0.05 / 3)
    assert levels[1].interval == tango(20, 8, 128, 1 - 0.05 / 2)
    assert "(Holm, 3 comparisons)" in levels[0].reason


def test_a_fail_stops_a_run_alone_and_is_corrected():
    """P = 0.03 on the wrong side fails alone, not beside two others, and again beside two clear fails."""
    near, even, worst = suite(8, 20, name="near"), suite(10, 10, name="even"), suite(5, 60, name="worst")
    gate = parse_gate("accuracy better than baseline")

    def judged(*data):
        return judge_all([(gate, one) for one in data])

    assert [one.verdict for one in judged(near)] == ["fail"]
    held = judged(near, even, suite(10, 10, name="even too"))
    assert [one.verdict for one in held] == ["inconclusive"] * 3
    assert held[0].interval == tango(8, 20, 128, 1 - 0.05 / 3)
    assert "(Holm, 3 comparisons)" in held[0].reason
    assert [one.verdict for one in judged(near, worst, suite(5, 60, name="worst too"))] == ["fail"] * 3


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


LOW = f"{wilson(80, 100)[0]:.4f}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("accuracy >= 0.80", f"accuracy is 0.8000, asked for: >= 0.8; within noise: its interval reaches {LOW}"),
        ("accuracy >= 0.9", "accuracy is 0.8000, asked for: >= 0.9"),
        ("accuracy.low >= 0.7", f"the lower end of accuracy is {LOW}, asked for: >= 0.7"),
        ("ece.high <= 0.9", f"the upper end of ece is {wilson(80, 100)[1]:.4f}, asked for: <= 0.9"),
        (
            "accuracy.low >= 0.75", (f"the lower end of accuracy is {LOW}, asked for: >= 0.75; about 316 cases would "
            "bring it there if accuracy stays at 0.8000"),
        ),
        ("accuracy.low == 0.8", f"the lower end of accuracy is {LOW}, asked for: == 0.8"),
        ("accuracy.low >= 0.7999", f"the lower end of accuracy is {LOW}, asked for: >= 0.7999"),
        ("accuracy.low >= 0.8", f"the lower end of accuracy is {LOW}, asked for: >= 0.8"),
    ],
)  # fmt: skip
def test_a_threshold_says_what_was_seen_and_asked_for(text, reason):
    """Word for word; a number of cases where the value meets the threshold by more than rounding, to a million."""
    found = verdict(text, suite())
    assert (found.reason, found.suite, found.expression) == (reason, "mcq", str(parse_gate(text)))
    assert found.threshold == parse_gate(text).condition.number


@pytest.mark.parametrize(("op", "below", "near", "above"), [
    (">=", False, True, True), (">", False, False, True), ("<=", True, True, False), ("<", True, False, False),
    ("==", False, True, False),
])  # fmt: skip
def test_values_that_differ_by_rounding_are_equal(op, below, near, above):
    """By a billionth and less, to either side."""
    held = [holds(0.3 + gap, parse_gate(f"accuracy {op} 0.3").condition) for gap in (-2e-9, -5e-10, 0, 5e-10, 2e-9)]
    assert held == [below, near, near, near, above]


def test_comparisons_are_told_word_for_word():
    """Difference, level, interval, and on which side of the condition its ends lie."""

    def told(text, *table):
        return verdict(text, suite(*table)).reason

    low, high = (f"{end:+.4f}" for end in tango(30, 5, 135))
    head = f"difference +0.1852, 95 % interval {low} to {high}: "
    assert told("accuracy better than baseline", 30, 5) == f"{head}even its unfavourable end is on the right side of 0"
    assert told("ece better than baseline", 30, 5) == f"{head}even its favourable end is on the wrong side of 0"
    assert told("accuracy not worse than baseline by 0.05", 30, 5).endswith("on the right side of -0.05")
    assert told("ece not worse than baseline by 0.05", 30, 5).endswith("on the wrong side of +0.05")
    near = verdict("accuracy better than baseline", suite(12, 8))
    assert near.reason.endswith(f": 0 lies inside; about {near.cases_needed} cases settle it if the difference stays")
    level = told("accuracy better than baseline", 10, 10)
    assert level.endswith(": 0 lies inside, too near the difference for more cases to settle it")


def test_what_a_difference_is_held_against():
    """Minus the margin where higher is better, plus it where lower is; 0 for better, and never -0."""
    margins = {"accuracy not worse than baseline by 0.05": -0.05, "ece not worse than baseline by 0.05": 0.05,
               "accuracy better than baseline": 0.0, "ece not worse than baseline by 0": 0.0}  # fmt: skip
    found = {text: verdict(text, suite(30, 5)).threshold for text in margins}
    assert found == margins
    assert [str(found[text]) for text in list(margins)[2:]] == ["0.0", "0.0"]


def test_cases_needed_follow_the_level_of_the_round():
    """By hand: n ((z + z_power) se / distance)^2 with the standard error of the interval at the level of the round."""
    gate, data = parse_gate("accuracy better than baseline"), [suite(12, 8, name=name) for name in ("a", "b")]
    for count, alpha in ((1, 0.05), (2, 0.025)):
        found = judge_all([(gate, one) for one in data[:count]], all_must_pass=False)[0]
        low, high = tango(12, 8, 120, 1 - alpha)
        z = norm.ppf(1 - alpha / 2)
        se = (high - low) / 2 / z
        assert found.cases_needed == math.ceil(120 * ((z + norm.ppf(0.8)) * se / (4 / 120)) ** 2)


def test_the_level_is_of_the_family():
    """``alpha`` is shared by the comparisons of a run."""
    gate = parse_gate("accuracy better than baseline")
    assert judge(gate, suite(12, 8), alpha=0.2).interval == tango(12, 8, 120, 0.8)
    assert judge(gate, suite(20, 8), alpha=0.01).verdict == "inconclusive"


@pytest.mark.parametrize("count", [19, 20])
def test_twenty_cases_are_enough(count):
    """To judge a subgroup, the worst of groups, and a comparison; nineteen are not."""
    tags = [{"age": "old"} if i < count else {} for i in range(100)]
    for text in ("accuracy[age=old] >= 0.5", "worst(accuracy by age) >= 0.5"):
        assert (verdict(text, suite(tags=tags)).verdict == "pass") == (count == 20)
    compared = verdict("accuracy better than baseline", suite(count, 0, 0, 0))
    assert compared.verdict == ("pass" if count == 20 else "inconclusive")
    if count < 20:
        assert compared.reason == "19 cases in both roles are too few to compare; 20 at least"
        few = verdict("accuracy[age=old] better than baseline", suite(tags=tags))
        assert few.reason == "19 cases: a subgroup of fewer than 20 is shown, not judged"
        small = verdict("accuracy[age=old] >= 0.5", suite(tags=tags))
        assert small.reason == "old 1.0000 (n 19): a subgroup of fewer than 20 cases is shown, not judged"
        assert small.interval == wilson(19, 19)


def test_metrics_that_say_nothing_are_not_evaluated():
    """A value, a difference or a subgroup that is undefined passes and fails no gate."""
    blank = np.full((100, 1), np.nan)
    nothing = suite(rows={"candidate": {"accuracy": blank}, "baseline": {"accuracy": np.ones((100, 1))}})
    found = verdict("accuracy >= 0", nothing)
    assert (found.verdict, found.n, found.observed) == ("not evaluated", 0, None)
    assert found.reason == "accuracy is undefined: no case says anything about it"
    assert verdict("accuracy better than baseline", nothing).verdict == "not evaluated"
    zero = Share("accuracy")
    zero.score = lambda total: total[..., 0] / (total[..., 1] - total[..., 1])
    with np.errstate(all="ignore"):
        found = verdict("accuracy better than baseline", suite(30, 5, metrics={"accuracy": zero}))
    assert (found.verdict, found.n, found.reason) == ("not evaluated", 135, "accuracy is undefined on these cases")
    rare = Share("accuracy")
    rare.score = lambda total: np.where(total[..., 0] == 80, 0.8, np.nan)  # most resamples have another sum
    found = verdict("accuracy >= 0.5", suite(metrics={"accuracy": rare}))
    assert (found.verdict, found.observed, found.interval) == ("not evaluated", 0.8, None)


def test_the_worst_group_is_told_with_all_others():
    """Sorted from the worst; five of the others by name; ends of the interval are not asked for."""
    names = [f"g{i // 20}" for i in range(160)]
    right = np.array([[1.0] if i % 20 < 19 - 2 * (i // 20) else [0.0] for i in range(160)])
    data = suite(0, 0, 160, 0, tags=[{"g": name} for name in names], rows={"candidate": {"accuracy": right}})
    found, low = verdict("worst(accuracy by g) >= 0.2", data), wilson(5, 20, 1 - 0.05 / 8)[0]
    assert found.reason == (
        f"worst of 8, n 20: g7 is 0.2500, asked for: >= 0.2; within noise: its interval reaches {low:.4f}; "
        "then g6 0.3500 (n 20), g5 0.4500 (n 20), g4 0.5500 (n 20), "
        "g3 0.6500 (n 20), g2 0.7500 (n 20) and 2 more"
    )
    assert verdict("worst(ece by g) <= 0.2", data).reason.startswith("worst of 8, n 20: g0 is 0.9500")
    alone = verdict("worst(accuracy by g) >= 0.2", suite(tags=[{"g": "one"}] * 100))
    assert alone.reason == "worst of 1, n 100: one is 0.8000, asked for: >= 0.2"


@pytest.mark.parametrize(("margin", "missable"), [("0.99", True), ("1", False), ("2", False)])
def test_a_margin_as_wide_as_the_scale(margin, missable):
    """A margin of 1 and more can never be missed by scores between 0 and 1; scores beyond 1 can miss it."""
    text = f"accuracy not worse than baseline by {margin}"
    assert (verdict(text, suite(5, 30)).verdict != "not evaluated") == missable
    points = {
        role: {"accuracy": 5 * array} for role, array in ((r, a["accuracy"]) for r, a in suite(5, 30).rows.items())
    }
    wide = Share("accuracy")
    wide.bounds = (0.0, 5.0)
    assert verdict(text, suite(5, 30, rows=points, metrics={"accuracy": wide})).verdict != "not evaluated"


def test_a_role_that_is_awaited_or_barred_is_said():
    """What cannot be compared yet waits for a first reference; what must not be compared says why."""
    rows = {**suite(30, 5).rows, "reference": suite(30, 5).rows["baseline"]}
    text = "accuracy better than reference"
    awaited = verdict(text, suite(30, 5, rows=rows, awaited={"reference": "no run yet"}))
    assert (awaited.verdict, awaited.reason, awaited.waits) == ("not evaluated", "no run yet", True)
    barred = verdict(text, suite(30, 5, rows=rows, barred={"reference": {"accuracy": "another version"}}))
    assert (barred.verdict, barred.reason, barred.waits) == ("not evaluated", "another version", False)
    for fields in ({"barred": {"reference": {"ece": "x"}}}, {"barred": {"baseline": {"accuracy": "x"}}},
                   {"awaited": {"baseline": "x"}}):  # fmt: skip
        assert verdict(text, suite(30, 5, rows=rows, **fields)).verdict == "pass"


def test_tags_and_clusters_follow_their_cases():
    """Whatever the order in which cases ran: subgroups and clusters are those of the ids."""
    data = tagged()
    clusters = [f"g{i // 4}" for i in range(100)]
    order = np.random.default_rng(5).permutation(100)
    mixed = SuiteData(
        name=data.name, metrics=data.metrics, ids=[data.ids[i] for i in order], tags=[data.tags[i] for i in order],
        clusters=[clusters[i] for i in order],
        rows={role: {name: array[order] for name, array in rows.items()} for role, rows in data.rows.items()},
    )  # fmt: skip
    whole = replace(data, clusters=clusters)
    for text in ("accuracy[specialty=neurology].low >= 0.5", "accuracy not worse than baseline by 0.1"):
        assert verdict(text, mixed) == verdict(text, whole)
    assert "(8 clusters)" in verdict("accuracy[specialty=neurology] better than baseline", mixed).reason


def test_a_part_that_ran_needs_no_reason():
    """Thresholds, comparisons and critical cases say the same of a part."""
    said = "only a part of the suite ran"
    part = verdict("accuracy >= 0.1", suite(complete=False))
    assert (part.reason, part.n, part.observed, part.interval, part.waits) == (said, 0, None, None, False)
    assert critical_gate("mcq", [], 4, complete=False).reason == said
    assert critical_gate("mcq", [], 4, complete=False, reason="-x").reason == "-x"
    whole = critical_gate("mcq", [], 4)
    assert (whole.suite, whole.expression, whole.reason) == ("mcq", "critical", "all 4 critical cases are right")
    assert (whole.observed, whole.threshold, whole.n) == (0.0, 0.0, 4)
    five = critical_gate("mcq", [f"c{i}" for i in range(5)], 9).reason
    assert five == "5 of 9 critical cases missed: c0, c1, c2, c3, c4"


def entry(name, outcome="answered", rows=None, *, roles=("candidate", "baseline")):
    """Make a case of a record with the same row in each role."""
    given = {"accuracy": [1.0]} if rows is None else rows
    return {"id": name, "tags": {"k": name}, "cluster": f"case {name}",
            **{role: {"outcome": outcome, "rows": given} for role in roles}}  # fmt: skip


def test_a_suite_is_arranged_from_its_entries():
    """One row a case in their order, NaN where there is none; undefined rows by role; whole without a reason."""
    metrics = [Share("accuracy"), Share("ece", "accuracy"), Share("bleu")]
    entries = [entry("b"), entry("a", rows={"accuracy": [None]}), entry("c", rows={}), entry("d", roles=("candidate",))]
    data = suite_data("s", metrics, entries, complete_only=False, reason="")
    assert (data.name, list(data.metrics), list(data.ids)) == ("s", ["accuracy", "ece", "bleu"], ["b", "a", "c", "d"])
    assert {role: sorted(rows) for role, rows in data.rows.items()} == {
        role: ["accuracy", "bleu"] for role in ("candidate", "baseline")
    }
    for role, expected in (("candidate", [1, nan, nan, 1]), ("baseline", [1, nan, nan, nan])):
        assert data.rows[role]["accuracy"][:, 0].tolist() == pytest.approx(expected, nan_ok=True)
    assert data.rows["candidate"]["bleu"].shape == (4, 1)
    assert data.undefined == {"candidate": {"accuracy": ["a"]}, "baseline": {"accuracy": ["a"]}}
    assert (data.complete, data.reason, data.tags[1], data.clusters[0]) == (True, "", {"k": "a"}, "case b")
    part = suite_data("s", metrics, entries[3:], complete_only=False, reason="half of it")
    assert (part.complete, part.reason, list(part.rows)) == (False, "half of it", ["candidate"])
    assert suite_data("s", metrics, [], complete_only=False, reason="").rows == {}


def test_complete_pairs_leave_out_what_a_role_did_not_finish():
    """Either reply cut off takes the case out, by the candidate's reason first; a role that is not there does not."""
    cut = entry("b", roles=("candidate",)) | {"baseline": {"outcome": "truncated", "rows": {"accuracy": [1.0]}}}
    both = entry("c", outcome="no_answer")
    entries = [entry("a"), cut, both, entry("d", roles=("candidate",))]
    assert [left_out(one) for one in entries] == ["", "baseline truncated", "candidate no_answer", ""]
    kept = [list(suite_data("s", [], entries, complete_only=only, reason="").ids) for only in (True, False)]
    assert kept == [["a", "d"], ["a", "b", "c", "d"]]


def test_a_mean_over_classes_with_a_rare_one_is_left_open():
    """Nine right answers of D: what rests on an interval names it, a bare value is judged; with ten it is compared."""
    (macro,) = metrics_for(MCQ(), ["macro_f1"])
    gold = np.repeat([0.0, 1, 3], [60, 31, 9])

    def rows(letters):
        return {"mcq": np.column_stack([letters, np.where(np.arange(100) % 5, letters, 0.0), np.full((100, 2), -1.0)])}

    def judged(text, letters):
        data = {"candidate": rows(letters), "baseline": rows(letters)}
        return verdict(text, suite(0, 0, 100, 0, metrics={"macro_f1": macro}, rows=data))

    for text in ("macro_f1 better than baseline", "macro_f1 not worse than baseline by 0.5", "macro_f1.low >= 0.1"):
        found = judged(text, gold)
        assert (found.verdict, found.reason) == ("inconclusive", "too few of class D (9); 10 at least")
        assert judged(text, np.repeat([0.0, 1, 3], [60, 30, 10])).reason != found.reason
    assert judged("macro_f1 >= 0.1", gold).verdict == "pass"
    assert compare(macro, rows(gold)["mcq"], rows(gold)["mcq"], resamples=50).reason == "no case scores differently"
    worse = np.column_stack([gold, np.zeros(100), np.full((100, 2), -1.0)])
    assert compare(macro, rows(gold)["mcq"], worse, resamples=50).reason == "too few of class D (9); 10 at least"
    (polarity,) = metrics_for(Polarity(), ["macro_f1"])
    total = np.zeros(polarity.expand(np.zeros((1, POLARITY))).shape[1])
    total[[0, 5]] = [12, 3]
    assert rare_class(polarity, total) == f"too few of class {LABELS[1]} (3); 10 at least"
