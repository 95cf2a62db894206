"""The run record on disk: checked against its schema, written whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import cast

from pytest_medeval.core.encodable import all_encodable
from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.files.door import beyond
from pytest_medeval.core.files.jsontext import Document, check_schema, open_document
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

    A record that carries its own hash is proved by it; of its cases one of each shape is held against the schema.
    """
    document = open_document(path, wanted="a run record")
    found: object = replace(document, proved=True).data  # hashed as it was written, looked over below
    record = _of_our_schema(document, found)
    if far := beyond(found):
        raise document.mistake(replace(document, proved=True).find(far[0]), far[1])
    told: Mapping[str, object] = {**record}
    if "sha256" in record:
        digested = digest(record)
        if digested != record["sha256"]:
            raise MedevalError(
                f"{document.at('sha256')}: was changed after it was saved: its SHA-256 is {digested[:12]}, "
                f"it was {str(record['sha256'])[:12]}; accepted: a run record as it was stored"
            )
        told = {**record, "cases": _first_of_each_shape(document, record.get("cases"))}
    check_schema(document, told, schema(), str(schema()["$id"]))
    _check_references(document, record)
    # halves of surrogate pairs, which JSON holds as escapes alone, are marked
    return all_encodable(record) if "\\ud" in document.text or "\\uD" in document.text else record


def _first_of_each_shape(document: Document, cases: object) -> object:
    """Hold one case of each shape against the schema: thousands of cases have few; give what is left to check."""
    if not isinstance(cases, list):
        return cases
    case = {"$ref": "#/$defs/CaseEntry", "$defs": schema()["$defs"]}
    for number, one in {_shape(one): (number, one) for number, one in enumerate(cases)}.values():
        check_schema(document, one, case, str(schema()["$id"]), ("cases", number))
    return []


def _shape(value: object) -> object:
    """Give what the schema asks of a value, but for its texts and numbers: two cases of one shape both fit or not."""
    if isinstance(value, dict):
        return frozenset((key, _shape(inner)) for key, inner in value.items())
    return frozenset(map(_shape, value)) if isinstance(value, list) else type(value)


def _check_references(document: Document, record: RunRecord) -> None:
    """Insist that the suites that cases and gates name are there."""
    named = [("cases", number, case["suite"]) for number, case in enumerate(record["cases"])]
    named += [("gates", number, gate["suite"]) for number, gate in enumerate(record["gates"])]
    for key, number, suite in named:
        if suite not in record["suites"]:
            raise MedevalError(f"{document.at(key, number, 'suite')}: {accepted('suite', suite, record['suites'])}")
    for name, facts in record["suites"].items():
        found = facts.get("confusion")
        if found and (told := _not_square(len(found["labels"]), found["matrix"])):
            raise MedevalError(f"{document.at('suites', name, 'confusion', 'matrix')}: {told}")


def _not_square(labels: int, matrix: Sequence[Sequence[float]]) -> str:
    """Say what a confusion matrix lacks; a column more than labels counts what could not be read."""
    if len(matrix) != labels:
        return f"matrix has {len(matrix)} rows; accepted: {labels}, one a label"
    if {len(row) for row in matrix} not in ({labels}, {labels + 1}):
        return f"matrix has rows of other lengths; accepted: {labels} numbers each, or one more for what is unread"
    return ""


def digest(record: Mapping[str, object]) -> str:
    """Hash a record without the hash that it carries."""
    return sha256(canonical({key: value for key, value in record.items() if key != "sha256"}))


def _of_our_schema(document: Document, record: object) -> RunRecord:
    ours = str(schema()["$id"])
    found = record.get("schema") if isinstance(record, dict) else None
    if found == ours:
        return cast(RunRecord, record)  # the schema says the same as the type; a test holds the two together
    number = re.fullmatch(r"medeval-run/(\d{1,9})", str(found))
    newer = number is not None and int(number[1]) > int(ours.rpartition("/")[2])
    hint = "; a newer pytest-medeval wrote it, and can read it" if newer else ""
    raise MedevalError(f"{document.at('schema')}: schema is {found!r}; accepted: {ours!r}{hint}")
