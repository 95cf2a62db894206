"""Data of a recipe: records of the closed world or of a case file, without near-duplicates of held-out cases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_medeval.errors import MedevalError
from pytest_medeval.training.overlap import nearest
from pytest_medeval.training.recipe import Recipe
from pytest_medeval.training.world import load_world, records
from pytest_medeval.training.world.text import Document, documents
from pytest_medeval.types import Record, Source

WORLD = "world:"
TEXT_KEYS = ("input", "question", "dialogue")


def task_records(recipe: Recipe) -> list[Record]:
    """Read or make the training records, drop near-duplicates of held-out cases, and say where each came from."""
    found = _world(recipe) if recipe.data.train.startswith(WORLD) else _file(recipe)
    held = held_texts(recipe)
    similar = nearest([asked_text(record.fields) for record in found], held)
    return [record for record, value in zip(found, similar, strict=True) if value < recipe.data.overlap]


def _world(recipe: Recipe) -> list[Record]:
    task, _, part = recipe.data.train.removeprefix(WORLD).partition("/")
    if part != "train":
        raise MedevalError(f"{recipe.file}: [data] train is {recipe.data.train!r}; accepted: world:TASK/train, since the other part is held out")
    made = records(load_world(recipe.path(recipe.data.world)), task, "train", recipe.data.count, recipe.seed)
    return [Record(Source(recipe.data.train, line), fields) for line, fields in enumerate(made, 1)]


def _file(recipe: Recipe) -> list[Record]:
    from pytest_medeval import cases  # noqa: PLC0415 - only recipes with a file of their own need the readers

    loaded = cases.read_cases(recipe.path(recipe.data.train))
    return list(loaded.records)


def asked_text(fields: Mapping[str, Any]) -> str:
    """Give the text of a record that says what is asked."""
    return "\n".join(str(fields[key]) for key in TEXT_KEYS if key in fields)


def held_texts(recipe: Recipe) -> list[str]:
    """Read what the held-out case files ask."""
    texts: list[str] = []
    for name in recipe.data.held_out:
        texts.extend(asked_text(fields) for fields in read_jsonl(recipe.path(name)))
    return texts


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    """Read one JSON object a line."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise MedevalError(f"{file}: no such file; held-out cases are named relative to the recipe") from None
    return [json.loads(line) for line in lines if line.strip()]


def general_text(recipe: Recipe) -> Iterator[Document]:
    """Give documents of general text without end, near-duplicates of held-out cases left out."""
    world = load_world(recipe.path(recipe.data.world))
    source = documents(world, recipe.data.mixture, recipe.seed)
    held = held_texts(recipe)
    while True:
        batch = [next(source) for _ in range(2048)]
        similar = nearest([document.words for document in batch], held)
        yield from (document for document, value in zip(batch, similar, strict=True) if value < recipe.data.overlap)


def digest(parts: Sequence[str]) -> str:
    """SHA-256 over texts, in order, each closed by a line end."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() + b"\n")
    return total.hexdigest()
