"""Two stored runs are paired by case; what differs is said, what is the same is judged."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.runs.record import problems
from pytest_medeval.runs.reference import Reference, contest, open_reference
from pytest_medeval.runs.store import save
from pytest_medeval.stats.paired import mcnemar


def rephrase(record):
    """Ask question 3 in other words."""
    if record["id"] == "q3":
        record["question"] = "Question 3 , in other words?"


def test_the_same_cases_are_compared_pairwise(quiz):
    """Difference, interval and exact McNemar p are those of the paired cases, and the losers are named."""
    old, new = quiz.run({0, 1}, count=60), quiz.run({1, *range(10, 25)}, count=60)
    found = contest(Reference("old", old), new, [])
    accuracy = found["suites"]["quiz"]["reference"]["metrics"]["accuracy"]
    assert (accuracy["reference"], accuracy["candidate"], accuracy["n"]) == (58 / 60, 44 / 60, 60)
    assert accuracy["difference"] == pytest.approx(-14 / 60)
    assert accuracy["p_value"] == mcnemar(1, 15).p_value
    assert found["suites"]["quiz"]["reference"]["lost"]["count"] == 15
    assert not found["passed"]


def test_equal_runs_pass_and_say_no_difference(quiz):
    """The same weights twice never differ."""
    found = contest(Reference("old", quiz.run({1, 2})), quiz.run({1, 2}), ["accuracy not worse than reference by 0.2"])
    assert found["passed"]
    assert found["suites"]["quiz"]["reference"]["differences"] == []
    assert found["suites"]["quiz"]["reference"]["metrics"]["accuracy"]["difference"] == 0


def test_the_record_with_a_reference_fits_the_schema(quiz):
    """What the comparison adds to a record fits the schema, and gates on the reference are judged."""
    old = quiz.run({0})
    record = quiz.run(
        set(range(30)), reference=Reference("0001_old", old), gates=["accuracy not worse than reference by 0.1"]
    )
    assert problems(record) == []
    assert [gate["verdict"] for gate in record["gates"]] == ["fail"]
    assert record["reference"]["run"] == "0001_old"
    corrected = record["suites"]["quiz"]["reference"]["metrics"]["accuracy"]
    assert corrected["p_corrected"] >= corrected["p_value"]


@pytest.mark.parametrize(
    ("changes", "same", "told", "verdict"),
    [
        ({"count": 44}, 40, "4 cases not in old: q40, q41, q42 and 1 more", "pass"),
        ({"count": 36}, 36, "4 cases in old only: q36, q37, q38 and 1 more", "not evaluated"),
        ({"edit": rephrase}, 39, "1 case with another question, options or answer in old: q3", "not evaluated"),
        ({"scoring": "reply"}, 0, "40 cases asked otherwise in old: q0, q1, q2 and 37 more", "not evaluated"),
        ({"limit": 30}, 30, "10 cases in old only (this run is a sample): ", "pass"),
        ({"metrics": ("accuracy", "ece")}, 40, "ece was not measured in old: not compared", "pass"),
    ],
)
def test_what_differs_is_said_and_never_mixed_in(quiz, changes, same, told, verdict):
    """Each kind of difference has its line; gates are judged where no regression can hide behind it."""
    old = quiz.run()
    record = quiz.run(reference=Reference("old", old), gates=["accuracy not worse than reference by 0.2"], **changes)
    reference = record["suites"]["quiz"]["reference"]
    assert (reference["same"], reference["cases"]) == (same, 40)
    assert any(line.startswith(told) for line in reference["differences"]), reference["differences"]
    assert reference["metrics"].get("accuracy", {"n": 0})["n"] == same
    assert record["gates"][0]["verdict"] == verdict


def test_another_signature_bars_that_metric_only(quiz):
    """A metric that is measured otherwise is named with both signatures; the others are judged."""
    old = quiz.run()
    old["suites"]["quiz"]["metrics"]["brier"]["signature"] = "brier|v:0"
    gates = ["brier not worse than reference by 0.2", "accuracy not worse than reference by 0.2"]
    record = quiz.run(reference=Reference("old", old), gates=gates)
    assert [gate["verdict"] for gate in record["gates"]] == ["not evaluated", "pass"]
    assert record["gates"][0]["reason"].startswith("is measured otherwise: brier|v:0 in old, ")
    assert "brier" not in record["suites"]["quiz"]["reference"]["metrics"]


def test_a_partial_reference_is_no_measure(quiz):
    """A stored run that lacks a reply may have left out what matters."""
    old = quiz.run()
    old["suites"]["quiz"] |= {"complete": False, "evaluated": 39}
    record = quiz.run(reference=Reference("old", old), gates=["accuracy not worse than reference by 0.2"])
    assert record["gates"][0]["verdict"] == "not evaluated"
    assert "old evaluated only a part of the suite: 39 of 40 cases" in record["gates"][0]["reason"]


def test_other_chat_templates_are_said(quiz):
    """The same request in other tokens is compared, because each model has its own template, and said."""
    old = quiz.run()
    for case in old["cases"][:5]:
        case["candidate"]["prompt_hash"] = "0" * 63 + "x"
    found = contest(Reference("old", old), quiz.run(), [])
    assert found["suites"]["quiz"]["reference"]["same"] == 40
    assert (
        "5 cases with the same request that the two models' chat templates turned "
        "into different tokens: compared" in found["suites"]["quiz"]["reference"]["differences"]
    )


def test_no_common_case_is_one_line(quiz, storage):
    """A reference of other questions is refused, before a model is asked and between stored runs."""
    save(quiz.run(), storage, "old")

    def other(record):
        record["question"] = record["question"].replace("Question", "Item")

    new = quiz.run(edit=other)
    with pytest.raises(
        MedevalError,
        match=r"run 0001_old has no case in common with this one: it holds quiz \(40 cases\), here are quiz",
    ):
        open_reference("old", storage, storage, quiz.manifests)
    with pytest.raises(MedevalError, match="the runs have no case in common"):
        contest(Reference("old", quiz.run()), new, [])


def test_a_metric_that_this_version_measures_otherwise_is_not_read(quiz):
    """Rows that another version wrote are not run through today's code."""
    runs = [quiz.run(), quiz.run()]
    for run in runs:
        run["suites"]["quiz"]["metrics"]["accuracy"]["signature"] = "accuracy|v:0"
    found = contest(Reference("old", runs[0]), runs[1], ["accuracy not worse than reference by 0.1"])
    assert found["gates"][0]["verdict"] == "not evaluated"
    assert "replay:RUN scores the replies anew" in found["gates"][0]["reason"]
    assert not found["passed"]


def test_the_command_compares_with_exit_codes_0_1_2(quiz, storage, capsys):
    """0: no drop; 1: a comparison fails; 2: it cannot be carried out, in one line on stderr."""
    for name, wrong in (("one", set()), ("two", {1}), ("three", set(range(25)))):
        save(quiz.run(wrong), storage, name)
    where = ["--storage", str(storage)]
    assert main(["runs", "compare", "one", "two", *where]) == 0
    assert capsys.readouterr().out.endswith("passed\n")
    assert main(["runs", "compare", "one", "three", *where]) == 1
    out = capsys.readouterr().out
    assert "worse than the reference in accuracy: 25 of 40 cases: q0 1.0000 -> 0.0000" in out
    assert out.endswith("failed\n")
    assert main(["runs", "compare", "one", "two", "--gate", "quiz:accuracy >= 0.999", *where]) == 1
    capsys.readouterr()
    assert main(["runs", "compare", "one", "two", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True
    for bad in (
        ["one", "four"],
        ["one"],
        ["one", "two", "--gate", "acuracy >= 1"],
        ["one", "two", "--gate", "quizz:accuracy >= 1"],
    ):
        assert main(["runs", "compare", *bad, *where]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_inconclusive_can_be_let_through(quiz, storage):
    """As in a run, a comparison that the cases cannot settle fails unless that is allowed."""
    for name, wrong in (("one", {1, 2}), ("two", {2, 3})):
        save(quiz.run(wrong), storage, name)
    asked = ["runs", "compare", "one", "two", "--storage", str(storage), "--gate", "accuracy better than reference"]
    assert main(asked) == 1
    assert main([*asked, "--inconclusive=pass"]) == 0


def test_list_show_prune_for_people_and_programs(quiz, storage, capsys):
    """Tables name what matters; JSON holds it; a corrupt run is listed with the reason."""
    where = ["--storage", str(storage)]
    assert main(["runs", "list", *where]) == 0
    assert "no run is stored" in capsys.readouterr().out
    save(quiz.run({1}, gates=["accuracy >= 0.9"]), storage, "one")
    (storage / "0002_broken.json").write_text("{")
    main(["runs", "list", *where])
    lines = capsys.readouterr().out.splitlines()
    assert "MAY GO OUT" in lines[0] and "1 pass" in lines[0] and "quiz accuracy 0.9750 (n 40)" in lines[0]  # noqa: PT018 - one line
    assert lines[1].startswith("0002_broken  cannot be read:")
    main(["runs", "list", "--json", *where])
    assert json.loads(capsys.readouterr().out)[0]["suites"]["quiz"]["value"] == 39 / 40
    assert main(["runs", "show", "one", *where]) == 0
    assert "PASS          quiz: accuracy >= 0.9" in capsys.readouterr().out
    main(["runs", "show", "one", "--json", *where])
    assert json.loads(capsys.readouterr().out)["schema"] == "medeval-run/1"
    assert main(["runs", "prune", "--keep", "0", *where]) == 2
    assert main(["runs", "prune", "--keep", "1", *where]) == 0
    assert "nothing to remove" in capsys.readouterr().out
