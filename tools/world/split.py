"""What a case is about, whatever its words; and the split into training and held-out parts by it.

The split hashes the meaning of a case, not its text: all wordings of one case fall into the same part.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from tools.world.facts import Disease, Finding, World

Part: TypeAlias = Literal["train", "held"]
State: TypeAlias = Literal["positive", "negative", "uncertain", "none"]
PARTS: tuple[Part, ...] = ("train", "held")
HELD_IN = 8
"""One key in so many is held out."""


@dataclass(frozen=True, slots=True)
class Core:
    """A patient's picture: the disease, the findings shown and the findings denied."""

    disease: Disease
    present: tuple[Finding, ...]
    absent: tuple[Finding, ...]

    @property
    def key(self) -> str:
        """The semantic key: no order, no wording."""
        shown = ",".join(sorted(finding.id for finding in self.present))
        denied = ",".join(sorted(finding.id for finding in self.absent))
        return f"{self.disease.id}|{shown}|{denied}"

    @property
    def told(self) -> bool:
        """Whether a patient can tell all of it: no finding is a sign of the examination."""
        return not any(finding.sign for finding in (*self.present, *self.absent))

    @property
    def female(self) -> bool:
        """Whether only a woman can be this patient."""
        return self.disease.female or any(finding.female for finding in (*self.present, *self.absent))


def part_of(key: str) -> Part:
    """Say to which part a semantic key belongs."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    return "held" if number % HELD_IN == 0 else "train"


def polarity_key(states: Mapping[str, State]) -> str:
    """Give the semantic key of a polarity case: which findings, each in which state."""
    return ";".join(f"{finding}={state}" for finding, state in sorted(states.items()))


def cores(world: World, part: Part) -> tuple[Core, ...]:
    """List every picture of a part: two to four findings, one of them telling, at most one denied."""
    return tuple(core for disease in world.diseases for core in _pictures(world, disease) if part_of(core.key) == part)


def _pictures(world: World, disease: Disease) -> Iterator[Core]:
    for size in (2, 3, 4):
        for present in itertools.combinations(disease.findings, size):
            if set(present).isdisjoint(disease.telling) or not _points_to_one(world, disease, present):
                continue
            yield Core(disease, present, ())
            for finding in disease.absent:
                yield Core(disease, present, (finding,))


def _points_to_one(world: World, disease: Disease, present: tuple[Finding, ...]) -> bool:
    """Tell whether no other disease of the world shows all of these findings."""
    return not any(set(present) <= set(other.findings) for other in world.diseases if other is not disease)


def draw(rng: Random, pictures: tuple[Core, ...], count: int) -> list[Core]:
    """Draw pictures, every disease equally often; none twice before all of its disease are used."""
    by_disease: dict[str, list[Core]] = {}
    for core in pictures:
        by_disease.setdefault(core.disease.id, []).append(core)
    decks: dict[str, list[Core]] = {name: [] for name in by_disease}
    drawn: list[Core] = []
    while len(drawn) < count:
        for name, deck in decks.items():
            if not deck:
                deck.extend(rng.sample(by_disease[name], len(by_disease[name])))
            drawn.append(deck.pop())
    return drawn[:count]
