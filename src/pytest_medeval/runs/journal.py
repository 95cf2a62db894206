"""What the controller knows of a run: the suites as they were collected, and every evaluation as it came in.

All of it is plain JSON data, because with workers it comes from other processes. Workers leave what they collected
as a file in a folder that the controller made, so that it is known even of a worker that crashed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from pytest_medeval.core.errors import OthersError
from pytest_medeval.core.record import (
    BatchesRecord,
    CaseEntry,
    NoiseMeasured,
    PartRecord,
    SamplingRecord,
    ShotsRecord,
    SkippedRecord,
    TaskModel,
    TrainedCases,
    TunedFor,
)
from pytest_medeval.core.signature import case_signature
from pytest_medeval.tasks.base import Sampled
from pytest_medeval.tasks.making import options_of

if TYPE_CHECKING:
    from pytest_medeval.runs.suite import Resolved
    from pytest_medeval.verdicts.clusters import Declared
    from pytest_medeval.verdicts.leakage import TrainedOn

LISTED = 50
"""Cases that were left out, and skipped records, that are named one by one; all are counted."""


class SuiteManifest(TypedDict):
    """A collected suite: what it holds, how it is scored, what it must reach. Evidence files keep it."""

    name: str
    task: str
    options: Mapping[str, object]
    source: str
    cases: list[str]
    contents: dict[str, str]
    """Case -> hash of what it asks and what is right."""
    critical: list[str]
    total: int
    skipped: list[SkippedRecord]
    gates: list[str]
    metrics: list[str]
    pairs: str
    signature: str
    cluster: Declared | None
    """None where the suite says nothing of its clusters."""
    part: NotRequired[PartRecord]
    trained: NotRequired[TrainedOn]
    """What of the cases the candidate was trained on, where something says so."""
    excluded_trained: NotRequired[TrainedCases]
    retention: NotRequired[TunedFor]
    """What the candidate must not have lost, where that was asked."""
    shots: NotRequired[ShotsRecord]
    sampling: NotRequired[SamplingRecord]


class Collected(TypedDict):
    """What a process collected."""

    mistakes: list[str]
    suites: list[SuiteManifest]


class Carried(TypedDict):
    """What the report of a test carries; all but the evaluation comes with the first of a suite."""

    entry: NotRequired[CaseEntry]
    models: NotRequired[dict[str, dict[str, TaskModel]]]
    usage: NotRequired[dict[str, float]]
    noise: NotRequired[dict[str, NoiseMeasured]]
    batches: NotRequired[dict[str, BatchesRecord]]


def manifest(suite: Resolved, root: Path) -> SuiteManifest:
    """Give a collected suite as plain data."""
    made: SuiteManifest = {
        "name": suite.name,
        "task": suite.task.name,
        "options": options_of(suite.task),
        "source": str(suite.source).removeprefix(f"{root}{os.sep}"),
        "cases": [case.id for case in suite.cases],
        "contents": {case.id: case_signature(case) for case in suite.cases},
        "critical": [case.id for case in suite.cases if case.critical],
        "total": suite.total,
        "skipped": [
            {"source": str(skip.source).removeprefix(f"{root}{os.sep}"), "reason": skip.reason} for skip in suite.skips
        ],
        "gates": [str(gate) for gate in suite.gates],
        "metrics": [metric.name for metric in suite.metrics],
        "pairs": suite.pairs,
        "signature": suite.signature,
        "cluster": suite.cluster,
    }
    if suite.part:
        made["part"] = suite.part
    if suite.trained:
        asked = set(made["cases"])
        made["trained"] = {**suite.trained, "leaks": [leak for leak in suite.trained["leaks"] if leak["id"] in asked]}
    if suite.left_out:
        names = [leak["id"] for leak in suite.left_out["leaks"]]
        made["excluded_trained"] = {"count": len(names), "cases": names[:LISTED], "files": suite.left_out["files"]}
    if suite.retention:
        made["retention"] = suite.retention
    if suite.shots:
        made["shots"] = {
            "count": suite.shots.count,
            "by": suite.shots.by,
            "source": suite.shots.source,
            "usable": suite.shots.usable,
            "asked": suite.shots.asked,
            "repeated": suite.shots.repeated,
        }
    task: object = suite.task
    if isinstance(task, Sampled) and task.temperature:  # nothing is said where replies are greedy
        made["sampling"] = {"temperature": task.temperature, "top_p": task.top_p, "seed": suite.seed}
        if task.draws > 1:
            made["sampling"]["draws"] = task.draws
    return made


@dataclass
class Journal:
    """Grows while tests run; the record is made of it at the end."""

    suites: dict[str, SuiteManifest] = field(default_factory=dict)
    entries: dict[str, dict[str, CaseEntry]] = field(default_factory=dict)
    models: dict[str, dict[str, TaskModel]] = field(default_factory=dict)
    """role -> task -> identity."""
    usage: dict[str, float] = field(default_factory=dict)
    noise: dict[str, NoiseMeasured] = field(default_factory=dict)
    """suite -> what its sentinel cases gave when they were answered in other ways."""

    batches: dict[str, BatchesRecord] = field(default_factory=dict)
    """suite -> how far it was asked, where that was in batches."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    """What of another package failed, and how: the record is made without it, and the run fails."""

    undefined: dict[str, str] = field(default_factory=dict)
    """Metric ``TASK.NAME`` of another package that raised when it was to score the suite -> how."""

    @contextmanager
    def without(self, what: str) -> Iterator[None]:
        """Go on without what another package's code should have given."""
        try:
            yield
        except OthersError as fault:
            if (what, str(fault)) not in self.faults:
                self.faults.append((what, str(fault)))

    def collected(self, manifests: Iterable[SuiteManifest]) -> None:
        """Take in suites as a process collected them."""
        for facts in manifests:
            self.suites[facts["name"]] = facts

    def note(self, message: Carried) -> None:
        """Take in what a test's report carried: an evaluation, identities of models, usage."""
        if "entry" in message:
            entry = message["entry"]
            self.entries.setdefault(entry["suite"], {}).setdefault(entry["id"], entry)
        for role, tasks in message.get("models", {}).items():
            self.models.setdefault(role, {}).update(tasks)
        self.noise.update(message.get("noise", {}))
        self.batches.update(message.get("batches", {}))
        for name, amount in message.get("usage", {}).items():
            self.usage[name] = self.usage.get(name, 0) + amount

    def ordered(self, suite: str) -> list[CaseEntry]:
        """Give a suite's evaluations in the order of its file, whatever order they came in."""
        entries = self.entries.get(suite, {})
        return [entries[case] for case in self.suites[suite]["cases"] if case in entries]

    def missing(self, suite: str) -> list[str]:
        """Name the cases of a suite that were collected and not evaluated, though nothing was decided early."""
        spared = self.batches[suite]["not_asked"] if suite in self.batches else ()
        done = {*self.entries.get(suite, {}), *spared}
        return [case for case in self.suites[suite]["cases"] if case not in done]


def leave(folder: Path, name: str, data: Collected) -> None:
    """Write a worker's collection for the controller: whole, or not at all."""
    partial = folder / f".{name}.part"
    partial.write_text(json.dumps(data), encoding="utf-8")  # escaped: names of files may be no UTF-8
    partial.replace(folder / f"{name}.json")


def gather(folder: Path) -> list[Collected]:
    """Read what the workers left, in a fixed order."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
