"""``show``: one case of a stored run, whole: question, right answer, replies, scores, why it was read so, grades."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_medeval.commands import tell
from pytest_medeval.commands.parser import Parser
from pytest_medeval.core.encodable import masked
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.record import ROLES, CaseEntry, RunRecord
from pytest_medeval.report.lines import number, told
from pytest_medeval.runs.store import load

INDENT = 11
"""Columns before a text: the widest of the words that stand there, and a gap."""
NEAR = 5
"""Ids that a message names."""


def main(arguments: Sequence[str]) -> int:
    """Print a case."""
    options = _parser().parse_args(arguments)
    name, record = load(options.storage, options.run)
    tell(masked(line, words=False) for line in _lines(_found(name, record, options.case)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="medeval show", description=__doc__, allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", help="number, name, latest, or the path of a record")
    parser.add_argument("case", metavar="[SUITE:]CASE", help="id of a case, with its suite where ids repeat")
    parser.add_argument(
        "--storage", type=Path, default=Path(".medeval/runs"), metavar="DIR", help="default: .medeval/runs"
    )
    return parser


def _found(run: str, record: RunRecord, asked: str) -> CaseEntry:
    """Find the one case that is meant; ids may hold colons, so both forms are compared whole."""
    matching = [case for case in record["cases"] if asked in (case["id"], f"{case['suite']}:{case['id']}")]
    if len(matching) > 1:
        suites = ", ".join(f"{case['suite']}:{case['id']}" for case in matching)
        raise MedevalError(f"case {asked!r} of run {run} may be {suites}; accepted: one of them")
    if not matching:
        ids = sorted({case["id"] for case in record["cases"]})
        near = difflib.get_close_matches(asked, ids, NEAR) or ids[:NEAR]
        accept = (
            f"an id of its {len(record['cases'])} cases, such as {', '.join(near)}" if ids else "a run that has some"
        )
        raise MedevalError(f"run {run} has no case {asked!r}; accepted: {accept}")
    return matching[0]


def _lines(case: CaseEntry) -> Iterator[str]:
    right = {True: ", right", False: ", wrong", None: ""}[case["correct"]]
    critical = ", critical" if case["critical"] else ""
    tags = "".join(f", {name} {value}" for name, value in case["tags"].items())
    yield f"{case['suite']}:{case['id']}{critical}{right}{tags}"
    for what, text in (*told(case, None), *_more(case)):
        yield from _placed(what, text)


def _more(case: CaseEntry) -> Iterator[tuple[str, str]]:
    """Tell what no few lines have room for: rationale, thoughts, each judge's own words."""
    if "rationale" in case:
        yield "because", case["rationale"]
    for role in ROLES:
        if thoughts := case.get(role, {}).get("thoughts"):
            yield "thoughts", f"of the {role}: {thoughts}"
    judged = case.get("judge", {})
    if "preference" in judged:
        yield "judges", f"preference {number(judged['preference'])} (1: the candidate, 0: the baseline)"
    for judge, said in judged.get("judges", {}).items():
        for role in ROLES:
            if grades := said.get(role):
                yield judge, f"{role}: {', '.join(f'{name} {number(value)}' for name, value in grades.items())}"
            for name, missing in said.get("unjudged", {}).get(role, {}).items():
                yield judge, f"{role}: {name} not judged: {missing['reason']}"


def _placed(what: str, text: str) -> Iterator[str]:
    """Set a text in a column of its own, its word before its first line."""
    first, *others = text.splitlines() or [""]
    yield f"{what:<{INDENT - 2}}  {first}".rstrip()
    yield from (f"{'':{INDENT}}{line}".rstrip() for line in others)
