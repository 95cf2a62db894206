"""A project of a few cases with a scripted model behind the plugin's own seam."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import scipy.stats  # noqa: F401

# numpy and its kind cannot be imported twice in a process, which is what pytester's inner runs would do

FAKES = '''
"""fake:SHARE answers that share of the cases rightly, and the same ones on every machine."""
import hashlib

from tools.fake_model import FakeModel
from pytest_medeval.core.types import Answer

RIGHT = {right}


def open_fake(spec, settings):
    def script(request):
        asked = request.messages[-1].content
        word = next(word for word in asked.split() if word in RIGHT)
        draw = int(hashlib.sha256(f"{{spec.argument}} {{word}}".encode()).hexdigest(), 16) % 1000 / 1000
        right = draw < float(spec.argument)
        if request.choices:
            index = "ABCD".index(RIGHT[word]) if right else ("ABCD".index(RIGHT[word]) + 1) % 4
            return Answer("", "choice", tuple(-1.0 if i == index else -3.0 for i in range(4)), (1,) * 4)
        return Answer(f"take {{word}} twice" if right else "")

    return FakeModel(script, name=spec.text)
'''

SUITE = """
import pytest
from pytest_medeval import Suite

suite = Suite(task="mcq", cases="quiz.jsonl", gates={gates})

@pytest.mark.medeval(suite)
def test_quiz(evaluation):
    assert evaluation.outcome == "answered"
"""


ATTEMPTS = Path(__file__).parents[2] / ".medeval" / "runs" / "attempts.jsonl"


@pytest.fixture(autouse=True, scope="module")
def _counts_nothing_in_the_repository():
    """Hold that no run of a test counts as an attempt of who works here: `make demo` comes behind `make test`."""

    def written() -> float:
        return ATTEMPTS.stat().st_mtime_ns if ATTEMPTS.exists() else 0

    before = written()
    yield
    assert written() == before, f"a test, or a run beside it, wrote to {ATTEMPTS}: name --medeval-storage"


def questions(count: int) -> list[dict[str, object]]:
    """Make numbered questions with balanced answers."""
    return [
        {
            "id": f"q{i}",
            "question": f"Question w{i} ?",
            "options": {"A": "one", "B": "two", "C": "three", "D": "four"},
            "answer": "ABCD"[i % 4],
            "tags": {"half": "first" if i < count // 2 else "second"},
        }
        for i in range(count)
    ]


def jsonl(records: list[dict[str, object]]) -> str:
    """Write records as JSON lines."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


class Project:
    """A folder with one suite ``quiz`` of multiple-choice questions and the model kind ``fake``."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        right = {f"w{i}": "ABCD"[i % 4] for i in range(2000)}
        pytester.makepyfile(fakes=FAKES.format(right=right))
        pytester.makeconftest('def pytest_medeval_models(): return {"fake": "fakes:open_fake"}')

    def quiz(self, count: int = 40, gates: str = "[]", **changes: object) -> None:
        """Write the suite; ``changes`` go into the first question."""
        records = questions(count)
        records[0].update(changes)
        self.write("quiz.jsonl", jsonl(records))
        self.pytester.makepyfile(test_quiz=SUITE.format(gates=gates))

    def write(self, name: str, text: str) -> Path:
        """Write any file of the project."""
        path = self.pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *args: str, model: str | None = "fake:0.9", baseline: str | None = "fake:0.3") -> pytest.RunResult:
        """Run pytest with the scripted models."""
        given = [f"--medeval-model={model}"] if model else []
        given += [f"--medeval-baseline={baseline}"] if baseline else []
        kept = [] if any(str(one).startswith("--medeval-cache") for one in args) else ["--medeval-cache=off"]
        return self.pytester.runpytest(*given, *kept, *args)

    def record(self, name: str = "run.json") -> dict[str, object]:
        """Read the record that ``--medeval-json`` wrote."""
        return json.loads((self.pytester.path / name).read_text(encoding="utf-8"))


@pytest.fixture
def whole(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it unsets these
    """Have inner runs tell everything, as ``-v`` does."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-v")


@pytest.fixture(autouse=True)
def _at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have inner runs print what they print at a desk: pytest cuts no message where ``CI`` is set."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """Make an empty project."""
    return Project(pytester)
