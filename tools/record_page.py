"""The page of the run record, from its schema: ``python -m tools.record_page > docs/record.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TypedDict, cast

from pytest_medeval.runs.record import schema

HEAD = """\
# The run record

`--medeval-json` writes one JSON object, and the store keeps it: everything that a run asked, measured and decided. This
page is made of its JSON schema, `src/pytest_medeval/runs/record.schema.json`, by `python -m tools.record_page`. A key
marked \\* need not be there. Numbers have a unit, a range and an origin; a number that could not be had is null.
"""


class Field(TypedDict, total=False):
    """A field of the schema, as far as the page shows it."""

    description: str
    unit: str
    range: str
    origin: str


class Part(TypedDict):
    """An object of the schema."""

    description: str
    properties: dict[str, Field]
    required: list[str]


def page() -> str:
    """Write the page: an object a section, in the order in which a reader meets them."""
    parts = cast(Mapping[str, Part], schema()["$defs"])
    return "\n".join([HEAD, *(line for name in _met("RunRecord", parts, {}) for line in _section(name, parts[name]))])


def _met(name: str, parts: Mapping[str, Part], seen: dict[str, None]) -> dict[str, None]:
    if name not in seen:
        seen[name] = None
        for field in parts[name]["properties"].values():
            for other in _names(field):
                _met(other, parts, seen)
    return seen


def _names(node: object) -> Iterator[str]:
    """Name the objects that a node of the schema refers to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield str(value).removeprefix("#/$defs/")
            else:
                yield from _names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _names(value)


def _section(name: str, part: Part) -> Iterator[str]:
    yield from (f"## {name}", "", part["description"], "")
    yield from ("| key | JSON | what | unit | range | origin |", "|---|---|---|---|---|---|")
    for key, field in part["properties"].items():
        star = "" if key in part["required"] else r"\*"
        facts = [field.get("unit", ""), field.get("range", ""), field.get("origin", "")]
        yield f"| `{key}`{star} | {kind(field)} | {field['description']} | {' | '.join(facts)} |"
    yield ""


def kind(node: Mapping[str, object]) -> str:
    """Say in a few words what JSON a field holds."""
    if "$ref" in node:
        name = str(node["$ref"]).removeprefix("#/$defs/")
        return f"[{name}](#{name.lower()})"
    if isinstance(options := node.get("anyOf"), list):
        return " or ".join(sorted((kind(one) for one in options), key=lambda one: one == "null"))
    if isinstance(values := node.get("enum"), list):
        return ", ".join("null" if value is None else f"`{value}`" for value in values)
    if "const" in node:
        return f"`{str(node['const']).lower() if isinstance(node['const'], bool) else node['const']}`"
    for inside, told in (("items", "list of {}"), ("additionalProperties", "name: {}")):
        if isinstance(inner := node.get(inside), dict):
            null = " or null" if isinstance(node.get("type"), list) else ""
            return told.format(kind(inner)) + null
    kinds = node.get("type", "any")
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


if __name__ == "__main__":
    sys.stdout.write(page())
