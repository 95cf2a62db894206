"""Replicas that die, in any order and at any moment, lose no request; scripted replicas, no process."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Identity, Settings
from pytest_medeval.core.types import Answer, Message, Request
from pytest_medeval.models.local.batches import Bounds, Limits, Prompt
from pytest_medeval.models.ray.fleet import ReplicaDiedError, Seat, Sweep
from pytest_medeval.models.ray.replica import Deployment, Opened, Order
from pytest_medeval.models.spec import FolderSpec

LOADING = Deployment(FolderSpec("m", None), Identity("m", "f" * 64), Settings())
LIMITS = Limits(Bounds(tokens=60, rows=4, kept=60), context=40)


@dataclass(frozen=True, eq=False)
class Future:
    """What was asked of a seat."""

    seat: Seat
    what: str
    given: tuple


def never(_):
    """Let everybody live, and the first open future end first."""
    return 0


class Scripted:
    """A crew whose replicas answer at once; those steps that ``dies`` draws true for kill them instead.

    ``missing``: what a replica lacks until it was sent. ``ended``: chooses which of the open futures ends first.
    """

    def __init__(self, seats, dies=never, missing=(), ended=never):
        self.seats = [Seat(number + 1) for number in range(seats)]
        self.asked, self.sent, self.starting = Counter(), [], []
        self._dies, self._missing, self._ended = dies, list(missing), ended

    def fill(self, seat):
        """Start at once."""
        seat.actor, seat.ready = object(), {}
        return self.ask(seat, "where")

    def ask(self, seat, what, *given):
        """Note it."""
        assert seat.actor is not None
        return Future(seat, what, given)

    def send(self, seat, _loading, missing):
        """Note it."""
        self.sent.append((seat.number, *missing))
        return dict.fromkeys(missing, "digest")

    def first(self, futures, *, starting):
        """Let one end."""
        self.starting.append(starting)
        return futures[self._ended(len(futures))]

    def result(self, future):
        """Answer with the number of tokens, or die."""
        seat, what, given = future.seat, future.what, future.given
        if self._dies(what):
            raise ReplicaDiedError("killed")
        if what == "open":
            return self._missing if self._missing and not given[1] else Opened(LIMITS, ("a notice",))
        if what == "encode":
            return [Prompt(tuple(range(len(request.messages[0].content)))) for request in given[1]]
        if what == "compute":
            order: Order = given[1]
            self.asked.update(len(prompt.ids) for prompt in order.prompts)
            assert all(request.messages == () for request in order.requests), "words need not travel twice"
            return [Answer(str(len(prompt.ids))) for prompt in order.prompts], ["a notice"]
        return "machine", 1000 + seat.number


def requests(count):
    """Make requests whose prompts have as many tokens as their number says, modulo a few."""
    return [Request((Message("user", "x" * (1 + number % 30)),), max_new_tokens=3) for number in range(count)]


def found(crew, asked, **planning):
    """Sweep; give answers by index, and the notices."""
    notices = []
    pairs = [pair for burst in Sweep(crew, LOADING, asked, notices, **planning).run() for pair in burst]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs), notices


@given(st.integers(0, 70), st.integers(1, 5), st.integers(1, 40), st.data())
def test_every_request_is_answered_once(count, seats, slab, data):
    """Whoever dies whenever, and whatever ends first, each request has its own answer, and the dead are named."""
    asked = requests(count)
    deaths = []

    def dies(what):
        dead = what != "rest" and len(deaths) < 2 and data.draw(st.integers(0, 5)) == 0
        deaths.extend([what] * dead)
        return dead

    crew = Scripted(seats, dies, ended=lambda open_: data.draw(st.integers(0, open_ - 1)))
    answers, notices = found(crew, asked, slab=slab)
    assert {index: answer.text for index, answer in answers.items()} == {
        index: str(len(request.messages[0].content)) for index, request in enumerate(asked)
    }
    assert sum(crew.asked.values()) == count
    assert any(answer.again for answer in answers.values()) == ("compute" in deaths)
    assert len(notices) - ("a notice" in notices) <= len(deaths)
    assert bool(deaths) == any(" died: " in notice for notice in notices)


def test_only_the_lost_unit_is_asked_again():
    """A death in the middle costs one unit, and the notice says how many requests that is."""
    dead = iter([False] * 4 + [True])
    crew = Scripted(2, lambda what: what == "compute" and next(dead, False))
    answers, notices = found(crew, requests(60))
    lost = sum(answer.again for answer in answers.values())
    assert 0 < lost <= 4
    assert notices[-1].startswith("m: replica ")
    assert notices[-1].endswith(f"died: its {lost} requests are asked again")


def test_files_that_are_missing_are_sent():
    """A replica without the model's files is sent them, and then opens the model; each is sent them once."""
    crew = Scripted(3, missing=["base", "adapter"])
    answers, _ = found(crew, requests(50))
    assert len(answers) == 50
    assert {number for number, *_ in crew.sent} <= {1, 2, 3}
    assert all(parts == ["base", "adapter"] for _, *parts in crew.sent)
    before = len(crew.sent)
    found(crew, requests(50))
    assert len(crew.sent) <= max(before, 3)


def test_work_that_kills_is_given_up():
    """Requests over which three replicas die are named as the cause, instead of killing the whole cluster."""
    crew = Scripted(4, lambda what: what == "compute")
    with pytest.raises(MedevalError, match=r"^3 replicas died over the same \d requests: killed$"):
        found(crew, requests(8))


def test_replica_that_never_starts_is_given_up():
    """A seat on which three replicas die before they have done anything is a mistake of the cluster's set-up."""
    crew = Scripted(1, lambda what: what == "open")
    with pytest.raises(MedevalError, match="replica 1 died 3 times before it had done anything: killed"):
        found(crew, requests(8))


def test_waiting_for_a_place_is_told_from_work():
    """The crew knows when nothing but replicas without a place is waited for."""
    crew = Scripted(2)
    found(crew, requests(8))
    assert crew.starting[0]
    assert not crew.starting[-1]
    assert found(crew, []) == ({}, [])
