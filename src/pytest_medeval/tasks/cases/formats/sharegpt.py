"""ShareGPT: ``conversations`` of from and value, as LLaMA-Factory, Axolotl and FastChat read them.

A last turn of the model is the reference. Roles go by many names; the ``id``, if there is one, names the record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_medeval.core.files.rows import rows
from pytest_medeval.core.types import Record, Skip, Source
from pytest_medeval.tasks.cases.formats.openai import conversation

TASK = "dialogue"
KEYS = (frozenset({"conversations"}),)
ROLES = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant", "model", "chatgpt", "bard"), "assistant"),
    "system": "system",
}


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one conversation a record."""
    for position, (line, found) in enumerate(rows(path)):
        turns = found.get("conversations")
        told: object = [*_system(found), *map(_turn, turns)] if isinstance(turns, list) else turns
        name = str(found["id"]) if found.get("id") else f"sharegpt-{position:04d}"
        yield conversation(Source(str(path), line), name, told)


def _system(found: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"role": "system", "content": found["system"]}] if found.get("system") else []


def _turn(one: object) -> object:
    if not isinstance(one, dict):
        return one
    return {"role": ROLES.get(str(one.get("from")), one.get("from")), "content": one.get("value")}
