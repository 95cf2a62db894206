"""GenMedGPT-5k and HealthCareMagic-100k (ChatDoctor): an array of instruction, input, output.

Texts stay as published: blanks at the ends are stripped by the task, broken characters (UTF-8 read as
cp1252, in about one record of a thousand) are not repaired, because the model's training text has them
too. There is no id: the 0-based position in the file is the identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.rows import rows
from pytest_medeval.core.types import Record, Skip, Source

TASK = "dialogue"
KEYS = (frozenset({"instruction", "input", "output"}),)


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one dialogue a record; the published ``output`` is the reference."""
    for position, (line, found) in enumerate(rows(path)):
        source = Source(str(path), line)
        if not str(found.get("output") or "").strip():
            yield Skip(source, "empty reference")
            continue
        fields = {"id": f"genmedgpt-{position:04d}", "input": found.get("input"), "reference": found["output"]}
        if found.get("instruction"):
            fields["instruction"] = found["instruction"]
        yield Record(source, fields)
