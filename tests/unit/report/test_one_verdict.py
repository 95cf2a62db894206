"""Whatever ink a record is written in, it says the same verdict, the same gates, the same figures."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import product

import pytest
from tests.page_record import whole_record

from pytest_medeval.plugin.items import judged
from pytest_medeval.report import INKS
from pytest_medeval.report.blocks import Gates, Metrics, Table, text
from pytest_medeval.report.junit import properties
from pytest_medeval.report.lines import WIDTH
from pytest_medeval.report.outline import outline_of
from pytest_medeval.report.terminal import fitting
from pytest_medeval.verdicts.verdict import decide

SAID = re.compile(r"([A-Z ]+?) +dialogue: (.*?)( \(let through\)|)  observed (\S+) (\[.*\]), n (\d+)$")
WORDS = ("MAY NOT GO OUT", "MAY GO OUT", "UNDECIDED")
STATES = {
    "pass": ["pass"],
    "fail": ["fail"],
    "inconclusive": ["inconclusive"],
    "not evaluated": ["not evaluated"],
    "pass, fail": ["pass", "fail"],
    "pass, undecided": ["pass", "inconclusive", "not evaluated"],
    "all four": ["pass", "inconclusive", "fail", "not evaluated"],
    "none": [],
}
OPTIONS = {
    "strict": {},
    "inconclusive=pass": {"inconclusive": "passed"},
    "allow-not-evaluated=all": {"not evaluated": "skipped"},
    "both": {"inconclusive": "passed", "not evaluated": "skipped"},
    "no outcome": None,
}


def gates(verdicts, allowed):
    """Make a gate of each verdict with the outcome that the options give it; None: records that have none."""
    return [
        {
            "suite": "dialogue", "expression": f"rougeL >= 0.{place + 1}", "verdict": verdict,
            "observed": 0.41237 + place,
            "interval": [0.38 + place, 0.44 + place], "threshold": 0.1, "n": 97, "cases_needed": None,
            "reason": f"reason {place}",
            **({} if allowed is None else {"outcome": {**allowed, "pass": "passed"}.get(verdict, "failed")}),
        }
        for place, verdict in enumerate(verdicts)
    ]  # fmt: skip


def reference(suite):
    """Compare a suite with a stored run."""
    one = suite["metrics"]["rougeL"]
    row = {key: one[key] for key in one if key not in ("candidate_ci95", "baseline", "wilcoxon_p", "mann_whitney_p")}
    lost = {"id": "case-0003", "reference": 0.9, "candidate": 0.1}
    return {
        "run": "0001_old", "cases": 97, "same": 96, "differences": ["1 case is new"],
        "metrics": {"rougeL": {**row, "reference": 0.39, "difference": 0.02237}},
        "lost": {"metric": "rougeL", "count": 1, "of": 96, "cases": [lost]},
    }  # fmt: skip


def record_of(state, options, *, paired, judged, extras):
    """Make a record in a state, with and without all that a suite may have."""
    record = whole_record(9, paired=paired, judged=judged)
    suite = record["suites"]["dialogue"]
    record["gates"] = gates(STATES[state], OPTIONS[options])
    suite["complete"] = "not evaluated" not in STATES[state]
    if extras:
        suite["excluded"] = {"count": 2, "reasons": {"candidate no_answer": 2}}
        suite["excluded_trained"] = {"count": 4, "cases": ["a", "b", "c", "d"], "files": ["p.json"]}
        suite["part"] = {"name": "dev", "of": 800, "dev_share": 0.0, "dev_count": 90}
        suite["reference"] = reference(suite)
        model = record["models"]["candidate"]
        record["reference"] = {"run": "0001_old", "created": "2025-01-01", "version": "0", "sha256": None,
                               "repository": None, "model": model, "absent": ["gone"]}  # fmt: skip
    else:
        for key in ("leakage", "noise", "rules", "confusion", "reliability"):
            del suite[key]
        suite |= {"subgroups": {}, "skipped": {"count": 0, "of": 9, "reasons": {}, "records": []}}
        record["divergence"] = {}
    return json.loads(json.dumps(record))


CASES = {
    f"{state} / {options} / {place}": record_of(state, options, paired=place != 1, judged=place == 2, extras=place == 2)
    for place, (state, options) in enumerate(product(STATES, OPTIONS))
    for place in (place % 3, (place + 1) % 3)
}
assert len(CASES) >= 40


class Rows(HTMLParser):
    """Collects the rows of all tables of a page, and its title."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.title, self._where = [], "", ""
        self.feed(html)

    def handle_starttag(self, name, attrs):  # noqa: ARG002 - the signature of the base
        """Begin a row or a cell; what is drawn or in small print is not text of the cell."""
        if name == "tr":
            self.rows.append([])
        elif name in ("td", "th"):
            self.rows[-1].append("")
        self._where = name if name in ("td", "th", "title", "small", "svg", "span", "code") else self._where

    def handle_endtag(self, name):
        """Note where the small print, a figure or a cell ends."""
        self._where = "" if name in ("small", "svg", "td", "th", "title") else self._where

    def handle_data(self, data):
        """Note what a cell or the title says."""
        if self._where == "title" and not self.rows:
            self.title += data
        elif self._where in ("td", "th", "span", "code") and self.rows:
            self.rows[-1][-1] += data


def words(told):
    """Give what a row says as words, without signs and markup."""
    return re.sub(r"\s+", " ", re.sub(r"[✓✕?▲▼✅❌⚠️|`\\]|\((headline|lower is better)\)", " ", told)).strip()


def lines_of(ink, outline):
    """Give the word of the verdict that an ink says, and all its lines as words, table rows among them."""
    said = INKS.resolve(ink)(outline)
    if ink == "html":
        rows = Rows(said)
        return rows.title, [words(" ".join(row)) for row in rows.rows]
    heads = [line for line in said.splitlines() if line.startswith(("## ", *WORDS))]
    assert len(heads) == 1
    return heads[0], [words(line) for line in said.splitlines()]


def told(block, row, *, narrow):
    """Say what an ink must say of a row: all cells but the drawn ones; a terminal those that fit into it."""
    shown = fitting(block.columns, WIDTH - 2) if narrow else [not column.drawn for column in block.columns]
    return words(" ".join(text(cell) for column, cell in zip(shown, row, strict=True) if column))


@pytest.fixture(params=CASES, ids=str)
def outline(request):
    """Give the outline of one of the records."""
    return outline_of(CASES[request.param])


@pytest.mark.parametrize("ink", INKS)
def test_every_ink_says_the_outline(outline, ink):
    """Verdict, every gate with what was seen, every metric's figures: in each ink as in the outline."""
    head, lines = lines_of(ink, outline)
    assert next(word for word in WORDS if word in head) == outline.verdict.word
    assert outline.verdict.why.split(":")[0] in words(INKS.resolve(ink)(outline).replace("&gt;", ">"))
    for block in outline.blocks:
        if isinstance(block, Metrics):
            for row in block.rows:
                if ink != "text" or text(row[0]) not in block.minor:
                    assert told(block, row, narrow=ink == "text") in lines
        if isinstance(block, Gates):
            at = [lines.index(one) for one in lines if one in gate_lines(block, ink)]
            assert [lines[place] for place in at] == gate_lines(block, ink), "each gate, in the verdict's order"


def gate_lines(block, ink):
    """Say the gates as an ink does."""
    if ink == "text":
        return [words(one.head + ", ".join(one.parts)) for one in block.brief]
    return [told(block, row, narrow=False) for row in block.rows]


def test_the_lines_of_gates_say_what_the_gates_say(outline):
    """Terminal's line and the table's row of a gate hold the same verdict, expression, observed value, interval, n."""
    for block in outline.blocks:
        for row, line in zip(block.rows, block.brief, strict=True) if isinstance(block, Gates) else ():
            name, verdict, observed, interval, n, _ = (text(cell) for cell in row)
            said = SAID.match(line.head + ", ".join(line.parts))
            assert said
            assert (f"dialogue: {said[2]}", f"{said[1].lower()}{said[3]}", *said.group(4, 5, 6)) == (
                name, verdict, observed, interval, n,
            )  # fmt: skip


def test_junit_says_the_outline(outline, request):
    """Gates as test cases in the same order, with verdict, expression and outcome; word and figures as properties."""
    items = [one for one in judged(request.session, outline) if "gate" in one.callspec.params]
    said = [dict(one.user_properties) for one in items]
    assert [one["medeval.verdict"] for one in said] == [gate["verdict"] for gate in outline.verdict.gates]
    assert any(one.outcome == "failed" for one in items) == outline.verdict.stopped
    found = dict(properties(outline))
    assert found["medeval.verdict"] == outline.verdict.word
    for block in outline.blocks:
        if isinstance(block, Metrics):
            against = ".reference" if block.other == "reference" else ""
            for row in block.rows:
                figures = found[f"medeval.{block.suite}{against}.{text(row[0])}"]
                assert all(text(cell) in figures for cell in row[1:] if not hasattr(cell, "ends"))


@pytest.mark.parametrize("ink", INKS)
def test_no_ink_leaves_out_what_the_others_say(ink):
    """Judges, divergence, people, leakage, noise, rules, subgroups, the reference, what was skipped and excluded."""
    outline = outline_of(record_of("all four", "strict", paired=True, judged=True, extras=True))
    said = INKS.resolve(ink)(outline)
    said = words(re.sub("<[^>]+>", " ", said) if ink == "html" else said)
    for told in (
        "judge a judge", "dialogue: AGREE", "votes for", "opposite changes", "merged not measured: no adapter",
        "1 of 9 cases stand in the training data", "noise floor, replies of 8", "referral", "cardiology", "0001",
        "skipped 2 of 11 records: 2 no reference", "complete pairs only: 2 cases left out", "1 case is new", "gone",
        "dialogue: 1 of 9 cases stand in what the candidate was trained on (t.jsonl)",
        "trained on: 4 cases left out, by p.json: a, b, c, 1 more", "part dev (dev", "of 800 cases",
    ):  # fmt: skip
        assert told in said.replace("_", " "), told


@pytest.mark.parametrize("ink", INKS)
def test_every_ink_says_that_a_judge_is_useless(ink):
    """Beside its standing and in the table of the tracks, where no ink claims what it could have seen."""
    record = record_of("pass", "strict", paired=True, judged=True, extras=True)
    record["judges"][0] |= {"admissible": False, "useless": {"grades": "its grades hardly vary"}}
    record["divergence"]["dialogue"]["track_b"] |= {"useless": "its grades hardly vary", "significant": False}
    said = INKS.resolve(ink)(outline_of(record))
    said = words(re.sub("<[^>]+>", " ", said) if ink == "html" else said)
    assert "a judge: useless: its grades hardly vary" in said
    assert "advisory: it carries no gate" in said
    assert re.search(r"B judge 4?\d+ better useless: its grades hardly vary", said)


@pytest.mark.parametrize(
    ("state", "options", "word", "why"),
    [
        ("pass", "strict", "MAY GO OUT", "1 gate passed"),
        ("fail", "both", "MAY NOT GO OUT", "1 of 1 gate failed: dialogue: rougeL >= 0.1"),
        ("pass, fail", "no outcome", "MAY NOT GO OUT", "1 of 2 gates failed"),
        ("fail", "no outcome", "MAY NOT GO OUT", "1 of 1 gate failed"),
        ("inconclusive", "strict", "UNDECIDED", "1 of 1 gate could not be decided: dialogue:"),
        ("inconclusive", "no outcome", "UNDECIDED", "could not be decided"),
        ("inconclusive", "inconclusive=pass", "MAY GO OUT", "let through by --medeval-inconclusive=pass"),
        ("not evaluated", "strict", "UNDECIDED", "(not evaluated)"),
        ("not evaluated", "allow-not-evaluated=all", "UNDECIDED", "let through by --medeval-allow-not-evaluated"),
        ("pass, undecided", "inconclusive=pass", "UNDECIDED", "could not be decided"),
        ("pass, undecided", "both", "MAY GO OUT", "1 of 3 gates passed; let through by --medeval-inconclusive"),
        ("all four", "both", "MAY NOT GO OUT", "1 of 4 gates failed: dialogue: rougeL >= 0.3; let through by"),
        ("none", "strict", "UNDECIDED", "no gate was set"),
    ],
)  # fmt: skip
def test_the_word(state, options, word, why):
    """Only gates decide, nothing is passed in silence, and no gate is no pass."""
    found = decide(gates(STATES[state], OPTIONS[options]))
    assert found.word == word
    assert why in found.why


def test_gates_are_told_in_the_order_in_which_they_matter():
    """Failed, undecided, let through, passed; a sentence names three and counts the others."""
    found = decide(gates(STATES["all four"], OPTIONS["inconclusive=pass"]))
    assert [gate["verdict"] for gate in found.gates] == ["fail", "not evaluated", "inconclusive", "pass"]
    assert decide(gates(["fail"] * 9, {})).why.endswith("; 6 more")


def test_every_table_has_cells_for_its_columns(outline):
    """No row is wider or narrower than its head."""
    assert all(
        len(row) == len(block.columns) for block in outline.blocks if isinstance(block, Table) for row in block.rows
    )
