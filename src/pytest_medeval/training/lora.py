"""A LoRA adapter on a base model, trained on one task's own prompts with the prompt masked."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_medeval.errors import MedevalError
from pytest_medeval.models.fingerprint import fingerprint_weights
from pytest_medeval.training import provenance
from pytest_medeval.training.data import digest, task_cases
from pytest_medeval.training.examples import Example, asked_task, encode, make_examples
from pytest_medeval.training.fit import fit, readable
from pytest_medeval.training.judging import judge_examples
from pytest_medeval.training.recipe import Lora, Recipe


def train_lora(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Train the adapter of a recipe into ``out``; give its provenance."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

    base = recipe.path(recipe.base)
    if not (base / "config.json").is_file():
        raise MedevalError(
            f"{recipe.file}: base {recipe.base!r} is no model folder; "
            "accepted: a folder with config.json, relative to the recipe"
        )
    examples, counts = examples_of(recipe)
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows = [encode(tokenizer, example, recipe.schedule.max_tokens) for example in examples]
    set_seed(recipe.seed)
    plain = AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager")
    model = wrap(plain, recipe.lora, recipe.file)
    fitted = fit(model, tokenizer, rows, recipe.schedule, seed=recipe.seed, out=out)
    save(model, base, out)
    texts = [json.dumps([[m.content for m in e.messages], e.target], ensure_ascii=False) for e in examples]
    counts = {"examples": len(rows), **counts}
    return provenance.write(
        recipe, out, fitted, data=digest(texts), base=fingerprint_weights(base), counts=counts
    )


def examples_of(recipe: Recipe) -> tuple[list[Example], dict[str, int]]:
    """Make the examples of a task or a judge; and counts of records skipped and near-duplicates dropped."""
    if recipe.task == "judge":
        return judge_examples(recipe), {}
    task = asked_task(recipe)
    data = task_cases(recipe, task)
    counts = {"skipped": data.skipped, "overlapping": data.overlapping}
    return make_examples(task, data.cases), counts


def wrap(model: Any, lora: Lora, file: Path) -> Any:
    """Put fresh LoRA weights on the named linear layers."""
    from peft import LoraConfig, get_peft_model

    layers = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    for target in lora.targets:
        if target not in layers:
            raise MedevalError(
                f"{file}: [lora] targets names {target!r}, which the base lacks; it has {_linears(model)}"
            )
    return get_peft_model(
        model,
        LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=sorted(lora.targets),
            bias="none",
            task_type="CAUSAL_LM",
        ),
    )


def _linears(model: Any) -> str:
    names: Sequence[str] = sorted(
        {name.rpartition(".")[2] for name, part in model.named_modules() if type(part).__name__ == "Linear"}
    )
    return ", ".join(names)


def save(model: Any, base: Path, out: Path) -> None:
    """Save adapter weights and configuration; the base is named relative to the adapter's folder."""
    model.peft_config["default"].base_model_name_or_path = Path(
        os.path.relpath(base.resolve(), out.resolve())
    ).as_posix()
    model.save_pretrained(out, safe_serialization=True)
    readable(out)
    (out / "README.md").unlink(missing_ok=True)  # peft's template; CARD.md is ours
