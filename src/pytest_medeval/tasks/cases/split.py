"""Which cases of a file are used, and on which side of the split: by what they ask, never by their place or their id.

Recipes and suites divide a file by this one rule, so that what a suite judges is what no recipe trained on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.signature import case_signature
from pytest_medeval.core.types import Case
from pytest_medeval.core.words import folded, letters_only

C = TypeVar("C", bound=Case)

ASKED = ("input", "question", "dialogue", "note", "sentences", "request")
"""The fields of a case that say what is asked."""
PARTS = ("all", "train", "dev")
"""What of its files a suite may ask."""
_SPLIT = "split"
"""What a place is drawn for: the split, a seeded sample, and a recipe's limit each have places of their own, so that
none of them takes what another one leaves."""


def asked_text(fields: Mapping[str, object]) -> str:
    """Give the text of a case, or of a record in a task's native keys, that says what is asked."""
    return "\n".join(_text(fields[key]) for key in ASKED if key in fields)


def _text(value: object) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def content(case: Case) -> str:
    """Give the form in which two cases are the same: what is asked, without case, width, blanks and punctuation.

    Single letters stay: a question about vitamin B is not that about vitamin C. A case of a task that has other
    fields is its own content.
    """
    return letters_only(folded(asked_text(vars(case)))) or case_signature(case)


def place(text: str, purpose: str = "") -> float:
    """Give a text's place between 0 and 1, another one for each purpose: the first 64 bits of its SHA-256."""
    salted = f"{purpose}\n{text}" if purpose else text
    return int.from_bytes(hashlib.sha256(salted.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64


def subset(cases: Sequence[C], limit: int, seed: int | None = None) -> list[C]:
    """Take ``limit`` cases (0: all), those of the smallest places, in their order; a seed draws others."""
    if not limit or limit >= len(cases):
        return list(cases)
    purpose = "" if seed is None else f"sample {seed}"
    ranked = sorted(range(len(cases)), key=lambda at: (place(content(cases[at]), purpose), at))
    return [cases[at] for at in sorted(ranked[:limit])]


def check_split(share: float, count: int, *, needed: bool) -> None:
    """Refuse sizes of a dev part that are none: ``MedevalError`` with what is accepted."""
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (share, count))
    if not numbers or not (0 <= share < 1 and count >= 0 and isinstance(count, int)):
        raise MedevalError(
            f"dev_share is {share!r} and dev_count {count!r}; accepted: a share below 1, or a whole number of questions"
        )
    if (share and count) or (needed and not (share or count)):
        raise MedevalError(f"dev_share is {share!r} and dev_count {count!r}; accepted: one of them above 0")


def divide(cases: Sequence[C], share: float = 0.0, count: int = 0) -> tuple[list[C], list[C]]:
    """Divide cases into those to train on and a dev part: about a share of them, or ``count`` different questions.

    Equal cases fall on the same side. By share a case stays on its side when others come or go; by count the dev part
    of some of the cases holds all of them that are in the dev part of all.
    """
    places = [place(content(case), _SPLIT) for case in cases]
    last = share
    if count:
        ranked = sorted(set(places))
        last = ranked[count] if count < len(ranked) else math.inf
    train = [case for case, at in zip(cases, places, strict=True) if at >= last]
    return train, [case for case, at in zip(cases, places, strict=True) if at < last]


def part_of(cases: Sequence[C], part: str, share: float, count: int) -> list[C]:
    """Give the part of a file's cases that a suite asks; ``MedevalError`` where it names none."""
    if part not in PARTS:
        raise MedevalError(accepted("part", str(part), PARTS))
    check_split(share, count, needed=part != "all")
    train, dev = divide(cases, share, count) if part != "all" else (list(cases), [])
    return dev if part == "dev" else train
