"""The papers' tables from run records, for docs/papers.md.

    make demo                                                                   # leaves build/demo.json
    pytest suites/mcq --medeval-model=adapters/tiny-mcq-ppo \
        --medeval-baseline=adapters/tiny-mcq-ppo/sft --medeval-json=build/ppo.json
    python benchmarks/papers.py build/demo.json --ppo build/ppo.json            # the tables
    python benchmarks/papers.py build/demo.json --ppo build/ppo.json --write docs/papers.md   # into the page

A table is made of the first suite of its task in the record. What the record lacks is said in its place: a
table never keeps the numbers of an older run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pages import filled
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.writing import write_whole
from pytest_medeval.report.lines import interval, number, p_value
from pytest_medeval.runs.record import read

Record = Mapping[str, Any]

LEXICAL = ("bleu", "rouge1", "rouge2", "rougeL", "meteor")
MCQ = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "reward")
MICRO = ("micro_precision", "micro_recall", "micro_f1")
GOLD = ("accuracy", "macro_f1", "pair_precision", "pair_recall", "pair_f1")
MISS = "The run has no suite of task `{}`."
PAIRED = ("difference, 95 % interval", "p (paired, Holm)")
UNPAIRED = "p (Mann-Whitney, unpaired)"
COMPARED = ("metric", "base", "tuned", "change", UNPAIRED, *PAIRED)
GRADED = ("grade", "base", "tuned", "n", UNPAIRED, *PAIRED)
MEASURED = ("metric", "base", "tuned", "tuned, 95 % interval", *PAIRED)
STAGES = ("metric", "after SFT", "after PPO", "after PPO, 95 % interval", *PAIRED)
CANONICAL = ("canonicalisation", "model", "micro P", "micro R", "micro F1")


@dataclass(frozen=True)
class Runs:
    """The records that tables are made of: of the release, and of the PPO stage against the supervised one."""

    release: Record
    ppo: Record | None = None


def s1(runs: Runs) -> Iterator[str]:
    """Both tracks of S1: the paper's columns, then what the plugin goes by."""
    record = runs.release
    name, suite = _suite(record, "dialogue")
    yield from _head(record, name, suite)
    metrics = suite["metrics"]
    yield from _grid(COMPARED, [_compared(key, metrics[key]) for key in LEXICAL if key in metrics])
    judged = [key for key in metrics if key.startswith("judge.")]
    yield ""
    if judged:
        yield from _grid(GRADED, [_graded(key, metrics[key]) for key in judged])
        yield ""
        yield (
            "Grades go from 1 to 5; preference is the share of pairs that a model's reply wins. A tie counts half, "
            "and so does a choice that flips with the order of the two."
        )
    else:
        yield "Track B: no judge was asked in this run."
    verdict = record["divergence"].get(name)
    if verdict:
        yield ""
        yield f"Verdict on the tracks: {verdict['verdict']}. {verdict['words']}"
    yield from _signatures(suite, [*LEXICAL, *judged])


def s2(runs: Runs) -> Iterator[str]:
    """Accuracy, precision, recall, F1 and reward over options, what PPO added, and safety compliance."""
    record = runs.release
    name, suite = _suite(record, "mcq")
    yield from _head(record, name, suite)
    yield from _grid(MEASURED, _measured(suite, MCQ))
    yield ""
    yield from _ppo(runs.ppo)
    yield ""
    yield from _safety(record)
    yield from _signatures(suite, MCQ)


def _ppo(record: Record | None) -> Iterator[str]:
    if record is None:
        yield "PPO: its run was not given."
        return
    name, suite = _suite(record, "mcq")
    yield from _head(record, name, suite, roles=("after PPO", "after SFT"))
    yield from _grid(STAGES, _measured(suite, MCQ))


def s3(runs: Runs) -> Iterator[str]:
    """Micro precision, recall and F1 before and after canonicalisation, and S3's other scores."""
    record = runs.release
    name, suite = _suite(record, "polarity")
    metrics = suite["metrics"]
    yield from _head(record, name, suite)
    rows = []
    for told, prefix in (("before", "raw_"), ("after", "")):
        for role in ("baseline", "candidate"):
            cells = [number(metrics.get(prefix + key, {}).get(role)) for key in MICRO]
            rows.append([told, {"baseline": "base", "candidate": "tuned"}[role], *cells])
    yield from _grid(CANONICAL, rows)
    yield ""
    yield from _grid(MEASURED, _measured(suite, ("micro_f1", *GOLD)))
    yield from _signatures(suite, ["micro_f1", "raw_micro_f1", *GOLD])


TABLES: Mapping[str, Callable[[Runs], Iterator[str]]] = {"S1": s1, "S2": s2, "S3": s3}


def section(runs: Runs, paper: str) -> str:
    """Make one paper's section; a suite that is not there is said."""
    try:
        return "\n".join(TABLES[paper](runs))
    except LookupError as missing:
        return MISS.format(missing.args[0])


def written(page: str, runs: Runs) -> str:
    """Put every table into its part; ``MedevalError`` where the page has no place for one."""
    for paper in TABLES:
        page = filled(page, paper, section(runs, paper))
    return page


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, or write them into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record", type=Path, metavar="RECORD", help="a file of --medeval-json, or of the store")
    parser.add_argument(
        "--ppo", type=Path, metavar="RECORD", help="the run of the mcq suite after PPO against the one before it"
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="the page whose tables are replaced")
    options = parser.parse_args(arguments)
    try:
        runs = Runs(read(options.record), None if options.ppo is None else read(options.ppo))
        if options.write is None:
            print("\n\n".join(f"## {paper}\n\n{section(runs, paper)}" for paper in TABLES))
        else:
            page = written(options.write.read_text(encoding="utf-8"), runs)
            write_whole(options.write, page.encode(), "the page")
    except (MedevalError, OSError) as mistake:
        sys.stderr.write(f"papers: {mistake}\n")
        return 2
    return 0


def _suite(record: Record, task: str) -> tuple[str, Record]:
    found = next(((name, suite) for name, suite in record["suites"].items() if suite["task"] == task), None)
    if found is None:
        raise LookupError(task)
    return found


def _head(record: Record, name: str, suite: Record, roles: tuple[str, str] = ("tuned", "base")) -> Iterator[str]:
    models = record["models"]
    prints = []
    for role, told in zip(("candidate", "baseline"), roles, strict=True):
        model = models.get(role, {})
        own = model.get("tasks", {}).get(suite["task"], model)
        prints.append(f"{told} `{own.get('spec', '-')}` (sha256 `{str(own.get('fingerprint', '-'))[:12]}`)")
    cases = f"{suite['evaluated']} of {suite['total']} cases" + ("" if suite["complete"] else ", incomplete")
    yield f"Suite `{name}`, {cases}, {', '.join(prints)}; pytest-medeval {record['version']}, {record['created'][:10]}."
    yield ""


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _compared(name: str, one: Record) -> list[str]:
    change = "-" if one["relative"] is None else f"{100 * one['relative']:+.2f} %"
    return [
        name,
        number(one["baseline"]),
        number(one["candidate"]),
        change,
        p_value(one["mann_whitney_p"]),
        *_paired(one),
    ]


def _graded(name: str, one: Record) -> list[str]:
    short = name.removeprefix("judge.")
    return [
        short,
        number(one["baseline"]),
        number(one["candidate"]),
        str(one["n"]),
        p_value(one["mann_whitney_p"]),
        *_paired(one),
    ]


def _measured(suite: Record, names: Sequence[str]) -> list[list[str]]:
    return [
        [name, number(one["baseline"]), number(one["candidate"]), interval(one["candidate_ci95"]), *_paired(one)]
        for name, one in ((name, suite["metrics"][name]) for name in names if name in suite["metrics"])
    ]


def _paired(one: Record) -> list[str]:
    difference = number(one["difference"], sign=True)
    return [f"{difference} {interval(one['ci95'], sign=True)}", p_value(one["p_corrected"])]


def _safety(record: Record) -> Iterator[str]:
    try:
        name, suite = _suite(record, "dialogue")
        one = suite["metrics"]["safety"]
    except LookupError:
        yield "Safety compliance: the run has no suite of task `dialogue` that measures it."
        return
    broken = [
        f"`{rule}` {facts['applied'] - facts['kept']} of {facts['applied']}"
        for rule, facts in suite.get("rules", {}).get("candidate", {}).items()
        if facts["applied"]
    ]
    yield (
        f"Safety compliance, suite `{name}`: base {number(one['baseline'])}, tuned {number(one['candidate'])} "
        f"{interval(one['candidate_ci95'])}, difference {' '.join(_paired(one)[:1])}, p (paired, Holm) "
        f"{p_value(one['p_corrected'])}. Replies of the tuned model that broke a rule: "
        f"{', '.join(broken) or 'no rule applied'}."
    )
    yield f"Signature: `{one['signature']}`."


def _signatures(suite: Record, names: Sequence[str]) -> Iterator[str]:
    yield ""
    yield "Signatures:"
    yield ""
    yield "```"
    yield from (suite["metrics"][name]["signature"] for name in names if name in suite["metrics"])
    yield "```"


if __name__ == "__main__":
    sys.exit(main())
