"""From suites to evaluations: ask each model every selected case of a suite at once, read and score the replies.

A plain library: a notebook can use it without pytest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pytest_medeval.errors import MedevalError
from pytest_medeval.runs.signature import case_signature, request_signature
from pytest_medeval.metrics.details import trace_of
from pytest_medeval.types import Answer, Metric, Outcome, Reply, Request

if TYPE_CHECKING:
    from pytest_medeval.models import Model
    from pytest_medeval.suite import Resolved

BASELINE = "baseline"
CANDIDATE = "candidate"


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What one model did with one case."""

    read: Reply
    scores: Mapping[str, float]
    rows: Mapping[str, Sequence[float]]
    answer: Answer
    trace: Mapping[str, Sequence[str]] | None = None

    @property
    def reply(self) -> str:
        """The text that the model produced, or the option that it holds most likely."""
        return self.read.text

    @property
    def prediction(self) -> Any:
        """What was read from the reply."""
        return self.read.prediction

    @property
    def outcome(self) -> Outcome:
        """``answered``, ``no_answer``, ``truncated``, ``degenerate`` or ``error``."""
        return self.read.outcome


@dataclass(frozen=True, kw_only=True)
class Evaluation(Scored):
    """What a test sees: the case, the candidate's reply and scores, and the baseline's beside it."""

    case: Any
    request: Request
    asked: str
    gold: Any
    correct: bool | None
    baseline: Scored | None = None


def score(case: Any, answer: Answer, task: Any, metrics: Sequence[Metric]) -> Scored:
    """Read an answer and give it a row for each family of metrics; an unreachable model gets none."""
    reply: Reply = task.read(case, answer)
    rows: dict[str, Sequence[float]] = {}
    scores: dict[str, float] = {}
    if reply.outcome != "error":
        for metric in metrics:
            if metric.counts not in rows:
                rows[metric.counts] = [float(value) for value in metric.row(case, reply)]
            if metric.per_case:
                value = single(metric, rows[metric.counts])
                if not math.isnan(value):
                    scores[metric.name] = value
    return Scored(read=reply, scores=scores, rows=rows, answer=answer, trace=trace_of(task, case, reply))


def single(metric: Metric, row: Sequence[float]) -> float:
    """Score one case's row."""
    import numpy as np  # noqa: PLC0415 - kept out of pytest's start-up

    return float(metric.score(metric.expand(np.asarray([row], dtype=np.float64)).sum(axis=0)))


Tick = Callable[[int], None]
Progress = Callable[[str, int], Tick]
"""``progress(label, total)`` opens a line and gives the function that counts on."""


def silent(label: str, total: int) -> Tick:  # noqa: ARG001 - the shape of Progress
    """Show nothing."""
    return lambda done: None  # noqa: ARG005


@dataclass
class Engine:
    """Holds the open models, and every suite's evaluations once they were asked for."""

    open_model: Callable[[str, str], Model | None]
    """``open_model(role, task)`` gives the model that answers a task in a role, or None."""
    progress: Progress = silent
    _done: dict[str, dict[str, Evaluation]] = field(default_factory=dict)
    _seconds: float = 0.0

    def take_seconds(self) -> float:
        """Give the seconds spent on evaluation since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def evaluations(self, suite: Resolved, selected: Sequence[str]) -> Mapping[str, Evaluation]:
        """Evaluate the selected cases of a suite, once; every later call gives the same objects."""
        if suite.name not in self._done:
            wanted = set(selected)
            cases = [case for case in suite.cases if case.id in wanted]
            self._done[suite.name] = self._evaluate(suite, cases)
        return self._done[suite.name]

    def _evaluate(self, suite: Resolved, cases: Sequence[Any]) -> dict[str, Evaluation]:
        task: Any = suite.task
        started = perf_counter()
        requests = [task.request(case) for case in cases]
        scored: dict[str, list[Scored]] = {}
        for role in (CANDIDATE, BASELINE):
            model = self.open_model(role, task.name)
            if model is None:
                continue
            answers = model.answer(requests, self.progress(f"{suite.name}: {role} answers", len(requests)))
            scored[role] = [score(case, answer, task, suite.metrics) for case, answer in zip(cases, answers, strict=True)]
        if CANDIDATE not in scored:
            raise MedevalError(f"suite {suite.name}: no model answers {task.name}")
        base: Sequence[Scored | None] = scored.get(BASELINE, [None] * len(cases))
        self._seconds += perf_counter() - started
        return {
            case.id: Evaluation(
                read=own.read, scores=own.scores, rows=own.rows, answer=own.answer, trace=own.trace, case=case, baseline=other,
                request=request, asked=request.messages[-1].content, gold=task.gold(case), correct=task.correct(case, own.read),
            )
            for case, request, own, other in zip(cases, requests, scored[CANDIDATE], base, strict=True)
        }


def entry(suite: str, nodeid: str, evaluation: Evaluation) -> dict[str, Any]:
    """Give an evaluation as the plain data that crosses to the controller and into the record."""
    case = evaluation.case
    roles = {CANDIDATE: evaluation, BASELINE: evaluation.baseline}
    return {
        "suite": suite, "id": case.id, "nodeid": nodeid, "tags": dict(case.tags), "critical": case.critical,
        "group": case.group, "content": case_signature(case), "request": request_signature(evaluation.request),
        "asked": evaluation.asked, "gold": evaluation.gold, "correct": evaluation.correct,
        **{role: _plain(scored) for role, scored in roles.items() if scored is not None},
    }


def _plain(scored: Scored) -> dict[str, Any]:
    answer, reply = scored.answer, scored.read
    prediction = asdict(reply.prediction) if is_dataclass(reply.prediction) else reply.prediction  # type: ignore[arg-type]
    plain = {
        "prompt_hash": answer.prompt_hash, "reply": reply.text, "outcome": reply.outcome, "prediction": prediction,
        "scores": dict(scored.scores), "rows": {name: list(row) for name, row in scored.rows.items()},
        "tokens": [answer.prompt_tokens, answer.reply_tokens], "finish": answer.finish,
    }
    if answer.logprobs:
        plain |= {"logprobs": list(answer.logprobs), "choice_tokens": list(answer.choice_tokens)}
    if reply.confidence is not None:
        plain["confidence"] = dict(reply.confidence)
    if scored.trace is not None:
        plain["trace"] = {kind: list(found) for kind, found in scored.trace.items() if found}
    if reply.detail:
        plain["detail"] = reply.detail
    return plain
