"""The store: a folder of run records, numbered as pytest-benchmark numbers its own: ``0001_NAME.json``.

A file of the store is a whole run or is not there: it is written aside, forced to the disk and then given
its name. Its ``sha256`` covers everything else in it, so that a run which was edited later does not pass for
what was saved.

Beside the runs stands a file with a line for each attempt of a candidate on a suite, also of runs that are not saved: a
verdict that nobody kept was still seen.
"""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pytest_medeval.core.errors import MedevalError, NoFileError, NoneYetError
from pytest_medeval.core.files.door import place, read_bytes
from pytest_medeval.core.files.writing import PART, finite, json_bytes, write_new
from pytest_medeval.core.record import Repository, RunRecord
from pytest_medeval.runs.record import digest, read
from pytest_medeval.verdicts.attempts import ANY, Attempt, Attempts
from pytest_medeval.verdicts.verdict import decide

LATEST = "latest"
LATEST_OR_NONE = "latest-or-none"
"""The same, by whoever asks for it before the first release as well."""

RESERVED = (LATEST, LATEST_OR_NONE)

TRIES = 100
"""Numbers that are tried when other processes save at the same time."""

NAMED = 5
"""Runs that a message names."""

ABANDONED = 3600.0
"""Seconds after which a file that is still being written has lost its writer."""

ATTEMPTS = "attempts.jsonl"
TORN = " (torn)"
"""Ends a line whose writer was killed in the middle of it."""
CASES = ', "cases": ['
"""What stands before the longest part of a line, in which it is torn most likely."""

_FILE = re.compile(r"(\d{4,})_(.+)\.json")


@dataclass(frozen=True, slots=True)
class Stored:
    """A run in the store, known by its file name alone."""

    path: Path
    number: int
    name: str

    @property
    def run(self) -> str:
        """What tables show and options accept: ``0001_NAME``."""
        return self.path.stem


def stored(storage: Path) -> list[Stored]:
    """List the runs of a store, the oldest first; a store that does not exist yet is empty."""
    try:
        names = os.listdir(storage)  # noqa: PTH208 - a glob takes a folder that it may not read for an empty one
    except FileNotFoundError:
        if storage.is_symlink():
            raise MedevalError(f"{storage}: is a link to nothing; accepted: a folder of stored runs") from None
        return []
    except NotADirectoryError:
        raise MedevalError(f"{storage}: is a file; accepted: a folder of stored runs") from None
    except OSError as error:
        raise MedevalError(f"{storage}: cannot be read: {error.strerror}") from None
    found = [(name, _FILE.fullmatch(name)) for name in names]
    runs = [Stored(storage / name, int(match[1]), match[2]) for name, match in found if match]
    return sorted(runs, key=lambda run: (run.number, run.name))


def find(storage: Path, run: str, root: Path | None = None) -> Path:
    """Find a run by number, name (the newest of that name), both, ``latest``, or the path of a record.

    ``latest`` is the newest whole run that its own gates let pass: a refused release is no reference.
    ``NoneYetError`` where the store, read as a whole, has none.
    """
    runs = stored(storage)
    if run in RESERVED:
        return _latest(storage, runs).path
    matching = [one for one in runs if run in (one.run, one.path.name)]
    matching = matching or [one for one in runs if run == one.name][-1:]
    if not matching and re.fullmatch("[0-9]{1,9}", run):
        matching = [one for one in runs if one.number == int(run)]
    if len(matching) > 1:
        raise MedevalError(f"run {run!r} may be {_names(matching)}; accepted: one of these names in full")
    if matching:
        return matching[0].path
    path = place(run, root or Path())
    if path.is_file():
        return path
    known = _names(runs) if runs else "none is stored yet; --medeval-save stores one"
    raise MedevalError(
        f"no run {run!r} in {storage}; accepted: the path of a record, latest, or a run; stored: {known}"
    )


def load(storage: Path, run: str, root: Path | None = None) -> tuple[str, RunRecord]:
    """Read a run; give its name and its record."""
    path = find(storage, run, root)
    return path.stem, read(path)


def passed(record: RunRecord) -> bool:
    """Tell whether a run is whole and its gates let it pass."""
    whole = all(suite["complete"] for suite in record["suites"].values())
    return whole and not decide(record["gates"]).stopped


def save(record: RunRecord, storage: Path, name: str) -> Path:
    """Store a run under the next number; ``MedevalError`` when the disk refuses, with nothing left behind."""
    known = finite(record)
    content: RunRecord = {**known, "sha256": digest(known)}
    data = json_bytes(content, indent=None)  # an indent of any kind makes Python's writer slower many times
    try:
        storage.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MedevalError(f"{storage}: cannot be made: {error.strerror}") from None
    first = max((run.number for run in stored(storage)), default=0) + 1
    for number in range(first, first + TRIES):
        path = storage / f"{number:04d}_{name}.json"
        if write_new(path, data, "the stored run"):
            return path
    raise MedevalError(f"{storage}: no free number for the run after {TRIES} tries")


def rescue(record: RunRecord, name: str) -> Path | None:
    """Keep a run that the store refused in the folder for temporary files; None when that is full too."""
    try:
        return save(record, Path(tempfile.mkdtemp(prefix="medeval-")), name)
    except (MedevalError, OSError):
        return None


def automatic_name(repository: Repository | None, now: datetime) -> str:
    """Name a run by commit and time, in pytest-benchmark's form.

    >>> automatic_name({"commit": "0123456789abcdef", "dirty": True}, datetime(2026, 2, 1, 9, 30))
    '0123456789ab_20260201_093000_uncommitted-changes'
    """
    commit = repository["commit"][:12] if repository else "unversioned"
    dirty = "_uncommitted-changes" if repository and repository["dirty"] else ""
    return f"{commit}_{now:%Y%m%d_%H%M%S}{dirty}"


def prune(storage: Path, keep: int) -> Iterator[Path]:
    """Remove all but the newest ``keep`` runs and the one that ``latest`` means; also abandoned parts."""
    runs = stored(storage)
    spared = set(_spared(runs))
    old = [run.path for run in runs[: max(0, len(runs) - keep)] if run not in spared]
    for path in [
        *old,
        *(part for part in sorted(storage.glob(f".*{PART}")) if time.time() - part.stat().st_mtime > ABANDONED),
    ]:
        try:
            path.unlink()
        except OSError as error:
            raise MedevalError(f"{path}: cannot be removed: {error.strerror}") from None
        yield path


def _spared(runs: list[Stored]) -> Iterator[Stored]:
    """Give the run that ``latest`` means, and newer ones that cannot be read: each may have been it."""
    for run in reversed(runs):
        try:
            if passed(read(run.path)):
                yield run
                return
        except MedevalError:
            yield run


def _latest(storage: Path, runs: list[Stored]) -> Stored:
    if not runs:
        raise NoneYetError(f"no run is stored in {storage} yet; --medeval-save stores one")
    for run in reversed(runs):
        if passed(read(run.path)):  # one that cannot be read ends the search: it may have been the latest
            return run
    raise NoneYetError(
        f"no run in {storage} is whole and passed its gates: {_names(runs)}; name the one to compare with"
    )


def _names(runs: list[Stored]) -> str:
    shown = ", ".join(run.run for run in runs[-NAMED:])
    return f"{len(runs) - NAMED} older, {shown}" if len(runs) > NAMED else shown


def read_attempts(storage: Path, looks: int | None) -> Attempts:
    """Read what the store knows; ``MedevalError`` where a line is none of ours.

    A last line without its end is what a kill leaves: it is ended as torn, and counts as an attempt from then on.
    """
    path = storage / ATTEMPTS
    try:
        *lines, last = read_bytes(path).decode("utf-8", "backslashreplace").split("\n")
    except NoFileError:
        return Attempts(looks=looks)
    if last:
        _append(path, [f"{TORN}\n"])
        lines.append(last + TORN)
    known = [_parsed(path, at, text) for at, text in enumerate(lines, start=1)]
    notices = [f"{path}:{len(lines)}: torn when its run was killed; it counts as an attempt"] if last else []
    return Attempts(known, looks, notices=notices)


def _parsed(path: Path, place: int, text: str) -> Attempt:
    torn = text.endswith(TORN)
    text = text.removesuffix(TORN)
    try:
        return _attempt(text)
    except (ValueError, KeyError, TypeError, RecursionError):
        if torn:
            return _torn(text)
        raise MedevalError(
            f"{path}:{place}: no attempt: {text[:40]!r}; accepted: the lines that runs wrote, unchanged"
        ) from None


def _torn(text: str) -> Attempt:
    """Give an attempt whose cases are unknown; one of any suite and candidate where these are lost too."""
    try:
        return _attempt(f"{text.partition(CASES)[0]}{CASES}]}}")
    except (ValueError, KeyError, TypeError, RecursionError):
        return Attempt(suite=ANY, candidate="", reference=None, share=0.0, cases=[])


def _attempt(text: str) -> Attempt:
    found = json.loads(text)
    return Attempt(
        suite=str(found["suite"]),
        candidate=str(found["candidate"]),
        reference=found["reference"],
        share=float(found["share"]),
        cases=[str(one) for one in found["cases"]],
    )


def write_attempts(storage: Path, new: Sequence[Mapping[str, object]]) -> None:
    """Add this run's attempts, each in one write and on the disk; ``MedevalError`` when that refuses."""
    _append(storage / ATTEMPTS, [f"{json.dumps(attempt)}\n" for attempt in new])


def _append(path: Path, lines: Sequence[str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            for line in lines:
                if file.write(line.encode()) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
    except OSError as error:
        raise MedevalError(f"{path}: attempts are not counted, it cannot be written: {error.strerror}") from None
