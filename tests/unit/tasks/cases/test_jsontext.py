"""JSON read record by record: the line of each record, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.jsontext import Document, array, members, objects

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WHOLE = st.integers(-(10**18) + 1, 10**18 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(TEXT, VALUES, max_size=4), min_size=1, max_size=6)
SPACE = st.lists(st.sampled_from([" ", "\t", "\n", "\r\n"]), max_size=4).map("".join)


@given(
    records=RECORDS,
    indent=st.sampled_from([None, 0, 4]),
    ascii_only=st.booleans(),
    lead=SPACE,
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_array_round_trip(records, indent, ascii_only, lead, newline):
    """Any array comes back, and each record's line is the one on which its brace stands."""
    text = lead + json.dumps(records, indent=indent, ensure_ascii=ascii_only).replace("\n", newline)
    document = Document("f.json", text)
    found = list(array(document))
    assert [value for _, value in found] == records
    for at, _ in found:
        assert text[at] == "{"
        assert document.line(at) == text[:at].count("\n") + 1


@given(records=st.dictionaries(TEXT, VALUES, max_size=5), indent=st.sampled_from([None, 2]))
def test_members_round_trip(records, indent):
    """Any object comes back member by member, each with the line of its key."""
    text = json.dumps(records, indent=indent)
    document = Document("f.json", text)
    found = list(members(document))
    assert {key: value for _, key, value in found} == records
    assert [text[at] for at, _, _ in found] == ['"'] * len(records)
    assert [document.line(at) for at, _, _ in found] == [text[:at].count("\n") + 1 for at, _, _ in found]


@given(records=RECORDS, blank=st.integers(0, 3), newline=st.sampled_from(["\n", "\r\n"]))
def test_lines_round_trip(tmp_path_factory, records, blank, newline):
    """Any objects one a line come back with their lines; U+2028 and U+0085 inside a text end no line."""
    path = tmp_path_factory.getbasetemp() / "lines.jsonl"
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    path.write_bytes((newline * blank + newline.join(lines)).encode())
    assert list(objects(path)) == [(blank + 1 + at, record) for at, record in enumerate(records)]


@given(text=st.text(st.sampled_from('{}[]",:0\\n eE-+.truefalsnu\n\r\t'), min_size=1, max_size=40))
def test_no_other_exception(tmp_path_factory, text):
    """Whatever the text, it is read or refused in one line that names file and line."""
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(text, newline="")
    refused = f"{path}: read"
    try:
        list(objects(path))
    except MedevalError as error:
        refused = str(error)
    assert refused.startswith(f"{path}:")
    assert "\n" not in refused


def test_elements_of_an_inner_array():
    """An array inside the text is read from its own start, and says where it ends."""
    document = Document("f.json", "[[1, 2],\n [3]]")
    walk = document.elements(0)
    at, value = next(walk)
    assert (value, [inner for _, inner in document.elements(at)]) == ([1, 2], [1, 2])
    at, value = next(walk)
    assert (value, document.line(at)) == ([3], 2)
    with pytest.raises(StopIteration) as end:
        next(walk)
    assert end.value.value == len(document.text)


BAD = [
    ('[{"a": 1},\n {"a": 2', 2, "not JSON: Expecting ',' delimiter"),
    ('[{"a": 1},\n {"a": "cut', 2, "not JSON: Unterminated string starting at"),
    ('[{"a": 1},\n', 2, "not JSON: Expecting value"),
    ('[{"a": 1}', 1, "not JSON: found the end of the file; accepted: ',' or ']'"),
    ('[{"a": 1}\n{"a": 2}]', 2, "not JSON: found '{'; accepted: ',' or ']'"),
    ('[{"a": 1},\n]', 2, "not JSON: Expecting value"),
    ('[{"a": 1}]\n[]', 2, "not JSON: found '[' after the end of the data"),
    ('[{"a": 1}, [2]]', 1, "found an array; accepted: an object a record"),
    ('[{"a": 1},\n "text"]', 2, "found a text; accepted: an object a record"),
    ('[{"a": 1},\n {"a": NaN}]', 2, "NaN is not JSON"),
    ('[\n{"a": -Infinity}]', 2, "-Infinity is not JSON"),
    ('[\n{"a": 1, "b": 2, "a": 3}]', 2, "key 'a' occurs twice in one object"),
    ('{"a": 1}\n{"a": \n2}', 2, "not JSON: Expecting value; accepted: one array of objects, or one object a line"),
    ('{"a": 1} {"a": 2}', 1, "not JSON: found more after the object; accepted: one object a line"),
    ('{"a": 1}\n[1]', 2, "found an array; accepted: an object a record"),
    ('{"a": "\\ud800"}', 1, "half of a surrogate pair"),
    ("[" * 100_000, 1, "nested too deeply"),
    ("[" + "1" * 5000 + "]", 1, "a whole number of too many digits; accepted: up to 18"),
]


@pytest.mark.parametrize(("text", "line", "message"), BAD, ids=[bad[2][:40] + f" {at}" for at, bad in enumerate(BAD)])
def test_broken_json(tmp_path, text, line, message):
    """What is broken is refused with the line on which it stands."""
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(MedevalError) as caught:
        list(objects(path))
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_key_twice_in_an_object_of_records():
    """Two records under one key are refused with both lines."""
    with pytest.raises(MedevalError, match=r"f.json:3: key '1' occurs twice, first on line 2"):
        list(members(Document("f.json", '{\n"1": {},\n"1": {}}')))


@pytest.mark.parametrize("text", ["{}", "3"])
def test_array_expected(text):
    """Another value where an array is expected is named."""
    with pytest.raises(MedevalError, match=r"f.json:1: found '.'; accepted: an array of records"):
        list(array(Document("f.json", text)))


def test_object_expected():
    """An array where an object keyed by ids is expected is named."""
    with pytest.raises(MedevalError, match=r"f.json:1: found '\['; accepted: an object of records"):
        list(members(Document("f.json", "[]")))
