"""What do people read? One outline of a record, and inks that write it down: one function from ``Outline`` to text."""

from __future__ import annotations

from pytest_medeval.core.registry import Registry

INKS = Registry(
    "report",
    {
        "card": "pytest_medeval.report.card:card",
        "html": "pytest_medeval.report.html.page:page",
        "markdown": "pytest_medeval.report.markdown:markdown",
        "text": "pytest_medeval.report.terminal:terminal",
    },
    offered="inks",
)

__all__ = ["INKS"]
