"""Training examples: a task's own prompt and the reply that it wants, as token ids with the prompt masked.

Prompts are written by what writes them at evaluation (``pytest_medeval.models.prompts``), so that both are the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.types import Case, Message, Request
from pytest_medeval.models.prompts import Prompter
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.base import Exemplary, Task
from pytest_medeval.training.recipe import Recipe, Schedule

IGNORED = -100
"""The label of a token that the loss leaves out."""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the wanted reply."""

    messages: tuple[Message, ...]
    target: str
    choices: tuple[str, ...] = ()
    """What the reply is compared with at evaluation; none where it is generated."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of prompt and reply; ``labels`` are ``IGNORED`` over the prompt."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EncodedExamples:
    """Encoded examples; how many were cut, and how many of these had no reply left and are not among the rows."""

    rows: list[Encoded]
    cut: int = 0
    lost: int = 0


def asked_task(recipe: Recipe) -> Any:
    """Make the task of a recipe with its options; unknown names raise ``MedevalError``."""
    try:
        kind = TASKS.resolve(recipe.task)
    except MedevalError as error:
        raise MedevalError(f"{recipe.file}: {error}") from None
    if not issubclass(kind, Exemplary):
        raise MedevalError(f"{recipe.file}: task {recipe.task!r} has no 'target', the reply to train on")
    known = [item.name for item in dataclasses.fields(kind)]
    for name in recipe.options:
        if name not in known:
            raise MedevalError(f"{recipe.file}: [options] {accepted('option', name, known)}")
    return kind(**recipe.options)


def make_examples(task: Task, cases: Sequence[Case], written: Exemplary) -> list[Example]:
    """Turn cases into examples with the prompt that the task's ``request`` asks at evaluation.

    ``written``: the same task with the options under which the wanted reply is written.
    """
    asked = [task.request(case) for case in cases]
    return [
        Example(request.messages, written.target(case), request.choices)
        for request, case in zip(asked, cases, strict=True)
    ]


def encode(prompter: Prompter, example: Example, max_tokens: int) -> Encoded:
    """Tokenize an example; the reply ends with the end-of-turn token, and the prompt carries no loss.

    ``MedevalError`` when it is longer than ``max_tokens``: a cut reply would teach the model to stop short.
    """
    row = whole(prompter, example)
    if len(row.input_ids) > max_tokens:
        raise MedevalError(
            f"an example has {len(row.input_ids)} tokens; accepted: up to max_tokens = {max_tokens}, "
            f"or overlong = 'cut' (its prompt begins {example.messages[-1].content[:40]!r})"
        )
    return row


def encode_all(prompter: Prompter, examples: Sequence[Example], schedule: Schedule) -> EncodedExamples:
    """Tokenize examples; what is longer than ``max_tokens`` is an error, or cut and counted, as the recipe says."""
    if schedule.overlong == "refuse":
        return EncodedExamples([encode(prompter, example, schedule.max_tokens) for example in examples])
    rows, cut, lost = [], 0, 0
    for example in examples:
        row = whole(prompter, example)
        short = Encoded(row.input_ids[: schedule.max_tokens], row.labels[: schedule.max_tokens])
        cut += short != row
        if any(label != IGNORED for label in short.labels):
            rows.append(short)
        else:
            lost += 1  # the prompt alone fills the row: nothing of the reply is left to learn
    if lost and not rows:
        raise MedevalError(f"all {lost} prompts have max_tokens = {schedule.max_tokens} tokens or more: none is left")
    return EncodedExamples(rows, cut, lost)


def whole(prompter: Prompter, example: Example) -> Encoded:
    """Tokenize an example, however long it is."""
    prompt, reply = prompter.taught(Request(example.messages, choices=example.choices), example.target)
    return Encoded((*prompt, *reply), (*([IGNORED] * len(prompt)), *reply))
