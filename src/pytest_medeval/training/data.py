"""Data of a recipe: cases of the closed world or of case files, filtered, divided, less near-duplicates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_medeval.cases import read_cases
from pytest_medeval.cases.find import detect
from pytest_medeval.errors import MedevalError
from pytest_medeval.tasks import TASKS, Task
from pytest_medeval.training.checks import check_apart, check_dev, check_train
from pytest_medeval.training.overlap import nearest
from pytest_medeval.training.recipe import Data, Recipe
from pytest_medeval.training.split import asked_text, divide, subset, wanted
from pytest_medeval.training.world import load_world, records
from pytest_medeval.training.world.text.mix import Document, documents
from pytest_medeval.types import Record, Skip, Source

WORLD = "world:"
BATCH = 2048


@dataclass(frozen=True, slots=True)
class TrainingCases:
    """Cases to train on and those of the dev set.

    As counts: records that could not be used, cases that the filters left out, and cases too near to a held-out
    one.
    """

    cases: list[Any]
    dev: list[Any]
    skipped: int
    filtered: int
    overlapping: int


def task_cases(recipe: Recipe, task: Task) -> TrainingCases:
    """Read or make the cases of a recipe, check and divide them, and drop near-duplicates of held-out cases."""
    data = recipe.data
    found, skips = _read(recipe, data, task)
    check_train(recipe.file, skips, skip_empty=data.skip_empty)
    used = _filtered(found, data, task)
    similar = nearest([asked_text(vars(case)) for case in used], held_texts(recipe))
    kept = [case for case, value in zip(used, similar, strict=True) if value < data.overlap]
    train, dev = divide(kept, data.dev_share) if data.dev_share else (kept, _dev(recipe, task))
    if not train:
        raise MedevalError(f"{recipe.file}: [data] train {data.train!r} leaves no case to train on")
    check_apart(recipe.file, train, dev)
    return TrainingCases(train, dev, len(skips), len(found) - len(used), len(used) - len(kept))


def _read(recipe: Recipe, data: Data, task: Task) -> tuple[list[Any], list[Skip]]:
    if data.train.startswith(WORLD):
        return _of_world(recipe, data, task), []
    found, skips = read_cases(recipe.path(data.train), task, data.format or None)
    found = subset(found, data.limit)
    for more in data.more:
        others, left = read_cases(recipe.path(more.train), task, more.format or None)
        found, skips = found + subset(others, more.limit), skips + left
    return found, skips


def _filtered(cases: Sequence[Any], data: Data, task: Any) -> list[Any]:
    return [case for case in cases if wanted(case, task.question(case), data)]


def _dev(recipe: Recipe, task: Task) -> list[Any]:
    data = recipe.data
    if not data.dev:
        return []
    found, skips = read_cases(recipe.path(data.dev), task, data.dev_format or None)
    check_dev(recipe.file, skips, filtered=bool(data.where))
    return _filtered(found, data, task)


def _of_world(recipe: Recipe, data: Data, task: Task) -> list[Any]:
    name, _, part = data.train.removeprefix(WORLD).partition("/")
    if part != "train":
        raise MedevalError(
            f"{recipe.file}: [data] train is {data.train!r}; "
            "accepted: world:TASK/train, since the other part is held out"
        )
    made = records(load_world(recipe.path(data.world)), name, "train", data.count, recipe.seed)
    return [task.case(Record(Source(data.train, line), fields)) for line, fields in enumerate(made, 1)]


def files(recipe: Recipe) -> list[str]:
    """Name the files that a recipe reads cases from, as it names them."""
    named = (
        name
        for data in (recipe.data, recipe.ppo.data)
        for name in (data.train, *(more.train for more in data.more), data.dev, *data.held_out)
    )
    return list(dict.fromkeys(name for name in named if name and not name.startswith(WORLD)))


def held_texts(recipe: Recipe) -> list[str]:
    """Read what the held-out case files of a recipe ask."""
    return [text for name in recipe.data.held_out for text in _held(recipe, recipe.path(name))]


def _held(recipe: Recipe, file: Path) -> list[str]:
    """Read a file of the recipe's task in any format; case files of our own may be of another task."""
    if not file.is_file():
        raise MedevalError(f"{file}: no such file; held_out names case files relative to the recipe")
    if detect(file) == "native":
        lines = file.read_text(encoding="utf-8").splitlines()
        return [asked_text(json.loads(line)) for line in lines if line.strip()]
    cases, _ = read_cases(file, TASKS.resolve(recipe.task)())
    return [asked_text(vars(case)) for case in cases]


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
