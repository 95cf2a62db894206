"""Answer a sentinel sample of a suite again in other ways, and grade the same replies again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Literal

from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.core.record import CaseEntry, NoiseMeasured, NoiseVariant
from pytest_medeval.judges.judge import judge_cases
from pytest_medeval.judges.panel import combine, judge_rows
from pytest_medeval.models import Model, ModelSpec, Settings, open_model
from pytest_medeval.models.spec import AdapterSpec
from pytest_medeval.runs.engine import Evaluation, score
from pytest_medeval.verdicts.noise import changes

if TYPE_CHECKING:
    from pytest_medeval.runs.journal import Journal
    from pytest_medeval.runs.suite import Resolved
    from pytest_medeval.runs.track_b import TrackB

SENTINELS = 32
OTHER_BATCH = 8
"""Rows of a batch where the run itself asks one by one."""

Opener = Callable[[ModelSpec, Settings], Model]


def sentinels(names: Sequence[str], count: int, seed: int, suite: str) -> list[str]:
    """Draw the ids of a suite's sentinel cases, in the order of ``names``; the same on any machine."""
    chosen = set(random.Random(f"noise:{seed}:{suite}").sample(sorted(names), min(count, len(names))))
    return [name for name in names if name in chosen]


def variants(spec: ModelSpec, dtype: str | None, settings: Settings) -> Iterator[tuple[str, Settings]]:
    """Name the other ways of computing, each with its settings; none reads or writes stored replies."""
    fresh = replace(settings, cache=None)
    size = OTHER_BATCH if settings.batch_size == 1 else 1
    yield f"batch size {size}", replace(fresh, batch_size=size)
    yield _dtype(fresh, "bfloat16" if dtype == "float32" else "float32")
    if isinstance(spec, AdapterSpec):
        yield "adapter merged", replace(fresh, merge=True)


def _dtype(settings: Settings, dtype: Literal["float32", "bfloat16"]) -> tuple[str, Settings]:
    return f"dtype {dtype}", replace(settings, dtype=dtype, keep=False)


def measure(
    suite: Resolved,
    evaluations: Mapping[str, Evaluation],
    spec: ModelSpec | None,
    dtype: str | None,
    settings: Settings,
    *,
    count: int = SENTINELS,
    seed: int = 0,
    opener: Opener = open_model,
) -> NoiseMeasured:
    """Answer a suite's sentinel cases again with the candidate; give the section ``noise`` of the record.

    Only a local model can be made to compute in another way; for any other the section says that nothing
    was measured. A variant that this machine cannot compute is named with the reason.
    """
    names = sentinels(list(evaluations), count, seed, suite.name)
    if getattr(spec, "kind", "") != "local" or spec is None:
        what = "no model" if spec is None else f"{spec.text}, which is no local model,"
        return {
            "n": len(names),
            "cases": names,
            "variants": [],
            "reason": f"how {what} computes cannot be changed from here",
        }
    before = [evaluations[name] for name in names]
    found = [_variant(name, suite, before, partial(opener, spec, how)) for name, how in variants(spec, dtype, settings)]
    return {"n": len(names), "cases": names, "variants": found}


def _variant(
    name: str, suite: Resolved, before: Sequence[Evaluation], open_variant: Callable[[], Model]
) -> NoiseVariant:
    """Answer again and compare with what was replied before; what cannot be done is named."""
    try:
        return _varied(name, suite, before, open_variant)
    except (MedevalError, RuntimeError, MemoryError) as error:  # torch raises RuntimeError for what it lacks
        return {"name": name, "reason": str(error) if isinstance(error, MedevalError) else whole(error)}


def _varied(
    name: str, suite: Resolved, before: Sequence[Evaluation], open_variant: Callable[[], Model]
) -> NoiseVariant:
    before = [one for one in before if one.requests]
    answers = iter(open_variant().answer([request for one in before for request in one.requests]))
    after = [score(one.case, tuple(islice(answers, len(one.requests))), suite.task, suite.metrics) for one in before]
    lost = [one.read.detail for pair in zip(before, after, strict=True) for one in pair if one.outcome == "error"]
    if lost:
        return {"name": name, "reason": f"{len(lost)} replies could not be had: {lost[0]}"}
    labels = suite.cluster["labels"] if suite.cluster else {}
    moved = changes(
        suite.metrics,
        [one.rows for one in before],
        [one.rows for one in after],
        [labels.get(one.case.id) for one in before],
    )
    return {
        "name": name,
        "changed": sum(old.reply != new.reply for old, new in zip(before, after, strict=True)),
        "changes": moved["changes"],
        "intervals": moved["intervals"],
    }


def judge_again(
    journal: Journal, track_b: TrackB, open_judge: Callable[[str], Model], *, seed: int, count: int = SENTINELS
) -> dict[str, NoiseMeasured]:
    """Let the judges grade each suite's sentinel replies again, fenced by another seed; complete sections."""
    done = dict(journal.noise)
    for suite in journal.suites:
        entries = journal.ordered(suite)
        chosen = set(sentinels([case["id"] for case in entries], count, seed, suite))
        again = [case for case in entries if case["id"] in chosen and "judge" in case]
        if again:
            section = done.get(suite) or NoiseMeasured(n=len(chosen), cases=sorted(chosen), variants=[])
            declared = journal.suites[suite]["cluster"]
            clusters = [(declared["labels"] if declared else {}).get(case["id"]) for case in again]
            variants = [*section["variants"], _judged_again(again, clusters, track_b, open_judge, seed)]
            done[suite] = {**section, "variants": variants}
    return done


def _judged_again(
    cases: Sequence[CaseEntry],
    clusters: Sequence[str | None],
    track_b: TrackB,
    open_judge: Callable[[str], Model],
    seed: int,
) -> NoiseVariant:
    plan = track_b.plan
    how = plan.judging(seed + 1)
    second = {
        case.id: judge_rows(case)
        for case in combine([judge_cases(open_judge(spec), cases, plan.rubric, how) for spec in plan.specs])
    }
    before = [case["candidate"]["rows"] for case in cases]
    after = [second.get(case["id"], {}).get("candidate", {}) for case in cases]
    kinds = {metric.counts for metric in track_b.metrics()}
    changed = sum(
        any(kind in old and kind in new and list(old[kind]) != list(new[kind]) for kind in kinds)
        for old, new in zip(before, after, strict=True)
    )
    moved = changes(track_b.metrics(), before, after, clusters)
    return {"name": "judged again", "changed": changed, "changes": moved["changes"], "intervals": moved["intervals"]}
