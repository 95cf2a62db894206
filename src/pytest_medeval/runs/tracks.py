"""The tracks of a finished run side by side: people's ratings, divergence, and the gate that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_medeval.ratings.review import read_reviews
from pytest_medeval.runs.build import Run
from pytest_medeval.settings import Settings
from pytest_medeval.tasks import TASKS
from pytest_medeval.verdicts.divergence import HOLDING, divergence, divergence_gate
from pytest_medeval.verdicts.human import human
from pytest_medeval.verdicts.undefined import tracks_with_undefined


def read_people(record: dict[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """Read the ratings of this run; ``MedevalError`` for ratings of another run or of changed pairs."""
    return human(record, read_reviews(files, record)) if files else {}


def with_divergence(run: Run, people: dict[str, Any], settings: Settings) -> Run:
    """Add the divergence of every suite whose replies are free text, and its gate, to a run."""
    suites = {
        name: facts for name, facts in run.record["suites"].items() if TASKS.resolve(facts["task"]).judged
    }
    free = divergence({**run.record, "suites": suites}, people, settings.seed, scale=settings.rubric().scale)
    gates = list(run.gates)
    if settings.divergence == "gate":
        gates += [
            tracks_with_undefined(gate, run.record["cases"]) if facts["verdict"] in HOLDING else gate
            for name, facts in free.items()
            if (gate := divergence_gate(name, facts, people)) is not None
        ]
    told = [{**asdict(gate), "outcome": settings.gate_outcome(gate)} for gate in gates]
    return Run({**run.record, "divergence": free, "human": people, "gates": told}, gates)
