"""Training examples: a task's own prompt and the reply that it wants, as token ids with the prompt masked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_medeval.errors import MedevalError, accepted
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.base import Exemplary
from pytest_medeval.training.recipe import Recipe
from pytest_medeval.types import Message

IGNORED = -100
"""The label of a token that the loss leaves out."""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the wanted reply."""

    messages: tuple[Message, ...]
    target: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of prompt and reply; ``labels`` are ``IGNORED`` over the prompt."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]


def asked_task(recipe: Recipe) -> Any:
    """Make the task of a recipe with its options; unknown names raise ``MedevalError``."""
    kind = TASKS.resolve(recipe.task)
    if not issubclass(kind, Exemplary):
        raise MedevalError(f"{recipe.file}: task {recipe.task!r} has no 'target', the reply to train on")
    known = [item.name for item in dataclasses.fields(kind)]
    for name in recipe.options:
        if name not in known:
            raise MedevalError(f"{recipe.file}: [options] {accepted('option', name, known)}")
    return kind(**recipe.options)


def make_examples(task: Any, cases: Sequence[Any]) -> list[Example]:
    """Turn cases into examples with the prompt that the task's ``request`` asks at evaluation."""
    return [Example(task.request(case).messages, task.target(case)) for case in cases]


def encode(tokenizer: Any, example: Example, max_tokens: int) -> Encoded:
    """Tokenize an example; the reply ends with the end-of-turn token, and the prompt carries no loss.

    ``MedevalError`` when it is longer than ``max_tokens``: a cut reply would teach the model to stop short.
    """
    turns = [{"role": message.role, "content": message.content} for message in example.messages]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
    reply = [*tokenizer(example.target, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    if len(prompt) + len(reply) > max_tokens:
        raise MedevalError(
            f"an example has {len(prompt) + len(reply)} tokens; accepted: up to max_tokens = {max_tokens} "
            f"(its prompt begins {example.messages[-1].content[:40]!r})"
        )
    return Encoded((*prompt, *reply), (*([IGNORED] * len(prompt)), *reply))
