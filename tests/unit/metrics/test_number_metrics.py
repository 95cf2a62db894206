"""Values: right, how far off, and whether there is one; and the same numbers by another program on MedCalc's golds."""

from __future__ import annotations

import csv
import math
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pytest_medeval.core.types import Answer, Record, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.number import Number

MEDCALC = Path(__file__).parents[4] / "shared" / "data" / "medcalc" / "test_data.csv"
TASK = Number()


def scores(cases, replies):
    """Score replies by name of metric."""
    made = {}
    for metric in metrics_for(TASK):
        rows = [metric.row(case, TASK.read(case, Answer(text))) for case, text in zip(cases, replies, strict=True)]
        made[metric.name] = float(metric.score(metric.expand(np.array(rows)).sum(axis=0)))
    return made


def case(answer, **fields):
    """Make a case."""
    return TASK.case(Record(Source("a", 1), {"id": "a", "question": "What is it?", "answer": answer, **fields}))


def test_silence_costs_as_much_as_zero():
    """No value is wrong and off by all of it; nothing is off by more; of 0 anything else is; a date has no error."""
    cases = [case("10", tolerance="5%"), case("10"), case("10"), case("0"), case("0"), case("09/23/2014")]
    found = scores(cases, ["10.4", "", "1000", "0", "3", "09/24/2014"])
    assert found == {"accuracy": 2 / 6, "relative_error": pytest.approx((0.04 + 1 + 1 + 0 + 1) / 5), "answered": 5 / 6}
    assert math.isnan(scores([case("09/23/2014")], ["none"])["relative_error"])


def dated(text):
    """Read a date as MedCalc-Bench's evaluation does."""
    return datetime.strptime(text, "%m/%d/%Y").replace(tzinfo=UTC)


def made_reply(row, at):
    """Make a reply whose value is known: the gold, a limit, beyond it, the half, two values, none; in many forms."""
    gold, low, high = row["Ground Truth Answer"], row["Lower Limit"], row["Upper Limit"]
    if "/" in gold:
        day = dated(gold)
        return (f"Final answer: {day:%B %d, %Y}", gold) if at % 2 else ("Final answer: 01/02/2003", "01/02/2003")
    if "weeks" in gold:
        weeks, days = re.findall(r"\d+", gold)
        right = f"So it is {weeks} weeks and {days} days."
        return (right, gold) if at % 2 else (f"{weeks} weeks 6 days or 7 weeks", None)
    value = float(gold)
    forms = [
        (f"Final answer: {gold}", value),
        (f"The result is 7 in step 1.\n**Final answer:** {low}", float(low)),
        (f"\\boxed{{{high}}}", float(high)),
        (f"Final answer: {float(high) * 1.01 + 1:.6e}", float(f"{float(high) * 1.01 + 1:.6e}")),
        (f"Therefore, it is {value / 2:.4f}.", float(f"{value / 2:.4f}")),
        (f"Either {gold} or {high}9.", None),
        ("It cannot be told.", None),
    ]
    return forms[at % len(forms)]


def independent(row, value):
    """Score one value as MedCalc-Bench's published evaluation does, without our code; relative error up to 1."""
    gold, low, high = row["Ground Truth Answer"], row["Lower Limit"], row["Upper Limit"]
    if "/" in gold:
        return int(dated(value) == dated(gold)), None, 1
    if value is None:
        return 0, 1.0, 0
    if "weeks" in gold:
        return int(value == gold), 0.0, 1
    close = abs(value - float(gold)) / abs(float(gold)) if float(gold) else float(value != 0)
    return int(float(low) <= value <= float(high)), min(close, 1.0), 1


def test_scores_equal_those_of_another_program():
    """All 200 golds of MedCalc-Bench, replies of our own making: equal to 1e-9."""
    if not MEDCALC.is_file():
        pytest.skip("no published data: ../shared/data/medcalc is missing")
    csv.field_size_limit(1 << 27)
    with MEDCALC.open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    made = [made_reply(row, at) for at, row in enumerate(table)]
    cases, skips = read_cases(MEDCALC, TASK)
    assert not skips
    found = scores(cases, [text for text, _ in made])
    wanted = [independent(row, value) for row, (_, value) in zip(table, made, strict=True)]
    errors = [error for _, error, _ in wanted if error is not None]
    assert 40 < sum(right for right, _, _ in wanted) < 160
    assert found["accuracy"] == pytest.approx(sum(right for right, _, _ in wanted) / 200, abs=1e-9)
    assert found["relative_error"] == pytest.approx(sum(errors) / len(errors), abs=1e-9)
    assert found["answered"] == pytest.approx(sum(there for _, _, there in wanted) / 200, abs=1e-9)
