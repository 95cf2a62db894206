"""The run record on disk: checked against its schema, written whole or not at all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_medeval.errors import MedevalError


@cache
def schema() -> dict[str, Any]:
    """Load the JSON schema of the record."""
    text = resources.files("pytest_medeval.runs").joinpath("record.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def problems(record: Mapping[str, Any]) -> list[str]:
    """List where a record does not fit the schema, as ``path: message``."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - only records that are read or written need it

    errors = Draft202012Validator(schema()).iter_errors(record)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


def write(record: Mapping[str, Any], path: Path) -> None:
    """Write a record; ``MedevalError`` when the disk refuses. NaN has no place in JSON and becomes null."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(json.dumps(_finite(record), ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise MedevalError(f"{path}: the run record cannot be written: {error.strerror}") from None


def read(path: Path) -> dict[str, Any]:
    """Read a record; ``MedevalError`` for what is missing, broken, of another schema or not a record."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MedevalError(f"{path}: cannot be read: {error.strerror}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise MedevalError(f"{path}: is no run record: {error}") from None
    found = record.get("schema") if isinstance(record, dict) else None
    if found != schema()["$id"]:
        raise MedevalError(f"{path}: schema is {found!r}; accepted: {schema()['$id']!r}")
    wrong = problems(record)
    if wrong:
        raise MedevalError(f"{path}: is no valid run record: {wrong[0]}")
    checked: dict[str, Any] = record
    return checked


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
