"""Attempts of a candidate on a suite are counted, and what was declared is kept to."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.runs.store import ATTEMPTS, read_attempts, write_attempts
from pytest_medeval.verdicts.attempts import Attempts


def cases(*numbers, reply=""):
    """Make entries of which only what is looked at is there."""
    return [{"content": f"c{one}", "request": f"r{one}", "candidate": {"reply": reply}} for one in numbers]


def looked(attempts, found, *, drawn=False, candidate="m", reference=None):
    """Look, and keep what is new as a later run reads it."""
    spending = attempts.look("quiz", candidate, reference, found, drawn=drawn)
    attempts.known = [*attempts.known, *attempts.new]
    attempts.new = []
    return spending


def test_other_cases_are_another_attempt_and_the_same_are_the_same():
    """By candidate and reference; in any order; drawn replies are part of what was seen."""
    attempts = Attempts()
    assert looked(attempts, cases(1, 2)).number == 1
    assert looked(attempts, cases(2, 1)).number == 1
    assert looked(attempts, cases(3)).number == 2
    assert looked(attempts, cases(1, 2)).number == 1
    assert looked(attempts, cases(1, 2), candidate="other").number == 1
    assert looked(attempts, cases(1, 2), reference="old").number == 1
    assert looked(attempts, cases(1, 2, reply="again")).number == 1
    assert looked(attempts, cases(1, 2, reply="again"), drawn=True).number == 3


def test_growing_cases_have_sizes_and_others_have_none():
    """Only a chain in which each look holds the one before is a sum of increments."""
    attempts = Attempts(looks=3)
    assert looked(attempts, cases(1, 2)).sizes == [2]
    assert looked(attempts, cases(1, 2, 3)).sizes == [2, 3]
    found = looked(attempts, cases(1, 2, 4, 5))
    assert (found.sizes, found.before, found.number) == ((), pytest.approx([1 / 3, 2 / 3]), 3)
    assert looked(attempts, cases(9)).exhausted


def test_the_file_grows_by_lines_and_a_foreign_line_is_named(tmp_path):
    """What was written is read; what was edited is refused with file and line."""
    store = tmp_path / "runs"
    first = read_attempts(store, 2)
    first.look("quiz", "m", None, cases(1), drawn=False)
    write_attempts(store, first.new)
    again = read_attempts(store, 2)
    assert again.look("quiz", "m", None, cases(1, 2), drawn=False).number == 2
    write_attempts(store, again.new)
    assert [len(json.loads(line)["cases"]) for line in (store / ATTEMPTS).read_text().splitlines()] == [1, 2]
    (store / ATTEMPTS).write_text((store / ATTEMPTS).read_text() + "{}\n")
    with pytest.raises(MedevalError, match=r"attempts.jsonl:3: no attempt"):
        read_attempts(store, 2)


@pytest.mark.parametrize(("left", "others"), [(0.9, 1), (0.2, 2)])
def test_a_torn_last_line_is_told_once_and_counts(tmp_path, left, others):
    """Of its suite and candidate where it names them, else of any; cases that nobody knows grow into nothing."""
    first = Attempts(looks=3)
    first.look("quiz", "m", None, cases(*range(9)), drawn=False)
    first.known = list(first.new)
    first.look("quiz", "m", None, cases(*range(30)), drawn=False)
    write_attempts(tmp_path, first.new[:1])
    line = json.dumps(first.new[1])
    with (tmp_path / ATTEMPTS).open("a") as file:
        file.write(line[: int(left * len(line))] if left > 0.5 else line[:20])
    torn = read_attempts(tmp_path, 3)
    assert "attempts.jsonl:2: torn" in torn.notices[0]
    for found in (torn, read_attempts(tmp_path, 3)):
        third = found.look("quiz", "m", None, cases(*range(40)), drawn=False)
        assert (third.number, third.sizes, third.before) == (3, (), pytest.approx([1 / 3, 2 / 3]))
        assert found.look("quiz", "new", None, cases(1), drawn=False).number == others
    assert not found.notices
    write_attempts(tmp_path, found.new)
    assert len(read_attempts(tmp_path, 3).known) == 4
    assert read_attempts(tmp_path, None).look("quiz", "m", None, cases(7), drawn=False).share == 1.0


def test_a_whole_line_that_lacks_its_end_is_whole(tmp_path):
    """Nothing of it is lost; a broken line with its end is still refused."""
    first = Attempts()
    first.look("quiz", "m", None, cases(1), drawn=False)
    (tmp_path / ATTEMPTS).write_text(json.dumps(first.new[0]))
    again = read_attempts(tmp_path, None)
    assert list(again.known) == first.new
    assert again.look("quiz", "m", None, cases(1), drawn=False).number == 1
    (tmp_path / ATTEMPTS).write_text(json.dumps(first.new[0])[:50] + "\n")
    with pytest.raises(MedevalError, match=r"attempts.jsonl:1: no attempt"):
        read_attempts(tmp_path, None)
