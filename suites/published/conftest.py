"""Of the published sets those are collected that ``--medeval-data`` (ini ``medeval_data``) holds; docs/data.md.

Where it holds none of them, none is left out: the folder is a wrong one, and every suite says so.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests of a set that is not there; otherwise let others decide."""
    if not collection_path.name.startswith("test_"):
        return None
    data = _data(config)
    return True if not data or collection_path.name in _absent(config.rootpath / data) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, where it was looked for."""
    if not (data := _data(config)):
        terminalreporter.write_line("medeval: suites on published data are left out; --medeval-data=DIR brings them in")
    elif absent := _absent(config.rootpath / data):
        names = ", ".join(absent.values())
        terminalreporter.write_line(f"medeval: published sets that {data} does not hold are left out: {names}")


def _absent(data: Path) -> dict[str, str]:
    """Give test files whose cases are not below the folder, with the set's name; none where none is there."""
    named = {
        path.name: re.findall(r'"data:([^"]+)"', path.read_text(encoding="utf-8"))
        for path in sorted(Path(__file__).parent.glob("test_*.py"))
    }
    absent = {name: files[0].split("/")[0] for name, files in named.items() if not all(map(any, map(data.glob, files)))}
    return {} if len(absent) == len(named) else absent


def _data(config: pytest.Config) -> str | None:
    given = config.getoption("medeval_data", None)
    if given is not None:
        return str(given)
    try:
        return config.getini("medeval_data")
    except (KeyError, ValueError):  # the plugin is not loaded (-p no:medeval), so nobody declared the key
        return None
