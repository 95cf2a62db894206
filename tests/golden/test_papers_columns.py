"""Columns of the papers' tables from our code, on constructed samples, against the papers and other programs.

The papers print means and rates, not samples. The samples here are made to have them: S1's relative change
from scores whose means round to the table's, S3's precision, recall and F1 from replies whose counts give
all six figures at once.
"""

import math
from statistics import NormalDist

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from pytest_medeval.core.types import Answer, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.base import Measure, mean, mean_of
from pytest_medeval.stats.compare import compare
from pytest_medeval.tasks.polarity import Polarity, PolarityCase

PAIRS = 84

S1 = {
    "bleu": (0.00333, 0.0033, 0.0216, 548.99),
    "rouge1": (0.18190, 0.1819, 0.2211, 21.54),
    "rouge2": (0.02980, 0.0298, 0.0549, 84.35),
    "rougeL": (0.16957, 0.1696, 0.2061, 21.56),
    "meteor": (0.10040, 0.1004, 0.1227, 22.19),
}
"""metric: a mean of the base that rounds to the table's, the table's means, its change in percent."""

SYNONYMS = (("发热", "发烧"), ("腹泻", "拉肚子"), ("呼吸困难", "气短"), ("乏力", "没力气"))
"""Two names of one finding, by hand."""

S3_BEFORE, S3_AFTER = (0.660, 0.657, 0.658), (0.736, 0.728, 0.732)
"""Micro precision, recall and F1 of the paper, before and after canonicalisation."""

VERBATIM, SYNONYM, BOTH, WRONG, OTHER, SILENT = 1300, 142, 14, 400, 122, 22
"""How many of 2,000 findings a reply names rightly, by a synonym, by both names, with a wrong label, not but
another one instead, not at all. 1,314 of 1,992 states are right before, 1,456 of 1,978 after."""


def scores(average, draw):
    """Make 84 skewed scores with exactly this mean."""
    values = draw.lognormal(0, 0.8, PAIRS)
    return average * values / values.mean()


def compared(base, tuned):
    """Compare two samples as the plugin does."""
    metric = Measure(name="m", counts="m", signature="m", make=lambda *_: (), spread=mean_of(0), fold=mean)
    return compare(metric, tuned[:, None], base[:, None], resamples=100)


@pytest.mark.parametrize("name", S1)
def test_the_relative_change_is_s1s_column(name):
    """Means that print as the table's print its change, to the last digit."""
    average, base, tuned, change = S1[name]
    draw = np.random.default_rng(1)
    found = compared(scores(average, draw), scores(average * (1 + change / 100), draw))
    assert (round(found.baseline, 4), round(found.candidate, 4)) == (base, tuned)
    assert round(100 * found.relative, 2) == change


@pytest.mark.parametrize("digits", [None, 1])
def test_mann_whitney_is_the_one_of_the_roc_area(digits):
    """U is scikit-learn's (1.9) ``roc_auc_score`` times n1 n2; its tie-corrected normal p is ours."""
    draw = np.random.default_rng(2)
    base, tuned = scores(0.5, draw), scores(0.6, draw)
    if digits is not None:
        base, tuned = base.round(digits), tuned.round(digits)
    both = np.concatenate([tuned, base])
    area = roc_auc_score(np.repeat([1, 0], PAIRS), both)
    ties = sum(count**3 - count for count in np.unique(both, return_counts=True)[1].tolist())
    n = 2 * PAIRS
    spread = math.sqrt(PAIRS * PAIRS / 12 * (n + 1 - ties / (n * (n - 1))))
    z = (abs(area - 0.5) * PAIRS * PAIRS - 0.5) / spread
    assert compared(base, tuned).mann_whitney_p == pytest.approx(2 * (1 - NormalDist().cdf(z)), abs=1e-12)


def replies():
    """Give gold finding and reply lines (name, label), one finding a case, with the paper's rates."""
    kinds = [kind for kind, count in enumerate((VERBATIM, SYNONYM, BOTH, WRONG, OTHER, SILENT)) for _ in range(count)]
    for index, kind in enumerate(kinds):
        name, other = SYNONYMS[index % len(SYNONYMS)]
        right, wrong = [(name, "阳性")], [(name, "阴性")]
        yield name, [right, [(other, "阳性")], [*right, (other, "阳性")], wrong, [("脱发", "阳性")], []][kind]


def labelled(canonical):
    """Give the labels of gold and reply over the findings of both, as scikit-learn takes them."""
    same = {other: name for name, other in SYNONYMS} if canonical else {}
    words = {"阳性": "positive", "阴性": "negative"}
    true, said = [], []
    for gold, lines in replies():
        found = {same.get(name, name): words[label] for name, label in lines}
        for name in {gold, *found}:
            true.append("positive" if name == gold else "none")
            said.append(found.get(name, "none"))
    return true, said


@pytest.fixture(scope="module")
def ours():
    """Score the constructed replies as the plugin does."""
    task = Polarity()
    metrics = {metric.name: metric for metric in metrics_for(task)}
    rows = []
    for gold, lines in replies():
        case = PolarityCase(id="1", source=Source("made"), dialogue="-", findings={gold: "positive"})
        text = "\n".join(f"{name}：{label}" for name, label in lines)
        rows.append(list(metrics["micro_f1"].row(case, task.read(case, Answer(text)))))
    total = np.array(rows).sum(axis=0)
    return {name: float(metrics[name].score(total)) for name in metrics if "micro" in name}


@pytest.mark.parametrize(("prefix", "table"), [("raw_", S3_BEFORE), ("", S3_AFTER)], ids=["before", "after"])
def test_canonicalised_f1_is_s3s_and_scikit_learns(ours, prefix, table):
    """All six figures of the paper to its three digits, and scikit-learn's (1.9) micro average to all of them."""
    found = [ours[f"{prefix}micro_{part}"] for part in ("precision", "recall", "f1")]
    true, said = labelled(canonical=not prefix)
    expected = precision_recall_fscore_support(
        true, said, labels=["positive", "negative", "uncertain"], average="micro", zero_division=0
    )
    assert found == pytest.approx(list(expected[:3]), abs=1e-12)
    assert tuple(round(value, 3) for value in found) == table
