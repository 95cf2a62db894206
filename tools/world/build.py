"""Records of a task and a part, seeded: the same call gives the same records, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from pytest_medeval.core.errors import MedevalError, accepted
from tools.world import dialogue, mcq, polarity
from tools.world.facts import World
from tools.world.judged import judged_replies
from tools.world.split import PARTS, Core, Part, cores, draw

HELD_OUT = 240
"""Held-out cases a task."""
LABELLED = 60
"""Patients whose two replies are graded for a judge."""
SEED = 20260301
TASKS = ("dialogue", "mcq", "polarity")
CRITICAL = ("myocardial-infarction", "stroke", "meningitis", "anaphylaxis", "ectopic-pregnancy")
"""Red-flag emergencies: the first held-out treatment question of each is critical, by content alone."""


def records(world: World, task: str, part: Part, count: int, seed: int = SEED) -> list[dict[str, Any]]:
    """Make ``count`` records of a task in its native keys, of one part of the world."""
    if part not in PARTS:
        raise MedevalError(accepted("part of the world", part, PARTS))
    rng = Random(f"{seed}/{task}/{part}")  # a text seed: the three tasks and two parts draw independently
    if task == "dialogue":
        pictures = tuple(core for core in cores(world, part) if core.told)
        chosen = draw(rng, pictures, count)
        return [dialogue.record(rng, core, _name(i, core)) for i, core in enumerate(chosen, 1)]
    if task == "mcq":
        return _questions(rng, world, draw(rng, cores(world, part), count))
    if task == "polarity":
        return _polarity(rng, world, part, count)
    raise MedevalError(accepted("task of the world", task, TASKS))


def _name(index: int, core: Core) -> str:
    return f"{core.disease.id}-{index:03d}"


def _questions(rng: Random, world: World, chosen: list[Core]) -> list[dict[str, Any]]:
    letters = [mcq.LETTERS[i % len(mcq.LETTERS)] for i in range(len(chosen))]
    rng.shuffle(letters)
    made = []
    for index, (core, letter) in enumerate(zip(chosen, letters, strict=True)):
        turn, disease = divmod(index, len(world.diseases))
        kind = mcq.KINDS[(turn + disease) % len(mcq.KINDS)]
        made.append(mcq.record(rng, world, core, _name(index + 1, core), kind=kind, letter=letter))
    return made


def _polarity(rng: Random, world: World, part: Part, count: int) -> list[dict[str, Any]]:
    made = []
    for index in range(count):
        disease = world.diseases[index % len(world.diseases)]
        states = polarity.draw(rng, world, disease, part)
        made.append(polarity.record(rng, world, disease, states, f"{disease.id}-{index + 1:03d}"))
    return made


def held_out(world: World, task: str) -> list[dict[str, Any]]:
    """Make the held-out cases of a task as they stand under ``suites/``; red-flag questions are critical."""
    made = records(world, task, "held", HELD_OUT)
    if task != "mcq":
        return made
    waiting = set(CRITICAL)
    for entry in made:
        if entry["tags"]["kind"] == "treatment" and entry["tags"]["disease"] in waiting:
            waiting.remove(entry["tags"]["disease"])
            entry["critical"] = True
    return made


def judge_labels(world: World) -> list[dict[str, Any]]:
    """Grade held-out replies by rule, one dimension a line, as ``--medeval-judge-labels`` reads them.

    The texts stand on the first line of a reply; the two replies to one patient are a cluster.
    """
    lines: list[dict[str, Any]] = []
    for pair in judged_replies(world, "held", LABELLED, SEED):
        for one in pair:
            texts = {"question": one.input, "reference": one.reference, "reply": one.reply}
            for dimension, grade in one.grades.items():
                line = {"item": one.id, "dimension": dimension, "score": grade, "rater": "rules"}
                lines.append({**line, "cluster": pair[0].id, **texts})
                texts = {}
    return lines


def case_files(world: World) -> dict[Path, str]:
    """Give path below the repository -> text of every case file, and of the labels that a judge is held against."""
    files = {Path("suites") / task / f"{task}.jsonl": held_out(world, task) for task in TASKS}
    files[Path("fixtures") / "world" / "judge-labels.jsonl"] = judge_labels(world)
    return {
        path: "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines) for path, lines in files.items()
    }
