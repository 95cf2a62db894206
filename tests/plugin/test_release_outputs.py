"""What a run leaves for a release process; one output that cannot be written costs no other."""

from __future__ import annotations

import json
import tempfile
import xml.etree.ElementTree as ET

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files import writing as files
from pytest_medeval.runs.evidence import verify


def test_all_outputs_of_one_run(project, monkeypatch):
    """Page, Markdown, card, evidence, record and stored run say the same numbers; no annotation outside GitHub."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.pytester.path / "step.md"))
    project.quiz(count=24, gates='["accuracy >= 0.99"]')
    result = project.run(
        "--medeval-html=a.html",
        "--medeval-markdown=a.md",
        "--medeval-card=b.md",
        "--medeval-evidence=c.json",
        "--medeval-json=run.json",
        "--medeval-save=one",
        baseline=None,
    )
    assert result.ret == 1
    record = project.record()
    score = f"{record['suites']['quiz']['metrics']['accuracy']['candidate']:.4f}"
    assert f"| `accuracy` (headline) | {score} | [" in (project.pytester.path / "a.md").read_text(encoding="utf-8")
    assert f"| `accuracy` (headline) | {score} | [" in (project.pytester.path / "b.md").read_text(encoding="utf-8")
    page = (project.pytester.path / "a.html").read_text(encoding="utf-8")
    assert "MAY NOT GO OUT" in page
    assert f'<td class="n">{score}</td>' in page
    evidence = (project.pytester.path / "c.json").read_bytes()
    assert verify(evidence) == []
    assert json.loads(evidence)["body"]["record"]["cases"] == record["cases"]
    assert json.loads(evidence)["body"]["verdicts"]["passed"] is False
    result.stdout.fnmatch_lines([f"evidence: *c.json  sha256 {json.loads(evidence)['sha256']}"])
    result.stdout.no_fnmatch_line("::*")
    assert not (project.pytester.path / "step.md").exists()


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "n2"])
def test_a_full_disk_loses_neither_verdicts_nor_the_run(project, monkeypatch, tmp_path_factory, workers):
    """When the store fills up at the end, gates are still told, the run is kept elsewhere, the job fails."""
    project.quiz(count=24, gates='["accuracy >= 0.1"]')
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    link = files.os.link

    def full(source, target):
        if ".medeval" in str(target):
            raise OSError(28, "No space left on device")
        link(source, target)

    monkeypatch.setattr(files.os, "link", full)
    result = project.run("--medeval-save=one", "--medeval-json=run.json", "--junitxml=out.xml", *workers, baseline=None)
    result.assert_outcomes(passed=25, failed=1)
    result.stdout.fnmatch_lines(["*PASS*quiz: accuracy >= 0.1*", "FAILED medeval::--medeval-save*"])
    assert result.ret == 1
    assert [path.name for path in (project.pytester.path / ".medeval" / "runs").iterdir()] == ["attempts.jsonl"]
    kept = json.loads(next(elsewhere.glob("medeval-*/0001_one.json")).read_text())
    assert kept["cases"] == project.record()["cases"]
    cases = ET.parse(project.pytester.path / "out.xml").iter("testcase")  # noqa: S314 - our own file
    failed = [case.get("name") for case in cases if case.find("failure") is not None]
    assert failed == ["--medeval-save"]


def test_a_page_that_cannot_be_written_costs_no_other_output(project, monkeypatch):
    """When the disk refuses the page, one failed report says so; the record and the gates are there."""
    project.quiz(count=24, gates='["accuracy >= 0.1"]')
    write = files.write_whole

    def refusing(path, data, what):
        if path.suffix == ".html":
            raise MedevalError(f"{path}: {what} cannot be written: No space left on device")
        write(path, data, what)

    monkeypatch.setattr(files, "write_whole", refusing)
    result = project.run("--medeval-html=a.html", "--medeval-markdown=a.md", "--medeval-json=run.json", baseline=None)
    result.assert_outcomes(passed=25, failed=1)
    result.stdout.fnmatch_lines(["*PASS*quiz: accuracy >= 0.1*", "FAILED medeval::--medeval-html*"])
    assert result.ret == 1
    assert len(project.record()["cases"]) == 24
    assert (project.pytester.path / "a.md").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--medeval-compare",), "ERROR: no run is stored in *runs yet; --medeval-save stores one"),
        (("--medeval-compare=gone",), "ERROR: no run 'gone' in *; stored: none is stored yet*"),
        (("--medeval-compare=cut.json",), "ERROR: *cut.json:1: not JSON: *; accepted: a run record"),
        (
            ("--medeval-compare=newer.json",),
            "ERROR: *newer.json:1: schema is 'medeval-run/9'; accepted: *a newer pytest-medeval wrote it*",
        ),
        (("--medeval-save", "suites/"), "ERROR: --medeval-save=suites/: accepted: *"),
        (
            ("--medeval-save=one", "--medeval-storage=cut.json"),
            "ERROR: --medeval-storage: *cut.json cannot be written: File exists; accepted: *",
        ),
        (("--medeval-html=cut.json/a.html",), "ERROR: --medeval-html*cut.json*"),
        (("--medeval-markdown=cut.json/a.md",), "ERROR: --medeval-markdown*cut.json*"),
        (
            ("--medeval-gate=quiz:accuracy not worse than reference by",),
            "ERROR: --medeval-gate=*: the margin is missing; *",
        ),
        (
            ("--medeval-gate=quiz:acuracy better than reference",),
            "ERROR: --medeval-gate=*: unknown metric 'acuracy' (did you mean 'accuracy'?)*",
        ),
        (("--medeval-model=replay:gone",), "ERROR: no run 'gone' in *"),
    ],
)
def test_bad_input_is_one_line_before_a_model_is_asked(project, arguments, told):
    """Exit code 4, one line that says what was found and what is accepted, and nothing written."""
    project.quiz(count=4)
    project.write("cut.json", '{"schema": "medeval-run/1", "cas')
    project.write("newer.json", '{"schema": "medeval-run/9"}')
    model = None if "--medeval-model" in arguments[0] else "fake:0.9"
    result = project.run(*arguments, model=model, baseline=None)
    assert result.ret == 4
    errors = [line for line in result.errlines + result.outlines if line.startswith("ERROR")]
    assert len(errors) == 1
    (result.stderr if result.errlines else result.stdout).fnmatch_lines([told])
    result.stdout.no_fnmatch_line("*candidate answers*")
    assert not list(project.pytester.path.glob("**/0*.json"))


def test_bad_input_is_one_line_with_workers_too(project):
    """With -n 2 the missing reference is told once, and no gate is judged on nothing."""
    project.quiz(count=4, gates='["accuracy >= 0.1"]')
    result = project.run("--medeval-compare=gone", "--medeval-save=one", "-n", "2", baseline=None)
    assert result.ret == 4
    (result.stderr if result.errlines else result.stdout).fnmatch_lines(["ERROR: no run 'gone' in *"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert not list(project.pytester.path.glob("**/0*.json"))


LOST = {"broken": "inks:broken", "mute": "inks:mute"}


def test_an_ink_of_another_plugin(project):
    """A hook and one function make a report; it says the verdict of the outline and is written like the others."""
    project.quiz(count=24, gates='["accuracy >= 0.99"]')
    told = "def ink(outline):\n    return f'{outline.verdict.word} {len(outline.blocks) > 5}'\n"
    told += "def broken(outline):\n    return outline.record['nothing']\ndef mute(outline):\n    pass\n"
    project.write("inks.py", told)
    conftest = (project.pytester.path / "conftest.py").read_text(encoding="utf-8")
    project.write("conftest.py", f'{conftest}\ndef pytest_medeval_inks(): return {{"plain": "inks:ink", **LOST}}\n')
    project.write(
        "conftest.py", f"LOST = {LOST}\n" + (project.pytester.path / "conftest.py").read_text(encoding="utf-8")
    )
    lost = [f"--medeval-report={name}:{name}.txt" for name in LOST]
    given = [*lost, "--medeval-report=plain:a.txt", "--medeval-report=text:b.txt", "--junitxml=j.xml"]
    model = ["--medeval-model=fake:0.9", "--medeval-baseline=none", "--medeval-cache=off"]
    result = project.pytester.runpytest_subprocess(*given, *model)  # the table of inks is this process's own
    result.stdout.fnmatch_lines([
        "*--medeval-report=broken: report 'broken' is inks:broken, which fails: KeyError: 'nothing' (*inks.py:4)",
        "*--medeval-report=mute: report 'mute' is inks:mute, which fails: TypeError: gave NoneType; accepted: a text*",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert (project.pytester.path / "a.txt").read_text(encoding="utf-8") == "MAY NOT GO OUT True"
    assert "MAY NOT GO OUT: 1 of 1 gate failed" in (project.pytester.path / "b.txt").read_text(encoding="utf-8")
    suite = ET.parse(project.pytester.path / "j.xml").getroot()[0]  # noqa: S314 - our own file
    said = {one.get("name"): one.get("value") for one in suite.findall("properties/property")}
    assert said["medeval.verdict"] == "MAY NOT GO OUT"
    assert said["medeval.quiz.accuracy"].startswith("candidate 0.")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("red:a.txt", "*--medeval-report=red: unknown report 'red'*html*"),
        ("text", "*--medeval-report=text: accepted: INK:FILE*"),
        ("text:quiz.jsonl/a.txt", "*quiz.jsonl*"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_at_once(project, option, told):
    """One line that says what is accepted, before any model is asked."""
    project.quiz(4)
    result = project.run(f"--medeval-report={option}")
    assert result.ret == 4
    (result.stderr if result.errlines else result.stdout).fnmatch_lines([told])
