"""--medeval-noise: the sentinel is answered again in other ways, and margins below the floor are refused."""

from __future__ import annotations

import pytest

from pytest_medeval.models.spec import MODEL_KINDS
from pytest_medeval.runs.record import problems

LOCAL = '''
"""A local model whose right answers flip on some questions when they are asked one by one."""
import fakes
import pytest
from pytest_medeval.models import spec
from pytest_medeval.core.model import Settings

FLIPS = {"w3", "w7", "w11", "w15"}

def open_local(given, settings):
    stand_in = spec.PluginSpec(given.text, "fake", "1.0")
    model = fakes.open_fake(stand_in, settings)
    steady = model.script
    def script(request):
        answer = steady(request)
        if settings.batch_size == 1 and FLIPS & set(request.messages[-1].content.split()):
            from dataclasses import replace
            return replace(answer, logprobs=answer.logprobs[1:] + answer.logprobs[:1])
        return answer
    model.script = script
    return model

spec.MODEL_KINDS._entries["local"] = "shaky:open_local"
'''


@pytest.fixture
def shaky(project):
    """Make a project whose model folder ``m`` opens as the scripted model; put the table of kinds back."""
    project.quiz()
    project.write("shaky.py", LOCAL)
    project.pytester.makeconftest('import shaky\ndef pytest_medeval_models(): return {"fake": "fakes:open_fake"}')
    for name, text in {"config.json": "{}", "model.safetensors": "", "tokenizer.json": "{}"}.items():
        project.write(f"m/{name}", text)
    with MODEL_KINDS.lent({}):
        yield project


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "n2"])
@pytest.mark.usefixtures("whole")
def test_the_floor_is_shown_and_refuses_a_smaller_margin(shaky, workers):
    """Four of 40 replies flip one way: a floor of 0.1; a margin of 0.09 is not evaluated, one of 0.1 is judged."""
    gates = [f"--medeval-gate=quiz:accuracy not worse than baseline by {margin}" for margin in ("0.09", "0.1")]
    result = shaky.run("--medeval-noise=40", "--medeval-json=run.json", *gates, *workers, model="./m")
    result.stdout.fnmatch_lines(
        [
            "*noise floor, replies of 40 cases that changed: batch size 1: 4, dtype *: 0",
            "*largest change that is shown: *accuracy 0.1000*",
            "*NOT EVALUATED quiz: accuracy not worse than baseline by 0.09*",
            "*the margin 0.09 is below the noise floor of accuracy, 0.1000*",
            "*PASS *quiz: accuracy not worse than baseline by 0.1*",
        ]
    )
    assert result.ret == 1
    record = shaky.record()
    assert problems(record) == []
    noise = record["suites"]["quiz"]["noise"]
    assert (noise["n"], noise["floor"]["accuracy"]) == (40, pytest.approx(0.1))
    assert noise["variants"][0]["changed"] == 4


@pytest.mark.usefixtures("whole")
def test_differences_below_the_floor_are_marked(shaky):
    """A candidate that differs from its baseline by less than the floor is not called better or worse."""
    result = shaky.run("--medeval-noise=40", model="./m", baseline="fake:0.975")
    result.stdout.fnmatch_lines(["  accuracy *0.9750 *1.0000 *+0.0250*", "*differences below the floor: *accuracy*"])


def test_a_model_that_is_not_local_is_said_to_be_unmeasured(project):
    """What computes elsewhere cannot be asked to compute otherwise; margins are judged as ever."""
    project.quiz(gates='["accuracy not worse than baseline by 0.02"]')
    result = project.run("--medeval-noise", "--medeval-json=run.json")
    result.stdout.fnmatch_lines(
        ["*noise floor: not measured: how fake:0.9, which is no local model,*", "*PASS *quiz: accuracy not worse*"]
    )
    assert problems(project.record()) == []


def test_without_the_switch_nothing_is_asked_twice(project):
    """No section in the record, no line in the summary."""
    project.quiz(4)
    result = project.run("--medeval-json=run.json")
    assert "noise" not in project.record()["suites"]["quiz"]
    assert not any("noise floor" in line for line in result.outlines)
