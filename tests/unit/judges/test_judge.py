"""Judging stored replies: blind, reproducible, within a budget, and nothing is dropped."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.types import Answer, Request
from pytest_medeval.judges.ask import Budget, Preference, Unjudged
from pytest_medeval.judges.judge import Judging, judge_cases
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.models.cache import CachedModel, Store

NAMES = DEFAULT_RUBRIC.names


def case(number: int, *, candidate: str = "good", baseline: str | None = "bad", suite: str = "talk") -> dict:
    """Make an entry as the record holds it."""
    entry = {
        "suite": suite,
        "id": f"c{number}",
        "nodeid": f"t.py::t[c{number}]",
        "asked": f"I cough, {number}.",
        "gold": "Rest and drink.",
        "candidate": {"reply": f"{candidate} {number}", "outcome": "answered"},
    }
    if baseline is not None:
        entry["baseline"] = {"reply": f"{baseline} {number}", "outcome": "answered"}
    return entry


def server_judge(script: Callable[[Request], str], name: str = "http://judge/v1#j") -> FakeModel:
    """Make a judge behind a server out of what it says."""
    return FakeModel(lambda request: Answer(script(request), prompt_tokens=10, reply_tokens=2), name=name)


def fenced(request: Request) -> list[str]:
    """Give the replies in a prompt's fences."""
    return [part.split("\n", 1)[1].rsplit("\n</", 1)[0] for part in request.messages[1].content.split("<reply")[1:]]


def honest(request: Request) -> str:
    """Grade good replies 4 and others 2, and prefer the good one, in JSON."""
    grades = [4 if "good" in reply else 2 for reply in fenced(request)]
    if len(grades) == 1:
        return json.dumps(dict.fromkeys(NAMES, grades[0]))
    return json.dumps({"preference": "tie" if grades[0] == grades[1] else "A" if grades[0] > grades[1] else "B"})


def local_judge(grade: Callable[[str], float], check: Callable[[str], str] = lambda _: "all there") -> FakeModel:
    """Make a local judge, whose probability lies on the two grades around the one wanted."""

    def script(request: Request) -> Answer:
        if not request.choices:
            return Answer(check(request.messages[1].content))
        if request.choices == ("A", "B"):
            return Answer(finish="choice", logprobs=(-1.0, -2.0))
        wanted = grade(request.messages[1].content)
        weights = [max(0.0, 1 - abs(int(choice) - wanted)) for choice in request.choices]
        return Answer(finish="choice", logprobs=tuple(math.log(max(weight, 1e-12)) for weight in weights))

    return FakeModel(script, name="adapters/judge")


def test_a_server_is_asked_once_a_reply():
    """One request with a JSON schema holds all dimensions; two more ask for the preference in both orders."""
    judge = server_judge(honest)
    run = judge_cases(judge, [case(1)])
    first = run.cases[0]
    assert first.replies["candidate"].grades == dict.fromkeys(NAMES, 4.0)
    assert first.replies["baseline"].grades == dict.fromkeys(NAMES, 2.0)
    assert first.preference == Preference(1, 1, tokens=24)
    assert (run.style, run.requests, run.tokens, len(judge.asked)) == ("json", 4, 48, 4)
    assert json.loads(judge.asked[0].schema)["required"] == list(NAMES)


def test_a_local_judge_gives_expected_grades():
    """One check, then one request a dimension; the grade is the mean under the probabilities of the offered ones."""
    judge = local_judge(lambda text: 3.25 if "Grade its accuracy" in text else 5.0)
    run = judge_cases(judge, [case(1, baseline=None)])
    grades = run.cases[0].replies["candidate"].grades
    assert grades["accuracy"] == pytest.approx(3.25)
    assert grades["relevance"] == pytest.approx(5.0)
    assert (run.style, len(judge.asked)) == ("grades", 5)
    check, *rest = judge.asked
    assert (check.choices, {request.choices for request in rest}) == ((), {("1", "2", "3", "4", "5")})
    assert run.cases[0].preference is None


def test_a_local_judge_reads_its_own_check_before_it_grades():
    """What it wrote of a reply stands in the prompt of each grade, and of the comparison."""
    judge = local_judge(lambda _: 4.0, check=lambda text: f"seen {len(text)}")
    judge_cases(judge, [case(1)])
    written = {
        f"Your check of it:\nseen {len(request.messages[-1].content)}\n"
        for request in judge.asked
        if not request.choices
    }
    assert len(written) == 2
    for request in judge.asked:
        count = sum(text in request.messages[-1].content for text in written)
        assert count == {(): 0, ("A", "B"): 2}.get(request.choices, 1)


def test_without_a_check_there_is_no_grade():
    """A judge that could not be asked for its check is not asked for grades; the reason is kept."""
    judge = FakeModel(lambda _: Answer(finish="error", error="out of memory"), name="adapters/judge")
    run = judge_cases(judge, [case(1, baseline=None)])
    said = run.cases[0].replies["candidate"]
    assert {one.reason for one in said.unjudged.values()} == {"out of memory"}
    assert (set(said.unjudged), len(judge.asked)) == (set(NAMES), 1)


def test_prompts_are_blind():
    """No prompt names a role, a model or a case; equal replies get equal prompts, whoever wrote them."""
    judge = server_judge(honest, name="http://judge/v1#secret-name")
    swapped = case(1)
    swapped["candidate"], swapped["baseline"] = swapped["baseline"], swapped["candidate"]
    judge_cases(judge, [case(1)])
    told = set(judge.asked)
    judge.asked.clear()
    judge_cases(judge, [swapped])
    assert set(judge.asked) == told
    text = json.dumps([[turn.content for turn in request.messages] for request in told])
    assert not any(word in text for word in ("candidate", "baseline", "secret", "c1", "t.py"))


def test_order_is_drawn_by_the_seed():
    """The order of cases and replies depends on the seed alone, and is not that of the file."""

    def asked(seed: int) -> list[str]:
        judge = server_judge(honest)
        judge_cases(judge, [case(number) for number in range(12)], how=Judging(seed=seed, preference=False))
        return [fenced(request)[0] for request in judge.asked]

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)
    assert set(asked(1)) == {f"{kind} {number}" for number in range(12) for kind in ("good", "bad")}
    firsts = {reply.split()[1]: reply.split()[0] for reply in reversed(asked(1))}
    assert set(firsts.values()) == {"good", "bad"}


def test_reference_can_be_left_out():
    """With ``reference=False`` the right answer is not in the prompt."""
    for shown in (True, False):
        judge = server_judge(honest)
        judge_cases(judge, [case(1)], how=Judging(reference=shown))
        assert all(("Rest and drink." in request.messages[1].content) is shown for request in judge.asked)


def test_a_preference_that_flips_is_a_tie():
    """A judge that always prefers the first reply prefers none: half a point, and an inconsistency."""
    judge = server_judge(lambda one: '{"preference": "A"}' if len(fenced(one)) == 2 else honest(one))
    preference = judge_cases(judge, [case(1)]).cases[0].preference
    assert (preference.share, preference.consistent) == (0.5, False)
    assert {preference.first, preference.second} == {1, -1}


def test_equal_replies_are_a_tie_that_nobody_is_asked():
    """One text cannot be better than itself, and is graded once."""
    judge = server_judge(honest)
    run = judge_cases(judge, [case(1, baseline="good")])
    assert run.cases[0].preference == Preference(0, 0, same=True)
    assert len(judge.asked) == 1
    assert run.cases[0].replies["candidate"].grades == run.cases[0].replies["baseline"].grades


def test_what_cannot_be_read_is_asked_once_more():
    """The second prompt has another code and says what was wrong; a good answer then counts."""
    said = iter(["I think it deserves a 4.", json.dumps(dict.fromkeys(NAMES, 4))])
    judge = server_judge(lambda _: next(said))
    run = judge_cases(judge, [case(1, baseline=None)], how=Judging(style="json"))
    assert run.cases[0].replies["candidate"].grades == dict.fromkeys(NAMES, 4.0)
    first, second = (request.messages for request in judge.asked)
    assert "could not be read" in second[1].content
    assert first[0].content != second[0].content
    assert run.cases[0].replies["candidate"].tokens == 24


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Score: 5", "no verdict: no JSON object"),
        ('{"accuracy": 6, "comprehensiveness": 6, "helpfulness": 6, "relevance": 6}', "is not on the scale"),
        ('{"accuracy": 5, "compreh', "broken JSON: cut off, or quotes not escaped"),
        ("I'm unable to judge medical advice.", "no verdict: "),
        ("", "no verdict: the reply is empty"),
    ],
)
def test_what_stays_unreadable_is_unjudged(said: str, reason: str):
    """No grade is made up: the reason and the judge's words are kept for every dimension."""
    judge = server_judge(lambda _: said)
    judgement = judge_cases(judge, [case(1, baseline=None)], how=Judging(style="json")).cases[0].replies["candidate"]
    assert judgement.grades == {}
    assert list(judgement.unjudged) == list(NAMES)
    assert all(reason in one.reason and one.raw == said for one in judgement.unjudged.values())
    assert len(judge.asked) == 2


def test_the_rest_of_a_verdict_is_kept():
    """When one dimension stays without a grade, the others count."""
    said = json.dumps({**dict.fromkeys(NAMES, 3), "relevance": None})
    run = judge_cases(server_judge(lambda _: said), [case(1, baseline=None)], how=Judging(style="json"))
    judgement = run.cases[0].replies["candidate"]
    assert judgement.grades == dict.fromkeys(NAMES[:3], 3.0)
    assert judgement.unjudged == {"relevance": Unjudged("grade is null", said)}


def test_a_judge_out_of_reach_is_not_asked_again():
    """A failed request is unjudged with the server's reason, and counted."""
    judge = FakeModel(lambda _: Answer(finish="error", error="HTTP 500: out of order"), name="http://judge/v1#j")
    run = judge_cases(judge, [case(1)], how=Judging(style="json"))
    assert run.cases[0].replies["baseline"].unjudged["accuracy"] == Unjudged("HTTP 500: out of order")
    assert run.cases[0].preference == Unjudged("HTTP 500: out of order")
    assert (run.failed, len(judge.asked)) == (4, 4)


def test_a_reply_that_there_is_not_is_unjudged():
    """A model that could not be reached gave nothing to judge; an empty reply is judged like any other."""
    lost, silent = case(1), case(2)
    lost["candidate"] = {"reply": "", "outcome": "error"}
    silent["baseline"] = {"reply": "", "outcome": "no_answer"}
    run = judge_cases(server_judge(honest), [lost, silent])
    assert run.cases[0].replies["candidate"].unjudged["accuracy"] == Unjudged("there is no reply to judge")
    assert run.cases[0].preference == Unjudged("there is no reply to judge")
    assert run.cases[0].replies["baseline"].grades["accuracy"] == 2.0
    assert run.cases[1].replies["baseline"].grades["accuracy"] == 2.0


def test_a_sample_is_the_same_for_both_models_and_stays():
    """A seeded subset of each suite: it does not depend on the replies, on the order, or on other suites."""

    def drawn(entries: list[dict], seed: int = 0) -> list[str]:
        run = judge_cases(server_judge(honest), entries, how=Judging(seed=seed, sample=5))
        assert all(set(judged.replies) == {"candidate", "baseline"} for judged in run.cases)
        return [f"{judged.suite}/{judged.id}" for judged in run.cases]

    entries = [case(number) for number in range(30)]
    other = [case(number, candidate="fine", baseline="worse") for number in range(30)]
    more = [case(number, suite="exam") for number in range(30)]
    assert len(drawn(entries)) == 5
    assert drawn(entries) == drawn(other) == drawn(list(reversed(entries)))[::-1] == drawn(entries + more)[:5]
    assert drawn(entries) != drawn(entries, seed=1)


def test_a_budget_of_requests_stops_cleanly():
    """No request more than allowed; whole cases come first, the rest is unjudged with the reason."""
    judge = server_judge(honest)
    run = judge_cases(judge, [case(number) for number in range(10)], how=Judging(budget=Budget(requests=7)))
    replies = [judgement for judged in run.cases for judgement in judged.replies.values()]
    assert len(judge.asked) == run.requests == 7
    assert sum(bool(judgement.grades) for judgement in replies) == 7
    assert sum(all(judgement.grades for judgement in judged.replies.values()) for judged in run.cases) == 3
    rest = [judgement for judgement in replies if not judgement.grades]
    assert all(one == Unjudged("budget") for judgement in rest for one in judgement.unjudged.values())
    assert all(judged.preference == Unjudged("budget") for judged in run.cases)


def test_a_budget_of_tokens_stops_cleanly():
    """Requests go on while the mean of those so far still fits in."""
    judge = server_judge(honest)
    run = judge_cases(judge, [case(number) for number in range(30)], how=Judging(budget=Budget(tokens=300)))
    assert 250 < run.tokens <= 300


def test_a_budget_of_tokens_holds_where_a_server_tells_none():
    """Tokens are then estimated from the texts, and this is said; what is told is not estimated."""
    silent = FakeModel(lambda request: Answer(honest(request)), name="http://judge/v1#j")
    run = judge_cases(silent, [case(number) for number in range(60)], how=Judging(budget=Budget(tokens=20_000)))
    assert 10_000 < run.tokens <= 20_000
    assert len(silent.asked) == run.requests < 60
    told = f"{run.requests} answers came without numbers of tokens: they are estimated from the texts"
    assert told in run.notices
    assert not judge_cases(server_judge(honest), [case(1)], how=Judging(budget=Budget(tokens=99))).notices


def test_unreadable_answers_keep_their_words_when_the_budget_ends():
    """What could not be read and could not be asked again says both."""
    judge = server_judge(lambda _: "a 4")
    run = judge_cases(judge, [case(1, baseline=None)], how=Judging(style="json", budget=Budget(requests=1)))
    told = run.cases[0].replies["candidate"].unjudged["accuracy"]
    assert told == Unjudged("no verdict: no JSON object; not asked again: budget", "a 4")


def test_a_second_run_asks_nothing(tmp_path: Path):
    """Every judgement is stored, the unreadable ones too, and stored ones cost no budget."""

    def script(request: Request) -> str:
        return "?" if "I cough, 3." in request.messages[1].content else honest(request)

    judge = server_judge(script)
    store = Store(tmp_path)
    entries = [case(number) for number in range(6)]
    cold = judge_cases(CachedModel(judge.identity, lambda: judge, store), entries)
    asked = len(judge.asked)
    least = Judging(budget=Budget(requests=1))
    warm = judge_cases(CachedModel(judge.identity, lambda: judge, store), entries, how=least)
    assert len(judge.asked) == asked == cold.requests
    assert (warm.requests, warm.tokens, warm.cached) == (0, 0, asked)
    assert warm.cases == cold.cases


def test_a_server_that_writes_no_json_is_asked_for_grades():
    """A small judge behind a server is asked one dimension at a time when it can no more; that is said."""

    def small(request: Request) -> str:
        return "3" if request.choices == DEFAULT_RUBRIC.grades else "A"

    judge = server_judge(small)
    run = judge_cases(judge, [case(1), case(2)])
    assert run.style == "grades"
    assert all(judged.replies["candidate"].grades == dict.fromkeys(NAMES, 3.0) for judged in run.cases)
    assert run.notices == ("http://judge/v1#j: this judge writes no JSON; it is asked one dimension at a time",)
    assert sum(bool(request.schema) for request in judge.asked) == 2


def test_mcq_and_polarity_have_references_too():
    """What is known about the right answer is shown as text, whatever the task."""
    entry = case(1, baseline=None)
    entry["gold"] = {"咳嗽": "positive", "发热": "negative"}
    judge = server_judge(honest)
    judge_cases(judge, [entry])
    assert "咳嗽: positive\n发热: negative" in judge.asked[0].messages[1].content
