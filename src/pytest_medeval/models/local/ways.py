"""The fastest way to compute that is proved, at the lengths that are used, to give what one request alone gives.

Architectures differ where prompts are long or of unequal length: local attention, rotations that grow with the longest
row, states into which padding runs. No list of them is kept. Before a length is first used, a probe as long as that, as
half of it, and a short one are computed together; where they differ from plain forward passes and from Transformers'
own ``generate``, one at a time, the next slower way is tried.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, TypeAlias, TypeVar

import torch
from transformers import PreTrainedModel

from pytest_medeval.core.errors import whole
from pytest_medeval.models.local.batches import GROUP_COST, Bounds, Prompt
from pytest_medeval.models.local.choices import Scorer, score_rows
from pytest_medeval.models.local.generate import Generation, generate_lean, generate_plain
from pytest_medeval.models.local.memory import halving
from pytest_medeval.models.local.merging import divergence
from pytest_medeval.models.local.tree import Ids

T = TypeVar("T")
Kind: TypeAlias = Literal["choices", "replies"]

CHOICES = ("shared", "equal", "single")
REPLIES = ("shared", "padded", "equal", "single")
_TOLD = {"padded": "without shared prefixes", "equal": "in batches of equal length", "single": "one request at a time"}

_EXACT, _ROUGH = 1e-3, 0.1
"""Agreement of log-likelihoods in float32, and in 16 bits or quantised, where the order of sums shows; a wrong mask is
worse."""

_SAME, _NEAR = 1e-7, 0.02
"""Nats by which distributions of next tokens may diverge, in float32, and in 16 bits or quantised."""

_SHORT, _LESS, _STEPS = 12, 5, 3
"""Tokens of the short prompt of a probe, by which one is less than the longest and padded beside it, and of replies."""

_ALONE = 3
"""Requests that come alone and are computed so before a proof is worth its price."""


def why_plain(model: PreTrainedModel) -> str:
    """Say what in a model's config rules the fast paths out; an empty text where they may be tried."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"} or getattr(config, "sliding_window", None):
        return f"its layers are not all full attention ({', '.join(sorted(kinds))})"
    if getattr(model, "_is_stateful", False) or not getattr(config, "num_attention_heads", None):
        return "it keeps a recurrent state instead of keys and values"
    return ""


class Ways:
    """The way in which a model's requests of each kind are computed, and the length up to which that is proved."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.plain = why_plain(model)
        self.told = [f"computed without shared prefixes: {self.plain}"] if self.plain else []
        self._left: dict[Kind, list[str]] = {
            "choices": list(CHOICES[bool(self.plain) :]),
            "replies": list(REPLIES[bool(self.plain) :]),
        }
        self._proved: dict[Kind, int] = {"choices": 0, "replies": 0}
        self._alone = 0

    def score(self, model: PreTrainedModel, prompts: Sequence[Prompt], budget: Bounds) -> str:
        """Choose the way to score the choices of a unit's prompts."""
        longest = max(prompts, key=_length)
        return self._way("choices", len(prompts), _length(longest), lambda way: _scores(model, way, longest, budget))

    def reply(self, model: PreTrainedModel, tasks: Sequence[Generation], budget: Bounds) -> str:
        """Choose the way to answer a unit's tasks."""
        longest = max(tasks, key=lambda task: len(task.prompt) + task.limit)
        length = len(longest.prompt) + longest.limit
        ids = tuple(itertools.islice(itertools.cycle(longest.prompt), max(1, length - _STEPS)))
        return self._way("replies", len(tasks), length, lambda way: _replies(model, way, ids, budget))

    def _way(self, kind: Kind, members: int, length: int, compare: Callable[[str], str]) -> str:
        left = self._left[kind]
        if length > self._proved[kind] and members == 1 and self._alone < _ALONE:
            self._alone += 1
            return "single"
        while length > self._proved[kind] and left[0] != "single":
            try:
                reason = compare(left[0])
            except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError) as error:
                reason = f"trying it failed: {whole(error)}"  # what an architecture does not take, slower ways do
            if not reason:
                self._proved[kind], self._alone = length, 0
                break
            left.pop(0)
            self.told.append(f"{kind} computed {_TOLD[left[0]]}: at {length} tokens {reason}")
        return left[0]


def _scores(model: PreTrainedModel, way: str, longest: Prompt, budget: Bounds) -> str:
    """Score a probe in a way and plainly; say how they differ."""
    choices = tuple(dict.fromkeys((longest.choices[0], max(longest.choices, key=len))))
    prompts = [Prompt(ids, choices) for ids in _mixed(longest.ids, way)]
    right = dict(_plainly(model, prompts, budget, most=1))
    slack = _EXACT if _exact(model) else _ROUGH
    for cost in (0, 1 << 30) if way == "shared" else (GROUP_COST,):  # what they share apart, and nothing apart
        found = score_choices(model, way, prompts, replace(budget, rows=max(2, budget.rows)), cost=cost)
        for index, values in found:
            for one, two in zip(values, right[index], strict=True):
                if not abs(one - two) <= slack * max(1.0, abs(two)):  # NaN is near nothing
                    return f"a probe's log-likelihoods differ: {one:.5f} against {two:.5f}"
    return ""


def _replies(model: PreTrainedModel, way: str, ids: Ids, budget: Bounds) -> str:
    """Reply to a probe in a way and one by one; say how the distributions of next tokens differ."""
    slack = _SAME if _exact(model) else _NEAR
    probes = _mixed(ids, way)
    sides = [
        [
            task
            for some in halving(_asked(probes), partial(reply_to, model, how, ends=set(), budget=budget))
            for task in some
        ]
        for how in (way, "single")
    ]
    for one, two in zip(*sides, strict=True):
        for step, (first, second) in enumerate(zip(one.seen or (), two.seen or (), strict=False)):
            gap = divergence(second, first)
            if not gap <= slack:
                return f"a probe's replies differ: the distributions of their tokens are {gap:.2g} nats off"
            if one.found[step] != two.found[step]:
                break  # a tie: what follows is another text
    return ""


def _exact(model: PreTrainedModel) -> bool:
    """Say whether sums in another order differ by what float32 rounds: quantised layers round what they are given."""
    return model.dtype == torch.float32 and not getattr(model, "is_quantized", False)


def _asked(probes: Sequence[Ids]) -> list[Generation]:
    return [Generation(place, probe, _STEPS, lambda _: False, seen=[]) for place, probe in enumerate(probes)]


def _length(prompt: Prompt) -> int:
    return len(prompt.ids) + max(map(len, prompt.choices), default=0)


def _mixed(ids: Ids, way: str) -> list[Ids]:
    """Make prompts of a probe: long, a little less, half of it, short; for batches of equal length two long ones."""
    if way == "equal":
        return [ids, ids[1:] + ids[:1]]
    sizes = (len(ids), len(ids) - _LESS, len(ids) // 2, min(_SHORT, len(ids)))
    return [ids[:size] for size in dict.fromkeys(max(1, size) for size in sizes)]


def score_choices(
    model: PreTrainedModel, way: str, prompts: Sequence[Prompt], budget: Bounds, *, cost: int = GROUP_COST
) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Give the index of each prompt with the log-likelihoods of its choices, computed in a way."""
    if way == "shared":
        for batch in Scorer(model, budget, cost=cost).score(prompts):
            yield from batch
    else:
        yield from _plainly(model, prompts, budget, most=1 if way == "single" else budget.rows)


def _plainly(
    model: PreTrainedModel, prompts: Sequence[Prompt], budget: Bounds, *, most: int
) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Score each choice as a row of its own, at most so many rows of one length at a time."""
    rows = [(index, choice) for index, prompt in enumerate(prompts) for choice in range(len(prompt.choices))]
    found: dict[tuple[int, int], float] = {}
    for length, some in _grouped(rows, lambda row: len(prompts[row[0]].ids) + len(prompts[row[0]].choices[row[1]])):
        for part in _parts(some, min(most, budget.rows_of(length))):
            for half in halving(part, lambda few: [*zip(few, _rows(model, prompts, few), strict=True)]):
                found.update(half)
    for index, prompt in enumerate(prompts):
        yield index, tuple(found[index, choice] for choice in range(len(prompt.choices)))


def _rows(model: PreTrainedModel, prompts: Sequence[Prompt], rows: Sequence[tuple[int, int]]) -> list[float]:
    _rewind(model)
    return score_rows(model, [(prompts[index], choice) for index, choice in rows])


def reply_to(
    model: PreTrainedModel, way: str, tasks: Sequence[Generation], *, ends: set[int], budget: Bounds
) -> list[Generation]:
    """Answer tasks in a way; what a batch that was too large for the memory has left in them is forgotten."""
    for task in tasks:
        task.clear()
    if way == "shared":
        return generate_lean(model, tasks, ends, tokens=budget.tokens)
    groups = [tasks] if way == "padded" else [some for _, some in _grouped(tasks, lambda task: len(task.prompt))]
    for group in groups:
        for part in _parts(group, 1 if way == "single" else len(group)):
            _rewind(model)
            generate_plain(model, part, ends)
    return list(tasks)


def _grouped(rows: Sequence[T], length: Callable[[T], int]) -> list[tuple[int, list[T]]]:
    """Group rows of equal length, the longest first."""
    groups: dict[int, list[T]] = {}
    for row in rows:
        groups.setdefault(length(row), []).append(row)
    return sorted(groups.items(), key=lambda group: -group[0])


def _parts(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _rewind(model: PreTrainedModel) -> None:
    """Let rotations that have grown with a long text ("dynamic" RoPE) be as at first: one token sets them back."""
    told = getattr(model.config.get_text_config(), "rope_parameters", None)
    if "dynamic" in str(told):
        model(input_ids=torch.zeros(1, 1, dtype=torch.long, device=model.device), use_cache=False)
