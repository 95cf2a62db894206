"""What the README shows on its first screen is what its command prints."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"[-+]?\d+\.\d+")
NEAR = 0.01
"""Another processor's sums may turn one of 240 choices."""


def shown() -> tuple[str, list[str]]:
    """Give the first command of the README and the lines that it shows below it."""
    block = re.search(r"```console\n\$ (pytest [^\n]+)\n\.\.\.\n(.*?)```", TEXT, re.DOTALL)
    assert block
    return block[1], block[2].splitlines()


def test_the_suite_is_the_shipped_one():
    """The file on the first screen is in the repository as it is shown, but for its docstrings."""
    block = re.search(r'```python\n"""(\S+)"""\n(.*?)```', TEXT, re.DOTALL)
    assert block
    written = (ROOT / block[1]).read_text(encoding="utf-8")
    for line in block[2].splitlines():
        assert line in written


def test_the_first_screen_is_real(tmp_path: Path):
    """The command prints these lines; numbers may differ in their last digits, times and chances in all."""
    pytest.importorskip("torch", reason="pip install 'pytest-medeval[local]' brings torch")
    command, lines = shown()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            *shlex.split(command),
            f"--medeval-cache={tmp_path / 'cache'}",
            f"--medeval-storage={tmp_path / 'runs'}",
            "-p",
            "no:cacheprovider",
        ],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    printed = run.stdout[run.stdout.index(lines[0]) :].splitlines()
    assert [shape(line) for line in printed] == [shape(line) for line in lines]
    for mine, theirs in zip(numbers(printed), numbers(lines), strict=True):
        assert mine == pytest.approx(theirs, abs=NEAR)


def shape(line: str) -> str:
    """Keep what is no number; a run of over a minute says its time twice, and another processor has other kernels."""
    line = re.sub(r"(?<= cpu), (?:torch|oneDNN)\b.*", "", line)
    line = re.sub(r"(?<=s) \(\d+:\d\d:\d\d\)", "", line)
    return re.sub(r"[-+=<]*\d+\.\d+s?|=+$", "#", re.sub(r"\d+(?=:\d+)|(?<=:)\d+", "#", line)).strip()


def numbers(lines: list[str]) -> list[float]:
    """Read the scores, without times and p-values."""
    table = [line for line in lines if not re.search(r"\d+ passed|<0\.0001", line)]
    return [float(number) for line in table for number in NUMBER.findall(line)]
