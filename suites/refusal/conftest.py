"""The suite is collected where a model for its task is named; the release that ships holds none (docs/tasks.md)."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TASK = "refusal"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the suite out where every model is a release manifest without its task; otherwise let others decide."""
    given = [str(spec) for spec in config.getoption("medeval_model", None) or ()]
    releases = [config.invocation_params.dir / spec for spec in given if spec.endswith(".toml")]
    if collection_path.name != "test_refusal.py" or not given or len(releases) < len(given):
        return None
    return True if not any(map(_serves, releases)) else None


def _serves(release: Path) -> bool:
    try:
        return TASK in tomllib.loads(release.read_text(encoding="utf-8")).get("models", {})
    except (OSError, ValueError):
        return True  # whoever opens it says what is wrong
