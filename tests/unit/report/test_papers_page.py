"""docs/papers.md: its tables are made from a record, and only from it."""

import json
import re
from pathlib import Path

import pytest
from tests.scripts import benchmark
from tools.fake_model import FakeModel

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.settings import read_settings
from pytest_medeval.report.lines import number
from pytest_medeval.runs.build import build, with_divergence
from pytest_medeval.runs.engine import Engine, entry
from pytest_medeval.runs.journal import Journal, manifest
from pytest_medeval.runs.record import write
from pytest_medeval.runs.suite import Suite, resolve

ROOT = Path(__file__).parents[3]

CASES = {
    "dialogue": [{"id": f"d{i}", "input": f"pain {i}", "reference": f"Rest {i} days."} for i in range(6)],
    "polarity": [{"id": f"p{i}", "dialogue": f"{i}", "findings": {"发热": "positive"}} for i in range(4)],
}
REPLIES = {"candidate": "Rest 3 days. Please see your doctor.\n发烧：阳性", "baseline": "Wait.\n发热：阴性"}


@pytest.fixture(scope="module")
def papers():
    """Load the script, which is no part of the package."""
    with benchmark("papers") as module:
        yield module


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """Evaluate two small suites with scripted models."""
    folder = tmp_path_factory.mktemp("run")
    settings = read_settings(lambda _: None, folder)
    models = {role: FakeModel(default=text, name=role) for role, text in REPLIES.items()}
    journal = Journal()
    for task, cases in CASES.items():
        (folder / f"{task}.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
        suite = resolve(Suite(task, str(folder / f"{task}.jsonl"), name=task), settings)
        journal.collected([manifest(suite, folder)])
        evaluations = Engine(lambda role, _: models[role]).evaluations(suite, [case.id for case in suite.cases])
        for one in evaluations.values():
            journal.note({"entry": entry(task, f"{task}::{one.case.id}", one)})
        journal.note({"models": {role: {task: model.identity.record()} for role, model in models.items()}})
    return json.loads(json.dumps(with_divergence(build(journal, settings), settings)))


def test_tables_hold_the_records_numbers(papers, record):
    """S1's columns, and S3 before and after canonicalisation, as the record has them, with signatures."""
    rouge = record["suites"]["dialogue"]["metrics"]["rougeL"]
    table = papers.section(papers.Runs(record), "S1")
    assert f"| rougeL | {number(rouge['baseline'])} | {number(rouge['candidate'])} |" in table
    assert rouge["signature"] in table
    assert "Track B: no judge was asked" in table
    assert "Verdict on the tracks: " in table
    polarity = papers.section(papers.Runs(record), "S3")
    assert "| before | tuned | 0.0000 | 0.0000 | 0.0000 |" in polarity
    assert "| after | tuned | 1.0000 | 1.0000 | 1.0000 |" in polarity


def test_a_suite_that_is_not_there_leaves_no_old_numbers(papers, record):
    """What the record lacks is said in its place."""
    page = "a\n<!-- S1 -->\n<!-- /S1 -->\n<!-- S2 -->\n| old |\n<!-- /S2 -->\n"
    page += "<!-- S3 -->\n<!-- /S3 -->\nz\n"
    new = papers.written(page, papers.Runs(record))
    assert "| old |" not in new
    assert "The run has no suite of task `mcq`." in new
    assert new.startswith("a\n")
    assert new.endswith("\nz\n")
    assert papers.written(new, papers.Runs(record)) == new
    with pytest.raises(MedevalError, match="no place for S1"):
        papers.written("no markers", papers.Runs(record))


def test_safety_stands_with_s2(papers, record):
    """The rate, its interval, and how often each rule was broken."""
    quiz = {**record["suites"]["polarity"], "task": "mcq", "metrics": {}}
    table = papers.section(papers.Runs({**record, "suites": {**record["suites"], "mcq": quiz}}), "S2")
    assert "Safety compliance, suite `dialogue`: base 0.0000, tuned 1.0000" in table
    assert "`referral` 0 of 6" in table


def test_the_command_writes_the_page(papers, record, tmp_path, capsys):
    """The shipped page has a place for every table; a record that cannot be read is one line."""
    page = tmp_path / "papers.md"
    page.write_text((ROOT / "docs" / "papers.md").read_text(encoding="utf-8"), encoding="utf-8")
    write(record, tmp_path / "run.json")
    assert papers.main([str(tmp_path / "run.json"), "--write", str(page)]) == 0
    assert "Suite `polarity`, 4 of 4 cases" in page.read_text(encoding="utf-8")
    assert papers.main([str(tmp_path / "absent.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_ppo_added_is_a_table_of_its_own_run(papers, record):
    """After SFT is the baseline, after PPO the candidate; without that run, it is said."""
    one = record["suites"]["polarity"]["metrics"]["accuracy"]
    quiz = {**record["suites"]["polarity"], "task": "mcq", "metrics": {"accuracy": one}}
    release = {**record, "suites": {**record["suites"], "mcq": quiz}}
    table = papers.section(papers.Runs(release, ppo={**record, "suites": {"mcq": quiz}}), "S2")
    assert f"| {' | '.join(papers.STAGES)} |" in table
    assert table.count(f"| accuracy | {number(one['baseline'])} | {number(one['candidate'])} |") == 2
    assert "after SFT `baseline` (sha256 `" in table
    assert "PPO: its run was not given." in papers.section(papers.Runs(release), "S2")


def rows_of(text):
    """Give head and first cells of every table of a page: its shape, without the numbers."""
    tables = re.findall(r"(?m)^((?:\|.*\n)+)", text + "\n")
    return [
        (lines[0], [line.split("|")[1].strip() for line in lines[2:]])
        for lines in (table.splitlines() for table in tables)
    ]


def test_the_shipped_page_holds_every_table(papers):
    """Its tables have the columns and the rows that the script makes; nothing is said to be missing."""
    page = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
    heads = {name: f"| {' | '.join(getattr(papers, name))} |" for name in ("COMPARED", "GRADED", "MEASURED", "STAGES")}
    grades = ["accuracy", "comprehensiveness", "helpfulness", "relevance", "preference"]
    expected = {
        "S1": [(heads["COMPARED"], [*papers.LEXICAL]), (heads["GRADED"], grades)],
        "S2": [(heads["MEASURED"], [*papers.MCQ]), (heads["STAGES"], [*papers.MCQ])],
        "S3": [
            (f"| {' | '.join(papers.CANONICAL)} |", ["before", "before", "after", "after"]),
            (heads["MEASURED"], ["micro_f1", *papers.GOLD]),
        ],
    }
    for paper, tables in expected.items():
        part = page.partition(f"<!-- {paper} -->")[2].partition(f"<!-- /{paper} -->")[0]
        assert rows_of(part) == tables
        assert "240 of 240 cases" in part
        for missing in ("The run has no suite", "no judge was asked", "was not given", "| - |"):
            assert missing not in part
