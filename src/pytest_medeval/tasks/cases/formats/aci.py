"""ACI-Bench: CSV with a header; the dialogue of a visit, and the note that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.rows import rows
from pytest_medeval.core.types import Record, Skip, Source

TASK = "note"
KEYS = (frozenset({"encounter_id", "dialogue", "note"}),)


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one visit a row; tag ``dataset`` says how it was recorded."""
    for line, found in rows(path):
        fields: dict[str, object] = {"id": found["encounter_id"], "dialogue": found["dialogue"], "note": found["note"]}
        if found.get("dataset"):
            fields["tags"] = {"dataset": found["dataset"]}
        yield Record(Source(str(path), line), fields)
