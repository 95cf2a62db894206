"""Data that would spoil a run are refused before it, with their counts; what is cut is counted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("peft", reason="training needs the extra 'train'")

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Record, Source
from pytest_medeval.models.prompts import Prompter
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases.formats.promptcblue import LABELS
from pytest_medeval.tasks.cases.split import asked_text, content, part_of
from pytest_medeval.training.base import END, train_tokenizer
from pytest_medeval.training.data import check_targets, held_texts, task_cases
from pytest_medeval.training.examples import IGNORED, Example, asked_task, encode_all
from pytest_medeval.training.lora import examples_of, warnings_of
from pytest_medeval.training.recipe import Schedule, load_recipe

RECIPE = """
kind = "lora"
name = "x"
base = "../base"
task = "polarity"
[data]
train = "train.json"
dev = "dev.json"
"""
POSITIVE = next(iter(LABELS["CHIP-MDCFNPC"]))


def sample(name, finding="发热", dataset="CHIP-MDCFNPC", target=None):
    """Make a PromptCBLUE record about one finding."""
    return {
        "sample_id": name,
        "input": f"对话历史：\n患者：我有{finding}，{name}。\n",
        "target": f"上述实体的阴阳性：\n{finding}：{POSITIVE}" if target is None else target,
        "task_dataset": dataset,
    }


@pytest.fixture
def polarity(tmp_path):
    """Give a function that writes train and dev files and loads the recipe with a line more in [data]."""

    def make(train, dev, more=""):
        for name, records in (("train", train), ("dev", dev)):
            lines = (json.dumps(record, ensure_ascii=False) for record in records)
            (tmp_path / f"{name}.json").write_text("\n".join(lines), encoding="utf-8")
        (tmp_path / "recipe.toml").write_text(f"{RECIPE}{more}\n", encoding="utf-8")
        return load_recipe(tmp_path / "recipe.toml")

    return make


def test_a_sound_dev_set_is_kept_apart(polarity):
    """Train and dev become examples, and nothing is left out."""
    made = examples_of(polarity([sample("a"), sample("b")], [sample("c")]))
    assert (len(made.train), len(made.dev)) == (2, 1)
    assert made.counts == {"skipped": 0, "overlapping": 0}


def test_another_tasks_samples_in_the_dev_set_are_an_error(polarity):
    """As in S3's second round: counted, with the first place and the way out."""
    dev = [sample("c"), sample("d", dataset="CMeEE-V2"), sample("e", dataset="KUAKE-QIC")]
    with pytest.raises(MedevalError, match=r"2 records of the dev set cannot be used, the first at .*dev\.json:2"):
        examples_of(polarity([sample("a")], dev))
    made = examples_of(polarity([sample("a")], dev, 'where = { dataset = "CHIP-MDCFNPC" }'))
    assert len(made.dev) == 1


def test_a_filter_does_not_excuse_broken_dev_records(polarity):
    """``where`` chooses among tasks; a record of the right task without a target stays an error."""
    dev = [sample("c"), sample("d", target="")]
    with pytest.raises(MedevalError, match=r"1 records of the dev set cannot be used.*'blank target'"):
        examples_of(polarity([sample("a")], dev, 'where = { dataset = "CHIP-MDCFNPC" }'))


def test_empty_targets_are_an_error_unless_left_out_by_name(polarity):
    """Each is counted, with the line of the first."""
    train = [sample("a"), sample("b", target=" "), sample("f", target="")]
    with pytest.raises(MedevalError, match=r"2 training records have an empty target, the first at .*train\.json:2"):
        examples_of(polarity(train, [sample("c")]))
    made = examples_of(polarity(train, [sample("c")], "skip_empty = true"))
    assert (len(made.train), made.counts["skipped"]) == (1, 2)


def test_an_example_without_a_target_is_an_error():
    """Whoever made it: nothing to write is nothing to learn."""
    with pytest.raises(MedevalError, match="1 of 2 examples have an empty target, the first asks 'Pain'"):
        check_targets(
            Path("r.toml"), [Example((Message("user", "Cough"),), "Rest"), Example((Message("user", "Pain"),), " \n")]
        )


def test_duplicates_between_train_and_dev_are_an_error(polarity):
    """Blanks and punctuation do not hide them."""
    twin = sample("a")
    twin["input"] = twin["input"].replace("，", " ,  ")
    with pytest.raises(MedevalError, match="1 of 2 dev cases are also trained on, the first is"):
        examples_of(polarity([sample("a"), sample("b")], [sample("c"), {**twin, "sample_id": "z"}]))


def mcq(question):
    """Make a case."""
    fields = {"id": question, "question": question, "options": {"A": "x", "B": "y"}, "answer": "A"}
    return TASKS.resolve("mcq")().case(Record(Source("x"), fields))


def test_filters_and_more_files(tmp_path):
    """Short questions are left out and counted, a second file adds its share, each in its own format."""
    medqa = [
        {"question": q, "options": {"A": "x", "B": "y"}, "answer_idx": "A", "answer": "x"}
        for q in ("Too short?", "A man of 40 has had fever and a cough for a week; which drug?")
    ]
    native = [vars(mcq(f"Of how many words is question number {n} made, then, at last?")) for n in range(6)]
    native = [{key: case[key] for key in ("id", "question", "options", "answer")} for case in native]
    (tmp_path / "medqa.jsonl").write_text("\n".join(map(json.dumps, medqa)), encoding="utf-8")
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, native)), encoding="utf-8")
    text = 'kind = "lora"\nname = "x"\nbase = "b"\ntask = "mcq"\n[data]\ntrain = "data:medqa.jsonl"\nmin_words = 10\n'
    asked = {**medqa[1], "question": "Which virus is the usual cause of hand, foot and mouth disease in children?"}
    (tmp_path / "held.jsonl").write_text(json.dumps(asked), encoding="utf-8")
    text += 'held_out = ["data:held.jsonl"]\n[[data.more]]\ntrain = "own.jsonl"\nlimit = 4\n'
    (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
    recipe = load_recipe(tmp_path / "recipe.toml", tmp_path)
    found = task_cases(recipe, asked_task(recipe))
    assert (len(found.cases), found.filtered) == (5, 1)
    assert held_texts(recipe) == [asked["question"]]
    with pytest.raises(MedevalError, match="needs --data=DIR"):
        held_texts(load_recipe(tmp_path / "recipe.toml"))


def test_a_limit_leaves_both_sides_of_the_split(tmp_path):
    """``limit`` and split draw by hashes of their own: 200 of 2,000 with a tenth held back leave 180 or so.

    What is held back is what a suite of the dev part asks, whatever the limit is.
    """
    rows = [
        {"id": f"q{n}", "question": f"Q {n} ?", "options": {"A": "x", "B": "y"}, "answer": "A"} for n in range(2000)
    ]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    head = 'kind = "lora"\nname = "x"\nbase = "b"\ntask = "mcq"\n[data]\ntrain = "own.jsonl"\nlimit = 200\n'
    (tmp_path / "share.toml").write_text(f"{head}dev_share = 0.1\n", encoding="utf-8")
    (tmp_path / "count.toml").write_text(f"{head}dev_count = 200\n", encoding="utf-8")
    every = [mcq(row["question"]) for row in rows]
    for name, size in (("share", (0.1, 0)), ("count", (0.0, 200))):
        recipe = load_recipe(tmp_path / f"{name}.toml")
        found = task_cases(recipe, asked_task(recipe))
        assert len(found.cases) + len(found.dev) == 200
        assert 8 < len(found.dev) < 36  # binomial: 20, standard deviation 4.2
        judged = {content(case) for case in part_of(every, "dev", *size)}
        assert not judged & {content(case) for case in found.cases}
        assert {content(case) for case in found.dev} <= judged
    (tmp_path / "both.toml").write_text(f"{head}dev_share = 0.1\ndev_count = 20\n", encoding="utf-8")
    with pytest.raises(MedevalError, match=r"both.toml:5: \[data\] dev_share is 0.1 and dev_count 20; accepted: one"):
        load_recipe(tmp_path / "both.toml")


def test_what_is_too_long_is_cut_and_counted():
    """The reply is cut at its end; an example whose prompt fills the row teaches nothing and is dropped."""
    tokenizer = train_tokenizer(["a man has chest pain and fever"] * 20, vocabulary=300, context=64)
    prompter = Prompter(tokenizer)
    long = Example((Message("user", "fever"),), "chest pain " * 9)
    full = Example((Message("user", "fever " * 40),), "pain")
    short = Example((Message("user", "fever"),), "pain")
    found = encode_all(prompter, [long, full, short], Schedule(max_tokens=20, overlong="cut"))
    assert (len(found.rows), found.cut, found.lost) == (2, 2, 1)
    assert len(found.rows[0].input_ids) == 20
    kept = [token for token in found.rows[0].labels if token != IGNORED]
    assert long.target.startswith(tokenizer.decode(kept).rstrip())
    assert tokenizer.decode([token for token in found.rows[1].labels if token != IGNORED]) == f"pain{END}"
    with pytest.raises(MedevalError, match="all 2 prompts have max_tokens = 20 tokens or more"):
        encode_all(prompter, [full, full], Schedule(max_tokens=20, overlong="cut"))
    recipe = load_recipe(Path(__file__).parents[3] / "adapters" / "recipes" / "llama-2-7b-dialogue.toml")
    (said,) = warnings_of(recipe, found, encode_all(prompter, [short], Schedule(max_tokens=20, overlong="cut")))
    assert re.match(r"2 of 3 training examples are longer than 256 tokens and were cut; 1 of them", said)


def test_asked_text_reads_every_task():
    """Each task has one field that is asked."""
    assert asked_text({"question": "Which?", "id": "a"}) == "Which?"
    assert asked_text({"dialogue": "患者", "findings": {}}) == "患者"
    assert asked_text({"input": "Help", "reference": "Rest"}) == "Help"
