"""Recipes small enough to train in a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

BASE = """
kind = "base"
name = "toy"
seed = 3
[data]
train = "tools.world.recipes:text"
words = "tools.world.recipes:words"
source = "../world"
held_out = ["../../mcq.jsonl"]
[[stages]]
tokens = 3000
mixture = { cases = 1, talk = 1 }
[[stages]]
tokens = 1000
mixture = { tables = 1.0 }
[architecture]
vocabulary = 600
hidden = 32
intermediate = 64
layers = 2
heads = 2
context = 512
[schedule]
batch = 4
learning_rate = 1e-3
max_tokens = 128
log_every = 2
"""

LORA = """
kind = "lora"
name = "toy-mcq"
base = "../../fixtures/toy-base"
task = "mcq"
seed = 4
[options]
scoring = "texts"
[data]
train = "tools.world.recipes:mcq"
source = "../../fixtures/world"
count = 12
held_out = ["../../mcq.jsonl"]
[lora]
rank = 2
alpha = 4
targets = ["q_proj"]
[schedule]
batch = 4
learning_rate = 1e-2
log_every = 1
"""


@pytest.fixture(scope="session")
def house(tmp_path_factory):
    """Make a small repository: the world, a recipe of a base, a recipe of an adapter."""
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "fixtures" / "world", root / "fixtures" / "world")
    shutil.copy(ROOT / "suites" / "mcq" / "mcq.jsonl", root / "mcq.jsonl")
    for folder, text in (("fixtures/toy-base", BASE), ("adapters/toy-mcq", LORA)):
        (root / folder).mkdir(parents=True)
        (root / folder / "recipe.toml").write_text(text, encoding="utf-8")
    return root
