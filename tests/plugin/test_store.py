"""Runs are stored in pytest-benchmark's words, and a later run is judged against one of them."""

from __future__ import annotations

import pytest

NOT_WORSE = "--medeval-gate=accuracy not worse than reference by 0.1"


def runs(project):
    """Name the stored runs."""
    return sorted(path.name for path in (project.pytester.path / ".medeval" / "runs").glob("*.json"))


@pytest.mark.usefixtures("whole")
def test_three_releases_with_exit_codes_0_0_1(project):
    """The first release is stored, an equal second one passes, a worse third one is caught and says why."""
    project.quiz(count=80, gates='["accuracy >= 0.2"]')
    first = project.run("--medeval-save=release-1", baseline=None)
    second = project.run("--medeval-save=release-2", "--medeval-compare", NOT_WORSE, baseline=None)
    third = project.run(
        "--medeval-save=release-3", "--medeval-compare=latest", NOT_WORSE, model="fake:0.5", baseline=None
    )
    assert (first.ret, second.ret, third.ret) == (0, 0, 1)
    assert runs(project) == ["0001_release-1.json", "0002_release-2.json", "0003_release-3.json"]
    second.stdout.fnmatch_lines(
        [
            "reference  0001_release-1 of *",
            "  reference 0001_release-1: 80 of its 80 cases are the same",
            "*PASS*quiz: accuracy not worse than reference by 0.1*",
            "stored as *0002_release-2.json",
        ]
    )
    third.stdout.fnmatch_lines(
        [
            "reference  0002_release-2 of *",
            "  accuracy*-0.*",
            "  worse than the reference in accuracy: * of 80 cases: q*",
            "*FAIL*quiz: accuracy not worse than reference by 0.1*",
        ]
    )


def test_the_stored_run_names_commit_and_prompts(project):
    """What is stored says which commit was evaluated, whether it was dirty, and what exactly was asked."""
    project.quiz(count=4)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for command in (["init", "-q"], ["add", "quiz.jsonl"], ["commit", "-q", "-m", "cases"]):
        assert project.pytester.run(*git, *command).ret == 0
    project.run("--medeval-autosave", "--medeval-json=run.json", baseline=None)
    record = project.record()
    clean = record["environment"]["repository"]
    assert clean["dirty"] is False
    assert runs(project)[0].startswith(f"0001_{clean['commit'][:12]}_")
    assert len({case["request"] for case in record["cases"]}) == len({case["content"] for case in record["cases"]}) == 4
    project.quiz(count=4, question="Changed w0 ?")
    project.run("--medeval-save", "--medeval-json=run.json", baseline=None)
    assert project.record()["environment"]["repository"]["dirty"] is True
    assert runs(project)[1].endswith("_uncommitted-changes.json")
    assert project.record()["suites"]["quiz"]["prompts"] != record["suites"]["quiz"]["prompts"]


@pytest.mark.usefixtures("whole")
def test_a_changed_case_is_named_and_never_mixed_in(project):
    """A case with another question is left out of the comparison, and the gate is not evaluated."""
    project.quiz(count=24)
    project.run("--medeval-save=old", baseline=None)
    project.quiz(count=24, question="Another w0 ?")
    result = project.run("--medeval-compare", NOT_WORSE, "--medeval-json=run.json", baseline=None)
    result.stdout.fnmatch_lines(
        [
            "*23 of its 24 cases are the same",
            "*1 case with another question, options or answer in 0001_old: q0",
            "*NOT EVALUATED quiz: accuracy not worse than reference*",
            "*of its cases 1 changed (q0)*",
        ]
    )
    assert result.ret == 1
    reference = project.record()["suites"]["quiz"]["reference"]
    assert (reference["same"], reference["metrics"]["accuracy"]["n"]) == (23, 23)


@pytest.mark.usefixtures("whole")
def test_workers_store_and_compare_alike(project):
    """With -n 2 the same run is stored and the same verdict reached."""
    project.quiz(count=60)
    project.run("--medeval-save=old", "-n", "2", baseline=None)
    result = project.run(
        "--medeval-compare", "--medeval-gate=accuracy not worse than reference by 0.2", "-n", "2", baseline=None
    )
    result.stdout.fnmatch_lines(["*60 of its 60 cases are the same", "*PASS*"])
    assert result.ret == 0


def test_the_first_release_waits_for_a_reference_aloud(project):
    """Only a gate on the reference waits; the others decide, and a run that waited may be the next one's reference."""
    project.quiz(count=40, gates='["accuracy >= 0.2"]')
    given = ("--medeval-compare=latest-or-none", NOT_WORSE, "--medeval-json=run.json")
    first = project.run(*given, "--medeval-save=one", baseline=None)
    assert first.ret == 0
    first.stdout.fnmatch_lines(
        [
            "reference  waits for the first release: no run is stored in*",
            "*NOT EVALUATED quiz: accuracy not worse than reference by 0.1*",
            "*waits for the first release: no run is stored in*",
        ]
    )
    record = project.record()
    assert record["awaited"].startswith("waits for the first release")
    assert [(gate["outcome"], gate["waits"]) for gate in record["gates"]] == [("passed", False), ("skipped", True)]
    assert project.run(*given, baseline=None).ret == 0
    assert project.record()["reference"]["run"] == "0001_one"
    assert project.run(*given, baseline=None, model="fake:0.1").ret == 1


def test_nothing_but_an_absent_reference_waits(project):
    """A gate that cannot be evaluated for another reason fails as ever, and plain ``latest`` needs a run."""
    project.quiz(count=40)
    part = project.run("--medeval-compare=latest-or-none", NOT_WORSE, "-k", "q1", baseline=None)
    assert part.ret == 1
    assert project.run("--medeval-compare=latest", NOT_WORSE, baseline=None).ret == 4
    project.write(".medeval/runs/0001_cut.json", "{")
    assert project.run("--medeval-compare=latest-or-none", NOT_WORSE, "--medeval-save", baseline=None).ret == 4
    assert runs(project) == ["0001_cut.json"]
    assert project.run("--medeval-save=latest", baseline=None).ret == 4
