"""Rows of docs/validity.md where little changes or little is known, printed by benchmarks/validity.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.record import NoiseVariant
from pytest_medeval.core.types import FloatArray
from pytest_medeval.metrics.base import SHARE, Measure, mean
from pytest_medeval.metrics.choices.calibration import ChoiceDetails
from pytest_medeval.metrics.choices.choice import accuracy, macro_f1
from pytest_medeval.stats.compare import of_evidence
from pytest_medeval.stats.evidence import gather
from pytest_medeval.stats.intervals import difference_interval
from pytest_medeval.tasks.mcq import MCQ
from pytest_medeval.verdicts.chance import chance
from pytest_medeval.verdicts.gates.data import SuiteData
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import judge, judge_all
from pytest_medeval.verdicts.noise import changes, floors
from rates import rate

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
                told = " | ".join(rate(one, suites) for one in row.wrong(suites))
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
        yield f"| {n} | {' | '.join(rate(one, suites) for one in collapses(n, suites))} |"


MEAN = """5 % of the replies collapse, all others gain a little, and the mean falls by 0.01: share of the suites in
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
        told = " | ".join(rate(one, suites) for one in worst([least, *[others] * (groups - 1)], size, floor, suites))
        yield f"| {groups} of {size} | {least:g} | {others:g} | `>= {floor:g}` | {told} |"


WORST = """The worst of several groups, `worst(accuracy by group) >= ...`: a fail is wrong where the worst group's truth
is on the threshold or above it (aimed at 2.5 %); the value alone failed ten groups that are all at 0.80 in 47 %.
"""

CLASSES = np.array([0.55, 0.35, 0.07, 0.03])


def answers(rng: np.random.Generator, n: int, loss: float) -> list[FloatArray]:
    """Draw questions of four classes, two of them rare, and what two models answer: rows of each."""
    gold = rng.choice(4, n, p=CLASSES)
    ease = rng.normal(size=n)
    rows = []
    for own in (loss, 0.0):
        knows = 0.8 * ease + 0.6 * rng.normal(size=n) > own - 0.8
        said = np.where(knows, gold, rng.choice(4, n, p=CLASSES))
        rows.append(np.column_stack([gold, said, np.full((n, 2), -1.0)]).astype(np.float64))
    return rows


def classes(n: int, suites: int, *, loss: float = 0.35, seed: int = 9) -> tuple[float, float]:
    """Give how often macro-F1 passes `not worse by` the true loss, and how often a class is too rare to say."""
    rng = np.random.default_rng([seed, n])
    macro = macro_f1(MCQ())
    whole = [float(macro.score(macro.expand(rows).sum(axis=0))) for rows in answers(rng, 400_000, loss)]
    gate = parse_gate(f"macro_f1 not worse than baseline by {whole[1] - whole[0]!r}")
    counted = np.zeros(2)
    for seeded in range(suites):
        new, old = answers(rng, n, loss)
        rows = {"candidate": {"mcq": new}, "baseline": {"mcq": old}}
        ids = [f"{at:05}" for at in range(n)]
        suite = SuiteData(name="suite", metrics={"macro_f1": macro}, rows=rows, ids=ids)
        (found,) = judge_all([(gate, suite)], seed=seeded, resamples=RESAMPLES)
        counted += [found.verdict == "pass", found.reason.startswith("too few")]
    return counted[0] / suites, counted[1] / suites


def rare_classes(suites: int) -> Iterator[str]:
    """Give the table of macro-F1."""
    yield "| n | wrong passes | too few of a class |"
    yield "|---|---|---|"
    for n in (50, 240, 600):
        yield f"| {n} | {' | '.join(rate(one, suites) for one in classes(n, suites))} |"


def barred(flips: float, drift: float, suites: int, *, sentinels: int = 32, seed: int = 10) -> tuple[float, float]:
    """Give how often a margin of 0.02 is below the noise floor of three variants, and below the largest change."""
    rng = np.random.default_rng([seed, round(1000 * flips), round(1000 * drift)])
    counted = np.zeros(2)
    for _ in range(suites):
        right = rng.random(sentinels) < 0.8
        before = [{"accuracy": [float(one), 1.0]} for one in right]
        variants: list[NoiseVariant] = []
        for _ in range(3):
            after = np.where(rng.random(sentinels) < flips, ~right, right) & (rng.random(sentinels) >= drift)
            moved = changes([ACCURACY], before, [{"accuracy": [float(one), 1.0]} for one in after])
            variants.append({"name": "", "changes": moved["changes"], "intervals": moved["intervals"]})
        floor = floors({"n": sentinels, "cases": [], "variants": variants})["accuracy"]
        counted += [floor > 0.02, max(one["changes"]["accuracy"] for one in variants) > 0.02]
    return counted[0] / suites, counted[1] / suites


def noise(suites: int) -> Iterator[str]:
    """Give the table of the noise floor."""
    yield "| replies that flip either way | right ones lost | barred | by the largest change |"
    yield "|---|---|---|---|"
    for flips, drift in ((0.01, 0.0), (0.03, 0.0), (0.0, 0.2)):
        told = " | ".join(rate(one, suites) for one in barred(flips, drift, suites))
        yield f"| {100 * flips:g} % | {100 * drift:g} % | {told} |"


FEW = """Macro-F1 over four classes, of 55, 35, 7 and 3 %: share in which `not worse by` the true loss passes (aimed at
2.5 %, at most 4 %), and in which the gate is left open because a class has fewer than 10 cases.
"""
NOISE = """A margin of 0.02 and 32 sentinel cases, computed in three other ways: share in which it is refused for being
below the noise floor, a drift that is shown, and for being below the largest change (as before).
"""


def habits(knows: float, suites: int, *, n: int = 300, seed: int = 11) -> tuple[float, float, float]:
    """Give how often a value has a remark, `better than baseline` passes, and passes without a remark.

    A is right in 33 % of the questions. The candidate knows a share of them, and says A in 81 % of all others, else B;
    the baseline says every letter as often.
    """
    rng = np.random.default_rng([seed, round(100 * knows)])
    metric, details = accuracy(MCQ()), ChoiceDetails()
    gate = parse_gate("accuracy better than baseline")
    counted = np.zeros(3)
    for seeded in range(suites):
        gold = rng.choice(4, n, p=[0.33, 0.25, 0.22, 0.2])
        guess = np.where(rng.random(n) < 0.81, 0, 1)
        replies = {"candidate": np.where(rng.random(n) < knows, gold, guess), "baseline": rng.integers(0, 4, n)}
        rows = {
            role: {"mcq": np.column_stack([gold, said, np.full((n, 2), -1.0)]).astype(np.float64)}
            for role, said in replies.items()
        }
        ids = [f"{at:05}" for at in range(n)]
        suite = SuiteData(name="suite", metrics={"accuracy": metric}, rows=rows, ids=ids)
        told = chance(suite, metric, details.heedless(rows["candidate"]), details.heedless(rows["baseline"]), seeded)
        (judged,) = judge_all([(gate, suite)], seed=seeded, resamples=RESAMPLES)
        assert told is not None
        passed = judged.verdict == "pass"
        above = [ends is not None and ends[0] > 0 for ends in (told[one]["ci95"] for one in ("constant", "prior"))]
        gain = told["gain"]["ci95"]
        counted += [not all(above), passed, passed and gain is not None and gain[0] > 0]
    return counted[0] / suites, counted[1] / suites, counted[2] / suites


def habit(suites: int) -> Iterator[str]:
    """Give the table of models that answer by habit."""
    yield "| questions that it knows | value remarked | `better than baseline` passes | passes without a remark |"
    yield "|---|---|---|---|"
    for knows in (0.0, 0.3):
        told = " | ".join(rate(one, suites) for one in habits(knows, suites))
        yield f"| {100 * knows:g} % | {told} |"


HABIT = """A model that says A in 81 % of the questions that it does not know, 300 questions of which A is right in
33 %, against a baseline that says every letter as often; a fifth as many suites a row. A value is remarked upon where
it is not shown to be above always A and above the model's own letters at random, a gain where it is not shown to be
more than habit's.
"""

RARE = """A release loses a small part of the answers that its reference has right, in clusters; nothing else changes.
Share of the suites in which `accuracy not worse than reference by` the true loss passes (aimed at 2.5 %), and coverage.
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
    yield from ("", *FEW.splitlines(), "")
    yield from rare_classes(suites)
    yield from ("", *NOISE.splitlines(), "")
    yield from noise(suites)
    yield from ("", *HABIT.splitlines(), "")
    yield from habit(suites // 5)
