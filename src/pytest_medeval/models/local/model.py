"""The local backend: any causal language model of Transformers, with or without a LoRA adapter of peft."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from transformers import AutoTokenizer, PreTrainedModel

from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.core.model import Burst, Identity, Settings, Streaming
from pytest_medeval.core.types import Answer, Request
from pytest_medeval.models.identity import chat_template, template_folder, tokenizer_folder
from pytest_medeval.models.local.batches import SLAB, Limits, Prompt, Unit, plan, unfit_answer
from pytest_medeval.models.local.choices import Scorer
from pytest_medeval.models.local.generate import Draws, Generation
from pytest_medeval.models.local.kernels import kernels_of, pack, unpack
from pytest_medeval.models.local.memory import find_budget, halving
from pytest_medeval.models.local.ways import Ways, reply_to, score_choices
from pytest_medeval.models.local.weights import Base, open_base, quiet
from pytest_medeval.models.prompts import Prompter, dated
from pytest_medeval.models.spec import LocalSpec, Variables

# The tokenizer of a model folder, as Transformers loads it.


def load_prompter(
    folder: Path, variables: Variables = (), *, template: Path | None = None, day: date | None = None
) -> Prompter:
    """Load what turns requests into token ids by the tokenizer of a folder, and the chat template of it or another."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise MedevalError(f"{folder}: its tokenizer cannot be loaded: {whole(error)}") from error
    if template not in (None, folder):
        tokenizer.chat_template = chat_template(template)
    if day and isinstance(tokenizer.chat_template, str):
        tokenizer.chat_template = dated(tokenizer.chat_template, day)
    return Prompter(tokenizer, variables)


_WORTH = 32
"""Tokens of a batch's longest reply from which on packing weights costs less than it saves."""

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
        return LocalModel(identity, base, prompter_of(spec, settings), settings)


def prompter_of(spec: LocalSpec, settings: Settings) -> Prompter:
    """Load the tokenizer and the chat template by which a model is asked."""
    return load_prompter(tokenizer_folder(spec), spec.variables, template=template_folder(spec), day=settings.date)


class LocalModel(Streaming):
    """A loaded model; several share one copy of a base's weights."""

    def __init__(self, identity: Identity, base: Base, prompter: Prompter, settings: Settings) -> None:
        self.identity = identity
        self._base = base
        self._prompter = prompter
        self._scorer: Scorer | None = None
        self._short = ""
        self._ends = prompter.end_tokens() | _end_tokens(base.model)
        base.ways = base.ways or Ways(base.model)
        self._ways = base.ways
        self.limits = find_limits(base.model, settings.batch_size, plain=base.ways.plain)

    @property
    def notices(self) -> list[str]:
        """Say what the weights are, and where they are not computed the fastest way."""
        own = filter(None, (self._base.notice, self._short))
        return [f"{self.identity.spec}: {told}" for told in (*own, *self._ways.told)]

    @property
    def kernel(self) -> str | None:
        """Say what multiplies the matrices; ``None`` where that is no choice of this machine's."""
        return str(kernels_of(self._base.model)) if self.identity.device == "cpu" else None

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
        unpack(self._base.model)

    def _score(self, unit: Unit, prompts: Sequence[Prompt]) -> Found:
        model, budget = self._base.model, self.limits.budget
        chosen = [prompts[index] for index in unit.members]
        way = self._ways.score(model, chosen, budget)
        if way == "shared":
            self._scorer = self._scorer or Scorer(model, budget)
            found = [pair for batch in self._scorer.unit(unit, prompts) for pair in batch]
        else:
            found = [(unit.members[at], values) for at, values in score_choices(model, way, chosen, budget)]
        return [(index, self._prompter.scored(prompts[index], logprobs)) for index, logprobs in found]

    def _generate(self, unit: Unit, requests: Sequence[Request], prompts: Sequence[Prompt]) -> Found:
        tasks = [self._task(index, requests[index], prompts[index]) for index in unit.members]
        model, budget = self._base.model, self.limits.budget
        if len(tasks) > 1 and max(task.limit for task in tasks) >= _WORTH:
            self._short = pack(model)
        reply = partial(reply_to, model, self._ways.reply(model, tasks, budget), ends=self._ends, budget=budget)
        return [
            (task.index, self._prompter.reply(prompts[at := task.index], task.found, self._ends, requests[at].stop))
            for done in halving(tasks, reply)
            for task in done
        ]

    def _task(self, index: int, request: Request, prompt: Prompt) -> Generation:
        stops = tuple(filter(None, request.stop))
        reach = max((len(stop.encode()) for stop in stops), default=0) + 4

        def stopped(found: list[int]) -> bool:
            return bool(stops) and any(stop in self._prompter.decode(found[-reach:]) for stop in stops)

        draws = Draws(request.temperature, request.top_p, prompt.hash, request.seed) if request.temperature else None
        return Generation(index, prompt.ids, request.max_new_tokens, stopped, draws)


def find_limits(model: PreTrainedModel, batch_size: int | Literal["auto"], *, plain: str) -> Limits:
    """Find what a loaded model can take on its device; "dynamic" rotations are made to reach beyond their positions."""
    config = model.config.get_text_config()
    context = getattr(config, "max_position_embeddings", None) or 1 << 30
    told = getattr(config, "rope_parameters", None) or {}
    factor = told.get("factor", 1) if told.get("rope_type") == "dynamic" else 1
    rows = int(next(model.get_input_embeddings().parameters()).shape[0])
    return Limits(find_budget(model, batch_size), int(context * factor), plain, rows)


def _end_tokens(model: PreTrainedModel) -> set[int]:
    """Give the end tokens of the model's generation config: none, one or several."""
    ends = getattr(model.generation_config, "eos_token_id", None)
    return {int(end) for end in ([] if ends is None else ends if isinstance(ends, list) else [ends])}
