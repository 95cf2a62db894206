"""A recipe is checked key by key before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.training.__main__ import main
from pytest_medeval.training.recipe import load_recipe

ROOT = Path(__file__).parents[3]
GOOD = 'kind = "lora"\nname = "x"\nbase = "../base"\ntask = "mcq"\n[data]\ntrain = "tools.world.recipes:mcq"\n'


def written(folder, text):
    """Write a recipe into a folder."""
    file = folder / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("file", sorted(ROOT.glob("adapters/tiny-*/recipe.toml")), ids=lambda file: file.parent.name)
def test_shipped_recipes_are_valid(file):
    """Every recipe in the repository loads, is named like its folder and excludes held-out cases."""
    recipe = load_recipe(file)
    assert recipe.name == file.parent.name
    assert recipe.data.held_out
    assert all(recipe.path(name).is_file() for name in recipe.data.held_out)


def test_a_recipe_becomes_dataclasses(tmp_path):
    """Defaults fill what is left out, and whole numbers stand where fractions are asked."""
    recipe = load_recipe(written(tmp_path, GOOD + "[schedule]\nepochs = 2\n"))
    assert recipe.schedule.epochs == 2.0
    assert isinstance(recipe.schedule.epochs, float)
    assert recipe.lora.targets == ["q_proj", "k_proj", "v_proj", "o_proj"]
    assert recipe.path(recipe.base) == tmp_path / ".." / "base"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('name = "x"\n', ""), "key 'name' is missing"),
        (lambda text: text.replace("task =", "taks ="), "unknown key 'taks' (did you mean 'task'?)"),
        (
            lambda text: text.replace('"lora"', '"qlora"'),
            "unknown kind 'qlora' (did you mean 'lora'?); accepted: base, lora",
        ),
        (lambda text: text.replace('task = "mcq"\n', ""), "a recipe of kind 'lora' needs the key 'task'"),
        (lambda text: text + "[lora]\nrnak = 8\n", "[lora] unknown key 'rnak' (did you mean 'rank'?)"),
        (lambda text: text + '[lora]\nrank = "8"\n', "[lora] 'rank' is '8'; accepted: int"),
        (lambda text: text + "[lora]\nrank = true\n", "[lora] 'rank' is True; accepted: int"),
        (lambda text: text + "[lora]\nrank = 0\n", "[lora] rank is 0; accepted: a number above 0"),
        (lambda text: text + "[lora]\ndropout = 1.0\n", "[lora] dropout is 1.0"),
        (
            lambda text: text + '[lora]\ntargets = "all"\n',
            "[lora] 'targets' is 'all'; accepted: a list, or 'all-linear'",
        ),
        (lambda text: text + "[lora]\ntargets = [1]\n", "[lora] 'targets' is [1]; accepted: list of str"),
        (lambda text: text.replace("[data]", "[data]\ndev_share = 1.0"), "[data] dev_share is 1.0 and dev_count 0"),
        (
            lambda text: text.replace("[data]", "[data]\noverlap = 1.1"),
            "[data] overlap is 1.1; accepted: above 0, up to 1",
        ),
        (lambda text: text + "[schedule]\nepochs = nan\n", "nan is no number; accepted: finite numbers"),
        (lambda text: text + '[schedule]\ndecay = "cosin"\n', "did you mean 'cosine'?"),
        (lambda text: "lora = 8\n" + text, "'lora' is 8; accepted: a table [lora]"),
        (lambda text: text + "[data\n", "not TOML"),
    ],
)
def test_mistakes_are_one_line(tmp_path, change, said):
    """Each mistake names the file, the key, and what is accepted."""
    file = written(tmp_path, change(GOOD))
    with pytest.raises(MedevalError) as caught:
        load_recipe(file)
    assert str(caught.value).startswith(str(file))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_tells_a_mistake_in_one_line(tmp_path, capsys):
    """A recipe that is not there ends in exit code 2 and one line, not in a traceback."""
    assert main([str(tmp_path / "recipe.toml")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no such file" in line
