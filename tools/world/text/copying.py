"""Copying and looking up: lists said again, tables read out in another order.

Small models learn to copy late and then at once; much of it in small pieces brings that forward. The marks
in the tables are arbitrary characters, so nothing can be known beforehand and everything has to be looked up.
"""

from __future__ import annotations

from random import Random

from tools.world.facts import World
from tools.world.words import chance

MARKS = "甲乙丙丁戊己庚辛"
AGAIN = ("再说一遍：", "重复：", "Again: ", "Repeat: ")
BREAKS = ("，", "；", "\n", "、")
LINKS = ("，", "是", "－", "＝")


def repeated(rng: Random, world: World) -> tuple[str, str]:
    """Give a list of names, or a row of single characters, and the same again."""
    names = _names(rng, world)
    if chance(rng, 0.4):
        letters = sorted({letter for finding in world.findings.values() for letter in finding.zh})
        names = [rng.choice(letters) for _ in range(rng.randint(5, 15))]
    text = ("" if chance(rng, 0.3) else rng.choice(BREAKS)).join(names)
    again = "\n".join([text] * rng.randint(1, 2))
    return f"{text}\n{rng.choice(AGAIN).strip()}", again


def table(rng: Random, world: World) -> tuple[str, str]:
    """Give a table of names and marks with a list of its names, and the rows in the order of the list."""
    names = _names(rng, world)
    marks = {name: "".join(rng.choices(MARKS, k=rng.randint(1, 3))) for name in names}
    if chance(rng, 0.3):  # one mark for all: the list alone has to be followed
        marks = dict.fromkeys(names, rng.choice(MARKS))
    rows = "，".join(f"{name}{rng.choice(LINKS)}{mark}" for name, mark in marks.items())
    asked = rng.sample(names, len(names))
    link, end = rng.choice(LINKS), rng.choice(("\n", "；"))
    return f"{rows}。\n分行写出：{'，'.join(asked)}", end.join(f"{name}{link}{marks[name]}" for name in asked)


def _names(rng: Random, world: World) -> list[str]:
    pool = [world.findings[name] for name in sorted(world.findings)]
    chosen = rng.sample(pool, rng.randint(2, 5))
    return [finding.en for finding in chosen] if chance(rng, 0.15) else [finding.zh for finding in chosen]
