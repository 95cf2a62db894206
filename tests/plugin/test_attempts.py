"""A candidate that is tried again on other cases: counted, said, and kept to the looks that were declared."""

from __future__ import annotations

GATE = '["accuracy better than baseline", "accuracy >= 0.2"]'


def test_attempts_are_counted_and_looks_are_kept_to(project):
    """The same cases again are no new attempt; more looks than declared pass nothing, and say why."""
    project.quiz(count=40, gates=GATE)
    given = ("--medeval-looks=2", "--medeval-json=run.json")
    first, again = project.run(*given), project.run(*given)
    assert (first.ret, again.ret) == (0, 0)
    attempt = project.record()["attempts"]["quiz"]
    assert (attempt["count"], attempt["looks"], round(attempt["alpha"], 4)) == (1, 2, 0.0031)
    again.stdout.fnmatch_lines(["*quiz: first attempt of this candidate, 2 looks declared: *99.69 %*"])
    project.quiz(count=60, gates=GATE)
    assert project.run(*given).ret == 0
    assert round(project.record()["attempts"]["quiz"]["alpha"], 4) == 0.0496
    project.quiz(count=80, gates=GATE)
    third = project.run(*given)
    assert third.ret == 1
    third.stdout.fnmatch_lines(
        ["*INCONCLUSIVE*quiz: accuracy better than*", "*third attempt of this candidate; 2 looks were declared and*"]
    )
    assert {gate["verdict"] for gate in project.record()["gates"]} == {"inconclusive"}
    marked = project.run("--medeval-json=run.json", "--medeval-limit=30")
    assert marked.ret == 0
    assert "fourth attempt" in project.record()["gates"][0]["remark"]
