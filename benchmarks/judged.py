"""Judges with a known bias and people who rate a part of the cases; tracks that move and tracks that stay.

``lines`` gives the rows that ``benchmarks/validity.py`` prints. Grades from 1 to 5 on four dimensions that follow each
other (correlation 0.5), a standard deviation of the change of 0.8 points; word overlap on five
metrics (correlation 0.7).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
from scipy.stats import ttest_1samp

from pytest_medeval.core.record import CaseEntry, MetricRow, SuiteRecord
from pytest_medeval.core.types import FloatArray
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.stats.ppi import corrected_mean
from pytest_medeval.verdicts.divergence import decide
from pytest_medeval.verdicts.tracks import track_a, track_b
from rates import rate, share

OVERLAP = ("rougeL", "bleu", "rouge1", "rouge2", "meteor")
GRADES = tuple(f"judge.{name}" for name in DEFAULT_RUBRIC.names)
SPREAD = 0.8


def graded(n: int, bias: float, rng: np.random.Generator, *, cluster: int = 1) -> tuple[FloatArray, FloatArray]:
    """Draw what judge and people say of a difference (n,), in points: no true one, and the judge likes one side."""
    shared = np.repeat(rng.normal(0, 0.6 if cluster > 1 else 0.0, n // cluster), cluster)
    true = shared + rng.normal(0, 1, n)
    people, judge = true + rng.normal(0, 0.6, n), 0.8 * true + bias + rng.normal(0, 0.7, n)
    return np.clip(np.round(judge), -4, 4), np.clip(np.round(people), -4, 4)


def corrected(n: int, rated: int, bias: float, suites: int, *, cluster: int = 1) -> tuple[float, float, float, float]:
    """Give false better of the judge alone and of the corrected difference, coverage, and width against people's."""
    rng = np.random.default_rng([6, n, rated, round(100 * bias), cluster])
    units = np.repeat(np.arange(n // cluster), cluster)
    counts = np.zeros(4)
    for _ in range(suites):
        judge, people = graded(n, bias, rng, cluster=cluster)
        drawn = np.full(n, np.nan)
        chosen = rng.permutation(n)[:rated]
        drawn[chosen] = people[chosen]
        raw = corrected_mean(np.zeros(n), judge, units)
        found, alone = corrected_mean(judge, drawn, units), corrected_mean(np.zeros(n), drawn, units)
        assert raw is not None
        assert found is not None
        assert alone is not None
        low, high = found.interval()
        start, end = alone.interval()
        counts += raw.interval()[0] > 0, low > 0, low <= 0 <= high, (high - low) / (end - start)
    return cast("tuple[float, float, float, float]", tuple(counts / suites))


def changes(
    n: int, names: tuple[str, ...], rng: np.random.Generator, *, gain: float, spread: float, shared: float
) -> FloatArray:
    """Draw the changes (names, n) of metrics that follow each other."""
    common = rng.normal(0, np.sqrt(shared), n)
    return gain + spread * (common + rng.normal(0, np.sqrt(1 - shared), (len(names), n)))


def verdict(n: int, judged: int, overlap: float, points: float, rng: np.random.Generator) -> str:
    """Give the divergence of one suite: ``overlap`` in standard deviations, ``points`` of a grade, both true gains."""
    told = dict(zip(OVERLAP, changes(n, OVERLAP, rng, gain=overlap, spread=1.0, shared=0.7), strict=True))
    told |= dict(zip(GRADES, changes(judged, GRADES, rng, gain=points, spread=SPREAD, shared=0.5), strict=True))
    cases = [_case(i, {name: float(one[i]) for name, one in told.items() if i < len(one)}) for i in range(n)]
    suite = cast(SuiteRecord, {"headline": "rougeL", "metrics": {name: _row(name, one) for name, one in told.items()}})
    return decide(track_a(suite, cases), track_b(suite, cases, 1, DEFAULT_RUBRIC.scale))


def _row(name: str, one: FloatArray) -> MetricRow:
    test = ttest_1samp(one, 0.0)
    ends = list(test.confidence_interval(0.95))
    row = {"n": len(one), "difference": float(one.mean()), "p_value": float(test.pvalue), "ci95": ends, "direction": 1}
    return cast(MetricRow, {**row, "lexical": name in OVERLAP})


def _case(number: int, told: dict[str, float]) -> CaseEntry:
    scores = {name: one for name, one in told.items() if name in OVERLAP}
    grades = {name.removeprefix("judge."): one for name, one in told.items() if name in GRADES}
    entry = {"id": f"c{number}", "cluster": None, "candidate": {"scores": scores}}
    entry |= {"baseline": {"scores": dict.fromkeys(scores, 0.0)}}
    judge = {"candidate": grades, "baseline": dict.fromkeys(grades, 0.0)}
    return cast(CaseEntry, {**entry, **({"judge": judge} if grades else {})})


def shares(n: int, judged: int, overlap: float, points: float, suites: int) -> str:
    """Count the verdicts of many suites."""
    rng = np.random.default_rng([8, n, judged, round(10 * overlap), round(10 * points) + 10])
    said = [verdict(n, judged, overlap, points, rng) for _ in range(suites)]
    counts = [said.count(name) for name in ("agree", "divergent", "conflict")]
    return " | ".join(share(count, suites) for count in (*counts, suites - sum(counts)))


def lines(suites: int) -> Iterator[str]:
    """Give the page's part on judges and tracks."""
    yield f"""
## Judges and tracks

A judge that likes the candidate by some points where nothing is better, and people who rate a random part of the cases:
share of {suites:,} suites in which it is found better, by the judge alone and corrected
(`judge.DIMENSION.corrected`, aimed at 2.5 %), coverage of the corrected 95 % interval, and its width against that of
the people alone.

| judged, rated | bias | judge alone | corrected | coverage | width |
|---|---|---|---|---|---|"""
    for n, rated in ((240, 20), (240, 60), (600, 20), (600, 60)):
        for bias in (0.0, 0.16, 0.31):
            yield _told(f"{n}, {rated}", bias, corrected(n, rated, bias, suites), suites)
    yield _told("600 in clusters of 10, 60", 0.31, corrected(600, 60, 0.31, suites, cluster=10), suites)
    yield f"""
Verdicts of the divergence in {suites // 2} suites: a true gain of word overlap in standard deviations of the change,
one of the judge in points. `agree` where one of them is zero is wrong (at most 3 % a side), and so is `divergent`
where both are (at most 5 %).

| cases, judged | overlap gains | judge gains | agree | divergent | conflict | nothing said |
|---|---|---|---|---|---|---|"""
    for n, judged in ((84, 20), (240, 60)):
        for overlap, points in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, -0.5)):
            yield f"| {n}, {judged} | {overlap:g} | {points:g} | {shares(n, judged, overlap, points, suites // 2)} |"


def _told(name: str, bias: float, found: tuple[float, float, float, float], suites: int) -> str:
    *rates, wide = found
    shown = " | ".join(rate(one, suites) for one in rates)
    return f"| {name} | {bias:g} | {shown} | {wide:.2f} |"
