"""What a test may ask for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from pytest_medeval.core.errors import MedevalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_medeval.plugin.collect import Ask
    from pytest_medeval.plugin.session import AskedModel, Grader, MedevalSession
    from pytest_medeval.runs.engine import Evaluation
    from pytest_medeval.runs.journal import Carried

STATE: pytest.StashKey[Callable[[], MedevalSession]] = pytest.StashKey()
"""Gives the machinery, which starts on first use."""

ASKING = frozenset({"evaluation", "medeval_model", "medeval_baseline", "medeval_judge"})
"""Fixtures whose tests may show what a model said."""

MESSAGE: pytest.StashKey[Carried] = pytest.StashKey()
"""What an item's evaluation sends from a worker to the controller."""


@pytest.fixture
def evaluation(request: pytest.FixtureRequest) -> Evaluation:
    """Give one case with the candidate's reply, prediction, outcome and scores, and the baseline's beside them."""
    from pytest_medeval.plugin.collect import Ask

    ask = getattr(request, "param", None)
    if not isinstance(ask, Ask):
        pytest.fail("fixture 'evaluation' needs @pytest.mark.medeval(Suite(...)) on the test", pytrace=False)
    return evaluate(request.node, ask)


def evaluate(item: pytest.Item, ask: Ask) -> Evaluation:
    """Evaluate the case of a test, and note what came of it."""
    state = item.config.stash[STATE]()
    try:
        found, message = state.pull(ask.suite, ask.case, item.nodeid)
    except MedevalError as mistake:
        pytest.fail(str(mistake), pytrace=False)
    if state.worker is None:
        state.journal.note(message)
    else:
        item.stash[MESSAGE] = message
    if found is None:
        pytest.skip("not asked: decided early")
    scores = [(_property(name), value) for name, value in sorted(found.scores.items())]
    item.user_properties += [(_property("outcome"), found.outcome), *scores]
    return found


@cache
def _property(name: str) -> str:
    """Name a property of a test report; one text for all tests, not one a test."""
    return f"medeval.{name}"


@pytest.fixture
def medeval_model(request: pytest.FixtureRequest) -> AskedModel:
    """Give the candidate, loaded once a session: ``reply(text)`` and ``logprobs(text, choices)``."""
    return _asker(request, "candidate")


@pytest.fixture
def medeval_baseline(request: pytest.FixtureRequest) -> AskedModel:
    """Give the baseline: by default the same weights with the adapter off."""
    return _asker(request, "baseline")


@pytest.fixture
def medeval_judge(request: pytest.FixtureRequest) -> Grader:
    """Give the judge: ``grade(asked, reply, reference=...)``."""
    try:
        return request.config.stash[STATE]().grader()
    except MedevalError as mistake:
        pytest.fail(str(mistake), pytrace=False)


def _asker(request: pytest.FixtureRequest, role: str) -> AskedModel:
    mark = request.node.get_closest_marker("medeval")
    suite = mark.args[0] if mark and mark.args else None
    try:
        return request.config.stash[STATE]().asker(role, getattr(suite, "task", None))
    except MedevalError as mistake:
        pytest.fail(str(mistake), pytrace=False)
