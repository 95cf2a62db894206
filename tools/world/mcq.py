"""Multiple-choice cases in the shape of MedQA: a vignette, a question, four options."""

from __future__ import annotations

from random import Random
from typing import Any

from tools.world.facts import Disease, World
from tools.world.split import Core
from tools.world.words import DURATIONS, listed, person, shown

KINDS = ("diagnosis", "test", "treatment")
LETTERS = "ABCD"
SCENES = (
    "A {age}-year-old {noun} comes to the clinic with {all}.",
    "A {age}-year-old {noun} presents with {all} {when}.",
    "A {age}-year-old {noun} has had {all} {when}.",
    "A {noun} aged {age} is seen because of {all}.",
    "A {age}-year-old {noun} reports {first} {when}. {he} also has {rest}.",
    "In a {age}-year-old {noun}, the examination and history show {all}.",
    "A general practitioner refers a {age}-year-old {noun} with {all}.",
    "A {age}-year-old {noun} complains of {first}. Further questions bring out {rest}.",
)
DENIALS = ("The history is negative for {no}.", "{he} reports no {no}.", "{he} denies {no}.", "No {no} is found.")
QUESTIONS = {
    "diagnosis": (
        "What is the most likely diagnosis?",
        "Which of the following is the most likely diagnosis?",
        "Which disease explains these findings best?",
    ),
    "test": (
        "Which test is most useful to confirm the diagnosis?",
        "Which of the following is the best next test?",
        "Which investigation should be arranged first?",
    ),
    "treatment": (
        "Which treatment is most appropriate?",
        "Which of the following is the most appropriate management?",
        "What is the treatment of choice?",
    ),
}


def answer_of(disease: Disease, kind: str) -> str:
    """Give the right option of a question about a disease."""
    return {"diagnosis": disease.en, "test": disease.tests[0], "treatment": disease.treatments[0]}[kind]


def vignette(rng: Random, core: Core) -> str:
    """Describe the patient."""
    age, noun, pronoun = person(rng, core)
    findings = shown(rng, core)
    scene = rng.choice(SCENES).format(
        age=age,
        noun=noun,
        he=pronoun,
        all=listed(findings),
        first=findings[0],
        rest=listed(findings[1:]),
        when=rng.choice(DURATIONS),
    )
    denial = " ".join(rng.choice(DENIALS).format(no=finding.bare, he=pronoun) for finding in core.absent)
    return f"{scene} {denial}".strip()


def distractors(rng: Random, world: World, core: Core, kind: str) -> list[str]:
    """Choose three wrong options: of diseases that share none of the telling findings shown."""
    telling = set(core.disease.telling) & set(core.present)
    right = {core.disease.en, *core.disease.tests, *core.disease.treatments}
    wrong = [
        answer_of(other, kind)
        for other in world.diseases
        if other is not core.disease and telling.isdisjoint(other.findings) and answer_of(other, kind) not in right
    ]
    return rng.sample(wrong, len(LETTERS) - 1)


def record(rng: Random, world: World, core: Core, name: str, *, kind: str, letter: str) -> dict[str, Any]:
    """Make a case file's entry with the right option at ``letter``."""
    texts = distractors(rng, world, core, kind)
    texts.insert(LETTERS.index(letter), answer_of(core.disease, kind))
    return {
        "id": name,
        "question": f"{vignette(rng, core)} {rng.choice(QUESTIONS[kind])}",
        "options": dict(zip(LETTERS, texts, strict=True)),
        "answer": letter,
        "tags": {"specialty": core.disease.specialty, "disease": core.disease.id, "kind": kind},
    }
