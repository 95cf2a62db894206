"""The card beside the weights says what the recipe said and what the run took."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_medeval.training import card
from pytest_medeval.training.recipe import load_recipe

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path):
    """Give a folder with something in place of weights."""
    (tmp_path / "adapter_model.safetensors").write_bytes(b"weights")
    return tmp_path


def test_the_card_tells_recipe_and_run(folder):
    """Settings, counts, seconds and versions stand in its tables."""
    recipe = load_recipe(ROOT / "adapters" / "tiny-polarity" / "recipe.toml")
    card.write(recipe, folder, {"steps": 500, "seconds": 12.5, "versions": {"torch": "2.13.0"}})
    text = (folder / card.FILE).read_text(encoding="utf-8")
    assert text.startswith("# tiny-polarity\n")
    for row in ("| mirrors | S3 |", "| rank | 8 |", "| steps | 500 |", "| versions | torch 2.13.0 |"):
        assert row in text
    assert text.endswith(f"{card.METRICS}\n\n{card.UNMEASURED}\n")


def test_the_card_says_where_its_recipe_is(folder):
    """Beside it, or where it lies from the result's folder."""
    file = folder / "recipe.toml"
    text = (ROOT / "adapters" / "tiny-polarity" / "recipe.toml").read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    card.write(load_recipe(file), folder, {})
    assert "`recipe.toml` beside this card" in (folder / card.FILE).read_text(encoding="utf-8")
    deeper = folder / "sft"
    deeper.mkdir()
    (deeper / "adapter_model.safetensors").write_bytes(b"weights")
    card.write(load_recipe(file), deeper, {})
    assert "`../recipe.toml` from here" in (deeper / card.FILE).read_text(encoding="utf-8")


def test_metrics_stay_with_their_weights(folder):
    """What was measured is kept while the weights are the same, and goes with them."""
    recipe = load_recipe(ROOT / "adapters" / "tiny-mcq" / "recipe.toml")
    file = folder / card.FILE
    card.write(recipe, folder, {"steps": 1})
    file.write_text(file.read_text(encoding="utf-8").replace(card.UNMEASURED, "accuracy 0.9"), encoding="utf-8")
    card.write(recipe, folder, {"steps": 2})
    assert "accuracy 0.9" in file.read_text(encoding="utf-8")
    (folder / "adapter_model.safetensors").write_bytes(b"other weights")
    card.write(recipe, folder, {"steps": 2})
    assert "accuracy 0.9" not in file.read_text(encoding="utf-8")


def test_a_base_tells_its_stages(folder):
    """Each stage shows its tokens and its mixture."""
    recipe = load_recipe(ROOT / "fixtures" / "tiny-base" / "recipe.toml")
    card.write(recipe, folder, {"steps": 1})
    text = (folder / card.FILE).read_text(encoding="utf-8")
    assert all(f"| stage {number} | {stage.tokens:,} tokens;" in text for number, stage in enumerate(recipe.stages, 1))
