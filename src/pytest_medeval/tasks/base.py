"""What every task answers, and the checks of a record that all tasks share."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, replace
from types import MappingProxyType, UnionType
from typing import Any, ClassVar, Protocol, TypedDict, TypeGuard, runtime_checkable

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.types import UNLESS_DEFAULT, Answer, Case, Record, Reply, Request

# Replies that are drawn and not greedy: the options of a suite that say so, and the seed of each case.

DERIVED = MappingProxyType({**UNLESS_DEFAULT, "derived": True})
"""Metadata of an option that no suite states, since it follows from its cases."""

_SEEDS = 1 << 31
"""Servers take seeds of 32 bits with a sign, some of 64."""


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Options of every task whose replies are generated.

    ``temperature`` 0, the default, is greedy decoding; above it tokens are drawn from softmax(logits / temperature),
    cut to the smallest set of likeliest tokens that holds a share of ``top_p``. ``draws`` replies are then drawn for a
    case, which scores their mean.
    """

    temperature: float = field(default=0.0, metadata=UNLESS_DEFAULT)
    top_p: float = field(default=1.0, metadata=UNLESS_DEFAULT)
    draws: int = field(default=1, metadata=UNLESS_DEFAULT)

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise MedevalError(f"temperature is {self.temperature!r}; accepted: a finite number, 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise MedevalError(f"top_p is {self.top_p!r}; accepted: a number above 0, at most 1")
        if self.top_p < 1 and not self.temperature:
            raise MedevalError(
                f"top_p={self.top_p!r} changes nothing without a temperature, since replies are then greedy; "
                "accepted: a temperature above 0 beside it"
            )
        if self.draws < 1 or (self.draws > 1 and not self.temperature):
            raise MedevalError(
                f"draws={self.draws!r}; accepted: 1, or more beside a temperature above 0: greedy replies are all alike"
            )

    def reply_request(self, request: Request) -> Request:
        """Ask for a reply as these options want it."""
        return replace(request, temperature=float(self.temperature), top_p=float(self.top_p))


def seeded(request: Request, seed: int, case: str, draw: int = 0) -> Request:
    """Give a request that draws the seed of its case, from the run's seed and the case's id; a greedy one is kept.

    Cases, and the draws of a case, have different seeds, so that they are independent of each other; candidate and
    baseline have the same.
    """
    if not request.temperature:
        return request
    name = f"{case}\0{draw}" if draw else case
    digest = hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()
    return replace(request, seed=int.from_bytes(digest[:8]) % _SEEDS)


class Task(Protocol):
    """How a case becomes a prompt, and an answer a prediction.

    A task is a frozen dataclass whose fields are the options that a ``Suite`` of this task accepts; it checks them
    in ``__post_init__`` and raises ``MedevalError``.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    name: ClassVar[str]
    headline: ClassVar[str]
    """The metric by which cases and subgroups are ranked in the report."""
    judged: ClassVar[bool]
    """Whether replies are free text that a judge can grade."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Name the metrics that a suite of this task reports unless it names its own."""

    def case(self, record: Record) -> Case:
        """Check a record and make the task's case of it; ``MedevalError`` with file and line where it cannot."""

    def request(self, case: Case) -> Request:
        """Say what to ask of a model."""

    def read(self, case: Case, answer: Answer) -> Reply:
        """Read the prediction and the outcome from an answer."""

    def gold(self, case: Case) -> object:
        """Give what is known about the right answer, as JSON data for the record."""

    def correct(self, case: Case, reply: Reply) -> bool | None:
        """Say whether the reply is right, as a ``critical`` case must be; None where the case cannot tell."""


@runtime_checkable
class Several(Protocol):
    """A task that may ask a model several requests for one case, all in the same batch."""

    def requests(self, case: Case) -> tuple[Request, ...]:
        """Say what to ask of a model, at least one request."""

    def read_all(self, case: Case, answers: Sequence[Answer]) -> Reply:
        """Read the answers to all requests of a case as one reply."""


@runtime_checkable
class Voting(Protocol):
    """A task whose predictions can be voted on, where several replies are drawn for a case."""

    def vote(self, replies: Sequence[Reply]) -> object:
        """Give the prediction of most replies; None where there is none."""


@runtime_checkable
class Fitting(Protocol):
    """A task whose metrics hang on what its cases hold, such as how many references they have."""

    def fitted(self, cases: Sequence[Any]) -> Task:
        """Give the task with its options of ``DERIVED`` set by the cases of a suite."""


@runtime_checkable
class Conversing(Protocol):
    """A task whose cases may hold several turns: what judges and people must see is then not the last one alone."""

    def asked(self, case: Any) -> str:
        """Write what was asked of a case, all turns of it."""


@runtime_checkable
class Exemplary(Protocol):
    """A task whose cases can be shown as examples: before another case, or for training."""

    def question(self, case: Case) -> str:
        """Give the text that makes two cases the same question, or similar ones."""

    def target(self, case: Case) -> str:
        """Give the reply that is wanted, in the form that ``read`` reads."""


class Trainable(Task, Exemplary, Protocol):
    """A task whose cases say which reply is wanted."""


def asked_of(task: Task, case: Case, request: Request) -> str:
    """Write what was asked of a case: as its task says it, else the last turn of the request, without examples."""
    return task.asked(case) if isinstance(task, Conversing) else request.messages[-1].content


def requests_of(task: Task, case: Case) -> tuple[Request, ...]:
    """List what a task asks for a case."""
    return task.requests(case) if _asks_several(task) else (task.request(case),)


def reply_of(task: Task, case: Case, answers: Sequence[Answer]) -> Reply:
    """Read the answers to what ``requests_of`` lists, once for each draw."""
    many = draws_of(task)
    each = len(answers) // many
    read = tuple(_reply(task, case, answers[at * each : (at + 1) * each]) for at in range(many))
    return _together(task, read) if many > 1 else read[0]


def draws_of(task: Task) -> int:
    """Say how many replies are drawn for a case."""
    return int(getattr(task, "draws", 1))


def correct_of(task: Task, case: Case, reply: Reply) -> bool | None:
    """Say whether a case is right: every reply that was drawn, where there are several."""
    found = [task.correct(case, one) for one in reply.draws or (reply,)]
    return None if None in found else all(found)


def _together(task: Task, draws: tuple[Reply, ...]) -> Reply:
    """Choose the reply that stands for several: of the outcome that most have, and of the prediction voted for.

    An error of one is an error of all; on a tie an outcome that is no answer counts.
    """
    times = Counter(one.outcome for one in draws)
    most = [outcome for outcome, count in times.items() if count == max(times.values())]
    outcome = "error" if "error" in times else next((one for one in most if one != "answered"), most[0])
    own = [one for one in draws if one.outcome == outcome]
    if not isinstance(task, Voting) or outcome == "error":
        return replace(own[0], draws=draws)
    voted = task.vote(draws)
    shown = next((one for one in own if one.prediction == voted), own[0])
    return replace(shown, prediction=voted, draws=draws)


def _reply(task: Task, case: Case, answers: Sequence[Answer]) -> Reply:
    return task.read_all(case, answers) if _asks_several(task) else task.read(case, *answers)


def _asks_several(task: Task) -> TypeGuard[Several]:
    return hasattr(task, "read_all")  # what isinstance(task, Several) asks, in a tenth of the time, for every case


class Common(TypedDict):
    """The fields that cases of all tasks share."""

    id: str
    tags: Mapping[str, str]
    critical: bool
    group: str | None
    rationale: str


COMMON = frozenset({"id", "tags", "critical", "group", "rationale"})

Kind = type | UnionType


@dataclass(frozen=True)
class Keys:
    """The keys of a task's cases beside ``COMMON``, each with the type of what a file holds there."""

    required: Mapping[str, Kind]
    optional: Mapping[str, Kind] = field(default_factory=dict)


def take(record: Record, required: Mapping[str, Kind], optional: Mapping[str, Kind]) -> Common:
    """Check a record's keys and types; give the fields that cases of all tasks share."""
    known = COMMON | required.keys() | optional.keys()
    for key in record.fields:
        if key not in known:
            raise MedevalError(f"{record.source}: {accepted('key', key, known)}")
    for key, kind in required.items():
        if key not in record.fields:
            raise MedevalError(f"{record.source}: key {key!r} is missing; required: {', '.join(sorted(required))}")
        _typed(record, key, kind)
    for key, kind in optional.items():
        if record.fields.get(key) is not None:
            _typed(record, key, kind)
    return _common(record)


def _typed(record: Record, key: str, kind: Kind) -> None:
    value = record.fields[key]
    if not isinstance(value, kind):
        raise MedevalError(f"{record.source}: {key!r} is {_called(type(value))}; accepted: {_called(kind)}")
    if isinstance(value, str) and not value.strip():
        raise MedevalError(f"{record.source}: {key!r} is empty")


def _called(kind: Kind) -> str:
    names: dict[Kind, str] = {
        str: "a text",
        dict: "a mapping",
        list: "a list",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        type(None): "empty",
    }
    kinds = kind.__args__ if isinstance(kind, UnionType) else (kind,)
    return " or ".join(names.get(one, one.__name__) for one in kinds)


def _common(record: Record) -> Common:
    fields = record.fields
    name = fields.get("id")
    if not isinstance(name, str | int) or isinstance(name, bool) or not str(name).strip():
        raise MedevalError(f"{record.source}: 'id' is {name!r}; accepted: a short text, unique in the suite")
    critical = fields.get("critical", False)
    if not isinstance(critical, bool):
        raise MedevalError(f"{record.source}: 'critical' is {critical!r}; accepted: true or false")
    tags = fields.get("tags") or {}
    if not isinstance(tags, dict) or not all(isinstance(value, str | int | float) for value in tags.values()):
        raise MedevalError(f"{record.source}: 'tags' is {tags!r}; accepted: a mapping of names to texts")
    group, rationale = fields.get("group"), fields.get("rationale")
    if not isinstance(rationale, str | None):
        raise MedevalError(f"{record.source}: 'rationale' is {_called(type(rationale))}; accepted: a text")
    return Common(
        id=str(name),
        tags={str(key): str(value) for key, value in tags.items()},
        critical=critical,
        group=None if group is None else str(group),
        rationale=(rationale or "").strip(),
    )
