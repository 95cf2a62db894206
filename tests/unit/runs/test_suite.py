"""A suite as the user writes it, checked and read when it is collected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.settings import read_settings
from pytest_medeval.runs.suite import Suite, default_name, fingerprint, resolve, with_gates
from pytest_medeval.verdicts.gates.grammar import parse_gate


@pytest.fixture
def make(tmp_path):
    """Resolve a suite of ``count`` questions with options of suite and run."""

    def resolved(cases="quiz.jsonl", *, count=6, given=(), **options):
        for name, start in (("quiz", 0), ("more", 100)):
            rows = [
                {
                    "id": f"q{i}",
                    "question": f"Q{i} ?",
                    "options": {"A": "x", "B": "y"},
                    "answer": "A",
                    "tags": {"k": "v"},
                }
                for i in range(start, start + count)
            ]
            (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        cases = [cases] if isinstance(cases, str) else cases
        paths = [one if one.startswith("data:") else str(tmp_path / one) for one in cases]
        told = dict(given)
        return resolve(Suite("mcq", paths, **options), read_settings(lambda one: told.get(one.name), tmp_path))

    return resolved


def test_a_suite_knows_where_it_was_defined():
    """File and line of the definition, before anything is checked."""
    suite = Suite("mcq", "a.jsonl", gates=["nonsense"])
    line = next(n for n, text in enumerate(Path(__file__).read_text().splitlines(), 1) if '"nonsense"' in text)
    assert (suite.source.file, suite.source.line, suite.cases) == (__file__, line, ("a.jsonl",))
    assert repr(suite) == f"Suite('mcq', defined at {__file__}:{line})"
    assert repr(Suite("mcq", name="quiz")).startswith("Suite('quiz', defined at ")


@pytest.mark.parametrize(
    ("path", "name"),
    [("test_quiz.py", "quiz"), ("a/chat.medeval.yaml", "chat"), ("plain.yaml", "plain"), ("my_test_x.py", "my_test_x")],
)
def test_a_suite_is_named_by_its_file(path, name):
    """Without what pytest needs in it."""
    assert default_name(Path(path)) == name


def test_cases_of_several_files_stand_in_order(make):
    """All files, by name or glob; the suite's name is its file's where it has none."""
    found = make(["quiz.jsonl", "more.jsonl"], count=2)
    assert ([case.id for case in found.cases], found.total, found.name) == (["q0", "q1", "q100", "q101"], 4, "suite")
    assert found.case("q100").question == "Q100 ?"
    with pytest.raises(StopIteration):
        found.case("gone")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cases": ()}, "the suite names no cases; accepted: a file, a glob, or a list of them"),
        ({"cases": "gone.jsonl"}, "gone.jsonl"),
        ({"cases": "data:x.jsonl"}, "cases 'data:x.jsonl' need --medeval-data=DIR (ini medeval_data)"),
        ({"cases": ["quiz.jsonl", "quiz.json*"]}, "id 'q0' is already used at "),
        ({"count": 0}, "the file is empty"),
        ({"pairs": "both"}, "unknown pairs 'both'"),
        ({"gates": "accuracy >= 0.5"}, "gates is 'accuracy >= 0.5'; accepted: a list of texts"),
        ({"gates": [0.5]}, "gates is [0.5]; accepted: a list of texts"),
        ({"gates": ["accuracy"]}, "cannot be read"),
        ({"gates": ["f1 >= 0.5"]}, "unknown metric 'f1'"),
        ({"gates": ["accuracy[k=w] >= 0.5"]}, "unknown value of tag 'k' 'w'"),
        ({"gates": ["judge.accuracy >= 3"]}, "unknown metric 'judge.accuracy'"),
        ({"metrics": ["acuracy"]}, "unknown metric of task mcq 'acuracy'"),
        ({"shots": 3}, "shots"),
        ({"shots": 3, "shots_from": "gone.jsonl"}, "gone.jsonl"),
        ({"shots": 7, "shots_from": "more.jsonl"}, "shots is 7, and "),
        ({"scorring": "reply"}, "scorring"),
        ({"name": " "}, "name is ' '; accepted: a text or nothing"),
        ({"name": 3}, "name is 3; accepted: a text or nothing"),
        ({"cluster": "k", "cluster_reason": "x"}, "cluster is 'k' and cluster_reason 'x'; accepted: a name alone"),
        ({"cluster": None}, "cluster is None and cluster_reason ''; accepted: a name alone"),
        ({"cluster": None, "cluster_reason": 3}, "cluster is None and cluster_reason 3; accepted: a name alone"),
        ({"cluster": 3}, "cluster is 3 and cluster_reason ''; accepted: a name alone"),
        ({"cluster": "j"}, "unknown cluster 'j'"),
    ],
)
def test_mistakes_are_one_line_with_a_place(make, tmp_path, options, told):
    """What the user wrote, where, and what is accepted."""
    if options.get("shots_from") == "more.jsonl":
        options = {**options, "shots_from": str(tmp_path / "more.jsonl")}
    with pytest.raises(MedevalError) as raised:
        make(**options)
    line = str(raised.value)
    assert told in line
    assert "\n" not in line
    assert line.startswith((f"{__file__}:", str(tmp_path)))


def test_examples_that_the_suite_asks_or_that_occur_twice_are_counted(make, tmp_path):
    """The message says why there are too few."""
    make()
    lines = (tmp_path / "more.jsonl").read_text().splitlines()[:2]
    (tmp_path / "few.jsonl").write_text(
        "\n".join([*lines, lines[0].replace("q100", "q200"), *(tmp_path / "quiz.jsonl").read_text().splitlines()[:3]])
    )
    with pytest.raises(MedevalError, match=r"has 2 usable examples \(left out: 3 that the suite itself asks, 1 that"):
        make(shots=3, shots_from=str(tmp_path / "few.jsonl"))
    assert len(make(shots=2, shots_from=str(tmp_path / "few.jsonl")).requests([make().cases[0]])[0][0].messages) == 6


def test_data_files_lie_where_the_option_says(make, tmp_path):
    """``data:PATH`` is below ``--medeval-data``."""
    make()
    found = make("data:quiz.jsonl", given={"data": str(tmp_path)})
    assert len(found.cases) == 6


def test_suites_of_one_file_draw_the_same_cases(make):
    """Whatever their names and how they are scored; ``total`` says of how many."""
    drawn = [
        make(count=40, given={"limit": "8"}, name=f"as-{scoring}", scoring=scoring)
        for scoring in ("letters", "texts", "reply")
    ]
    assert len({tuple(case.id for case in one.cases) for one in drawn}) == 1
    assert {(len(one.cases), one.total) for one in drawn} == {(8, 40)}
    assert make(count=40, given={"limit": "8", "seed": "1"}).cases != drawn[0].cases
    assert len(make(given={"limit": "99"}).cases) == 6


def test_a_part_is_asked_and_the_rest_may_be_shown(make, tmp_path):
    """Dev and train are the whole file; examples may come from the other side; a wrong size has its place."""
    dev, train = (make(count=40, part=part, dev_count=10) for part in ("dev", "train"))
    assert sorted(case.id for one in (dev, train) for case in one.cases) == sorted(
        case.id for case in make(count=40).cases
    )
    assert (len(dev.cases), dev.total, dev.part) == (10, 10, {"name": "dev", "of": 40, "dev_share": 0, "dev_count": 10})
    shown = make(count=40, part="dev", dev_count=10, shots=30, shots_from=str(tmp_path / "quiz.jsonl"))
    assert (shown.shots.usable, shown.shots.asked) == (30, 10)
    for options, told in (({"part": "dev"}, "one of them above 0"), ({"part": "train", "dev_count": 6}, "is empty")):
        with pytest.raises(MedevalError, match=rf"^{__file__}:\d+: .*{told}"):
            make(**options)


def test_gates_of_the_command_line_are_added_once(make, tmp_path):
    """Behind the suite's own; one that the suite lacks a metric for is refused."""
    suite, settings = make(gates=["accuracy >= 0.5"]), read_settings(lambda _: None, tmp_path)
    found = with_gates(suite, [parse_gate("accuracy >= 0.50"), parse_gate("accuracy <= 1")], settings)
    assert [str(gate) for gate in found.gates] == ["accuracy >= 0.5", "accuracy <= 1"]
    with pytest.raises(MedevalError, match="unknown metric 'f1'"):
        with_gates(suite, [parse_gate("f1 >= 0.5")], settings)


def test_a_free_text_suite_may_have_gates_on_a_judge(tmp_path):
    """A judge's metrics are known for tasks that a judge can grade, before one is asked."""
    (tmp_path / "talk.jsonl").write_text('{"id": "a", "input": "Hello?", "reference": "Hello."}\n')
    suite = Suite("dialogue", str(tmp_path / "talk.jsonl"), gates=["judge.accuracy better than baseline"])
    assert len(resolve(suite, read_settings(lambda _: None, tmp_path)).gates) == 1


def test_the_signature_is_of_what_is_asked(make, tmp_path):
    """Content, options and examples change it; where a case was written, and its file, do not."""
    whole = make()
    (tmp_path / "moved.jsonl").write_text("\n" + (tmp_path / "quiz.jsonl").read_text())
    assert make("moved.jsonl").signature == whole.signature == fingerprint(whole.task, whole.cases)
    shots = {"shots_from": str(tmp_path / "more.jsonl")}
    others = [
        make(count=5), make(scoring="reply"), make("more.jsonl"), make(shots=1, **shots), make(shots=2, **shots),
        make(shots=1, shots_by="similarity", **shots),
    ]  # fmt: skip
    assert len({whole.signature, *(one.signature for one in others)}) == 7
    assert fingerprint(whole.task, whole.cases[::-1]) != whole.signature
    assert len(whole.signature) == 64


@pytest.mark.parametrize("gate", ["ece <= 0.1", "ece.high <= 0.1", "ece not worse than baseline by 0.02"])
def test_a_gate_on_a_biased_metric_is_refused(make, gate):
    """The line says why, and which metrics can carry a gate; a suite that only shows it is in order."""
    with pytest.raises(MedevalError, match=r"gate 'ece.*noise of small bins.*; accepted: accuracy, .*brier") as mistake:
        make(gates=[gate])
    assert " ece," not in str(mistake.value).partition("accepted")[2]
    assert "ece" in {metric.name for metric in make(gates=["brier <= 0.5"]).metrics}
