"""Rows of docs/validity.md where little changes or little is known, printed by benchmarks/validity.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.types import FloatArray
from pytest_medeval.metrics.base import SHARE, Measure, mean
from pytest_medeval.stats.compare import of_evidence
from pytest_medeval.stats.evidence import gather
from pytest_medeval.stats.intervals import difference_interval
from pytest_medeval.verdicts.gates import SuiteData, judge, parse_gate

RESAMPLES = 400


def never(_case: object, _reply: object) -> list[float]:
    """Make no row of a reply: rows are drawn here."""
    raise NotImplementedError


ACCURACY = Measure(name="accuracy", counts="accuracy", signature="simulated", make=never, bounds=SHARE, fold=mean)
SCORE = replace(ACCURACY, name="score", counts="score")
ALPHA = 0.05


def scored(values: FloatArray | NDArray[np.bool_]) -> FloatArray:
    """Make rows of a mean from scores (n,)."""
    return np.column_stack([values, np.ones(len(values))]).astype(np.float64)


def events(rng: np.random.Generator, rate: float, correlation: float, codes: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Draw what happens at ``rate``, beta-binomial by cluster; ``codes`` (n,)."""
    rates = np.full(codes.max() + 1, rate)
    if correlation:
        total = 1 / correlation - 1
        rates = rng.beta(rate * total, (1 - rate) * total, len(rates))
    return np.asarray(rng.random(len(codes)) < rates[codes])


@dataclass(frozen=True)
class Rare:
    """Releases that are right less often than their reference on ``loss`` of the cases, which fall in clusters."""

    clusters: int
    size: float
    loss: float
    correlation: float

    def wrong(self, suites: int, *, seed: int = 6) -> tuple[float, float]:
        """Give the shares in which `not worse by` the true loss passes, and in which the interval covers."""
        rng = np.random.default_rng([seed, self.clusters, int(1000 * self.loss), int(100 * self.correlation)])
        counted = np.zeros(2)
        for suite in range(suites):
            sizes = 1 + rng.binomial(round(2 * self.size - 2), 0.5, self.clusters)
            codes = np.repeat(np.arange(self.clusters), sizes)
            lost, right = events(rng, self.loss, self.correlation, codes), events(rng, 0.9, 0.15, codes)
            rows = ({"accuracy": scored(right & ~lost)}, {"accuracy": scored(right | lost)})
            labels = [str(code) for code in codes]
            seen = gather([ACCURACY], *rows, clusters=labels, seed=suite, resamples=RESAMPLES, permute=False)
            low, high = difference_interval(seen["accuracy"]) or (np.nan, np.nan)
            counted += [low > -self.loss, low <= -self.loss <= high]
        return counted[0] / suites, counted[1] / suites


def rare_changes(suites: int) -> Iterator[str]:
    """Give the table of rare changes in clusters."""
    yield "| clusters of about | loss | correlation of the loss | wrong passes | interval covers |"
    yield "|---|---|---|---|---|"
    for clusters, size in ((60, 10.0), (53, 4.5)):
        for loss in (0.03, 0.05, 0.1):
            for correlation in (0.12, 0.32, 0.7):
                row = Rare(clusters, size, loss, correlation)
                told = " | ".join(f"{100 * share:.1f} %" for share in row.wrong(suites))
                yield f"| {clusters} of {size:g} | {loss:g} | {correlation:.2f} | {told} |"


def collapses(n: int, suites: int, *, seed: int = 7) -> tuple[float, float, float]:
    """Give how often ranks, the row's own test, and its interval find better what 5 % of collapsed replies make worse.

    All other replies gain a little; the mean falls by 0.01.
    """
    rng = np.random.default_rng([seed, n])
    counted = np.zeros(3)
    for suite in range(suites):
        gain = np.where(rng.random(n) < 0.05, -0.6, 0.4 / 19 + rng.normal(0, 0.05, n))
        rows = ({"score": scored(0.7 + gain)}, {"score": scored(np.full(n, 0.7))})
        (seen,) = gather([SCORE], *rows, seed=suite, resamples=RESAMPLES).values()
        told = of_evidence(seen)
        shown = [one is not None and one < ALPHA for one in (told.wilcoxon_p, told.p_value)]
        better = [(told.effect_size or 0) > 0, (told.difference or 0) > 0, told.ci95 is not None and told.ci95[0] > 0]
        counted += np.array([*shown, True]) & np.array(better)
    return counted[0] / suites, counted[1] / suites, counted[2] / suites


def mean_or_ranks(suites: int) -> Iterator[str]:
    """Give the table of a mean that few replies make worse."""
    yield "| n | Wilcoxon | the row's test | the row's interval |"
    yield "|---|---|---|---|"
    for n in (84, 240):
        yield f"| {n} | {' | '.join(f'{100 * share:.1f} %' for share in collapses(n, suites))} |"


MEAN = """5 % of the replies collapse, all others gain a little, and the mean falls by 0.01: share of 500 suites in
which the model is found better (two-sided 5 %). Ranks answer another question than the row's difference; they stand in
the record and decide nothing.
"""


def worst(truths: Sequence[float], size: int, floor: float, suites: int, *, seed: int = 8) -> FloatArray:
    """Give how often the worst of groups passes, is open, and fails."""
    rng = np.random.default_rng([seed, len(truths), size])
    rates = np.repeat(truths, size)
    tags = [{"group": str(at // size)} for at in range(len(rates))]
    gate = parse_gate(f"worst(accuracy by group) >= {floor}")
    counted = np.zeros(3)
    for _ in range(suites):
        rows = {"candidate": {"accuracy": scored(rng.random(len(rates)) < rates)}}
        ids = [f"{at:05}" for at in range(len(rates))]
        suite = SuiteData(name="suite", metrics={"accuracy": ACCURACY}, rows=rows, ids=ids, tags=tags)
        counted += [judge(gate, suite).verdict == one for one in ("pass", "inconclusive", "fail")]
    return counted / suites


def worst_of(suites: int) -> Iterator[str]:
    """Give the table of the worst of several groups."""
    yield "| groups | the worst's truth | the others' | gate | pass | inconclusive | fail |"
    yield "|---|---|---|---|---|---|---|"
    for groups, size, least, others, floor in (
        (10, 30, 0.8, 0.8, 0.7),
        (10, 30, 0.7, 0.8, 0.7),
        (5, 60, 0.8, 0.8, 0.75),
        (10, 30, 0.4, 0.8, 0.7),
        (3, 100, 0.5, 0.8, 0.7),
    ):
        told = " | ".join(
            f"{100 * share:.1f} %" for share in worst([least, *[others] * (groups - 1)], size, floor, suites)
        )
        yield f"| {groups} of {size} | {least:g} | {others:g} | `>= {floor:g}` | {told} |"


WORST = """The worst of several groups, `worst(accuracy by group) >= ...`: a fail is wrong where the worst group's truth
is on the threshold or above it (aimed at 2.5 %); the value alone failed ten groups that are all at 0.80 in 47 %.
"""

RARE = """A release loses a small part of the answers that its reference has right, in clusters; nothing else changes.
Share of 500 suites in which `accuracy not worse than reference by` the true loss passes (aimed at 2.5 %), and coverage.
Where nothing changes in 53 clusters of 240 cases the 95 % interval is about +-0.042: cases are taken for as many
independent ones as a correlation of the change of 0.5 leaves, or the bound of the answers' own where that is higher.
"""


def lines(suites: int) -> Iterator[str]:
    """Give the section of the page, line by line."""
    yield from ("", "## Where little changes", "", *RARE.splitlines(), "")
    yield from rare_changes(suites)
    yield from ("", *MEAN.splitlines(), "")
    yield from mean_or_ranks(suites)
    yield from ("", *WORST.splitlines(), "")
    yield from worst_of(suites)
