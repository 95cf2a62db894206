"""The seam to a model: requests in, answers out, in the same order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from pytest_medeval.core.record import TaskModel
from pytest_medeval.core.thoughts import DEFAULT_TAGS, Tags
from pytest_medeval.core.types import Answer, Request

Burst: TypeAlias = Sequence[tuple[int, Answer]]
"""Answers that came together, each with the index of its request."""

Tick: TypeAlias = Callable[[int], None]
"""Called with the number of requests that have just been answered."""


def silent(_answered: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered, for the cache and the run record.

    ``fingerprint`` is a SHA-256 over weight bytes (base, adapter), tokenizer files and chat template: never
    a name. ``base`` and ``adapter`` are the SHA-256 of the weights of each, ``tokenizer`` and
    ``chat_template`` those of the tokenizer's files and of the template's text; ``None`` where there is no
    such part. ``date``: the day that the template is told, ``None`` where it does not ask.
    """

    spec: str
    fingerprint: str
    base: str | None = None
    adapter: str | None = None
    dtype: str | None = None
    device: str | None = None
    tokenizer: str | None = None
    chat_template: str | None = None
    date: str | None = None

    @classmethod
    def of(cls, model: TaskModel, spec: str) -> Identity:
        """Take it from a run record, under another SPEC."""
        return cls(
            spec,
            model["fingerprint"],
            model["base"],
            model["adapter"],
            model["dtype"],
            model["device"],
            model["tokenizer"],
            model["chat_template"],
        )

    def record(self) -> TaskModel:
        """Say it in the run record."""
        found: TaskModel = {
            "spec": self.spec,
            "fingerprint": self.fingerprint,
            "base": self.base,
            "adapter": self.adapter,
            "dtype": self.dtype,
            "device": self.device,
            "tokenizer": self.tokenizer,
            "chat_template": self.chat_template,
        }
        return found if self.date is None else {**found, "date": self.date}


@dataclass(frozen=True, slots=True)
class Traffic:
    """How hard a server may be asked.

    ``concurrency``: requests at once; ``timeout``: seconds that one try may take; ``retries``: further tries
    after a failed one; ``per_minute``: requests begun in a minute, ``None`` for no limit.
    """

    concurrency: int = 32
    timeout: float = 120.0
    retries: int = 4
    per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How to compute. ``auto`` is resolved when a model is opened.

    ``threads``: of one process, for a model on the CPU; ``None`` leaves torch's own choice. ``batch_size``:
    rows of one forward pass. ``cache``: folder of stored replies, ``None`` for none. ``traffic``: for models
    behind a server. ``storage``: folder of stored runs, for ``replay:RUN``. ``merge``: a LoRA adapter is added
    into a copy of its base's weights, where it is otherwise computed beside them; ``keep``: loaded weights stay
    for other models of the process. ``engine``: where local models compute, in this process or in ``replicas``
    that Ray runs (``None``: one a GPU, or a machine). ``thoughts``: the tags that enclose what is no part of a reply.
    ``date``: the day that chat templates are told.
    """

    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16", "int8", "nf4"] = "auto"
    threads: int | None = None
    batch_size: int | Literal["auto"] = "auto"
    cache: Path | None = None
    traffic: Traffic = Traffic()
    storage: Path = Path(".medeval/runs")
    merge: bool = False
    keep: bool = True
    engine: Literal["local", "ray"] = "local"
    replicas: int | None = None
    thoughts: Tags = DEFAULT_TAGS
    date: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())


class Model(Protocol):
    """Whoever answers."""

    @property
    def identity(self) -> Identity:
        """Say who answers; known before any weight is loaded."""

    @property
    def notices(self) -> list[str]:
        """List what the user should be told once, in the order it was noticed."""

    def answer(self, requests: Sequence[Request], tick: Tick = silent) -> list[Answer]:
        """Answer all requests; the answers stand in the order of the requests."""


@runtime_checkable
class Computing(Protocol):
    """A model that is computed here."""

    @property
    def kernel(self) -> str | None:
        """Say what multiplies the matrices on a CPU; ``None`` before weights are loaded, and elsewhere."""


def kernel_of(model: object) -> str | None:
    """Say what multiplies a model's matrices, where that is known."""
    return model.kernel if isinstance(model, Computing) else None


@runtime_checkable
class Streaming(Protocol):
    """A model that gives answers as they are there, so that each is stored before more is asked."""

    def stream(self, requests: Sequence[Request]) -> Iterator[Burst]:
        """Give what has just been answered, in any order, each index once.

        Whoever asks for the next burst has stored the one before: no more is under way than the model asks at once.
        """

    def answer(self, requests: Sequence[Request], tick: Tick = silent) -> list[Answer]:
        """Answer all requests; the answers stand in the order of the requests."""
        answers: dict[int, Answer] = {}
        for burst in self.stream(requests):
            answers.update(burst)
            tick(len(burst))
        return [answers[index] for index in range(len(requests))]


@runtime_checkable
class Closing(Protocol):
    """A model that has begun something outside this process, such as replicas."""

    def close(self) -> None:
        """End it; a later request begins it anew."""
