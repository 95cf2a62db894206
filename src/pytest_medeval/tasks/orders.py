"""One question in all cyclic orders of its options: order r shows option p + r at place p."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_medeval.tasks.question import MCQCase
from pytest_medeval.types import Reply

_DIGITS = 12
"""Mean probabilities that agree so far are equal: the last bits hang on the order of summation."""


def turned(case: MCQCase, by: int) -> MCQCase:
    """Give the question with its options moved ``by`` places to the front; the letters stay where they are.

    Each option stands at each place in exactly one of the orders, and so does the right one.
    """
    if by == 0:
        return case
    letters, texts = list(case.options), list(case.options.values())
    options = dict(zip(letters, texts[by:] + texts[:by], strict=True))
    return replace(case, options=options, answer=letters[(letters.index(case.answer) - by) % len(letters)])


def written(letters: Sequence[str], letter: str, by: int) -> str:
    """Give the letter, in the order as written, of the option that order ``by`` shows at ``letter``.

    >>> written("ABCD", "D", 1)
    'A'
    """
    return letters[(letters.index(letter) + by) % len(letters)]


def combined(case: MCQCase, parts: tuple[Reply, ...]) -> Reply:
    """Read one reply from those to every order; ``parts`` keep the letters that were shown.

    The prediction is the option of the highest mean probability, or where options were not scored the one
    that was named most often, and none on a tie; of equal probabilities the first. An error in one order is
    an error of the case.
    """
    for part in parts:
        if part.outcome == "error":
            return replace(part, prediction=None, confidence=None, parts=parts)
    outcome = next((part.outcome for part in parts if part.outcome != "answered"), parts[0].outcome)
    confidence = _mean(list(case.options), parts)
    if confidence:
        letter = max(confidence, key=lambda key: round(confidence[key], _DIGITS))
        return Reply(f"({letter}) {case.options[letter]}", outcome, letter, confidence, parts=parts)
    named = Counter(
        written(list(case.options), part.prediction, by) for by, part in enumerate(parts) if part.prediction
    )
    most = [letter for letter, times in named.items() if times == max(named.values())]
    detail = f"named equally often: {', '.join(sorted(most))}" if len(most) > 1 else ""
    return Reply(parts[0].text, outcome, most[0] if len(most) == 1 else None, detail=detail, parts=parts)


def _mean(letters: Sequence[str], parts: Sequence[Reply]) -> Mapping[str, float] | None:
    """Average each option's probability over the orders; None where an order was not scored."""
    total = dict.fromkeys(letters, 0.0)
    for by, part in enumerate(parts):
        if not part.confidence:
            return None
        for letter, weight in part.confidence.items():
            total[written(letters, letter, by)] += weight / len(parts)
    return total
