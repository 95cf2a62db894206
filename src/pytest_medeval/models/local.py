"""The local backend: any causal language model of Transformers, with or without a LoRA adapter of peft."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch

from pytest_medeval.models.base import Identity, Settings, Tick, silent
from pytest_medeval.models.identity import tokenizer_folder
from pytest_medeval.models.local_base import Base, open_base, quiet
from pytest_medeval.models.local_choices import Scorer, score_plain
from pytest_medeval.models.local_generate import Task, generate_lean, generate_plain
from pytest_medeval.models.local_memory import find_budget, halving
from pytest_medeval.models.local_probe import why_plain
from pytest_medeval.models.local_prompts import Prompt, Prompter
from pytest_medeval.models.plan import batches
from pytest_medeval.models.spec import LocalSpec
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
        return LocalModel(identity, base, Prompter(tokenizer_folder(spec)), settings)


class LocalModel:
    """A loaded model; several share one copy of a base's weights."""

    def __init__(self, identity: Identity, base: Base, prompter: Prompter, settings: Settings) -> None:
        self.identity = identity
        self.notices: list[str] = []
        self._base = base
        self._prompter = prompter
        self._budget = find_budget(base.model, settings.batch_size)
        config = base.model.config.get_text_config()
        self._context = int(getattr(config, "max_position_embeddings", None) or 1 << 30)
        self._ends = prompter.end_tokens() | _end_tokens(base.model)
        if base.plain is None:
            base.plain = why_plain(base.using(None))
        if base.plain:
            self.notices.append(f"{identity.spec}: computed without shared prefixes: {base.plain}")

    def answer(self, requests: Sequence[Request], tick: Tick = silent) -> list[Answer]:
        """Answer all requests in length-sorted batches; the answers stand in the order of the requests."""
        answers: dict[int, Answer] = {}
        for index, answer in self.stream(requests):
            answers[index] = answer
            tick(1)
        return [answers[index] for index in range(len(requests))]

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer]]:
        """Give answers as batches finish."""
        with quiet():
            prompts = [self._prompter.encode(request) for request in requests]
        reasons = [self._unfit(request, prompt) for request, prompt in zip(requests, prompts, strict=True)]
        for index, reason in enumerate(reasons):
            if reason:
                yield index, _answer(prompts[index], finish="error", error=reason)
        fitting = [index for index, reason in enumerate(reasons) if not reason]
        scored = [index for index in fitting if requests[index].choices]
        asked = [index for index in fitting if not requests[index].choices]
        yield from self._computing(lambda model: self._score(model, scored, prompts))
        yield from self._computing(lambda model: self._generate(model, asked, requests, prompts))

    def _computing(self, work: Callable[[Any], Iterator[Found]]) -> Iterator[tuple[int, Answer]]:
        """Take batches from ``work`` with the adapter on; between them nothing of the process is changed."""
        batches_of_answers = work(self._base.model)
        while True:
            with quiet(), torch.inference_mode():
                self._base.using(self.identity.adapter)
                found = next(batches_of_answers, None)
            if found is None:
                return
            yield from found

    def _unfit(self, request: Request, prompt: Prompt) -> str:
        """Say why a request cannot be asked; a prompt that is too long is never cut silently."""
        if not prompt.ids or not all(prompt.choices):
            return "the prompt or a choice is empty after tokenisation"
        reply = max(map(len, prompt.choices)) if request.choices else request.max_new_tokens
        if len(prompt.ids) + reply > self._context:
            what = "the longest choice" if request.choices else "max_new_tokens"
            return (
                f"the prompt has {len(prompt.ids)} tokens and {what} {reply}, "
                f"together more than the model's context of {self._context}"
            )
        return ""

    def _score(self, model: Any, scored: list[int], prompts: list[Prompt]) -> Iterator[Found]:
        chosen = [prompts[index] for index in scored]
        found = (
            score_plain(model, chosen, self._budget)
            if self._base.plain
            else Scorer(model, self._budget).score(chosen)
        )
        for batch in found:
            yield [
                (
                    scored[place],
                    _answer(
                        chosen[place],
                        finish="choice",
                        logprobs=logprobs,
                        choice_tokens=tuple(map(len, chosen[place].choices)),
                    ),
                )
                for place, logprobs in batch
            ]

    def _generate(
        self, model: Any, asked: list[int], requests: Sequence[Request], prompts: list[Prompt]
    ) -> Iterator[Found]:
        tasks = [self._task(index, requests[index], prompts[index]) for index in asked]
        lengths = [len(task.prompt) + task.limit for task in tasks]
        rows = self._budget.rows_of(max(lengths, default=1))
        for batch in batches(lengths, tokens=self._budget.kept, rows=rows):
            for done in halving([tasks[place] for place in batch], lambda some: self._reply_to(model, some)):
                yield [
                    (task.index, self._reply(task, requests[task.index], prompts[task.index]))
                    for task in done
                ]

    def _reply_to(self, model: Any, tasks: Sequence[Task]) -> list[Task]:
        for task in tasks:
            task.found.clear()  # what a batch that was too large for the memory has left
        if self._base.plain:
            return generate_plain(model, tasks, self._ends)
        return generate_lean(model, tasks, self._ends, tokens=self._budget.tokens)

    def _task(self, index: int, request: Request, prompt: Prompt) -> Task:
        stops = tuple(filter(None, request.stop))
        reach = max((len(stop.encode()) for stop in stops), default=0) + 4

        def stopped(found: list[int]) -> bool:
            return bool(stops) and any(stop in self._prompter.decode(found[-reach:]) for stop in stops)

        return Task(index, prompt.ids, request.max_new_tokens, stopped)

    def _reply(self, task: Task, request: Request, prompt: Prompt) -> Answer:
        text = self._prompter.decode(task.found)
        places = [place for stop in request.stop if stop and (place := text.find(stop)) >= 0]
        stopped = bool(places) or bool(task.found and task.found[-1] in self._ends)
        return _answer(
            prompt,
            text=text[: min(places)] if places else text,
            finish="stop" if stopped else "length",
            reply_tokens=len(task.found),
        )


def _answer(prompt: Prompt, **fields: Any) -> Answer:
    return Answer(prompt_hash=prompt.hash, prompt_tokens=len(prompt.ids), **fields)


def _end_tokens(model: Any) -> set[int]:
    """Give the end tokens of the model's generation config: none, one or several."""
    ends = getattr(model.generation_config, "eos_token_id", None)
    return {int(end) for end in ([] if ends is None else ends if isinstance(ends, list) else [ends])}
