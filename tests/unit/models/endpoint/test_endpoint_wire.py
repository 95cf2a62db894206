"""Requests and answers on the wire: whatever a server writes is an answer or one clear error."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models.endpoint import wire

REQUEST = Request((Message("user", "?"),))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "index", "logprobs", "usage"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def test_sampling_is_sent():
    """A drawn request sends temperature, top_p and seed; a greedy one what it sent before there were any."""
    drawn = wire.chat_fields("m", Request(REQUEST.messages, temperature=0.7, top_p=0.9, seed=11), ())
    assert (drawn["temperature"], drawn["top_p"], drawn["seed"]) == (0.7, 0.9, 11)
    greedy = wire.chat_fields("m", REQUEST, ())
    assert greedy == {
        "model": "m",
        "messages": [{"role": "user", "content": "?"}],
        "max_tokens": 256,
        "temperature": 0,
        "seed": 0,
    }
    both = {"message": "`temperature` and `top_p` cannot both be specified"}
    assert wire.refusal(both, drawn) == "top_p"
    assert wire.refusal(both, greedy) == "temperature"


@given(values)
def test_any_json_is_read_or_refused(body):
    """No JSON value breaks the readers in any other way than by saying that it is malformed."""
    for read in (lambda: wire.read_chat(body, REQUEST), lambda: wire.read_echo(body, 1)):
        with contextlib.suppress(wire.MalformedError):
            read()


@given(values)
def test_any_list_of_models_is_read(body):
    """The list of models is read from whatever ``/v1/models`` gives."""
    assert wire.told_of("m", wire.listed_models(body), 0) == ""


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (
            {
                "message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
                "param": "max_tokens",
            },
            "max_tokens",
        ),
        ({"detail": "Unexpected fields in the request: {'seed'}"}, "seed"),
        ({"message": "response_format: json_schema is not supported"}, "response_format"),
        ({"message": "max_tokens=256 is too large: the model's maximum context length is 128 tokens"}, None),
        ({"message": "messages: field required"}, None),
        ("<html>", None),
    ],
)
def test_refused_fields_are_recognised(message: object, field: str | None):
    """Complaints of real servers are told apart: a field that is not known, and a prompt that is too long."""
    fields = wire.chat_fields("m", Request(REQUEST.messages, schema="{}"), ())
    assert wire.refusal(message, fields) == field


def test_turns_in_a_row_become_one_where_a_server_refuses_them():
    """Its complaint is the same for a system turn: that goes next."""
    talk = Request((Message("system", "Be brief."), Message("user", "I cough."), Message("user", "It hurts.")))
    complaint = {"message": "Conversation roles must alternate user/assistant/user/..."}
    assert wire.refusal(complaint, wire.chat_fields("m", talk, ())) == wire.REPEATS
    once = wire.chat_fields("m", talk, {wire.REPEATS})
    assert once["messages"][1] == {"role": "user", "content": "I cough.\n\nIt hurts."}
    assert wire.refusal(complaint, once) == wire.SYSTEM
    both = wire.chat_fields("m", talk, {wire.REPEATS, wire.SYSTEM})
    assert both["messages"] == [{"role": "user", "content": "Be brief.\n\nI cough.\n\nIt hurts."}]


def test_withheld_and_refused_replies_are_replies():
    """A content filter's empty text and a refusal are what the patient would get: no errors."""
    filtered = {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}
    refused = {"choices": [{"message": {"content": None, "refusal": "I cannot."}, "finish_reason": "stop"}]}
    assert (wire.read_chat(filtered, REQUEST).text, wire.read_chat(filtered, REQUEST).finish) == ("", "stop")
    assert wire.read_chat(refused, REQUEST).text == "I cannot."


def test_prompt_hash_tells_messages_apart():
    """The hash is over roles and texts, and over nothing else."""
    system = Request((Message("system", "?"),))
    assert wire.prompt_hash(REQUEST) != wire.prompt_hash(system)
    assert wire.prompt_hash(REQUEST) == wire.prompt_hash(Request(REQUEST.messages, max_new_tokens=1))


def test_schema_becomes_structured_output():
    """A JSON schema is sent as ``response_format``, unless the server has refused it."""
    request = Request(REQUEST.messages, schema=json.dumps({"type": "object"}))
    fields = wire.chat_fields("m", request, ())
    assert fields["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert "response_format" not in wire.chat_fields("m", request, {"response_format"})


def test_lengths_of_echoes_are_checked():
    """A server that leaves out a prompt, or all tokens of a choice, gives no likelihood."""
    row = {"index": 0, "logprobs": {"token_logprobs": [None, -1.0, -2.0, -9.0]}}
    assert wire.read_echo({"choices": [row]}, 1) == [wire.Echo(("", "", ""), (None, -1.0, -2.0))]
    with pytest.raises(wire.MalformedError, match="of 1 texts; asked were 2"):
        wire.read_echo({"choices": [row]}, 2)
    with pytest.raises(wire.MalformedError, match="for a token of a choice"):
        wire.choice_answer(REQUEST, [[None, -1.0]], 2)
