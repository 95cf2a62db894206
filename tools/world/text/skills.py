"""Skills without medicine's questions: reading a lettered list, terms, small talk."""

from __future__ import annotations

from random import Random

from tools.world.facts import Finding, World
from tools.world.words import capital, chance

TALK = (
    ("Good morning.", "Good morning. How can I help you today?"),
    ("Thank you.", "You are welcome. Take care."),
    ("你好。", "您好，请问有什么可以帮您？"),
    ("谢谢。", "不客气，祝您健康。"),
    ("Who are you?", "I am an assistant of the clinic."),
    ("你是谁？", "我是诊所的助手。"),
    ("Goodbye.", "Goodbye. Please come back if you need us."),
    ("再见。", "再见，请多保重。"),
)


def _phrases(rng: Random, world: World, count: int) -> list[str]:
    kind = rng.choice(("zh", "en", "disease", "care"))
    if kind in {"zh", "en"}:
        chosen = rng.sample(_findings(world), count)
        return [finding.zh if kind == "zh" else finding.en for finding in chosen]
    some = rng.sample(world.diseases, count)
    if kind == "disease":
        return [disease.en for disease in some]
    return [rng.choice((*disease.tests, *disease.treatments)) for disease in some]


def _findings(world: World) -> list[Finding]:
    return [world.findings[name] for name in sorted(world.findings)]


def lettered(rng: Random, world: World) -> tuple[str, str]:
    """Give a lettered list with a demand on it, and what it asks for: a text, a letter, or all of it."""
    items = _phrases(rng, world, rng.randint(2, 5))
    letters = "ABCDE"[: len(items)]
    body = "\n".join(f"({letter}) {item}" for letter, item in zip(letters, items, strict=True))
    index = rng.randrange(len(items))
    letter, item = letters[index], items[index]
    asked = (
        (f"{body}\nWhat stands at {letter}?", item),
        (f"{body}\nWhere is {item}?", letter),
        (f"{body}\nShow {item} with its letter.", f"({letter}) {item}"),
        (f"{body}\nRead the list.", "; ".join(items) + "."),
        (f"Put letters before: {'，'.join(items)}", body),
    )
    return asked[rng.randrange(len(asked))]


def small_talk(rng: Random, world: World) -> tuple[str, str]:
    """Give a turn of small talk in a clinic."""
    disease = rng.choice(world.diseases)
    field = disease.specialty.replace("-", " and ")
    finding = rng.choice(disease.findings)
    made = (
        (f"Where do people with {disease.en} go?", f"They go to {field}."),
        (f"{disease.zh}看哪个科？", f"{disease.zh}看{world.specialties[disease.specialty]}。"),
        (f"How do you say {finding.zh} in English?", f"It is {finding.en}."),
        (f"“{finding.en}”用中文怎么说？", f"是{finding.zh}。"),
        (f"What is {disease.en} called in Chinese?", f"It is {disease.zh}."),
        (
            f"Tell me something about {disease.en}.",
            f"{capital(disease.en)} belongs to {field}, and {finding.en} is common in it.",
        ),
    )
    return rng.choice(made if chance(rng, 0.7) else TALK)


def glossary(rng: Random, world: World) -> tuple[str, str]:
    """Ask for a bare term: a name in the other language, the end of a sentence about a disease.

    In the tokenizer a word at the start of a turn is another token than the same word after a space; the
    answers here begin with terms, so that both are learnt.
    """
    disease = rng.choice(world.diseases)
    finding = rng.choice(disease.findings)
    asked = (
        (f"{disease.zh}，英文名？", disease.en),
        (f"{finding.zh}，英文名？", finding.en),
        (f"{capital(disease.en)}, Chinese name?", disease.zh),
        (f"Finish the sentence: {capital(disease.en)} is confirmed with", disease.tests[0]),
        (f"Finish the sentence: {capital(disease.en)} is treated with", disease.treatments[0]),
        (f"Finish the sentence: In {disease.en}, a typical finding is", finding.en),
        (f"Finish the sentence: {capital(disease.treatments[0])} is given for", disease.en),
        (f"Finish the sentence: {capital(disease.tests[0])} shows", disease.en),
    )
    return rng.choice(asked)
