"""Clinical notes: divisions found by headings, overlap of each, what is missing, and contexts that are too short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rouge_score import rouge_scorer

from pytest_medeval.core.types import Answer, Record, Reply, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.note import ASK, DIVISIONS, Note, sections

ACI = Path(__file__).parents[4] / "shared" / "data" / "aci_bench" / "clinicalnlp_taskB_test1.csv"
real = pytest.mark.skipif(not ACI.is_file(), reason=f"no published data: {ACI} is missing")
REFERENCE = "CHIEF COMPLAINT\n\nCough.\n\nRESULTS\nX-ray is clear.\n\nASSESSMENT AND PLAN\nBronchitis. Rest and tea."
LENGTHS = (12, 15)
"""Words of the note and of the reference."""
NOTE = "## HPI\nThe cough began on Monday.\n**Assessment:** bronchitis\n1. Plan: rest, tea"


def case(**fields):
    """Make a case."""
    given = {"id": "a", "dialogue": "[doctor] hi\n[patient] i cough", "note": REFERENCE} | fields
    return Note().case(Record(Source("x", 1), given))


def scores(reply, of=None):
    """Score one reply by all metrics."""
    one, task = of or case(), Note()
    rows = {
        metric.name: np.array([metric.row(one, Reply(reply, "answered"))], dtype=float) for metric in metrics_for(task)
    }
    return {
        metric.name: float(metric.score(metric.expand(rows[metric.name]).sum(axis=0))) for metric in metrics_for(task)
    }


@pytest.mark.parametrize(
    ("note", "found"),
    [
        (REFERENCE, {"subjective": "Cough.", "results": "X-ray is clear.", "plan": "Bronchitis. Rest and tea."}),
        (NOTE, {"subjective": "The cough began on Monday.", "plan": "bronchitis\nrest, tea"}),
        ("Exam is normal today and the plan is to rest.", {}),
        ("Plan:\nRest\nResults of the lab are due.\n", {"plan": "Rest\nResults of the lab are due."}),
        ("FREE TEXT\nCC: cough\nVITALS\n\nBP 120/80", {"subjective": "cough", "exam": "BP 120/80"}),
        ("", {}),
    ],
)
def test_divisions_are_found_by_their_headings(note, found):
    """Capitals, Markdown, colons, numbers; a sentence that begins with a heading's word is none."""
    assert sections(note) == found


def test_what_is_asked_and_read():
    """The dialogue stands whole behind the request; the reply is the note."""
    task = Note()
    (turn,) = task.request(case()).messages
    assert turn.content == f"{ASK}\n\n{case().dialogue}"
    reply = task.read(case(), Answer(NOTE))
    assert (reply.prediction, reply.outcome, task.correct(case(), reply)) == (NOTE, "answered", None)
    assert task.gold(case()) == REFERENCE


def test_scores_of_the_whole_and_of_divisions():
    """Each division's ROUGE-L is rouge-score's of the two texts; what the reference lacks does not count."""
    found = scores(NOTE)
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    for name in ("subjective", "plan"):
        wanted = scorer.score(sections(REFERENCE)[name], sections(NOTE)[name])["rougeL"].fmeasure
        assert found[f"rougeL_{name}"] == pytest.approx(wanted, abs=1e-12)
    assert found["rougeL"] == pytest.approx(scorer.score(REFERENCE, NOTE)["rougeL"].fmeasure, abs=1e-12)
    assert found["rougeL_results"] == 0
    assert np.isnan(found["rougeL_exam"])
    assert found["sections_missing"] == 1
    assert found["length_ratio"] == pytest.approx(LENGTHS[0] / LENGTHS[1])
    assert scores("")["sections_missing"] == 3


@real
def test_aci_bench():
    """Each of the twenty notes falls into its divisions, and scores 1 against itself."""
    cases, skips = read_cases(ACI, Note())
    assert (len(cases), skips, cases[0].id) == (20, [], "D2N088")
    for one in cases:
        found = sections(one.reference)
        assert {"subjective", "plan"} <= found.keys() <= DIVISIONS.keys()
        assert sum(map(len, found.values())) > 0.85 * len(one.reference)
    own = scores(cases[0].reference, cases[0])
    assert own["rougeL"] == own["rougeL_plan"] == own["length_ratio"] == 1
    assert own["sections_missing"] == 0
