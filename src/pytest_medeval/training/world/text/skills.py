"""Skills without medicine's questions: reading a lettered list, copying, comparing two texts, small talk."""

from __future__ import annotations

from random import Random

from pytest_medeval.training.world.facts import Disease, World
from pytest_medeval.training.world.split import Core
from pytest_medeval.training.world.words import capital, listed, shown

TALK = (
    ("Good morning.", "Good morning. How can I help you today?"), ("Thank you.", "You are welcome. Take care."),
    ("你好。", "您好，请问有什么可以帮您？"), ("谢谢。", "不客气，祝您健康。"), ("Who are you?", "I am an assistant of the clinic."),
    ("你是谁？", "我是诊所的助手。"), ("Goodbye.", "Goodbye. Please come back if you need us."), ("再见。", "再见，请多保重。"),
)


def _phrases(rng: Random, world: World, count: int) -> list[str]:
    kind = rng.randrange(4)
    if kind == 0:
        return [finding.zh for finding in rng.sample(sorted(world.findings.values(), key=lambda f: f.id), count)]
    if kind == 1:
        return [finding.en for finding in rng.sample(sorted(world.findings.values(), key=lambda f: f.id), count)]
    some = rng.sample(world.diseases, count)
    return [disease.en if kind == 2 else rng.choice((*disease.tests, *disease.treatments)) for disease in some]  # noqa: PLR2004 - third of four kinds


def lettered(rng: Random, world: World) -> tuple[str, str]:
    """Give a lettered list with a demand on it, and what it asks for: the text of a letter, a letter, or all of it."""
    items = _phrases(rng, world, rng.randint(2, 5))
    letters = "ABCDE"[: len(items)]
    body = "\n".join(f"({letter}) {item}" for letter, item in zip(letters, items, strict=True))
    index = rng.randrange(len(items))
    kind = rng.randrange(5)
    if kind == 0:
        return f"{body}\nWhat stands at {letters[index]}?", items[index]
    if kind == 1:
        return f"{body}\nWhere is {items[index]}?", letters[index]
    if kind == 2:  # noqa: PLR2004 - the kinds are a plain list
        return f"{body}\nShow {items[index]} with its letter.", f"({letters[index]}) {items[index]}"
    if kind == 3:  # noqa: PLR2004
        return f"{body}\nRead the list.", "; ".join(items) + "."
    return f"Put letters before: {'，'.join(items)}", body


def copied(rng: Random, world: World) -> tuple[str, str]:
    """Give Chinese findings and the same again, one a line, each with the word that follows it in a little table."""
    findings = rng.sample(sorted(world.findings.values(), key=lambda f: f.id), rng.randint(2, 6))
    marks = [rng.choice("甲乙丙丁") for _ in findings]
    table = "，".join(f"{finding.zh}是{mark}" for finding, mark in zip(findings, marks, strict=True))
    pairs = rng.sample(list(zip(findings, marks, strict=True)), len(findings))
    ask = "，".join(finding.zh for finding, _ in pairs)
    return f"{table}。\n分行写出：{ask}", "\n".join(f"{finding.zh}，{mark}" for finding, mark in pairs)


def _opinion(rng: Random, disease: Disease, *, test: bool = True, treat: bool = True) -> str:
    parts = [rng.choice(("I think of {d}.", "My opinion is {d}.", "It points to {d}.", "{D} is likely.")).format(d=disease.en, D=capital(disease.en))]
    if test:
        parts.append(rng.choice(("Do {t}.", "Order {t}.", "Please arrange {t}.")).format(t=disease.tests[0]))
    if treat:
        parts.append(rng.choice(("Give {r}.", "Then {r}.", "It needs {r}.")).format(r=disease.treatments[0]))
    parts.append(rng.choice(("Note: {a}.", "Also, {a}.")).format(a=disease.advice))
    return " ".join(parts)


def compared(rng: Random, world: World, core: Core) -> tuple[str, str]:
    """Give two opinions on a patient with a yes-or-no question, and its answer."""
    disease = core.disease
    other = rng.choice([d for d in world.diseases if d is not disease])
    first = _opinion(rng, disease)
    kind, yes = rng.randrange(6), rng.random() < 0.5
    if kind == 0:
        second, question = _opinion(rng, disease if yes else other), "Do both name the same disease?"
    elif kind == 1:
        second, question = _opinion(rng, disease, test=not yes), "Is a test missing in the second?"
    elif kind == 2:  # noqa: PLR2004 - the kinds are a plain list
        second, question = _opinion(rng, disease, treat=not yes), "Is a treatment missing in the second?"
    elif kind == 3:  # noqa: PLR2004
        second = _opinion(rng, disease)
        second = second[: rng.randint(len(second) // 3, len(second) * 3 // 4)] if yes else second
        question = "Is the second cut off?"
    elif kind == 4:  # noqa: PLR2004
        second = rng.choice((f"It is not {disease.en}.", f"There is nothing wrong, and no need of {disease.tests[0]}.",
                             f"Never give {disease.treatments[0]}.")) if yes else _opinion(rng, disease)
        question = "Does the second contradict the first?"
    else:
        second = rng.choice(TALK)[1] if not yes else _opinion(rng, disease)
        question = "Is the second on the topic?"
    about = f"Patient: {listed(shown(rng, core))}.\n" if rng.random() < 0.5 else ""
    return f"{about}First: {first}\nSecond: {second}\n{question}", "yes" if yes else "no"


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
        (f"Tell me something about {disease.en}.", f"{capital(disease.en)} belongs to {field}, and {finding.en} is common in it."),
    )
    return rng.choice(made if rng.random() < 0.7 else TALK)
