"""Local models on many machines: replicas as actors of Ray.

One fleet a process serves all of its models, so candidate and baseline share one copy of their base in each replica.
``RAY_ADDRESS`` names the cluster; without it, one is started on this machine and stopped with the fleet. An idle
replica takes the next unit of work; one that dies is replaced, and its unit is asked again.
"""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import ray as untyped_ray
from ray.exceptions import RayError, RayTaskError

from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.core.fingerprint import fingerprint_files
from pytest_medeval.core.model import Burst, Identity, Settings, Streaming
from pytest_medeval.core.signals import handler_kept
from pytest_medeval.core.types import Request
from pytest_medeval.models.hub import FILES, model_folder
from pytest_medeval.models.local.batches import Limits
from pytest_medeval.models.ray.replica import TRIES, Deployment, Dispatch, Encode, Job, Opened, Replica
from pytest_medeval.models.spec import AdapterSpec, LocalSpec

# The files of a model in pieces, for machines that do not have them.

PIECE = 64 << 20
"""Bytes of a piece: far more than what sending one costs, far less than the memory of a machine."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One folder of a model: its files and the SHA-256 over their names and contents."""

    digest: str
    files: tuple[Path, ...]

    def pieces(self) -> Iterator[tuple[str, int, bytes]]:
        """Read name of a file, offset and bytes, piece by piece; an empty file is one empty piece."""
        for file in self.files:
            with file.open("rb") as stream:
                offset = 0
                while (data := stream.read(PIECE)) or not offset:
                    yield file.name, offset, data
                    offset += max(1, len(data))


def parts(spec: LocalSpec, memory: Path | None) -> dict[str, Bundle]:
    """List what a model consists of: ``base``, ``adapter`` where it has one, ``words`` where others' are used."""
    folders = {"base": model_folder(spec)}
    if isinstance(spec, AdapterSpec):
        folders["adapter"] = spec.folder
    elif spec.words:
        folders["words"] = spec.words
    found = {}
    for name, folder in folders.items():
        files = tuple(sorted(file for file in folder.iterdir() if any(file.match(kind) for kind in FILES)))
        found[name] = Bundle(fingerprint_files(files, memory=memory), files)
    return found


# One pass of many requests over a crew of replicas: who is at what, and what follows when it ends or
# dies.

Future: TypeAlias = Any
Step: TypeAlias = Job | Literal["start", "open"]


class ReplicaDiedError(Exception):
    """A replica ended before it had answered; its text says why."""


@dataclass
class Seat:
    """A place for a replica; who sits there may be replaced."""

    number: int
    actor: Future = None
    where: str = ""
    pid: int = 0
    ready: dict[Deployment, Limits] = field(default_factory=dict)
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

    def ask(self, seat: Seat, what: str, *given: object) -> Future:
        """Call a method of the replica on a seat."""

    def send(self, seat: Seat, loading: Deployment, missing: Sequence[str]) -> Mapping[str, str]:
        """Send parts of a model to a replica; give the names under which it has them."""

    def first(self, futures: Sequence[Future], *, starting: bool) -> Future:
        """Wait for what ends first; ``starting``: nothing but replicas that have no place yet is waited for."""

    def result(self, future: Future) -> Any:
        """Give what a future holds; ``ReplicaDiedError`` where its replica is gone."""


class Sweep:
    """Asks ``requests`` of one model; what the user should know goes into ``notices``."""

    def __init__(
        self, crew: Crew, loading: Deployment, requests: Sequence[Request], notices: list[str], **planning: int
    ) -> None:
        self._crew = crew
        self._loading = loading
        self._requests = requests
        self._notices = notices
        self._planning = planning
        self._work: Dispatch | None = None
        self.kernels: set[str] = set()
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
            if isinstance(step, Encode):
                return self._work.tokenised(step, found)
            answers, notices = found
            for notice in notices:
                self._tell(notice)
            return self._work.answered(step, answers)
        return []

    def _opened(self, seat: Seat, found: Opened | list[str]) -> None:
        """Note a loaded model; where its files are missing, send them."""
        if isinstance(found, list):
            names = self._crew.send(seat, self._loading, found)
            self._busy[self._crew.ask(seat, "open", self._loading, names)] = seat, "open"
            return
        seat.ready[self._loading] = found.limits
        self.kernels.update(filter(None, [found.kernel]))
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


ray: Any = untyped_ray
"""Some of its functions have types and some have none."""

STORE = 200 << 20
"""Bytes of the object store of a cluster that is started here: its replicas find all files on this machine."""

PATIENCE = 300.0
"""Seconds that replicas may wait for a place in the cluster while no other one works."""

_QUIETLY = {"log_to_driver": False, "configure_logging": False}
_LONGEST = 40
"""Letters of a temporary folder's name: paths of the sockets below it may not exceed 107."""


class Fleet:
    """``count`` replicas, each on one GPU or on its share of the CPUs; the default is one a GPU, or a machine."""

    def __init__(self, count: int | None = None, *, on_gpu: bool = False) -> None:
        self.run = secrets.token_hex(8)
        self.seats: list[Seat] = []
        self._sent: dict[str, list[tuple[str, int, Future]]] = {}
        """SHA-256 of a model's part -> its files in pieces: name, offset, bytes in the object store."""
        self._folder = _connect()
        try:
            found, self.share = _places(count, on_gpu=on_gpu)
        except BaseException:
            self.close()
            raise
        self.seats = [Seat(number + 1) for number in range(found)]

    def fill(self, seat: Seat) -> Future:
        """Put a new replica on a seat; the future gives name of the machine and number of the process."""
        make = ray.remote(Replica).options(**self.share, scheduling_strategy="SPREAD")
        threads = int(self.share["num_cpus"]) or None
        seat.actor, seat.pid, seat.ready = make.remote(self.run, threads), 0, {}
        return self.ask(seat, "where")

    def ask(self, seat: Seat, what: str, *given: object) -> Future:
        """Call a method of the replica on a seat."""
        return getattr(seat.actor, what).remote(*given)

    def send(self, seat: Seat, loading: Deployment, missing: Sequence[str]) -> Mapping[str, str]:
        """Send parts of a model to a replica through the object store, into which each is put once."""
        found = parts(loading.spec, loading.settings.cache)
        for name in missing:
            part = found[name]
            if part.digest not in self._sent:
                pieces = [(file, offset, ray.put(data)) for file, offset, data in part.pieces()]
                self._sent[part.digest] = pieces
            for file, offset, piece in self._sent[part.digest]:
                self.ask(seat, "receive", part.digest, file, offset, piece)
        return {name: part.digest for name, part in found.items()}

    def first(self, futures: Sequence[Future], *, starting: bool) -> Future:
        """Wait for what ends first; ``MedevalError`` when replicas find no place in the cluster for minutes."""
        ended, _ = ray.wait(list(futures), num_returns=1, timeout=PATIENCE if starting else None)
        if not ended:
            raise MedevalError(
                f"no replica could be started in {PATIENCE:.0f} s: one takes {_told(self.share)}, and of the "
                f"cluster's resources {_told(ray.available_resources())} are free"
            )
        return ended[0]

    def result(self, future: Future) -> Any:
        """Give what a future holds; ``ReplicaDiedError`` where its replica is gone."""
        try:
            return ray.get(future)
        except RayTaskError as error:
            raise error.cause from None
        except RayError as error:
            lines = str(error).strip().splitlines()
            raise ReplicaDiedError(lines[-1 if "creation task" in lines[0] else 0].strip()) from None

    def close(self) -> None:
        """End all replicas, and the cluster if it was started here."""
        taken = [seat for seat in self.seats if seat.actor is not None] if ray.is_initialized() else []
        if taken and self._sent:
            left = [self.ask(seat, "forget") for seat in taken]
            ray.wait(left, num_returns=len(left), timeout=10)
        for seat in taken:
            ray.kill(seat.actor)
        self.seats, self._sent = [], {}
        if self._folder is not None:
            ray.shutdown()
            shutil.rmtree(self._folder, ignore_errors=True)


_FLEETS: dict[tuple[int | None, bool], Fleet] = {}


def open_fleet(count: int | None, *, on_gpu: bool) -> Fleet:
    """Give this process's fleet; it is started when it is first asked for."""
    if (count, on_gpu) not in _FLEETS:
        _FLEETS[count, on_gpu] = Fleet(count, on_gpu=on_gpu)
        atexit.register(close_fleets)
    return _FLEETS[count, on_gpu]


def close_fleets() -> None:
    """End every replica that this process has."""
    atexit.unregister(close_fleets)
    while _FLEETS:
        _FLEETS.popitem()[1].close()


class FleetModel(Streaming):
    """One local model, in every replica of the fleet."""

    def __init__(self, spec: LocalSpec, identity: Identity, settings: Settings) -> None:
        self.identity = identity
        self.notices: list[str] = []
        self.kernel: str | None = None
        self._loading = Deployment(spec, identity, settings)

    def stream(self, requests: Sequence[Request]) -> Iterator[Burst]:
        """Give answers as replicas finish their units."""
        crew = open_fleet(self._loading.settings.replicas, on_gpu=self.identity.device != "cpu")
        sweep = Sweep(crew, self._loading, requests, self.notices)
        for burst in sweep.run():
            self.kernel = " and ".join(sorted(sweep.kernels)) or self.kernel  # machines may choose differently
            yield burst

    def close(self) -> None:
        """End the fleet, which all models of this process share."""
        close_fleets()


def _connect() -> Path | None:
    """Join the cluster of ``RAY_ADDRESS``, or start one here; give the folder that is then to be removed."""
    if ray.is_initialized():
        return None
    address = os.environ.get("RAY_ADDRESS")
    try:
        if not address:
            return start({})
        with handler_kept():
            ray.init(address=address, **_QUIETLY)
    except (RayError, OSError, RuntimeError, ValueError) as error:
        where = f"the cluster RAY_ADDRESS={address} cannot be reached" if address else "Ray cannot be started here"
        raise MedevalError(f"--medeval-engine=ray: {where}: {whole(error)}") from None
    return None


def start(more: Mapping[str, object]) -> Path:
    """Start a cluster on this machine alone, with its files in a folder of its own; ``more`` goes to ``ray.init``."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what it warns will become the default
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else one is left behind in the user's home
    logging.getLogger("ray").setLevel(logging.ERROR)  # it warns that it asks for tokens
    root = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="medeval-ray-", dir=root if len(root) < _LONGEST else "/tmp"))  # noqa: S108 - see _LONGEST
    here = {"include_dashboard": False, "object_store_memory": STORE, "_temp_dir": str(folder)}
    try:
        with handler_kept():
            ray.init(address="local", **here, **_QUIETLY, **more)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _places(count: int | None, *, on_gpu: bool) -> tuple[int, dict[str, float]]:
    """Say how many replicas there shall be, and what one takes of the cluster."""
    kind = "GPU" if on_gpu else "CPU"
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get(kind)]
    total = int(sum(machine[kind] for machine in machines))
    wanted = count or (total if on_gpu else len(machines))
    if not total or wanted > total:
        raise MedevalError(
            f"--medeval-engine=ray: the cluster has {total} {kind}s, too few for {max(wanted, 1)} replicas; "
            "accepted: --medeval-replicas of at most one a GPU, or with --medeval-device=cpu one a CPU"
        )
    if on_gpu:
        return wanted, {"num_gpus": 1, "num_cpus": 0}
    crowd = -(-wanted // len(machines))
    return wanted, {"num_cpus": max(1, int(min(machine[kind] for machine in machines)) // crowd)}


def _told(resources: Mapping[str, float]) -> str:
    named = {"CPU": "CPUs", "GPU": "GPUs", "num_cpus": "CPUs", "num_gpus": "GPUs"}
    return ", ".join(f"{resources[key]:g} {name}" for key, name in named.items() if resources.get(key)) or "none"
