"""Each model is asked every selected case once; what it gave becomes the plain data of the record."""

from __future__ import annotations

import json

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.signature import joined, request_signature
from pytest_medeval.core.types import Answer
from pytest_medeval.metrics import metrics_for
from pytest_medeval.runs.engine import Engine, entry, score
from pytest_medeval.runs.suite import Suite, resolve


@pytest.fixture
def suite(tmp_path):
    """Write a suite of four questions of which A is right."""

    def make(**options):
        rows = [
            {"id": f"q{i}", "question": f"Q{i} ?", "options": {"A": "x", "B": "y"}, "answer": "A"} for i in range(4)
        ]
        (tmp_path / "quiz.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        made = Suite("mcq", str(tmp_path / "quiz.jsonl"), name="quiz", **options)
        return resolve(made, read_settings(lambda _: None, tmp_path))

    return make


def saying(text="The answer is (A).", **more):
    """Make a model that always answers alike."""
    return FakeModel(lambda _: Answer(text, **more), name="saying")


def test_every_case_is_asked_once_of_each_model(suite):
    """Selected cases in the order of the file, in one call a role; a later call gives the same objects."""
    resolved, models = suite(scoring="reply"), {"candidate": saying(), "baseline": saying("(B)")}
    asked, opened = [], []

    def open_model(role, task):
        opened.append((role, task))
        return models[role]

    def progress(label, total):
        asked.append((label, total))
        return asked.append

    engine = Engine(open_model, progress)
    found = engine.evaluations(resolved, ["q3", "q1"])
    assert list(found) == ["q1", "q3"]
    assert engine.evaluations(resolved, ["q0"]) is found
    assert opened == [("candidate", "mcq"), ("baseline", "mcq")]
    assert asked == [("quiz: candidate answers", 2), 2, ("quiz: baseline answers", 2), 2]
    one = found["q3"]
    assert (one.case.id, one.gold, one.correct, one.prediction, one.outcome) == ("q3", "A", True, "A", "answered")
    assert (one.reply, one.baseline.prediction, one.scores["accuracy"]) == ("The answer is (A).", "B", 1.0)
    assert one.asked == one.requests[0].messages[-1].content
    assert (one.detail, repr(one)) == ("read by: first line: letter", "<answered: read by: first line: letter>")


def test_only_the_candidate_is_needed(suite):
    """Without a baseline there is none; without a candidate there is one line that says so."""
    found = Engine(lambda role, _: saying() if role == "candidate" else None).evaluations(suite(), ["q0"])
    assert found["q0"].baseline is None
    with pytest.raises(MedevalError, match="suite quiz: no model answers mcq"):
        Engine(lambda role, _: saying() if role == "baseline" else None).evaluations(suite(), ["q0"])


def test_what_answers_cost_is_taken_once(suite):
    """Stored answers and answers asked again are counted over both roles; taking the usage empties it."""
    models = {"candidate": saying(cached=True), "baseline": saying(cached=True, again=True)}
    engine = Engine(lambda role, _: models[role])
    engine.evaluations(suite(scoring="reply"), ["q0", "q1", "q2"])
    used = engine.take_usage()
    assert 0 < used.pop("seconds") < 1
    assert used == {"cache_hits": 6, "asked_again": 3}
    assert engine.take_usage() == {"seconds": 0.0, "cache_hits": 0, "asked_again": 0}


def test_a_model_that_gives_too_few_answers_is_refused(suite):
    """An answer that is missing would shift all others."""
    model = saying()
    model.answer = lambda requests, tick=None: [Answer("A")] * (len(requests) - 1)  # noqa: ARG005
    with pytest.raises(ValueError, match="3 answers to 4 requests"):
        Engine(lambda *_: model).evaluations(suite(scoring="reply"), [f"q{i}" for i in range(4)])


def test_metrics_without_a_score_per_case_have_none(suite):
    """Macro-F1 of one case means nothing; an undefined score is left out; the rows are there all the same."""
    resolved = suite(scoring="reply")
    metrics = metrics_for(resolved.task, ["accuracy", "macro_f1", "answered"])
    found = score(resolved.cases[0], (Answer("(A)"),), resolved.task, metrics)
    assert set(found.scores) == {"accuracy", "answered"}
    assert set(found.rows) == {metric.counts for metric in metrics}
    lost = score(resolved.cases[0], (Answer(finish="error", error="gone"),), resolved.task, metrics)
    assert (lost.scores, lost.rows, lost.detail, repr(lost)) == ({}, {}, "gone", "<error: gone>")


def plain(resolved, answer):
    """Give the entry of the first case."""
    model = FakeModel(answer if callable(answer) else lambda _: answer)
    engine = Engine(lambda role, _: model if role == "candidate" else None)
    (found,) = engine.evaluations(resolved, ["q0"]).values()
    return entry("quiz", "a.py::q0", found), found


def test_an_entry_holds_what_was_asked_and_given(suite):
    """Case, request and reply as plain data; what is not there has no key."""
    resolved = suite(scoring="reply")
    given = Answer("(A)", prompt_hash="f" * 64, prompt_tokens=7, reply_tokens=2)
    found, evaluation = plain(resolved, given)
    role = found.pop("candidate")
    assert role.pop("scores") == evaluation.scores
    assert role.pop("rows") == evaluation.rows
    assert role == {
        "reply": "(A)", "outcome": "answered", "prediction": "A", "prompt_hash": "f" * 64, "tokens": [7, 2],
        "finish": "stop", "detail": "read by: first line: letter",
    }  # fmt: skip
    assert found.pop("request") == joined([request_signature(evaluation.requests[0])])
    assert len(found.pop("content")) == 64
    assert found == {
        "suite": "quiz", "id": "q0", "nodeid": "a.py::q0", "tags": {}, "critical": False, "cluster": None,
        "asked": evaluation.asked, "gold": "A", "correct": True,
    }  # fmt: skip


def test_thoughts_and_reasons_are_kept(suite):
    """What was thought before the reply, that it was never closed, and why nothing was read."""
    found, evaluation = plain(suite(scoring="reply"), Answer("", "length", thoughts="Hmm.", unclosed=True))
    assert (found["candidate"]["thoughts"], found["candidate"]["unclosed"]) == ("Hmm.", True)
    assert evaluation.thoughts == "Hmm."
    lost, _ = plain(suite(), Answer(finish="error", error="no route"))
    assert (lost["candidate"]["detail"], lost["correct"]) == ("no route", False)


def test_likelihoods_are_kept_with_their_tokens(suite):
    """Log-probabilities of the options, tokens of each, and the confidence that follows."""
    found, _ = plain(suite(), Answer("", "choice", (-1.0, -2.0), (1, 3)))
    role = found["candidate"]
    assert (role["logprobs"], role["choice_tokens"], role["finish"]) == ((-1.0, -2.0), (1, 3), "choice")
    assert role["confidence"]["A"] == pytest.approx(0.7310585786300049)


def test_several_requests_of_a_case_have_a_part_each(suite):
    """Orders of the options: tokens are added up, hashes joined, and each part has its own request and reply."""
    count = iter(range(1, 9))

    def answer(_):
        at = next(count)
        return Answer("(A)", prompt_hash=str(at) * 64, prompt_tokens=at, reply_tokens=10 * at, thoughts=f"t{at}")

    found, evaluation = plain(suite(scoring="reply", rotations=True), answer)
    role = found["candidate"]
    signatures = [request_signature(request) for request in evaluation.requests]
    assert found["request"] == joined(signatures)
    assert (role["tokens"], role["prompt_hash"]) == ([3, 30], joined(["1" * 64, "2" * 64]))
    assert [part["request"] for part in role["parts"]] == signatures
    assert [part["tokens"] for part in role["parts"]] == [[1, 10], [2, 20]]
    assert [part["prediction"] for part in role["parts"]] == ["A", "A"]
    assert ("t1" in role["thoughts"], "t2" in role["thoughts"]) == (True, True)
    silent, _ = plain(suite(scoring="reply", rotations=True), Answer("(A)"))
    assert "thoughts" not in silent["candidate"]
