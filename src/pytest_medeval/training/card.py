"""``CARD.md`` beside the weights, from the recipe and the run; metrics of the same weights stay."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_medeval.models.fingerprint import fingerprint_weights
from pytest_medeval.training.curve import FILE as CURVE
from pytest_medeval.training.recipe import Recipe

FILE = "CARD.md"
METRICS = "## Metrics on held-out cases"
"""From this heading on, the card is kept when training gave the same weights again."""
UNMEASURED = "Not measured since these weights were made."


def write(recipe: Recipe, out: Path, entry: Mapping[str, Any]) -> None:
    """Write the card of a finished run, whose provenance is ``entry``."""
    file = out / FILE
    old = file.read_text(encoding="utf-8") if file.is_file() else ""
    weights = fingerprint_weights(out)
    _, found, kept = old.partition(METRICS)
    tail = kept if found and weights in old else f"\n\n{UNMEASURED}\n"
    file.write_text(
        "\n".join([*_lines(recipe, out, {"weights": weights, **entry}), METRICS]) + tail, encoding="utf-8"
    )


def _lines(recipe: Recipe, out: Path, entry: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {recipe.name}"
    yield ""
    if recipe.notes:
        yield recipe.notes.strip()
        yield ""
    yield "## Recipe"
    yield ""
    relative = Path(os.path.relpath(recipe.file.resolve(), out.resolve())).as_posix()
    where = "from here" if "/" in relative else "beside this card"
    yield f"`{relative}` {where}; the command that trains it:"
    yield ""
    yield "    python -m pytest_medeval.training PATH/TO/recipe.toml"
    yield ""
    yield from _table(_settings(recipe))
    if (out / CURVE).is_file():
        shown = "reward of sampled replies" if recipe.ppo.questions else "loss and learning rate"
        yield f"![{shown}]({CURVE})"
        yield ""
    yield "## Run"
    yield ""
    yield from _table({name: _flat(value) for name, value in entry.items()})


def _settings(recipe: Recipe) -> dict[str, str]:
    part = recipe.lora if recipe.kind == "lora" else recipe.architecture
    settings = {"kind": recipe.kind, "mirrors": recipe.mirrors, "base": recipe.base, "task": recipe.task}
    settings |= {"data": recipe.data.train, "records": str(recipe.data.count or "")}
    settings |= {f"stage {number}": _stage(stage) for number, stage in enumerate(recipe.stages, 1)}
    for section in (part, recipe.schedule):
        fields = dataclasses.asdict(section)
        settings |= {name.replace("_", " "): _flat(value) for name, value in fields.items()}
    if recipe.ppo.questions:
        fields = {**dataclasses.asdict(recipe.ppo), "data": recipe.ppo.data.train or "as above"}
        settings |= {f"PPO {name.replace('_', ' ')}": _flat(value) for name, value in fields.items()}
    return {name: value for name, value in settings.items() if value}


def _stage(stage: Any) -> str:
    mixture = ", ".join(f"{kind} {weight:g}" for kind, weight in stage.mixture.items())
    return f"{stage.tokens:,} tokens; documents by weight: {mixture}"


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _table(rows: Mapping[str, str]) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    for name, value in rows.items():
        yield f"| {name} | {value} |"
    yield ""
