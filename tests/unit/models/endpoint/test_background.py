"""A coroutine beside a thread that is not asynchronous."""

import asyncio
import threading

import pytest

from pytest_medeval.models.endpoint.server import iterate


def test_items_come_as_they_are_emitted():
    """The first item is there before the coroutine goes on."""
    gate = threading.Event()

    async def work(emit):
        emit(1)
        await asyncio.to_thread(gate.wait)
        emit(2)

    stream = iterate(work)
    assert next(stream) == [1]
    gate.set()
    assert list(stream) == [[2]]


def test_who_waits_goes_on_when_its_item_was_dealt_with():
    """What has come meanwhile is given together; nobody goes on before more is asked for."""
    log = []

    async def work(emit):
        async def one(name):
            for number in range(2):
                await emit(f"{name}{number}")
                log.append(f"{name}{number}")

        await asyncio.gather(one("a"), one("b"))

    found = []
    for burst in iterate(work):
        assert set(log) == set(found)
        found += burst
    assert sorted(found) == ["a0", "a1", "b0", "b1"]


def test_an_error_is_raised_where_the_items_are_taken():
    """What was emitted before the error is not lost."""

    async def work(emit):
        emit("kept")
        raise ValueError("broken")

    stream = iterate(work)
    assert next(stream) == ["kept"]
    with pytest.raises(ValueError, match="broken"):
        next(stream)


def test_closing_cancels_the_coroutine():
    """A caller that goes leaves no thread behind."""
    cancelled = []

    async def work(emit):
        emit(1)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    stream = iterate(work)
    next(stream)
    stream.close()
    assert cancelled == [True]
    assert not any(thread.name == "medeval-endpoint" for thread in threading.enumerate())


def test_it_works_beside_a_running_loop():
    """As in a notebook, whose own loop is running."""

    async def work(emit):
        emit(await asyncio.sleep(0, 7))

    async def notebook():
        return list(iterate(work))

    assert asyncio.run(notebook()) == [[7]]
