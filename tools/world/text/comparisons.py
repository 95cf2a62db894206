"""Comparing two opinions: the same disease, something missing, cut off, contradicting, on the topic.

A judge needs these skills before it can be taught grades. The opinions are worded unlike the replies of the
dialogue task, and no grade occurs.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from tools.world.facts import Disease, World
from tools.world.split import Core
from tools.world.text.skills import TALK
from tools.world.words import capital, chance, listed, shown

NAMES = ("I think of {d}.", "My opinion is {d}.", "It points to {d}.", "{D} is likely.")
TESTS = ("Do {t}.", "Order {t}.", "Please arrange {t}.")
TREATMENTS = ("Give {r}.", "Then {r}.", "It needs {r}.")
NOTES = ("Note: {a}.", "Also, {a}.")

Made: TypeAlias = tuple[str, str]
"""The second opinion, and the question about both."""


def compared(rng: Random, world: World, core: Core) -> tuple[str, str]:
    """Give two opinions on a patient with a yes-or-no question, and its answer."""
    disease = core.disease
    other = rng.choice([d for d in world.diseases if d is not disease])
    first = _opinion(rng, disease)
    kind = rng.randrange(len(KINDS))
    yes = chance(rng, 0.5)
    second, question = KINDS[kind](rng, disease, other, yes)
    about = f"Patient: {listed(shown(rng, core))}.\n" if chance(rng, 0.5) else ""
    return f"{about}First: {first}\nSecond: {second}\n{question}", "yes" if yes else "no"


def _opinion(rng: Random, disease: Disease, *, test: bool = True, treat: bool = True) -> str:
    parts = [rng.choice(NAMES).format(d=disease.en, D=capital(disease.en))]
    if test:
        parts.append(rng.choice(TESTS).format(t=disease.tests[0]))
    if treat:
        parts.append(rng.choice(TREATMENTS).format(r=disease.treatments[0]))
    parts.append(rng.choice(NOTES).format(a=disease.advice))
    return " ".join(parts)


def _same(rng: Random, disease: Disease, other: Disease, yes: bool) -> Made:
    return _opinion(rng, disease if yes else other), "Do both name the same disease?"


def _no_test(rng: Random, disease: Disease, _: Disease, yes: bool) -> Made:
    return _opinion(rng, disease, test=not yes), "Is a test missing in the second?"


def _no_treatment(rng: Random, disease: Disease, _: Disease, yes: bool) -> Made:
    return _opinion(rng, disease, treat=not yes), "Is a treatment missing in the second?"


def _cut(rng: Random, disease: Disease, _: Disease, yes: bool) -> Made:
    whole = _opinion(rng, disease)
    text = whole[: rng.randint(len(whole) // 3, len(whole) * 3 // 4)] if yes else whole
    return text, "Is the second cut off?"


def _against(rng: Random, disease: Disease, _: Disease, yes: bool) -> Made:
    opposed = (
        f"It is not {disease.en}.",
        f"There is nothing wrong, and no need of {disease.tests[0]}.",
        f"Never give {disease.treatments[0]}.",
    )
    return rng.choice(opposed) if yes else _opinion(rng, disease), "Does the second contradict the first?"


def _topic(rng: Random, disease: Disease, _: Disease, yes: bool) -> Made:
    return _opinion(rng, disease) if yes else rng.choice(TALK)[1], "Is the second on the topic?"


KINDS: tuple[Callable[[Random, Disease, Disease, bool], Made], ...] = (
    _same,
    _no_test,
    _no_treatment,
    _cut,
    _against,
    _topic,
)
