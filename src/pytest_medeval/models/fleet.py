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
from pathlib import Path
from typing import Any

import ray as untyped_ray
from ray.exceptions import RayError, RayTaskError

from pytest_medeval.errors import MedevalError
from pytest_medeval.models.base import Burst, Identity, Settings, Streaming
from pytest_medeval.models.cargo import parts
from pytest_medeval.models.replica import Loading, Replica
from pytest_medeval.models.spec import LocalSpec
from pytest_medeval.models.sweep import Future, ReplicaDiedError, Seat, Sweep
from pytest_medeval.signals import handler_kept
from pytest_medeval.types import Request

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
        self._sent: dict[str, list[tuple[str, int, Any]]] = {}
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

    def ask(self, seat: Seat, what: str, *given: Any) -> Future:
        """Call a method of the replica on a seat."""
        return getattr(seat.actor, what).remote(*given)

    def send(self, seat: Seat, loading: Loading, missing: Sequence[str]) -> Mapping[str, str]:
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
        self._loading = Loading(spec, identity, settings)

    def stream(self, requests: Sequence[Request]) -> Iterator[Burst]:
        """Give answers as replicas finish their units."""
        crew = open_fleet(self._loading.settings.replicas, on_gpu=self.identity.device != "cpu")
        return Sweep(crew, self._loading, requests, self.notices).run()

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
        raise MedevalError(f"--medeval-engine=ray: {where}: {_line(error)}") from None
    return None


def start(more: Mapping[str, Any]) -> Path:
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


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
