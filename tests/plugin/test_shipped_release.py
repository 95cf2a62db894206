"""The shipped release, on all cases of the shipped suites: what `make demo` shows may go out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("peft", reason="peft is not installed (extra: local)")
ROOT = Path(__file__).parents[2]


def test_the_shipped_release_may_go_out(tmp_path):
    """Every gate of every shipped suite is decided, and passes."""
    command = [sys.executable, "-m", "pytest", "suites", "-q", "-p", "no:cacheprovider", "--medeval-cache=off"]
    given = ["--medeval-model=adapters/release.toml", f"--medeval-json={tmp_path / 'run.json'}"]
    given.append(f"--medeval-storage={tmp_path / 'runs'}")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run([*command, *given], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MAY GO OUT: all 9 gates passed" in done.stdout
