"""Readers of multiple-choice sets: MedQA, MedMCQA, MMLU, PubMedQA, quirk by quirk."""

from __future__ import annotations

import csv
import json

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.mcq import MCQ


def read(tmp_path, text, form, name="f.json"):
    """Write a file and read it; give cases, and (line, reason) of what was skipped."""
    path = tmp_path / name
    path.write_bytes(text.encode())
    cases, skips = read_cases(path, MCQ(), form)
    return cases, [(skip.source.line, skip.reason) for skip in skips]


def lines(*records):
    """Write one object a line."""
    return "\n".join(json.dumps(record) for record in records)


def usmle(**changes):
    """Give a MedQA record."""
    return {
        "question": "q",
        "answer": "y",
        "options": {"A": "x", "B": "y", "C": "z"},
        "meta_info": "step1",
        "answer_idx": "B",
        **changes,
    }


def test_medqa(tmp_path):
    """The letter is the gold, the step a tag; the id counts records, skipped ones too."""
    cases, skips = read(
        tmp_path,
        lines(
            usmle(),
            usmle(answer_idx="E"),
            usmle(answer="z"),
            usmle(options={"A": "Y ", "B": "y"}),
            usmle(options=None),
            usmle(question=""),
            usmle(options={"A": "x", "B": "y", "C": "x"}),
        ),
        "medqa",
    )
    assert [(c.id, c.answer, c.tags, c.source.line) for c in cases] == [
        ("medqa-0000", "B", {"step": "step1"}, 1),
        ("medqa-0006", "B", {"step": "step1"}, 7),
    ]
    assert skips == [
        (2, "gold answer matches no option"),
        (3, "gold letter and gold text disagree"),
        (4, "gold text stands under two letters"),
        (5, "options or answer_idx are missing"),
        (6, "'question' is empty"),
    ]


def test_medqa_options_that_are_letters(tmp_path):
    """Option texts that are letters themselves stay texts: the gold is found by letter, not by text."""
    options = {"A": "A", "B": "B", "C": "C", "D": "E"}
    (case,), _ = read(tmp_path, lines(usmle(options=options, answer="E", answer_idx="D")), "medqa")
    assert (case.answer, case.options) == ("D", options)


def exam(cop, **changes):
    """Give a MedMCQA record."""
    options = {"opa": "w", "opb": "x", "opc": "y", "opd": "z"}
    return {
        "question": "q",
        "exp": None,
        "cop": cop,
        **options,
        "subject_name": "Anatomy",
        "topic_name": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("records", "letters"),
    [
        ([exam(1), exam(4)], "AD"),
        ([exam(0), exam(3)], "AD"),
        ([exam(1), exam(2, exp="Ans. B: because"), exam(3, exp="Answer: A patient")], "ABC"),
        ([exam(1, exp="Ans-b. "), exam(3, exp="Ans. is 'd' i.e. this")], "BD"),
        ([exam(4), exam(1, exp="Ans. D. wrong")], "DA"),
    ],
    ids=["four", "zero", "explanations-1", "explanations-0", "four-beats-explanations"],
)
def test_medmcqa_first_option(tmp_path, records, letters):
    """Where ``cop`` starts is decided for the whole file: by a 0, by a 4, else by the explanations."""
    cases, skips = read(tmp_path, lines(*records), "medmcqa")
    assert "".join(case.answer for case in cases) == letters
    assert skips == []


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([exam(1), exam(3)], "neither 0 nor 4"),
        ([exam(0), exam(4)], "both 0 and 4"),
        ([exam(1, exp="Ans. A."), exam(2, exp="Ans. C.")], "neither 0 nor 4"),
        ([exam(1, exp="Ans. D.")], "neither 0 nor 4"),
    ],
    ids=["nothing-shown", "both", "explanations-differ", "explanation-impossible"],
)
def test_medmcqa_is_not_guessed(tmp_path, records, why):
    """A file that shows nothing is refused with the two formats that would say it."""
    with pytest.raises(MedevalError, match=rf"'cop' holds {why}.*accepted: format='medmcqa:0' or format='medmcqa:1'"):
        read(tmp_path, lines(*records), "medmcqa")


@pytest.mark.parametrize(("form", "letters"), [("medmcqa:0", "BD"), ("medmcqa:1", "AC")])
def test_medmcqa_told(tmp_path, form, letters):
    """The two explicit formats count as they say."""
    cases, _ = read(tmp_path, lines(exam(1), exam(3)), form)
    assert "".join(case.answer for case in cases) == letters


def test_medmcqa_skips(tmp_path):
    """A gold that is hidden (-1), missing, or stands twice is skipped; equal wrong options are not."""
    cases, skips = read(
        tmp_path,
        lines(
            exam(4, id="u1"),
            exam(-1),
            exam(None),
            exam(True),
            exam(1, opb="W"),
            exam(1, opc="x"),
            exam(2, opb=None),
            exam(2, opb=0, opa=1),
        ),
        "medmcqa",
    )
    assert [(case.id, case.tags) for case in cases] == [
        ("u1", {"subject": "Anatomy"}),
        ("medmcqa-0005", {"subject": "Anatomy"}),
        ("medmcqa-0007", {"subject": "Anatomy"}),
    ]
    assert skips == [
        *[(line, "gold answer is missing ('cop' points at no option)") for line in (2, 3, 4)],
        (5, "gold text stands under two letters"),
        (7, "an option is empty"),
    ]


def test_published_id_twice(tmp_path):
    """A published file that uses an id twice is refused with both lines."""
    with pytest.raises(MedevalError, match=r"f.json:2: id 'u' occurs twice; first at .*f.json:1"):
        read(tmp_path, lines(exam(4, id="u"), exam(1, id="u")), "medmcqa")


MMLU = 'First,"1,5",2,3,4,A\r\n"Two\r\nlines ""q""",a,b,c,d,D\r\n\r\nThird,a,b,c,d,E\r\nlast,a,b,c,d, B'


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_mmlu(tmp_path, newline):
    """The first row is a question, fields hold newlines, the file's name is the subject."""
    cases, skips = read(tmp_path, MMLU.replace("\r\n", newline), "mmlu", "medical_genetics_test.csv")
    assert [(c.id, c.answer, c.source.line) for c in cases] == [
        ("medical_genetics-0000", "A", 1),
        ("medical_genetics-0001", "D", 2),
        ("medical_genetics-0003", "B", 6),
    ]
    assert cases[0].options["A"] == "1,5"
    assert cases[1].question == f'Two{newline}lines "q"'
    assert {c.tags["subject"] for c in cases} == {"medical_genetics"}
    assert skips == [(5, "gold answer matches no option")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q,a,b,c,d,A\nq,a,b,c,A", ":2: found 5 columns; accepted: 6 (question, four options, gold letter)"),
        ('q,a,b,c,d,A\n"q,a,b,c,d,A\nmore', ":2: not CSV: unexpected end of data; accepted: a row a record"),
        ('q,a,b,c,d,A\n"q"x,a,b,c,d,A', ":2: not CSV: ',' expected after '\"'; accepted: a row a record"),
        ("x" * 200_000 + ",a,b,c,d,A", ":1: not CSV: field larger than field limit (131072); accepted: a row a record"),
    ],
    ids=["columns", "open-quote", "text-after-quote", "long-field"],
)
def test_broken_csv(tmp_path, text, message):
    """A row that is no row is refused with the line on which it starts."""
    csv.field_size_limit(131_072)  # the reader of ratings raises it for the whole process
    with pytest.raises(MedevalError) as caught:
        read(tmp_path, text, "mmlu", "x.csv")
    assert str(caught.value) == f"{tmp_path / 'x.csv'}{message}"


def article(**changes):
    """Give a PubMedQA record."""
    fixed = {
        "QUESTION": "q",
        "CONTEXTS": ["one", "two"],
        "LONG_ANSWER": "secret",
        "final_decision": "maybe",
        "YEAR": "2001",
    }
    return {**fixed, **changes}


def test_pubmedqa(tmp_path):
    """Decisions are options, sections the context, the PMID the id; the conclusion is not shown."""
    text = json.dumps({"11": article(), "12": article(final_decision="no", YEAR=None)}, indent=4)
    (first, second), skips = read(tmp_path, text, "pubmedqa")
    assert (first.id, first.options[first.answer], first.context, first.tags) == (
        "11",
        "maybe",
        "one\ntwo",
        {"year": "2001"},
    )
    assert (second.answer, second.tags, second.source.line) == ("B", {}, 12)
    assert "secret" not in MCQ().request(first).messages[-1].content
    assert skips == []


def test_pubmedqa_skips(tmp_path):
    """Unlabelled articles and articles without text are skipped with their lines."""
    text = ",\n".join(
        f'"{at}": {json.dumps(article(**changes))}'
        for at, changes in enumerate(
            [
                {"final_decision": None},
                {"final_decision": ["yes"]},
                {"CONTEXTS": []},
                {"CONTEXTS": "one"},
                {"QUESTION": None},
                {},
            ]
        )
    )
    cases, skips = read(tmp_path, "{" + text + "}", "pubmedqa")
    assert [case.id for case in cases] == ["5"]
    decision, context = "final_decision is not yes, no or maybe", "CONTEXTS holds no text"
    assert skips == [
        (1, decision),
        (2, decision),
        (3, context),
        (4, context),
        (5, "'question' is empty; accepted: a text"),
    ]


def test_pubmedqa_shape(tmp_path):
    """An article that is no object, or the array of another copy, is refused."""
    with pytest.raises(MedevalError, match=r"f.json:2: PMID '2' is no object"):
        read(tmp_path, '{"1": ' + json.dumps(article()) + ',\n"2": []}', "pubmedqa")
    with pytest.raises(MedevalError, match=r"f.json:1: found '\['; accepted: an object of records"):
        read(tmp_path, "[]", "pubmedqa")
