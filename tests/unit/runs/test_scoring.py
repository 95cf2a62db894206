"""Cases scored together have the numbers of cases scored one by one."""

from pytest_medeval.core.types import Answer, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.runs.engine import score, score_all
from pytest_medeval.tasks.mcq import MCQ, MCQCase

TASK = MCQ()
OPTIONS = {"A": "w", "B": "x", "C": "y", "D": "z"}
CASES = [
    MCQCase(id=str(n), source=Source("made"), question="?", options=OPTIONS, answer=right)
    for n, right in enumerate("ABCDA")
]
ANSWERS = [(Answer("", "choice", (-0.1 * n, -0.7, -1.3 / (n + 1), -2.0), (1,) * 4),) for n in range(len(CASES) - 1)] + [
    (Answer(finish="error", error="no route"),)
]


def test_together_is_as_one_by_one():
    """Scores, rows and replies are equal to the last digit; a model that could not be reached scores nothing."""
    metrics = metrics_for(TASK, None)
    together = score_all(CASES, ANSWERS, TASK, metrics)
    assert together == [score(case, own, TASK, metrics) for case, own in zip(CASES, ANSWERS, strict=True)]
    assert together[0].scores["accuracy"] == 1.0
    assert (together[-1].outcome, together[-1].scores, together[-1].rows) == ("error", {}, {})
