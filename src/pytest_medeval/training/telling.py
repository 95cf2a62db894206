"""How far is a training run? A line on standard error now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

EVERY = 10.0
"""Seconds between two lines."""
MINUTES = 120.0
"""From so many seconds on, what is left is told in minutes."""


class Teller:
    """Tells of a stretch of work that began after ``begun`` of its steps."""

    def __init__(self, what: str, begun: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._begun, self._clock = what, begun, clock
        self._started = self._told = clock()

    def tell(self, done: int, of: int, figure: str) -> None:
        """Write how many steps of all are done, with a figure, unless the last line is fresh."""
        now = self._clock()
        if now - self._told < EVERY:
            return
        self._told = now
        left = (now - self._started) / (done - self._begun) * (of - done)
        told = f"{left / 60:.0f} min" if left >= MINUTES else f"{left:.0f} s"
        sys.stderr.write(f"{self._what} {done} of {of}, {figure}, about {told} left\n")
        sys.stderr.flush()
