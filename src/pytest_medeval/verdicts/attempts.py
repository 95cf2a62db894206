"""What is said of a candidate that was tried before, or may be looked at several times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_medeval.core.record import AttemptRecord

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def nth(count: int) -> str:
    """Say which attempt it is.

    >>> nth(3), nth(11)
    ('third attempt', 'attempt 11')
    """
    return f"{ORDINALS[count - 1]} attempt" if count <= len(ORDINALS) else f"attempt {count}"


def sentences(attempts: Mapping[str, AttemptRecord]) -> Iterator[tuple[str, bool]]:
    """Say which attempt of a suite it is, what that costs, and whether all is in order; a lone one says nothing."""
    for name, one in attempts.items():
        told = f"{name}: {nth(one['count'])} of this candidate"
        if one["looks"] and not one["alpha"]:
            yield f"{told}; {one['looks']} looks were declared and nothing of the 5 % is left: no gate passes", False
        elif one["looks"] and one["looks"] > 1:
            level = f"intervals of gates are at {100 * (1 - one['alpha']):.4g} % instead of 95 %"
            yield f"{told}, {one['looks']} looks declared: {level}", True
        elif one["count"] > 1:
            yield f"{told}, with other cases; --medeval-looks=K declares how many there are to be", False
