"""Which cases of a file are used, and on which side of the split: by their content, never by their place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_medeval.training.recipe import Data
from pytest_medeval.words import folded, letters_only

ASKED = ("input", "question", "dialogue")
"""The fields of a case, one a task, that say what is asked."""



def asked_text(fields: Mapping[str, Any]) -> str:
    """Give the text of a case, or of a record in a task's native keys, that says what is asked."""
    return "\n".join(str(fields[key]) for key in ASKED if key in fields)


def content(case: Any) -> str:
    """Give the form in which two cases are the same: what is asked, without case, width, blanks and punctuation.

    Single letters stay: a question about vitamin B is not that about vitamin C.
    """
    return letters_only(folded(asked_text(vars(case))))


def place(text: str) -> float:
    """Give a text's place between 0 and 1: the first 64 bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def subset(cases: Sequence[Any], limit: int) -> list[Any]:
    """Take the ``limit`` cases (0: all) of the smallest content hash, in their order."""
    if not limit or limit >= len(cases):
        return list(cases)
    ranked = sorted(range(len(cases)), key=lambda at: (place(content(cases[at])), at))
    return [cases[at] for at in sorted(ranked[:limit])]


def wanted(case: Any, question: str, data: Data) -> bool:
    """Say whether a case passes the recipe's filters."""
    tagged = all(case.tags.get(name) == value for name, value in data.where.items())
    return tagged and len(question.split()) >= data.min_words


def divide(cases: Sequence[Any], share: float) -> tuple[list[Any], list[Any]]:
    """Divide cases into those to train on and a dev set of about ``share`` of them, by content hash.

    Equal cases fall on the same side, and a case stays there when others come or go.
    """
    train: list[Any] = []
    dev: list[Any] = []
    for case in cases:
        (dev if place(content(case)) < share else train).append(case)
    return train, dev
