"""The published sets are collected only with ``--medeval-data`` (ini ``medeval_data``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the folder's tests out without data; otherwise let others decide."""
    if collection_path.name.startswith("test_") and not _data(config):
        return True
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say that they were left out, where they were looked for."""
    if not _data(config):
        terminalreporter.write_line("medeval: suites on published data are left out; --medeval-data=DIR brings them in")


def _data(config: pytest.Config) -> str | None:
    given = config.getoption("medeval_data", None)
    if given is not None:
        return str(given)
    try:
        return config.getini("medeval_data")
    except (KeyError, ValueError):  # the plugin is not loaded (-p no:medeval), so nobody declared the key
        return None
