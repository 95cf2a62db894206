"""What is computed in another way for many cases gives the same numbers."""

import numpy as np
import pytest
import scipy.stats

from pytest_medeval.stats import bootstrap
from pytest_medeval.stats.bootstrap import MANY_UNITS, label_swaps, resampling_weights, types_of, weighted_scores
from pytest_medeval.stats.compare import compare
from pytest_medeval.stats.effect import ranked
from pytest_medeval.stats.paired import mann_whitney, mcnemar, wilcoxon


@pytest.mark.parametrize("n", [51, 200, 3000])
def test_rank_tests_with_ties_are_scipys(n):
    """scipy.stats.wilcoxon and mannwhitneyu (1.17), scores with many ties."""
    rng = np.random.default_rng(n)
    new, old = rng.integers(0, 5, n) / 4, rng.integers(0, 4, n) / 4
    gaps = np.where(new == old, 0.25, new - old)
    assert wilcoxon(gaps) == pytest.approx(scipy.stats.wilcoxon(gaps).pvalue, rel=1e-12)
    assert mann_whitney(new, old) == pytest.approx(scipy.stats.mannwhitneyu(new, old).pvalue, rel=1e-12)
    assert ranked(new)[0].tolist() == scipy.stats.rankdata(new).tolist()


@pytest.mark.parametrize(("wins", "losses"), [(0, 1), (7, 7), (3, 11), (450, 520), (5000, 4500)])
def test_mcnemar_is_the_binomial_test(wins, losses):
    """scipy.stats.binomtest (1.17) at one half."""
    expected = scipy.stats.binomtest(wins, wins + losses).pvalue
    assert mcnemar(wins, losses).p_value == pytest.approx(expected, rel=1e-12)


def test_whole_numbers_are_summed_exactly_whatever_the_chunks(monkeypatch):
    """Totals equal those of one product in float64, for whole and broken counts, columns given twice, odd units."""
    rng = np.random.default_rng(5)
    counts = np.stack([rng.integers(0, 9, 333), rng.random(333), np.zeros(333), rng.integers(0, 2, 333)], axis=1)
    samples = [(lambda total, at=at: total[..., at], counts.astype(np.float64)) for at in range(4)]
    for weights in (resampling_weights, label_swaps):
        whole = np.concatenate(list(weights(333, 150, 1))) @ counts
        monkeypatch.setattr(bootstrap, "CHUNK_BYTES", 8 * 333 * 11)
        found = weighted_scores(weights(333, 150, 1), samples)
        monkeypatch.undo()
        assert [np.array_equal(found[at], whole[:, at]) for at in (0, 2, 3)] == [True] * 3
        assert found[1] == pytest.approx(whole[:, 1], rel=1e-12)


def _right(n, seed=4):
    """Answers of two roles that are right or wrong: four kinds of cases."""
    rng = np.random.default_rng(seed)
    return (rng.random((2, n)) < [[0.8], [0.6]]).astype(np.float64)


def test_units_of_equal_counts_are_drawn_together_as_units_are_drawn():
    """Moments and quantiles of multinomial totals against those of units drawn one by one, 20,000 resamples each."""
    counts = np.stack([*_right(1200), np.ones(1200)], axis=1)
    types = types_of(counts)
    assert len(types.rows) == 4
    assert int(types.sizes.sum()) == 1200
    assert types.sizes @ types.rows == pytest.approx(counts.sum(axis=0), abs=0)
    for mine, weights in ((types.drawn(20_000, 3), resampling_weights), (types.swapped(20_000, 3), label_swaps)):
        theirs = np.concatenate([chunk @ counts for chunk in weights(1200, 20_000, 3)])
        spread = theirs.std(axis=0)
        assert np.abs(mine.mean(axis=0) - theirs.mean(axis=0)).max() < 4 * spread.max() * (2 / 20_000) ** 0.5
        assert mine.std(axis=0) == pytest.approx(spread, rel=0.03)
        assert np.corrcoef(mine[:, 0], mine[:, 1])[0, 1] == pytest.approx(np.corrcoef(theirs[:, :2].T)[0, 1], abs=0.03)
        ends = [np.quantile(drawn[:, 0] - drawn[:, 1], [0.025, 0.975]) for drawn in (mine, theirs)]
        assert ends[0] == pytest.approx(ends[1], abs=1.5)


def test_few_units_or_many_kinds_are_drawn_one_by_one():
    """Below the bound the digits are scipy's for the same generator; scores that hardly repeat gain nothing."""
    counts = np.stack(_right(MANY_UNITS), axis=1)
    assert types_of(counts) is not None
    assert types_of(counts[:-1]) is None
    assert types_of(np.random.default_rng(0).random((5000, 2))) is None
    late = np.concatenate([np.zeros(MANY_UNITS), np.arange(4000)])[:, None]  # alike where one looks first
    assert types_of(late) is None


def test_many_clusters_of_equal_counts_have_the_interval_of_the_binomial(mean_of):
    """2,000 clusters of one case twice: as wide as 2,000 cases, by the normal interval of a share."""
    right = np.repeat(_right(2000)[0], 2)
    clusters = [f"c{number // 2}" for number in range(4000)]
    found = compare(mean_of(), right[:, None], clusters=clusters, seed=1)
    half = 1.96 * (right.mean() * (1 - right.mean()) / 2000) ** 0.5
    assert found.candidate_ci95 == pytest.approx((right.mean() - half, right.mean() + half), abs=0.002)
