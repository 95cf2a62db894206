"""The file that a model was tuned on, record by record, whatever its keys: only the texts in it matter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files import parquet
from pytest_medeval.core.files.door import read_text
from pytest_medeval.core.files.jsontext import array, members, objects, open_document
from pytest_medeval.core.files.tables import csv_rows
from pytest_medeval.core.types import Record, Source
from pytest_medeval.tasks.cases.formats import FORMATS
from pytest_medeval.tasks.cases.yamlsuite import read_yaml_cases, read_yaml_suite

_BLANK = re.compile(r"\n[ \t\r]*\n\s*")


@dataclass(frozen=True, slots=True)
class Tuned:
    """One record of a tuning file: where it starts, and its texts in the order of the file."""

    source: Source
    texts: tuple[str, ...]


def read_tuning(path: Path) -> list[Tuned]:
    """Read every record of a tuning file.

    Accepted: ``.json`` (an array of records, or an object of records or of arrays), ``.jsonl`` (an object a
    line), ``.csv`` (a row each), Parquet, ``.yaml`` (cases, or a suite file with them), the other formats of
    ``FORMATS`` by their suffix, and any other file as text: blocks between blank lines, or lines where there
    is no blank one.
    ``MedevalError`` with file and line for a file that cannot be read, or that holds no text.
    """
    found = [Tuned(source, texts) for source, value in _values(path) if (texts := tuple(_texts(value)))]
    if not found:
        raise MedevalError(f"{path}: no record with a text; accepted: JSON, JSONL, CSV, YAML cases, or plain text")
    return found


def _values(path: Path) -> Iterator[tuple[Source, object]]:
    suffix = path.suffix.lower()
    if parquet.form(path):
        return ((Source(str(path), number), row) for number, row in parquet.rows(path))
    if suffix in (".json", ".jsonl"):
        return _json(path)
    if suffix == ".csv":
        return ((Source(str(path), line), row) for line, row in csv_rows(path, ","))
    if suffix in (".yaml", ".yml"):
        suite = ".medeval" in path.suffixes
        return ((one.source, one.fields) for one in (read_yaml_suite(path).records if suite else read_yaml_cases(path)))
    return _published(path, suffix) or _blocks(path)


def _texts(value: object) -> Iterator[str]:
    """Give the texts in a JSON value, however deep; keys and numbers are none."""
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, dict | list | tuple):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member)


def _json(path: Path) -> Iterator[tuple[Source, object]]:
    document = open_document(path)
    start = document.skip(0)
    if document.text[start] == "[":
        for at, value in array(document):
            yield Source(str(path), document.line(at)), value
        return
    if path.suffix.lower() == ".jsonl" or document.skip(document.decode(start)[1]) < len(document.text):
        for line, value in objects(path):
            yield Source(str(path), line), value
        return
    for at, _, value in members(document):
        for one in value if isinstance(value, list) else [value]:
            yield Source(str(path), document.line(at)), one


def _published(path: Path, suffix: str) -> Iterator[tuple[Source, object]] | None:
    """Read a file of a published format that is known by its suffix; None where it is no such file."""
    for name in FORMATS:
        if getattr(FORMATS.module(name), "SUFFIX", None) == suffix:
            try:
                found = [entry for entry in FORMATS.resolve(name)(path) if isinstance(entry, Record)]
            except MedevalError:
                continue  # the suffix is shared with plain text
            return ((record.source, dict(record.fields)) for record in found)
    return None


def _blocks(path: Path) -> Iterator[tuple[Source, object]]:
    text = read_text(path)
    breaks = list(_BLANK.finditer(text.rstrip()))
    cuts = breaks or list(re.finditer(r"\n", text))
    start, line = 0, 1
    for cut in [*cuts, None]:
        end = cut.start() if cut else len(text)
        yield Source(str(path), line), text[start:end]
        if cut:
            line += text.count("\n", start, cut.end())
            start = cut.end()
