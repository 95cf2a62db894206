"""One process keeps a server busy: the endpoint backend against bare loops on the same server.

The server answers every request after a fixed time, from a process of its own, so that only the client can be
the bottleneck. The bare loop writes prepared bytes to open sockets and parses the JSON that comes back: no
retries, no timeouts, no library. The other peer is a loop over ``AsyncOpenAI`` with a semaphore, as its users
write it. All have the same number of requests under way; they run in turn. CPU time is the client's own, and
does not depend on what else the machine does. Run: ``python benchmarks/endpoint.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai

from pytest_medeval.core.model import Traffic
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model
from pytest_medeval.models.endpoint.wire import chat_fields
from pytest_medeval.models.spec import parse_model

GOAL = 0.9
REPLY = json.dumps(
    {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Rest. " * 60}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 120},
    }
).encode()
MODELS = b'{"object": "list", "data": [{"id": "slow"}]}'


def serve(port: Connection, seconds: float) -> None:
    """Answer every POST with the same reply after ``seconds``."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            await reader.readexactly(length)
            body = MODELS if head.startswith(b"GET") else REPLY
            if body is REPLY:
                await asyncio.sleep(seconds)
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(quietly, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def bare(url: str, requests: list[Request], concurrency: int) -> list[str]:
    """Ask over open sockets, as fast as Python can."""
    where = urlsplit(url)
    waiting = iter(enumerate(requests))
    texts = [""] * len(requests)

    async def worker() -> None:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        for index, request in waiting:
            body = json.dumps(chat_fields("slow", request, ())).encode()
            head = b"POST %s/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
            writer.write(head % (where.path.encode(), len(body)) + body)
            answered = await reader.readuntil(b"\r\n\r\n")
            length = int(answered.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            texts[index] = json.loads(await reader.readexactly(length))["choices"][0]["message"]["content"]
        writer.close()

    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return texts


async def library(url: str, requests: list[Request], concurrency: int) -> list[str]:
    """Ask with the openai client, all requests as tasks behind a semaphore."""
    gate = asyncio.Semaphore(concurrency)

    async def one(request: Request) -> str:
        fields: Any = chat_fields("slow", request, ())
        async with gate:
            answer = await client.chat.completions.create(**fields)
        return answer.choices[0].message.content or ""

    async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
        return await asyncio.gather(*map(one, requests))


def timed(work: Callable[[], list[str]]) -> tuple[float, float]:
    """Give the seconds that a run takes, by the clock and of the CPU, having looked at what it gave."""
    started, used = time.perf_counter(), time.process_time()
    texts = work()
    seconds = time.perf_counter() - started, time.process_time() - used
    assert all(text.startswith("Rest.") for text in texts)
    return seconds


def compare(seconds: float, concurrency: int, count: int, rounds: int) -> float:
    """Run all in turn, and give the ratio of our throughput to the bare loop's: the median of the rounds."""
    ours_end, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, seconds), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours_end.recv()}/v1"
    requests = [Request((Message("user", f"I cough since day {number}. " * 20),)) for number in range(count)]
    model = open_model(parse_model(f"{url}#slow", Path()), Settings(traffic=Traffic(concurrency=concurrency)))
    ways: dict[str, Callable[[], list[str]]] = {
        "bare sockets": lambda: asyncio.run(bare(url, requests, concurrency)),
        "openai loop": lambda: asyncio.run(library(url, requests, concurrency)),
        "ours": lambda: [answer.text for answer in model.answer(requests)],
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(timed(way))
    server.terminate()
    server.join()
    print(f"server takes {seconds * 1000:.0f} ms, {concurrency} requests at once, {count} requests")
    ratio = 0.0
    for name, runs in taken.items():
        pairs = list(zip(taken["bare sockets"], runs, strict=True))
        ratio = statistics.median(floor / own for (floor, _), (own, _) in pairs)
        wall, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
        speed, work = count / wall, cpu / count * 1000
        print(f"  {name:14}{speed:8.1f} requests/s   ratio {ratio:.2f}   {work:.2f} ms CPU a request")
    return ratio


def main() -> None:
    """Compare at several speeds of the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    compare(0.05, 32, 640, rounds)
    ratio = compare(0.5, 32, 320, rounds)
    print(f"goal {GOAL} of the bare loop at 0.5 s a reply: {'met' if ratio >= GOAL else 'missed'}")


if __name__ == "__main__":
    main()
