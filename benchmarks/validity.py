"""Do the verdicts hold up? Simulated suites with a known truth, judged by the code that judges real ones.

    python benchmarks/validity.py                            # the table, 2,000 suites a row
    python benchmarks/validity.py --write docs/validity.md   # the same, as a page
    python benchmarks/validity.py --quick                    # every row of 150 suites or fewer, in three minutes
    python benchmarks/validity.py --only clusters            # one part of it

A population of cases has rows of three metrics for two models: right/wrong (accuracy), counts of findings
(micro-F1) and a skewed score with zeros (ROUGE-like). The truth is the score of the whole population, so a
suite is a random sample of its cases, and what an interval ought to cover is known exactly.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

import edges
import judged
import looks
import scores
from pytest_medeval.core.record import CaseEntry
from pytest_medeval.core.types import FloatArray, Metric
from pytest_medeval.metrics.base import SHARE, Measure, mean, ratio
from pytest_medeval.stats.bootstrap import NORMAL
from pytest_medeval.stats.evidence import gather
from pytest_medeval.stats.intervals import difference_interval, value_interval
from pytest_medeval.stats.paired import mcnemar
from pytest_medeval.stats.proportions import tango_limits
from pytest_medeval.verdicts.clusters import Declared, clustered
from pytest_medeval.verdicts.gates.data import SuiteData
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import judge_all
from rates import rate

SIZES = (100, 300, 1000)
SMALL = (5, 10, 20, 50)
QUICK = 150
RESAMPLES = 1000
"""Fewer than the 10,000 of a real run: it makes the intervals a little less exact, never more."""
FEW_RESAMPLES = 400
"""Of clusters, where the interval is wide enough not to hang on them."""
CASES = 100_000
TURNS = 4


def never(_case: object, _reply: object) -> list[float]:
    """Make no row of a reply: rows are drawn here."""
    raise NotImplementedError


def micro_f1(total: FloatArray) -> FloatArray:
    """Give 2 TP / (2 TP + FP + FN) of sums of true positives, false positives, false negatives."""
    return ratio(2 * total[..., 0], 2 * total[..., 0] + total[..., 1] + total[..., 2])


SIMULATED = partial(Measure, signature="simulated", make=never, bounds=SHARE)
METRICS: tuple[Metric, ...] = (
    SIMULATED(name="accuracy", counts="accuracy", fold=mean),
    SIMULATED(name="micro_f1", counts="micro_f1", fold=micro_f1, per_case=False),
    SIMULATED(name="rouge_like", counts="rouge_like", fold=mean),
)


@dataclass(frozen=True)
class Population:
    """All cases that could be asked, with both models' rows; ``turns`` cases in a row are a dialogue."""

    name: str
    candidate: Mapping[str, FloatArray]
    baseline: Mapping[str, FloatArray]
    turns: int = 1

    def truth(self, metric: Metric) -> tuple[float, float]:
        """Give the candidate's value and the difference in the population."""
        roles = (self.candidate, self.baseline)
        new, old = (float(metric.score(metric.expand(rows[metric.counts]).sum(axis=0))) for rows in roles)
        return new, new - old

    def sample(self, n: int, rng: np.random.Generator) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        """Draw a suite of n cases, whole dialogues at a time: rows of the candidate, rows of the baseline."""
        total = len(next(iter(self.candidate.values()))) // self.turns
        first = rng.integers(0, total, n // self.turns) * self.turns
        where = (first[:, None] + np.arange(self.turns)).ravel()
        new = {name: array[where] for name, array in self.candidate.items()}
        return new, {name: array[where] for name, array in self.baseline.items()}

    def clusters(self, n: int) -> list[str] | None:
        """Name the dialogue of each case of a suite."""
        return None if self.turns == 1 else [str(i // self.turns) for i in range(n)]


def rows_of(quality: FloatArray, findings: FloatArray, luck: FloatArray) -> dict[str, FloatArray]:
    """Make the rows of the three metrics: replies of equal quality and luck have equal rows."""
    right = quality > -0.7
    share = 1 / (1 + np.exp(-(1.2 + 1.2 * quality)))
    true_positives = np.floor(findings * share + luck[:, 0])
    true_positives = np.clip(true_positives, 0, findings)
    false_positives = np.floor(2.0 * (1 - share) * luck[:, 1] + 0.5)
    rouge = np.where(luck[:, 2] < 0.03, 0.0, 1 / (1 + np.exp(-(-1.4 + 0.9 * quality))))
    one = np.ones(len(quality))
    return {
        "accuracy": np.column_stack([right, one]).astype(float),
        "micro_f1": np.column_stack([true_positives, false_positives, findings - true_positives]),
        "rouge_like": np.column_stack([rouge, one]),
    }


def population(name: str, *, drop: float = 0.0, collapse: float = 0.0, turns: int = 1, seed: int = 7) -> Population:
    """Draw a population: half the replies are the same in both models, the others share a difficulty.

    ``drop``: how much worse the candidate's other replies are, in standard deviations of quality;
    ``collapse``: share of cases on which the candidate alone breaks down, all other replies being the same;
    ``turns``: cases of one dialogue, whose difficulty and whose changes go together.
    """
    rng = np.random.default_rng(seed)
    dialogues = CASES // turns

    def shared(weight: float) -> FloatArray:
        common = np.repeat(rng.normal(size=dialogues), turns)
        drawn: FloatArray = weight * common + (1 - weight**2) ** 0.5 * rng.normal(size=CASES)
        return drawn

    within = 0.7 if turns > 1 else 0.0
    difficulty, old_noise, new_noise = shared(within), shared(within), shared(within)
    findings: FloatArray = 1.0 + rng.poisson(3.0, CASES).astype(np.float64)
    luck = rng.random((2, CASES, 3))
    same = np.repeat(rng.random(dialogues) < 0.5, turns) if not collapse else np.ones(CASES, dtype=bool)
    old = 0.8 * difficulty + 0.6 * old_noise
    new = np.where(same, old, 0.8 * difficulty + 0.6 * new_noise - drop)
    new_luck = np.where(same[:, None], luck[0], luck[1])
    broken = rng.random(CASES) < collapse
    new = np.where(broken, -6.0, new)
    return Population(name, rows_of(new, findings, new_luck), rows_of(old, findings, luck[0]), turns)


def without_difference(source: Population) -> Population:
    """Put every case in twice, once with the roles swapped: the true difference is exactly 0."""
    both = [
        {name: np.concatenate([one[name], other[name]]) for name in one}
        for one, other in ((source.candidate, source.baseline), (source.baseline, source.candidate))
    ]
    return Population(f"no difference{', dialogues' if source.turns > 1 else ''}", both[0], both[1], source.turns)


@dataclass(frozen=True)
class Row:
    """Shares of the simulated suites, for one population, metric and size."""

    population: str
    metric: str
    n: int
    difference: float
    passes: float
    """The lone gate whose condition is missed by nothing at all passes: at most 0.05 may."""
    covers: float
    """The 95 % interval of the difference covers the truth."""
    value_passes: float
    """The gate on the unfavourable end of the value, with the truth as its threshold, passes."""
    value_covers: float

    def told(self, suites: int) -> str:
        """Give the line of the page."""
        shares = (self.passes, self.covers, self.value_passes, self.value_covers)
        return (
            f"| {self.population} | {self.metric} | {self.n} | {round(self.difference, 4) + 0.0:+.4f} | "
            f"{' | '.join(rate(one, suites) for one in shares)} |"
        )


def simulate(
    source: Population, n: int, suites: int, *, metrics: Sequence[Metric] = METRICS, seed: int = 1
) -> list[Row]:
    """Judge simulated suites of n cases: count how often gates pass and intervals cover.

    The gate is `better than baseline` where the truth is no difference, else `not worse than baseline by
    MARGIN` with the margin at the true loss: in both the truth lies on the condition, so every pass is wrong.
    A lone gate passes when its 95 % interval lies wholly on the right side.
    """
    rng = np.random.default_rng([seed, n])
    truths = {metric.name: source.truth(metric) for metric in metrics}
    counted = {metric.name: np.zeros(4) for metric in metrics}
    for suite in range(suites):
        new, old = source.sample(n, rng)
        clusters = source.clusters(n)
        seen = gather(metrics, new, old, clusters=clusters, seed=suite, resamples=RESAMPLES, permute=False)
        for name, evidence in seen.items():
            ends = (difference_interval(evidence), value_interval(evidence))
            sides = zip(ends, truths[name][::-1], strict=True)
            counted[name] += [
                told for found, truth in sides for told in _held(found or NOWHERE, truth, evidence.metric.direction)
            ]
    return [Row(source.name, name, n, truths[name][1], *(sums / suites)) for name, sums in counted.items()]


NOWHERE = (np.nan, np.nan)


def _held(ends: tuple[float, float], truth: float, better: int) -> tuple[bool, bool]:
    """Say whether an interval lies wholly on the better side of the truth, and whether it holds it."""
    return (ends[0] > truth if better > 0 else ends[1] < truth), ends[0] <= truth <= ends[1]


def family(null: Population, worse: Population, n: int, suites: int, *, seed: int = 2) -> float:
    """Count the runs in which any of six gates, the truth on each one's condition, comes to a verdict.

    Three `better than baseline` on a suite without a difference, three `not worse than baseline` with the
    margin at the true loss on a worse suite; both `pass` and `fail` are wrong.
    """
    rng = np.random.default_rng([seed, n])
    metrics = {metric.name: metric for metric in METRICS}
    gates = [(parse_gate(f"{name} better than baseline"), "null") for name in metrics]
    for name, metric in metrics.items():
        gates.append((parse_gate(f"{name} not worse than baseline by {-worse.truth(metric)[1]!r}"), "worse"))
    wrong = 0
    for suite in range(suites):
        data = {}
        for name, source in (("null", null), ("worse", worse)):
            new, old = source.sample(n, rng)
            ids = [f"{i:05}" for i in range(n)]
            data[name] = SuiteData(name=name, metrics=metrics, rows={"candidate": new, "baseline": old}, ids=ids)
        asked = [(gate, data[name]) for gate, name in gates]
        results = judge_all(asked, all_must_pass=False, seed=suite, resamples=RESAMPLES)
        wrong += any(result.verdict != "inconclusive" for result in results)
    return wrong / suites


def power(
    drop: float = 0.05, n: int = 1000, suites: int = 2000, *, changed: float = 0.15, seed: int = 3
) -> dict[str, float]:
    """Power to see a true drop in accuracy: the gate against McNemar's test and the unpaired z test.

    ``changed``: share of cases that are right in one role only; replies to the other cases agree. Accuracy of
    the baseline 0.75. The gate is `accuracy not worse than baseline by 0`, and seeing the drop is `fail`.
    """
    rng = np.random.default_rng(seed)
    shares = [0.75 - (changed + drop) / 2, (changed - drop) / 2, (changed + drop) / 2]
    both, wins, losses, _ = rng.multinomial(n, [*shares, 1 - sum(shares)], suites).T.astype(float)
    upper = tango_limits(wins, losses, np.full(suites, float(n)), np.full(suites, -NORMAL.inv_cdf(0.975)))
    pairs = zip(wins.tolist(), losses.tolist(), strict=True)
    exact = [loss > win and (mcnemar(int(win), int(loss)).p_value or 0) <= 0.05 for win, loss in pairs]
    pooled = (2 * both + wins + losses) / (2 * n)
    unpaired = (losses - wins) / n > NORMAL.inv_cdf(0.975) * np.sqrt(2 * pooled * (1 - pooled) / n)
    return {
        "gate": float(np.mean(upper < 0)),
        "McNemar exact": float(np.mean(exact)),
        "unpaired z": float(np.mean(unpaired)),
    }


@dataclass(frozen=True)
class Dependent:
    """Suites of which cases of one cluster change alike, with no difference in the population of clusters."""

    clusters: int
    size: int
    correlation: float
    """Intra-cluster correlation of the difference, exact in the population."""
    uneven: bool = False
    """Sizes are geometric with mean ``size``."""
    content: bool = False
    """What a cluster shares is its question, asked once a seed, and no tag says so."""

    def __str__(self) -> str:
        what = f"{self.size} seeds" if self.content else f"{'about ' if self.uneven else ''}{self.size}"
        return f"{self.clusters} {'cases' if self.content else 'clusters'} of {what}"

    def suite(self, rng: np.random.Generator, name: str = "suite") -> tuple[SuiteData, list[CaseEntry]]:
        """Draw a suite, its clusters undeclared, with a mean and a right/wrong metric; and its cases."""
        sizes = rng.geometric(1 / self.size, self.clusters) if self.uneven else np.full(self.clusters, self.size)
        codes = np.repeat(np.arange(self.clusters), sizes)
        n, share = len(codes), self.correlation**0.5
        change = share * rng.normal(size=self.clusters)[codes] + (1 - share**2) ** 0.5 * rng.normal(size=n)
        own, common = (rng.choice([-1, 0, 0, 0, 1], size) for size in (n, self.clusters))
        turned = np.where(rng.random(n) < share, common[codes], own)
        both = rng.random(n) < 0.6
        rows = {
            role: {
                "rouge_like": np.column_stack([0.5 + side * change / 20, np.ones(n)]),
                "accuracy": np.column_stack([np.where(turned == 0, both, side * turned > 0), np.ones(n)]),
            }
            for role, side in (("candidate", 1), ("baseline", -1))
        }
        ids = [f"{i:05}" for i in range(n)]
        labels = [str(code) for code in codes]
        tags: list[dict[str, str]] = [{}] * n if self.content else [{"disease": label} for label in labels]
        contents = labels if self.content else ids
        facts = zip(ids, tags, contents, strict=True)
        cases = cast(list[CaseEntry], [{"id": one, "tags": own, "content": what} for one, own, what in facts])
        metrics = {metric.name: metric for metric in METRICS if metric.name in rows["candidate"]}
        return SuiteData(name=name, metrics=metrics, rows=rows, ids=ids, tags=tags), cases


def ways(data: SuiteData, cases: Sequence[CaseEntry], metric: str) -> dict[str, SuiteData]:
    """Give a suite as its clusters are ignored, declared, or found."""
    by = {case["id"]: case["tags"].get("disease", case["content"]) for case in cases}
    gates = [parse_gate(f"{metric} better than baseline")]
    return {
        "ignored": data,
        "declared": clustered(data, cases, Declared(name="disease", reason="", labels=by), gates, metric).data,
        "found": clustered(data, cases, None, gates, metric).data,
    }


def dependents(source: Dependent, metric: str, suites: int, *, seed: int = 4) -> dict[str, float]:
    """Count how often `better than baseline` passes though nothing is better, in each way."""
    rng = np.random.default_rng([seed, source.clusters, source.size, int(100 * source.correlation)])
    gate = parse_gate(f"{metric} better than baseline")
    passed = dict.fromkeys(("ignored", "declared", "found"), 0)
    for suite in range(suites):
        for way, data in ways(*source.suite(rng), metric).items():
            passed[way] += judge_all([(gate, data)], seed=suite, resamples=FEW_RESAMPLES)[0].verdict == "pass"
    return {way: count / suites for way, count in passed.items()}


def dependent_family(source: Dependent, suites: int, *, seed: int = 5) -> dict[str, float]:
    """Count the runs in which any of four gates passes falsely: two metrics on each of two suites, Holm."""
    rng = np.random.default_rng([seed, source.clusters])
    names = ("rouge_like", "accuracy")
    passed = dict.fromkeys(("ignored", "declared", "found"), 0)
    for suite in range(suites):
        drawn = [ways(*source.suite(rng, name), "rouge_like") for name in ("first", "second")]
        for way in passed:
            gates = [(parse_gate(f"{name} better than baseline"), one[way]) for one in drawn for name in names]
            results = judge_all(gates, all_must_pass=False, seed=suite, resamples=FEW_RESAMPLES)
            passed[way] += any(result.verdict == "pass" for result in results)
    return {way: count / suites for way, count in passed.items()}


DEPENDENT = (
    (Dependent(60, 10, 0.0), "rouge_like"),
    (Dependent(60, 10, 0.12), "rouge_like"),
    (Dependent(60, 10, 0.32), "rouge_like"),
    (Dependent(60, 10, 0.70), "rouge_like"),
    (Dependent(60, 10, 0.32), "accuracy"),
    (Dependent(60, 4, 0.70, content=True), "accuracy"),
    (Dependent(12, 20, 0.32), "rouge_like"),
    (Dependent(12, 20, 0.32, uneven=True), "rouge_like"),
    (Dependent(8, 30, 0.32, uneven=True), "rouge_like"),
    (Dependent(8, 30, 0.32), "accuracy"),
    (Dependent(6, 40, 0.70), "rouge_like"),
)


def cluster_lines(suites: int) -> Iterator[str]:
    """Give the table of clusters: ignored, declared, found."""
    yield from ("", "## Clusters", "", *CLUSTERS.splitlines(), "")
    yield "| cases | metric | correlation | aimed at | clusters ignored | declared | found |"
    yield "|---|---|---|---|---|---|---|"
    for source, metric in DEPENDENT:
        told = " | ".join(rate(one, suites) for one in dependents(source, metric, suites).values())
        yield f"| {source} | {metric} | {source.correlation:.2f} | 2.5 % | {told} |"
    source = Dependent(60, 10, 0.12)
    told = " | ".join(rate(one, suites) for one in dependent_family(source, suites).values())
    yield f"| two suites of {source} | any of four gates (Holm) | {source.correlation:.2f} | 5 % | {told} |"


HEAD = (
    "| population | metric | n | true difference | wrong passes | interval covers | value passes | value covered |",
    "|---|---|---|---|---|---|---|---|",
)


def single_lines(suites: int) -> Iterator[str]:
    """Give the tables of single gates, of six together, and of power."""
    sources = populations()
    yield from HEAD
    for source in sources:
        for n in SIZES:
            yield from (row.told(suites) for row in simulate(source, n, suites))
    yield from ("", "| six gates with the truth on their condition | any verdict |", "|---|---|")
    for n in SIZES[:2]:
        yield f"| n = {n} | {rate(family(sources[0], sources[1], n, suites), suites)} |"
    yield from ("", "| power at a drop of 0.05, n = 1,000 | gate | McNemar exact | unpaired z |", "|---|---|---|---|")
    for changed in (0.15, 0.3):
        told = " | ".join(rate(one, suites) for one in power(changed=changed, suites=suites).values())
        yield f"| {100 * changed:.0f} % of cases right in one role only | {told} |"


def small_lines(suites: int) -> Iterator[str]:
    """Give the table of few cases."""
    yield from ("", "## Few cases", "", *FEW.splitlines(), "", *HEAD)
    for source in populations()[:2]:
        for n in SMALL:
            yield from (row.told(suites) for row in simulate(source, n, suites))


def score_lines(suites: int) -> Iterator[str]:
    """Give the table of other metrics."""
    yield from ("", "## Other metrics", "", *OTHERS.splitlines(), "", *HEAD)
    for kind, metrics in scores.KINDS:
        worse = Population("worse by the margin", *scores.rows(kind, CASES, 0.25))
        for source in (without_difference(worse), worse):
            for n in (20, 50, 240):
                yield from (row.told(suites) for row in simulate(source, n, suites, metrics=metrics))
    yield from ("", *CALIBRATED.splitlines(), "", "| n | mean ece | gate refused |", "|---|---|---|")
    for n in (50, 240):
        yield scores.calibration(n, suites)


def populations() -> tuple[Population, ...]:
    """Make the populations of the table."""
    worse = population("worse by the margin", drop=0.25)
    dialogues = population("worse by the margin, dialogues of 4", drop=0.25, turns=TURNS)
    rare = population("2 % of replies collapse", collapse=0.02)
    return without_difference(worse), worse, without_difference(dialogues), dialogues, rare


Lines: TypeAlias = Callable[[int], Iterator[str]]
PARTS: dict[str, tuple[Lines, int]] = {
    "single": (single_lines, 1), "few": (small_lines, 2), "others": (score_lines, 4), "clusters": (cluster_lines, 4),
    "judged": (judged.lines, 2), "edges": (edges.lines, 4), "looks": (looks.lines, 2),
}  # fmt: skip
"""Parts of the page in order: what gives its lines, and by how much fewer suites a row it has."""


def report(suites: int, only: str | None = None) -> list[str]:
    """Run everything, or one part, print the lines of the page as they come, and give them."""
    started = time.perf_counter()
    asked = [PARTS[only]] if only else PARTS.values()
    lines = []
    for line in chain.from_iterable(part(suites // fewer) for part, fewer in asked):
        lines.extend(line.splitlines() or [""])
        print(line, flush=True)
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)
    return lines


FEW = """The gates of single suites where n is small. Comparisons of fewer than 20 cases are inconclusive whatever their
interval says, which stands here; `value passes`: `METRIC.low >=` the truth, which is judged at any n. Half as many
suites.
"""
OTHERS = """Scores that are no share of right answers: the Brier score and the area under the risk-coverage curve of
choices (lower is better, `value passes` is `METRIC.high <=`), BLEU of all replies together, and a judge's grades from
1 to 5 where it has no bias between the two models. A quarter as many suites.
"""
CALIBRATED = """The expected calibration error of a calibrated model is not 0, and no interval holds what it is in
truth: it is shown, and a gate on it refused (`brier` is the one to ask for).
"""
CLUSTERS = f"""Share of the suites that pass `better than baseline` though nothing is better among all clusters: a
quarter as many suites a row, {FEW_RESAMPLES} resamples. An interval by clusters speaks for clusters like these.
Ignored: what the same rows say if nobody knows of the clusters. Declared: `Suite(cluster=...)`. Found: nothing is
declared, and a design effect surely above 1.2 widens the interval; seeds are found by what they ask, without a tag.
"""

PAGE = """# Do the verdicts hold up?

Made by `python benchmarks/validity.py --suites {suites} --write docs/validity.md`: {suites} simulated suites
a row, {resamples} resamples an interval (a real run has 10,000), one core, seeded.

A suite is a random sample of a population whose true scores are known. Half of the replies are the same in
both models, the others share the difficulty of their case. In every row the truth lies exactly on the gate's
condition (`better than` with no difference; `not worse than ... by` the true loss; `value passes`: `METRIC.low >=` the
true value), so every pass is wrong: at most 5 % may be, and 2.5 % is what a 95 % interval aims at. Intervals should
cover in 93 to 97 %; where 2 % of the replies collapse they are wider on purpose, because what a small sample has not
seen could be large. Behind every share stands its Monte Carlo error (one standard error).

Dialogues: four turns share difficulty and change together, and are resampled together; 100 turns are 25
dialogues. The six gates are corrected together by Holm's procedure, as where each pass is
a claim of its own; both verdicts, pass and fail, would be wrong. Power: share of suites in which the drop is seen at
5 %, two-sided; the unpaired test is shown for scale.

{table}
"""


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suites", type=int, default=2000)
    parser.add_argument("--quick", action="store_const", dest="suites", const=QUICK, help=f"--suites {QUICK}")
    parser.add_argument("--only", choices=list(PARTS), help="one part, which no page is written of")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.only and options.write:
        parser.error("--write takes the whole page; accepted: without --only")
    table = "\n".join(report(options.suites, options.only))
    text = PAGE.format(suites=options.suites, resamples=RESAMPLES, table=table)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
