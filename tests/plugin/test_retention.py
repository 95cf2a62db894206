"""--medeval-retention: what a tuned model keeps, loses, and what stays open, in one table and one sentence."""

from __future__ import annotations

import pytest
from tests.plugin.conftest import SUITE, jsonl, questions

from pytest_medeval.runs.record import problems

MODELS = """
import fakes
from tools.fake_model import FakeModel
from pytest_medeval.core.types import Answer


def open_tuned(spec, settings):
    def script(request):
        word = next(word for word in request.messages[-1].content.split() if word in fakes.RIGHT)
        index = ("ABCD".index(fakes.RIGHT[word]) + (spec.argument == "new" and int(word[1:]) >= 1000)) % 4
        return Answer("", "choice", tuple(-1.0 if i == index else -3.0 for i in range(4)), (1,) * 4)

    return FakeModel(script, name=spec.text)
"""


def test_each_suite_is_kept_lost_or_undecided(project):
    """Of three suites one each: in terminal, Markdown, page, JUnit and record; the lost one fails the run."""
    project.pytester.makepyfile(scripted=MODELS)
    project.pytester.makeconftest('def pytest_medeval_models(): return {"tuned": "scripted:open_tuned"}')
    asked = questions(1120)
    for name, cases in (("same", asked[:120]), ("gone", asked[1000:]), ("few", asked[:10])):
        project.write(f"{name}.jsonl", jsonl(cases))
        project.write(f"test_{name}.py", SUITE.format(gates=[]).replace("quiz", name))
    options = ("--medeval-json=run.json", "--medeval-markdown=run.md", "--medeval-html=run.html", "--junitxml=j.xml")
    result = project.run("--medeval-retention", *options, model="tuned:new", baseline="tuned:old")
    told = "kept: 1 of 3, lost: 1, undecided: 1"
    result.stdout.fnmatch_lines([f"retention: {told}", "*suite *headline *verdict"])
    rows = {
        line.split()[0]: line.split()[-1] for line in result.outlines if line.endswith(("kept", "lost", "undecided"))
    }
    assert rows == {"same": "kept", "gone": "lost", "few": "undecided"}
    result.stdout.fnmatch_lines(["*nothing says what the candidate was tuned for, so all is judged: *gone*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    record = project.record()
    assert problems(record) == []
    assert {name: one["verdict"] for name, one in record["retention"]["suites"].items()} == rows
    assert {gate["suite"]: gate["verdict"] for gate in record["gates"]} == {
        "same": "pass", "gone": "fail", "few": "inconclusive",
    }  # fmt: skip
    for file in ("run.md", "run.html", "j.xml"):
        assert told in (project.pytester.path / file).read_text(encoding="utf-8"), file
    assert 'name="medeval.retention.gone" value="lost"' in (project.pytester.path / "j.xml").read_text(encoding="utf-8")
