"""What the numbers of a run may depend on: interpreter, machine, versions."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any


def environment() -> dict[str, Any]:
    """Name what the numbers may depend on: interpreter, machine, and versions of the packages that made them."""
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
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
