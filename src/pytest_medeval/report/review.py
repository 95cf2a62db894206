"""The blind review page: one HTML file that works without a network and sends nothing.

Everything stands in the file: style, script, and the texts as JSON in a data block whose ``<`` are escaped,
so that no reply can close it. The Content Security Policy allows the one style and the one script by their
SHA-256 and nothing else: no connection, no image, no frame, no form, and no other script if one got in. The
script sets texts as text, never as markup.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pytest_medeval.errors import MedevalError
from pytest_medeval.metrics.rubric import DEFAULT_RUBRIC, Rubric
from pytest_medeval.ratings.blind import Blinding, run_id
from pytest_medeval.ratings.review import rubric_data
from pytest_medeval.report.choose import SHARES, Chosen, choose
from pytest_medeval.report.lines import right_answer
from pytest_medeval.report.markup import embedded, filled, part, policy

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
    style, script = part("review.css"), part("review.js")
    data = embedded(_data(record, choose(record, size, seed, suites), seed, rubric))
    parts = {"policy": policy(style, script), "style": style, "script": script, "data": data}
    return filled(part("review.html"), parts)


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
        "reference": right_answer(entry["gold"]),
        "replies": [entry[role]["reply"] for role in blinding.order(entry)],
    }
