"""Do the verdicts hold up? Simulated suites with a known truth, judged by the code that judges real ones.

    python benchmarks/validity.py                            # the table, 2,000 suites a row
    python benchmarks/validity.py --write docs/validity.md   # the same, as a page
    python benchmarks/validity.py --suites 200               # a quick look

A population of cases has rows of three metrics for two models: right/wrong (accuracy), counts of findings
(micro-F1) and a skewed score with zeros (ROUGE-like). The truth is the score of the whole population, so a
suite is a random sample of its cases, and what an interval ought to cover is known exactly.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

import edges
import judged
import looks
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

SIZES = (100, 300, 1000)
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
        new, old = (float(metric.score(rows[metric.counts].sum(axis=0))) for rows in roles)
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
    value_covers: float


def simulate(source: Population, n: int, suites: int, *, seed: int = 1) -> list[Row]:
    """Judge simulated suites of n cases: count how often gates pass and intervals cover.

    The gate is `better than baseline` where the truth is no difference, else `not worse than baseline by
    MARGIN` with the margin at the true loss: in both the truth lies on the condition, so every pass is wrong.
    A lone gate passes when its 95 % interval lies wholly on the right side.
    """
    rng = np.random.default_rng([seed, n])
    truths = {metric.name: source.truth(metric) for metric in METRICS}
    counted = {metric.name: np.zeros(3) for metric in METRICS}
    for suite in range(suites):
        new, old = source.sample(n, rng)
        clusters = source.clusters(n)
        seen = gather(METRICS, new, old, clusters=clusters, seed=suite, resamples=RESAMPLES, permute=False)
        for name, evidence in seen.items():
            value, difference = truths[name]
            low, high = difference_interval(evidence) or (np.nan, np.nan)
            value_low, value_high = value_interval(evidence) or (np.nan, np.nan)
            counted[name] += [low > difference, low <= difference <= high, value_low <= value <= value_high]
    return [Row(source.name, name, n, truths[name][1], *(sums / suites)) for name, sums in counted.items()]


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


def cluster_lines(suites: int) -> list[str]:
    """Give the table of clusters: ignored, declared, found."""
    lines = [
        "| cases | metric | correlation | aimed at | clusters ignored | declared | found |",
        "|---|---|---|---|---|---|---|",
    ]
    for source, metric in DEPENDENT:
        shares = " | ".join(f"{100 * share:.1f} %" for share in dependents(source, metric, suites).values())
        lines.append(f"| {source} | {metric} | {source.correlation:.2f} | 2.5 % | {shares} |")
        print(lines[-1], flush=True)
    source = Dependent(60, 10, 0.12)
    shares = " | ".join(f"{100 * share:.1f} %" for share in dependent_family(source, suites).values())
    lines.append(f"| two suites of {source} | any of four gates (Holm) | {source.correlation:.2f} | 5 % | {shares} |")
    print(lines[-1], flush=True)
    return lines


def populations() -> tuple[Population, ...]:
    """Make the populations of the table."""
    worse = population("worse by the margin", drop=0.25)
    dialogues = population("worse by the margin, dialogues of 4", drop=0.25, turns=TURNS)
    rare = population("2 % of replies collapse", collapse=0.02)
    return without_difference(worse), worse, without_difference(dialogues), dialogues, rare


def report(suites: int) -> list[str]:
    """Run everything and give the lines of the page."""
    started = time.perf_counter()
    sources = populations()
    lines = [
        "| population | metric | n | true difference | wrong passes | interval covers | value covered |",
        "|---|---|---|---|---|---|---|",
    ]
    for source in sources:
        for n in SIZES:
            for row in simulate(source, n, suites):
                lines.append(
                    f"| {row.population} | {row.metric} | {n} | {row.difference:+.4f} | "
                    f"{100 * row.passes:.1f} % | {100 * row.covers:.1f} % | {100 * row.value_covers:.1f} % |"
                )
                print(lines[-1], flush=True)
    lines += ["", "| six gates with the truth on their condition | any verdict |", "|---|---|"]
    for n in SIZES[:2]:
        lines.append(f"| n = {n} | {100 * family(sources[0], sources[1], n, suites):.1f} % |")
        print(lines[-1], flush=True)
    lines += ["", "| power at a drop of 0.05, n = 1,000 | gate | McNemar exact | unpaired z |", "|---|---|---|---|"]
    for changed in (0.15, 0.3):
        shares = [f"{100 * share:.1f} %" for share in power(changed=changed, suites=suites).values()]
        lines.append(f"| {100 * changed:.0f} % of cases right in one role only | {' | '.join(shares)} |")
        print(lines[-1], flush=True)
    lines += ["", "## Clusters", "", CLUSTERS, *cluster_lines(suites // 4)]
    for line in judged.lines(suites // 2):
        lines.append(line)
        print(line, flush=True)
    for line in edges.lines(suites // 4):
        lines.append(line)
        print(line, flush=True)
    for line in looks.lines(suites // 2):
        lines.append(line)
        print(line, flush=True)
    print(f"{time.perf_counter() - started:.0f} s")
    return lines


CLUSTERS = f"""Share of the suites that pass `better than baseline` though nothing is better among all clusters: a
quarter as many suites a row, {FEW_RESAMPLES} resamples; with 500 suites 2.5 % has a standard error of 0.7 points. An
interval by clusters speaks for clusters like these. Ignored: what the same rows say if nobody knows of the clusters.
Declared: `Suite(cluster=...)`. Found: nothing is declared, and a design effect surely above 1.2 widens the interval;
seeds are found by what they ask, without a tag.
"""

PAGE = """# Do the verdicts hold up?

Made by `python benchmarks/validity.py --suites {suites} --write docs/validity.md`: {suites} simulated suites
a row, {resamples} resamples an interval (a real run has 10,000), one core, seeded.

A suite is a random sample of a population whose true scores are known. Half of the replies are the same in
both models, the others share the difficulty of their case. In every row the truth lies exactly on the gate's
condition (`better than` with no difference; `not worse than ... by` the true loss), so every pass is wrong:
at most 5 % may be, and 2.5 % is what a 95 % interval aims at. Intervals should cover in 93 to 97 %; where 2 %
of the replies collapse they are wider on purpose, because what a small sample has not seen could be large.
With 2,000 suites a coverage of 95 % has a standard error of 0.5 points.

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
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    table = "\n".join(report(options.suites))
    text = PAGE.format(suites=options.suites, resamples=RESAMPLES, table=table)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
