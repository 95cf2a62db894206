"""Readers of published ratings: each quirk of each format, with file and line."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.judges.ratings import FIVE_STEPS, READERS, read_ratings
from pytest_medeval.judges.ratings.consistency import position_audit
from pytest_medeval.judges.ratings.types import Scale

GRADES = dict.fromkeys(
    ("Guidance", "Informativeness", "Relevance", "Safety", "Empathy", "Helpfulness", "Understanding"), 4
)


def written(folder: Path, name: str, text: str) -> Path:
    """Write a file."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def reasons(found):
    """Count what was left out by reason."""
    return Counter(entry.reason for entry in found.left)


def csv_row(*cells):
    """Write one CSV row with every cell quoted."""
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


def test_medieval_people(tmp_path):
    """Uneven raters, a null, a score off the scale, two names of one person; each has its line."""
    cases = {
        "c1": {
            "AAA-R17": [
                {"user": "P_AE", "strength": 7, "hallucination": None, "halluText": ""},
                {"user": "Q_01bAE", "strength": 6.5, "hallucination": 0, "halluText": ""},
            ],
            "BBB-Q3B": [
                {"user": "P_AE", "strength": None, "hallucination": 1.5, "halluText": ""},
                {"user": "Q_AE", "strength": 11, "hallucination": None, "halluText": ""},
            ],
        }
    }
    found = read_ratings(written(tmp_path, "people.json", json.dumps(cases, indent=1)))
    scores = [(one.item, one.rater, one.dimension, one.score) for one in found.ratings]
    assert scores == [
        ("c1/AAA-R17", "P_AE", "strength", 7.0),
        ("c1/AAA-R17", "Q_AE", "strength", 6.5),
        ("c1/AAA-R17", "Q_AE", "hallucination", 0.0),
        ("c1/BBB-Q3B", "P_AE", "hallucination", 1.5),
    ]
    assert found.role == "human"
    assert {one.cluster for one in found.ratings} == {"c1"}
    assert reasons(found) == {"strength is null": 1, "strength is outside 0 to 10 in steps of 0.5": 1}
    assert str(found.left[0].source).endswith("people.json:17")
    assert found.ratings[0].source.line == 3


def test_medieval_judge_may_write_between_two_steps(tmp_path):
    """A judge's 8.8 is kept as it is; the judge is named by its file."""
    path = written(tmp_path, "some_judge.rate.json", '{"c1": {"AAA-R17": 8.8, "BBB-Q3B": -1}}')
    found = read_ratings(path)
    assert [(one.rater, one.score) for one in found.ratings] == [("some_judge", 8.8)]
    assert len(found.left) == 1


def test_mentalalign_people(tmp_path):
    """Blanks before column names, an empty cell, a null, a 6: three are left out, the rest stays."""
    head = "ConvID,context,human_response_original, human_response_claude,human_response_qwen_3\n"
    spoiled = json.dumps({**GRADES, "Safety": None, "Helpfulness": 6})
    path = written(tmp_path, "people.csv", head + csv_row("7", "I am\nsad", json.dumps(GRADES), spoiled, ""))
    found = read_ratings(path)
    by_item = Counter(one.item for one in found.ratings)
    assert by_item == {"7/original": 7, "7/claude": 5}
    assert reasons(found) == {"grade is null": 1, "grade is not on the scale 1 to 5": 1, "empty cell": 1}
    assert {entry.source.line for entry in found.left} == {2}


def test_mentalalign_judge(tmp_path):
    """Bare, fenced and with prose around are read; cut off, typographic quotes and a refusal are not."""
    reply = json.dumps({**GRADES, "Overall": 3.7, "Explanation": "good"})
    cells = {
        "bare": reply,
        "fenced": f"```json\n{reply}\n```",
        "prose": f"I rate it.\n\n{reply}",
        "cut": reply[:-1],
        "quotes": reply.replace('"', "”"),
        "refusal": "What you've provided appears to be an internal thought.",
        "missing": json.dumps({"Guidance": 4}),
    }
    head = ",".join(["ConvID", "context", *(f"judge_response_{name}" for name in cells)]) + "\n"
    found = read_ratings(written(tmp_path, "robot_llm_judge.csv", head + csv_row("1", "hello", *cells.values())))
    assert Counter(one.item for one in found.ratings) == {"1/bare": 7, "1/fenced": 7, "1/prose": 7, "1/missing": 1}
    assert {one.rater for one in found.ratings} == {"robot"}
    assert reasons(found) == {
        "unreadable reply, broken JSON: cut off, or quotes not escaped": 2,
        "unreadable reply, no verdict: no JSON object": 1,
        "dimension is missing": 6,
    }
    assert found.notes == ("a judge's Overall is not read: people gave none",)


def judgebench_line(first, second, **other):
    """Write one JudgeBench record."""
    judgments = [
        {"judgment": {"judge_model": "robot", "response": ""}, "decision": decision} for decision in (first, second)
    ]
    record = {
        "pair_id": "p",
        "original_id": 1,
        "label": "A>B",
        "judgments": judgments,
        "response_A": "longer",
        "response_B": "short",
        **other,
    }
    return json.dumps(record) + "\n"


def test_judgebench_second_decision_is_flipped(tmp_path):
    """``A>B`` then ``B>A`` is one and the same answer twice; a decision of null is kept as unread."""
    path = written(tmp_path, "out.jsonl", judgebench_line("A>B", "B>A") + "\n" + judgebench_line("A=B", None))
    found = read_ratings(path)
    decision, unread = found.decisions
    assert (decision.first, decision.second, decision.label, decision.longer) == (1, 1, 1, 1)
    assert decision.judge == "robot"
    assert (unread.first, unread.second, unread.source.line) == (0, None, 3)
    assert found.left == ()


def test_judgebench_counts_what_could_not_be_read_as_its_authors_do(tmp_path):
    """Right: both, one of two, one beside a null. Not right: a flip, nulls, a null beside a wrong one, no judgment.

    The counts are those of JudgeBench's own ``compute_final_metrics(pairs, reverse_order=True)``: 3 of 8, 37.5 %.
    """
    said = [("A>B", "B>A"), ("A>B", "A=B"), ("A>B", None), ("A>B", "A>B"), (None, None), (None, "A>B"), ("x", 3)]
    text = "".join(judgebench_line(*pair) for pair in said) + judgebench_line("", "", judgments=[None, None])
    audited = position_audit(read_ratings(written(tmp_path, "out.jsonl", text)).decisions)
    assert (audited.accuracy.count, audited.accuracy.of) == (3, 8)
    assert (audited.consistent.count, audited.flipped.count, audited.longer.of) == (1, 1, 4)
    assert (audited.unread.count, audited.unread.of) == (8, 16)


@pytest.mark.parametrize(
    ("other", "reason"),
    [({"label": "A=B"}, "label is neither A>B nor B>A"), ({"judgments": []}, "not judged in both orders")],
)
def test_judgebench_without_label_or_order(tmp_path, other, reason):
    """A pair without a right answer or without both orders is left out."""
    text = judgebench_line("A>B", "B>A") + judgebench_line("A>B", "B>A", **other)
    assert reasons(read_ratings(written(tmp_path, "out.jsonl", text))) == {reason: 1}


def test_germediq(tmp_path):
    """Semicolons, CRLF, a nameless column, newlines in a field, one group a row, an odd rating."""
    head = "id;question;response;rating1a;rating1b;rating2a;rating2b;model;run;\r\n"
    rows = '1;Rauchen?;"Ja,\r\nviel";4;5;;;human;;\r\n1;Rauchen?;x;;;2;7;bloom;3.0;\r\n3;Wie?;y;;;;;human;;\r\n'
    path = tmp_path / "Human-Judgments.csv"
    path.write_bytes((head + rows).encode())
    found = read_ratings(path)
    assert [(one.item, one.rater, one.score) for one in found.ratings] == [
        ("1/human", "rating1a", 4.0),
        ("1/human", "rating1b", 5.0),
        ("1/bloom/3.0", "rating2a", 2.0),
    ]
    assert {one.cluster for one in found.ratings} == {"1"}
    assert reasons(found) == {"grade is not on the scale 1 to 5": 1, "nobody rated it": 1}
    assert [entry.source.line for entry in found.left] == [4, 5]


def test_labels_as_json_lines_and_as_csv(tmp_path):
    """Both forms of our own format say the same."""
    lines = written(
        tmp_path,
        "labels.jsonl",
        '{"item": "a", "score": 4, "dimension": "accuracy", "rater": "dr1", "cluster": "k"}\n'
        '{"case": 7, "score": null}\n\n'
        '{"item": "a", "score": 5, "dimension": "accuracy", "rater": "dr1"}\n',
    )
    table = written(
        tmp_path, "labels.csv", "item,score,dimension,rater,cluster\na,4,accuracy,dr1,k\n7,,,,\na,5,accuracy,dr1,\n"
    )
    for path in (lines, table):
        found = read_ratings(path)
        (rating,) = found.ratings
        assert (rating.item, rating.score, rating.dimension, rating.rater) == ("a", 4.0, "accuracy", "dr1")
        assert rating.cluster == "k"
        assert reasons(found) == {"not rated": 1, "second score of the same rater for the same reply": 1}


def test_labels_defaults_and_texts(tmp_path):
    """Without rater, dimension, cluster: the file, ``overall``, the item; texts are kept for a judge."""
    path = written(tmp_path, "dr2.jsonl", '{"item": "a", "score": 2.5, "question": "Why?", "reply": "Rest."}')
    found = read_ratings(path, scale=Scale(0, 10, 0.5))
    (rating,) = found.ratings
    assert (rating.rater, rating.dimension, rating.cluster) == ("dr2", "overall", "a")
    assert found.texts == {"a": {"question": "Why?", "reply": "Rest."}}
    assert rating.about
    other = read_ratings(written(tmp_path, "judge.jsonl", '{"item": "a", "score": 2, "reply": "Rest. "}'))
    assert other.ratings[0].about == rating.about
    assert found.scales == {"overall": Scale(0, 10, 0.5)}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"item": "a", "score": 1, "notes": ""}', ":1: unknown key 'notes'"),
        ("a.jsonl", '{"item": "a", "score": 3}\n{"score": 1}', ":2: 'item' is missing; required: item"),
        ("a.jsonl", '{"item": "a", "score": 3}\n{"item": "b"}', ":2: 'score' is missing"),
        ("a.jsonl", '{"item": ["a"], "score": 3}', """:1: 'item' is ["a"]; accepted: a short text"""),
        ("a.jsonl", '{"item": "a", "score": 3}\n{"item":', ":2: not JSON"),
        ("a.jsonl", '{"item": "a", "score": 3}\n[]', ":2: found an array; accepted: an object a record"),
        ("a.jsonl", '{"item": "a", "score": 9}', ": no score could be read (grade is not on the"),
        ("a.csv", "item,score\na,3,4\n", ":2: found 3 fields; accepted: 2, as many as the header has"),
        ("a.txt", "hello", ": no known rating format; accepted: germediq, healthbench, judgebench, kqa, labels"),
        ("a.txt", "", ":1: the file is empty"),
    ],
)
def test_mistakes_are_one_line(tmp_path, name, text, message):
    """A file that cannot be read says where, what was found, and what is accepted."""
    with pytest.raises(MedevalError) as caught:
        read_ratings(written(tmp_path, name, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(set(READERS)))
@pytest.mark.parametrize(
    "text", ["", "null", "[1]", '{"a": 1}', '{"a": {"b": [1]}}', "a,b\n1,2\n", "\x00", "{" * 99_999]
)
def test_a_named_format_never_ends_in_a_traceback(tmp_path, name, text):
    """Any text under any format name is a plain mistake."""
    with pytest.raises(MedevalError):
        read_ratings(written(tmp_path, "a.x", text), name=name)


def test_files_that_are_not_text(tmp_path):
    """A folder, a missing file and bytes that are not UTF-8 are named."""
    (tmp_path / "bytes.json").write_bytes(b'{"item": "\xff"}')
    for name, message in (
        ("", "it is a folder"),
        ("none.json", "no such file"),
        ("bytes.json", ":1: byte 0xff at offset 10"),
    ):
        with pytest.raises(MedevalError, match=message):
            read_ratings(tmp_path / name)


def test_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    """A table saved by a spreadsheet program starts with a mark; the first column is found all the same."""
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xef\xbb\xbfitem,score\r\na,3\r\n")
    assert [one.item for one in read_ratings(path).ratings] == ["a"]


def test_scale():
    """Grades, nearest grade with half-way up, and what is on the scale."""
    half = Scale(0, 10, 0.5)
    assert half.levels == 21
    assert half.codes([8.8, 8.75, 8.74, 0, 10]).tolist() == [18, 18, 17, 0, 20]
    assert half.offers(8.5)
    assert not half.offers(8.8)
    assert half.holds(8.8)
    assert not half.holds(float("nan"))
    assert FIVE_STEPS.grades.tolist() == [1, 2, 3, 4, 5]


def test_kqa_labels_have_no_order(tmp_path):
    """Three physicians a row; a cell that holds no label is left out, and statements of one question are a cluster."""
    head = ",Question,llm_x,answer,claim,category_x,majority_label,label_0,label_1,label_2\n"
    row = csv_row(
        "7", "What is it?", "gpt35", "It is flu.", " It is viral", "Must_have", "Neutral", "Neutral", "", "Neutral "
    )
    found = read_ratings(written(tmp_path, "labels.csv", head + row))
    assert [(one.item, one.rater, one.score, one.cluster, one.system) for one in found.ratings] == [
        ("7", "label_0", 1.0, "What is it?", "gpt35"),
        ("7", "label_2", 1.0, "What is it?", "gpt35"),
    ]
    assert found.texts == {"7": {"question": "What is it?", "reply": "It is flu.", "criterion": "It is viral"}}
    assert [(one.reason, one.source.line) for one in found.left] == [
        ("label is none of Entailment, Neutral, Contradiction", 2)
    ]
    with pytest.raises(MedevalError, match=r"labels.csv:2: no column 'llm_x'; accepted: a K-QA table of labels"):
        read_ratings(written(tmp_path, "labels.csv", (head + row).replace("llm_x", "by")), name="kqa")


def test_healthbench_s_meta_evaluation(tmp_path):
    """A label a physician; criteria of a prompt are a cluster, and a category is a dimension of its own."""
    turns = [{"role": "user", "content": "I cough."}, {"role": "assistant", "content": "Since when?"},
             {"role": "user", "content": "Monday."}]  # fmt: skip
    one = {"prompt": turns, "completion": "Rest.", "rubric": "Asks.", "category": "cluster:x", "prompt_id": "p",
           "binary_labels": [True, False], "anonymized_physician_ids": ["a", "b"]}  # fmt: skip
    other = {**one, "category": None, "binary_labels": [None]}
    found = read_ratings(written(tmp_path, "meta.jsonl", f"{json.dumps(one)}\n{json.dumps(other)}\n"))
    assert [
        (rating.item, rating.rater, rating.dimension, rating.score, rating.cluster) for rating in found.ratings
    ] == [
        ("0", "physician a", "criteria", 1.0, "p"),
        ("0", "physician a", "criteria[category=cluster:x]", 1.0, "p"),
        ("0", "physician b", "criteria", 0.0, "p"),
        ("0", "physician b", "criteria[category=cluster:x]", 0.0, "p"),
    ]
    asked = "Patient: I cough.\n\nReply: Since when?\n\nPatient: Monday."
    assert found.texts["0"] == {"question": asked, "reply": "Rest.", "criterion": "Asks."}
    assert [left.detail for left in found.left] == ["1: None"]
    with pytest.raises(MedevalError, match=r"meta.jsonl:1: no 'completion'"):
        read_ratings(written(tmp_path, "meta.jsonl", '{"prompt": [], "binary_labels": []}'), name="healthbench")


def test_our_own_labels_of_criteria(tmp_path):
    """They stand beside grades in one file, on a scale of their own; an axis is a dimension more."""
    graded = {"item": "c/candidate", "dimension": "accuracy", "score": 4}
    label = {"item": "c/candidate", "criterion": "Asks.", "axis": "tone", "score": "Met", "question": "?", "reply": "!"}
    lines = "\n".join(map(json.dumps, (graded, label, {**label, "criterion": "Rests.", "score": "maybe"})))
    found = read_ratings(written(tmp_path, "own.jsonl", lines))
    assert [(one.item, one.dimension, one.score, one.cluster) for one in found.ratings] == [
        ("c/candidate", "accuracy", 4.0, "c/candidate"),
        ("c/candidate: Asks.", "criteria", 1.0, "c/candidate"),
        ("c/candidate: Asks.", "criteria[axis=tone]", 1.0, "c/candidate"),
    ]
    assert found.texts == {"c/candidate: Asks.": {"question": "?", "reply": "!", "criterion": "Asks."}}
    assert [left.reason for left in found.left] == ["label is none of not met, met"]
