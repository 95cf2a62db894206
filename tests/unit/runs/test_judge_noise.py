"""A judge that is asked again about the same replies: what it changes its mind on is its noise floor."""

from __future__ import annotations

import hashlib

from tools.fake_model import FakeModel

from pytest_medeval.core.types import Answer, Request
from pytest_medeval.runs.journal import Journal
from pytest_medeval.runs.noise import judge_again
from pytest_medeval.runs.track_b import JudgePlan, ask_judges


def journal(count: int = 6) -> Journal:
    """Make a run of dialogue cases with two roles."""
    found = Journal()
    names = [f"c{number}" for number in range(count)]
    found.suites["chat"] = {"name": "chat", "task": "dialogue", "cases": names, "cluster": None}
    for name in names:
        roles = {
            role: {"reply": f"{role} says rest, {name}", "outcome": "answered", "rows": {}}
            for role in ("candidate", "baseline")
        }
        found.note({"entry": {"suite": "chat", "id": name, "asked": f"{name}?", "gold": "rest", **roles}})
    return found


def changes(judge: FakeModel) -> dict[str, float]:
    """Judge a run, judge it again, and give what changed."""
    run = journal()
    track_b = ask_judges(run, JudgePlan(specs=("judge",)), 0, lambda _: judge, lambda *_: lambda _: None)
    section = judge_again(run, track_b, lambda _: judge, seed=0, count=4)["chat"]
    (variant,) = section["variants"]
    assert section["n"] == 4
    assert variant["name"] == "judged again"
    assert (variant["changed"] > 0) == any(variant["changes"].values())
    return variant["changes"]


def graded(weight: int) -> FakeModel:
    """Make a judge whose grades hang on the whole prompt, its fence included, by ``weight``."""

    def script(request: Request) -> Answer:
        text = "".join(message.content for message in request.messages)
        draw = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 5 * weight
        logprobs = tuple(-1.0 if at == draw % len(request.choices) else -5.0 for at in range(len(request.choices)))
        return Answer("", "choice", logprobs, (1,) * len(logprobs))

    return FakeModel(script)


def test_a_steady_judge_has_no_noise():
    """The same grades whatever the fence: a floor of 0 on every dimension."""
    found = changes(graded(0))
    assert "judge.accuracy" in found
    assert not any(value for name, value in found.items() if name != "judge.preference")


def test_a_judge_that_minds_the_fence_has_noise():
    """Grades that hang on the random fence move when it is drawn anew."""
    assert max(changes(graded(1)).values()) > 0
