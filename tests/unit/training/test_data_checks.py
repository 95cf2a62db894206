"""Data that would spoil a run are refused before it, with their counts; what is cut is counted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("peft", reason="training needs the extra 'train'")

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Record, Source
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases.formats.promptcblue import LABELS
from pytest_medeval.training.base import END, train_tokenizer
from pytest_medeval.training.data import (
    asked_text,
    check_targets,
    content,
    divide,
    held_texts,
    place,
    subset,
    task_cases,
)
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


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text("abcdefgh 12", min_size=1).filter(str.strip), unique=True), st.floats(0, 0.99))
def test_the_split_goes_by_content_alone(questions, share):
    """The order of cases and the company they keep do not move one to the other side."""
    cases = [mcq(question) for question in questions]
    train, dev = divide(cases, share)
    assert len(train) + len(dev) == len(cases)
    again, others = divide(cases[::-2], share)
    assert {case.id for case in again} <= {case.id for case in train}
    assert {case.id for case in others} <= {case.id for case in dev}


def test_the_split_has_the_share_that_was_asked():
    """Of 2,000 questions about 5 percent; equal ones on one side; a larger share only moves cases over."""
    cases = [mcq(f"Question {number}?") for number in range(2000)]
    _, dev = divide(cases, 0.05)
    assert 70 < len(dev) < 130  # binomial: 100, standard deviation 9.7
    assert {case.id for case in dev} <= {case.id for case in divide(cases, 0.1)[1]}
    assert content(mcq("Which Drug ?")) == content(mcq("which drug"))
    assert content(mcq("Vitamin B?")) != content(mcq("Vitamin C?"))
    assert place("a") == 0xCA978112CA1BBDCA / 2**64  # sha256sum of GNU coreutils


def test_a_subset_is_of_the_content_too():
    """Any order of the file gives the same cases, in the file's order."""
    cases = [mcq(f"Question {number}?") for number in range(50)]
    chosen = subset(cases, 10)
    assert len(chosen) == 10
    assert [case.id for case in subset(cases[::-1], 10)] == [case.id for case in chosen][::-1]
    assert subset(cases, 0) == cases == subset(cases, 99)


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


def test_what_is_too_long_is_cut_and_counted():
    """The reply is cut at its end; an example whose prompt fills the row teaches nothing and is dropped."""
    tokenizer = train_tokenizer(["a man has chest pain and fever"] * 20, vocabulary=300, context=64)
    long = Example((Message("user", "fever"),), "chest pain " * 9)
    full = Example((Message("user", "fever " * 40),), "pain")
    short = Example((Message("user", "fever"),), "pain")
    found = encode_all(tokenizer, [long, full, short], Schedule(max_tokens=20, overlong="cut"))
    assert (len(found.rows), found.cut, found.lost) == (2, 2, 1)
    assert len(found.rows[0].input_ids) == 20
    kept = [token for token in found.rows[0].labels if token != IGNORED]
    assert long.target.startswith(tokenizer.decode(kept).rstrip())
    assert tokenizer.decode([token for token in found.rows[1].labels if token != IGNORED]) == f"pain{END}"
    with pytest.raises(MedevalError, match="all 2 prompts have max_tokens = 20 tokens or more"):
        encode_all(tokenizer, [full, full], Schedule(max_tokens=20, overlong="cut"))
    recipe = load_recipe(Path(__file__).parents[3] / "adapters" / "recipes" / "llama-2-7b-dialogue.toml")
    (said,) = warnings_of(recipe, found, encode_all(tokenizer, [short], Schedule(max_tokens=20, overlong="cut")))
    assert re.match(r"2 of 3 training examples are longer than 256 tokens and were cut; 1 of them", said)


def test_asked_text_reads_every_task():
    """Each task has one field that is asked."""
    assert asked_text({"question": "Which?", "id": "a"}) == "Which?"
    assert asked_text({"dialogue": "患者", "findings": {}}) == "患者"
    assert asked_text({"input": "Help", "reference": "Rest"}) == "Help"
