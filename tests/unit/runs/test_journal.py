"""What the controller knows: suites as collected, evaluations as they came, and what workers left."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.types import Skip, Source
from pytest_medeval.runs.journal import Journal, gather, leave, manifest
from pytest_medeval.runs.suite import Suite, finish, resolve
from pytest_medeval.tasks.cases import read_cases


def suite_of(folder, count=3, **options):
    """Resolve a suite of questions; the second is critical."""
    rows = [
        {"id": f"q{i}", "question": f"Q{i} ?", "options": {"A": "x", "B": "y"}, "answer": "A", "critical": i == 1}
        for i in range(count)
    ]
    file = folder / "quiz.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    settings = read_settings(lambda option: {"limit": options.pop("limit", None)}.get(option.name), folder)
    return resolve(Suite("mcq", str(file), name="quiz", **options), settings)


def test_a_manifest_says_what_a_suite_holds(tmp_path):
    """Names, ids, contents, gates and metrics; paths below the root are relative to it."""
    suite = suite_of(tmp_path, gates=["accuracy>=0.5"], metrics=["accuracy", "brier"], pairs="complete")
    made = manifest(suite, Path(__file__).parent)
    contents = made.pop("contents")
    assert list(contents) == ["q0", "q1", "q2"]
    assert len(set(contents.values())) == 3
    assert made.pop("source").startswith("test_journal.py:")
    assert made.pop("signature") == suite.signature
    assert made == {
        "name": "quiz", "task": "mcq", "cases": ["q0", "q1", "q2"], "critical": ["q1"], "total": 3, "skipped": [],
        "gates": ["accuracy >= 0.5"], "metrics": ["accuracy", "brier"], "pairs": "complete",
        "cluster": None,
        "options": {"scoring": "letters", "normalize": "characters", "max_new_tokens": 256, "rotations": False},
    }  # fmt: skip


def test_a_sample_and_its_skipped_records_are_told(tmp_path):
    """The cases drawn, how many there are in all, and what could not be read, by file below the root."""
    whole = suite_of(tmp_path, count=9)
    cases, _ = read_cases(tmp_path / "quiz.jsonl", whole.task, None)
    skips = [Skip(Source(str(tmp_path / "a.json"), 7), "no gold"), Skip(Source("/elsewhere/b.json", 1), "too long")]
    settings = read_settings(lambda option: {"limit": "4"}.get(option.name), tmp_path)
    drawn = finish(Suite("mcq", "quiz.jsonl", name="quiz"), whole.task, cases, skips, settings)
    made = manifest(drawn, tmp_path)
    assert (len(made["cases"]), made["total"]) == (4, 9)
    assert made["skipped"] == [
        {"source": "a.json:7", "reason": "no gold"}, {"source": "/elsewhere/b.json:1", "reason": "too long"},
    ]  # fmt: skip


def test_drawn_replies_and_examples_are_said(tmp_path):
    """Temperature, top-p and seed where replies are drawn; count and kind of the examples where there are some."""
    train = tmp_path / "train.jsonl"
    train.write_text(
        "".join(
            f'{{"id": "{i}", "question": "Example {i} ?", "options": {{"A": "x", "B": "y"}}, "answer": "B"}}\n'
            for i in range(5)
        )
    )
    how = {"scoring": "reply", "temperature": 0.7, "top_p": 0.9}
    made = manifest(suite_of(tmp_path, shots=2, shots_from=str(train), **how), tmp_path)
    assert made["sampling"] == {"temperature": 0.7, "top_p": 0.9, "seed": 0}
    assert made["shots"] == {
        "count": 2, "by": "seed", "source": str(train), "usable": 5, "asked": 0, "repeated": 0,
    }  # fmt: skip
    assert not {"sampling", "shots"} & manifest(suite_of(tmp_path, scoring="reply"), tmp_path).keys()


def test_notes_are_taken_in_as_they_come():
    """The first evaluation of a case counts; identities are gathered by role and task; usage adds up."""
    journal = Journal()
    journal.collected([{"name": "s", "cases": ["a", "b", "c"]}])
    journal.note({"entry": {"suite": "s", "id": "b", "n": 1}, "models": {"candidate": {"mcq": {"spec": "x"}}}})
    journal.note({"entry": {"suite": "s", "id": "b", "n": 2}, "models": {"candidate": {"dialogue": {"spec": "y"}}}})
    journal.note({"usage": {"seconds": 1.5, "cache_hits": 2}, "noise": {"s": {"n": 1}}})
    journal.note({"usage": {"seconds": 1.0}})
    assert journal.entries == {"s": {"b": {"suite": "s", "id": "b", "n": 1}}}
    assert journal.models == {"candidate": {"mcq": {"spec": "x"}, "dialogue": {"spec": "y"}}}
    assert (journal.usage, journal.noise) == ({"seconds": 2.5, "cache_hits": 2}, {"s": {"n": 1}})
    assert journal.missing("s") == ["a", "c"]
    journal.collected([{"name": "t", "cases": ["a"]}])
    assert journal.missing("t") == ["a"]


def test_what_workers_leave_is_read_in_order(tmp_path):
    """Whole files by name, texts that are no UTF-8 among them; nothing else in the folder counts."""
    leave(tmp_path, "gw1", {"suites": ["b"]})
    leave(tmp_path, "gw0", {"suites": ["\udcff"]})
    (tmp_path / ".gw2.part").write_text("{")
    assert gather(tmp_path) == [{"suites": ["\udcff"]}, {"suites": ["b"]}]
