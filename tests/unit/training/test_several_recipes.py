"""Several recipes in one command: each in its folder, all checked before the first, an interrupted run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("peft", reason="training needs the extra 'train'")

from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.training.__main__ import main
from pytest_medeval.training.fit import Padded

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def recipes(house):
    """Give three recipes of adapters on the toy base, each with its seed."""
    base = house / "fixtures" / "toy-base"
    if not (base / "model.safetensors").is_file():
        assert main([str(base / "recipe.toml")]) == 0
    plain = (house / "adapters" / "toy-mcq" / "recipe.toml").read_text(encoding="utf-8")
    files = []
    for seed, name in enumerate(("first", "second", "third"), 7):
        file = house / "adapters" / name / "recipe.toml"
        file.parent.mkdir()
        text = plain.replace("seed = 4", f"seed = {seed}").replace("[schedule]", "[schedule]\nsave_every = 2")
        text = text.replace("count = 12", "count = 16")
        file.write_text(text, encoding="utf-8")
        files.append(str(file))
    return files


@pytest.fixture(scope="module")
def whole(recipes, house):
    """Train all three."""
    out = house / "build" / "whole"
    assert main([*recipes, f"--out={out}"]) == 0
    return out


def fingerprints(out):
    """Give the fingerprints of the adapters in a folder."""
    return {folder.name: fingerprint_weights(folder) for folder in out.iterdir() if (folder / WEIGHTS).is_file()}


def test_each_goes_to_the_folder_of_its_name(whole, recipes):
    """In the given folder; each is what its recipe alone makes, and finds its base from there."""
    assert sorted(fingerprints(whole)) == ["first", "second", "third"]
    alone = whole.parent / "alone"
    assert main([recipes[1], f"--out={alone}"]) == 0
    assert fingerprint_weights(alone) == fingerprint_weights(whole / "second")
    config = json.loads((whole / "first" / "adapter_config.json").read_text(encoding="utf-8"))
    assert (whole / "first" / config["base_model_name_or_path"] / "config.json").is_file()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("rank = 2", "rank = 0"), "[lora] rank is 0"),
        (lambda text: text.replace("toy-base", "no-base"), "is no model folder"),
        (lambda text: text.replace("../../mcq.jsonl", "absent.jsonl"), "'absent.jsonl': no such file"),
        (lambda text: text.replace("../../mcq.jsonl", "data:absent.jsonl"), "needs --data=DIR"),
        (lambda text: text.replace('scoring = "texts"', "colour = 1"), "colour"),
        (lambda text: text.replace('task = "mcq"', 'task = "quiz"'), "quiz"),
    ],
)
def test_a_mistake_in_the_last_stops_the_first(change, said, recipes, tmp_path, capsys):
    """One line, exit code 2, and nothing is written."""
    bad = Path(recipes[0]).parents[1] / "bad" / "recipe.toml"
    bad.parent.mkdir(exist_ok=True)
    bad.write_text(change(Path(recipes[0]).read_text(encoding="utf-8")), encoding="utf-8")
    assert main([recipes[0], str(bad), f"--out={tmp_path / 'out'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert str(bad) in line
    assert not (tmp_path / "out").exists()


def test_two_results_in_one_folder_are_refused(recipes, tmp_path, capsys):
    """The later one would replace the earlier one."""
    assert main([recipes[0], recipes[0], f"--out={tmp_path / 'out'}"]) == 2
    assert "accepted: recipes in folders of different names" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_base_may_be_made_by_an_earlier_recipe(recipes, house, tmp_path):
    """What is not there yet is accepted when the same command makes it."""
    base = tmp_path / "fixtures" / "toy-base"
    base.mkdir(parents=True)
    text = (house / "fixtures" / "toy-base" / "recipe.toml").read_text(encoding="utf-8")
    text = text.replace("../../mcq", f"{house}/mcq").replace("../world", f"{house}/fixtures/world")
    (base / "recipe.toml").write_text(text, encoding="utf-8")
    adapter = tmp_path / "adapters" / "one"
    adapter.mkdir(parents=True)
    text = Path(recipes[0]).read_text(encoding="utf-8")
    text = text.replace("../../mcq", f"{house}/mcq").replace("../../fixtures/world", f"{house}/fixtures/world")
    (adapter / "recipe.toml").write_text(text, encoding="utf-8")
    assert main([str(base / "recipe.toml"), str(adapter / "recipe.toml")]) == 0
    assert (adapter / WEIGHTS).is_file()


def test_plans_of_several_are_printed_one_after_the_other(recipes, capsys):
    """A dry run names each."""
    assert main([*recipes, "--dry-run"]) == 0
    assert capsys.readouterr().out.count("trainable") == 3


def test_an_interrupted_run_goes_on_with_the_recipe_that_was_cut(recipes, whole, tmp_path, monkeypatch, capsys):
    """What is finished stays, what was begun goes on from its checkpoint, the rest starts; the bytes are the same."""
    out = tmp_path / "out"
    made = iter(range(7))  # batches: four of the first recipe, three of the second, then the plug is pulled
    plain = Padded.__call__

    def pad(self, rows):
        if next(made, None) is None:
            raise KeyboardInterrupt
        return plain(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Padded, "__call__", pad)
        assert main([*recipes, f"--out={out}"]) == 130
    assert "--resume goes on" in capsys.readouterr().err
    assert sorted(fingerprints(out)) == ["first"]
    stamp = (out / "first" / WEIGHTS).stat().st_mtime_ns
    assert main([*recipes, f"--out={out}", "--resume"]) == 0
    files = {name: out / name / "provenance.json" for name in ("first", "second", "third")}
    entries = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items()}
    assert [name for name, entry in entries.items() if entry.get("resumed_after_step") == 2] == ["second"]
    assert (out / "first" / WEIGHTS).stat().st_mtime_ns == stamp
    assert fingerprints(out) == fingerprints(whole)
    assert main([*recipes, f"--out={out}", "--resume"]) == 0  # nothing is left to do
    assert main([*recipes, f"--out={tmp_path / 'other'}", "--resume"]) == 2
    assert "nothing that is finished" in capsys.readouterr().err
