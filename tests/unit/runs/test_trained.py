"""Cases that the candidate was trained on: found when they are read, carried to the record, or left out."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.settings import read_settings
from pytest_medeval.plugin.conclusion import _leaks
from pytest_medeval.runs.journal import Journal, manifest
from pytest_medeval.runs.suite import Suite, resolve
from pytest_medeval.tasks.cases.split import content
from pytest_medeval.tasks.cases.trained import FILE, KEY, Sketch

ROWS = [
    {"id": f"q{i}", "question": f"Question {i} ?", "options": {"A": "x", "B": "y"}, "answer": "A"} for i in range(40)
]
WORDS = (
    "A woman of 40 has had a dull pain below the ribs since Tuesday and is sick after meals; what is it in her case?"
)


@pytest.fixture
def folder(tmp_path):
    """Write an adapter on a base, as far as names go, and the cases."""
    for name, text in (
        ("base/config.json", "{}"),
        ("base/model.safetensors", "x"),
        ("adapter/adapter_config.json", json.dumps({"peft_type": "LORA", "base_model_name_or_path": "../base"})),
        ("adapter/adapter_model.safetensors", "x"),
        ("quiz.jsonl", "".join(f"{json.dumps(row)}\n" for row in [*ROWS, {**ROWS[0], "id": "w", "question": WORDS}])),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def made(folder):
    """Resolve the suite for a candidate, with options of the run."""

    def resolved(model="adapter", **options):
        told = {"model": [model] if model else None, **options}
        settings = read_settings(lambda one: told.get(one.name), folder)
        return resolve(Suite("mcq", str(folder / "quiz.jsonl"), name="quiz"), settings), settings

    return resolved


def trained(folder, *numbers):
    """Write a sketch that holds these questions."""
    asked = [f"question{number}" for number in numbers]
    (folder / FILE).write_text(json.dumps({KEY: Sketch.of(asked).facts()}), encoding="utf-8")


def where(found):
    """Give each case that was found with the file that says so."""
    return {leak["id"]: leak["source"] for leak in found["leaks"]}


def test_cases_are_found_in_the_sketch_of_the_adapter_and_of_its_base(folder, made):
    """Each with the file that says so, also of a quantised candidate; a sketch of nobody's says nothing."""
    assert made()[0].trained is None
    trained(folder / "adapter", 3, 5, 77)
    trained(folder / "base", 5, 9)
    for model in ("adapter", "int8:adapter"):
        suite, _ = made(model)
        assert content(suite.case("q3")) == "question3"
        adapter, base = "adapter/provenance.json", "base/provenance.json"
        assert (suite.trained["files"], suite.trained["records"]) == ([adapter, base], 5)
        assert where(suite.trained) == {"q3": adapter, "q5": adapter, "q9": base}
        assert (len(suite.cases), suite.left_out) == (41, None)
    assert where(made("base")[0].trained).keys() == {"q5", "q9"}
    assert made("https://host/v1#name")[0].trained is None
    assert made(None)[0].trained is None
    assert made("missing/folder")[0].trained is None  # its own mistake is told where models are opened


def test_what_was_found_bars_a_pass_without_being_asked_for(folder, made):
    """Through the journal to the leakage of the suite: evaluated cases alone, beside what tuning files say."""
    trained(folder / "adapter", 3, 5)
    suite, settings = made()
    journal = Journal()
    journal.collected([manifest(suite, folder)])
    for name in ("q3", "q4"):
        journal.note({"entry": {"suite": "quiz", "id": name, "asked": f"Q {name}", "gold": "A"}})
    found = _leaks(journal, settings, None)["quiz"]
    assert (found.files, found.records, found.cases) == (("adapter/provenance.json",), 2, 2)
    assert [(leak["id"], leak["kind"], leak["similarity"], leak["source"]) for leak in found.leaks] == [
        ("q3", "exact", 1.0, "adapter/provenance.json")
    ]
    assert found.too_much
    assert _leaks(Journal(), settings, None) == {}


def test_a_sample_carries_its_own(folder, made):
    """Cases that were not drawn are not named."""
    trained(folder / "adapter", *range(40))
    suite, _ = made(limit="8")
    told = manifest(suite, folder)
    assert where(told["trained"]).keys() == set(told["cases"]) - {"w"}
    assert len(where(suite.trained)) == 40


def test_trained_cases_are_left_out_before_a_model_is_asked(folder, made):
    """Counted and named; the sample is drawn of the others; a tuning file leaves near ones out as well."""
    trained(folder / "adapter", 3, 5, 77)
    suite, _ = made(**{"exclude-trained": "true"})
    assert (len(suite.cases), suite.total) == (39, 39)
    told = manifest(suite, folder)
    assert told["excluded_trained"] == {"count": 2, "cases": ["q3", "q5"], "files": ["adapter/provenance.json"]}
    assert told["trained"]["leaks"] == []
    assert (len(made(**{"exclude-trained": "true", "limit": "39"})[0].cases), suite.gates) == (39, ())
    (folder / "tuned.txt").write_text(f"{WORDS.replace('dull', 'sharp')}\n", encoding="utf-8")
    near, _ = made(**{"exclude-trained": "true", "train-data": [str(folder / "tuned.txt")]})
    assert manifest(near, folder)["excluded_trained"] == {
        "count": 3,
        "cases": ["q3", "q5", "w"],
        "files": ["adapter/provenance.json", "tuned.txt"],
    }


def test_stored_replies_keep_what_their_run_found(made, monkeypatch):
    """Exact or near, of the suite by its name; not of the baseline's replies, nor where the run had nothing."""
    leak = {"id": "q7", "kind": "near", "similarity": 0.8, "source": "t.jsonl:1", "gold": None}
    leakage = {"files": ["t.jsonl"], "asked": True, "records": 4, "leaked": [leak, {**leak, "id": "gone"}]}
    record = {"suites": {"quiz": {"leakage": leakage}, "other": {}}}
    monkeypatch.setattr("pytest_medeval.runs.trained.load", lambda _folder, run: (run, record))
    suite, _ = made("replay:old")
    assert suite.trained == {"files": ["t.jsonl"], "asked": True, "records": 4, "leaks": [leak]}
    assert made("replay:old#baseline")[0].trained is None
    assert {case.id for case in made("replay:old", **{"exclude-trained": "true"})[0].cases} == {
        case.id for case in suite.cases
    } - {"q7"}
    record["suites"]["quiz"] = {}
    assert made("replay:old")[0].trained is None
    monkeypatch.undo()
    assert made("replay:old")[0].trained is None  # its own mistake is told where models are opened


def test_leaving_out_what_nobody_knows_or_everything_is_a_mistake(folder, made):
    """The option must not look as if it had done something; a suite of trained cases has nothing to judge."""
    for model in ("adapter", "https://host/v1#name"):
        with pytest.raises(MedevalError, match=r"^--medeval-exclude-trained: nothing says what the candidate .* was"):
            made(model, **{"exclude-trained": "true"})
    trained(folder / "adapter", *range(40))
    (folder / "tuned.txt").write_text(f"{WORDS}\n", encoding="utf-8")
    with pytest.raises(MedevalError, match=r"the candidate was trained on all 41 cases, say adapter/provenance.json"):
        made(**{"exclude-trained": "true", "train-data": [str(folder / "tuned.txt")]})
    (folder / "adapter" / FILE).write_text(json.dumps({KEY: 1}), encoding="utf-8")
    with pytest.raises(MedevalError, match=r"adapter/provenance.json:1: 'trained' is no sketch"):
        made()
