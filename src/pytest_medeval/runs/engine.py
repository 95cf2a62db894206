"""From suites to evaluations: ask each model every selected case of a suite at once, read and score the replies.

A plain library: a notebook can use it without pytest.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from itertools import islice, zip_longest
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_medeval.core.encodable import inert
from pytest_medeval.core.errors import MedevalError, OthersError
from pytest_medeval.core.record import ROLES, BatchesRecord, CaseEntry, Replied, ReplyPart, RoleEntry
from pytest_medeval.core.signature import case_signature, joined, request_signature
from pytest_medeval.core.thoughts import thoughts_joined
from pytest_medeval.core.types import Answer, Case, Metric, Outcome, Reply, Request, plain
from pytest_medeval.metrics import METRICS
from pytest_medeval.metrics.details import DETAILS, details_of
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.base import Task, asked_of, correct_of, reply_of
from pytest_medeval.verdicts.clusters import clustered
from pytest_medeval.verdicts.gates.data import SuiteData, suite_data
from pytest_medeval.verdicts.gates.judge import decided, held_whole

if TYPE_CHECKING:
    from pytest_medeval.models import Model
    from pytest_medeval.runs.suite import Resolved


T = TypeVar("T")

# From a model's answers to replies, rows and scores, all cases of a suite at once.


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
        return thoughts_joined(*(answer.thoughts for answer in self.answers))

    @property
    def prediction(self) -> object:
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
        return f"<{self.outcome}: {inert(self.detail or self.reply)}>"


def score(case: Case, answers: tuple[Answer, ...], task: Task, metrics: Sequence[Metric]) -> Scored:
    """Read and score one case's answers; see ``score_all``."""
    return score_all([case], [answers], task, metrics)[0]


def score_all(
    cases: Sequence[Case], answers: Sequence[tuple[Answer, ...]], task: Task, metrics: Sequence[Metric]
) -> list[Scored]:
    """Read each case's answers and give it a row for each family of metrics, and its scores.

    A case whose model could not be reached gets neither. The rows of a family are scored together: NumPy's price
    of a call is then paid once, and the numbers are the same.
    """
    families: dict[str, Metric] = {}
    for metric in metrics:
        families.setdefault(metric.counts, metric)
    widths: dict[str, int] = {}
    found = [_read(case, own, task, families, widths) for case, own in zip(cases, answers, strict=True)]
    scored = scores([row for _, row, _ in found], metrics)
    return [
        Scored(read=reply, scores=points, rows=row, answers=given, trace=trace)
        for given, (reply, row, trace), points in zip(answers, found, scored, strict=True)
    ]


def _check_plain(task: Task, what: str, value: T) -> T:
    """Refuse what the record could not hold, where another package's task gave it."""
    if task.name in TASKS.added:
        try:
            json.dumps(value, default=plain)
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"gave {what} {value!r}: {error}; accepted: what JSON can hold") from None
    return value


def _read(
    case: Case, answers: tuple[Answer, ...], task: Task, families: Mapping[str, Metric], widths: dict[str, int]
) -> tuple[Reply, dict[str, Sequence[float]], Mapping[str, Sequence[str]] | None]:
    """Read a case's answers, trace and count; where another package's code raises, this case is an error alone."""
    try:
        if task.name in TASKS.added and all(one.finish == "error" for one in answers):
            raise OthersError(answers[0].error)
        with TASKS.blamed(task.name, f"cannot read the reply to {case.id!r}"):
            reply = reply_of(task, case, answers)
            if not isinstance(reply, Reply):
                raise TypeError(f"gave {type(reply).__name__}; accepted: a Reply")
            _check_plain(task, "prediction", _plain(reply.prediction))
        with DETAILS.blamed(task.name, f"cannot trace the reply to {case.id!r}"):
            trace = _check_plain(task, "trace", details_of(task).trace(task, case, reply))
        return reply, {} if reply.outcome == "error" else _row(case, reply, task, families, widths), trace
    except OthersError as fault:
        return _failed(answers, fault), {}, None


def _failed(answers: Sequence[Answer], fault: MedevalError) -> Reply:
    parts = tuple(Reply(one.text, "error", detail=str(fault)) for one in answers)
    return replace(parts[0], parts=parts if len(parts) > 1 else ())


def _row(
    case: Case, reply: Reply, task: Task, families: Mapping[str, Metric], widths: dict[str, int]
) -> dict[str, Sequence[float]]:
    """Count what each family counts: as many numbers for every case."""
    row: dict[str, Sequence[float]] = {}
    for name, metric in families.items():
        with METRICS.blamed(f"{task.name}.{metric.name}"):
            row[name] = [float(value) for value in metric.row(case, reply)]
            if len(row[name]) != widths.setdefault(name, len(row[name])):
                raise ValueError(f"gave {len(row[name])} numbers for {case.id!r}; accepted: {widths[name]}, as before")
    return row


def scores(rows: Sequence[Mapping[str, Sequence[float]]], metrics: Sequence[Metric]) -> list[dict[str, float]]:
    """Score each case on its own, by every metric for which that means something."""
    import numpy as np

    found: list[dict[str, float]] = [{} for _ in rows]
    present = [place for place, own in enumerate(rows) if own]
    for metric in metrics if present else ():
        stored = np.array([rows[place][metric.counts] for place in present], dtype=np.float64)
        with np.errstate(all="ignore"):  # a score that is undefined is NaN, and left out
            counts = metric.expand(stored)
            metric.score(counts.sum(axis=0)[None, None])  # as resampling does: what fails then fails now
            values = metric.score(counts).tolist() if metric.per_case else []
        if not metric.per_case:
            continue
        for place, value in zip(present, values, strict=True):
            if not math.isnan(value):
                found[place][metric.name] = value
    return found


# Cases in batches, until every gate is decided.

BATCHES, FEWEST = 20, 25
"""A suite is asked in about so many batches, each of so many cases at least."""
UNDECIDED = "not decided by the last batch"


@dataclass(frozen=True)
class Sequential:
    """How a run asks in batches: by its seed, for so many comparisons (``family``), all of which must pass or not."""

    seed: int
    family: int
    all_must_pass: bool

    def held(self, suite: Resolved, cases: Sequence[Case]) -> dict[str, str]:
        """Say what keeps a suite from being asked in batches: gate -> why; nothing where it can be."""
        if len(cases) <= FEWEST:
            return {"all gates": f"{len(cases)} cases are one batch"}
        if not suite.gates:
            return {"all gates": "there are none to decide"}
        empty = suite_data(suite.name, suite.metrics, (), complete_only=False, reason="")
        return {str(gate): why for gate in suite.gates if (why := held_whole(gate, empty))}

    def batches(self, suite: Resolved, cases: Sequence[Case]) -> Iterator[list[Case]]:
        """Give whole clusters in an order drawn by the seed, those with a critical case first."""
        units, size = _units(suite, cases), max(FEWEST, len(cases) // BATCHES)
        held: dict[str, list[Case]] = defaultdict(list)
        for case in cases:
            held[units[case.id]].append(case)
        later = {unit: not any(case.critical for case in own) for unit, own in held.items()}
        order = sorted(held, key=lambda unit: (later[unit], hashlib.sha256(f"{self.seed}:{unit}".encode()).digest()))
        batch: list[Case] = []
        for unit, following in zip_longest(order, order[1:]):
            batch += held[unit]
            if following is None or (len(batch) >= size and later[following]):
                yield batch
                batch = []

    def open(self, suite: Resolved, cases: Sequence[Case], done: Mapping[str, Evaluation]) -> dict[str, str]:
        """Say what is not decided by what was asked so far: gate -> why; nothing where all gates are."""
        entries = [entry(suite.name, "", one) for one in done.values()]
        if any(one[role]["outcome"] == "error" for one in entries for role in ROLES if role in one):
            return {"all gates": "a model could not be reached"}
        data = suite_data(suite.name, suite.metrics, entries, complete_only=suite.pairs == "complete", reason="")
        try:
            return self._undecided(suite, cases, data, entries)
        except OthersError as fault:
            return {"all gates": str(fault)}

    def _undecided(
        self, suite: Resolved, cases: Sequence[Case], data: SuiteData, entries: Sequence[CaseEntry]
    ) -> dict[str, str]:
        data = clustered(data, entries, suite.cluster, suite.gates, suite.task.headline).data
        data = replace(data, largest=max(Counter(_units(suite, cases).values()).values()))
        family, whole = max(1, self.family), self.all_must_pass
        return {str(g): UNDECIDED for g in suite.gates if not decided(g, data, family, all_must_pass=whole)}


def _units(suite: Resolved, cases: Sequence[Case]) -> dict[str, str]:
    """Give each case's cluster as it is declared, else the case itself."""
    labels = suite.cluster["labels"] if suite.cluster else {}
    return {case.id: f"cluster {labels[case.id]}" if case.id in labels else f"case {case.id}" for case in cases}


BASELINE = "baseline"
CANDIDATE = "candidate"


@dataclass(frozen=True, kw_only=True, repr=False, slots=True)
class Evaluation(Scored):
    """What a test sees: the case, the candidate's reply and scores, and the baseline's beside it."""

    case: Any
    requests: tuple[Request, ...]
    asked: str
    gold: object
    correct: bool | None
    baseline: Scored | None = None


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
    sequential: Sequential | None = None
    """How cases are asked in batches; None: all at once."""
    asked: dict[str, BatchesRecord] = field(default_factory=dict)
    """Suite -> what was asked of it in batches."""
    _done: dict[str, dict[str, Evaluation]] = field(default_factory=dict)
    _seconds: float = 0.0
    _hits: int = 0
    _again: int = 0

    def take_usage(self) -> dict[str, float]:
        """Give the seconds of opening and asking models, and the answers stored or asked again, since the last call."""
        used = {"seconds": self._seconds, "cache_hits": self._hits, "asked_again": self._again}
        self._seconds, self._hits, self._again = 0.0, 0, 0
        return used

    def evaluations(self, suite: Resolved, selected: Sequence[str]) -> Mapping[str, Evaluation]:
        """Evaluate the selected cases of a suite, once; every later call gives the same objects."""
        if suite.name not in self._done:
            wanted = set(selected)
            cases = [case for case in suite.cases if case.id in wanted]
            self._done[suite.name] = self._in_batches(suite, cases) or self._evaluate(suite, cases)
        return self._done[suite.name]

    def _in_batches(self, suite: Resolved, cases: Sequence[Case]) -> dict[str, Evaluation]:
        """Ask batch by batch until all gates are decided; nothing where one of them cannot be before the end."""
        done: dict[str, Evaluation] = {}
        if self.sequential is None or not cases:
            return done
        if held := self.sequential.held(suite, cases):
            self.asked[suite.name] = {"asked": len(cases), "not_asked": [], "batches": 1, "held": held}
            return done
        count = 0
        for count, batch in enumerate(self.sequential.batches(suite, cases), start=1):  # noqa: B007 - counted behind
            done |= self._evaluate(suite, batch)
            held = self.sequential.open(suite, cases, done)
            if not held:
                break
        left = [case.id for case in cases if case.id not in done]
        largest = max(Counter(_units(suite, cases).values()).values())
        self.asked[suite.name] = {"asked": len(done), "not_asked": left, "batches": count, "largest": largest}
        if held:
            self.asked[suite.name]["held"] = held
        return done

    def _evaluate(self, suite: Resolved, cases: Sequence[Case]) -> dict[str, Evaluation]:
        task = suite.task
        asked, faults = _requests(suite, cases)
        flat = [request for requests in asked for request in requests]
        scored: dict[str, list[Scored]] = {}
        for role in (CANDIDATE, BASELINE):
            started = perf_counter()
            model = self.open_model(role, task.name)
            if model is None:
                continue
            answers = model.answer(flat, self.progress(f"{suite.name}: {role} answers", len(flat)))
            self._seconds += perf_counter() - started
            self._hits += sum(answer.cached for answer in answers)
            self._again += sum(answer.again for answer in answers)
            scored[role] = score_all(cases, _by_case(answers, asked, faults), task, suite.metrics)
        if CANDIDATE not in scored:
            raise MedevalError(f"suite {suite.name}: no model answers {task.name}")
        base: Sequence[Scored | None] = scored.get(BASELINE, [None] * len(cases))
        each = zip(cases, asked, scored[CANDIDATE], base, strict=True)
        return {case.id: _evaluation(task, case, requests, own, other) for case, requests, own, other in each}


def _requests(suite: Resolved, cases: Sequence[Case]) -> tuple[list[tuple[Request, ...]], list[str]]:
    """Say what to ask for each case; another package's task that raises asks nothing: why, else empty."""
    if suite.task.name not in TASKS.added:
        return suite.requests(cases), [""] * len(cases)
    asked, faults = list[tuple[Request, ...]](), list[str]()
    for case in cases:
        found, fault = tuple[Request, ...](), ""
        try:
            with TASKS.blamed(suite.task.name, f"cannot ask {case.id!r}"):
                (found,) = suite.requests([case])
                if not found or not all(isinstance(one, Request) for one in found):
                    raise TypeError(f"gave {found!r}; accepted: at least one Request")
        except MedevalError as error:
            found, fault = (), str(error)
        asked.append(found)
        faults.append(fault)
    return asked, faults


def _evaluation(task: Task, case: Case, requests: tuple[Request, ...], own: Scored, other: Scored | None) -> Evaluation:
    """Put a case's replies beside what is right; where another package's task cannot say that, the case is an error."""
    asked, gold, correct, read = "", None, None, own.read
    try:
        with TASKS.blamed(task.name, f"cannot tell what is right of {case.id!r}"):
            asked = asked_of(task, case, requests[0]) if requests else ""
            gold = _check_plain(task, "gold", task.gold(case))
            correct = _check_plain(task, "correct", correct_of(task, case, read))
    except MedevalError as fault:
        read = read if read.outcome == "error" else _failed(own.answers, fault)
    told = read is own.read
    return Evaluation(
        read=read,
        scores=own.scores if told else {},
        rows=own.rows if told else {},
        answers=own.answers,
        trace=own.trace if told else None,
        case=case,
        baseline=other,
        requests=requests,
        asked=asked,
        gold=gold,
        correct=correct,
    )


def _by_case(
    answers: Sequence[Answer], asked: Sequence[tuple[Request, ...]], faults: Sequence[str]
) -> list[tuple[Answer, ...]]:
    """Give each case the answers to its requests; one that could not be asked has one, which says why."""
    left = iter(answers)
    found = [
        tuple(islice(left, len(requests))) or (Answer(finish="error", error=fault),)
        for requests, fault in zip(asked, faults, strict=True)
    ]
    if len(answers) != sum(map(len, asked)):
        raise ValueError(f"{len(answers)} answers to {sum(map(len, asked))} requests")
    return found


def entry(suite: str, nodeid: str, evaluation: Evaluation) -> CaseEntry:
    """Give an evaluation as the plain data that crosses to the controller and into the record.

    What is plain already is shared and not copied: a run of many cases is as large as its entries.
    """
    case = evaluation.case
    signatures = [request_signature(request) for request in evaluation.requests]
    made: CaseEntry = {
        "suite": suite,
        "id": case.id,
        "nodeid": nodeid,
        "tags": dict(case.tags),
        "critical": case.critical,
        "cluster": None,
        "content": case_signature(case),
        "request": joined(signatures),
        "asked": evaluation.asked,
        "gold": evaluation.gold,
        "correct": evaluation.correct,
        "candidate": _role_entry(evaluation, signatures),
    }
    if options := _options(evaluation):
        made["options"] = options
    if case.rationale:
        made["rationale"] = case.rationale
    if evaluation.baseline is not None:
        made["baseline"] = _role_entry(evaluation.baseline, signatures)
    return made


def _options(evaluation: Evaluation) -> dict[str, str]:
    """Give the texts whose likelihoods were compared, by the names of their probabilities where those are others."""
    sure = list(evaluation.read.confidence or ())
    choices = list(evaluation.requests[0].choices or ()) if evaluation.requests else []
    return dict(zip(sure, choices, strict=True)) if len(sure) == len(choices) and sure != choices else {}


def _role_entry(scored: Scored, signatures: Sequence[str]) -> RoleEntry:
    """Give what the record holds of a role's reply; where several requests were asked, each in ``parts`` as well."""
    answers, reply = scored.answers, scored.read
    made: RoleEntry = {
        "prompt_hash": joined([one.prompt_hash for one in answers]),
        "reply": reply.text,
        "outcome": reply.outcome,
        "prediction": _plain(reply.prediction),
        "tokens": [sum(one.prompt_tokens for one in answers), sum(one.reply_tokens for one in answers)],
        "scores": scored.scores,
        "rows": scored.rows,
    }
    if scored.trace is not None:
        made["trace"] = {kind: list(found) for kind, found in scored.trace.items() if found}
    if len(answers) == 1:
        made["finish"] = answers[0].finish
        _add(made, reply, answers[0])
        return made
    made["parts"] = [_part(*one) for one in zip(signatures, reply.said, answers, strict=True)]
    _add(made, reply, Answer(thoughts=scored.thoughts))
    return made


def _part(signature: str, reply: Reply, answer: Answer) -> ReplyPart:
    made: ReplyPart = {
        "request": signature,
        "prompt_hash": answer.prompt_hash,
        "reply": reply.text,
        "outcome": reply.outcome,
        "prediction": _plain(reply.prediction),
        "tokens": [answer.prompt_tokens, answer.reply_tokens],
        "finish": answer.finish,
    }
    _add(made, reply, answer)
    return made


def _add(made: Replied, reply: Reply, answer: Answer) -> None:
    """Add what is said only where there is something to say."""
    if reply.confidence is not None:
        made["confidence"] = reply.confidence
    if reply.detail:
        made["detail"] = reply.detail
    if answer.thoughts:
        made["thoughts"] = answer.thoughts
    if answer.unclosed:
        made["unclosed"] = True
    if answer.logprobs:
        made["logprobs"] = answer.logprobs
        made["choice_tokens"] = answer.choice_tokens


def _plain(prediction: object) -> object:
    return asdict(prediction) if is_dataclass(prediction) and not isinstance(prediction, type) else prediction
