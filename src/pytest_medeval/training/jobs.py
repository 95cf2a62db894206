"""Several recipes in one command: each checked, with its folder, before the first is trained."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_medeval.errors import MedevalError
from pytest_medeval.training.data import files
from pytest_medeval.training.examples import asked_task
from pytest_medeval.training.loading import base_folder, on_hub
from pytest_medeval.training.lora import finished, resumable
from pytest_medeval.training.recipe import Recipe, load_recipe

JUDGE = "judge"
"""The one value of a recipe's ``task`` that is no task of a suite."""


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
    return [Job(recipe, _folder(recipe.file, out, several=len(found) > 1)) for recipe in found]


def _folder(recipe: Path, out: Path | None, *, several: bool) -> Path:
    if out is None:
        return recipe.parent
    return out / recipe.absolute().parent.name if several else out


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
        _check_files(job.recipe)
        taken[out] = job.recipe.file


def _check_adapter(recipe: Recipe, made: Container[Path]) -> None:
    if recipe.task != JUDGE:
        asked_task(recipe)
    if not on_hub(recipe) and recipe.path(recipe.base).resolve() not in made:
        base_folder(recipe)


def _check_files(recipe: Recipe) -> None:
    for name in files(recipe):
        if not recipe.path(name).is_file():
            raise MedevalError(f"{recipe.file}: {name!r}: no such file; data files are named relative to the recipe")


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
