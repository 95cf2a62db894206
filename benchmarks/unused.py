"""What the plugin costs a test suite that does not use it: pytest with and without it on one empty test.

Both run in processes of their own, in turn, with bytecode cached. The seconds are the processor's.
Usage: ``python benchmarks/unused.py [--runs 21]``.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
from pathlib import Path

from overhead import process

GOAL = 30


def main() -> None:
    """Print the median of the differences, and how far they spread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=21)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_one.py").write_text("def test_one():\n    pass\n", encoding="utf-8")
        seconds: dict[str, list[float]] = {"without": [], "with": []}
        for run in range(runs + 1):
            without = process(folder, "-m", "pytest", "-p", "no:medeval").cpu
            together = process(folder, "-m", "pytest").cpu
            if run:  # the first one fills the bytecode cache
                seconds["without"].append(without)
                seconds["with"].append(together)
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
    for side, taken in seconds.items():
        print(f"{side:8} {1000 * statistics.median(taken):7.1f} ms of processor time, median of {runs}")
    gaps = sorted(1000 * (own - bare) for own, bare in zip(seconds["with"], seconds["without"], strict=True))
    low, high = gaps[len(gaps) // 4], gaps[-1 - len(gaps) // 4]
    print(f"unused plugin: {statistics.median(gaps):.1f} ms (quartiles {low:.1f} to {high:.1f}); goal {GOAL}")


if __name__ == "__main__":
    main()
