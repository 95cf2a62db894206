"""What must hold for the data of a run before anything is computed: mistakes with their counts, one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_medeval.errors import MedevalError
from pytest_medeval.training.examples import Example
from pytest_medeval.training.split import asked_text, content
from pytest_medeval.types import Skip

EMPTY_TARGETS = frozenset(
    {"blank target", "empty reference", "no findings in the target", "no label", "no findings"}
)
"""Reasons for which a reader leaves a record out that ask for nothing to be written."""
ANOTHER_TASK = "not a polarity task: "
"""How a reader's reason begins when the record belongs to another task."""
SHOWN = 40
"""Characters of a text that a message shows."""


def check_train(file: Path, skips: Sequence[Skip], *, skip_empty: bool) -> None:
    """Refuse records with an empty target, unless the recipe leaves them out by name."""
    empty = [skip for skip in skips if skip.reason in EMPTY_TARGETS]
    if empty and not skip_empty:
        raise MedevalError(
            f"{file}: {len(empty)} training records have an empty target, the first at {empty[0].source}; "
            "accepted: none, or [data] skip_empty = true"
        )


def check_dev(file: Path, skips: Sequence[Skip], *, filtered: bool) -> None:
    """Refuse a dev set of which anything cannot be used: its loss would be about other data than it says.

    Samples of other tasks may stand in its file where the recipe's ``where`` chooses among them.
    """
    left = [skip for skip in skips if not (filtered and skip.reason.startswith(ANOTHER_TASK))]
    if not left:
        return
    reasons = Counter(skip.reason for skip in left)
    told = ", ".join(f"{count} {reason!r}" for reason, count in reasons.most_common())
    other = sum(skip.reason.startswith(ANOTHER_TASK) for skip in left)
    hint = f"; {other} are samples of another task, which [data] where can leave out" if other else ""
    raise MedevalError(
        f"{file}: {len(left)} records of the dev set cannot be used, the first at {left[0].source}: {told}{hint}"
    )


def check_apart(file: Path, train: Sequence[Any], dev: Sequence[Any]) -> None:
    """Refuse a dev set that shares cases with the training data, compared without case, blanks, punctuation."""
    trained = {content(case) for case in train}
    both = [case for case in dev if content(case) in trained]
    if both:
        raise MedevalError(
            f"{file}: {len(both)} of {len(dev)} dev cases are also trained on, the first is "
            f"{asked_text(vars(both[0]))[:SHOWN]!r}"
        )


def check_targets(file: Path, examples: Sequence[Example]) -> None:
    """Refuse examples that ask for nothing to be written."""
    empty = [example for example in examples if not example.target.strip()]
    if empty:
        raise MedevalError(
            f"{file}: {len(empty)} of {len(examples)} examples have an empty target, the first asks "
            f"{empty[0].messages[-1].content[:SHOWN]!r}"
        )
