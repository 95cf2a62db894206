"""The prompt of training is the prompt of evaluation, whatever a tokenizer lacks and a template refuses."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("peft", reason="training needs the extra 'train'")

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Record, Source
from pytest_medeval.models.prompts import Prompter
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.cases.trained import KEY, read_sketch
from pytest_medeval.training.base import END, new_model, train_tokenizer
from pytest_medeval.training.examples import IGNORED, make_examples, whole
from pytest_medeval.training.lora import train_lora
from pytest_medeval.training.plan import make_plan
from pytest_medeval.training.recipe import Architecture, load_recipe

pytestmark = [
    # peft 0.21 asks Transformers 5.23 by the old name, and looks for the base from the working directory
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning"),
]

STRICT = (
    "{% for turn in messages %}{% if turn.role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    "<|{{ turn.role }}|>{{ turn.content }}<|pad|>{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
"""Takes no system turn, ends in a newline, and closes turns with another token than the end of text."""
RECORDS = {
    "dialogue": ({}, {"id": "a", "input": "I have a cough.", "reference": "Rest and drink."}),
    "mcq letters": ({"scoring": "letters"}, {}),
    "mcq texts": ({"scoring": "texts"}, {}),
    "mcq reply": ({"scoring": "reply"}, {}),
    "polarity": ({}, {"id": "a", "dialogue": "患者：有发热。", "findings": {"发热": "positive", "胸痛": "none"}}),
}
QUESTION = {"id": "a", "question": "Which drug?", "options": {"A": "aspirin", "B": "iron"}, "answer": "B"}


@pytest.fixture(scope="module")
def tokenizers():
    """Make tokenizers that differ in what they lack."""
    made = {}
    for name in ("whole", "no template", "no system turn", "no pad token"):
        made[name] = train_tokenizer(["a man has chest pain\n\nand fever\n"] * 20, vocabulary=300, context=256)
    made["no template"].chat_template = None
    made["no system turn"].chat_template = STRICT
    made["no pad token"].pad_token = None
    return made


@pytest.mark.parametrize("lack", ["whole", "no template", "no system turn", "no pad token"])
def test_the_masked_tokens_are_what_evaluation_asks(tokenizers, lack):
    """Of every task and scoring: the prompt's ids, and of compared options the right one's."""
    prompter = Prompter(tokenizers[lack])
    for name, (options, fields) in RECORDS.items():
        task = TASKS.resolve(name.split()[0])(**options)
        case = task.case(Record(Source("x"), fields or QUESTION))
        (example,) = make_examples(task, [case], task)
        row, asked = whole(prompter, example), prompter.encode(task.request(case))
        masked = sum(label == IGNORED for label in row.labels)
        assert row.input_ids[:masked] == asked.ids, name
        assert row.labels[masked:] == row.input_ids[masked:]
        if asked.choices:
            assert row.input_ids[masked:-1] == asked.choices[1], name
        else:
            assert prompter.tokenizer.decode(row.input_ids[masked:-1]) == example.target, name
        assert row.input_ids[-1] in prompter.end_tokens()


def test_a_reply_is_closed_as_the_template_closes_it(tokenizers):
    """Else by the end of text; a tokenizer that has neither is refused."""
    closing = {name: Prompter(one).tokenizer.decode([Prompter(one).closing]) for name, one in tokenizers.items()}
    assert closing == {"whole": END, "no template": END, "no system turn": "<|pad|>", "no pad token": END}
    endless = train_tokenizer(["a"], vocabulary=300, context=64)
    endless.chat_template, endless.eos_token, endless.pad_token = None, None, None
    assert Prompter(endless).padding == 0
    with pytest.raises(MedevalError, match="names no end of text, and its chat template closes no turn"):
        _ = Prompter(endless).closing


@pytest.mark.parametrize("lack", ["no template", "no system turn", "no pad token"])
def test_a_base_that_lacks_something_is_trained(tokenizers, lack, tmp_path):
    """Some steps on it, in batches of unequal rows, with LoRA on every linear layer."""
    from safetensors import safe_open

    base = tmp_path / "base"
    tokenizers[lack].save_pretrained(base)
    sizes = Architecture(hidden=16, intermediate=16, layers=1, heads=2, context=256)
    new_model(sizes, tokenizers[lack]).save_pretrained(base)
    rows = [{"id": f"c{n}", "input": "pain " * n, "reference": "rest " * n} for n in range(1, 5)]
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(
        'kind = "lora"\nname = "x"\nbase = "base"\ntask = "dialogue"\nmerge = true\n[data]\ntrain = "cases.jsonl"\n'
        '[lora]\nrank = 2\ntargets = "all-linear"\n[schedule]\nbatch = 2\nmax_tokens = 256\nlearning_rate = 1e-2\n'
    )
    recipe = load_recipe(tmp_path / "recipe.toml")
    linear = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert sorted(make_plan(recipe).targets) == linear
    told = train_lora(recipe, tmp_path / "out")
    assert told["steps"] == 2
    assert KEY not in told
    sketch = read_sketch(tmp_path / "out")
    cases, _ = read_cases(tmp_path / "cases.jsonl", TASKS.resolve("dialogue")())
    assert ([sketch.holds(case) for case in cases], len(sketch.digests)) == ([True] * 4, 4)
    assert read_sketch(tmp_path / "out" / "merged") == sketch
    with safe_open(tmp_path / "out" / "adapter_model.safetensors", "pt") as stored:
        assert sorted({key.split(".")[-3] for key in stored.keys()}) == linear  # noqa: SIM118 - no mapping
