"""Tuning files: whatever their form, each record's texts and the line on which it starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.tasks.cases.tuning import read_tuning


@pytest.mark.parametrize(
    ("name", "text", "count", "first"),
    [
        ("a.json", json.dumps([{"q": "one", "n": 1}, {"turns": [{"content": "two"}]}], indent=1), 2, (2, ("one",))),
        ("b.json", json.dumps({"x": {"q": "one"}, "y": {"q": "two"}}, indent=1), 2, (2, ("one",))),
        ("c.json", json.dumps({"train": ["one", "two", "three"]}), 3, (1, ("one",))),
        ("d.jsonl", '{"q": "one", "a": ["two"]}\n\n{"q": "three"}\n', 2, (1, ("one", "two"))),
        ("e.csv", 'q,a\n"one\nmore",two\nthree,four\n', 3, (1, ("q", "a"))),
        ("f.txt", "one\nmore\n\n\ntwo\n", 2, (1, ("one\nmore",))),
        ("g.txt", "one\ntwo\n", 2, (1, ("one",))),
        ("h.yaml", "- {id: a, question: one}\n- {id: b, question: two}\n", 2, (1, ("a", "one"))),
    ],
)
def test_any_file_of_records_is_read(tmp_path: Path, name, text, count, first):
    """JSON in three shapes, JSONL, CSV, text in blocks or lines, YAML cases; each record knows its line."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = read_tuning(tmp_path / name)
    assert len(found) == count
    assert (found[0].source.line, found[0].texts) == first


@pytest.mark.parametrize(
    ("text", "words"), [("[1, 2]", "no record with a text"), ('[{"q": oops}]', "t.json:1: not JSON"), (" ", "empty")]
)
def test_a_file_without_records_is_refused(tmp_path: Path, text, words):
    """One line that names the file."""
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(MedevalError, match=words):
        read_tuning(tmp_path / "t.json")


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.jsonl", '\n{"q": "one"}\n\n{"q": {"deep": ["two", 3, null, true, " "]}}\n', [(2, ("one",)), (4, ("two",))]),
        ("b.json", '{"q": "one"}\n{"q": "two"}\n', [(1, ("one",)), (2, ("two",))]),
        ("c.json", '{"train":\n["one",\n"two"], "n": 3}', [(1, ("one",)), (1, ("two",))]),
        ("d.JSON", '[\n1,\n"one"]', [(3, ("one",))]),
        ("e.csv", 'a,"b\nc"\n,\nd,e\n', [(1, ("a", "b\nc")), (4, ("d", "e"))]),
        ("f.txt", "one\n \n\ntwo\nthree\n\nfour", [(1, ("one",)), (4, ("two\nthree",)), (7, ("four",))]),
        ("g.md", "one\n\ttwo\n", [(1, ("one",)), (2, ("\ttwo",))]),
        ("h.yml", "- {id: a, question: one}\n", [(1, ("a", "one"))]),
        ("i.medeval.yaml", "task: mcq\ncases:\n- {id: a, question: one}\n", [(3, ("a", "one"))]),
    ],
)
def test_every_record_knows_its_line(tmp_path: Path, name, text, found):
    """Texts at any depth in the order of the file; numbers and blanks are none."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert [(one.source.line, one.texts) for one in read_tuning(tmp_path / name)] == found


def test_broken_csv_names_its_line(tmp_path: Path):
    """A quotation that never ends, behind rows that are sound."""
    (tmp_path / "a.csv").write_text('a,b\nc,"d\n')
    with pytest.raises(MedevalError, match=r"a\.csv:2: not CSV: "):
        read_tuning(tmp_path / "a.csv")
