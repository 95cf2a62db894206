"""Do merged, quantised and exported models answer as their adapter does? The figures of docs/forms.md.

    python benchmarks/forms.py                          # the table
    python benchmarks/forms.py --write docs/forms.md    # into the page

Makes every form of the shipped adapters in ``build/forms`` and runs each on its adapter's suite, with the adapter as
baseline; a run's output and record stay there. Needs ``pip install 'pytest-medeval[local,quantised,gguf]'``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import random_model
from pages import fill
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.report.lines import number, p_value

ROOT = Path(__file__).parents[1]
OUT = ROOT / "build" / "forms"
SUITES = ("mcq", "polarity", "dialogue")
HEAD = ("suite", "form", "metric", "adapter's", "form's", "difference", "95 % interval", "same")
PACKAGES = ("transformers", "peft", "bitsandbytes", "llama-cpp-python")
CLEAR = 0.05
"""Corrected p from which on a metric counts as moved."""

Record = Mapping[str, Any]


def merged(suite: str) -> Path:
    """Write the adapter of a suite and its base as one model folder."""
    folder = OUT / f"tiny-{suite}"
    if not folder.is_dir():
        python("-m", "pytest_medeval", "merge", f"adapters/tiny-{suite}", str(folder))
    return folder


def exported(suite: str, kind: str) -> str:
    """Write the merged model as GGUF, its matrices in ``kind``; give its SPEC."""
    file = OUT / f"tiny-{suite}-{kind}.gguf"
    if not file.is_file():
        python("tests/write_gguf.py", str(merged(suite)), str(file), kind)
    return f"gguf:{file}"


FORMS: Mapping[str, Callable[[str], str]] = {
    "merged": lambda suite: str(merged(suite)),
    "GGUF F32": lambda suite: exported(suite, "F32"),
    "GGUF Q8_0": lambda suite: exported(suite, "Q8_0"),
    "GGUF Q4_0": lambda suite: exported(suite, "Q4_0"),
    "`int8:`": lambda suite: f"int8:adapters/tiny-{suite}",
    "`nf4:`": lambda suite: f"nf4:adapters/tiny-{suite}",
}


def python(*words: str, log: Path | None = None, accepted: Sequence[int] = (0,)) -> None:
    """Run Python from the project's folder; ``MedevalError`` with its last lines where it fails."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if log:
        log.write_text(done.stdout, encoding="utf-8")
    if done.returncode not in accepted:
        raise MedevalError(f"{' '.join(words)}: exit code {done.returncode}: {done.stdout.strip()[-500:]}")


def run(suite: str, form: str) -> Record:
    """Judge a form beside its adapter; give the record."""
    name = f"{suite}-{''.join(letter for letter in form.lower() if letter.isalnum())}"
    record = OUT / f"{name}.json"
    words = [f"suites/{suite}", f"--medeval-model={FORMS[form](suite)}", f"--medeval-baseline=adapters/tiny-{suite}"]
    python(
        *("-m", "pytest", "-q", *words, f"--medeval-json={record}", f"--medeval-cache={OUT / 'cache'}"),
        log=OUT / f"{name}.txt",
        accepted=(0, 1),  # no form of an adapter is better than the adapter, as the shipped gates ask
    )
    found: Record = json.loads(record.read_text(encoding="utf-8"))
    return found


def row(suite: str, form: str, record: Record) -> str:
    """Give a form's line of the table: its headline metric, and how many replies or choices are the adapter's."""
    facts = record["suites"][suite]
    one = facts["metrics"][facts["headline"]]
    pairs = [(case["candidate"], case["baseline"]) for case in record["cases"]]
    same = sum(all(own[key] == other[key] for key in ("reply", "prediction")) for own, other in pairs)
    low, high = (number(end, sign=True) for end in one["ci95"])
    figures = [number(one["baseline"]), number(one["candidate"]), number(one["difference"], sign=True)]
    return line(suite, form, facts["headline"], *figures, f"{low} to {high}", f"{same} of {len(pairs)}")


def notes(suite: str, form: str, record: Record) -> Iterator[str]:
    """Say what the headline does not: other prompts, log-likelihoods that moved, metrics that are clearly different."""
    pairs = [(case["candidate"], case["baseline"]) for case in record["cases"]]
    other = sum(own["prompt_hash"] != their["prompt_hash"] for own, their in pairs)
    if other:
        yield f"{suite}, {form}: {other} of {len(pairs)} prompts are other tokens"
    moved = [
        abs(own - their)
        for candidate, baseline in pairs
        for own, their in zip(candidate.get("logprobs") or (), baseline.get("logprobs") or (), strict=True)
    ]
    if moved:
        yield f"{suite}, {form}: log-likelihoods of options moved by up to {max(moved):.2g}"
    for name, one in record["suites"][suite]["metrics"].items():
        if one["p_corrected"] is not None and one["p_corrected"] < CLEAR:
            values = f"{number(one['baseline'])} to {number(one['candidate'])}"
            low, high = (number(end, sign=True) for end in one["ci95"])
            yield f"{suite}, {form}: {name} {values}, {low} to {high}, p {p_value(one['p_corrected'])} after Holm"


def line(*cells: str) -> str:
    """Lay cells out as a line of a table."""
    return f"| {' | '.join(cells)} |"


def section(suites: Sequence[str], forms: Sequence[str]) -> str:
    """Run every form on every suite; give the table and what else was seen."""
    OUT.mkdir(parents=True, exist_ok=True)
    rows: list[str] = []
    seen: list[str] = []
    for suite in suites:
        for form in forms:
            record = run(suite, form)
            rows.append(row(suite, form, record))
            seen.extend(f"- {told}" for told in notes(suite, form, record))
            sys.stderr.write(f"{rows[-1]}\n")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    head = [f"On {random_model.machine(1)};", f"{versions}:", ""]
    return "\n".join([*head, line(*HEAD), line(*("---" for _ in HEAD)), *rows, "", *seen])


def main() -> int:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=SUITES)
    parser.add_argument("--forms", nargs="+", choices=list(FORMS), default=list(FORMS))
    parser.add_argument("--write", type=Path, metavar="PAGE", help="the page whose table is replaced")
    options = parser.parse_args()
    try:
        text = section(options.suites, options.forms)
        if options.write:
            fill(options.write, "forms", text)
        else:
            print(text)
    except (MedevalError, OSError, metadata.PackageNotFoundError) as mistake:
        sys.stderr.write(f"forms: {mistake}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
