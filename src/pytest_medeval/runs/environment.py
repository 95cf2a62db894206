"""Which state of the user's repository was evaluated? Git is asked once, briefly, and may be absent."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from pytest_medeval.core.record import Environment, Repository

# What the numbers of a run may depend on: interpreter, machine, versions.


def environment(root: Path) -> Environment:
    """Name what the numbers may depend on: interpreter, machine, versions of packages, and the user's commit."""
    names = (
        "pytest",
        "numpy",
        "scipy",
        "scikit-learn",
        "sacrebleu",
        "rouge-score",
        "nltk",
        "rapidfuzz",
        "torch",
        "transformers",
        "peft",
        "tokenizers",
        "openai",
    )
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "packages": {name: found for name in names if (found := _version(name))},
        "repository": repository(root),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


TIMEOUT = 5.0
"""Seconds that git may take; a run does not wait for a slow file system."""


def repository(root: Path) -> Repository | None:
    """Give the commit, and whether tracked files differ from it; None without git, repository or commit."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return None
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
