"""``plan judge``: how many ratings of people a gate on a judge needs, from a run that some people rated."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pytest_medeval.commands import tell
from pytest_medeval.commands.parser import Parser
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.record import RunRecord
from pytest_medeval.judges.ratings.review import PairRating, read_reviews
from pytest_medeval.report.review import SHARES
from pytest_medeval.runs.store import load
from pytest_medeval.stats.planning import Needed, Pilot, ratings_needed
from pytest_medeval.stats.power import POWER
from pytest_medeval.verdicts.corrected import pilots
from pytest_medeval.verdicts.gates import left_out

_EPILOG = """\
RUN is a number, a name, latest, or the path of a record of a judged run; FILE what its review page exported.
Docs: docs/judges.md
"""


def main(arguments: Sequence[str]) -> int:
    """Plan, and print it; exit code 0."""
    options = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m pytest_medeval plan judge",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("what", choices=["judge"], help="what to plan")
    parser.add_argument("--pilot", required=True, metavar="RUN", help="a judged run of candidate and baseline")
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
