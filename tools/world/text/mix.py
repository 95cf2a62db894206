"""The mixture of general text, as documents: plain text, or turns of a chat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.types import Message
from pytest_medeval.training.data import Passage
from tools.world.facts import World
from tools.world.split import Core, cores
from tools.world.text import comparisons, copying, facts, notes, requests, reviews, skills, speech

SYSTEMS = ("", "You are an assistant of a clinic.", "你是诊所的助手。", "Answer briefly.", "请简短回答。")
CHAT_SHARE = 0.5
"""Share of asking-and-answering documents that are written as a chat; the others are plain text."""


Made = str | tuple[str, str] | tuple[str, str, str]
"""A plain text; a request and its answer; or these after a system message of their own."""
KINDS: Mapping[str, Callable[[Random, World, Core], Made]] = {
    "facts": lambda rng, world, _: facts.fact(rng, world),
    "cases": facts.case,
    "notes_zh": lambda rng, world, _: notes.chinese(rng, world),
    "single_zh": lambda rng, world, _: notes.single(rng, world),
    "lines_zh": lambda rng, world, _: notes.lines(rng, world),
    "statements_zh": lambda rng, world, _: notes.statements(rng, world),
    "requests_zh": lambda rng, world, _: requests.requested(rng, world),
    "notes_en": lambda rng, world, _: notes.english(rng, world),
    "lists": lambda rng, world, _: skills.lettered(rng, world),
    "repeats": lambda rng, world, _: copying.repeated(rng, world),
    "tables": lambda rng, world, _: copying.table(rng, world),
    "glossary": lambda rng, world, _: skills.glossary(rng, world),
    "speech": speech.said,
    "reports": lambda rng, world, _: speech.reported(rng, world),
    "comparisons": comparisons.compared,
    "reviews": reviews.reviewed,
    "talk": lambda rng, world, _: skills.small_talk(rng, world),
}
"""Kinds of text, each made of a seeded generator, the world and a patient of the training part."""


def documents(world: World, mixture: Mapping[str, float], seed: int) -> Iterator[Passage]:
    """Give documents without end, kinds drawn by their weights; only the training part occurs."""
    for kind in mixture:
        if kind not in KINDS:
            raise MedevalError(accepted("kind of text", kind, KINDS))
    rng = Random(f"{seed}/text")
    patients = cores(world, "train")
    kinds, weights = list(mixture), list(mixture.values())
    while True:
        kind = rng.choices(kinds, weights)[0]
        made = KINDS[kind](rng, world, rng.choice(patients))
        if isinstance(made, str):
            yield Passage(made)
        elif len(made) == 3:  # noqa: PLR2004 - with a system message
            yield _chat(*made)
        else:
            yield _asked(rng, made, chat=kind in {"talk", "glossary"} or rng.random() < CHAT_SHARE)


def _asked(rng: Random, pair: tuple[str, str], *, chat: bool) -> Passage:
    asked, answer = pair
    return _chat(rng.choice(SYSTEMS), asked, answer) if chat else Passage(f"{asked}\n", answer)


def _chat(system: str, asked: str, answer: str) -> Passage:
    turns = (Message("user", asked), Message("assistant", answer))
    return Passage(turns=(Message("system", system), *turns) if system else turns)
