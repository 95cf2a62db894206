"""How far is it? One line a stretch of work, through pytest's terminal reporter."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

QUIET_SECONDS = 30.0
"""Without a terminal, how often a line is written while work goes on."""


class Progress:
    """Opens a line for a stretch of work; the line is rewritten on a terminal and written rarely elsewhere."""

    def __init__(self, reporter: Any, clock: Callable[[], float] = perf_counter) -> None:
        self._reporter = reporter
        self._clock = clock

    def __call__(self, label: str, total: int) -> Callable[[int], None]:
        """Start counting to ``total``; call what comes back with the number newly done."""
        if self._reporter is None or self._reporter.verbosity < 0 or total == 0:
            return lambda newly: None  # noqa: ARG005 - the shape of a tick
        stretch = _Stretch(self._reporter, label, total, self._clock)
        stretch.tick(0)
        return stretch.tick


class _Stretch:
    def __init__(self, reporter: Any, label: str, total: int, clock: Callable[[], float]) -> None:
        self._reporter, self._label, self._total, self._clock = reporter, label, total, clock
        self._done = 0
        self._started = self._written = clock()

    def tick(self, newly: int) -> None:
        """Count on and show it."""
        self._done += newly
        finished = self._done >= self._total
        if finished:
            self._reporter.rewrite(self._line(), erase=True) if self._reporter.isatty else None
            self._reporter.write_line("" if self._reporter.isatty else self._line())
        elif self._reporter.isatty:
            self._reporter.rewrite(self._line(), erase=True)
        elif self._clock() - self._written > QUIET_SECONDS:
            self._written = self._clock()
            self._reporter.write_line(self._line())

    def _line(self) -> str:
        seconds = self._clock() - self._started
        text = f"medeval: {self._label}: {self._done} of {self._total}"
        if not self._done:
            return f"{text} (loading the model)"
        rate = self._done / max(seconds, 1e-9)
        if self._done < self._total:
            return f"{text}, {rate:.1f}/s, {(self._total - self._done) / rate:.0f} s left"
        return f"{text} in {seconds:.1f} s ({rate:.1f}/s)"
