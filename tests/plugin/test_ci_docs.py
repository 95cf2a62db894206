"""Every command of docs/ci.md is run, in a project with a scripted model."""

from __future__ import annotations

import os
import re
import shutil
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
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "PYTEST_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
        modules = f"{self.folder}{os.pathsep}{PAGE.parents[1]}"
        self.environment = {**clean, "PATH": path, "PIP_NO_INDEX": "1", "PYTHONPATH": modules}

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
    assert [release.returncode for release in releases] == [0, 0, 1], [release.stdout[-2000:] for release in releases]
    summary = (shell.folder / "out" / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## Medical evaluation: MAY NOT GO OUT\n\n1 of 2 gates failed: mcq: accuracy not worse")
    assert re.search(r"Against the stored run `0002_release-2`: 100 of its 100 cases are the same", summary)
    assert re.search(r"worse than the reference in accuracy: \d+ of 100 cases: q\d+ 1\.0000 -\\> 0\.0000", summary)
    for command in [*looking.strip().splitlines(), replay, verify]:
        done = shell(command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr}"
    page = (shell.folder / "out" / "page.html").read_text(encoding="utf-8")
    assert "MAY NOT GO OUT" in page
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
        "REFERENCE": "latest-or-none",
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "77",
        "GITHUB_STEP_SUMMARY": str(shell.folder / "step.md"),
    }
    install, gate = [shell(command, **github) for command in commands]
    assert install.returncode == 0, install.stderr
    assert gate.returncode == 1
    lines = [line for line in gate.stdout.splitlines() if line.startswith("::")]
    assert len(lines) == 2
    assert "accuracy not worse than reference by 0.15::not evaluated: waits for the first release" in lines[1]
    assert lines[1].startswith("::warning ")
    assert re.match(
        r"::error file=suites/mcq/test_mcq\.py,line=\d+,title=mcq%3A accuracy\.low >= 0\.4::"
        r"fail: the lower end of accuracy is 0\.",
        lines[0],
    )
    assert (
        (shell.folder / "step.md")
        .read_text(encoding="utf-8")
        .startswith(
            "## Medical evaluation: MAY NOT GO OUT\n\n1 of 2 gates failed: mcq: accuracy.low \\>= 0.4; "
            "waiting for a first reference: mcq: accuracy not worse than reference by 0.15."
        )
    )
    assert (shell.folder / ".medeval" / "runs" / "0001_run-77.json").is_file()


# the workflows


class Caches:
    """The cache service of a CI system: all see what main saved, one request what it saved itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.saved: list[tuple[str, Path]] = []

    def save(self, scope: str, source: Path) -> None:
        """Keep a copy, as the newest of its scope."""
        if source.is_dir():
            target = self.folder / str(len(self.saved))
            shutil.copytree(source, target)
            self.saved.append((scope, target))

    def restore(self, scope: str, target: Path) -> None:
        """Put the newest copy that the scope may see in the place of what is there: each job begins bare."""
        shutil.rmtree(target, ignore_errors=True)
        seen = [copy for owner, copy in self.saved if owner in (scope, "main")]
        if seen:
            shutil.copytree(seen[-1], target)


@pytest.fixture
def caches(tmp_path_factory):
    """Make an empty cache service."""
    return Caches(tmp_path_factory.mktemp("caches"))


def github(shell, caches, branch: str, run: int, **variables: str) -> int:
    """Run the steps of the page's workflow in their order; give the exit code of the gate."""
    flow = yaml.safe_load(blocks("yaml")[0])
    assert flow[True] == {"push": {"branches": ["main"]}, "pull_request": None}
    job, store = flow["jobs"]["release-gate"], shell.folder / ".medeval" / "runs"
    assert job["env"]["REFERENCE"] == "${{ vars.MEDEVAL_REFERENCE || 'latest-or-none' }}"
    environment = {"REFERENCE": variables.pop("MEDEVAL_REFERENCE", "latest-or-none"), "GITHUB_RUN_ID": str(run)}
    code = 0
    for step in job["steps"]:
        condition = step.get("if", "success()")
        wanted = {
            "success()": code == 0,
            "always()": True,
            "always() && github.event_name == 'push'": branch == "main",
        }[condition]
        action = step.get("uses", "").partition("@")[0]
        if action.startswith("actions/cache/"):
            assert step["with"]["path"] == ".medeval/runs"
            assert step["with"]["key"].startswith(step["with"].get("restore-keys", "medeval-runs-"))
        if not wanted:
            continue
        if action == "actions/cache/restore":
            caches.restore(branch, store)
        elif action == "actions/cache/save":
            caches.save(branch, store)
        elif "run" in step:
            code = shell(step["run"], **environment, **variables).returncode
    return code


def gitlab(shell, caches, branch: str, run: int, **variables: str) -> int:
    """Run the job of the page's pipeline as GitLab does: rules, cache, script, cache."""
    job = yaml.safe_load(blocks("yaml")[1])["release-gate"]
    rules = {
        "main": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH",
        "request": '$CI_PIPELINE_SOURCE == "merge_request_event"',
    }
    (rule,) = [rule for rule in job["rules"] if rule["if"] == rules["main" if branch == "main" else "request"]]
    cache, store = job["cache"], shell.folder / ".medeval" / "runs"
    assert (cache["paths"], cache["policy"], cache["unprotect"]) == ([".medeval/runs"], "$POLICY", True)
    assert cache["when"] == "always"
    reference = variables.pop("MEDEVAL_REFERENCE", None)
    given = {**variables, **({"REFERENCE": reference} if reference else {}), "CI_PIPELINE_ID": str(run)}
    caches.restore("main", store)  # one key: GitLab's caches know no scope of a request
    code = 0
    for command in job["script"]:
        code = code or shell(command, **given).returncode
    if "push" in rule["variables"]["POLICY"]:
        caches.save("main", store)
    return code


@pytest.mark.parametrize("run", [github, gitlab])
def test_main_stores_and_requests_read(shell, caches, run):
    """A request that is new finds what main released, and what it stored is no other's reference."""
    assert run(shell, caches, "main", 1, MODEL="fake:0.9") == 0
    summary = shell.folder / "out" / "summary.md"
    assert "waits for the first release: no run is stored in" in summary.read_text(encoding="utf-8")
    assert run(shell, caches, "request-5", 2, MODEL="fake:0.5") == 1
    assert "Against the stored run `0001_run-1`: 100 of its 100 cases" in summary.read_text(encoding="utf-8")
    assert len(caches.saved) == 1
    assert run(shell, caches, "request-6", 3, MODEL="fake:0.92", MEDEVAL_REFERENCE="latest") == 0
    assert "Against the stored run `0001_run-1`" in summary.read_text(encoding="utf-8")


DAMAGE = {
    "truncated": lambda text: text[: len(text) // 2],
    "future": lambda text: text.replace('"medeval-run/1"', '"medeval-run/99"'),
}


@pytest.mark.parametrize("run", [github, gitlab])
def test_a_reference_that_cannot_be_read_is_exit_code_4(shell, caches, run):
    """The gate is not left out, an older run does not take its place, and nothing is stored."""
    assert run(shell, caches, "main", 1, MODEL="fake:0.9") == 0
    (_, kept) = caches.saved[-1]
    sound = (kept / "0001_run-1.json").read_text(encoding="utf-8")
    for damage in DAMAGE.values():
        (kept / "0002_run-2.json").write_text(damage(sound), encoding="utf-8")
        for branch in ("request-7", "main"):
            assert run(shell, caches, branch, 3, MODEL="fake:0.2") == 4
            assert not list((shell.folder / ".medeval" / "runs").glob("*_run-3.json"))


@pytest.mark.parametrize("run", [github, gitlab])
def test_a_lost_store_is_exit_code_4_once_there_was_a_release(shell, caches, run):
    """With the variable set, an empty store is no first release."""
    assert run(shell, caches, "request-8", 4, MODEL="fake:0.9", MEDEVAL_REFERENCE="latest") == 4
