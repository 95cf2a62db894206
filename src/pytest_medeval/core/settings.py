"""What the user asked for: every option's value, checked, in one frozen object."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pytest_medeval.core.encodable import encodable
from pytest_medeval.core.errors import MedevalError, Mistakes
from pytest_medeval.core.options import AUTOMATIC, OPTIONS, Dtype, Option
from pytest_medeval.core.thoughts import Tags
from pytest_medeval.core.types import Verdict


class Decided(Protocol):
    """What a gate's outcome hangs on."""

    @property
    def suite(self) -> str:
        """The suite of the gate."""

    @property
    def verdict(self) -> Verdict:
        """What was found."""

    @property
    def waits(self) -> bool:
        """Whether it waits for a first reference."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What the user asked for, checked."""

    root: Path
    models: Sequence[str]
    baselines: Sequence[str]
    gates: Sequence[str]
    limit: int | None
    looks: int | None
    sequential: str
    seed: int
    data: Path | None
    batch_size: int | None
    concurrency: int
    rate: int | None
    timeout: int
    device: str
    dtype: Dtype
    engine: Literal["local", "ray"]
    replicas: int | None
    cache: Path | None
    thoughts: Tags
    date: dt.date
    json: Path | None
    html: Path | None
    markdown: Path | None
    card: Path | None
    reports: Sequence[tuple[str, Path]]
    evidence: Path | None
    save: str | None
    autosave: str
    compare: str | None
    storage: Path
    judges: Sequence[str]
    rubric_file: Path | None
    judge_sample: int | None
    judge_budget: str | None
    judge_reference: bool
    judge_labels: Path | None
    judge_floor: float
    judge_style: str | None
    judge_coverage: float
    divergence: str
    review: Path | None
    review_size: int
    humans: Sequence[Path]
    train_data: Sequence[Path]
    exclude_trained: str
    retention: float | None
    leak_share: float
    noise: int | None
    inconclusive: str
    allow_not_evaluated: frozenset[str]

    @property
    def saved_as(self) -> str | None:
        """Name the stored run, ``AUTOMATIC`` for commit and time; None where it is not stored."""
        if self.save is None or self.save == AUTOMATIC:
            return AUTOMATIC if self.save or self.autosave == "true" else None
        return self.save

    def gate_outcome(self, gate: Decided) -> Literal["passed", "failed", "skipped"]:
        """Say what a verdict means for the run: nothing but ``pass`` lets it pass unless the user said so."""
        if gate.verdict == "pass" or (gate.verdict == "inconclusive" and self.inconclusive == "pass"):
            return "passed"
        allowed = gate.waits or not self.allow_not_evaluated.isdisjoint({gate.suite, "all"})
        return "skipped" if gate.verdict == "not evaluated" and allowed else "failed"


def read_settings(get: Callable[[Option], object], root: Path, *, workers: bool = False) -> RunSettings:
    """Check every option's value, and what excludes each other; all mistakes are told together.

    ``get`` gives the raw text, a list of texts, or None; ``workers``: whether pytest-xdist has some.
    """
    values = {}
    mistakes = Mistakes()
    for option in OPTIONS:
        with mistakes:
            values[option.field] = option.check(option.flag, _text(option, get(option)), root)
    engine = values.get("engine")
    with mistakes:
        if engine == "ray" and workers:
            raise MedevalError("--medeval-engine=ray has replicas of its own; accepted: without -n of pytest-xdist")
    with mistakes:
        if values.get("replicas") is not None and engine == "local":
            raise MedevalError("--medeval-replicas counts those of Ray; accepted: with --medeval-engine=ray")
    with mistakes:
        if values.get("sequential") == "true":
            other = next((f"--medeval-{one}" for one in ("looks", "noise") if values.get(one) is not None), "")
            if other:
                raise MedevalError(f"--medeval-sequential looks after every batch; accepted: without {other}")
    mistakes.tell()
    return RunSettings(root=root, **values)


def _text(option: Option, value: object) -> object:
    """Refuse bytes that are no UTF-8: no file that the run leaves could name the value."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str) and encodable(one) != one:
            raise MedevalError(f"{option.flag}={encodable(one)}: found bytes that are no UTF-8; accepted: UTF-8")
    return value
