"""A task from the options that a suite gives it, each held against the type of its field; and back to plain data."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.types import plain
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.base import Task


def make(name: str, options: Mapping[str, object], folder: Path, *, beside: Collection[str]) -> Task:
    """Build the task ``name``; ``MedevalError`` names what is accepted, the suite's arguments ``beside`` included.

    A file that an option names and that lies in ``folder``, the suite's own, is named from the working directory.
    """
    kind = TASKS.resolve(name)
    known = {field.name: field for field in fields(kind) if not field.metadata.get("derived")}
    hints = get_type_hints(kind)
    for option, value in options.items():
        if option not in known:
            raise MedevalError(accepted(f"argument of a {name} suite", option, {*known, *beside}))
        _check_type(option, value, hints[option])
    placed = dict(options)
    for option, value in options.items():
        if known[option].metadata.get("file") and value is not None and (folder / str(value)).is_file():
            placed[option] = os.path.relpath(folder / str(value))
    task: Task = kind(**placed)
    return task


def _check_type(option: str, value: object, hint: object) -> None:
    """Hold an option's value against the type of the task's field: a literal, a plain type, or a union of them."""
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise MedevalError(accepted(option, value, map(str, get_args(hint))))
        return
    kinds: tuple[type, ...] = get_args(hint) or (hint,)
    numbers = (int, float) if float in kinds else ()
    if isinstance(value, (*kinds, *numbers)) and not (isinstance(value, bool) and bool not in kinds):
        return
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "nothing"}
    raise MedevalError(f"{option} is {value!r}; accepted: {' or '.join(names.get(kind, str(kind)) for kind in kinds)}")


def options_of(task: Task) -> dict[str, object]:
    """Give a task's options as plain data."""
    options = asdict(task)
    return {name: options[name] for name in plain(task)}
