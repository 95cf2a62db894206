"""The reader of GenMedGPT-5k and its like."""

from __future__ import annotations

import json

from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.dialogue import INSTRUCTION, Dialogue


def test_genmedgpt(tmp_path):
    """Blanks at the ends go, broken characters stay, positions are ids, a record without text is skipped."""
    records = [
        {"instruction": "Answer.", "input": " It\u00e2\u20ac\u2122s my head. ", "output": "Rest.\n"},
        {"instruction": "Answer.", "input": "Again?", "output": "  "},
        {"instruction": "Answer.", "input": "", "output": "Rest."},
        {"instruction": "Answer.", "input": "Why?", "output": 5},
        {"instruction": "", "input": "And now?", "output": "Wait."},
    ]
    path = tmp_path / "f.json"
    path.write_bytes(json.dumps(records, indent=6).replace("\n", "\r\n").encode())
    cases, skips = read_cases(path, Dialogue())
    assert [(c.id, c.input, c.reference, c.instruction, c.source.line) for c in cases] == [
        ("genmedgpt-0000", "It\u00e2\u20ac\u2122s my head.", "Rest.", "Answer.", 2),
        ("genmedgpt-0004", "And now?", "Wait.", INSTRUCTION, 22),
    ]
    assert [(skip.source.line, skip.reason) for skip in skips] == [
        (7, "empty reference"),
        (12, "'input' is empty"),
        (17, "'reference' is a whole number; accepted: a text"),
    ]
