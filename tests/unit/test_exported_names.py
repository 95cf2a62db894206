"""The public names of the package, one by one: a change here is a change of the interface."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.unit.test_layers import SLOW

import pytest_medeval
from pytest_medeval.core.options import OPTIONS


def test_exported_names():
    """Everything that is exported can be had, and nothing more is."""
    exported = {
        *("Evaluation", "MedevalError", "Suite", "__version__"),
        *("Answer", "Case", "Message", "Record", "Reply", "Request", "Skip", "Source"),
        *("Details", "Measure", "Metric", "signed"),
        *("Keys", "Sampled", "Task", "take", "text_outcome"),
        *("Dimension", "JudgeStyle", "JudgedReply", "Rubric", "Unread"),
        *("Identity", "Model", "PluginSpec"),
        "Outline",
    }
    assert set(pytest_medeval.__all__) == set(dir(pytest_medeval)) == exported
    assert len(pytest_medeval.__all__) == len(exported)
    for name in pytest_medeval.__all__:
        assert getattr(pytest_medeval, name)
    with pytest.raises(AttributeError, match="has no attribute 'Metrics'"):
        _ = pytest_medeval.Metrics


def test_importing_the_package_imports_nothing_else():
    """Pytest imports it at every start, and it works where no extra is installed."""
    told = (
        "import sys, pytest_medeval; print(sorted(name for name in sys.modules if 'medeval' in name or name in SLOW))"
    )
    code = f"SLOW = {sorted(SLOW)}; {told}"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['pytest_medeval']"


def test_options_are_unique_and_explained():
    """Every option has a name of its own and a help text."""
    assert len({option.key for option in OPTIONS}) == len(OPTIONS)
    assert all(option.help and option.metavar is not None for option in OPTIONS)
