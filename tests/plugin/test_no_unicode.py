"""One lone surrogate in a server's JSON costs no answer and no record, is seen in the text, and is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools.fake_server import FakeServer

from pytest_medeval.core.encodable import MARK
from pytest_medeval.core.types import Message, Request
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.models import open_model, parse_spec

pytest.importorskip("openai", reason="pip install 'pytest-medeval[endpoint]' brings openai")
HALF = "\ud83d"
COUNT = 40
SUITE = """
import pytest
from pytest_medeval import Suite

suite = Suite(task="dialogue", cases="talk.jsonl", name="talk", gates=["length_ratio >= 0.1"])

@pytest.mark.medeval(suite)
def test_talk(evaluation):
    assert evaluation.outcome == "answered"
"""


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """Load the client's libraries here: they cannot be imported twice in a process, as inner runs would."""
    with FakeServer() as server:
        open_model(parse_spec(f"{server.url}#fake", Path())).answer([Request((Message("user", "?"),))])


def reply(body: dict) -> str:
    """Reply with half a pair to one question; as a judge, grade with half a pair in every answer."""
    asked = body["messages"][-1]["content"]
    if "day" not in asked or "reply" in asked.lower():
        return json.dumps({**dict.fromkeys(DEFAULT_RUBRIC.names, 4), "why": "X"}).replace("X", HALF)
    return f"Rest and drink. {HALF}" if "day 7." in asked else "Rest and drink."


@pytest.fixture
def talk(project):
    """Write a suite of forty dialogues."""
    cases = [{"id": f"c{n}", "input": f"I cough since day {n}.", "reference": "Rest and drink."} for n in range(COUNT)]
    project.write("talk.jsonl", "".join(json.dumps(case) + "\n" for case in cases))
    project.write("test_talk.py", SUITE)
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
@pytest.mark.usefixtures("whole")
def test_one_half_among_forty_replies(talk, workers):
    """All are scored and recorded; the record and the summary count the one; a replay finds it again."""
    with FakeServer(reply=reply) as server:
        model = f"{server.url}#fake"
        for cache in ("kept", "kept"):  # the second run reads what the first one kept
            result = talk.run(
                "--medeval-json=run.json", "--medeval-save=one", "--medeval-html=page.html", "--junitxml=j.xml",
                f"--medeval-cache={cache}", *workers, model=model, baseline="none",
            )  # fmt: skip
            assert result.ret == 0, result.outlines
            record = talk.record()
            assert record["suites"]["talk"]["outcomes"]["candidate"]["answered"] == COUNT
            assert record["suites"]["talk"]["replaced"] == {"candidate": 1}
            found = {case["id"]: case["candidate"]["reply"] for case in record["cases"]}
            assert found["c7"] == f"Rest and drink. {MARK}"
            result.stdout.fnmatch_lines(["  1 candidate replies hold U+FFFD where their text was no Unicode"])
    again = talk.run("--medeval-json=again.json", model="replay:0001_one", baseline="none")
    assert again.ret == 0
    assert talk.record("again.json")["suites"]["talk"]["replaced"] == {"candidate": 1}


@pytest.mark.usefixtures("whole")
def test_a_judges_answers_are_marked_and_counted(talk):
    """A judge's half does not end the run, and its line says that there were some."""
    with FakeServer(reply=reply) as server:
        model = f"{server.url}#fake"
        result = talk.run(
            f"--medeval-judge={model}", "--medeval-limit=4", "--medeval-json=run.json", model=model, baseline="none"
        )
    assert result.ret == 0, result.outlines
    (judge,) = talk.record()["judges"]
    assert any("answers hold U+FFFD" in notice for notice in judge["notices"])
    result.stdout.fnmatch_lines(["*answers hold U+FFFD where their text was no Unicode"])


def test_a_servers_words_and_names_are_marked(talk):
    """An id of /v1/models and an error text come into lines that are printed."""
    with FakeServer(models=[{"id": f"other{HALF}"}]) as server:
        result = talk.run(model=f"{server.url}#fake", baseline="none")
    assert result.ret == 4
    printed = "\n".join([*result.outlines, *result.errlines])
    assert f"it serves other{MARK}" in printed
    assert "INTERNALERROR" not in printed
    with FakeServer(reply=reply) as server:
        server.respond = lambda path, body, own=server.respond: (
            (400, {"error": {"message": f"no {HALF}"}}) if "day 3." in str(body) else own(path, body)
        )
        result = talk.run("--medeval-json=run.json", "-n2", model=f"{server.url}#fake", baseline="none")
    assert result.ret == 1
    assert talk.record()["suites"]["talk"]["outcomes"]["candidate"]["error"] == 1
    result.stdout.fnmatch_lines([f"*candidate gave no reply: c3: HTTP 400: no {MARK}*"])
