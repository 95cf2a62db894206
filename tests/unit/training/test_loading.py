"""The settings of the full-size recipes run at a small size: sdpa, bf16, recomputed activations, cuts, a merge."""

from __future__ import annotations

import pytest

pytest.importorskip("peft", reason="training needs the extra 'train'")

import torch

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.training.__main__ import main
from pytest_medeval.training.lora import MERGED
from pytest_medeval.training.recipe import load_recipe
from pytest_medeval.training.saving import base_folder, load_base, on_hub

pytestmark = [
    # peft 0.21 asks Transformers 5.23 by the old name, and looks for the base from the working directory
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning"),
]
LOADING = """
[loading]
attention = "sdpa"
checkpointing = true
[config]
model_type = "llama"
hidden_size = 32
"""


@pytest.fixture(scope="module")
def folder(house):
    """Make a recipe like the full-size ones, on the toy base."""
    folder = house / "adapters" / "toy-full"
    folder.mkdir()
    text = (house / "adapters" / "toy-mcq" / "recipe.toml").read_text(encoding="utf-8")
    text = text.replace("seed = 4", "seed = 4\nmerge = true").replace('"texts"', '"reply"')
    text = text.replace("[schedule]", '[schedule]\nmax_tokens = 220\noverlong = "cut"\nprecision = "bf16"')
    (folder / "recipe.toml").write_text(text + LOADING, encoding="utf-8")
    if not (house / "fixtures" / "toy-base" / "model.safetensors").is_file():
        assert main([str(house / "fixtures" / "toy-base" / "recipe.toml")]) == 0
    return folder


def test_it_trains_cuts_and_merges(folder, capsys):
    """The merged model answers as base and adapter together, within rounding; what was cut is warned about."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    assert main([str(folder / "recipe.toml")]) == 0
    assert "6 of 12 training examples are longer than 220 tokens and were cut" in capsys.readouterr().err
    recipe = load_recipe(folder / "recipe.toml")
    base = AutoModelForCausalLM.from_pretrained(base_folder(recipe))
    tuned = PeftModel.from_pretrained(base, folder).eval()
    merged = AutoModelForCausalLM.from_pretrained(folder / MERGED).eval()
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        together, alone = tuned(ids).logits, merged(ids).logits
        with tuned.disable_adapter():
            plain = tuned(ids).logits
    assert torch.allclose(together, alone, atol=1e-4)
    assert not torch.allclose(plain, alone, atol=1e-4)


def test_the_base_is_loaded_as_asked(folder):
    """Dtype and attention are the recipe's."""
    file = folder / "half.toml"
    text = (folder / "recipe.toml").read_text(encoding="utf-8")
    file.write_text(text.replace("[loading]", '[loading]\ndtype = "bf16"'), encoding="utf-8")
    recipe = load_recipe(file)
    model = load_base(recipe, base_folder(recipe))
    assert model.dtype == torch.bfloat16
    assert model.config._attn_implementation == "sdpa"
    assert model.is_gradient_checkpointing


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU, so that only bitsandbytes may be missing")
def test_quantisation_without_a_gpu_is_one_line(folder):
    """Before any weight is read."""
    file = folder / "quantised.toml"
    text = (folder / "recipe.toml").read_text(encoding="utf-8")
    file.write_text(text.replace("[loading]", '[loading]\nquantize = "4bit"'), encoding="utf-8")
    recipe = load_recipe(file)
    with pytest.raises(MedevalError, match="quantize = '4bit' needs bitsandbytes and a CUDA GPU"):
        load_base(recipe, base_folder(recipe))


@pytest.mark.parametrize(
    ("base", "hub"),
    [("meta-llama/Llama-2-7b-chat-hf", True), ("../../fixtures/toy-base", False), ("./x/y", False), ("a/b/c", False)],
)
def test_names_of_the_hub_are_told_from_folders(folder, base, hub):
    """OWNER/NAME is a name on the hub unless such a folder lies beside the recipe."""
    file = folder / "named.toml"
    text = (folder / "recipe.toml").read_text(encoding="utf-8")
    file.write_text(text.replace("../../fixtures/toy-base", base), encoding="utf-8")
    assert on_hub(load_recipe(file)) is hub
