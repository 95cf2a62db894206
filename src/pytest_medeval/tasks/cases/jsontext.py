"""JSON texts read record by record, so that every record knows the line on which it starts."""

from __future__ import annotations

import codecs
import json
import re
from bisect import bisect_left
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_medeval.core.errors import MedevalError

# The bytes of a case file as text; what cannot be read is one line that says where.


def read_text(path: Path) -> str:
    r"""Read a UTF-8 file, with or without byte order mark, newlines as they are.

    Newlines are kept because ``\r\n`` and ``\n`` inside quoted fields belong to the data.
    Raises ``MedevalError`` for a file that cannot be opened, is not UTF-8, or holds nothing.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MedevalError(f"{path}: cannot be read: {error.strerror or error}") from error
    start = len(codecs.BOM_UTF8) if raw.startswith(codecs.BOM_UTF8) else 0
    try:
        text = raw[start:].decode()
    except UnicodeDecodeError as error:
        offset = start + error.start
        line = raw.count(b"\n", 0, offset) + 1
        raise MedevalError(
            f"{path}:{line}: byte 0x{raw[offset]:02x} at offset {offset} is not UTF-8; accepted: UTF-8"
        ) from error
    if not text.strip():
        raise MedevalError(f"{path}: no cases: the file is empty")
    return text


@dataclass(frozen=True)
class Lines:
    r"""A text and its file; tells the line of a position. Only ``\n`` ends a line, as in an editor."""

    file: str
    text: str

    @cached_property
    def _newlines(self) -> list[int]:
        return [found.start() for found in re.finditer("\n", self.text)]

    def line(self, at: int) -> int:
        """Give the 1-based line of a position."""
        return bisect_left(self._newlines, at) + 1

    def mistake(self, at: int, what: str) -> MedevalError:
        """Make the error that names file and line."""
        return MedevalError(f"{self.file}:{self.line(at)}: {what}")


SPACE = " \t\r\n"
KINDS = {
    dict: "an object",
    list: "an array",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True)
class Document(Lines):
    """A JSON text and its file; ``exact_numbers`` keeps ``12.50`` as the text that was written."""

    exact_numbers: bool = False

    @cached_property
    def _decoder(self) -> json.JSONDecoder:
        return json.JSONDecoder(
            object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=str if self.exact_numbers else None
        )

    def decode(self, at: int, end: int | None = None) -> tuple[Any, int]:
        """Give the value that starts at ``at`` (and may not pass ``end``) and the position after it."""
        text, base = (self.text, 0) if end is None else (self.text[at:end], at)
        try:
            value, after = self._decoder.raw_decode(text, at - base)
        except json.JSONDecodeError as error:
            raise self.mistake(base + error.pos, f"not JSON: {error.msg}") from error
        except ValueError as error:
            raise self.mistake(at, str(error)) from error
        except RecursionError as error:
            raise self.mistake(at, "not a case file: nested too deeply") from error
        after += base
        if "\\u" in self.text[at:after]:
            self._check_surrogates(at, value)
        return value, after

    def _check_surrogates(self, at: int, value: Any) -> None:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise self.mistake(at, "half of a surrogate pair (\\ud800 to \\udfff) is no character") from error

    def end(self, at: int) -> None:
        """Check that only white space is left."""
        at = self.skip(at)
        if at < len(self.text):
            raise self.mistake(at, f"not JSON: found {self.text[at]!r} after the end of the data")

    def skip(self, at: int) -> int:
        """Give the next position that is not white space."""
        while at < len(self.text) and self.text[at] in SPACE:
            at += 1
        return at

    def elements(self, at: int) -> Generator[tuple[int, Any], None, int]:
        """Yield position and value of each element of the array at ``at``; return where it ends."""
        at = self.skip(at + 1)
        if self.text[at : at + 1] == "]":
            return at + 1
        while True:
            value, after = self.decode(at)
            yield at, value
            after = self.skip(after)
            if self.text[after : after + 1] == "]":
                return after + 1
            at = self._comma(after, "]")

    def members(self, at: int) -> Generator[tuple[int, str, Any], None, int]:
        """Yield position, key and value of each member of the object at ``at``; return where it ends."""
        seen: dict[str, int] = {}
        at = self.skip(at + 1)
        if self.text[at : at + 1] == "}":
            return at + 1
        while True:
            key, after = self._key(at)
            if key in seen:
                raise self.mistake(at, f"key {key!r} occurs twice, first on line {seen[key]}")
            seen[key] = self.line(at)
            value, after = self.decode(after)
            yield at, key, value
            after = self.skip(after)
            if self.text[after : after + 1] == "}":
                return after + 1
            at = self._comma(after, "}")

    def _key(self, at: int) -> tuple[str, int]:
        key, after = self.decode(at)
        after = self.skip(after)
        if not isinstance(key, str) or self.text[after : after + 1] != ":":
            raise self.mistake(at, "not JSON: expecting a key in double quotes and ':'")
        return key, self.skip(after + 1)

    def _comma(self, at: int, close: str) -> int:
        found = self.text[at : at + 1]
        if found == ",":
            return self.skip(at + 1)
        what = repr(found) if found else "the end of the file"
        raise self.mistake(at, f"not JSON: found {what}; accepted: ',' or {close!r}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice!r} occurs twice in one object")
    return fields


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON; accepted: numbers, or a text in double quotes")


def open_document(path: Path, *, exact_numbers: bool = False) -> Document:
    """Read a JSON file's text."""
    return Document(str(path), read_text(path), exact_numbers)


def objects(path: Path, *, exact_numbers: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line and object of each record of an array of objects, or of a file with one object a line."""
    document = open_document(path, exact_numbers=exact_numbers)
    start = document.skip(0)
    values = array(document) if document.text[start] == "[" else _lines(document)
    for at, value in values:
        if not isinstance(value, dict):
            raise document.mistake(at, f"found {kind(value)}; accepted: an object a record")
        yield document.line(at), value


def array(document: Document) -> Iterator[tuple[int, Any]]:
    """Yield position and value of each element of the one array that the file holds."""
    start = document.skip(0)
    if document.text[start] != "[":
        raise document.mistake(start, f"found {document.text[start]!r}; accepted: an array of records, '[...]'")
    document.end((yield from document.elements(start)))


def members(document: Document) -> Iterator[tuple[int, str, Any]]:
    """Yield position, key and value of each member of the one object that the file holds."""
    start = document.skip(0)
    if document.text[start] != "{":
        raise document.mistake(start, f"found {document.text[start]!r}; accepted: an object of records, '{{...}}'")
    document.end((yield from document.members(start)))


def _lines(document: Document) -> Iterator[tuple[int, Any]]:
    # not str.splitlines: U+2028 and U+0085 may stand inside a JSON text
    start = 0
    while start < len(document.text):
        end = document.text.find("\n", start)
        end = len(document.text) if end < 0 else end
        at = document.skip(start)
        if at < end:
            yield at, _only(document, at, end)
        start = end + 1


def _only(document: Document, at: int, end: int) -> Any:
    try:
        value, after = document.decode(at, end)
    except MedevalError as error:
        raise MedevalError(f"{error}; accepted: one array of objects, or one object a line") from error
    if document.skip(after) < end:
        raise document.mistake(after, "not JSON: found more after the object; accepted: one object a line")
    return value


def kind(value: Any) -> str:
    """Name a JSON value's type in JSON's words."""
    return KINDS[type(value)]
