"""Our own format: the keys of the task, as JSON Lines, a JSON array, or YAML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.rows import rows
from pytest_medeval.core.types import Record, Source
from pytest_medeval.tasks.cases.yamlsuite import read_yaml_cases

TASK = None
OWN = True
KEYS = (
    frozenset({"id"}),
    frozenset({"question", "options"}),
    frozenset({"input", "reference"}),
    frozenset({"messages", "reference"}),
    frozenset({"dialogue", "findings"}),
    frozenset({"request", "harmful"}),
    frozenset({"dialogue", "note"}),
)


def read(path: Path) -> Iterator[Record]:
    """Yield each record as it is written; a number with a fraction stays the text that was typed."""
    if path.suffix.lower() in (".yaml", ".yml"):
        yield from read_yaml_cases(path)
        return
    for line, fields in rows(path, exact_numbers=True):
        yield Record(Source(str(path), line), fields)
