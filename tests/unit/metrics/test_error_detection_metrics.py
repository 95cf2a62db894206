"""Errors in texts: the same numbers by scikit-learn, sacrebleu and rouge-score on MEDEC's golds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_bleu
from sklearn.metrics import accuracy_score, f1_score, recall_score

from pytest_medeval.core.types import Answer, Record, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.details import details_of
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.error_detection import ErrorDetection

MEDEC = Path(__file__).parents[4] / "shared" / "data" / "medec" / "MEDEC-MS-TestSet-with-GroundTruth-and-ErrorType.csv"
TASK = ErrorDetection(language="en")
NAMES = [name for name in TASK.metrics if name != "meteor"]


def table(cases, replies):
    """Give the stored rows of each metric."""
    read = [TASK.read(case, Answer(text)) for case, text in zip(cases, replies, strict=True)]
    return {
        metric.name: (metric, np.array([metric.row(case, reply) for case, reply in zip(cases, read, strict=True)]))
        for metric in metrics_for(TASK, NAMES)
    }


def scores(cases, replies):
    """Score replies by name of metric."""
    return {
        name: float(metric.score(metric.expand(rows).sum(axis=0)))
        for name, (metric, rows) in table(cases, replies).items()
    }


def case(**fields):
    """Make a case."""
    return TASK.case(Record(Source("a", 1), {"id": "a", "sentences": ["He coughs.", "He has cholera."], **fields}))


def test_silence_is_never_right():
    """No answer misses an error, is no word that a text is correct, and corrects nothing."""
    wrong, fine = case(error=1, correction="He has influenza."), case()
    found = scores([wrong, fine], ["?", "?"])
    assert set(found.values()) == {0.0}
    right = scores([wrong, fine], ["1 He has influenza.", "CORRECT"])
    assert set(right.values()) == {1.0}
    assert np.isnan(scores([fine], ["CORRECT"])["rouge1"])
    assert np.isnan(scores([fine], ["CORRECT"])["sensitivity"])


def test_what_stands_behind_the_scores():
    """Flags against flags with a column for no answer; what one answer to all would be."""
    cases = [case(error=1, correction="He has influenza."), case(error=1, correction="x"), case(), case()]
    rows = {"error_detection": table(cases, ["1 He has influenza.", "?", "CORRECT", "0 He runs."])["accuracy"][1]}
    details = details_of(TASK)
    assert details.confusion(TASK, rows) == {"labels": ["correct", "error"], "matrix": [[1, 1, 0], [0, 1, 1]]}
    assert details.confusion(TASK, {}) is None
    none, some = details.heedless(rows)
    assert (none.answer, none.share, none.rows[:, 2].tolist()) == ("correct", 0.25, [0, 0, 1, 1])
    assert (some.answer, some.share, some.rows[:, 2].tolist()) == ("error", 0.5, [0, 0, 0, 0])
    assert details.heedless({}) == []


def made_reply(row, at):
    """Make a reply whose flag (None: none), sentence and correction are known, in several forms."""
    wrong, number = row["Error Flag"] == "1", row["Error Sentence ID"]
    corrected = " ".join(row["Corrected Sentence"].split())
    half = " ".join(corrected.split()[: max(2, len(corrected.split()) // 2)])
    forms = [
        (f"{number} {corrected}", 1, int(number), corrected) if wrong else ("CORRECT", 0, -1, ""),
        (f"Sentence: 0\nCorrection: {half}", 1, 0, half),
        ("The text is correct.", 0, -1, ""),
        ("There is an error in it.", 1, None, ""),
        ("I am not sure.", None, None, ""),
        (f'{{"sentence": {number}, "correction": "It is {at}."}}', int(wrong), int(number), f"It is {at}."),
    ]  # fmt: skip
    return forms[at % len(forms)]


def test_scores_equal_those_of_other_programs():
    """All 200 texts of MEDEC-MS, replies of our own making: equal to 1e-9."""
    if not MEDEC.is_file():
        pytest.skip("no published data: ../shared/data/medec is missing")
    with MEDEC.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    cases, skips = read_cases(MEDEC, TASK)
    assert not skips
    made = [made_reply(row, at) for at, row in enumerate(rows)]
    found = scores(cases, [text for text, *_ in made])
    gold = [int(row["Error Flag"]) for row in rows]
    said = [2 if flag is None else flag for _, flag, _, _ in made]  # a label of its own
    placed = [sentence == int(row["Error Sentence ID"]) for row, (_, _, sentence, _) in zip(rows, made, strict=True)]
    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    pairs = [
        (" ".join(row["Corrected Sentence"].split()), text if row["Error Flag"] == "1" else "")
        for row, (_, _, _, text) in zip(rows, made, strict=True)
        if row["Error Flag"] == "1"
    ]
    wanted = {
        "accuracy": accuracy_score(gold, said),
        "f1": f1_score(gold, said, labels=[1], average="micro"),
        "sensitivity": recall_score(gold, said, labels=[1], average="micro"),
        "specificity": recall_score(gold, said, labels=[0], average="micro"),
        "sentence_accuracy": np.mean(placed),
        "bleu": np.mean([sentence_bleu(text, [right]).score / 100 for right, text in pairs]),
        **{
            name: np.mean([rouge.score(right, text)[name].fmeasure for right, text in pairs])
            for name in ("rouge1", "rouge2", "rougeL")
        },
    }  # fmt: skip
    assert 0.3 < wanted["accuracy"] < 0.8
    assert found == {name: pytest.approx(value, abs=1e-9) for name, value in wanted.items()}
