"""Replies, greedy or drawn, many at a time.

The lean path keeps one cache whose memory is laid out beforehand: prompts are read in few passes, what they share
once, and end at the same column or a little before, so that each step writes one column and copies nothing. Rows
that have ended leave.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from torch import Tensor

from pytest_medeval.models.local_attention import TREE, BufferCache, attending, in_blocks
from pytest_medeval.models.local_reading import plan_readings, read_prompts
from pytest_medeval.models.local_sample import Draws, next_tokens

_TRANSFORMERS: Any = transformers

_LEAVE = 0.2
"""Share of a batch's rows that must have ended before the rest is moved together, which copies its cache."""


@dataclass
class Task:
    """A prompt being answered: its ids, how many may follow, when else to stop, what has followed so far.

    Without ``draws`` it is answered greedily.
    """

    index: int
    prompt: tuple[int, ...]
    limit: int
    stopped: Callable[[list[int]], bool]
    draws: Draws | None = None
    found: list[int] = field(default_factory=list)

    def ended(self, ends: set[int]) -> bool:
        """Say whether the last token was the last one."""
        if not self.found:
            return self.limit <= 0
        return len(self.found) >= self.limit or self.found[-1] in ends or self.stopped(self.found)


def generate_lean(model: Any, tasks: Sequence[Task], ends: set[int], *, tokens: int) -> list[Task]:
    """Answer a batch of tasks; each ends with an end token, a stop string or its limit.

    ``tokens`` bounds the tokens of a forward pass over prompts.
    """
    prompts = [task.prompt for task in tasks]
    readings = plan_readings(prompts, tokens)
    rows = [tasks[index] for reading in readings for index in reading.members]
    longest = max(reading.longest for reading in readings)
    firsts = [longest - reading.longest for reading in readings for _ in reading.members]
    layers = int(model.config.get_text_config().num_hidden_layers)
    cache = BufferCache(layers, len(rows), longest + max(task.limit for task in rows))
    newest = _chosen(read_prompts(model, prompts, readings, cache), rows)
    sight = _look(model, rows, firsts, cache, longest)
    while True:
        for task, token in zip(rows, newest.tolist(), strict=True):
            if not task.ended(ends):
                task.found.append(token)
        live = [place for place, task in enumerate(rows) if not task.ended(ends)]
        if not live:
            return list(tasks)
        if len(live) <= (1 - _LEAVE) * len(rows):
            kept = torch.tensor(live, device=model.device)
            rows, firsts, newest = [rows[place] for place in live], [firsts[place] for place in live], newest[kept]
            cache.keep(kept)
            sight = _look(model, rows, firsts, cache, longest)
        newest = _chosen(_step(model, cache, newest, sight), rows)


def _chosen(logits: Tensor, rows: Sequence[Task]) -> Tensor:
    """Choose the next token of each row (B,) from its logits (B, V)."""
    return next_tokens(logits, [task.draws for task in rows], [len(task.found) for task in rows])


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the rows of a cache see of its columns: their prompts and what was added to them, not what pads them.

    ``shifts`` (B,): the column of an added token less its position. ``hidden`` (B, 1, 1, columns): the additive mask,
    ``None`` where nothing is hidden. ``firsts``: the column of each prompt's first token.
    """

    shifts: Tensor
    hidden: Tensor | None
    firsts: Sequence[int]


def _look(model: Any, rows: Sequence[Task], firsts: Sequence[int], cache: BufferCache, longest: int) -> _Sight:
    """Lay out what rows see whose prompts stand in the columns up to ``longest``; nothing before is in use."""
    cache.start = min(firsts)
    first = torch.tensor(firsts, device=model.device)[:, None]
    length = torch.tensor([len(task.prompt) for task in rows], device=model.device)[:, None]
    columns = torch.arange(cache.columns, device=model.device)
    padding = (columns < longest) & ((columns < first) | (columns >= first + length))
    hidden = None
    if bool(padding[:, cache.start :].any()):
        hidden = torch.zeros(padding.shape, dtype=model.dtype, device=model.device)
        hidden = hidden.masked_fill_(padding, torch.finfo(model.dtype).min)[:, None, None]
    return _Sight(longest - length[:, 0], hidden, firsts)


def _step(model: Any, cache: BufferCache, newest: Tensor, sight: _Sight) -> Tensor:
    """Feed the newest token of each row (B,) and give the logits of the next (B, V)."""
    mask = None
    kind: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if sight.hidden is not None:
        mask = sight.hidden[..., cache.start : cache.at + 1]
        if model.device.type == "cpu":  # elsewhere many small operations cost more than a few wasted columns
            mask, kind = in_blocks(mask, [first - cache.start for first in sight.firsts]), attending(model, TREE)
    with kind:
        logits = model(
            input_ids=newest[:, None],
            attention_mask=mask,
            position_ids=(cache.at - sight.shifts)[:, None],
            past_key_values=cache,
            use_cache=True,
        ).logits
    cache.at += 1
    newest_logits: Tensor = logits[:, -1]
    return newest_logits


def generate_plain(model: Any, tasks: Sequence[Task], ends: set[int]) -> list[Task]:
    """Answer a batch by Transformers' own ``generate`` on left-padded prompts: for any architecture."""
    longest = max(len(task.prompt) for task in tasks)
    pad = min(ends, default=0)
    ids = torch.full((len(tasks), longest), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, task in enumerate(tasks):
        ids[row, longest - len(task.prompt) :] = torch.tensor(task.prompt)
        mask[row, longest - len(task.prompt) :] = 1
    replies = model.generate(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        do_sample=False,
        num_beams=1,
        max_new_tokens=max(task.limit for task in tasks),
        eos_token_id=sorted(ends) or None,
        pad_token_id=pad,
        repetition_penalty=1.0,
        temperature=None,
        top_p=None,
        top_k=None,
        use_cache=True,
        logits_processor=_TRANSFORMERS.LogitsProcessorList([_drawing(tasks, longest)]),
    )
    for task, reply in zip(tasks, replies[:, longest:].tolist(), strict=True):
        for token in reply:
            if task.ended(ends):
                break
            task.found.append(token)
    return list(tasks)


def _drawing(tasks: Sequence[Task], longest: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Make a processor of logits that leaves rows with draws only the token drawn, which ``generate`` then takes."""
    drawn = [row for row, task in enumerate(tasks) if task.draws]

    def only_drawn(ids: Tensor, scores: Tensor) -> Tensor:
        if not drawn:
            return scores
        step = ids.shape[1] - longest
        tokens = next_tokens(scores, [task.draws for task in tasks], [step] * len(tasks))
        scores = scores.clone()
        rows = torch.tensor(drawn, device=scores.device)
        scores[rows] = -torch.inf
        scores[rows, tokens[rows]] = 0.0
        return scores

    return only_drawn
