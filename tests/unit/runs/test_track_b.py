"""Track B of a run: who was asked, what a grade may carry, and how far a judge agrees with labels."""

from __future__ import annotations

import json

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Identity
from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.types import Answer
from pytest_medeval.judges.ask import JudgeRun
from pytest_medeval.judges.panel import Panelled
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.runs.journal import Journal
from pytest_medeval.runs.track_b import Audited, JudgePlan, TrackB, ask_judges, judge_plan, judged_entries

NAMES = DEFAULT_RUBRIC.names


def grading(grade, name="judge"):
    """Make a judge that gives every reply the same grade, by likelihood, and prefers neither."""

    def answer(request):
        logprobs = tuple(-0.1 if choice == str(grade) else -50.0 for choice in request.choices)
        return Answer("", "choice", logprobs, (1,) * len(logprobs), prompt_tokens=2)

    return FakeModel(answer, name=name)


class _Known:
    """A judge under another identity."""

    def __init__(self, judge, identity):
        self.identity, self.name, self.answer, self.notices = identity, judge.name, judge.answer, judge.notices


def journal(task="dialogue", count=4, roles=("candidate", "baseline")):
    """Make a run of free texts in which the last case was not evaluated."""
    found = Journal()
    names = [f"c{number}" for number in range(count)]
    found.collected([{"name": "chat", "task": task, "cases": [*names, "missing"]}])
    for name in reversed(names):
        said = {role: {"reply": f"{role} says rest, {name}", "outcome": "answered", "rows": {}} for role in roles}
        found.note({"entry": {"suite": "chat", "id": name, "asked": f"{name}?", "gold": "rest", **said}})
    return found


def asked(run, judges, **plan):
    """Let judges grade a run; give what they said and what was announced."""
    told = []

    def progress(label, total):
        told.append((label, total))
        return lambda done: None  # noqa: ARG005

    models = {judge.name: judge for judge in judges}
    return ask_judges(run, JudgePlan(specs=tuple(models), **plan), 0, models.__getitem__, progress), told


def test_free_texts_are_judged_in_the_order_of_the_file():
    """Cases that ran, of tasks whose replies are free text."""
    assert [entry["id"] for entry in judged_entries(journal())] == ["c0", "c1", "c2", "c3"]
    assert judged_entries(journal(task="mcq")) == []
    unseen = journal()
    unseen.collected([{"name": "other", "task": "dialogue", "cases": ["x"]}])
    assert len(judged_entries(unseen)) == 4


def test_nobody_is_asked_without_a_judge_or_a_case():
    """Then there are no runs, and the entries stay as they were."""
    for run, judges in ((journal(), ()), (journal(task="mcq"), (grading(3),))):
        track_b, told = asked(run, judges)
        assert (track_b.runs, track_b.judges(), track_b.tokens(), told) == ((), [], 0, [])
    assert all("judge" not in entry for entry in judged_entries(run))


def test_grades_stand_beside_the_cases():
    """A panel's mean on every dimension, each judge's own, and the rows that metrics read."""
    run = journal()
    track_b, told = asked(run, [grading(2, "strict"), grading(4, "kind")])
    entry = run.entries["chat"]["c1"]
    assert entry["judge"]["candidate"] == pytest.approx(dict.fromkeys(NAMES, 3.0))
    own = {name: one["candidate"] for name, one in entry["judge"]["judges"].items()}
    assert own == {name: pytest.approx(dict.fromkeys(NAMES, grade)) for name, grade in (("strict", 2), ("kind", 4))}
    rows = dict(entry["candidate"]["rows"])
    assert rows.pop("judge.preference") == [0.5, 1.0]
    assert rows == {f"judge.{name}": pytest.approx([3.0, 1.0]) for name in NAMES}
    assert [label for label, _ in told] == ["judge strict: answers", "judge kind: answers"]
    # of each of eight replies a check, a grade a dimension, and its share of two comparisons
    assert {total for _, total in told} == {8 * (len(NAMES) + 2)}
    described = track_b.judges()
    assert [(one["spec"], one["admissible"], one["agreement"]) for one in described] == [
        ("strict", False, {}), ("kind", False, {}),
    ]  # fmt: skip
    assert track_b.tokens() == sum(run.tokens for run in track_b.runs) > 0
    assert all("audit" not in one for one in described)
    assert [metric.name for metric in track_b.metrics()] == [*(f"judge.{name}" for name in NAMES), "judge.preference"]


@pytest.mark.parametrize(("sample", "share"), [(None, 1.0), (2, 0.5), (9, 1.0)])
def test_a_sample_is_judged_and_announced(sample, share):
    """Of so many cases a suite; the number of questions is that share of all."""
    run = journal(roles=("candidate",))
    track_b, told = asked(run, [grading(3)], sample=sample)
    assert told == [("judge judge: answers", round(share * 4 * (len(NAMES) + 2)))]
    assert sum("judge" in entry for entry in judged_entries(run)) == 4 * share == len(track_b.cases)


def said(grades, suite="chat", count=4):
    """Make the cases of a panel: some dimensions graded, others not."""
    return {
        (suite, f"c{n}"): Panelled(suite, f"c{n}", {"candidate": grades if n else {}}, None, {}) for n in range(count)
    }


RUN = JudgeRun(spec="judge", fingerprint="f", prompt_hash="p", style="grades", cases=(), requests=1, tokens=5,
               cached=0, failed=0, seconds=0.0)  # fmt: skip
FIT, POOR = {"admissible": True, "reason": ""}, {"admissible": False, "reason": "kappa 0.1 is below 0.4"}
FIRST = NAMES[0]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"runs": ()}, "no judge was asked; give --medeval-judge=SPEC"),
        ({"cases": said({FIRST: 3.0}, suite="other")}, "no case of this suite was judged"),
        ({"coverage": 0.8}, "judged 3 of 4: a coverage of 0.8 is needed"),
        ({"coverage": 0.75}, ("the judge is advisory: its agreement with people was not measured; give "
                             "--medeval-judge-labels=FILE")),
        ({"labels": "x", "agreement": {}}, f"the judge judge is advisory on {FIRST}: no label for {FIRST}"),
        ({"labels": "x", "agreement": {FIRST: POOR}},
         f"the judge judge is advisory on {FIRST}: kappa 0.1 is below 0.4"),
        ({"labels": "x", "agreement": {FIRST: FIT}}, ""),
        ({"labels": "x", "agreement": {FIRST: FIT, NAMES[1]: POOR}}, ""),
    ],
)  # fmt: skip
def test_what_bars_a_gate_on_a_judge(fields, reason):
    """Nobody asked, nothing judged, too little of it, or a judge that has not been shown to agree with people."""
    plan = JudgePlan(specs=("judge",), coverage=fields.get("coverage", 0.5), labels=fields.get("labels"))
    track_b = TrackB(
        plan,
        fields.get("runs", (RUN,)),
        fields.get("cases", said({FIRST: 3.0})),
        (Audited(fields.get("agreement", {})),),
    )
    assert track_b.barred("chat", f"judge.{FIRST}") == reason


def test_labels_speak_for_no_preference_and_people_s_ratings_need_no_judge_that_agrees():
    """Labels grade single replies: what they say of a judge does not reach its preferences."""
    pairs = {key: Panelled("chat", one.id, {"candidate": {}, "baseline": {}}, 0.5, {}) for key, one in said({}).items()}
    track_b = TrackB(JudgePlan(labels="x"), (RUN,), pairs, (Audited({FIRST: FIT}),))
    assert track_b.barred("chat", "judge.preference").startswith("labels grade single replies")
    assert track_b.barred("chat", "judge.preference", corrected=True) == ""
    bare = TrackB(JudgePlan(coverage=0.5), (RUN,), said({FIRST: 3.0}), (Audited(),))
    assert bare.barred("chat", f"judge.{FIRST}", corrected=True) == ""


@pytest.mark.parametrize(
    ("own", "kin"),
    [
        ({"fingerprint": "j", "base": None}, []),
        ({"fingerprint": "b", "base": None}, ["baseline"]),
        ({"fingerprint": "j", "base": "w"}, ["candidate"]),
    ],
)
def test_a_judge_of_the_same_weights_is_named_and_carries_no_gate_on_preference(own, kin):
    """It is the baseline itself, or stands on the candidate's base; two models without a base share nothing."""
    run = journal()
    of = {"candidate": {"fingerprint": "c", "base": "w"}, "baseline": {"fingerprint": "b", "base": None}}
    run.note({"models": {role: {"dialogue": one} for role, one in of.items()}})
    track_b, _ = asked(run, [_Known(grading(4), Identity(spec="judge", **own))], labels=None)
    (one,) = track_b.judges()
    shared = f"it shares weights with {kin[0]}: " if kin else "carries no gate on preference"
    assert any(shared in notice for notice in one["notices"]) == bool(kin)
    reason = track_b.barred("chat", "judge.preference")
    assert ("may prefer its own" in reason) == bool(kin)
    assert "may prefer its own" not in track_b.barred("chat", f"judge.{FIRST}")


def vain(request):
    """Grade the candidate 5 or 4, and all else 3, by likelihood."""
    text = request.messages[-1].content
    grade = 3 if "candidate says" not in text else 5 if "c0" in text or "c2" in text else 4
    logprobs = tuple(-0.001 if choice == str(grade) else -50.0 for choice in request.choices)
    return Answer("", "choice", logprobs, (1,) * len(logprobs), prompt_tokens=2)


@pytest.mark.parametrize("other", [True, False])
def test_what_a_related_judge_favours_is_measured_against_judges_of_other_weights(other):
    """Gains of 2, 1, 2, 1 points against none: 1.5, and Student's interval over four cases; alone nothing is said."""
    run = journal()
    of = {"candidate": {"fingerprint": "c", "base": "w"}, "baseline": {"fingerprint": "b", "base": None}}
    run.note({"models": {role: {"dialogue": one} for role, one in of.items()}})
    own = _Known(FakeModel(vain, name="own"), Identity(spec="own", fingerprint="j", base="w"))
    track_b, _ = asked(run, [own, *([grading(4, "other")] if other else [])], labels=None)
    told = "it favours the candidate over the baseline by +1.50 points, 95 % interval +0.58 to +2.42, 4 cases more than"
    assert [any(told in notice for notice in one["notices"]) for one in track_b.judges()] == [other, False][: 1 + other]


@pytest.mark.parametrize(
    ("agreement", "admissible"), [({}, False), ({FIRST: FIT}, True), ({FIRST: FIT, "x": POOR}, False)]
)
def test_a_judge_is_admissible_where_all_its_dimensions_are(agreement, admissible):
    """Without a measured agreement it is not; the audit's cost stands beside it, and counts."""
    track_b = TrackB(JudgePlan(), (RUN,), {}, (Audited(agreement, RUN),))
    (one,) = track_b.judges()
    assert (one["admissible"], one["agreement"], one["audit"]["tokens"], track_b.tokens()) == (
        admissible,
        agreement,
        5,
        10,
    )


def test_a_judge_is_measured_on_labels(tmp_path):
    """Every labelled reply with its texts is graded once; the agreement names n, estimates and whether it suffices."""
    rows = [
        {"item": f"i{n}", "rater": "AB", "dimension": FIRST, "score": 1 + n % 5, "question": f"What helps {n}?",
         "reply": f"Mark#{1 + n % 5}"}
        for n in range(12)
    ]  # fmt: skip
    file = tmp_path / "labels.jsonl"
    rows.append({"item": "lost", "rater": "AB", "dimension": FIRST, "score": 3})
    rows.append({"item": "half", "rater": "AB", "dimension": FIRST, "score": 3, "question": "What?"})
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    def honest(request):
        text = "".join(message.content for message in request.messages)
        grade = text[text.rindex("Mark#") + 5] if "Mark#" in text else "3"
        logprobs = tuple(-0.1 if choice == grade else -50.0 for choice in request.choices)
        return Answer("", "choice", logprobs, (1,) * len(logprobs), prompt_tokens=1)

    track_b, _ = asked(journal(), [FakeModel(honest, name="honest")], labels=file)
    (standing,) = track_b.standings
    found = standing.agreement[FIRST]
    assert (found["n"], found["admissible"]) == (12, True)
    assert found["spearman"][0] == pytest.approx(1.0)
    assert found["bias"] == pytest.approx([0.0, 0.0, 0.0])
    assert len(standing.run.cases) == 12
    assert track_b.barred("chat", f"judge.{FIRST}") == ""
    flat, _ = asked(journal(), [grading(3)], labels=file)
    assert not flat.standings[0].agreement[FIRST]["admissible"]
    assert flat.barred("chat", f"judge.{FIRST}").startswith(f"the judge judge is advisory on {FIRST}: ")
    run = journal()
    labels = {f"i{n}": "gout" if n < 6 else "flu" for n in range(11)}
    run.suites["chat"]["cluster"] = {"name": "disease", "reason": "", "labels": labels}
    alike, _ = asked(run, [FakeModel(honest, name="honest")], labels=file)
    assert "3 clusters" in alike.standings[0].agreement[FIRST]["reason"]
    assert (found["refused"], alike.standings[0].agreement[FIRST]["refused"]) == (0.0, 1.0)


def test_the_plan_is_what_the_options_say(tmp_path):
    """Without options the documented plan; a style and a budget that are none are one line."""

    def plan(**given):
        return judge_plan(read_settings(lambda option: given.get(option.field), tmp_path))

    plain = plan()
    assert (plain.sample, plain.reference, plain.coverage, plain.floor, plain.labels) == (None, True, 0.95, 0.4, None)
    assert plain == JudgePlan()
    said = plan(judge_style="grades", judge_budget="100 requests", judge_sample="7")
    assert (said.style, said.budget.requests, said.sample) == ("grades", 100, 7)
    assert plan(judge_style="auto").style == "auto"
    for wrong in ({"judge_style": "poems"}, {"judge_budget": "a lot"}):
        with pytest.raises(MedevalError, match=r"judge.(style|budget)"):
            plan(**wrong)
