"""Criteria: points that a reply earns of those that it could, its faults, and what it says wrongly.

A row holds what a judge, or stored grades, said of a reply; where one of its criteria is unjudged the reply is unjudged
and the row is NaN: it is counted as covered or not, and never as not met.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pytest_medeval.core.record import CriterionRecord
from pytest_medeval.core.types import Direction, FloatArray, Reply
from pytest_medeval.metrics.base import SHARE, Measure, mean, signed
from pytest_medeval.tasks.criteria import MIXED, STATEMENTS, Criteria, CriteriaCase, Verdicts

COUNTS, OF_STATEMENTS = "judge.criteria", "judge.entailment"
"""The families of rows, which like all of ``judge.`` are there only where the reply was judged: of criteria, and of
statements alone. What follows ``judge.`` is the dimension of the labels that show how far people agree with a judge."""
_OWN = range(9)
MET, POSITIVE, FAULTS, NEGATIVE, KEPT, CRITICAL, ENTAILED, MUST, CONTRADICTED = _OWN
"""Columns: points met (faults taken off) and points that can be had; faults found of faults asked about; critical
criteria as they must be, of all; statements with points entailed, of all; statements contradicted. Then for each tag
``TAG=VALUE`` the first two."""


def criteria(task: Criteria, part: str = "") -> Measure:
    """Mean over replies of s = (points of the criteria met) / (points above 0); ``criteria[axis=...]`` of one tag.

    A fault that is there takes its points off. Source: HealthBench (Arora et al. 2025), section 3, which clips the mean
    (``criteria_clipped``); by tag as there: over the replies that have points of that tag to earn. One reply scores
    at most 1, and may be below 0. Higher is better; NaN for no judged reply.

    >>> metric = criteria(Criteria())
    >>> metric.expand([[5, 10, 0, 0, 0, 0, 0, 0, 0], [-4, 8, 1, 1, 0, 0, 0, 0, 0]]).tolist()
    [[0.5, 1.0], [-0.5, 1.0]]
    """
    name = f"criteria[{part}]" if part else "criteria"
    return _measure(task, name, _score(task, part), bounds=(-math.inf, 1.0))


def criteria_clipped(task: Criteria) -> Measure:
    """Clip the mean of ``criteria`` to [0, 1], as HealthBench's published scores are; no score of a single reply."""

    def fold(total: FloatArray) -> FloatArray:
        return np.clip(mean(total), 0.0, 1.0)

    return _measure(task, "criteria_clipped", _score(task, ""), fold=fold, per_case=False)


def faults(task: Criteria) -> Measure:
    """Share of the faults asked about that are there: #(criteria below 0 points, met) / #(criteria below 0 points).

    Range 0 to 1, lower is better; NaN where nobody asked about one.

    >>> faults(Criteria()).expand([[-4, 8, 1, 2, 0, 0, 0, 0, 0]]).tolist()
    [[1.0, 2.0]]
    """
    return _measure(task, "faults", _pair(FAULTS, NEGATIVE), direction=-1)


def critical_criteria(task: Criteria) -> Measure:
    """Share of the critical criteria that are as they must be: met, or of a fault not met.

    Range 0 to 1, higher is better; NaN where none is critical.
    """
    return _measure(task, "critical_criteria", _pair(KEPT, CRITICAL))


def comprehensiveness(task: Criteria) -> Measure:
    """Mean over replies of the share of must-have statements that they entail; those worth points are must-haves.

    Source: K-QA (Manes et al. 2024), section 4. Range 0 to 1, higher is better; NaN without such a statement.
    """

    def spread(rows: FloatArray) -> FloatArray:
        return _shares(rows[..., ENTAILED], rows[..., MUST])

    return _measure(task, "comprehensiveness", spread)


def hallucinations(task: Criteria) -> Measure:
    """Mean number of statements, must-have or nice to have, that a reply contradicts.

    Source: K-QA (Manes et al. 2024), section 4. 0 or more, lower is better; NaN for no judged reply.
    """

    def spread(rows: FloatArray) -> FloatArray:
        return np.stack([rows[..., CONTRADICTED], np.ones(rows.shape[:-1])], axis=-1)

    return _measure(task, "hallucinations", spread, direction=-1, bounds=(0.0, math.inf))


def counts_of(task: Criteria) -> str:
    """Name the family of rows of a suite."""
    return OF_STATEMENTS if STATEMENTS in task.holds and MIXED not in task.holds else COUNTS


def row_of(given: Sequence[CriterionRecord], verdicts: Verdicts | None, parts: Sequence[str]) -> list[float]:
    """Give the row of a reply; NaN where a criterion is unjudged. ``parts``: tags as ``TAG=VALUE``."""
    said = [one for one in verdicts or () if one is not None]
    if not given or len(said) < len(given):
        return [math.nan] * (len(_OWN) + 2 * len(parts))
    both = list(zip(given, said, strict=True))
    negative = [found for one, found in both if one["points"] < 0]
    critical = [(found == 1) == (one["points"] >= 0) for one, found in both if one.get("critical")]
    must = [found for one, found in both if one.get("statement") and one["points"] > 0]
    row = [*_points(both), negative.count(1), len(negative), sum(critical), len(critical), must.count(1), len(must)]
    row += [said.count(-1)]
    for part in parts:
        tag, _, value = part.partition("=")
        row += _points([(one, found) for one, found in both if one.get("tags", {}).get(tag) == value])
    return [float(value) for value in row]


def _points(both: Sequence[tuple[CriterionRecord, float]]) -> list[float]:
    met = math.fsum(one["points"] for one, found in both if found == 1)
    return [met, math.fsum(max(one["points"], 0.0) for one, _ in both)]


def _score(task: Criteria, part: str) -> Callable[[FloatArray], FloatArray]:
    """Spread rows to (score, 1); a reply that has nothing to earn has no score: (0, 0)."""
    at = len(_OWN) + 2 * task.parts.index(part) if part else MET

    def spread(rows: FloatArray) -> FloatArray:
        return _shares(rows[..., at], rows[..., at + 1])

    return spread


def _shares(met: FloatArray, of: FloatArray) -> FloatArray:
    """Give (met / of, 1), or (0, 0) where there is nothing to meet; an unjudged reply stays NaN."""
    some = of != 0
    shares = np.where(some, met / np.where(some, of, 1.0), 0.0)
    return np.stack([shares, some + 0.0 * shares], axis=-1)


def _pair(met: int, of: int) -> Callable[[FloatArray], FloatArray]:
    return lambda rows: np.stack([rows[..., met], rows[..., of]], axis=-1)


def _measure(
    task: Criteria,
    name: str,
    spread: Callable[[FloatArray], FloatArray],
    *,
    fold: Callable[[FloatArray], FloatArray] = mean,
    direction: Direction = 1,
    per_case: bool = True,
    bounds: tuple[float, float] = SHARE,
) -> Measure:
    def make(case: CriteriaCase, reply: Reply) -> list[float]:
        return row_of(task.gold(case), reply.prediction, task.parts)

    return Measure(
        name=name, counts=counts_of(task), signature=signed(name, "points:criteria"), make=make, spread=spread,
        fold=fold, direction=direction, per_case=per_case, bounds=bounds,
    )  # fmt: skip
