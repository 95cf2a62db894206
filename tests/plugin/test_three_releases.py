"""First release, second release, regression caught: for real, on the shipped adapters and one that is trained badly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GATE = "mcq:accuracy not worse than reference by 0.05"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Make a project that sees the shipped suites, base and adapters, and has a store of its own."""
    for folder in ("fixtures", "suites"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "tiny-mcq").symlink_to(ROOT / "adapters" / "tiny-mcq")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


def run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module in the project, on one thread so that a busy machine stays usable."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}  # recipes name functions of tools/
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


def release(place: Path, adapter: str, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Evaluate an adapter as a release job does."""
    model = f"--medeval-model=adapters/{adapter}"
    return run(place, "pytest", "suites/mcq", "-v", model, f"--medeval-save={name}", *arguments)


def badly_trained(place: Path) -> None:
    """Train the shipped recipe on few questions: an adapter that is applied, and worse."""
    folder = place / "adapters" / "tiny-mcq-hasty"
    folder.mkdir()
    lines = (ROOT / "adapters" / "tiny-mcq" / "recipe.toml").read_text(encoding="utf-8").splitlines(keepends=True)
    hasty = "".join("count = 160\n" if line.startswith("count = ") else line for line in lines)
    (folder / "recipe.toml").write_text(hasty, encoding="utf-8")
    done = run(place, "pytest_medeval.training", str(folder / "recipe.toml"))
    assert done.returncode == 0, done.stderr


def test_the_third_release_is_stopped(place):
    """Exit codes 0, 0, 1: the store is empty, then the same adapter again, on two workers, then a hasty one."""
    first = release(place, "tiny-mcq", "first")
    assert first.returncode == 0, first.stdout
    second = release(place, "tiny-mcq", "second", "--medeval-compare=latest", f"--medeval-gate={GATE}", "-n2")
    assert second.returncode == 0, second.stdout
    assert "each loads the models of its suites, up to 2 x 10." in second.stdout
    assert "PASS" in second.stdout
    badly_trained(place)
    third = release(place, "tiny-mcq-hasty", "third", "--medeval-compare=latest", f"--medeval-gate={GATE}")
    assert third.returncode == 1, third.stdout
    assert "FAIL          mcq: accuracy not worse than reference by 0.05" in third.stdout
    assert "worse than the reference in accuracy:" in third.stdout
    listed = run(place, "pytest_medeval", "runs", "list")
    assert [name in listed.stdout for name in ("first", "second", "third")] == [True] * 3
    compared = run(place, "pytest_medeval", "runs", "compare", "second", "third")
    assert compared.returncode == 1, compared.stdout
