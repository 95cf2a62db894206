"""A case file into cases of a task; what cannot be used is kept as a ``Skip`` with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_medeval.cases.find import detect
from pytest_medeval.cases.formats import FORMATS, module_of
from pytest_medeval.errors import MedevalError
from pytest_medeval.tasks.base import Task
from pytest_medeval.types import Record, Skip, Source


def read_cases(
    path: Path,
    task: Task,
    format: str | None = None,  # noqa: A002 - the word that a Suite uses
) -> tuple[list[Any], list[Skip]]:
    """Read the cases of one file, in its order, and the records of it that cannot be used.

    ``format`` is a name of ``FORMATS``; without it the format is found from suffix and keys. A wrong
    record of the native format is its author's mistake and raises ``MedevalError``; one of a published
    format becomes a ``Skip``. A file without a single record, and an id that occurs twice, raise
    ``MedevalError``.
    """
    name = detect(path) if format is None else format
    read = FORMATS.resolve(name)
    serves = getattr(module_of(name), "TASK", None)
    if serves not in (None, task.name):
        raise MedevalError(
            f"{path}: format {name!r} holds cases of task {serves!r}; the suite's task is {task.name!r}"
        )
    usable: list[Any] = []
    skips: list[Skip] = []
    for entry in read(path):
        made = _case(entry, task, own=name == "native")
        (skips if isinstance(made, Skip) else usable).append(made)
    if not usable and not skips:
        raise MedevalError(f"{path}: no cases: the file holds no record")
    return _distinct(usable), skips


def check_records(records: Iterable[Record], task: Task) -> list[Any]:
    """Make cases of records that a suite's author wrote; a wrong one, or an id given twice, raises."""
    return _distinct([task.case(record) for record in records])


def _case(entry: Record | Skip, task: Task, *, own: bool) -> Any:
    if isinstance(entry, Skip):
        return entry
    try:
        return task.case(entry)
    except MedevalError as error:
        if own:
            raise
        return Skip(entry.source, str(error).removeprefix(f"{entry.source}: "))


def _distinct(cases: list[Any]) -> list[Any]:
    first: dict[str, Source] = {}
    for case in cases:
        if case.id in first:
            raise MedevalError(f"{case.source}: id {case.id!r} occurs twice; first at {first[case.id]}")
        first[case.id] = case.source
    return cases
