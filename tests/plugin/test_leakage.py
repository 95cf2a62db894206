"""--medeval-train-data: cases that the candidate was tuned on are named, scored apart, and bar a pass."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.runs.record import problems

WORDS = (
    "fever",
    "cough",
    "rash",
    "nausea",
    "dizziness",
    "fatigue",
    "headache",
    "insomnia",
    "wheezing",
    "heartburn",
    "bruising",
    "tremor",
    "hoarseness",
    "itching",
    "chills",
    "cramps",
)


def vignette(number: int) -> str:
    """Write a question that no other number has; ``wN`` is what the scripted model goes by."""
    told = " ".join(WORDS[(number * step + step) % len(WORDS)] + f"{number * step % 97}" for step in range(1, 13))
    return f"Patient w{number} reports {told} - which drug?"


def suite_of(project, count: int = 40, gates: str = "[]") -> None:
    """Write a quiz of vignettes."""
    project.quiz(count, gates)
    records = [json.loads(line) for line in (project.pytester.path / "quiz.jsonl").read_text().splitlines()]
    project.write(
        "quiz.jsonl",
        "".join(json.dumps({**record, "question": vignette(number)}) + "\n" for number, record in enumerate(records)),
    )


def chat(text: str) -> dict[str, object]:
    """Write a training record as chat turns, as most tuning tools take it."""
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "Take it twice a day."}]}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "n2"])
@pytest.mark.usefixtures("whole")
def test_leaked_cases_are_named_and_no_gate_passes(project, workers):
    """Two exact copies and a rewritten one among 40: said with their lines; a gate is inconclusive."""
    suite_of(project, gates='["accuracy >= 0.1"]')
    near = vignette(7).replace("reports", "complains of").replace("which drug", "what medicine")
    rows = [chat(vignette(100)), chat(vignette(3).upper()), chat(vignette(5)), chat(near)]
    project.write("train.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    result = project.run("--medeval-train-data=train.jsonl", "--medeval-json=run.json", *workers)
    result.stdout.fnmatch_lines(
        [
            "*leakage: 3 of 40 cases stand in the training data (2 exact, 1 near):*",
            "*accuracy, all / without them (n 37): candidate 0.* / 0.*, baseline 0.* / 0.*",
            "*INCONCLUSIVE*quiz: accuracy >= 0.1*",
            "*3 of 40 cases stand in the training data, more than 1 %*",
        ]
    )
    assert result.ret == 1
    record = project.record()
    assert problems(record) == []
    leakage = record["suites"]["quiz"]["leakage"]
    found = {leak["id"]: (leak["kind"], leak["source"]) for leak in leakage["leaked"]}
    assert found == {
        "q3": ("exact", "train.jsonl:2"),
        "q5": ("exact", "train.jsonl:3"),
        "q7": ("near", "train.jsonl:4"),
    }
    scores = [case["candidate"]["scores"]["accuracy"] for case in record["cases"] if case["id"] not in found]
    assert leakage["scores"]["candidate"]["clean"] == pytest.approx(sum(scores) / 37)


@pytest.mark.usefixtures("whole")
def test_a_share_that_is_let_pass(project):
    """The user may say how much leakage is borne; it is reported all the same."""
    suite_of(project, gates='["accuracy >= 0.1"]')
    project.write("train.txt", vignette(3) + "\n" + vignette(200) + "\n")
    result = project.run("--medeval-train-data=train.txt", "--medeval-leak-share=0.05")
    result.stdout.fnmatch_lines(["*leakage: 1 of 40 cases stand*q3 exact train.txt:1", "*PASS*quiz: accuracy >= 0.1*"])
    assert result.ret == 0


def test_a_gate_that_fails_stays_failed(project):
    """Having seen the answers is no excuse for missing them."""
    suite_of(project, gates='["accuracy >= 0.999"]')
    project.write("train.txt", vignette(3))
    result = project.run("--medeval-train-data=train.txt", "--medeval-inconclusive=pass")
    result.stdout.fnmatch_lines(["*FAIL *quiz: accuracy >= 0.999*"])
    assert result.ret == 1


@pytest.mark.usefixtures("whole")
def test_clean_data_is_said_to_be_clean(project):
    """No finding is a finding; two files are searched together."""
    suite_of(project, 4)
    project.write("one.json", json.dumps([chat(vignette(100))]))
    project.write("two.csv", f"text\n{vignette(101)}\n")
    result = project.run("--medeval-train-data=one.json", "--medeval-train-data=two.csv")
    result.stdout.fnmatch_lines(["*leakage: none of 4 cases stands in the 3 records of the training data"])


def test_trained_cases_can_be_left_out(project):
    """Before a model is asked: the gate passes on the others, and the record names what it lacks."""
    suite_of(project, gates='["accuracy >= 0.1"]')
    project.write("train.txt", vignette(3) + "\n" + vignette(200) + "\n")
    result = project.run("--medeval-train-data=train.txt", "--medeval-exclude-trained", "--medeval-json=run.json")
    result.stdout.fnmatch_lines(
        ["*trained on: 1 cases left out, by train.txt: q3", "*PASS*quiz: accuracy >= 0.1*n 39*"]
    )
    assert result.ret == 0
    record = project.record()
    assert problems(record) == []
    assert "q3" not in {case["id"] for case in record["cases"]}
    assert record["suites"]["quiz"]["excluded_trained"] == {"count": 1, "cases": ["q3"], "files": ["train.txt"]}
