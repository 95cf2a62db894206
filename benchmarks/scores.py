"""Populations of two models for metrics that are no share of right answers, for benchmarks/validity.py.

Each gives rows of candidate and baseline over the same cases: choices with a confidence (``brier``, ``aurc``, ``ece``),
n-gram counts of replies (``corpus_bleu``), and whole grades from 1 to 5 of a judge without a bias between the two.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from pytest_medeval.core.types import FloatArray, Metric
from pytest_medeval.judges.panel import judge_metrics
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.metrics import metrics_for
from pytest_medeval.stats.evidence import Rows
from pytest_medeval.tasks import TASKS
from pytest_medeval.verdicts.gates.data import SuiteData
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import judge
from rates import share

GRADE = "judge.accuracy"
CHOICES = tuple(metrics_for(TASKS.resolve("mcq")(), ["brier", "aurc"]))
CORPUS = tuple(metrics_for(TASKS.resolve("dialogue")(), ["corpus_bleu"]))
GRADES = tuple(metric for metric in judge_metrics(DEFAULT_RUBRIC) if metric.name == GRADE)
KINDS: tuple[tuple[str, tuple[Metric, ...]], ...] = (("choices", CHOICES), ("corpus", CORPUS), ("grades", GRADES))
ORDER = np.arange(4)


def rows(kind: str, cases: int, drop: float, *, seed: int = 16) -> tuple[Rows, Rows]:
    """Draw candidate and baseline, who share what is hard; the candidate is worse by ``drop`` standard deviations."""
    rng = np.random.default_rng([seed, len(kind)])
    hard = rng.normal(size=cases)
    length = (4 + rng.poisson(20, cases)).astype(np.float64)
    makers: dict[str, Callable[[FloatArray, np.random.Generator], FloatArray]] = {
        "choices": _choices,
        "corpus": partial(_replies, length=length),
        "grades": _grades,
    }
    make = makers[kind]
    metric = dict(KINDS)[kind][0]
    new, old = (make(0.8 * hard + 0.6 * rng.normal(size=cases) - less, rng) for less in (drop, 0.0))
    return {metric.counts: new}, {metric.counts: old}


def _choices(ease: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Answer with a confidence that is right as often as it says."""
    sure = 0.25 + 0.75 / (1 + np.exp(-0.5 - 1.5 * ease))
    right = rng.random(len(sure)) < sure
    other = (1 - sure) / 3
    brier = np.where(right, (1 - sure) ** 2 + 3 * other**2, sure**2 + (1 - other) ** 2 + 2 * other**2)
    return np.column_stack([np.zeros(len(sure)), np.where(right, 0, 1), sure, brier]).astype(np.float64)


def _replies(ease: FloatArray, rng: np.random.Generator, length: FloatArray) -> FloatArray:
    """Match words of references; runs of words match less often the longer they are."""
    said = np.maximum(4, np.round(length * np.exp(rng.normal(0, 0.3, len(ease))))).astype(int)
    totals = said[:, None] - ORDER
    matches = rng.binomial(totals, (1 / (1 + np.exp(0.3 - 0.6 * ease)))[:, None] ** (1 + 0.6 * ORDER))
    return np.column_stack([np.zeros(len(ease)), said, length, matches, totals]).astype(np.float64)


def _grades(ease: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Grade 1 to 5, most of them 3 to 5."""
    grades = np.clip(np.round(3.8 + 0.8 * ease + rng.normal(0, 0.5, len(ease))), 1, 5)
    return np.column_stack([grades, np.ones(len(grades))]).astype(np.float64)


def calibration(n: int, suites: int, *, seed: int = 17) -> str:
    """Give the mean ``ece`` of a calibrated model, and how often a gate on it is refused."""
    (ece,) = metrics_for(TASKS.resolve("mcq")(), ["ece"])
    rng = np.random.default_rng([seed, n])
    gate, total, refused = parse_gate("ece not worse than baseline by 0.02"), 0.0, 0
    for _ in range(suites):
        own = {role: {"mcq": _choices(rng.normal(size=n), rng)} for role in ("candidate", "baseline")}
        suite = SuiteData(name="suite", metrics={"ece": ece}, rows=own, ids=list(map(str, range(n))))
        total += float(ece.score(ece.expand(own["candidate"]["mcq"]).sum(axis=0)))
        refused += judge(gate, suite).verdict == "not evaluated"
    return f"| {n} | {total / suites:.3f} | {share(refused, suites)} |"
