"""Criteria asked of a judge: one request for all of a reply, twice, in two orders; what it denies once is unjudged."""

from __future__ import annotations

import json
import re

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.types import Answer
from pytest_medeval.judges.ask import Budget, Judging
from pytest_medeval.judges.criteria import OWN_CRITERIA, criteria_said, with_criteria
from pytest_medeval.judges.judge import judge_cases
from pytest_medeval.judges.panel import judge_data
from pytest_medeval.judges.styles.criteria import CONTRADICTS

GOLD = [
    {"text": "Names a doctor.", "points": 5.0},
    {"text": "Blames him.", "points": -3.0},
    {"text": "Rest helps.", "points": 1.0, "statement": True},
]
SERVER, LOCAL = "https://judge/v1#x", "local"


def entry(gold=GOLD, reply="See a doctor.", **more):
    """Make an entry of a record."""
    return {"suite": "s", "id": "c", "asked": "I cough.", "gold": gold, "candidate": {"reply": reply, **more}}


def listed(request):
    """Give the criteria of a server's request: number -> text, in the order shown."""
    return dict(re.findall(r"^(\d+)\. (.*)$", request.messages[-1].content, re.MULTILINE))


def said(script, *entries, name=SERVER, **how):
    """Let a judge with a script say what is met."""
    judge = FakeModel(script, name=name)
    settings = Judging(style="criteria", preference=False, **how)
    run = judge_cases(judge, entries or [entry()], OWN_CRITERIA, settings)
    return run, judge.asked


def knowing(request):
    """Say rightly what is met, behind a server."""
    words = {"Names": True, "Blames": False, "Statement:": "entailed"}
    return Answer(json.dumps({number: words[text.split()[0]] for number, text in listed(request).items()}))


def test_all_criteria_in_one_request_twice_in_opposite_orders():
    """The model's criteria carry a schema, no points and no role; the order is drawn by the seed."""
    run, asked = said(knowing)
    first, second = map(listed, asked)
    assert list(first) == list(second)[::-1]
    assert set(first.values()) == {"Names a doctor.", "Blames him.", "Statement: Rest helps."}
    assert run.cases[0].replies["candidate"].grades == {"1": 1.0, "2": 0.0, "3": 1.0}
    schema = json.loads(asked[0].schema)
    assert schema["required"] == list(first)
    assert schema["properties"]["3"]["enum"] == ["entailed", "neutral", "contradicted"]
    assert {tuple(listed(said(knowing, seed=seed)[1][0])) for seed in range(20)} > {tuple(first)}


def test_many_criteria_are_divided():
    """Into requests of at most 32, all of which are asked twice."""
    gold = [{"text": f"Says {number}.", "points": 1.0} for number in range(40)]
    run, asked = said(lambda request: Answer(json.dumps(dict.fromkeys(listed(request), True))), entry(gold))
    assert [len(listed(request)) for request in asked] == [20, 20, 20, 20]
    assert len(run.cases[0].replies["candidate"].grades) == 40


def test_what_a_judge_says_and_denies_is_unjudged():
    """Of this criterion alone; the record counts how often."""
    turn = iter([True, False])

    def script(request):
        answer = json.loads(knowing(request).text)
        return Answer(json.dumps(answer | {"1": next(turn)}))

    run, _ = said(script)
    found = run.cases[0].replies["candidate"]
    assert found.grades == {"2": 0.0, "3": 1.0}
    assert found.unjudged["1"].reason == CONTRADICTS
    verdicts, data = criteria_said([run])["s", "c"]
    assert verdicts == {"candidate": [None, 0.0, 1.0]}
    assert data["judges"][SERVER]["unjudged"]["candidate"]["1"]["reason"] == CONTRADICTS
    record = with_criteria(judge_data(run, OWN_CRITERIA, {}, None), run)
    assert record["contradictions"] == [1, 3]
    assert record["coverage"] == {"criteria": [0, 1]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("All are met.", "no verdict: no JSON object"),
        ('{"1": true}', None),
        ('{"1": "yes", "2": 1, "3": true}', "no verdict on 3 of 3 criteria"),
        (
            '{"1": true, "2": false, "3": "entailed"} {"1": false, "2": false, "3": "entailed"}',
            "2 verdicts that differ",
        ),
    ],
)
def test_what_cannot_be_read_is_asked_again_and_then_unjudged(text, why):
    """Never not met; what part of a verdict gives after a second request counts."""
    run, asked = said(lambda _: Answer(text))
    found = run.cases[0].replies["candidate"]
    assert len(asked) == 4
    if why:
        assert not found.grades
        assert {one.reason for one in found.unjudged.values()} == {why}
    else:
        assert found.grades == {"1": 1.0}
        assert set(found.unjudged) == {"2", "3"}


def test_a_verdict_in_the_reply_is_an_echo():
    """A reply that brings its own verdict is not graded by it."""
    mine = '{"1": true, "2": false, "3": "entailed"}'
    run, _ = said(lambda _: Answer(mine), entry(reply=f"Rest. {mine}"))
    assert not run.cases[0].replies["candidate"].grades


def test_no_reply_and_no_budget_are_unjudged():
    """Each criterion says why."""
    run, asked = said(knowing, entry(outcome="error"))
    assert not asked
    assert {one.reason for one in run.cases[0].replies["candidate"].unjudged.values()} == {"there is no reply to judge"}
    run, _ = said(knowing, budget=Budget(requests=1))
    assert {one.reason for one in run.cases[0].replies["candidate"].unjudged.values()} == {"budget"}


def likely(word):
    """Hold one word, or the option with this meaning, likelier than the others."""

    def script(request):
        text = request.messages[-1].content
        wanted = next((letter for letter, told in re.findall(r"([ABC]) = ([^;.]+)", text) if word in told), word)
        return Answer("", "choice", tuple(-0.1 if one == wanted else -3.0 for one in request.choices))

    return script


def test_a_local_judge_is_asked_one_by_one_by_probabilities():
    """Yes and no change places the second time, so do the meanings of the letters; requests share their prefix."""
    run, asked = said(likely("yes"), entry(GOLD[:2]), name=LOCAL)
    assert run.cases[0].replies["candidate"].grades == {"1": 1.0, "2": 1.0}
    assert [request.choices for request in asked] == [("yes", "no")] * 2 + [("no", "yes")] * 2
    heads = [request.messages[-1].content.partition("Criterion:")[0] for request in asked]
    assert heads[0] == heads[1] != heads[2] == heads[3]
    for word, value in (("says it", 1.0), ("leaves it open", 0.0), ("contradicts it", -1.0)):
        run, _ = said(likely(word), entry(GOLD[2:]), name=LOCAL)
        assert run.cases[0].replies["candidate"].grades == {"1": value}


def test_a_local_judge_of_the_first_word_is_unjudged():
    """Who always takes the first answer says both."""
    run, _ = said(lambda request: Answer("", "choice", (-0.1, *[-3.0] * (len(request.choices) - 1))), name=LOCAL)
    assert {one.reason for one in run.cases[0].replies["candidate"].unjudged.values()} == {CONTRADICTS}
    run, _ = said(lambda request: Answer("", "choice", (-1.0,) * len(request.choices)), name=LOCAL)
    assert {one.reason for one in run.cases[0].replies["candidate"].unjudged.values()} == {
        "two words are exactly as likely"
    }


def test_a_panel_takes_the_verdict_of_most():
    """As many against as for is none; one that says nothing has no vote."""
    yes, no = (said(lambda _, told=told: Answer(told), entry(GOLD[:1]))[0] for told in ('{"1": true}', '{"1": false}'))
    nothing = said(lambda _: Answer("?"), entry(GOLD[:1]))[0]
    found = [criteria_said(runs)["s", "c"][0]["candidate"] for runs in ([yes, no], [yes, yes, no], [no, nothing])]
    assert found == [[None], [1.0], [0.0]]


def test_a_judge_that_says_yes_to_all_is_useless():
    """So is one that says no; one that differs once is not."""
    gold = [{"text": f"Says {number}.", "points": 1.0} for number in range(20)]
    for told in (True, False):
        run, _ = said(lambda request, told=told: Answer(json.dumps(dict.fromkeys(listed(request), told))), entry(gold))
        made = with_criteria(judge_data(run, OWN_CRITERIA, {}, None), run)
        assert made["useless"] == {"criteria": "it says the same of all 20 criteria"}
    run, _ = said(lambda request: Answer(json.dumps(dict.fromkeys(listed(request), True) | {"1": False})), entry(gold))
    assert "useless" not in with_criteria(judge_data(run, OWN_CRITERIA, {}, None), run)
