"""One effect size a test; positive where the candidate scores higher."""

from __future__ import annotations

import numpy as np

from pytest_medeval.core.types import FloatArray


def cohens_g(wins: int, losses: int) -> float | None:
    """Cohen's g of McNemar's test: share of wins among the discordant pairs, less 1/2.

    Source: Cohen, 1988, chapter 5. From -0.5 to 0.5; 0.05 is called small, 0.15 medium, 0.25 large. None
    where no pair is discordant.

    >>> cohens_g(15, 5)
    0.25
    """
    return wins / (wins + losses) - 0.5 if wins + losses else None


def rank_biserial(differences: FloatArray) -> float | None:
    """Matched-pairs rank-biserial correlation ``(W+ - W-) / (W+ + W-)`` of differences (n,) (Kerby, 2014).

    From -1 to 1: the share of rank weight in favour of the candidate less that against it. None where nothing
    differs.
    """
    changed = differences[differences != 0]
    if len(changed) == 0:
        return None
    ranks, _ = ranked(np.abs(changed))
    return float(np.sum(ranks * np.sign(changed)) / np.sum(ranks))


def ranked(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rank values (n,) from 1, equal ones by their mean rank; give the ranks, and how many are equal to each.

    >>> [found.tolist() for found in ranked(np.array([3.0, 1.0, 3.0]))]
    [[2.5, 1.0, 2.5], [1.0, 2.0]]
    """
    _, inverse, ties = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(ties) - (ties - 1) / 2
    return ranks[inverse], ties.astype(np.float64)


def cohens_dz(difference: float, se: float, units: int) -> float | None:
    """Cohen's d_z: the difference over the standard deviation of a unit's share in it, ``se * sqrt(units)``.

    For a mean over cases with ``se = sd / sqrt(n)`` it is the usual ``mean / sd`` of the paired differences
    (Cohen, 1988, section 2.3.5); for other metrics ``se`` is the bootstrap's. None where nothing varies.
    """
    return difference / (se * units**0.5) if se > 0 else None
