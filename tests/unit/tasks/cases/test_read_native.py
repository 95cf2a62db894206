"""Our own format: read as written, and a wrong record is its author's mistake."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases import read_cases

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)


def read(tmp_path, text, task="mcq", form=None, name="c.jsonl"):
    """Write a case file and read it."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_cases(path, TASKS.resolve(task)(), form)


def case(**changes):
    """Give a right record, with changes, as a line."""
    return json.dumps({"id": "a", "question": "q", "options": {"A": "x", "B": "y"}, "answer": "B", **changes})


@given(texts=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4), array=st.booleans())
def test_round_trip(tmp_path_factory, texts, array):
    """Any texts come back as a case, from a line or from an array."""
    records = [{"id": f"c{at}", "input": one, "reference": other} for at, (one, other) in enumerate(texts)]
    text = json.dumps(records, ensure_ascii=False, indent=1) if array else "\n".join(map(json.dumps, records))
    cases, skips = read(tmp_path_factory.getbasetemp(), text, "dialogue")
    assert [(c.id, c.input, c.reference) for c in cases] == [(f"c{at}", *pair) for at, pair in enumerate(texts)]
    assert skips == []


def test_numbers_stay_as_typed(tmp_path):
    """An option typed as 12.50 is the text 12.50."""
    (one,), _ = read(tmp_path, '{"id": 7, "question": "q", "options": {"A": 12.50, "B": 1E2, "C": 3}, "answer": "A"}')
    assert (one.id, one.options) == ("7", {"A": "12.50", "B": "1E2", "C": "3"})


def test_windows_file(tmp_path):
    """A byte order mark, CRLF and blank lines change nothing; lines are counted in the file."""
    cases, _ = read(tmp_path, b"\xef\xbb\xbf" + f"{case()}\r\n\r\n{case(id='b')}\r\n".encode())
    assert [(c.id, c.source.line) for c in cases] == [("a", 1), ("b", 3)]


MISTAKES = [
    (f"{case()}\n{case()}", 2, "id 'a' occurs twice; first at"),
    (f"{case()}\n{case(id='')}", 2, "'id' is ''; accepted: a short text, unique in the suite"),
    (case(answer="C"), 1, "answer 'C' is not among the options A, B"),
    (case(options={"A": "x", "B": None}), 1, "an option is empty"),
    (case(options={"A": "x", "C": "y"}), 1, "options are lettered A, C"),
    (case(optoins={}), 1, "unknown key 'optoins' (did you mean 'options'?)"),
    (case(question=" "), 1, "'question' is empty"),
    (case(question=3), 1, "'question' is a whole number; accepted: a text"),
    (case(critical="yes"), 1, "'critical' is 'yes'; accepted: true or false"),
    ('{"question": "q", "options": {"A": "x", "B": "y"}, "answer": "B"}', 1, "'id' is None"),
]


@pytest.mark.parametrize(("text", "line", "message"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_author_mistakes(tmp_path, text, line, message):
    """A wrong record raises with file and line; it is never skipped."""
    with pytest.raises(MedevalError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'c.jsonl'}:{line}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", " \r\n\n", b"\xef\xbb\xbf"])
def test_empty_file(tmp_path, text):
    """A file without a record is no suite."""
    with pytest.raises(MedevalError, match=r"c.jsonl:1: the file is empty; accepted: a file of cases"):
        read(tmp_path, text, form="native")


def test_empty_array(tmp_path):
    """An array without a record is no suite."""
    with pytest.raises(MedevalError, match=r"c.jsonl:1: no cases: the file holds no record"):
        read(tmp_path, "[]", form="native")


@pytest.mark.parametrize(
    ("raw", "line", "byte", "offset"),
    [
        (b'{"id": "a"}\n{"id": "caf\xe9"}', 2, "e9", 23),
        ("{}".encode("utf-16"), 1, "ff", 0),
        (b"\xef\xbb\xbf\n\x80", 2, "80", 4),
    ],
    ids=["latin-1", "utf-16", "after-bom"],
)
def test_not_utf8(tmp_path, raw, line, byte, offset):
    """Another encoding is named by byte, offset and line."""
    with pytest.raises(MedevalError) as caught:
        read(tmp_path, raw)
    assert (
        str(caught.value)
        == f"{tmp_path / 'c.jsonl'}:{line}: byte 0x{byte} at offset {offset} is not UTF-8; accepted: UTF-8"
    )


def test_unknown_format(tmp_path):
    """A format's name is checked, with the one that may have been meant."""
    with pytest.raises(MedevalError, match=r"unknown format 'medqua' \(did you mean 'medqa'\?\); accepted: aci, dxy, "):
        read(tmp_path, case(), form="medqua")


def test_format_of_another_task(tmp_path):
    """A format whose cases are of another task is refused before a case is read."""
    with pytest.raises(MedevalError, match=r"format 'medqa' holds cases of task 'mcq'; the suite's task is 'polarity'"):
        read(tmp_path, case(), "polarity", "medqa")
