"""Ray with 1 and 2 replicas against one process, and what the measured costs mean for 1, 8 and 64 replicas.

Needs ``pip install 'pytest-medeval[ray]'``. The model is random (no download); the ways run in turn, each replica and
the local process on one thread, and their answers must be equal to the last bit. By the wall clock two replicas gain
what free cores there are; ``--clock cpu`` adds up the seconds of all processes, which tells what Ray costs even on a
busy machine.

The second part measures how fast the asking process can be: through Ray, to a replica that computes nothing. The third
runs the scheduler itself, with its own planning, over replicas that compute in virtual time: tokenising and asking cost
what was just measured, a token of an 8 B model is 16 GFLOP at ``--rate``. Usage: ``python benchmarks/fleet.py
[--questions 200] [--runs 5] [--clock wall] [--simulated 194000]``.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import ray

import random_model
from choices import make_requests
from pytest_medeval.core.model import Identity
from pytest_medeval.core.types import Answer, Request
from pytest_medeval.models import Settings
from pytest_medeval.models.identity import identify
from pytest_medeval.models.local.batches import Bounds, Limits, Prompt
from pytest_medeval.models.local.model import load_local
from pytest_medeval.models.ray import fleet as fleets
from pytest_medeval.models.ray.fleet import Seat, Sweep
from pytest_medeval.models.ray.replica import Deployment, Opened, Order
from pytest_medeval.models.spec import FolderSpec

GFLOP = 16.0
"""Of one token of a model of 8 B weights."""
NOBODY = Deployment(FolderSpec("m", Path()), Identity("m", "0" * 64), Settings())
START = 60.0
"""Seconds until a replica has its place, its libraries and 16 GB of weights: an assumption, not measured here."""


LIMITS = Limits(Bounds(16384, 256, 1 << 22), 8192)
"""Of the replicas that compute nothing, or in virtual time: those of a GPU."""


@dataclass(frozen=True)
class Costs:
    """Seconds a request: of a replica's tokeniser, and of all that the asking process does."""

    encode: float
    ask: float


class Hollow:
    """A replica that has every answer at once."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        self._prompts = prompts

    def where(self) -> tuple[str, int]:
        """Give some place."""
        return "here", os.getpid()

    def open(self, _loading: Deployment, _digests: object) -> Opened:
        """Have any model."""
        return Opened(LIMITS, ())

    def encode(self, _loading: Deployment, requests: Sequence[Request]) -> list[Prompt]:
        """Give tokens of the right number."""
        return [self._prompts[request.max_new_tokens % len(self._prompts)] for request in requests]

    def compute(self, _loading: Deployment, order: Order) -> tuple[list[Answer], list[str]]:
        """Give answers of the right size."""
        return [Answer("", "choice", (-1.0,) * 4, (3,) * 4, "0" * 64, len(one.ids)) for one in order.prompts], []

    def rest(self, _loading: Deployment) -> None:
        """Keep nothing."""


class HollowFleet(fleets.Fleet):
    """A fleet of replicas that compute nothing."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        super().__init__(1)
        self._prompts = prompts

    def fill(self, seat: Seat) -> Any:
        """Start one."""
        seat.actor, seat.ready = ray.remote(Hollow).options(num_cpus=1).remote(self._prompts), {}
        return self.ask(seat, "where")


def measure_asking(prompts: Sequence[Prompt], messages: Request, count: int) -> float:
    """Give the CPU seconds a request of the asking process: planning, pickling, Ray, taking in."""
    requests = [replace(messages, max_new_tokens=index) for index in range(count)]
    crew = HollowFleet(prompts)
    for size in (1, count):  # the first one starts the replica
        before = time.process_time()
        assert sum(map(len, Sweep(crew, NOBODY, requests[:size], []).run())) == size
    spent = time.process_time() - before
    crew.close()
    return spent / count


def measure(ways: dict[str, Any], requests: list[Request], runs: int, clock: str) -> dict[str, float]:
    """Time the ways in turn, and check that they agree; give the median seconds of each."""
    found = {name: way.answer(requests) for name, way in ways.items()}  # loads the model
    assert all(answers == found["local"] for answers in found.values()), "the engines differ"
    if clock == "wall":
        return random_model.alternate(runs, {name: partial(way.answer, requests) for name, way in ways.items()})
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _, (name, way) in itertools.product(range(runs), ways.items()):
        before = _cpu()
        way.answer(requests)
        taken[name].append(_cpu() - before)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def _cpu() -> float:
    """Give the CPU seconds of this process and of all replicas (Linux)."""
    seats = [seat for count in (1, 2) for seat in fleets.open_fleet(count, on_gpu=False).seats]
    fields = [Path(f"/proc/{seat.pid}/stat").read_text().rpartition(")")[2].split() for seat in seats]
    ticks = sum(int(one[11]) + int(one[12]) for one in fields)
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


class Virtual:
    """A crew in virtual time: one clock of the asking process, and for each seat when it is free."""

    def __init__(self, count: int, prompts: Sequence[Prompt], costs: Costs, rate: float, *, encodes: bool) -> None:
        self.seats = [Seat(number + 1) for number in range(count)]
        self.now, self.busy = 0.0, 0.0
        self._prompts, self._costs, self._rate, self._encodes = prompts, costs, rate, encodes
        self._free = [START] * (count + 1)
        self._ending: list[tuple[float, int]] = []
        self._results: dict[int, Any] = {}
        self._numbers = itertools.count()

    def fill(self, seat: Seat) -> int:
        """Start a replica."""
        seat.actor = self
        return self.ask(seat, "where")

    def ask(self, seat: Seat, what: str, *given: Any) -> int:
        """Note when a replica will have done what it is asked, and what the asking process spends on it."""
        result: Any = None
        seconds, size = 0.0, 0
        if what == "where":
            result = ("", seat.number)
        elif what == "open":
            result = Opened(LIMITS, ())
        elif what == "encode":
            result = [self._prompts[request.max_new_tokens] for request in given[1]]
            seconds = self._costs.encode * len(result)
            if not self._encodes:
                self._spend(seconds)
                seconds = 0.0
        elif what == "compute":
            prompts, size = given[1].prompts, len(given[1].prompts)
            tokens = sum(len(one.ids) + sum(map(len, one.choices)) - len(one.choices) for one in prompts)
            seconds = tokens * GFLOP / self._rate / 1000
            result = [Answer()] * size, []
        self._spend(self._costs.ask * size)
        self._free[seat.number] = max(self.now, self._free[seat.number]) + seconds
        number = next(self._numbers)
        heapq.heappush(self._ending, (self._free[seat.number], number))
        self._results[number] = result
        return number

    def send(self, _seat: Seat, _loading: Deployment, _missing: Sequence[str]) -> dict[str, str]:
        """Refuse: these replicas miss nothing."""
        raise NotImplementedError

    def first(self, futures: Sequence[int], *, starting: bool) -> int:  # noqa: ARG002 - the shape of a crew
        """Wait for what ends first."""
        at, number = heapq.heappop(self._ending)
        self.now = max(self.now, at)
        return number

    def result(self, future: int) -> Any:
        """Give what was found."""
        return self._results.pop(future)

    def _spend(self, seconds: float) -> None:
        self.now += seconds
        self.busy += seconds


def simulate(count: int, prompts: Sequence[Prompt], costs: Costs, rate: float, *, encodes: bool) -> tuple[float, float]:
    """Give the seconds that ``count`` replicas take from their start on, and the asking process's busy share."""
    crew = Virtual(count, prompts, costs, rate, encodes=encodes)
    requests = [Request((), choices=("A",), max_new_tokens=index) for index in range(len(prompts))]
    answered = sum(map(len, Sweep(crew, NOBODY, requests, []).run()))
    assert answered == len(prompts)
    return crew.now - START, crew.busy / (crew.now - START)


def scale(sample: Sequence[Prompt], costs: Costs, size: int, rate: float) -> None:
    """Print the table of the simulated runs."""
    prompts = [
        replace(prompt, ids=(index, *prompt.ids[1:]))  # all different: nothing is shared
        for index, prompt in zip(range(size), itertools.cycle(sample), strict=False)
    ]
    print(f"\nsimulated: {size} questions, 8 B weights, {rate:.0f} TFLOP/s a replica, times without loading")
    print(f"{'replicas':>10} {'tokenised by':>13} {'minutes':>9} {'speed-up':>9} {'asking process busy':>20}")
    alone, _ = simulate(1, prompts, costs, rate, encodes=True)
    for count, encodes in ((1, True), (8, True), (64, True), (64, False)):
        seconds, share = simulate(count, prompts, costs, rate, encodes=encodes)
        who = "replicas" if encodes else "asking one"
        print(f"{count:10} {who:>13} {seconds / 60:9.1f} {alone / seconds:9.1f} {share:20.0%}")


def main() -> None:
    """Print the measured ratios, the costs, and the simulated table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--simulated", type=int, default=194_000)
    parser.add_argument("--rate", type=float, default=300.0, help="TFLOP/s that a replica reaches (default: 300)")
    parser.add_argument("--data", type=Path, default=random_model.DATA)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        size = random_model.make_model(Path(name), options.data)
        spec, settings = random_model.spec_of(Path(name)), Settings(device="cpu", dtype="float32", threads=1)
        identity = identify(spec, settings)
        model = load_local(spec, identity, settings)
        requests = make_requests(random_model.questions(options.questions + 5, options.data), "texts", 0)
        folder = fleets.start({"num_cpus": 3})
        for count in (1, 2):
            fleets.open_fleet(count, on_gpu=False).share = {"num_cpus": 1}  # so that both fleets have room
        spread = {
            f"ray {count}": fleets.FleetModel(spec, identity, replace(settings, engine="ray", replicas=count))
            for count in (1, 2)
        }
        try:
            seconds = measure({"local": model, **spread}, requests, options.runs, options.clock)
            fleets.close_fleets()  # the next one needs their room
            sample = model.encode(requests)
            encode = random_model.alternate(options.runs, {"encode": lambda: model.encode(requests)})["encode"]
            ask = measure_asking(sample, requests[0], options.simulated // 4)
        finally:
            fleets.close_fleets()
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)
    costs = Costs(encode / len(requests), ask)
    print(f"{size / 1e6:.1f} M random weights, float32, {random_model.machine(1)}, ray {ray.__version__}")
    for way, taken in seconds.items():
        ratio = seconds["local"] / taken
        print(f"{way:8} {len(requests) / taken:7.2f} questions a second ({options.clock})   ratio {ratio:.2f}")
    print(f"ms of CPU a request: tokenising {costs.encode * 1000:.3f}, asking {costs.ask * 1000:.3f}")
    scale(sample, costs, options.simulated, options.rate)


if __name__ == "__main__":
    main()
