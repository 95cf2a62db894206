"""A case file into cases of a task; what cannot be used is kept as a ``Skip`` with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_medeval.cases.find import detect
from pytest_medeval.cases.formats import FORMATS, module_of
from pytest_medeval.errors import MedevalError
from pytest_medeval.tasks.base import Task
from pytest_medeval.types import Record, Skip, Source


def read_cases(path: Path, task: Task, format: str | None = None) -> tuple[list[Any], list[Skip]]:  # noqa: A002 - the word of `Suite`
    """Read the cases of one file, in its order, and the records of it that cannot be used.

    ``format`` is a name of ``FORMATS``; without it the format is found from suffix and keys. A wrong record of the
    native format is its author's mistake and raises ``MedevalError``; one of a published format becomes a ``Skip``.
    A file without a single record, and an id that occurs twice, raise ``MedevalError``.
    """
    name = detect(path) if format is None else format
    read = FORMATS.resolve(name)
    serves = module_of(name).TASK
    if serves not in (None, task.name):
        raise MedevalError(f"{path}: format {name!r} holds {serves} cases; the suite's task is {task.name!r}")
    cases: list[Any] = []
    skips: list[Skip] = []
    first: dict[str, Source] = {}
    for entry in read(path):
        made = _case(entry, task, own=name == "native")
        if isinstance(made, Skip):
            skips.append(made)
            continue
        if made.id in first:
            raise MedevalError(f"{made.source}: id {made.id!r} occurs twice; first at {first[made.id]}")
        first[made.id] = made.source
        cases.append(made)
    if not cases and not skips:
        raise MedevalError(f"{path}: no cases: the file holds no record")
    return cases, skips


def _case(entry: Record | Skip, task: Task, *, own: bool) -> Any:
    if isinstance(entry, Skip):
        return entry
    try:
        return task.case(entry)
    except MedevalError as error:
        if own:
            raise
        return Skip(entry.source, str(error).removeprefix(f"{entry.source}: "))
