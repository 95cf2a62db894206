"""A gate is a test report: it shows in the counts, in ``-v``, in JUnit XML and in the exit code."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

WORKERS = [(), ("-n", "2")]


@pytest.mark.parametrize("workers", WORKERS, ids=["alone", "n2"])
def test_passing_gate_is_counted_and_exits_0(project, workers):
    """One gate that holds is one more passed test."""
    project.quiz(gates='["accuracy >= 0.5"]')
    result = project.run("-v", *workers)
    result.assert_outcomes(passed=41)
    result.stdout.fnmatch_lines(["*quiz::gate[[]accuracy >= 0.5[]]*PASSED*", "*gates: 1 pass"])
    assert result.ret == 0


@pytest.mark.parametrize("workers", WORKERS, ids=["alone", "n2"])
def test_failing_gate_exits_1_with_its_reason(project, workers):
    """A gate that does not hold fails the run although every test passed."""
    project.quiz()
    result = project.run("--medeval-gate=quiz:accuracy >= 0.999", *workers)
    result.assert_outcomes(passed=40, failed=1)
    result.stdout.fnmatch_lines(
        ["*FAIL *quiz: accuracy >= 0.999*n 40*", "FAILED quiz::gate[[]accuracy >= 0.999[]] - fail: *"]
    )
    assert result.ret == 1


@pytest.mark.parametrize("workers", WORKERS, ids=["alone", "n2"])
def test_junit_holds_gates_and_scores(project, workers):
    """The XML that CI shows has the gate as a failed test case, and scores as properties of the cases."""
    project.quiz(gates='["accuracy better than baseline", "accuracy >= 0.999"]')
    project.run("--junitxml=out.xml", *workers)
    cases = {case.get("name"): case for case in ET.parse(project.pytester.path / "out.xml").iter("testcase")}  # noqa: S314 - our own file
    assert cases["gate[accuracy >= 0.999]"].find("failure") is not None
    assert cases["gate[accuracy better than baseline]"].find("failure") is None
    names = {prop.get("name"): prop.get("value") for prop in cases["test_quiz[q0]"].iter("property")}
    assert names["medeval.outcome"] == "answered"
    assert names["medeval.accuracy"] in {"0.0", "1.0"}
    gate = {prop.get("name"): prop.get("value") for prop in cases["gate[accuracy >= 0.999]"].iter("property")}
    assert gate["medeval.verdict"] == "fail"


def test_deselection_leaves_gates_not_evaluated(project):
    """Deselecting the regressed case must not turn the gate green."""
    project.quiz(gates='["accuracy >= 0.1"]')
    result = project.run("-k", "not q1]")
    result.stdout.fnmatch_lines(["*NOT EVALUATED quiz: accuracy >= 0.1*", "*39 of 40 cases were evaluated*"])
    assert result.ret == 1


def test_a_suite_deselected_as_a_whole_is_not_evaluated_either(project):
    """The gates of a suite that nobody ran are not green."""
    project.quiz(gates='["accuracy >= 0.1"]')
    project.write("test_other.py", "def test_other(): pass")
    result = project.run("-k", "other")
    result.assert_outcomes(passed=1, failed=1, deselected=40)
    result.stdout.fnmatch_lines(["*NOT EVALUATED quiz: accuracy >= 0.1*"])


def test_not_evaluated_can_be_allowed_by_name(project):
    """Someone who says so runs a part of a suite; the gate is then skipped, still not passed."""
    project.quiz(gates='["accuracy >= 0.1"]')
    result = project.run("-k", "not q1]", "--medeval-allow-not-evaluated=quiz", "-rs")
    result.assert_outcomes(passed=39, skipped=1, deselected=1)
    assert result.ret == 0


def test_exit_on_first_failure_leaves_gates_not_evaluated(project):
    """-x stops the suite, so nothing can be said about it."""
    project.quiz(gates='["accuracy >= 0.1"]')
    project.pytester.makepyfile(
        test_quiz=(project.pytester.path / "test_quiz.py").read_text() + "\n    assert evaluation.case.id != 'q3'\n"
    )
    result = project.run("-x")
    result.stdout.fnmatch_lines(["*NOT EVALUATED quiz: accuracy >= 0.1*", "*4 of 40 cases were evaluated*"])
    assert result.ret == 1


WATCH = """
import json, pathlib, pytest
{opened}
kept = []

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if not isinstance(item, pytest.Function) and "tmp_path" not in item.fixturenames:
        kept.append([item.nodeid, report.location, item.callspec.params, report.when, report.outcome])
    return report

def pytest_unconfigure():
    pathlib.Path("seen.json").write_text(json.dumps(kept))
"""


def test_other_plugins_see_gates_as_tests_with_a_path(project):
    """Also behind a test that stopped the run: items with file and line, whose parameters tell them apart."""
    project.quiz(gates='["accuracy >= 0.5", "answered >= 0.5"]')
    stop = '    if evaluation.case.id == "q3":\n        pytest.exit("enough")\n'
    path = project.pytester.path / "test_quiz.py"
    path.write_text(f"{path.read_text()}\n{stop}")
    (conftest,) = project.pytester.path.glob("conftest.py")
    conftest.write_text(WATCH.format(opened=conftest.read_text()))
    project.run("-p", "no:randomly", "--medeval-allow-not-evaluated=all", "--medeval-review=/dev/full")
    seen = json.loads((project.pytester.path / "seen.json").read_text())
    line = next(n for n, text in enumerate(path.read_text().splitlines()) if text.startswith("suite ="))
    for name in ("accuracy >= 0.5", "answered >= 0.5"):
        told = [f"quiz::gate[{name}]", ["test_quiz.py", line, f"gate[{name}]"], {"gate": name}]
        assert [*told, "setup", "skipped"] in seen
        assert [*told, "teardown", "passed"] in seen
    assert any(one[0] == "medeval::--medeval-review" and one[3:] == ["call", "failed"] for one in seen)


@pytest.mark.usefixtures("whole")
def test_a_sample_is_judged_and_says_its_n(project):
    """--medeval-limit is declared, so its gates are judged."""
    project.quiz(gates='["accuracy >= 0.1"]')
    result = project.run("--medeval-limit=25")
    result.assert_outcomes(passed=26)
    result.stdout.fnmatch_lines(
        ["quiz (mcq): 25 of 25 cases evaluated of 40, seeded sample", "*PASS*quiz: accuracy >= 0.1*n 25"]
    )


def test_inconclusive_fails_unless_allowed(project):
    """A difference that the cases cannot settle is no pass."""
    project.quiz(gates='["accuracy better than baseline"]')
    first = project.run(model="fake:0.52", baseline="fake:0.5")
    first.stdout.fnmatch_lines(["*INCONCLUSIVE*quiz: accuracy better than baseline*"])
    assert first.ret == 1
    assert project.run("--medeval-inconclusive=pass", model="fake:0.52", baseline="fake:0.5").ret == 0


def test_a_critical_miss_fails_whatever_the_mean(project):
    """One critical case that is wrong fails the run."""
    project.quiz(gates='["accuracy >= 0.5"]', critical=True)
    right, wrong = project.run(model="fake:1.0"), project.run(model="fake:0.0", baseline="none")
    right.stdout.fnmatch_lines(["*PASS*quiz: critical, n 1"])
    wrong.stdout.fnmatch_lines(["*FAIL*quiz: critical, n 1", "*1 of 1 critical cases missed: q0*"])
    assert (right.ret, wrong.ret) == (0, 1)


def test_a_comparison_without_a_baseline_is_not_evaluated(project):
    """Nothing to compare with is not a pass."""
    project.quiz(gates='["accuracy better than baseline"]')
    result = project.run(baseline="none")
    result.stdout.fnmatch_lines(["*NOT EVALUATED quiz: accuracy better than baseline*", "*no baseline*"])
    assert result.ret == 1


def test_a_crashed_worker_leaves_gates_not_evaluated(project):
    """A case that takes its worker down is missing, and is said to be."""
    project.quiz(gates='["accuracy >= 0.1"]')
    test = (project.pytester.path / "test_quiz.py").read_text()
    test = test.replace("def test_quiz(evaluation):", "def test_quiz(crash, evaluation):")
    test += "\n@pytest.fixture\ndef crash(request):\n    if 'q3]' in request.node.nodeid: import os; os._exit(1)\n"
    project.pytester.makepyfile(test_quiz=test)
    result = project.run("-n", "2")
    result.stdout.fnmatch_lines(
        ["*crashed*", "*NOT EVALUATED quiz: accuracy >= 0.1*", "*39 of 40 cases were evaluated*"]
    )
    assert result.ret == 1
