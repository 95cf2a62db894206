"""Records are written piece by piece: valid JSON, a case a line, nothing that JSON lacks."""

import hashlib
import json
import math

from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.core.files.writing import finite, json_lines
from pytest_medeval.core.signature import request_signature
from pytest_medeval.core.types import Message, Request, plain

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), VALUES))
def test_what_is_written_is_read_again(record):
    """Any JSON object comes back; NaN and infinities as null."""
    assert json.loads(b"".join(json_lines(record))) == finite(record)


def test_what_is_fit_for_json_is_not_copied():
    """A record of many cases is as large as they are; what holds a NaN or a tuple is made anew."""
    fit, unfit = {"rows": [1.0, [2]]}, {"rows": [1.0, math.nan], "text": "nan"}
    record = {"fit": fit, "unfit": unfit, "pair": (1, math.inf)}
    found = finite(record)
    assert found == {"fit": fit, "unfit": {"rows": [1.0, None], "text": "nan"}, "pair": [1, None]}
    assert found["fit"] is fit
    assert math.isnan(unfit["rows"][1])
    assert finite(found) is found


def test_each_case_has_a_line_and_half_characters_are_escaped():
    """Elements of a list stand on lines of their own; a lone surrogate does not stop the writing."""
    text = b"".join(json_lines({"schema": "x", "cases": [{"id": "a"}, {"id": "\ud800"}]})).decode()
    assert text.splitlines()[3:5] == ['{"id": "a"},', '{"id": "\\ud800"}']


def test_a_request_keeps_its_signature():
    """The hash of a request as ``dataclasses.asdict`` and ``json.dumps`` (Python 3.11) made it before."""
    request = Request((Message("user", "Fever?"),), choices=("yes", "no"))
    assert plain(request)["messages"] == (Message("user", "Fever?"),)
    told = json.dumps(
        {
            "choices": ["yes", "no"], "max_new_tokens": 256, "messages": [{"content": "Fever?", "role": "user"}],
            "schema": "", "stop": [],
        },
        sort_keys=True, separators=(",", ":"),
    )  # fmt: skip
    assert request_signature(request) == hashlib.sha256(told.encode()).hexdigest()
