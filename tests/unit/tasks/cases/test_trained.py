"""The sketch of what a model was trained on: written, read back, and wrong."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Record, Source
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.cases.split import content
from pytest_medeval.tasks.cases.trained import BYTES, FILE, KEY, Sketch, read_sketch

ROOT = Path(__file__).parents[4]


def mcq(question, **options):
    """Make a case."""
    fields = {"id": question, "question": question, "options": {"A": "x", "B": "y"}, "answer": "A"}
    return TASKS.resolve("mcq")(**options).case(Record(Source("x"), fields))


def test_a_sketch_comes_back_as_it_was_written(tmp_path):
    """Equal examples count once; blanks, case and punctuation do not hide a case, single letters tell two apart."""
    asked = [f"Question {number}?" for number in range(300)]
    sketch = Sketch.of(content(mcq(text)) for text in [*asked, *asked, "Vitamin B?"])
    facts = sketch.facts()
    assert facts["examples"] == 301
    assert len(facts["digests"]) == 4 * -(-301 * BYTES // 3)
    (tmp_path / FILE).write_text(json.dumps({"seed": 1, KEY: facts}), encoding="utf-8")
    assert read_sketch(tmp_path) == sketch
    assert all(sketch.holds(mcq(text)) for text in [*asked, "question 7", " QUESTION, 8 ?", "Vitamin B"])
    assert not any(sketch.holds(mcq(f"Question {number}?")) for number in range(300, 9000))
    assert not sketch.holds(mcq("Vitamin C?"))
    assert (sketch | Sketch.of([content(mcq("Vitamin C?"))])).holds(mcq("Vitamin C?"))


def test_where_nothing_is_said_nothing_is_known(tmp_path):
    """No file, and a file without a sketch."""
    assert read_sketch(tmp_path) is None
    (tmp_path / FILE).write_text('{"seed": 1}', encoding="utf-8")
    assert read_sketch(tmp_path) is None


@pytest.mark.parametrize(
    "wrong",
    [
        7,
        "digests",
        {"examples": 1},
        {"examples": 2, "digests": base64.b64encode(b"12345").decode()},
        {"examples": 1, "digests": "?!"},
        {"examples": "1", "digests": base64.b64encode(b"12345").decode()},
        {"examples": 1, "digests": 5},
    ],
)
def test_a_broken_sketch_is_one_line(tmp_path, wrong):
    """A sketch that cannot be read is not taken for one that knows nothing."""
    (tmp_path / FILE).write_text(json.dumps({"seed": 1, KEY: wrong}, indent=1), encoding="utf-8")
    with pytest.raises(MedevalError, match=rf"{FILE}:3: 'trained' is no sketch of what was trained on; accepted: "):
        read_sketch(tmp_path)


@pytest.mark.parametrize(
    ("adapter", "examples", "suite"),
    [
        ("tiny-dialogue", 5000, "dialogue"),
        ("tiny-mcq", 3599, "mcq"),
        ("tiny-mcq-ppo", 240 + 1600, "mcq"),
        ("tiny-mcq-ppo/sft", 240, "mcq"),
        ("tiny-polarity", 5000, "polarity"),
    ],
)
def test_the_shipped_adapters_say_what_they_were_trained_on(adapter, examples, suite):
    """As many examples as were trained on, and no case of the suite that judges them."""
    entry = json.loads((ROOT / "adapters" / adapter / FILE).read_text(encoding="utf-8"))
    assert entry[KEY]["examples"] == examples == entry.get("examples", examples)
    sketch = read_sketch(ROOT / "adapters" / adapter)
    cases, _ = read_cases(ROOT / "suites" / suite / f"{suite}.jsonl", TASKS.resolve(suite)())
    assert len(cases) == 240
    assert not [case.id for case in cases if sketch.holds(case)]
