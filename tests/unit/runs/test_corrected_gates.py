"""A judge that likes the candidate's style, and people who do not: gates rest on the difference corrected by them."""

import json
from dataclasses import replace

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.record import ROLES
from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.types import Answer, Source
from pytest_medeval.judges.ratings.review import PairRating
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.report.lines import whose_word
from pytest_medeval.runs.build import build, with_divergence
from pytest_medeval.runs.engine import Engine, entry
from pytest_medeval.runs.journal import Journal, manifest
from pytest_medeval.runs.record import problems
from pytest_medeval.runs.reference import Reference, contest
from pytest_medeval.runs.suite import Suite, resolve
from pytest_medeval.runs.track_b import Audited, JudgePlan, ask_judges
from pytest_medeval.verdicts.corrected import correct
from pytest_medeval.verdicts.gates.judge import ADVISORY
from pytest_medeval.verdicts.leaning import UNKNOWN

GATES = ("judge.accuracy better than baseline", "judge.accuracy.corrected not worse than baseline by 1.5")
REPLIES = {"candidate": "Kindly rest.", "baseline": "Rest."}
N = 60


def vain(request):
    """Grade what is kindly said 4 and all else 3, prefer nothing."""
    text = request.messages[-1].content
    if text.count("<reply") > 1:
        return Answer('{"preference": "tie"}')
    return Answer(json.dumps(dict.fromkeys(DEFAULT_RUBRIC.names, 4 if "Kindly" in text else 3)))


def pair(case, new, old, stratum="random", suite="talk"):
    """Make one rater's word on a case."""
    grades = {"candidate": {"accuracy": new}, "baseline": {"accuracy": old}}
    return PairRating(
        suite=suite, case=case, rater="AB", stratum=stratum, order=("candidate", "baseline"), grades=grades,
        preference=None, harm=dict.fromkeys(ROLES, False), comment="", scale=DEFAULT_RUBRIC.scale,
        cluster=case, about=dict.fromkeys(ROLES, ""), source=Source("ratings.json", 1),
    )  # fmt: skip


def even(count, stratum="random"):
    """Say of some cases that neither model is better: grades differ by +1 and -1 in turn."""
    return [pair(f"c{i}", 3 + i % 2, 3 + (i + 1) % 2, stratum) for i in range(count)]


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Evaluate and judge a suite once; give what builds its record from people's ratings."""
    folder = tmp_path_factory.mktemp("run")
    cases = [{"id": f"c{i}", "input": f"pain {i}", "reference": f"Rest {i} days."} for i in range(N)]
    (folder / "talk.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    settings = read_settings(lambda _: None, folder)
    models = {
        role: FakeModel(lambda request, text=text: Answer(f"{text} {request.messages[-1].content[-4:]}"), name=role)
        for role, text in REPLIES.items()
    }
    suite = resolve(Suite("dialogue", str(folder / "talk.jsonl"), name="talk", gates=GATES), settings)
    journal = Journal()
    journal.collected([manifest(suite, folder)])
    for one in Engine(lambda role, _: models[role]).evaluations(suite, [case.id for case in suite.cases]).values():
        journal.note({"entry": entry("talk", f"t.py::{one.case.id}", one)})
    journal.note({"models": {role: {"dialogue": model.identity.record()} for role, model in models.items()}})
    judge = FakeModel(vain, name="http://judge/v1#vain")
    plan = JudgePlan(specs=(judge.name,))
    track_b = ask_judges(journal, plan, 0, lambda _: judge, lambda *_: lambda _: None)

    def run(ratings, agreement=None):
        audited = [Audited(agreement)] if agreement else track_b.standings
        given = replace(track_b, standings=audited, plan=replace(plan, labels=folder) if agreement else plan)
        return with_divergence(build(journal, settings, None, given, rated=lambda _record: ratings), settings)

    return run


def told(record, gate):
    """Give verdict and reason of a gate."""
    return next((one["verdict"], one["reason"]) for one in record["gates"] if one["expression"] == gate)


def test_without_ratings_the_judge_is_advisory_and_nothing_is_corrected(judged):
    """The raw difference is 1 point; no gate passes on it."""
    record = judged(())
    assert record["suites"]["talk"]["metrics"]["judge.accuracy"]["difference"] == 1.0
    assert "judge.accuracy.corrected" not in record["suites"]["talk"]["metrics"]
    verdict, reason = told(record, GATES[0])
    assert (verdict, "advisory" in reason) == ("not evaluated", True)
    verdict, reason = told(record, GATES[1])
    assert (verdict, reason.startswith("people rated both replies of 0 independent cases")) == ("not evaluated", True)


def test_a_judge_that_likes_the_candidate_carries_no_gate_past_people_who_do_not(judged):
    """Its own metric rests on the corrected difference too: 0, not 1; scipy.stats.t over the ratings."""
    record = judged(even(30))
    row = record["suites"]["talk"]["metrics"]["judge.accuracy.corrected"]
    assert row["difference"] == pytest.approx(0.0)

    assert row["ci95"] == pytest.approx([-0.3797896, 0.3797896], abs=1e-6)
    assert row["n"] == N
    assert "ratings of 30 of 60 judged cases" in row["reason"]
    verdict, reason = told(record, GATES[0])
    assert (verdict, "corrected by people's ratings of 30 cases" in reason) == ("inconclusive", True)
    assert told(record, GATES[1])[0] == "pass"
    assert record["divergence"]["talk"]["track_b"]["metrics"]["accuracy"]["difference"] == pytest.approx(0.0)
    assert problems(json.loads(json.dumps(record))) == []


@pytest.mark.parametrize(("count", "said"), [(0, "its bias with it: no people's ratings"), (30, "take its bias out")])
def test_the_summary_marks_whose_word_a_judged_row_is(judged, count, said):
    """The judge's own, or corrected beside it; a suite without a judge says nothing of it."""
    suite = judged(even(count))["suites"]["talk"]
    (told,) = whose_word(suite)
    assert told.startswith("judge rows are the judge's own word") and said in told  # noqa: PT018
    plain = {name: row for name, row in suite["metrics"].items() if not name.startswith("judge.")}
    assert list(whose_word({**suite, "metrics": plain})) == []


def test_without_ratings_a_difference_rests_on_what_the_labels_say_of_the_judge(judged):
    """1 point less a gap of 0.9 to 1.1 shows nothing, less one of 0 to 0.2 it does; the record says what."""
    fit = {"n": 60, "admissible": True, "reason": "", "kappa_quadratic": [0.7, 0.6, 0.8]}
    reasons = {}
    for gap in ([1.0, 0.9, 1.1], [0.1, 0.0, 0.2], None):
        pairs = [] if gap is None else [{"first": "candidate", "second": "baseline", "gap": gap}]
        record = judged((), {"accuracy": {**fit, "gaps": pairs}})
        verdict, reasons[verdict] = told(record, GATES[0])
        assert record["judges"][0]["agreement"]["accuracy"].get("gaps") == pairs
    assert list(reasons) == ["inconclusive", "pass", "not evaluated"]
    assert "less the judge's bias between the two on the labels, +0.0000 to +0.2000" in reasons["pass"]
    assert reasons["not evaluated"].startswith(f"{UNKNOWN}; people's ratings")


def test_stored_runs_of_judges_are_compared_and_an_advisory_judge_carries_no_gate(judged):
    """A judged run, corrected by ratings or not, against itself; a threshold needs a judge that agrees with people."""
    fit = {"n": 60, "admissible": True, "reason": "", "kappa_quadratic": [0.7, 0.6, 0.8]}
    for record, verdict in ((judged(even(30)), "not evaluated"), (judged((), {"accuracy": fit}), "pass")):
        found = contest(Reference("old", record), record, ["judge.accuracy >= 3"])
        row = found["suites"]["talk"]["reference"]["metrics"]["judge.accuracy"]
        assert (row["reference"], row["candidate"], row["difference"], row["n"]) == (4.0, 4.0, 0.0, N)
        assert [(one["verdict"], ADVISORY in one["reason"]) for one in found["gates"]] == [(verdict, verdict != "pass")]
        assert contest(Reference("old", record), record, [])["passed"]


@pytest.mark.parametrize("ratings", [even(19), even(30, "divergent"), even(30, "near")])
def test_too_few_ratings_and_those_not_drawn_by_chance_correct_nothing(judged, ratings):
    """Cases were chosen because they stand out: they say nothing of the others."""
    assert {told(judged(ratings), gate)[0] for gate in GATES} == {"not evaluated"}


def case(name, new="a", old="b", grades=(4.0, 3.0)):
    """Make an entry that a judge graded."""
    judge = {role: {"accuracy": grade} for role, grade in zip(ROLES, grades, strict=True)}
    return {"suite": "talk", "id": name, "candidate": {"reply": new}, "baseline": {"reply": old}, "judge": judge}


def test_equal_and_empty_replies_are_on_no_page_and_still_count():
    """Four read cases of difference 1; then an equal pair (0), an empty candidate (-4), an empty baseline (0)."""
    cases = [case(f"c{i}") for i in range(4)]
    cases += [case("same", "x  y", "x y"), case("mute", " ", "b"), case("silent", "a", "")]
    found = correct(cases, [pair(f"c{i}", 4, 3) for i in range(4)], [None] * 7)["judge.accuracy"]
    assert found.value == pytest.approx((4 * 1 + 0 - 4 + 0) / 7)
    assert (found.rated, found.judged) == (4, 7)


def test_raters_of_one_case_are_one_rating_and_groups_are_one_unit():
    """Two raters who say 2 and 0 are one case of 1; four cases of two groups are two units."""
    cases = [case(f"c{i}") for i in range(4)]
    ratings = [pair(f"c{i}", 3 + d, 3) for i in range(4) for d in (0, 2)]
    found = correct(cases, ratings, ["g", "g", "h", "h"])["judge.accuracy"]
    assert (found.value, found.rated, found.units) == (1.0, 4, 2)
    assert correct(cases, [pair("c0", 4, 3, suite="other")], [None] * 4) == {}


@pytest.mark.parametrize(
    "gate",
    [
        "judge.accuracy.corrected >= 3",
        "judge.accuracy.corrected better than reference",
        "judge.accuracy.corrected[kind=test] better than baseline",
        "rougeL.corrected better than baseline",
    ],
)
def test_what_ratings_cannot_correct_is_refused_when_tests_are_collected(tmp_path, gate):
    """The error names what is accepted."""
    cases = [{"id": "c", "input": "pain", "reference": "Rest.", "tags": {"kind": "test"}}]
    (tmp_path / "talk.jsonl").write_text(json.dumps(cases[0]), encoding="utf-8")
    with pytest.raises(MedevalError, match=r"accepted: judge\.DIMENSION\.corrected better than baseline"):
        resolve(
            Suite("dialogue", str(tmp_path / "talk.jsonl"), name="talk", gates=(gate,)),
            read_settings(lambda _: None, tmp_path),
        )
