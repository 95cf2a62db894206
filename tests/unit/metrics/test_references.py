"""Cases with several references, or none: the best one counts, or the mean of all."""

from __future__ import annotations

import math
from statistics import fmean

import numpy as np
import pytest

from pytest_medeval.core.types import Record, Reply, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.lexical import averaged
from pytest_medeval.metrics.safety import safety
from pytest_medeval.tasks.dialogue import ONE_BY_ONE, Dialogue

GOOD = ["Rest and drink a lot.", "Drink warm tea, and rest.", "See a doctor today."]


def case(**fields):
    """Make a case of the keys of a record."""
    return Dialogue().case(Record(Source("a.jsonl", 1), {"id": "a", **fields}))


def scored(task, one, text, name):
    """Score one reply."""
    (metric,) = metrics_for(task, [name])
    row = metric.row(one, Reply(text, "answered", prediction=text))
    return float(metric.score(metric.expand(np.array([row])).sum(axis=0)))


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_the_best_and_the_mean_of_several_references(name):
    """They are those of the scores against each reference alone."""
    said = "Rest, and see a doctor."
    several = case(input="I cough.", references=GOOD)
    alone = [scored(Dialogue(), case(input="I cough.", reference=text), said, name) for text in GOOD]
    task = Dialogue().fitted([several])
    assert len(set(alone)) > 1
    assert scored(task, several, said, name) == max(alone)
    assert scored(task, several, said, f"{name}_mean") == pytest.approx(fmean(alone), abs=1e-12)
    best, mean = (metric.signature for metric in metrics_for(task, [name, f"{name}_mean"]))
    assert "|refs:3:best|" in best
    assert "|refs:3:mean|" in mean
    assert mean.startswith(f"{name}_mean|")


def test_without_a_reference_word_overlap_is_undefined():
    """Where some cases have one, the others have no score; where none has, nothing but the rules is measured."""
    some, none = case(input="x", reference="Rest."), case(input="y")
    task = Dialogue().fitted([some, none])
    assert task.references == "0-1"
    assert all(math.isnan(scored(task, none, "Rest.", name)) for name in (*ONE_BY_ONE, "corpus_bleu", "length_ratio"))
    assert scored(task, some, "Rest.", "rougeL") == 1
    assert Dialogue().fitted([none]).metrics == ("safety",)
    assert Dialogue().fitted([some]) == Dialogue()


def test_the_signature_of_cases_with_one_reference_is_the_old_one():
    """Stored runs stay comparable: nothing is added for what no case has."""
    assert all("refs:" not in metric.signature.replace("nrefs:", "") for metric in metrics_for(Dialogue()))


def test_bleu_takes_the_counts_of_the_best_reference_and_rouge_the_best_of_each():
    """Lengths and n-grams are those of one reference; F of words and of their pairs may be of two."""
    several = case(input="?", references=["a b c d", "e f g d x x x"])
    task = Dialogue().fitted([several])
    (bleu,) = metrics_for(task, ["corpus_bleu"])
    row = bleu.row(several, Reply("a b x", "answered"))
    assert row[1:3] == [3, 4]
    said = "b a e f"
    for name in ("rouge1", "rouge2"):
        best = max(scored(Dialogue(), case(input="?", reference=text), said, name) for text in several.known)
        assert scored(task, several, said, name) == best > 0


def test_a_reference_that_cannot_be_read_is_left_out_of_best_and_mean():
    """An emoji has no word for ROUGE; where no reference has one there is no score."""
    mixed, none = case(input="?", references=["Rest.", "👍"]), case(input="?", references=["👍", "🙏"])
    task = Dialogue().fitted([mixed])
    assert [scored(task, mixed, "Rest.", name) for name in ("rouge1", "rouge1_mean")] == [1, 1]
    assert all(math.isnan(scored(task, none, "Rest.", name)) for name in ("rouge1", "rouge1_mean"))


def test_only_what_compares_with_a_reference_has_a_mean_over_them():
    """Rules of safety look at the reply alone."""
    with pytest.raises(TypeError, match="safety compares with no reference"):
        averaged(safety(Dialogue()))
