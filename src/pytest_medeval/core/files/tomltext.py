"""TOML files with the lines of their keys."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import DEEPEST, SETTINGS, Lines, Place, beyond, read_text, too_long

_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|"(?:[^"\\\n]|\\.)*"'
    r"|'''.*?'''|'[^'\n]*'|#[^\n]*|[\n\[\]{}]|[^\n\[\]{}\"'#]+|.",
    re.DOTALL,
)
_KEYS = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')(?:[ \t]*\.[ \t]*(?:[\w-]+|"[^"\n]*"|'[^'\n]*'))*"""
_STATEMENT = re.compile(rf"[ \t]*(?:(\[\[?)[ \t]*({_KEYS})[ \t]*\]|({_KEYS})[ \t]*=)")
_KEY = re.compile(r"""[\w-]+|"[^"\n]*"|'[^'\n]*'""")
_WHERE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")
_LONG = re.compile(r"\d{19}")


@dataclass(frozen=True)
class Toml(Lines):
    """A TOML text, its values, and the lines on which they stand."""

    data: dict[str, Any]

    def at(self, *path: str | int) -> str:
        """Give ``file:line`` of a value, or of what it stands in where its own line cannot be told."""
        known = (self._places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self._places)
        return f"{self.file}:{self.line(next(known, 0))}"

    @cached_property
    def _places(self) -> dict[Place, int]:
        found: dict[Place, int] = {}
        table: Place = ()
        seen: Counter[Place] = Counter()
        for start in self._statements():
            statement = _STATEMENT.match(self.text, start)
            if statement is None:
                continue
            opened, header, keys = statement.groups()
            path: Place = tuple(key.strip("\"'") for key in _KEY.findall(header or keys))
            if opened:
                table = path = _within(path, seen)
                if opened == "[[":
                    table = (*path, seen[path])
                    seen[path] += 1
            else:
                path = (*table, *path)
            for end in range(1, len(path) + 1):
                found.setdefault(path[:end], start)
            if opened:
                found.setdefault(table, start)
        return found

    def _statements(self) -> Iterator[int]:
        """Give where lines begin that stand in no text, list or table of another line."""
        depth, begins = 0, True
        for token in _TOKEN.finditer(self.text):
            if begins and not depth:
                yield token.start()
            depth = max(0, depth + (token[0] in ("[", "{")) - (token[0] in ("]", "}")))
            begins = token[0] == "\n"


def _within(path: Place, seen: Counter[Place]) -> Place:
    """Give a header's path with the numbers of the tables in whose lists it stands."""
    full: Place = ()
    for key in path[:-1]:
        full = (*full, key)
        if seen[full]:
            full = (*full, seen[full] - 1)
    return (*full, path[-1])


def read_toml(path: Path, wanted: str = "a TOML file") -> Toml:
    """Read a TOML file; ``MedevalError`` names the line where it is broken or beyond the bounds of the door."""
    text = read_text(path, most=SETTINGS, wanted=wanted)
    lines = Lines(str(path), text)
    try:
        data = tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        where = _WHERE.search(str(error))
        line = where[1] if where and where[1] else text.rstrip().count("\n") + 1
        told = _WHERE.sub("", str(error))
        raise MedevalError(f"{path}:{line}: not TOML: {told}; accepted: {wanted}") from None
    except RecursionError:
        raise lines.mistake(0, f"nested too deeply; accepted: up to {DEEPEST} levels") from None
    except ValueError:  # Python's bound on the digits of a whole number
        long = _LONG.search(text)
        raise lines.mistake(long.start() if long else 0, too_long()) from None
    toml = Toml(str(path), text, data)
    if found := beyond(data):
        raise MedevalError(f"{toml.at(*found[0])}: {found[1]}")
    return toml
