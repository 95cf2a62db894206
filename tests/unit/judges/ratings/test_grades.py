"""Reading a judge's raw reply: what counts as a grade, and what a rated reply cannot smuggle in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.judges.ratings.grades import Unread, read_grades, read_verdict
from pytest_medeval.judges.ratings.types import Scale

DIMENSIONS = ("accuracy", "comprehensiveness", "helpfulness", "relevance")
SCALE = Scale(1, 5)
HONEST = {"accuracy": 1.0, "comprehensiveness": 2.0, "helpfulness": 1.0, "relevance": 2.0}
BARE = json.dumps({name: int(grade) for name, grade in HONEST.items()})
HOSTILE = json.loads((Path(__file__).parent / "hostile_replies.json").read_text("utf-8"))


def explained(text, *, ascii_only=True):
    """Write the honest verdict with an explanation that quotes a text properly."""
    return json.dumps({**json.loads(BARE), "explanation": f"It says: {text}"}, ensure_ascii=ascii_only)


def unescaped(text, *, last):
    """Write the honest verdict with an explanation that quotes a text as it is: what weak judges do."""
    quote = f'"explanation": "It says: {text}"'
    return f"{BARE[:-1]}, {quote}}}" if last else f"{{{quote}, {BARE[1:]}"


JUDGES = {
    "quoted in the explanation": explained,
    "quoted with its characters": lambda text: explained(text, ascii_only=False),
    "quoted without escapes, last": lambda text: unescaped(text, last=True),
    "quoted without escapes, first": lambda text: unescaped(text, last=False),
    "quoted before": lambda text: f"The reply says:\n{text}\nMy verdict:\n{BARE}",
    "quoted after": lambda text: f"{BARE}\nThe reply said:\n{text}",
    "quoted around": lambda text: f"{text}\n{BARE}\n{text}",
    "quoted before a fenced verdict": lambda text: f"> {text}\n\n```json\n{BARE}\n```",
    "quoted in a fence": lambda text: f"```\n{text}\n```\n```json\n{BARE}\n```",
}


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("attack", HOSTILE, ids=lambda attack: attack["name"])
def test_a_quoted_reply_raises_no_grade(attack, judge):
    """Wherever the judge quotes a hostile reply, its own grades are read, or none at all."""
    read = read_grades(JUDGES[judge](attack["reply"]), DIMENSIONS, SCALE)
    assert isinstance(read, Unread) or read == HONEST


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda attack: attack["name"])
def test_a_proper_quote_costs_nothing(attack):
    """An honest verdict with the hostile reply properly quoted in its explanation is read in full."""
    assert read_grades(explained(attack["reply"]), DIMENSIONS, SCALE) == HONEST


def test_the_set_of_attacks_is_large_enough():
    """At least 25 different attacks, Chinese ones among them."""
    assert len({attack["reply"] for attack in HOSTILE}) >= 25
    assert sum("评分" in attack["reply"] or "系统" in attack["reply"] for attack in HOSTILE) >= 3


@given(st.text())
def test_any_quote_in_the_explanation_is_harmless(text):
    """Whatever text a JSON string can hold, the grades beside it are read."""
    assert read_grades(explained(text), DIMENSIONS, SCALE) == HONEST


# pieces of JSON, so that random texts come close to a verdict
pieces = st.lists(
    st.sampled_from(
        [*'{}[]",: \\\n', '"accuracy"', '"accuracy": 5', BARE, BARE.replace("1", "5"), "5", "```json", "x"]
    ),
    max_size=12,
).map("".join)


@given(pieces, pieces)
@settings(max_examples=500)
def test_nothing_before_or_after_raises_a_grade(before, after):
    """Text on both sides of an honest verdict leaves its grades, or makes the whole unread."""
    read = read_grades(f"{before}{BARE}{after}", DIMENSIONS, SCALE)
    assert isinstance(read, Unread) or read == HONEST


@given(st.text() | pieces)
def test_any_text_is_read_or_refused(text):
    """The reader never raises, and never gives a grade that is not offered."""
    read = read_grades(text, DIMENSIONS, SCALE)
    assert isinstance(read, Unread) or all(SCALE.offers(grade) for grade in read.values())


@pytest.mark.parametrize(
    "text",
    [
        BARE,
        f"```json\n{BARE}\n```",
        f"```\n{BARE}\n```",
        f"Let me think.\n\n{BARE}\n\nThat is my verdict.",
        f"Draft: {BARE} Final: {BARE}",
        BARE.replace("accuracy", " Accuracy "),
        BARE.replace("1", '"1"').replace("2", "2.0"),
        f"[{BARE}]",
        json.dumps({"verdict": json.loads(BARE)}),
        BARE[:-1] + ', "explanation": "Two\nlines"}',
    ],
)
def test_forms_of_one_verdict(text):
    """Bare, fenced, with prose around, repeated, wrapped, grades as numerals: all say the same."""
    assert read_grades(text, DIMENSIONS, SCALE) == HONEST


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no verdict: the reply is empty"),
        ("I cannot rate this reply.", "no verdict: no JSON object"),
        ('{"score": 5}', "no verdict: a JSON object without the dimensions asked for"),
        (BARE[:-1], "broken JSON: cut off, or quotes not escaped"),
        (BARE.replace('"', "“"), "broken JSON: cut off, or quotes not escaped"),
        (BARE.replace("1", "6"), "accuracy: grade is not on the scale 1 to 5"),
        (BARE.replace("1", "0"), "accuracy: grade is not on the scale 1 to 5"),
        (BARE.replace("1", "1.5"), "accuracy: grade is not on the scale 1 to 5"),
        (BARE.replace("1", "null"), "accuracy: grade is null"),
        (BARE.replace("1", "true"), "accuracy: grade is not a number; accepted: 1 to 5"),
        (BARE.replace("1", '"very good"'), "accuracy: grade is not a number; accepted: 1 to 5"),
        (BARE.replace("1", "NaN"), "broken JSON: NaN is not JSON"),
        (BARE.replace("1", "1" * 5000), "broken JSON: cut off, or quotes not escaped"),
        ('{"accuracy": 3}', "no grade for 'comprehensiveness'"),
        (f"{BARE} {BARE.replace('1', '3')}", "2 verdicts that differ"),
        (BARE.replace("{", '{"accuracy": 5, '), "broken JSON: a key stands twice"),
    ],
)
def test_what_is_unread_says_why(text, reason):
    """No grade is guessed: each kind of unusable reply has its reason."""
    assert read_grades(text, DIMENSIONS, SCALE) == Unread(reason)


@pytest.mark.parametrize("depth", [10, 400, 900, 1100, 5000, 200_000])
def test_deep_nesting_is_read_or_refused(depth):
    """However deep a reply nests, the reader ends without an exception."""
    for opening, closing in (('{"a":', "}"), ("[", "]")):
        text = '{"x":' + opening * depth + BARE + closing * depth + "}"
        read = read_grades(text, DIMENSIONS, SCALE)
        assert read == HONEST or read == Unread("broken JSON: cut off, or quotes not escaped")


def test_a_verdict_keeps_the_readable_dimensions():
    """One null does not hide the other grades from a reader that takes each for itself."""
    verdict = read_verdict('{"accuracy": null, "relevance": 4}', DIMENSIONS)
    assert verdict == {"accuracy": None, "relevance": 4}
