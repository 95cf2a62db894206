"""One question in all cyclic orders of its options: order r shows option p + r at place p."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_medeval.tasks.question import MCQCase
from pytest_medeval.types import Outcome, Reply

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
    that was named most often; on a tie there is none, and so no answer. An error in one order is an error of
    the case.
    """
    for part in parts:
        if part.outcome == "error":
            return replace(part, prediction=None, confidence=None, parts=parts)
    outcome = _first_fault([part.outcome for part in parts])
    confidence = _mean(list(case.options), parts)
    if confidence:
        means = {letter: round(mean, _DIGITS) for letter, mean in confidence.items()}
        best = [letter for letter, mean in means.items() if mean == max(means.values())]
        reply = chosen(case.options, best, confidence)
        told = (f"order {by}: {part.detail}" for by, part in enumerate(parts, start=1) if part.detail)
        detail = reply.detail or next(told, "")
        return replace(reply, outcome=_first_fault([reply.outcome, outcome]), detail=detail, parts=parts)
    named = Counter(
        written(list(case.options), part.prediction, by) for by, part in enumerate(parts) if part.prediction
    )
    most = [letter for letter, times in named.items() if times == max(named.values())]
    if len(most) > 1:
        tied = f"named equally often: {', '.join(sorted(most))}"
        return Reply(parts[0].text, _first_fault([outcome, "no_answer"]), detail=tied, parts=parts)
    return Reply(parts[0].text, outcome, most[0] if most else None, parts=parts)


def chosen(options: Mapping[str, str], likeliest: Sequence[str], confidence: Mapping[str, float]) -> Reply:
    """Reply with the likeliest option; several that are exactly as likely are no answer, whatever their order.

    >>> chosen({"A": "rest", "B": "heparin"}, ["A", "B"], {"A": 0.5, "B": 0.5}).detail
    'equally likely: A, B'
    """
    if len(likeliest) > 1:
        return Reply("", "no_answer", confidence=confidence, detail=f"equally likely: {', '.join(likeliest)}")
    (letter,) = likeliest
    return Reply(f"({letter}) {options[letter]}", "answered", prediction=letter, confidence=confidence)


def _first_fault(outcomes: Sequence[Outcome]) -> Outcome:
    """Give the first outcome that is none with an answer, if there is one."""
    return next((outcome for outcome in outcomes if outcome != "answered"), "answered")


def _mean(letters: Sequence[str], parts: Sequence[Reply]) -> Mapping[str, float] | None:
    """Average each option's probability over the orders; None where an order was not scored."""
    total = dict.fromkeys(letters, 0.0)
    for by, part in enumerate(parts):
        if not part.confidence:
            return None
        for letter, weight in part.confidence.items():
            total[written(letters, letter, by)] += weight / len(parts)
    return total
