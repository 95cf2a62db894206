"""What GitHub Actions shows beside the code: one annotation a gate that did not pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
PROPERTY = {**MESSAGE, ":": "%3A", ",": "%2C"}


def workflow_commands(record: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    """Give workflow commands (``::error file=...::...``); none outside GitHub Actions.

    A gate that fails the run is an error; one that did not pass and was let through is a warning.
    """
    if environment.get("GITHUB_ACTIONS") != "true":
        return
    for gate in record["gates"]:
        if gate["verdict"] == "pass":
            continue
        level = "error" if gate.get("outcome", "failed") == "failed" else "warning"
        file, _, line = record["suites"][gate["suite"]]["source"].rpartition(":")
        place = (
            {"file": file, "line": line} if line.isdigit() else {"file": f"{file}:{line}" if file else line}
        )
        told = {**place, "title": f"{gate['suite']}: {gate['expression']}"}
        properties = ",".join(f"{key}={_escape(value, PROPERTY)}" for key, value in told.items())
        message = _escape(f"{gate['verdict']}: {gate['reason']}", MESSAGE)
        yield f"::{level} {properties}::{message}"


def _escape(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
