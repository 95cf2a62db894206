"""The PPO stage of a recipe: a supervised adapter in, a rewarded one out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import AutoTokenizer, set_seed

from pytest_medeval.errors import MedevalError
from pytest_medeval.models.fingerprint import fingerprint_weights
from pytest_medeval.training import provenance
from pytest_medeval.training.checkpoints import drop_checkpoints
from pytest_medeval.training.data import digest, task_cases
from pytest_medeval.training.examples import asked_task
from pytest_medeval.training.fit import Fitted, accelerated
from pytest_medeval.training.loading import base_folder, load_base
from pytest_medeval.training.losslog import read_lines
from pytest_medeval.training.ppo import LOG, REFERENCE, Learner, run_ppo
from pytest_medeval.training.ppo_keep import Keep
from pytest_medeval.training.recipe import Recipe
from pytest_medeval.training.saving import save
from pytest_medeval.training.split import asked_text, content, subset


def reinforce(recipe: Recipe, supervised: Path, out: Path, *, resume: bool) -> dict[str, Any]:
    """Go on from the adapter in ``supervised`` by PPO; save into ``out`` and give the provenance.

    ``resume``: an interrupted stage goes on where it was kept.
    """
    base, task = base_folder(recipe), asked_task(recipe)
    cases = questions(recipe, task)
    data = digest([asked_text(vars(case)) for case in cases])
    first = fingerprint_weights(supervised)
    if not resume:
        drop_checkpoints(out)
    keep = Keep.open(recipe, out, digest([data, first]), resume=resume)
    resumed = {"resumed_after_batch": keep.batch()} if resume else {}
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    model: Any = PeftModel.from_pretrained(load_base(recipe, base), supervised, is_trainable=True)
    model.load_adapter(supervised, REFERENCE)
    if accelerated() and recipe.loading.quantize == "none":
        model.to("cuda")
    model.eval()  # without dropout: the policy that is learnt from is the one that replied
    set_seed(recipe.seed + 1)
    learner = Learner(model, tokenizer, recipe.ppo, recipe.schedule)
    batches, seconds = run_ppo(learner, task, cases, seed=recipe.seed, out=out, keep=keep)
    model.delete_adapter(REFERENCE)
    save(model, recipe, base, out)
    drop_checkpoints(out)
    lines = read_lines(out / LOG) or [{"loss": float("nan"), "reward": float("nan")}]
    counts = {
        "supervised_fingerprint": first,
        "questions": len(cases),
        "replies": len(cases) * recipe.ppo.epochs * recipe.ppo.samples,
        "first_reward": lines[0]["reward"],
        "last_reward": lines[-1]["reward"],
        **resumed,
    }
    fitted = Fitted(batches, seconds, lines[-1]["loss"])
    return provenance.write(recipe, out, fitted, data=data, base=fingerprint_weights(base), counts=counts)


def questions(recipe: Recipe, task: Any) -> list[Any]:
    """Choose the questions: filtered as the recipe's data are, none held out, none of its dev set."""
    given, own = recipe.ppo.data, recipe.data
    dev = {content(case) for case in task_cases(recipe, task).dev} if own.dev or own.dev_share else set()
    data = given if given.train else replace(own, dev="", dev_share=0.0)
    data = replace(data, world=data.world or own.world, held_out=[*own.held_out, *given.held_out], overlap=own.overlap)
    # the next seed: the closed world then draws other questions than those of the supervised stage
    found = task_cases(replace(recipe, data=data, seed=recipe.seed + 1), task).cases
    left = [case for case in found if content(case) not in dev]
    if len(left) < recipe.ppo.questions:
        raise MedevalError(
            f"{recipe.file}: [ppo] questions is {recipe.ppo.questions}, but its data leave {len(left)} to ask"
        )
    return subset(left, recipe.ppo.questions)
