"""What the schema lets through cannot end a reader: a record with every key there is, spoiled place by place."""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.page_record import whole_record

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.report.card import model_index
from pytest_medeval.report.html.page import page
from pytest_medeval.report.markdown import markdown
from pytest_medeval.report.outline import outline_of
from pytest_medeval.report.terminal import terminal
from pytest_medeval.runs.record import problems, read, schema

DEFS = schema()["$defs"]
VALUES = (None, True, 0, -1, 1e308, "", "x", [], {}, [None], [[]], {"a": None}, ["x", 3])
SECONDS = 10.0


def resolved(node: Any) -> Any:
    """Give what a reference means, and of alternatives the one that is not null."""
    if "$ref" in node:
        return DEFS[node["$ref"].rpartition("/")[2]]
    if "type" not in node and "anyOf" in node:
        return resolved(next(one for one in node["anyOf"] if one.get("type") != "null"))
    return node


def made(node: Any) -> Any:
    """Make a value that fits, with all keys that it may have."""
    node = resolved(node)
    if "const" in node or "enum" in node:
        return node["const"] if "const" in node else node["enum"][0]
    kind = node.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        inner = node.get("additionalProperties") or {}
        named = node.get("properties") or dict.fromkeys(node.get("required", ["x"]), inner)
        return {key: made(one) for key, one in named.items()}
    if kind == "array":
        return [made(node["items"])] * node.get("minItems", 1)
    plain = {"number": 0.03, "boolean": True, "integer": max(1, node.get("minimum", 1))}
    return plain.get(kind, "0" * 64 if "pattern" in node else "x")


def completed(value: Any, node: Any) -> Any:
    """Add every key that a value may have and has not, and put something where null stands."""
    node = resolved(node)
    if isinstance(value, dict):
        known, other = node.get("properties", {}), node.get("additionalProperties") or {}
        added = {key: made(one) for key, one in known.items() if key not in value}
        return {key: completed(one, known.get(key, other)) for key, one in value.items()} | added
    if isinstance(value, list):
        return [completed(one, node.get("items", {})) for one in value]
    return made(node) if value is None else value


def places(value: Any, node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Give every place of a value, and what the schema says of the value around it."""
    node = resolved(node)
    known, other = node.get("properties", {}), node.get("additionalProperties") or {}
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key), node
        inner = known.get(key, other) if isinstance(value, dict) else node.get("items", {})
        yield from places(one, inner, (*path, key))


@pytest.fixture(scope="module")
def full() -> dict[str, Any]:
    """Make a record of one case with every key of the schema, and with criteria as the right answer."""
    found: dict[str, Any] = completed(whole_record(1), schema())
    del found["sha256"]
    found["cases"][0]["gold"] = [{"text": "t", "points": 1.0, "tags": {"a": "b"}}]
    for role in ("candidate", "baseline"):
        found["cases"][0][role]["prediction"] = [1]
    assert problems(found) == []
    return found


def spoiled(record: dict[str, Any], path: tuple[Any, ...], node: Any, way: Any) -> str | None:
    """Take a value away, or put another in its place; give the record where the schema lets it through."""
    outer: Any = record
    for step in path[:-1]:
        outer = outer[step]
    before = copy.copy(outer)
    if way is ...:
        del outer[path[-1]]
    else:
        outer[path[-1]] = way
    written = json.dumps(record) if Draft202012Validator({**node, "$defs": DEFS}).is_valid(outer) else None
    outer.clear()
    outer.update(before) if isinstance(outer, dict) else outer.extend(before)
    return written


def test_nothing_was_judged_of_what_is_kept(full, tmp_path):
    """A run without a suite that was asked what the candidate keeps."""
    (tmp_path / "r.json").write_text(json.dumps({**full, "retention": {"margin": 0.05, "suites": {}}}))
    shown(tmp_path / "r.json")


def shown(path) -> None:
    """Read a record and ink it in every ink."""
    record = read(path)
    outline = outline_of(record)
    for ink in (terminal, markdown, page):
        assert ink(outline)
    assert model_index(record)


def test_a_record_with_every_key_is_shown(full, tmp_path):
    """A sample that is made of the schema is one that readers take."""
    (tmp_path / "r.json").write_text(json.dumps(full))
    shown(tmp_path / "r.json")


def test_what_the_schema_lets_through_is_shown_or_told(full, tmp_path):
    """Every place, taken away or of another kind, in an order that the seed draws, for ten seconds."""
    ways = [(*one, way) for one in places(full, schema()) for way in (..., *VALUES)]
    random.Random(1).shuffle(ways)
    began, let, faults = time.monotonic(), 0, []
    for path, node, way in ways:
        if time.monotonic() - began > SECONDS:
            break
        written = spoiled(full, path, node, way)
        if written is None:
            continue
        let += 1
        (tmp_path / "r.json").write_text(written)
        try:
            shown(tmp_path / "r.json")
        except MedevalError:
            pass
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            faults.append(f"{'/'.join(map(str, path))} {way!r}: {type(error).__name__}: {error}")
    assert faults == []
    assert let > 20
