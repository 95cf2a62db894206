"""Facts about a real model; each is skipped, by name, where ``python -m pytest_medeval fetch smollm2`` has not been."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMOLLM2 = ROOT / "build" / "smollm2"


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """Give the folder of SmolLM2-135M-Instruct."""
    pytest.importorskip("torch", reason="torch is not installed (extra: local)")
    if not (SMOLLM2 / "config.json").is_file():
        pytest.skip("SmolLM2 is not in build/smollm2: make real, or python -m pytest_medeval fetch smollm2")
    return SMOLLM2
