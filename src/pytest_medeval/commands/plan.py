"""How large must a run be? ``plan cases``: cases that settle a gate; ``plan judge``: ratings that correct a judge.

Both say it from a stored run, the pilot, and as a range: another pilot of that size would have said something else.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.commands import tell
from pytest_medeval.commands.parser import Parser
from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.record import RunRecord
from pytest_medeval.core.types import FloatArray, bias_of
from pytest_medeval.judges.ratings.review import PairRating, read_reviews
from pytest_medeval.report.review import SHARES
from pytest_medeval.runs.reference import REFERENCE, Reference, entries, stored_suite, with_reference
from pytest_medeval.runs.store import load
from pytest_medeval.stats.bootstrap import cluster_codes
from pytest_medeval.stats.evidence import contributions
from pytest_medeval.stats.planning import POWER, Cases, Needed, Pilot, cases_for, ratings_needed
from pytest_medeval.verdicts.corrected import pilots
from pytest_medeval.verdicts.gates.data import FEWEST, GRADED, SuiteData, left_out
from pytest_medeval.verdicts.gates.grammar import Gate, NotWorse, Threshold, check, parse_gate

_EPILOG = """\
RUN is a number, a name, latest, or the path of a record; FILE what the review page of a judged run exported.
Docs: docs/suites.md, docs/judges.md
"""


def main(arguments: Sequence[str]) -> int:
    """Plan, and print it; exit code 0."""
    return _cases(arguments) if arguments[:1] == ["cases"] else _judge(arguments)


def _cases(arguments: Sequence[str]) -> int:
    parser = _parser("cases")
    parser.add_argument("--gate", required=True, metavar="EXPR", help="a comparison, or METRIC.low")
    parser.add_argument("--suite", metavar="NAME", help="of the run; needed where it has several")
    parser.add_argument("--reference", metavar="RUN", help="stored run that the gate compares with")
    told = "the difference, or value, that is taken for true (default: what the pilot shows)"
    parser.add_argument("--truth", type=_between(-math.inf, math.inf, "a number"), metavar="X", help=told)
    options = parser.parse_args(arguments)
    name, record = load(options.storage, options.pilot)
    suite = _suite(record, options.suite)
    gate = parse_gate(options.gate).of(record["suites"][suite]["metrics"])
    reference = Reference(*load(options.storage, options.reference)) if options.reference else None
    data = _looked(record, suite, gate, reference)
    values, units, room, sign = _shares(data, gate)
    truth = None if options.truth is None else sign * options.truth
    found = cases_for(values, units, room, truth=truth, power=options.power, seed=record["seed"])
    assumed = f"at a true {options.truth:g}" if truth is not None else f"if {sign * values.mean():+.4f} is true"
    pilots = f"10 / 50 / 90 % of pilots of {len(values)} cases"
    lines = [
        f"run {name}: cases for `{gate}` to pass, {assumed}, power {options.power:.0%}, two-sided 5 %",
        f"{suite}: {_three(found, 1)} cases ({pilots})",
    ]
    if units is not None:
        count = int(units.max()) + 1
        lines.append(f"{suite}: {_three(found, len(values) / count)} clusters, of {len(values) / count:.3g} cases each")
    if gate.target.tag:
        whole = record["suites"][suite]["evaluated"]
        own = f"{len(values)} of {whole} are of {gate.target.tag}={gate.target.value}"
        lines.append(f"{suite}: {_three(found, len(values) / whole)} cases of the suite, where {own}")
    tell(lines)
    return 0


def _three(found: Cases, size: float) -> str:
    ends = (found.low, found.middle, found.high)
    return " / ".join("no number of" if end is None else f"{math.ceil(end / size):,}" for end in ends)


def _suite(record: RunRecord, name: str | None) -> str:
    if name is None and len(record["suites"]) == 1:
        return next(iter(record["suites"]))
    if name not in record["suites"]:
        raise MedevalError(f"--suite: {accepted('suite', name or '', record['suites'])}")
    return str(name)


def _looked(record: RunRecord, suite: str, gate: Gate, reference: Reference | None) -> SuiteData:
    """Give the cases that a gate is about, with the rows of the run that it compares with."""
    data, target = stored_suite(record, suite), gate.target
    _refuse(gate, data)
    against = None if isinstance(gate.condition, Threshold) else gate.condition.against
    if against == REFERENCE and reference is not None:
        data, _ = with_reference(data, list(entries(record, suite).values()), reference, sampled=True)
    if told := data.barred.get(against or "", {}).get(target.metric):
        raise MedevalError(f"--reference: {told}")
    if against and data.metrics[target.metric].counts not in data.rows.get(against, {}):
        wanted = "--reference=RUN" if against == REFERENCE else "a pilot with one"
        raise MedevalError(f"--gate: the run holds no {against} of suite {suite}; accepted: {wanted}")
    check(gate, {name: metric.direction for name, metric in data.metrics.items()}, data.tags)
    return data.having(target.tag, target.value) if target.tag and target.value else data


def _refuse(gate: Gate, data: SuiteData) -> None:
    """Name what cannot be planned from a stored run, and what can."""
    condition, target = gate.condition, gate.target
    graded = target.metric.startswith(GRADED) and not isinstance(condition, Threshold)
    told = ""
    if graded or target.measured != target.metric:
        told = "rests on people's ratings of a judge; accepted: plan judge"
    elif target.metric not in data.metrics:
        told = f"of a metric that the run does not hold; accepted: {', '.join(data.metrics)}"
    elif bias := bias_of(data.metrics[target.metric]):
        told = f"cannot be judged: {bias}; accepted: another metric"
    elif target.by:
        told = "judges the worst group's value; accepted: METRIC[TAG=VALUE].low of each group"
    elif isinstance(condition, Threshold) and condition.end is None:
        told = "judges the value, which few cases pass as easily as many; accepted: METRIC.low|high OP NUMBER"
    if told:
        raise MedevalError(f"--gate: '{gate}' {told}")


def _shares(data: SuiteData, gate: Gate) -> tuple[FloatArray, NDArray[np.intp] | None, float, int]:
    """Give what each case adds so that more is better, its unit, the room to the condition, and the sign of better."""
    condition, metric = gate.condition, data.metrics[gate.target.metric]
    against = None if isinstance(condition, Threshold) else condition.against
    present, values = contributions(metric, data.rows["candidate"], data.rows[against] if against else None)
    if len(values) < FEWEST:
        raise MedevalError(f"the pilot has {len(values)} cases that count; accepted: {FEWEST} at least")
    if np.ptp(values) == 0:
        raise MedevalError(
            f"all {len(values)} cases of the pilot say the same, so that it does not know its error; accepted: a pilot "
            "with some that differ"
        )
    clusters = [one for one, there in zip(data.clusters, present.tolist(), strict=True) if there]
    units = cluster_codes(clusters, len(values))
    if isinstance(condition, Threshold):
        sign = 1 if condition.op in (">", ">=") else -1
        return sign * values, units, -sign * condition.number, sign
    margin = condition.margin if isinstance(condition, NotWorse) else 0.0
    return metric.direction * values, units, margin, metric.direction


def _judge(arguments: Sequence[str]) -> int:
    parser = _parser("judge")
    parser.add_argument(
        "--human", type=Path, nargs="+", required=True, metavar="FILE", help="people's ratings of that run"
    )
    parser.add_argument(
        "--detect",
        type=_between(0, math.inf, "a number above 0"),
        required=True,
        metavar="POINTS",
        help="of `not worse than baseline by M` at no difference: M; of `better`: the difference to find",
    )
    options = parser.parse_args(arguments)
    name, record = load(options.storage, options.pilot)
    ratings = read_reviews(options.human, record)
    found = list(_planned(record, ratings, options.detect, options.power))
    if not found:
        raise MedevalError(
            f"run {name}: no judged case has ratings of both replies that were drawn by chance; accepted: the ratings "
            "of its review page (--medeval-review=FILE), of 2 cases at least"
        )
    asked = f"a true difference {options.detect:g} points from what the gate asks for"
    tell([f"run {name}: ratings that tell {asked}, power {options.power:.0%}, two-sided 5 %", *found])
    return 0


def _parser(what: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=f"medeval plan {what}",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("what", choices=["cases", "judge"], help="what to plan")
    parser.add_argument("--pilot", required=True, metavar="RUN", help="a run of candidate and baseline")
    told = f"chance that the gate passes then; default {POWER}"
    parser.add_argument("--power", type=_between(0, 1, "a number between 0 and 1"), default=POWER, help=told)
    parser.add_argument("--storage", type=Path, default=Path(".medeval/runs"), metavar="DIR", help="of stored runs")
    return parser


def _between(low: float, high: float, accepted: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not low < number < high:
            raise argparse.ArgumentTypeError(f"found {text!r}; accepted: {accepted}")
        return number

    return read


def _planned(record: RunRecord, ratings: Sequence[PairRating], detect: float, power: float) -> Iterator[str]:
    for name, suite in record["suites"].items():
        cases = [case for case in record["cases"] if case["suite"] == name]
        scored = [case for case in cases if "excluded" not in suite or not left_out(case)]
        found = pilots(scored, ratings, [case["cluster"] for case in scored])
        for metric, pilot in found.items():
            needed = ratings_needed(pilot, detect, power=power, seed=record["seed"])
            if needed is not None:
                yield f"{name}: {metric}: {_told(pilot, needed)}"


def _told(pilot: Pilot, needed: Needed) -> str:
    rated, read = int(pilot.rated.sum()), int(pilot.read.sum())
    ends = " to ".join(_count(end, read) for end in (needed.low, needed.high))
    told = f"{_count(needed.ratings, read)} ratings ({ends} by resampled pilots of {rated})"
    if needed.ratings is None:
        return f"{told}: ask more cases"
    return f"{told}: --medeval-review-size={math.ceil(needed.ratings / SHARES['random'] - 1e-9)}"


def _count(number: int | None, read: int) -> str:
    return f"more than all {read}" if number is None else str(number)
