"""Whatever replies, names and ids hold: no terminal, CI log or XML is steered by it, and no password is shown."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from base64 import b64encode
from pathlib import Path

import pytest
from tools.fake_server import FakeServer

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import open_model, parse_spec

pytest.importorskip("openai", reason="pip install 'pytest-medeval[endpoint]' brings openai")
HOSTILE = (
    "\x1b]0;owned\x07\x9b2J\r\n::error::from a reply\n  ::set-output name=x::y\n##[group]z ##vso[task.complete]\x00"
)
NAME = "::warning::\x1b[31mtalk\x08"
BASIC = b64encode(b"nurse:hunter2-hunter2").decode()
"""What the client sends of a password in a URL."""
SUITE = f"""
import pytest
from pytest_medeval import Suite

suite = Suite(task="dialogue", cases="talk.jsonl", name={NAME!r}, gates=["length_ratio >= 0.9"])

@pytest.mark.medeval(suite)
def test_message(evaluation):
    print(evaluation.reply)
    assert not evaluation.reply, evaluation.reply

@pytest.mark.medeval(suite)
def test_repr(evaluation):
    assert evaluation is None

@pytest.mark.medeval(suite)
def test_fail(evaluation):
    pytest.fail(evaluation.reply, pytrace=False)

@pytest.mark.medeval(suite)
def test_lines(evaluation):
    assert evaluation.reply == "one\\n##[group]two"

@pytest.mark.medeval(suite)
def test_skip(evaluation):
    pytest.skip(evaluation.reply)

def test_own(medeval_model):
    raise ValueError(medeval_model.reply("?"))
"""
COMMAND = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """Load the client's libraries here: they cannot be imported twice in a process, as inner runs would."""
    with FakeServer() as server:
        open_model(parse_spec(f"{server.url}#fake", Path())).answer([Request((Message("user", "?"),))])


@pytest.fixture
def hostile(project, monkeypatch):
    """Write a suite whose name, ids, tags and replies steer whatever shows them raw."""
    monkeypatch.setenv("CI", "true")  # pytest then shows messages whole
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    tags = {"ward": HOSTILE}
    case = {"id": f"c1{HOSTILE}", "input": "I cough.", "reference": "Rest.", "tags": tags}
    project.write("talk.jsonl", json.dumps(case) + "\n")
    project.write("test_talk.py", SUITE)
    return project


def run(project, url: str, *args: str) -> str:
    """Run with a server; give what was printed. A password stands in its URL."""
    url = url.replace("//", "//nurse:hunter2-hunter2@")
    made = ("--medeval-json=run.json", "--medeval-html=page.html", "--medeval-markdown=run.md", "--junitxml=run.xml")
    result = project.run("-rA", "-p", "no:randomly", *made, *args, model=f"{url}#fake", baseline="none")
    return result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("args", [("-v",), ("-n", "2")], ids=["alone", "workers"])
def test_what_is_shown_is_inert(hostile, args):
    """Assertion messages, reprs, captured output, names and ids; JUnit XML is well-formed."""
    with FakeServer(reply=lambda _: HOSTILE) as server:
        shown = run(hostile, server.url, *args)
    assert "from a reply" in shown
    assert "owned" in shown
    assert "5 failed" in shown
    assert not COMMAND.findall(shown)
    assert not CONTROL.findall(shown)
    found = ET.parse(hostile.pytester.path / "run.xml")  # noqa: S314 - our own file
    assert any("gate[" in case.get("name", "") for case in found.iter("testcase"))
    assert json.loads((hostile.pytester.path / "run.json").read_text())["cases"][0]["candidate"]["reply"] == HOSTILE
    assert not CONTROL.findall((hostile.pytester.path / "run.md").read_text().replace("\n", ""))


def test_errors_of_servers_are_inert_and_a_password_is_nowhere(hostile):
    """What a server complains of is shown like replies; the URL's password is in no output of the run."""
    with FakeServer(answer=lambda _: (400, {"error": {"message": f"hunter2-hunter2 {BASIC} {HOSTILE}"}}, {})) as server:
        shown = run(hostile, server.url, "-v")
    assert "HTTP 400: *** ***" in shown
    assert not COMMAND.findall(shown)
    assert not CONTROL.findall(shown)
    for file in ("run.json", "page.html", "run.md", "run.xml"):
        text = (hostile.pytester.path / file).read_text()
        assert "hunter2" not in text, file
        assert BASIC[:-2] not in text, file
    assert "***@127.0.0.1" in (hostile.pytester.path / "run.json").read_text()
    assert "hunter2" not in shown
