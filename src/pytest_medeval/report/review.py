"""The blind review page: one HTML file that works without a network and sends nothing.

Everything stands in the file: style, script, and the texts as JSON in a data block whose ``<`` are escaped,
so that no reply can close it. The Content Security Policy allows the one style and the one script by their
SHA-256 and nothing else: no connection, no image, no frame, no form, and no other script if one got in. The
script sets texts as text, never as markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from collections.abc import Collection, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_medeval.errors import MedevalError
from pytest_medeval.metrics.rubric import DEFAULT_RUBRIC, Rubric
from pytest_medeval.ratings.blind import Blinding, run_id
from pytest_medeval.ratings.review import rubric_data
from pytest_medeval.report.choose import SHARES, Chosen, choose

__all__ = ["DEFAULT_SIZE", "SHARES", "Chosen", "choose", "page", "write"]

DEFAULT_SIZE = 20
"""Pairs on a page unless said otherwise; about an hour of a clinician's time."""


def write(
    record: Mapping[str, Any],
    path: Path,
    size: int = DEFAULT_SIZE,
    seed: int = 0,
    rubric: Rubric = DEFAULT_RUBRIC,
) -> None:
    """Write the page; ``MedevalError`` when nothing can be reviewed or the disk refuses."""
    text = page(record, size, seed, rubric)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MedevalError(f"{path}: the review page cannot be written: {error.strerror}") from None


def page(
    record: Mapping[str, Any],
    size: int = DEFAULT_SIZE,
    seed: int = 0,
    rubric: Rubric = DEFAULT_RUBRIC,
    suites: Collection[str] | None = None,
) -> str:
    """Make the page for ``size`` pairs of a run's replies; ``suites`` as in ``choose``.

    The page names no model, role, score or stratum. Deterministic: the same record, size, seed and rubric
    give the same page.
    """
    style, script = _part("review.css"), _part("review.js")
    policy = (
        f"default-src 'none'; script-src '{_sha256(script)}'; style-src '{_sha256(style)}'; "
        "connect-src 'none'; img-src 'none'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'"
    )
    data = _embedded(_data(record, choose(record, size, seed, suites), seed, rubric))
    parts = {"policy": policy, "style": style, "script": script, "data": data}
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _part("review.html"))


def _data(record: Mapping[str, Any], chosen: list[Chosen], seed: int, rubric: Rubric) -> dict[str, Any]:
    blinding = Blinding(record, seed, rubric.digest)
    pairs = [_pair(blinding, one) for one in chosen]
    random.Random(f"pages:{seed}").shuffle(pairs)  # strata must not show in the order
    return {
        "run": run_id(record, {pair["suite"] for pair in pairs}),
        "review": hashlib.sha256("".join(sorted(pair["key"] for pair in pairs)).encode()).hexdigest()[:16],
        "seed": seed,
        "rubric": rubric_data(rubric),
        "pairs": pairs,
    }


def _pair(blinding: Blinding, chosen: Chosen) -> dict[str, Any]:
    entry = chosen.entry
    return {
        "suite": entry["suite"],
        "case": entry["id"],
        "key": blinding.key(entry, chosen.stratum),
        "asked": entry["asked"],
        "reference": _reference(entry["gold"]),
        "replies": [entry[role]["reply"] for role in blinding.order(entry)],
    }


def _reference(gold: Any) -> str | None:
    """Give the right answer as text: a reference reply, an option letter, or a line a finding."""
    if gold is None:
        return None
    if isinstance(gold, Mapping):
        return "\n".join(f"{finding}: {label}" for finding, label in gold.items())
    return str(gold)


def _embedded(data: Mapping[str, Any]) -> str:
    """Give JSON that is safe inside a script element: ASCII, and without ``<``, ``>`` and ``&``."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _part(name: str) -> str:
    file = resources.files("pytest_medeval.report").joinpath(name)
    return file.read_text(encoding="utf-8").replace("\r\n", "\n")


def _sha256(text: str) -> str:
    """Give a source of the Content Security Policy for an inline element with this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
