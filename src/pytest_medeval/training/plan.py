"""What would a recipe do? Everything resolved without a weight: targets, sizes, steps, memory, what is missing."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_medeval.errors import MedevalError
from pytest_medeval.training.data import files
from pytest_medeval.training.examples import Rows, encode_all
from pytest_medeval.training.fit import accelerated, steps_an_epoch
from pytest_medeval.training.loading import blank_model, on_hub
from pytest_medeval.training.lora import Examples, examples_of, warnings_of, wrap
from pytest_medeval.training.memory import Memory, estimate
from pytest_medeval.training.recipe import Recipe

GIB = 1 << 30
LARGE = 100_000_000
"""Parameters of a base from which training without a GPU is not worth beginning."""
PACKAGES = ("torch", "transformers", "peft", "accelerate", "matplotlib")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do; counts are estimates where its data are missing (``counted`` is false)."""

    recipe: Recipe
    architecture: str
    parameters: int
    targets: dict[str, int]
    """Last part of a layer's name -> how many such layers get LoRA weights."""
    trainable: int
    memory: Memory
    examples: int
    dev: int
    counted: bool
    counts: dict[str, int]
    warnings: list[str]
    missing: list[str]

    @property
    def steps(self) -> int:
        """Count the optimiser's steps of the supervised stage."""
        schedule = self.recipe.schedule
        return round(steps_an_epoch(self.examples, schedule) * schedule.epochs) * schedule.rounds

    @property
    def updates(self) -> int:
        """Count the batches of the PPO stage."""
        ppo = self.recipe.ppo
        return -(-ppo.questions // ppo.batch) * ppo.epochs


def make_plan(recipe: Recipe) -> Plan:
    """Resolve a recipe of an adapter; what is wrong in it raises ``MedevalError``, what is absent is listed."""
    if recipe.kind != "lora":
        raise MedevalError(f"{recipe.file}: --dry-run plans adapters; accepted: a recipe of kind 'lora'")
    import torch

    model = blank_model(recipe)
    parameters = sum(weight.numel() for weight in model.parameters())
    with torch.device("meta"):
        wrapped = wrap(model, recipe.lora, recipe.file)
    trainable, _ = wrapped.get_nb_trainable_parameters()
    files = [*_absent_files(recipe)]
    made = None if files else examples_of(recipe)
    dev = len(made.dev) if made else round(recipe.data.expected * recipe.data.dev_share)
    return Plan(
        recipe=recipe,
        architecture=type(model).__name__,
        parameters=parameters,
        targets=_targets(wrapped),
        trainable=trainable,
        memory=estimate(recipe, model, trainable),
        examples=len(made.train) if made else recipe.data.expected - dev,
        dev=dev,
        counted=made is not None,
        counts=dict(made.counts) if made else {},
        warnings=_cuts(recipe, made) if made else [],
        missing=[*_absent_tools(recipe, parameters), *files],
    )


def _targets(wrapped: Any) -> dict[str, int]:
    return dict(
        Counter(name.rpartition(".")[2] for name, part in wrapped.named_modules() if hasattr(part, "lora_A"))
    )


def _cuts(recipe: Recipe, made: Examples) -> list[str]:
    """Count what is too long, where the base's tokenizer is at hand."""
    folder = recipe.path(recipe.base)
    if not (folder / "tokenizer_config.json").is_file():
        return []
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows, dev = (encode_all(tokenizer, some, recipe.schedule) if some else Rows([]) for some in (made.train, made.dev))
    return warnings_of(recipe, rows, dev)


def _absent_tools(recipe: Recipe, parameters: int) -> Iterator[str]:
    if not _has_weights(recipe):
        yield f"weights: base {recipe.base}"
    packages = [*PACKAGES, *(["bitsandbytes"] if recipe.loading.quantize != "none" else [])]
    for package in packages:
        if importlib.util.find_spec(package) is None:
            yield f"package: {package}"
    if (recipe.loading.quantize != "none" or parameters >= LARGE) and not accelerated():
        yield "device: a CUDA GPU"


def _has_weights(recipe: Recipe) -> bool:
    """Look for the base's weights on this machine, and ask nobody else for them."""
    if not on_hub(recipe):
        return any(recipe.path(recipe.base).glob("*.safetensors"))
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(recipe.base, "config.json")
    return isinstance(found, str) and any(Path(found).parent.glob("*.safetensors"))


def _absent_files(recipe: Recipe) -> Iterator[str]:
    for name in files(recipe):
        try:
            absent = not recipe.path(name).is_file()
        except MedevalError:
            absent = True
        if absent:
            yield f"data: {name}"


def plan_lines(plan: Plan) -> Iterator[str]:
    """Write a plan as lines of text, a blank one before each part."""
    recipe, schedule, lora = plan.recipe, plan.recipe.schedule, plan.recipe.lora
    yield f"{recipe.name}: {recipe.mirrors or 'no published system'}"
    yield f"  base         {recipe.base}: {plan.architecture}, {plan.parameters:,} parameters"
    if recipe.loading.quantize != "none":
        yield f"  loaded in    {recipe.loading.quantize}"
    found = ", ".join(f"{count} x {name}" for name, count in sorted(plan.targets.items()))
    yield f"  LoRA         rank {lora.rank}, alpha {lora.alpha}, dropout {lora.dropout:g} on {found}"
    share = 100 * plan.trainable / (plan.parameters + plan.trainable)
    yield f"  trainable    {plan.trainable:,} parameters, {share:.3f} % of all"
    yield f"  examples     {_examples(plan)}"
    for name, count in plan.counts.items():
        yield f"               {count:,} {name}"
    yield f"  loss         over the reply; prompt tokens carry -100; up to {schedule.max_tokens} tokens"
    batch = f"batch {schedule.batch} x {schedule.accumulation}"
    steps = f"{plan.steps:,} steps" if plan.examples else "as many steps as the data give"
    yield f"  supervised   {steps}: epochs {schedule.epochs:g}, {batch}, {_rate(schedule)}"
    yield from _ppo_lines(plan)
    parts = ", ".join(
        f"{name} {getattr(plan.memory, name) / GIB:.2f}"
        for name in ("weights", "optimiser", "activations", "logits")
    )
    yield f"  memory       about {plan.memory.total / GIB:.1f} GiB at the longest batch ({parts})"
    if recipe.merge:
        yield "  afterwards   merged into the base, saved in the folder 'merged'"
    yield from (f"  warning      {warning}" for warning in plan.warnings)
    yield "  missing      nothing" if not plan.missing else f"  missing      {len(plan.missing)}:"
    yield from (f"    - {what}" for what in plan.missing)


def _examples(plan: Plan) -> str:
    if not plan.examples:
        return "unknown until the data are there"
    return f"{plan.examples:,} to train on, {plan.dev:,} dev{'' if plan.counted else ' (expected)'}"


def _rate(schedule: Any) -> str:
    return f"AdamW {schedule.learning_rate:g}, {schedule.decay}, {schedule.precision}"


def _ppo_lines(plan: Plan) -> Iterator[str]:
    ppo = plan.recipe.ppo
    if not ppo.questions:
        return
    replies = ppo.questions * ppo.epochs * ppo.samples
    asked = f"{ppo.questions} questions x {ppo.samples}, epochs {ppo.epochs}, batch {ppo.batch}"
    yield f"  PPO          {plan.updates:,} batches, {replies:,} replies: {asked}"
    yield f"               clip {ppo.clip:g}, KL {ppo.kl:g}, AdamW {ppo.learning_rate:g}"
