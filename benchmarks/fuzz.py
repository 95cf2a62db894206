"""What wrong inputs do: valid ones of every kind are spoiled and read, in process, and a sample by the command line.

Each must be read or told in a ``MedevalError``: no other exception, none over 60 s. Of what is told is counted how
much names the file, the line where there are lines, and what is accepted.
Usage: ``python benchmarks/fuzz.py [--inputs 5000] [--commands 30] [--seed 1] [--kind NAME] [--show]``.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bad_inputs import KINDS, Kind, OverTimeError, lay, seeded, watched

from pytest_medeval.core.errors import MedevalError

LONGEST = 60.0


@dataclass
class Row:
    """What came of one kind's inputs."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0


def main() -> int:
    """Spoil, read, count, print a table; exit code 1 where there was a fault or a share is below its goal."""
    options = _parser().parse_args()
    rows: dict[str, Row] = defaultdict(Row)
    kinds = [kind for kind in KINDS if options.kind in (None, kind.name)]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.inputs):
            kind = kinds[number % len(kinds)]
            _read(kind, Path(folder) / str(number), seeded(options.seed, number), rows[kind.name], show=options.show)
        commanded = [kind for kind in kinds if kind.command]
        for number in range(options.commands if commanded else 0):
            kind = commanded[number % len(commanded)]
            _command(kind, Path(folder) / f"c{number}", seeded(options.seed, "command", number), rows["command line"])
    sys.stdout.writelines(f"{line}\n" for line in _table(rows))
    return _verdict(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=5000)
    parser.add_argument("--commands", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind")
    parser.add_argument(
        "--show", action="store_true", help="print every mistake that lacks file, line or what is accepted"
    )
    return parser


def _read(kind: Kind, folder: Path, draw: random.Random, row: Row, *, show: bool) -> None:
    path = lay(kind, folder, draw)
    began = time.monotonic()
    try:
        with watched(LONGEST):
            kind.read(path)
        row.counts["read"] += 1
    except MedevalError as mistake:
        _told(kind, str(mistake), row, show=show)
    except OverTimeError:
        row.counts["slow"] += 1
        row.faults.append(f"{kind.name}, {folder.name}: over {LONGEST:.0f} s")
    except Exception as error:  # noqa: BLE001 - this is what is counted
        row.counts["traceback"] += 1
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        row.faults.append(f"{kind.name}, {folder.name}: {type(error).__name__} at {where}: {str(error)[:100]!r}")
    row.slowest = max(row.slowest, time.monotonic() - began)
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def _told(kind: Kind, told: str, row: Row, *, show: bool) -> None:
    """Count each line of what is told by what it names."""
    row.counts["told"] += 1
    for line in told.split("\n"):
        name = "--medeval-|medeval_|ini:" if kind.name in ("options", "ini") else re.escape(Path(kind.file).name)
        known = {
            "file": re.search(name, line) is not None,
            "line": not kind.lines or re.search(rf"{name}:\d+", line) is not None,
            "accepted": re.search("accepted|required", line) is not None,
        }
        row.counts["lines"] += 1
        row.counts["with lines"] += kind.lines
        row.counts.update(what for what, there in known.items() if there and (what != "line" or kind.lines))
        if show and not all(known.values()):
            lacks = ", ".join(what for what, there in known.items() if not there)
            sys.stdout.write(f"{kind.name} lacks {lacks}: {line[:230]}\n")


def _command(kind: Kind, folder: Path, draw: random.Random, row: Row) -> None:
    lay(kind, folder, draw)
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", *kind.command],
            cwd=folder, capture_output=True, text=True, timeout=LONGEST * 2, check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        row.counts["slow"] += 1
        row.faults.append(f"{kind.name}, {folder.name}: over {LONGEST * 2:.0f} s")
        return
    printed = done.stdout + done.stderr
    for word, what in (("INTERNALERROR", "internal"), ("Traceback (most", "traceback")):
        if word in printed:
            row.counts[what] += 1
            row.faults.append(f"{kind.name}, {folder.name}: {word}: {printed.strip().splitlines()[-1][:100]}")
            break
    else:
        row.counts["told" if done.returncode else "read"] += 1
    row.slowest = max(row.slowest, time.monotonic() - began)


def _table(rows: dict[str, Row]) -> Iterator[str]:
    total = Row(sum((row.counts for row in rows.values()), Counter()), [], max(row.slowest for row in rows.values()))
    yield f"{'kind':<28} inputs  read  told  trace  intern  >60s  file  line  accepted  slowest"
    for name, row in [*rows.items(), ("all", total)]:
        counts = row.counts
        ended = [counts[what] for what in ("read", "told", "traceback", "internal", "slow")]
        yield (
            f"{name:<28} {sum(ended):6} {ended[0]:5} {ended[1]:5} {ended[2]:6} {ended[3]:7} {ended[4]:5}"
            f" {_share(counts, 'file', 'lines')} {_share(counts, 'line', 'with lines')}"
            f" {_share(counts, 'accepted', 'lines'):>9} {row.slowest:6.1f} s"
        )
    for row in rows.values():
        yield from row.faults


def _share(counts: Counter[str], what: str, of: str) -> str:
    return f"{100 * counts[what] / counts[of]:4.0f}%" if counts[of] else "    -"


def _verdict(rows: dict[str, Row]) -> int:
    counts = sum((row.counts for row in rows.values()), Counter[str]())
    goals = (("file", "lines", 0.95), ("line", "with lines", 0.85), ("accepted", "lines", 0.85))
    enough = all(counts[what] >= least * counts[of] for what, of, least in goals)
    return 0 if enough and not any(row.faults for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
