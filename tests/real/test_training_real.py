"""A LoRA of a few steps on SmolLM2: what it is trained on is what it is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_medeval.core.types import Record, Source
from pytest_medeval.models import Settings, open_model
from pytest_medeval.models.spec import parse_model
from pytest_medeval.tasks import TASKS

pytestmark = [
    # peft 0.21 asks Transformers 5.23 by the old name, and looks for the base from the working directory
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning"),
]
RECIPE = """kind = "lora"
name = "few-steps"
base = "{base}"
task = "dialogue"
[data]
train = "cases.jsonl"
[lora]
rank = 4
targets = "all-linear"
[schedule]
batch = 2
learning_rate = 1e-3
max_tokens = 192
precision = "bf16"
"""


def test_training_asks_what_evaluation_asks(smollm2: Path, tmp_path: Path) -> None:
    """Prompts of every task and scoring, in the chat template with its own system turn, before and after training."""
    pytest.importorskip("peft", reason="training needs the extra 'train'")
    from pytest_medeval.models.local.batches import Prompt
    from pytest_medeval.models.local.model import load_prompter
    from pytest_medeval.training.examples import IGNORED, make_examples, whole
    from pytest_medeval.training.lora import train_lora
    from pytest_medeval.training.recipe import load_recipe

    rows = [{"id": f"c{n}", "input": f"I have had a cough for {n} days.", "reference": "Rest."} for n in range(1, 5)]
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(RECIPE.format(base=smollm2), encoding="utf-8")
    out = tmp_path / "adapter"
    assert train_lora(load_recipe(tmp_path / "recipe.toml"), out)["steps"] == 2
    prompter = load_prompter(smollm2)
    adapter = open_model(parse_model(str(out), tmp_path), Settings(device="cpu", cache=None))
    question = {"id": "q", "question": "Which vitamin?", "options": {"A": "vitamin C", "B": "iron"}, "answer": "B"}
    asked = [("dialogue", {}, rows[0]), *(("mcq", {"scoring": one}, question) for one in ("letters", "texts", "reply"))]
    for name, options, fields in asked:
        task = TASKS.resolve(name)(**options)
        case = task.case(Record(Source("x"), fields))
        (example,) = make_examples(task, [case], task)
        row = whole(prompter, example)
        (answer,) = adapter.answer([replace(task.request(case), max_new_tokens=1)])
        masked = sum(label == IGNORED for label in row.labels)
        assert Prompt(row.input_ids[:masked]).hash == answer.prompt_hash
        assert prompter.tokenizer.decode(row.input_ids[-1:]) == "<|im_end|>"
