"""What stands behind the scores of a task: its confusion matrix, its rules, and by name what is wrong with a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from pytest_medeval.core.record import ConfusionMatrix, ReliabilityBin, RuleCount
from pytest_medeval.core.registry import Registry
from pytest_medeval.core.types import Case, FloatArray, Reply
from pytest_medeval.tasks.base import Task

T = TypeVar("T")
C = TypeVar("C")


class Heedless(NamedTuple):
    """An answer given whatever is asked: how much of a role's answers it is, and the rows (n, r) that it would have."""

    answer: str
    share: float
    rows: FloatArray


class Details(Generic[T, C]):
    """What a task may show beside its scores; the task whose table entry this is shows nothing.

    ``rows``: counts name -> the stored rows (n, r) of one role, those of replies that could not be had left out.
    """

    def confusion(self, task: T, rows: Mapping[str, FloatArray]) -> ConfusionMatrix | None:  # noqa: ARG002 - a default
        """Give labels and matrix, gold in rows; one column more than labels counts cases without an answer."""
        return None

    def reliability(self, rows: Mapping[str, FloatArray]) -> list[ReliabilityBin]:  # noqa: ARG002 - a default
        """Give the figures of a role's reliability diagram, from the least to the most sure."""
        return []

    def heedless(self, rows: Mapping[str, FloatArray]) -> list[Heedless]:  # noqa: ARG002 - a default
        """List the answers that could be given whatever is asked, for a role; here rows of NaN are left in."""
        return []

    def rules(
        self,
        task: T,  # noqa: ARG002 - a default
        rows: Mapping[str, FloatArray],  # noqa: ARG002 - a default
        clusters: Sequence[str | None] = (),  # noqa: ARG002 - a default
    ) -> dict[str, RuleCount]:
        """Give how often each rule applied to a role's replies and was kept; here rows of NaN are left in.

        ``clusters`` (n,), or empty: what each case shares with others.
        """
        return {}

    def trace(self, task: T, case: C, reply: Reply) -> Mapping[str, Sequence[str]] | None:  # noqa: ARG002 - a default
        """List by name what is wrong with a reply, for the record and for whoever has to mend the model."""
        return None

    def broken(self, task: T, case: C, reply: str) -> Mapping[str, str]:  # noqa: ARG002 - a default
        """Name the rules that a reply breaks, each with a line to show below the reply; empty where there is none."""
        return {}


DETAILS = Registry(
    "details of a task",
    {
        "dialogue": "pytest_medeval.metrics.safety:SafetyDetails",
        "error_detection": "pytest_medeval.metrics.error_detection:ErrorDetails",
        "mcq": "pytest_medeval.metrics.choices.calibration:ChoiceDetails",
        "refusal": "pytest_medeval.metrics.refusal:RefusalDetails",
        "polarity": "pytest_medeval.metrics.polarity:PolarityDetails",
    },
    offered="details",
)
"""Task -> a class like ``Details``; a task without an entry shows nothing beside its scores."""


def details_of(task: Task) -> Details[Task, Case]:
    """Make the details of a task."""
    found: Details[Task, Case] = DETAILS.resolve(task.name)() if task.name in DETAILS else Details()
    return found


def known(rows: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Leave out the rows of replies that could not be had."""
    import numpy as np

    return {kind: found[np.isfinite(found).all(axis=1)] for kind, found in rows.items()}
