"""JudgeBench (github.com/ScalerLab/JudgeBench): pairs of answers, one of them right, judged in both orders.

One JSON object a line. ``judgments`` holds two decisions, ``A>B``, ``B>A`` or ``A=B``; in the second the
answers were swapped, so its letters are swapped as well and are flipped back here. One that could not be read (null)
prefers no answer: its pair is counted, as the authors' ``compute_final_metrics`` does.
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
        """Read one file; a pair that was not asked in both orders is left out and said."""
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
    if not isinstance(judgments, list) or len(judgments) != len(("first", "swapped")):
        yield Left(source, "not judged in both orders", item)
        return
    first, second = (_decision(one) for one in judgments)
    yield Decision(
        item=item,
        judge=next((name for name in map(_judge, judgments) if name), Path(source.file).stem),
        label=DECISIONS[fields["label"]],
        first=first,
        second=None if second is None else FLIPPED[second],
        longer=_sign(len(str(fields["response_A"])) - len(str(fields["response_B"]))),
        cluster=str(fields["original_id"]),
        source=source,
    )


def _decision(judgment: object) -> Choice | None:
    said = judgment.get("decision") if isinstance(judgment, dict) else None
    return DECISIONS.get(said) if isinstance(said, str) else None


def _judge(judgment: object) -> str:
    inner = judgment.get("judgment") if isinstance(judgment, dict) else None
    return str(inner.get("judge_model") or "") if isinstance(inner, dict) else ""


def _sign(number: int) -> Choice:
    return 1 if number > 0 else -1 if number < 0 else 0
