"""The bytes of a case file as text; what cannot be read is one line that says where."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pytest_medeval.errors import MedevalError


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
