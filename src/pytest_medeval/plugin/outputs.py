"""What GitHub Actions shows beside the code: one annotation a gate that did not pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from pytest_medeval.core.encodable import inert
from pytest_medeval.core.errors import MedevalError, Mistakes
from pytest_medeval.core.options import AUTOMATIC
from pytest_medeval.core.record import RunRecord
from pytest_medeval.core.settings import RunSettings
from pytest_medeval.report import INKS
from pytest_medeval.report.outline import Outline
from pytest_medeval.runs.journal import SuiteManifest
from pytest_medeval.verdicts.verdict import outcome_of, verdict_of

# What a run leaves behind: each output is written on its own, so that one failure costs no other.


@dataclass(frozen=True, slots=True)
class Output:
    """One thing that was left, or could not be: which option asked for it, and what to say in one line."""

    flag: str
    told: str
    failed: bool = False


def leave(
    record: RunRecord, manifests: Mapping[str, SuiteManifest], settings: RunSettings, outline: Outline
) -> list[Output]:
    """Write all outputs; a failure is said in its ``Output`` and never raised."""
    done = []
    for flag, write in _asked(record, manifests, settings, outline):
        try:
            done.append(Output(flag, write()))
        except MedevalError as mistake:
            done.append(Output(flag, f"{flag}: {mistake}", failed=True))
    return [output for output in done if output.told]


def _asked(
    record: RunRecord, manifests: Mapping[str, SuiteManifest], settings: RunSettings, outline: Outline
) -> Iterator[tuple[str, Callable[[], str]]]:
    if settings.saved_as:
        yield "--medeval-save", partial(_save, record, settings)
    if settings.json:
        yield "--medeval-json", partial(_json, record, settings.json)
    for flag, ink, path in reports(settings):
        yield flag, partial(_report, outline, ink, path)
    if settings.evidence:
        yield "--medeval-evidence", partial(_evidence, record, manifests, settings.evidence)
    if settings.review:
        yield "--medeval-review", partial(_review, record, settings, settings.review)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and os.environ.get("GITHUB_ACTIONS") == "true":
        yield "GITHUB_STEP_SUMMARY", partial(_append, outline, Path(summary))


def reports(settings: RunSettings) -> Iterator[tuple[str, str, Path]]:
    """List the reports that are asked for: option, ink, file."""
    for ink, path in (("html", settings.html), ("markdown", settings.markdown), ("card", settings.card)):
        if path:
            yield f"--medeval-{ink}", ink, path
    for ink, path in settings.reports:
        yield f"--medeval-report={ink}", ink, path


def check_writable(settings: RunSettings) -> None:
    """Make the folders of all outputs, and refuse what cannot be written before any model is asked."""
    from pytest_medeval.core.files.writing import check_folder

    single = {
        "--medeval-json": settings.json,
        "--medeval-evidence": settings.evidence,
        "--medeval-review": settings.review,
    }
    files = [*single.items(), *((flag, path) for flag, _, path in reports(settings))]
    mistakes, taken = Mistakes(), dict[Path, str]()
    for flag, file in files:
        with mistakes:
            if file and (file.is_file() or not file.exists()):  # a device or a pipe is written to as it is
                check_folder(file.parent, flag)
                if taken.setdefault(file.resolve(), flag) != flag:
                    other = taken[file.resolve()]
                    raise MedevalError(f"{flag}: {file} is what {other} writes; accepted: a file of its own")
    with mistakes:
        if settings.saved_as:
            check_folder(settings.storage, "--medeval-storage")
    mistakes.tell()


def check_inks(settings: RunSettings) -> None:
    """Refuse an ink that nobody knows, or that cannot be loaded, before any model is asked."""
    for flag, ink, _ in reports(settings):
        try:
            INKS.resolve(ink)
        except MedevalError as mistake:
            raise MedevalError(f"{flag}: {mistake}") from None


def _save(record: RunRecord, settings: RunSettings) -> str:
    from pytest_medeval.runs.store import automatic_name, rescue, save

    if not record["cases"]:
        raise MedevalError("the run is not stored: no case was evaluated")
    name = settings.saved_as or AUTOMATIC
    if name == AUTOMATIC:
        name = automatic_name(record["environment"].get("repository"), datetime.now().astimezone())
    try:
        path = save(record, settings.storage, name)
        return f"stored as {path.relative_to(settings.root) if path.is_relative_to(settings.root) else path}"
    except MedevalError as mistake:
        kept = rescue(record, name)
        raise MedevalError(
            f"{mistake}; {f'kept at {kept} instead' if kept else 'it could be kept nowhere else'}"
        ) from None


def _json(record: RunRecord, path: Path) -> str:
    from pytest_medeval.runs.record import write

    write(record, path)
    return f"record: {path}"


def _review(record: RunRecord, settings: RunSettings, path: Path) -> str:
    from pytest_medeval.judges.rubric import chosen_rubric
    from pytest_medeval.report.review import page

    rubric = chosen_rubric(settings.rubric_file)
    return (
        _text(page(record, settings.review_size, settings.seed, rubric), path, "the review page")
        or f"review page: {path}"
    )


def _evidence(record: RunRecord, manifests: Mapping[str, SuiteManifest], path: Path) -> str:
    from pytest_medeval.runs.evidence import write_evidence

    return f"evidence: {path}  sha256 {write_evidence(record, manifests, path)}"


def _report(outline: Outline, ink: str, path: Path) -> str:
    with INKS.blamed(ink):
        text = INKS.resolve(ink)(outline)
        if not isinstance(text, str):
            raise TypeError(f"gave {type(text).__name__}; accepted: a text")
    return _text(text, path, f"the {ink} report") or f"{NAMED.get(ink, f'{ink} report')}: {path}"


def _text(text: str, path: Path, what: str) -> str:
    from pytest_medeval.core.files.writing import write_whole

    write_whole(path, text.encode("utf-8", "replace"), what)
    return ""


def _append(outline: Outline, path: Path) -> str:
    """Add to GitHub's file; other steps write to it too."""
    try:
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(INKS.resolve("markdown")(outline))
    except OSError as error:
        raise MedevalError(f"{path}: the summary cannot be written: {error.strerror}") from None
    return ""


NAMED = {"html": "page", "card": "model card"}
MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
PROPERTY = {**MESSAGE, ":": "%3A", ",": "%2C"}


def workflow_commands(record: RunRecord, environment: Mapping[str, str]) -> Iterator[str]:
    """Give workflow commands (``::error file=...::...``); none outside GitHub Actions.

    A gate that fails the run is an error; one that did not pass and was let through is a warning.
    """
    if environment.get("GITHUB_ACTIONS") != "true":
        return
    for gate in verdict_of(record).gates:
        if gate["verdict"] == "pass":
            continue
        level = "error" if outcome_of(gate) == "failed" else "warning"
        file, _, line = record["suites"][gate["suite"]]["source"].rpartition(":")
        place = {"file": file, "line": line} if line.isdigit() else {"file": f"{file}:{line}" if file else line}
        told = {**place, "title": f"{gate['suite']}: {gate['expression']}"}
        properties = ",".join(f"{key}={_escape(value, PROPERTY)}" for key, value in told.items())
        message = _escape(f"{gate['verdict']}: {gate['reason']}", MESSAGE)
        yield f"::{level} {properties}::{message}"


def _escape(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in inert(text))
