"""Do the tracks agree case by case? Rank correlation, opposite changes, and the cases to read first."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pytest_medeval.stats.agreement import Estimate, estimate, kendall_tau_b, numbered
from pytest_medeval.types import FloatArray
from pytest_medeval.verdicts.divergence_tracks import Facts, change_of, grade_change, grade_of, unit_of

ROLES = ("candidate", "baseline")
READ_FIRST = 5
MOST = 400
"""Judged cases that are correlated, since the work grows with their square; of more, the seed draws these."""
DIGITS = 9
"""Changes are rounded to this many digits, so that a mean of grades that should be zero is zero."""


def correlations(
    cases: Sequence[Facts], directions: Mapping[str, int], dimensions: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    """Correlate every measured metric with every dimension over the judged replies of both models.

    Kendall's tau-b of score and grade, positive where better scores go with better grades, with a 95 %
    bootstrap interval that draws whole cases (or groups of cases). Rows: metric, dimension, tau, low, high,
    replies, reason. At most 400 judged cases take part, drawn by ``seed``. Metrics without a score per case
    have no row.
    """
    judged = [case for case in cases if any(_graded(case, role, dimensions) for role in ROLES)]
    if len(judged) > MOST:
        kept = set(random.Random(f"correlation:{seed}").sample(range(len(judged)), MOST))
        judged = [case for index, case in enumerate(judged) if index in kept]
    pairs = [(metric, dimension) for metric in directions for dimension in dimensions]
    rows = [(metric, dimension, _points(judged, metric, dimension)) for metric, dimension in pairs]
    return [_row(metric, one, directions[metric], points, seed) for metric, one, points in rows if points]


def _graded(case: Facts, role: str, dimensions: Sequence[str]) -> bool:
    return any(grade_of(case, role, dimension) is not None for dimension in dimensions)


def _points(cases: Sequence[Facts], metric: str, dimension: str) -> list[tuple[float, float, str]]:
    """Give (score, grade, unit) of every reply that has both."""
    found = [
        (case.get(role, {}).get("scores", {}).get(metric), grade_of(case, role, dimension), unit_of(case))
        for case in cases
        for role in ROLES
    ]
    return [(score, grade, unit) for score, grade, unit in found if score is not None and grade is not None]


def _row(
    metric: str, dimension: str, direction: int, points: Sequence[tuple[float, float, str]], seed: int
) -> dict[str, Any]:
    scores, grades, units = zip(*points, strict=True)
    clusters = numbered(units)
    oriented = direction * np.asarray(scores, dtype=np.float64)
    found: Estimate = estimate(kendall_tau_b(oriented, grades, clusters), int(clusters.max()) + 1, seed=seed)
    return {
        "metric": metric, "dimension": dimension, "tau": found.value, "low": found.low, "high": found.high,
        "replies": len(points), "reason": found.reason,
    }  # fmt: skip


def changes(
    cases: Sequence[Facts], directions: Mapping[str, int], dimensions: Sequence[str]
) -> list[tuple[Facts, float, float]]:
    """Give (case, a, b) of every case that both tracks scored for both models.

    ``a``: a case's improvement from -1 to 1, the mean over the measured metrics of its signed rank among all
    changes of the metric: metrics have different units, and single replies may score far off. ``b``: mean
    change in grade points over the dimensions that both replies have.
    """
    if not dimensions:  # most runs have no judge, and ranking every case takes a while
        return []
    measured = {
        metric: _signed_ranks([direction * _number(change_of(case, metric)) for case in cases])
        for metric, direction in directions.items()
    }
    found = []
    for place, case in enumerate(cases):
        ranks = [float(ranked[place]) for ranked in measured.values() if np.isfinite(ranked[place])]
        grades = [change for one in dimensions if (change := grade_change(case, one)) is not None]
        if ranks and grades:
            found.append((case, _mean(ranks), _mean(grades)))
    return found


def opposite(changed: Sequence[tuple[Facts, float, float]]) -> dict[str, Any]:
    """Count the cases whose changes have opposite signs, among those that changed on both tracks."""
    both = [(a, b) for _, a, b in changed if a and b]
    count = sum((a > 0) != (b > 0) for a, b in both)
    return {"count": count, "n": len(both), "share": count / len(both) if both else None}


def most_divergent(
    changed: Sequence[tuple[Facts, float, float]], k: int = READ_FIRST
) -> list[dict[str, Any]]:
    """Name the ``k`` cases whose changes differ most between the tracks, by signed rank; ties by id.

    Cases whose two changes rank alike do not diverge, and are not named.
    """
    first, second = _signed_ranks([a for _, a, _ in changed]), _signed_ranks([b for _, _, b in changed])
    distances = [round(float(one), DIGITS) for one in np.abs(first - second)]
    order = sorted(range(len(changed)), key=lambda i: (-distances[i], changed[i][0]["id"]))
    return [
        {"nodeid": changed[i][0]["nodeid"], "id": changed[i][0]["id"], "a": changed[i][1], "b": changed[i][2]}
        for i in order[:k]
        if distances[i] > 0
    ]


def _signed_ranks(values: Sequence[float]) -> FloatArray:
    """Rank changes by size, from 0 (none) to 1 (the largest), and give them their sign; NaN stays NaN."""
    found = np.asarray(values, dtype=np.float64).round(DIGITS)
    sizes = np.sort(np.abs(found[np.isfinite(found)]))
    middle = np.searchsorted(sizes, np.abs(found), "left") + np.searchsorted(sizes, np.abs(found), "right")
    return np.asarray(np.sign(found) * middle / 2 / max(len(sizes), 1), dtype=np.float64)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), DIGITS)
