"""Questions with several right options, with more than ten, without letters: read, scored, or refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Record, Reply, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.choices.several import row
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.mcq import ASK_SEVERAL, MCQ
from pytest_medeval.tasks.reading.letters import read, read_several

SIGNS = {"A": "fever", "B": "cough", "C": "skin rash", "D": "weight loss", "E": "none of the above"}
REPLIES = [
    ("A", "A"),
    ("ACD", "ACD"),
    ("A, C, D", "ACD"),
    ("a, c", "AC"),
    ("A and C", "AC"),
    ("(A), (C) and (D).", "ACD"),
    ("A. fever\nC. skin rash", "AC"),
    ("- A) fever\n- D) weight loss\n", "AD"),
    ("fever, skin rash", "AC"),
    ("Fever and weight loss", "AD"),
    ("The correct answers are A and C.", "AC"),
    ("The right options are: A, C, and D because they are seen early.", "ACD"),
    ("Answer: B, D", "BD"),
    ("**Answer:** A, B", "AB"),
    ("Fever comes first.\nFinal answer: AB", "AB"),
    ("A, B and D are correct. C is seen late.", "ABD"),
    ("A and C are both true.", "AC"),
    ("<answer>A, D</answer>", "AD"),
    ("So \\boxed{ACD}", "ACD"),
    ('{"answer": ["A", "C"]}', "AC"),
    ('```json\n{"answers": "A,C"}\n```', "AC"),
    ("答案是A、C", "AC"),
    ("I choose A and B.", "AB"),
    ("E", "E"),
    ("", None),
    ("I cannot say.", None),
    ("A, maybe C", None),
    ("A and C, but not D", None),
    ("The answers are A and probably C.", None),
    ("The incorrect answers are B and D.", None),
    ("Answer: A, C\nAnswer: A, D", None),
    ("Fever is common in such patients, and so is a cough.", None),
    ("The options are A, B, C, D and E, of which I am not sure.", None),
    ("AX", None),
    ("<answer>A or C</answer>", None),
]


@pytest.mark.parametrize(("reply", "letters"), REPLIES)
def test_sets_are_read_and_never_guessed(reply, letters):
    """Lists, runs of letters, texts, statements, fields; what is doubted, denied or stated in two ways is none."""
    assert read_several(reply, SIGNS).letter == letters


def case(**fields):
    """Make a case."""
    given = {"id": "a", "question": "Which signs?", "options": SIGNS, "answer": ["C", "A"]} | fields
    return MCQ().case(Record(Source("x.yaml", 3), given))


def test_a_list_of_right_answers():
    """Letters or texts in any order; the question asks for all, and gold, prediction and target are sets."""
    assert (case().answer, case().several) == ("AC", True)
    assert case(answer=["skin rash", "A"]) == case()
    task = MCQ(scoring="reply").fitted([case()])
    assert task.request(case()).messages[-1].content.endswith(ASK_SEVERAL)
    reply = task.read(case(), Answer("A and C are right."))
    assert (reply.prediction, reply.outcome, reply.detail, task.correct(case(), reply)) == (
        "AC",
        "answered",
        "read by: statement",
        True,
    )
    assert task.read(case(), Answer("Some of them.")).outcome == "no_answer"
    assert not task.correct(case(), task.read(case(), Answer("A")))
    assert (task.gold(case()), task.target(case())) == ("AC", "A, C")
    assert task.read(case(), Answer(task.target(case()))).prediction == "AC"
    one = case(answer="B", id="b")
    assert task.request(one).messages[-1].content.endswith("the right option.")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"answer": []}, "answer is []; accepted: a list of different options"),
        ({"answer": ["A", "fever"]}, "accepted: a list of different options"),
        ({"answer": ["A", "F"]}, "answer 'F' is not among the options A, B, C, D, E"),
        ({"options": [f"o{at}" for at in range(27)]}, "27 options; accepted: 2 to 26"),
        ({"options": ["A", "fever"], "answer": "B"}, None),
        ({"options": ["B", "fever"], "answer": "B"}, "answer 'B' is not among the options A, B; accepted"),
        ({"options": ["fever"], "answer": "fever"}, "options are lettered A; accepted: A, B, ... in order, 2 to 26"),
        ({"options": ["fever", ""], "answer": "fever"}, "an option is empty"),
    ],
)
def test_what_is_wrong_with_a_question(fields, told):
    """One line with its place; the letter of one option that is the text of another is never taken for either."""
    if told is None:
        assert case(**fields).answer == "B"
        return
    with pytest.raises(MedevalError) as caught:
        case(**fields)
    assert str(caught.value).startswith("x.yaml:3: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "x.yaml:3: several options may be right, of which scoring='letters' names one alone; accepted: scoring="),
        ({"scoring": "texts"}, "of which scoring='texts' names one alone"),
        ({"scoring": "reply", "rotations": True}, "of which rotations=True names one alone"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, told):
    """Likelihoods compare single options."""
    with pytest.raises(MedevalError) as caught:
        MCQ(**options).fitted([case()])
    assert told in str(caught.value)


def test_options_without_letters_and_more_than_ten():
    """A list is lettered in its order; letters up to Z are read where they are offered, and only there."""
    texts = [f"drug {at}" for at in range(12)]
    many = case(options=texts, answer="drug 11")
    assert (many.answer, many.several, list(many.options)[-1]) == ("L", False, "L")
    for reply in ("L", "The answer is L.", "(L) drug 11", "drug 11", "Answer: L"):
        assert read(reply, many.options).letter == "L"
    assert read("The answer is K.", SIGNS).letter is None
    assert read("Vitamin K (K) is the answer", {"A": "vitamin K", "B": "none"}).letter == "A"
    task = MCQ()
    assert task.fitted([many]).request(many).choices == tuple("ABCDEFGHIJKL")
    scores = tuple(-1.0 if at == 11 else -2.0 for at in range(12))
    reply = task.read(many, Answer("", "choice", scores, (1,) * 12))
    assert reply.prediction == "L"
    assert all(np.isfinite(one.expand(np.array([one.row(many, reply)]))).all() for one in metrics_for(task))
    with pytest.raises(MedevalError, match="12 options in all orders; accepted: rotations of up to 10 options"):
        MCQ(rotations=True).fitted([many])


def test_metrics_are_scikit_learns_of_indicators():
    """Sets, options, and Jaccard's credit against another program; the other rules by hand."""
    rng = np.random.default_rng(3)
    gold = rng.integers(0, 2, (60, 5))
    gold[gold.sum(1) == 0, 0] = 1
    said = np.where(rng.random((60, 5)) < 0.8, gold, 1 - gold)
    said[:4] = 0  # no answer

    def letters(line):
        return "".join("ABCDE"[at] for at in np.flatnonzero(line))

    cases = [case(id=str(at), answer=list(letters(line))) for at, line in enumerate(gold)]
    rows = [row(one, Reply("", "answered", letters(line) or None)) for one, line in zip(cases, said, strict=True)]
    wanted = {
        "accuracy": accuracy_score(gold, said),
        "option_f1": f1_score(gold, said, average="micro"),
        "option_precision": precision_score(gold, said, average="micro"),
        "option_recall": recall_score(gold, said, average="micro"),
        "partial_credit": jaccard_score(gold, said, average="samples", zero_division=0),
        "answered": np.mean(said.any(axis=1)),
    }
    task = MCQ(scoring="reply", credit="jaccard").fitted(cases)
    found = {one.name: float(one.score(one.expand(np.array(rows)).sum(axis=0))) for one in metrics_for(task)}
    assert found == pytest.approx(wanted, abs=1e-12)
    assert "credit:jaccard" in metrics_for(task, ["partial_credit"])[0].signature


@pytest.mark.parametrize(
    ("said", "credit"),
    [
        ("AC", {"subset": 1, "options": 1, "ripkey": 1, "jaccard": 1}),
        ("A", {"subset": 0.5, "options": 0.8, "ripkey": 0.5, "jaccard": 0.5}),
        ("AB", {"subset": 0, "options": 0.6, "ripkey": 0.5, "jaccard": 1 / 3}),
        ("ABC", {"subset": 0, "options": 0.8, "ripkey": 0, "jaccard": 2 / 3}),
        (None, {"subset": 0, "options": 0, "ripkey": 0, "jaccard": 0}),
    ],
)
def test_partial_credit_by_hand(said, credit):
    """Two of five options are right."""
    rows = np.array([row(case(), Reply("", "answered", said))])
    for rule, wanted in credit.items():
        task = MCQ(scoring="reply", credit=rule).fitted([case()])
        (metric,) = metrics_for(task, ["partial_credit"])
        assert metric.expand(rows)[0, 0] == pytest.approx(wanted)


def test_metrics_of_the_other_kind_are_refused():
    """Macro-F1 over letters has no meaning for sets, and options have none where one alone is right."""
    with pytest.raises(MedevalError, match="metric 'macro_f1' is of questions with one right option"):
        metrics_for(MCQ(scoring="reply").fitted([case()]), ["macro_f1"])
    with pytest.raises(MedevalError, match="metric 'option_f1' is of questions with several right options"):
        metrics_for(MCQ(), ["option_f1"])


def test_several_answers_in_columns(tmp_path):
    """Chinese and other exams write them as ACD, or with commas."""
    path = tmp_path / "x.csv"
    path.write_text('q,A,B,C,D,k,why\nq1,a,b,c,d,ACD,since\nq2,a,b,c,d,"A, C",\n')
    columns = {"question": "q", "options": list("ABCD"), "answer": "k", "rationale": "why"}
    cases, _ = read_cases(path, MCQ(), columns=columns)
    assert [(one.answer, one.several, one.rationale) for one in cases] == [("ACD", True, "since"), ("AC", True, "")]


def test_the_rationale_is_for_people(tmp_path):
    """It is kept beside the case, and changes neither what is asked nor the case's signature."""
    from pytest_medeval.core.signature import case_signature

    plain, told = case(), case(rationale="Measles.")
    assert (told.rationale, case_signature(plain)) == ("Measles.", case_signature(told))
    assert MCQ(scoring="reply").request(plain) == MCQ(scoring="reply").request(told)
    path = tmp_path / "x.jsonl"
    record = {"id": "m", "question": "q", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": 4, "exp": "Ans. D"}
    path.write_text(json.dumps(record))
    assert read_cases(path, MCQ())[0][0].rationale == "Ans. D"
    with pytest.raises(MedevalError, match="'rationale' is a list; accepted: a text"):
        case(rationale=["a"])
