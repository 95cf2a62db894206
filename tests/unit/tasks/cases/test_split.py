"""One split of a file's cases for recipes and suites, by what is asked."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Record, Source
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases.split import content, divide, part_of, place, subset


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


def test_a_dev_part_by_count_has_so_many_questions():
    """Equal ones count once; of some of the cases it holds all that it holds of the whole; at most all of them."""
    cases = [mcq(f"Question {number}?") for number in range(300)]
    train, dev = divide([*cases, *cases[:50]], count=120)
    assert len({content(case) for case in dev}) == 120
    assert not {content(case) for case in dev} & {content(case) for case in train}
    some = cases[::3]
    assert {case.id for case in some} & {case.id for case in dev} <= {case.id for case in divide(some, count=30 * 2)[1]}
    assert divide(cases, count=300) == divide(cases, count=900) == ([], cases)


def test_the_sides_of_a_suite_are_those_of_a_recipe():
    """What is not dev is train, and all is both."""
    cases = [mcq(f"Question {number}?") for number in range(60)]
    assert (part_of(cases, "train", 0, 20), part_of(cases, "dev", 0, 20)) == divide(cases, count=20)
    assert part_of(cases, "all", 0, 0) == cases


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("test", 0.1, 0), "unknown part 'test'"),
        ((["dev"], 0.1, 0), r"unknown part \"\['dev'\]\""),
        (("dev", 0, 0), "dev_share is 0 and dev_count 0; accepted: one of them above 0"),
        (("dev", 0.1, 4), "accepted: one of them above 0"),
        (("all", 1.0, 0), "dev_share is 1.0 and dev_count 0; accepted: a share below 1, or a whole number"),
        (("dev", "a", 0), "accepted: a share below 1, or a whole number of questions"),
        (("dev", 0, 1.5), "accepted: a share below 1, or a whole number of questions"),
        (("dev", 0, True), "accepted: a share below 1, or a whole number of questions"),
        (("dev", 0, -1), "accepted: a share below 1, or a whole number of questions"),
        (("dev", -0.1, 0), "accepted: a share below 1, or a whole number of questions"),
    ],
)
def test_a_part_that_is_none_is_refused(given, told):
    """Its name, and sizes that are no sizes."""
    with pytest.raises(MedevalError, match=told):
        part_of([mcq("A?")], *given)


def test_a_sample_is_drawn_by_seed_and_content():
    """The same questions whatever suite asks them, in the order of the file; another seed draws others.

    It is no subset and no side of the split: each has a hash of its own.
    """
    cases = [mcq(f"Question {number}?") for number in range(400)]
    drawn = subset(cases, 100, seed=0)
    assert [case.id for case in drawn] == [case.id for case in cases if case in drawn]
    assert len(drawn) == 100
    assert subset(cases[::-1], 100, seed=0)[::-1] == drawn
    assert [case.id for case in drawn][:3] == ["Question 7?", "Question 9?", "Question 16?"]
    for other in (subset(cases, 100, seed=1), subset(cases, 100), divide(cases, 0.25)[1]):
        assert 5 < len({case.id for case in other} & {case.id for case in drawn}) < 45  # 25 by chance, deviation 4


def test_a_case_of_an_unknown_task_is_its_own_content():
    """No two of them are mistaken for one, whatever their fields are called."""

    @dataclass(frozen=True)
    class Case:
        id: str
        note: str

    assert content(Case("a", "one")) == content(Case("b", "one")) != content(Case("a", "two"))


def test_a_subset_is_of_the_content_too():
    """Any order of the file gives the same cases, in the file's order."""
    cases = [mcq(f"Question {number}?") for number in range(50)]
    chosen = subset(cases, 10)
    assert len(chosen) == 10
    assert [case.id for case in subset(cases[::-1], 10)] == [case.id for case in chosen][::-1]
    assert subset(cases, 0) == cases == subset(cases, 99)
