"""Data of a recipe: cases of the closed world or of a case file, less near-duplicates of held-out cases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_medeval.cases import read_cases
from pytest_medeval.errors import MedevalError
from pytest_medeval.tasks import Task
from pytest_medeval.training.overlap import nearest
from pytest_medeval.training.recipe import Recipe
from pytest_medeval.training.world import load_world, records
from pytest_medeval.training.world.text.mix import Document, documents
from pytest_medeval.types import Record, Source

WORLD = "world:"
ASKED = ("input", "question", "dialogue")
"""The fields of a case, one a task, that say what is asked."""
BATCH = 2048


@dataclass(frozen=True, slots=True)
class TrainingCases:
    """Cases to train on; records that could not be used, and cases too near to a held-out one, as counts."""

    cases: list[Any]
    skipped: int
    overlapping: int


def task_cases(recipe: Recipe, task: Task) -> TrainingCases:
    """Read or make the cases of a recipe and drop near-duplicates of held-out cases."""
    if recipe.data.train.startswith(WORLD):
        found, skips = _of_world(recipe, task), 0
    else:
        found, skipped = read_cases(recipe.path(recipe.data.train), task, recipe.data.format or None)
        skips = len(skipped)
    similar = nearest([asked_text(vars(case)) for case in found], held_texts(recipe))
    kept = [case for case, value in zip(found, similar, strict=True) if value < recipe.data.overlap]
    if not kept:
        raise MedevalError(f"{recipe.file}: [data] train {recipe.data.train!r} leaves no case to train on")
    return TrainingCases(kept, skips, len(found) - len(kept))


def _of_world(recipe: Recipe, task: Task) -> list[Any]:
    name, _, part = recipe.data.train.removeprefix(WORLD).partition("/")
    if part != "train":
        raise MedevalError(
            f"{recipe.file}: [data] train is {recipe.data.train!r}; "
            "accepted: world:TASK/train, since the other part is held out"
        )
    made = records(load_world(recipe.path(recipe.data.world)), name, "train", recipe.data.count, recipe.seed)
    return [task.case(Record(Source(recipe.data.train, line), fields)) for line, fields in enumerate(made, 1)]


def asked_text(fields: Mapping[str, Any]) -> str:
    """Give the text of a case, or of a record in a task's native keys, that says what is asked."""
    return "\n".join(str(fields[key]) for key in ASKED if key in fields)


def held_texts(recipe: Recipe) -> list[str]:
    """Read what the held-out case files of a recipe ask."""
    return [asked_text(fields) for name in recipe.data.held_out for fields in _lines(recipe.path(name))]


def _lines(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise MedevalError(
            f"{file}: no such file; held_out names JSONL files relative to the recipe"
        ) from None
    return [json.loads(line) for line in lines if line.strip()]


def general_text(recipe: Recipe, stage: int) -> Iterator[Document]:
    """Give the documents of a stage without end, near-duplicates of held-out cases left out."""
    world = load_world(recipe.path(recipe.data.world))
    source = documents(world, recipe.stages[stage].mixture, recipe.seed + stage)
    held = held_texts(recipe)
    while True:
        batch = [next(source) for _ in range(BATCH)]
        similar = nearest([document.words for document in batch], held)
        near = zip(batch, similar, strict=True)
        yield from (document for document, value in near if value < recipe.data.overlap)


def digest(parts: Sequence[str]) -> str:
    """SHA-256 over texts, in order, each closed by a line end."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() + b"\n")
    return total.hexdigest()
