"""Replies that are drawn and not greedy: the options of a suite that say so, and the seed of each case."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace

from pytest_medeval.errors import MedevalError
from pytest_medeval.plain import UNLESS_DEFAULT
from pytest_medeval.types import Request

_SEEDS = 1 << 31
"""Servers take seeds of 32 bits with a sign, some of 64."""


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Options of every task whose replies are generated.

    ``temperature`` 0, the default, is greedy decoding; above it tokens are drawn from softmax(logits / temperature),
    cut to the smallest set of likeliest tokens that holds a share of ``top_p``.
    """

    temperature: float = field(default=0.0, metadata=UNLESS_DEFAULT)
    top_p: float = field(default=1.0, metadata=UNLESS_DEFAULT)

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise MedevalError(f"temperature is {self.temperature!r}; accepted: a finite number, 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise MedevalError(f"top_p is {self.top_p!r}; accepted: a number above 0, at most 1")
        if self.top_p < 1 and not self.temperature:
            raise MedevalError(
                f"top_p={self.top_p!r} changes nothing without a temperature, since replies are then greedy; "
                "accepted: a temperature above 0 beside it"
            )

    def reply_request(self, request: Request) -> Request:
        """Ask for a reply as these options want it."""
        return replace(request, temperature=float(self.temperature), top_p=float(self.top_p))


def seeded(request: Request, seed: int, case: str) -> Request:
    """Give a request that draws the seed of its case, from the run's seed and the case's id; a greedy one is kept.

    Cases have different seeds, so that their draws are independent of each other; candidate and baseline have the
    same.
    """
    if not request.temperature:
        return request
    digest = hashlib.sha256(f"{seed}:{case}".encode("utf-8", "surrogatepass")).digest()
    return replace(request, seed=int.from_bytes(digest[:8]) % _SEEDS)
