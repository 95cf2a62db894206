"""Whether the tests of a room notice when its code is wrong.

Draws mutants of a room's modules: one comparison, operator, constant, condition, sign or returned value changed. For
each, a process is forked, a copy of the package with the change stands first on the path, and the unit tests of the
same room run until one fails, those first that enter the changed function. Nothing is drawn where no test could
notice: docstrings, annotations, decorators, errors' messages, ``__all__``, ``TYPE_CHECKING``, ``zip(strict=...)``.
Usage: ``python benchmarks/mutants.py ROOM ... [--count 40] [--seed 1] [--jobs 2] [--list]``.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import importlib
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import hypothesis
import pytest

from changes import Mutant, mutants

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "pytest_medeval"
MEMORY = 16 * 2**30
"""Bytes that a mutant may map, for one that never stops appending."""
OURS = ("pytest_medeval", "tests", "tools", "_pytest", "conftest", "_hypothesis_pytestplugin", "xdist", "__main__")


@dataclass
class Watch:
    """What a run without a mutant tells of a room's tests."""

    package: str
    seconds: dict[str, float] = field(default_factory=dict)
    enters: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    """Test -> the functions (file, first line) that it enters."""
    failed: set[str] = field(default_factory=set)
    modules: list[str] = field(default_factory=list)
    """What was imported and is not ours."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note time and functions of a test."""
        entered = self.enters.setdefault(item.nodeid, set())

        def trace(frame: FrameType, _event: str, _arg: object) -> None:
            code = frame.f_code
            if code.co_filename.startswith(self.package):
                entered.add((code.co_filename[len(self.package) + 1 :], code.co_firstlineno))

        started = time.perf_counter()
        threading.settrace(trace)
        sys.settrace(trace)
        result = yield
        sys.settrace(None)
        self.seconds[item.nodeid] = time.perf_counter() - started
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that fails without a mutant."""
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_unconfigure(self) -> None:
        """Note what every mutant would import again."""
        self.modules = [name for name in sys.modules if name.split(".")[0] not in OURS]


class Order:
    """Runs the tests that enter what was changed, quick ones first, then others of their files; none may hang."""

    def __init__(self, tests: Watch, mutant: Mutant) -> None:
        file, inside = str(mutant.file.relative_to(PACKAGE)), mutant.inside
        self.tests = tests
        self.entering = {
            name
            for name, entered in tests.enters.items()
            if any(one == file and inside in (None, line) for one, line in entered)
        }
        self.files = sorted({name.split("::")[0] for name in self.entering - tests.failed})

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what fails anyway, and sort."""
        kept = [one for one in items if one.nodeid not in self.tests.failed]
        items[:] = sorted(
            kept, key=lambda one: (one.nodeid not in self.entering, self.tests.seconds.get(one.nodeid, 0.0))
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """End the process where a test takes far longer than it did."""
        faulthandler.dump_traceback_later(10 * self.tests.seconds.get(item.nodeid, 0.0) + 20, exit=True)
        result = yield
        faulthandler.cancel_dump_traceback_later()
        return result


def run(files: Sequence[str], plugin: Watch | Order, folder: Path) -> int:
    """Run tests on the package in a folder and give the exit code, in a process that ends with it."""
    os.setsid()
    with (folder / "output").open("w", encoding="utf-8") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.path.insert(0, str(folder))
    os.environ |= {"PYTHONPATH": str(folder), "HYPOTHESIS_STORAGE_DIRECTORY": str(folder)}
    hypothesis.settings.register_profile("mutants", deadline=None, derandomize=True, database=None)
    words = ["-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", "--hypothesis-profile=mutants"]
    words += [f"--basetemp={folder / 'tmp'}", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    words += ["-x"] if isinstance(plugin, Order) else []
    return int(pytest.main([*words, *files], plugins=[plugin]))


def fork(files: Sequence[str], plugin: Watch | Order, folder: Path) -> int:
    """Start a process that runs tests on the package in a folder; give its id."""
    if child := os.fork():
        return child
    code = 1
    try:
        code = run(files, plugin, folder)
        (folder / "plugin").write_bytes(pickle.dumps(plugin if isinstance(plugin, Watch) else None))
    finally:
        os._exit(code)


def watched(room: str, folder: Path) -> Watch:
    """Run the tests of a room without a mutant, on a copy of the package that is compiled for the others."""
    package = shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    os.waitpid(fork([f"tests/unit/{room}"], Watch(str(package)), folder), 0)
    if not (folder / "plugin").is_file():
        raise SystemExit((folder / "output").read_text(encoding="utf-8"))
    tests: Watch = pickle.loads((folder / "plugin").read_bytes())  # noqa: S301 - written above
    for module in tests.modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.freeze()  # else each process copies and searches all of it
    for test in sorted(tests.failed):
        print(f"{test} fails without a mutant and is left out", flush=True)
    return tests


def survivors(room: str, drawn: Sequence[Mutant], jobs: int) -> Iterator[Mutant]:
    """Run the tests on each mutant; give those that none of them notices."""
    running: dict[int, tuple[Mutant, tempfile.TemporaryDirectory[str]]] = {}
    waiting = list(drawn)
    with tempfile.TemporaryDirectory() as whole:
        tests = watched(room, Path(whole))
        while waiting or running:
            if waiting and len(running) < jobs:
                mutant = waiting.pop(0)
                order = Order(tests, mutant)
                if not order.files:
                    yield mutant
                    continue
                folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
                package = Path(folder.name) / PACKAGE.name
                shutil.copytree(Path(whole) / PACKAGE.name, package)
                (package / mutant.file.relative_to(PACKAGE)).write_text(mutant.source(), encoding="utf-8")
                running[fork(order.files, order, Path(folder.name))] = mutant, folder
                continue
            child, status = os.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            mutant, folder = running.pop(child)
            folder.cleanup()
            if status == 0:
                yield mutant


def told(mutant: Mutant) -> str:
    """Say where and what."""
    return f"{mutant.file.relative_to(ROOT)}:{mutant.line}: {mutant}"


def main() -> int:
    """Print killed and drawn of each room, and every survivor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="+", metavar="ROOM")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="print the mutants, run nothing")
    asked = parser.parse_args()
    os.chdir(ROOT)
    for room in asked.rooms:
        found = [one for file in sorted((PACKAGE / room).rglob("*.py")) for one in mutants(file)]
        drawn = random.Random(asked.seed).sample(found, min(asked.count, len(found)))
        if asked.list:
            print(*map(told, drawn), sep="\n")
            continue
        started, left = time.perf_counter(), []
        for mutant in survivors(room, drawn, asked.jobs):
            print(told(mutant), flush=True)
            left.append(mutant)
        took = time.perf_counter() - started
        killed = len(drawn) - len(left)
        print(f"{room}: {killed}/{len(drawn)} killed of {len(found)}, seed {asked.seed}, {took:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
