"""Checkpoints of a run: made for one recipe and its data, stage by stage, gone when the run is finished."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.tasks.cases.trained import FILE, KEY, Sketch
from pytest_medeval.training.fit import Fitted, Saving
from pytest_medeval.training.recipe import Recipe

# What was made from what: ``provenance.json`` beside the weights.

Provenance: TypeAlias = dict[str, object]
PACKAGES = ("torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors")


def write(
    recipe: Recipe,
    out: Path,
    fitted: Fitted,
    *,
    data: str,
    base: str,
    counts: Mapping[str, object],
    sketch: Sketch | None = None,
) -> Provenance:
    """Write the provenance of a finished run, and give back what people read of it: all but an adapter's sketch.

    ``base_fingerprint`` covers the weights that were trained on (of a base model: its own); ``data_sha256``
    covers every training example in order.
    """
    import torch

    entry: Provenance = {
        "base_fingerprint": base,
        "recipe_sha256": recipe_hash(recipe),
        "data_sha256": data,
        **counts,
        "seed": recipe.seed,
        "steps": fitted.steps,
        "seconds": fitted.seconds,
        "mean_loss": fitted.loss,
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
    }
    whole = entry | ({} if sketch is None else {KEY: sketch.facts()})
    (out / FILE).write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    return entry


def recipe_hash(recipe: Recipe) -> str:
    """SHA-256 over the recipe's file."""
    return hashlib.sha256(recipe.file.read_bytes()).hexdigest()


FOLDER = "checkpoints"
OF = "run.json"
"""Says which run the checkpoints belong to."""
DONE = "done.json"
"""What a stage took that was trained to its end."""
LAST_WRITTEN = "trainer_state.json"
"""The file that the Trainer writes last: a checkpoint without it was interrupted itself."""


class Fit(Protocol):
    """Trains one stage, from its start or from the checkpoint that ``saving`` names."""

    def __call__(self, *, saving: Saving) -> Fitted:
        """Train."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of a run, one after the other on the same weights; ``at`` is the one to go on from."""

    recipe: Recipe
    out: Path
    at: int | None = None

    @classmethod
    def open(cls, recipe: Recipe, out: Path, *, resume: bool) -> Stages:
        """Begin a run in ``out``, or go on; ``MedevalError`` where there is nothing to go on from."""
        if not resume:
            drop_checkpoints(out)
            return cls(recipe, out)
        at = _last_stage(out)
        if at is None:
            raise MedevalError(
                f"{out / FOLDER}: no checkpoint to go on from; [schedule] save_every = {recipe.schedule.save_every} "
                "says after how many steps the first is made"
            )
        return cls(recipe, out, at)

    def run(self, number: int, data: str, fit: Fit) -> Fitted:
        """Train a stage on data of this SHA-256; of one that an interrupted run finished, say what it took.

        ``MedevalError`` where recipe or data have changed since.
        """
        folder = self.out / FOLDER / f"stage-{number}"
        resumed = self.at is not None and number <= self.at
        mark(folder, self.recipe, data, resumed=resumed)
        done = folder / DONE
        took = Fitted(**json.loads(done.read_text(encoding="utf-8"))) if resumed and done.is_file() else None
        if took is None or number == self.at:  # the last one's checkpoint brings the weights, even when it is done
            found = fit(saving=Saving(folder, _last(folder) if resumed else None))
            took = took or found
            done.write_text(json.dumps(asdict(took)) + "\n", encoding="utf-8")
        return took

    def resumed_after(self) -> dict[str, int]:
        """Say where an interrupted run went on: stage, and step within it; nothing of a run in one go."""
        if self.at is None:
            return {}
        last = _last(self.out / FOLDER / f"stage-{self.at}")
        return {"resumed_after_stage": self.at, "resumed_after_step": Saving(self.out, last).step}


def mark(folder: Path, recipe: Recipe, data: str, *, resumed: bool) -> None:
    """Note in a folder whose checkpoints it holds; ``resumed``: refuse those of another recipe or other data."""
    run = {"recipe_sha256": recipe_hash(recipe), "data_sha256": data}
    if not resumed:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / OF).write_text(json.dumps(run) + "\n", encoding="utf-8")
        return
    then = json.loads((folder / OF).read_text(encoding="utf-8"))
    changed = [name.partition("_")[0] for name, value in run.items() if then.get(name) != value]
    if changed:
        raise MedevalError(f"{folder}: {' and '.join(changed)} changed since the interrupted run; start anew")


def drop_checkpoints(out: Path) -> None:
    """Remove what a finished run needs no more, and a new one must not find."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)


def has_checkpoint(out: Path) -> bool:
    """Say whether ``out`` holds a whole checkpoint of an unfinished run."""
    return _last_stage(out) is not None


def _last_stage(out: Path) -> int | None:
    folders = (folder for folder in (out / FOLDER).glob("stage-*") if _last(folder))
    return max((int(folder.name.rpartition("-")[2]) for folder in folders), default=None)


def _last(folder: Path) -> Path | None:
    whole = (file.parent for file in folder.glob(f"checkpoint-*/{LAST_WRITTEN}"))
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
