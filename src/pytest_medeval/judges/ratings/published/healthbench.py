"""HealthBench's meta-evaluation: physicians' word on whether a reply meets a criterion, a criterion of a reply a line.

``prompt`` (turns), ``completion``, ``rubric`` (the criterion), ``binary_labels`` and ``anonymized_physician_ids`` (of
each label its physician), ``category``, ``prompt_id``. The 0-based position is the item; criteria of one prompt depend
on each other, and are a cluster. A category, one criterion on many prompts, is a dimension of its own beside all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Source, written
from pytest_medeval.judges.ratings.files import digest, read_json_lines
from pytest_medeval.judges.ratings.types import CRITERIA, MET, Left, Rating, RatingSet, Scale, part_of, without_repeats

_NEEDED = ("prompt", "completion", "rubric", "binary_labels")


class HealthBench:
    """Reader of ``*_meta_eval.jsonl``."""

    def recognises(self, opening: str) -> bool:
        """Find the keys on the first line."""
        first = opening.lstrip().split("\n", 1)[0]
        return first.startswith("{") and all(f'"{name}"' in first for name in ("completion", "binary_labels"))

    def read(self, path: Path, scale: Scale) -> RatingSet:  # noqa: ARG002 - this format brings its own labels
        """Read the file; a label that is neither true nor false is left out and said."""
        found: list[Rating | Left] = []
        texts: dict[str, dict[str, str]] = {}
        for position, (source, fields) in enumerate(read_json_lines(path)):
            item = str(position)
            texts[item] = _texts(fields, source)
            found.extend(_labels(item, fields, source))
        ratings, repeats = without_repeats(entry for entry in found if isinstance(entry, Rating))
        left = tuple(entry for entry in found if isinstance(entry, Left))
        scales = dict.fromkeys((rating.dimension for rating in ratings), MET)
        return RatingSet(file=str(path), role="human", ratings=ratings, left=left + repeats, scales=scales, texts=texts)


def _texts(fields: Mapping[str, object], source: Source) -> dict[str, str]:
    """Take the conversation as one text, as a run shows it to judges, the reply, and the criterion."""
    missing = [name for name in _NEEDED if name not in fields]
    turns = fields.get("prompt")
    if missing or not isinstance(turns, list) or not all(isinstance(one, dict) for one in turns):
        what = f"no {missing[0]!r}" if missing else "'prompt' is no list of turns"
        raise MedevalError(f"{source}: {what}; accepted: HealthBench's meta-evaluation")
    said = [Message(one.get("role", "user"), str(one.get("content", "")).strip()) for one in turns]
    return {"question": written(said), "reply": str(fields["completion"]), "criterion": str(fields["rubric"])}


def _labels(item: str, fields: Mapping[str, object], source: Source) -> Iterator[Rating | Left]:
    labels, people = fields["binary_labels"], fields.get("anonymized_physician_ids")
    given = labels if isinstance(labels, list) else [labels]
    named = people if isinstance(people, list) and len(people) == len(given) else range(len(given))
    cluster = str(fields.get("prompt_id") or digest(str(fields["prompt"])))
    category = str(fields.get("category") or "")
    for rater, label in zip(named, given, strict=True):
        if not isinstance(label, bool):
            yield Left(source, "label is neither true nor false", f"{item}: {label!r}")
            continue
        for name in (CRITERIA, *([part_of("category", category)] if category else [])):
            yield Rating(item, f"physician {rater}", name, float(label), cluster, source)
