"""What was asked, as SHA-256: two runs are compared on the cases for which these are equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from pytest_medeval.core.record import CaseEntry
from pytest_medeval.core.types import Case, Request, plain

BESIDE = ("source", "id", "tags", "critical", "group", "rationale")
"""Facts of a case that change neither what is asked nor what is right."""

_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, default=plain)


def canonical(value: object) -> str:
    """Write JSON in one way only: sorted keys, no blanks, no NaN; equal values give equal texts."""
    return _CANONICAL.encode(value)


def sha256(text: str) -> str:
    """Hash a text as UTF-8; a lone surrogate in a reply does not stop it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def case_signature(case: Case) -> str:
    """Hash what a case asks and what is known about the right answer, wherever it was written."""
    facts = plain(case)
    return sha256(canonical({key: value for key, value in facts.items() if key not in BESIDE}))


def request_signature(request: Request) -> str:
    """Hash a request as the task made it, before a model's chat template turns it into tokens."""
    return sha256(canonical(request))


def joined(signatures: Sequence[str]) -> str:
    """Make one signature of those of a case's requests; the only one is kept as it is."""
    return signatures[0] if len(signatures) == 1 else sha256(canonical(list(signatures)))


def prompts_signature(cases: Iterable[CaseEntry]) -> str:
    """Hash the requests of a suite's evaluated cases, whatever their order."""
    return sha256(canonical(sorted([case["id"], case["request"]] for case in cases)))
