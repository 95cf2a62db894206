"""Several replies drawn for a case: averaged before anything else, each kept, and voted on."""

from __future__ import annotations

import numpy as np
import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer
from pytest_medeval.metrics import metrics_for
from pytest_medeval.report.lines import how_asked
from pytest_medeval.stats.evidence import gather
from pytest_medeval.tasks.base import seeded
from pytest_medeval.tasks.dialogue import Dialogue
from pytest_medeval.tasks.mcq import MCQ

DRAWN = {"scoring": "reply", "temperature": 0.7, "draws": 4, "metrics": ("accuracy", "self_consistency", "macro_f1")}
"""Options of a suite."""


def by_seed(share):
    """Answer a share of the draws rightly, by their seeds."""

    def answer(request):
        number = int(request.messages[-1].content.split()[1])
        right = request.seed % 1000 < 1000 * share
        return Answer(f"The answer is ({'AB'[(number + (not right)) % 2]}).", prompt_hash=f"{number:064}")

    return FakeModel(answer, name=f"drawn:{share}")


def test_each_draw_is_asked_kept_and_averaged(quiz):
    """Four seeds a case; the score is the mean of the draws, n are cases, and the record has every reply."""
    model = by_seed(0.6)
    record = quiz.run(model=model, count=40, **DRAWN)
    assert len({request.seed for request in model.asked}) == len(model.asked) == 160
    suite = record["suites"]["quiz"]
    assert suite["sampling"]["draws"] == 4
    right = [[part["prediction"] == case["gold"] for part in case["candidate"]["parts"]] for case in record["cases"]]
    assert {len(one) for one in right} == {4}
    accuracy, votes = suite["metrics"]["accuracy"], suite["metrics"]["self_consistency"]
    assert (accuracy["candidate"], accuracy["n"]) == (pytest.approx(np.mean(right)), 40)
    assert votes["candidate"] == np.mean([sum(one) > 2 for one in right])
    assert "|draws:4|" in accuracy["signature"]
    assert sum(map(sum, suite["confusion"]["matrix"])) == 160
    for case, one in zip(record["cases"], right, strict=True):
        assert case["candidate"]["scores"]["accuracy"] == np.mean(one)
        assert (case["candidate"]["prediction"] == case["gold"]) == (sum(one) > 2)
        assert case["correct"] == all(one)


def test_the_summary_says_that_judges_see_one_draw():
    """Only where there are several, and a judge: its interval does not narrow with them."""
    drawn = {"temperature": 0.7, "top_p": 1.0, "seed": 0, "draws": 4}
    for sampling, metrics, told in ((drawn, {"judge.accuracy": {}}, True), (drawn, {"rougeL": {}}, False)):
        lines = list(how_asked({"options": {}, "sampling": sampling, "metrics": metrics}))
        assert any("one draw of a case" in line for line in lines) == told
    alone = {name: value for name, value in drawn.items() if name != "draws"}
    assert len(list(how_asked({"options": {}, "sampling": alone, "metrics": {"judge.accuracy": {}}}))) == 1


def test_a_critical_case_must_be_right_in_every_draw(quiz):
    """Right in most is not right."""

    def edit(record):
        record["critical"] = record["id"] == "q0"

    record = quiz.run(model=by_seed(0.6), count=30, edit=edit, **DRAWN)
    assert next(case for case in record["cases"] if case["id"] == "q0")["correct"] is False
    assert next(gate for gate in record["gates"] if gate["expression"] == "critical")["verdict"] == "fail"


def test_the_first_draw_is_that_of_a_suite_without_draws():
    """So its stored reply is found; others have seeds of their own, and no other case has them."""
    asked = MCQ(scoring="reply", temperature=0.7).reply_request
    (request,) = quiz_requests(asked)
    seeds = [seeded(request, 3, "q1", draw).seed for draw in range(4)]
    assert seeds[0] == seeded(request, 3, "q1").seed
    assert len({*seeds, *(seeded(request, 3, "q11", draw).seed for draw in range(4))}) == 8


def quiz_requests(asked):
    """Make a request that draws."""
    from pytest_medeval.core.types import Message, Request

    return [asked(Request((Message("user", "?"),)))]


def test_draws_narrow_the_interval_by_what_a_case_varies():
    """Of 4 draws a case the interval is that of the means, not of 4 n cases; the value is that of all draws."""
    rng = np.random.default_rng(5)
    task = MCQ(scoring="reply", temperature=0.7, draws=4)
    (metric,) = metrics_for(task, ["accuracy"])
    rate = rng.beta(0.5, 0.5, 200)
    right = rng.random((200, 4)) < rate[:, None]
    rows = np.full((200, 4, 4), -1.0)
    rows[..., 0], rows[..., 1] = 0, np.where(right, 0, 1)
    found = gather([metric], {"mcq": rows.reshape(200, 16)}, None)["accuracy"]
    assert (found.candidate.value, found.n, found.kind) == (pytest.approx(right.mean()), 200, "mean")
    error = found.candidate.draws.std()
    assert error == pytest.approx(right.mean(axis=1).std() / np.sqrt(200), rel=0.03)


def test_errors_and_votes(quiz):
    """An error of one draw is the case's; a tie is no prediction; the outcome is that of most draws."""
    replies = iter(["(A)", "(A)", "(B)", "", "(A)", "(B)", "", ""])
    model = FakeModel(lambda _request: Answer(next(replies)))
    cases = quiz.run(model=model, count=2, **DRAWN)["cases"]
    assert [(case["candidate"]["prediction"], case["candidate"]["outcome"]) for case in cases] == [
        ("A", "answered"),
        (None, "no_answer"),
    ]
    failing = iter([Answer("(A)"), Answer(finish="error", error="gone"), Answer("(A)"), Answer("(A)")])
    record = quiz.run(model=FakeModel(lambda _request: next(failing)), count=1, **DRAWN)
    assert record["cases"][0]["candidate"]["outcome"] == "error"
    assert record["suites"]["quiz"]["complete"] is False


def test_what_draws_do_not_go_with():
    """Orders of options, and a vote without draws."""
    with pytest.raises(MedevalError, match="rotations=True are both set"):
        MCQ(scoring="reply", temperature=0.7, draws=2, rotations=True)
    with pytest.raises(MedevalError, match="needs draws=2 or more"):
        metrics_for(MCQ(), ["self_consistency"])
    assert all("draws:3" in metric.signature for metric in metrics_for(Dialogue(temperature=1.0, draws=3)))
