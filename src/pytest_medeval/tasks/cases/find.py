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
from pytest_medeval.core.files.jsontext import Document, open_document
from pytest_medeval.core.types import Case, Record, Skip
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.base import Task
from pytest_medeval.tasks.cases.formats import FORMATS
from pytest_medeval.tasks.cases.formats.tables import header

# Which files are meant, and which format they have.

YAML_SUFFIXES = (".yaml", ".yml")
TABLES = {".csv": ",", ".tsv": "\t"}
"""Suffixes of tables with a header, and what divides their columns."""


def detect(path: Path) -> str:
    """Find a file's format from its first record, or where it has no keys from its suffix and what it begins with.

    Raises ``MedevalError`` with the keys that were found and the formats that are known.
    """
    suffix = path.suffix.lower()
    if suffix in YAML_SUFFIXES:
        return "native"
    for name in FORMATS:
        module = FORMATS.module(name)
        if getattr(module, "SUFFIX", None) == suffix and getattr(module, "fits", lambda _: True)(path):
            return name
    keys = _keys(path, suffix)
    # our own format asks for little more than an id, so it comes after all others, third parties' too
    for name in sorted(FORMATS, key=own):
        module = FORMATS.module(name)
        if (
            any(one <= keys for one in getattr(module, "KEYS", ()))
            and not getattr(module, "WITHOUT", frozenset()) & keys
        ):
            return name
    found = ", ".join(sorted(keys)) or "(none)"
    raise MedevalError(
        f"{path}: unknown format: the first record has the keys {found}; known formats: {', '.join(FORMATS)}"
    )


def _keys(path: Path, suffix: str) -> frozenset[str]:
    """Give the keys of the first record, or the columns of a table."""
    if suffix in (".json", ".jsonl"):
        return _first_keys(open_document(path))
    if suffix in TABLES:
        return header(path, TABLES[suffix])
    raise MedevalError(
        f"{path}: no format has the suffix {suffix!r};"
        f" accepted: .json, .jsonl, .yaml, .csv, .tsv, .txt, or format= one of {', '.join(FORMATS)}"
    )


def own(name: str) -> bool:
    """Say whether the author of a suite writes files of a format."""
    return bool(getattr(FORMATS.module(name), "OWN", False))


def _first_keys(document: Document) -> frozenset[str]:
    """Give the keys of the first record: of the first object in an array, on a line, or keyed by an id."""
    start = document.skip(0)
    if document.text[start] == "[":
        value: object = next((element for _, element in document.elements(start)), None)
        if value is None:
            raise MedevalError(f"{document.file}: no cases: the array is empty")
    else:
        value = document.decode(start)[0]
    while isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return frozenset()
    keyed = next(iter(value.values()), None)
    if isinstance(keyed, dict) and all(isinstance(member, dict) for member in value.values()):
        value = keyed
    return frozenset(value)


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
    if not files:
        kind = "it is a folder" if os.path.isdir(exact) else "no such file"  # noqa: PTH112 - see above
        raise MedevalError(
            f"cases {pattern!r}: {kind} (looked in {base}); accepted: a file, or a pattern such as cases/*.jsonl"
        )
    return files


def read_cases(
    path: Path,
    task: Task,
    format: str | None = None,  # noqa: A002 - the word that a Suite uses
) -> tuple[list[Case], list[Skip]]:
    """Read the cases of one file, in its order, and the records of it that cannot be used.

    ``format`` is a name of ``FORMATS``; without it the format is found from suffix and keys. A wrong
    record of the native format is its author's mistake and raises ``MedevalError``; one of a published
    format becomes a ``Skip``. A file without a single record, and an id that occurs twice, raise
    ``MedevalError``.
    """
    name = detect(path) if format is None else format
    read = FORMATS.resolve(name)
    serves = getattr(FORMATS.module(name), "TASK", None)
    if serves not in (None, task.name):
        raise MedevalError(f"{path}: format {name!r} holds cases of task {serves!r}; the suite's task is {task.name!r}")
    usable: list[Case] = []
    skips: list[Skip] = []
    mistakes = Mistakes()
    with FORMATS.blamed(name, f"cannot read {path}"):
        for entry in read(path):
            with mistakes:
                made = _case(entry, task, strict=own(name))
                if isinstance(made, Skip):
                    skips.append(made)
                else:
                    usable.append(made)
    mistakes.tell()
    if not usable and not skips:
        raise MedevalError(f"{path}:1: no cases: the file holds no record; accepted: at least one")
    return _distinct(usable), skips


def read_files(paths: Sequence[Path], task: Task, format: str | None = None) -> tuple[list[Case], list[Skip]]:  # noqa: A002
    """Read the cases of several files as those of one.

    Some published formats have no ids, and readers count records (``mie-0000``). Where a later file would have those of
    an earlier one, its ids and groups begin with its stem (``test-mie-0000``). Ids of the records' own stay.
    """
    cases: list[Case] = []
    skips: list[Skip] = []
    for path in paths:
        found, left = read_cases(path, task, format)
        taken = {case.id for case in cases} & {case.id for case in found}
        if taken:
            counted = re.compile(rf"{(format or detect(path)).split(':')[0]}-\d{{4,}}(-\d+)?")
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
