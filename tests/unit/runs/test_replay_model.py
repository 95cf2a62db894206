"""Stored replies answer again, so that today's readers and metrics score them anew."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Message, Request
from pytest_medeval.models import Settings, open_model
from pytest_medeval.models.spec import parse_model
from pytest_medeval.runs.record import problems
from pytest_medeval.runs.replay import restore
from pytest_medeval.runs.store import save


def opened(storage, run="old"):
    """Open the replay of a stored run."""
    return open_model(parse_model(f"replay:{run}", storage), Settings(storage=storage))


@pytest.mark.parametrize("scoring", ["letters", "texts", "reply"])
def test_replayed_replies_score_as_they_did(quiz, storage, scoring):
    """Rows, scores, outcomes and identity of a replay are those of the run, by likelihood or from words."""
    old = quiz.run({1, 4}, count=12, scoring=scoring) if scoring != "texts" else quiz.run(count=12, scoring="texts")
    save(old, storage, "old")
    new = quiz.run(count=12, model=opened(storage), scoring=scoring)
    for before, after in zip(old["cases"], new["cases"], strict=True):
        assert before["candidate"] == after["candidate"]
    assert new["models"]["candidate"]["fingerprint"] == old["models"]["candidate"]["fingerprint"]
    assert new["models"]["candidate"]["spec"] == "replay:old"


@pytest.mark.parametrize("scoring", ["letters", "reply"])
def test_replies_to_all_orders_are_replayed(quiz, storage, scoring):
    """Each order's reply is stored under its own request, and gives the same scores and the same record again."""
    metrics = ["accuracy", "consistency", "position_bias", "answered"]
    old = quiz.run({1, 4}, count=12, scoring=scoring, rotations=True, metrics=metrics)
    assert problems(old) == []
    case = old["cases"][1]
    assert [part["prediction"] for part in case["candidate"]["parts"]] == ["A", "A"]
    assert case["candidate"]["scores"] == {"accuracy": 0.5, "consistency": 0.0, "answered": 1.0}
    save(old, storage, "old")
    new = quiz.run(count=12, model=opened(storage), scoring=scoring, rotations=True, metrics=metrics)
    for before, after in zip(old["cases"], new["cases"], strict=True):
        assert before["candidate"] == after["candidate"]
    once = quiz.run(count=12, model=opened(storage), scoring=scoring)
    assert once["suites"]["quiz"]["metrics"]["accuracy"]["candidate"] == 10 / 12


def test_examples_make_another_request(quiz, storage):
    """A run with other examples before its cases holds no replies for this one."""
    (quiz.folder / "train.jsonl").write_text(
        "".join(
            f'{{"id": "{i}", "question": "Example {i} ?", "options": {{"A": "yes", "B": "no"}}, "answer": "A"}}\n'
            for i in range(9)
        )
    )
    old = quiz.run({1}, count=4, shots=3, shots_from=str(quiz.folder / "train.jsonl"))
    assert problems(old) == []
    assert {key: old["suites"]["quiz"]["shots"][key] for key in ("count", "by", "usable", "asked")} == {
        "count": 3,
        "by": "seed",
        "usable": 9,
        "asked": 0,
    }
    save(old, storage, "old")
    same = quiz.run(count=4, model=opened(storage), shots=3, shots_from=str(quiz.folder / "train.jsonl"))
    assert same["suites"]["quiz"]["metrics"]["accuracy"]["candidate"] == 3 / 4
    assert same["suites"]["quiz"]["prompts"] == old["suites"]["quiz"]["prompts"]
    other = quiz.run(count=4, model=opened(storage), shots=2, shots_from=str(quiz.folder / "train.jsonl"))
    assert {case["candidate"]["outcome"] for case in other["cases"]} == {"error"}
    assert other["suites"]["quiz"]["signature"] != old["suites"]["quiz"]["signature"]


def test_todays_metrics_score_old_replies(quiz, storage):
    """A metric that the run did not have is computed from its replies."""
    save(quiz.run({1}, count=12, metrics=["accuracy"]), storage, "old")
    new = quiz.run(count=12, model=opened(storage), metrics=["accuracy", "macro_f1", "brier"])
    assert new["suites"]["quiz"]["metrics"]["accuracy"]["candidate"] == 11 / 12
    assert new["suites"]["quiz"]["metrics"]["brier"]["candidate"] is not None


def test_what_the_run_does_not_hold_is_an_error_answer(quiz, storage):
    """A new case, and one that is asked otherwise, has no reply; it is said, and nothing is made up."""
    save(quiz.run(count=10), storage, "old")
    model = opened(storage)
    new = quiz.run(count=12, model=model)
    assert [case["candidate"]["outcome"] for case in new["cases"]] == ["answered"] * 10 + ["error"] * 2
    assert "run 0001_old has no reply to this request" in new["cases"][11]["candidate"]["detail"]
    assert new["suites"]["quiz"]["complete"] is False
    assert model.notices == ["run 0001_old gave no reply to 2 of 12 requests"]


def test_the_baseline_of_a_run_is_asked_for_by_name(quiz, storage):
    """RUN#baseline gives the other role's replies; a run without that role says what it has."""
    save(quiz.run(set(), count=4, baseline={0, 1, 2, 3}), storage, "old")
    assert (
        quiz.run(count=4, model=opened(storage, "old#baseline"))["suites"]["quiz"]["metrics"]["accuracy"]["candidate"]
        == 0
    )
    save(quiz.run(count=4), storage, "alone")
    with pytest.raises(MedevalError, match="run 0002_alone has no baseline; it has candidate"):
        opened(storage, "alone#baseline")
    with pytest.raises(MedevalError, match="unknown role 'jugde'"):
        opened(storage, "alone#jugde")


def test_a_record_is_found_by_its_path(quiz, storage, tmp_path):
    """RUN may be the file of a record, relative to the project."""
    path = save(quiz.run(count=4), storage, "old")
    path.rename(tmp_path / "moved.json")
    model = open_model(parse_model("replay:moved.json", tmp_path), Settings(storage=storage))
    assert quiz.run(count=4, model=model)["suites"]["quiz"]["metrics"]["accuracy"]["candidate"] == 1
    with pytest.raises(MedevalError, match=r"no run 'gone\.json'"):
        open_model(parse_model("replay:gone.json", tmp_path), Settings(storage=storage))


@pytest.mark.parametrize(
    ("stored", "finish", "text"),
    [
        ({"outcome": "truncated", "finish": "length", "reply": "cut"}, "length", "cut"),
        ({"outcome": "truncated", "reply": "cut"}, "length", "cut"),
        ({"outcome": "error", "reply": "", "detail": "refused"}, "error", ""),
        (
            {
                "outcome": "answered",
                "finish": "choice",
                "reply": "(A) yes",
                "logprobs": [-1.0, None],
                "choice_tokens": [1, 2],
            },
            "error",
            "",
        ),
    ],
)
def test_an_answer_comes_back_as_it_was(stored, finish, text):
    """Cut replies stay cut, errors errors, and a number that is none (null in JSON) is an error."""
    answer = restore({"prompt_hash": "x", "tokens": [3, 2], **stored})
    assert (answer.finish, answer.text, answer.prompt_tokens, answer.reply_tokens) == (finish, text, 3, 2)
    if "logprobs" in stored:
        assert (answer.logprobs, answer.error) == (
            (),
            "1 of 2 log-likelihoods are no finite numbers up to 0, the first is nan",
        )


def test_all_of_an_answer_comes_back():
    """Tokens, thoughts, likelihoods; what a record does not say is empty; an error has its reason or one of its own."""
    asked = {"prompt_hash": "x", "tokens": [3, 2], "outcome": "answered", "reply": "(A) yes"}
    plain = restore(asked)
    assert plain == Answer("(A) yes", prompt_hash="x", prompt_tokens=3, reply_tokens=2)
    full = restore({**asked, "finish": "choice", "logprobs": [-1.0, -2.0], "choice_tokens": [1, 2], "thoughts": "Hm",
                    "unclosed": True})  # fmt: skip
    assert (full.text, full.logprobs, full.choice_tokens) == ("", (-1.0, -2.0), (1, 2))
    assert (full.finish, full.thoughts, full.unclosed, full.error) == ("choice", "Hm", True, "")
    for detail, told in (({"detail": "refused"}, "refused"), ({}, "the stored run had no reply")):
        lost = restore({**asked, "outcome": "error", "finish": "stop", **detail})
        assert (lost.finish, lost.error) == ("error", told)
    assert restore({**asked, "detail": "read by: letter"}).error == ""


def test_what_is_missing_is_counted_over_all_requests(quiz, storage):
    """No notice where nothing is missing; progress counts all."""
    save(quiz.run(count=4), storage, "old")
    model, done = opened(storage), []
    quiz.run(count=4, model=model)
    assert model.notices == []
    assert model.answer([], done.append) == []
    assert done == [0]


def test_a_file_of_graded_replies_answers_like_a_run(tmp_path):
    """Told from a record by what it holds; its path is its name."""
    turns = [{"role": "user", "content": "I cough."}, {"role": "assistant", "content": "Poor you."}]
    path = tmp_path / "graded.json"
    path.write_text(json.dumps([{"messages": turns, "rubrics": [{"criterion": "Is kind.", "criteria_met": True}]}]))
    model = opened(tmp_path / "no-store", str(path))
    (answer,) = model.answer([Request((Message("user", "I cough."),))])
    assert (answer.text, answer.grades) == ("Poor you.", (("Is kind.", 1.0),))
    assert model.identity.spec == f"replay:{path}"
