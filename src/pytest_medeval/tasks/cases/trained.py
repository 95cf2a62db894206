"""What a model was trained on, as a sketch beside its weights: truncated digests of what its examples ask.

A case is looked up by the form in which the split compares cases (``pytest_medeval.tasks.cases.split``). A digest has
40 bits: of n examples, one case in 2**40 / n is taken for one of them by chance (of 100,000: one in 11 million).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.jsontext import read_object
from pytest_medeval.core.types import Case
from pytest_medeval.tasks.cases.split import content

FILE, KEY = "provenance.json", "trained"
BYTES = 5
WANTED = f"'examples' and their 'digests', base64 of {BYTES} bytes each, in order"


class Trained(TypedDict):
    """The sketch in ``provenance.json``: different examples, and their digests in order, as base64."""

    examples: int
    digests: str


@dataclass(frozen=True, slots=True)
class Sketch:
    """Digests of what was trained on."""

    digests: frozenset[bytes] = frozenset()

    @classmethod
    def of(cls, contents: Iterable[str]) -> Sketch:
        """Sketch cases by their content."""
        return cls(frozenset(map(_digest, contents)))

    def __or__(self, other: Sketch) -> Sketch:
        """Give the sketch of both."""
        return Sketch(self.digests | other.digests)

    def holds(self, case: Case) -> bool:
        """Say whether an example asked what a case asks."""
        return _digest(content(case)) in self.digests

    def facts(self) -> Trained:
        """Write it down."""
        return {"examples": len(self.digests), "digests": base64.b64encode(b"".join(sorted(self.digests))).decode()}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:BYTES]


def read_sketch(folder: Path) -> Sketch | None:
    """Read the sketch in a model's folder; None where it has none, ``MedevalError`` where it is broken."""
    file = folder / FILE
    document = read_object(file) if file.is_file() else None
    found = document.data.get(KEY) if document else None
    if document is None or found is None:
        return None
    try:
        data = base64.b64decode(found["digests"], validate=True)
        count = found["examples"]
    except (TypeError, KeyError, ValueError, binascii.Error):
        data, count = b"", -1
    if len(data) != count * BYTES:
        raise MedevalError(f"{document.at(KEY)}: {KEY!r} is no sketch of what was trained on; accepted: {WANTED}")
    return Sketch(frozenset(data[at : at + BYTES] for at in range(0, len(data), BYTES)))
