"""The page of a run: one HTML file for those who decide on a release, made from the record alone.

Everything stands in the file, and nothing is fetched or sent: style, script, figures, and the texts of all cases as
JSON in a data block whose ``<`` are escaped, so that no reply can close it. The Content Security Policy allows the one
style and the one script by their SHA-256 and nothing else. Verdict, gates, metrics and figures are plain HTML, there
without the script too; the script lists the cases, and sets texts as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_medeval.core.files import finite
from pytest_medeval.report.html.markup import Html, embedded, filled, joined, part, policy, tag
from pytest_medeval.report.html.page_gates import banner, cases, gates, models, verdict
from pytest_medeval.report.html.page_suite import suite
from pytest_medeval.report.html.page_tracks import tracks


def page(record: Mapping[str, Any]) -> str:
    """Make the page of a record (``record.schema.json``). Deterministic: the same record gives the same page."""
    record = finite(record)
    style, script = part("page.css"), part("page.js")
    told = tracks(record)
    sections = [models(record), gates(record), *_suites(record), *([told] if told else [])]
    parts = {
        "policy": policy(style, script),
        "style": style,
        "script": script,
        "title": joined([f"Medical evaluation: {verdict(record['gates'])[1]}"]),
        "banner": banner(record),
        "links": _links(record, tracks=told is not None),
        "sections": joined(sections, by="\n"),
        "suites": joined(tag("option", name) for name in record["suites"]),
        "count": str(len(record["cases"])),
        "data": embedded(cases(record)),
    }
    return filled(part("page.html"), parts)


def _suites(record: Mapping[str, Any]) -> list[Html]:
    return [
        suite(name, facts, [case for case in record["cases"] if case["suite"] == name], place)
        for place, (name, facts) in enumerate(record["suites"].items(), start=1)
    ]


def _links(record: Mapping[str, Any], *, tracks: bool) -> Html:
    """List the sections, in the page's order."""
    places = [("models", "Models"), ("gates", "Gates")]
    places += [(f"suite-{place}", name) for place, name in enumerate(record["suites"], start=1)]
    places += [("tracks", "Judges and people")] * tracks + [("cases", "Cases")]
    return joined(tag("li", tag("a", name, href=f"#{place}")) for place, name in places)
