"""From a model's answers to replies, rows and scores, all cases of a suite at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_medeval.metrics.details import trace_of
from pytest_medeval.tasks.base import reply_of
from pytest_medeval.tasks.thoughts import joined
from pytest_medeval.types import Answer, Metric, Outcome, Reply


@dataclass(frozen=True, kw_only=True, repr=False, slots=True)
class Scored:
    """What one model did with one case."""

    read: Reply
    scores: Mapping[str, float]
    rows: Mapping[str, Sequence[float]]
    answers: tuple[Answer, ...]
    """One a request; most tasks make one request of a case."""
    trace: Mapping[str, Sequence[str]] | None = None

    @property
    def reply(self) -> str:
        """The text that the model produced, or the option that it holds most likely."""
        return self.read.text

    @property
    def thoughts(self) -> str:
        """What the model thought before it replied: kept, never scored, never judged."""
        return joined(*(answer.thoughts for answer in self.answers))

    @property
    def prediction(self) -> Any:
        """What was read from the reply."""
        return self.read.prediction

    @property
    def outcome(self) -> Outcome:
        """``answered``, ``no_answer``, ``truncated``, ``degenerate`` or ``error``."""
        return self.read.outcome

    @property
    def detail(self) -> str:
        """Why there is no reply, or why it names nothing; mostly empty."""
        return self.read.detail

    def __repr__(self) -> str:
        return f"<{self.outcome}: {self.detail or self.reply}>"


def score(case: Any, answers: tuple[Answer, ...], task: Any, metrics: Sequence[Metric]) -> Scored:
    """Read and score one case's answers; see ``score_all``."""
    return score_all([case], [answers], task, metrics)[0]


def score_all(
    cases: Sequence[Any], answers: Sequence[tuple[Answer, ...]], task: Any, metrics: Sequence[Metric]
) -> list[Scored]:
    """Read each case's answers and give it a row for each family of metrics, and its scores.

    A case whose model could not be reached gets neither. The rows of a family are scored together: NumPy's price
    of a call is then paid once, and the numbers are the same.
    """
    replies = [reply_of(task, case, own) for case, own in zip(cases, answers, strict=True)]
    families: dict[str, Metric] = {}
    for metric in metrics:
        families.setdefault(metric.counts, metric)
    rows: list[dict[str, Sequence[float]]] = [
        {name: [float(value) for value in metric.row(case, reply)] for name, metric in families.items()}
        if reply.outcome != "error"
        else {}
        for case, reply in zip(cases, replies, strict=True)
    ]
    found = zip(cases, answers, replies, rows, _scores(rows, metrics), strict=True)
    return [
        Scored(read=reply, scores=scores, rows=own, answers=given, trace=trace_of(task, case, reply))
        for case, given, reply, own, scores in found
    ]


def _scores(
    rows: Sequence[Mapping[str, Sequence[float]]], metrics: Sequence[Metric]
) -> list[dict[str, float]]:
    """Score each case on its own, by every metric for which that means something."""
    import numpy as np

    scores: list[dict[str, float]] = [{} for _ in rows]
    present = [place for place, own in enumerate(rows) if own]
    for metric in metrics if present else ():
        if not metric.per_case:
            continue
        stored = np.array([rows[place][metric.counts] for place in present], dtype=np.float64)
        with np.errstate(all="ignore"):  # a score that is undefined is NaN, and left out
            values = metric.score(metric.expand(stored)).tolist()
        for place, value in zip(present, values, strict=True):
            if not math.isnan(value):
                scores[place][metric.name] = value
    return scores
