"""Polarity of findings (S3): labels of the gold findings, pairs of finding and label, and how replies fail.

Two readings of a reply are scored. After canonicalisation, labels count in any known wording and findings by
synonym and similarity. Before it (``raw_``), labels must be words that the prompt offers, and findings
verbatim.

``accuracy`` and ``macro_f1`` ask how each GOLD finding was labelled; one that the reply leaves out is "none".
``micro_*`` ask which findings were given a state (positive, negative, uncertain), over gold AND predicted
findings: whatever a side does not list is "none" to it, so an invented finding costs precision and a missing
one recall. ``pair_*`` compare (finding, label) pairs, findings verbatim, all four labels: what is not written
does not count.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from pytest_medeval.metrics.base import SHARE, Measure, ratio, signed
from pytest_medeval.metrics.polarity_costs import load_costs
from pytest_medeval.metrics.polarity_rows import AT, STATES, Rows, matrix
from pytest_medeval.tasks.synonyms import SHIPPED, load_synonyms
from pytest_medeval.types import Direction, FloatArray

if TYPE_CHECKING:
    from pytest_medeval.tasks.polarity import Polarity

COSTS: Final = np.array(
    [  # predicted: positive, negative, uncertain, none
        [0.0, 4.0, 2.0, 3.0],  # gold positive
        [2.0, 0.0, 1.0, 1.0],  # gold negative
        [1.0, 2.0, 0.0, 1.0],  # gold uncertain
        [1.0, 1.0, 1.0, 0.0],  # gold none
    ]
)
"""What a wrong label costs. To call a present finding absent is worst, to leave it out is next; to call an
absent one present costs half as much, for it will be asked about again. These weights are ours: no source
sets them. A suite's ``costs="FILE.toml"`` sets others; see ``pytest_medeval.metrics.polarity_costs``."""


def _accuracy(total: FloatArray, *, raw: bool) -> FloatArray:
    cells = matrix(total, raw=raw)
    return ratio(np.trace(cells, axis1=-2, axis2=-1), cells.sum(axis=(-2, -1)))


def _macro_f1(total: FloatArray, *, raw: bool) -> FloatArray:
    cells = matrix(total, raw=raw)
    right, both = np.diagonal(cells, axis1=-2, axis2=-1), cells.sum(axis=-1) + cells.sum(axis=-2)
    return ratio(ratio(2 * right, both, 0.0).sum(axis=-1), (both > 0).sum(axis=-1))


def _micro(total: FloatArray, *, raw: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Count states: right ones, predicted ones, gold ones."""
    cells = matrix(total, raw=raw)
    right = np.trace(cells[..., :STATES, :STATES], axis1=-2, axis2=-1)
    invented = total[..., AT["raw_invented" if raw else "invented"]]
    return right, cells[..., :STATES].sum(axis=(-2, -1)) + invented, cells[..., :STATES, :].sum(axis=(-2, -1))


def _pairs(total: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    return total[..., AT["pair_right"]], total[..., AT["pair_said"]], total[..., AT["pair_gold"]]


def _shares(part: str, counts: tuple[FloatArray, FloatArray, FloatArray]) -> FloatArray:
    """Give P, R or F1; 0 for 0/0 as with zero_division=0, NaN where neither side has anything."""
    right, said, gold = counts
    share = {
        "precision": lambda: ratio(right, said, 0.0),
        "recall": lambda: ratio(right, gold, 0.0),
        "f1": lambda: ratio(2 * right, said + gold, 0.0),
    }[part]()
    return np.where(said + gold > 0, share, np.nan)


def accuracy(task: Polarity) -> Measure:
    """Share of gold findings with the right label: #(predicted = gold) / #gold, over four labels.

    A finding that the reply does not name, or names with two labels, is predicted "none" (S3's protocol).
    Equal to scikit-learn's ``accuracy_score`` on the flattened labels of all gold findings. Range 0 to 1,
    higher is better; NaN for no case. An empty reply is right about the findings whose gold label is "none".

    >>> from pytest_medeval.tasks.polarity import Polarity
    >>> accuracy(Polarity()).signature.rpartition("-")[0].partition("|synonyms")[0]
    'accuracy|labels:any|findings:canonical'
    """
    return _measure(task, "accuracy", lambda total: _accuracy(total, raw=False))


def raw_accuracy(task: Polarity) -> Measure:
    """``accuracy`` before canonicalisation."""
    return _measure(task, "raw_accuracy", lambda total: _accuracy(total, raw=True))


def macro_f1(task: Polarity) -> Measure:
    """Mean over labels of F1 = 2 tp / (2 tp + fp + fn), on the gold findings as for ``accuracy``.

    The labels are those that occur as gold or as prediction among the summed cases ("none" occurs as soon as
    a finding is left out); each counts alike, and one that is never right scores 0: scikit-learn's
    ``f1_score(average="macro", zero_division=0)``. Range 0 to 1, higher is better; NaN for no case; no score
    for a single case.

    >>> from pytest_medeval.metrics.polarity_rows import WIDTH
    >>> from pytest_medeval.tasks.polarity import Polarity
    >>> total = np.zeros(WIDTH); total[[0, 1, 5]] = 1, 1, 1
    >>> round(float(macro_f1(Polarity()).score(total)), 4)
    0.6667
    """
    return _measure(task, "macro_f1", lambda total: _macro_f1(total, raw=False), per_case=False)


def raw_macro_f1(task: Polarity) -> Measure:
    """``macro_f1`` before canonicalisation."""
    return _measure(task, "raw_macro_f1", lambda total: _macro_f1(total, raw=True), per_case=False)


def micro_f1(task: Polarity) -> Measure:
    """F1 = 2PR / (P + R) of states, pooled over cases: P = tp / predicted, R = tp / gold.

    A state is a finding with the label positive, negative or uncertain; tp: those that gold and reply agree
    on; predicted: those of the reply, invented findings among them; gold: those of the case. "none" is the
    background, as "no relation" is in relation extraction, and stands for all that a side does not list;
    findings with two labels are "none". Equal to scikit-learn's
    ``precision_recall_fscore_support(labels=[positive, negative, uncertain], average="micro",
    zero_division=0)`` over the findings of gold and reply together. Over all four labels of the gold findings
    it would be the accuracy once more; S3 reports P and R that differ (0.660, 0.657). Range 0 to 1, higher is
    better. 0 for a reply that names nothing where gold has a state; NaN where neither has.

    >>> from pytest_medeval.metrics.polarity_rows import WIDTH
    >>> from pytest_medeval.tasks.polarity import Polarity
    >>> total = np.zeros(WIDTH); total[[0, 3, AT["invented"]]] = 2, 1, 1  # 2 right, 1 left out, 1 invented
    >>> round(float(micro_f1(Polarity()).score(total)), 4)
    0.6667
    """
    return _measure(task, "micro_f1", lambda total: _shares("f1", _micro(total, raw=False)))


def micro_precision(task: Polarity) -> Measure:
    """P of ``micro_f1``: of the states that the reply gives, the share that gold gives too."""
    return _measure(task, "micro_precision", lambda total: _shares("precision", _micro(total, raw=False)))


def micro_recall(task: Polarity) -> Measure:
    """R of ``micro_f1``: of the states that gold gives, the share that the reply gives too."""
    return _measure(task, "micro_recall", lambda total: _shares("recall", _micro(total, raw=False)))


def raw_micro_f1(task: Polarity) -> Measure:
    """``micro_f1`` before canonicalisation."""
    return _measure(task, "raw_micro_f1", lambda total: _shares("f1", _micro(total, raw=True)))


def raw_micro_precision(task: Polarity) -> Measure:
    """``micro_precision`` before canonicalisation."""
    return _measure(task, "raw_micro_precision", lambda total: _shares("precision", _micro(total, raw=True)))


def raw_micro_recall(task: Polarity) -> Measure:
    """``micro_recall`` before canonicalisation."""
    return _measure(task, "raw_micro_recall", lambda total: _shares("recall", _micro(total, raw=True)))


def pair_f1(task: Polarity) -> Measure:
    """F1 = 2PR / (P + R) of written pairs, pooled over cases: P = tp / predicted, R = tp / gold.

    A pair is a finding, verbatim, and its label, in any known wording; all four labels count, repeated pairs
    count once, and what is not written counts nowhere. Pairs of a finding with two labels are predicted and
    never right. Source: S3, exact pair scores. Range 0 to 1, higher is better. 0 for a reply without a pair.

    >>> from pytest_medeval.metrics.polarity_rows import WIDTH
    >>> from pytest_medeval.tasks.polarity import Polarity
    >>> total = np.zeros(WIDTH); total[[AT["pair_right"], AT["pair_said"], AT["pair_gold"]]] = 1, 2, 2
    >>> float(pair_f1(Polarity()).score(total))
    0.5
    """
    return _measure(task, "pair_f1", lambda total: _shares("f1", _pairs(total)))


def pair_precision(task: Polarity) -> Measure:
    """P of ``pair_f1``."""
    return _measure(task, "pair_precision", lambda total: _shares("precision", _pairs(total)))


def pair_recall(task: Polarity) -> Measure:
    """R of ``pair_f1``."""
    return _measure(task, "pair_recall", lambda total: _shares("recall", _pairs(total)))


def cost(task: Polarity) -> Measure:
    """Cost of wrong labels, as a share of the worst possible: sum of C[g, p] / sum of max over p of C[g, p].

    g, p: gold and predicted label of each gold finding, as for ``accuracy``; C: ``COSTS``, or those of the
    task's file ``costs``, which the signature tells in full. Range 0 to 1, lower is better; NaN for no case,
    and where no gold finding could cost anything. Invented findings cost nothing: see ``hallucinations``.

    >>> from pytest_medeval.metrics.polarity_rows import WIDTH
    >>> from pytest_medeval.tasks.polarity import Polarity
    >>> total = np.zeros(WIDTH); total[[0, 1]] = 1, 1  # one present finding seen, one called absent
    >>> float(cost(Polarity()).score(total))
    0.5
    """
    costs = COSTS if task.costs is None else load_costs(task.costs)

    def fold(total: FloatArray) -> FloatArray:
        cells = matrix(total, raw=False)
        worst = (cells.sum(axis=-1) * costs.max(axis=-1)).sum(axis=-1)
        return ratio((cells * costs).sum(axis=(-2, -1)), worst)

    told = "costs:" + ",".join(f"{value:.12g}" for value in costs.ravel())
    return _measure(task, "cost", fold, told, direction=-1)


def format_rate(task: Polarity) -> Measure:
    """Share of the lines that are one ``finding: label`` each: formed / lines, pooled over cases.

    Headings do not count; a reply without a line counts as one line out of form. Range 0 to 1, higher is
    better; NaN for no case.

    >>> from pytest_medeval.metrics.polarity_rows import WIDTH
    >>> from pytest_medeval.tasks.polarity import Polarity
    >>> total = np.zeros(WIDTH); total[[AT["formed"], AT["lines"]]] = 3, 4
    >>> float(format_rate(Polarity()).score(total))
    0.75
    """
    return _quotient(task, "format_rate", "formed", "lines", direction=1, most=1.0)


def conflicts(task: Polarity) -> Measure:
    """Mean number a case of findings with two labels: sum of conflicts / #cases.

    Findings that mean one gold finding are one. Neither label counts. Range 0 upwards, lower is better; NaN
    for no case.

    >>> from pytest_medeval.metrics.polarity_rows import WIDTH
    >>> from pytest_medeval.tasks.polarity import Polarity
    >>> total = np.zeros(WIDTH); total[[AT["conflicts"], AT["cases"]]] = 1, 4
    >>> float(conflicts(Polarity()).score(total))
    0.25
    """
    return _quotient(task, "conflicts", "conflicts", "cases")


def duplicates(task: Polarity) -> Measure:
    """Mean number a case of lines that repeat a finding with the same label; otherwise as ``conflicts``."""
    return _quotient(task, "duplicates", "duplicates", "cases")


def hallucinations(task: Polarity) -> Measure:
    """Mean number a case of findings of the reply that mean no gold finding; otherwise as ``conflicts``."""
    return _quotient(task, "hallucinations", "hallucinations", "cases")


def missing(task: Polarity) -> Measure:
    """Mean number a case of gold findings that the reply does not name; otherwise as ``conflicts``."""
    return _quotient(task, "missing", "missing", "cases")


def _quotient(
    task: Polarity, name: str, above: str, below: str, *, direction: Direction = -1, most: float = math.inf
) -> Measure:
    def fold(total: FloatArray) -> FloatArray:
        return ratio(total[..., AT[above]], total[..., AT[below]])

    return _measure(task, name, fold, f"per:{below}", direction=direction, bounds=(0.0, most))


def _measure(
    task: Polarity,
    name: str,
    fold: Callable[[FloatArray], FloatArray],
    *parts: str,
    direction: Direction = 1,
    per_case: bool = True,
    bounds: tuple[float, float] = SHARE,
) -> Measure:
    raw, pair = name.startswith("raw_"), name.startswith("pair_")
    findings = "findings:verbatim" if raw or pair else "findings:canonical"
    read = ("labels:offered" if raw else "labels:any", findings)
    table = () if raw or pair else (f"synonyms:{_digest(task.synonyms)}",)
    return Measure(
        name=name, counts="polarity", signature=signed(name, *read, *table, *parts), make=Rows(task.synonyms),
        fold=fold, direction=direction, per_case=per_case, bounds=bounds,
    )  # fmt: skip


@cache
def _digest(synonyms: str | None) -> str:
    """Name the table by its content: another table gives other numbers."""
    file = Path(synonyms or SHIPPED)
    load_synonyms(file)  # a file that cannot be read or is wrong is reported here
    return hashlib.sha256(file.read_bytes()).hexdigest()[:8]
