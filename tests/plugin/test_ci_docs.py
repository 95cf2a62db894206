"""Every command of docs/ci.md is run, in a project with a scripted model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PAGE = Path(__file__).parents[2] / "docs" / "ci.md"


def blocks(language: str) -> list[str]:
    """Give the page's code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


class Shell:
    """Runs commands in the project as a CI system would: other processes, nothing installed."""

    def __init__(self, project) -> None:
        self.folder = project.pytester.path
        clean = {
            key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "PYTEST_"))
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
        self.environment = {**clean, "PATH": path, "PIP_NO_INDEX": "1", "PYTHONPATH": str(self.folder)}

    def __call__(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one command."""
        return subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


@pytest.fixture
def shell(project):
    """Make a project with the suite ``mcq`` and the page's script."""
    project.quiz(count=100)
    for name in ("quiz.jsonl", "test_quiz.py"):
        target = project.pytester.path / "suites" / "mcq" / name.replace("test_quiz", "test_mcq")
        target.parent.mkdir(parents=True, exist_ok=True)
        (project.pytester.path / name).rename(target)
    project.write("requirements.txt", "pytest-medeval\n")
    script = next(block for block in blocks("sh") if block.startswith("#!"))
    project.write("release-gate.sh", script)
    return Shell(project)


def test_three_releases_by_the_script_and_all_other_commands(shell):
    """Exit codes 0, 0, 1 with the reason in the summary; then every other command of the page runs."""
    scripts, looking, replay, verify = blocks("sh")[1:]
    models = {"FIRST": "fake:0.9", "SECOND": "fake:0.92", "WORSE": "fake:0.5"}
    releases = [shell(command, **models) for command in scripts.strip().splitlines()]
    assert [release.returncode for release in releases] == [0, 0, 1], [
        release.stdout[-2000:] for release in releases
    ]
    summary = (shell.folder / "out" / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## Medical evaluation: do not release (1 pass, 1 fail)")
    assert re.search(r"Against reference `0002_release-2`: 100 of its 100 cases are the same", summary)
    assert re.search(
        r"Worse than the reference in `accuracy`: \d+ of 100 cases: `q\d+` 1\.0000 → 0\.0000", summary
    )
    for command in [*looking.strip().splitlines(), replay, verify]:
        done = shell(command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr}"
    page = (shell.folder / "out" / "page.html").read_text(encoding="utf-8")
    assert "The release may not go out" in page
    evidence = shell.folder / "out" / "evidence.json"
    evidence.write_bytes(evidence.read_bytes().replace(b'"verdict":"fail"', b'"verdict":"pass"', 1))
    assert "was changed" in shell(verify).stdout


def test_the_github_job(shell):
    """Each command of the workflow runs; a failing gate is annotated at its suite and in the summary."""
    job = yaml.safe_load(blocks("yaml")[0])["jobs"]["release-gate"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    github = {
        **job["env"],
        "MODEL": "fake:0.2",
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "77",
        "GITHUB_STEP_SUMMARY": str(shell.folder / "step.md"),
    }
    install, gate = [shell(command, **github) for command in commands]
    assert install.returncode == 0, install.stderr
    assert gate.returncode == 1
    lines = [line for line in gate.stdout.splitlines() if line.startswith("::")]
    assert len(lines) == 1
    assert re.match(
        r"::error file=suites/mcq/test_mcq\.py,line=\d+,title=mcq%3A accuracy >= 0\.4::fail: accuracy is 0\.",
        lines[0],
    )
    assert (
        (shell.folder / "step.md")
        .read_text(encoding="utf-8")
        .startswith("## Medical evaluation: do not release (1 fail)")
    )
    assert (shell.folder / ".medeval" / "runs" / "0001_run-77.json").is_file()
