"""A case file into cases of a task; what cannot be used is kept as a ``Skip`` with its reason."""

from __future__ import annotations

import glob
import os.path
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_medeval.core.errors import MedevalError, Mistakes
from pytest_medeval.core.files.rows import form, keys
from pytest_medeval.core.types import Case, Record, Skip
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.base import Task
from pytest_medeval.tasks.cases.columns import MAPPED, Columns, read_mapped, stranger, to_paste
from pytest_medeval.tasks.cases.folders import shards
from pytest_medeval.tasks.cases.formats import FORMATS

# Which files are meant, and which format they have.

YAML_SUFFIXES = (".yaml", ".yml")


def detect(path: Path, task: Task | None = None) -> str:
    """Find a file's format from its first record, or where it has no keys from its suffix and what it begins with.

    Raises ``MedevalError`` with the keys that were found and the formats that are known; for a ``task`` also with the
    keys that it needs, and a map of the file's columns to them.
    """
    suffix = path.suffix.lower()
    if suffix in YAML_SUFFIXES:
        return "native"
    for name in FORMATS:
        module = FORMATS.module(name)
        if getattr(module, "SUFFIX", None) == suffix and getattr(module, "fits", lambda _: True)(path):
            return name
    found = keys(path)
    found_form = form(path)
    # our own format asks for little more than an id, so it comes after all others, and third parties'; no table has it
    names = sorted((name for name in FORMATS if found_form == "json" or not own(name)), key=own)
    known = next((name for name in names if _fits(name, frozenset(found))), "")
    if known and not (task and own(known) and stranger(found, task)):
        return known
    told = ", ".join(name or "(no name)" for name in found) or "(none)"
    way = f"; {to_paste(path, task)}" if task and found else ""
    raise MedevalError(
        f"{path}: unknown format: the first record has the keys {told}{way}; known formats: {', '.join(FORMATS)}"
    )


def _fits(name: str, found: frozenset[str]) -> bool:
    module = FORMATS.module(name)
    alternatives = getattr(module, "KEYS", ())
    return any(one <= found for one in alternatives) and not getattr(module, "WITHOUT", frozenset()) & found


def own(name: str) -> bool:
    """Say whether the author of a suite writes files of a format."""
    return bool(getattr(FORMATS.module(name), "OWN", False))


def expand(patterns: str | Sequence[str], base: Path) -> list[Path]:
    """Give the files that paths and globs mean, relative to ``base``; in order, each one once.

    Raises ``MedevalError`` for a pattern that no file matches.
    """
    found: dict[Path, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        for path in _matches(pattern, base):
            found.setdefault(path)
    return list(found)


def _matches(pattern: str, base: Path) -> list[Path]:
    # not pathlib: absolute patterns are accepted, and a name that is too long is no file, not an OSError
    exact = base / pattern
    if os.path.isfile(exact):  # noqa: PTH113 - see above
        return [exact]
    full = os.path.join(glob.escape(str(base)), pattern)  # noqa: PTH118 - see above
    found = sorted(glob.glob(full, recursive=True))  # noqa: PTH207 - see above
    files = [Path(path) for path in found if os.path.isfile(path)]  # noqa: PTH113 - see above
    folder = bool(pattern.strip()) and os.path.isdir(exact)  # noqa: PTH112 - see above
    files = files or (shards(exact) if folder else [])
    if not files:
        kind = "a folder without files of cases" if folder else "no such file"
        raise MedevalError(
            f"cases {pattern!r}: {kind} (looked in {base}); accepted: a file, a folder of a data set, or a pattern such"
            " as cases/*.jsonl"
        )
    return files


def read_cases(
    path: Path,
    task: Task,
    format: str | None = None,  # noqa: A002 - the word that a Suite uses
    columns: Columns | None = None,
) -> tuple[list[Case], list[Skip]]:
    """Read the cases of one file, in its order, and the records of it that cannot be used.

    ``format`` is a name of ``FORMATS``; without it the format is found from suffix and keys. ``columns`` maps keys of a
    case to columns of a file of any layout. A wrong record of the native format is its author's mistake and raises
    ``MedevalError``; one of another format becomes a ``Skip``. A file without a single record, one of which a map makes
    no case, and an id that occurs twice, raise ``MedevalError``.
    """
    if columns is not None:
        usable, skips = _read(read_mapped(path, columns), task, strict=False)
        wrong = next((skip for skip in skips if not usable or skip.reason.startswith("unknown key")), None)
        if wrong:
            raise MedevalError(f"{wrong.source}: columns make no case of this record: {wrong.reason}")
    else:
        name = detect(path, task) if format is None else format
        read = FORMATS.resolve(name)
        serves = getattr(FORMATS.module(name), "TASK", None)
        if serves not in (None, task.name):
            raise MedevalError(
                f"{path}: format {name!r} holds cases of task {serves!r}; the suite's task is {task.name!r}"
            )
        with FORMATS.blamed(name, f"cannot read {path}"):
            usable, skips = _read(read(path), task, strict=own(name))
    if not usable and not skips:
        raise MedevalError(f"{path}:1: no cases: the file holds no record; accepted: at least one")
    return _distinct(usable), skips


def _read(entries: Iterable[Record | Skip], task: Task, *, strict: bool) -> tuple[list[Case], list[Skip]]:
    usable: list[Case] = []
    skips: list[Skip] = []
    mistakes = Mistakes()
    for entry in entries:
        with mistakes:
            made = _case(entry, task, strict=strict)
            if isinstance(made, Skip):
                skips.append(made)
            else:
                usable.append(made)
    mistakes.tell()
    return usable, skips


def read_files(
    paths: Sequence[Path],
    task: Task,
    format: str | None = None,  # noqa: A002 - the word that a Suite uses
    columns: Columns | None = None,
) -> tuple[list[Case], list[Skip]]:
    """Read the cases of several files as those of one.

    Some files have no ids, and their records are counted (``mie-0000``). Where a later file would have those of an
    earlier one, its ids and groups begin with its stem (``test-mie-0000``). Ids of the records' own stay.
    """
    cases: list[Case] = []
    skips: list[Skip] = []
    for path in paths:
        found, left = read_cases(path, task, format, columns)
        taken = {case.id for case in cases} & {case.id for case in found}
        if taken:
            name = MAPPED if columns is not None else format or detect(path)
            counted = re.compile(rf"{name.split(':')[0]}-\d{{4,}}(-\d+)?")
            found = [_of_file(case, path.stem) for case in found] if all(map(counted.fullmatch, taken)) else found
        cases += found
        skips += left
    return cases, skips


def _of_file(case: Case, stem: str) -> Case:
    return replace(case, id=f"{stem}-{case.id}", group=None if case.group is None else f"{stem}-{case.group}")


def check_records(records: Iterable[Record], task: Task) -> list[Case]:
    """Make cases of records that a suite's author wrote; a wrong one, or an id given twice, raises."""
    cases, mistakes = [], Mistakes()
    for record in records:
        with mistakes:
            cases.append(_made(_told_apart(record), task))
    mistakes.tell()
    return _distinct(cases)


def _case(entry: Record | Skip, task: Task, *, strict: bool) -> Case | Skip:
    if isinstance(entry, Skip):
        return entry
    try:
        return _made(_told_apart(entry) if strict else entry, task)
    except MedevalError as error:
        if strict:
            raise
        return Skip(entry.source, str(error).removeprefix(f"{entry.source}: "))


def _made(record: Record, task: Task) -> Case:
    with TASKS.blamed(task.name, f"cannot read {record.source}"):
        return task.case(record)


def _told_apart(record: Record) -> Record:
    """Insist on options that people can tell apart; of published data such questions are known, and counted."""
    options = record.fields.get("options")
    texts = {name: _plain(text) for name, text in options.items()} if isinstance(options, dict) else {}
    alike = [name for name, text in texts.items() if text and list(texts.values()).count(text) > 1]
    if alike:
        told = f"options {' and '.join(map(str, alike))} have one text"
        raise MedevalError(f"{record.source}: {told}; accepted: texts that differ")
    return record


def _plain(text: object) -> str:
    """Give a text as people see it: what has no width goes, and blanks are alike."""
    seen = (one for one in unicodedata.normalize("NFKC", str(text)) if unicodedata.category(one) != "Cf")
    return " ".join("".join(seen).split())


def _distinct(cases: list[Case]) -> list[Case]:
    """Insist on ids that people can tell apart: blanks and their Unicode form do not."""
    first: dict[str, Case] = {}
    mistakes = Mistakes()
    for case in cases:
        with mistakes:
            seen = first.setdefault(_plain(case.id), case)
            if seen is not case:
                same = "" if seen.id == case.id else f", but for blanks or Unicode form, as {seen.id!r}"
                told = f"id {case.id!r} occurs twice{same}; first at {seen.source}; accepted: an id of its own"
                raise MedevalError(f"{case.source}: {told}")
    mistakes.tell()
    return cases
