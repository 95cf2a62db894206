"""Data of a recipe: cases of case files or of a function, filtered, divided, less near-duplicates."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Case, Message, Record, Skip, Source
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.base import Exemplary, Task, Trainable
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.cases.duplicates import Index, plain, plain_lines
from pytest_medeval.tasks.cases.find import detect
from pytest_medeval.tasks.cases.split import asked_text, content, divide, subset
from pytest_medeval.training.examples import Example
from pytest_medeval.training.recipe import DATA, Data, More, Recipe

# What must hold for the data of a run before anything is computed: mistakes with their counts, one line
# each.

EMPTY_TARGETS = frozenset({"blank target", "empty reference", "no findings in the target", "no label", "no findings"})
"""Reasons for which a reader leaves a record out that ask for nothing to be written."""
ANOTHER_TASK = "not a polarity task: "
"""How a reader's reason begins when the record belongs to another task."""
SHOWN = 40
"""Characters of a text that a message shows."""


def check_train(file: Path, skips: Sequence[Skip], *, skip_empty: bool) -> None:
    """Refuse records with an empty target, unless the recipe leaves them out by name."""
    empty = [skip for skip in skips if skip.reason in EMPTY_TARGETS]
    if empty and not skip_empty:
        raise MedevalError(
            f"{file}: {len(empty)} training records have an empty target, the first at {empty[0].source}; "
            "accepted: none, or [data] skip_empty = true"
        )


def check_dev(file: Path, skips: Sequence[Skip], *, filtered: bool) -> None:
    """Refuse a dev set of which anything cannot be used: its loss would be about other data than it says.

    Samples of other tasks may stand in its file where the recipe's ``where`` chooses among them.
    """
    left = [skip for skip in skips if not (filtered and skip.reason.startswith(ANOTHER_TASK))]
    if not left:
        return
    reasons = Counter(skip.reason for skip in left)
    told = ", ".join(f"{count} {reason!r}" for reason, count in reasons.most_common())
    other = sum(skip.reason.startswith(ANOTHER_TASK) for skip in left)
    hint = f"; {other} are samples of another task, which [data] where can leave out" if other else ""
    raise MedevalError(
        f"{file}: {len(left)} records of the dev set cannot be used, the first at {left[0].source}: {told}{hint}"
    )


def check_apart(file: Path, train: Sequence[Case], dev: Sequence[Case]) -> None:
    """Refuse a dev set that shares cases with the training data, compared without case, blanks, punctuation."""
    trained = {content(case) for case in train}
    both = [case for case in dev if content(case) in trained]
    if both:
        raise MedevalError(
            f"{file}: {len(both)} of {len(dev)} dev cases are also trained on, the first is "
            f"{asked_text(vars(both[0]))[:SHOWN]!r}"
        )


def check_targets(file: Path, examples: Sequence[Example]) -> None:
    """Refuse examples that ask for nothing to be written."""
    empty = [example for example in examples if not example.target.strip()]
    if empty:
        raise MedevalError(
            f"{file}: {len(empty)} of {len(examples)} examples have an empty target, the first asks "
            f"{empty[0].messages[-1].content[:SHOWN]!r}"
        )


BATCH = 2048

Records: TypeAlias = Callable[[Path, int, int], Iterable[Mapping[str, object]]]
"""``function(source, count, seed)``: what a recipe's ``train`` names for a task; records in its native keys."""
Texts: TypeAlias = Callable[[Path, Mapping[str, float], int], Iterator["Passage"]]
"""``function(source, mixture, seed)``: what it names for a base; documents without end, kinds weighed."""
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Passage:
    """One text of a base's corpus: plain, or the turns of a chat.

    ``answer`` closes a plain text that asks for something; of a chat it is the last turn.
    """

    text: str = ""
    answer: str = ""
    turns: tuple[Message, ...] = ()

    @property
    def words(self) -> str:
        """All of its text, without roles."""
        return self.text + self.answer or "\n".join(turn.content for turn in self.turns)


def made_by_function(name: str) -> bool:
    """Say whether a recipe's data are made by a function, ``module:name``, and not read from a file."""
    return not name.startswith(DATA) and _FUNCTION.fullmatch(name) is not None


def function_of(recipe: Recipe, name: str) -> Any:
    """Import the function that a recipe names; it is looked for where Python looks, the working directory included."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise MedevalError(
            f"{recipe.file}: [data] {name!r} is no function: {error}; accepted: module:function, importable from the "
            "folder in which the command runs"
        ) from None


@dataclass(frozen=True, slots=True)
class TrainingCases:
    """Cases to train on and those of the dev set.

    As counts: records that could not be used, cases that the filters left out, and cases too near to a held-out
    one.
    """

    cases: list[Case]
    dev: list[Case]
    skipped: int
    filtered: int
    overlapping: int


def task_cases(recipe: Recipe, task: Trainable) -> TrainingCases:
    """Read or make the cases of a recipe, check and divide them, and drop near-duplicates of held-out cases."""
    data = recipe.data
    found, skips, held_back = _read(recipe, data, task)
    check_train(recipe.file, skips, skip_empty=data.skip_empty)
    used = _filtered(found, data, task)
    near = _held_out(recipe).holders([plain(asked_text(vars(case))) for case in used])
    kept = [case for case, held in zip(used, near, strict=True) if not held]
    train = [case for case in kept if content(case) not in held_back]
    dev = [case for case in kept if content(case) in held_back] if data.divided else _dev(recipe, task)
    if not train:
        raise MedevalError(f"{recipe.file}: [data] train {data.train!r} leaves no case to train on")
    check_apart(recipe.file, train, dev)
    return TrainingCases(train, dev, len(skips), len(found) - len(used), len(used) - len(kept))


def _read(recipe: Recipe, data: Data, task: Task) -> tuple[list[Case], list[Skip], set[str]]:
    """Give the cases of all files, the records left out, and the content of what the split of each file holds back.

    Each file is divided as a suite divides it: whole, before limits and filters.
    """
    if made_by_function(data.train):
        make: Records = function_of(recipe, data.train)
        records = enumerate(make(recipe.path(data.source), data.count, recipe.seed), 1)
        made = [task.case(Record(Source(data.train, line), fields)) for line, fields in records]
        return made, [], _held_back(made, data)
    found, skips, held_back = list[Case](), list[Skip](), set[str]()
    every: tuple[Data | More, ...] = (data, *data.more)
    for one in every:
        cases, left = read_cases(recipe.path(one.train), task, one.format or None)
        found, skips, held_back = found + subset(cases, one.limit), skips + left, held_back | _held_back(cases, data)
    return found, skips, held_back


def _held_back(cases: Sequence[Case], data: Data) -> set[str]:
    return {content(case) for case in divide(cases, data.dev_share, data.dev_count)[1]} if data.divided else set()


def _filtered(cases: Sequence[Case], data: Data, task: Exemplary) -> list[Case]:
    """Leave out cases that do not pass the recipe's filters."""
    tagged = (case for case in cases if data.where.items() <= case.tags.items())
    return [case for case in tagged if len(task.question(case).split()) >= data.min_words]


def _dev(recipe: Recipe, task: Trainable) -> list[Case]:
    data = recipe.data
    if not data.dev:
        return []
    found, skips = read_cases(recipe.path(data.dev), task, data.dev_format or None)
    check_dev(recipe.file, skips, filtered=bool(data.where))
    return _filtered(found, data, task)


def files(recipe: Recipe) -> list[str]:
    """Name the files that a recipe reads cases from, as it names them."""
    named = (
        name
        for data in (recipe.data, recipe.ppo.data)
        for name in (data.train, *(more.train for more in data.more), data.dev, *data.held_out)
    )
    return list(dict.fromkeys(name for name in named if name and not made_by_function(name)))


def held_texts(recipe: Recipe) -> list[str]:
    """Read what the held-out case files of a recipe ask."""
    return [text for name in recipe.data.held_out for text in _held(recipe, recipe.path(name))]


def _held_out(recipe: Recipe) -> Index:
    """Make the held-out texts ready to be looked for in training texts."""
    return Index([[plain_lines(text) for text in held_texts(recipe)]], recipe.data.overlap)


def _held(recipe: Recipe, file: Path) -> list[str]:
    """Read a file of the recipe's task in any format; case files of our own may be of another task."""
    if not file.is_file():
        raise MedevalError(f"{file}: no such file; held_out names case files relative to the recipe")
    if detect(file) == "native":
        lines = file.read_text(encoding="utf-8").splitlines()
        return [asked_text(json.loads(line)) for line in lines if line.strip()]
    cases, _ = read_cases(file, TASKS.resolve(recipe.task)())
    return [asked_text(vars(case)) for case in cases]


def general_text(recipe: Recipe, stage: int) -> Iterator[Passage]:
    """Give the documents of a stage without end, near-duplicates of held-out cases left out."""
    make: Texts = function_of(recipe, recipe.data.train)
    source = make(recipe.path(recipe.data.source), recipe.stages[stage].mixture, recipe.seed + stage)
    index = _held_out(recipe)
    while True:
        batch = [next(source) for _ in range(BATCH)]
        near = index.holders([plain(document.words) for document in batch])
        yield from (document for document, held in zip(batch, near, strict=True) if not held)


def digest(parts: Sequence[str]) -> str:
    """SHA-256 over texts, in order, each closed by a line end."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() + b"\n")
    return total.hexdigest()
