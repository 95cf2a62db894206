"""What the harness itself costs: cases with cached replies against as many empty tests in plain pytest.

The suite is multiple choice with a candidate and a baseline, each of which answers through the reply cache. A
first run fills the cache with scripted replies; in the runs that are timed both models fail when they are asked,
so that every reply is a stored one. A run collects, scores, compares, judges two gates and writes the record. Both
sides run in processes of their own, in turn, on one thread; the seconds are the processor's, which a busy machine
leaves comparable. ``--phases`` prints one more run of each side phase by phase, and the least that resampling takes.
Usage: ``python benchmarks/overhead.py [--cases 10000] [--runs 5] [--no-baseline] [--phases] [--profile FILE]``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from pytest_medeval.stats.bootstrap import RESAMPLES, label_swaps, resampling_weights

GOAL = 1.5
EMPTY = """
import pytest

@pytest.mark.parametrize("case", {names!r})
def test_empty(case):
    pass
"""
SUITE = """
import pytest
from pytest_medeval import Suite

suite = Suite(task="mcq", cases="quiz.jsonl", gates=["accuracy >= 0.5", "accuracy better than baseline"])

@pytest.mark.medeval(suite)
def test_quiz(evaluation):
    assert evaluation.outcome == "answered"
"""
MODELS = '''
"""scripted:SHARE answers that share of the questions rightly; from the cache, or the run fails."""
import os
import random
from functools import partial

from pytest_medeval.models.cache import CachedModel, Store
from tools.fake_model import FakeModel
from pytest_medeval.core.types import Answer


def pytest_medeval_models():
    return {"scripted": "conftest:open_scripted"}


def answer(share, request):
    question = request.messages[-1].content
    draw = random.Random(f"{share} {question}")
    right = int(question.split()[0]) % 4
    logprobs = [-0.5 - 3.0 * draw.random() for _ in range(4)]
    if draw.random() < float(share):
        logprobs[right] = -0.25
    return Answer("", "choice", tuple(logprobs), (1,) * 4, prompt_hash="0" * 64, prompt_tokens=60)


def open_scripted(spec, settings):
    def load():
        assert os.environ["FILL"] == "yes", "a reply was not stored"
        return FakeModel(partial(answer, spec.argument), name=spec.text)

    identity = FakeModel(name=spec.text).identity
    return CachedModel(identity, load, Store(settings.cache), version="1")
'''
PHASES = '''
"""Notes the processor's seconds and the peak memory (KiB) at the end of each phase of a run."""
import json
import resource
import time
from pathlib import Path

import pytest

ends = {}


def note(phase):
    ends[phase] = [time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]


def pytest_configure():
    note("start")


def pytest_collection_finish():
    note("collection")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart():
    if "answers" not in ends:
        note("answers")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item):
    if "::gate[" not in item.nodeid:  # gates are tests behind the tests
        note("tests")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    note("conclusion")
    Path("phases.json").write_text(json.dumps(ends))
'''
NAMES = {
    "start": "start",
    "collection": "reading and hashing the cases, making the tests",
    "answers": "requests, keys of the cache, stored replies, scores",
    "tests": "the tests: fixture, entry of the record, properties of the report",
    "conclusion": "intervals and tests, gates, the record",
}
WORDS = ("pain", "fever", "cough", "dyspnoea", "oedema", "rash", "nausea", "vertigo", "syncope", "pallor", "itch")


@dataclass(frozen=True)
class Run:
    """What one process used: seconds by the clock and of the processor, peak MiB."""

    wall: float
    cpu: float
    peak: float


def write_suite(folder: Path, cases: int) -> None:
    """Write questions of about 60 words, with the scripted models beside them."""
    chooser = random.Random(cases)
    with (folder / "quiz.jsonl").open("w", encoding="utf-8") as file:
        for number in range(cases):
            question = f"{number} years of " + " ".join(chooser.choices(WORDS, k=60))
            firsts = chooser.sample(WORDS, 4)  # no two options have one text
            options = {
                letter: " ".join((first, *chooser.choices(WORDS, k=3)))
                for letter, first in zip("ABCD", firsts, strict=True)
            }
            case = {"id": f"case-{number}", "question": question, "options": options}
            case |= {"answer": "ABCD"[number % 4], "tags": {"specialty": WORDS[number % len(WORDS)]}}
            file.write(json.dumps(case) + "\n")
    (folder / "test_quiz.py").write_text(SUITE, encoding="utf-8")
    (folder / "conftest.py").write_text(MODELS, encoding="utf-8")


def write_empty(folder: Path, cases: int) -> None:
    """Write as many empty tests, with the same ids."""
    names = [f"case-{number}" for number in range(cases)]
    (folder / "test_empty.py").write_text(EMPTY.format(names=names), encoding="utf-8")


def process(folder: Path, *words: str, fill: str = "no") -> Run:
    """Run Python in a folder and read from the kernel what it used; any failure of it is ours."""
    command = [sys.executable, *words, "-q", "-p", "no:randomly", "--rootdir=."]
    started = time.perf_counter()
    with (folder / "out.txt").open("wb") as out:
        child = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=_environment(fill))
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if child.returncode:
        raise SystemExit((folder / "out.txt").read_text(encoding="utf-8")[-3000:])
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _environment(fill: str) -> dict[str, str]:
    """Compute on one thread, as pytest does; Python keeps its bytecode, as for a user, but beside our files."""
    names = os.environ.keys() - {"PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS"}
    bytecode = str(Path(tempfile.gettempdir(), "medeval-bytecode"))
    root = str(Path(__file__).parent.parent)
    own = {"FILL": fill, "OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": bytecode, "PYTHONPATH": root}
    return {name: os.environ[name] for name in names} | own


def phases(folder: Path, *words: str) -> list[tuple[float, float]]:
    """Run pytest once more and give of each phase the processor's seconds, and the peak MiB so far."""
    (folder / "phases.py").write_text(PHASES, encoding="utf-8")
    process(folder, "-m", "pytest", "-p", "phases", *words)
    ends = json.loads((folder / "phases.json").read_text(encoding="utf-8"))
    seconds = [0.0, *(ends[name][0] for name in NAMES)]
    return [(end - begin, ends[name][1] / 1024) for name, (begin, end) in zip(NAMES, pairwise(seconds), strict=True)]


def least_resampling(units: int) -> float:
    """Take the processor's seconds of 10,000 resamples and 10,000 swaps of units: draws, counts and products alone.

    Two columns of counts for each of two roles; more metrics need more.
    """
    counts = np.random.default_rng(0).random((units, 4))
    started = time.process_time()
    for weights in (resampling_weights, label_swaps):
        for chunk in weights(units, RESAMPLES, 0):
            chunk @ counts
    return time.process_time() - started


def print_phases(ours: list[tuple[float, float]], empty: list[tuple[float, float]], cases: int) -> None:
    """Print what each phase takes more than in the empty tests."""
    print(f"{'phase':66}{'ours s':>8}{'empty s':>9}{'more':>7}{'peak MiB':>10}{'empty':>7}")
    for told, (seconds, peak), (floor, least) in zip(NAMES.values(), ours, empty, strict=True):
        print(f"{told:66}{seconds:8.2f}{floor:9.2f}{seconds - floor:+7.2f}{peak:10.0f}{least:7.0f}")
    print(f"{'in the last: the least that resampling takes here':66}{least_resampling(cases):8.2f}")


def compare(cases: int, runs: int, flags: list[str], *, by_phase: bool, profile: Path | None) -> tuple[float, float]:
    """Time both in turn; print a line each; give the ratios of processor seconds and of peak memory."""
    with tempfile.TemporaryDirectory() as name:
        ours, empty = Path(name, "ours"), Path(name, "empty")
        ours.mkdir()
        empty.mkdir()
        write_suite(ours, cases)
        write_empty(empty, cases)
        asked = ["pytest", "--medeval-model=scripted:0.8", "--medeval-json=run.json", *flags]
        process(ours, "-m", *asked, fill="yes")
        process(empty, "-m", "pytest", "-p", "no:medeval")
        taken: dict[str, list[Run]] = {"empty": [], "ours": []}
        for _ in range(runs):
            taken["empty"].append(process(empty, "-m", "pytest", "-p", "no:medeval"))
            taken["ours"].append(process(ours, "-m", *asked))
        if by_phase:
            print_phases(phases(ours, *asked[1:]), phases(empty, "-p", "no:medeval"), cases)
        if profile:
            process(ours, "-m", "cProfile", "-o", str(profile.absolute()), "-m", *asked)
    print(f"{cases} cases, median of {runs} runs in turn")
    print(f"{'':8}{'processor s':>13}{'wall s':>9}{'peak MiB':>10}")
    for side, found in taken.items():
        cpu, wall, peak = (statistics.median(getattr(run, of) for run in found) for of in ("cpu", "wall", "peak"))
        print(f"{side:8}{cpu:13.2f}{wall:9.2f}{peak:10.1f}")
    pairs = list(zip(taken["ours"], taken["empty"], strict=True))
    time_ratio = statistics.median(own.cpu / floor.cpu for own, floor in pairs)
    return time_ratio, statistics.median(own.peak / floor.peak for own, floor in pairs)


def main() -> None:
    """Print both sides and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-baseline", action="store_true", help="a candidate alone")
    parser.add_argument("--phases", action="store_true", help="print one more run of each side phase by phase")
    parser.add_argument("--profile", type=Path, help="write a cProfile of one more run of ours to this file")
    options = parser.parse_args()
    baseline = "none" if options.no_baseline else "scripted:0.6"
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
    flags = [f"--medeval-baseline={baseline}"]
    time_ratio, memory = compare(options.cases, options.runs, flags, by_phase=options.phases, profile=options.profile)
    print(f"ratio: time {time_ratio:.2f}, memory {memory:.2f}; goal {GOAL} and {GOAL}")


if __name__ == "__main__":
    main()
