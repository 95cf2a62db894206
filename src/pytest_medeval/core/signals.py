"""SIGTERM, which a cancelled CI job sends, ends a run as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM raise ``KeyboardInterrupt`` meanwhile; who has a handler for it keeps that."""
    if not _ours_to_set() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def handler_kept() -> Iterator[None]:
    """Keep what SIGTERM does, whatever a library sets it to meanwhile."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if _ours_to_set() and before is not None:  # None: not set by Python, which cannot set it again
            signal.signal(signal.SIGTERM, before)


def _ours_to_set() -> bool:
    """Only the main thread may set handlers."""
    return threading.current_thread() is threading.main_thread()
