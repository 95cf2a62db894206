"""Every command of docs/start.md is run, and prints what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
WIDE = {"COLUMNS": "160"}
SHIPPED = re.compile(r"\b(?:adapters/release\.toml|fixtures/tiny-base)")


def steps() -> list[tuple[str, list[str]]]:
    """Give each command of the transcript with the lines shown below it."""
    block = re.search(r"```console\n\$ medeval init (.*?)```", PAGE, re.DOTALL)
    assert block
    parts = f"medeval init {block[1]}".split("\n$ ")
    return [(first, lines) for first, *lines in (part.rstrip("\n").splitlines() for part in parts)]


def same(line: str) -> str:
    """Leave out what another processor may round otherwise."""
    return re.sub(r"\d+\.\d+", "N", line)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Run the commands one after the other; give what each printed and its exit code."""
    pytest.importorskip("torch", reason="pip install 'pytest-medeval[local]' brings torch")
    folder = tmp_path_factory.mktemp("start")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GITHUB_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    found = {}
    for command, _ in steps():
        if command.startswith("cd "):
            folder /= command.removeprefix("cd ")
            continue
        called = re.sub(
            r"^medeval ", "python -m pytest_medeval ", SHIPPED.sub(lambda name: f"{ROOT / name[0]}", command)
        )
        environment = {**clean, **WIDE, "PATH": path}
        run = subprocess.run(
            ["sh", "-c", called], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        found[command] = (run.stdout, run.returncode)
        assert not run.stderr, run.stderr
    return folder, found


def test_each_command_prints_what_is_shown(printed):
    """The lines stand in the output, in this order, next to each other but for ``...``; green, then red."""
    _, found = printed
    for command, lines in steps():
        if command not in found:
            continue
        output = [same(line) for line in found[command][0].splitlines()]
        at = 0
        for part in "\n".join(lines).split("..."):
            wanted = [same(line) for line in part.strip("\n").splitlines()]
            places = [place for place in range(at, len(output)) if output[place : place + len(wanted)] == wanted]
            assert places, (command, wanted, output)
            at = places[0] + len(wanted)
    assert [code for _, code in found.values()] == [0, 0, 0, 1]


def test_all_that_init_writes_is_collected_and_stored(printed):
    """The first run has a test for each case of both suites, a stored record, and the page."""
    folder, found = printed
    first = next(text for command, (text, _) in found.items() if command.endswith("release.toml"))
    assert "30 passed" in first
    assert "collected 27 items" in first
    assert (folder / "medeval.html").is_file()
    assert len(list((folder / ".medeval" / "runs").glob("*.json"))) == 2


def test_the_workflow_runs_the_same(printed):
    """Its step is the command that the page shows, with the model of a variable."""
    folder, _ = printed
    workflow = yaml.safe_load((folder / ".github" / "workflows" / "medeval.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    (command,) = [step["run"] for step in job["steps"] if "pytest --medeval" in step.get("run", "")]
    assert command.startswith('python -m pytest --medeval-model="$MODEL" ')
    assert set(job["env"]) == {"MODEL"}
