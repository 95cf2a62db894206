"""What is judged behind the last test, as items: gates, missed critical cases, outputs that failed.

They go the way of any test, so that other plugins see them too (Allure's results, annotations with their file).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, TypeAlias

import pytest

from pytest_medeval.core.encodable import inert
from pytest_medeval.core.record import GateRecord
from pytest_medeval.report.lines import told
from pytest_medeval.report.outline import Outline
from pytest_medeval.verdicts.verdict import missed, outcome_of

Outcome: TypeAlias = Literal["passed", "failed", "skipped"]


FEW = 4
LINES = {"asked": 12}
"""Lines that are shown of each text of a critical case that was missed."""


class Judged(pytest.Item):
    """Ends in what was found already; it stands where its suite is defined."""

    fixturenames: Sequence[str] = ()
    """A user's hooks ask any item for them."""

    def __init__(
        self,
        *,
        told: str,
        outcome: Outcome,
        line: int,
        facts: Sequence[tuple[str, object]],
        params: dict[str, str],
        **node: object,
    ) -> None:
        super().__init__(**node)  # type: ignore[arg-type]  # what from_parent hands on
        self.told, self.outcome, self._line = told, outcome, line
        self.user_properties += facts
        self.callspec = SimpleNamespace(params=params, id="")
        if outcome == "skipped":
            self.add_marker(pytest.mark.skip(reason=told))

    def runtest(self) -> None:
        """Fail where that is what was found."""
        if self.outcome != "passed":
            pytest.fail(self.told, pytrace=False)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:  # noqa: ARG002 - pytest's signature
        """Tell what was found, and nothing of how it is told."""
        return self.told

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where it stands: file, line from 0, name."""
        return self.path, self._line, self.name


def judged(session: pytest.Session, outline: Outline) -> Iterator[Judged]:
    """Give an item of every gate, and of every critical case that was missed."""
    suites, cases = outline.record["suites"], outline.record["cases"]
    for gate in outline.verdict.gates:
        suite, text = gate["suite"], f"{gate['verdict']}: {gate['reason']}"
        params = {"gate": gate["expression"]}
        yield item(session, suite, params, text, suites[suite]["source"], outcome=outcome_of(gate), facts=facts(gate))
    for case in (case for gate in outline.verdict.gates for case in missed(gate, cases)):
        text = "\n".join(f"{what:<9}  {_few(text, LINES.get(what, FEW))}" for what, text in told(case))
        yield item(session, case["suite"], {"critical": case["id"]}, text, suites[case["suite"]]["source"])


def _few(text: str, most: int) -> str:
    """Cut what has many short lines; a question stays with its options."""
    lines = text.splitlines()
    left = len(lines) - most
    return "\n".join([*lines[:most], f"... {left} lines more; the record has them"]) if left > 1 else text


def facts(gate: GateRecord) -> list[tuple[str, object]]:
    """Give what is known of a gate as properties of its test."""
    return [(f"medeval.{name}", value) for name, value in gate.items() if value is not None and value is not False]


def item(
    session: pytest.Session,
    suite: str,
    params: dict[str, str],
    text: str,
    source: str,
    *,
    outcome: Outcome = "failed",
    facts: Sequence[tuple[str, object]] = (),
) -> Judged:
    """Make an item ``SUITE::KIND[WHAT]`` of ``{KIND: WHAT}``; ``source``: FILE or FILE:LINE below the run's root."""
    file, _, line = source.rpartition(":")
    file, line = (file, line) if file and line.isdigit() else (source, "1")
    ((kind, what),) = params.items()
    suite, name, text = inert(suite), inert(f"{kind}[{what}]" if what else kind), inert(text)
    made: Judged = Judged.from_parent(
        session,
        name=name,
        nodeid=f"{suite}::{name}".replace("::()", "::( )"),  # which pytest takes for a class of its past
        path=session.config.rootpath / file,
        told=text,
        outcome=outcome,
        line=int(line) - 1,
        facts=facts,
        params=params,
    )
    return made


def run(items: Iterable[Judged]) -> None:
    """Run items as pytest runs tests, set up beside what an interrupted one has left: pytest takes that down itself."""
    for one in items:
        session = one.session
        session.testscollected += 1
        kept, session._setupstate = session._setupstate, type(session._setupstate)()  # noqa: SLF001 - no public way
        try:
            one.ihook.pytest_runtest_protocol(item=one, nextitem=None)
        finally:
            session._setupstate = kept  # noqa: SLF001
