"""Run a coroutine beside a thread that is not asynchronous, and take what it gives as it comes."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
Emit = Callable[[T], None]


class _End:
    """What ends a stream: nothing, or the error that the coroutine raised."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def iterate(work: Callable[[Emit[T]], Coroutine[Any, Any, None]]) -> Iterator[T]:
    """Give what ``work(emit)`` emits, in that order, while it runs in an event loop of its own.

    The loop lives in a thread of its own, so that this works where a loop is running already, as in a
    notebook. What the coroutine raises is raised here; when the iterator is closed early, the coroutine is
    cancelled and waited for.
    """
    results: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    started: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()

    async def main() -> None:
        task = asyncio.ensure_future(work(results.put))
        loop = asyncio.get_running_loop()
        started.put(lambda: loop.call_soon_threadsafe(task.cancel))
        await task

    def run() -> None:
        error: BaseException | None = None
        try:
            asyncio.run(main())
        except BaseException as raised:  # noqa: BLE001 - handed to the thread that waits
            error = raised
        results.put(_End(error))

    thread = threading.Thread(target=run, name="medeval-endpoint", daemon=True)
    thread.start()
    cancel = started.get()
    ended = False
    try:
        while not isinstance(item := results.get(), _End):
            yield item
        ended = True
        if item.error is not None:
            raise item.error
    finally:
        if not ended:
            _quietly(cancel)
        thread.join()


def _quietly(cancel: Callable[[], object]) -> None:
    """Cancel, unless the loop has ended by itself in this very moment."""
    try:
        cancel()
    except RuntimeError:
        return
