"""A second run of unchanged suites: every reply is a stored one.

The shipped suites run with the shipped adapters and their base, first with an empty cache and then with the one that
this run has filled, each in a process of its own. Compared are the seconds that the record counts for opening and
asking the models (``usage.seconds``) and those of the whole processes; a warm run whose record does not say that every
reply came from the cache is an error. Usage: ``python benchmarks/cache.py [--runs 5] [--suites suites/mcq ...]``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import random_model

ROOT = Path(__file__).parents[1]
SUITES = [f"suites/{name}" for name in ("dialogue", "mcq", "polarity")]


@dataclass(frozen=True)
class Run:
    """What one process took: seconds of asking, of all; replies from the cache, and of all cases and models."""

    asking: float
    whole: float
    stored: int
    replies: int


def process(cache: Path, suites: list[str]) -> Run:
    """Run the suites in a process of its own and read its record."""
    record = cache / "run.json"
    command = [
        *(sys.executable, "-m", "pytest", "-q", *suites, "-p", "no:cacheprovider"),
        *("--medeval-model=adapters/release.toml", f"--medeval-cache={cache}", f"--medeval-json={record}"),
    ]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    whole = time.perf_counter() - started
    if done.returncode not in (0, 1):  # a gate that fails is a result too
        raise SystemExit(done.stdout[-2000:] + done.stderr[-1000:])
    found = json.loads(record.read_text(encoding="utf-8"))
    replies = sum(role in case for case in found["cases"] for role in ("candidate", "baseline"))
    return Run(found["usage"]["seconds"], whole, found["usage"]["cache_hits"], replies)


def main() -> None:
    """Print both runs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--suites", nargs="+", default=SUITES)
    options = parser.parse_args()
    runs: dict[str, list[Run]] = {"cold": [], "warm": []}
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as name:
            for side in runs.values():
                side.append(process(Path(name), options.suites))
    for warm in runs["warm"]:
        if warm.stored < warm.replies:
            raise SystemExit(f"only {warm.stored} of {warm.replies} replies came from the cache")
    print(f"{runs['warm'][0].replies} replies, {random_model.machine(os.cpu_count() or 1)}")
    print(f"{'':6}{'asking s':>10}{'whole s':>10}{'from the cache':>16}")
    for name, found in runs.items():
        asking, whole = (statistics.median(getattr(run, of) for run in found) for of in ("asking", "whole"))
        print(f"{name:6}{asking:10.3f}{whole:10.2f}{found[0].stored:16d}")
    pairs = list(zip(runs["cold"], runs["warm"], strict=True))
    asking = statistics.median(cold.asking / warm.asking for cold, warm in pairs)
    whole = statistics.median(cold.whole / warm.whole for cold, warm in pairs)
    print(f"ratio: asking {asking:.0f}, whole {whole:.1f}")


if __name__ == "__main__":
    main()
