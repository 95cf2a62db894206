"""Run the benchmarks of a CPU and write their figures into the README: ``make bench``, or a part, ``ONLY=scoring``.

Each part is a script of its own; what it prints is kept in ``build/bench``, and the table is made of all parts that
were ever run there. A part that cannot run says why and leaves its rows as they were.
Usage: ``python benchmarks [PART ...] [--quick] [--peers] [--no-readme]``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pages import fill
from pytest_medeval.core.errors import MedevalError

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "build" / "bench"
PEERS = ROOT / "build" / "lmeval"
MODEL = ROOT / "build" / "smollm2"


@dataclass(frozen=True)
class Row:
    """A line of the table: what is compared, where its figures stand in the script's output, the goal."""

    what: str
    found: str
    shown: str
    goal: str


@dataclass(frozen=True)
class Part:
    """A script, its rows, arguments for a first look, and whether it needs lm-evaluation-harness."""

    script: str
    rows: tuple[Row, ...]
    quick: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    peer: bool = False
    real: bool = False
    """Whether it asks the model that ``python -m pytest_medeval fetch smollm2`` has brought, where that is there."""


def _choice(way: str, what: str, goal: str) -> Row:
    """Name a way of asking ``choices.py``: by which part of an option, with how many examples before the question."""
    found = rf"^{re.escape(way)} +[\d.]+ +[\d.]+ +([\d.]+) +(\S+)"
    return Row(f"{what}, speed against lm-evaluation-harness", found, "{0} times, log-likelihoods agree to {1}", goal)


PARTS = {
    "unused": Part(
        "unused.py",
        (
            Row(
                "start of pytest with the plugin installed and unused, what it adds",
                r"plugin: ([-\d.]+) ms", "{0} ms", "at most 30 ms",
            ),
        ),
        ("--runs", "3"),
    ),
    "overhead": Part(
        "overhead.py",
        (
            Row(
                "10,000 cases with stored replies against 10,000 empty tests, processor time",
                r"time ([\d.]+),", "{0} times", "at most 1.5",
            ),
            Row("the same, peak memory", r"memory ([\d.]+);", "{0} times", "at most 1.5"),
        ),
        ("--runs", "1", "--cases", "1000"),
    ),
    "scoring": Part(
        "scoring.py",
        (
            Row(
                "scoring of replies (BLEU, ROUGE, METEOR), speed against the reference libraries",
                r"^all .* ([\d.]+)x +(\d+)$", "{0} times, {1} pairs differ", "at least 8",
            ),
        ),
        ("--runs", "1", "--pairs", "200"),
    ),
    "choices": Part(
        "choices.py",
        (
            _choice("letters-0", "multiple choice by option letters, no examples", "at least 2.8"),
            _choice("letters-5", "multiple choice by option letters, 5 examples", "at least 5"),
            _choice("texts-0", "multiple choice by option texts, no examples", "at least 8"),
            _choice("texts-5", "multiple choice by option texts, 5 examples", "at least 30"),
        ),
        ("--runs", "1", "--questions", "8"), ("--runs", "5", "--questions", "24"), peer=True, real=True,
    ),
    "generation": Part(
        "generation.py",
        (
            Row(
                "greedy replies, speed against `model.generate`, one by one",
                r"^generate_1 +\d+ +([\d.]+)x", "{0} times", "at least 5",
            ),
            Row(
                "greedy replies, speed against `model.generate` in its best batches",
                r"^best batches: ([\d.]+)x", "{0} times", "at least 2",
            ),
        ),
        ("--runs", "1", "--prompts", "8", "--new-tokens", "8"), ("--prompts", "24"), real=True,
    ),
    "cache": Part(
        "cache.py",
        (
            Row(
                "opening and asking models, second run of the shipped suites against the first",
                r"asking (\d+),", "{0} times faster", "at least 50",
            ),
            Row("the same, whole run", r"whole ([\d.]+)$", "{0} times faster", ""),
        ),
        ("--runs", "1", "--suites", "suites/mcq"),
    ),
    "fleet": Part(
        "fleet.py",
        (
            Row(
                "multiple choice on Ray, 1 replica, speed against one process, one thread each",
                r"^ray 1 .*ratio ([\d.]+)", "{0} times", "",
            ),
            Row("the same, 2 replicas", r"^ray 2 .*ratio ([\d.]+)", "{0} times", ""),
        ),
        ("--runs", "1", "--questions", "8", "--simulated", "2000"), ("--questions", "40", "--simulated", "20000"),
    ),
    "endpoint": Part(
        "endpoint.py",
        (
            Row(
                "requests to a model server, throughput against bare sockets",
                r"(?s).*ours .*?ratio ([\d.]+)", "{0} of their throughput", "at least 0.9",
            ),
        ),
        ("--rounds", "1"),
    ),
    "shared_base": Part(
        "shared_base.py",
        (
            Row(
                "memory of one base with three adapters, against the base alone",
                r"whole process.*: ([\d.]+) times", "{0} of the base", "",
            ),
        ),
    ),
}  # fmt: skip


def interpreter(part: Part, *, make: bool) -> str:
    """Choose who runs a part; lm-evaluation-harness has an environment of its own, made when it is asked for."""
    if not part.peer:
        return sys.executable
    python = PEERS / "bin" / "python"
    if not python.exists() and make:
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        wanted = ["lm-eval==0.4.13", "--editable", f"{ROOT}[local]"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    if not python.exists():
        raise SystemExit("needs lm-evaluation-harness: --peers (make bench PEERS=1) installs it under build/lmeval")
    return str(python)


def run(name: str, *, quick: bool, make: bool) -> dict[str, str]:
    """Run a part, show and keep what it prints, and give its figures by row."""
    part = PARTS[name]
    words = part.quick if quick else part.args
    if part.real and not quick and (MODEL / "config.json").is_file():
        words = (*words, "--model", str(MODEL))
    command = [interpreter(part, make=make), str(ROOT / "benchmarks" / part.script), *words]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    print(f"== {name}, {time.perf_counter() - started:.0f} s\n{done.stdout}", flush=True)
    if done.returncode:
        raise SystemExit(f"ended with {done.returncode}: {done.stderr[-1000:]}")
    (KEPT / f"{name}.txt").write_text(done.stdout, encoding="utf-8")
    found = {row.what: re.search(row.found, done.stdout, re.MULTILINE) for row in part.rows}
    return {row.what: row.shown.format(*match.groups()) for row in part.rows if (match := found[row.what])}


def table(results: dict[str, str]) -> Iterator[str]:
    """Write the rows that have figures, in the order of the parts."""
    yield f"Measured {results.get('date', '')} on {results.get('machine', '')}; `make bench` measures again.\n"
    yield "| what | measured | goal |\n| --- | --- | --- |"
    for part in PARTS.values():
        for row in part.rows:
            if row.what in results:
                yield f"| {row.what} | {results[row.what]} | {row.goal} |"


def machine() -> str:
    """Name the processor, its cores, and Python."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    chip = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores of {chip}, Python {platform.python_version()}"


def main(words: Sequence[str] | None = None) -> int:
    """Run the parts that are asked for; the exit code tells whether all of them ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small sizes, one run, README untouched: does it work?")
    parser.add_argument("--peers", action="store_true", help="install what is compared with, where it is missing")
    parser.add_argument("--no-readme", action="store_true")
    asked = parser.parse_args(words)
    unknown = set(asked.parts) - PARTS.keys()
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; accepted: {', '.join(PARTS)}")
    KEPT.mkdir(parents=True, exist_ok=True)
    file = KEPT / "figures.json"
    results = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    failed = 0
    for name in asked.parts or PARTS:
        try:
            found = run(name, quick=asked.quick, make=asked.peers)
        except SystemExit as problem:
            print(f"== {name} skipped: {problem}", flush=True)
            failed += 1
            continue
        if not asked.quick:
            results |= {**found, "machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
            file.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if results and not asked.quick and not asked.no_readme:
        try:
            fill(ROOT / "README.md", "bench", "\n".join(table(results)))
        except MedevalError as mistake:
            raise SystemExit(str(mistake)) from None
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
