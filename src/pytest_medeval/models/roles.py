"""Which model answers a task in a role? Candidate and baseline from the options, each opened once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Closing, kernel_of
from pytest_medeval.core.record import ROLES, HoldsProof, ModelRecord, TaskModel
from pytest_medeval.models import Model, ModelSpec, Settings, baseline_of, model_for, open_model, parse_specs
from pytest_medeval.models.hub import weights_on_disk
from pytest_medeval.models.proof.forms import holds
from pytest_medeval.models.spec import parse_model

NOBODY = "none"


@dataclass
class Roles:
    """Candidate and baseline of every task.

    ``candidates`` and ``baselines`` are the texts of ``--medeval-model`` and ``--medeval-baseline``.
    """

    candidates: Sequence[str]
    baselines: Sequence[str]
    root: Path
    settings: Settings
    _open: dict[ModelSpec, Model] = field(default_factory=dict)
    _held: dict[tuple[ModelSpec, ModelSpec | None], HoldsProof | None] = field(default_factory=dict)

    def spec(self, role: str, task: str) -> ModelSpec | None:
        """Find who answers a task in a role; a LoRA adapter's baseline is its own base unless another is named."""
        candidates = self._parsed("--medeval-model", self.candidates)
        candidate = model_for(candidates, task)
        if role == "candidate" or candidate is None:
            return candidate
        absent = {text.removesuffix(NOBODY) for text in self.baselines if _is_none(text)}
        named = model_for(
            self._parsed("--medeval-baseline", [text for text in self.baselines if not _is_none(text)]), task
        )
        if named is not None or "" in absent or f"{task}=" in absent:
            return named
        return baseline_of(candidate)

    def model(self, role: str, task: str) -> Model | None:
        """Open the model of a role, once; equal specs share it. What it holds of its baseline is measured first."""
        spec = self.spec(role, task)
        if spec is not None and role == "candidate":
            self._holds(spec, task)
        return None if spec is None else self._opened(spec)

    def _holds(self, candidate: ModelSpec, task: str) -> HoldsProof | None:
        pair = (candidate, self.spec("baseline", task))
        if pair not in self._held:
            self._held[pair] = holds(*pair)
        return self._held[pair]

    def weights(self, tasks: Sequence[str]) -> int:
        """Count the bytes of weights, as they are on disk, that candidate and baseline of some tasks load."""
        specs = (self.spec(role, task) for role in ("candidate", "baseline") for task in tasks)
        return weights_on_disk({spec for spec in specs if spec is not None})

    def _opened(self, spec: ModelSpec) -> Model:
        if spec not in self._open:
            self._open[spec] = open_model(spec, self.settings)
        return self._open[spec]

    def close(self) -> None:
        """End what the models began outside this process."""
        for model in self._open.values():
            if isinstance(model, Closing):
                model.close()

    def judge_spec(self, text: str) -> ModelSpec:
        """Read the SPEC of a judge."""
        try:
            return parse_model(text, self.root)
        except MedevalError as mistake:
            raise MedevalError(f"--medeval-judge: {mistake}") from None

    def judge(self, text: str) -> Model:
        """Open a judge, once."""
        return self._opened(self.judge_spec(text))

    def identities(self, task: str) -> dict[str, dict[str, TaskModel]]:
        """Give the identity of every role's model of a task: role -> task -> identity, with what a candidate holds."""
        models = {role: self.model(role, task) for role in ROLES}
        found = {role: _recorded(model) for role, model in models.items() if model is not None}
        candidate = self.spec("candidate", task)
        facts = None if candidate is None else self._holds(candidate, task)
        if facts is not None:
            found["candidate"]["holds"] = facts
        return {role: {task: identity} for role, identity in found.items()}

    @property
    def notices(self) -> list[str]:
        """List what the models want to be said once."""
        return [*self._asked_otherwise(), *(notice for model in self._open.values() for notice in model.notices)]

    def _asked_otherwise(self) -> Iterator[str]:
        """Say of each candidate and baseline whose prompts are known that they are not asked the same."""
        for pair in self._held:
            one, two = (self._open[spec].identity if spec in self._open else None for spec in pair)
            if one and two and one.tokenizer and two.tokenizer and one.chat_template != two.chat_template:
                yield f"{one.spec} and {two.spec} are asked by different chat templates"

    def _parsed(self, flag: str, texts: Sequence[str]) -> Mapping[str | None, ModelSpec]:
        try:
            return parse_specs(list(texts), self.root)
        except MedevalError as mistake:
            raise MedevalError(f"{flag}: {mistake}") from None


def _recorded(model: Model) -> TaskModel:
    """Say who a model is, and how it was computed so far."""
    found, kernel = model.identity.record(), kernel_of(model)
    return found if kernel is None else {**found, "kernel": kernel}


def _is_none(text: str) -> bool:
    return text == NOBODY or text.endswith(f"={NOBODY}")


def together(tasks: Mapping[str, TaskModel], spec: str) -> ModelRecord:
    """Describe a role whose tasks have models of their own: what they share, and each under ``tasks``."""
    identities = sorted(tasks.values(), key=lambda one: "kernel" not in one)  # one whose answers were stored has none
    if all({**identities[0], **identity} == identities[0] for identity in identities):
        return cast(ModelRecord, identities[0])  # only ``tasks`` is more, and need not be there
    parts = "".join(f"{task}:{tasks[task]['fingerprint']}" for task in sorted(tasks))
    digest = hashlib.sha256(parts.encode()).hexdigest()

    def shared(key: Literal["base", "adapter", "dtype", "device", "tokenizer", "chat_template"]) -> str | None:
        return identities[0][key] if len({one[key] for one in identities}) == 1 else None

    return {
        "spec": spec,
        "fingerprint": digest,
        "base": shared("base"),
        "adapter": shared("adapter"),
        "dtype": shared("dtype"),
        "device": shared("device"),
        "tokenizer": shared("tokenizer"),
        "chat_template": shared("chat_template"),
        "tasks": {task: tasks[task] for task in sorted(tasks)},
    }
