"""Run a coroutine beside a thread that is not asynchronous, and take what it gives as it comes."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Emit = Callable[[T], Awaitable[None]]
"""Hands an item over at once; what it gives can be waited for until the item was taken and dealt with."""
Taken: TypeAlias = "asyncio.Future[None]"


class _End:
    """What ends a stream: nothing, or the error that the coroutine raised."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def iterate(work: Callable[[Emit[T]], Coroutine[Any, Any, None]]) -> Iterator[list[T]]:
    """Give what ``work(emit)`` emits, in that order, while it runs in an event loop of its own.

    What has come meanwhile is given together, and counts as dealt with when more is asked for. The loop lives in a
    thread of its own, so that this works where a loop is running already, as in a notebook. What the coroutine
    raises is raised here; when the iterator is closed early, the coroutine is cancelled and waited for.
    """
    results: queue.SimpleQueue[tuple[T, Taken] | _End] = queue.SimpleQueue()
    started: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, Callable[[], object]]] = queue.SimpleQueue()

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def emit(item: T) -> Taken:
            taken = loop.create_future()
            results.put((item, taken))
            return taken

        task = asyncio.ensure_future(work(emit))
        started.put((loop, task.cancel))
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
    loop, cancel = started.get()
    end: _End | None = None
    try:
        while end is None:
            burst, end = _burst(results)
            if burst:
                yield [item for item, _ in burst]
                _call(loop, partial(_release, [taken for _, taken in burst]))
        if end.error is not None:
            raise end.error
    finally:
        if end is None:
            _call(loop, cancel)
        thread.join()


def _burst(results: queue.SimpleQueue[tuple[T, Taken] | _End]) -> tuple[list[tuple[T, Taken]], _End | None]:
    """Wait for an item and take all that are there; the end, if it is among them, is the last."""
    found: list[tuple[T, Taken]] = []
    try:
        item = results.get()
        while not isinstance(item, _End):
            found.append(item)
            item = results.get_nowait()
    except queue.Empty:
        return found, None
    return found, item


def _release(taken: Sequence[Taken]) -> None:
    """Let those go on who wait for their items; who was cancelled waits no more."""
    for one in taken:
        if not one.done():
            one.set_result(None)


def _call(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    """Call something in the loop, unless that has ended by itself in this very moment."""
    try:
        loop.call_soon_threadsafe(what)
    except RuntimeError:
        return
