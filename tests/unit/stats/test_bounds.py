"""Where one method gives way to another, and what is undefined: numbers by hand or of scipy on both sides."""

import math

import numpy as np
import pytest
import scipy.stats
from scipy.stats import norm

from pytest_medeval.stats import bootstrap
from pytest_medeval.stats.agreement import Estimate, Statistic, estimate, mean, numbered
from pytest_medeval.stats.bootstrap import (
    bca,
    expanded_tail,
    label_swaps,
    leave_one_out,
    percentile,
    resampling_weights,
    weighted_scores,
)
from pytest_medeval.stats.compare import compare, compare_all
from pytest_medeval.stats.effect import cohens_dz, cohens_g, rank_biserial
from pytest_medeval.stats.evidence import gather
from pytest_medeval.stats.intervals import bootstrap_error, difference_interval, student, value_interval
from pytest_medeval.stats.paired import mann_whitney, mcnemar, permutation_p, wilcoxon
from pytest_medeval.stats.planning import cases_needed, detectable_paired
from pytest_medeval.stats.ppi import Corrected, corrected_mean
from pytest_medeval.stats.proportions import tango, tango_limits, tango_statistic, wilson


@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.8), (0.01, 0.9), (0.2, 0.5)])
def test_power_by_the_normal_quantiles(alpha, power):
    """(z of 1 - alpha / 2 + z of the power) times the standard error; the number of cases is its inverse."""
    z, how = norm.ppf(1 - alpha / 2) + norm.ppf(power), {"alpha": alpha, "power": power}
    assert detectable_paired(0.4, 90, **how) == pytest.approx(z * 0.4 / 90**0.5)
    assert cases_needed(0.02, 90, -0.03, **how) == math.ceil(90 * (z * 0.02 / 0.03) ** 2)


def test_numbers_of_cases_that_are_no_advice():
    """On the condition, without cases or a standard error, and beyond a million; one case and no spread are numbers."""
    assert [cases_needed(*given) for given in ((0.1, 9, 0.0), (-0.1, 9, 0.1), (0.1, 0, 0.1))] == [None] * 3
    assert (cases_needed(0.0, 9, 0.1), cases_needed(0.1, 1, 0.2802)) == (0, 1)
    per_case = 1e6 / (norm.ppf(0.975) + norm.ppf(0.8)) ** 2
    assert cases_needed(math.sqrt(per_case) * 0.999, 1, 1.0) == math.ceil(1e6 * 0.999**2)
    assert cases_needed(math.sqrt(per_case) * 1.001, 1, 1.0) is None


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 40), (8, 8), (8, 9), (9, 9), (40, 9), (40, 60)])
def test_mann_whitney_is_scipys_at_any_size(first, second, tied):
    """Computed by scipy up to eight scores on a side, in closed form beyond: the numbers are scipy's either way."""
    rng = np.random.default_rng(first)
    new, old = rng.normal(0.4, 1, first), rng.normal(0, 1, second)
    if tied:
        new, old = np.round(new), np.round(old)
        new[0], old[0] = 0.0, 1.0
    expected = scipy.stats.mannwhitneyu(new, old, alternative="two-sided").pvalue
    assert mann_whitney(new, old) == pytest.approx(expected, rel=1e-9)
    assert mann_whitney(old, new) == pytest.approx(expected, rel=1e-9)
    assert mann_whitney(new, np.empty(0)) is mann_whitney(np.empty(0), old) is None


@pytest.mark.parametrize("n", [5, 49, 50, 51, 120])
@pytest.mark.parametrize("shift", [-0.4, 0.4])
def test_wilcoxon_is_scipys_at_any_size(n, shift):
    """Exact up to fifty changed cases, the normal approximation beyond."""
    gaps = np.random.default_rng(n).normal(shift, 1, n)
    found = wilcoxon(np.concatenate([gaps, np.zeros(30)]))
    expected = scipy.stats.wilcoxon(gaps, method="exact" if n <= 50 else "approx")
    assert found == pytest.approx(expected.pvalue, rel=1e-9)
    ranks = scipy.stats.rankdata(np.abs(gaps))
    assert rank_biserial(gaps) == pytest.approx((ranks * np.sign(gaps)).sum() / ranks.sum())


def test_what_does_not_change_has_no_effect():
    """No p-value below 1, no effect size, and the reason."""
    found = mcnemar(0, 0)
    assert (found.p_value, found.test, found.effect_size, found.effect) == (1.0, "McNemar exact", None, "Cohen's g")
    assert found.reason == "no case scores differently"
    assert wilcoxon(np.zeros(3)) == 1.0
    assert (cohens_g(0, 0), rank_biserial(np.zeros(2)), cohens_dz(0.5, 0.0, 9)) == (None, None, None)
    assert (cohens_g(1, 3), cohens_dz(-0.5, 0.1, 25)) == (-0.25, -1.0)
    assert (mcnemar(1, 3).test, mcnemar(1, 3).reason, mcnemar(2, 2).p_value) == ("McNemar exact", "", 1.0)


def test_relabellings_within_rounding_are_as_large():
    """A billionth less than what was observed counts as much; two of five and the observed one: 3 / 6."""
    relabelled = np.array([0.5 - 5e-10, -0.5, 0.5 - 2e-9, 0.0, np.nan, -0.4])
    assert permutation_p(0.5, relabelled) == permutation_p(-0.5, relabelled) == 3 / 6


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 5), (2, 5)])
def test_wilson_stays_between_0_and_1(right, n):
    """Both ends are shares, and symmetric in right and wrong."""
    low, high = wilson(right, n)
    assert (low == 0) == (right == 0)
    assert (high == 1) == (right == 5)
    assert wilson(n - right, n) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("wins", "losses", "n"), [(3, 9, 60), (0, 4, 30), (1, 0, 9)])
def test_tangos_limits_solve_its_statistic(wins, losses, n):
    """To ten digits: at the ends of the interval the statistic is the normal quantile."""
    ends = tango(wins, losses, n, 0.9)
    numbers = [np.array(float(one)) for one in (wins, losses, n)]
    for end, z in zip(ends, (norm.ppf(0.95), norm.ppf(0.05)), strict=True):
        assert float(tango_statistic(*numbers, np.array(end))) == pytest.approx(z, abs=1e-9)
        assert float(tango_limits(*numbers, np.array(z))) == pytest.approx(end, abs=1e-12)
    with np.errstate(all="raise"):
        sure = [float(tango_statistic(*(np.array(float(x)) for x in (0, 0, 9)), np.array(d))) for d in (-1.0, 0.0, 1.0)]
    assert sure == [np.inf, 0.0, -np.inf]


def test_tails_are_moved_outwards_by_students_t():
    """Hesterberg's tail is normal cdf(t quantile * sqrt(n / (n - 1))); one unit has nothing to expand."""
    for units in (3, 15, 200):
        expected = norm.cdf(scipy.stats.t.ppf(0.025, units - 1) * (units / (units - 1)) ** 0.5)
        assert expanded_tail(0.95, units) == pytest.approx(expected, rel=1e-9)
    assert expanded_tail(0.9, 1) == pytest.approx(0.05)
    assert expanded_tail(0.95, 2) == 1e-12


def test_bca_without_a_correction_is_the_percentile_interval():
    """No spread of the jackknife, no resample on one side, or no jackknife at all."""
    draws, varied = np.linspace(0, 1, 101), np.array([0.1, 0.4, 0.6])
    for estimate_, jackknife in ((0.5, np.ones(3)), (0.5, np.empty(0)), (-0.1, varied), (1.1, varied)):
        assert bca(draws, estimate_, jackknife, 0.9) == percentile(draws, 0.9) == pytest.approx((0.05, 0.95))
        assert bca(draws, estimate_, jackknife, 0.9, units=9) == percentile(draws, 0.9, units=9)
    assert bca(draws, 0.5, varied, 0.9) != percentile(draws, 0.9)


def test_student_is_scipys_t_interval():
    """The bootstrap's standard error freed of its bias; one unit or one resample has no spread."""
    draws = np.random.default_rng(1).normal(0.3, 0.1, 500)
    scale = draws.std(ddof=1) * (9 / 8) ** 0.5
    expected = scipy.stats.t.interval(0.9, 8, loc=0.3, scale=scale)
    assert student(bootstrap_error(draws, 9), 0.3, 9, 0.9) == pytest.approx(expected)
    assert bootstrap_error(draws[:2], 2) > 0
    assert student(0.1, 0.3, 2)[0] < 0.3
    assert bootstrap_error(draws, 1) == bootstrap_error(draws[:1], 9) == 0
    assert student(0.1, 0.3, 1) == student(0.0, 0.3, 9) == (0.3, 0.3)


@pytest.mark.parametrize(("units", "size"), [(1, 10_000), (1000, 524), (100_000, 41), (10**7, 1)])
def test_memory_of_resamples_is_bounded(units, size):
    """Chunks of 4 MB, of 64 rows where that is more, never above 32 MB, and one row at the least."""
    assert next(bootstrap._chunks(units, 10_000)) == size
    assert sum(bootstrap._chunks(units, 1234)) == 1234


def test_large_whole_numbers_are_summed_exactly():
    """Float32 sums only what it holds: totals beyond 2 ** 24, of either sign, are as exact as smaller ones."""
    rng = np.random.default_rng(3)
    for largest in (2**24 // 40 - 1, 2**24 // 40 + 1, 2**22 + 1):
        counts = np.stack([np.full(40, float(largest)), -rng.integers(0, largest, 40).astype(float)], axis=1)
        weights = np.concatenate(list(resampling_weights(40, 200, 1)))
        both = [(lambda total: total[..., 0], counts), (lambda total: total[..., 1], counts)]
        found = weighted_scores(resampling_weights(40, 200, 1), both)
        assert np.array_equal(np.stack(found, axis=1), weights @ counts)
    swaps = np.concatenate(list(label_swaps(40, 200, 1)))
    assert set(np.unique(swaps)) == {0.0, 1.0}
    assert 0.4 < swaps.mean() < 0.6


def one(metric, new, old=None, **how):
    """Gather the evidence of one metric."""
    rows = [None if part is None else {metric.counts: np.asarray(part, dtype=float)} for part in (new, old)]
    (found,) = gather([metric], *rows, resamples=500, **how).values()
    return found


def column(values):
    """Make rows of one score."""
    return np.asarray(values, dtype=float)[:, None]


def test_evidence_counts_pairs(mean_of):
    """n, differences, discordant cases and the range of shares, by hand; a case scored by one role is in none."""
    found = one(mean_of(), column([1, 0.5, 0.2, -1, 0.9]), column([0.5, 0.5, 0.3, 0.4, 0.1]))
    assert (found.n, found.units, found.kind, found.clustered) == (4, 4, "mean", False)
    assert found.per_case.tolist() == pytest.approx([0.5, 0.0, -0.1, 0.8])
    assert found.discordant == (2, 1)
    assert found.changes == pytest.approx((2, 1, 0.9))  # shares from 0.1 to 1
    assert found.difference == pytest.approx(0.3)
    assert found.jackknife.tolist() == pytest.approx([0.7 / 3, 1.2 / 3, 1.3 / 3, 0.4 / 3])
    assert found.candidate_jackknife.tolist() == pytest.approx([1.6 / 3, 2.1 / 3, 2.4 / 3, 1.7 / 3])
    alone = one(mean_of(), column([1, 0.5, -1]))
    assert (alone.n, alone.difference, len(alone.gaps), len(alone.per_case), len(alone.jackknife)) == (2, None, 0, 0, 0)
    assert leave_one_out(mean_of().score, np.array([[1.0, 1.0], [3.0, 1.0]])).tolist() == [3.0, 1.0]


def test_kinds_of_metrics(mean_of, micro_f1):
    """0 and 1 are right/wrong, other scores a mean; what is no mean of its cases' scores is a metric of the suite."""
    assert one(mean_of(), column([0, 1, 1])).kind == "right/wrong"
    assert one(mean_of(), column([0, 1, 0.5])).kind == "mean"
    assert one(mean_of(), column([0, 1, 1]), column([0, 1, 0.5])).kind == "mean"
    assert one(micro_f1(), np.ones((3, 3))).kind == "suite"
    ratio = micro_f1(per_case=True)
    assert one(ratio, [[1, 0, 0], [1, 4, 4]]).kind == "suite"
    assert one(ratio, [[1, 1, 1], [3, 3, 3]], [[1, 1, 1], [2, 2, 2]]).kind == "mean"


def test_permutations_are_made_where_they_are_tested(mean_of, micro_f1):
    """For all but right/wrong, and for that in clusters; and for none where only intervals are asked for."""
    scores, counts = (column([0.1, 0.6, 0.4]), column([0.3, 0.2, 0.4])), (np.ones((3, 3)), np.eye(3))
    assert len(one(mean_of(), *scores).relabelled) == 500
    assert len(one(mean_of(), *scores, clusters=["a", "a", None]).relabelled) == 500
    assert len(one(micro_f1(), *counts).relabelled) == 500
    assert len(one(micro_f1(), *counts, permute=False).relabelled) == 0
    right = (column([0, 1, 1]), column([1, 1, 0]))
    assert len(one(mean_of(), *right).relabelled) == 0
    assert len(one(mean_of(), *right, permute=False).candidate.draws) == 0
    assert len(one(mean_of(), *right, permute=False, clusters=["a", "a", None]).candidate.draws) == 500
    assert len(one(mean_of(), *right).gaps) == 500


def test_relabelled_differences_swap_whole_units(micro_f1):
    """Every relabelling is one of the four that two units allow; the observed one and its mirror among them."""
    metric, new, old = micro_f1(), np.array([[3.0, 1, 0], [1, 1, 1]]), np.array([[1.0, 2, 1], [2, 0, 0]])

    def gap(first, second):
        return metric.score(first.sum(axis=0)) - metric.score(second.sum(axis=0))

    allowed = [
        gap(np.where(mask, new, old), np.where(mask, old, new))
        for mask in (np.array([[a], [b]]) for a in (True, False) for b in (True, False))
    ]
    found = one(metric, new, old).relabelled
    assert sorted({round(float(value), 9) for value in found}) == sorted({round(float(value), 9) for value in allowed})


@pytest.mark.parametrize("changed", [5, 6])
def test_few_changed_cases_widen_the_interval(mean_of, changed):
    """With five changed cases Tango's interval, times the range of a share, is part of the hull; with six not."""
    old = np.linspace(0.2, 0.8, 80)
    new = old.copy()
    new[:changed] += 0.1
    found = one(mean_of(), column(new), column(old))
    rare = tango(changed, 0, 80)
    span = np.ptp(np.concatenate([new, old]))
    low, high = difference_interval(found)
    assert (high == pytest.approx(span * rare[1])) == (changed == 5)
    assert low <= student(bootstrap_error(found.gaps, 80), found.difference, 80)[0] + 1e-12


def test_intervals_of_a_value(mean_of):
    """Wilson's for right/wrong and for what is 0 or 1 throughout, by units; else the hull of both bootstraps."""
    right = column([1.0] * 30 + [0.0] * 10)
    assert value_interval(one(mean_of(), right), 0.9) == wilson(30, 40, 0.9)
    groups = [str(i // 2) for i in range(40)]
    clustered = value_interval(one(mean_of(), right, clusters=groups), 0.9)
    assert clustered != wilson(30, 40, 0.9)
    for edge in (0.0, 1.0):
        assert value_interval(one(mean_of(), column([edge] * 40), clusters=groups), 0.9) == wilson(edge * 20, 20, 0.9)
    scores = one(mean_of(), column(np.random.default_rng(2).beta(2, 5, 40)))
    draws = scores.candidate.draws
    plain = percentile(draws, 0.9, units=40)
    skewed = bca(draws, scores.candidate.value, scores.candidate_jackknife, 0.9, units=40)
    assert value_interval(scores, 0.9) == (min(plain[0], skewed[0]), max(plain[1], skewed[1]))
    assert value_interval(one(mean_of(), column([0.3] * 9))) == pytest.approx((0.3, 0.3))


def test_what_most_resamples_leave_undefined_has_no_interval(micro_f1):
    """One unit of many carries all counts: less than two thirds of the resamples hold it, more than half."""
    rare = np.zeros((30, 3))
    rare[0] = [2, 1, 0]
    held = one(micro_f1(), rare, rare)
    assert np.isfinite(held.candidate.draws).mean() > 0.5
    assert value_interval(held) is not None
    assert difference_interval(held) is not None
    metric = micro_f1()
    object.__setattr__(metric, "score", lambda total: np.where(total[..., 0] == 2, 0.8, np.nan))
    seldom = one(metric, rare, rare)  # exactly once in a resample: 37 of 100
    assert seldom.candidate.value == 0.8
    assert (value_interval(seldom), difference_interval(seldom)) == (None, None)
    assert difference_interval(one(micro_f1(), rare)) is None


def test_a_comparison_holds_what_there_is(mean_of, micro_f1):
    """A value of one role, a negative baseline, one resample, no relabelling, no case: what is left and why."""
    shift = mean_of(bounds=(-9.0, 9.0))
    shift_score = type(shift).score
    object.__setattr__(shift, "score", lambda total: shift_score(shift, total) - 1)
    found = compare(shift, column([0.6, 0.8]), column([0.5, 0.5]), resamples=50)
    assert (found.difference, found.relative) == (pytest.approx(0.2), pytest.approx(0.4))
    single = compare(mean_of(), column([0.6, 0.8]), column([0.5, 0.5]), resamples=1)
    assert (single.se, single.difference) == (0.0, pytest.approx(0.2))
    two = compare(mean_of(), column([0.6, 0.8]), column([0.5, 0.1]), resamples=2, seed=1)
    (evidence,) = gather(
        [mean_of()], {"mean": column([0.6, 0.8])}, {"mean": column([0.5, 0.1])}, resamples=2, seed=1
    ).values()
    assert two.se == pytest.approx(np.std(evidence.gaps, ddof=1)) != 0
    blank = np.zeros((3, 3))
    half = compare(micro_f1(), np.ones((3, 3)), blank, resamples=50)
    assert (half.candidate, half.baseline, half.difference, half.n) == (0.5, None, None, 3)
    assert half.reason == "the score is undefined on these cases"
    assert half.p_value is half.mann_whitney_p is half.test is None
    nothing = compare(mean_of(), np.full((3, 1), np.nan), column([1, 1, 1]), resamples=50)
    assert (nothing.n, nothing.candidate, nothing.reason) == (0, None, "no case has rows in both roles")
    alone = compare(mean_of(), column([0.5, 0.7]), resamples=50)
    assert (alone.reason, alone.baseline, alone.ci95, alone.direction) == ("no baseline", None, None, 1)


def test_metrics_on_other_cases_have_their_own_resamples(mean_of):
    """A metric that scores fewer cases has the numbers that it has alone."""
    first, second = mean_of(), mean_of(name="second", counts="second")
    rng = np.random.default_rng(4)
    rows = {"mean": rng.random((20, 1)), "second": rng.random((20, 1))}
    base = {"mean": rng.random((20, 1)), "second": rng.random((20, 1))}
    rows["second"][3] = np.nan
    groups = [str(i // 2) for i in range(20)]
    both = compare_all([first, second], rows, base, clusters=groups, resamples=100)
    assert [both[name].n for name in ("mean", "second")] == [20, 19]
    kept = [i for i in range(20) if i != 3]
    alone = compare(second, rows["second"][kept], base["second"][kept], [groups[i] for i in kept], resamples=100)
    assert both["second"] == alone


def test_estimates_of_agreement():
    """The bootstrap's expanded percentile interval at any level; too many undefined resamples have none."""
    values = np.random.default_rng(5).normal(size=25)
    found = estimate(mean(values, np.arange(25)), 25, seed=2, resamples=300, level=0.8)
    draws = np.concatenate([weights @ values / 25 for weights in resampling_weights(25, 300, 2)])
    assert (found.low, found.high) == pytest.approx(percentile(draws, 0.8, units=25))
    assert (found.value, found.reason) == (pytest.approx(values.mean()), "")
    for lost, held in ((5, True), (6, False)):
        count = iter(range(10**6))

        def at(weights, lost=lost, count=count):
            return np.array([np.nan if 0 < next(count) <= lost else 1.0 for _ in weights])

        seldom = estimate(Statistic(at), 9, resamples=100)
        assert (seldom.low is not None) == held
        assert held or seldom == Estimate(1.0, reason=f"no interval: undefined in {lost} of 100 resamples")
    assert numbered(["b", "a", "b"]).tolist() == [1, 0, 1]


def test_a_corrected_mean_tests_zero_with_its_own_interval():
    """Student's t by hand; without spread a mean of zero is certain, and so is any other."""
    found = Corrected(value=0.4, se=0.1, weight=1.0, rated=12, judged=90, units=10)
    scale = 0.1 * (10 / 9) ** 0.5
    assert found.interval(0.9) == pytest.approx(scipy.stats.t.interval(0.9, 9, loc=0.4, scale=scale))
    assert found.p_value == pytest.approx(2 * scipy.stats.t.sf(0.4 / scale, 9))
    for value, p_value in ((0.0, 1.0), (0.4, 0.0)):
        assert Corrected(value=value, se=0.0, weight=0.0, rated=9, judged=9, units=9).p_value == p_value


def test_two_rated_units_are_enough_to_correct():
    """One has no spread; two have one degree of freedom, and as many folds."""
    judged = np.array([1.0, 2.0, 3.0, 4.0])
    assert corrected_mean(judged, np.array([1.0, np.nan, np.nan, np.nan])) is None
    assert corrected_mean(judged, np.array([1.0, 2.0, np.nan, np.nan]), np.array([0, 0, 1, 2])) is None
    found = corrected_mean(judged, np.array([1.0, 2.5, np.nan, np.nan]))
    assert (found.rated, found.judged, found.units) == (2, 4, 2)
    assert 0 <= found.weight <= 1


def test_grouped_answers_are_tested_by_group(mean_of):
    """Right and wrong in dialogues of four: whole groups are swapped, and no interval or test takes cases for units."""
    rng = np.random.default_rng(6)
    new, old = (column(rng.random(80) < share) for share in (0.9, 0.6))
    groups = [str(i // 4) for i in range(80)]
    alone, grouped = compare(mean_of(), new, old, resamples=500), compare(mean_of(), new, old, groups, resamples=500)
    assert (alone.test, grouped.test) == ("McNemar exact", "paired permutation")
    assert alone.ci95 == tango(*one(mean_of(), new, old).discordant, 80) != grouped.ci95
    assert grouped.effect == "Cohen's d_z"
    assert compare(mean_of(), new, new, groups, resamples=50).reason == "no case scores differently"
