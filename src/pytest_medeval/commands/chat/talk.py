"""One exchange after another: a case in, both replies out, with scores where the right answer is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

from pytest_medeval.core.types import Case, Message, Metric
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.details import DETAILS, details_of
from pytest_medeval.models import Model
from pytest_medeval.runs.engine import Scored, score
from pytest_medeval.tasks import Task
from pytest_medeval.tasks.base import requests_of


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one model replied.

    ``broken``: safety rules that the reply breaks. ``added``: lines that are shown below the reply because of
    them; they are no part of it, and are not scored.
    """

    scored: Scored
    seconds: float
    broken: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One message and both replies; ``known``: whether the case brought the right answer."""

    time: str
    case: Case
    known: bool
    messages: tuple[Message, ...]
    replies: Mapping[str, Said]


@dataclass
class Talk:
    """A session with the models of one task.

    Every message is asked alone, in the prompt of a suite, so that what is seen here is what a test will see:
    earlier messages are not part of it.
    """

    task: Task
    models: Mapping[str, Model]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    exchanges: list[Exchange] = field(default_factory=list)
    started: str = ""
    _metrics: tuple[Metric, ...] | None = None
    _told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.started = self.started or self.now()

    def now(self) -> str:
        """Tell the time, to the second."""
        return self.clock().isoformat(timespec="seconds")

    def notices(self) -> list[str]:
        """Give what the models want to be said, each once."""
        new = [text for model in self.models.values() for text in model.notices if text not in self._told]
        self._told.update(new)
        return list(dict.fromkeys(new))

    def ask(self, case: Case, *, known: bool) -> Exchange:
        """Ask every model; an answer that cannot be had is an outcome and stops nothing."""
        requests = requests_of(self.task, case)
        replies = {}
        for role, model in self.models.items():
            started = perf_counter()
            answers = tuple(model.answer(requests))
            seconds = perf_counter() - started
            scored = score(case, answers, self.task, self._scored_by(known=known))
            replies[role] = self._said(case, scored, seconds)
        exchange = Exchange(time=self.now(), case=case, known=known, messages=requests[0].messages, replies=replies)
        self.exchanges.append(exchange)
        return exchange

    def _scored_by(self, *, known: bool) -> Sequence[Metric]:
        if known and self._metrics is None:
            self._metrics = metrics_for(self.task)
        return self._metrics or () if known else ()

    def _said(self, case: Case, scored: Scored, seconds: float) -> Said:
        heard = scored.outcome != "error"
        with DETAILS.blamed(self.task.name):
            broken = details_of(self.task).broken(self.task, case, scored.reply) if heard else {}
        return Said(scored=scored, seconds=seconds, broken=tuple(broken), added=tuple(filter(None, broken.values())))
