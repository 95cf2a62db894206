"""Which files are meant, and which format they have."""

from __future__ import annotations

import glob
import os.path
from collections.abc import Sequence
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
            f"{path}: no format has the suffix {suffix!r};"
            f" accepted: .json, .jsonl, .yaml, .csv, .txt, or format= one of {known}"
        )
    keys = _first_keys(open_document(path))
    # our own format asks for little more than an id, so it comes after all others, third parties' too
    for name in sorted(FORMATS, key=lambda name: name == "native"):
        if any(alternative <= keys for alternative in getattr(module_of(name), "KEYS", ())):
            return name
    found = ", ".join(sorted(keys)) or "(none)"
    raise MedevalError(
        f"{path}: unknown format: the first record has the keys {found}; known formats: {known}"
    )


def _first_keys(document: Document) -> frozenset[str]:
    """Give the keys of the first record: of the first object in an array, on a line, or keyed by an id."""
    start = document.skip(0)
    if document.text[start] == "[":
        value: Any = next((element for _, element in document.elements(start)), None)
        if value is None:
            raise MedevalError(f"{document.file}: no cases: the array is empty")
    else:
        value = document.decode(start)[0]
    while isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return frozenset()
    keyed = next(iter(value.values()), None)
    if isinstance(keyed, dict) and all(isinstance(member, dict) for member in value.values()):
        value = keyed
    return frozenset(value)


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
    # not pathlib: absolute patterns are accepted, and a name that is too long is no file, not an OSError
    exact = base / pattern
    if os.path.isfile(exact):  # noqa: PTH113 - see above
        return [exact]
    full = os.path.join(glob.escape(str(base)), pattern)  # noqa: PTH118 - see above
    found = sorted(glob.glob(full, recursive=True))  # noqa: PTH207 - see above
    files = [Path(path) for path in found if os.path.isfile(path)]  # noqa: PTH113 - see above
    if not files:
        kind = "it is a folder" if os.path.isdir(exact) else "no such file"  # noqa: PTH112 - see above
        raise MedevalError(
            f"cases {pattern!r}: {kind} (looked in {base});"
            " accepted: a file, or a pattern such as cases/*.jsonl"
        )
    return files
