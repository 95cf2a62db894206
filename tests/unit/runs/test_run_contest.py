"""Two stored runs are paired by case; what differs is said, what is the same is judged."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.core.errors import MedevalError, NoneYetError
from pytest_medeval.runs.record import problems
from pytest_medeval.runs.reference import Awaited, Reference, contest, open_reference
from pytest_medeval.runs.store import save
from pytest_medeval.stats.correct import holm
from pytest_medeval.stats.paired import mcnemar
from pytest_medeval.stats.proportions import tango


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
    assert "old: only a part of the suite ran: 39 of 40 cases" in record["gates"][0]["reason"]


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
    assert capsys.readouterr().out.splitlines()[-1].startswith("MAY GO OUT: ")
    assert main(["runs", "compare", "one", "three", *where]) == 1
    out = capsys.readouterr().out
    assert "worse than the reference in accuracy: 25 of 40 cases: q0 1.0000 -> 0.0000" in out
    assert out.splitlines()[-1].startswith("MAY NOT GO OUT: ")
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


def test_inconclusive_can_be_let_through(quiz, storage, capsys):
    """As in a run, a comparison that the cases cannot settle fails unless that is allowed."""
    for name, wrong in (("one", {1, 2}), ("two", {2, 3})):
        save(quiz.run(wrong), storage, name)
    asked = ["runs", "compare", "one", "two", "--storage", str(storage), "--gate", "accuracy better than reference"]
    assert main(asked) == 1
    assert main([*asked, "--inconclusive=pass"]) == 0
    assert "let through by --inconclusive=pass: quiz" in capsys.readouterr().out
    assert main(asked[:-2]) == 0
    assert "let through by this command, which was given no --gate: quiz" in capsys.readouterr().out


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
    for keep in ("0", "²", "9" * 5000):
        assert main(["runs", "prune", "--keep", keep, *where]) == 2
    assert main(["runs", "prune", "--keep", "1", *where]) == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_what_is_lost_is_named_from_the_worst(quiz):
    """Ten cases at most, those that lost most first; where lower is better a rise is a loss; gains are not counted."""
    old, new = quiz.run({30, 31}), quiz.run({*range(14)})
    lost = contest(Reference("old", old), new, [])["suites"]["quiz"]["reference"]["lost"]
    assert (lost["metric"], lost["count"], lost["of"]) == ("accuracy", 14, 40)
    ids = ["q0", "q1", "q10", "q11", "q12", "q13", "q2", "q3", "q4", "q5"]
    assert lost["cases"] == [{"id": name, "reference": 1.0, "candidate": 0.0} for name in ids]
    for record in (old, new):
        record["suites"]["quiz"]["headline"] = "brier"
    lost = contest(Reference("old", old), new, [])["suites"]["quiz"]["reference"]["lost"]
    assert (lost["metric"], lost["count"]) == ("brier", 14)
    assert lost["cases"][0]["candidate"] > lost["cases"][0]["reference"]
    del new["cases"][0]["candidate"]["scores"]["brier"]
    lost = contest(Reference("old", old), new, [])["suites"]["quiz"]["reference"]["lost"]
    assert (lost["count"], lost["of"]) == (13, 39)
    for case in old["cases"]:
        case["candidate"]["scores"] = {}
    assert "lost" not in contest(Reference("old", old), new, [])["suites"]["quiz"]["reference"]


def test_a_drop_beyond_chance_fails_without_gates(quiz):
    """Each suite's headline metric is held against the reference; what the cases cannot settle passes then."""
    old = Reference("old", quiz.run({1, 2}))
    for wrong, verdict, passed in (({1, 2}, "inconclusive", True), ({*range(20)}, "fail", False)):
        found = contest(old, quiz.run(wrong), [])
        (gate,) = found["gates"]
        assert (gate["expression"], gate["verdict"]) == ("accuracy not worse than reference by 0", verdict)
        assert (gate["outcome"] == "passed", found["passed"]) == (passed, passed)


@pytest.mark.parametrize(("inconclusive", "passed"), [(False, False), (True, True)])
def test_gates_that_are_asked_for_must_pass(quiz, inconclusive, passed):
    """What the cases cannot settle fails unless it is let through; a failure always fails."""
    old, new = Reference("old", quiz.run({1, 2})), quiz.run({2, 3})
    found = contest(old, new, ["quiz: accuracy better than reference"], inconclusive=inconclusive)
    assert [gate["verdict"] for gate in found["gates"]] == ["inconclusive"]
    assert found["passed"] == passed
    both = contest(old, new, ["accuracy >= 0.999", "accuracy >= 0.5"], inconclusive=True)
    assert [gate["outcome"] for gate in both["gates"]] == ["failed", "passed"]
    assert not both["passed"]


def test_stored_p_values_are_corrected_together(quiz):
    """Holm over the metrics of the comparison, as in a run."""
    rows = contest(Reference("old", quiz.run({1, 2})), quiz.run({*range(9)}), [])["suites"]["quiz"]["reference"][
        "metrics"
    ]
    assert len(rows) == 2
    assert [row["p_corrected"] for row in rows.values()] == pytest.approx(
        holm([row["p_value"] for row in rows.values()])
    )


def test_the_reference_is_described(quiz):
    """Run, time, version, hash, repository and model, and the suites that only it has."""
    old = quiz.run({1})
    old["suites"]["gone"] = old["suites"]["quiz"]
    found = Reference("0001_old", {**old, "sha256": "abc"}).facts(["quiz"])
    assert found == {
        "run": "0001_old", "created": old["created"], "version": old["version"], "sha256": "abc",
        "repository": old["environment"]["repository"], "model": old["models"]["candidate"], "absent": ["gone"],
    }  # fmt: skip
    assert Reference("x", old).facts(["quiz", "gone"])["absent"] == []
    section = quiz.run({2}, reference=Reference("0001_old", quiz.run({1})))["suites"]["quiz"]["reference"]
    assert (section["run"], section["cases"], section["same"], section["differences"]) == ("0001_old", 40, 40, [])
    assert set(section["metrics"]["accuracy"]) == {
        "candidate", "reference", "n", "difference", "relative", "ci95", "p_value", "test", "p_corrected",
        "effect_size", "effect", "direction", "signature", "reason",
    }  # fmt: skip
    assert section["metrics"]["accuracy"]["ci95"] == list(tango(1, 1, 40))


def test_a_suite_that_the_reference_lacks_is_new(quiz):
    """All of its cases are new, and gates on the reference say so; a stored suite of that name is not needed."""
    old = quiz.run()
    old["suites"]["other"] = old["suites"].pop("quiz")
    found = quiz.run(reference=Reference("old", old), gates=["accuracy not worse than reference by 0.1"])
    reference = found["suites"]["quiz"]["reference"]
    assert (reference["same"], reference["cases"], reference["metrics"]) == (0, 0, {})
    assert reference["differences"] == ["40 cases not in old: q0, q1, q2 and 37 more"]
    assert found["gates"][0]["reason"] == "no case is the same as in old"


def test_one_suite_in_common_is_enough(quiz):
    """Runs of two suites of which the older has one: the other is told as new."""
    new = quiz.run()
    new["suites"]["other"] = new["suites"]["quiz"]
    new["cases"] += [{**case, "suite": "other"} for case in new["cases"]]
    found = contest(Reference("old", quiz.run()), new, ["quiz: accuracy >= 0.5"])
    assert found["passed"]
    assert [found["suites"][name]["reference"]["same"] for name in ("quiz", "other")] == [40, 0]


def test_cases_without_signatures_are_like_no_others(quiz):
    """A record that does not say what was asked cannot be compared."""
    old = quiz.run()
    for case in old["cases"][:3]:
        del case["content"]
    for case in old["cases"][3:5]:
        case["request"] = ""
    reference = quiz.run(reference=Reference("old", old))["suites"]["quiz"]["reference"]
    assert reference["same"] == 35
    assert reference["differences"] == [
        "3 cases with another question, options or answer in old: q0, q1, q2", "2 cases asked otherwise in old: q3, q4",
    ]  # fmt: skip


def test_the_obstacle_names_all_that_a_regression_could_hide_behind(quiz):
    """Gone, changed and asked otherwise in one line; new cases are no obstacle."""
    old = quiz.run(count=42)
    old["cases"][4]["request"] = "otherwise"
    record = quiz.run(edit=rephrase, reference=Reference("old", old), gates=["accuracy better than reference"])
    assert record["gates"][0]["reason"] == (
        "the suite differs from that of old: of its cases 2 gone (q40, q41), 1 changed (q3), 1 asked otherwise (q4); "
        "evaluate the reference on today's suite"
    )


def test_complete_pairs_compare_complete_replies_of_the_reference(quiz):
    """A reply that the stored run cut off is compared in a suite of all pairs, and left out of complete ones."""

    def compared(record):
        return record["suites"]["quiz"]["reference"]["metrics"]["accuracy"]["n"]

    old = quiz.run()
    old["cases"][7]["candidate"]["outcome"] = "truncated"
    reference = Reference("old", old)
    assert [compared(quiz.run(reference=reference, pairs=pairs)) for pairs in ("all", "complete")] == [40, 39]
    new = quiz.run(pairs="complete")
    assert compared(contest(reference, new, [])) == 39
    new["cases"][9]["candidate"]["outcome"] = "truncated"
    assert compared(contest(reference, new, [])) == 38
    del new["suites"]["quiz"]["excluded"]
    assert compared(contest(reference, new, [])) == 40


def test_rows_of_nulls_say_nothing(quiz):
    """A stored score that is undefined (null) is left out of the comparison, and no gate on it passes."""
    old = quiz.run()
    kind = next(iter(old["cases"][0]["candidate"]["rows"]))
    old["cases"][0]["candidate"]["rows"][kind] = [None] * len(old["cases"][0]["candidate"]["rows"][kind])
    record = quiz.run(reference=Reference("old", old), gates=["accuracy not worse than reference by 0.2"])
    assert record["suites"]["quiz"]["reference"]["metrics"]["accuracy"]["n"] == 39
    assert record["gates"][0]["reason"].startswith("accuracy is undefined for 1 of 40 replies of reference")
    for case in old["cases"]:
        case["candidate"]["rows"] = {}
    assert quiz.run(reference=Reference("old", old))["suites"]["quiz"]["reference"]["metrics"] == {}


def test_a_sample_need_not_hold_every_case_of_the_reference(quiz):
    """Cases that a stored sample left out are said and do not bar its gates; a stored part bars them."""
    old, new = Reference("old", quiz.run()), quiz.run(limit=30)
    found = contest(old, new, ["accuracy not worse than reference by 0.3"])
    assert found["passed"]
    assert "(this run is a sample)" in found["suites"]["quiz"]["reference"]["differences"][0]
    part = quiz.run(only={f"q{n}" for n in range(30)})
    found = contest(old, part, ["accuracy >= 0.1"])
    assert found["gates"][0]["reason"].endswith("only a part of the suite ran: 30 of 40 cases were evaluated")


def test_the_first_release_has_no_reference(quiz, storage):
    """``latest-or-none`` waits for it; ``latest`` is a mistake; a run without an evaluated case is no reference."""
    found = open_reference("latest-or-none", storage, storage, {})
    assert found == Awaited(f"waits for the first release: no run is stored in {storage} yet")
    with pytest.raises(NoneYetError):
        open_reference("latest", storage, storage, {})
    record = quiz.run()
    save(record, storage, "old")
    assert open_reference("latest-or-none", storage, storage, quiz.manifests).run == "0001_old"
    save({**record, "models": {}}, storage, "empty")
    with pytest.raises(MedevalError, match="run 0002_empty has no evaluated case"):
        open_reference("empty", storage, storage, quiz.manifests)
    one = {"quiz": {"contents": {"q3": quiz.manifests["quiz"]["contents"]["q3"], "q4": "changed"}}}
    assert open_reference("old", storage, storage, one).run == "0001_old"
