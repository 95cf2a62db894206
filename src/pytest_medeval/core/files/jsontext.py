"""JSON texts read record by record, so that every record knows the line on which it starts."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from pytest_medeval.core.encodable import all_encodable
from pytest_medeval.core.errors import TOLD, MedevalError, Mistakes
from pytest_medeval.core.files.door import DEEPEST, DIGITS, LARGEST, Lines, Place, beyond, read_text, too_long

SPACE = " \t\r\n"
_TRANSFORMERS_DIGITS = 31
"""Of the number that stands for "no limit" in the tokenizer files of Transformers."""
_LONG = re.compile(r"\d{19}")
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
    """A JSON text and its file.

    ``exact_numbers`` keeps ``12.50`` as the text that was written; ``marks`` takes halves of surrogate pairs, which are
    a mistake otherwise, and marks them; ``proved`` is set where the values were looked over before.
    """

    exact_numbers: bool = False
    marks: bool = False
    proved: bool = False
    digits: int = DIGITS
    wanted: str = "JSON"

    @cached_property
    def data(self) -> Any:
        """The one value that the file holds."""
        value, after = self.decode(self.skip(0))
        self.end(after)
        return value

    def at(self, *path: str | int) -> str:
        """Give ``file:line`` of a value, or of what it should stand in."""
        return f"{self.file}:{self.line(replace(self, proved=True).find(path))}"

    def find(self, path: Place) -> int:
        """Give the position of a value, or of what it should stand in."""
        found = at = self.skip(0)
        for step in path:
            opened = self.text[at : at + 1]
            if opened == "{":
                inside = ((place, self._key(place)[1]) for place, key, _ in self.members(at) if key == step)
            else:
                inside = ((place, place) for number, (place, _) in enumerate(self.elements(at)) if number == step)
            place, at = next(inside, (-1, -1)) if opened in ("{", "[") else (-1, -1)
            if at < 0:
                break
            found = place
        return found

    @cached_property
    def _decoder(self) -> json.JSONDecoder:
        return json.JSONDecoder(
            object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=str if self.exact_numbers else None
        )

    def decode(self, at: int, end: int | None = None) -> tuple[object, int]:
        """Give the value that starts at ``at`` (and may not pass ``end``) and the position after it."""
        text, base = (self.text, 0) if end is None else (self.text[at:end], at)
        try:
            value, after = self._decoder.raw_decode(text, at - base)
        except json.JSONDecodeError as error:
            raise self.mistake(base + error.pos, f"not JSON: {error.msg}; accepted: {self.wanted}") from error
        except _RefusedError as error:
            raise self.mistake(max(self.text.find(error.token, at), at), str(error)) from error
        except ValueError as error:  # Python's bound on the digits of a whole number
            long = _LONG.search(self.text, at)
            raise self.mistake(long.start() if long else at, too_long(self.digits)) from error
        except RecursionError as error:
            raise self.mistake(at, f"nested too deeply; accepted: up to {DEEPEST} levels") from error
        after += base
        if not self.proved:
            value = self._looked_over(at, after, value)
        return value, after

    def _looked_over(self, at: int, after: int, value: object) -> object:
        if found := beyond(value, self.digits):
            whole = Document(self.file, self.text[at:after], proved=True)
            raise self.mistake(at + whole.find(found[0]), found[1])
        if "\\u" in self.text[at:after]:
            if self.marks:
                return all_encodable(value)
            self._check_surrogates(at, value)
        return value

    def _check_surrogates(self, at: int, value: object) -> None:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise self.mistake(
                at, "half of a surrogate pair (\\ud800 to \\udfff) is no character; accepted: characters"
            ) from error

    def end(self, at: int) -> None:
        """Check that only white space is left."""
        at = self.skip(at)
        if at < len(self.text):
            raise self.mistake(
                at, f"not JSON: found {self.text[at]!r} after the end of the data; accepted: {self.wanted}"
            )

    def skip(self, at: int) -> int:
        """Give the next position that is not white space."""
        while at < len(self.text) and self.text[at] in SPACE:
            at += 1
        return at

    def elements(self, at: int) -> Generator[tuple[int, object], None, int]:
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

    def members(self, at: int) -> Generator[tuple[int, str, object], None, int]:
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
            raise self.mistake(at, "not JSON; accepted: a key in double quotes and ':'")
        return key, self.skip(after + 1)

    def _comma(self, at: int, close: str) -> int:
        found = self.text[at : at + 1]
        if found == ",":
            return self.skip(at + 1)
        what = repr(found) if found else "the end of the file"
        raise self.mistake(at, f"not JSON: found {what}; accepted: ',' or {close!r}")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _RefusedError(
            json.dumps(twice, ensure_ascii=False), f"key {twice!r} occurs twice in one object; accepted: once"
        )
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(name, f"{name} is not JSON; accepted: numbers, or a text in double quotes")


class _RefusedError(ValueError):
    """What JSON's decoder takes and we do not, and how it is written in the text."""

    def __init__(self, token: str, told: str) -> None:
        super().__init__(told)
        self.token = token


def open_document(
    path: Path, *, exact_numbers: bool = False, marks: bool = False, most: int = LARGEST, wanted: str = "a JSON file"
) -> Document:
    """Read a JSON file's text."""
    return Document(str(path), read_text(path, most=most, wanted=wanted), exact_numbers, marks, wanted=wanted)


def read_object(path: Path, wanted: str = "a JSON object") -> Document:
    """Read a file that holds one JSON object, with halves of surrogate pairs marked."""
    document = replace(open_document(path, marks=True, wanted=wanted), digits=_TRANSFORMERS_DIGITS)
    if not isinstance(document.data, dict):
        raise document.mistake(document.skip(0), f"found {kind(document.data)}; accepted: {wanted}")
    return document


def objects(path: Path, *, exact_numbers: bool = False, marks: bool = False) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield line and object of each record of an array of objects, or of a file with one object a line."""
    document = open_document(path, exact_numbers=exact_numbers, marks=marks)
    start = document.skip(0)
    values = array(document) if document.text[start] == "[" else _lines(document)
    for at, value in values:
        if not isinstance(value, dict):
            raise document.mistake(at, f"found {kind(value)}; accepted: an object a record")
        yield document.line(at), value


def array(document: Document) -> Iterator[tuple[int, object]]:
    """Yield position and value of each element of the one array that the file holds."""
    start = document.skip(0)
    if document.text[start] != "[":
        raise document.mistake(start, f"found {document.text[start]!r}; accepted: an array of records, '[...]'")
    document.end((yield from document.elements(start)))


def members(document: Document) -> Iterator[tuple[int, str, object]]:
    """Yield position, key and value of each member of the one object that the file holds."""
    start = document.skip(0)
    if document.text[start] != "{":
        raise document.mistake(start, f"found {document.text[start]!r}; accepted: an object of records, '{{...}}'")
    document.end((yield from document.members(start)))


def _lines(document: Document) -> Iterator[tuple[int, object]]:
    # not str.splitlines: U+2028 and U+0085 may stand inside a JSON text
    start = 0
    while start < len(document.text):
        end = document.text.find("\n", start)
        end = len(document.text) if end < 0 else end
        at = document.skip(start)
        if at < end:
            yield at, _only(document, at, end)
        start = end + 1


def _only(document: Document, at: int, end: int) -> object:
    try:
        value, after = document.decode(at, end)
    except MedevalError as error:
        told = str(error).removesuffix(f"; accepted: {document.wanted}")
        raise MedevalError(f"{told}; accepted: one array of objects, or one object a line") from error
    if document.skip(after) < end:
        raise document.mistake(after, "not JSON: found more after the object; accepted: one object a line")
    return value


def kind(value: object) -> str:
    """Name a JSON value's type in JSON's words."""
    return KINDS[type(value)]


def check_schema(document: Document, value: object, schema: Mapping[str, object], wanted: str, at: Place = ()) -> None:
    """Hold a document's value against a JSON schema; ``MedevalError`` tells the first mistakes, each with its line."""
    from jsonschema import Draft202012Validator  # slow to import, and few files need it

    mistakes = Mistakes()
    for wrong in itertools.islice(Draft202012Validator(schema).iter_errors(value), TOLD):
        with mistakes:
            where, found = document.at(*at, *wrong.absolute_path), " ".join(wrong.message.split())[:200]
            raise MedevalError(f"{where}: {wrong.json_path}: {found}; accepted: {wanted}")
    mistakes.tell()
