"""The run record on disk: checked against its schema, written whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import cast

from pytest_medeval.core.encodable import all_encodable
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.writing import json_lines, write_whole
from pytest_medeval.core.record import RunRecord
from pytest_medeval.core.signature import canonical, sha256


@cache
def schema() -> dict[str, object]:
    """Load the JSON schema of the record."""
    text = resources.files("pytest_medeval.runs").joinpath("record.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, object] = json.loads(text)
    return loaded


def problems(record: Mapping[str, object]) -> list[str]:
    """List where a record does not fit the schema, as ``path: message``."""
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema()).iter_errors(record)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


def write(record: Mapping[str, object], path: Path) -> None:
    """Write a record, a case a line; ``MedevalError`` when the disk refuses. NaN becomes null."""
    write_whole(path, json_lines(record), "the run record")


def read(path: Path) -> RunRecord:
    """Read a record; ``MedevalError`` for what is missing, broken, of another schema or not a record.

    A record that carries its own hash is proved by it, any other is held against the schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
        record: object = json.loads(text)
    except OSError as error:
        raise MedevalError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise MedevalError(f"{path}: is no run record: {error}") from None
    ours = _of_our_schema(record, path)
    if "sha256" in ours:
        found = digest(ours)
        if found != ours["sha256"]:
            raise MedevalError(
                f"{path}: was changed after it was saved: its SHA-256 is {found[:12]}, "
                f"it was {str(ours['sha256'])[:12]}"
            )
    elif wrong := problems(ours):
        raise MedevalError(f"{path}: is no valid run record: {wrong[0]}")
    # halves of surrogate pairs, which JSON holds as escapes alone, are marked
    return all_encodable(ours) if "\\ud" in text or "\\uD" in text else ours


def digest(record: Mapping[str, object]) -> str:
    """Hash a record without the hash that it carries."""
    return sha256(canonical({key: value for key, value in record.items() if key != "sha256"}))


def _of_our_schema(record: object, path: Path) -> RunRecord:
    ours = str(schema()["$id"])
    found = record.get("schema") if isinstance(record, dict) else None
    if found == ours:
        return cast(RunRecord, record)  # the schema says the same as the type; a test holds the two together
    number = re.fullmatch(r"medeval-run/(\d+)", str(found))
    newer = number is not None and int(number[1]) > int(ours.rpartition("/")[2])
    hint = "; a newer pytest-medeval wrote it, and can read it" if newer else ""
    raise MedevalError(f"{path}: schema is {found!r}; accepted: {ours!r}{hint}")
