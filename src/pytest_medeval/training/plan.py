"""What would a recipe do? Everything resolved without a weight: targets, sizes, steps, memory, what is missing."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.training.data import files
from pytest_medeval.training.examples import EncodedExamples, asked_task, encode_all
from pytest_medeval.training.fit import accelerated, steps_an_epoch
from pytest_medeval.training.lora import Examples, examples_of, finished, resumable, warnings_of, wrap
from pytest_medeval.training.recipe import JUDGE, Recipe, load_recipe
from pytest_medeval.training.saving import base_folder, blank_model, on_hub

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

# How much memory does a run need? An estimate from shapes, for the longest batch.

BYTES = {"auto": 4.0, "fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "8bit": 1.0, "4bit": 0.5 + 4 / 64}
"""Bytes of a weight; NF4 keeps one fp32 scale for 64 weights (Dettmers et al. 2023, section 3)."""
OPTIMISER = 4 + 4 + 8
"""Bytes of a trained weight: itself and its gradient in fp32, two moments of AdamW."""
LOGIT = 2 + 4 + 4
"""Bytes of a logit: as computed, as fp32 for the loss, its gradient."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Estimated bytes by use; fragmentation and the library's own buffers are not in it."""

    weights: float
    optimiser: float
    activations: float
    logits: float

    @property
    def total(self) -> float:
        """Give the sum."""
        return self.weights + self.optimiser + self.activations + self.logits


def estimate(recipe: Recipe, model: PreTrainedModel, trainable: int, targets: int) -> Memory:
    """Estimate the peak of a training step on rows of ``max_tokens``; ``model`` may be on the meta device.

    ``trainable``: weights; ``targets``: kinds of layers that get them.

    Activations of a Llama-like layer, for each token: two norms, the residual, queries, keys and values before and
    after rotation, the attention's output, four tensors of the MLP, and for each LoRA target its input in fp32.
    """
    config = model.config.get_text_config()
    tokens = recipe.schedule.batch * recipe.schedule.max_tokens
    size = 4.0 if recipe.schedule.precision == "fp32" else 2.0
    layer = tokens * _per_token(config, size, targets)
    if recipe.loading.attention == "eager":
        layer += tokens * recipe.schedule.max_tokens * config.num_attention_heads * (size + 4)
    kept = config.num_hidden_layers * layer
    if recipe.loading.checkpointing:
        kept = layer + config.num_hidden_layers * tokens * config.hidden_size * size
    return Memory(
        weights=_weights(recipe, model),
        optimiser=float(trainable * OPTIMISER),
        activations=kept,
        logits=float(tokens * config.vocab_size * LOGIT),
    )


def _per_token(config: PreTrainedConfig, size: float, targets: int) -> float:
    hidden, heads = config.hidden_size, config.num_attention_heads
    head = getattr(config, "head_dim", None) or hidden // heads
    queries, keys = heads * head, config.num_key_value_heads * head
    norms = 2 * hidden * (4 + 4 + size) + 2 * hidden * size
    attention = (2 * queries + 2 * keys + keys + queries) * size
    return float(norms + attention + 4 * config.intermediate_size * size + targets * hidden * 4)


def _weights(recipe: Recipe, model: PreTrainedModel) -> float:
    """Count the base's bytes; quantisation leaves embeddings, head and norms at 16 bits."""
    every: int = sum(weight.numel() for weight in model.parameters())
    given = recipe.loading
    if given.quantize == "none":
        return every * BYTES[given.dtype]
    linear: int = sum(
        part.weight.numel()
        for name, part in model.named_modules()
        if type(part).__name__ == "Linear" and not name.endswith("lm_head")
    )
    return linear * BYTES[given.quantize] + (every - linear) * BYTES["bf16"]


# Several recipes in one command: each checked, with its folder, before the first is trained.


@dataclass(frozen=True, slots=True)
class Job:
    """A recipe and the folder of its result."""

    recipe: Recipe
    out: Path


def plan_jobs(recipes: Sequence[Path], out: Path | None, data: Path | None) -> list[Job]:
    """Read recipes and give each the folder of its result; ``MedevalError`` when one is wrong.

    That is the recipe's own folder, or ``out``; of several recipes the folder within ``out`` that is called as the
    recipe's own.
    """
    found = [load_recipe(file, data) for file in recipes]
    if out is None:
        return [Job(recipe, recipe.file.parent) for recipe in found]
    return [Job(recipe, out / recipe.file.absolute().parent.name if found[1:] else out) for recipe in found]


def check_jobs(jobs: Sequence[Job]) -> None:
    """Refuse what would fail after hours of other recipes: ``MedevalError`` names the recipe.

    Looked at are the folders, the tasks with their options, bases that are folders, and that data files are there;
    not what is in them.
    """
    taken: dict[Path, Path] = {}
    for job in jobs:
        out = job.out.resolve()
        if out in taken:
            raise MedevalError(
                f"{job.recipe.file}: its result would go where that of {taken[out]} goes, {job.out}; "
                "accepted: recipes in folders of different names"
            )
        if job.recipe.kind == "lora":
            _check_adapter(job.recipe, made=taken)
        for name in files(job.recipe):
            if not job.recipe.path(name).is_file():
                raise MedevalError(
                    f"{job.recipe.file}: {name!r}: no such file; data files are named relative to the recipe"
                )
        taken[out] = job.recipe.file


def _check_adapter(recipe: Recipe, made: Container[Path]) -> None:
    if recipe.task != JUDGE:
        asked_task(recipe)
    if not on_hub(recipe) and recipe.path(recipe.base).resolve() not in made:
        base_folder(recipe)


def left_to_do(jobs: Sequence[Job]) -> list[tuple[Job, bool]]:
    """Leave out what an interrupted run has finished; say of the others whether they go on from what was kept.

    What was not begun starts. ``MedevalError`` where nothing at all was begun.
    """
    begun = {job.out: resumable(job.recipe, job.out) for job in jobs}
    left = [(job, begun[job.out]) for job in jobs if begun[job.out] or not finished(job.recipe, job.out)]
    if len(left) == len(jobs) and not any(begun.values()):
        raise MedevalError(
            f"{jobs[0].out}: no checkpoint to go on from, and nothing that is finished; without --resume it is begun"
        )
    return left


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
    targets: Mapping[str, int]
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
    targets = Counter(name.rpartition(".")[2] for name, part in wrapped.named_modules() if hasattr(part, "lora_A"))
    files = [*_absent_files(recipe)]
    made = None if files else examples_of(recipe)
    dev = len(made.dev) if made else recipe.data.dev_count or round(recipe.data.expected * recipe.data.dev_share)
    return Plan(
        recipe=recipe,
        architecture=type(model).__name__,
        parameters=parameters,
        targets=targets,
        trainable=trainable,
        memory=estimate(recipe, model, trainable, len(targets)),
        examples=len(made.train) if made else recipe.data.expected - dev,
        dev=dev,
        counted=made is not None,
        counts=dict(made.counts) if made else {},
        warnings=_cuts(recipe, made) if made else [],
        missing=[*_absent_tools(recipe, parameters), *files],
    )


def _cuts(recipe: Recipe, made: Examples) -> list[str]:
    """Count what is too long, where the base's tokenizer is at hand."""
    folder = recipe.path(recipe.base)
    if not (folder / "tokenizer_config.json").is_file():
        return []
    from pytest_medeval.models.local.model import load_prompter  # imports torch

    prompter = load_prompter(folder)
    rows, dev = (
        encode_all(prompter, some, recipe.schedule) if some else EncodedExamples([]) for some in (made.train, made.dev)
    )
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
    some = f"{plan.examples:,} to train on, {plan.dev:,} dev{'' if plan.counted else ' (expected)'}"
    yield f"  examples     {some if plan.examples else 'unknown until the data are there'}"
    for name, count in plan.counts.items():
        yield f"               {count:,} {name}"
    yield f"  loss         over the reply; prompt tokens carry -100; up to {schedule.max_tokens} tokens"
    batch = f"batch {schedule.batch} x {schedule.accumulation}"
    steps = f"{plan.steps:,} steps" if plan.examples else "as many steps as the data give"
    rate = f"AdamW {schedule.learning_rate:g}, {schedule.decay}, {schedule.precision}"
    yield f"  supervised   {steps}: epochs {schedule.epochs:g}, {batch}, {rate}"
    yield from _ppo_lines(plan)
    parts = ", ".join(
        f"{name} {getattr(plan.memory, name) / GIB:.2f}" for name in ("weights", "optimiser", "activations", "logits")
    )
    yield f"  memory       about {plan.memory.total / GIB:.1f} GiB at the longest batch ({parts})"
    if recipe.merge:
        yield "  afterwards   merged into the base, saved in the folder 'merged'"
    yield from (f"  warning      {warning}" for warning in plan.warnings)
    yield "  missing      nothing" if not plan.missing else f"  missing      {len(plan.missing)}:"
    yield from (f"    - {what}" for what in plan.missing)


def _ppo_lines(plan: Plan) -> Iterator[str]:
    ppo = plan.recipe.ppo
    if not ppo.questions:
        return
    replies = ppo.questions * ppo.epochs * ppo.samples
    asked = f"{ppo.questions} questions x {ppo.samples}, epochs {ppo.epochs}, batch {ppo.batch}"
    batches = -(-ppo.questions // ppo.batch) * ppo.epochs
    yield f"  PPO          {batches:,} batches, {replies:,} replies: {asked}"
    yield f"               clip {ppo.clip:g}, KL {ppo.kl:g}, AdamW {ppo.learning_rate:g}"
