"""What a candidate's weights have to do with its baseline, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

HALF = 0.5
"""Share of an adapter's change from which it counts as applied."""


def sentences(model: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Give what is known of a model of the record, each with whether it is in order; nothing where nothing is."""
    parts = model.get("tasks") or {"": model}
    for task, part in parts.items():
        if facts := part.get("holds"):
            said, well = _sentence(facts)
            yield f"{task}: {said}" if task else said, well


def _sentence(facts: Mapping[str, Any]) -> tuple[str, bool]:
    if "reason" in facts:
        return f"not measured against {facts['of']}: {facts['reason']}", False
    if facts.get("same"):
        return f"its weights are those of {facts['of']}, to 8 bits: nothing was merged into them", False
    said = f"holds {facts['share']:.2%} of the change of {facts['of']}"
    if not facts["share"] > HALF:
        return f"{said}: this adapter is not in it", False
    return f"{said} (least {facts['least']:.2%}), rounded by {facts['distance']:.2%}", True
