"""Which files are meant, and which format they have."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_medeval.cases.formats import FORMATS, module_of
from pytest_medeval.cases.jsontext import Document, open_document
from pytest_medeval.errors import MedevalError

YAML_SUFFIXES = (".yaml", ".yml")


def detect(path: Path) -> str:
    """Find a file's format from its suffix, or from the keys of its first record.

    Raises ``MedevalError`` with the keys that were found and the formats that are known.
    """
    suffix = path.suffix.lower()
    if suffix in YAML_SUFFIXES:
        return "native"
    for name in FORMATS:
        if getattr(module_of(name), "SUFFIX", None) == suffix:
            return name
    known = ", ".join(FORMATS)
    if suffix not in (".json", ".jsonl"):
        raise MedevalError(
            f"{path}: no format for suffix {suffix!r}; accepted: .json, .jsonl, .yaml, .csv, .txt, or format= {known}"
        )
    keys = _first_keys(open_document(path))
    for name in FORMATS:
        if any(alternative <= keys for alternative in getattr(module_of(name), "KEYS", ())):
            return name
    found = ", ".join(sorted(keys)) or "(none)"
    raise MedevalError(
        f"{path}: unknown format: the first record has the keys {found}; known formats: {known}"
    )


def _first_keys(document: Document) -> frozenset[str]:
    """Give the keys of the first record: of the first object in an array, on a line, or keyed by an id."""
    start = document.skip(0)
    value: Any = None
    if document.text[start] == "[":
        value = next((element for _, element in document.elements(start)), None)
    elif document.text[start] == "{":
        first = next(document.members(start), None)
        if first is not None and isinstance(first[2], dict):
            return frozenset(first[2]) | {first[1]}
        value = document.decode(start)[0]
    while isinstance(value, list) and value:
        value = value[0]
    return frozenset(value) if isinstance(value, Mapping) else frozenset()


def expand(patterns: str | Sequence[str], base: Path) -> list[Path]:
    """Give the files that paths and globs mean, relative to ``base``; in order, each one once.

    Raises ``MedevalError`` for a pattern that no file matches.
    """
    found: dict[Path, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        for path in _matches(pattern, base):
            found.setdefault(path)
    return list(found)


def _matches(pattern: str, base: Path) -> list[Path]:
    exact = base / pattern
    if exact.is_file():
        return [exact]
    full = pattern if Path(pattern).is_absolute() else str(Path(glob.escape(str(base))) / pattern)
    files = sorted(path for path in map(Path, glob.glob(full, recursive=True)) if path.is_file())  # noqa: PTH207 - absolute patterns
    if not files:
        kind = "it is a folder" if exact.is_dir() else "no such file"
        raise MedevalError(
            f"cases {pattern!r}: {kind} (looked in {base}); accepted: a file, or a pattern such as cases/*.jsonl"
        )
    return files
