"""``cache``: what the stored replies are, and forgetting them; no model is needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pytest_medeval.commands import tell
from pytest_medeval.commands.parser import Parser
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.models.cache import LIMIT, CacheInfo, Store
from pytest_medeval.report.lines import size

DEFAULT = Path(".medeval/cache")


def main(arguments: Sequence[str]) -> int:
    """Run ``info`` or ``clear``; give the exit code: 1 where the user said no."""
    options = _parser().parse_args(arguments)
    store = Store(options.cache)
    if not store.path.is_file() and not (options.command == "clear" and store.aside.is_file()):
        tell([f"no cache in {options.cache}: a run of pytest with --medeval-model makes one"])
        return 0
    if options.command == "info":
        tell(_told(store.path, store.info()))
        return 0
    if not options.yes and not _confirmed(store):
        tell(["nothing was removed"])
        return 1
    store.clear()
    tell([f"removed the replies in {options.cache}"])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="medeval cache", description=__doc__, allow_abbrev=False)
    common = Parser(add_help=False)
    common.add_argument("--cache", type=Path, default=DEFAULT, metavar="DIR", help=f"default: {DEFAULT}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    told = "count replies, their size, the models that gave them, when they were last used"
    commands.add_parser("info", help=told, description=told, parents=[common], allow_abbrev=False)
    told = "remove all stored replies; the next run asks its models again"
    clear = commands.add_parser("clear", help=told, description=told, parents=[common], allow_abbrev=False)
    clear.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _told(path: Path, info: CacheInfo) -> Iterator[str]:
    disk = size(path.stat().st_size)
    yield f"{path}: {_replies(info.answers)}, {size(info.size)} of at most {size(LIMIT)}, {disk} on disk"
    if info.oldest is not None and info.newest is not None:
        yield f"last used between {_day(info.oldest)} and {_day(info.newest)} (UTC)"
    for fingerprint, count in sorted(info.models.items(), key=lambda item: (-item[1], item[0])):
        yield f"  sha256 {fingerprint[:12]}: {_replies(count)}"


def _confirmed(store: Store) -> bool:
    """Ask on the terminal; without one, ``--yes`` has to be given."""
    if not sys.stdin.isatty():
        raise MedevalError("cache clear asks before it removes, and there is no terminal to ask on; accepted: --yes")
    sys.stdout.write(f"remove all replies in {store.path.parent}? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _replies(count: int) -> str:
    return "1 reply" if count == 1 else f"{count} replies"


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()
