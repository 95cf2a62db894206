"""JudgeBench (github.com/ScalerLab/JudgeBench): pairs of answers, one of them right, judged in both orders.

One JSON object a line. ``judgments`` holds two decisions, ``A>B``, ``B>A`` or ``A=B``; in the second the
answers were swapped, so its letters are swapped as well and are flipped back here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.files import read_json_lines
from pytest_medeval.judges.ratings.types import Choice, Decision, Left, RatingSet, Scale

DECISIONS: Mapping[str, Choice] = {"A>B": 1, "A=B": 0, "B>A": -1}
FLIPPED: Mapping[Choice, Choice] = {1: -1, 0: 0, -1: 1}
_KEYS = ("pair_id", "original_id", "label", "judgments", "response_A", "response_B")


class JudgeBench:
    """Reader of one judge's output file; the label is objective, not a person's opinion."""

    def recognises(self, opening: str) -> bool:
        """Find the keys that only this format has."""
        return opening.lstrip().startswith("{") and '"pair_id"' in opening and '"response_A"' in opening

    def read(self, path: Path, scale: Scale) -> RatingSet:  # noqa: ARG002 - decisions have no scale
        """Read one file; a pair without two decisions is left out and said."""
        found = [entry for source, fields in read_json_lines(path) for entry in _pair(fields, source)]
        return RatingSet(
            file=str(path),
            role="judge",
            decisions=tuple(entry for entry in found if isinstance(entry, Decision)),
            left=tuple(entry for entry in found if isinstance(entry, Left)),
        )


def _pair(fields: Mapping[str, object], source: Source) -> Iterator[Decision | Left]:
    missing = [key for key in _KEYS if key not in fields]
    if missing:
        raise MedevalError(f"{source}: key {missing[0]!r} is missing; accepted: a JudgeBench record")
    item, judgments = str(fields["pair_id"]), fields["judgments"]
    if fields["label"] not in ("A>B", "B>A"):
        yield Left(source, "label is neither A>B nor B>A", f"{item}: {fields['label']!r}")
        return
    if not isinstance(judgments, list) or [type(one) for one in judgments] != [dict, dict]:
        yield Left(source, "not judged in both orders", item)
        return
    said = [one.get("decision") for one in judgments]
    if not all(isinstance(word, str) and word in DECISIONS for word in said):
        yield Left(source, "a decision could not be read", f"{item}: {said[0]!r}, {said[1]!r}")
        return
    yield Decision(
        item=item,
        judge=_judge(judgments[0], source),
        label=DECISIONS[fields["label"]],
        first=DECISIONS[said[0]],
        second=FLIPPED[DECISIONS[said[1]]],
        longer=_sign(len(str(fields["response_A"])) - len(str(fields["response_B"]))),
        cluster=str(fields["original_id"]),
        source=source,
    )


def _judge(judgment: Mapping[str, object], source: Source) -> str:
    inner = judgment.get("judgment")
    name = inner.get("judge_model") if isinstance(inner, dict) else None
    return str(name) if name else Path(source.file).stem


def _sign(number: int) -> Choice:
    return 1 if number > 0 else -1 if number < 0 else 0
