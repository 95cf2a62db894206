"""A reply that ROUGE cannot score, from the model to the exit code: counted, named, and no gate passes on it."""

from __future__ import annotations

import pytest

FAKES = """
from tools.fake_model import FakeModel
from pytest_medeval.core.types import Answer

def open_fake(spec, settings):
    def script(request):
        asked = request.messages[-1].content
        return Answer(spec.argument if asked.endswith(" w3") and spec.argument != "none" else f"Принимайте {asked}")

    return FakeModel(script, name=spec.text)
"""

SUITE = """
import pytest
from pytest_medeval import Suite

suite = Suite(task="dialogue", cases="talk.jsonl", metrics=["rouge1", "bleu"], gates={gates})

@pytest.mark.medeval(suite)
def test_talk(evaluation):
    assert evaluation.reply
"""

WORKERS = [(), ("-n", "2")]


@pytest.fixture
def talk(project):
    """Write a suite of 30 Russian dialogues whose gates are given, and a model that may reply to one with an emoji."""
    project.write("fakes.py", FAKES)

    def write(*gates: str) -> None:
        project.write("test_talk.py", SUITE.format(gates=list(gates)))
        lines = [
            f'{{"id": "c{i}", "input": "таблетку w{i}", "reference": "Принимайте таблетку w{i}", '
            f'"tags": {{"half": "{"first" if i < 15 else "second"}"}}}}\n' for i in range(30)
        ]  # fmt: skip
        project.write("talk.jsonl", "".join(lines))

    return write


@pytest.mark.parametrize("workers", WORKERS, ids=["alone", "n2"])
def test_a_gate_passes_on_words_of_any_script(project, talk, workers):
    """The replies equal their references, in Cyrillic: all is 1."""
    talk("rouge1 >= 0.999", "bleu >= 0.999")
    result = project.run(*workers, model="fake:none", baseline=None)
    assert result.ret == 0


@pytest.mark.parametrize("workers", WORKERS, ids=["alone", "n2"])
@pytest.mark.usefixtures("whole")
def test_no_gate_passes_on_an_undefined_score(project, talk, workers):
    """One reply of 30 is an emoji: ROUGE's gate is not evaluated and names it, BLEU's is judged."""
    talk("rouge1 >= 0.9", "rouge1 >= 0.9999", "bleu >= 0.9")
    result = project.run("--medeval-json=run.json", "--medeval-html=run.html", *workers, model="fake:👍", baseline=None)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*rouge is undefined for 1 of 30 replies of candidate*c3*"])
    gates = {gate["expression"]: gate for gate in project.record()["gates"]}
    assert gates["bleu >= 0.9"]["verdict"] == "pass"
    lost = gates["rouge1 >= 0.9"]
    assert (lost["verdict"], lost["outcome"]) == ("not evaluated", "failed")
    assert "rouge1 is undefined for 1 of 30 replies of candidate, the first of case c3" in lost["reason"]
    case = next(case for case in project.record()["cases"] if case["id"] == "c3")
    assert case["candidate"]["rows"]["rouge"] == [None, None, None]
    assert "rouge1" not in case["candidate"]["scores"]


def test_an_empty_reply_is_0_and_judged(project, talk):
    """Silence is wrong, not undefined."""
    talk("rouge1 >= 0.9", "rouge1 >= 0.999")
    project.run("--medeval-json=run.json", model="fake:", baseline=None)
    verdicts = {gate["expression"]: gate["verdict"] for gate in project.record()["gates"]}
    assert verdicts == {"rouge1 >= 0.9": "pass", "rouge1 >= 0.999": "fail"}


@pytest.mark.parametrize(("candidate", "baseline", "role"), [("👍", "none", "candidate"), ("none", "👍", "baseline")])
def test_comparisons_neither(project, talk, candidate, baseline, role):
    """The case would be left out in both roles; a group without it is judged."""
    talk("rouge1 not worse than baseline by 0.2", "rouge1[half=second] >= 0.9")
    project.run("--medeval-json=run.json", model=f"fake:{candidate}", baseline=f"fake:{baseline}")
    compared, group = project.record()["gates"]
    assert compared["verdict"] == "not evaluated"
    assert f"of 30 replies of {role}" in compared["reason"]
    assert "undefined" not in group["reason"]


def test_against_a_stored_run(project, talk):
    """A stored reply without a score is known from a case that changed."""
    talk("rouge1 not worse than reference by 0.2")
    project.run("--medeval-save=old", model="fake:👍", baseline=None)
    project.run("--medeval-compare=old", "--medeval-json=run.json", model="fake:none", baseline=None)
    (gate,) = project.record()["gates"]
    assert gate["verdict"] == "not evaluated"
    assert "replies of reference, the first of case c3" in gate["reason"]
