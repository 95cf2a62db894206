"""What every task answers, and the checks of a record that all tasks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypedDict, runtime_checkable

from pytest_medeval.errors import MedevalError, accepted
from pytest_medeval.types import Answer, Record, Reply, Request


class Task(Protocol):
    """How a case becomes a prompt, and an answer a prediction.

    A task is a frozen dataclass whose fields are the options that a ``Suite`` of this task accepts; it checks them
    in ``__post_init__`` and raises ``MedevalError``.
    """

    name: ClassVar[str]
    headline: ClassVar[str]
    """The metric by which cases and subgroups are ranked in the report."""
    judged: ClassVar[bool]
    """Whether replies are free text that a judge can grade."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Name the metrics that a suite of this task reports unless it names its own."""

    def case(self, record: Record) -> Any:
        """Check a record and make the task's case of it; ``MedevalError`` with file and line where it cannot."""

    def request(self, case: Any) -> Request:
        """Say what to ask of a model."""

    def read(self, case: Any, answer: Answer) -> Reply:
        """Read the prediction and the outcome from an answer."""

    def gold(self, case: Any) -> Any:
        """Give what is known about the right answer, as JSON data for the record."""

    def correct(self, case: Any, reply: Reply) -> bool | None:
        """Say whether the reply is right, as a ``critical`` case must be; None where the case cannot tell."""


@runtime_checkable
class Several(Protocol):
    """A task that may ask a model several requests for one case, all in the same batch."""

    def requests(self, case: Any) -> tuple[Request, ...]:
        """Say what to ask of a model, at least one request."""

    def read_all(self, case: Any, answers: Sequence[Answer]) -> Reply:
        """Read the answers to all requests of a case as one reply."""


@runtime_checkable
class Exemplary(Protocol):
    """A task whose cases can be shown as examples: before another case, or for training."""

    def question(self, case: Any) -> str:
        """Give the text that makes two cases the same question, or similar ones."""

    def target(self, case: Any) -> str:
        """Give the reply that is wanted, in the form that ``read`` reads."""


def requests_of(task: Any, case: Any) -> tuple[Request, ...]:
    """List what a task asks for a case."""
    return task.requests(case) if _asks_several(task) else (task.request(case),)


def reply_of(task: Any, case: Any, answers: Sequence[Answer]) -> Reply:
    """Read the answers to what ``requests_of`` lists."""
    if _asks_several(task):
        found: Reply = task.read_all(case, answers)
        return found
    (answer,) = answers
    reply: Reply = task.read(case, answer)
    return reply


def _asks_several(task: Any) -> bool:
    return hasattr(task, "read_all")  # what isinstance(task, Several) asks, in a tenth of the time, for every case


class Common(TypedDict):
    """The fields that cases of all tasks share."""

    id: str
    tags: Mapping[str, str]
    critical: bool
    group: str | None


COMMON = frozenset({"id", "tags", "critical", "group"})


def take(record: Record, required: Mapping[str, type], optional: Mapping[str, type]) -> Common:
    """Check a record's keys and types; give the fields that cases of all tasks share."""
    known = COMMON | required.keys() | optional.keys()
    for key in record.fields:
        if key not in known:
            raise MedevalError(f"{record.source}: {accepted('key', key, known)}")
    for key, kind in required.items():
        if key not in record.fields:
            raise MedevalError(
                f"{record.source}: key {key!r} is missing; required: {', '.join(sorted(required))}"
            )
        _typed(record, key, kind)
    for key, kind in optional.items():
        if record.fields.get(key) is not None:
            _typed(record, key, kind)
    return _common(record)


def _typed(record: Record, key: str, kind: type) -> None:
    value = record.fields[key]
    if not isinstance(value, kind):
        raise MedevalError(f"{record.source}: {key!r} is {_called(type(value))}; accepted: {_called(kind)}")
    if isinstance(value, str) and not value.strip():
        raise MedevalError(f"{record.source}: {key!r} is empty")


def _called(kind: type) -> str:
    names = {
        str: "a text",
        dict: "a mapping",
        list: "a list",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        type(None): "empty",
    }
    return names.get(kind, kind.__name__)


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
    group = fields.get("group")
    return Common(
        id=str(name),
        tags={str(key): str(value) for key, value in tags.items()},
        critical=critical,
        group=None if group is None else str(group),
    )
