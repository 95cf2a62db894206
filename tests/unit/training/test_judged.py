"""Replies with known grades: the grades follow from what was done, and the prompts are those of Track B."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.world import load_world
from tools.world.judged import WAYS, judged_replies
from tools.world.judging import check_of, checked, compared, graded

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.judges.styles.base import fence_code
from pytest_medeval.judges.styles.grades import CHECKED, LOCAL_DIGITS, local_check_request, local_request
from pytest_medeval.training.lora import examples_of
from pytest_medeval.training.recipe import load_recipe

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pairs():
    """Make replies to some patients of the training part."""
    return judged_replies(load_world(ROOT / "fixtures" / "world"), "train", 200, 1)


def replies(pairs, way):
    """Give the replies that were spoiled in one way."""
    return [one for pair in pairs for one in pair if one.way == way]


def test_every_way_occurs_and_every_grade_is_offered(pairs):
    """Each way of spoiling is drawn, and each dimension uses the ends of its scale."""
    every = [one for pair in pairs for one in pair]
    assert {one.way for one in every} == set(WAYS)
    for dimension in DEFAULT_RUBRIC.names:
        grades = {one.grades[dimension] for one in every}
        assert {1, 5} <= grades <= {1, 2, 3, 4, 5}


def test_a_whole_reply_is_best_on_all(pairs):
    """Nothing was done to it, so nothing is wrong with it."""
    assert all(set(one.grades.values()) == {5} for one in replies(pairs, "whole"))


def test_off_topic_is_worst_on_all(pairs):
    """It says nothing about the patient's disease."""
    assert all(set(one.grades.values()) == {1} for one in replies(pairs, "off_topic"))


@pytest.mark.parametrize(
    ("way", "dimension", "grades"),
    [
        ("wrong_disease", "accuracy", {1}),
        ("wrong_disease", "relevance", {2}),
        ("wrong_treatment", "accuracy", {3}),
        ("wrong_treatment", "comprehensiveness", {4}),
        ("contradicted", "accuracy", {2}),
        ("contradicted", "helpfulness", {1, 2}),
        ("missing", "accuracy", {5}),
        ("missing", "comprehensiveness", {2, 3, 4}),
        ("padded", "comprehensiveness", {5}),
        ("padded", "helpfulness", {4}),
        ("padded", "relevance", {3, 4}),
        ("cut", "relevance", {5}),
    ],
)
def test_grades_follow_from_what_was_done(pairs, way, dimension, grades):
    """Each way of spoiling lowers the dimensions that it harms, and no other."""
    found = replies(pairs, way)
    assert found
    assert {one.grades[dimension] for one in found} <= grades


def test_two_replies_share_patient_and_reference(pairs):
    """A pair is about one patient, so that its replies can be compared."""
    assert all((first.input, first.reference) == (second.input, second.reference) for first, second in pairs)
    assert len({one.id for pair in pairs for one in pair}) == 2 * len(pairs)


def test_a_judge_is_trained_on_the_prompts_of_track_b(pairs):
    """Four examples a reply, each the request that a local judge is asked, with the grade as reply."""
    one = pairs[0][0]
    examples = list(graded([one], 7))
    code = fence_code(7, one.id, [one.input, one.reference, one.reply], digits=LOCAL_DIGITS)
    for example, dimension in zip(examples, DEFAULT_RUBRIC.dimensions, strict=True):
        request = local_request(dimension, one.input, one.reference, one.reply, check_of(one), code=code)
        assert example.messages == request.messages
        assert example.target == str(one.grades[dimension.name])


def test_checks_are_asked_as_track_b_asks_them(pairs):
    """The prompt is that of a local judge's check; the answer names each point that it asks for, in its order."""
    one = replies(pairs, "contradicted")[0]
    (example,) = checked([one], 7)
    code = fence_code(7, one.id, [one.input, one.reference, one.reply], digits=LOCAL_DIGITS)
    assert example.messages == local_check_request(one.input, one.reference, one.reply, code=code).messages
    told = dict(line.split(" ", 1) for line in example.target.splitlines())
    assert tuple(told) == CHECKED
    assert told == {"expected": one.disease, "named": one.named, **one.facts}
    assert (told["against"], told["disease"], told["test"]) == ("yes", "no", "no")


def test_the_named_disease_is_the_one_in_the_reply(pairs):
    """It is the patient's unless the reply is about another one, or about none."""
    for one in (one for pair in pairs for one in pair):
        assert one.named == "none" or one.named.lower() in one.reply.lower()
        if one.way == "wrong_disease":
            assert one.named not in {"none", one.disease}
        if one.facts["disease"] == "yes":
            assert one.named == one.disease


def test_facts_agree_with_grades(pairs):
    """A reply covers as many points as its comprehensiveness says."""
    for one in (one for pair in pairs for one in pair):
        named = sum(one.facts[point] == "yes" for point in ("disease", "test", "treatment", "advice"))
        assert one.grades["comprehensiveness"] == 1 + named


def test_pairs_are_asked_in_both_orders_and_ties_not_at_all(pairs):
    """The better reply is A once and B once, so that the order teaches nothing."""
    targets = [example.target for example in compared(pairs, 1)]
    assert targets[::2].count("A") == len(targets[::2]) == targets[1::2].count("B")
    ties = sum(sum(a.grades.values()) == sum(b.grades.values()) for a, b in pairs)
    assert len(targets) == 2 * (len(pairs) - ties)


def test_a_function_that_is_not_there_is_a_mistake(tmp_path):
    """The recipe names what makes its examples; none of those functions gives the held-out part."""
    file = tmp_path / "recipe.toml"
    text = (ROOT / "adapters" / "tiny-judge" / "recipe.toml").read_text(encoding="utf-8")
    file.write_text(text.replace("tools.world.recipes:judge", "tools.world.recipes:held"), encoding="utf-8")
    with pytest.raises(MedevalError, match=r"'tools.world.recipes:held' is no function: .* accepted: module:function"):
        examples_of(load_recipe(file))
