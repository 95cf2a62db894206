"""Replies of which every grade is known, because they were spoiled on purpose in known ways.

The four dimensions are those of the default rubric; the grades follow from what was done to a good reply, by
the rules in ``_grades``, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from tools.world import dialogue
from tools.world.facts import Disease, World
from tools.world.split import Core, Part, cores, draw
from tools.world.text import facts as statements
from tools.world.text import notes, skills
from tools.world.words import capital, chance

WAYS = ("whole", "missing", "missing", "wrong_disease", "wrong_treatment", "contradicted", "cut", "padded", "off_topic")
"""What is done to a good reply; drawn evenly, ``missing`` twice as often because it has the most forms."""
NONE = "none"
DENIALS = (
    "But I am sure that it is not {disease}, and {test} is not needed.",
    "However, this cannot be {disease}, so you need no {bare}.",
    "It is certainly not {disease}. Do not have {test}.",
)
ACCURACY = {"wrong_disease": 1, "off_topic": 1, "contradicted": 2, "wrong_treatment": 3}
"""Grades of what is false; a reply in which nothing is false has 5, also when much is missing."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A patient's message, a good reply, a reply to grade, what was done to it, its grades (1 to 5), its facts."""

    id: str
    input: str
    reference: str
    reply: str
    way: str
    grades: Mapping[str, int]
    facts: Mapping[str, str]
    specialty: str
    disease: str
    """The patient's."""
    named: str
    """The disease that the reply speaks of, ``none`` where it speaks of none as the patient's."""


Pair: TypeAlias = tuple[Judged, Judged]


def judged_replies(world: World, part: Part, patients: int, seed: int, ways: Sequence[str] = WAYS) -> list[Pair]:
    """Make two replies with known grades to each patient drawn from one part."""
    rng = Random(f"{seed}/judged/{part}")
    told = tuple(core for core in cores(world, part) if core.told)
    drawn = enumerate(draw(rng, told, patients), 1)
    return [_two(rng, world, core, f"{core.disease.id}-{number:04d}", ways) for number, core in drawn]


def _two(rng: Random, world: World, core: Core, name: str, ways: Sequence[str]) -> Pair:
    asked, reference = dialogue.message(rng, core), dialogue.reply(rng, core)

    def one(letter: str) -> Judged:
        reply, way, asides = spoil(rng, world, core, ways)
        return Judged(
            f"{name}{letter}",
            asked,
            reference,
            reply,
            way,
            _grades(core.disease, reply, way, asides),
            facts_of(core.disease, reply, way, asides),
            core.disease.specialty,
            core.disease.en,
            named(world, core.disease, reply, way),
        )

    return one("a"), one("b")


def spoil(rng: Random, world: World, core: Core, ways: Sequence[str] = WAYS) -> tuple[str, str, int]:
    """Write a good reply and spoil it in one of the ways; give the reply, the way and the number of asides."""
    way = rng.choice(ways)
    others = [disease for disease in world.diseases if disease.specialty != core.disease.specialty]
    return _spoiled(rng, world, core, rng.choice(others), way)


def _spoiled(rng: Random, world: World, core: Core, other: Disease, way: str) -> tuple[str, str, int]:
    if way == "off_topic":
        return _off_topic(rng, world, other), way, 0
    parts = dialogue.reply_parts(rng, other if way == "wrong_disease" else core.disease)
    if way == "missing":
        kept = {0, *rng.sample((1, 2, 3), rng.randint(0, 2))}
        parts = [part for place, part in enumerate(parts) if place in kept]
    if way == "wrong_treatment":
        parts[2] = dialogue.reply_parts(rng, other)[2]
    if way == "contradicted":
        parts = _contradicted(rng, core.disease, parts)
    if way == "padded":
        extra = [_aside(rng, world, other) for _ in range(rng.randint(1, 3))]
        return " ".join([*extra, *parts] if chance(rng, 0.3) else [*parts, *extra]), way, len(extra)
    text = " ".join(parts)
    if way == "cut":
        text = text[: rng.randint(len(text) // 5, len(text) * 4 // 5)].strip()
    return text, way, 0


def _contradicted(rng: Random, disease: Disease, parts: list[str]) -> list[str]:
    test = disease.tests[0]
    bare = test.partition(" ")[2] if test.startswith(("a ", "an ", "the ")) else test
    denial = rng.choice(DENIALS).format(disease=disease.en, test=test, bare=bare)
    return [denial, *parts[2:]] if chance(rng, 0.5) else [*parts, denial]


def _aside(rng: Random, world: World, other: Disease) -> str:
    field = other.specialty.replace("-", " and ")
    asides = (
        f"{capital(other.en)} belongs to {field}.",
        f"People with {other.en} often have {other.findings[0].en}.",
        f"By the way, {other.en} is treated with {other.treatments[0]}.",
        "Our clinic opens at eight and has a new waiting room.",
        "The weather has been fine this week.",
        skills.small_talk(rng, world)[1],
    )
    return rng.choice(asides)


def _off_topic(rng: Random, world: World, other: Disease) -> str:
    kind = rng.choice(("aside", "fact", "note", "list"))
    if kind == "aside":
        return " ".join(_aside(rng, world, other) for _ in range(rng.randint(1, 2)))
    if kind == "fact":
        return statements.fact(rng, World((other,), world.findings, world.specialties))
    return (notes.english(rng, world) if kind == "note" else skills.lettered(rng, world))[1]


def _grades(disease: Disease, reply: str, way: str, asides: int) -> dict[str, int]:
    """Grade by rule.

    Points: disease, first test, first treatment, advice; a point counts when its words stand whole in the
    reply and are not denied. Comprehensiveness is one more than the points. Helpfulness is one, and one for
    the test, two for the treatment, one for the advice; less one for asides, at most 2 with a wrong treatment
    or a denial, and 1 about another disease or off the topic. Relevance: 1 off the topic, 2 about another
    disease, 4 with one aside, 3 with more.
    """
    has = points(disease, reply, way)
    helpful = 1 + has["test"] + 2 * has["treatment"] + has["advice"] - (asides > 0)
    if way in {"wrong_treatment", "contradicted"}:
        helpful = min(helpful, 2)
    aside_grade = {0: 5, 1: 4}.get(asides, 3)
    return {
        "accuracy": ACCURACY.get(way, 5),
        "comprehensiveness": 1 + sum(has.values()),
        "helpfulness": max(helpful, 1),
        "relevance": {"off_topic": 1, "wrong_disease": 2}.get(way, aside_grade),
    }


def points(disease: Disease, reply: str, way: str) -> dict[str, bool]:
    """Say which points stand whole in a reply and are not denied: disease, first test, first treatment, advice."""
    off = way in {"wrong_disease", "off_topic"}
    named = {
        "disease": disease.en,
        "test": disease.tests[0],
        "treatment": disease.treatments[0],
        "advice": disease.advice,
    }
    has = {point: not off and words.lower() in reply.lower() for point, words in named.items()}
    return has | {"disease": False, "test": False} if way == "contradicted" else has


def named(world: World, disease: Disease, reply: str, way: str) -> str:
    """Say which disease a reply gives the patient."""
    if way == "off_topic":
        return NONE
    meant = world.diseases if way == "wrong_disease" else (disease,)
    found = [one.en for one in meant if one.en.lower() in reply.lower()]
    return max(found, key=len, default=NONE)


def facts_of(disease: Disease, reply: str, way: str, asides: int) -> dict[str, str]:
    """Say in words what a reply names, whether it stays on the topic, and what is wrong with it."""
    named = {point: "yes" if whole else "no" for point, whole in points(disease, reply, way).items()}
    return named | {
        "topic": {"off_topic": "no", "wrong_disease": "other"}.get(way, "yes"),
        "against": "yes" if way == "contradicted" else "no",
        "wrong": "yes" if way == "wrong_treatment" else "no",
        "asides": ("none", "one", "some", "some")[asides],
    }
