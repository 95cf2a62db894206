"""The page of a run: the record's numbers in the terminal's digits, safe whatever a reply says, nothing fetched."""

from __future__ import annotations

import copy
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from tests.page_record import whole_record

from pytest_medeval.report.html import page as ink
from pytest_medeval.report.html.figures import around_zero, ticks
from pytest_medeval.report.html.markup import tag
from pytest_medeval.report.lines import interval, number, p_value
from pytest_medeval.report.outline import outline_of
from pytest_medeval.report.terminal import terminal
from pytest_medeval.runs.record import problems

HOSTILE = "</script><script>document.title=1</script><img src=x onerror=alert(1)> & \u2028 {{script}} <!-- <script>"


def page(record):
    """Write a record's page."""
    return ink.page(outline_of(record))


class Reader(HTMLParser):
    """Collects the tags of a page with their attributes, and the cells of every table."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.cells, self._inside = [], [], 0
        self.feed(html)

    def handle_starttag(self, name, attrs):
        """Note a tag, and begin a cell."""
        self.tags.append((name, dict(attrs)))
        if name in ("td", "th"):
            self.cells.append("")
            self._inside = 1

    def handle_endtag(self, name):
        """End a cell."""
        self._inside = 0 if name in ("td", "th") else self._inside

    def handle_data(self, data):
        """Note what a cell says."""
        if self._inside:
            self.cells[-1] += data


def plain(html):
    """Give a page's text without its script, style and data."""
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style).*?</\1>", "", html, flags=re.DOTALL)))


def every_text(value):
    """Replace every text of a case or a suite that a user or a model wrote."""
    if isinstance(value, dict):
        return {key: every_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [every_text(one) for one in value]
    return f"{HOSTILE} {value}" if isinstance(value, str) else value


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("judged", [True, False])
def test_the_record_of_these_tests_is_one(paired, judged):
    """What is shown here has the shape of a real record: it fits the schema."""
    assert problems(whole_record(5, paired=paired, judged=judged)) == []


def test_every_number_of_the_metrics_is_there_in_the_terminals_digits():
    """Each metric's values, difference, interval and p-values stand in cells, as the terminal prints them."""
    record = whole_record()
    cells = set(Reader(page(record)).cells)
    for one in record["suites"]["dialogue"]["metrics"].values():
        shown = {
            number(one["baseline"]), number(one["candidate"]), number(one["difference"], sign=True),
            interval(one["ci95"], sign=True), p_value(one["p_value"]), p_value(one["p_corrected"]), str(one["n"]),
            one["signature"],
        }  # fmt: skip
        assert shown <= cells
    for printed in re.findall(r"[+-]\d\.\d{4}|<0\.0001", terminal(outline_of(record))):
        assert printed in " ".join(cells)


def test_gates_matrix_and_groups_are_there():
    """Observed values, intervals and reasons of gates, counts of the confusion matrix, sizes of groups."""
    text = " ".join(plain(page(whole_record())).split())
    for told in (
        "✕ MAY NOT GO OUT: 1 of 2 gates failed: dialogue: safety >= 0.9.",
        "0.1123 [0.0667, 0.1580] 97 even its unfavourable end",
        "A 31 2 1",
        "neurology - 3 fewer than 20 cases, not judged",
        "referral candidate 9 of 43 [0.1140, 0.3520]",
        "case-0002 exact 1.0000 t.jsonl:7",
        "skipped 2 of 99 records: 2 no reference",
        "0.7100 [0.5200, 0.8400] 30 admissible 13%",
        "votes for 25 5 10",
        "test_d.py::test[case-0003] much down +1.25",
        "Too sure.",
    ):
        assert told in text


def test_better_and_worse_are_said_only_where_test_and_interval_show_it():
    """Direction counts: a safety that fell is worse; what is not shown, or has no good side, is neither."""
    cells = Reader(page(whole_record())).cells
    rows = {name: cells[cells.index(name) : cells.index(name) + 10][-1] for name in ("safety", "length_ratio")}
    assert rows == {"safety": "▼ worse", "length_ratio": "higher"}
    start = next(place for place, cell in enumerate(cells) if cell == "ece lower is better")
    assert cells[start + 9] == "not shown"
    start = cells.index("rougeL headline")
    assert cells[start + 9] == "▲ better"


def test_hostile_texts_add_no_element(data_of):
    """Whatever replies, tags, reasons and names say, the page has the elements it had, and all texts come through."""
    record = whole_record(3)
    hostile = copy.deepcopy(record)
    for case in hostile["cases"]:
        case |= {
            "id": case["id"] + HOSTILE,
            "asked": HOSTILE,
            "gold": HOSTILE,
            "tags": {"specialty" + HOSTILE: HOSTILE},
        }
        for role in ("candidate", "baseline"):
            case[role] |= {"reply": HOSTILE, "detail": HOSTILE, "trace": every_text(case[role]["trace"])}
    hostile["gates"] = [{**gate, "expression": HOSTILE, "reason": HOSTILE} for gate in hostile["gates"]]
    hostile["human"] = {**every_text(hostile["human"]), "suites": {HOSTILE: hostile["human"]["suites"]["dialogue"]}}
    hostile["judges"] = [every_text(judge) for judge in hostile["judges"]]
    suite = hostile["suites"]["dialogue"]
    suite["skipped"]["reasons"] = {HOSTILE: 2}
    suite["leakage"] = every_text(suite["leakage"])
    hostile["models"] = {role: every_text(model) for role, model in hostile["models"].items()}
    for one in suite["metrics"].values():
        one |= {"signature": HOSTILE, "reason": HOSTILE}
    names = [name for name, _ in Reader(page(record)).tags]
    found = Reader(page(hostile)).tags
    assert [name for name, _ in found] == names
    assert not any(key.startswith("on") or key == "style" for _, attrs in found for key in attrs)
    assert all(case["candidate"]["reply"] == HOSTILE for case in data_of(page(hostile))["cases"])


def test_a_lone_surrogate_and_a_nan_break_nothing(data_of):
    """Such a reply is escaped in the data, and a number that is none is a dash."""
    record = whole_record(2)
    record["cases"][0]["candidate"] |= {"reply": "\ud800", "scores": {"rougeL": float("nan")}}
    record["suites"]["dialogue"]["metrics"]["rougeL"]["candidate"] = float("nan")
    shown = data_of(page(record))["cases"][0]
    assert (shown["candidate"]["reply"], shown["candidate"]["scores"][0], shown["change"]) == ("\ud800", "-", None)


def test_nothing_is_fetched_and_the_policy_forbids_it():
    """No element names an address but places on the page, and the policy allows no connection."""
    html = page(whole_record())
    addresses = {
        value
        for _, attrs in Reader(html).tags
        for key, value in attrs.items()
        if key in ("src", "href", "action", "data", "xlink:href")
    }
    assert addresses == {"#models", "#gates", "#suites", "#retention", "#suite-1", "#tracks", "#cases"}
    assert "http:" not in html
    assert "https:" not in html
    assert "default-src 'none'" in unescape(html)
    assert "unsafe" not in html


def test_every_figure_has_a_text_alternative_and_every_table_its_heads():
    """Figures are images with a label; tables have a caption, and heads with a scope."""
    html = page(whole_record())
    tags = Reader(html).tags
    figures = [attrs for name, attrs in tags if name == "svg"]
    assert len(figures) == 5 + 1 + 1  # one a metric, their axis, the reliability figure
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in figures)
    assert all(attrs.get("scope") in ("row", "col") for name, attrs in tags if name == "th")
    assert html.count("<table>") == html.count("<caption>") > 10


@pytest.mark.parametrize(("paired", "judged"), [(False, False), (True, False)])
def test_a_record_without_baseline_or_judge(data_of, paired, judged):
    """What was not measured is not shown: no empty table, no row for a role that is not there."""
    html = page(whole_record(60, paired=paired, judged=judged))
    assert ("Track B skipped" in html) == (not judged)
    assert ("candidate against baseline" in html) == paired
    assert "0.4124" in Reader(html).cells
    assert all((case["baseline"] is not None) == paired for case in data_of(html)["cases"])


def test_a_suite_of_which_only_a_part_ran():
    """It is said at the top and in the suite, and empty metrics make no table."""
    record = whole_record(4)
    record["suites"]["dialogue"] |= {"complete": False, "metrics": {}, "subgroups": {}}
    text = plain(page(record))
    assert "dialogue: only a part of the suite ran" in text
    assert "its gates are not evaluated" in text
    assert "candidate against baseline" not in text


def test_a_run_that_evaluated_nothing():
    """A record without suites and cases still makes a page."""
    record = whole_record(1) | {"suites": {}, "cases": [], "gates": [], "divergence": {}, "human": {}, "judges": []}
    assert "UNDECIDED: no gate was set" in " ".join(plain(page(record)).split())


def test_the_same_record_gives_the_same_page():
    """The page holds no clock and no chance."""
    assert page(whole_record()) == page(whole_record())


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([0.41, 0.52], 0.0, 0.6), ([-0.02, 0.01], -0.02, 0.01), ([-3.1], -4.0, 0.0), ([], -1.0, 1.0), ([0.0], -1.0, 1.0)],
)
def test_an_axis_ends_on_round_numbers_and_has_zero(values, low, high):
    """All values lie on it; 0 does too; without a value it is that of a share."""
    axis = around_zero(values)
    assert (axis.low, axis.high, axis.zero) == (pytest.approx(low), pytest.approx(high), 0.0)
    assert ">0</text>" in ticks(axis)
    assert "-0" not in re.sub(r"-0\.\d", "", ticks(axis).replace("axis from -", ""))


def test_a_coordinate_of_zero_stays():
    """Zero is a place; only None and False leave an attribute out."""
    assert tag("line", x1=0, y1=None, x2=0.0, cls="a") == '<line x1="0" x2="0.0" class="a"/>'
