"""Which suites was a candidate tuned for? By the recipe beside its weights, and the sketch of what was trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.settings import read_settings
from pytest_medeval.runs.journal import manifest
from pytest_medeval.runs.suite import Suite, resolve
from pytest_medeval.tasks.cases.trained import FILE, KEY, Sketch

ROOT = Path(__file__).parents[3]
GATE = "accuracy not worse than baseline by 0.05"
ROWS = [
    {"id": f"q{i}", "question": f"Question {i} ?", "options": {"A": "x", "B": "y"}, "answer": "A"} for i in range(10)
]


@pytest.fixture
def made(tmp_path):
    """Write an adapter on a base, as far as names go, and resolve a suite for it."""
    for name, text in (
        ("base/config.json", "{}"),
        ("base/model.safetensors", "x"),
        ("adapter/adapter_config.json", json.dumps({"peft_type": "LORA", "base_model_name_or_path": "../base"})),
        ("adapter/adapter_model.safetensors", "x"),
        ("sets/quiz.jsonl", "".join(f"{json.dumps(row)}\n" for row in ROWS)),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    def resolved(recipe="task = 'judge'", *, model="adapter", where="adapter", margin="0.05", **options):
        (tmp_path / where / "recipe.toml").write_text(recipe, encoding="utf-8")
        told = {"model": [model], "retention": margin, "data": str(tmp_path / "sets")}
        settings = read_settings(lambda one: told.get(one.name), tmp_path)
        suite = Suite("mcq", str(tmp_path / "sets" / "quiz.jsonl"), name="quiz", **options)
        return manifest(resolve(suite, settings), tmp_path)

    return resolved


@pytest.mark.parametrize(
    ("data", "tuned"),
    [
        ('train = "../sets/quiz.jsonl"', True),
        ('train = "data:quiz.jsonl"', True),
        ('train = "x.jsonl"\nheld_out = ["y.jsonl", "../sets/quiz.jsonl"]', True),
        ('train = "x.jsonl"\ndev = "../sets/quiz.jsonl"', True),
        ('train = "x.jsonl"\n[[data.more]]\ntrain = "data:quiz.jsonl"', True),
        ('train = "tools.world.recipes:mcq"\nsource = "../sets/quiz.jsonl"', False),
        ('train = "quiz.jsonl"', False),
    ],
)
def test_task_and_file_of_the_recipe_say_it(made, data, tuned):
    """The file itself, wherever the recipe names it; of another task it is still judged."""
    found = made(f'task = "mcq"\n[data]\n{data}\n')
    told = {"tuned": "adapter/recipe.toml"} if tuned else {"gate": GATE}
    assert found["retention"] == {"metric": "accuracy", "known": True, **told}
    assert found["gates"] == ([] if tuned else [GATE])
    other = made(f'task = "judge"\n[data]\n{data}\n')
    assert other["retention"] == {"metric": "accuracy", "known": True, "gate": GATE}


def test_most_cases_in_the_sketch_say_it_and_few_do_not(made, tmp_path):
    """A few leaked cases must not excuse a suite from being judged."""
    for count, tuned in ((5, False), (6, True)):
        sketch = Sketch.of([f"question{number}" for number in range(count)])
        (tmp_path / "adapter" / FILE).write_text(json.dumps({KEY: sketch.facts()}), encoding="utf-8")
        assert ("tuned" in made('task = "mcq"')["retention"]) == tuned


def test_where_nothing_says_so_it_is_judged_and_unknown(made):
    """A recipe of the base, which the baseline has too, one without a task, a server; nothing where nobody asked."""
    named = 'task = "mcq"\n[data]\ntrain = "../sets/quiz.jsonl"\n'
    unknown = {"metric": "accuracy", "known": False, "gate": GATE}
    assert made(named, where="base")["retention"] == unknown
    assert made('kind = "base"')["retention"] == unknown
    assert made(named, model="https://host/v1#name")["retention"] == unknown
    assert "retention" not in made(named, margin=None)
    with pytest.raises(MedevalError, match=r"recipe.toml:1"):
        made("task = ")


def test_another_metric_stands_in_for_a_headline_that_is_left_out(made):
    """The first that can be compared; a suite's own gate of the same words is not asked twice."""
    found = made(metrics=["reward", "answered"])
    assert found["retention"]["metric"] == "reward"
    assert made(gates=[GATE])["gates"] == [GATE]
    with pytest.raises(MedevalError, match="no metric that can be compared"):
        made(metrics=["ece"])


def test_a_stored_run_says_it_of_its_candidate(made, monkeypatch):
    """Not of its baseline's replies, and nothing where it was not asked."""
    record = {"retention": {"suites": {"quiz": {"known": True, "tuned": "a/recipe.toml"}}}, "suites": {}}
    monkeypatch.setattr("pytest_medeval.runs.trained.load", lambda _folder, run: (run, record))
    assert made(model="replay:old")["retention"]["tuned"] == "a/recipe.toml"
    assert made(model="replay:old#baseline")["retention"] == {"metric": "accuracy", "known": False, "gate": GATE}
    del record["retention"]
    assert made(model="replay:old")["retention"]["known"] is False


@pytest.mark.parametrize("own", ["dialogue", "mcq", "polarity"])
def test_each_shipped_adapter_is_tuned_for_its_suite_alone(own):
    """And the release, of which each suite has its own adapter, for all."""
    for model, tuned in ((f"adapters/tiny-{own}", {own}), ("adapters/release.toml", {"dialogue", "mcq", "polarity"})):
        told = {"model": [model], "retention": "0.05"}
        settings = read_settings(lambda one, told=told: told.get(one.name), ROOT)
        for task in ("dialogue", "mcq", "polarity"):
            suite = Suite(task, str(ROOT / "suites" / task / f"{task}.jsonl"), name=task)
            found = resolve(suite, settings).retention
            assert ("tuned" in found, found["known"]) == (task in tuned, True), (model, task)
