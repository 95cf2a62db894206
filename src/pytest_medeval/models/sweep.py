"""One pass of many requests over a crew of replicas: who is at what, and what follows when it ends or dies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from pytest_medeval.errors import MedevalError
from pytest_medeval.models.base import Burst
from pytest_medeval.models.dispatch import TRIES, Dispatch, Encode, Job
from pytest_medeval.models.replica import Loading, Opened
from pytest_medeval.models.units import Limits
from pytest_medeval.types import Request

Future: TypeAlias = Any
Step: TypeAlias = Job | Literal["start", "open"]


class ReplicaDiedError(Exception):
    """A replica ended before it had answered; its text says why."""


@dataclass
class Seat:
    """A place for a replica; who sits there may be replaced."""

    number: int
    actor: Any = None
    where: str = ""
    pid: int = 0
    ready: dict[Loading, Limits] = field(default_factory=dict)
    """The models that it has, and what they can take."""
    deaths: int = 0
    """How often in a row a replica died here before it had done any work."""

    def __str__(self) -> str:
        place = f" ({self.where}, process {self.pid})" if self.pid else ""
        return f"replica {self.number}{place}"


class Crew(Protocol):
    """Whoever runs replicas; ``Fleet`` does it with Ray."""

    @property
    def seats(self) -> Sequence[Seat]:
        """The places, of which there is one a replica."""

    def fill(self, seat: Seat) -> Future:
        """Put a new replica on a seat; the future gives name of the machine and number of the process."""

    def ask(self, seat: Seat, what: str, *given: Any) -> Future:
        """Call a method of the replica on a seat."""

    def send(self, seat: Seat, loading: Loading, missing: Sequence[str]) -> Mapping[str, str]:
        """Send parts of a model to a replica; give the names under which it has them."""

    def first(self, futures: Sequence[Future], *, starting: bool) -> Future:
        """Wait for what ends first; ``starting``: nothing but replicas that have no place yet is waited for."""

    def result(self, future: Future) -> Any:
        """Give what a future holds; ``ReplicaDiedError`` where its replica is gone."""


class Sweep:
    """Asks ``requests`` of one model; what the user should know goes into ``notices``."""

    def __init__(
        self, crew: Crew, loading: Loading, requests: Sequence[Request], notices: list[str], **planning: int
    ) -> None:
        self._crew = crew
        self._loading = loading
        self._requests = requests
        self._notices = notices
        self._planning = planning
        self._work: Dispatch | None = None
        self._busy: dict[Future, tuple[Seat, Step]] = {}

    def run(self) -> Iterator[Burst]:
        """Give the index of each request with its answer, a unit at a time as they are done."""
        if not self._requests:
            return
        try:
            for seat in self._crew.seats:
                self._man(seat)
            self._feed()
            while self._work is None or not self._work.finished:
                starting = all(step == "start" for _, step in self._busy.values())
                future = self._crew.first(list(self._busy), starting=starting)
                burst = self._settle(future, *self._busy.pop(future))
                if burst:
                    yield burst
                self._feed()
        finally:
            for seat in self._crew.seats:
                if self._loading in seat.ready:
                    self._crew.ask(seat, "rest", self._loading)

    def _man(self, seat: Seat) -> None:
        """See that a seat has a replica, and that it has the model."""
        if seat.actor is None:
            self._busy[self._crew.fill(seat)] = seat, "start"
        elif self._loading not in seat.ready:
            self._busy[self._crew.ask(seat, "open", self._loading, {})] = seat, "open"

    def _settle(self, future: Future, seat: Seat, step: Step) -> Burst:
        """Take in what a replica has done; what a dead one had taken is put back."""
        try:
            found = self._crew.result(future)
        except ReplicaDiedError as error:
            self._mourn(seat, step, str(error))
            return []
        if step == "start":
            seat.where, seat.pid = found
            self._man(seat)
        elif step == "open":
            self._opened(seat, found)
        elif self._work is not None:
            seat.deaths = 0
            done = self._work.tokenised if isinstance(step, Encode) else self._work.answered
            return done(step, found)  # type: ignore[arg-type]  # each takes the kind of step that it is chosen by
        return []

    def _opened(self, seat: Seat, found: Opened | list[str]) -> None:
        """Note a loaded model; where its files are missing, send them."""
        if isinstance(found, list):
            names = self._crew.send(seat, self._loading, found)
            self._busy[self._crew.ask(seat, "open", self._loading, names)] = seat, "open"
            return
        seat.ready[self._loading] = found.limits
        for notice in found.notices:
            self._tell(notice)

    def _feed(self) -> None:
        """Give every idle replica the next piece of work, which the first one that is ready sets the limits of."""
        busy = {seat.number for seat, _ in self._busy.values()}
        for seat in self._crew.seats:
            if self._loading in seat.ready and seat.number not in busy:
                if self._work is None:
                    limits = seat.ready[self._loading]
                    self._work = Dispatch(self._requests, len(self._crew.seats), limits, **self._planning)
                job = self._work.take()
                if job is None:
                    return
                what = "encode" if isinstance(job, Encode) else "compute"
                future = self._crew.ask(seat, what, self._loading, self._work.order(job))
                self._busy[future] = seat, job

    def _mourn(self, seat: Seat, step: Step, reason: str) -> None:
        """Put a new replica in a dead one's place; its work goes back to the others."""
        seat.deaths += 1
        if seat.deaths == TRIES:
            raise MedevalError(f"replica {seat.number} died {TRIES} times before it had done anything: {reason}")
        again = "it had begun nothing"
        if self._work and not isinstance(step, str):
            again = self._work.lost(step, reason)
        self._tell(f"{self._loading.identity.spec}: {seat} died: {again}")
        self._busy[self._crew.fill(seat)] = seat, "start"

    def _tell(self, notice: str) -> None:
        if notice not in self._notices:
            self._notices.append(notice)
