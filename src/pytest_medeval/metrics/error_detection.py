"""Errors in clinical texts: found or not, in the right sentence, and put right in which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from pytest_medeval.core.record import ConfusionMatrix
from pytest_medeval.core.types import FloatArray, Reply
from pytest_medeval.metrics.base import SHARE, Measure, mean, ratio, signed
from pytest_medeval.metrics.details import Details, Heedless, known
from pytest_medeval.metrics.parts import of_part
from pytest_medeval.tasks.error_detection import ErrorCase, ErrorDetection, named
from pytest_medeval.tasks.reading.corrections import Correction

GOLD, SAID, PLACED = range(3)
"""Columns of the stored row: 1 with an error, 0 without; the same of the reply, -1 for none; right sentence, 0 or 1."""
LABELS: Final = ("correct", "error")


def accuracy(task: ErrorDetection) -> Measure:
    """Share of texts of which it is said rightly whether they hold an error: #(said = gold) / #texts.

    Source: MEDEC (Ben Abacha et al. 2025), flag accuracy. A reply from which nothing can be read is wrong. Range 0 to
    1, higher is better; NaN for no text.

    >>> accuracy(ErrorDetection()).expand([[1, 1, 0], [0, -1, 0]]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return _measure(task, "accuracy", _share(lambda rows: rows[..., GOLD] == rows[..., SAID]))


def sensitivity(task: ErrorDetection) -> Measure:
    """Share of the texts with an error that are said to hold one: tp / (tp + fn); no answer is a miss.

    Range 0 to 1, higher is better; NaN without such a text. Of one type of error: ``sensitivity[error_type=...]``.

    >>> sensitivity(ErrorDetection()).expand([[1, 1, 0], [1, -1, 0], [0, 1, 0]]).tolist()
    [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
    """
    return _measure(task, "sensitivity", _share(lambda rows: rows[..., SAID] == 1, of=1))


def specificity(task: ErrorDetection) -> Measure:
    """Share of the texts without an error that are said to be correct: tn / (tn + fp); no answer is no such word.

    Range 0 to 1, higher is better; NaN without such a text.

    >>> specificity(ErrorDetection()).expand([[0, 0, 1], [0, -1, 0], [1, 1, 0]]).tolist()
    [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
    """
    return _measure(task, "specificity", _share(lambda rows: rows[..., SAID] == 0, of=0))


def f1(task: ErrorDetection) -> Measure:
    """F1 of finding errors: 2 tp / (2 tp + fp + fn); no answer to a text with an error is a miss.

    Range 0 to 1, higher is better; 0 where no error is found and one is there or said; NaN where neither is. No score
    of a single case.

    >>> metric = f1(ErrorDetection())
    >>> float(metric.score(metric.expand([[1, 1, 0], [1, 0, 0], [0, 1, 0]]).sum(axis=0)))
    0.5
    """

    def spread(rows: FloatArray) -> FloatArray:
        there, said = rows[..., GOLD] == 1, rows[..., SAID] == 1
        return np.stack([2.0 * (there & said), there + 1.0 * said], axis=-1)

    return _measure(task, "f1", spread, per_case=False)


def sentence_accuracy(task: ErrorDetection) -> Measure:
    """Share of texts of which the wrong sentence is named, or none where none is wrong.

    Source: MEDEC, sentence accuracy, over all texts. Range 0 to 1, higher is better; NaN for no text.

    >>> sentence_accuracy(ErrorDetection()).expand([[1, 1, 0], [0, 0, 1]]).tolist()
    [[0.0, 1.0], [1.0, 1.0]]
    """
    return _measure(task, "sentence_accuracy", _share(lambda rows: rows[..., PLACED] == 1))


def row(case: ErrorCase, reply: Reply) -> Sequence[float]:
    """Give the row that all metrics of flag and sentence share."""
    found, gold = reply.prediction, case.error is not None
    if not isinstance(found, Correction):
        return [gold, -1.0, 0.0]
    return [gold, found.error, named(found) == (case.error if gold else -1)]


def _share(right: Callable[[FloatArray], FloatArray], of: int | None = None) -> Callable[[FloatArray], FloatArray]:
    def spread(rows: FloatArray) -> FloatArray:
        counted = np.ones(rows.shape[:-1]) if of is None else (rows[..., GOLD] == of).astype(np.float64)
        return np.stack([right(rows) * counted, counted], axis=-1)

    return spread


def _measure(
    task: ErrorDetection,  # noqa: ARG001 - no option matters
    name: str,
    spread: Callable[[FloatArray], FloatArray],
    *,
    per_case: bool = True,
) -> Measure:
    return Measure(
        name=name, counts="error_detection", signature=signed(name, "read:correction"), make=row, spread=spread,
        fold=mean if per_case else lambda total: ratio(total[..., 0], total[..., 1]), per_case=per_case, bounds=SHARE,
    )  # fmt: skip


def bleu(task: ErrorDetection) -> Measure:
    """BLEU of the corrected sentence; over the texts with an error, 0 where none is given. See ``lexical.bleu``."""
    return of_part("bleu", task.language, "correction", _correction)


def rouge1(task: ErrorDetection) -> Measure:
    """ROUGE-1 of the corrected sentence, as MEDEC; over the texts with an error, 0 where none is given.

    MEDEC leaves out texts whose error was not found; here silence costs. See ``lexical.rouge1``.
    """
    return of_part("rouge1", task.language, "correction", _correction)


def rouge2(task: ErrorDetection) -> Measure:
    """ROUGE-2 of the corrected sentence; see ``rouge1``."""
    return of_part("rouge2", task.language, "correction", _correction)


def rougeL(task: ErrorDetection) -> Measure:  # noqa: N802 - the metric's name in the field
    """ROUGE-L of the corrected sentence; see ``rouge1``."""
    return of_part("rougeL", task.language, "correction", _correction)


def meteor(task: ErrorDetection) -> Measure:
    """METEOR of the corrected sentence; over the texts with an error, 0 where none is given. See ``meteor.meteor``."""
    return of_part("meteor", task.language, "correction", _correction)


def _correction(case: ErrorCase, reply: Reply) -> tuple[str, str] | None:
    if case.error is None:
        return None
    return case.correction, reply.prediction.text if isinstance(reply.prediction, Correction) else ""


class ErrorDetails(Details[ErrorDetection, ErrorCase]):
    """Of texts with errors: what was said of which, and what one answer to all of them would score."""

    def confusion(self, task: ErrorDetection, rows: Mapping[str, FloatArray]) -> ConfusionMatrix | None:  # noqa: ARG002 - no option matters
        """Count texts with and without an error against what was said."""
        found = rows.get("error_detection", ())
        if not len(found):
            return None
        counts = np.zeros((2, 3))
        table = np.asarray(found, dtype=np.int64)
        np.add.at(counts, (table[:, GOLD], table[:, SAID]), 1)  # -1 is the last column
        return ConfusionMatrix(labels=list(LABELS), matrix=counts.tolist())

    def heedless(self, rows: Mapping[str, FloatArray]) -> list[Heedless]:
        """Let all texts be called correct, or wrong without a sentence."""
        if not len(known(rows).get("error_detection", ())):
            return []
        table = rows["error_detection"]
        found = []
        for said, label in enumerate(LABELS):
            always = table.copy()
            always[:, SAID], always[:, PLACED] = said, (table[:, GOLD] == 0) * (said == 0)
            found.append(Heedless(label, float(np.mean(table[:, SAID] == said)), always))
        return found
