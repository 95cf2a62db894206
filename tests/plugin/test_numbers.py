"""From pytest to the record: numbers that are none, and ties, never pass as option A, critical cases above all."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import struct
from pathlib import Path

import pytest

from pytest_medeval.models.proof.tensors import read_tensors

ROOT = Path(__file__).parents[2]
BASE, ADAPTER = ROOT / "fixtures" / "tiny-base", ROOT / "adapters" / "tiny-mcq"

SCRIPTED = """
import math
from tools.fake_model import FakeModel
from pytest_medeval.core.types import Answer

ROWS = {"nan": (math.nan, -1.0, -2.0, -3.0), "inf": (math.inf, -1.0, -2.0, -3.0), "tie": (-1.5,) * 4,
        "half": (-1.0, -2.0, -1.0, -3.0), "sound": (-1.0, -2.0, -3.0, -4.0)}

def open_numbers(spec, settings):
    row = ROWS[spec.argument]
    return FakeModel(lambda request: Answer("", "choice", row, (1,) * 4), name=spec.text)
"""


@pytest.fixture
def asked(project):
    """Write one critical question whose right option is A, and a model kind that answers with given numbers."""
    project.pytester.makepyfile(numbers_model=SCRIPTED)
    project.pytester.makeconftest('def pytest_medeval_models(): return {"numbers": "numbers_model:open_numbers"}')
    project.quiz(1, critical=True)
    return project


def run(project, model: str, *args: str):
    """Run and give the result, the record's case and its suite."""
    result = project.run("--medeval-json=run.json", *args, model=model, baseline="none")
    record = project.record()
    return result, record["cases"][0]["candidate"], record["suites"]["quiz"], record


def assert_fails(result, record) -> None:
    """See that a critical case that is not answered has failed the run."""
    assert result.ret == 1
    (gate,) = [gate for gate in record["gates"] if gate["expression"] == "critical"]
    assert gate["verdict"] != "pass"


@pytest.mark.parametrize("kind", ["nan", "inf"])
def test_no_number_is_an_error(asked, kind):
    """Outcome, cause and the lack of rows stand in the record; nothing was predicted."""
    result, found, suite, record = run(asked, f"numbers:{kind}")
    assert_fails(result, record)
    assert (found["outcome"], found["prediction"], found["scores"]) == ("error", None, {})
    assert found["detail"] == f"1 of 4 log-likelihoods are no finite numbers up to 0, the first is {kind}"
    assert suite["outcomes"]["candidate"]["error"] == 1
    assert "logprobs" not in found


@pytest.mark.parametrize(("kind", "tied"), [("tie", "A, B, C, D"), ("half", "A, C")])
def test_a_tie_is_no_answer(asked, kind, tied):
    """The note says which options tie; the probabilities stay and are scored, the answer is missing."""
    result, found, suite, record = run(asked, f"numbers:{kind}")
    assert_fails(result, record)
    assert (found["outcome"], found["prediction"], found["detail"]) == ("no_answer", None, f"equally likely: {tied}")
    assert math.fsum(found["confidence"].values()) == pytest.approx(1)
    values = {name: metric["candidate"] for name, metric in suite["metrics"].items()}
    assert (values["accuracy"], values["answered"]) == (0, 0)
    assert values["brier"] == pytest.approx(sum((p - (o == "A")) ** 2 for o, p in found["confidence"].items()))
    assert values["ece"] == pytest.approx(max(found["confidence"].values()))


def test_a_sound_answer_passes(asked):
    """The same project with numbers that are some."""
    result, found, _, record = run(asked, "numbers:sound")
    assert result.ret == 0
    assert (found["outcome"], found["prediction"]) == ("answered", "A")
    assert [gate["verdict"] for gate in record["gates"]] == ["pass"]


def test_a_stored_tie_and_a_stored_null_stay_what_they_are(asked):
    """Replayed, a tie is no answer; a record whose numbers became null is an error."""
    run(asked, "numbers:tie")
    result, found, _, again = run(asked, "replay:run.json")
    assert_fails(result, again)
    assert found["outcome"] == "no_answer"
    again["cases"][0]["candidate"] |= {"outcome": "answered", "logprobs": [None, -1.0, -2.0, -3.0]}
    asked.write("old.json", json.dumps(again))
    result, found, _, last = run(asked, "replay:old.json")
    assert_fails(result, last)
    assert found["outcome"] == "error"


def spoil(folder: Path, value: float, name: str, *, fill: bool = False) -> None:
    """Put a value into a tensor of a folder's weights, into all of it or its first place."""
    tensors = read_tensors(folder.glob("*.safetensors"))
    stored = next(tensors[key] for key in sorted(tensors) if key.endswith(name))
    assert stored.dtype == "F32"
    count = (stored.stop - stored.start) // 4 if fill else 1
    with stored.file.open("r+b") as stream:
        stream.seek(stored.start)
        stream.write(struct.pack("<f", value) * count)


@pytest.fixture
def models(pytester):
    """Copy the shipped base and adapter so that they can be spoiled."""
    if importlib.util.find_spec("peft") is None:  # found, not imported: that can be done only once in a process
        pytest.skip("needs the extra 'local'")
    for folder in (BASE, ADAPTER):
        shutil.copytree(folder, pytester.path / folder.parent.name / folder.name, copy_function=shutil.copyfile)
    (pytester.path / "adapters" / "tiny-mcq" / "provenance.json").unlink()  # it knows the sound base
    return pytester.path / "fixtures" / "tiny-base", pytester.path / "adapters" / "tiny-mcq"


def run_apart(project, *args: str):
    """Run in a process of its own: torch cannot be imported twice."""
    return project.pytester.runpytest_subprocess("--medeval-cache=off", "--medeval-json=run.json", *args)


@pytest.mark.parametrize("collected", [(), ("-n1",)])
def test_a_nan_weight_of_the_base_is_a_usage_error(models, project, collected):
    """Before a case is asked, in one line, also where workers collect; as candidate's base and as baseline."""
    project.quiz(1, critical=True)
    spoil(models[0], math.nan, "norm.weight")
    result = run_apart(project, "--medeval-model=adapters/tiny-mcq", *collected)
    assert result.ret == 4
    (line,) = [line for line in result.stderr.lines if line.startswith("ERROR:")]
    assert "model.safetensors: tensor" in line
    assert "1 of" in line
    assert "not finite (NaN or infinity)" in line


def test_an_infinite_weight_of_the_adapter_is_a_usage_error(models, project):
    """The line names the adapter's file and tensor."""
    project.quiz(1, critical=True)
    spoil(models[1], math.inf, "lora_A.weight")
    result = run_apart(project, "--medeval-model=adapters/tiny-mcq")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *adapter_model.safetensors: tensor '*lora_A.weight': 1 of * not finite*"])


@pytest.mark.parametrize("scoring", ["letters", "reply"])
def test_sound_weights_that_overflow_answer_nothing(models, project, scoring):
    """3e38 is a number and its product none: every case is an error with its cause, and the critical one fails."""
    project.quiz(2, critical=True)
    test = (project.pytester.path / "test_quiz.py").read_text(encoding="utf-8")
    project.write("test_quiz.py", test.replace('quiz.jsonl"', f'quiz.jsonl", scoring="{scoring}"'))
    spoil(models[0], 3e38, "model.norm.weight", fill=True)
    result = run_apart(project, "--medeval-model=fixtures/tiny-base", "--medeval-baseline=none")
    assert_fails(result, project.record())
    for case in project.record()["cases"]:
        assert (case["candidate"]["outcome"], case["candidate"]["prediction"]) == ("error", None)
        assert "finite" in case["candidate"]["detail"]


@pytest.mark.parametrize(
    ("number", "outcome"), [(-1.0, "no_answer"), (math.nan, "error"), (None, "error"), (0.5, "error")]
)
def test_a_server_that_knows_nothing(project, number, outcome):
    """Equal log-probabilities are a tie, NaN and null an error: no option is read from a reply instead."""
    if importlib.util.find_spec("openai") is None:
        pytest.skip("pip install 'pytest-medeval[endpoint]' brings openai")
    from tools.fake_server import FakeServer

    project.quiz(1, critical=True)
    with FakeServer(reply=lambda _: "A", logprob=lambda *_: number, tokenize=True) as server:
        result = run_apart(project, f"--medeval-model={server.url}#fake", "--medeval-baseline=none")
    assert_fails(result, project.record())
    found = project.record()["cases"][0]["candidate"]
    assert (found["outcome"], found["prediction"]) == (outcome, None)


def test_a_server_without_log_probabilities_is_said(project):
    """Choices are then read from replies, and the summary says so."""
    if importlib.util.find_spec("openai") is None:
        pytest.skip("pip install 'pytest-medeval[endpoint]' brings openai")
    from tools.fake_server import FakeServer

    project.quiz(1, critical=True)
    with FakeServer(reply=lambda _: "I do not know.") as server:
        result = run_apart(project, f"--medeval-model={server.url}#fake", "--medeval-baseline=none")
    assert_fails(result, project.record())
    assert project.record()["cases"][0]["candidate"]["outcome"] == "no_answer"
    result.stdout.fnmatch_lines(["*no log-likelihoods (no such route); choices are read from replies*"])
