"""JUnit's ink: verdict and figures as properties of the test suite; the gates are test cases of their own."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_medeval.core.encodable import inert
from pytest_medeval.report.blocks import Metrics, text
from pytest_medeval.report.outline import Outline
from pytest_medeval.verdicts.retention import sentence as kept


def properties(outline: Outline) -> Iterator[tuple[str, str]]:
    """Give name and value of each property."""
    yield "medeval.verdict", outline.verdict.word
    yield "medeval.why", outline.verdict.why
    if found := outline.record.get("retention"):
        yield "medeval.retention", kept(found)
        yield from ((inert(f"medeval.retention.{name}"), one["verdict"]) for name, one in found["suites"].items())
    for block in outline.blocks:
        if isinstance(block, Metrics):
            against = ".reference" if block.other == "reference" else ""
            for row in block.rows:
                told = [
                    f"{column.name} {text(cell)}"
                    for column, cell in zip(block.columns[1:], row[1:], strict=True)
                    if not column.drawn
                ]
                yield inert(f"medeval.{block.suite}{against}.{text(row[0])}"), ", ".join(told)
