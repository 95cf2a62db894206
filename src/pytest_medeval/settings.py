"""The options: their names, help and checks, in one table; a frozen ``Settings`` comes out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from pytest_medeval.errors import MedevalError, accepted

if TYPE_CHECKING:
    from pytest_medeval.metrics.rubric import Rubric


@dataclass(frozen=True, slots=True)
class Option:
    """One ``--medeval-NAME`` and the ini key ``medeval_NAME``."""

    name: str
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


Dtype: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]

AUTOMATIC = "auto"
"""The name of a stored run that is made of commit and time."""

OPTIONS = (
    Option(
        "model",
        "[TASK=]SPEC",
        "the candidate: a LoRA folder, a model folder or name, https://host/v1#name, "
        "or a .toml release manifest; repeat it for other tasks",
        repeat=True,
    ),
    Option(
        "baseline",
        "[TASK=]SPEC",
        "the model to compare with, or none (default: the adapter's own base)",
        repeat=True,
    ),
    Option("gate", "[SUITE:]EXPR", "one gate more, such as 'mcq:accuracy >= 0.6'", repeat=True),
    Option("limit", "N", "evaluate a seeded sample of N cases a suite"),
    Option("seed", "S", "seed of samples, resampling and decoding (default: 0)"),
    Option("data", "DIR", "folder of published data sets that suites name as data:..."),
    Option("batch-size", "N|auto", "requests a batch (default: auto, by memory)"),
    Option("device", "NAME", "auto, cpu, cuda, cuda:N or mps (default: auto)"),
    Option("dtype", "NAME", "auto, float32, bfloat16 or float16 (default: auto)"),
    Option("cache", "DIR|off", "where replies are kept (default: .medeval/cache)"),
    Option("json", "FILE", "write the run record"),
    Option("markdown", "FILE", "write the summary as Markdown, for a merge request or a release page"),
    Option("card", "FILE", "write metrics and intervals as a Hugging Face model card's model-index"),
    Option(
        "evidence",
        "FILE",
        "write record, suite manifests, verdicts and environment as canonical JSON with a SHA-256",
    ),
    Option("save", "NAME", "store the run (default NAME: commit and time)", bare=AUTOMATIC),
    Option("autosave", "", "store the run under commit and time", switch=True),
    Option(
        "compare",
        "RUN",
        "compare with a stored run, the role 'reference' of gates: number, name, path of a record, or "
        "latest, the newest whole run that passed its gates (default)",
        bare="latest",
    ),
    Option("storage", "DIR", "where runs are stored (default: .medeval/runs)"),
    Option(
        "judge",
        "SPEC",
        "a judge of free-text replies (Track B): a model as in --medeval-model; repeat it for a panel",
        repeat=True,
    ),
    Option(
        "rubric",
        "FILE",
        "a TOML file with the dimensions to grade (default: accuracy, comprehensiveness, helpfulness, relevance)",
    ),
    Option("judge-sample", "N", "judge a seeded sample of N cases a suite, the same for both models"),
    Option("judge-budget", "N [tokens]", "stop asking a judge after N requests, or N tokens"),
    Option("judge-reference", "yes|no", "whether a judge sees the right answer (default: yes)"),
    Option(
        "judge-labels",
        "FILE",
        "replies graded by people, with their texts: a judge that agrees with them may carry gates",
    ),
    Option(
        "judge-floor",
        "X",
        "least agreement with people of a judge that may carry gates: lower end of quadratic kappa or "
        "Krippendorff's alpha (default: 0.4)",
    ),
    Option(
        "judge-coverage", "X", "least share of judged cases for a gate on a judge's metric (default: 0.95)"
    ),
    Option(
        "divergence",
        "gate|warn",
        "whether tracks that disagree make the run inconclusive, or are only reported (default: gate)",
    ),
    Option("review", "FILE", "write a page on which people grade pairs of replies blind, offline"),
    Option("review-size", "N", "pairs on the review page (default: 20)"),
    Option(
        "human",
        "FILE",
        "ratings exported from a review page (Track C); repeat it for other raters",
        repeat=True,
    ),
    Option(
        "train-data",
        "FILE",
        "a file that the candidate was tuned on: cases that stand in it are reported, and scored apart; "
        "repeat it for other files",
        repeat=True,
    ),
    Option("leak-share", "X", "share of leaked cases above which no gate of a suite passes (default: 0.01)"),
    Option(
        "noise",
        "N",
        "measure the noise floor: N cases a suite are answered again in other ways (default N: 32)",
        bare="32",
    ),
    Option("inconclusive", "pass|fail", "whether an inconclusive gate lets the run pass (default: fail)"),
    Option(
        "allow-not-evaluated",
        "SUITE",
        "let a gate of this suite that could not be evaluated be skipped instead "
        "of failed; 'all' for every suite",
        repeat=True,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the user asked for, checked."""

    root: Path
    models: Sequence[str]
    baselines: Sequence[str]
    gates: Sequence[str]
    limit: int | None
    seed: int
    data: Path | None
    batch_size: int | None
    device: str
    dtype: Dtype
    cache: Path | None
    json: Path | None
    markdown: Path | None
    card: Path | None
    evidence: Path | None
    save: str | None
    compare: str | None
    storage: Path
    judges: Sequence[str]
    rubric_file: Path | None
    judge_sample: int | None
    judge_budget: str | None
    judge_reference: bool
    judge_labels: Path | None
    judge_floor: float
    judge_coverage: float
    divergence: str
    review: Path | None
    review_size: int
    humans: Sequence[Path]
    train_data: Sequence[Path]
    leak_share: float
    noise: int | None
    inconclusive: str
    allow_not_evaluated: frozenset[str]

    def rubric(self) -> Rubric:
        """Load what judges and people grade."""
        from pytest_medeval.metrics.rubric import DEFAULT_RUBRIC, load_rubric

        return DEFAULT_RUBRIC if self.rubric_file is None else load_rubric(self.rubric_file)

    def gate_outcome(self, suite: str, verdict: str) -> Literal["passed", "failed", "skipped"]:
        """Say what a verdict means for the run: nothing but ``pass`` lets it pass unless the user said so."""
        if verdict == "pass" or (verdict == "inconclusive" and self.inconclusive == "pass"):
            return "passed"
        allowed = verdict == "not evaluated" and not self.allow_not_evaluated.isdisjoint({suite, "all"})
        return "skipped" if allowed else "failed"


def read_settings(get: Callable[[Option], Any], root: Path) -> Settings:
    """Check every option's value; ``get`` gives the raw text, a list of texts, or None."""
    raw = {option.name: get(option) for option in OPTIONS}
    limit = _whole("--medeval-limit", raw["limit"], 1)
    batch = raw["batch-size"]
    data = raw["data"]
    if data is not None and not (root / data).is_dir():
        raise MedevalError(
            f"--medeval-data: no folder {data!r}; accepted: a folder with one sub-folder a data set"
        )
    cache = raw["cache"] or ".medeval/cache"
    return Settings(
        root=root,
        models=tuple(raw["model"] or ()),
        baselines=tuple(raw["baseline"] or ()),
        gates=tuple(raw["gate"] or ()),
        limit=limit,
        seed=_whole("--medeval-seed", raw["seed"], 0) or 0,
        data=None if data is None else root / data,
        batch_size=None if batch in (None, "auto") else _whole("--medeval-batch-size", batch, 1, "auto or "),
        device=_device(raw["device"] or "auto"),
        dtype=_one_of("--medeval-dtype", raw["dtype"] or "auto", get_args(Dtype)),
        cache=None if cache == "off" else root / cache,
        json=_writable("--medeval-json", raw["json"], root),
        markdown=_writable("--medeval-markdown", raw["markdown"], root),
        card=_writable("--medeval-card", raw["card"], root),
        evidence=_writable("--medeval-evidence", raw["evidence"], root),
        save=_save(raw["save"], raw["autosave"]),
        compare=raw["compare"],
        storage=root / (raw["storage"] or ".medeval/runs"),
        judges=tuple(raw["judge"] or ()),
        rubric_file=_readable("--medeval-rubric", raw["rubric"], root),
        judge_sample=_whole("--medeval-judge-sample", raw["judge-sample"], 1),
        judge_budget=raw["judge-budget"],
        judge_reference=_one_of("--medeval-judge-reference", raw["judge-reference"] or "yes", ("yes", "no"))
        == "yes",
        judge_labels=_readable("--medeval-judge-labels", raw["judge-labels"], root),
        judge_floor=_share("--medeval-judge-floor", raw["judge-floor"], 0.4),
        judge_coverage=_share("--medeval-judge-coverage", raw["judge-coverage"], 0.95),
        divergence=_one_of("--medeval-divergence", raw["divergence"] or "gate", ("gate", "warn")),
        review=_writable("--medeval-review", raw["review"], root),
        review_size=_whole("--medeval-review-size", raw["review-size"], 1) or 20,
        humans=tuple(
            path for file in raw["human"] or () if (path := _readable("--medeval-human", file, root))
        ),
        train_data=tuple(
            path
            for file in raw["train-data"] or ()
            if (path := _readable("--medeval-train-data", file, root))
        ),
        leak_share=_share("--medeval-leak-share", raw["leak-share"], 0.01),
        noise=_whole("--medeval-noise", raw["noise"], 1),
        inconclusive=_one_of("--medeval-inconclusive", raw["inconclusive"] or "fail", ("pass", "fail")),
        allow_not_evaluated=frozenset(raw["allow-not-evaluated"] or ()),
    )


def _save(name: str | None, automatic: str | None) -> str | None:
    """Take the name under which the run is stored, ``AUTOMATIC``, or None."""
    asked = _one_of("medeval_autosave", automatic or "false", ("true", "false")) == "true"
    if name is None or name == AUTOMATIC:
        return AUTOMATIC if asked or name else None
    if not re.fullmatch(r"\w[\w.+-]{0,99}", name):
        raise MedevalError(
            f"--medeval-save={name}: accepted: up to 100 letters, digits, '_', '.', '+' and '-'; "
            "before a path write --medeval-autosave instead of a bare --medeval-save"
        )
    return name


def _whole(flag: str, value: object, least: int, also: str = "") -> int | None:
    if value is None:
        return None
    text = str(value).strip()
    if not text.lstrip("-").isdigit() or int(text) < least:
        raise MedevalError(f"{flag}={value}: accepted: {also}a whole number, {least} or more")
    return int(text)


def _share(flag: str, value: object, default: float) -> float:
    """Read a number from 0 to 1."""
    try:
        found = default if value is None else float(str(value))
    except ValueError:
        found = math.nan
    if not 0 <= found <= 1:
        raise MedevalError(f"{flag}={value}: accepted: a number from 0 to 1")
    return found


def _readable(flag: str, value: str | None, root: Path) -> Path | None:
    if value is None:
        return None
    if not (root / value).is_file():
        raise MedevalError(f"{flag}={value}: no such file")
    return root / value


def _one_of(flag: str, value: Any, names: Sequence[str]) -> Any:
    if value not in names:
        raise MedevalError(f"{flag}: {accepted('value', value, names)}")
    return value


def _device(value: str) -> str:
    if value.split(":", maxsplit=1)[0] not in ("auto", "cpu", "cuda", "mps"):
        raise MedevalError(f"--medeval-device={value}: accepted: auto, cpu, cuda, cuda:N, mps")
    return value


def _writable(flag: str, value: str | None, root: Path) -> Path | None:
    """Refuse at once a file that could not be written after hours of work."""
    if value is None:
        return None
    path = root / value
    if path.is_dir():
        raise MedevalError(f"{flag}={value}: is a folder; accepted: a file name")
    if not path.parent.is_dir():
        raise MedevalError(f"{flag}={value}: no folder {str(path.parent)!r} to write it in")
    return path
