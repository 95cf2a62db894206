"""Does a model know more than its habits? Its answers against the best constant one, and against its own at random.

A model that always says A is right as often as A is. Always one answer, and a model's answers drawn by how often it
gives each, whatever is asked, are answers that heed no question: what is not shown to be above both shows no knowledge,
and a gain over the baseline that such answers have too is one of habit. The best constant answer is chosen on the same
cases, which is in its favour. Same tests and clusters as any paired difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from pytest_medeval.core.record import ChanceRecord, HeedlessAnswer, MetricRow
from pytest_medeval.core.types import FloatArray, Metric
from pytest_medeval.metrics.base import Measure, mean, mean_of
from pytest_medeval.metrics.details import Heedless
from pytest_medeval.stats.bootstrap import quiet
from pytest_medeval.stats.compare import compare_all
from pytest_medeval.verdicts.gates.data import FEWEST, GateResult, SuiteData
from pytest_medeval.verdicts.gates.grammar import Better, Gate, Threshold

_KNOWN = "known"


def chance(
    data: SuiteData, metric: Metric, candidate: Sequence[Heedless], baseline: Sequence[Heedless], seed: int
) -> ChanceRecord | None:
    """Compare the candidate with answers that heed no question; None for parts of suites, few cases, and other tasks.

    ``candidate``, ``baseline``: each answer with the share of it that the role gave, and the rows that it would have.
    """
    if not candidate or not data.complete or len(data.ids) < FEWEST:
        return None
    new = _scores(metric, data.rows["candidate"][metric.counts])
    fixed = [_scores(metric, one.rows) for one in candidate]
    best = int(np.argmax([float(np.nanmean(one)) for one in fixed]))
    against = partial(_against, data=data, seed=seed)
    prior = _drawn(candidate, fixed)
    found: ChanceRecord = {
        "constant": against(new, fixed[best], f"always {candidate[best].answer}"),
        "prior": against(new, prior, f"its own answers at random ({_shares(candidate)})"),
    }
    if baseline:
        old = _scores(metric, data.rows["baseline"][metric.counts])
        olds = _drawn(baseline, [_scores(metric, one.rows) for one in baseline])
        beyond = "the baseline's, each beyond its own answers at random"
        gain = against(1 + new - prior, 1 + old - olds, beyond)  # a row below 0 is no score
        found["gain"] = {**gain, "score": None if gain["score"] is None else gain["score"] - 1}
    return found


def _scores(metric: Metric, rows: FloatArray) -> FloatArray:
    return quiet(metric.score, np.asarray(metric.expand(rows), dtype=np.float64))


def _drawn(answers: Sequence[Heedless], scores: Sequence[FloatArray]) -> FloatArray:
    """Give the expected score (n,) of answers drawn by how often each was given."""
    found: FloatArray = np.sum([one.share * own for one, own in zip(answers, scores, strict=True)], axis=0)
    return found


def _shares(answers: Sequence[Heedless]) -> str:
    return ", ".join(f"{one.answer} {100 * one.share:.0f} %" for one in answers if one.share)


def _no_row(case: object, reply: object) -> Sequence[float]:
    raise NotImplementedError("what heedless answers score comes as rows")


def _against(own: FloatArray, other: FloatArray, answer: str, *, data: SuiteData, seed: int) -> HeedlessAnswer:
    measure = Measure(
        name=_KNOWN, counts=_KNOWN, signature=_KNOWN, make=_no_row, fold=mean, spread=mean_of(0), bounds=(0.0, 2.0)
    )
    rows = ({_KNOWN: own[:, None]}, {_KNOWN: other[:, None]})
    found = compare_all([measure], *rows, clusters=data.clusters or None, wider=data.found, seed=seed)[_KNOWN]
    return {
        "answer": answer,
        "score": found.baseline,
        "difference": found.difference,
        "ci95": None if found.ci95 is None else list(found.ci95),
        "p_value": found.p_value,
    }


def _above(one: HeedlessAnswer) -> bool:
    return one["ci95"] is not None and one["ci95"][0] > 0


def _interval(one: HeedlessAnswer) -> str:
    difference, ends, p_value = one["difference"], one["ci95"], one["p_value"]
    if difference is None or ends is None or p_value is None:
        return "no interval"
    return f"{difference:+.4f}, 95 % interval {ends[0]:+.4f} to {ends[1]:+.4f}, p {p_value:.4f}"


def above_nothing(found: ChanceRecord, name: str, row: MetricRow) -> str:
    """Say above which answer that heeds no question a value is not shown to be; empty where it is above both."""
    worse = max((found["constant"], found["prior"]), key=lambda one: -1.0 if _above(one) else one["score"] or 0.0)
    if _above(worse) or row["candidate"] is None or worse["score"] is None:
        return ""
    return (
        f"{name} {row['candidate']:.4f} is not shown to be above {worse['answer']}, {worse['score']:.4f} "
        f"({_interval(worse)})"
    )


def of_habit(found: ChanceRecord, name: str, row: MetricRow) -> str:
    """Say that a gain over the baseline is not shown to be more than habit; empty where it is, or there is none."""
    gain, rest = row["difference"], found.get("gain")
    if rest is None or gain is None or gain <= 0 or row["ci95"] is None or row["ci95"][0] <= 0 or _above(rest):
        return ""
    habit = gain - (rest["difference"] or 0.0)
    return (
        f"of the gain in {name}, {gain:+.4f}, {habit:+.4f} is had by giving some answers more often whatever is asked; "
        f"what is left is not shown ({_interval(rest)}); rotations=True settles it"
    )


def remarks(found: ChanceRecord | None, name: str, row: MetricRow | None) -> list[str]:
    """Say all of it, for the table of a suite."""
    if found is None or row is None:
        return []
    return [told for told in (above_nothing(found, name, row), of_habit(found, name, row)) if told]


def with_chance(
    result: GateResult, gate: Gate, found: ChanceRecord | None, name: str, row: MetricRow | None
) -> GateResult:
    """Let a gate that passes on the headline metric say what its pass does not show."""
    if found is None or row is None or result.verdict != "pass" or gate.target.metric != name or gate.target.tag:
        return result
    told = ""
    if isinstance(gate.condition, Threshold):
        told = above_nothing(found, name, row)
    elif isinstance(gate.condition, Better) and gate.condition.against == "baseline":
        told = of_habit(found, name, row)
    remark = "; ".join(filter(None, (result.remark, told)))
    return replace(result, remark=remark, reason=f"{result.reason}; but {told}") if told else result
