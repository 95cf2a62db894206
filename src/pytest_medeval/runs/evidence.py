"""The evidence file of a release: what was decided and on what, in a form that shows every later change.

One JSON object in canonical form (sorted keys, no blanks, one line): ``body`` holds record, suite manifests,
verdicts and environment; ``prints`` has the shape of ``body`` with a short hash in place of every value, so
that a changed value can be named; ``sha256`` covers both. Who keeps the SHA-256 elsewhere can prove the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from pytest_medeval.core.files.door import opened
from pytest_medeval.core.files.writing import finite, write_whole
from pytest_medeval.core.record import RunRecord
from pytest_medeval.core.signature import canonical, sha256
from pytest_medeval.runs.journal import SuiteManifest
from pytest_medeval.verdicts.verdict import decide

SCHEMA = "medeval-evidence/1"
SHORT = 8
"""Hex digits of the hash of one value: enough to find a change, which ``sha256`` proves."""
NAMED = 5
"""Changed values that are named."""


def evidence(record: RunRecord, manifests: Mapping[str, SuiteManifest]) -> dict[str, object]:
    """Make the evidence of a run from its record and the manifests of its suites."""
    verdict = decide(record["gates"])
    body = finite(
        {
            "record": record,
            "suites": manifests,
            "verdicts": {
                "passed": verdict.word == "MAY GO OUT",
                "verdict": verdict.word,
                "why": verdict.why,
                "gates": record["gates"],
            },
            "environment": {**record["environment"], "packages": _packages()},
        }
    )
    content = {"schema": SCHEMA, "body": body, "body_sha256": sha256(canonical(body)), "prints": prints(body)}
    return {**content, "sha256": sha256(canonical(content))}


def write_evidence(record: RunRecord, manifests: Mapping[str, SuiteManifest], path: Path) -> str:
    """Write the evidence file; give its SHA-256."""
    made = evidence(record, manifests)
    write_whole(path, _bytes(made), "the evidence")
    return str(made["sha256"])


def prints(value: object) -> object:
    """Put a short hash in place of every value; lists of plain values count as one."""
    if isinstance(value, dict):
        return {key: prints(inner) for key, inner in value.items()}
    if isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        return [prints(inner) for inner in value]
    return sha256(canonical(value))[:SHORT]


def verify(data: bytes) -> list[str]:
    """List what differs from the evidence as it was written, by JSON path; empty when nothing does."""
    try:
        found = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return [f"$: no longer JSON: {error}"]
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        told = found.get("schema") if isinstance(found, dict) else type(found).__name__
        return [f"$.schema: is {told!r}; accepted: {SCHEMA!r}"]
    whole = sha256(canonical(found.get("body"))) == found.get("body_sha256")
    changed = list(
        _changed(found.get("body"), found.get("prints"), "$.prints, the hash of $.body" if whole else "$.body")
    )
    if changed:
        more = [f"and {len(changed) - NAMED} more"] if len(changed) > NAMED else []
        return changed[:NAMED] + more
    content = {key: value for key, value in found.items() if key != "sha256"}
    if sha256(canonical(content)) != found.get("sha256"):
        extra = [f"$.{key}: was added" for key in sorted(set(content) - {"schema", "body", "body_sha256", "prints"})]
        return extra or ["$.sha256: is not that of the file" if whole else "$.body_sha256: is not that of $.body"]
    if _bytes(found) != data:
        place = _first_difference(_bytes(found), data)
        return [f"byte {place}: the values are the same, but not in canonical form"]
    return []


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def read_sha256(data: bytes) -> str:
    """Give the SHA-256 that an evidence file states."""
    return str(json.loads(data)["sha256"])


def _changed(value: object, printed: object, path: str) -> Iterator[str]:
    """Walk both trees; name what is missing, added, or has another hash."""
    if isinstance(value, dict) and isinstance(printed, dict):
        for key in [*value, *(key for key in printed if key not in value)]:
            yield from _beside(value, printed, key, f"{path}.{key}")
    elif isinstance(value, list) and isinstance(printed, list):
        if len(value) != len(printed):
            yield f"{path}: has {len(value)} entries, had {len(printed)}"
        for index, (one, other) in enumerate(zip(value, printed, strict=False)):
            yield from _changed(one, other, f"{path}[{index}]")
    elif sha256(canonical(value))[:SHORT] != printed:
        yield f"{path}: was changed, is now {_shown(value)}"


def _beside(value: Mapping[str, object], printed: Mapping[str, object], key: str, path: str) -> Iterator[str]:
    if key not in printed:
        yield f"{path}: was added"
    elif key not in value:
        yield f"{path}: is missing"
    else:
        yield from _changed(value[key], printed[key], path)


def _bytes(content: Mapping[str, object]) -> bytes:
    return f"{canonical(content)}\n".encode("utf-8", "surrogatepass")


def _shown(value: object) -> str:
    text = canonical(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - fits a line


def _first_difference(one: bytes, other: bytes) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (first, second) in pairs if first != second), min(len(one), len(other)))


def _packages() -> dict[str, str]:
    """List every installed package: an evidence file outlives the environment that made it."""
    found = {str(one.metadata["Name"]): one.version for one in metadata.distributions() if one.metadata["Name"]}
    return dict(sorted(found.items()))


def is_evidence(path: Path) -> bool:
    """Tell an evidence file from a run record by its first bytes, broken or not."""
    with opened(path, "a run record, or an evidence file") as file:
        return re.match(rb'\s*\{\s*"body"', file.read(100)) is not None
