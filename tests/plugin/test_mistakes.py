"""A user's mistake is one line that says what was found and what is accepted: exit code 4 or a failed test."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

YAML = """\
task: mcq
cases:
  - id: one
    question: Which drug first?
    options: {A: aspirin, B: heparin}
    answer: A
"""

TEST = """
import pytest
from pytest_medeval import Suite
suite = Suite(%s)
@pytest.mark.medeval(suite)
def test_it(evaluation): pass
"""


@dataclass(frozen=True)
class Mistake:
    """What is wrong, how it comes about, and words that the one line must hold."""

    name: str
    make: Callable[..., object]
    words: tuple[str, ...]
    args: tuple[str, ...] = ()
    model: str | None = "fake:0.9"


def option(name: str, *words: str, args: tuple[str, ...] = (), model: str | None = "fake:0.9") -> Mistake:
    """Make a wrong option beside a sound suite."""
    return Mistake(name, lambda project: project.quiz(4), words, args, model)


def yaml(name: str, text: str, *words: str) -> Mistake:
    """Make a wrong YAML suite."""
    return Mistake(name, lambda project: project.write("drug.medeval.yaml", text), words)


def case(name: str, *words: str, **changes: object) -> Mistake:
    """Make a wrong first case; a change to None leaves the key out."""

    def make(project) -> None:
        record = {"id": "a", "question": "Which?", "options": {"A": "x", "B": "y"}, "answer": "A"} | changes
        project.quiz(4)
        project.write("quiz.jsonl", json.dumps({key: value for key, value in record.items() if value is not None}) + "\n")

    return Mistake(name, make, ("quiz.jsonl:1", *words))


def suite(name: str, arguments: str, *words: str, cases: str = '{"id": "a", "input": "hi", "reference": "ho"}\n') -> Mistake:
    """Make a wrong ``Suite`` call."""

    def make(project) -> None:
        project.write("some.jsonl", cases)
        project.write("test_some.py", TEST % arguments)

    return Mistake(name, make, words)


def folder(name: str, files: dict[str, str], *words: str) -> Mistake:
    """Make a wrong model folder ``m``."""

    def make(project) -> None:
        project.quiz(4)
        (project.pytester.path / "m").mkdir()
        for file, text in files.items():
            project.write(f"m/{file}", text)

    return Mistake(name, make, words, model="./m")


LORA = json.dumps({"peft_type": "LORA", "base_model_name_or_path": "../base"})

MISTAKES = [
    option("no model", "no model is named", "--medeval-model=SPEC", "the folder of an adapter", model=None),
    option("model folder missing", "./nowhere", "no such folder", model="./nowhere"),
    option("model is a file", "is a file", "adapter_config.json", model="quiz.jsonl"),
    option("model empty", "empty", model=" "),
    option("endpoint without a name", "https://host/v1#name", model="https://somewhere/v1"),
    option("replay without a run", "names no run", model="replay:"),
    option("manifest missing", "none.toml: cannot be read: no such file", model="none.toml"),
    option("model of an unknown task", "unknown task 'mqc'", "did you mean 'mcq'", model="mqc=./m"),
    option("model for another task only", "no model answers mcq", "--medeval-model=mcq=SPEC", model="dialogue=fake:1"),
    option("baseline folder missing", "--medeval-baseline", "no such folder", args=("--medeval-baseline=./nowhere",)),
    option("model of an unknown kind", "unknown model kind 'fkae'", "did you mean 'fake'", model="fkae:0.9"),
    option("judge style unknown", "--medeval-judge-style", "unknown judge style 'jsn'", "did you mean 'json'", "auto, grades, json",
           args=("--medeval-judge-style=jsn",)),
    option("report unknown", "--medeval-report=tabel", "unknown report 'tabel'", "card, html", args=("--medeval-report=tabel:run.txt",)),
    option("limit is a word", "--medeval-limit=many", "whole number", args=("--medeval-limit=many",)),
    option("limit is zero", "--medeval-limit=0", "1 or more", args=("--medeval-limit=0",)),
    option("seed is negative", "--medeval-seed=-1", "0 or more", args=("--medeval-seed=-1",)),
    option("batch size is zero", "--medeval-batch-size=0", "auto or a whole number", args=("--medeval-batch-size=0",)),
    option("device unknown", "--medeval-device=gpu", "cuda", args=("--medeval-device=gpu",)),
    option("dtype unknown", "--medeval-dtype", "'fp8'", "bfloat16", args=("--medeval-dtype=fp8",)),
    option("inconclusive unknown", "--medeval-inconclusive", "'maybe'", "fail, pass", args=("--medeval-inconclusive=maybe",)),
    option("data folder missing", "--medeval-data", "'nowhere'", args=("--medeval-data=nowhere",)),
    option("record into a file", "--medeval-json", "is no folder", args=("--medeval-json=quiz.jsonl/run.json",)),
    option("record is a folder", "--medeval-json", "is a folder", args=("--medeval-json=.",)),
    option("gate of an unknown suite", "unknown suite 'quizz'", "did you mean 'quiz'", args=("--medeval-gate=quizz:accuracy >= 0.5",)),
    option("gate on an unknown metric", "unknown metric 'accurracy'", "did you mean 'accuracy'", args=("--medeval-gate=accurracy >= 0.5",)),
    option("gate on a metric of another task", "unknown metric 'bleu'", args=("--medeval-gate=quiz:bleu >= 0.5",)),
    option("gate with an unknown operator", "=<", ">=", args=("--medeval-gate=accuracy =< 0.5",)),
    option("gate with a threshold that is NaN", "nan", args=("--medeval-gate=accuracy >= nan",)),
    option("gate with a negative margin", "-0.1", args=("--medeval-gate=accuracy not worse than baseline by -0.1",)),
    option("gate without a margin", "margin", args=("--medeval-gate=accuracy not worse than baseline",)),
    option("gate against nobody", "basline", args=("--medeval-gate=accuracy better than basline",)),
    option("gate on an unknown tag", "'ward'", args=("--medeval-gate=accuracy[ward=a] >= 0.5",)),
    option("gate on an unknown value of a tag", "'third'", args=("--medeval-gate=accuracy[half=third] >= 0.5",)),
    option("training data missing", "--medeval-train-data=none.jsonl", "no such file", args=("--medeval-train-data=none.jsonl",)),
    Mistake("training data broken", lambda project: (project.quiz(4), project.write("t.jsonl", '{"q": "x"}\n{"q": oops}\n')),
            ("t.jsonl:2", "not JSON"), ("--medeval-train-data=t.jsonl",)),
    Mistake("training data without a text", lambda project: (project.quiz(4), project.write("t.json", "[1, 2]")),
            ("t.json", "no record with a text", "JSONL"), ("--medeval-train-data=t.json",)),
    option("leak share is a percentage", "--medeval-leak-share=1%", "from 0 to 1", args=("--medeval-leak-share=1%",)),
    option("leak share above one", "--medeval-leak-share=5", "from 0 to 1", args=("--medeval-leak-share=5",)),
    option("nothing is known of training", "--medeval-exclude-trained: nothing says", "--medeval-train-data", args=("--medeval-exclude-trained",)),
    option("margin in percent", "--medeval-retention=2", "two points are 0.02", args=("--medeval-retention=2",)),
    option("margin is a path", "--medeval-retention=quiz", "before a path", args=("--medeval-retention", "quiz")),
    option("noise is zero", "--medeval-noise=0", "1 or more", args=("--medeval-noise=0",)),
    option("noise is a word", "--medeval-noise=bf16", "whole number", args=("--medeval-noise=bf16",)),
    folder("folder without config", {"notes.txt": "x"}, "adapter_config.json", "config.json"),
    folder("pickle weights", {"config.json": "{}", "pytorch_model.bin": "x"}, "pickle", "safetensors"),
    folder("broken config", {"config.json": "{"}, "config.json:1", "not JSON"),
    folder("adapter without weights", {"adapter_config.json": LORA}, "no weights", "adapter_model.safetensors"),
    folder("adapter with pickle weights", {"adapter_config.json": LORA, "adapter_model.bin": "x"}, "pickle"),
    folder("adapter of another kind", {"adapter_config.json": '{"peft_type": "IA3"}'}, "IA3", "LORA"),
    folder("adapter whose base is missing", {"adapter_config.json": LORA, "adapter_model.safetensors": "x"}, "../base", "missing"),
    suite("task unknown", 'task="dialog", cases="some.jsonl"', "test_some.py:4", "unknown task 'dialog'", "did you mean 'dialogue'"),
    suite("argument unknown", 'task="dialogue", cases="some.jsonl", rouge_bta=1', "test_some.py:4", "'rouge_bta'", "did you mean 'rouge_beta'"),
    suite("scoring unknown", 'task="mcq", cases="some.jsonl", scoring="letter"', "test_some.py:4", "'letter'", "letters"),
    suite("orders of options that are not listed", 'task="mcq", cases="some.jsonl", scoring="texts", rotations=True',
          "test_some.py:4", "rotations=True", "'letters' or 'reply'"),
    suite("metric of orders that are not asked", 'task="mcq", cases="some.jsonl", metrics=["consistency"]', "test_some.py:4",
          "'consistency'", "rotations=True", cases='{"id": "a", "question": "Which?", "options": {"A": "x", "B": "y"}, "answer": "A"}\n'),
    suite("shots without a file", 'task="dialogue", cases="some.jsonl", shots=3', "test_some.py:4", "shots_from is None", "a file"),
    suite("a file without shots", 'task="dialogue", cases="some.jsonl", shots_from="some.jsonl"', "test_some.py:4", "shots is 0", "1 or more"),
    suite("shots drawn in an unknown way", 'task="dialogue", cases="some.jsonl", shots=1, shots_from="some.jsonl", shots_by="similar"',
          "test_some.py:4", "unknown shots_by 'similar'", "did you mean 'similarity'"),
    suite("shots from a missing file", 'task="dialogue", cases="some.jsonl", shots=1, shots_from="none.jsonl"', "test_some.py:4", "none.jsonl"),
    suite("more shots than examples", 'task="dialogue", cases="some.jsonl", shots=1, shots_from="some.jsonl"', "test_some.py:4",
          "0 usable examples", "1 that the suite itself asks"),
    suite("max_new_tokens is a text", 'task="dialogue", cases="some.jsonl", max_new_tokens="many"', "test_some.py:4", "max_new_tokens"),
    suite("metric unknown", 'task="dialogue", cases="some.jsonl", metrics=["blue"]', "test_some.py:4", "'blue'", "did you mean 'bleu'"),
    suite("pairs unknown", 'task="dialogue", cases="some.jsonl", pairs="full"', "test_some.py:4", "'full'", "complete"),
    suite("no cases named", 'task="dialogue"', "test_some.py:4", "names no cases"),
    suite("case file missing", 'task="dialogue", cases="none.jsonl"', "test_some.py:4", "none.jsonl"),
    suite("format unknown", 'task="dialogue", cases="some.jsonl", format="medq"', "'medq'", "did you mean 'medqa'"),
    suite("format of another task", 'task="dialogue", cases="some.jsonl", format="medqa"', "medqa", "mcq"),
    suite("gates is a text", 'task="dialogue", cases="some.jsonl", gates="bleu >= 1"', "test_some.py:4", "a list of texts"),
    suite("data without the option", 'task="dialogue", cases="data:x.jsonl"', "test_some.py:4", "--medeval-data"),
    suite("empty file", 'task="dialogue", cases="some.jsonl"', "some.jsonl:1", "the file is empty", cases=""),
    suite("broken JSON", 'task="dialogue", cases="some.jsonl"', "some.jsonl:1", "not JSON", cases='{"id": oops}\n'),
    suite("case twice", 'task="dialogue", cases="some.jsonl"', "some.jsonl:2", "'a'", "some.jsonl:1",
          cases='{"id": "a", "input": "hi", "reference": "ho"}\n' * 2),
    suite("costs missing", 'task="polarity", cases="some.jsonl", costs="costs.toml"', "test_some.py:4", "costs.toml", "cannot be read",
          cases='{"id": "a", "dialogue": "hi", "findings": {"fever": "positive"}}\n'),
    case("answer not among the options", "answer 'E'", "A, B", answer="E"),
    case("options not in order", "A, C", options={"A": "x", "C": "y"}),
    case("one option", "2 to 26", options={"A": "x"}),
    case("empty option", "an option is empty", options={"A": "x", "B": " "}),
    case("question missing", "'question' is missing", question=None),
    case("unknown key", "'quesiton'", "did you mean 'question'", quesiton="x"),
    case("id missing", "'id'", id=None),
    case("critical is a word", "'critical'", "true or false", critical="yes"),
    case("tags is a list", "'tags'", "a mapping", tags=["x"]),
    yaml("yaml unreadable", "task: [mcq\n", "drug.medeval.yaml:2"),
    yaml("yaml without a task", YAML.replace("task: mcq\n", ""), "drug.medeval.yaml", "'task' is missing"),
    yaml("yaml with an unknown key", YAML + "gate: []\n", "drug.medeval.yaml", "'gate'", "did you mean 'gates'"),
    yaml("yaml with a wrong answer", YAML.replace("answer: A", "answer: C"), "drug.medeval.yaml:3", "answer 'C'"),
    yaml("yaml with a key twice", YAML + "task: mcq\n", "drug.medeval.yaml:7", "task"),
    yaml("yaml with an id twice", YAML + YAML.partition("cases:\n")[2], "drug.medeval.yaml:7", "'one'"),
    yaml("critical dialogue without must_mention",
         "task: dialogue\ncases:\n  - {id: a, input: hi, reference: ho, critical: true}\n", "drug.medeval.yaml:3", "must_mention"),
    Mistake("mark without a suite", lambda project: project.write("test_x.py", "import pytest\n@pytest.mark.medeval\ndef test_x(evaluation): pass\n"),
            ("test_x.py:2", "takes one Suite")),
    suite("negative temperature", "task='dialogue', cases='some.jsonl', temperature=-1",
          "test_some.py:", "temperature is -1", "a finite number, 0 (greedy) or more"),
    suite("temperature of likelihoods", "task='mcq', cases='some.jsonl', temperature=0.7", "test_some.py:", "scoring='reply'"),
    suite("top_p of nothing", "task='polarity', cases='some.jsonl', temperature=1, top_p=0", "test_some.py:", "top_p is 0"),
    Mistake("mark on a test without the fixture", lambda project: (project.quiz(4), project.write("test_quiz.py", (
        project.pytester.path / "test_quiz.py").read_text().replace("(evaluation)", "()"))),
            ("test_quiz.py", "does not ask for the fixture 'evaluation'")),
    Mistake("two suites of one name", lambda project: (project.quiz(4), project.write("test_two.py", (
        project.pytester.path / "test_quiz.py").read_text().replace("suite =", "other = Suite(task='mcq', cases='quiz.jsonl', name='quiz')\nsuite =")
        .replace("@pytest", "@pytest.mark.medeval(other)\ndef test_other(evaluation): pass\n@pytest"))),
            ("test_two.py", "suite 'quiz' is already defined")),
    Mistake("wrong encoding", lambda project: (project.quiz(4), (project.pytester.path / "quiz.jsonl").write_bytes(b'{"id": "\xff"}\n')),
            ("quiz.jsonl:1", "UTF-8")),
]


def settings(name: str, file: str, text: str, *words: str, args: tuple[str, ...] = ()) -> Mistake:
    """Make a wrong configuration file beside a sound suite."""
    return Mistake(name, lambda project: (project.quiz(4), project.write(file, text)), words, args)


GATE = ("unknown ini key 'medeval_gates' (did you mean 'medeval_gate'?)", "accepted: medeval_allow_not_evaluated")
MISTAKES += [
    settings("key in pytest.ini", "pytest.ini", "[pytest]\nmedeval_gates = accuracy >= 0.99\n", *GATE),
    settings("key in pyproject", "pyproject.toml", '[tool.pytest.ini_options]\nmedeval_gates = "accuracy >= 0.99"\n', *GATE),
    settings("key in setup.cfg", "setup.cfg", "[tool:pytest]\nmedeval_gates = accuracy >= 0.99\n", *GATE),
    settings("key in tox.ini", "tox.ini", "[pytest]\nmedeval_gates = accuracy >= 0.99\n", *GATE),
    settings("key with a dash", "pytest.ini", "[pytest]\nmedeval-gate = accuracy >= 0.99\n", "'medeval-gate'", "'medeval_gate'"),
    settings("key in capitals", "pytest.ini", "[pytest]\nMEDEVAL_GATE = accuracy >= 0.99\n", "unknown ini key 'MEDEVAL_GATE'"),
    settings("value twice in addopts", "pytest.ini", "[pytest]\naddopts = --medeval-limit=3 --medeval-limit 2\n",
             "addopts: --medeval-limit is given twice"),
    settings("value twice in a file of arguments", "more.txt", "--medeval-seed=1\n--medeval-seed\n2\n",
             "command line: --medeval-seed is given twice", args=("@more.txt",)),
    option("key of -o", *GATE, args=("-o", "medeval_gates=accuracy >= 0.99")),
    option("key of --override-ini", *GATE, args=("--override-ini=medeval_gates=accuracy >= 0.99",)),
    option("budget of many digits", "accepted: '500'", args=("--medeval-judge=fake:1", f"--medeval-judge-budget={'9' * 5000}")),
    option("replicas of nothing", "--medeval-replicas counts those of Ray; accepted: with", args=("--medeval-replicas=2",)),
    option("value twice", "command line: --medeval-limit is given twice; accepted: once",
           args=("--medeval-limit=3", "--medeval-limit", "2")),
    option("gates of -o twice", "-o medeval_gate is given twice", args=("-o", "medeval_gate=accuracy > 0", "-omedeval_gate=accuracy > 0.9")),
]
if pytest.version_tuple >= (9,):
    MISTAKES += [
        settings("key in native TOML", "pytest.toml", '[pytest]\nmedeval_gates = ["accuracy >= 0.99"]\n', *GATE),
        settings("key in pyproject's own table", "pyproject.toml", '[tool.pytest]\nmedeval_gates = ["accuracy >= 0.99"]\n', *GATE),
        settings("gate in native TOML that is no list", "pytest.toml", '[pytest]\nmedeval_gate = "accuracy >= 0.99"\n', "'medeval_gate'", "a list"),
        settings("number in native TOML", "pytest.toml", "[pytest]\nmedeval_limit = 20\n", "'medeval_limit'", "a string"),
    ]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name.replace(" ", "-"))
def test_mistake_is_one_line(project, mistake):
    """Exit code 4, one ERROR line with the words that help, no traceback."""
    mistake.make(project)
    result = project.run(*mistake.args, model=mistake.model, baseline=None if any("baseline" in arg for arg in mistake.args) else "none")
    lines = [line for line in result.errlines if line.strip()]
    assert result.ret == 4, result.outlines
    assert len(lines) == 1, lines
    assert lines[0].startswith("ERROR: ")
    for word in mistake.words:
        assert word in lines[0], lines[0]
    printed = "\n".join([*result.outlines, *result.errlines])
    assert "INTERNALERROR" not in printed
    assert "Traceback" not in printed


def test_the_evaluation_fixture_needs_the_mark(project):
    """A test that asks for an evaluation and has no suite fails with one line."""
    project.write("test_x.py", "def test_x(evaluation): pass\n")
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs @pytest.mark.medeval(Suite(...))*"])


def test_several_mistakes_are_all_reported(project):
    """One run tells everything that is wrong with the suites."""
    project.write("one.medeval.yaml", YAML.replace("answer: A", "answer: C"))
    project.write("two.medeval.yaml", YAML.replace("task: mcq", "task: mqc"))
    result = project.run()
    assert result.ret == 4
    assert sum(line.startswith("ERROR: ") for line in result.errlines) == 2


def test_mistakes_on_workers_are_the_users_too(project):
    """With -n the same line comes from the controller, once."""
    project.write("one.medeval.yaml", YAML.replace("answer: A", "answer: C"))
    result = project.run("-n", "2")
    assert result.ret == 4
    lines = [line for line in result.errlines if line.strip()]
    assert len(lines) == 1
    assert "one.medeval.yaml:3" in lines[0]


def test_an_abbreviated_option_is_none(project):
    """``--medeval-lim`` is not ``--medeval-limit``."""
    project.quiz(4)
    result = project.run("--medeval-lim=2")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*unrecognized arguments: --medeval-lim=2*"])


def test_the_command_line_comes_before_addopts(project, monkeypatch):
    """Given once in each place, the later one counts: pytest's own order."""
    project.quiz(8)
    project.write("pytest.ini", "[pytest]\naddopts = --medeval-limit=3\nmedeval_limit = 7\n")
    project.run().assert_outcomes(passed=3)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--medeval-limit=4")
    project.run().assert_outcomes(passed=4)
    project.run("--medeval-limit=2").assert_outcomes(passed=2)


def test_an_unknown_key_is_told_where_nothing_is_evaluated(pytester):
    """The mistake is in the project's file, whatever is run."""
    pytester.makeini("[pytest]\nmedeval_gates = accuracy >= 0.9\n")
    pytester.makepyfile("def test_unrelated(): pass")
    result = pytester.runpytest()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: unknown ini key 'medeval_gates'*"])


@pytest.mark.parametrize("given", [["a:b"], {"a": 3}])
def test_a_hook_gives_names(project, given):
    """Anything but names and entries is told with the hook's name."""
    project.quiz(4)
    (project.pytester.path / "conftest.py").write_text(f"def pytest_medeval_metrics(): return {given!r}\n")
    result = project.run(model=None, baseline=None)
    assert result.ret == 4
    assert result.errlines == [f"ERROR: pytest_medeval_metrics() gave {given!r}; accepted: {{'name': 'module:Attribute'}}", ""]


@pytest.mark.parametrize("raised", ["KeyError('gone')", "pytest.skip.Exception('gone')"])
def test_a_hook_that_raises_is_named(project, raised):
    """The plugin, the hook, what it raised and where: one line, and no internal error."""
    project.quiz(4)
    conftest = project.pytester.path / "conftest.py"
    conftest.write_text(f"import pytest\n\ndef pytest_medeval_metrics():\n    raise {raised}\n")
    result = project.run(model=None, baseline=None)
    assert result.ret == 4
    told = "ERROR: pytest_medeval_metrics() of plugin *conftest.py raised *: *gone* (*conftest.py:4)"
    result.stderr.fnmatch_lines([told])
    assert len(result.errlines) == 2


ODD = """
import os
from typing import ClassVar
from pytest_medeval import Details, Measure
from pytest_medeval.tasks.mcq import MCQ

def raising(what):
    def method(self, case, *given):
        return {}[what] if os.environ["ODD"] == what and case.id == "q2" else getattr(MCQ, what)(self, case, *given)

    return method

class Odd(MCQ):
    gold, correct, requests = map(raising, ("gold", "correct", "requests"))
    name: ClassVar[str] = "odd"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "shape")

class Broken(Details):
    def rules(self, task, rows, clusters=()):
        return {} if os.environ["ODD"] != "details" else exit(0)

    def trace(self, task, case, reply):
        return {}["trace"] if os.environ["ODD"] == "trace" and case.id == "q2" else None

def shape(task):
    def fold(sums):
        if os.environ["ODD"] == "last" and sums.ndim == 1:
            raise KeyError("last")
        return sums if os.environ["ODD"] == "shape" else sums[..., 0] / sums[..., 1]

    make = lambda case, reply: [1.0, 1.0]
    return Measure(name="shape", counts="shape", signature="shape|version:1", make=make, fold=fold)
"""
HOOKS = """
def pytest_medeval_tasks(): return {"odd": "odd:Odd"}
def pytest_medeval_details(): return {"odd": "odd:Broken"}
def pytest_medeval_metrics():
    from pytest_medeval.metrics import METRICS
    return {"odd.accuracy": METRICS["mcq.accuracy"], "odd.shape": "odd:shape"}
"""


FAILS = {
    "details": "details of a task 'odd' is odd:Broken, which fails: SystemExit: 0 (*odd.py:*",
    "last": "metric 'odd.shape' is odd:shape, which fails: KeyError: 'last' (*odd.py:*",
    "requests": "task 'odd' is odd:Odd, which cannot ask 'q2': KeyError: 'requests' (*odd.py:*",
    "trace": "details of a task 'odd' is odd:Broken, which cannot trace the reply to 'q2': KeyError: 'trace' (*",
    "gold": "task 'odd' is odd:Odd, which cannot tell what is right of 'q2': KeyError: 'gold' (*odd.py:*",
    "correct": "task 'odd' is odd:Odd, which cannot tell what is right of 'q2': KeyError: 'correct' (*odd.py:*",
}


@pytest.mark.parametrize("odd", ["shape", *FAILS])
def test_others_code_that_fails_in_a_run_costs_no_record(project, monkeypatch, odd):
    """A score of a wrong shape is told before anything is judged; all else fails the run with its record written."""
    project.quiz(4, gates='["accuracy >= 0", "shape >= 0.5"]')
    path = project.pytester.path
    monkeypatch.setenv("ODD", odd)
    project.pytester.syspathinsert()
    (path / "odd.py").write_text(ODD)
    (path / "conftest.py").write_text((path / "conftest.py").read_text() + HOOKS)
    (path / "test_quiz.py").write_text((path / "test_quiz.py").read_text().replace('"mcq"', '"odd"'))
    result = project.run("--medeval-json=run.json")
    if odd == "shape":
        assert result.ret == 4
        result.stderr.fnmatch_lines(["ERROR: metric 'odd.shape' is odd:shape, which fails: ValueError: gave a score of*"])
        return
    assert result.ret == 1
    record = project.record()
    told = [case["candidate"].get("detail", "") for case in record["cases"]]
    if odd in ("details", "last"):
        result.stdout.fnmatch_lines([f"*{FAILS[odd]}"])
        assert ("shape" in record["suites"]["quiz"]["metrics"]) == (odd == "details")
        assert [gate["verdict"] for gate in record["gates"]] == ["pass", "pass" if odd == "details" else "not evaluated"]
    else:
        assert fnmatch.fnmatch(told.pop(2), FAILS[odd])
        assert [gate["verdict"] for gate in record["gates"]] == ["not evaluated"] * 2
    assert not any(told)


def test_folders_of_outputs_are_made_and_tried_before_a_model_is_asked(project):
    """A missing folder is made; one that cannot be written is told at once, all of them together."""
    project.quiz(4)
    result = project.run("--medeval-json=new/out/run.json", "--medeval-html=new/pages/run.html")
    assert result.ret == 0
    assert (project.pytester.path / "new" / "out" / "run.json").is_file()
    assert (project.pytester.path / "new" / "pages" / "run.html").is_file()
    result = project.run("--medeval-json=/proc/none/run.json", "--medeval-card=/proc/other/card.md")
    assert result.ret == 4
    lines = [line for line in result.errlines if line.strip()]
    assert [line.split(": ")[1] for line in lines] == ["--medeval-json", "--medeval-card"]
    assert all("cannot be written" in line for line in lines)
    result = project.run("--medeval-json=new/all", "--medeval-card=new/../new/all")
    result.stderr.fnmatch_lines(["ERROR: --medeval-card: *all is what --medeval-json writes; accepted: a file of its own"])


def test_a_cache_that_cannot_be_written_is_told_under_q(project):
    """The run goes on without it, and nobody thinks that its replies are kept."""
    project.quiz(4)
    project.write("cached.py", """
from fakes import open_fake
from pytest_medeval.models.cache import CachedModel, Store

def open_cached(spec, settings):
    model = open_fake(spec, settings)
    return CachedModel(model.identity, lambda: model, Store(settings.cache))
""")
    (project.pytester.path / "conftest.py").write_text('def pytest_medeval_models(): return {"cached": "cached:open_cached"}\n')
    result = project.run("-q", "--medeval-cache=/proc/none", model="cached:1", baseline=None)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["note: /proc/none/*: replies are not cached: *"])
