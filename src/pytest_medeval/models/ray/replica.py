"""A replica: local models in a process of its own, perhaps on another machine. It knows nothing of who asks.

Which replica does what next? The work of one sweep over many requests; pure, no process is started here.

Requests are taken a slab at a time: replicas tokenise its parts, the units are planned here by the function that a
single process uses, and whoever is idle takes the next one. What a replica had taken when it died is given out again.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Identity, Settings
from pytest_medeval.core.types import Answer, Request
from pytest_medeval.models.hub import hush
from pytest_medeval.models.identity import identify
from pytest_medeval.models.local.batches import SLAB, Limits, Prompt, Unit, plan, unfit_answer
from pytest_medeval.models.spec import AdapterSpec, FolderSpec, LocalSpec

if TYPE_CHECKING:
    from pytest_medeval.models.local.model import LocalModel


TRIES = 3
"""Replicas that may die over one piece of work before it is taken for the cause."""


@dataclass(frozen=True, slots=True)
class Encode:
    """Tokenise the requests from ``first`` up to ``last``, of the slab that begins at ``slab``."""

    slab: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Compute:
    """Answer a unit of the slab that begins at ``slab``."""

    slab: int
    unit: Unit


Job: TypeAlias = Encode | Compute


@dataclass(frozen=True, slots=True)
class Order:
    """A unit with all that it takes to answer it; the words of its messages stay here."""

    unit: Unit
    requests: tuple[Request, ...]
    prompts: tuple[Prompt, ...]


class Dispatch:
    """Gives the work of ``requests`` to ``replicas`` that compute within ``limits``; takes in what was found."""

    def __init__(self, requests: Sequence[Request], replicas: int, limits: Limits, *, slab: int = SLAB) -> None:
        self._requests = requests
        self._replicas = replicas
        self._limits = limits
        self._slab = slab
        self._begun = 0
        """Requests of which the tokens are there or being made."""
        self._missing: set[Encode] = set()
        """Parts of the newest slab that are not tokenised yet."""
        self._prompts: dict[int, dict[int, Prompt]] = {}
        """Start of a slab -> index of a request -> its tokens."""
        self._open: Counter[int] = Counter()
        """Start of a slab -> its units that are not answered."""
        self._waiting: deque[Job] = deque()
        self._deaths: Counter[Job] = Counter()
        self._left = len(requests)

    @property
    def finished(self) -> bool:
        """Whether every request is answered."""
        return not self._left

    def take(self) -> Job | None:
        """Give the next piece of work, if there is one just now; the next slab is begun before this one runs dry."""
        if len(self._waiting) <= self._replicas and not self._missing and self._begun < len(self._requests):
            start, stop = self._begun, min(self._begun + self._slab, len(self._requests))
            size = -(-(stop - start) // self._replicas)
            parts = [Encode(start, at, min(at + size, stop)) for at in range(start, stop, size)]
            self._begun, self._missing, self._prompts[start] = stop, set(parts), {}
            self._waiting.extend(parts)
        return self._waiting.popleft() if self._waiting else None

    def order(self, job: Job) -> Order | tuple[Request, ...]:
        """Give what a replica must be told for a piece of work: requests to tokenise, or the order of a unit."""
        if isinstance(job, Encode):
            return tuple(self._requests[job.first : job.last])
        places = [job.slab + member for member in job.unit.members]
        return Order(
            replace(job.unit, members=tuple(range(len(places)))),
            tuple(replace(self._requests[place], messages=(), schema="") for place in places),
            tuple(self._prompts[job.slab][place] for place in places),
        )

    def tokenised(self, job: Encode, prompts: Sequence[Prompt]) -> list[tuple[int, Answer]]:
        """Take in tokens; with the last of a slab its units are planned. Gives the answers that need no model."""
        found = self._prompts[job.slab]
        found.update(zip(range(job.first, job.last), prompts, strict=True))
        self._missing.discard(job)
        if self._missing:
            return []
        indices = range(job.slab, job.slab + len(found))
        unfit, units = plan(
            [self._requests[index] for index in indices], [found[index] for index in indices], self._limits
        )
        self._waiting.extend(Compute(job.slab, unit) for unit in units)
        self._open[job.slab] = len(units)
        self._left -= len(unfit)
        answers = [(job.slab + place, unfit_answer(found[job.slab + place], reason)) for place, reason in unfit.items()]
        self._release(job.slab)
        return answers

    def answered(self, job: Compute, answers: Sequence[Answer]) -> list[tuple[int, Answer]]:
        """Take in the answers of a unit; those that a replica died over say that they were asked again."""
        if self._deaths.pop(job, 0):
            answers = [replace(answer, again=True) for answer in answers]
        self._left -= len(answers)
        self._open[job.slab] -= 1
        self._release(job.slab)
        return [(job.slab + member, answer) for member, answer in zip(job.unit.members, answers, strict=True)]

    def lost(self, job: Job, reason: str) -> str:
        """Put back what a replica had taken when it died, and say so; ``MedevalError`` when it killed several."""
        self._deaths[job] += 1
        size = job.last - job.first if isinstance(job, Encode) else len(job.unit.members)
        if self._deaths[job] == TRIES:
            raise MedevalError(f"{TRIES} replicas died over the same {size} requests: {reason}")
        self._waiting.appendleft(job)
        return f"its {size} requests are {'tokenised' if isinstance(job, Encode) else 'asked'} again"

    def _release(self, slab: int) -> None:
        if not self._open[slab]:
            del self._open[slab], self._prompts[slab]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model that a replica shall have: by which it is also called."""

    spec: LocalSpec
    identity: Identity
    settings: Settings


@dataclass(frozen=True, slots=True)
class Opened:
    """What a loaded model can take, and what it has to say."""

    limits: Limits
    notices: tuple[str, ...]
    kernel: str | None = None


class Replica:
    """Holds models. Files that were not on this machine lie in a folder of the run's own until ``forget``."""

    def __init__(self, run: str, threads: int | None = None) -> None:
        self._threads = threads
        self._models: dict[Deployment, LocalModel] = {}
        self._folder = Path(tempfile.gettempdir()) / f"medeval-weights-{run}"

    def where(self) -> tuple[str, int]:
        """Give the name of this machine and the number of this process."""
        return socket.gethostname(), os.getpid()

    def open(self, loading: Deployment, digests: Mapping[str, str]) -> Opened | list[str]:
        """Load a model whose files are here; give the names of the parts that are not.

        ``digests``: name of a part (``base``, ``adapter``) -> the name under which it was received; empty before
        anything was sent. Files count as here when their fingerprint is the one that is wanted.
        """
        if loading not in self._models:
            spec = self._find(loading, digests)
            if isinstance(spec, list):
                return spec
            self._load(loading, spec)
        model = self._models[loading]
        return Opened(model.limits, tuple(model.notices), model.kernel)

    def receive(self, digest: str, name: str, offset: int, data: bytes) -> None:
        """Write a piece of a file; replicas of one machine may write the same bytes side by side."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        folder = self._folder / digest
        folder.mkdir(exist_ok=True)
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            view, done = memoryview(data), 0
            while done < len(view):  # Linux writes at most 2 GiB at once
                done += os.pwrite(handle, view[done:], offset + done)
        finally:
            os.close(handle)

    def encode(self, loading: Deployment, requests: tuple[Request, ...]) -> list[Prompt]:
        """Turn requests into token ids."""
        return self._models[loading].encode(requests)

    def compute(self, loading: Deployment, order: Order) -> tuple[list[Answer], list[str]]:
        """Answer the requests of a unit, in their order; say what the model has to say by then."""
        model = self._models[loading]
        found = dict(model.compute(order.unit, order.requests, order.prompts))
        return [found[index] for index in range(len(order.requests))], model.notices

    def rest(self, loading: Deployment) -> None:
        """Let go of what was kept between units."""
        if loading in self._models:
            self._models[loading].rest()

    def forget(self) -> None:
        """Remove received files; models that are loaded stay."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _find(self, loading: Deployment, digests: Mapping[str, str]) -> LocalSpec | list[str]:
        """Give the spec under which the files are here, or the parts that are missing."""
        if _is_here(loading.spec, loading):
            return loading.spec
        own = isinstance(loading.spec, AdapterSpec)
        parts = ["base", *(["adapter"] if own else ["words"] if getattr(loading.spec, "words", None) else [])]
        missing = [part for part in parts if not (self._folder / digests.get(part, "?")).is_dir()]
        if missing:
            return missing
        spec = received_spec(loading.spec, {part: self._folder / digests[part] for part in parts})
        if not _is_here(spec, loading):
            raise MedevalError(f"{loading.spec.text}: what arrived in {self._folder} is another model")
        return spec

    def _load(self, loading: Deployment, spec: LocalSpec) -> None:
        hush()
        from pytest_medeval.models.local.model import load_local  # imports torch

        if not loading.settings.keep or loading.settings.merge:  # weights that nobody shares: one such model a time
            for other in [one for one in self._models if not one.settings.keep or one.settings.merge]:
                del self._models[other]
        settings = replace(loading.settings, threads=loading.settings.threads or self._threads)
        self._models[loading] = load_local(spec, loading.identity, settings)


def received_spec(spec: LocalSpec, folders: Mapping[str, Path]) -> LocalSpec:
    """Give a spec whose files were received into ``folders``."""
    base = FolderSpec(spec.text, folders["base"], spec.variables, folders.get("words"))
    if not isinstance(spec, AdapterSpec):
        return base
    return AdapterSpec(spec.text, folders["adapter"], base, spec.variables)


def _is_here(spec: LocalSpec, loading: Deployment) -> bool:
    """Say whether this machine has the very model that is wanted under a spec."""
    memory = loading.settings.cache
    settings = replace(loading.settings, cache=memory if memory and memory.is_dir() else None)
    try:
        return identify(spec, settings).fingerprint == loading.identity.fingerprint
    except (MedevalError, OSError):
        return False
