"""Replies, greedy or drawn, many at a time.

The lean path keeps one cache whose memory is laid out beforehand: prompts are read in few passes, what they share
once, and end at the same column or a little before, so that each step writes one column and copies nothing. Rows
that have ended leave.

The next token of each row: the likeliest, or one drawn by numbers that belong to the row alone.

A row's uniform numbers come from SHA-256 of its prompt, its seed and the step, and a token from them by inverting
the cumulative distribution of the row's own logits. No generator is shared, so a reply depends neither on the other
rows of its batch nor on what was asked before.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessorList, PreTrainedModel

from pytest_medeval.models.local.attention import TREE, BufferCache, attending, in_blocks, plan_prefills, read_prompts
from pytest_medeval.models.local.batches import NO_TOKEN

_BITS = 52
"""Of a uniform number: one bit less than a double holds, so that a share of a sum is always less than the sum."""

_CANDIDATES = 512
"""Likeliest tokens among which ``top_p`` is looked for before the whole vocabulary is sorted."""


@dataclass(frozen=True, slots=True)
class Draws:
    """How the tokens of one reply are drawn; ``prompt`` is the hash of its token ids."""

    temperature: float
    top_p: float
    prompt: str
    seed: int

    def uniform(self, step: int) -> float:
        """Give the number in [0, 1) that decides token ``step`` of the reply."""
        digest = hashlib.sha256(f"{self.prompt}:{self.seed}:{step}".encode()).digest()
        return float((int.from_bytes(digest[:8]) >> (64 - _BITS)) * 2.0**-_BITS)


def next_tokens(logits: Tensor, draws: Sequence[Draws | None], steps: Sequence[int]) -> Tensor:
    """Give the next token of each row (B,) from logits (B, V); row r has ``steps[r]`` tokens, greedy without draws.

    ``NO_TOKEN`` where a logit is NaN or infinite, or none can follow: an argmax takes NaN for the largest.
    """
    newer: Tensor = logits.argmax(-1)
    lost = ~logits.gather(-1, newer[:, None])[:, 0].isfinite()
    chosen = [(row, one, steps[row]) for row, one in enumerate(draws) if one is not None]
    if not chosen:
        return newer.masked_fill(lost, NO_TOKEN)
    rows = torch.tensor([row for row, _, _ in chosen], device=logits.device)
    temperature, top_p, uniform = torch.tensor(
        [(one.temperature, one.top_p, one.uniform(step)) for _, one, step in chosen], dtype=torch.float64
    ).T
    newer[rows] = draw(logits[rows], temperature, top_p, uniform).to(newer.device)
    return newer.masked_fill(lost, NO_TOKEN)


def draw(logits: Tensor, temperature: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """Draw a token of each row (B,) from softmax(logits / temperature) (B, V), cut to the share ``top_p``, in float64.

    The token is the first whose cumulative weight exceeds ``uniform`` of the total. Tokens as likely as the last one
    that ``top_p`` keeps are kept too, so that ties do not hang on an order. Logits that are not numbers give the
    last token.
    """
    wide = logits.double() if logits.device.type in ("cpu", "cuda") else logits.cpu().double()  # MPS has no float64
    temperature, top_p, uniform = (one.to(wide.device)[:, None] for one in (temperature, top_p, uniform))
    weights = ((wide - wide.amax(-1, keepdim=True)) / temperature).exp()
    if bool((top_p < 1).any()):
        weights = weights.where(weights >= _least(weights, top_p), 0.0)
    total = weights.cumsum(-1)
    found = torch.searchsorted(total, uniform * total[:, -1:], right=True)[:, 0]
    return found.clamp(max=weights.shape[-1] - 1)


def _least(weights: Tensor, top_p: Tensor, candidates: int = _CANDIDATES) -> Tensor:
    """Give the weight of the last token that is kept (B, 1); 0 in rows that keep all.

    Rows in which so many candidates do not hold the share are sorted in full, and only they.
    """
    wanted = top_p * weights.sum(-1, keepdim=True)
    size = weights.shape[-1]
    ranked = weights.topk(min(candidates, size)).values
    held = ranked.cumsum(-1)
    last = torch.searchsorted(held, wanted).clamp(max=ranked.shape[-1] - 1)
    least = ranked.gather(-1, last).where(top_p < 1, 0.0)
    short = ((held[:, -1:] < wanted) & (top_p < 1))[:, 0]
    if candidates < size and bool(short.any()):
        least[short] = _least(weights[short], top_p[short], size)
    return least


_LEAVE = 0.2
"""Share of a batch's rows that must have ended before the rest is moved together, which copies its cache."""


@dataclass
class Generation:
    """A prompt being answered: its ids, how many may follow, when else to stop, what has followed so far.

    Without ``draws`` it is answered greedily. ``seen``: where the logits (1, V) before each token are kept, if at all.
    """

    index: int
    prompt: tuple[int, ...]
    limit: int
    stopped: Callable[[list[int]], bool]
    draws: Draws | None = None
    found: list[int] = field(default_factory=list)
    seen: list[Tensor] | None = None

    def clear(self) -> None:
        """Forget what has followed."""
        self.found.clear()
        if self.seen is not None:
            self.seen.clear()

    def ended(self, ends: set[int]) -> bool:
        """Say whether the last token was the last one."""
        if not self.found:
            return self.limit <= 0
        return self.lost or len(self.found) >= self.limit or self.found[-1] in ends or self.stopped(self.found)

    @property
    def lost(self) -> bool:
        """Say whether the model's numbers were none before the reply had ended."""
        return self.found[-1:] == [NO_TOKEN]


def generate_lean(
    model: PreTrainedModel, tasks: Sequence[Generation], ends: set[int], *, tokens: int
) -> list[Generation]:
    """Answer a batch of tasks; each ends with an end token, a stop string or its limit.

    ``tokens`` bounds the tokens of a forward pass over prompts.
    """
    prompts = [task.prompt for task in tasks]
    readings = plan_prefills(prompts, tokens)
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
        newest = _chosen(_step(model, cache, newest.clamp(min=0), sight), rows)  # lost rows wait to leave


def _chosen(logits: Tensor, rows: Sequence[Generation], step: int | None = None) -> Tensor:
    """Choose the next token of each row (B,) from its logits (B, V); ``step``: of all rows, else each has its own."""
    steps = [len(task.found) if step is None else step for task in rows]
    for row, (task, at) in enumerate(zip(rows, steps, strict=True)):
        if task.seen is not None and at < task.limit:
            task.seen.append(logits[row : row + 1].float().cpu())
    return next_tokens(logits, [task.draws for task in rows], steps)


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the rows of a cache see of its columns: their prompts and what was added to them, not what pads them.

    ``shifts`` (B,): the column of an added token less its position. ``hidden`` (B, 1, 1, columns): the additive mask,
    ``None`` where nothing is hidden. ``firsts``: the column of each prompt's first token.
    """

    shifts: Tensor
    hidden: Tensor | None
    firsts: Sequence[int]


def _look(
    model: PreTrainedModel, rows: Sequence[Generation], firsts: Sequence[int], cache: BufferCache, longest: int
) -> _Sight:
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


def _step(model: PreTrainedModel, cache: BufferCache, newest: Tensor, sight: _Sight) -> Tensor:
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


def generate_plain(model: PreTrainedModel, tasks: Sequence[Generation], ends: set[int]) -> list[Generation]:
    """Answer a batch by Transformers' own ``generate`` on left-padded prompts: for any architecture."""
    longest = max(len(task.prompt) for task in tasks)
    pad = min(ends, default=0)
    ids = torch.full((len(tasks), longest), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, task in enumerate(tasks):
        ids[row, longest - len(task.prompt) :] = torch.tensor(task.prompt)
        mask[row, longest - len(task.prompt) :] = 1
    steps: list[Tensor] = []
    generate: Any = model.generate
    generate(
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
        logits_processor=LogitsProcessorList([_noting(tasks, longest, pad, steps)]),
    )
    for row, task in enumerate(tasks):
        for token in steps:
            if task.ended(ends):
                break
            task.found.append(int(token[row]))
    return list(tasks)


def _noting(
    tasks: Sequence[Generation], longest: int, end: int, steps: list[Tensor]
) -> Callable[[Tensor, Tensor], Tensor]:
    """Make a processor of logits that chooses the tokens, keeps them in ``steps``, and leaves ``generate`` no other.

    A row that is lost goes on with ``end``.
    """

    def only_chosen(ids: Tensor, scores: Tensor) -> Tensor:
        tokens = _chosen(scores, tasks, ids.shape[1] - longest)
        steps.append(tokens.cpu())
        return torch.full_like(scores, -torch.inf).scatter_(1, tokens.where(tokens != NO_TOKEN, end)[:, None], 0.0)

    return only_chosen
