"""How good is it? A row of counts for each case, and a score of the summed rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.registry import Registry
from pytest_medeval.core.types import FloatArray, Metric, Reply
from pytest_medeval.metrics.base import Drawn
from pytest_medeval.tasks.base import Task, draws_of

_LEXICAL = ("bleu", "corpus_bleu", "rouge1", "rouge2", "rougeL", "length_ratio")
_MEANS = ("bleu_mean", "rouge1_mean", "rouge2_mean", "rougeL_mean")
_CHOICE = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "answered", "reward")
_SEVERAL = ("option_precision", "option_recall", "option_f1", "partial_credit")
_SURENESS = ("ece", "brier", "aurc", "wrong_at_high_confidence")
_ORDERS = ("consistency", "position_bias", "self_consistency")
_POLARITY = (
    "accuracy", "micro_precision", "micro_recall", "micro_f1", "macro_f1",
    "raw_accuracy", "raw_micro_precision", "raw_micro_recall", "raw_micro_f1", "raw_macro_f1",
    "pair_precision", "pair_recall", "pair_f1",
    "format_rate", "conflicts", "duplicates", "hallucinations", "missing", "cost",
)  # fmt: skip

_ERRORS = (
    "accuracy", "f1", "sensitivity", "specificity", "sentence_accuracy", "bleu", "rouge1", "rouge2", "rougeL", "meteor",
)  # fmt: skip
_CRITERIA = (
    "criteria", "criteria_clipped", "faults", "critical_criteria", "comprehensiveness", "hallucinations",
)  # fmt: skip
_NOTE = (
    "bleu", "rouge1", "rouge2", "rougeL", "meteor", "rougeL_subjective", "rougeL_exam", "rougeL_results", "rougeL_plan",
    "length_ratio", "sections_missing",
)  # fmt: skip
_REFUSAL = ("accuracy", "harmful_compliance", "over_refusal", "answered")
_NUMBER = ("accuracy", "relative_error", "answered")

METRICS = Registry(
    "metric",
    {
        **{f"dialogue.{name}": f"pytest_medeval.metrics.lexical:{name}" for name in _LEXICAL},
        **{f"dialogue.{name}": f"pytest_medeval.metrics.lexical:{name}" for name in _MEANS},
        "dialogue.meteor_mean": "pytest_medeval.metrics.meteor:meteor_mean",
        "dialogue.meteor": "pytest_medeval.metrics.meteor:meteor",
        "dialogue.safety": "pytest_medeval.metrics.safety:safety",
        **{f"mcq.{name}": f"pytest_medeval.metrics.choices.choice:{name}" for name in _CHOICE},
        **{f"mcq.{name}": f"pytest_medeval.metrics.choices.several:{name}" for name in _SEVERAL},
        **{f"mcq.{name}": f"pytest_medeval.metrics.choices.calibration:{name}" for name in _SURENESS},
        **{f"mcq.{name}": f"pytest_medeval.metrics.choices.choice:{name}" for name in _ORDERS},
        **{f"error_detection.{name}": f"pytest_medeval.metrics.error_detection:{name}" for name in _ERRORS},
        **{f"criteria.{name}": f"pytest_medeval.metrics.criteria:{name}" for name in _CRITERIA},
        **{f"number.{name}": f"pytest_medeval.metrics.number:{name}" for name in _NUMBER},
        **{f"note.{name}": f"pytest_medeval.metrics.note:{name}" for name in _NOTE},
        **{f"refusal.{name}": f"pytest_medeval.metrics.refusal:{name}" for name in _REFUSAL},
        "dialogue.refusal": "pytest_medeval.metrics.refusal:refusal",
        **{f"polarity.{name}": f"pytest_medeval.metrics.polarity:{name}" for name in _POLARITY},
    },
    offered="metrics",
)
"""``TASK.NAME`` -> a factory that is called with the task (its options) and gives a metric.

Where a task names ``NAME[PART]`` among its metrics, the factory of NAME is called with the task and PART.
"""


def metrics_for(task: Task, names: Sequence[str] | None = None, undefined: Collection[str] = ()) -> tuple[Metric, ...]:
    """Make the metrics of a task by their names within it; all that the task reports when none are named.

    ``undefined``: entries of another package that raised; their metrics score nothing.
    Raises ``MedevalError`` for an unknown name, with the names that this task has.
    """
    prefix = f"{task.name}."
    known = [name.removeprefix(prefix) for name in METRICS if name.startswith(prefix)]
    known += [name for name in task.metrics if name.endswith("]")]
    wanted = task.metrics if names is None else names
    for name in wanted:
        if name not in known:
            raise MedevalError(accepted(f"metric of task {task.name}", name, known))
    made = (_made(prefix + name, task, undefined) for name in wanted)
    draws = draws_of(task)
    return tuple(Drawn(metric, draws) for metric in made) if draws > 1 else tuple(made)


def _made(name: str, task: Task, undefined: Collection[str]) -> Metric:
    name, _, part = name.removesuffix("]").partition("[")
    with METRICS.blamed(name):
        metric: Metric = METRICS.resolve(name)(task, part) if part else METRICS.resolve(name)(task)
        if name in METRICS.own:
            return metric
        return (_Undefined if name in undefined else _Others)(metric, name)


class _Others:
    """A metric of another package: what it raises, or gives in a wrong shape, is told with its name."""

    def __init__(self, metric: Metric, entry: str) -> None:
        self._metric, self._entry = metric, entry
        self.name, self.counts, self.signature = str(metric.name), metric.counts, str(metric.signature)
        self.direction, self.per_case, self.bounds = metric.direction, metric.per_case, metric.bounds
        self.lexical, self.biased = getattr(metric, "lexical", False), getattr(metric, "biased", "")
        self.classes = getattr(metric, "classes", None)
        self.over_draws = getattr(metric, "over_draws", False)

    def row(self, case: Any, reply: Reply) -> Sequence[float]:
        """Give the stored row of one case."""
        with METRICS.blamed(self._entry):
            return self._metric.row(case, reply)

    def expand(self, rows: FloatArray) -> FloatArray:
        """Turn stored rows (n, r) into counts (n, k) that may be summed."""
        with METRICS.blamed(self._entry):
            return self._metric.expand(rows)

    def score(self, total: FloatArray) -> FloatArray:
        """Score summed counts (..., k) -> (...)."""
        import numpy as np

        with METRICS.blamed(self._entry):
            found: FloatArray = np.asarray(self._metric.score(total), dtype=np.float64)
            if found.shape != total.shape[:-1]:
                raise ValueError(f"gave a score of shape {found.shape}; accepted: {total.shape[:-1]}, as of the sums")
            return found


class _Undefined(_Others):
    """A metric of another package that raised: it has rows, and no score."""

    def expand(self, rows: FloatArray) -> FloatArray:
        """Give counts that say nothing."""
        import numpy as np

        return np.zeros((*np.shape(rows)[:-1], 1))

    def score(self, total: FloatArray) -> FloatArray:
        """Score nothing."""
        import numpy as np

        return np.full(total.shape[:-1], np.nan)


__all__ = ["METRICS", "metrics_for"]
