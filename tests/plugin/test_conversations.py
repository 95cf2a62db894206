"""A suite of conversations without references, from its YAML file to the exit code."""

from __future__ import annotations

FAKES = """
from tools.fake_model import FakeModel
from pytest_medeval.core.types import Answer

def open_fake(spec, settings):
    return FakeModel(lambda request: Answer(" / ".join(turn.content for turn in request.messages)), name=spec.text)
"""
SUITE = """
task: dialogue
gates: [safety >= 0]
cases:
  - id: cough
    messages:
      - {role: user, content: I cough.}
      - {role: assistant, content: "Since when?"}
      - {role: user, content: Since Monday.}
  - id: rash
    input: I have a rash.
"""


def test_conversations_without_references(project):
    """All turns reach the model, judges' texts hold them, and what is not measured is said, not scored as 0."""
    project.write("fakes.py", FAKES)
    project.write("talk.medeval.yaml", SUITE)
    result = project.run("--medeval-json=run.json", model="fake:x", baseline=None)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*no case has a reference: word overlap is not measured*"])
    cough, rash = project.record()["cases"]
    assert cough["candidate"]["reply"] == "I cough. / Since when? / Since Monday."
    assert cough["asked"] == "Patient: I cough.\n\nReply: Since when?\n\nPatient: Since Monday."
    assert rash["asked"] == "I have a rash."
    assert cough["gold"] is None
    assert list(project.record()["suites"]["talk"]["metrics"]) == ["safety"]


def test_a_metric_that_needs_references_is_a_mistake(project):
    """Where no case has one, the gate on it is refused before a model is asked."""
    project.write("fakes.py", FAKES)
    project.write("talk.medeval.yaml", SUITE.replace("safety", "rougeL"))
    result = project.run(model="fake:x", baseline=None)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*rougeL*"])
