"""The options, in one table: name, what it becomes, how its value is checked, help.

Checks of option values: raw text in, value out, or one line that says what is accepted.

A check is called with the option's spelling, its raw value (None where it was not given; a list where it may be
repeated) and the folder from which paths start.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from pytest_medeval.core.errors import MedevalError, Mistakes, accepted
from pytest_medeval.core.files import door as files
from pytest_medeval.core.thoughts import DEFAULT_TAGS, Tags, parse_tags

Check: TypeAlias = Callable[[str, Any, Path], Any]

AUTOMATIC = "auto"
"""The name of a stored run that is made of commit and time."""
MARGIN = "0.05"
"""By how much a tuned model may be worse than its base where nobody says: what some hundred paired cases can show."""


def day(flag: str, value: str | None, _root: Path) -> dt.date:
    """Read a day; today where none is named."""
    try:
        return dt.date.fromisoformat(value) if value else dt.datetime.now(dt.UTC).date()
    except ValueError:
        raise MedevalError(f"{flag}={value}: no day; accepted: YYYY-MM-DD") from None


def text(_flag: str, value: str | None, _root: Path) -> str | None:
    """Take it as it is."""
    return value


def texts(_flag: str, values: Sequence[str] | None, _root: Path) -> tuple[str, ...]:
    """Take all of them."""
    return tuple(values or ())


def names(_flag: str, values: Sequence[str] | None, _root: Path) -> frozenset[str]:
    """Take all of them, in no order."""
    return frozenset(values or ())


def whole(least: int, default: int | None = None, *, word: str = "") -> Check:
    """Accept a whole number from ``least``; ``word`` stands for the default."""

    def check(flag: str, value: object, _root: Path) -> int | None:
        if value is None or (word and value == word):
            return default
        found = str(value).strip()
        if not re.fullmatch(r"-?[0-9]{1,18}", found) or int(found) < least:
            also = f"{word} or " if word else ""
            raise MedevalError(f"{flag}={value}: accepted: {also}a whole number, {least} or more, up to 18 digits")
        return int(found)

    return check


def share(default: float) -> Check:
    """Accept a number from 0 to 1."""

    def check(flag: str, value: object, _root: Path) -> float:
        try:
            found = default if value is None else float(str(value))
        except ValueError:
            found = math.nan
        if not 0 <= found <= 1:
            raise MedevalError(f"{flag}={value}: accepted: a number from 0 to 1")
        return found

    return check


def margin(flag: str, value: str | None, _root: Path) -> float | None:
    """Accept a margin in the unit of a metric from 0 to 1."""
    try:
        found = None if value is None else float(value)
    except ValueError:
        found = math.nan
    if found is not None and not 0 < found < 1:
        raise MedevalError(
            f"{flag}={value}: accepted: a number above 0 and below 1, in the metric's own unit: two points are 0.02; "
            f"before a path write {flag}={MARGIN} instead of a bare {flag}"
        )
    return found


def one_of(default: str, *others: str) -> Check:
    """Accept one of some words, the first where none is given."""

    def check(flag: str, value: str | None, _root: Path) -> str:
        found = default if value is None else value
        if found not in (default, *others):
            raise MedevalError(f"{flag}: {accepted('value', found, (default, *others))}")
        return found

    return check


def yes_or_no(flag: str, value: str | None, root: Path) -> bool:
    """Accept ``yes``, which is the default, and ``no``."""
    return bool(one_of("yes", "no")(flag, value, root) == "yes")


def device(flag: str, value: str | None, _root: Path) -> str:
    """Accept a device in torch's words."""
    found = value or "auto"
    if found.split(":", maxsplit=1)[0] not in ("auto", "cpu", "cuda", "mps"):
        raise MedevalError(f"{flag}={found}: accepted: auto, cpu, cuda, cuda:N, mps")
    return found


def engine(flag: str, value: str | None, root: Path) -> str:
    """Accept ``local``, which is the default, and ``ray`` where it is installed."""
    found = str(one_of("local", "ray")(flag, value, root))
    if found == "ray" and importlib.util.find_spec("ray") is None:
        raise MedevalError(f"{flag}=ray needs ray: pip install 'pytest-medeval[ray]'")
    return found


def tags(flag: str, value: str | None, _root: Path) -> Tags:
    """Accept names of tags, and ``off`` for none."""
    try:
        return DEFAULT_TAGS if value is None else parse_tags(value)
    except MedevalError as mistake:
        raise MedevalError(f"{flag}={value}: {mistake}") from None


def run_name(flag: str, value: str | None, _root: Path) -> str | None:
    """Accept the name of a stored run."""
    if value is not None and not re.fullmatch(r"\w[\w.+-]{0,99}", value):
        raise MedevalError(
            f"{flag}={value}: accepted: up to 100 letters, digits, '_', '.', '+' and '-'; "
            "before a path write --medeval-autosave instead of a bare --medeval-save"
        )
    if value in ("latest", "latest-or-none"):
        raise MedevalError(f"{flag}={value}: means the newest run wherever one is named; accepted: another name")
    return value


def named(flag: str, value: str, root: Path) -> Path:
    """Make the path that an option names."""
    try:
        return files.place(value, root)
    except MedevalError as mistake:
        raise MedevalError(f"{flag}: {mistake}") from None


def place(default: str, *, off: bool = False) -> Check:
    """Accept a folder, which need not be there; ``off`` for none."""

    def check(flag: str, value: str | None, root: Path) -> Path | None:
        return None if off and value == "off" else named(flag, value or default, root)

    return check


def folder(flag: str, value: str | None, root: Path) -> Path | None:
    """Accept a folder that is there."""
    if value is None:
        return None
    path = named(flag, value, root)
    if not path.is_dir():
        raise MedevalError(f"{flag}: no folder {value!r}; accepted: a folder with one sub-folder a data set")
    return path


def readable(flag: str, value: str | None, root: Path) -> Path | None:
    """Accept a file that is there."""
    if value is None:
        return None
    path = named(flag, value, root)
    found = (wrong := files.no_file(path)) and f"is {wrong}" if path.exists() else "no such file"
    if found:
        raise MedevalError(f"{flag}={value}: {found}; accepted: a file that is there")
    return path


def readables(flag: str, values: Sequence[str] | None, root: Path) -> tuple[Path, ...]:
    """Accept files that are there."""
    return tuple(path for value in values or () if (path := readable(flag, value, root)))


def writable(flag: str, value: str | None, root: Path) -> Path | None:
    """Refuse at once a file that could not be written after hours of work."""
    if value is None:
        return None
    path = named(flag, value, root)
    if path.is_dir():
        raise MedevalError(f"{flag}={value}: is a folder; accepted: a file name")
    held = next(folder for folder in path.parents if folder.exists())  # what is missing is made before models are asked
    if not held.is_dir():
        raise MedevalError(f"{flag}={value}: {str(held)!r} is no folder; accepted: a file in a folder")
    return path


def named_files(flag: str, values: Sequence[str] | None, root: Path) -> tuple[tuple[str, Path], ...]:
    """Accept files that can be written, each with a name: ``NAME:FILE``."""
    pairs = [(value, *value.partition(":")[::2]) for value in values or ()]
    for value, name, file in pairs:
        if not (name and file):
            raise MedevalError(f"{flag}={value}: accepted: INK:FILE, such as markdown:summary.md")
    return tuple((name, path) for _, name, file in pairs if (path := writable(flag, file, root)))


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
    def shape(self) -> dict[str, str]:
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
        texts,
        "[TASK=]SPEC",
        "the candidate: a LoRA folder, a model folder or name, https://host/v1#name, "
        "or a .toml release manifest; repeat it for other tasks",
        repeat=True,
    ),
    Option(
        "baseline",
        "baselines",
        texts,
        "[TASK=]SPEC",
        "the model to compare with, or none (default: the adapter's own base)",
        repeat=True,
    ),
    Option("gate", "gates", texts, "[SUITE:]EXPR", "one gate more, such as 'mcq:accuracy >= 0.6'", repeat=True),
    Option("limit", "limit", whole(1), "N", "evaluate a seeded sample of N cases a suite"),
    Option(
        "looks",
        "looks",
        whole(1),
        "K",
        "looks at the cases of a suite that were planned: gates share their 5 % among them (O'Brien-Fleming), and "
        "nothing passes at one more (default: attempts are counted, and a pass of a later one is marked)",
    ),
    Option(
        "sequential",
        "sequential",
        one_of("false", "true"),
        "",
        "ask cases in seeded batches and stop as soon as every gate of a suite is decided, by intervals that hold at "
        "every look",
        switch=True,
    ),
    Option("seed", "seed", whole(0, 0), "S", "seed of samples, resampling and decoding (default: 0)"),
    Option("data", "data", folder, "DIR", "folder of published data sets that suites name as data:..."),
    Option("batch-size", "batch_size", whole(1, word="auto"), "N|auto", "requests a batch (default: auto, by memory)"),
    Option(
        "concurrency", "concurrency", whole(1, 32), "N", "requests to a server at once, of each process (default: 32)"
    ),
    Option(
        "rate",
        "rate",
        whole(1),
        "N",
        "requests to a server begun in a minute at most, of each process (default: no limit)",
    ),
    Option(
        "timeout",
        "timeout",
        whole(1, 120),
        "SECONDS",
        "how long one try of a request to a server may take (default: 120)",
    ),
    Option("device", "device", device, "NAME", "auto, cpu, cuda, cuda:N or mps (default: auto)"),
    Option("dtype", "dtype", one_of(*get_args(Dtype)), "NAME", "auto, float32, bfloat16 or float16 (default: auto)"),
    Option(
        "engine",
        "engine",
        engine,
        "local|ray",
        "where local models compute: in this process, or in replicas on the machines of a Ray cluster "
        "(RAY_ADDRESS; without it one is started here) (default: local)",
    ),
    Option(
        "replicas",
        "replicas",
        whole(1),
        "N",
        "model replicas of --medeval-engine=ray (default: one a GPU, or a machine)",
    ),
    Option(
        "cache",
        "cache",
        place(".medeval/cache", off=True),
        "DIR|off",
        "where replies are kept (default: .medeval/cache)",
    ),
    Option(
        "thoughts",
        "thoughts",
        tags,
        "TAGS|off",
        "what encloses a model's thoughts, which are no part of its reply: names of tags, or OPENING...CLOSING, with "
        f"commas between them (default: {','.join(DEFAULT_TAGS)})",
    ),
    Option("date", "date", day, "DAY", "the day that chat templates are told, YYYY-MM-DD (default: today)"),
    Option("json", "json", writable, "FILE", "write the run record"),
    Option(
        "html",
        "html",
        writable,
        "FILE",
        "write a page with verdict, metrics, figures and all cases, for those who decide on the release",
    ),
    Option(
        "markdown", "markdown", writable, "FILE", "write the summary as Markdown, for a merge request or a release page"
    ),
    Option("card", "card", writable, "FILE", "write metrics and intervals as a Hugging Face model card's model-index"),
    Option(
        "report",
        "reports",
        named_files,
        "INK:FILE",
        "write a report in any ink: html, markdown, card, text, or one of another plugin; repeatable",
        repeat=True,
    ),
    Option(
        "evidence",
        "evidence",
        writable,
        "FILE",
        "write record, suite manifests, verdicts and environment as canonical JSON with a SHA-256",
    ),
    Option("save", "save", run_name, "NAME", "store the run (default NAME: commit and time)", bare=AUTOMATIC),
    Option("autosave", "autosave", one_of("false", "true"), "", "store the run under commit and time", switch=True),
    Option(
        "compare",
        "compare",
        text,
        "RUN",
        "compare with a stored run, the role 'reference' of gates: number, name, path of a record, or "
        "latest, the newest whole run that passed its gates (default); latest-or-none: the same, and where none "
        "is stored yet gates on it wait",
        bare="latest",
    ),
    Option("storage", "storage", place(".medeval/runs"), "DIR", "where runs are stored (default: .medeval/runs)"),
    Option(
        "judge",
        "judges",
        texts,
        "SPEC",
        "a judge of free-text replies (Track B): a model as in --medeval-model; repeat it for a panel",
        repeat=True,
    ),
    Option(
        "rubric",
        "rubric_file",
        readable,
        "FILE",
        "a TOML file with the dimensions to grade (default: accuracy, comprehensiveness, helpfulness, relevance)",
    ),
    Option(
        "judge-sample",
        "judge_sample",
        whole(1),
        "N",
        "judge a seeded sample of N cases a suite, the same for both models",
    ),
    Option(
        "judge-style",
        "judge_style",
        text,
        "NAME",
        "how judges are asked: json (all grades at once), grades (one a request, by their probabilities), another "
        "plugin's style, or auto (default): by what each judge can do",
    ),
    Option("judge-budget", "judge_budget", text, "N [tokens]", "stop asking a judge after N requests, or N tokens"),
    Option(
        "judge-reference",
        "judge_reference",
        yes_or_no,
        "yes|no",
        "whether a judge sees the right answer (default: yes)",
    ),
    Option(
        "judge-labels",
        "judge_labels",
        readable,
        "FILE",
        "replies graded by people, with their texts: a judge that agrees with them may carry gates",
    ),
    Option(
        "judge-floor",
        "judge_floor",
        share(0.4),
        "X",
        "least agreement with people of a judge that may carry gates: lower end of quadratic kappa or "
        "Krippendorff's alpha (default: 0.4)",
    ),
    Option(
        "judge-coverage",
        "judge_coverage",
        share(0.95),
        "X",
        "least share of judged cases for a gate on a judge's metric (default: 0.95)",
    ),
    Option(
        "divergence",
        "divergence",
        one_of("gate", "warn"),
        "gate|warn",
        "whether tracks that disagree make the run inconclusive, or are only reported (default: gate)",
    ),
    Option("review", "review", writable, "FILE", "write a page on which people grade pairs of replies blind, offline"),
    Option("review-size", "review_size", whole(1, 20), "N", "pairs on the review page (default: 20)"),
    Option(
        "human",
        "humans",
        readables,
        "FILE",
        "ratings exported from a review page (Track C); repeat it for other raters",
        repeat=True,
    ),
    Option(
        "train-data",
        "train_data",
        readables,
        "FILE",
        "a file that the candidate was tuned on: cases that stand in it are reported, and scored apart; "
        "repeat it for other files",
        repeat=True,
    ),
    Option(
        "exclude-trained",
        "exclude_trained",
        one_of("false", "true"),
        "",
        "leave out cases that the candidate was trained on, as its provenance or --medeval-train-data says",
        switch=True,
    ),
    Option(
        "retention",
        "retention",
        margin,
        "MARGIN",
        "every suite that the candidate was not tuned for must be shown not worse than the baseline by this margin of "
        f"its headline metric, in the metric's own unit (default MARGIN: {MARGIN}, five points)",
        bare=MARGIN,
    ),
    Option(
        "leak-share",
        "leak_share",
        share(0.01),
        "X",
        "share of leaked cases above which no gate of a suite passes (default: 0.01)",
    ),
    Option(
        "noise",
        "noise",
        whole(1),
        "N",
        "measure the noise floor: N cases a suite are answered again in other ways (default N: 32)",
        bare="32",
    ),
    Option(
        "inconclusive",
        "inconclusive",
        one_of("fail", "pass"),
        "pass|fail",
        "whether an inconclusive gate lets the run pass (default: fail)",
    ),
    Option(
        "allow-not-evaluated",
        "allow_not_evaluated",
        names,
        "SUITE",
        "let a gate of this suite that could not be evaluated be skipped instead of failed; 'all' for every suite",
        repeat=True,
    ),
)

_ONCE = {option.flag for option in OPTIONS if not option.repeat and not option.switch}
_OVERRIDE = re.compile(r"(?:-o|--override-ini=)?(medeval_\w+)=")


def check_keys(keys: Iterable[str], known: Iterable[str], mistakes: Mistakes) -> None:
    """Refuse an ini key that begins as ours do and is none: a gate under a wrong name would be lost."""
    for key in sorted(keys):
        with mistakes:
            if key.lower().startswith("medeval"):
                raise MedevalError(accepted("ini key", key, known))


def check_once(where: str, arguments: Iterable[str], mistakes: Mistakes) -> None:
    """Refuse a value that is given twice in one place: one of the two would be lost.

    ``arguments``: those of the command line, of ``addopts``, or of ``PYTEST_ADDOPTS``; between these, the later wins.
    """
    seen = set()
    for argument in arguments:
        if argument == "--":
            return
        override = _OVERRIDE.match(argument)
        name = f"-o {override[1]}" if override else argument.partition("=")[0]
        with mistakes:
            if name in seen:
                raise MedevalError(f"{where}: {name} is given twice; accepted: once")
        if override or name in _ONCE:
            seen.add(name)
