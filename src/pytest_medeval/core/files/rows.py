"""Records of a file, whatever its form: JSON, a table of text, Parquet. What it holds tells the form, not its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files import parquet, tables
from pytest_medeval.core.files.door import read_text
from pytest_medeval.core.files.jsontext import Document, objects, open_document

Form: TypeAlias = Literal["json", "table", "parquet", ""]
JSON = (".json", ".jsonl", ".ndjson")


def form(path: Path) -> Form:
    """Say in which form a file holds its records; empty for one that is neither JSON, nor a table, nor Parquet.

    ``MedevalError`` for a file that cannot be read or is empty.
    """
    if parquet.form(path):
        return "parquet"
    text = read_text(path, wanted="a file of cases")
    if text.lstrip()[0] in "[{":
        return "json"
    if path.suffix.lower() in JSON:
        return "table" if "\n" in text.strip() and tables.divider(path, text) else "json"
    return "table" if tables.divider(path, text) or path.suffix.lower() in tables.USUAL else ""


def keys(path: Path) -> list[str]:
    """Give the columns of a file, or the keys of its first record; none where the file is in no known form."""
    found = form(path)
    if found == "parquet":
        return parquet.columns(path)
    if found == "table":
        return tables.header(path)
    return _first_keys(open_document(path)) if found == "json" else []


def rows(path: Path, *, exact_numbers: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line (of Parquet the number of the row) and fields of each record; those of a table are texts.

    ``exact_numbers`` keeps the numbers of JSON as they are written, as in ``Document``.
    """
    found = form(path)
    if found == "parquet":
        yield from parquet.rows(path)
    elif found == "table":
        yield from tables.rows(path)
    elif found == "json":
        yield from _keyed(path, exact_numbers=exact_numbers) or objects(path, exact_numbers=exact_numbers)
    else:
        raise MedevalError(f"{path}:1: no records are found; accepted: JSON, JSONL, a table with a header, or Parquet")


def _keyed(path: Path, *, exact_numbers: bool) -> list[tuple[int, dict[str, Any]]] | None:
    """Read a file of one object whose members are the records, by id; None for any other file."""
    document = open_document(path, exact_numbers=exact_numbers)
    start = document.skip(0)
    if document.text[start] != "{":
        return None
    value, after = document.decode(start)
    if document.skip(after) < len(document.text) or not isinstance(value, dict) or not value:
        return None
    if not all(isinstance(member, dict) for member in value.values()):
        return None
    found = document.members(start)
    return [(document.line(at), {"id": key} | member) for at, key, member in found if isinstance(member, dict)]


def _first_keys(document: Document) -> list[str]:
    """Give the keys of the first record: of the first object in an array, on a line, or keyed by an id."""
    start = document.skip(0)
    if document.text[start] == "[":
        value: object = next((element for _, element in document.elements(start)), None)
        if value is None:
            raise MedevalError(f"{document.file}: no cases: the array is empty")
    else:
        value = document.decode(start)[0]
    while isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return []
    keyed = next(iter(value.values()), None)
    if isinstance(keyed, dict) and all(isinstance(member, dict) for member in value.values()):
        value = keyed
    return list(value)
