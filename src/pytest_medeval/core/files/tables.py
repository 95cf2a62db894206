"""Tables as text: a mapping from column to text for each row, with the line on which it starts.

What divides the columns is found from the text, since a ``.csv`` may hold semicolons as well as tabs.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import read_text

DIVIDERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
USUAL = {".csv": ",", ".tsv": "\t"}
"""What divides the columns of files with such a name, where their text leaves it open."""
_LOOKED_AT = 50
"""Rows by which it is told what divides the columns."""


def divider(path: Path, text: str) -> str:
    """Find what divides the columns: what cuts the first rows into as many as the first of them, two at least.

    Where nothing does, what cuts the first row, by the file's name before others; a row of another length is then told
    when it is read. Empty where nothing cuts the first row. Raises ``MedevalError`` where several do it alike, and the
    file's name does not say which.
    """
    widths = {one: _widths(text, one) for one in DIVIDERS}
    cuts = [one for one, found in widths.items() if found[:1] > [1]]
    even = [one for one in cuts if len(set(widths[one])) == 1]
    usual = USUAL.get(path.suffix.lower(), "")
    if usual in (even or cuts):
        return usual
    if len(even) > 1:
        told = " and ".join(DIVIDERS[one] for one in even)
        raise MedevalError(f"{path}:1: both {told} divide all rows alike; accepted: .csv for commas, .tsv for tabs")
    return next(iter(even or cuts), "")


def _widths(text: str, one: str) -> list[int]:
    """Count the columns of the first rows."""
    try:
        found = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=one)
        return [len(row) for row in itertools.islice(found, _LOOKED_AT) if row]
    except csv.Error:
        return []


def csv_rows(path: Path, delimiter: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line on which it starts; fields may hold newlines, blank lines are no rows."""
    text = read_text(path)
    if delimiter is None:
        delimiter = divider(path, text) or USUAL.get(path.suffix.lower(), ",")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
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


def rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row below the header by its columns; ``MedevalError`` for a row of another length."""
    table = csv_rows(path)
    names = [name.strip() for name in next(table, (1, []))[1]]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise MedevalError(f"{path}:1: column {twice[0]!r} occurs twice; accepted: names that differ")
    for line, row in table:
        if len(row) != len(names):
            raise MedevalError(f"{path}:{line}: found {len(row)} columns; accepted: {len(names)}, as in the header")
        yield line, dict(zip(names, row, strict=True))


def header(path: Path) -> list[str]:
    """Give the texts of the first row."""
    return [name.strip() for name in next(csv_rows(path), (1, []))[1]]
