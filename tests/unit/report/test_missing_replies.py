"""Cases without a reply are explained in the summary and in a failed test."""

from __future__ import annotations

from pytest_medeval.core.types import Reply
from pytest_medeval.report.lines import WIDTH
from pytest_medeval.report.suites import errors
from pytest_medeval.report.terminal import inked
from pytest_medeval.runs.engine import Scored

WHY = "the prompt has 1687 tokens and the longest choice 1, together more than the model's context of 1024"


def case(name: str, outcome: str = "error", detail: str = WHY) -> dict[str, object]:
    """Make a case of a record, of the candidate alone."""
    return {"id": name, "candidate": {"outcome": outcome, "detail": detail}}


def test_the_first_case_without_a_reply_says_why_and_the_others_are_counted():
    """One example with its reason, and how many there are besides."""
    lines = [line.text for line in inked(errors([case("a", "answered", ""), case("b"), case("c"), case("d")]))]
    assert " ".join(line.strip() for line in lines) == f"candidate gave no reply: b: {WHY} (and 2 more)"
    assert all(len(line) <= WIDTH for line in lines)


def test_replies_leave_nothing_to_explain():
    """Where every case has a reply no line is printed, whatever else its detail says."""
    assert not list(errors([case("a", "answered"), case("b", "no_answer")]))


def test_a_failed_test_shows_the_reason_in_few_words():
    """What pytest prints of an evaluation is its outcome with the reason, or with the reply."""
    lost = Scored(read=Reply("", "error", detail=WHY), scores={}, rows={}, answers=())
    assert (repr(lost), lost.detail) == (f"<error: {WHY}>", WHY)
    assert repr(Scored(read=Reply("B", "answered"), scores={}, rows={}, answers=())) == "<answered: B>"
