"""``runs``: what is stored, one run, two runs against each other, clearing up, proof; no model is needed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pytest_medeval.commands import tell
from pytest_medeval.commands.listing import StoredRun, listed
from pytest_medeval.commands.parser import Parser, whole
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import read_bytes
from pytest_medeval.report.lines import number
from pytest_medeval.report.outline import gates, outline_of
from pytest_medeval.report.suites import reference
from pytest_medeval.report.terminal import inked, terminal
from pytest_medeval.runs.evidence import is_evidence, read_sha256, verify
from pytest_medeval.runs.record import read
from pytest_medeval.runs.reference import Contested
from pytest_medeval.runs.store import find, load, prune
from pytest_medeval.verdicts.verdict import OPTIONS, decide

FAILED = 1
_EPILOG = """\
RUN is a number, a name, both (0001_NAME), latest (the newest whole run that passed its gates), or the path of
a record. Exit codes: 0 all is well; 1 a comparison failed or a file was changed; 2 the command could not be
carried out; 3 latest: no run that passed its gates is stored yet.
Docs: docs/ci.md
"""


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands; give the exit code."""
    options = _parser().parse_args(arguments)
    code: int = options.command(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="medeval runs",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    common = Parser(add_help=False)
    common.add_argument(
        "--storage", type=Path, default=Path(".medeval/runs"), metavar="DIR", help="default: .medeval/runs"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: Callable[[argparse.Namespace], int], told: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=told, description=told, parents=[common], allow_abbrev=False)
        command.set_defaults(command=function)
        return command

    add("list", _list, "list stored runs, the oldest first").add_argument("--json", action="store_true")
    show = add("show", _show, "show the summary of a run")
    show.add_argument("run", metavar="RUN")
    show.add_argument("--json", action="store_true", help="print the whole record")
    compare = add("compare", _compare, "compare run B with the older run A, paired by case")
    compare.add_argument("reference", metavar="A")
    compare.add_argument("run", metavar="B")
    compare.add_argument("--json", action="store_true")
    compare.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="[SUITE:]EXPR",
        help="a condition on B; repeatable; without one no headline metric may drop beyond chance",
    )
    compare.add_argument("--inconclusive", choices=("pass", "fail"), default="fail", help="default: fail")
    clear = add("prune", _prune, "remove all but the newest runs, and never the one that 'latest' means")
    clear.add_argument("--keep", type=whole(1), default=20, metavar="N", help="default: 20")
    check = add("verify", _verify, "prove that an evidence file or a stored run was not changed")
    check.add_argument("file", metavar="FILE|RUN")
    check.add_argument("--sha256", metavar="HEX", help="the SHA-256 that was noted when the file was written")
    return parser


def _list(options: argparse.Namespace) -> int:
    rows = listed(options.storage)
    _print_json(rows) if options.json else tell(_listing(rows, options.storage))
    return 0


def _listing(rows: Sequence[StoredRun], storage: Path) -> Iterator[str]:
    if not rows:
        yield f"no run is stored in {storage} yet; pytest --medeval-save stores one"
        return
    width = max(len(row["run"]) for row in rows)
    for row in rows:
        if "error" in row:
            yield f"{row['run']:<{width}}  cannot be read: {row['error']}"
            continue
        gates = ", ".join(f"{count} {verdict}" for verdict, count in row["gates"].items()) or "no gates"
        scores = ", ".join(
            f"{name} {one['headline']} {number(one['value'])} (n {one['cases']})" for name, one in row["suites"].items()
        )
        commit = f"  {row['commit'][:12]}{'+' if row['dirty'] else ''}" if row["commit"] else ""
        told = f"{row['created'][:16]}  {row['verdict']:<14}  {gates}  {scores}  {row['model']}{commit}"
        yield f"{row['run']:<{width}}  {told}"


def _show(options: argparse.Namespace) -> int:
    name, record = load(options.storage, options.run)
    if options.json:
        _print_json(record)
    else:
        outline = outline_of(record)
        tell([f"run {name} of {record['created']}", *terminal(outline).splitlines()])
    return 0


def _compare(options: argparse.Namespace) -> int:
    from pytest_medeval.runs.reference import Reference, contest

    reference, (name, record) = (
        Reference(*load(options.storage, options.reference)),
        load(options.storage, options.run),
    )
    for run, one in ((reference.run, reference.record), (name, record)):
        if "candidate" not in one["models"]:
            raise MedevalError(f"run {run} has no evaluated case; accepted: a run of at least one suite")
    found = contest(reference, record, options.gate, inconclusive=options.inconclusive == "pass")
    _print_json({"run": name, **found}) if options.json else tell(_comparison(name, found, asked=bool(options.gate)))
    return 0 if found["passed"] else FAILED


def _comparison(run: str, found: Contested, *, asked: bool) -> Iterator[str]:
    old = found["reference"]
    yield f"run {run} against {old['run']} of {old['created']}"
    if old["absent"]:
        yield f"suites of {old['run']} that {run} lacks: {', '.join(old['absent'])}"
    for name, suite in found["suites"].items():
        yield ""
        yield name
        yield from (line.text for line in inked([*reference(name, suite["reference"], suite["headline"], whole=True)]))
    yield ""
    yield from (line.text for line in inked([*gates(decide(found["gates"]), [])]))
    by = "--inconclusive=pass" if asked else "this command, which was given no --gate"
    yield decide(found["gates"]).sentence.replace(OPTIONS["inconclusive"], by)


def _prune(options: argparse.Namespace) -> int:
    removed = [path.name for path in prune(options.storage, options.keep)]
    tell([f"removed {', '.join(removed)}" if removed else "nothing to remove"])
    return 0


def _verify(options: argparse.Namespace) -> int:
    path = find(options.storage, options.file)
    if not is_evidence(path):
        return _verify_run(path, options.sha256)
    data = read_bytes(path)
    changes = verify(data)
    if not changes and options.sha256 not in (None, read_sha256(data)):
        changes = [f"its SHA-256 is {read_sha256(data)}, noted was {options.sha256}"]
    tell([f"{path}: {change}" for change in changes] or [f"{path}: unchanged, sha256 {read_sha256(data)}"])
    return FAILED if changes else 0


def _verify_run(path: Path, noted: str | None) -> int:
    """Prove a stored run by the hash that it carries; a record of ``--medeval-json`` has none."""
    try:
        carried = read(path).get("sha256")
    except MedevalError as mistake:
        tell([str(mistake)])
        return FAILED
    if carried is None:
        raise MedevalError(f"{path}: carries no SHA-256; accepted: a file of --medeval-evidence, or a stored run")
    same = noted in (None, carried)
    tell([f"{path}: unchanged, sha256 {carried}" if same else f"{path}: its SHA-256 is {carried}, noted was {noted}"])
    return 0 if same else FAILED


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
