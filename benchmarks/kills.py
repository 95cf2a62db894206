"""What a killed run has to ask or compute once more.

A run of dialogues is killed at a random moment, by SIGKILL (it and its workers) or by SIGTERM (it alone, as a CI job is
cancelled), and the same command is run again to its end. It asks a scripted server on loopback that counts what it
receives, in one process or in two workers, or it computes with the shipped tiny model and its batches are counted.
At most what was under way may be lost: the concurrency (of each worker), or one batch.
Usage: ``python benchmarks/kills.py [--sigkill 40] [--sigterm 20] [--seed 7]``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from tools.fake_server import FakeServer

from pytest_medeval.models.cache import Store

ROOT = Path(__file__).parents[1]
COUNT, CONCURRENCY, BATCH = 200, 16, 8
DELAY = 0.05
"""Seconds that the server takes for a reply."""
LONGEST = 0.2
"""Seconds up to which the signal follows the request before which it was drawn."""
SUITE = """
import pytest
from pytest_medeval import Suite

one, two = (Suite(task="dialogue", cases=f"{name}.jsonl", name=name, max_new_tokens=24) for name in ("one", "two"))

@pytest.mark.medeval(one)
def test_one(evaluation):
    assert evaluation.outcome != "error"

@pytest.mark.medeval(two)
def test_two(evaluation):
    assert evaluation.outcome != "error"
"""
COUNTING = """
from pathlib import Path
from pytest_medeval.models.local import model as local

compute = local.LocalModel.compute

def counted(self, unit, requests, prompts):
    found = compute(self, unit, requests, prompts)
    with Path("computed").open("a") as written:
        written.write("." * len(found))
    return found

local.LocalModel.compute = counted
"""


@dataclass(frozen=True)
class Way:
    """How a run answers: in how many workers, and how much of it may be lost."""

    name: str
    bound: int
    args: tuple[str, ...] = ()


WAYS = (
    Way("server, one process", CONCURRENCY),
    Way("server, -n 2", 2 * CONCURRENCY, ("-n", "2")),
    Way("local model", BATCH, (f"--medeval-model={ROOT / 'fixtures' / 'tiny-base'}", f"--medeval-batch-size={BATCH}")),
)


@dataclass
class Tally:
    """What the runs of one way received and stored before they were killed, and asked again afterwards."""

    received: list[int] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    @property
    def lost(self) -> list[int]:
        """Give what each run lost."""
        return [came - kept for came, kept in zip(self.received, self.stored, strict=True)]


def write_project(folder: Path) -> None:
    """Write two suites of dialogues."""
    for name, start in (("one", 0), ("two", COUNT // 2)):
        cases = [
            {"id": f"c{n}", "input": f"I cough since day {n}.", "reference": "Rest and drink."}
            for n in range(start, start + COUNT // 2)
        ]
        text = "".join(f"{json.dumps(case)}\n" for case in cases)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (folder / "test_two.py").write_text(SUITE, encoding="utf-8")


def begin(folder: Path, args: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start a run, with its workers in a group of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--medeval-baseline=none", *args]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def kill(
    run: subprocess.Popen[bytes], number: signal.Signals, received: Callable[[], int], drawn: random.Random
) -> None:
    """Wait for a random moment while the run asks, and end it."""
    after = drawn.randrange(1, COUNT)
    while received() < after and run.poll() is None:
        time.sleep(0.002)
    time.sleep(drawn.uniform(0, LONGEST))
    if number is signal.SIGKILL:
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)
    run.wait(120)


def once(way: Way, number: signal.Signals, drawn: random.Random, tally: Tally) -> None:
    """Run until it is killed, run again to the end, and count."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_project(folder)
        args = way.args
        file = folder / "computed"
        received: Callable[[], int] = lambda: file.stat().st_size if file.exists() else 0  # noqa: E731
        if way.name.startswith("server"):
            server = stack.enter_context(FakeServer(delay=DELAY, models=[{"id": "tuned"}]))
            args += (f"--medeval-model={server.url}#tuned", f"--medeval-concurrency={CONCURRENCY}")
            received = lambda: len(server.asked)  # noqa: E731
        else:
            (folder / "conftest.py").write_text(COUNTING, encoding="utf-8")
        run = begin(folder, args)
        kill(run, number, received, drawn)
        came = received()
        kept = Store(folder / ".medeval" / "cache").info().answers
        if begin(folder, args).wait(300):
            raise SystemExit((folder / "log").read_text(encoding="utf-8")[-3000:])
        tally.ends.append(run.returncode)
        tally.received.append(came)
        tally.stored.append(kept)
        tally.again.append(received() - COUNT)
        told = f"{way.name}, {number.name}: received {came}, stored {kept}, asked again {tally.again[-1]}"
        print(told, file=sys.stderr, flush=True)


def row(name: str, number: signal.Signals, bound: int, tally: Tally) -> str:
    """Write a line of the table."""
    within = sum(max(pair) <= bound for pair in zip(tally.lost, tally.again, strict=True))
    ends = ",".join(str(code) for code in sorted(set(tally.ends)))
    return (
        f"{name:20} {number.name:8}{len(tally.lost):6}{sum(tally.received):10}{sum(tally.stored):8}{sum(tally.lost):6}"
        f"{max(tally.lost):10}{sum(tally.again):13}   {within} of {len(tally.lost)} within {bound}   {ends}"
    )


def main() -> int:
    """Print the table, a line a way and a signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sigkill", type=int, default=40)
    parser.add_argument("--sigterm", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    print(f"{COUNT} requests a run; concurrency {CONCURRENCY}, batches of {BATCH}")
    print(f"{'':20} signal   kills  received  stored  lost most lost  asked again")
    drawn, failed = random.Random(asked.seed), 0
    for number, kills in ((signal.SIGKILL, asked.sigkill), (signal.SIGTERM, asked.sigterm)):
        tallies = {way: Tally() for way in WAYS}
        for way in islice(cycle(WAYS), kills):
            once(way, number, drawn, tallies[way])
        for way, tally in tallies.items():
            if tally.lost:
                print(row(way.name, number, way.bound, tally), flush=True)
                failed += any(max(pair) > way.bound for pair in zip(tally.lost, tally.again, strict=True))
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
