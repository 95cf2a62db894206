"""CSV and TSV with a header: a mapping from column to text for each row, with the line on which it starts."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import read_text


def csv_rows(path: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line on which it starts; fields may hold newlines, blank lines are no rows."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True, delimiter=delimiter)
    while True:
        start = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MedevalError(f"{path}:{start}: not CSV: {error}; accepted: a row a record") from error
        if row:
            yield start, row


def rows(path: Path, delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row below the header by its columns; ``MedevalError`` for a row of another length."""
    table = csv_rows(path, delimiter)
    _, names = next(table, (1, []))
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise MedevalError(f"{path}:1: column {twice[0]!r} occurs twice; accepted: names that differ")
    for line, row in table:
        if len(row) != len(names):
            raise MedevalError(f"{path}:{line}: found {len(row)} columns; accepted: {len(names)}, as in the header")
        yield line, dict(zip(names, row, strict=True))


def header(path: Path, delimiter: str = ",") -> frozenset[str]:
    """Give the texts of the first row."""
    _, names = next(csv_rows(path, delimiter), (1, []))
    return frozenset(name.strip() for name in names)
