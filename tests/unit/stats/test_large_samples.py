"""What is computed in another way for many cases gives the same numbers."""

import numpy as np
import pytest
import scipy.stats

from pytest_medeval.stats import bootstrap
from pytest_medeval.stats.bootstrap import label_swaps, resampling_weights, weighted_scores
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
