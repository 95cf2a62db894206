"""What follows the last test: ask the judges, compare, judge the gates, and leave what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pytest_medeval.core.errors import MedevalError, OthersError
from pytest_medeval.core.record import RunRecord
from pytest_medeval.core.settings import RunSettings
from pytest_medeval.judges.ratings.review import PairRating, read_reviews
from pytest_medeval.metrics import METRICS
from pytest_medeval.models.roles import Roles
from pytest_medeval.plugin.outputs import Output, leave
from pytest_medeval.report.outline import Outline, outline_of
from pytest_medeval.runs.build import build, with_divergence
from pytest_medeval.runs.engine import Progress
from pytest_medeval.runs.journal import Journal
from pytest_medeval.runs.reference import Awaited, Reference
from pytest_medeval.runs.store import write_attempts
from pytest_medeval.runs.track_b import TrackB, ask_judges, judge_plan
from pytest_medeval.verdicts.attempts import Attempts
from pytest_medeval.verdicts.leakage import Leakage, Tuning, find_leaks, with_trained

T = TypeVar("T")


def conclude(
    journal: Journal,
    settings: RunSettings,
    roles: Roles,
    *,
    reference: Reference | Awaited | None,
    tuning: Tuning | None,
    attempts: Attempts | None,
    progress: Progress,
) -> tuple[Outline, list[Output]]:
    """Judge what the tests evaluated; a mistake in an option costs nothing else of the run, and is a failed output."""
    mistakes: list[Output] = []
    track_b = _or_say("--medeval-judge", lambda: _ask_judges(journal, settings, roles, progress), mistakes)

    def rated(record: RunRecord) -> Sequence[PairRating]:
        return _or_say("--medeval-human", lambda: read_reviews(settings.humans, record), mistakes) or ()

    leaks = _leaks(journal, settings, tuning)
    run = _defined(journal, lambda: build(journal, settings, reference, track_b, leaks, attempts=attempts, rated=rated))
    mistakes += [Output(what, told, failed=True) for what, told in journal.faults]
    record = with_divergence(run, settings)
    if attempts and attempts.new:
        _or_say("--medeval-storage", lambda: write_attempts(settings.storage, attempts.new), mistakes)
    outline = outline_of(record, [*roles.notices, *(attempts.notices if attempts else ())])
    return outline, [*mistakes, *leave(record, journal.suites, settings, outline)]


def _defined(journal: Journal, work: Callable[[], T]) -> T:
    """Do what needs scores of suites; a metric of another package that raises then has none, and fails the run."""
    while True:
        try:
            return work()
        except OthersError as fault:
            if fault.entry not in METRICS.added or fault.entry in journal.undefined:
                raise
            journal.undefined[fault.entry] = str(fault)
            journal.faults.append(("metric", str(fault)))


def _or_say(flag: str, work: Callable[[], T], mistakes: list[Output]) -> T | None:
    try:
        return work()
    except MedevalError as mistake:
        told = Output(flag, f"{flag}: {mistake}", failed=True)
        mistakes += [told] if told not in mistakes else []
        return None


def _ask_judges(journal: Journal, settings: RunSettings, roles: Roles, progress: Progress) -> TrackB:
    """Let the judges grade what was replied; on the controller, so that each is asked once."""
    track_b = ask_judges(journal, judge_plan(settings), settings.seed, roles.judge, progress)
    if settings.noise and track_b.runs:
        from pytest_medeval.runs.noise import judge_again

        journal.noise = judge_again(journal, track_b, roles.judge, seed=settings.seed, count=settings.noise)
    return track_b


def _leaks(journal: Journal, settings: RunSettings, tuning: Tuning | None) -> dict[str, Leakage]:
    """Look for the evaluated cases in the tuning data, and in the sketch of what the candidate was trained on."""
    cases = {name: list(journal.entries.get(name, {}).values()) for name in journal.suites}
    found = find_leaks(cases, tuning, limit=settings.leak_share) if tuning else {}
    for name, facts in journal.suites.items():
        if "trained" in facts:
            ids = [case["id"] for case in cases[name]]
            found[name] = with_trained(found.get(name), facts["trained"], ids, limit=settings.leak_share)
    return found
