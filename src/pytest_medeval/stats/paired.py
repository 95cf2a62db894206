"""Tests of candidate against baseline, each named, each with its effect size."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.effect import cohens_g, ranked

NO_CHANGE = "no case scores differently"
MCNEMAR = "McNemar exact"
EXACT_SIGNED_RANK = 50
EXACT_RANK_SUM = 8
"""Numbers of cases up to which scipy may compute a rank test exactly."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """A two-sided p-value, the test, its effect size and the name of that.

    What is undefined is None, and ``reason`` says why; it also says why a p-value is trivially 1.
    """

    __test__ = False  # pytest must not collect it

    p_value: float | None
    test: str
    effect_size: float | None
    effect: str
    reason: str = ""


def mcnemar(wins: int, losses: int) -> TestResult:
    """Exact McNemar test: two-sided binomial test of the discordant pairs at 1/2 (McNemar, 1947; exact form).

    ``wins``: pairs that only the candidate has right; ``losses``: only the baseline. Effect: Cohen's g.
    """
    if wins + losses == 0:
        return TestResult(1.0, MCNEMAR, None, "Cohen's g", NO_CHANGE)
    from scipy.special import bdtr

    p_value = min(1.0, 2 * float(bdtr(min(wins, losses), wins + losses, 0.5)))
    return TestResult(p_value, MCNEMAR, cohens_g(wins, losses), "Cohen's g")


def wilcoxon(differences: FloatArray) -> float:
    """Two-sided p-value of the Wilcoxon signed-rank test of per-case differences (n,); 1 where none differs.

    It asks whether most cases, by rank, got better: where few cases lose much it says so of a worse mean, so that it
    stands in the record for comparison and decides nothing. Cases without a difference are left out before ranking
    (Wilcoxon's own treatment, scipy's ``zero_method="wilcox"``). Up to 50 changed cases scipy computes it, exactly
    where it can; beyond that the normal approximation with tie correction is all there is to compute, and needs no
    ``scipy.stats``, which takes as long to load as a thousand tests to run.
    """
    changed = differences[differences != 0]
    if len(changed) == 0:
        return 1.0
    return _signed_rank_normal(changed) if len(changed) > EXACT_SIGNED_RANK else _scipys_wilcoxon(changed)


def _scipys_wilcoxon(changed: FloatArray) -> float:
    import scipy.stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy says that few cases are few; n stands beside the p-value
        return float(scipy.stats.wilcoxon(changed, zero_method="wilcox").pvalue)


def _signed_rank_normal(changed: FloatArray) -> float:
    """Two-sided p of the sum of positive ranks, normal with mean n(n+1)/4 and the variance that ties leave."""
    n = len(changed)
    ranks, ties = ranked(np.abs(changed))
    positive = float(ranks[changed > 0].sum())
    variance = (n * (n + 1) * (2 * n + 1) - float((ties**3 - ties).sum()) / 2) / 24
    return _two_sided((positive - n * (n + 1) / 4) / math.sqrt(variance))


def _two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


def permutation_p(observed: float, relabelled: FloatArray) -> float | None:
    """Two-sided p-value of approximate randomisation: ``(1 + k) / (1 + B)``.

    Source: Noreen, 1989; Phipson and Smyth, 2010, for the added ones.
    ``relabelled`` (B,): differences after swapping the roles of random units; k of them are at least as large
    as ``observed`` in size, ties counted in (to 1e-9 of rounding).
    """
    defined = relabelled[np.isfinite(relabelled)]
    if len(defined) == 0:
        return None
    extreme = int(np.sum(np.abs(defined) >= abs(observed) - 1e-9))
    return (1 + extreme) / (1 + len(defined))


def mann_whitney(candidate: FloatArray, baseline: FloatArray) -> float | None:
    """Two-sided p-value of the Mann-Whitney U test of two score distributions: ignores the pairing.

    Normal approximation with continuity and tie correction; with 8 scores or fewer on a side scipy computes it,
    exactly where no scores are equal.
    """
    if len(candidate) == 0 or len(baseline) == 0:
        return None
    if np.ptp(np.concatenate([candidate, baseline])) == 0:
        return 1.0
    if min(len(candidate), len(baseline)) <= EXACT_RANK_SUM:
        import scipy.stats

        return float(scipy.stats.mannwhitneyu(candidate, baseline, alternative="two-sided").pvalue)
    first, both = len(candidate), len(candidate) + len(baseline)
    ranks, ties = ranked(np.concatenate([candidate, baseline]))
    pairs = first * len(baseline)
    wins = float(ranks[:first].sum()) - first * (first + 1) / 2
    tied = float((ties**3 - ties).sum()) / (both * (both - 1))
    z = (max(wins, pairs - wins) - pairs / 2 - 0.5) / math.sqrt(pairs / 12 * (both + 1 - tied))
    return min(1.0, math.erfc(z / math.sqrt(2)))
