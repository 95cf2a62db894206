"""Comparisons from rows: which test, which interval, and what is undefined."""

import dataclasses

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.stats.compare import compare, compare_all, of_evidence
from pytest_medeval.stats.evidence import gather
from pytest_medeval.stats.intervals import difference_interval
from pytest_medeval.stats.paired import permutation_p
from pytest_medeval.stats.proportions import tango, wilson

RESAMPLES = 2000


def rows(n=60, seed=1):
    """Make right/wrong, scores and finding counts of two correlated roles."""
    rng = np.random.default_rng(seed)
    right = [(rng.random((n, 1)) < share).astype(float) for share in (0.8, 0.7)]
    score = rng.beta(2, 5, (n, 1))
    found = rng.integers(0, 6, (n, 3)).astype(float)
    return (
        right,
        [np.clip(score + rng.normal(0.05, 0.1, (n, 1)), 0, 1), score],
        [found, found + rng.integers(0, 2, (n, 3))],
    )


def test_right_or_wrong_gets_mcnemar_and_tango(mean_of):
    """Scores of 0 and 1: exact McNemar (scipy's binomtest), Tango's interval, Wilson's for the value."""
    (new, old), _, _ = rows()
    found = compare(mean_of(), new, old, resamples=RESAMPLES)
    wins, losses = int((new > old).sum()), int((new < old).sum())
    assert (found.test, found.effect) == ("McNemar exact", "Cohen's g")
    assert found.p_value == pytest.approx(scipy.stats.binomtest(wins, wins + losses).pvalue)
    assert found.ci95 == tango(wins, losses, 60)
    assert found.candidate_ci95 == wilson(new.sum(), 60)
    assert found.difference == pytest.approx(new.mean() - old.mean())
    assert found.relative == pytest.approx((new.mean() - old.mean()) / old.mean())


def test_scores_get_a_permutation_of_their_mean_and_the_bootstrap(mean_of):
    """Per-case scores: flipped signs as scipy.stats.permutation_test does; what ranks say stands beside it."""
    _, (new, old), _ = rows()
    found = compare(mean_of(), new, old, resamples=RESAMPLES)
    theirs = scipy.stats.permutation_test(
        ((new - old)[:, 0],), np.mean, permutation_type="samples", n_resamples=RESAMPLES, rng=1
    )
    assert (found.test, found.effect) == ("paired permutation", "rank-biserial")
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.03)
    assert found.wilcoxon_p == pytest.approx(scipy.stats.wilcoxon((new - old)[:, 0]).pvalue)
    assert found.mann_whitney_p == pytest.approx(scipy.stats.mannwhitneyu(new[:, 0], old[:, 0]).pvalue)
    assert found.ci95[0] < found.difference < found.ci95[1]
    assert found.se == pytest.approx((new - old).std() / 60**0.5, rel=0.1)


def test_a_p_value_says_what_its_interval_says(mean_of, micro_f1):
    """Two thirds of the cases gain a little and a few lose all: ranks show a gain, p and interval of the mean none.

    Of counts too p is never below the level at which the interval begins to hold 0, which swapped labels alone were.
    """
    gains = np.concatenate([np.full(60, 0.02), np.full(4, -0.4)])[:, None]
    found = compare(mean_of(), 0.5 + gains, np.full((64, 1), 0.5), resamples=RESAMPLES)
    assert found.difference < 0
    assert found.wilcoxon_p < 1e-4
    assert found.p_value > 0.5
    raised = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        new, old = (rng.poisson(rate, (25, 3)) * (rng.random((25, 1)) < 0.4) for rate in ((2, 1, 1), (1, 2, 2)))
        (seen,) = gather([micro_f1()], {"findings": new}, {"findings": old}, resamples=500, seed=seed).values()
        told = of_evidence(seen)
        assert (told.p_value < 0.05) <= (told.ci95[0] > 0 or told.ci95[1] < 0)
        raised += told.p_value > permutation_p(told.difference, seen.relabelled)
    assert raised > 0


def test_a_suite_level_metric_gets_a_permutation_test(micro_f1):
    """Micro-F1 has no per-case scores: label swaps, p near scipy.stats.permutation_test's."""
    _, _, (new, old) = rows()
    metric = micro_f1()
    found = compare(metric, new, old, resamples=RESAMPLES)

    def difference(order, _axis):
        kept = order.astype(bool)[..., None]
        return metric.score(np.where(kept, new, old).sum(axis=-2)) - metric.score(np.where(kept, old, new).sum(axis=-2))

    kept, swapped = np.ones(60), np.zeros(60)
    theirs = scipy.stats.permutation_test(
        (kept, swapped),
        lambda x, _, axis: difference(x, axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=1,
        batch=500,
    )
    assert (found.test, found.effect, found.mann_whitney_p) == ("paired permutation", "Cohen's d_z", None)
    assert found.difference == pytest.approx(theirs.statistic)
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.05)


def test_grouped_cases_are_tested_and_resampled_by_group(mean_of):
    """Every case four times over says no more than once: interval and test as wide as without the copies."""
    _, (new, old), _ = rows()
    once = compare(mean_of(), new, old, resamples=RESAMPLES)
    groups = [str(i) for i in np.repeat(np.arange(60), 4)]
    copies = compare(mean_of(), np.repeat(new, 4, axis=0), np.repeat(old, 4, axis=0), groups, resamples=RESAMPLES)
    assert copies.test == "paired permutation"
    assert copies.ci95 == pytest.approx(once.ci95, abs=1e-5)
    assert copies.n == 240


def test_no_baseline_gives_the_candidate_alone(mean_of):
    """Without a baseline there is a value, its interval, and the reason for the rest."""
    found = compare(mean_of(), np.array([[1.0], [0.0]]))
    assert (found.candidate, found.baseline, found.p_value, found.reason) == (0.5, None, None, "no baseline")
    assert found.candidate_ci95 == wilson(1, 2)


@pytest.mark.parametrize("score", [1.0, 0.3, 0.0])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_equal_rows_give_finite_numbers(mean_of, micro_f1, score, n):
    """One case, or no case that differs: finite intervals around 0, p of 1, and why."""
    same = np.full((n, 1), score)
    found = compare(mean_of(), same, same, resamples=200)
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert found.ci95[0] <= 0 <= found.ci95[1]
    assert np.isfinite([*found.ci95, *found.candidate_ci95]).all()
    assert found.reason == "no case scores differently"
    counts = np.full((n, 3), 2.0)
    assert compare(micro_f1(), counts, counts, resamples=200).reason == "no case scores differently"


def test_nothing_is_ever_nan(mean_of):
    """No scored case at all: None and a reason, not NaN; a baseline of 0 has no relative change."""
    unscored = np.full((5, 1), -1.0)
    found = compare(mean_of(), unscored, unscored, resamples=100)
    assert (found.candidate, found.difference, found.ci95, found.p_value) == (None, None, None, None)
    assert "undefined" in found.reason
    against_zero = compare(mean_of(), np.full((30, 1), 0.4), np.zeros((30, 1)), resamples=100)
    assert against_zero.relative is None
    for comparison in (found, against_zero):
        flat = [value for value in dataclasses.astuple(comparison) if isinstance(value, float)]
        assert np.isfinite(flat).all()


def test_unscored_cases_are_left_out_of_n_and_of_the_test(mean_of):
    """A case that one role has no score for counts in neither: n says how many did."""
    rng = np.random.default_rng(0)
    new, old = rng.random((50, 1)), rng.random((50, 1))
    new[:5] = -1
    found = compare(mean_of(), new, old, resamples=200)
    assert found.n == 45
    assert found.difference == pytest.approx((new - old)[5:].mean())
    assert found.wilcoxon_p == pytest.approx(scipy.stats.wilcoxon((new - old)[5:, 0]).pvalue)
    assert found.p_value == compare(mean_of(), new[5:], old[5:], resamples=200).p_value


def test_cases_missing_in_one_role_are_left_out_of_both(mean_of):
    """A row of NaN (a case the reference never saw) drops the pair: the same as without the case."""
    _, (new, old), _ = rows()
    partial = old.copy()
    partial[:7] = np.nan
    assert compare(mean_of(), new, partial, resamples=200) == compare(mean_of(), new[7:], old[7:], resamples=200)
    assert compare(mean_of(), new, np.full_like(old, np.nan), resamples=200).n == 0


def test_together_or_alone_the_numbers_are_the_same(mean_of, micro_f1):
    """Metrics that share resamples give what each gives alone; another seed gives other intervals."""
    _, (new, old), (found_new, found_old) = rows()
    metrics = [mean_of(), micro_f1()]
    candidate, baseline = {"mean": new, "findings": found_new}, {"mean": old, "findings": found_old}
    together = compare_all(metrics, candidate, baseline, seed=3, resamples=RESAMPLES)
    alone = compare(metrics[1], found_new, found_old, seed=3, resamples=RESAMPLES)
    assert together["micro_f1"].ci95 == pytest.approx(alone.ci95, abs=1e-12)
    assert together["micro_f1"].p_value == alone.p_value
    other = compare(metrics[1], found_new, found_old, seed=4, resamples=RESAMPLES)
    assert other.ci95 != alone.ci95


def test_roles_of_different_length_are_refused(mean_of):
    """Rows that do not pair are a programming mistake, named."""
    with pytest.raises(ValueError, match="3 rows against 2 of the other role"):
        compare(mean_of(), np.ones((3, 1)), np.ones((2, 1)))


def test_few_changes_widen_the_interval(mean_of):
    """One changed case of 100 tells little: the interval allows for what a rare change could cost."""
    old = np.linspace(0.1, 0.9, 100)[:, None]
    new = old.copy()
    new[50] = 0.0
    (evidence,) = gather([mean_of()], {"mean": new}, {"mean": old}, resamples=500).values()
    low, high = difference_interval(evidence)
    rare = tango(0, 1, 100)
    assert (low, high) == pytest.approx((0.9 * rare[0], 0.9 * rare[1]), abs=0.005)
    assert low < np.quantile(evidence.gaps, 0.0001) < 0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 6), min_size=2, max_size=8))
def test_no_difference_is_wider_than_two_scores_can_be_apart(micro_f1, counts):
    """Few cases: an interval of a difference of shares ends at -1 and 1 at the latest, and holds the difference."""
    found = np.array(counts, dtype=float)
    one = compare(micro_f1(), found[:, :3], found[:, 3:], resamples=200)
    if one.ci95 is not None:
        assert -1 <= one.ci95[0] <= one.difference <= one.ci95[1] <= 1


def test_swapping_the_roles_mirrors_the_comparison(mean_of):
    """Candidate and baseline swapped: the difference, effect and interval change sign; the p-value stays."""
    _, (new, old), _ = rows()
    one, other = compare(mean_of(), new, old, resamples=500), compare(mean_of(), old, new, resamples=500)
    assert one.difference == pytest.approx(-other.difference)
    assert one.effect_size == pytest.approx(-other.effect_size)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.ci95 == pytest.approx((-other.ci95[1], -other.ci95[0]), abs=2e-3)


def test_a_p_value_below_its_interval_is_raised_to_it(mean_of):
    """Where the permutation says 5 % and the interval holds 0: p is the level at which the interval reaches 0."""
    raised = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        old = rng.beta(2, 5, (24, 1))
        new = np.clip(old + rng.normal(0.06, 0.13, (24, 1)), 0, 1)
        found = compare(mean_of(), new, old, resamples=400)
        (one,) = gather([mean_of()], {"mean": new}, {"mean": old}, resamples=400, permute=True).values()
        plain = permutation_p(one.difference, one.relabelled)
        if plain < 0.05 and found.p_value != plain:
            raised += 1
            inside, outside = (difference_interval(one, 1 - found.p_value * by) for by in (0.9, 1.1))
            assert inside[0] <= 0 <= inside[1]
            assert not outside[0] <= 0 <= outside[1]
    assert raised
