"""Small parts of sentences that all kinds of text share."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tools.world.split import Core

DURATIONS = (
    "since this morning",
    "since last night",
    "for two days",
    "for three days",
    "for about a week",
    "for a few days",
    "since yesterday",
    "for four days",
    "since the weekend",
    "for some time",
    "lately",
    "for five days",
)
ZH_DURATIONS = ("一天", "两天", "三天", "四天", "一周", "半个月", "十来天", "一个月", "好几天", "两周")


def chance(rng: Random, share: float) -> bool:
    """Say yes in a share of draws."""
    return rng.random() < share


def listed(items: Sequence[str], last: str = "and") -> str:
    """Join items as a sentence does.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def shown(rng: Random, core: Core) -> list[str]:
    """Name the findings that the patient has, in random order."""
    return [finding.en for finding in rng.sample(core.present, len(core.present))]


def person(rng: Random, core: Core) -> tuple[int, str, str]:
    """Give age, noun and pronoun of a patient who can have this picture."""
    female = core.female or chance(rng, 0.5)
    age = rng.randint(*core.disease.ages)
    if female and any(finding.female for finding in (*core.present, *core.absent)):
        age = min(age, rng.randint(20, 45))
    return age, ("woman" if female else "man"), ("She" if female else "He")


def capital(text: str) -> str:
    """Begin a sentence with a capital letter."""
    return text[:1].upper() + text[1:]
