"""Subgroups by tag, end to end: the summary shows them, gates judge those of 20 cases and more."""

from __future__ import annotations

import json

import pytest

SIZES = {"cardiology": 30, "neurology": 24, "urology": 12, "genetics": 3}


@pytest.fixture
def clinic(project):
    """Make a quiz whose cases are tagged with four specialties, two of them small."""
    project.quiz(sum(SIZES.values()))
    tags = [name for name, size in SIZES.items() for _ in range(size)]
    records = [json.loads(line) for line in (project.pytester.path / "quiz.jsonl").read_text().splitlines()]
    project.write(
        "quiz.jsonl",
        "".join(
            json.dumps({**record, "tags": {"specialty": tag}}) + "\n" for record, tag in zip(records, tags, strict=True)
        ),
    )
    return project


def run(clinic, *gates: str):
    """Run with gates; give the result and the record."""
    result = clinic.run(*(f"--medeval-gate=quiz:{gate}" for gate in gates), "--medeval-json=run.json")
    return result, clinic.record()


def accuracy(record, specialty: str) -> float:
    """Average the cases of a specialty by hand."""
    scores = [
        case["candidate"]["scores"]["accuracy"] for case in record["cases"] if case["tags"]["specialty"] == specialty
    ]
    assert len(scores) == SIZES[specialty]
    return sum(scores) / len(scores)


@pytest.mark.usefixtures("whole")
def test_groups_are_shown_and_small_ones_marked(clinic):
    """Two groups with their scores; two of fewer than 20 cases, shown and not judged."""
    result, record = run(clinic)
    sizes = {"cardiology": 30, "neurology": 24}
    large = ", ".join(f"{name} {accuracy(record, name):.4f} (n {size})" for name, size in sizes.items())
    small = f"urology {accuracy(record, 'urology'):.4f} (n 12)"
    result.stdout.fnmatch_lines(
        [f"  accuracy by specialty: {large}", f"*specialty, fewer than 20 cases, not judged: {small},*"]
    )


@pytest.mark.usefixtures("whole")
def test_the_worst_group_is_judged_and_named(clinic):
    """worst(...) passes and fails on the lowest of the large groups; the summary names it either way."""
    result, record = run(clinic, "worst(accuracy by specialty) >= 0.5", "worst(accuracy by specialty) >= 0.999")
    worst = min(("cardiology", "neurology"), key=lambda name: accuracy(record, name))
    result.stdout.fnmatch_lines(
        [
            "*FAIL *quiz: worst(accuracy by specialty) >= 0.999*",
            "*not judged, fewer than 20 cases: genetics*",
            "*PASS *quiz: worst(accuracy by specialty) >= 0.5*",
            f"*worst of 2, n {SIZES[worst]}: {worst} is *",
        ]
    )
    observed = {gate["expression"]: gate["observed"] for gate in record["gates"]}
    assert observed["worst(accuracy by specialty) >= 0.5"] == pytest.approx(accuracy(record, worst))
    assert result.ret == 1


@pytest.mark.usefixtures("whole")
def test_one_group_is_judged_and_a_small_one_is_not(clinic):
    """A gate on a large group has its value; one on 12 cases is not evaluated, so the run does not pass."""
    result, record = run(clinic, "accuracy[specialty=cardiology] >= 0.5", "accuracy[specialty=urology] >= 0.5")
    result.stdout.fnmatch_lines(
        [
            "*NOT EVALUATED quiz: accuracy[[]specialty=urology[]] >= 0.5*n 12*",
            "*a subgroup of fewer than 20*",
            "*PASS *quiz: accuracy[[]specialty=cardiology[]] >= 0.5*n 30*",
        ]
    )
    found = {gate["expression"]: gate for gate in record["gates"]}
    assert found["accuracy[specialty=cardiology] >= 0.5"]["observed"] == pytest.approx(accuracy(record, "cardiology"))
    assert found["accuracy[specialty=urology] >= 0.5"]["observed"] == pytest.approx(accuracy(record, "urology"))
    assert result.ret == 1


@pytest.mark.usefixtures("whole")
def test_only_small_groups_leave_worst_unevaluated(clinic):
    """Where no group has 20 cases nothing is judged, and every group is still shown."""
    records = [json.loads(line) for line in (clinic.pytester.path / "quiz.jsonl").read_text().splitlines()]
    clinic.write("quiz.jsonl", "".join(json.dumps(record) + "\n" for record in records[54:]))
    result, _ = run(clinic, "worst(accuracy by specialty) >= 0.5")
    result.stdout.fnmatch_lines(
        [
            "*specialty, fewer than 20 cases, not judged: urology*",
            "*NOT EVALUATED quiz: worst(*",
            "*no specialty has 20 cases*",
        ]
    )
    assert result.ret == 1
