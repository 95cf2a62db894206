"""Leaked cases: what counts as exact and near, in Latin and Chinese letters, and what it does to verdicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_medeval.core.types import Source
from pytest_medeval.metrics.base import Measure, mean, mean_of
from pytest_medeval.tasks.cases.tuning import Tuned
from pytest_medeval.verdicts.gates.data import GateResult, SuiteData
from pytest_medeval.verdicts.leakage import (
    Leakage,
    Tuning,
    find_leaks,
    leakage_section,
    read_tunings,
    with_leakage,
    with_trained,
)

ENGLISH = (
    "For three days I have had a burning pain below my ribs that comes after meals and wakes me at night, what is it?"
)
CHINESE = "患者三天前出现发热咳嗽，伴右下腹痛，无腹泻，既往有高血压病史，请问现在应该服用什么药物？"
OTHER = (
    "My knee has been swollen and stiff since I fell down the stairs last week; should I see somebody about it soon?"
)


def entries(*asked: str, gold: object = None) -> dict[str, list[dict[str, object]]]:
    """Make a suite's evaluations."""
    return {"suite": [{"id": f"c{at}", "asked": text, "gold": gold} for at, text in enumerate(asked)]}


def tuning(*records: str | tuple[str, ...]) -> Tuning:
    """Make tuning data of texts, one record a line."""
    texts = [record if isinstance(record, tuple) else (record,) for record in records]
    return Tuning(("t",), [Tuned(Source("t", line), text) for line, text in enumerate(texts, 1)])


def leaks(asked: str, *records: str | tuple[str, ...], gold: object = None) -> list[tuple[str, str, float]]:
    """Find the leaks of one case."""
    found = find_leaks(entries(asked, gold=gold), tuning(*records))["suite"].leaks
    return [(leak["kind"], leak["source"], leak["similarity"]) for leak in found]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["english", "chinese"])
def test_a_copy_is_exact_whatever_surrounds_it(text):
    """Case, width, blanks, punctuation and a long answer behind it change nothing."""
    assert leaks(text, OTHER, f"Q:  {text.upper().replace('，', ' , ')} A: {OTHER * 3}") == [("exact", "t:2", 1.0)]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (ENGLISH, ENGLISH.replace("three days", "two weeks").replace("what is it", "please help")),
        (CHINESE, CHINESE.replace("三天", "两周").replace("请问", "")),
    ],
    ids=["english", "chinese"],
)
def test_a_rewritten_copy_is_near(text, changed):
    """A few words replaced: near, with the share that was kept."""
    ((kind, source, similarity),) = leaks(text, OTHER, changed)
    assert (kind, source) == ("near", "t:2")
    assert 0.7 <= similarity < 1


def test_another_text_on_the_same_matter_is_no_leak():
    """Shared words are not a copy."""
    assert (
        leaks(ENGLISH, OTHER, "I have had pain after meals for days. The doctor says it is my stomach, not my ribs.")
        == []
    )


def test_a_short_question_must_be_equal():
    """'Hello doctor' stands in thousands of records and is no leak; the same short question alone is one."""
    assert leaks("Hello doctor!", f"Hello doctor, {ENGLISH}") == []
    assert leaks("Hello doctor!", (OTHER,), ("hello, doctor", "Hello!")) == [("exact", "t:2", 1.0)]
    assert leaks("胃痛怎么办？", f"胃痛怎么办{CHINESE}") == []


def test_a_short_sentence_must_stand_whole():
    """One short sentence is exact inside a longer text; one that shares its first half is another sentence."""
    asked = "I have been noticing blood in my stool."
    assert leaks(asked, f"Doctor, {asked} What is it?") == [("exact", "t:1", 1.0)]
    assert leaks(asked, "I have been noticing blood in my urine recently. What is it?") == []


def test_option_letters_do_not_matter():
    """The same question with its options as a list or as lettered lines is the same."""
    options = ("aspirin by mouth", "heparin by drip", "no treatment")
    asked = ENGLISH + "".join(f"\n({letter}) {text}" for letter, text in zip("ABC", options, strict=True))
    assert leaks(asked, (ENGLISH, *options)) == [("exact", "t:1", 1.0)]


def test_question_with_answer_is_looked_for_too():
    """A new question over the same long answer is near, and says that the answer was seen."""
    answer = " ".join([OTHER, ENGLISH.replace("ribs", "navel")])
    found = find_leaks(entries("Something else entirely, asked in brief?", gold=answer), tuning((OTHER,), (answer,)))[
        "suite"
    ].leaks
    assert [(leak["kind"], leak["source"], leak["gold"]) for leak in found] == [("near", "t:2", True)]


def test_a_sketch_adds_to_what_files_say():
    """A case in both keeps the place and the answer that the file tells; cases keep their order."""
    told = [
        {"id": one, "kind": "exact", "similarity": 1.0, "source": "p.json", "gold": None} for one in ("c2", "c0", "z")
    ]
    trained = {"files": ["p.json"], "asked": False, "records": 9, "leaks": told}
    found = find_leaks(entries(ENGLISH, OTHER, CHINESE), tuning(ENGLISH), limit=0.5)["suite"]
    both = with_trained(found, trained, ["c0", "c1", "c2"], limit=0.5)
    assert (both.files, both.records, both.cases, both.limit) == (("p.json", "t"), 10, 3, 0.5)
    assert [(leak["id"], leak["source"], leak["gold"]) for leak in both.leaks] == [
        ("c0", "t:1", None),
        ("c2", "p.json", None),
    ]
    assert both.too_much
    assert both.asked
    alone = with_trained(None, {**trained, "leaks": []}, ["c0"])
    assert (alone.files, alone.leaks, alone.limit, alone.too_much, alone.asked) == (("p.json",), (), 0.01, False, False)


def test_a_letter_as_answer_says_nothing():
    """Whether the right letter was seen cannot be told from a text."""
    (leak,) = find_leaks(entries(ENGLISH, gold="B"), tuning(ENGLISH))["suite"].leaks
    assert leak["gold"] is None


def test_the_prompt_of_a_suite_is_form():
    """What all cases of a suite share is no evidence: only the own words of a case are compared."""
    form = "Read the following dialogue with great care, then name each finding and say whether it is present: "
    cases = [
        form + text for text in (ENGLISH, CHINESE, OTHER, "My eyes water and itch each spring when the birches bloom.")
    ]
    found = find_leaks(entries(*cases), tuning(form, form + ENGLISH))["suite"].leaks
    assert [leak["id"] for leak in found] == ["c0"]


@pytest.mark.parametrize(
    ("verdict", "count", "expected"),
    [("pass", 2, "inconclusive"), ("pass", 1, "pass"), ("fail", 2, "fail"), ("not evaluated", 2, "not evaluated")],
)
def test_only_passing_gates_become_inconclusive(verdict, count, expected):
    """Above the limit nothing passes; a failure stays one."""
    (leak,) = find_leaks(entries(ENGLISH), tuning(ENGLISH))["suite"].leaks
    leakage = Leakage(files=("t",), records=1, cases=100, limit=0.01, leaks=(leak,) * count)
    result = GateResult(suite="s", expression="accuracy >= 0.5", verdict=verdict, reason="why")
    assert with_leakage(result, leakage).verdict == expected


def test_what_is_found_names_suite_case_and_record():
    """Cases of two suites in three records: ids, kinds, shares, sources, and whether the right answer stood there."""
    suites = {
        "first": [{"id": "a", "asked": ENGLISH, "gold": OTHER}, {"id": "b", "asked": "What else?", "gold": None}],
        "second": [{"id": "c", "asked": CHINESE, "gold": {"fever": "present", "cough": "absent in all of his visits"}}],
    }
    found = find_leaks(suites, tuning(OTHER + ENGLISH, "nothing", CHINESE), limit=0.5)
    assert list(found) == ["first", "second"]
    assert [(leak["id"], leak["source"], leak["gold"]) for leak in found["first"].leaks] == [("a", "t:1", True)]
    assert [(leak["id"], leak["source"], leak["gold"]) for leak in found["second"].leaks] == [("c", "t:3", False)]
    first = found["first"]
    assert (first.files, first.records, first.cases, first.limit, first.share) == (("t",), 3, 2, 0.5, 0.5)
    assert not first.too_much
    assert found["second"].too_much


def test_more_of_an_answer_than_of_its_question():
    """Where both stand in the data, the record that holds more of them is the source; the question decides the kind."""
    rest = "Drink plenty of water, rest your knee, and come back to us if it is still swollen at the end of the month."
    rewritten = ENGLISH.replace("three days", "two weeks").replace("what is it", "please help")
    (leak,) = find_leaks(entries(ENGLISH, gold=rest), tuning(rewritten, f"{rewritten} {rest}"))["suite"].leaks
    assert (leak["kind"], leak["source"], leak["gold"]) == ("near", "t:2", True)
    assert 0.7 <= leak["similarity"] < 1
    assert leak["similarity"] == round(leak["similarity"], 4)


@pytest.mark.parametrize(
    ("count", "limit", "too_much"), [(0, 0.0, False), (1, 0.0, True), (1, 0.01, False), (2, 0.01, True)]
)
def test_more_than_the_limit_is_too_much(count, limit, too_much):
    """At the limit is not above it; a suite without cases has no share."""
    (leak,) = find_leaks(entries(ENGLISH), tuning(ENGLISH))["suite"].leaks
    found = Leakage(files=("t",), records=1, cases=100, limit=limit, leaks=(leak,) * count)
    assert (found.share, found.too_much) == (count / 100, too_much)
    assert str(found) == f"{count} of 100 cases stand in the training data, more than {100 * limit:g} %"
    assert Leakage(files=("t",), records=1, cases=0, limit=0.0).share == 0.0


def test_a_gate_says_how_much_is_leaked():
    """The reason of the leak goes before the gate's own; without a leakage search nothing changes."""
    (leak,) = find_leaks(entries(ENGLISH), tuning(ENGLISH))["suite"].leaks
    result = GateResult(suite="s", expression="accuracy >= 0.5", verdict="pass", reason="why")
    found = with_leakage(result, Leakage(files=("t",), records=1, cases=4, limit=0.2, leaks=(leak,)))
    assert found.reason == "1 of 4 cases stand in the training data, more than 20 %; on all cases: why"
    assert with_leakage(result, None) is result


def test_the_section_of_a_suite_compares_all_cases_with_clean_ones():
    """Means by hand: of 1, 0, 1 and a row that says nothing, the first case is leaked."""
    (leak,) = find_leaks({"suite": [{"id": "a", "asked": ENGLISH, "gold": None}]}, tuning(ENGLISH))["suite"].leaks
    near = {**leak, "id": "d", "kind": "near", "similarity": 0.8}
    rows = {
        "candidate": {"accuracy": np.array([[1.0], [0.0], [1.0], [np.nan]])},
        "baseline": {"accuracy": np.array([[0.0], [0.0], [1.0], [np.nan]])},
        "reference": {"accuracy": np.ones((4, 1))},
    }
    metric = Measure(name="accuracy", counts="accuracy", signature="", make=None, fold=mean, spread=mean_of(0))
    data = SuiteData(name="suite", metrics={"accuracy": metric}, rows=rows, ids=list("abcd"))
    leakage = Leakage(files=("t",), records=9, cases=4, limit=0.01, leaks=(leak, near, {**near, "id": "gone"}))
    section = leakage_section(leakage, data, "accuracy")
    assert (section["files"], section["records"], section["cases"], section["metric"]) == (["t"], 9, 4, "accuracy")
    assert (section["exact"], section["near"], section["share"], section["limit"]) == (1, 2, 0.75, 0.01)
    assert (section["clean"], section["asked"]) == (2, True)
    assert section["leaked"] == [
        {"id": "a", "kind": "exact", "similarity": 1.0, "source": "t:1", "gold": None},
        {"id": "d", "kind": "near", "similarity": 0.8, "source": "t:1", "gold": None},
        {"id": "gone", "kind": "near", "similarity": 0.8, "source": "t:1", "gold": None},
    ]
    assert section["scores"] == {
        role: {"all": pytest.approx(share), "clean": 0.5} for role, share in (("candidate", 2 / 3), ("baseline", 1 / 3))
    }
    whole = leakage_section(replace(leakage, leaks=tuple({**leak, "id": name} for name in "abcd")), data, "accuracy")
    assert (whole["clean"], whole["scores"]["candidate"]["clean"]) == (0, None)
    assert leakage_section(leakage, data, "f1")["scores"] == {}
    alone = replace(data, rows={"candidate": rows["candidate"], "baseline": {}})
    assert list(leakage_section(leakage, alone, "accuracy")["scores"]) == ["candidate"]
    unreached = replace(data, rows={"candidate": {"accuracy": np.full((4, 1), np.nan)}})
    second = replace(data.metrics["accuracy"], spread=mean_of(2))  # of rows that are three wide where there is a reply
    unreached = replace(unreached, metrics={"accuracy": second})
    scores = leakage_section(leakage, unreached, "accuracy")["scores"]
    assert scores == {"candidate": {"all": None, "clean": None}}


def test_tuning_files_are_named_as_the_user_named_them(tmp_path: Path):
    """Inside the project by the path from its root, outside it in full; every record knows its file and line."""
    inside, outside = tmp_path / "root" / "data" / "a.jsonl", tmp_path / "b.jsonl"
    inside.parent.mkdir(parents=True)
    for file in (inside, outside):
        file.write_text('{"q": "one"}\n{"q": "two"}\n', encoding="utf-8")
    found = read_tunings([inside, outside], tmp_path / "root")
    names = (str(Path("data", "a.jsonl")), str(outside))
    assert found.files == names
    assert [str(one.source) for one in found.records] == [f"{name}:{line}" for name in names for line in (1, 2)]
