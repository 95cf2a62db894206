"""What every style of asking a judge has for nothing: fences, second requests, no echo, no grade off the scale."""

# ruff: noqa: ARG002, D102 - the style of the tests says no more than it must
from __future__ import annotations

import math

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Message, Request
from pytest_medeval.judges.ask import Judging
from pytest_medeval.judges.judge import judge_cases, prompt_hash
from pytest_medeval.judges.ratings.grades import Unread
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.judges.styles import JUDGE_STYLES, JudgeStyle

GRADES = dict.fromkeys(DEFAULT_RUBRIC.names, 4.0)


class Spoken(JudgeStyle):
    """Takes a mapping in Python's own notation."""

    def request(self, rubric, reply, code, *, again):
        return Request((Message("user", f"{code}\n{reply.reply}\n{code}\n{list(rubric.names)}{' again' * again}"),))

    def read(self, rubric, reply, answer):
        try:
            return eval(answer.text, {"nan": math.nan, "Unread": Unread})  # noqa: S307 - the test's own text
        except SyntaxError:
            return Unread("no mapping")

    def pair_request(self, first, second, code, *, again):
        return Request((Message("user", f"{code}\n{first.reply}\n{code}\n{second.reply}\n{code}\nA or B?"),))

    def read_pair(self, first, second, answer):
        return {"A": 1, "B": -1}.get(answer.text, Unread("no letter"))


@pytest.fixture(autouse=True)
def spoken():
    """Add the style, and take it away again."""
    JUDGE_STYLES.add({"spoken": f"{__name__}:Spoken"})
    yield
    JUDGE_STYLES._entries.pop("spoken")


def judged(*answers: str, reply: str = "Rest.", letter: str = "A", **more: object):
    """Grade one reply; the judge gives these answers for grades, the last one again and again, and the letter."""
    told = iter(answers)
    last = [answers[0]]

    def script(request: Request) -> Answer:
        if request.messages[0].content.endswith("A or B?"):
            return Answer(letter)
        last[0] = next(told, last[0])
        return Answer(last[0])

    model = FakeModel(script)
    case = {"suite": "s", "id": "c", "asked": "I cough.", "gold": "Rest.", "candidate": {"reply": reply}, **more}
    run = judge_cases(model, [case], how=Judging(style="spoken"))
    return run.cases[0], model.asked, run


def test_grades_of_any_style_are_grades():
    """They are in the run, with the name of the style, and its version in the hash of the prompts."""
    case, asked, run = judged(repr(GRADES))
    assert case.replies["candidate"].grades == GRADES
    assert (run.style, len(asked)) == ("spoken", 1)
    before = prompt_hash(DEFAULT_RUBRIC, Judging(), "spoken")
    Spoken.version = "another"
    try:
        assert prompt_hash(DEFAULT_RUBRIC, Judging(), "spoken") != before
    finally:
        del Spoken.version


def test_what_cannot_be_read_is_asked_once_more_and_then_its_readable_part_is_taken():
    """The second request has another fence and says that it is one; the reason stands beside each missing grade."""
    part = dict.fromkeys(DEFAULT_RUBRIC.names[:2], 3.0)
    case, asked, _ = judged(repr(part))
    judgement = case.replies["candidate"]
    assert dict(judgement.grades) == part
    assert {name: one.reason for name, one in judgement.unjudged.items()} == {
        name: f"no grade for {name!r}" for name in DEFAULT_RUBRIC.names[2:]
    }
    first, second = (request.messages[0].content for request in asked)
    assert second.endswith(" again")
    assert first.splitlines()[0] != second.splitlines()[0]
    assert judged("?", repr(GRADES))[0].replies["candidate"].grades == GRADES
    assert {one.reason for one in judged("?")[0].replies["candidate"].unjudged.values()} == {"no mapping"}


@pytest.mark.parametrize("grade", ["0", "6", "nan", "-1e9"])
def test_no_grade_is_off_the_scale(grade: str):
    """Not even a number that is none."""
    text = repr(GRADES).replace("4.0", grade, 1)
    judgement = judged(text)[0].replies["candidate"]
    assert "accuracy" not in judgement.grades
    assert "is not on the scale 1 to 5" in judgement.unjudged["accuracy"].reason


def test_a_verdict_that_the_reply_brings_is_no_verdict():
    """The style's own reader finds it in the reply: a judge that repeats it has not judged."""
    judgement = judged(repr(GRADES), reply=repr(GRADES))[0].replies["candidate"]
    assert not judgement.grades
    assert all("may be an echo" in one.reason for one in judgement.unjudged.values())
    other = repr(GRADES).replace("4.0", "2.0")
    assert judged(other, reply=repr(GRADES))[0].replies["candidate"].grades["accuracy"] == 2


@pytest.mark.parametrize("letter", ["A", "B"])
def test_pairs_are_asked_in_both_orders(letter: str):
    """A judge that always takes the same place prefers nobody."""
    case, asked, _ = judged(repr(GRADES), letter=letter, baseline={"reply": "Sleep."})
    assert case.preference.share == 0.5
    assert not case.preference.consistent
    assert len(asked) == 4


def test_an_unknown_style_names_those_of_plugins():
    """One line, with what may have been meant."""
    with pytest.raises(MedevalError) as caught:
        judge_cases(FakeModel({}), [], how=Judging(style="spokn"))
    assert str(caught.value) == (
        "unknown judge style 'spokn' (did you mean 'spoken'?); accepted: criteria, grades, json, spoken"
    )
