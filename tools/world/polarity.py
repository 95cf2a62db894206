"""Polarity cases in the shape of CHIP-MDCFNPC: a Chinese dialogue, and the state of each finding in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from tools.world.facts import Disease, Finding, World
from tools.world.split import Part, State, part_of, polarity_key
from tools.world.words import ZH_DURATIONS, chance

COMPLAINTS = (
    "医生您好，我{f}{d}了。",
    "大夫，我最近总是{f}，有{d}了。",
    "您好，我{d}前开始{f}。",
    "医生，我这几天一直{f}。",
    "大夫你好，我因为{f}来看看，大概{d}了。",
)
QUESTIONS = ("有{f}吗？", "有没有{f}？", "平时会{f}吗？", "{f}有没有出现过？", "那{f}呢？", "请问有{f}的情况吗？")
ANSWERS: Mapping[State, tuple[str, ...]] = {
    "positive": ("有的。", "有，{d}了。", "对，有这个情况。", "嗯，最近比较明显。", "是的，时轻时重。", "有一些。"),
    "negative": ("没有。", "这个没有。", "没有出现过。", "不，从来没有。", "没发现。", "倒是没有。"),
    "uncertain": (
        "说不清楚。",
        "不太确定。",
        "好像有，又好像没有。",
        "没注意过，不知道。",
        "这个我也说不好。",
        "不知道算不算。",
    ),
}
VOLUNTEERED: Mapping[State, tuple[str, ...]] = {
    "positive": ("另外我还有{f}。", "对了，还有{f}。", "我还觉得{f}。"),
    "negative": ("不过我没有{f}。", "{f}倒是没有。", "我从来没有{f}。"),
    "uncertain": ("至于{f}，我自己也说不准。", "有没有{f}我不太清楚。", "{f}我没留意，不能肯定。"),
}
UNRELATED = (
    "患者：我妈妈以前有{f}。",
    "患者：我同事也有{f}，不过我问的是自己。",
    "医生：这种药有时会引起{f}，您了解一下。",
    "医生：如果不治疗，以后可能出现{f}。",
    "患者：我在网上看到有人说会{f}。",
    "医生：别的病人会有{f}，这里只是举例。",
)
PAIRS: Mapping[State, tuple[str, ...]] = {
    "positive": ("两个都有。", "都有。", "都有一点。"),
    "negative": ("都没有。", "两个都没有。", "这些都没有。"),
    "uncertain": ("都说不清。", "两个都不确定。", "都没注意过。"),
}
PLAIN_QUESTIONS = ("那{f}呢？", "{f}怎么样？", "{f}这方面呢？", "关于{f}，情况如何？", "再问一下{f}。", "{f}出现过吗？")
FULL_ANSWERS: Mapping[State, tuple[str, ...]] = {
    "positive": ("有{f}，{d}了。", "对，有{f}。", "是有{f}，时轻时重。", "一直{f}。", "确实有{f}。"),
    "negative": ("没有{f}。", "没{f}。", "从来没有{f}。", "我没{f}。", "倒是没有{f}。"),
    "uncertain": ("不确定是否{f}。", "说不清是不是{f}。", "也许{f}，不能肯定。", "不知道是否{f}。"),
}
TERSE = 0.15
"""Share of answers that do not name the finding again, in the cases of the task."""
FAREWELLS = (
    "医生：好的，先做个检查。",
    "医生：知道了，建议来医院看看。",
    "患者：谢谢医生。",
    "医生：明白了，我给您开检查单。",
    "",
)


FEWEST = 3
"""Findings that a dialogue has at least."""


def draw_states(rng: Random, world: World, disease: Disease) -> dict[str, State]:
    """Draw up to five findings about a disease with their states, in the order in which they come up."""
    typical, against = _told(disease.findings), _told(disease.absent)
    shown = rng.sample(typical, rng.randint(1, 3))
    denied = rng.sample(against, rng.randint(0, min(2, len(against))))
    others = _told(f for near in world.of_specialty(disease.specialty) for f in near.findings if f not in typical)
    pool = [f for f in others if f not in denied]
    states: dict[str, State] = {f.id: "positive" for f in shown}
    states |= {f.id: "negative" for f in denied}
    for finding in rng.sample(typical, len(typical)):
        if finding.id not in states and chance(rng, 0.2):
            states[finding.id] = rng.choice(("negative", "uncertain", "uncertain"))
    for finding in rng.sample(sorted(set(pool), key=lambda f: f.id), 2):
        if finding.id not in states:
            states[finding.id] = rng.choice(("uncertain", "none", "negative", "none"))
    order = [name for name in states if name != shown[0].id]
    rng.shuffle(order)
    return {name: states[name] for name in [shown[0].id, *order][:5]}


def _told(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.sign and not finding.circumstance]


def dialogue(rng: Random, world: World, states: Mapping[str, State], *, terse: float = TERSE) -> str:
    """Write the dialogue in which the findings come up in the order of ``states``.

    ``terse``: share of the turns in which the patient does not name the finding again ("no" instead of "no fever"),
    so that the question has to be read with the answer.
    """
    items = [(world.findings[name], state) for name, state in states.items()]
    lines: list[str] = []
    if items[0][1] == "positive" and chance(rng, 0.8):
        finding, _ = items.pop(0)
        lines.append("患者：" + rng.choice(COMPLAINTS).format(f=finding.zh, d=rng.choice(ZH_DURATIONS)))
    while items:
        full = terse < 1 and not chance(rng, terse)
        lines.extend(_full_turn(rng, *items.pop(0)) if full else _terse_turn(rng, items))
    lines.append(rng.choice(FAREWELLS))
    return "\n".join(line for line in lines if line)


def _full_turn(rng: Random, finding: Finding, state: State) -> list[str]:
    if state == "none":
        return [rng.choice(UNRELATED).format(f=finding.zh)]
    answer = "患者：" + rng.choice(FULL_ANSWERS[state]).format(f=finding.zh, d=rng.choice(ZH_DURATIONS))
    if chance(rng, 0.3):
        return [answer]
    return ["医生：" + rng.choice(PLAIN_QUESTIONS).format(f=finding.zh), answer]


def _terse_turn(rng: Random, items: list[tuple[Finding, State]]) -> list[str]:
    finding, state = items.pop(0)
    if state == "none":
        return [rng.choice(UNRELATED).format(f=finding.zh)]
    if items and items[0][1] == state and chance(rng, 0.4):
        other, _ = items.pop(0)
        return [f"医生：有没有{finding.zh}、{other.zh}？", f"患者：{rng.choice(PAIRS[state])}"]
    if chance(rng, 0.25):
        return [f"患者：{rng.choice(VOLUNTEERED[state]).format(f=finding.zh)}"]
    question = rng.choice(QUESTIONS).format(f=finding.zh)
    return [f"医生：{question}", f"患者：{rng.choice(ANSWERS[state]).format(d=rng.choice(ZH_DURATIONS))}"]


def draw(rng: Random, world: World, disease: Disease, part: Part) -> dict[str, State]:
    """Draw states until their key belongs to the part."""
    while True:
        states = draw_states(rng, world, disease)
        if len(states) >= FEWEST and part_of(polarity_key(states)) == part:
            return states


def record(rng: Random, world: World, disease: Disease, states: Mapping[str, State], name: str) -> dict[str, Any]:
    """Make a case file's entry; the findings are listed in an order of their own."""
    order = rng.sample(list(states), len(states))
    return {
        "id": name,
        "dialogue": dialogue(rng, world, states),
        "findings": {world.findings[finding].zh: states[finding] for finding in order},
        "tags": {"specialty": disease.specialty, "disease": disease.id},
    }
