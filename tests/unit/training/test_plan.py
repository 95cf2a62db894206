"""A plan is made without weights: targets, sizes, steps, memory, and one list of what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("peft", reason="training needs the extra 'train'")

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.training.__main__ import main
from pytest_medeval.training.plan import make_plan, plan_lines
from pytest_medeval.training.recipe import load_recipe
from pytest_medeval.training.saving import blank_model

pytestmark = [
    # peft 0.21 asks Transformers 5.23 by the old name
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
]
RECIPES = Path(__file__).parents[3] / "adapters" / "recipes"
SHARED = Path(__file__).parents[4] / "shared" / "data"

SIZES = [
    # published parameter counts, and LoRA weights by hand: rank x (inputs + outputs) of each target, x layers
    ("llama-2-7b-dialogue", 6_738_415_616, 32 * 2 * 8 * (4096 + 4096)),
    ("llama-3.1-8b-mcq", 8_030_261_248, 32 * 16 * ((4096 + 4096) + (4096 + 1024))),
    ("qwen2.5-0.5b-polarity", 494_032_768, 24 * 8 * (2 * (896 + 896) + 2 * (896 + 128))),
]


@pytest.mark.parametrize(("name", "parameters", "trainable"), SIZES, ids=[row[0] for row in SIZES])
def test_the_architecture_has_its_published_size(name, parameters, trainable):
    """Parameters of the base and of LoRA, counted on the architecture, are those known from elsewhere."""
    plan = make_plan(load_recipe(RECIPES / f"{name}.toml"))
    assert (plan.parameters, plan.trainable) == (parameters, trainable)
    assert plan.trainable < plan.parameters / 100
    layers = blank_model(plan.recipe).config.num_hidden_layers
    assert plan.targets == dict.fromkeys(plan.recipe.lora.targets, layers)


def test_nothing_is_allocated():
    """The architecture stands on the meta device, where a tensor has a shape and no memory."""
    model = blank_model(load_recipe(RECIPES / "llama-3.1-8b-mcq.toml"))
    assert {weight.device.type for weight in model.parameters()} == {"meta"}


def test_a_dry_run_lists_all_that_is_missing(capsys):
    """Exit code 0, the plan, and weights, packages, device and data in one list."""
    assert main([str(RECIPES / "llama-3.1-8b-mcq.toml"), "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "57,169 to train on, 3,009 dev (expected)" in text
    assert "35,735 steps: epochs 5, batch 1 x 8, AdamW 3e-06, cosine, fp16" in text
    assert "500 batches, 1,000 replies" in text
    listed = text.partition("missing ")[2]
    assert "- weights: base meta-llama/Llama-3.1-8B-Instruct" in listed
    assert "- data: data:medmcqa/train.json" in listed


def test_steps_are_unknown_without_data_and_without_a_published_count():
    """A plan does not make up a number of examples."""
    text = "\n".join(plan_lines(make_plan(load_recipe(RECIPES / "qwen2.5-0.5b-polarity.toml"))))
    assert "unknown until the data are there" in text
    assert "as many steps as the data give" in text


def test_published_data_are_read_where_they_are():
    """With the data at hand examples are counted, divided by content hash, and no longer missing."""
    if not (SHARED / "genmedgpt5k").is_dir():
        pytest.skip("shared/data/genmedgpt5k is not beside the repository")
    plan = make_plan(load_recipe(RECIPES / "llama-2-7b-dialogue.toml", SHARED))
    assert plan.counted
    assert plan.examples + plan.dev == 2000
    assert 120 <= plan.dev < 130  # of 120 questions, some of them asked twice
    assert not [what for what in plan.missing if what.startswith("data")]


def test_a_tiny_recipe_is_planned_as_it_runs(house):
    """With base and data at hand, examples, steps and what is too long are counted; GPU and weights are not asked."""
    file = house / "adapters" / "toy-mcq" / "recipe.toml"
    (house / "fixtures" / "sized").mkdir(exist_ok=True)
    config = {"model_type": "llama", "vocab_size": 600, "hidden_size": 32, "num_attention_heads": 2}
    config |= {"num_hidden_layers": 2, "intermediate_size": 64, "tie_word_embeddings": True}
    (house / "fixtures" / "sized" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    planned = file.with_name("planned.toml")
    planned.write_text(file.read_text(encoding="utf-8").replace("toy-base", "sized"), encoding="utf-8")
    plan = make_plan(load_recipe(planned))
    assert (plan.examples, plan.steps, plan.trainable) == (12, 3, 2 * 2 * (32 + 32))
    assert plan.missing == ["weights: base ../../fixtures/sized"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[config]", "[config]\nhiden_size = 3"), "unknown key 'hiden_size' (did you mean 'hidden_size'?)"),
        (('model_type = "qwen2"', 'model_type = "qwen22"'), "model_type 'qwen22' is unknown"),
        (('"q_proj", "k_proj"', '"q_proj", "query"'), "targets names 'query', which the base lacks; it has"),
    ],
)
def test_mistakes_stop_a_plan(tmp_path, change, said):
    """What no run could mend is an error, not an entry in the list."""
    file = tmp_path / "recipe.toml"
    file.write_text((RECIPES / "qwen2.5-0.5b-polarity.toml").read_text(encoding="utf-8").replace(*change), "utf-8")
    with pytest.raises(MedevalError, match=r"recipe\.toml: ") as caught:
        make_plan(load_recipe(file))
    assert said in str(caught.value)


def test_a_base_of_other_sizes_is_refused(tmp_path):
    """Where the base's files are at hand, the recipe's sizes are held against them."""
    text = (RECIPES / "qwen2.5-0.5b-polarity.toml").read_text(encoding="utf-8")
    (tmp_path / "base").mkdir()
    config = {"model_type": "qwen2", "hidden_size": 1024, "vocab_size": 151936}
    (tmp_path / "base" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(text.replace("Qwen/Qwen2.5-0.5B-Instruct", "base"), encoding="utf-8")
    with pytest.raises(MedevalError, match=r"base has hidden_size = 1024; the recipe's \[config\] says 896"):
        make_plan(load_recipe(tmp_path / "recipe.toml"))
