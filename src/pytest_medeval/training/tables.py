"""TOML tables into frozen dataclasses, key by key: unknown names, missing keys and wrong types are one line."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pytest_medeval.errors import MedevalError, accepted

T = TypeVar("T")
GIVEN = ("file", "published")
"""Fields that the command line fills in, not the file."""


def build(kind: type[T], entries: Mapping[str, Any], where: str) -> T:
    """Make a dataclass of a table, checking names and types of all keys; mistakes begin with ``where``."""
    hints = typing.get_type_hints(kind)
    for key in entries:
        if key not in hints:
            raise MedevalError(where + accepted("key", key, (name for name in hints if name not in GIVEN)))
    values = {key: _value(hints[key], value, where, key) for key, value in entries.items()}
    for item in dataclasses.fields(kind):  # type: ignore[arg-type]  # T is always one of the dataclasses above
        if (
            item.name not in values
            and item.default is dataclasses.MISSING
            and item.default_factory is dataclasses.MISSING
        ):
            raise MedevalError(f"{where}key {item.name!r} is missing")
    return kind(**values)


def _value(hint: Any, value: Any, where: str, key: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise MedevalError(f"{where}{key!r} is {value!r}; accepted: a table [{key}]")
        return build(hint, value, f"{where}[{key}] ")
    origin = typing.get_origin(hint)
    if (
        origin is list
        and dataclasses.is_dataclass(item := typing.get_args(hint)[0])
        and isinstance(item, type)
    ):
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise MedevalError(f"{where}{key!r} is {value!r}; accepted: tables [[{key}]]")
        return [build(item, entry, f"{where}[[{key}]] ") for entry in value]
    if origin is Literal:
        if value not in typing.get_args(hint):
            raise MedevalError(where + accepted(key, value, typing.get_args(hint)))
        return value
    plain = origin or hint
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(plain, type | types.UnionType) and (
        not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool)
    ):
        raise MedevalError(f"{where}{key!r} is {value!r}; accepted: {getattr(plain, '__name__', plain)}")
    return value
