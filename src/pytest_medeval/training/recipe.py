"""Recipes: a TOML file -> frozen dataclasses, checked key by key before anything is computed.

A recipe says all that shapes a model: its data, its prompt style (a task's own), sizes, schedule and seed.
Paths in a recipe are relative to the recipe's folder.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pytest_medeval.errors import MedevalError, accepted

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Data:
    """Where examples come from.

    ``train`` is ``world:TASK/train``, ``world:text`` or a case file, whose ``format`` is found from suffix or
    keys unless given. ``count``: how many records of the world. ``held_out`` names case files; training texts
    whose character 8-gram Jaccard similarity with one of them is ``overlap`` or more are dropped.
    """

    train: str
    format: str = ""
    world: str = ""
    count: int = 0
    held_out: list[str] = field(default_factory=list)
    overlap: float = 0.8


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One pass of a base over ``tokens`` of general text, whose kinds ``mixture`` weighs (by documents).

    ``answers_only``: of a document that asks for something, only the answer carries loss. ``max_tokens``: length
    of its rows where that is not the schedule's.
    """

    tokens: int
    mixture: dict[str, float]
    answers_only: bool = False
    max_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes of a Llama that starts from random weights, and of its tokenizer."""

    vocabulary: int = 4096
    hidden: int = 192
    intermediate: int = 512
    layers: int = 4
    heads: int = 6
    context: int = 1024


@dataclass(frozen=True, kw_only=True)
class Lora:
    """Settings of peft's ``LoraConfig``."""

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    targets: list[str] = field(default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj"])


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Settings of Transformers' ``Trainer``; ``max_tokens`` bounds an example (base: a packed row)."""

    epochs: float = 1.0
    batch: int = 8
    accumulation: int = 1
    learning_rate: float = 2e-4
    decay: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.03
    weight_decay: float = 0.01
    clip: float = 1.0
    beta2: float = 0.999
    max_tokens: int = 1024
    precision: Literal["bf16", "fp32"] = "fp32"
    log_every: int = 25


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What one command turns into a base model (``kind = "base"``) or a LoRA adapter (``kind = "lora"``)."""

    file: Path
    kind: Literal["base", "lora"]
    name: str
    mirrors: str = ""
    """Which published system the settings follow."""
    notes: str = ""
    """What a reader of the card should know: what was scaled down, what the model cannot do."""
    seed: int = 1
    base: str = ""
    task: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the task, as a suite has them: the prompt of training is the prompt of evaluation."""
    data: Data
    schedule: Schedule = field(default_factory=Schedule)
    lora: Lora = field(default_factory=Lora)
    stages: list[Stage] = field(default_factory=list)
    """Of a base: one after the other, each with the schedule anew and the next seed."""
    architecture: Architecture = field(default_factory=Architecture)

    def path(self, relative: str) -> Path:
        """Resolve a path of the recipe."""
        return self.file.parent / relative


def load_recipe(file: Path) -> Recipe:
    """Read and check a recipe; ``MedevalError`` names the file, the key and what is accepted."""
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MedevalError(
            f"{file}: no such file; accepted: a recipe.toml, as beside each adapter under adapters/"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MedevalError(f"{file}: not TOML: {error}") from None
    recipe = _build(Recipe, {**entries, "file": file}, f"{file}: ")
    _check(recipe)
    return recipe


def _check(recipe: Recipe) -> None:
    needed = {"base": ("stages",), "lora": ("base", "task")}[recipe.kind]
    for key in needed:
        if not getattr(recipe, key):
            raise MedevalError(f"{recipe.file}: a recipe of kind {recipe.kind!r} needs the key {key!r}")
    for section, key in (
        ("schedule", "epochs"),
        ("schedule", "batch"),
        ("schedule", "max_tokens"),
        ("lora", "rank"),
        ("lora", "alpha"),
    ):
        value = getattr(getattr(recipe, section), key)
        if not value > 0:
            raise MedevalError(f"{recipe.file}: [{section}] {key} is {value!r}; accepted: a number above 0")
    if not 0 <= recipe.lora.dropout < 1:
        raise MedevalError(
            f"{recipe.file}: [lora] dropout is {recipe.lora.dropout!r}; accepted: 0 up to, not including, 1"
        )


def _build(kind: type[T], entries: Mapping[str, Any], where: str) -> T:
    """Make a dataclass of a table, checking names and types of all keys."""
    hints = typing.get_type_hints(kind)
    for key in entries:
        if key not in hints:
            raise MedevalError(where + accepted("key", key, (name for name in hints if name != "file")))
    values = {key: _value(hints[key], value, where, key) for key, value in entries.items()}
    for item in dataclasses.fields(kind):  # type: ignore[arg-type]  # T is always one of the dataclasses above
        if (
            item.name not in values
            and item.default is dataclasses.MISSING
            and item.default_factory is dataclasses.MISSING
        ):
            raise MedevalError(f"{where}key {item.name!r} is missing")
    return kind(**values)


def _value(hint: Any, value: Any, where: str, key: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise MedevalError(f"{where}{key!r} is {value!r}; accepted: a table [{key}]")
        return _build(hint, value, f"{where}[{key}] ")
    origin = typing.get_origin(hint)
    if (
        origin is list
        and dataclasses.is_dataclass(item := typing.get_args(hint)[0])
        and isinstance(item, type)
    ):
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise MedevalError(f"{where}{key!r} is {value!r}; accepted: tables [[{key}]]")
        return [_build(item, entry, f"{where}[[{key}]] ") for entry in value]
    if origin is Literal:
        if value not in typing.get_args(hint):
            raise MedevalError(where + accepted(key, value, typing.get_args(hint)))
        return value
    plain = origin or hint
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(plain, type | types.UnionType) and (
        not isinstance(value, plain) or (isinstance(value, bool) and plain is not bool)
    ):
        raise MedevalError(f"{where}{key!r} is {value!r}; accepted: {getattr(plain, '__name__', plain)}")
    return value
