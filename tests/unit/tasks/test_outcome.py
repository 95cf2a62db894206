"""How a reply ended."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.core.types import Answer
from pytest_medeval.tasks.reading.outcome import LOOP_BYTES, _borders, loops, text_outcome

DIALOGUES = Path(__file__).parents[3] / "../shared/data/genmedgpt5k/chatdoctor5k.json"

MADE_LOOPS = [
    "You should rest. " * 10,
    "The pain may be caused by " + "a cold or " * 20 + "a co",
    "\n".join(f"{number}. Drink water." for number in range(1, 12)) + "\n12. Dri",
    "发热：阳性\n" * 12,
    "多喝水，注意休息，" * 6 + "多喝",
    "建议去医院" + "，建议去医院" * 7,
    "no " * 60,
    "Fever. " + "!" * 200,
    "A first paragraph that is not repeated.\n\n" + "It is a viral infection that will pass in a week. " * 3,
]

NO_LOOPS = [
    "\n".join(f"{name}: present" for name in ["1. Fever", "2. Cough", "3. Rash", "4. Chills", "5. Pain"]),
    "\n".join(f"{name}：阳性" for name in ["咳嗽", "发热", "流涕", "鼻塞", "腹泻", "呕吐", "皮疹", "头痛"]),
    "".join(f"Day {day}: take two tablets in the morning with a glass of water. " for day in range(1, 9)),
    "Call an ambulance now. Call an ambulance now. Call an ambulance now.",
    "Rest, rest and rest again. Drink, drink and drink again. Sleep, sleep and sleep again. Be well.",
    "Take " + ", then ".join(f"{dose} mg" for dose in range(5, 60, 5)) + ".",
]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer("Rest."), "answered"),
        (Answer(""), "no_answer"),
        (Answer(" \n\t"), "no_answer"),
        (Answer("...\n---"), "no_answer"),
        (Answer("。。。"), "no_answer"),
        (Answer("", finish="length"), "no_answer"),
        (Answer("You should", finish="length"), "truncated"),
        (Answer("You should rest. " * 10, finish="length"), "degenerate"),
        (Answer("You should rest. " * 10), "degenerate"),
        (Answer("", finish="error", error="refused"), "error"),
        (Answer("half a", finish="error", error="closed"), "error"),
    ],
)
def test_outcomes(answer: Answer, outcome: str):
    """Errors come first, then silence, then loops, then the token limit."""
    assert text_outcome(answer) == outcome


@pytest.mark.parametrize("text", MADE_LOOPS)
def test_made_loops_are_found(text: str):
    """A unit that repeats to the end is a loop, in English and Chinese, numbered or cut."""
    assert loops(text)


@pytest.mark.parametrize("text", NO_LOOPS)
def test_lists_and_emphasis_are_no_loops(text: str):
    """Items of one shape, doses that rise, and a call said three times are not loops."""
    assert not loops(text)


def test_no_false_alarm_on_real_replies():
    """Not one of 2,000 real doctors' replies, nor of the patients' messages, is taken for a loop."""
    if not DIALOGUES.is_file():
        pytest.skip(f"{DIALOGUES.parent} is missing")
    entries = json.loads(DIALOGUES.read_text(encoding="utf-8"))
    assert len(entries) == 2000
    assert not [entry for entry in entries if loops(entry["output"]) or loops(entry["input"])]


def test_real_replies_made_to_loop():
    """The last sentence of real replies, repeated to 100 bytes and cut anywhere, is found each time."""
    if not DIALOGUES.is_file():
        pytest.skip(f"{DIALOGUES.parent} is missing")
    draw = random.Random(1)
    for entry in json.loads(DIALOGUES.read_text(encoding="utf-8"))[:300]:
        unit = entry["output"].rsplit(". ", 1)[-1].strip() + " "
        copies = max(4, LOOP_BYTES // len(unit) + 2)
        assert loops(entry["output"] + " " + unit * copies + unit[: draw.randrange(len(unit))])


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40), st.integers(0, 39))
def test_any_repeated_unit_is_a_loop(unit: str, cut: int):
    """Whatever is repeated often enough is a loop, unless it is nothing but list markers and blanks."""
    word = "ab" + unit.replace("\n", " ") + "yz "
    assert loops(word * (LOOP_BYTES // len(word) + 4) + word[:cut])


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=80, unique=True))
def test_different_lines_are_no_loop(numbers: list[int]):
    """Lines that all differ are never a loop."""
    assert not loops("\n".join(f"item {number} of the list" for number in numbers))


def test_a_loop_has_three_copies_and_100_bytes():
    """Two copies and a half are none, nor are 99 bytes; Chinese characters count three."""
    unit = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
    assert loops(unit * 3)
    assert not loops(unit + unit + unit[:39])
    assert loops("abcd" * 25)
    assert not loops("abc" * 33)
    assert loops("咳" * 34)
    assert not loops("咳" * 33)


@given(st.text("ab", max_size=24))
def test_borders_are_the_longest_that_a_text_begins_and_ends_with(text: str):
    """By their definition, for every beginning of a text."""
    for length, border in enumerate(_borders(text), start=1):
        part = text[:length]
        assert border == max(size for size in range(length) if part.endswith(part[:size]))
