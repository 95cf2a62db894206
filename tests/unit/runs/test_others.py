"""What another package's code raises costs its own cases, in one line with its file, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from pytest_medeval import Answer, Case, Measure, MedevalError, Message, Reply, Request, Source
from pytest_medeval.core.types import Record
from pytest_medeval.judges.judge import Judging, judge_cases
from pytest_medeval.judges.styles import JUDGE_STYLES
from pytest_medeval.metrics import METRICS, metrics_for
from pytest_medeval.models.spec import MODEL_KINDS
from pytest_medeval.models.spoken import SpokenModel
from pytest_medeval.runs.engine import score_all
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases import check_records

HERE = Path(__file__).name
CASES = [Case(id=name, tags={}, critical=False, group=None, source=Source("c.jsonl", 1)) for name in "abc"]
YES = [(Answer("yes"),)] * 3


@dataclass(frozen=True, kw_only=True)
class Rude:
    """A task that fails where ``at`` says so."""

    name: ClassVar[str] = "rude"
    metrics: ClassVar[tuple[str, ...]] = ("m",)
    at: str = ""

    def case(self, record: Record) -> Case:
        """Fail on any record."""
        raise KeyError(record.fields["id"])

    def read(self, case: Case, answer: Answer) -> Reply | None:
        """Fail on the second case, or give nothing."""
        if self.at == "read" and case.id == "b":
            raise RuntimeError("no\nsense")
        return None if self.at == "none" and case.id == "b" else Reply(answer.text, "answered")


def measure(task: Rude) -> Measure:
    """Make the metric of the task."""
    rows = {"row": lambda: 1 / 0, "ragged": lambda: [1.0], "text": lambda: ["x", 1.0]}

    def row(case: Case, _: Reply) -> list[float]:
        return rows[task.at]() if task.at in rows and case.id == "b" else [1.0, 1.0]

    def fold(total):
        return {}["fold"] if task.at == "fold" else total[..., 0]

    return Measure(name="m", counts="m", signature="m", make=row, fold=fold)


@pytest.fixture(autouse=True)
def _tables():
    """Have the names of another package."""
    own = f"{__name__}:"
    with (
        TASKS.lent({"rude": f"{own}Rude"}),
        METRICS.lent({"rude.m": f"{own}measure"}),
        MODEL_KINDS.lent({"rude": f"{own}open"}),
        JUDGE_STYLES.lent({"rude": f"{own}Style"}),
    ):
        yield


def made(task: Rude) -> list[Measure]:
    """Make the metrics as a suite does, without importing this module again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(METRICS, "resolve", lambda _: measure)
        return list(metrics_for(task))


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("read", f"which cannot read the reply to 'b': RuntimeError: no sense ({{}}/{HERE}:"),
        ("none", "TypeError: gave NoneType; accepted: a Reply"),
        ("row", f"which fails: ZeroDivisionError: division by zero ({{}}/{HERE}:"),
        ("ragged", "ValueError: gave 1 numbers for 'b'; accepted: 2, as before"),
        ("text", "ValueError: could not convert string to float: 'x'"),
    ],
)
def test_one_case_is_an_error_and_the_others_are_scored(at, told):
    """The reply is kept, the line says whose code it was and where."""
    task = Rude(at=at)
    one, two, three = score_all(CASES, YES, task, made(task))
    assert (one.outcome, two.outcome, three.outcome) == ("answered", "error", "answered")
    assert (two.reply, two.rows, two.scores, three.scores) == ("yes", {}, {}, {"m": 1.0})
    assert told.format(Path(__file__).parent) in two.detail
    assert f" 'rude{'' if at in ('read', 'none') else '.m'}' is {__name__}:" in two.detail
    assert "\n" not in two.detail


def test_what_is_of_no_case_ends_in_one_line():
    """A score of summed rows, and the record of a file."""
    with pytest.raises(MedevalError, match=rf"which fails: KeyError: 'fold' \(.*{HERE}:\d+\)$"):
        score_all(CASES, YES, Rude(at="fold"), made(Rude(at="fold")))
    records = [Record(Source("c.jsonl", 7), {"id": "a"})]
    with pytest.raises(MedevalError, match=rf"cannot read c.jsonl:7: KeyError: 'a' \(.*{HERE}:\d+\)$"):
        check_records(records, Rude())


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([].pop, "IndexError: pop from empty list"),
        (lambda: [None, None], "AttributeError: 'NoneType' object has no attribute 'finish'"),
        (lambda: [Answer("yes")], "ValueError: 1 answers to 2 requests"),
    ],
)
def test_a_model_that_raises_has_answered_nothing(answers, told):
    """Each of its answers is an error, which no task of another package can take for a reply; ours raise."""
    model = SimpleNamespace(answer=lambda *_: answers(), notices=[])
    ask = [Request((Message("user", "?"),))] * 2
    found = SpokenModel(model, blamed=partial(MODEL_KINDS.blamed, "rude")).answer(ask)
    assert [one.finish for one in found] == ["error", "error"]
    assert f"model kind 'rude' is {__name__}:open, which fails: {told}" in found[0].error
    (scored,) = score_all(CASES[:1], [(found[0],)], Rude(), made(Rude()))
    assert (scored.outcome, scored.detail) == ("error", found[0].error)
    with pytest.raises((IndexError, AttributeError, ValueError)):
        SpokenModel(model, blamed=partial(MODEL_KINDS.blamed, "local")).answer(ask)


def test_a_judge_style_that_raises_is_one_line(monkeypatch):
    """Its judge graded nothing, and the run goes on without it."""
    monkeypatch.setattr(JUDGE_STYLES, "resolve", lambda _: SimpleNamespace)
    with pytest.raises(MedevalError, match=f"judge style 'rude' is {__name__}:Style, which fails: AttributeError"):
        judge_cases(SimpleNamespace(identity=SimpleNamespace(spec="j")), [], how=Judging(style="rude"))
