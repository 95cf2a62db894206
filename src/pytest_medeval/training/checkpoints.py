"""Checkpoints of a run: made for one recipe and its data, gone when the run is finished."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from pytest_medeval.errors import MedevalError
from pytest_medeval.training.fit import Saving
from pytest_medeval.training.provenance import recipe_hash
from pytest_medeval.training.recipe import Recipe

FOLDER = "checkpoints"
OF = "run.json"
"""Says which run the checkpoints belong to."""
LAST_WRITTEN = "trainer_state.json"
"""The file that the Trainer writes last: a checkpoint without it was interrupted itself."""


def open_checkpoints(recipe: Recipe, out: Path, data: str, *, resume: bool) -> Saving:
    """Give a run its folder of checkpoints, and with ``resume`` the last one; ``data`` is its data's SHA-256.

    ``MedevalError`` where there is nothing to go on from, or where recipe or data have changed since.
    """
    folder = out / FOLDER
    run = {"recipe_sha256": recipe_hash(recipe), "data_sha256": data}
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / OF).write_text(json.dumps(run) + "\n", encoding="utf-8")
        return Saving(folder)
    last = _last(folder)
    if last is None:
        raise MedevalError(
            f"{folder}: no checkpoint to go on from; [schedule] save_every = {recipe.schedule.save_every} "
            "says after how many steps the first is made"
        )
    then = json.loads((folder / OF).read_text(encoding="utf-8"))
    changed = [name.partition("_")[0] for name, value in run.items() if then.get(name) != value]
    if changed:
        raise MedevalError(f"{folder}: {' and '.join(changed)} changed since the interrupted run; start anew")
    return Saving(folder, last)


def drop_checkpoints(saving: Saving) -> None:
    """Remove what a finished run needs no more."""
    shutil.rmtree(saving.folder)


def has_checkpoint(out: Path) -> bool:
    """Say whether ``out`` holds a whole checkpoint of an unfinished run."""
    return _last(out / FOLDER) is not None


def _last(folder: Path) -> Path | None:
    whole = (file.parent for file in folder.glob(f"checkpoint-*/{LAST_WRITTEN}"))
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
