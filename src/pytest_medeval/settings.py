"""The options: their names, help and checks, in one table; a frozen ``Settings`` comes out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pytest_medeval.errors import MedevalError, accepted

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


AUTOMATIC = "auto"
"""The name of a stored run that is made of commit and time."""

OPTIONS = (
    Option("model", "[TASK=]SPEC", "the candidate: a LoRA folder, a model folder or name, https://host/v1#name, "
           "or a .toml release manifest; repeat it for other tasks", repeat=True),
    Option("baseline", "[TASK=]SPEC", "the model to compare with, or none (default: the adapter's own base)", repeat=True),
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
    Option("evidence", "FILE", "write record, suite manifests, verdicts and environment as canonical JSON with a SHA-256"),
    Option("save", "NAME", "store the run (default NAME: commit and time)", bare=AUTOMATIC),
    Option("autosave", "", "store the run under commit and time", switch=True),
    Option("compare", "RUN", "compare with a stored run, the role 'reference' of gates: number, name, path of a record, or "
           "latest, the newest whole run that passed its gates (default)", bare="latest"),
    Option("storage", "DIR", "where runs are stored (default: .medeval/runs)"),
    Option("inconclusive", "pass|fail", "whether an inconclusive gate lets the run pass (default: fail)"),
    Option("allow-not-evaluated", "SUITE", "let a gate of this suite that could not be evaluated be skipped instead "
           "of failed; 'all' for every suite", repeat=True),
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
    dtype: str
    cache: Path | None
    json: Path | None
    markdown: Path | None
    card: Path | None
    evidence: Path | None
    save: str | None
    compare: str | None
    storage: Path
    inconclusive: str
    allow_not_evaluated: frozenset[str]

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
        raise MedevalError(f"--medeval-data: no folder {data!r}; accepted: a folder with one sub-folder a data set")
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
        dtype=_one_of("--medeval-dtype", raw["dtype"] or "auto", ("auto", "float32", "bfloat16", "float16")),
        cache=None if cache == "off" else root / cache,
        json=_writable("--medeval-json", raw["json"], root),
        markdown=_writable("--medeval-markdown", raw["markdown"], root),
        card=_writable("--medeval-card", raw["card"], root),
        evidence=_writable("--medeval-evidence", raw["evidence"], root),
        save=_save(raw["save"], raw["autosave"]),
        compare=raw["compare"],
        storage=root / (raw["storage"] or ".medeval/runs"),
        inconclusive=_one_of("--medeval-inconclusive", raw["inconclusive"] or "fail", ("pass", "fail")),
        allow_not_evaluated=frozenset(raw["allow-not-evaluated"] or ()),
    )


def _save(name: str | None, automatic: str | None) -> str | None:
    """Take the name under which the run is stored, ``AUTOMATIC``, or None."""
    asked = _one_of("medeval_autosave", automatic or "false", ("true", "false")) == "true"
    if name is None or name == AUTOMATIC:
        return AUTOMATIC if asked or name else None
    if not re.fullmatch(r"\w[\w.+-]{0,99}", name):
        raise MedevalError(f"--medeval-save={name}: accepted: up to 100 letters, digits, '_', '.', '+' and '-'; "
                           "before a path write --medeval-autosave instead of a bare --medeval-save")
    return name


def _whole(flag: str, value: object, least: int, also: str = "") -> int | None:
    if value is None:
        return None
    text = str(value).strip()
    if not text.lstrip("-").isdigit() or int(text) < least:
        raise MedevalError(f"{flag}={value}: accepted: {also}a whole number, {least} or more")
    return int(text)


def number(what: str, value: object) -> float:
    """Read a finite number."""
    try:
        result = float(str(value))
    except ValueError:
        result = math.nan
    if not math.isfinite(result):
        raise MedevalError(f"{what}: {value!r} is not a finite number")
    return result


def _one_of(flag: str, value: str, names: Sequence[str]) -> str:
    if value not in names:
        raise MedevalError(f"{flag}: {accepted('value', value, names)}")
    return value


def _device(value: str) -> str:
    if value.split(":")[0] not in ("auto", "cpu", "cuda", "mps"):
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
