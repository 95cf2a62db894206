"""The noise floor measured: what moves when nothing but the way of computing does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tools.fake_model import FakeModel

from pytest_medeval.core.types import Answer, Record, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.models import Settings
from pytest_medeval.models.spec import AdapterSpec, EndpointSpec, FolderSpec
from pytest_medeval.runs.engine import Engine
from pytest_medeval.runs.noise import measure, sentinels, variants
from pytest_medeval.runs.suite import Resolved
from pytest_medeval.tasks.mcq import MCQ
from pytest_medeval.verdicts.noise import floors

FOLDER = FolderSpec("./m", Path("m"))
TASK = MCQ()


@dataclass
class Shaky:
    """A model whose replies to the questions in ``flips`` depend on the way of computing: the batch size."""

    flips: tuple[str, ...]
    broken: str = ""

    def open(self, _spec: object, how: Settings) -> FakeModel:
        """Open it with settings, as ``open_model`` does; refuse the dtype ``broken``."""
        if how.dtype == self.broken:
            raise RuntimeError(f"no kernel for {how.dtype}\nat some place")

        def script(request) -> Answer:
            name = request.messages[-1].content.split()[0]
            wrong = name in self.flips and how.batch_size == 1
            return Answer("", "choice", (-3.0, -1.0) if wrong else (-1.0, -3.0), (1, 1))

        return FakeModel(script)


def suite(count: int = 8) -> Resolved:
    """Make questions q0, q1, ... of which A is right."""
    cases = tuple(
        TASK.case(
            Record(
                Source("t", n), {"id": f"q{n}", "question": f"q{n} ?", "options": {"A": "x", "B": "y"}, "answer": "A"}
            )
        )
        for n in range(count)
    )
    return Resolved(
        name="quiz",
        source=Source("t"),
        task=TASK,
        cases=cases,
        total=count,
        skips=(),
        gates=(),
        metrics=metrics_for(TASK, ["accuracy", "answered"]),
        pairs="all",
        signature="",
    )


def measured(shaky: Shaky, *, count: int = 8, spec: object = FOLDER, cluster: object = None) -> dict:
    """Measure the floor of a model on all or some of the cases."""
    run = replace(suite(), cluster=cluster)
    engine = Engine(lambda role, _: shaky.open(None, Settings()) if role == "candidate" else None)
    found = engine.evaluations(run, [case.id for case in run.cases])
    return measure(run, found, spec, "float32", Settings(), count=count, opener=shaky.open)


def test_replies_that_change_make_the_floor():
    """Five of eight replies flip at another batch size: accuracy moves, ``answered`` not; two show no drift."""
    section = measured(Shaky(("q1", "q2", "q3", "q4", "q5")))
    assert [(one["name"], one["changed"]) for one in section["variants"]] == [
        ("batch size 1", 5),
        ("dtype bfloat16", 0),
    ]
    assert floors(section) == {"accuracy": 0.625, "answered": 0.0}
    assert floors(measured(Shaky(("q1", "q5")))) == {"accuracy": 0.0, "answered": 0.0}
    labels = {f"q{at}": "gout" if at < 6 else "flu" for at in range(8)}
    alike = measured(Shaky(("q1", "q2", "q3", "q4", "q5")), cluster={"name": "disease", "reason": "", "labels": labels})
    assert floors(alike) == {"accuracy": 0.0, "answered": 0.0}


def test_a_way_that_cannot_be_computed_is_said():
    """A dtype that the machine lacks costs its line, not the run."""
    section = measured(Shaky((), broken="bfloat16"))
    assert section["variants"][1] == {
        "name": "dtype bfloat16",
        "reason": "RuntimeError: no kernel for bfloat16 at some place",
    }
    assert floors(section) == {"accuracy": 0.0, "answered": 0.0}


def test_a_model_that_is_not_local_is_not_measured():
    """A server's batches are its own affair: said, and no floor is claimed."""
    section = measured(Shaky(("q1",)), spec=EndpointSpec("https://host/v1#m", "https://host/v1", "m"))
    assert section["variants"] == []
    assert "no local model" in section["reason"]
    assert floors(section) == {}


def test_ways_of_computing():
    """Another batch size, another dtype, and the adapter merged; none of them sees stored replies."""
    own = Settings(batch_size=1, cache=Path("c"))
    found = dict(variants(AdapterSpec("./a", Path("a"), FOLDER), "bfloat16", own))
    assert list(found) == ["batch size 8", "dtype float32", "adapter merged"]
    assert all(how.cache is None for how in found.values())
    assert found["adapter merged"].merge
    assert found["batch size 8"] == replace(own, cache=None, batch_size=8)
    assert [name for name, _ in variants(FOLDER, "float32", Settings())] == ["batch size 1", "dtype bfloat16"]


def test_sentinels_are_drawn_by_the_seed():
    """The same cases whatever order they come in; another seed, other cases; no more than there are."""
    names = [f"q{n}" for n in range(50)]
    drawn = sentinels(names, 8, 0, "quiz")
    assert len(drawn) == 8
    assert sorted(sentinels(names[::-1], 8, 0, "quiz")) == sorted(drawn)
    assert sentinels(names, 8, 1, "quiz") != drawn
    assert sentinels(names, 90, 0, "quiz") == names


def test_replies_that_cannot_be_had_are_no_floor():
    """A variant that loses replies says how many and why; no change is claimed of it."""

    class Losing(Shaky):
        def open(self, spec: object, how: Settings) -> FakeModel:
            if how.batch_size == 1:
                return FakeModel(lambda _: Answer(finish="error", error="no memory"))
            return super().open(spec, how)

    section = measured(Losing(()))
    assert section["variants"][0] == {"name": "batch size 1", "reason": "8 replies could not be had: no memory"}
    assert floors(section) == {"accuracy": 0.0, "answered": 0.0}
