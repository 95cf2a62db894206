"""Polarity of findings (S3): labels of the gold findings, pairs of finding and label, and how replies fail.

Two readings of a reply are scored. After canonicalisation, labels count in any known wording and findings by
synonym and similarity. Before it (``raw_``), labels must be words that the prompt offers, and findings
verbatim.

``accuracy`` and ``macro_f1`` ask how each GOLD finding was labelled; one that the reply leaves out is "none".
``micro_*`` ask which findings were given a state (positive, negative, uncertain), over gold AND predicted
findings: whatever a side does not list is "none" to it, so an invented finding costs precision and a missing
one recall. ``pair_*`` compare (finding, label) pairs, findings verbatim, all four labels: what is not written
does not count.

The costs of wrong polarity labels, as a user sets them: a TOML file with a table for each gold label.

::

    [positive]          # the finding is present, and the reply says:
    negative = 4
    uncertain = 2
    none = 3

    [negative]
    positive = 2
    uncertain = 1
    none = 1

    [uncertain]
    positive = 1
    negative = 2
    none = 1

    [none]
    positive = 1
    negative = 1
    uncertain = 1

These are the costs without a file (``pytest_medeval.metrics.polarity.COSTS``). A right label costs nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.errors import MedevalError, Mistakes, accepted
from pytest_medeval.core.files.tomltext import Toml, read_toml
from pytest_medeval.core.record import ConfusionMatrix
from pytest_medeval.core.types import Direction, FloatArray, Reply
from pytest_medeval.metrics.base import SHARE, Measure, ratio, signed
from pytest_medeval.metrics.details import Details
from pytest_medeval.tasks.polarity import Aligned, Parsed, Polarity, PolarityCase, align, align_raw
from pytest_medeval.tasks.reading.labels import LABELS, Label, canonical_label
from pytest_medeval.tasks.reading.synonyms import SHIPPED, load_synonyms

# The counts behind the metrics of polarity: the row of a case, and what is wrong with a reply, by name.

_SIZE: Final = len(LABELS)
STATES: Final = _SIZE - 1
"""Labels but for the last, "none"."""
_CELLS: Final = _SIZE * _SIZE
_TAIL: Final = (
    "invented", "raw_invented", "pair_right", "pair_said", "pair_gold", "formed", "lines",
    "conflicts", "duplicates", "hallucinations", "missing", "cases",
)  # fmt: skip
AT: Final = {name: 2 * _CELLS + at for at, name in enumerate(_TAIL)}
WIDTH: Final = 2 * _CELLS + len(_TAIL)
"""Columns of a row: the confusion (gold x predicted, row by row) after and before canonicalisation, then
``_TAIL``."""


class Counts:
    """Makes the row that all metrics of polarity share."""

    def __init__(self, synonyms: str | None) -> None:
        self.synonyms = synonyms

    def __call__(self, case: PolarityCase, reply: Reply) -> Sequence[float]:
        """Give the row of one case."""
        parsed = _parsed(reply)
        gold = case.findings
        aligned = align(list(gold), parsed, load_synonyms(self.synonyms or SHIPPED))
        raw = align_raw(list(gold), parsed)
        pairs = {(finding, canonical_label(label)) for finding, label in parsed.pairs}
        twice = {finding for finding, _ in pairs if sum(name == finding for name, _ in pairs) > 1}
        right = sum(gold.get(finding) == label and finding not in twice for finding, label in pairs)
        tail = (
            _states(aligned), _states(raw), right, len(pairs), len(gold), parsed.lines - len(parsed.drift),
            max(parsed.lines, 1), len(aligned.conflicts), len(aligned.duplicates), len(aligned.invented),
            len(aligned.missing), 1,
        )  # fmt: skip
        return [*_cells(gold, aligned.labels), *_cells(gold, raw.labels), *tail]


def _parsed(reply: Reply) -> Parsed:
    return reply.prediction if isinstance(reply.prediction, Parsed) else Parsed()


def _states(aligned: Aligned) -> int:
    """Count invented findings that are given a state."""
    return sum(label != "none" for label in aligned.invented.values())


def _cells(gold: Mapping[str, Label], said: Mapping[str, Label]) -> list[float]:
    cells = [0.0] * _CELLS
    for finding, label in gold.items():
        cells[_SIZE * LABELS.index(label) + LABELS.index(said[finding])] += 1
    return cells


def trace(case: PolarityCase, reply: Reply, synonyms: str | None = None) -> dict[str, list[str]]:
    """List by name what is wrong with a reply: for the record and for whoever has to mend the model.

    ``wrong`` holds ``finding: gold -> predicted`` for gold findings that the reply names with one other
    label.
    """
    parsed = _parsed(reply)
    aligned = align(list(case.findings), parsed, load_synonyms(synonyms or SHIPPED))
    unsaid = {*aligned.missing, *aligned.conflicts}
    return {
        "conflicts": list(aligned.conflicts),
        "duplicates": list(aligned.duplicates),
        "drift": list(parsed.drift),
        "hallucinations": list(aligned.invented),
        "missing": list(aligned.missing),
        "wrong": [
            f"{finding}: {label} -> {aligned.labels[finding]}"
            for finding, label in case.findings.items()
            if finding not in unsaid and aligned.labels[finding] != label
        ],
    }


def confusion(rows: FloatArray, *, raw: bool = False) -> NDArray[np.int64]:
    """Sum the confusion of rows (n, WIDTH): gold (down) against predicted (across)."""
    total = np.asarray(rows, dtype=np.float64).reshape(-1, WIDTH).sum(axis=0)
    return matrix(total, raw=raw).astype(np.int64)


def matrix(total: FloatArray, *, raw: bool) -> FloatArray:
    """Give the confusion (..., 4, 4) of summed rows (..., WIDTH): gold (rows) against predicted (columns)."""
    start = _CELLS if raw else 0
    cells: FloatArray = total[..., start : start + _CELLS]
    return cells.reshape(*total.shape[:-1], _SIZE, _SIZE)


def load_costs(path: str | Path) -> FloatArray:
    """Read a cost matrix, gold (down) against predicted (across), in the order of ``LABELS``: shape (4, 4).

    Every table names the cost of each other label, a finite number, 0 or more; not all may be 0. What it
    says of its own label must be 0. ``MedevalError`` names the file and what in it is wrong.
    """
    file = Path(path)
    toml, mistakes = read_toml(file, "costs, a TOML file with a table a label"), Mistakes()
    for gold in toml.data:
        with mistakes:
            if gold not in LABELS:
                raise MedevalError(f"{toml.at(gold)}: {accepted('gold label', gold, LABELS)}")
    rows = []
    for gold in LABELS:
        with mistakes:
            rows.append(_row(toml, gold, toml.data.get(gold)))
    mistakes.tell()
    costs = np.array(rows)
    if not costs.any():
        raise MedevalError(f"{toml.at()}: every cost is 0; accepted: at least one wrong label that costs something")
    return costs


def _row(toml: Toml, gold: str, row: object) -> list[float]:
    """Check what the gold label ``gold`` costs when it is taken for each label."""
    others = [label for label in LABELS if label != gold]
    if not isinstance(row, Mapping):
        raise MedevalError(f"{toml.at(gold)}: no table [{gold}]; accepted: one with {', '.join(others)}")
    for label in row:
        if label not in LABELS:
            raise MedevalError(f"{toml.at(gold, label)}: [{gold}]: {accepted('label', label, LABELS)}")
    return [_cost(toml, gold, label, row.get(label, 0 if label == gold else None)) for label in LABELS]


def _cost(toml: Toml, gold: str, label: str, cost: object) -> float:
    if cost is None:
        raise MedevalError(f"{toml.at(gold)}: [{gold}] does not say what {label} costs; accepted: a number, 0 or more")
    number = math.nan if isinstance(cost, bool) or not isinstance(cost, int | float) else float(cost)
    if not 0 <= number < math.inf or (label == gold and number):
        accepts = "0, for the label is right" if label == gold else "a number, 0 or more"
        raise MedevalError(f"{toml.at(gold, label)}: [{gold}] {label} = {cost!r}; accepted: {accepts}")
    return number


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
sets them. A suite's ``costs="FILE.toml"`` sets others; see ``pytest_medeval.metrics.polarity``."""


def _accuracy(total: FloatArray, *, raw: bool) -> FloatArray:
    cells = matrix(total, raw=raw)
    return ratio(np.trace(cells, axis1=-2, axis2=-1), cells.sum(axis=(-2, -1)))


def _macro_f1(total: FloatArray, *, raw: bool) -> FloatArray:
    cells = matrix(total, raw=raw)
    right, both = np.diagonal(cells, axis1=-2, axis2=-1), cells.sum(axis=-1) + cells.sum(axis=-2)
    return ratio(ratio(2 * right, both, 0.0).sum(axis=-1), (both > 0).sum(axis=-1))


def _golds(total: FloatArray, *, raw: bool = False) -> dict[str, float]:
    cells = matrix(total, raw=raw)
    both = cells.sum(axis=-1) + cells.sum(axis=-2)
    return {LABELS[at]: float(cells[at].sum()) for at in np.flatnonzero(both).tolist()}


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

    >>> from pytest_medeval.metrics.polarity import WIDTH
    >>> from pytest_medeval.tasks.polarity import Polarity
    >>> total = np.zeros(WIDTH); total[[0, 1, 5]] = 1, 1, 1
    >>> round(float(macro_f1(Polarity()).score(total)), 4)
    0.6667
    """
    return _measure(task, "macro_f1", lambda total: _macro_f1(total, raw=False), per_case=False, classes=_golds)


def raw_macro_f1(task: Polarity) -> Measure:
    """``macro_f1`` before canonicalisation."""
    return _measure(
        task,
        "raw_macro_f1",
        lambda total: _macro_f1(total, raw=True),
        per_case=False,
        classes=lambda total: _golds(total, raw=True),
    )


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

    >>> from pytest_medeval.metrics.polarity import WIDTH
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

    >>> from pytest_medeval.metrics.polarity import WIDTH
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

    >>> from pytest_medeval.metrics.polarity import WIDTH
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

    >>> from pytest_medeval.metrics.polarity import WIDTH
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

    >>> from pytest_medeval.metrics.polarity import WIDTH
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
    classes: Callable[[FloatArray], Mapping[str, float]] | None = None,
) -> Measure:
    raw, pair = name.startswith("raw_"), name.startswith("pair_")
    findings = "findings:verbatim" if raw or pair else "findings:canonical"
    read = ("labels:offered" if raw else "labels:any", findings)
    table = () if raw or pair else (f"synonyms:{_digest(task.synonyms)}",)
    return Measure(
        name=name, counts="polarity", signature=signed(name, *read, *table, *parts), make=Counts(task.synonyms),
        fold=fold, direction=direction, per_case=per_case, bounds=bounds, classes=classes,
    )  # fmt: skip


@cache
def _digest(synonyms: str | None) -> str:
    """Name the table by its content: another table gives other numbers."""
    file = Path(synonyms or SHIPPED)
    load_synonyms(file)  # a file that cannot be read or is wrong is reported here
    return hashlib.sha256(file.read_bytes()).hexdigest()[:8]


class PolarityDetails(Details[Polarity, PolarityCase]):
    """Of a polarity suite: the confusion of labels, and S3's failure trace of a reply."""

    def confusion(self, task: Polarity, rows: Mapping[str, FloatArray]) -> ConfusionMatrix | None:  # noqa: ARG002 - no option matters
        """Count gold labels against predicted ones."""
        if not len(rows.get("polarity", ())):
            return None
        return {"labels": list(LABELS), "matrix": confusion(rows["polarity"]).tolist()}

    def trace(self, task: Polarity, case: PolarityCase, reply: Reply) -> dict[str, list[str]]:
        """Name conflicts, duplicates, drift, inventions, what is missing and what is wrong."""
        return trace(case, reply, task.synonyms)
