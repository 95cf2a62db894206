"""An interrupted run goes on from its last checkpoint and ends in the same bytes; logs and curves tell of it."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("peft", reason="training needs the extra 'train'")

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.training import card as curve
from pytest_medeval.training import lora
from pytest_medeval.training.__main__ import main
from pytest_medeval.training.checkpoints import FOLDER
from pytest_medeval.training.fit import Padded
from pytest_medeval.training.recipe import load_recipe
from pytest_medeval.training.telling import begin, read_lines, write_line

pytestmark = [
    # peft 0.21 asks Transformers 5.23 by the old name, and looks for the base from the working directory
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning"),
]


class Interrupted(Exception):  # noqa: N818 - what happens to a run, not a mistake
    """Somebody pulled the plug."""


@pytest.fixture(scope="module")
def recipe(house):
    """Give a recipe of two epochs with dropout and a dev set, a checkpoint every 4 of its 12 steps."""
    folder = house / "adapters" / "toy-resume"
    folder.mkdir()
    text = (house / "adapters" / "toy-mcq" / "recipe.toml").read_text(encoding="utf-8")
    text = text.replace("count = 12", "count = 30\ndev_share = 0.2").replace("rank = 2", "rank = 2\ndropout = 0.3")
    text = text.replace("[schedule]", "[schedule]\nepochs = 2\nsave_every = 4")
    text = text.replace("log_every = 1", "log_every = 2")
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    if not (house / "fixtures" / "toy-base" / "model.safetensors").is_file():
        assert main([str(house / "fixtures" / "toy-base" / "recipe.toml")]) == 0
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def whole(recipe):
    """Train without interruption."""
    out = recipe.parent / "whole"
    lora.train_lora(load_recipe(recipe), out)
    return out


@pytest.fixture
def cut(monkeypatch):
    """Pull the plug on a piece of work while the batch of a given number is made."""

    def run(work, batch):
        made = iter(range(batch))
        plain = Padded.__call__

        def pad(self, rows):
            if next(made, None) is None:
                raise Interrupted
            return plain(self, rows)

        with monkeypatch.context() as patch:
            patch.setattr(Padded, "__call__", pad)
            with pytest.raises(Interrupted):
                work()

    return run


@pytest.fixture
def interrupted(recipe, cut):
    """Train, and break off while the batch of a given number is made."""

    def run(out, batch):
        cut(lambda: lora.train_lora(load_recipe(recipe), out), batch)
        return out

    return run


def test_a_resumed_run_ends_in_the_same_bytes(recipe, whole, interrupted):
    """Order, dropout, optimiser and learning rate go on where they were; so do the logged losses."""
    out = interrupted(recipe.parent / "broken", 11)
    (saved,) = (out / FOLDER).glob("stage-0/checkpoint-*")
    assert 0 < int(saved.name.rpartition("-")[2]) < 12
    assert not (out / "adapter_model.safetensors").exists()
    entry = lora.train_lora(load_recipe(recipe), out, resume=True)
    assert entry["resumed_after_step"] == int(saved.name.rpartition("-")[2])
    assert fingerprint_weights(out) == fingerprint_weights(whole)
    told = [[{**line, "seconds": 0} for line in read_lines(folder / "loss.jsonl")] for folder in (out, whole)]
    assert told[0] == told[1]
    assert not (out / FOLDER).exists()


def test_dev_loss_and_learning_rate_are_logged(whole):
    """Every second step a loss, after each epoch the loss and the token accuracy of the dev set."""
    lines = read_lines(whole / "loss.jsonl")
    steps = json.loads((whole / "provenance.json").read_text(encoding="utf-8"))["steps"]
    assert [line["step"] for line in lines if "loss" in line] == list(range(2, steps + 1, 2))
    dev = [line for line in lines if "dev_loss" in line]
    assert [line["step"] for line in dev] == [steps // 2, steps]
    assert all(line["dev_loss"] > 0 and 0 <= line["dev_token_accuracy"] <= 1 for line in dev)


def test_there_must_be_something_to_resume(recipe, interrupted, tmp_path):
    """No checkpoint, or a recipe that was changed since: one line each."""
    with pytest.raises(MedevalError, match="no checkpoint to go on from"):
        lora.train_lora(load_recipe(recipe), tmp_path / "nothing", resume=True)
    out = interrupted(tmp_path / "broken", 9)
    (out / FOLDER / "stage-0" / "run.json").write_text('{"recipe_sha256": "other"}', encoding="utf-8")
    with pytest.raises(MedevalError, match="recipe and data changed since the interrupted run"):
        lora.train_lora(load_recipe(recipe), out, resume=True)


def test_a_checkpoint_that_was_cut_short_is_no_checkpoint(recipe, interrupted, tmp_path):
    """The file that is written last tells whether all of it is there."""
    out = interrupted(tmp_path / "broken", 9)
    (saved,) = (out / FOLDER).glob("stage-0/checkpoint-*")
    (saved / "trainer_state.json").unlink()
    with pytest.raises(MedevalError, match="no checkpoint to go on from"):
        lora.train_lora(load_recipe(recipe), out, resume=True)


def logged(folder):
    """Give the log without its seconds."""
    return [{**line, "seconds": 0} for line in read_lines(folder / "loss.jsonl")]


@pytest.mark.parametrize(("batch", "stage"), [(4, 0), (9, 0), (12, 1)])
def test_a_run_of_several_rounds_goes_on_in_the_one_that_was_cut(recipe, cut, tmp_path, batch, stage):
    """Also between two rounds: weights, log and provenance are those of a run in one go, and no round is repeated."""
    folder = tmp_path / "adapters" / "rounds"
    folder.mkdir(parents=True)
    house = recipe.parents[2]
    text = recipe.read_text(encoding="utf-8").replace("epochs = 2", "epochs = 1\nrounds = 2")
    text = text.replace("save_every = 4", "save_every = 2").replace('"../../', f'"{house}/')
    file = folder / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main([str(file), f"--out={whole}"]) == 0
    cut(lambda: main([str(file), f"--out={broken}"]), batch)
    assert main([str(file), f"--out={broken}", "--resume"]) == 0
    entries = [json.loads((out / "provenance.json").read_text(encoding="utf-8")) for out in (whole, broken)]
    assert entries[1]["resumed_after_stage"] == stage
    assert [entry["steps"] for entry in entries] == [entries[0]["steps"]] * 2
    assert fingerprint_weights(broken) == fingerprint_weights(whole)
    assert logged(broken) == logged(whole)
    assert not (broken / FOLDER).exists()


@pytest.mark.parametrize(("batch", "stage"), [(4, 0), (-1, 1)])
def test_a_base_goes_on_in_the_stage_that_was_cut(recipe, cut, tmp_path, batch, stage):
    """The tokenizer is trained again, the weights are not; all bytes are those of a run in one go."""
    house = recipe.parents[2]
    folder = tmp_path / "base"
    folder.mkdir()
    text = (house / "fixtures" / "toy-base" / "recipe.toml").read_text(encoding="utf-8")
    text = text.replace("../../mcq", f"{house}/mcq").replace("../world", f"{house}/fixtures/world")
    text = text.replace("log_every = 2", "log_every = 1\nsave_every = 1").replace("tokens = 1000", "tokens = 2000")
    file = folder / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main([str(file), f"--out={whole}"]) == 0
    steps = json.loads((whole / "provenance.json").read_text(encoding="utf-8"))["steps"]
    cut(lambda: main([str(file), f"--out={broken}"]), batch % steps)
    assert main([str(file), f"--out={broken}", "--resume"]) == 0
    entry = json.loads((broken / "provenance.json").read_text(encoding="utf-8"))
    assert entry["resumed_after_stage"] == stage
    assert (broken / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert (broken / "tokenizer.json").read_bytes() == (whole / "tokenizer.json").read_bytes()
    assert logged(broken) == logged(whole)


def test_the_mean_loss_of_a_resumed_run_is_that_of_its_own_steps(recipe, interrupted, tmp_path):
    """Not divided by the steps before the interruption too."""
    out = interrupted(tmp_path / "broken", 11)
    entry = lora.train_lora(load_recipe(recipe), out, resume=True)
    losses = [line["loss"] for line in read_lines(out / "loss.jsonl") if line.get("step", 0) > 8 and "loss" in line]
    assert entry["resumed_after_step"] == 8
    assert entry["mean_loss"] == pytest.approx(sum(losses) / len(losses), abs=1e-3)


def test_a_log_goes_on_after_a_step(tmp_path):
    """What was logged behind the checkpoint is forgotten, and earlier stages stay."""
    file = tmp_path / "loss.jsonl"
    for stage, step in ((0, 1), (0, 9), (1, 2), (1, 4), (1, 6)):
        write_line(file, {"stage": stage, "step": step})
    begin(file, lambda entry: (entry["stage"], entry["step"]) <= (1, 4))
    assert [(line["stage"], line["step"]) for line in read_lines(file)] == [(0, 1), (0, 9), (1, 2), (1, 4)]
    begin(file, lambda entry: entry["step"] < 0)
    assert read_lines(file) == []


def test_the_curve_is_drawn_from_the_logs(tmp_path):
    """The same logs give the same picture; without logs there is none."""
    assert not curve.draw(tmp_path)
    for stage, step in ((0, 1), (0, 2), (1, 1)):
        write_line(tmp_path / "loss.jsonl", {"stage": stage, "step": step, "loss": 1.0 / step, "learning_rate": 1e-3})
    write_line(tmp_path / "loss.jsonl", {"stage": 1, "step": 1, "dev_loss": 0.7, "dev_token_accuracy": 0.5})
    assert curve.draw(tmp_path)
    first = (tmp_path / curve.CURVE).read_bytes()
    assert first.startswith(b"\x89PNG")
    assert curve.draw(tmp_path)
    assert (tmp_path / curve.CURVE).read_bytes() == first
    write_line(tmp_path / "reward.jsonl", {"batch": 1, "reward": 0.5, "accuracy": 0.4, "kl": 0.1})
    assert curve.draw(tmp_path)
    assert len((tmp_path / curve.CURVE).read_bytes()) > len(first)
