"""From evaluations to the record: counts, comparisons, gates, and what stands in the way of a verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.record import LeakedCase
from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.types import Answer
from pytest_medeval.runs.build import Run, with_divergence
from pytest_medeval.runs.record import problems
from pytest_medeval.runs.reference import Awaited, Reference
from pytest_medeval.stats.correct import holm
from pytest_medeval.stats.paired import mcnemar
from pytest_medeval.stats.proportions import tango, wilson
from pytest_medeval.verdicts.leakage import Leakage


def spoken(replies, default="The answer is (A)."):
    """Make a model that answers in words: question number -> reply, or the answer itself."""

    def answer(request):
        given = replies.get(int(request.messages[-1].content.split()[1]), default)
        return given if isinstance(given, Answer) else Answer(given, prompt_tokens=3, reply_tokens=2)

    return FakeModel(answer, name="spoken")


CUT = Answer("The answer", "length")
LOST = Answer(finish="error", error="no route")


def test_a_run_is_counted_and_compared(quiz):
    """Every number of a suite's section by hand or from the tested statistics: 10 of 12 right against 9."""
    record = quiz.run({1, 4}, count=12, baseline={0, 1, 2}, metrics=("accuracy",))
    assert problems(record) == []
    suite = record["suites"]["quiz"]
    assert (suite["task"], suite["headline"], suite["judged"], suite["complete"]) == ("mcq", "accuracy", False, True)
    assert (suite["cases"], suite["total"], suite["evaluated"]) == (12, 12, 12)
    assert suite["outcomes"] == {
        role: {"answered": 12, "no_answer": 0, "truncated": 0, "degenerate": 0, "error": 0}
        for role in ("candidate", "baseline")
    }
    accuracy = suite["metrics"]["accuracy"]
    assert (accuracy["candidate"], accuracy["baseline"], accuracy["n"]) == (10 / 12, 9 / 12, 12)
    assert accuracy["difference"] == pytest.approx(1 / 12)
    assert accuracy["relative"] == pytest.approx(1 / 9)
    assert accuracy["candidate_ci95"] == list(wilson(10, 12))
    assert accuracy["ci95"] == list(tango(2, 1, 12))
    assert (accuracy["test"], accuracy["p_value"], accuracy["direction"]) == ("McNemar exact", mcnemar(2, 1).p_value, 1)
    assert (accuracy["effect"], accuracy["reason"]) == ("Cohen's g", "")
    assert suite["subgroups"] == {
        "half": {
            "metric": "accuracy",
            "values": {half: {"n": 6, "candidate": pytest.approx(5 / 6)} for half in ("0", "1")},
        }
    }
    assert [case["correct"] for case in record["cases"]] == [number not in (1, 4) for number in range(12)]
    assert (record["divergence"], record["judges"], record["gates"]) == ({}, [], [])
    assert not {"reference", "awaited"} & record.keys()
    assert datetime.fromisoformat(record["created"]).tzinfo
    assert list(record["models"]) == ["candidate", "baseline"]
    alone = quiz.run({1}, count=12)
    assert list(alone["models"]) == ["candidate"]
    row = alone["suites"]["quiz"]["metrics"]["accuracy"]
    assert (row["baseline"], row["difference"], row["ci95"], row["p_value"]) == (None, None, None, None)


def test_p_values_of_run_and_reference_are_corrected_together(quiz):
    """Holm over the metrics of the suite and of its comparison with the reference."""
    old = Reference("old", quiz.run({*range(9)}, count=30))
    record = quiz.run({1}, count=30, baseline={*range(12)}, reference=old)
    suite = record["suites"]["quiz"]
    rows = [*suite["metrics"].values(), *suite["reference"]["metrics"].values()]
    assert len(rows) == 4
    assert [row["p_corrected"] for row in rows] == pytest.approx(holm([row["p_value"] for row in rows]))


def test_cases_that_did_not_run_are_missed(quiz):
    """A part of the suite: counted, named, and no gate is evaluated; cases keep the order of the file."""
    record = quiz.run({1}, count=6, only={"q5", "q0", "q3"}, gates=["accuracy >= 0.5"])
    suite = record["suites"]["quiz"]
    assert (suite["cases"], suite["evaluated"], suite["complete"]) == (6, 3, False)
    assert [case["id"] for case in record["cases"]] == ["q0", "q3", "q5"]
    (gate,) = record["gates"]
    assert (gate["verdict"], gate["outcome"]) == ("not evaluated", "failed")
    assert gate["reason"].endswith("3 of 6 cases were evaluated, the first missing one is q1")
    nothing = quiz.run(count=6, only=(), gates=["accuracy >= 0.5"])
    assert (nothing["suites"]["quiz"]["metrics"], nothing["suites"]["quiz"]["subgroups"]) == ({}, {})
    assert problems(nothing) == []


@pytest.mark.parametrize("role", ["candidate", "baseline"])
def test_a_reply_that_could_not_be_had_leaves_a_suite_incomplete(quiz, role):
    """Of either model: it scores nothing, is counted and named, and its suite's gates are not evaluated."""
    models = {"candidate": spoken({}), "baseline": spoken({})}
    models[role] = spoken({2: LOST, 4: LOST})
    record = quiz.run(
        count=6, scoring="reply", model=models["candidate"], baseline=models["baseline"], gates=["accuracy >= 0.1"]
    )
    suite = record["suites"]["quiz"]
    assert suite["outcomes"][role] == {"answered": 4, "no_answer": 0, "truncated": 0, "degenerate": 0, "error": 2}
    assert suite["metrics"]["accuracy"]["n"] == 4
    (gate,) = record["gates"]
    assert (suite["complete"], gate["verdict"]) == (False, "not evaluated")
    assert "2 replies could not be had, the first of case q2" in gate["reason"]


def test_complete_pairs_leave_out_what_either_model_did_not_finish(quiz):
    """S1's filter: both cut, one cut or unanswered; counted by the first reason, out of every number and gate."""
    candidate = spoken({1: CUT, 2: CUT, 3: "I cannot say."})
    baseline = spoken({2: CUT, 4: "I cannot say."})
    how = {"count": 30, "scoring": "reply", "model": candidate, "baseline": baseline, "gates": ["accuracy >= 0.5"]}
    record = quiz.run(**how, pairs="complete")
    suite = record["suites"]["quiz"]
    assert suite["excluded"] == {
        "count": 4, "reasons": {"baseline no_answer": 1, "candidate no_answer": 1, "candidate truncated": 2},
    }  # fmt: skip
    assert (suite["evaluated"], suite["metrics"]["accuracy"]["n"], record["gates"][0]["n"]) == (30, 26, 26)
    assert record["gates"][0]["observed"] == 13 / 26  # the even ones but 2 and 4 are right
    assert suite["subgroups"]["half"]["values"]["1"]["n"] == 13
    whole = quiz.run(**how)
    assert "excluded" not in whole["suites"]["quiz"]
    assert (whole["gates"][0]["n"], whole["gates"][0]["observed"]) == (30, 14 / 30)


def critical(record):
    """Let questions 1 and 2 be critical."""
    record["critical"] = record["id"] in ("q1", "q2")


def test_a_missed_critical_case_fails_whatever_the_gates(quiz):
    """One gate more for a suite that has critical cases; a miss fails, and is named."""
    missed = quiz.run({1, 5}, count=8, edit=critical, gates=["accuracy >= 0.1"])
    assert [(gate["expression"], gate["verdict"], gate["outcome"]) for gate in missed["gates"]] == [
        ("accuracy >= 0.1", "pass", "passed"), ("critical", "fail", "failed"),
    ]  # fmt: skip
    assert missed["gates"][1]["reason"] == "1 of 2 critical cases missed: q1"
    assert (missed["gates"][1]["n"], missed["gates"][1]["observed"]) == (2, 1.0)
    held = quiz.run({5}, count=8, edit=critical)
    assert [(gate["expression"], gate["verdict"]) for gate in held["gates"]] == [("critical", "pass")]
    part = quiz.run({5}, count=8, edit=critical, only={"q1", "q5"})
    assert [gate["verdict"] for gate in part["gates"]] == ["not evaluated"]
    assert quiz.run({1}, count=8)["gates"] == []


def test_subgroups_split_a_suite_and_hold_more_than_one_case(quiz):
    """A tag with one value for all, or one for every case, makes no groups; a case without it is in none."""

    def edit(record):
        number = int(record["id"][1:])
        record["tags"] = {"all": "x", "each": record["id"], **({"some": "ab"[number % 2]} if number < 5 else {})}

    groups = quiz.run({0}, count=8, edit=edit)["suites"]["quiz"]["subgroups"]
    assert {tag: group["values"] for tag, group in groups.items()} == {
        "some": {"a": {"n": 3, "candidate": pytest.approx(2 / 3)}, "b": {"n": 2, "candidate": 1.0}}
    }


def test_groups_make_comparisons_of_groups(quiz):
    """Cases of a group are resampled together: the test of the difference is the grouped permutation."""

    def edit(record):
        record["group"] = f"g{int(record['id'][1:]) // 2}"

    how = {"count": 40, "baseline": {*range(9)}, "metrics": ("accuracy",)}
    rows = [quiz.run({1}, edit=one, **how)["suites"]["quiz"]["metrics"]["accuracy"] for one in (None, edit)]
    assert [row["test"] for row in rows] == ["McNemar exact", "paired permutation"]
    old = Reference("old", quiz.run({*range(9)}, edit=edit))
    found = quiz.run({1}, edit=edit, reference=old)["suites"]["quiz"]["reference"]["metrics"]["accuracy"]
    assert found["test"] == "paired permutation"


def test_what_could_not_be_read_is_listed(quiz):
    """Counted by reason, the most frequent first; the first fifty are listed."""
    skips = [{"source": f"a.json:{n}", "reason": "no gold" if n == 9 else "too long"} for n in range(60)]

    def skipping(journal):
        journal.suites["quiz"]["skipped"] = skips

    skipped = quiz.run(count=4, seen=skipping)["suites"]["quiz"]["skipped"]
    assert (skipped["count"], skipped["of"], skipped["records"]) == (60, 64, skips[:50])
    assert list(skipped["reasons"].items()) == [("too long", 59), ("no gold", 1)]


def test_marks_of_replies_that_were_no_unicode_are_counted(quiz):
    """By role, a case once however many marks its replies hold."""
    model = spoken({1: "The answer is (B)\ud83d\ud83d.", 3: "The answer is (B)\ud83d."})
    how = {"count": 6, "scoring": "reply"}
    record = quiz.run(model=model, baseline=spoken({1: "The answer is (B)\ud83d."}), **how)
    assert record["suites"]["quiz"]["replaced"] == {"candidate": 2, "baseline": 1}
    turned = quiz.run(model=model, rotations=True, **how)
    assert turned["suites"]["quiz"]["replaced"] == {"candidate": 2}
    seen = iter(range(99))
    once = FakeModel(lambda _: Answer("(A)" if next(seen) % 2 else "(A)\ud83d"))  # in the first of two orders
    assert quiz.run(model=once, rotations=True, **how)["suites"]["quiz"]["replaced"] == {"candidate": 6}
    assert "replaced" not in quiz.run(model=spoken({}), **how)["suites"]["quiz"]


def test_what_was_found_of_leaks_and_noise_stands_with_the_suite(quiz):
    """Leaks stop its passing gates; differences below the floor are named, those to the reference among them."""
    leak = LeakedCase(id="q1", kind="exact", similarity=1.0, source="t:1", gold=None)
    leaks = {"quiz": Leakage(files=("t",), records=9, cases=40, limit=0.01, leaks=(leak,))}

    def noisy(journal):
        moved = {"changes": floor, "intervals": {"accuracy": [-0.1, -0.01]}}
        journal.noise["quiz"] = {"n": 8, "cases": [], "variants": [{"name": "x", "changed": 1, **moved}]}

    floor = {"accuracy": 0.06, "brier": 0.0}
    gates = ["accuracy >= 0.1", "accuracy >= 0.999", "accuracy not worse than baseline by 0.05"]
    record = quiz.run({1}, baseline={1, 2}, leaks=leaks, seen=noisy, gates=gates)
    suite = record["suites"]["quiz"]
    assert problems(record) == []
    assert (suite["leakage"]["exact"], suite["leakage"]["clean"]) == (1, 39)
    assert suite["leakage"]["scores"]["candidate"] == {"all": 39 / 40, "clean": 1.0}
    assert (suite["noise"]["floor"], suite["noise"]["below"]) == (floor, ["accuracy"])
    assert [gate["verdict"] for gate in record["gates"]] == ["inconclusive", "fail", "not evaluated"]
    assert "the margin 0.05 is below the noise floor of accuracy, 0.0600" in record["gates"][2]["reason"]
    far = quiz.run({1}, baseline={*range(20)}, seen=noisy, reference=Reference("old", quiz.run({1, 2})))
    assert far["suites"]["quiz"]["noise"]["below"] == ["accuracy"]
    assert not {"leakage", "noise"} & quiz.run({1}, baseline={1, 2})["suites"]["quiz"].keys()


def test_a_first_release_waits_for_its_reference(quiz):
    """Gates on the reference are not evaluated, wait, and are let through; the record says why."""
    gates = ["accuracy better than reference", "accuracy >= 0.5"]
    record = quiz.run(count=8, reference=Awaited("waits for the first release: none"), gates=gates)
    assert [(gate["verdict"], gate["outcome"], gate["waits"]) for gate in record["gates"]] == [
        ("not evaluated", "skipped", True), ("pass", "passed", False),
    ]  # fmt: skip
    assert record["awaited"] == "waits for the first release: none"


def test_tokens_and_time_are_added_up(quiz):
    """Of both roles and all cases; what was asked again is said only where it happened."""

    def used(journal):
        for _ in range(2):
            journal.note({"usage": {"seconds": 1.00049, "cache_hits": 2, "asked_again": again}})

    again = 0
    how = {"count": 5, "scoring": "reply", "model": spoken({}), "seen": used}
    usage = quiz.run(baseline=spoken({}), **how)["usage"]
    assert usage == {
        "prompt_tokens": 30, "reply_tokens": 20, "seconds": 2.001, "cache_hits": 4, "judge_tokens": 0,
    }  # fmt: skip
    again = 3
    assert quiz.run(**how)["usage"]["asked_again"] == 6
    assert quiz.run(**how)["usage"]["prompt_tokens"] == 15


@pytest.mark.parametrize(
    ("given", "verdict", "outcome"),
    [({}, "inconclusive", "failed"), ({"inconclusive": "pass"}, "inconclusive", "passed")],
)
def test_options_say_what_a_verdict_means(quiz, given, verdict, outcome):
    """An inconclusive gate fails the run unless the user lets it through."""
    record = quiz.run({1, 2}, baseline={2, 3}, gates=["accuracy better than baseline"], given=given)
    assert [(gate["verdict"], gate["outcome"]) for gate in record["gates"]] == [(verdict, outcome)]


def talked(undefined):
    """Make the record of a free-text suite on which both tracks agree; the first reply may have no score."""
    row = {"n": 40, "difference": 0.3, "p_value": 0.001, "ci95": [0.2, 0.4], "direction": 1, "lexical": True}
    suite = {
        "task": "dialogue", "judged": True, "headline": "rougeL", "complete": True,
        "metrics": {"rougeL": row, "judge.accuracy": row},
    }  # fmt: skip
    cases = [
        {
            "suite": name, "id": f"c{i}", "nodeid": f"t::c{i}", "cluster": f"case c{i}",
            "candidate": {
                "outcome": "answered", "scores": {"rougeL": 0.3 + i % 2 / 10},
                "rows": {"rouge": [None if undefined and not i else 0.5]},
            },
            "baseline": {"outcome": "answered", "scores": {"rougeL": 0.0}, "rows": {"rouge": [0.5]}},
            "judge": {"candidate": {"accuracy": 4.0 - i % 2}, "baseline": {"accuracy": 3.0}},
        }
        for name in ("talk", "quiz")
        for i in range(40)
    ]  # fmt: skip
    suites = {"talk": suite, "quiz": {**suite, "judged": False}}
    return {"seed": 0, "suites": suites, "cases": cases, "judges": [{"admissible": True}], "gates": []}


@pytest.mark.parametrize(
    ("undefined", "mode", "verdicts"),
    [(False, "gate", ["pass"]), (True, "gate", ["not evaluated"]), (False, "report", []), (True, "report", [])],
)
def test_tracks_do_not_hold_together_on_what_is_left(tmp_path, undefined, mode, verdicts):
    """Divergence is told of free texts, and gates them where that is asked for; no gate passes on undefined scores."""
    settings = replace(read_settings(lambda _: None, tmp_path), divergence=mode)
    record = with_divergence(Run(talked(undefined), [], ()), settings)
    assert list(record["divergence"]) == ["talk"]
    assert record["divergence"]["talk"]["verdict"] == "agree"
    assert [gate["verdict"] for gate in record["gates"]] == verdicts
