"""``schema``: the JSON schema of ``*.medeval.yaml``, for editors that check a file while it is written.

It follows from the tables of tasks, the options of their suites, and the keys of their cases. It says what an editor
can know of a file alone: what is missing, spelt wrongly or of another type. A run checks more.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pytest_medeval.commands.parser import Parser
from pytest_medeval.runs.suite import ARGUMENTS, Suite
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.base import Common, Keys
from pytest_medeval.tasks.cases.columns import Columns

Schema = dict[str, object]

TYPED: Schema = {"type": ["string", "number"]}
"""A text of a case: what is typed as a number is read as it was typed."""
INSIDE: Schema = {"type": ["string", "number", "boolean"]}
_PLAIN: Mapping[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
_OF_CASES: Mapping[object, Schema] = {
    str: TYPED,
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    list: {"type": "array"},
    dict: {"type": "object", "additionalProperties": INSIDE},
    Mapping: {"type": "object", "additionalProperties": INSIDE},
}


def main(arguments: Sequence[str]) -> int:
    """Print the schema."""
    told = "print it as a file, such as suites/medeval.schema.json, and begin a suite with the line "
    modeline = "# yaml-language-server: $schema=medeval.schema.json"
    parser = Parser(prog="medeval schema", description=__doc__, epilog=f'{told}"{modeline}"', allow_abbrev=False)
    parser.parse_args(arguments)
    sys.stdout.write(text())
    return 0


def text() -> str:
    """Write the schema as a file."""
    return json.dumps(schema(), indent=1) + "\n"


def schema() -> Schema:
    """Make the schema (draft 7, which editors know best): for each task what its suites and its cases may say."""
    names = sorted(TASKS)
    rules = [
        {"if": {"required": ["task"], "properties": {"task": {"const": name}}}, "then": _suite(name)} for name in names
    ]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A suite of pytest-medeval",
        "type": "object",
        "required": ["task", "cases"],
        "properties": {"task": {"enum": names}},
        "allOf": rules,
    }


def _suite(name: str) -> Schema:
    kind = TASKS.resolve(name)
    hints = get_type_hints(kind)
    options = {one.name: _typed(hints[one.name]) for one in fields(kind) if not one.metadata.get("derived")}
    inline = {"type": "array", "minItems": 1, "items": _case(getattr(kind, "keys", None))}
    said = get_type_hints(Suite.__init__, localns={"Columns": Columns})
    shared = {one: _typed(said[one]) for one in sorted(ARGUMENTS)}
    cases = {"anyOf": [inline, shared["cases"]]}
    return {
        "description": inspect.getdoc(kind) or "",
        "properties": {"task": {}, **shared, "cases": cases, **options},
        "additionalProperties": False,
    }


def _case(keys: Keys | None) -> Schema:
    """Describe a case; of a task that says nothing of its keys any are accepted."""
    common = {name: _key(kind) for name, kind in get_type_hints(Common).items()}
    if keys is None:
        return {"type": "object", "required": ["id"], "properties": common}
    own = {name: _key(kind) for name, kind in {**keys.required, **keys.optional}.items()}
    return {
        "type": "object",
        "required": ["id", *keys.required],
        "properties": {**common, **own},
        "additionalProperties": False,
    }


_UNIONS = (Union, UnionType)


def _key(kind: Any) -> Schema:
    """Describe the value of a key of a case, where texts are read as they were typed."""
    if get_origin(kind) in _UNIONS:
        return {"anyOf": [_key(one) for one in get_args(kind)]}
    return _OF_CASES.get(get_origin(kind) or kind, {})


def _typed(hint: Any) -> Schema:
    """Describe the value of a key above the cases, where YAML's own types hold."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in _UNIONS:
        return {"anyOf": [_typed(one) for one in inner]}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object"}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return {"type": "array", "items": _typed(inner[0])}
    return {"type": _PLAIN[hint]} if hint in _PLAIN else {}
