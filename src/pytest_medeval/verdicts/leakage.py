"""Leakage: which cases stand in the data that the candidate was tuned on, and what follows from it.

A case is leaked when one record of the tuning file holds what it asks, or what it asks with the right answer:
``exact`` when all of what is asked stands there (or the two texts are equal), ``near`` from ``NEAR`` of it.
How texts are compared, and what is not compared, is said in ``pytest_medeval.tasks.cases.duplicates``. What a sketch
beside the candidate's weights holds (``pytest_medeval.tasks.cases.trained``) is ``exact`` too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.record import ROLES, LeakageRecord, LeakedCase, LeakScores
from pytest_medeval.core.types import FloatArray, Metric
from pytest_medeval.tasks.cases.duplicates import Index, Match, joined, plain, plain_lines
from pytest_medeval.tasks.cases.tuning import Tuned, read_tuning
from pytest_medeval.verdicts.gates.data import GateResult, SuiteData

NEAR = 0.7
"""Least share of a case's n-grams in one record; ``benchmarks/leakage.py`` shows what rewriting it bears."""
LIMIT = 0.01
"""Share of leaked cases above which no gate of a suite passes."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What the candidate was tuned on: the files as the user named them, and their records."""

    files: tuple[str, ...]
    records: Sequence[Tuned]


class Searched(TypedDict):
    """What is looked for of a case: what it asks, and the right answer."""

    id: str
    asked: str
    gold: object


class TrainedOn(TypedDict):
    """The cases that the candidate was trained on, each with the place that says so.

    ``asked``: a user named files to search; else sketches beside the weights were looked into.
    """

    files: list[str]
    asked: bool
    records: int
    leaks: list[LeakedCase]


@dataclass(frozen=True, kw_only=True)
class Leakage:
    """What was found of one suite: ``cases`` were looked for in ``records``; ``limit``: a share to let pass.

    ``asked``: as in ``TrainedOn``.
    """

    files: tuple[str, ...]
    records: int
    cases: int
    limit: float
    leaks: tuple[LeakedCase, ...] = ()
    asked: bool = True

    @property
    def share(self) -> float:
        """The share of leaked cases."""
        return len(self.leaks) / self.cases if self.cases else 0.0

    @property
    def too_much(self) -> bool:
        """Whether more of the suite is leaked than is let pass."""
        return self.share > self.limit

    def __str__(self) -> str:
        found = f"{len(self.leaks)} of {self.cases} cases stand in the training data"
        return f"{found}, more than {100 * self.limit:g} %"


def read_tunings(files: Sequence[Path], root: Path) -> Tuning:
    """Read the tuning files; ``MedevalError`` with file and line for one that cannot be read."""
    names = tuple(str(file.relative_to(root) if file.is_relative_to(root) else file) for file in files)
    named = zip(files, names, strict=True)
    return Tuning(
        names,
        [replace(one, source=replace(one.source, file=name)) for file, name in named for one in read_tuning(file)],
    )


def find_leaks(suites: Mapping[str, Sequence[Searched]], tuning: Tuning, *, limit: float = LIMIT) -> dict[str, Leakage]:
    """Look for the cases of suites (name -> entries with ``id``, ``asked``, ``gold``) in the tuning data."""
    asked = [[plain_lines(entry["asked"]) for entry in entries] for entries in suites.values()]
    both = [
        [
            f"{one}\n{gold}" if (gold := plain_lines(_gold(entry))) else one
            for one, entry in zip(texts, entries, strict=True)
        ]
        for texts, entries in zip(asked, suites.values(), strict=True)
    ]
    pieces = [[plain(text) for text in one.texts] for one in tuning.records]
    equal = _equal({joined(text) for texts in asked for text in texts if text}, pieces)
    found = Index([*asked, *both], NEAR).search(["".join(texts) for texts in pieces])
    return {
        name: Leakage(
            files=tuning.files,
            records=len(tuning.records),
            cases=len(entries),
            limit=limit,
            leaks=tuple(
                leak
                for at, entry in enumerate(entries)
                if (
                    leak := _leak(
                        entry["id"],
                        equal.get(joined(asked[suite][at])),
                        found[suite][at],
                        found[len(asked) + suite][at],
                        tuning,
                        told=both[suite][at] != asked[suite][at],
                    )
                )
            ),
        )
        for suite, (name, entries) in enumerate(suites.items())
    }


def _gold(entry: Searched) -> str:
    """Write the right answer as a text."""
    gold = entry["gold"]
    if isinstance(gold, list):
        return " ".join(one["text"] for one in gold)
    if isinstance(gold, Mapping):
        return " ".join(f"{key} {value}" for key, value in gold.items())
    return "" if gold is None else str(gold)


def _equal(wanted: set[str], pieces: Sequence[Sequence[str]]) -> dict[str, int]:
    """Find the first record that has a text, or is as a whole, equal to a wanted one."""
    found: dict[str, int] = {}
    for at, texts in enumerate(pieces):
        for text in (*texts, "".join(texts)):
            if text in wanted:
                found.setdefault(text, at)
    return found


def _leak(
    name: str, equal: int | None, asked: Match | None, both: Match | None, tuning: Tuning, *, told: bool
) -> LeakedCase | None:
    best = max((match for match in (asked, both) if match), key=lambda match: match.share, default=None)
    if equal is not None:
        best = Match(equal, 1.0)
    if best is None:
        return None
    whole = equal is not None or (asked is not None and asked.share == 1)
    return {
        "id": name,
        "kind": "exact" if whole else "near",
        "similarity": round(best.share, 4),
        "source": str(tuning.records[best.where].source),
        "gold": both is not None if told else None,
    }


def with_trained(found: Leakage | None, trained: TrainedOn, cases: Sequence[str], *, limit: float = LIMIT) -> Leakage:
    """Add what the sketches say of evaluated cases to what was found in tuning files, which say where and how much."""
    own = found or Leakage(files=(), records=0, cases=len(cases), limit=limit, asked=trained["asked"])
    leaks = {leak["id"]: leak for leak in (*trained["leaks"], *own.leaks)}
    return replace(
        own,
        files=(*trained["files"], *own.files),
        records=trained["records"] + own.records,
        leaks=tuple(leaks[name] for name in cases if name in leaks),
    )


def with_leakage(result: GateResult, leakage: Leakage | None) -> GateResult:
    """Let no gate pass on a suite that is leaked too much; to fail in spite of leaks is still to fail."""
    if leakage is None or not leakage.too_much or result.verdict != "pass":
        return result
    return replace(result, verdict="inconclusive", reason=f"{leakage}; on all cases: {result.reason}")


def leakage_section(leakage: Leakage, data: SuiteData, headline: str) -> LeakageRecord:
    """Describe a suite's leakage for the record, with the headline metric on all cases and on clean ones."""
    leaked = {leak["id"] for leak in leakage.leaks}
    clean = np.array([name not in leaked for name in data.ids], dtype=np.bool_)
    metric = data.metrics.get(headline)
    scores: dict[str, LeakScores] = {}
    for role in ROLES:
        rows = None if metric is None else data.rows.get(role, {}).get(metric.counts)
        if metric is not None and rows is not None:
            scores[role] = {"all": _score(metric, rows, np.ones_like(clean)), "clean": _score(metric, rows, clean)}
    return {
        "files": list(leakage.files),
        "asked": leakage.asked,
        "records": leakage.records,
        "cases": leakage.cases,
        "exact": sum(leak["kind"] == "exact" for leak in leakage.leaks),
        "near": sum(leak["kind"] == "near" for leak in leakage.leaks),
        "share": leakage.share,
        "limit": leakage.limit,
        "leaked": list(leakage.leaks),
        "metric": headline,
        "clean": int(clean.sum()),
        "scores": scores,
    }


def _score(metric: Metric, rows: FloatArray, mask: NDArray[np.bool_]) -> float | None:
    known = rows[mask & np.isfinite(rows).any(axis=1)]
    if not len(known):  # rows of replies that could not be had are NaN, and where all are they have no width
        return None
    value = float(metric.score(np.nansum(metric.expand(known), axis=0)))
    return value if np.isfinite(value) else None
