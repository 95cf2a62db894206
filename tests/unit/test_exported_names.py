"""The public names of the package, one by one: a change here is a change of the interface."""

from __future__ import annotations

import pytest_medeval
from pytest_medeval.core.options import OPTIONS


def test_exported_names():
    """Everything that is exported can be had, and nothing more is."""
    assert pytest_medeval.__all__ == ["Evaluation", "MedevalError", "Suite", "__version__"]
    for name in pytest_medeval.__all__:
        assert getattr(pytest_medeval, name)


def test_options_are_unique_and_explained():
    """Every option has a name of its own and a help text."""
    assert len({option.key for option in OPTIONS}) == len(OPTIONS)
    assert all(option.help and option.metavar is not None for option in OPTIONS)
