"""A model behind a server: what is sent, and that faults stay with their request."""

import base64
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.fake_server import FakeServer, Fault, is_probe
from tools.faulty_servers import KEY, table

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Traffic
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Model, Settings, open_model, parse_spec

FAST = Traffic(concurrency=8, timeout=1.5, retries=1)


def ask(text: str, **fields: object) -> Request:
    """Make a request of one user message."""
    return Request((Message("user", text),), **fields)


def opened(server: FakeServer, traffic: Traffic = FAST, *, name: str = "fake", cache: Path | None = None) -> Model:
    """Open the model of a server."""
    return open_model(parse_spec(f"{server.url}#{name}", Path()), Settings(traffic=traffic, cache=cache))


def first(fault: Fault, times: int = 1) -> Callable[[int], Fault | None]:
    """Let the first requests fail."""
    return lambda number: fault if number < times else None


def test_request_is_greedy_and_bounded():
    """Temperature 0, a seed, the token limit and stop strings are sent; tokens and finish are read."""
    with FakeServer(reply=lambda _: "Rest. END more", finish="length") as server:
        (answer,) = opened(server).answer([ask("I cough", max_new_tokens=7, stop=("END",))])
        (answer_without_stop,) = opened(server).answer([ask("I cough", max_new_tokens=8)])
    path, sent = server.asked[0]
    assert path == "/v1/chat/completions"
    assert sent == {
        "model": "fake",
        "messages": [{"role": "user", "content": "I cough"}],
        "temperature": 0,
        "seed": 0,
        "max_tokens": 7,
        "stop": ["END"],
    }
    assert (answer.text, answer.finish, answer.prompt_tokens, answer.reply_tokens) == ("Rest. ", "stop", 2, 3)
    assert answer_without_stop.finish == "length"


def test_answers_stand_in_the_order_of_requests():
    """Many requests are under way at once, at most as many as allowed, and keep their order."""
    with FakeServer(delay=0.02) as server:
        ticks: list[int] = []
        answers = opened(server).answer([ask(f"q{number}") for number in range(40)], ticks.append)
    assert [answer.text for answer in answers] == [f"q{number}" for number in range(40)]
    assert 2 <= server.most_at_once <= FAST.concurrency
    assert sum(ticks) == 40


@pytest.mark.parametrize("fault", ["429", "500", "cut", "drop", "hang"])
def test_a_fault_that_passes_costs_nothing(fault: Fault):
    """Each fault is tried again, by the client or by us, and the answer comes."""
    with FakeServer(faults=first(fault)) as server:
        answers = opened(server).answer([ask("a"), ask("b")])
    assert [answer.text for answer in answers] == ["a", "b"]
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("429", "HTTP 429: slow down"),
        ("500", "HTTP 500: out of order"),
        ("hang", "no answer within 1.5 s, in 2 tries"),
        ("cut", "the server's answer cannot be read: "),
        ("drop", "no server answers: "),
    ],
)
def test_a_fault_that_stays_is_one_failed_answer(fault: Fault, said: str):
    """The request that fails in all its tries is an error in one line; the others keep their answers."""
    with FakeServer() as server:
        model = opened(server)
        assert model.answer([ask("well")])[0].text == "well"
        after = len(server.asked)
        server.faults = lambda number: fault if server.asked[number][1]["messages"][0]["content"] == "bad" else None
        answers = model.answer([ask("a"), ask("bad"), ask("b")])
    assert [answer.text for answer in answers] == ["a", "", "b"]
    assert answers[1].finish == "error"
    assert answers[1].error.startswith(said)
    assert "\n" not in answers[1].error
    assert len(server.asked) == after + 2 + FAST.retries + 1


def test_retry_after_is_waited_for():
    """The server's Retry-After sets the time of the next try."""
    with FakeServer(faults=first("429"), retry_after=0.7) as server:
        opened(server).answer([ask("a")])
    assert server.times[1] - server.times[0] >= 0.7


def test_a_third_of_all_requests_failing_loses_nothing():
    """30 % injected faults of every kind: with tries enough, each request is answered."""
    drawn = random.Random(5)
    plan = [drawn.choice(["429", "500", "cut", "drop"]) if drawn.random() < 0.3 else None for _ in range(2000)]
    with FakeServer(faults=lambda number: plan[number], retry_after=0.01) as server:
        answers = opened(server, Traffic(concurrency=32, timeout=20, retries=9)).answer(
            [ask(f"q{n}") for n in range(60)]
        )
    assert [answer.text for answer in answers] == [f"q{number}" for number in range(60)]
    assert len(server.asked) > 70


def test_a_server_that_stops_answering_is_given_up():
    """When a server fails in a row, the rest is not asked, so that a run over thousands of cases ends."""
    with FakeServer() as server:
        model = opened(server, Traffic(concurrency=4, timeout=5, retries=0))
        model.answer([ask("well")])
        server.faults = lambda _: "500"
        answers = model.answer([ask(f"q{number}") for number in range(100)])
        asked = len(server.asked)
        server.faults = lambda _: None
        assert model.answer([ask("back")])[0].text == "back"
    assert {answer.finish for answer in answers} == {"error"}
    assert asked < 20
    assert re.fullmatch(r"not asked: the server failed \d+ times in a row", answers[-1].error)


def test_wrong_model_name_is_one_line():
    """A name that is not served ends the run at the first request, and the served ones are named."""
    with FakeServer() as server:
        model = opened(server, name="gpt-9")
        with pytest.raises(MedevalError) as error:
            model.answer([ask("a"), ask("b")])
    assert str(error.value) == (
        f"{server.url}#gpt-9: the server refuses: HTTP 404: The model 'gpt-9' does not exist; it serves fake"
    )
    assert len(server.asked) == 1


def test_a_refusal_that_names_the_model_is_one_line():
    """``transformers serve`` answers 400 to a name that it does not hold."""
    with FakeServer(refuse=["model"]) as server:
        model = opened(server, name="'model'")
        with pytest.raises(MedevalError, match="the server refuses: HTTP 400: Unsupported parameter: 'model'"):
            model.answer([ask("a")])


def test_no_server_is_one_line():
    """An address where nobody listens is found out when the model is opened."""
    with FakeServer() as server:
        url = server.url
    with pytest.raises(MedevalError, match=r"#fake: no server answers: .* \(1 tries\)$"):
        open_model(parse_spec(f"{url}#fake", Path()), Settings(traffic=Traffic(retries=0)))


def test_key_is_needed_away_from_this_machine(monkeypatch: pytest.MonkeyPatch):
    """Without a key, a server elsewhere is not even asked; one on this machine is."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MedevalError, match="OPENAI_API_KEY is not set"):
        open_model(parse_spec("https://judge.invalid/v1#gpt", Path()))
    with FakeServer() as server:
        assert opened(server).answer([ask("a")])[0].text == "a"


def test_key_is_never_shown(monkeypatch: pytest.MonkeyPatch):
    """A server that repeats the key in its complaint does not bring it into the report."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with FakeServer(models=[]) as server, pytest.raises(MedevalError) as error:
        opened(server, name="sk-secret-model").answer([ask("a")])
    assert "HTTP 404" in str(error.value)
    assert "The model '***-model'" in str(error.value)


@pytest.mark.parametrize("field", ["seed", "temperature", "max_tokens", "response_format", "stop"])
def test_a_field_that_is_refused_is_left_out(field: str):
    """A server that refuses an optional field is asked without it from then on; the loss is said once."""
    requests = [ask(f"q{number}", schema='{"type": "object"}', stop=("X",)) for number in range(5)]
    with FakeServer(refuse=[field]) as server:
        model = opened(server)
        answers = model.answer(requests)
    assert [answer.text for answer in answers] == [f"q{number}" for number in range(5)]
    assert sum(field in body for _, body in server.asked) == 1
    assert ("max_completion_tokens" in server.asked[-1][1]) == (field == "max_tokens")
    told = [notice for notice in model.notices if field in notice]
    assert len(told) == (field in {"seed", "temperature", "response_format"})


def test_a_second_run_asks_nothing(tmp_path: Path):
    """Stored replies answer an unchanged run; failed requests are asked again."""
    with FakeServer(faults=lambda number: "500" if number == 1 else None) as server:
        traffic = Traffic(concurrency=1, retries=0)
        opened(server, traffic, cache=tmp_path).answer([ask("a"), ask("b"), ask("c")])
        assert len(server.asked) == 3
        again = opened(server, traffic, cache=tmp_path).answer([ask("a"), ask("b"), ask("c")])
    assert [body["messages"][0]["content"] for _, body in server.asked[3:]] == ["b"]
    assert [answer.text for answer in again] == ["a", "b", "c"]
    assert [answer.cached for answer in again] == [True, False, True]


def test_identity_follows_what_the_server_tells():
    """The fingerprint changes with what is told of the model, and not with what changes from call to call."""
    one = {"id": "fake", "root": "weights-1", "created": 1}
    prints = {}
    with FakeServer() as server:
        later, other, asked = {**one, "created": 2}, {**one, "root": "weights-2"}, {**one, "permission": [{"id": "x"}]}
        now = [{"id": "fake", "created": time.time() + change} for change in (0, 9)]
        for key, told in enumerate((one, asked, later, other, *now)):
            server.models = [told]
            prints[key] = opened(server).identity.fingerprint
    assert prints[0] == prints[1]
    assert prints[4] == prints[5], "vLLM tells the time of the question"
    assert len({prints[key] for key in (0, 2, 3, 4)}) == 4


def test_other_weights_under_one_name_empty_the_cache_aloud(tmp_path: Path):
    """A probe is asked again at each run's start; another reply to it means that stored replies may be another's."""
    with FakeServer() as server:
        for weights, asked, probes in (("one", 2, 1), ("one", 2, 2), ("two", 4, 3), ("two", 4, 4)):
            server.weights = weights
            model = opened(server, cache=tmp_path)
            model.answer([ask("a"), ask("b")])
            model.answer([ask("a")])
            assert (len(server.asked), server.probes) == (asked, probes)
            told = "reply to the probe is not the one it was, so other weights may answer: 2 stored replies are thrown"
            assert [told in notice for notice in model.notices] == ([True] if (weights, probes) == ("two", 3) else [])


def test_where_the_probe_fails_no_stored_reply_is_taken(tmp_path: Path):
    """Replies that nobody can vouch for are left alone, and this is said."""
    with FakeServer() as server:
        opened(server, cache=tmp_path).answer([ask("a")])
        server.answer = lambda body: (400, {"error": "no probes"}, {}) if is_probe(body) else None
        model = opened(server, cache=tmp_path)
        assert [answer.cached for answer in model.answer([ask("a")])] == [False]
        assert model.notices == [
            f"{server.url}#fake: no reply is stored or taken from the cache: no probe: HTTP 400: no probes"
        ]
        server.answer = lambda _: None
        assert opened(server, cache=tmp_path).answer([ask("a")])[0].cached


def test_replies_of_each_state_of_a_server_are_kept_apart(tmp_path: Path):
    """``system_fingerprint`` belongs to the key; a run over two states says so."""
    with FakeServer() as server:
        state = {"name": "fp_1"}
        server.answer = lambda body: (200, {**server._chat(body), "system_fingerprint": state["name"]}, {})
        opened(server, cache=tmp_path).answer([ask("a")])
        state["name"] = "fp_2"
        model = opened(server, cache=tmp_path)
        assert not model.answer([ask("a")])[0].cached
        assert model.notices == []
        state["name"] = "fp_1"
        assert opened(server, cache=tmp_path).answer([ask("a")])[0].cached
        model.answer([ask("b")])
    assert [notice.partition(": ")[2] for notice in model.notices] == [
        "replies of more than one system_fingerprint: other weights or another engine may answer"
    ]


@pytest.mark.parametrize("cached", [True, False])
def test_a_run_whose_one_case_is_refused_is_no_refusal_of_the_model(tmp_path: Path, cached: bool):
    """A complaint that names the model is about the case where the probe is answered: the case is listed again."""
    too_long = {"error": {"message": "model 'fake' takes no such text", "param": "messages"}}
    with FakeServer(answer=lambda body: (400, too_long, {}) if "bad" in str(body) else None) as server:
        for _ in range(2):
            (answer,) = opened(server, cache=tmp_path if cached else None).answer([ask("bad")])
            assert answer.error == "HTTP 400: model 'fake' takes no such text"


def test_what_is_paid_for_and_spent_is_asked_once():
    """No wait helps where the quota is used up: the rest of the run is not asked."""
    quota = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    with FakeServer(answer=lambda body: (429, quota, {}) if "q" in body["messages"][0]["content"] else None) as server:
        model = opened(server, Traffic(concurrency=2, retries=4))
        model.answer([ask("a")])
        answers = model.answer([ask(f"q{number}") for number in range(30)])
    assert len(server.asked) <= 1 + 2
    assert answers[0].error == "HTTP 429: You exceeded your current quota"
    assert answers[-1].error == "not asked: HTTP 429: You exceeded your current quota"


def test_a_password_of_a_url_is_used_and_never_shown():
    """It stands in no text of the model, and not in what goes wrong."""
    with FakeServer(answer=lambda _: (403, {"error": "hunter2%2fhunter2 is wrong; hunter2/hunter2"}, {})) as server:
        url = server.url.replace("//", "//nurse:hunter2%2Fhunter2@")
        spec = parse_spec(f"{url}?api_key=abc#fake", Path())
        with pytest.raises(MedevalError) as error:
            open_model(spec, Settings(traffic=FAST)).answer([ask("a")])
        sent = server.headers[-1]["Authorization"]
    assert sent == f"Basic {base64.b64encode(b'nurse:hunter2/hunter2').decode()}"
    assert str(error.value).startswith(f"{server.url.replace('//', '//***@')}?api_key=***#fake: the server refuses: ")
    assert "*** is wrong; ***" in str(error.value)
    assert "hunter" not in f"{error.value} {spec}"


def test_every_kind_of_faulty_server_has_its_outcome():
    """The table of ``tools/faulty_servers.py``, row by row; the key is in none of them."""
    rows = list(table())
    found = {kind.name: (said[: len(kind.expected)], count) for kind, said, count in rows}
    assert found == {kind.name: (kind.expected, kind.tries) for kind, _, _ in rows}
    assert len(rows) > 50
    assert not [said for _, said, _ in rows if KEY[:13] in said]


def test_a_server_without_a_list_of_models_is_asked_all_the_same():
    """``transformers serve`` cannot list models where nothing was ever downloaded."""
    with FakeServer(lists=False) as server:
        assert opened(server).answer([ask("a")])[0].text == "a"


def test_pace_is_kept():
    """Requests begin no faster than the rate limit allows: here one in 0.1 seconds."""
    with FakeServer() as server:
        started = time.monotonic()
        opened(server, Traffic(concurrency=8, per_minute=600)).answer([ask(f"q{number}") for number in range(6)])
    assert time.monotonic() - started >= 0.4


def test_stopping_early_leaves_nothing_behind():
    """A caller that takes one answer and goes does not wait for the others."""
    with FakeServer(delay=0.3) as server:
        model = opened(server, Traffic(concurrency=2, timeout=30))
        model.answer([ask("load")])
        stream = model.inner._load().stream([ask(f"q{number}") for number in range(50)])
        next(stream)
        started = time.monotonic()
        stream.close()
    assert time.monotonic() - started < 0.3
    assert len(server.asked) < 10
