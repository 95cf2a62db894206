"""What a judge answered: grades, a preference, or why there is neither. Never a guess, never a default."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_medeval.core.types import Answer
from pytest_medeval.judges.prompts import FIRST, SECOND, TIE
from pytest_medeval.judges.ratings.grades import Unread, read_grade, read_grades, read_verdict
from pytest_medeval.judges.rubric import PREFERENCE, Rubric

_DECISIONS = {FIRST: 1, SECOND: -1, TIE: 0}


def failed(answer: Answer) -> bool:
    """Say whether the judge could not be reached: asking again at once would not help."""
    return answer.finish == "error"


def echoed(answer: Answer, replies: Sequence[str], names: Sequence[str]) -> Unread | None:
    """Say whether a judge may only have repeated a verdict that a reply holds.

    A reply that brings its own verdict is rare and hostile; when the judge's is the same, nobody can tell
    whose it is. An honest judge who agrees by chance is unread, which costs coverage and raises no grade.
    """
    said = read_verdict(answer.text, names)
    if isinstance(said, Unread):
        return None
    same = any(found == said for reply in replies for found in _brought(reply, names))
    return Unread("the verdict stands in the reply itself: it may be an echo") if same else None


def _brought(reply: str, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Give every verdict that stands anywhere in a reply, broken surroundings and escaped quotes or not."""
    decoder = json.JSONDecoder()
    for text in {reply, reply.replace('\\"', '"')}:
        for opening in re.finditer("{", text):
            try:
                _, end = decoder.raw_decode(text, opening.start())
            except (ValueError, RecursionError):
                continue
            verdict = read_verdict(text[opening.start() : end], names)
            if not isinstance(verdict, Unread):
                yield verdict


def read_all(answer: Answer, rubric: Rubric, reply: str = "") -> dict[str, float] | Unread:
    """Read the grades of all dimensions; part of them is nothing, and so is an echo of the reply."""
    if failed(answer):
        return Unread(answer.error)
    return echoed(answer, [reply], rubric.names) or read_grades(answer.text, rubric.names, rubric.scale)


def read_each(answer: Answer, rubric: Rubric, reply: str = "") -> dict[str, float | Unread]:
    """Read each dimension for itself: the rest of a verdict of which one grade is missing."""
    verdict: Mapping[str, Any] | Unread = Unread(answer.error)
    if not failed(answer):
        verdict = echoed(answer, [reply], rubric.names) or read_verdict(answer.text, rubric.names)
    if isinstance(verdict, Unread):
        return dict.fromkeys(rubric.names, verdict)
    return {
        name: read_grade(verdict[name], rubric.scale) if name in verdict else Unread(f"no grade for {name!r}")
        for name in rubric.names
    }


def read_check(answer: Answer) -> str | Unread:
    """Read a judge's check of a reply; any words will do, none too."""
    return Unread(answer.error) if failed(answer) else answer.text.strip()


def expected_grade(answer: Answer, grades: Sequence[str]) -> float | Unread:
    """Weigh the grades by their probabilities: sum over g of g * p(g) / sum over g of p(g).

    The expectation keeps what a judge knows between two grades (Liu et al. 2023, G-Eval, section 2). A server
    without likelihoods replies instead: then the reply must be one grade and nothing else. Grades that are all exactly
    as likely say nothing of the reply.

    >>> expected_grade(Answer(finish="choice", logprobs=(math.log(0.1), math.log(0.3))), ["4", "5"])
    4.75
    """
    if failed(answer):
        return Unread(answer.error)
    if not answer.logprobs:
        text = answer.text.strip().removesuffix(".")
        return float(text) if text in grades else Unread(f"the reply is none of {', '.join(grades)}")
    weights = _weights(answer, len(grades))
    if weights is None:
        return Unread(f"{len(answer.logprobs)} log-probabilities for {len(grades)} grades")
    if len(set(answer.logprobs)) == 1:
        return Unread("all grades are exactly as likely: the mean would be that of the scale")
    return math.fsum(float(grade) * weight for grade, weight in zip(grades, weights, strict=True)) / math.fsum(weights)


def read_preference(answer: Answer, replies: Sequence[str] = ()) -> int | Unread:
    """Read which of two ``replies`` a judge prefers: 1 the first, -1 the second, 0 neither."""
    if failed(answer):
        return Unread(answer.error)
    if answer.logprobs:
        weights = _weights(answer, 2)
        if weights is None:
            return Unread(f"{len(answer.logprobs)} log-probabilities for 2 replies")
        return (weights[0] > weights[1]) - (weights[0] < weights[1])
    said = answer.text.strip().removesuffix(".")
    verdict: Mapping[str, Any] | Unread = {PREFERENCE: said}
    if said not in _DECISIONS:
        verdict = echoed(answer, replies, [PREFERENCE]) or read_verdict(said, [PREFERENCE])
    if isinstance(verdict, Unread):
        return verdict
    decision = _DECISIONS.get(str(verdict[PREFERENCE]))
    return Unread(f"preference is none of {', '.join(_DECISIONS)}") if decision is None else decision


def _weights(answer: Answer, count: int) -> list[float] | None:
    """Give probabilities up to a common factor; None where there are more or fewer than asked for."""
    if len(answer.logprobs) != count:
        return None
    top = max(answer.logprobs)
    return [math.exp(value - top) for value in answer.logprobs]
