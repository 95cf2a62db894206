"""The run record on disk: checked against its schema, written whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_medeval.core.encodable import all_encodable
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.writing import json_lines, write_whole
from pytest_medeval.core.signature import canonical, sha256


@cache
def schema() -> dict[str, Any]:
    """Load the JSON schema of the record."""
    text = resources.files("pytest_medeval.runs").joinpath("record.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def problems(record: Mapping[str, Any]) -> list[str]:
    """List where a record does not fit the schema, as ``path: message``."""
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema()).iter_errors(record)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


def write(record: Mapping[str, Any], path: Path) -> None:
    """Write a record, a case a line; ``MedevalError`` when the disk refuses. NaN becomes null."""
    write_whole(path, json_lines(record), "the run record")


def read(path: Path) -> dict[str, Any]:
    """Read a record; ``MedevalError`` for what is missing, broken, of another schema or not a record.

    A record that carries its own hash is proved by it, any other is held against the schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
        record = json.loads(text)
    except OSError as error:
        raise MedevalError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise MedevalError(f"{path}: is no run record: {error}") from None
    _of_our_schema(record, path)
    if "sha256" in record:
        found = digest(record)
        if found != record["sha256"]:
            raise MedevalError(
                f"{path}: was changed after it was saved: its SHA-256 is {found[:12]}, "
                f"it was {str(record['sha256'])[:12]}"
            )
        return _marked(record, text)
    wrong = problems(record)
    if wrong:
        raise MedevalError(f"{path}: is no valid run record: {wrong[0]}")
    return _marked(record, text)


def _marked(record: dict[str, Any], text: str) -> dict[str, Any]:
    """Give a record without halves of surrogate pairs, which JSON holds as escapes alone."""
    marked: dict[str, Any] = all_encodable(record) if "\\ud" in text or "\\uD" in text else record
    return marked


def digest(record: Mapping[str, Any]) -> str:
    """Hash a record without the hash that it carries."""
    return sha256(canonical({key: value for key, value in record.items() if key != "sha256"}))


def _of_our_schema(record: Any, path: Path) -> None:
    ours = schema()["$id"]
    found = record.get("schema") if isinstance(record, dict) else None
    if found == ours:
        return
    number = re.fullmatch(r"medeval-run/(\d+)", str(found))
    newer = number is not None and int(number[1]) > int(ours.rpartition("/")[2])
    hint = "; a newer pytest-medeval wrote it, and can read it" if newer else ""
    raise MedevalError(f"{path}: schema is {found!r}; accepted: {ours!r}{hint}")
