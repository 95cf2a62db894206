"""What ``runs list`` says of each stored run. It is kept beside the runs: to read and prove a record takes long.

The list decides nothing: whatever compares or shows a run reads and proves its record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import pytest_medeval
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import read_text
from pytest_medeval.core.files.writing import write_whole
from pytest_medeval.core.record import SuiteRecord
from pytest_medeval.core.signature import canonical, sha256
from pytest_medeval.core.types import Verdict
from pytest_medeval.runs.record import read
from pytest_medeval.runs.store import Stored, passed, stored
from pytest_medeval.verdicts.verdict import verdict_of

KEPT = ".listing.json"


class StoredSuite(TypedDict):
    """A suite of a stored run, with its headline metric."""

    cases: int
    complete: bool
    headline: str
    value: float | None


class StoredRun(TypedDict):
    """A stored run; one that cannot be read has an ``error`` and no more."""

    run: str
    path: str
    error: NotRequired[str]
    created: NotRequired[str]
    passed: NotRequired[bool]
    verdict: NotRequired[str]
    model: NotRequired[str | None]
    commit: NotRequired[str | None]
    dirty: NotRequired[bool | None]
    suites: NotRequired[dict[str, StoredSuite]]
    gates: NotRequired[dict[Verdict, int]]


class KeptRow(TypedDict):
    """A row with the state of the file that it describes: size, times of change in nanoseconds, number."""

    state: list[int]
    row: StoredRun


def listed(storage: Path) -> list[StoredRun]:
    """Describe the runs of a store, the oldest first; only those are read that are new or were changed."""
    before = _kept(storage)
    now: dict[str, KeptRow] = {}
    rows = []
    for run in stored(storage):
        name, state = run.path.name, _state(run.path)
        known = before.get(name)
        row = known["row"] if known and known["state"] == state else _row(run)
        if "error" not in row:
            now[name] = {"state": state, "row": row}
        rows.append(cast(StoredRun, {**row, "path": str(run.path)}))
    if now != before:
        _keep(storage, now)
    return rows


def _state(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _kept(storage: Path) -> Mapping[str, KeptRow]:
    """Give what was kept by this version; nothing where there is no such file, or it is not as it was written."""
    with suppress(MedevalError, OSError, ValueError, KeyError, TypeError, RecursionError):
        found = json.loads(read_text(storage / KEPT))
        if found["sha256"] == _digest(found["rows"]):
            return cast(Mapping[str, KeptRow], found["rows"])
    return {}


def _keep(storage: Path, rows: Mapping[str, KeptRow]) -> None:
    """Keep the rows; where the store cannot be written they are read again next time."""
    with suppress(MedevalError):
        text = json.dumps({"sha256": _digest(rows), "rows": rows})
        write_whole(storage / KEPT, text.encode(), "the list of runs")


def _digest(rows: object) -> str:
    """Hash rows together with the version that wrote them: another one may say more of a run."""
    return sha256(canonical([pytest_medeval.__version__, rows]))


def _row(run: Stored) -> StoredRun:
    """Describe a run; one that cannot be read is listed with the reason."""
    try:
        record = read(run.path)
    except MedevalError as mistake:
        return {"run": run.run, "path": str(run.path), "error": str(mistake)}
    repository, model, verdict = (
        record["environment"].get("repository"),
        record["models"].get("candidate"),
        verdict_of(record),
    )
    return {
        "run": run.run,
        "path": str(run.path),
        "created": record["created"],
        "passed": passed(record),
        "verdict": verdict.word,
        "model": model["spec"] if model else None,
        "commit": repository["commit"] if repository else None,
        "dirty": repository["dirty"] if repository else None,
        "suites": {name: _suite(suite) for name, suite in record["suites"].items()},
        "gates": verdict.counts,
    }


def _suite(suite: SuiteRecord) -> StoredSuite:
    headline = suite["metrics"].get(suite["headline"])
    return {
        "cases": suite["evaluated"],
        "complete": suite["complete"],
        "headline": suite["headline"],
        "value": headline["candidate"] if headline else None,
    }
