"""Conversations as OpenAI's files have them: ``messages`` of role and content, and nothing that names the record.

A last turn of the assistant is what fine-tuning wants said, and so the reference. There is no id: the 0-based position
in the file is the identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_medeval.core.files.rows import rows
from pytest_medeval.core.types import Record, Skip, Source

TASK = "dialogue"
KEYS = (frozenset({"messages"}),)
WITHOUT = frozenset({"id"})


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one conversation a record."""
    for position, (line, found) in enumerate(rows(path)):
        yield conversation(Source(str(path), line), f"openai-{position:04d}", found.get("messages"))


def conversation(source: Source, name: str, turns: object) -> Record | Skip:
    """Make a record of turns, a last one of the assistant being the reference."""
    if not isinstance(turns, Sequence) or isinstance(turns, str) or not all(isinstance(one, dict) for one in turns):
        return Skip(source, "no list of turns")
    said: list[dict[str, Any]] = [{"role": one.get("role"), "content": one.get("content")} for one in turns]
    fields: dict[str, object] = {"id": name, "messages": said}
    if said and said[-1]["role"] == "assistant":
        fields = {"id": name, "messages": said[:-1], "reference": said[-1]["content"]}
    return Record(source, fields)
