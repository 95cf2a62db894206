"""Runs are stored in pytest-benchmark's words, and a later run is judged against one of them."""

from __future__ import annotations

import json

NOT_WORSE = "--medeval-gate=accuracy not worse than reference by 0.1"


def runs(project):
    """Name the stored runs."""
    return sorted(path.name for path in (project.pytester.path / ".medeval" / "runs").glob("*"))


def test_three_releases_with_exit_codes_0_0_1(project):
    """The first release is stored, an equal second one passes against it, a worse third one is caught and says why."""
    project.quiz(count=80, gates='["accuracy >= 0.2"]')
    first = project.run("--medeval-save=release-1")
    second = project.run("--medeval-save=release-2", "--medeval-compare", NOT_WORSE)
    third = project.run("--medeval-save=release-3", "--medeval-compare=latest", NOT_WORSE, model="fake:0.5")
    assert (first.ret, second.ret, third.ret) == (0, 0, 1)
    assert runs(project) == ["0001_release-1.json", "0002_release-2.json", "0003_release-3.json"]
    second.stdout.fnmatch_lines([
        "reference  0001_release-1 of *", "  reference 0001_release-1: 80 of its 80 cases are the same",
        "*PASS*quiz: accuracy not worse than reference by 0.1*", "stored as *0002_release-2.json",
    ])
    third.stdout.fnmatch_lines([
        "reference  0002_release-2 of *", "  accuracy*-0.*", "  worse than the reference in accuracy: * of 80 cases: q*",
        "*FAIL*quiz: accuracy not worse than reference by 0.1*",
    ])


def test_the_stored_run_names_commit_and_prompts(project):
    """What is stored says which commit was evaluated, whether it was dirty, and what exactly was asked."""
    project.quiz(count=4)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for command in (["init", "-q"], ["add", "quiz.jsonl"], ["commit", "-q", "-m", "cases"]):
        assert project.pytester.run(*git, *command).ret == 0
    project.run("--medeval-autosave", "--medeval-json=run.json")
    record = project.record()
    clean = record["environment"]["repository"]
    assert clean["dirty"] is False
    assert runs(project)[0].startswith(f"0001_{clean['commit'][:12]}_")
    assert len({case["request"] for case in record["cases"]}) == len({case["content"] for case in record["cases"]}) == 4
    project.quiz(count=4, question="Changed w0 ?")
    project.run("--medeval-save", "--medeval-json=run.json")
    assert project.record()["environment"]["repository"]["dirty"] is True
    assert runs(project)[1].endswith("_uncommitted-changes.json")
    assert project.record()["suites"]["quiz"]["prompts"] != record["suites"]["quiz"]["prompts"]


def test_a_changed_case_is_named_and_never_mixed_in(project):
    """A reference that was measured on another question is compared without it, and its gate is not evaluated."""
    project.quiz(count=60)
    project.run("--medeval-save=old")
    project.quiz(count=60, question="Another w0 ?")
    result = project.run("--medeval-compare", NOT_WORSE, "--medeval-json=run.json")
    result.stdout.fnmatch_lines([
        "*59 of its 60 cases are the same", "*1 case with another question, options or answer in 0001_old: q0",
        "*NOT EVALUATED quiz: accuracy not worse than reference*", "*of its cases 1 changed (q0)*",
    ])
    assert result.ret == 1
    reference = project.record()["suites"]["quiz"]["reference"]
    assert (reference["same"], reference["metrics"]["accuracy"]["n"]) == (59, 59)


def test_new_cases_do_not_stand_in_the_way(project):
    """A suite that only grew is judged on the cases that the reference was measured on."""
    project.quiz(count=60)
    project.run("--medeval-save=old")
    project.quiz(count=64)
    result = project.run("--medeval-compare", "--medeval-gate=accuracy not worse than reference by 0.2")
    result.stdout.fnmatch_lines(["*60 of its 60 cases are the same", "*4 cases not in 0001_old: *", "*PASS*n 60"])
    assert result.ret == 0


def test_a_removed_case_does_not_turn_the_gate_green(project):
    """Whoever deletes the cases that got worse has no reference left to pass against."""
    project.quiz(count=60)
    project.run("--medeval-save=old")
    project.quiz(count=50)
    result = project.run("--medeval-compare", NOT_WORSE)
    result.stdout.fnmatch_lines(["*NOT EVALUATED*", "*10 gone (q50, q51, q52 and 7 more)*"])
    assert result.ret == 1


def test_another_prompt_is_said_and_not_compared(project):
    """The same questions asked in another form are other measurements: no common case is left to judge."""
    project.quiz(count=40)
    project.run("--medeval-save=old")
    suite = (project.pytester.path / "test_quiz.py").read_text().replace('task="mcq",', 'task="mcq", scoring="reply",')
    project.pytester.makepyfile(test_quiz=suite)
    result = project.run("--medeval-compare", NOT_WORSE)
    result.stdout.fnmatch_lines(["*0 of its 40 cases are the same", "*40 cases asked otherwise in 0001_old: q0, q1, q2 and 37 more", "*NOT EVALUATED*"])
    assert result.ret == 1


def test_another_metric_signature_is_said_and_not_compared(project):
    """A number that was measured otherwise is no reference; the other metrics still are."""
    project.quiz(count=40)
    project.run("--medeval-save=old")
    path = project.pytester.path / ".medeval" / "runs" / "0001_old.json"
    record = json.loads(path.read_text())
    del record["sha256"]
    record["suites"]["quiz"]["metrics"]["accuracy"]["signature"] = "accuracy|v:0"
    path.write_text(json.dumps(record))
    result = project.run("--medeval-compare", "--medeval-gate=accuracy better than reference", "--medeval-gate=macro_f1 not worse than reference by 0.3")
    result.stdout.fnmatch_lines(["*accuracy is measured otherwise: accuracy|v:0 in 0001_old, * here: not", "*NOT EVALUATED quiz: accuracy better*", "*PASS*macro_f1*"])


def test_a_refused_release_is_no_reference(project):
    """latest passes over a run that its own gates stopped, so that quality cannot slip step by step."""
    project.quiz(count=100, gates='["accuracy >= 0.8"]')
    project.run("--medeval-save=good")
    assert project.run("--medeval-save=bad", model="fake:0.5").ret == 1
    result = project.run("--medeval-compare")
    result.stdout.fnmatch_lines(["reference  0001_good of *"])
    result.stdout.no_fnmatch_line("*0002_bad*")


def test_workers_store_and_compare_alike(project):
    """With -n 2 the same run is stored and the same verdict reached."""
    project.quiz(count=60)
    project.run("--medeval-save=old", "-n", "2")
    result = project.run("--medeval-compare", "--medeval-gate=accuracy not worse than reference by 0.2", "-n", "2")
    result.stdout.fnmatch_lines(["*60 of its 60 cases are the same", "*PASS*"])
    assert result.ret == 0
