"""Multiple choice in all cyclic orders: what is asked, how it is read, and metrics by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.choices import choice
from pytest_medeval.tasks.mcq import MCQ, MCQCase, turned

TASK = MCQ(rotations=True)
READ = MCQ(rotations=True, scoring="reply")
METRICS = {metric.name: metric for metric in metrics_for(TASK)}


def case_of(answer: str = "B", options: str = "ABCD") -> MCQCase:
    """Make a question whose options are ``text A``, ``text B`` ..."""
    return MCQCase(
        id="1", source=Source("made"), question="Which?", options={one: f"text {one}" for one in options}, answer=answer
    )


def likely(places: list[int], count: int = 4) -> list[Answer]:
    """Answer each order with the option at a place."""
    return [
        Answer("", "choice", tuple(0.0 if at == place else -3.0 for at in range(count)), (1,) * count)
        for place in places
    ]


def score(name: str, *replies, case: MCQCase | None = None) -> float:
    """Score replies to one question, or to several like it."""
    metric = METRICS[name]
    rows = np.array([choice.row(case or case_of(), reply) for reply in replies])
    return float(metric.score(metric.expand(rows).sum(axis=0)))


def test_every_option_stands_once_at_every_place():
    """A question with k options is asked k times; its letters stay in place, its texts move."""
    requests = TASK.requests(case_of())
    assert len(requests) == 4
    assert requests[0] == TASK.request(case_of())
    assert requests[1].messages[-1].content.splitlines()[1:5] == [
        "(A) text B",
        "(B) text C",
        "(C) text D",
        "(D) text A",
    ]
    assert len(MCQ().requests(case_of())) == 1


@given(st.integers(2, 10), st.data())
def test_the_right_option_moves_with_its_text(count: int, data):
    """In every order the right letter shows the right text; it stands at each place once."""
    letters = choice.LETTERS[:count]
    case = case_of(data.draw(st.sampled_from(letters)), letters)
    orders = [turned(case, by) for by in range(count)]
    assert {order.options[order.answer] for order in orders} == {case.options[case.answer]}
    assert sorted(order.answer for order in orders) == list(letters)


def test_a_model_that_heeds_the_content_is_consistent_and_unbiased():
    """The same right option in every order: all scores are perfect."""
    reply = TASK.read_all(case_of("B"), likely([1, 0, 3, 2]))
    assert reply.prediction == "B"
    assert TASK.correct(case_of("B"), reply)
    assert [score(name, reply) for name in ("accuracy", "consistency", "position_bias", "answered")] == [1, 1, 0, 1]
    assert [part.prediction for part in reply.parts] == ["B", "A", "D", "C"]


def test_a_model_that_always_says_one_letter():
    """Right in one order of four, never the same option, and as biased as can be: 1 - 1/4."""
    reply = TASK.read_all(case_of("B"), likely([0, 0, 0, 0]))
    assert score("accuracy", reply) == 0.25
    assert score("consistency", reply) == 0
    assert score("position_bias", reply) == 0.75
    assert not TASK.correct(case_of("B"), reply)
    assert reply.confidence == pytest.approx(dict.fromkeys("ABCD", 0.25))
    assert (reply.prediction, reply.outcome, reply.detail) == (None, "no_answer", "equally likely: A, B, C, D")


def test_a_consistent_mistake_is_no_bias():
    """Always the same wrong option: accuracy 0, consistency 1, no preference for a place."""
    reply = TASK.read_all(case_of("B"), likely([0, 3, 2, 1]))
    assert [score(name, reply) for name in ("accuracy", "consistency", "position_bias")] == [0, 1, 0]
    assert reply.prediction == "A"


def test_questions_with_unlike_numbers_of_options():
    """Each question counts once; the even share of a place is averaged over the questions that have it."""
    four, two = case_of("A"), case_of("A", "AB")
    rows = [
        choice.row(four, TASK.read_all(four, likely([0] * 4))),
        choice.row(two, TASK.read_all(two, likely([0, 1], 2))),
    ]
    assert len(rows[0]) == len(rows[1]) == 40
    for name, expected in (
        ("accuracy", (0.25 + 1) / 2),
        ("position_bias", (1 + 0.5) / 2 - (0.25 + 0.5) / 2),
        ("consistency", 0.5),
    ):
        assert float(METRICS[name].score(METRICS[name].expand(np.array(rows)).sum(axis=0))) == pytest.approx(expected)
    letters, counts = choice.confusion(np.array(rows))
    assert letters == ("A", "B", "C", "D")
    assert counts.sum() == 6


def test_the_last_of_ten_places_counts_like_the_others():
    """Who always names the last of ten options has a share of 1 there, and 1/10 were even."""
    case = case_of("B", "ABCDEFGHIJ")
    reply = TASK.read_all(case, likely([9] * 10, 10))
    assert score("position_bias", reply, reply, case=case) == pytest.approx(1 - 1 / 10)


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(-1, 3), min_size=3, max_size=3)), min_size=1))
def test_a_vote_is_won_by_the_letter_that_alone_has_most(questions):
    """Question by question; a tie and silence win nothing."""
    (metric,) = metrics_for(MCQ(scoring="reply", temperature=0.7, draws=3), ["self_consistency"])
    rows = np.array([[value for one in said for value in (gold, one, -1, -1)] for gold, said in questions], dtype=float)
    right = [
        said.count(gold) > max(said.count(other) for other in range(4) if other != gold) for gold, said in questions
    ]
    assert metric.expand(rows).tolist() == [[float(one), 1.0] for one in right]


def test_replies_that_are_read():
    """The option named most often; none on a tie; no answer counts as wrong and as inconsistent."""
    case = case_of("B")
    reply = READ.read_all(case, [Answer("B"), Answer("A"), Answer("D"), Answer("no idea")])
    assert (reply.prediction, reply.outcome, reply.text) == ("B", "no_answer", "B")
    assert [score(name, reply) for name in ("accuracy", "answered", "consistency")] == [0.75, 0.75, 0]
    assert score("position_bias", reply) == pytest.approx(1 / 4)  # A, B and D have 1/3 each, C has none
    tie = READ.read_all(case, [Answer("A"), Answer("A"), Answer("no idea"), Answer("no idea")])
    assert (tie.prediction, tie.detail) == (None, "named equally often: A, B")
    silent = READ.read_all(case, [Answer("")] * 4)
    assert (silent.prediction, silent.outcome) == (None, "no_answer")
    assert np.isnan(score("position_bias", silent))
    assert score("consistency", silent) == 0


def test_an_error_in_one_order_is_an_error_of_the_case():
    """Nothing is made up for the order that is missing."""
    reply = TASK.read_all(case_of(), [*likely([0, 0, 0]), Answer(finish="error", error="refused")])
    assert (reply.outcome, reply.prediction, reply.detail, len(reply.parts)) == ("error", None, "refused", 4)


def test_orders_need_listed_options_and_their_metrics_need_orders():
    """Option texts are not in the question, and one order says nothing of others: both are mistakes."""
    with pytest.raises(MedevalError, match="rotations=True changes nothing with scoring='texts'"):
        MCQ(rotations=True, scoring="texts")
    for name in ("consistency", "position_bias"):
        assert name not in MCQ().metrics
        with pytest.raises(MedevalError, match=f"metric '{name}' needs rotations=True"):
            metrics_for(MCQ(), [name])


def test_signatures_say_that_orders_were_asked():
    """Accuracy over all orders is another number than over one."""
    assert METRICS["accuracy"].signature.startswith("accuracy|scoring:letters|orders:cyclic|version:")


@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=6))
def test_metrics_over_orders_are_means_of_metrics_of_one_order(places):
    """Accuracy, reward and Brier score are those of the single orders, averaged."""
    case = case_of("C")
    plain = {metric.name: metric for metric in metrics_for(MCQ())}
    replies = [TASK.read_all(case, likely(some)) for some in places]
    singles = [choice.row(turned(case, by), part) for reply in replies for by, part in enumerate(reply.parts)]
    for name in ("accuracy", "reward", "brier", "wrong_at_high_confidence", "answered"):
        expected = plain[name].score(plain[name].expand(np.array(singles)).sum(axis=0))
        assert score(name, *replies, case=case) == pytest.approx(float(expected), abs=1e-12)
