"""The local backend: any causal language model of Transformers, with or without a LoRA adapter of peft."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from pytest_medeval.models.base import Identity, Settings, Tick, silent
from pytest_medeval.models.identity import tokenizer_folder
from pytest_medeval.models.local_base import Base, open_base, quiet
from pytest_medeval.models.local_choices import Scorer
from pytest_medeval.models.local_generate import cut_at_end, cut_at_stop, generate_rows
from pytest_medeval.models.local_prompts import Prompt, Prompter
from pytest_medeval.models.plan import batches
from pytest_medeval.models.spec import LocalSpec
from pytest_medeval.types import Answer, Request

_TOKENS = 4096
_ROWS = 16


def load_local(spec: LocalSpec, identity: Identity, settings: Settings) -> LocalModel:
    """Load weights (once a process for each base), tokenizer and adapter, and prove that the adapter is applied."""
    if settings.threads is not None and identity.device == "cpu":
        torch.set_num_threads(settings.threads)
    with quiet():
        return LocalModel(identity, open_base(spec, identity), Prompter(tokenizer_folder(spec)), settings)


class LocalModel:
    """A loaded model; several share one copy of a base's weights."""

    def __init__(self, identity: Identity, base: Base, prompter: Prompter, settings: Settings) -> None:
        self.identity = identity
        self.notices: list[str] = []
        self._base = base
        self._prompter = prompter
        self._settings = settings
        config = base.model.config.get_text_config()
        self._context = int(getattr(config, "max_position_embeddings", None) or 1 << 30)
        self._ends = prompter.end_tokens() | _end_tokens(base.model)

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
        fitting: list[int] = []
        for index, (request, prompt) in enumerate(zip(requests, prompts, strict=True)):
            reason = self._unfit(request, prompt)
            if reason:
                yield index, _answer(prompt, finish="error", error=reason)
            else:
                fitting.append(index)
        scored = [index for index in fitting if requests[index].choices]
        asked = [index for index in fitting if not requests[index].choices]
        yield from self._score(scored, prompts)
        yield from self._generate(asked, requests, prompts)

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

    def _score(self, scored: list[int], prompts: list[Prompt]) -> Iterator[tuple[int, Answer]]:
        with quiet(), torch.inference_mode(), self._base.using(self.identity.adapter) as model:
            scorer = Scorer(model, tokens=_TOKENS, rows=_ROWS)
            for place, logprobs in scorer.score([prompts[index] for index in scored]):
                prompt = prompts[scored[place]]
                lengths = tuple(map(len, prompt.choices))
                yield scored[place], _answer(prompt, finish="choice", logprobs=logprobs, choice_tokens=lengths)

    def _generate(
        self, asked: list[int], requests: Sequence[Request], prompts: list[Prompt]
    ) -> Iterator[tuple[int, Answer]]:
        lengths = [len(prompts[index].ids) + requests[index].max_new_tokens for index in asked]
        for batch in batches(lengths, tokens=_TOKENS * 2, rows=_ROWS):
            chosen = [asked[place] for place in batch]
            limit = max(requests[index].max_new_tokens for index in chosen)
            with quiet(), torch.inference_mode(), self._base.using(self.identity.adapter) as model:
                found = generate_rows(model, [prompts[index] for index in chosen], limit, self._ends, min(self._ends, default=0))
            for index, ids in zip(chosen, found, strict=True):
                yield index, self._reply(requests[index], prompts[index], ids)

    def _reply(self, request: Request, prompt: Prompt, found: list[int]) -> Answer:
        ids = cut_at_end(found[: request.max_new_tokens], self._ends)
        ended = bool(ids) and ids[-1] in self._ends
        text, stopped = cut_at_stop(self._prompter.decode(ids), request.stop)
        return _answer(prompt, text=text, finish="stop" if ended or stopped else "length", reply_tokens=len(ids))


def _answer(prompt: Prompt, **fields: Any) -> Answer:
    return Answer(prompt_hash=prompt.hash, prompt_tokens=len(prompt.ids), **fields)


def _end_tokens(model: Any) -> set[int]:
    """Give the end tokens of the model's generation config: none, one or several."""
    ends = getattr(model.generation_config, "eos_token_id", None)
    return {int(end) for end in ([] if ends is None else ends if isinstance(ends, list) else [ends])}
