"""The same request for lines in many wordings, frames and label words, so that none of them matters.

The polarity task asks in a wording and with label words of its own, which do not occur here as an answer.
"""

from __future__ import annotations

from random import Random

from tools.world import polarity
from tools.world.facts import World
from tools.world.words import chance

SYSTEMS = (
    "",
    "你是一名医疗信息助手，负责整理病历。",
    "你是一名医生助手，负责判断症状。",
    "你负责记录对话中的临床发现。",
    "你是诊所的助手。",
)
ASKS = (
    "请看对话，判断每个发现的情况，每行写一个。",
    "请判断下面的临床发现，一行一个，格式为“名称{link}情况”。",
    "请逐行记录对话里提到的临床发现，标签：{words}。",
    "这是门诊对话，请整理成表，每行写一个临床发现。标签：{words}。",
    "请判断对话中每个症状是否存在，分行写，不要解释。",
    "请找出每个发现的阴阳性，用{words}表示。",
)
FRAMES = ("对话：\n", "门诊对话：\n", "对话如下：\n", "")
LISTS = ("临床发现：", "发现：", "名单：", "症状：", "顺序：")
LINKS = ("，", " ", "－", "＝", "是", "/")
LABELS = (
    ("有", "没有", "不明", "无关"),
    ("存在", "不存在", "不清楚", "不相关"),
    ("是", "否", "未知", "其他"),
    ("加", "减", "问号", "零"),
    ("见", "未见", "可疑", "略"),
)


def requested(rng: Random, world: World) -> tuple[str, str, str]:
    """Give a system message, a request with dialogue and list, and the lines."""
    states = polarity.draw(rng, world, rng.choice(world.diseases), "train")
    talk = polarity.dialogue(rng, world, states)
    order = rng.sample(list(states), len(states))
    link, labels = rng.choice(LINKS), rng.choice(LABELS)
    words = dict(zip(("positive", "negative", "uncertain", "none"), labels, strict=True))
    ask = rng.choice(ASKS).format(link=link, words="，".join(labels))
    named = rng.choice(LISTS) + "，".join(world.findings[name].zh for name in order)
    body = f"{rng.choice(FRAMES)}{talk}\n{named}"
    text = f"{ask}\n{body}" if chance(rng, 0.7) else f"{body}\n{ask}"
    lines = "\n".join(f"{world.findings[name].zh}{link}{words[states[name]]}" for name in order)
    return rng.choice(SYSTEMS), text, lines
