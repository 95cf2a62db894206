"""A run that is killed loses what was under way and nothing else; the next run asks only for that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.fake_server import FakeServer

from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.models.cache import Store

pytest.importorskip("openai", reason="pip install 'pytest-medeval[endpoint]' brings openai")
ROOT = Path(__file__).parents[2]
COUNT, AFTER, CONCURRENCY, BATCH = 60, 25, 4, 3
MODELS = [{"id": name} for name in ("tuned", "judge")]
CASES = "".join(
    json.dumps({"id": f"c{n}", "input": f"I cough since day {n}.", "reference": "Rest and drink."}) + "\n"
    for n in range(COUNT)
)
SUITE = """
import pytest
from pytest_medeval import Suite

suite = Suite(task="dialogue", cases="talk.jsonl", name="talk", max_new_tokens=8)

@pytest.mark.medeval(suite)
def test_talk(evaluation):
    assert evaluation.outcome != "error"
"""
BREAKING = """
import os
from pathlib import Path
from pytest_medeval.models.local import model as local

compute = local.LocalModel.compute

def counted(self, unit, requests, prompts):
    file, stop = Path("computed"), os.environ.get("STOP_WITH")
    before = len(file.read_text()) if file.exists() else 0
    if stop and before >= {after}:
        os.kill(os.getpid(), int(stop))
    found = compute(self, unit, requests, prompts)
    with file.open("a") as written:
        written.write("." * len(found))
    return found

local.LocalModel.compute = counted
"""
ENDS = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 2}
"""How a run ends by a signal: as the system says, or as after Ctrl-C."""


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Write a suite of dialogues."""
    (tmp_path / "talk.jsonl").write_text(CASES, encoding="utf-8")
    (tmp_path / "test_talk.py").write_text(SUITE, encoding="utf-8")
    return tmp_path


def begin(folder: Path, *args: str, **environment: str) -> subprocess.Popen[str]:
    """Start a run in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--medeval-baseline=none", *args]
    quiet = {"OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | quiet
    )


def stored(folder: Path) -> int:
    """Count the replies on disk."""
    return Store(folder / ".medeval" / "cache").info().answers


class Killing:
    """Replies as a model and as a judge; with the reply to request ``AFTER`` of ``victim`` it kills the run."""

    def __init__(self, victim: str, number: signal.Signals) -> None:
        self.victim, self.number = victim, number
        self.run: subprocess.Popen[str] | None = None
        self.asked = 0

    def __call__(self, body: dict) -> str:
        """Reply."""
        if body["model"] == self.victim:
            self.asked += 1
            if self.asked == AFTER and self.run is not None:
                self.run.send_signal(self.number)
        if body["model"] == "judge":
            return json.dumps(dict.fromkeys(DEFAULT_RUBRIC.names, 4))
        return f"Rest: {body['messages'][-1]['content']}"


def killed_and_again(folder: Path, reply: Killing, begun: Callable[[], subprocess.Popen[str]]) -> tuple[int, str]:
    """Run until it is killed, and once more; give what was asked again, and what the killed run wrote."""
    reply.run = begun()
    output, _ = reply.run.communicate(timeout=120)
    assert reply.run.returncode == ENDS[reply.number], output
    received, reply.run, reply.asked = reply.asked, None, 0
    if reply.victim == "tuned":
        assert received - stored(folder) <= CONCURRENCY
    again = begun()
    told, _ = again.communicate(timeout=120)
    assert again.returncode == 0, told
    return received + reply.asked, output


@pytest.mark.parametrize(
    ("victim", "number"), [("tuned", signal.SIGKILL), ("tuned", signal.SIGTERM), ("judge", signal.SIGKILL)]
)
def test_paid_replies_of_a_killed_run_are_there(talk: Path, victim: str, number: signal.Signals):
    """Of 60 replies and as many judgements, at most those under way are asked once more."""
    reply = Killing(victim, number)
    with FakeServer(reply=reply, models=MODELS) as server:
        args = [f"--medeval-model={server.url}#tuned", f"--medeval-concurrency={CONCURRENCY}"]
        if victim == "judge":
            args.append(f"--medeval-judge={server.url}#judge")
        asked, output = killed_and_again(talk, reply, lambda: begin(talk, *args))
    assert COUNT <= asked <= COUNT + CONCURRENCY
    if number is signal.SIGTERM:
        assert "the same command goes on with the replies stored in " in output
        assert "INTERNALERROR" not in output


def test_a_worker_stops_asking_when_the_run_is_terminated(talk: Path):
    """The signal reaches the controller alone; a worker that is busy asks for nothing more than what is under way."""
    reply = Killing("tuned", signal.SIGTERM)

    def slowly(body: dict) -> str:
        time.sleep(0.1)
        return reply(body)

    with FakeServer(reply=slowly, models=MODELS) as server:
        args = [f"--medeval-model={server.url}#tuned", f"--medeval-concurrency={CONCURRENCY}", "-n", "2"]
        reply.run = begin(talk, *args)
        output, _ = reply.run.communicate(timeout=120)
    assert reply.run.returncode == ENDS[signal.SIGTERM], output
    assert "the same command goes on with the replies stored in " in output
    assert reply.asked - stored(talk) <= CONCURRENCY
    assert AFTER <= reply.asked <= AFTER + 4 * CONCURRENCY, output


def test_computed_replies_of_a_killed_run_are_there(talk: Path):
    """A local model computes at most one batch once more."""
    (talk / "conftest.py").write_text(BREAKING.format(after=AFTER), encoding="utf-8")
    args = [f"--medeval-model={ROOT / 'fixtures' / 'tiny-base'}", f"--medeval-batch-size={BATCH}"]
    broken = begin(talk, *args, STOP_WITH="9")
    output, _ = broken.communicate(timeout=120)
    assert broken.returncode == -signal.SIGKILL, output
    assert AFTER <= stored(talk) < COUNT
    again = begin(talk, *args)
    told, _ = again.communicate(timeout=120)
    assert again.returncode == 0, told
    assert COUNT <= len((talk / "computed").read_text()) <= COUNT + BATCH


TERMINATED = """
import atexit, os, signal
from tools.fake_model import FakeModel

def open_fake(spec, settings):
    atexit.register(lambda: print("SIGTERM at the end:", signal.getsignal(signal.SIGTERM).name))
    return FakeModel(lambda request: os.kill(os.getpid(), signal.SIGTERM))
"""


def test_sigterm_is_ctrl_c_while_the_run_lasts(project):
    """The exit code is that of Ctrl-C, nothing is promised that is not stored, and SIGTERM is afterwards as before."""
    project.quiz()
    project.write("fakes.py", TERMINATED)
    args = ["--medeval-model=fake:1", "--medeval-baseline=none", "--medeval-cache=off"]
    result = project.pytester.runpytest_subprocess(*args)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        ["medeval: stopped; nothing is stored with --medeval-cache=off: *", "SIGTERM at the end: SIG_DFL"]
    )


def test_the_case_of_a_killed_worker_is_asked_again(project):
    """A worker that dies once costs no case: another one takes it over, and the record has it."""
    project.quiz(gates='["accuracy >= 0.1"]')
    file = project.pytester.path / "test_quiz.py"
    test = file.read_text().replace("def test_quiz(evaluation):", "def test_quiz(crash, evaluation):")
    file.write_text(test + "\n@pytest.fixture\ndef crash(request):\n    import os, pathlib\n"
                    "    if 'q3]' in request.node.nodeid and not pathlib.Path('died').exists():\n"
                    "        pathlib.Path('died').touch()\n        os.kill(os.getpid(), 9)\n")  # fmt: skip
    result = project.run("-n", "2", "--medeval-json=run.json")
    result.stdout.fnmatch_lines(["*replacing crashed worker*", "*PASS*quiz: accuracy >= 0.1*"])
    assert result.ret == 0
    assert len(project.record()["cases"]) == 40
