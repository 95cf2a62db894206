"""A replica: local models in a process of its own, perhaps on another machine. It knows nothing of who asks."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_medeval.errors import MedevalError
from pytest_medeval.models.base import Identity, Settings
from pytest_medeval.models.dispatch import Order
from pytest_medeval.models.hush import hush
from pytest_medeval.models.identity import identify
from pytest_medeval.models.spec import AdapterSpec, FolderSpec, LocalSpec
from pytest_medeval.models.units import Limits, Prompt
from pytest_medeval.types import Answer, Request

if TYPE_CHECKING:
    from pytest_medeval.models.local import LocalModel


@dataclass(frozen=True, slots=True)
class Loading:
    """A model that a replica shall have: by which it is also called."""

    spec: LocalSpec
    identity: Identity
    settings: Settings


@dataclass(frozen=True, slots=True)
class Opened:
    """What a loaded model can take, and what it has to say."""

    limits: Limits
    notices: tuple[str, ...]


class Replica:
    """Holds models. Files that were not on this machine lie in a folder of the run's own until ``forget``."""

    def __init__(self, run: str, threads: int | None = None) -> None:
        self._threads = threads
        self._models: dict[Loading, LocalModel] = {}
        self._folder = Path(tempfile.gettempdir()) / f"medeval-weights-{run}"

    def where(self) -> tuple[str, int]:
        """Give the name of this machine and the number of this process."""
        return socket.gethostname(), os.getpid()

    def open(self, loading: Loading, digests: Mapping[str, str]) -> Opened | list[str]:
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
        return Opened(model.limits, tuple(model.notices))

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

    def encode(self, loading: Loading, requests: tuple[Request, ...]) -> list[Prompt]:
        """Turn requests into token ids."""
        return self._models[loading].encode(requests)

    def compute(self, loading: Loading, order: Order) -> list[Answer]:
        """Answer the requests of a unit, in their order."""
        found = dict(self._models[loading].compute(order.unit, order.requests, order.prompts))
        return [found[index] for index in range(len(order.requests))]

    def rest(self, loading: Loading) -> None:
        """Let go of what was kept between units."""
        if loading in self._models:
            self._models[loading].rest()

    def forget(self) -> None:
        """Remove received files; models that are loaded stay."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _find(self, loading: Loading, digests: Mapping[str, str]) -> LocalSpec | list[str]:
        """Give the spec under which the files are here, or the parts that are missing."""
        if _is_here(loading.spec, loading):
            return loading.spec
        parts = ["base", "adapter"] if isinstance(loading.spec, AdapterSpec) else ["base"]
        missing = [part for part in parts if not (self._folder / digests.get(part, "?")).is_dir()]
        if missing:
            return missing
        spec = received_spec(loading.spec, {part: self._folder / digests[part] for part in parts})
        if not _is_here(spec, loading):
            raise MedevalError(f"{loading.spec.text}: what arrived in {self._folder} is another model")
        return spec

    def _load(self, loading: Loading, spec: LocalSpec) -> None:
        hush()
        from pytest_medeval.models.local import load_local  # imports torch

        if not loading.settings.keep or loading.settings.merge:  # weights that nobody shares: one such model a time
            for other in [one for one in self._models if not one.settings.keep or one.settings.merge]:
                del self._models[other]
        settings = replace(loading.settings, threads=loading.settings.threads or self._threads)
        self._models[loading] = load_local(spec, loading.identity, settings)


def received_spec(spec: LocalSpec, folders: Mapping[str, Path]) -> LocalSpec:
    """Give a spec whose files were received into ``folders``."""
    base = FolderSpec(spec.text, folders["base"], spec.variables)
    if not isinstance(spec, AdapterSpec):
        return base
    return AdapterSpec(spec.text, folders["adapter"], base, spec.variables)


def _is_here(spec: LocalSpec, loading: Loading) -> bool:
    """Say whether this machine has the very model that is wanted under a spec."""
    memory = loading.settings.cache
    settings = replace(loading.settings, cache=memory if memory and memory.is_dir() else None)
    try:
        return identify(spec, settings).fingerprint == loading.identity.fingerprint
    except (MedevalError, OSError):
        return False
