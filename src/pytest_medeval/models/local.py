"""The local backend: any causal language model of Transformers, with or without a LoRA adapter of peft."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import torch

from pytest_medeval.models.base import Burst, Identity, Settings, Streaming
from pytest_medeval.models.identity import tokenizer_folder
from pytest_medeval.models.local_base import Base, open_base, quiet
from pytest_medeval.models.local_choices import Scorer, score_plain
from pytest_medeval.models.local_generate import Task, generate_lean, generate_plain
from pytest_medeval.models.local_memory import find_budget, halving
from pytest_medeval.models.local_probe import why_plain
from pytest_medeval.models.local_prompts import Prompter
from pytest_medeval.models.local_sample import Draws
from pytest_medeval.models.spec import LocalSpec
from pytest_medeval.models.units import NO_NUMBERS, SLAB, Limits, Prompt, Unit, plan, unfit_answer
from pytest_medeval.types import Answer, Request

Found: TypeAlias = list[tuple[int, Answer]]


def load_local(spec: LocalSpec, identity: Identity, settings: Settings) -> LocalModel:
    """Load weights (once a process for each base), tokenizer and adapter; prove the adapter is applied.

    ``settings.threads`` sets torch's threads for the whole process. ``MedevalError`` where anything is
    missing.
    """
    if settings.threads is not None and identity.device == "cpu":
        torch.set_num_threads(settings.threads)
    with quiet():
        base = open_base(spec, identity, merge=settings.merge, keep=settings.keep)
        return LocalModel(identity, base, Prompter(tokenizer_folder(spec), spec.variables), settings)


class LocalModel(Streaming):
    """A loaded model; several share one copy of a base's weights."""

    def __init__(self, identity: Identity, base: Base, prompter: Prompter, settings: Settings) -> None:
        self.identity = identity
        self.notices = [f"{identity.spec}: {base.notice}"] if base.notice else []
        self._base = base
        self._prompter = prompter
        self._scorer: Scorer | None = None
        self._ends = prompter.end_tokens() | _end_tokens(base.model)
        if base.plain is None:
            base.plain = why_plain(base.using(None))
        self.limits = find_limits(base.model, settings.batch_size, plain=base.plain)
        if base.plain:
            self.notices.append(f"{identity.spec}: computed without shared prefixes: {base.plain}")

    def stream(self, requests: Sequence[Request]) -> Iterator[Burst]:
        """Give answers as units of work finish."""
        try:
            for start in range(0, len(requests), SLAB):
                for found in self._slab(requests[start : start + SLAB]):
                    yield [(start + index, answer) for index, answer in found]
        finally:
            self.rest()

    def _slab(self, requests: Sequence[Request]) -> Iterator[Found]:
        prompts = self.encode(requests)
        unfit, units = plan(requests, prompts, self.limits)
        if unfit:
            yield [(index, unfit_answer(prompts[index], reason)) for index, reason in unfit.items()]
        for unit in units:
            yield self.compute(unit, requests, prompts)

    def encode(self, requests: Sequence[Request]) -> list[Prompt]:
        """Turn requests into token ids."""
        with quiet():
            return [self._prompter.encode(request) for request in requests]

    def compute(self, unit: Unit, requests: Sequence[Request], prompts: Sequence[Prompt]) -> Found:
        """Answer the requests of a unit; before and after it nothing of the process is changed."""
        with quiet(), torch.inference_mode():
            self._base.using(self.identity.adapter)
            if requests[unit.members[0]].choices:
                return self._score(unit, prompts)
            return self._generate(unit, requests, prompts)

    def rest(self) -> None:
        """Let go of what was kept between units."""
        self._scorer = None

    def _score(self, unit: Unit, prompts: Sequence[Prompt]) -> Found:
        model, budget = self._base.model, self.limits.budget
        if self._base.plain:
            chosen = [prompts[index] for index in unit.members]
            found = [
                [(unit.members[place], logprobs) for place, logprobs in batch]
                for batch in score_plain(model, chosen, budget)
            ]
        else:
            self._scorer = self._scorer or Scorer(model, budget)
            found = list(self._scorer.unit(unit, prompts))
        return [
            (
                index,
                self._answer(
                    prompts[index],
                    finish="choice",
                    logprobs=logprobs,
                    choice_tokens=tuple(map(len, prompts[index].choices)),
                ),
            )
            for batch in found
            for index, logprobs in batch
        ]

    def _generate(self, unit: Unit, requests: Sequence[Request], prompts: Sequence[Prompt]) -> Found:
        tasks = [self._task(index, requests[index], prompts[index]) for index in unit.members]
        return [
            (task.index, self._reply(task, requests[task.index], prompts[task.index]))
            for done in halving(tasks, lambda some: self._reply_to(self._base.model, some))
            for task in done
        ]

    def _reply_to(self, model: Any, tasks: Sequence[Task]) -> list[Task]:
        for task in tasks:
            task.found.clear()  # what a batch that was too large for the memory has left
        if self._base.plain:
            return generate_plain(model, tasks, self._ends)
        return generate_lean(model, tasks, self._ends, tokens=self.limits.budget.tokens)

    def _task(self, index: int, request: Request, prompt: Prompt) -> Task:
        stops = tuple(filter(None, request.stop))
        reach = max((len(stop.encode()) for stop in stops), default=0) + 4

        def stopped(found: list[int]) -> bool:
            return bool(stops) and any(stop in self._prompter.decode(found[-reach:]) for stop in stops)

        return Task(index, prompt.ids, request.max_new_tokens, stopped, _draws(request, prompt))

    def _reply(self, task: Task, request: Request, prompt: Prompt) -> Answer:
        if task.lost:
            return unfit_answer(prompt, NO_NUMBERS)
        ended = bool(task.found) and task.found[-1] in self._ends
        said = task.found[:-1] if ended else task.found
        text = self._prompter.decode(said)
        places = [place for stop in request.stop if stop and (place := text.find(stop)) >= 0]
        stopped = bool(places) or ended
        return self._answer(
            prompt,
            text=text[: min(places)] if places else text,
            special=self._prompter.special(said),
            finish="stop" if stopped else "length",
            reply_tokens=len(task.found),
        )

    def _answer(self, prompt: Prompt, **fields: Any) -> Answer:
        lead = self._prompter.lead
        return Answer(prompt_hash=prompt.hash, prompt_tokens=len(prompt.ids), lead=lead, **fields)


def find_limits(model: Any, batch_size: int | Literal["auto"], *, plain: str) -> Limits:
    """Find what a loaded model can take on its device."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return Limits(find_budget(model, batch_size), int(context or 1 << 30), plain)


def _draws(request: Request, prompt: Prompt) -> Draws | None:
    """Give how a reply's tokens are drawn; nothing where it is greedy."""
    if not request.temperature:
        return None
    return Draws(request.temperature, request.top_p, prompt.hash, request.seed)


def _end_tokens(model: Any) -> set[int]:
    """Give the end tokens of the model's generation config: none, one or several."""
    ends = getattr(model.generation_config, "eos_token_id", None)
    return {int(end) for end in ([] if ends is None else ends if isinstance(ends, list) else [ends])}
