"""The record's types, its schema and its page say the same: no key of one is missing in another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from tests.page_record import whole_record
from tools.record_page import page

from pytest_medeval.core.record import RunRecord
from pytest_medeval.runs.record import problems, schema

DEFS = schema()["$defs"]
PAGE = Path(__file__).parents[3] / "docs" / "record.md"


def typed(hint) -> Iterator[type]:
    """Give all typed mappings that a type is made of."""
    for inner in get_args(hint):
        yield from typed(inner)
    if is_typeddict(hint):
        yield hint
        for inner in get_type_hints(hint, include_extras=True).values():
            yield from typed(inner)


PARTS = {part.__name__: part for part in typed(RunRecord)}


def test_the_schema_has_the_parts_of_the_record_and_no_other():
    """The whole record is one of them."""
    assert set(DEFS) == set(PARTS)
    assert schema()["$ref"] == "#/$defs/RunRecord"


@pytest.mark.parametrize("name", PARTS)
def test_types_and_schema_have_the_same_keys(name):
    """Each key that may be written is in both, and each that must be."""
    hints = get_type_hints(PARTS[name], include_extras=True)
    assert set(DEFS[name]["properties"]) == set(hints)
    assert set(DEFS[name]["required"]) == {key for key, hint in hints.items() if get_origin(hint) is not NotRequired}


def leaves(node) -> Iterator[str]:
    """Give the plain types that a field holds, inside of lists and mappings too."""
    if isinstance(node, dict):
        kinds = node.get("type", [])
        yield from kinds if isinstance(kinds, list) else [kinds]
        yield from (type(value).__name__ for value in node.get("enum", ()))
        for key in ("items", "additionalProperties"):
            yield from leaves(node.get(key))
        for one in node.get("anyOf", ()):
            yield from leaves(one)


@pytest.mark.parametrize("name", PARTS)
def test_every_field_is_described_and_every_number_has_unit_range_and_origin(name):
    """What a reader of the record, in whatever language, must know of it."""
    assert DEFS[name]["description"]
    for key, field in DEFS[name]["properties"].items():
        assert field["description"].endswith("."), key
        numbers = not {"number", "integer", "int"}.isdisjoint(leaves(field))
        assert [bool(field.get(fact)) for fact in ("unit", "range", "origin")] == [numbers] * 3, key


def test_the_page_is_made_of_the_schema():
    """``python -m tools.record_page > docs/record.md`` makes it anew."""
    assert PAGE.read_text("utf-8") == page()


def test_a_judge_without_its_keys_is_no_judge():
    """What reports read of a judge, of people and of the environment is held by the schema."""
    made = whole_record(3)
    assert problems(made) == []
    del made["judges"][0]["coverage"]
    assert problems(made)
