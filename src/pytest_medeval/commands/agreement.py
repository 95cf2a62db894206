"""``agreement``: how far judges agree with people, from stored scores; no model is needed."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_medeval.commands import tell
from pytest_medeval.commands.parser import Parser, whole
from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.judges.ratings import FIVE_STEPS, READERS, read_ratings
from pytest_medeval.judges.ratings.audit import FLOOR, audit
from pytest_medeval.judges.ratings.show import audit_lines, audit_record
from pytest_medeval.judges.ratings.types import RatingSet, Scale, nominal
from pytest_medeval.stats.agreement import RESAMPLES

MAX_LEVELS = 101
"""Tables of counts hold levels x levels numbers for each reply."""

_EPILOG = """\
Kappa and alpha correct for chance: 1 is perfect, 0 is chance. Spearman and tau-b compare the order only.
Bias is judge minus people, in steps of the scale. Docs: docs/agreement.md
"""


def main(arguments: Sequence[str]) -> int:
    """Read the files, audit the judges, print a table or JSON; exit code 0, for an advisory judge as well."""
    options = _parser().parse_args(arguments)
    human = _read(options.human, "human", options) if options.human else None
    judges = [_read(path, "judge", options) for path in options.judge]
    human, judges = _chosen(human, judges, options.dimension)
    _check(human, judges)
    found = audit(human, judges, floor=options.floor, seed=options.seed, resamples=options.resamples)
    if human and judges and not found.agreements:
        raise MedevalError(_nothing_joins(human, judges))
    settings = {"floor": options.floor, "seed": options.seed, "resamples": options.resamples}
    if options.json:
        sys.stdout.write(
            json.dumps(audit_record(found, settings), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        )
    else:
        tell(audit_lines(found, settings))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="medeval agreement",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--human", type=Path, metavar="FILE", help="people's scores; alone: how far people agree")
    parser.add_argument(
        "--judge",
        type=Path,
        metavar="FILE",
        nargs="+",
        action="extend",
        default=[],
        help="judges' scores of the same replies; repeatable",
    )
    parser.add_argument(
        "--format", metavar="NAME", help=f"one of {', '.join(sorted(READERS))}; default: found from the file"
    )
    parser.add_argument("--dimension", metavar="D", action="append", default=[], help="only this one; repeatable")
    parser.add_argument(
        "--scale",
        type=_scale,
        metavar="LOW:HIGH[:STEP]|A,B,...",
        default=FIVE_STEPS,
        help="of files in our own format (labels): grades, or names without an order; default 1:5",
    )
    parser.add_argument(
        "--floor",
        type=_floor,
        metavar="X",
        default=FLOOR,
        help=f"lower end of quadratic kappa or alpha that admits a judge; default {FLOOR}",
    )
    parser.add_argument("--seed", type=whole(0), metavar="S", default=0, help="of the bootstrap; default 0")
    parser.add_argument(
        "--resamples",
        type=whole(100),
        metavar="N",
        default=RESAMPLES,
        help=f"of the bootstrap, 100 or more; default {RESAMPLES}",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def _scale(text: str) -> Scale:
    names = [name.strip() for name in text.split(",")]
    if 1 < len({name.casefold() for name in names}) == len(names) <= MAX_LEVELS and all(names):
        return nominal(*names)
    try:
        numbers = [float(part) for part in text.split(":")]
        scale = Scale(*numbers)
    except (ValueError, TypeError):
        numbers, scale = [], FIVE_STEPS
    usable = bool(numbers) and all(map(math.isfinite, numbers)) and scale.step > 0 and scale.low < scale.high
    if not usable or not scale.offers(scale.high) or scale.levels > MAX_LEVELS:
        accept = "LOW:HIGH or LOW:HIGH:STEP, such as 1:5 or 0:10:0.5, or names that differ, such as yes,no"
        raise argparse.ArgumentTypeError(f"found {text!r}; accepted: {accept}")
    return scale


def _floor(text: str) -> float:
    try:
        floor = float(text)
    except ValueError:
        floor = math.nan
    if not 0 <= floor <= 1:
        raise argparse.ArgumentTypeError(f"found {text!r}; accepted: a number from 0 to 1")
    return floor


def _read(path: Path, role: str, options: argparse.Namespace) -> RatingSet:
    found = read_ratings(path, name=options.format, scale=options.scale)
    if found.role not in ("any", role):
        held, other = ("people's", "--human") if found.role == "human" else ("a judge's", "--judge")
        raise MedevalError(f"{path}: holds {held} scores; give it as {other}")
    return found


def _chosen(
    human: RatingSet | None, judges: Sequence[RatingSet], dimensions: Sequence[str]
) -> tuple[RatingSet | None, list[RatingSet]]:
    """Keep the dimensions that were asked for; one that no file knows is a mistake."""
    if not dimensions:
        return human, list(judges)
    sets = [*judges, *([human] if human else [])]
    known = {rating.dimension for source in sets for rating in source.ratings}
    if not known:
        raise MedevalError("--dimension: decisions on pairs have no dimensions; leave it out")
    for name in dimensions:
        if name not in known:
            raise MedevalError(accepted("dimension", name, known))

    def only(source: RatingSet) -> RatingSet:
        return replace(source, ratings=tuple(one for one in source.ratings if one.dimension in dimensions))

    return human and only(human), [only(judge) for judge in judges]


def _check(human: RatingSet | None, judges: Sequence[RatingSet]) -> None:
    """Refuse combinations of files that leave nothing to compare."""
    if human is None and not judges:
        raise MedevalError("nothing to compare; give --human FILE, --judge FILE, or both")
    decided = next((judge.file for judge in judges if judge.decisions), None)
    if human and decided:
        raise MedevalError(f"{decided}: brings its own label; leave --human out")
    raters = _raters(judges)
    if human is None and not decided and len(raters) < 2:  # noqa: PLR2004 - a panel
        raise MedevalError("one judge alone cannot be compared; give --human FILE, or more judges")
    if human and not judges and len({rating.rater for rating in human.ratings}) == 1:
        raise MedevalError(f"{human.file}: one rater alone cannot be compared; give --judge FILE")


def _raters(judges: Iterable[RatingSet]) -> set[str]:
    """Name the judges of all files; one name in two files would mix their scores."""
    seen: dict[str, str] = {}
    for source in judges:
        for name in {rating.rater for rating in source.ratings} | {one.judge for one in source.decisions}:
            if seen.setdefault(name, source.file) != source.file:
                raise MedevalError(f"{source.file}: judge {name!r} is in {seen[name]} as well; give one file a judge")
    return set(seen)


def _nothing_joins(human: RatingSet, judges: Sequence[RatingSet]) -> str:
    ours, theirs = human.ratings[0], judges[0].ratings[0]
    return (
        f"{judges[0].file}: no reply joins {human.file}; people rated {ours.dimension!r} of {ours.item!r}, "
        f"the judge {theirs.dimension!r} of {theirs.item!r}"
    )
