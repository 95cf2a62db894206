"""Replies, greedy or drawn, many at a time.

The lean path keeps one cache whose memory is laid out beforehand: every prompt is read without padding into
its own row, aligned at the right, so that each step writes one column and copies nothing. Rows that have
ended leave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from torch import Tensor

from pytest_medeval.models.local_attention import BufferCache, scored_positions
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
    rows = sorted(tasks, key=lambda task: -len(task.prompt))
    longest = len(rows[0].prompt)
    layers = int(model.config.get_text_config().num_hidden_layers)
    cache = BufferCache(layers, len(rows), longest + max(task.limit for task in rows))
    newest = _read_prompts(model, rows, cache, tokens)
    cache.row, cache.start, cache.at = 0, 0, longest
    lengths = torch.tensor([len(task.prompt) for task in rows], device=model.device)
    while True:
        for task, token in zip(rows, newest.tolist(), strict=True):
            if not task.ended(ends):
                task.found.append(token)
        live = [place for place, task in enumerate(rows) if not task.ended(ends)]
        if not live:
            return list(tasks)
        if len(live) <= (1 - _LEAVE) * len(rows):
            kept = torch.tensor(live, device=model.device)
            rows, newest, lengths = [rows[place] for place in live], newest[kept], lengths[kept]
            cache.keep(kept)
            cache.start = longest - len(rows[0].prompt)
        logits = _step(model, cache, newest, lengths + (cache.at - longest), longest - lengths)
        newest = _chosen(logits, rows)


def _chosen(logits: Tensor, rows: Sequence[Task]) -> Tensor:
    """Choose the next token of each row (B,) from its logits (B, V)."""
    return next_tokens(logits, [task.draws for task in rows], [len(task.found) for task in rows])


def _read_prompts(model: Any, rows: Sequence[Task], cache: BufferCache, tokens: int) -> Tensor:
    """Read all prompts into the cache, those of equal length together; give the first token of each reply."""
    first: list[Tensor] = []
    longest, place = len(rows[0].prompt), 0
    while place < len(rows):
        length = len(rows[place].prompt)
        some = rows[place : place + max(1, tokens // length)]
        together = [task for task in some if len(task.prompt) == length]
        cache.row, cache.start, cache.at = place, longest - length, longest - length
        last = torch.arange(1, len(together) + 1, device=model.device) * length - 1
        with scored_positions(model, last):
            ids = torch.tensor([task.prompt for task in together], device=model.device)
            logits = model(input_ids=ids, past_key_values=cache, use_cache=True).logits
        first.append(_chosen(logits[0], together))
        place += len(together)
    return torch.cat(first)


def _step(model: Any, cache: BufferCache, newest: Tensor, positions: Tensor, starts: Tensor) -> Tensor:
    """Feed the newest token of each row (B,) and give the logits of the next (B, V).

    Row r sees columns from ``starts[r]`` on.
    """
    mask = None
    if bool((starts != cache.start).any()):
        columns = torch.arange(cache.start, cache.at + 1, device=newest.device)
        mask = torch.zeros(len(newest), 1, 1, len(columns), dtype=model.dtype, device=newest.device)
        mask.masked_fill_((columns < starts[:, None])[:, None, None], torch.finfo(model.dtype).min)
    logits = model(
        input_ids=newest[:, None],
        attention_mask=mask,
        position_ids=positions[:, None],
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
