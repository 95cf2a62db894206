"""The table of metrics."""

import inspect

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.metrics import METRICS, metrics_for
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.criteria import Criteria
from pytest_medeval.tasks.dialogue import ONE_BY_ONE, Dialogue
from pytest_medeval.tasks.mcq import MCQ
from pytest_medeval.tasks.note import DIVISIONS

ALL = [
    *(TASKS.resolve(name)() for name in TASKS),
    MCQ(rotations=True),
    MCQ(scoring="reply", several=True),
    MCQ(scoring="reply", temperature=1.0, draws=2),
    Dialogue(references="1-3"),
    Criteria(holds=("axis=tone", "critical", "faults", "statements")),
]


ASKED_FOR = ("refusal",)
"""Metrics that a suite has only where it names them."""


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_every_task_has_its_metrics(task):
    """In the order of the task, each under its own name, with a signature that ends in a version."""
    metrics = metrics_for(task)
    assert tuple(metric.name for metric in metrics) == task.metrics
    assert len({metric.signature for metric in metrics}) == len(metrics)
    assert all("|version:" in metric.signature for metric in metrics)
    assert {metric.direction for metric in metrics} <= {1, -1, 0}


def test_every_entry_is_a_metric_of_its_task():
    """No entry of the table is dead, and each has a docstring."""
    for name in METRICS:
        task, _, metric = name.partition(".")
        own = [one for one in ALL if one.name == task and (metric in one.metrics or metric in ASKED_FOR)]
        (made,) = metrics_for(own[0], [metric])
        assert made.name == metric
        assert inspect.getdoc(METRICS.resolve(name))


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_unknown_names_get_suggestions(task):
    """One line with the nearest name and the names of this task only."""
    with pytest.raises(MedevalError) as caught:
        metrics_for(task, [task.metrics[0][:-1]])
    assert f"did you mean {task.metrics[0]!r}?" in str(caught.value)
    assert f"unknown metric of task {task.name}" in str(caught.value)


def test_metrics_of_one_family_share_their_row():
    """Equal ``counts`` means that a stored row serves them all."""
    families: dict[str, set[str]] = {}
    for task in ALL:
        for metric in metrics_for(task):
            families.setdefault(metric.counts, set()).add(metric.name)
    assert families["bleu"] == {"bleu", "corpus_bleu", "length_ratio"}
    assert families["rouge"] == {"rouge1", "rouge2", "rougeL"}
    assert "ece" in families["mcq"]
    assert "cost" in families["polarity"]


FACTS = {
    "criteria": "higher -inf..1",
    "criteria[axis=tone]": "higher -inf..1",
    "criteria_clipped": "higher 0..1 whole",
    "faults": "lower 0..1",
    "harmful_compliance": "lower 0..1",
    "over_refusal": "lower 0..1",
    "sections_missing": "lower 0..4",
    "corpus_bleu": "higher 0..1 whole",
    "length_ratio": "neither 0..inf",
    "f1": "higher 0..1 whole",
    "macro_precision": "higher 0..1 whole classes",
    "macro_recall": "higher 0..1 whole classes",
    "macro_f1": "higher 0..1 whole classes",
    "raw_macro_f1": "higher 0..1 whole classes",
    "ece": "lower 0..1 whole biased",
    "brier": "lower 0..2",
    "aurc": "lower 0..1 whole",
    "wrong_at_high_confidence": "lower 0..1",
    "position_bias": "lower 0..1 whole",
    "relative_error": "lower 0..1",
    "conflicts": "lower 0..inf",
    "duplicates": "lower 0..inf",
    "hallucinations": "lower 0..inf",
    "missing": "lower 0..inf",
    "cost": "lower 0..1",
}
"""What intervals and gates go by, of the metrics of which it is not ``higher 0..1``, case by case."""


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_what_gates_go_by(task):
    """Which way is better, the range that bounds the intervals, and whether a case has a score of its own."""
    for one in metrics_for(task):
        told = {1: "higher", -1: "lower", 0: "neither"}[one.direction], "{:g}..{:g}".format(*one.bounds)
        more = [word for word, said in (("classes", one.classes), ("biased", one.biased)) if said]
        whole = [] if one.per_case else ["whole"]
        assert " ".join([*told, *whole, *more]) == FACTS.get(one.name, "higher 0..1"), one.name


def test_word_overlap_is_said_by_the_metrics_themselves():
    """The track that sees only words is told from others by this, not by names."""
    lexical = {metric.name for task in ALL for metric in metrics_for(task) if metric.lexical}
    divisions = {f"rougeL_{name}" for name in DIVISIONS}
    assert lexical == {"corpus_bleu", *ONE_BY_ONE, *(f"{name}_mean" for name in ONE_BY_ONE), *divisions}
