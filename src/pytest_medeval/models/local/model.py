"""The local backend: any causal language model of Transformers, with or without a LoRA adapter of peft."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
import transformers

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Burst, Identity, Settings, Streaming
from pytest_medeval.core.types import Answer, Request
from pytest_medeval.models import prompts
from pytest_medeval.models.identity import tokenizer_folder
from pytest_medeval.models.local.batches import NO_NUMBERS, SLAB, Budget, Limits, Prompt, Unit, plan, unfit_answer
from pytest_medeval.models.local.choices import Scorer, score_plain, score_rows
from pytest_medeval.models.local.generate import Draws, Task, generate_lean, generate_plain
from pytest_medeval.models.local.memory import find_budget, halving
from pytest_medeval.models.local.weights import Base, open_base, quiet
from pytest_medeval.models.spec import LocalSpec, Variables

# The tokenizer of a model folder, as Transformers loads it.


class Prompter(prompts.Prompter):
    """Turns requests into token ids by the tokenizer and the chat template of a folder."""

    def __init__(self, folder: Path, variables: Variables = ()) -> None:
        try:
            tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:
            raise MedevalError(
                f"{folder}: its tokenizer cannot be loaded: {str(error).strip().splitlines()[0]}"
            ) from error
        super().__init__(tokenizer, variables)


# Can a model go the fast paths? Its config is read, and then it is tried, on a short probe.

_EXACT = 1e-3
_ROUGH = 0.1
"""Agreement asked for in float32 and in 16 bits, where the order of sums shows; a wrong mask is worse."""


def why_plain(model: Any) -> str:
    """Say why a model must go the plain paths; an empty text when the fast ones agree with them."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"} or getattr(config, "sliding_window", None):
        return f"its layers are not all full attention ({', '.join(sorted(kinds))})"
    if getattr(model, "_is_stateful", False) or not getattr(config, "num_attention_heads", None):
        return "it keeps a recurrent state instead of keys and values"
    try:
        with torch.inference_mode():
            return _compare(model)
    except Exception as error:  # noqa: BLE001 - what an architecture does not take, the plain paths do
        lines = str(error).strip().splitlines() or [""]
        return f"trying it failed: {type(error).__name__}: {lines[0]}"


def _compare(model: Any) -> str:
    """Score and generate a probe both ways."""
    size = int(model.get_input_embeddings().weight.shape[0])
    ids = tuple(int(value) for value in torch.arange(1, 25).mul(7919).remainder(size))
    prompts = [Prompt(ids[:12], (ids[3:4], ids[5:8], ids[5:7])), Prompt(ids[:9], (ids[1:3], ids[2:3]))]
    slack = _EXACT if model.dtype == torch.float32 else _ROUGH
    budget = Budget(tokens=64, rows=2, kept=1 << 20)
    for batch in Scorer(model, budget, cost=0).score(prompts):
        for index, found in batch:
            prompt = prompts[index]
            plain = score_rows(model, [(prompt, choice) for choice in range(len(prompt.choices))])
            if not all(
                abs(one - two) <= slack * max(1.0, abs(two)) for one, two in zip(found, plain, strict=True)
            ):  # NaN is near nothing
                return f"a probe's log-likelihoods differ: {found[0]:.5f} against {plain[0]:.5f}"
    tasks = [Task(place, prompt.ids, 3, lambda _: False) for place, prompt in enumerate(prompts)]
    for task in generate_lean(model, tasks, set(), tokens=64):
        if task.lost:
            return "a probe's logits are not finite"
        sequence = torch.tensor([task.prompt + tuple(task.found)], device=model.device)
        logits = model(input_ids=sequence, use_cache=False).logits[0, len(task.prompt) - 1 : -1].float()
        chosen = logits.gather(1, sequence[0, len(task.prompt) :, None])[:, 0]
        if bool((logits.amax(-1) - chosen > slack * logits.abs().amax().clamp(min=1)).any()):
            return "a probe's reply is not the likeliest one"
    return ""


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
