"""The options, in one table: name, what it becomes, how its value is checked, help."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from pytest_medeval import checks
from pytest_medeval.checks import Check
from pytest_medeval.errors import MedevalError, accepted
from pytest_medeval.tasks.thoughts import DEFAULT_TAGS

Dtype: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True)
class Option:
    """One ``--medeval-NAME`` and the ini key ``medeval_NAME``."""

    name: str
    field: str
    """The field of ``Settings`` that holds its value."""
    check: Check
    metavar: str
    help: str
    repeat: bool = False
    bare: str | None = None
    """What the option means when it stands without a value."""
    switch: bool = False
    """Whether it takes no value at all."""

    @property
    def flag(self) -> str:
        """The command line's spelling."""
        return f"--medeval-{self.name}"

    @property
    def key(self) -> str:
        """The spelling in the ini file and in ``config.option``."""
        return f"medeval_{self.name.replace('-', '_')}"

    @property
    def shape(self) -> dict[str, Any]:
        """What argparse is told of its values."""
        if self.switch:
            return {"action": "store_const", "const": "true"}
        if self.bare is not None:
            return {"action": "store", "metavar": self.metavar, "nargs": "?", "const": self.bare}
        return {"action": "append" if self.repeat else "store", "metavar": self.metavar}


OPTIONS = (
    Option(
        "model",
        "models",
        checks.texts,
        "[TASK=]SPEC",
        "the candidate: a LoRA folder, a model folder or name, https://host/v1#name, "
        "or a .toml release manifest; repeat it for other tasks",
        repeat=True,
    ),
    Option(
        "baseline",
        "baselines",
        checks.texts,
        "[TASK=]SPEC",
        "the model to compare with, or none (default: the adapter's own base)",
        repeat=True,
    ),
    Option(
        "gate",
        "gates",
        checks.texts,
        "[SUITE:]EXPR",
        "one gate more, such as 'mcq:accuracy >= 0.6'",
        repeat=True,
    ),
    Option("limit", "limit", checks.whole(1), "N", "evaluate a seeded sample of N cases a suite"),
    Option("seed", "seed", checks.whole(0, 0), "S", "seed of samples, resampling and decoding (default: 0)"),
    Option(
        "data", "data", checks.folder, "DIR", "folder of published data sets that suites name as data:..."
    ),
    Option(
        "batch-size",
        "batch_size",
        checks.whole(1, word="auto"),
        "N|auto",
        "requests a batch (default: auto, by memory)",
    ),
    Option(
        "concurrency",
        "concurrency",
        checks.whole(1, 32),
        "N",
        "requests to a server at once, of each process (default: 32)",
    ),
    Option(
        "rate",
        "rate",
        checks.whole(1),
        "N",
        "requests to a server begun in a minute at most, of each process (default: no limit)",
    ),
    Option(
        "timeout",
        "timeout",
        checks.whole(1, 120),
        "SECONDS",
        "how long one try of a request to a server may take (default: 120)",
    ),
    Option("device", "device", checks.device, "NAME", "auto, cpu, cuda, cuda:N or mps (default: auto)"),
    Option(
        "dtype",
        "dtype",
        checks.one_of(*get_args(Dtype)),
        "NAME",
        "auto, float32, bfloat16 or float16 (default: auto)",
    ),
    Option(
        "engine",
        "engine",
        checks.engine,
        "local|ray",
        "where local models compute: in this process, or in replicas on the machines of a Ray cluster "
        "(RAY_ADDRESS; without it one is started here) (default: local)",
    ),
    Option(
        "replicas",
        "replicas",
        checks.whole(1),
        "N",
        "model replicas of --medeval-engine=ray (default: one a GPU, or a machine)",
    ),
    Option(
        "cache",
        "cache",
        checks.place(".medeval/cache", off=True),
        "DIR|off",
        "where replies are kept (default: .medeval/cache)",
    ),
    Option(
        "thoughts",
        "thoughts",
        checks.tags,
        "TAGS|off",
        "what encloses a model's thoughts, which are no part of its reply: names of tags, or OPENING...CLOSING, with "
        f"commas between them (default: {','.join(DEFAULT_TAGS)})",
    ),
    Option("json", "json", checks.writable, "FILE", "write the run record"),
    Option(
        "html",
        "html",
        checks.writable,
        "FILE",
        "write a page with verdict, metrics, figures and all cases, for those who decide on the release",
    ),
    Option(
        "markdown",
        "markdown",
        checks.writable,
        "FILE",
        "write the summary as Markdown, for a merge request or a release page",
    ),
    Option(
        "card",
        "card",
        checks.writable,
        "FILE",
        "write metrics and intervals as a Hugging Face model card's model-index",
    ),
    Option(
        "evidence",
        "evidence",
        checks.writable,
        "FILE",
        "write record, suite manifests, verdicts and environment as canonical JSON with a SHA-256",
    ),
    Option(
        "save",
        "save",
        checks.run_name,
        "NAME",
        "store the run (default NAME: commit and time)",
        bare=checks.AUTOMATIC,
    ),
    Option(
        "autosave",
        "autosave",
        checks.one_of("false", "true"),
        "",
        "store the run under commit and time",
        switch=True,
    ),
    Option(
        "compare",
        "compare",
        checks.text,
        "RUN",
        "compare with a stored run, the role 'reference' of gates: number, name, path of a record, or "
        "latest, the newest whole run that passed its gates (default); latest-or-none: the same, and where none "
        "is stored yet gates on it wait",
        bare="latest",
    ),
    Option(
        "storage",
        "storage",
        checks.place(".medeval/runs"),
        "DIR",
        "where runs are stored (default: .medeval/runs)",
    ),
    Option(
        "judge",
        "judges",
        checks.texts,
        "SPEC",
        "a judge of free-text replies (Track B): a model as in --medeval-model; repeat it for a panel",
        repeat=True,
    ),
    Option(
        "rubric",
        "rubric_file",
        checks.readable,
        "FILE",
        "a TOML file with the dimensions to grade (default: accuracy, comprehensiveness, helpfulness, relevance)",
    ),
    Option(
        "judge-sample",
        "judge_sample",
        checks.whole(1),
        "N",
        "judge a seeded sample of N cases a suite, the same for both models",
    ),
    Option(
        "judge-budget",
        "judge_budget",
        checks.text,
        "N [tokens]",
        "stop asking a judge after N requests, or N tokens",
    ),
    Option(
        "judge-reference",
        "judge_reference",
        checks.yes_or_no,
        "yes|no",
        "whether a judge sees the right answer (default: yes)",
    ),
    Option(
        "judge-labels",
        "judge_labels",
        checks.readable,
        "FILE",
        "replies graded by people, with their texts: a judge that agrees with them may carry gates",
    ),
    Option(
        "judge-floor",
        "judge_floor",
        checks.share(0.4),
        "X",
        "least agreement with people of a judge that may carry gates: lower end of quadratic kappa or "
        "Krippendorff's alpha (default: 0.4)",
    ),
    Option(
        "judge-coverage",
        "judge_coverage",
        checks.share(0.95),
        "X",
        "least share of judged cases for a gate on a judge's metric (default: 0.95)",
    ),
    Option(
        "divergence",
        "divergence",
        checks.one_of("gate", "warn"),
        "gate|warn",
        "whether tracks that disagree make the run inconclusive, or are only reported (default: gate)",
    ),
    Option(
        "review",
        "review",
        checks.writable,
        "FILE",
        "write a page on which people grade pairs of replies blind, offline",
    ),
    Option("review-size", "review_size", checks.whole(1, 20), "N", "pairs on the review page (default: 20)"),
    Option(
        "human",
        "humans",
        checks.readables,
        "FILE",
        "ratings exported from a review page (Track C); repeat it for other raters",
        repeat=True,
    ),
    Option(
        "train-data",
        "train_data",
        checks.readables,
        "FILE",
        "a file that the candidate was tuned on: cases that stand in it are reported, and scored apart; "
        "repeat it for other files",
        repeat=True,
    ),
    Option(
        "leak-share",
        "leak_share",
        checks.share(0.01),
        "X",
        "share of leaked cases above which no gate of a suite passes (default: 0.01)",
    ),
    Option(
        "noise",
        "noise",
        checks.whole(1),
        "N",
        "measure the noise floor: N cases a suite are answered again in other ways (default N: 32)",
        bare="32",
    ),
    Option(
        "inconclusive",
        "inconclusive",
        checks.one_of("fail", "pass"),
        "pass|fail",
        "whether an inconclusive gate lets the run pass (default: fail)",
    ),
    Option(
        "allow-not-evaluated",
        "allow_not_evaluated",
        checks.names,
        "SUITE",
        "let a gate of this suite that could not be evaluated be skipped instead "
        "of failed; 'all' for every suite",
        repeat=True,
    ),
)

_ONCE = {option.flag for option in OPTIONS if not option.repeat and not option.switch}
_OVERRIDE = re.compile(r"(?:-o|--override-ini=)?(medeval_\w+)=")


def check_keys(keys: Iterable[str], known: Iterable[str]) -> None:
    """Refuse an ini key that begins as ours do and is none: a gate under a wrong name would be lost."""
    for key in sorted(keys):
        if key.lower().startswith("medeval"):
            raise MedevalError(accepted("ini key", key, known))


def check_once(where: str, arguments: Iterable[str]) -> None:
    """Refuse a value that is given twice in one place: one of the two would be lost.

    ``arguments``: those of the command line, of ``addopts``, or of ``PYTEST_ADDOPTS``; between these, the later wins.
    """
    seen = set()
    for argument in arguments:
        if argument == "--":
            return
        override = _OVERRIDE.match(argument)
        name = f"-o {override[1]}" if override else argument.partition("=")[0]
        if name in seen:
            raise MedevalError(f"{where}: {name} is given twice; accepted: once")
        if override or name in _ONCE:
            seen.add(name)
