"""Which cases was the candidate trained on, and which suites was it tuned for? Looked up when cases are read.

Cases can then be left out unasked, and suites be judged for what the candidate must not have lost.

A candidate was tuned for a suite of the task that the recipe beside its weights has, where the recipe names one of its
case files (to train on, as dev set, or held out), or where most of the suite's cases stand in the sketch of what was
trained on. Where nothing says so the suite is judged: one that a model was tuned for is easily kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import place
from pytest_medeval.core.files.tomltext import read_toml
from pytest_medeval.models.spec import ModelSpec, ReplaySpec, made_in, model_for, parse_specs
from pytest_medeval.runs.store import load
from pytest_medeval.tasks.base import Task, requests_of
from pytest_medeval.tasks.cases.trained import FILE, Sketch, read_sketch
from pytest_medeval.verdicts.leakage import Searched, TrainedOn, Tuning, find_leaks, read_tunings, with_trained

if TYPE_CHECKING:
    from pytest_medeval.core.settings import RunSettings
    from pytest_medeval.core.types import Case

RECIPE = "recipe.toml"
DATA = "data:"
MOST = 0.5
"""Share of a suite's cases that were trained on, above which the suite is what the model was tuned for."""
NOTHING_KNOWN = (
    "--medeval-exclude-trained: nothing says what the candidate {who} was trained on; accepted: an adapter or merged "
    f"model with a sketch of it in {FILE}, or --medeval-train-data=FILE"
)


def trained_on(name: str, task: Task, cases: Sequence[Case], settings: RunSettings) -> TrainedOn | None:
    """Look a suite's cases up in the sketches beside the candidate's weights; None where it has none.

    Of stored replies that are scored again, what their own run found.
    """
    candidate = _candidate(task.name, settings)
    if isinstance(candidate, ReplaySpec):
        return _replayed(candidate, name, cases, settings)
    folders = made_in(candidate) if candidate else ()
    found = {folder: sketch for folder in folders if (sketch := _sketch(folder))}
    if not found:
        return None
    named = {folder: _named(folder / FILE, settings.root) for folder in found}
    return {
        "files": list(named.values()),
        "asked": False,
        "records": sum(len(sketch.digests) for sketch in found.values()),
        "leaks": [
            {"id": case.id, "kind": "exact", "similarity": 1.0, "source": named[holding], "gold": None}
            for case in cases
            if (holding := next((folder for folder, sketch in found.items() if sketch.holds(case)), None))
        ],
    }


def to_leave_out(task: Task, cases: Sequence[Case], known: TrainedOn | None, settings: RunSettings) -> TrainedOn:
    """Add the cases that stand in the tuning files, by the rule of leakage; ``MedevalError`` where nothing is known."""
    if known is None and not settings.train_data:
        who = ", ".join(settings.models) or "(none is named)"
        raise MedevalError(NOTHING_KNOWN.format(who=who))
    found: TrainedOn = known or {"files": [], "asked": False, "records": 0, "leaks": []}
    if not settings.train_data:
        return found
    tuning = _tuning(tuple(settings.train_data), settings.root)
    asked: list[Searched] = [
        {"id": case.id, "asked": requests_of(task, case)[0].messages[-1].content, "gold": task.gold(case)}
        for case in cases
    ]
    both = with_trained(find_leaks({"": asked}, tuning)[""], found, [case.id for case in cases])
    return {"files": list(both.files), "asked": True, "records": both.records, "leaks": list(both.leaks)}


def _replayed(spec: ReplaySpec, name: str, cases: Sequence[Case], settings: RunSettings) -> TrainedOn | None:
    """Give what a stored run found of a suite's candidate; a run that cannot be read is told where it is opened."""
    run, _, role = spec.run.partition("#")
    try:
        _, record = load(settings.storage, run)
    except MedevalError:
        return None
    found = record["suites"][name].get("leakage") if name in record["suites"] else None
    if found is None or role not in ("", "candidate"):
        return None
    ids = {case.id for case in cases}
    return {
        "files": found["files"],
        "asked": found.get("asked", True),
        "records": found["records"],
        "leaks": [leak for leak in found["leaked"] if leak["id"] in ids],
    }


def _candidate(task: str, settings: RunSettings) -> ModelSpec | None:
    """Find who answers a task; a mistake in a model's name is told where models are opened."""
    try:
        return model_for(parse_specs(list(settings.models), settings.root), task)
    except MedevalError:
        return None


def _named(file: Path, root: Path) -> str:
    return str(file.relative_to(root) if file.is_relative_to(root) else file)


@cache
def _tuning(files: tuple[Path, ...], root: Path) -> Tuning:
    return read_tunings(files, root)


def _sketch(folder: Path) -> Sketch | None:
    file = folder / FILE
    return _read(folder, file.stat().st_mtime_ns) if file.is_file() else None


@cache
def _read(folder: Path, _changed: int) -> Sketch | None:
    return read_sketch(folder)


def tuned_for(
    name: str, task: Task, cases: Sequence[Case], settings: RunSettings, *, trained: TrainedOn | None, total: int
) -> tuple[bool, str]:
    """Say whether anything is known of what the candidate was tuned for, and what says that it is this suite.

    ``trained``: what it was trained on of the ``cases`` that are asked, of ``total``.
    """
    candidate = _candidate(task.name, settings)
    if isinstance(candidate, ReplaySpec):
        return _stored(candidate, name, settings)
    # weights below an adapter are its baseline's, too: what those were tuned for can be lost
    folders = made_in(candidate)[:1] if candidate else ()
    if not folders or not (folders[0] / RECIPE).is_file():
        return False, ""
    recipe = folders[0] / RECIPE
    toml = read_toml(recipe, "a recipe")
    learnt = toml.data.get("task")
    if learnt != task.name:
        return isinstance(learnt, str), ""
    files, own = set(_files(toml.data, recipe.parent, settings.data)), {case.source.file for case in cases}
    leaks = len(trained["leaks"]) if trained else 0
    named = not files.isdisjoint(Path(file).resolve() for file in own)
    return True, _named(recipe, settings.root) if named or leaks > MOST * total else ""


def _files(recipe: Mapping[str, object], folder: Path, data: Path | None) -> Iterator[Path]:
    """Give the case files that a recipe names, with those of its PPO."""
    for key, value in recipe.items():
        texts = value if isinstance(value, list) else [value]
        for text in texts:
            if isinstance(text, Mapping):
                yield from _files(text, folder, data)
            elif isinstance(text, str) and key in ("train", "dev", "held_out"):
                below = text.startswith(DATA)
                if not below or data is not None:
                    yield place(text.removeprefix(DATA), data if below and data else folder).resolve()


def _stored(spec: ReplaySpec, name: str, settings: RunSettings) -> tuple[bool, str]:
    """Say what a stored run said of its own candidate; a run that cannot be read is told where it is opened."""
    run, _, role = spec.run.partition("#")
    try:
        _, record = load(settings.storage, run)
    except MedevalError:
        return False, ""
    found = record["retention"]["suites"].get(name) if "retention" in record else None
    if found is None or role not in ("", "candidate"):
        return False, ""
    return found["known"], found.get("tuned", "")
