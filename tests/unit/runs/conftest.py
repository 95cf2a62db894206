"""Runs of a small quiz, made by the engine itself with a scripted model, without pytest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.types import Answer
from pytest_medeval.runs.build import build
from pytest_medeval.runs.engine import Engine, entry
from pytest_medeval.runs.journal import Journal, manifest
from pytest_medeval.runs.suite import Suite, resolve


class Quiz:
    """Makes records of a multiple-choice suite; a model is the set of the questions that it gets wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifests: dict[str, Any] = {}

    def run(
        self,
        wrong: set[int] = frozenset(),
        *,
        count: int = 40,
        reference=None,
        gates=(),
        edit=None,
        metrics=("accuracy", "brier"),
        limit: int | None = None,
        baseline: set[int] | None = None,
        model=None,
        only=None,
        seen=None,
        leaks=None,
        given=(),
        **options: Any,
    ) -> dict[str, Any]:
        """Evaluate ``count`` questions, or ``only`` some.

        ``edit`` changes their records, ``given`` are values of options by field, ``seen`` looks at the journal before
        the record is made of it, ``options`` are the suite's.
        """
        records = [
            {
                "id": f"q{i}",
                "question": f"Question {i} ?",
                "answer": "AB"[i % 2],
                "options": {"A": "yes", "B": "no"},
                "tags": {"half": str(i % 2)},
            }
            for i in range(count)
        ]
        for record in records:
            if edit:
                edit(record)
        path = self.folder / "quiz.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        told = {"limit": limit, **dict(given)}
        settings = read_settings(lambda option: told.get(option.name), self.folder)
        suite = resolve(
            Suite("mcq", str(path), name="quiz", metrics=list(metrics), gates=list(gates), **options), settings
        )
        models = {
            "candidate": model or scripted(wrong),
            "baseline": scripted(baseline) if isinstance(baseline, set) else baseline,
        }
        journal = Journal()
        journal.collected([manifest(suite, self.folder)])
        self.manifests = journal.suites
        ran = [case.id for case in suite.cases if only is None or case.id in only]
        for evaluation in Engine(lambda role, _task: models[role]).evaluations(suite, ran).values():
            journal.note({"entry": entry("quiz", f"quiz::{evaluation.case.id}", evaluation)})
        journal.note({"models": {role: {"mcq": one.identity.record()} for role, one in models.items() if one}})
        if seen:
            seen(journal)
        return json.loads(json.dumps(build(journal, settings, reference, leaks=leaks).record))


def scripted(wrong: set[int]) -> FakeModel:
    """Answer all but the ``wrong`` questions rightly; by likelihood where asked so, else in words."""

    def answer(request):
        number = int(request.messages[-1].content.split()[1])
        right = "AB"[number % 2]
        letter = right if number not in wrong else "BA"[number % 2]
        if not request.choices:
            return Answer(f"The answer is ({letter}).", prompt_hash=f"{number:064}")
        return Answer(
            "",
            "choice",
            tuple(-0.5 if choice == letter else -2.5 for choice in request.choices),
            (1, 1),
            prompt_hash=f"{number:064}",
        )

    return FakeModel(answer, name=f"fake:{len(wrong)}")


@pytest.fixture
def quiz(tmp_path: Path) -> Quiz:
    """Make runs in a folder of their own."""
    folder = tmp_path / "quiz"
    folder.mkdir()
    return Quiz(folder)


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """Name a store that does not exist yet."""
    return tmp_path / "store" / "runs"
