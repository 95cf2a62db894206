"""A LoRA adapter on a base model, trained on one task's own prompts with the prompt masked."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.tasks.base import Trainable
from pytest_medeval.tasks.cases.split import content
from pytest_medeval.tasks.cases.trained import FILE, Sketch
from pytest_medeval.training import card
from pytest_medeval.training import checkpoints as provenance
from pytest_medeval.training.checkpoints import Provenance, Stages, drop_checkpoints, has_checkpoint
from pytest_medeval.training.data import check_targets, digest, function_of, task_cases
from pytest_medeval.training.examples import EncodedExamples, Example, asked_task, encode_all, make_examples
from pytest_medeval.training.fit import Fitted, fit, total
from pytest_medeval.training.recipe import ALL_LINEAR, JUDGE, Lora, Ppo, Recipe
from pytest_medeval.training.saving import base_folder, load_base, merge, save

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from pytest_medeval.models.prompts import Prompter

SUPERVISED = "sft"
"""Folder of the supervised adapter, within that of the one that PPO made of it."""
MERGED = "merged"
"""Folder of the merged model, within that of its adapter."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples to train on and of the dev set; ``counts`` of what was left out, by reason."""

    train: list[Example]
    dev: list[Example] = field(default_factory=list)
    counts: Mapping[str, int] = field(default_factory=dict)
    asked: Sequence[str] = ()
    """What each training example asks, in the form in which cases are compared; a judge's are no cases."""

    @property
    def sha256(self) -> str:
        """SHA-256 over every training example in order."""
        turns = [[[m.content for m in e.messages], e.target] for e in self.train]
        return digest([json.dumps(turn, ensure_ascii=False) for turn in turns])


def train_lora(recipe: Recipe, out: Path, *, resume: bool = False) -> Provenance:
    """Train the adapter of a recipe into ``out``, or go on from its last checkpoint; give its provenance.

    With PPO the supervised adapter stays in the folder ``sft`` of ``out``; when it is there and whole, a resumed run
    takes it as it is.
    """
    if not recipe.ppo.questions:
        return supervise(recipe, out, resume=resume)
    from pytest_medeval.training.ppo import kept, reinforce  # imports torch

    first = out / SUPERVISED
    alone = replace(recipe, name=f"{recipe.name}: supervised stage", ppo=Ppo(), merge=False)
    if resume and finished(alone, first) and not has_checkpoint(first):
        return reinforce(recipe, first, out, resume=kept(out))
    drop_checkpoints(out)  # of a second stage, which follows from the first
    entry = supervise(alone, first, resume=resume)
    card.draw(first)
    card.write(alone, first, entry)
    return reinforce(recipe, first, out, resume=False)


def finished(recipe: Recipe, out: Path) -> bool:
    """Say whether ``out`` holds what this recipe, as it is now, has made."""
    file = out / FILE
    then = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return then.get("recipe_sha256") == provenance.recipe_hash(recipe)


def resumable(recipe: Recipe, out: Path) -> bool:
    """Say whether ``out`` holds what an unfinished run can go on from."""
    if recipe.ppo.questions:
        from pytest_medeval.training.ppo import kept  # imports torch

        first = out / SUPERVISED
        return has_checkpoint(first) or kept(out) or (finished(recipe, first) and not finished(recipe, out))
    return has_checkpoint(out)


def supervise(recipe: Recipe, out: Path, *, resume: bool) -> Provenance:
    """Train an adapter on prompts and wanted replies."""
    from transformers import set_seed

    from pytest_medeval.models.local.model import load_prompter  # imports torch

    base = base_folder(recipe)
    made = examples_of(recipe)
    prompter = load_prompter(base)
    rows, dev = (encode_all(prompter, some, recipe.schedule) for some in (made.train, made.dev))
    for warning in warnings_of(recipe, rows, dev):
        sys.stderr.write(f"warning: {warning}\n")
    stages = Stages.open(recipe, out, resume=resume)
    resumed = stages.resumed_after()
    set_seed(recipe.seed)
    model = wrap(load_base(recipe, base), recipe.lora, recipe.file)
    first = partial(fit, model, prompter.padding, rows.rows, recipe.schedule, seed=recipe.seed, out=out, dev=dev.rows)
    fitted = stages.run(0, made.sha256, first)
    later = [go_on(model, prompter, recipe, number, stages) for number in range(1, recipe.schedule.rounds)]
    sketch = reduce(or_, (seen for _, _, seen in later), Sketch.of(made.asked))
    save(model, recipe, base, out)
    drop_checkpoints(out)
    special = {"dev": len(dev.rows), "cut": rows.cut, "dropped": rows.lost}
    counts = {"examples": len(rows.rows), **made.counts, **{key: n for key, n in special.items() if n}, **resumed}
    entry = provenance.write(
        recipe,
        out,
        total([fitted, *(one for one, _, _ in later)]),
        data=digest([made.sha256, *(sha256 for _, sha256, _ in later)]) if later else made.sha256,
        base=fingerprint_weights(base),
        counts=counts,
        sketch=sketch if sketch.digests else None,
    )
    if recipe.merge:
        merge(model, prompter.tokenizer, out / MERGED, sketch)
    return entry


def go_on(
    model: PeftModel, prompter: Prompter, recipe: Recipe, number: int, stages: Stages
) -> tuple[Fitted, str, Sketch]:
    """Train a later round: examples drawn anew, at half the learning rate of the round before."""
    again = replace(recipe, seed=recipe.seed + number)
    made = examples_of(again)
    rows = encode_all(prompter, made.train, recipe.schedule)
    schedule = replace(recipe.schedule, learning_rate=recipe.schedule.learning_rate / 2**number)
    one = partial(fit, model, prompter.padding, rows.rows, schedule, seed=again.seed, out=stages.out, stage=number)
    return stages.run(number, made.sha256, one), made.sha256, Sketch.of(made.asked)


def examples_of(recipe: Recipe) -> Examples:
    """Make the examples of a task, checked, or those of a judge, which a function makes."""
    if recipe.task == JUDGE:
        make = function_of(recipe, recipe.data.train)
        return Examples(list(make(recipe.path(recipe.data.source), recipe.data.count, recipe.seed)))
    task: Trainable = asked_task(recipe)
    data = task_cases(recipe, task)
    counts = {"skipped": data.skipped, "overlapping": data.overlapping}
    if data.filtered:
        counts["filtered"] = data.filtered
    written = replace(task, **recipe.target_options)
    train, dev = (make_examples(task, cases, written) for cases in (data.cases, data.dev))
    for part in (train, dev):
        check_targets(recipe.file, part)
    return Examples(train, dev, counts, [content(case) for case in data.cases])


def warnings_of(recipe: Recipe, rows: EncodedExamples, dev: EncodedExamples) -> list[str]:
    """Say how many examples were cut."""
    limit = recipe.schedule.max_tokens
    found = []
    for name, part in (("training", rows), ("dev", dev)):
        if part.cut:
            found.append(
                f"{part.cut} of {len(part.rows) + part.lost} {name} examples are longer than {limit} tokens and "
                f"were cut; {part.lost} of them had no token of the reply left and were dropped"
            )
    return found


def wrap(model: PreTrainedModel, lora: Lora, file: Path) -> PeftModel:
    """Put fresh LoRA weights on the named linear layers."""
    from peft import LoraConfig, get_peft_model

    if lora.targets != ALL_LINEAR:
        _check_targets(model, lora, file)
    return get_peft_model(
        model,
        LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=ALL_LINEAR if lora.targets == ALL_LINEAR else sorted(lora.targets),
            bias="none",
            task_type="CAUSAL_LM",
        ),
    )


def _check_targets(model: PreTrainedModel, lora: Lora, file: Path) -> None:
    layers = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    for target in lora.targets:
        if target not in layers:
            linears = {name for name, part in model.named_modules() if type(part).__name__ == "Linear"}
            has = ", ".join(sorted({name.rpartition(".")[2] for name in linears}))
            raise MedevalError(f"{file}: [lora] targets names {target!r}, which the base lacks; it has {has}")
