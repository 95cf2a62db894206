"""Paired tests, their effect sizes, and the correction for several."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.stats.correct import holm
from pytest_medeval.stats.effect import cohens_dz, rank_biserial
from pytest_medeval.stats.paired import mann_whitney, mcnemar, permutation_p, wilcoxon


@pytest.mark.parametrize(
    ("wins", "losses", "p_value"), [(6, 16, 0.052478790283203125), (1, 7, 0.0703125), (121, 59, 4.4344492637551645e-06)]
)
def test_mcnemar_is_statsmodels(wins, losses, p_value):
    """Reference: statsmodels 0.15.0, contingency_tables.mcnemar(table, exact=True).pvalue."""
    assert mcnemar(wins, losses).p_value == pytest.approx(p_value, rel=1e-9)


def test_mcnemar_without_a_change_says_so():
    """No discordant pair: p is 1, there is no effect size, and the reason is given."""
    found = mcnemar(0, 0)
    assert (found.p_value, found.effect_size, found.reason) == (1.0, None, "no case scores differently")


def test_mcnemar_effect_is_cohens_g():
    """15 wins and 5 losses: 0.75 - 0.5."""
    assert mcnemar(15, 5).effect_size == 0.25


def test_wilcoxon_is_scipys_and_drops_equal_cases():
    """The p-value of scipy.stats.wilcoxon(zero_method="wilcox") over all cases, zeros among them."""
    gaps = np.concatenate([np.random.default_rng(4).normal(0.2, 1, 80), np.zeros(20)])
    assert wilcoxon(gaps) == pytest.approx(scipy.stats.wilcoxon(gaps, zero_method="wilcox").pvalue, rel=1e-12)


def test_the_effect_of_scores_is_the_share_of_ranks():
    """Differences 1, 2, 3 and -4: W+ = 6, W- = 4, so 2 / 10."""
    assert rank_biserial(np.array([1.0, 2, 3, -4, 0])) == pytest.approx(0.2)


@pytest.mark.parametrize("gaps", [[0.0, 0.0], [0.5], [0.5, -0.5], [0.1] * 12, [1.0, 1.0, -1.0]])
def test_wilcoxon_of_few_or_tied_cases_is_a_number(gaps):
    """Ties, one case, no change: always a p-value in (0, 1], and no warning."""
    assert 0 < wilcoxon(np.array(gaps)) <= 1


def test_permutation_p_counts_the_observed_one_in():
    """With 1 of 9 relabellings as extreme, p is (1 + 1) / (1 + 9); undefined ones do not count."""
    relabelled = np.array([0.1, -0.2, 0.3, -0.5, 0, 0, 0.1, 0.2, 0.1, np.nan])
    assert permutation_p(0.5, relabelled) == pytest.approx(0.2)
    assert permutation_p(0.5, np.array([np.nan])) is None


def test_mann_whitney_is_scipys():
    """The two-sided p-value of scipy.stats.mannwhitneyu; equal scores give 1."""
    rng = np.random.default_rng(8)
    new, old = rng.normal(0.3, 1, 84), rng.normal(0, 1, 84)
    expected = scipy.stats.mannwhitneyu(new, old, alternative="two-sided").pvalue
    assert mann_whitney(new, old) == pytest.approx(expected, rel=1e-12)
    assert mann_whitney(np.ones(5), np.ones(4)) == 1.0
    assert mann_whitney(np.empty(0), old) is None


def test_cohens_dz_of_a_mean_is_mean_over_sd():
    """With the usual standard error of a mean, d_z is mean / sd of the differences."""
    gaps = np.random.default_rng(3).normal(0.4, 2, 50)
    se = gaps.std(ddof=1) / 50**0.5
    assert cohens_dz(gaps.mean(), se, 50) == pytest.approx(gaps.mean() / gaps.std(ddof=1))
    assert cohens_dz(0.0, 0.0, 50) is None


def test_holm_is_statsmodels():
    """Reference: statsmodels 0.15.0, multipletests([...], method="holm")[1]."""
    found = holm([0.0123, 0.04, 0.03, 0.005, 0.2, 0.04])
    assert found == pytest.approx([0.0615, 0.12, 0.12, 0.03, 0.2, 0.12])


@given(st.lists(st.none() | st.floats(0, 1), max_size=20))
def test_holm_never_lowers_and_keeps_the_order(p_values):
    """Adjusted values are as large or larger, at most 1, in the same order; None does not count."""
    adjusted = holm(p_values)
    pairs = [(p, q) for p, q in zip(p_values, adjusted, strict=True) if p is not None]
    assert [p is None for p in p_values] == [q is None for q in adjusted]
    assert all(p <= q <= 1 for p, q in pairs)
    assert [q for _, q in sorted(pairs)] == sorted(q for _, q in pairs)
    assert holm([p for p, _ in pairs]) == [q for _, q in pairs]
