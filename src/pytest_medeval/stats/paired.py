"""Tests of candidate against baseline, each named, each with its effect size."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from pytest_medeval.stats.effect import cohens_g, rank_biserial
from pytest_medeval.types import FloatArray

NO_CHANGE = "no case scores differently"


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
        return TestResult(1.0, "McNemar exact", None, "Cohen's g", NO_CHANGE)
    from scipy.stats import binomtest

    p_value = float(binomtest(wins, wins + losses, 0.5).pvalue)
    return TestResult(p_value, "McNemar exact", cohens_g(wins, losses), "Cohen's g")


def wilcoxon(differences: FloatArray) -> TestResult:
    """Wilcoxon signed-rank test of per-case differences (n,), two-sided.

    Cases without a difference are left out before ranking (Wilcoxon's own treatment, scipy's
    ``zero_method="wilcox"``). Exact or with normal approximation and tie correction, as
    scipy chooses. Effect: matched-pairs rank-biserial correlation.
    """
    name, effect_name = "Wilcoxon signed-rank", "rank-biserial"
    changed = differences[differences != 0]
    if len(changed) == 0:
        return TestResult(1.0, name, None, effect_name, NO_CHANGE)
    import scipy.stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy says that few cases are few; n stands beside the p-value
        p_value = float(scipy.stats.wilcoxon(changed, zero_method="wilcox").pvalue)
    return TestResult(p_value, name, rank_biserial(differences), effect_name)


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
    """Two-sided p-value of the Mann-Whitney U test of two score distributions: ignores the pairing."""
    if len(candidate) == 0 or len(baseline) == 0:
        return None
    if np.ptp(np.concatenate([candidate, baseline])) == 0:
        return 1.0
    import scipy.stats

    return float(scipy.stats.mannwhitneyu(candidate, baseline, alternative="two-sided").pvalue)
