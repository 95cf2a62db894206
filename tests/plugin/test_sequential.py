"""``--medeval-sequential``: a run ends as soon as every gate is decided, and says what it saved."""

from __future__ import annotations

import pytest

GATES = '["accuracy not worse than baseline by 0.05", "accuracy.low >= 0.6"]'


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_clear_regression_ends_early(project, workers):
    """Cases that were not asked are skipped tests, not an incomplete suite; workers say the same."""
    project.quiz(count=400, gates=GATES)
    result = project.run(
        "--medeval-sequential", "--medeval-json=run.json", "-rs", *workers, model="fake:0.3", baseline="fake:0.9"
    )
    assert result.ret == 1
    record = project.record()
    suite = record["suites"]["quiz"]
    batches = suite["sequential"]
    assert suite["complete"] is True
    assert suite["evaluated"] == batches["asked"] <= 240
    assert len(batches["not_asked"]) == 400 - batches["asked"]
    assert record["gates"][0]["verdict"] == "fail"
    assert "valid at every batch" in record["gates"][0]["reason"]
    result.assert_outcomes(passed=batches["asked"], failed=2, skipped=400 - batches["asked"])
    told = f"*sequential: {batches['asked']} cases asked in {batches['batches']} batches, decided early, *"
    result.stdout.fnmatch_lines([told])
    result.stdout.fnmatch_lines(["SKIPPED*not asked: decided early"])


def test_critical_cases_come_first_and_what_cannot_be_decided_early_is_asked_whole(project):
    """A gate on a mean over classes needs all cases; looks and sequential runs exclude each other."""
    project.quiz(count=120, gates='["accuracy.low >= 0.3"]', critical=True)
    assert project.run("--medeval-sequential", "--medeval-json=run.json").ret == 0
    record = project.record()
    assert 0 < record["suites"]["quiz"]["evaluated"] < 120
    assert {gate["expression"]: gate["verdict"] for gate in record["gates"]}["critical"] == "pass"
    project.quiz(count=120, gates='["macro_f1.low >= 0.3", "accuracy.low >= 0.3"]')
    whole = project.run("--medeval-sequential", "--medeval-json=run.json")
    assert whole.ret == 0
    suite = project.record()["suites"]["quiz"]
    assert suite["evaluated"] == 120
    held = {"macro_f1.low >= 0.3": "macro_f1 is no mean over cases"}
    assert suite["sequential"] == {"asked": 120, "not_asked": [], "batches": 1, "held": held}
    assert "valid at every batch" not in "".join(gate["reason"] for gate in project.record()["gates"])
    whole.stdout.fnmatch_lines(["*sequential: 120 cases asked at once, asked to the end (macro_f1.low >= 0.3: *"])
    both = project.run("--medeval-sequential", "--medeval-looks=3")
    assert both.ret == 4
    both.stderr.fnmatch_lines(["*--medeval-sequential looks after every batch; accepted: without --medeval-looks"])
