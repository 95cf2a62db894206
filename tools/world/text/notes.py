"""Restating a dialogue as a note: which finding is present, absent, unsure or not about the patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from tools.world import polarity
from tools.world.facts import Finding, World
from tools.world.split import State
from tools.world.words import ZH_DURATIONS, chance

ZH_STATES: Mapping[State, tuple[str, ...]] = {
    "positive": ("有{f}", "存在{f}", "{f}，有"),
    "negative": ("没有{f}", "否认{f}", "{f}，没有"),
    "uncertain": ("{f}说不清", "是否{f}不明", "{f}，不明"),
    "none": ("{f}只是提到", "{f}与本人无关", "{f}，无关"),
}
ZH_ASKS = ("按顺序记录{list}", "请写下{list}的情况", "记录顺序是{list}", "逐个说明{list}")
STATES: tuple[State, ...] = ("positive", "negative", "uncertain", "none")
EN_STATES: Mapping[State, str] = {"positive": "has {f}", "negative": "has no {f}", "uncertain": "is unsure about {f}"}
EN_TURNS: Mapping[State, tuple[str, ...]] = {
    "positive": ("Yes.", "Yes, for some days.", "I do.", "Yes, often."),
    "negative": ("No.", "Not at all.", "No, never.", "I do not."),
    "uncertain": ("I am not sure.", "Hard to say.", "I do not know.", "Maybe, I cannot tell."),
}


def chinese(rng: Random, world: World) -> tuple[str, str]:
    """Give a dialogue with a list of its findings, and the note in the order of the list, often twice."""
    disease = rng.choice(world.diseases)
    states = polarity.draw(rng, world, disease, "train")
    talk = polarity.dialogue(rng, world, states, terse=1)
    order = rng.sample(list(states), len(states))
    style = rng.randrange(3)
    items = [(world.findings[name], states[name]) for name in order]
    note = _note(items, style)
    if chance(rng, 0.6):  # again in another order and style: many states read from one dialogue
        again = rng.sample(items, len(items))
        note += f"再按{'，'.join(finding.zh for finding, _ in again)}记录。{_note(again, rng.randrange(3))}"
    ask = rng.choice(ZH_ASKS).format(list="，".join(finding.zh for finding, _ in items))
    return f"{ask}。\n{talk}" if chance(rng, 0.3) else f"{talk}\n{ask}。", note


def _note(items: Sequence[tuple[Finding, State]], style: int) -> str:
    return "；".join(ZH_STATES[state][style].format(f=finding.zh) for finding, state in items) + "。"


def lines(rng: Random, world: World) -> tuple[str, str]:
    """Give a dialogue with a list of its findings, and a line for each in the order of the list."""
    states = polarity.draw(rng, world, rng.choice(world.diseases), "train")
    talk = polarity.dialogue(rng, world, states)
    items = [(world.findings[name], states[name]) for name in rng.sample(list(states), len(states))]
    ask = rng.choice(ZH_ASKS).format(list="，".join(finding.zh for finding, _ in items))
    return f"{talk}\n{ask}，分行写。", "\n".join(ZH_STATES[state][2].format(f=f.zh) for f, state in items)


def statements(rng: Random, world: World) -> tuple[str, str]:
    """Give many short statements of one patient with a list, and a line for each: much to look up in few words."""
    pool = [world.findings[name] for name in sorted(world.findings)]
    items: list[tuple[Finding, State]] = [(f, rng.choice(STATES)) for f in rng.sample(pool, rng.randint(4, 12))]
    told = "".join(_statement(rng, finding, state) for finding, state in items)
    rng.shuffle(items)
    ask = rng.choice(ZH_ASKS).format(list="，".join(finding.zh for finding, _ in items))
    return f"{told}\n{ask}，分行写。", "\n".join(ZH_STATES[state][2].format(f=f.zh) for f, state in items)


def _statement(rng: Random, finding: Finding, state: State) -> str:
    if state == "none":
        return rng.choice(polarity.UNRELATED).partition("：")[2].format(f=finding.zh)
    answer = rng.choice(polarity.FULL_ANSWERS[state])
    return answer.format(f=finding.zh, d=rng.choice(ZH_DURATIONS))


def single(rng: Random, world: World) -> tuple[str, str]:
    """Give a dialogue with one of its findings, and what is known about that finding."""
    states = polarity.draw(rng, world, rng.choice(world.diseases), "train")
    talk = polarity.dialogue(rng, world, states, terse=1)
    name = rng.choice(list(states))
    finding = world.findings[name]
    return f"{talk}\n患者的{finding.zh}情况如何？", _note([(finding, states[name])], rng.randrange(3))


def english(rng: Random, world: World) -> tuple[str, str]:
    """Give a short English dialogue and its note."""
    disease = rng.choice(world.diseases)
    findings = rng.sample([*disease.findings, *disease.absent], rng.randint(2, 4))
    items: list[tuple[Finding, State]] = [(f, rng.choice(("positive", "negative", "uncertain"))) for f in findings]
    lines = [f"Doctor: Do you have {finding.en}?\nPatient: {rng.choice(EN_TURNS[state])}" for finding, state in items]
    rng.shuffle(items)
    note = "; ".join(
        EN_STATES[state].format(f=finding.bare if state == "negative" else finding.en) for finding, state in items
    )
    asked = ", ".join(finding.bare for finding, _ in items)
    return "\n".join(lines) + f"\nNote on {asked}.", f"The patient {note}."
