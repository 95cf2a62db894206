"""HealthBench: JSONL of conversations, each with the physicians' criteria; all variants (main, hard, consensus).

Tags of a criterion are ``axis:...`` and ``level:...`` (``cluster``: agreed on by several physicians, ``example``: one
physician's own), where a file has them. A group of prompts is not given; ``prompt_id`` names one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.jsontext import objects
from pytest_medeval.core.types import Record, Skip, Source

TASK = "criteria"
KEYS = (frozenset({"prompt_id", "prompt", "rubrics"}),)
KEPT = ("axis", "level")
"""Tags of criteria that are kept; a ``cluster`` names what its case's ``physician_agreed_category`` does."""


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one conversation a record; tags ``theme`` and ``physician_agreed_category``."""
    for line, found in objects(path):
        source, rubrics = Source(str(path), line), found.get("rubrics")
        if not isinstance(rubrics, list) or not all(isinstance(one, dict) for one in rubrics):
            yield Skip(source, "no criteria")
            continue
        fields = {
            "id": found["prompt_id"],
            "messages": found.get("prompt"),
            "criteria": [criterion(one) for one in rubrics],
            "tags": tagged(found.get("example_tags")),
        }
        yield Record(source, fields)


def criterion(given: dict[str, object]) -> dict[str, object]:
    """Give a rubric's item in our own keys."""
    tags = {name: value for name, value in tagged(given.get("tags")).items() if name in KEPT}
    text = given.get("criterion", given.get("criteria"))
    return {"text": text, "points": given.get("points"), **({"tags": tags} if tags else {})}


def tagged(tags: object) -> dict[str, str]:
    """Take tags such as ``theme:hedging`` apart; of several with one name the first counts.

    >>> tagged(["theme:hedging", "level:example"])
    {'level': 'example', 'theme': 'hedging'}
    """
    pairs = [str(tag).partition(":") for tag in (tags if isinstance(tags, list) else [])]
    return {name: value for name, colon, value in reversed(pairs) if colon}
