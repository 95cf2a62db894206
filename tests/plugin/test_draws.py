"""Draws through pytest: replayed, compared, and said."""

from __future__ import annotations

MODEL = """
from tools.fake_model import FakeModel
from pytest_medeval.core.types import Answer


def open_drawn(spec, settings):
    def script(request):
        number = int(request.messages[-1].content.split()[1][1:])
        right = request.seed % 1000 < 1000 * float(spec.argument)
        return Answer(f"The answer is ({'ABCD'[(number + (not right)) % 4]}).")

    return FakeModel(script, name=spec.text)
"""
SUITE = """
import pytest
from pytest_medeval import Suite

suite = Suite(task="mcq", cases="quiz.jsonl", scoring="reply", temperature=0.7, draws=4,
              gates=["accuracy better than baseline", "self_consistency.low >= 0.5"])

@pytest.mark.medeval(suite)
def test_quiz(evaluation):
    assert evaluation.outcome == "answered"
"""


def test_draws_are_told_stored_and_replayed(project):
    """The summary says four draws; the cache and a stored run give each of them again."""
    project.quiz(count=40)
    project.write("drawn.py", MODEL)
    project.pytester.makeconftest('def pytest_medeval_models(): return {"drawn": "drawn:open_drawn"}')
    project.pytester.makepyfile(test_quiz=SUITE)
    given = ("--medeval-json=run.json", "--medeval-cache=kept")
    models = {"model": "drawn:0.9", "baseline": "drawn:0.3"}
    first = project.run(*given, "--medeval-save=one", **models)
    assert first.ret == 0
    first.stdout.fnmatch_lines(["*replies drawn at temperature 0.7, 4 a case and averaged; seed 0 and case"])
    metrics = project.record()["suites"]["quiz"]["metrics"]
    again = project.run(*given, model="replay:one", baseline="replay:one#baseline")
    assert again.ret == 0
    assert project.record()["suites"]["quiz"]["metrics"] == metrics
