"""What a user writes: a suite, which is checked when it is collected and not when it is defined."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_medeval.core.errors import MedevalError, Mistakes, accepted
from pytest_medeval.core.types import Case, Metric, Skip, Source, bias_of, plain

if TYPE_CHECKING:
    from pytest_medeval.core.record import PartRecord, TunedFor
    from pytest_medeval.core.settings import RunSettings
    from pytest_medeval.core.types import Request
    from pytest_medeval.tasks import Task
    from pytest_medeval.tasks.cases.columns import Columns
    from pytest_medeval.tasks.cases.shots import Shots
    from pytest_medeval.verdicts.clusters import Declared
    from pytest_medeval.verdicts.gates.grammar import Gate
    from pytest_medeval.verdicts.leakage import TrainedOn

DATA = "data:"
"""Prefix of case files that lie under ``--medeval-data``."""
GROUP, AUTO = "group", "auto"
"""The key by which cases name what they share; what a suite that says nothing of its clusters says."""
ARGUMENTS = frozenset(
    {
        "cases",
        "gates",
        "name",
        "format",
        "columns",
        "pairs",
        "metrics",
        "shots",
        "shots_from",
        "shots_by",
        "cluster",
        "cluster_reason",
        "part",
        "dev_share",
        "dev_count",
    }
)
"""What every suite may say, whatever its task."""


class Suite:
    """Cases of one task, with how they are asked, scored and gated.

    ``cases`` is a file, a glob or a list of them, relative to the file that defines the suite, or ``data:PATH``
    below ``--medeval-data``. ``format`` names a published format where the keys do not tell it; ``columns`` maps the
    keys of a case to the columns of files of any other layout (``{"question": "stem"}``). ``pairs="complete"``
    scores only cases that candidate and baseline both answered in full (S1's filter). ``metrics`` chooses other
    metrics than the task's own. ``shots`` examples of the file ``shots_from`` (read like ``cases``) stand before each
    case: the same ones, drawn by the run's seed (``shots_by="seed"``), or for each case those with the most similar
    question (``"similarity"``). ``cluster`` names by what cases depend on each other: a tag, ``"group"`` (the key of
    the cases), ``"content"`` (what is asked), or None with a ``cluster_reason``; unsaid, it is the cases' key
    ``group``, else what is found. ``part`` is ``"dev"`` or ``"train"`` of the files, as a recipe with the same
    ``dev_share`` or ``dev_count`` divides them: a suite of the dev part asks nothing that was trained on. All other
    keyword arguments are options of the task.

    Nothing is checked here: a mistake is reported at collection with the file and line of the definition.
    """

    def __init__(
        self,
        /,
        task: str,
        cases: str | Sequence[str] = (),
        *,
        gates: Sequence[str] = (),
        name: str | None = None,
        format: str | None = None,  # noqa: A002 - the word of the design
        columns: Columns | None = None,
        pairs: str = "all",
        metrics: Sequence[str] | None = None,
        shots: int = 0,
        shots_from: str | None = None,
        shots_by: str = "seed",
        cluster: str | None = AUTO,
        cluster_reason: str = "",
        part: str = "all",
        dev_share: float = 0.0,
        dev_count: int = 0,
        **options: object,
    ) -> None:
        caller = sys._getframe(1)  # noqa: SLF001 - the only way to name the line of the definition
        self.source = Source(caller.f_code.co_filename, caller.f_lineno)
        self.task = task
        self.cases = (cases,) if isinstance(cases, str) else cases
        self.gates = gates
        self.name = name
        self.format = format
        self.columns = columns
        self.pairs = pairs
        self.metrics = metrics
        self.shots = shots
        self.shots_from = shots_from
        self.shots_by = shots_by
        self.cluster = cluster
        self.cluster_reason = cluster_reason
        self.part = part
        self.dev_share = dev_share
        self.dev_count = dev_count
        self.options = options
        self.lines: Mapping[str, int] = {}

    def at(self, argument: str) -> Source:
        """Say where an argument stands: its own line in YAML, else that of the definition."""
        return Source(self.source.file, self.lines.get(argument, self.source.line))

    def __repr__(self) -> str:
        return f"Suite({self.name or self.task!r}, defined at {self.source})"


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A suite that passed its checks, with its cases read."""

    name: str
    source: Source
    task: Task
    cases: tuple[Case, ...]
    total: int
    """Cases in the files, or in what of them may be asked, before ``--medeval-limit``."""
    skips: tuple[Skip, ...]
    gates: tuple[Gate, ...]
    metrics: tuple[Metric, ...]
    pairs: str
    signature: str
    shots: Shots | None = None
    cluster: Declared | None = None
    """What it says of its clusters; None where it says nothing."""
    part: PartRecord | None = None
    """What of the files is asked; None where it is all."""
    trained: TrainedOn | None = None
    """What the candidate was trained on of the cases that are asked; None where nothing says so."""
    left_out: TrainedOn | None = None
    """What ``--medeval-exclude-trained`` left out."""
    retention: TunedFor | None = None
    """What the candidate must not have lost, where that was asked."""
    seed: int = 0
    """Of the run; where replies are drawn, each case makes its own of it."""

    def requests(self, cases: Sequence[Case]) -> list[tuple[Request, ...]]:
        """Say what to ask of a model for each case, the suite's examples included."""
        from pytest_medeval.tasks.base import (
            draws_of,  # tasks are needed only with a suite
            requests_of,  # likewise
            seeded,  # likewise
        )
        from pytest_medeval.tasks.cases.shots import with_turns  # likewise

        draws = range(draws_of(self.task))
        bare = [
            tuple(seeded(one, self.seed, case.id, draw) for draw in draws for one in requests_of(self.task, case))
            for case in cases
        ]
        if self.shots is None:
            return bare
        turns = self.shots.turns(self.task, cases)
        return [tuple(with_turns(request, shown) for request in some) for some, shown in zip(bare, turns, strict=True)]

    def case(self, name: str) -> Case:
        """Find a case by id."""
        return next(case for case in self.cases if case.id == name)


def default_name(path: Path) -> str:
    """Name a suite by its file: the stem without ``test_`` and ``.medeval``."""
    return path.name.removesuffix(".py").removesuffix(".yaml").removesuffix(".medeval").removeprefix("test_")


def resolve(suite: Suite, settings: RunSettings) -> Resolved:
    """Check a suite's arguments and read its cases; ``MedevalError`` names the line of its definition."""
    from pytest_medeval.tasks.cases import read_files

    task = make_task(suite)
    folder = Path(suite.source.file).parent
    if not suite.cases:
        raise MedevalError(f"{suite.source}: the suite names no cases; accepted: a file, a glob, or a list of them")
    try:
        paths = [path for pattern in suite.cases for path in _expand(pattern, folder, settings)]
    except MedevalError as mistake:
        raise MedevalError(f"{suite.source}: {mistake}") from None
    cases, skips = read_files(paths, task, suite.format, _mapped(suite))
    return finish(suite, task, cases, skips, settings)


def _mapped(suite: Suite) -> Columns | None:
    """Check a suite's map of columns; it stands in for a format."""
    from pytest_medeval.tasks.cases.columns import check_columns

    if suite.columns is None:
        return None
    try:
        if suite.format is not None:
            raise MedevalError(f"columns beside format={suite.format!r}; accepted: one of them")
        return check_columns(suite.columns)
    except MedevalError as mistake:
        raise MedevalError(f"{suite.at('columns')}: {mistake}") from None


def finish(suite: Suite, task: Task, cases: Sequence[Case], skips: Sequence[Skip], settings: RunSettings) -> Resolved:
    """Draw the declared sample and check gates and metrics against the task."""
    from pytest_medeval.tasks.base import Fitting
    from pytest_medeval.tasks.cases.split import subset

    seen: dict[str, Case] = {}
    for case in cases:
        if case.id in seen:
            raise MedevalError(
                f"{case.source}: id {case.id!r} is already used at {seen[case.id].source}; ids are unique in a suite"
            )
        seen[case.id] = case
    if not cases:
        raise MedevalError(f"{suite.source}: the suite has no usable case ({len(skips)} skipped)")
    if suite.pairs not in ("all", "complete"):
        raise MedevalError(f"{suite.source}: {accepted('pairs', suite.pairs, ('all', 'complete'))}")
    name = suite.name or default_name(Path(suite.source.file))
    whole, cases = len(cases), _part(suite, cases)
    trained, left_out = _trained(suite, name, task, cases, settings)
    gone = {leak["id"] for leak in left_out["leaks"]} if left_out else ()
    kept = [case for case in cases if case.id not in gone]
    chosen = subset(kept, settings.limit or 0, settings.seed)
    try:
        task = task.fitted(cases) if isinstance(task, Fitting) else task
    except MedevalError as mistake:
        raise MedevalError(f"{suite.source}: {mistake}") from None
    metrics, gates = _measures(suite, task, cases, settings)
    shots = _shots(suite, task, cases, settings)
    made = Resolved(
        name=name,
        source=suite.source,
        task=task,
        cases=tuple(chosen),
        total=len(kept),
        skips=tuple(skips),
        gates=gates,
        metrics=metrics,
        pairs=suite.pairs,
        signature=fingerprint(task, chosen, shots),
        shots=shots,
        cluster=_clusters(suite, chosen),
        part=_part_record(suite, whole) if suite.part != "all" else None,
        trained=trained,
        left_out=left_out,
        seed=settings.seed,
    )
    return made if settings.retention is None else _retaining(made, settings.retention, settings)


def _retaining(suite: Resolved, margin: float, settings: RunSettings) -> Resolved:
    """Add the gate by which the suite must be as good as with the candidate's base, unless it was tuned for it.

    Judged is the headline metric, or where the suite leaves it out the first that can be compared.
    """
    from pytest_medeval.runs.trained import tuned_for
    from pytest_medeval.verdicts.gates.grammar import parse_gate

    names = [one.name for one in suite.metrics if one.direction and not bias_of(one)]
    if not names:
        raise MedevalError(f"{suite.source}: --medeval-retention: the suite has no metric that can be compared")
    metric = suite.task.headline if suite.task.headline in names else names[0]
    known, tuned = tuned_for(suite.name, suite.task, suite.cases, settings, trained=suite.trained, total=suite.total)
    if tuned:
        return replace(suite, retention={"metric": metric, "known": known, "tuned": tuned})
    gate = parse_gate(f"{metric} not worse than baseline by {margin}")
    return with_gates(replace(suite, retention={"metric": metric, "known": known, "gate": str(gate)}), [gate], settings)


def _trained(
    suite: Suite, name: str, task: Task, cases: Sequence[Case], settings: RunSettings
) -> tuple[TrainedOn | None, TrainedOn | None]:
    """Say which cases the candidate was trained on, and which of them are left out because of it."""
    if not settings.models:
        return None, None
    from pytest_medeval.runs.trained import to_leave_out, trained_on

    known = trained_on(name, task, cases, settings)
    if settings.exclude_trained != "true":
        return known, None
    left_out = to_leave_out(task, cases, known, settings)
    if len(left_out["leaks"]) == len(cases):
        told = f"the candidate was trained on all {len(cases)} cases, say {', '.join(left_out['files'])}"
        raise MedevalError(
            f"{suite.source}: {told}; accepted: a suite with others, or without --medeval-exclude-trained"
        )
    return known and {**known, "leaks": []}, left_out


def _part_record(suite: Suite, whole: int) -> PartRecord:
    return {"name": suite.part, "of": whole, "dev_share": float(suite.dev_share), "dev_count": suite.dev_count}


def _part(suite: Suite, cases: Sequence[Case]) -> list[Case]:
    """Take the part of the files that a suite asks."""
    from pytest_medeval.tasks.cases.split import part_of

    try:
        found = part_of(cases, suite.part, suite.dev_share, suite.dev_count)
    except MedevalError as mistake:
        raise MedevalError(f"{suite.at('part')}: {mistake}") from None
    if not found:
        raise MedevalError(
            f"{suite.at('part')}: part {suite.part!r} of {len(cases)} cases is empty; accepted: another size"
        )
    return found


def _clusters(suite: Suite, cases: Sequence[Case]) -> Declared | None:
    """Read what a suite says of its clusters; every case has the tag that it names."""
    from pytest_medeval.core.signature import case_signature
    from pytest_medeval.verdicts.clusters import CONTENT, Declared

    name, reason = suite.cluster, suite.cluster_reason
    if not isinstance(name, str | None) or not isinstance(reason, str) or bool(reason.strip()) != (name is None):
        raise MedevalError(
            f"{suite.source}: cluster is {name!r} and cluster_reason {reason!r}; "
            "accepted: a name alone, or None and the reason why no case depends on another"
        )
    groups = {case.id: case.group for case in cases if case.group is not None}
    if name is None:
        return Declared(name=None, reason=reason.strip(), labels={})
    if name in (AUTO, GROUP) and groups:
        return Declared(name=GROUP, reason="", labels=groups)
    if name == AUTO:
        return None
    if name == CONTENT:
        return Declared(name=name, reason="", labels={case.id: case_signature(case) for case in cases})
    tags = {tag for case in cases for tag in case.tags}
    if name not in tags:
        raise MedevalError(f"{suite.source}: {accepted('cluster', name, {*tags, GROUP, CONTENT})}")
    for case in cases:
        if name not in case.tags:
            raise MedevalError(f"{case.source}: case {case.id!r} has no tag {name!r}, by which its suite is clustered")
    return Declared(name=name, reason="", labels={case.id: case.tags[name] for case in cases})


def make_task(suite: Suite) -> Task:
    """Build the task with the suite's options."""
    from pytest_medeval.tasks.making import make

    _check_arguments(suite)
    try:
        return make(suite.task, suite.options, Path(suite.source.file).parent, beside=ARGUMENTS)
    except MedevalError as mistake:
        raise MedevalError(f"{suite.source}: {mistake}") from None


_TEXT = "a text"
_TEXTS = "a list of texts"
_ARGUMENTS = {
    "task": (_TEXT,),
    "cases": (_TEXTS,),
    "gates": (_TEXTS,),
    "name": (_TEXT, "nothing"),
    "format": (_TEXT, "nothing"),
    "pairs": (_TEXT,),
    "metrics": (_TEXTS, "nothing"),
}


def _check_arguments(suite: Suite) -> None:
    """Hold what every suite may say against its type; mistakes are told together."""
    mistakes = Mistakes()
    for name, kinds in _ARGUMENTS.items():
        value = getattr(suite, name)
        texts = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        found = _TEXT if isinstance(value, str) else _TEXTS if texts else "nothing" if value is None else ""
        with mistakes:
            if found not in kinds or (name == "name" and value is not None and not value.strip()):
                wanted = f"{' or '.join(kinds)}{_EXAMPLES.get(name, '')}"
                raise MedevalError(f"{suite.at(name)}: {name} is {value!r}; accepted: {wanted}")
    mistakes.tell()


_EXAMPLES = {"gates": " such as 'accuracy >= 0.6'"}


def _expand(pattern: str, folder: Path, settings: RunSettings) -> list[Path]:
    from pytest_medeval.tasks.cases import expand

    if not pattern.startswith(DATA):
        return list(expand([pattern], folder))
    if settings.data is None:
        raise MedevalError(f"cases {pattern!r} need --medeval-data=DIR (ini medeval_data)")
    return list(expand([pattern.removeprefix(DATA)], settings.data))


def _shots(suite: Suite, task: Task, cases: Sequence[Case], settings: RunSettings) -> Shots | None:
    """Read the examples of a suite; none of them is a case of its files, sampled or not."""
    if suite.shots == 0 and suite.shots_from is None:
        return None
    from pytest_medeval.tasks.cases import read_files
    from pytest_medeval.tasks.cases.shots import Shots, check_shots, draw, usable

    try:
        count, file, by, shown = check_shots(suite.shots, suite.shots_from, suite.shots_by, task)
        paths = _expand(file, Path(suite.source.file).parent, settings)
    except MedevalError as mistake:
        raise MedevalError(f"{suite.source}: {mistake}") from None
    pool, asked, repeated = usable(read_files(paths, task, suite.format, suite.columns)[0], cases, shown)
    if len(pool) < count:
        raise MedevalError(
            f"{suite.source}: shots is {count}, and {file} has {len(pool)} usable examples "
            f"(left out: {asked} that the suite itself asks, {repeated} that occur twice)"
        )
    drawn = draw(pool, count, settings.seed, shown) if by == "seed" else tuple(pool)
    return Shots(count=count, by=by, source=file, pool=drawn, usable=len(pool), asked=asked, repeated=repeated)


def _measures(
    suite: Suite, task: Task, cases: Sequence[Case], settings: RunSettings
) -> tuple[tuple[Metric, ...], tuple[Gate, ...]]:
    from pytest_medeval.metrics import metrics_for
    from pytest_medeval.verdicts.gates.grammar import parse_gate

    try:
        metrics = metrics_for(task, suite.metrics)
        gates = tuple(parse_gate(text).of([one.name for one in metrics]) for text in suite.gates)
        for gate in gates:
            check_gate(gate, task, metrics, cases, settings)
    except MedevalError as mistake:
        raise MedevalError(f"{suite.source}: {mistake}") from None
    return metrics, gates


def check_gate(gate: Gate, task: Task, metrics: Sequence[Metric], cases: Sequence[Case], settings: RunSettings) -> None:
    """Refuse a gate on a metric or tag that the suite lacks; free-text suites have the judge's metrics."""
    from pytest_medeval.judges.panel import judge_metrics
    from pytest_medeval.judges.rubric import chosen_rubric
    from pytest_medeval.verdicts.gates.grammar import check

    judged = judge_metrics(chosen_rubric(settings.rubric_file)) if task.judged else ()
    check(gate, {metric.name: metric.direction for metric in (*metrics, *judged)}, [case.tags for case in cases])
    for metric in metrics:
        if gate.target.metric == metric.name and (bias := bias_of(metric)):
            others = (one.name for one in metrics if one.name != metric.name and not bias_of(one))
            raise MedevalError(f"gate '{gate}': {bias}; accepted: {', '.join(sorted(others))}")


def with_gates(suite: Resolved, extra: Sequence[Gate], settings: RunSettings) -> Resolved:
    """Add gates of the command line to a suite."""
    extra = [gate.of([one.name for one in suite.metrics]) for gate in extra]
    for gate in extra:
        check_gate(gate, suite.task, suite.metrics, suite.cases, settings)
    return replace(suite, gates=(*suite.gates, *(gate for gate in extra if gate not in suite.gates)))


def fingerprint(task: Task, cases: Sequence[Case], shots: Shots | None = None) -> str:
    """SHA-256 over what is asked: the task's options, every case's and example's content, not where it was written."""
    from pytest_medeval.tasks.making import options_of

    content: list[dict[str, object]] = [{"task": task.name, **options_of(task)}]
    if shots:
        content[0]["shots"] = {"count": shots.count, "by": shots.by, "examples": len(shots.pool)}
    for case in (*cases, *(shots.pool if shots else ())):
        facts = plain(case)
        del facts["source"]
        facts.pop("rationale", None)
        content.append(facts)
    encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=plain)
    digest = hashlib.sha256(b"[")
    for place, facts in enumerate(content):
        digest.update(f"{',' if place else ''}{encoder.encode(facts)}".encode())
    digest.update(b"]")
    return digest.hexdigest()
