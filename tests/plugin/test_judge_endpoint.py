"""A judge behind a server that fails now and then: every case is judged or listed, none is asked twice."""

import json
import random
import re
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from tools.fake_server import FakeServer

from pytest_medeval.core.model import Traffic
from pytest_medeval.core.types import Message, Request
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.models import open_model, parse_spec

pytest.importorskip("openai", reason="pip install 'pytest-medeval[endpoint]' brings openai")
COUNT = 12
SUITE = """
import pytest
from pytest_medeval import Suite

suite = Suite(task="dialogue", cases="talk.jsonl", name="talk", gates=["length_ratio >= 0.1"])

@pytest.mark.medeval(suite)
def test_talk(evaluation):
    assert evaluation.outcome == "answered"
"""


def judge(body: dict) -> str:
    """Grade every reply 4, and prefer the first: a judge with a position bias."""
    if "reply-A" in body["messages"][-1]["content"]:
        return '{"preference": "A"}'
    return json.dumps(dict.fromkeys(DEFAULT_RUBRIC.names, 4))


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """Load the client's libraries here: they cannot be imported twice in a process, as inner runs would."""
    with FakeServer() as server:
        open_model(parse_spec(f"{server.url}#fake", Path())).answer([Request((Message("user", "?"),))])


@pytest.fixture
def talk(pytester: pytest.Pytester) -> pytest.Pytester:
    """Write a suite of a few dialogues."""
    cases = [{"id": f"c{n}", "input": f"I cough since day {n}.", "reference": "Rest and drink."} for n in range(COUNT)]
    pytester.makefile(".jsonl", talk="".join(json.dumps(case) + "\n" for case in cases))
    pytester.makepyfile(test_talk=SUITE)
    return pytester


def run(pytester: pytest.Pytester, server: FakeServer, *args: str) -> tuple[pytest.RunResult, dict]:
    """Run with the server as model, baseline and judge."""
    result = pytester.runpytest(
        "-p",
        "no:randomly",
        f"--medeval-model={server.url}#tuned",
        f"--medeval-baseline={server.url}#base",
        f"--medeval-judge={server.url}#judge",
        "--medeval-json=run.json",
        "--medeval-divergence=warn",
        *args,
    )
    return result, json.loads((pytester.path / "run.json").read_text(encoding="utf-8"))


def reply(body: dict) -> str:
    """Answer as the model that is named."""
    asked = body["messages"][-1]["content"]
    return judge(body) if body["model"] == "judge" else f"Rest and drink, says {body['model']}: {asked}"


def drawn_fault(server: FakeServer, tries: Counter[str], share: float, number: int) -> str | None:
    """Draw whether a try of a request fails, and how; the last one never does."""
    asked = json.dumps(server.asked[number][1])
    drawn = random.Random(f"{asked} {tries[asked]}")
    tries[asked] += 1
    fails = tries[asked] <= Traffic().retries and drawn.random() < share
    return drawn.choice(["429", "500", "cut", "drop"]) if fails else None


MODELS = [{"id": name} for name in ("tuned", "base", "judge")]


def test_every_case_is_judged_although_the_server_fails(talk: pytest.Pytester):
    """With 30 % injected faults, no more of a request than it has retries, all is as in a run without faults."""
    results, records = [], []
    for share in (0.0, 0.3):
        with FakeServer(reply=reply, models=MODELS, retry_after=0.01) as server:
            server.faults = partial(drawn_fault, server, Counter(), share)
            result, record = run(talk, server, "--medeval-cache=off")
            results.append(result.ret)
            records.append([case["judge"]["candidate"] for case in record["cases"]])
            assert record["judges"][0]["coverage"]["accuracy"] == [COUNT, COUNT]
            assert record["judges"][0]["position_consistency"] == 0.0
    assert results[0] == results[1]
    assert records[0] == records[1] == [dict.fromkeys(DEFAULT_RUBRIC.names, 4.0)] * COUNT


def test_a_judge_that_stays_away_is_listed(talk: pytest.Pytester):
    """What the judge never answered is unjudged with the reason, in the record."""

    def lost(body: dict) -> str:
        return "I cannot say." if body["model"] == "judge" else reply(body)

    with FakeServer(reply=lost, models=MODELS) as server:
        _, record = run(talk, server)
    assert record["judges"][0]["coverage"]["accuracy"] == [0, COUNT]
    said = next(iter(record["cases"][0]["judge"]["judges"].values()))["unjudged"]
    assert said["candidate"]["accuracy"]["raw"] == "I cannot say."
    assert set(said) == {"candidate", "baseline", "preference"}


def test_a_second_run_asks_no_judge(talk: pytest.Pytester):
    """All judgements are stored: an unchanged run makes no request."""
    with FakeServer(reply=reply, models=MODELS) as server:
        _, cold = run(talk, server)
        asked = len(server.asked)
        _, warm = run(talk, server)
        assert len(server.asked) == asked
    assert warm["judges"][0]["requests"] == 0
    assert [case["judge"] for case in warm["cases"]] == [case["judge"] for case in cold["cases"]]


def labelled(talk: pytest.Pytester, *, shift: int) -> str:
    """Write 40 labelled replies whose text says their grade; people see them ``shift`` steps away, cyclically."""
    lines = [
        {"item": f"i{n}", "dimension": name, "score": (n + shift) % 5 + 1, "rater": "ann",
         "question": "I cough.", "reply": f"reply {n} of grade {n % 5 + 1}"}
        for n in range(40)
        for name in DEFAULT_RUBRIC.names
    ]  # fmt: skip
    (talk.path / "labels.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    return "--medeval-judge-labels=labels.jsonl"


@pytest.mark.parametrize(
    ("shift", "verdict", "standing"),
    [(0, "pass", "admissible: it may carry gates"), (2, "not evaluated", "advisory: it carries no gate")],
)
@pytest.mark.usefixtures("whole")
def test_a_gate_on_a_judge_needs_its_agreement_with_people(
    talk: pytest.Pytester, shift: int, verdict: str, standing: str
):
    """A judge that grades as people do carries the gate; one that does not leaves it not evaluated."""

    def honest(body: dict) -> str:
        said = re.search(r"of grade (\d)", body["messages"][-1]["content"])
        if body["model"] == "judge" and said:
            return json.dumps(dict.fromkeys(DEFAULT_RUBRIC.names, int(said[1])))
        return reply(body)

    with FakeServer(reply=honest, models=MODELS) as server:
        gate = "--medeval-gate=talk:judge.accuracy >= 3"
        result, record = run(talk, server, gate, labelled(talk, shift=shift))
    judged = next(one for one in record["gates"] if one["expression"] == "judge.accuracy >= 3")
    assert judged["verdict"] == verdict
    assert result.ret == (0 if verdict == "pass" else 1)
    said = record["judges"][0]
    assert said["agreement"]["accuracy"]["n"] == said["audit"]["requests"] == 40
    result.stdout.fnmatch_lines([f"judge *{standing}", "  to measure its agreement with people: 40 requests, *"])
    assert record["usage"]["judge_tokens"] == said["tokens"] + said["audit"]["tokens"]


def test_labels_without_texts_are_not_graded(talk: pytest.Pytester):
    """Labels that hold no question and reply leave the judge advisory, and are not asked about."""
    line = {"item": "i1", "dimension": "accuracy", "score": 3, "rater": "ann"}
    (talk.path / "bare.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    with FakeServer(reply=reply, models=MODELS) as server:
        result, record = run(talk, server, "--medeval-judge-labels=bare.jsonl")
    assert result.ret == 0
    assert record["judges"][0]["agreement"] == {}
    assert not record["judges"][0]["admissible"]
    assert record["judges"][0]["audit"]["requests"] == 0


def test_a_wrong_judge_is_one_line(talk: pytest.Pytester):
    """A name that the server does not hold ends in one line that names it, and in no traceback."""
    with FakeServer(reply=reply, models=MODELS[:2]) as server:
        result = talk.runpytest(
            f"--medeval-model={server.url}#tuned", "--medeval-baseline=none", f"--medeval-judge={server.url}#judge"
        )
    output = "\n".join(result.outlines + result.errlines)
    assert "#judge: the server refuses: HTTP 404: The model 'judge' does not exist; it serves tuned, base" in output
    assert result.ret != 0
    assert "Traceback" not in output


def test_a_server_is_asked_no_harder_than_the_user_says(talk: pytest.Pytester):
    """No more requests are under way at once than were allowed, and each try ends when its time is up."""
    under_way, most = [], []

    def slow(body: dict) -> str:
        under_way.append(body)
        most.append(len(under_way))
        time.sleep(0.02)
        under_way.pop()
        return reply(body)

    with FakeServer(reply=slow, models=MODELS) as server:
        result, _ = run(talk, server, "--medeval-concurrency=2", "--medeval-timeout=30")
    assert result.ret == 0
    assert max(most) == 2


@pytest.mark.parametrize("option", ["concurrency=0", "rate=x", "timeout=-1"])
def test_a_wrong_limit_is_one_line(talk: pytest.Pytester, option: str):
    """What is no whole number from 1 is a usage error."""
    result = talk.runpytest(f"--medeval-{option}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --medeval-{option}: accepted: a whole number, 1 or more, up to 18 digits"])
