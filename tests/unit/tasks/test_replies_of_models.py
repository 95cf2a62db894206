"""Reading collected replies: 105 made for their faults, and those of twelve models (AfriMed-QA)."""

import json
import re
from pathlib import Path

import pytest

from pytest_medeval.core.thoughts import split
from pytest_medeval.tasks.reading.letters import read

SHARED = Path(__file__).parents[3] / "../shared"
FAULTS = SHARED / "faults/replies.jsonl"
MODELS = SHARED / "data/mcq_replies_models/replies.jsonl"
OPTION = re.compile(r"\s*OPTION ([A-E]) IS CORRECT\.?\s*")

READ = 2500
"""Of 2,640 replies at least so many are read; the rest names several, none or what is not offered."""
AGAINST = 20
"""At most so many readings differ from that of the replies' authors, whose parser takes a first capital."""


def _entries(file: Path) -> list[dict]:
    if not file.is_file():
        pytest.skip(f"{file} is missing")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_replies_made_for_their_faults():
    """Every reply is read as expected, what it only thinks told from it as a run does."""
    found = {entry["reply"]: read(split(entry["reply"]).reply, entry["options"]) for entry in _entries(FAULTS)}
    expected = {entry["reply"]: entry["expected"] for entry in _entries(FAULTS)}
    wrong = {reply: found[reply] for reply, letter in expected.items() if found[reply].letter != letter}
    assert wrong == {}


def test_replies_of_twelve_models():
    """As many are read as a person reads, and few against their authors' reading."""
    entries = _entries(MODELS)
    found = [read(entry["reply"], entry["options"]).letter for entry in entries]
    theirs = [entry["authors_reading"] for entry in entries]
    against = [
        (ours, entry["reply"][:80])
        for entry, ours, their in zip(entries, found, theirs, strict=True)
        if ours and their in entry["options"] and ours != their
    ]
    assert sum(letter is not None for letter in found) >= READ
    assert len(against) <= AGAINST, against


def test_option_d_is_correct():
    """Meditron's and PMC-LLaMA's form, which was read in no reply."""
    asked = [(OPTION.fullmatch(entry["reply"]), entry) for entry in _entries(MODELS)]
    of_form = [(match.group(1), entry) for match, entry in asked if match]
    offered = [(letter, entry) for letter, entry in of_form if letter in entry["options"]]
    assert len(offered) > 200
    assert all(read(entry["reply"], entry["options"]).letter == letter for letter, entry in offered)
