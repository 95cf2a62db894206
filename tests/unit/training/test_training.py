"""From recipe to weights, at a size that takes seconds: masking, packing, seeds, provenance."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from random import Random

import pytest

pytest.importorskip("peft", reason="training needs the extra 'train'")

from tools.world.text.mix import Passage

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.core.types import Message, Record, Source
from pytest_medeval.models.prompts import Prompter
from pytest_medeval.models.proof.adapter import prove_adapter
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases.split import asked_text
from pytest_medeval.training.base import END, encoded, pack, train_tokenizer
from pytest_medeval.training.data import held_texts, task_cases
from pytest_medeval.training.examples import IGNORED, asked_task, encode, make_examples
from pytest_medeval.training.lora import train_lora
from pytest_medeval.training.recipe import load_recipe

pytestmark = [
    # peft 0.21 asks Transformers 5.23 by the old name, and looks for the base from the working directory
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning"),
]

TEXTS = ["患者：我有胸痛三天了。医生：有发热吗？", "A man of 41 has chest pain, fever and 2 coughs."] * 20
RECORDS = {
    "dialogue": {"id": "a", "input": "I have a cough.", "reference": "Rest and drink."},
    "mcq": {"id": "a", "question": "Which drug?", "options": {"A": "aspirin", "B": "iron"}, "answer": "B"},
    "polarity": {"id": "a", "dialogue": "患者：有发热。", "findings": {"发热": "positive", "胸痛": "none"}},
}
WANTED = {"dialogue": "Rest and drink.", "mcq": "iron", "polarity": "发热：阳性\n胸痛：无意义"}


@pytest.fixture(scope="module")
def tokenizer():
    """Train a tokenizer on two sentences, with one finding as a name."""
    return train_tokenizer(TEXTS, vocabulary=500, context=256, names=["痛", "胸痛"])


def test_a_name_has_the_same_tokens_wherever_it_stands(tokenizer):
    """Names are cut out first, the longest first, and digits stand alone."""
    assert len(tokenizer.tokenize("胸痛")) == 1
    assert tokenizer.tokenize("胸痛")[0] in tokenizer.tokenize("我有胸痛三天了")
    assert tokenizer.tokenize("41")[-1] == tokenizer.tokenize("1")[0]


def test_text_survives_the_tokenizer(tokenizer):
    """Bytes make every text writable, also one that was never seen."""
    text = "Ærø 👩‍⚕️ 鱻 \n end"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize("task", sorted(RECORDS))
def test_the_loss_covers_the_reply_and_nothing_else(tokenizer, task):
    """Decoded, the trained tokens are the wanted reply and the end; the others are the task's own prompt."""
    kind = TASKS.resolve(task)(**({"scoring": "texts"} if task == "mcq" else {}))
    case = kind.case(Record(Source("x"), RECORDS[task]))
    (example,) = make_examples(kind, [case], kind)
    row = encode(Prompter(tokenizer), example, 512)
    trained = [token for token, label in zip(row.input_ids, row.labels, strict=True) if label != IGNORED]
    masked = row.input_ids[: -len(trained)]
    assert tokenizer.decode(trained) == WANTED[task] + END
    turns = [{"role": turn.role, "content": turn.content} for turn in kind.request(case).messages]
    assert tokenizer.decode(masked) == tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


def test_the_reply_is_read_back_as_the_gold_answer():
    """What an adapter is trained to write is what the task's reader takes as right."""
    from pytest_medeval.core.types import Answer

    kind = TASKS.resolve("polarity")()
    case = kind.case(Record(Source("x"), RECORDS["polarity"]))
    (example,) = make_examples(kind, [case], kind)
    pairs = kind.read(case, Answer(example.target)).prediction.pairs
    assert len(pairs) == len(case.findings)
    kind = TASKS.resolve("mcq")(scoring="reply")
    case = kind.case(Record(Source("x"), RECORDS["mcq"]))
    (example,) = make_examples(kind, [case], kind)
    assert kind.read(case, Answer(example.target)).prediction == "B"


def test_an_example_that_does_not_fit_is_an_error(tokenizer):
    """A reply that is cut would teach the model to stop short, so it is refused with the count."""
    kind = TASKS.resolve("dialogue")()
    (example,) = make_examples(kind, [kind.case(Record(Source("x"), RECORDS["dialogue"]))], kind)
    with pytest.raises(MedevalError, match=r"an example has \d+ tokens; accepted: up to max_tokens = 8"):
        encode(Prompter(tokenizer), example, 8)


def test_rows_hold_whole_documents(tokenizer):
    """Packing cuts no document, and wastes little."""
    rng, prompter = Random(1), Prompter(tokenizer)
    made = [Passage(f"{number} " + "chest pain " * rng.randint(1, 12)) for number in range(400)]
    made.append(Passage(turns=(Message("user", "fever"), Message("assistant", "pain"))))
    rows = list(pack(prompter, itertools.cycle(made), 3000, 100))
    whole = {tokenizer.decode(encoded(prompter, item, answers_only=False).input_ids) for item in made}
    for row in rows:
        text = tokenizer.decode(row.input_ids)
        parts = [part for part in re.split(rf"(?<={re.escape(END)})(?!<\|assistant)", text) if part]
        assert set(parts) <= whole
    assert max(len(row.input_ids) for row in rows) <= 100
    assert sum(len(row.input_ids) for row in rows) > 90 * len(rows)
    assert all(row.labels == row.input_ids for row in rows)


def test_a_stage_may_learn_answers_only(tokenizer):
    """Then the question carries no loss, in a chat as in plain text; other text is learnt whole."""
    chat = Passage(turns=(Message("user", "fever"), Message("assistant", "pain")))
    for document, learnt in ((chat, "pain"), (Passage("fever\n", "pain"), "pain"), (Passage("cough"), "cough")):
        row = encoded(Prompter(tokenizer), document, answers_only=True)
        assert tokenizer.decode([label for label in row.labels if label != IGNORED]) == learnt + END
        assert len(row.labels) == len(row.input_ids)


@pytest.fixture(scope="module")
def trained(house):
    """Train the toy base and its adapter."""
    from pytest_medeval.training.__main__ import main

    for recipe in ("fixtures/toy-base", "adapters/toy-mcq"):
        assert main([str(house / recipe / "recipe.toml")]) == 0
    return house


def test_a_recipe_becomes_an_adapter_that_belongs_to_its_base(trained):
    """Weights as safetensors, the base named from the adapter's folder, provenance, one log line a step."""
    base, adapter = trained / "fixtures" / "toy-base", trained / "adapters" / "toy-mcq"
    prove_adapter(adapter, base)
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "../../fixtures/toy-base"
    entry = json.loads((adapter / "provenance.json").read_text(encoding="utf-8"))
    assert entry["base_fingerprint"] == fingerprint_weights(base)
    assert entry["recipe_sha256"] == hashlib.sha256((adapter / "recipe.toml").read_bytes()).hexdigest()
    assert (entry["examples"], entry["steps"], entry["seed"]) == (12, 3, 4)
    log = [json.loads(line) for line in (adapter / "loss.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in log] == [1, 2, 3]
    assert not list(adapter.glob("*.bin"))


def test_the_same_seed_gives_the_same_bytes(trained):
    """An adapter retrained from its recipe has the very weights; another seed has others."""
    file = trained / "adapters" / "toy-mcq" / "recipe.toml"
    train_lora(load_recipe(file), trained / "adapters" / "again")
    assert fingerprint_weights(trained / "adapters" / "again") == fingerprint_weights(file.parent)
    other = trained / "adapters" / "other"
    other.mkdir()
    (other / "recipe.toml").write_text(
        file.read_text(encoding="utf-8").replace("seed = 4", "seed = 5"), encoding="utf-8"
    )
    train_lora(load_recipe(other / "recipe.toml"), other)
    assert fingerprint_weights(other) != fingerprint_weights(file.parent)


def test_a_later_round_draws_its_own_examples_and_learns_at_half_the_rate(trained):
    """Twice the steps, logged as a second stage; the provenance covers the examples of both."""
    first = trained / "adapters" / "toy-mcq"
    twice = trained / "adapters" / "twice"
    twice.mkdir()
    text = (first / "recipe.toml").read_text(encoding="utf-8")
    (twice / "recipe.toml").write_text(text.replace("[schedule]", "[schedule]\nrounds = 2"), encoding="utf-8")
    entry = train_lora(load_recipe(twice / "recipe.toml"), twice)
    one, both = (
        [json.loads(line) for line in (folder / "loss.jsonl").read_text(encoding="utf-8").splitlines()]
        for folder in (first, twice)
    )
    assert [line["loss"] for line in both if not line["stage"]] == [line["loss"] for line in one]
    later = [line for line in both if line["stage"]]
    assert [line["learning_rate"] for line in later] == pytest.approx([line["learning_rate"] / 2 for line in one])
    assert entry["steps"] == 6
    assert entry["data_sha256"] != json.loads((first / "provenance.json").read_text())["data_sha256"]


def test_near_duplicates_of_held_out_cases_are_dropped(house, tmp_path):
    """A training file that holds a held-out case loses it before training, and the count says so."""
    recipe = load_recipe(house / "adapters" / "toy-mcq" / "recipe.toml")
    leaked = json.loads((house / "mcq.jsonl").read_text(encoding="utf-8").splitlines()[0])
    mine = {**RECORDS["mcq"], "id": "mine", "question": "Which drug is given for an iron deficiency?"}
    train = house / "adapters" / "toy-mcq" / "train.jsonl"
    train.write_text("\n".join(map(json.dumps, (mine, leaked))), encoding="utf-8")
    file = tmp_path / "recipe.toml"
    text = recipe.file.read_text(encoding="utf-8").replace("tools.world.recipes:mcq", str(train))
    file.write_text(text.replace("../../mcq.jsonl", str(house / "mcq.jsonl")), encoding="utf-8")
    recipe = load_recipe(file)
    found = task_cases(recipe, asked_task(recipe))
    assert [case.id for case in found.cases] == ["mine"]
    assert (found.skipped, found.overlapping) == (0, 1)
    assert asked_text(leaked) in held_texts(recipe)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("tools.world.recipes:mcq", "tools.world.recipes:held"), "is no function"),
        (('scoring = "texts"', 'scorign = "texts"'), "did you mean 'scoring'"),
        (('task = "mcq"', 'task = "mqc"'), "did you mean 'mcq'"),
        (("../../mcq.jsonl", "../../none.jsonl"), "none.jsonl: no such file"),
        (("toy-base", "no-base"), "no-base' is no model folder"),
        (('["q_proj"]', '["query"]'), "targets names 'query', which the base lacks; it has"),
    ],
)
def test_mistakes_in_a_recipe_are_told_before_training(trained, change, said):
    """Held-out parts, unknown options and tasks, missing files and layers: one line each."""
    file = trained / "adapters" / "toy-mcq" / "wrong.toml"
    file.write_text((file.parent / "recipe.toml").read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(MedevalError, match=re.escape(said)):
        train_lora(load_recipe(file), file.parent)
