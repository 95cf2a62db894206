"""Units of work: every request in one, none too large, the same however many there are."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.core.types import Request
from pytest_medeval.models.local.batches import Bounds, Limits, Prompt, choice_units, plan

IDS = st.lists(st.integers(0, 3), max_size=12).map(tuple)
PROMPTS = st.lists(st.builds(Prompt, IDS, st.lists(IDS, max_size=3).map(tuple)), max_size=25)


def asked(prompt: Prompt) -> Request:
    """Give a request that could have led to a prompt."""
    return Request((), choices=tuple(map(str, prompt.choices)), max_new_tokens=5)


@given(PROMPTS, st.integers(1, 40), st.integers(1, 5), st.booleans())
def test_every_request_is_in_one_unit_or_unfit(prompts, tokens, rows, plain):
    """Nothing is lost or asked twice; choices and replies never share a unit, no unit has too many rows."""
    requests = [asked(prompt) for prompt in prompts]
    limits = Limits(Bounds(tokens, rows, kept=200), context=14, plain="no reason" if plain else "")
    unfit, units = plan(requests, prompts, limits)
    assert sorted([*unfit, *(index for unit in units for index in unit.members)]) == list(range(len(prompts)))
    for unit in units:
        assert len({bool(requests[index].choices) for index in unit.members}) == 1
        if not plain:
            assert len(unit.members) <= rows
    for index, reason in unfit.items():
        assert "empty" in reason or "context of 14" in reason
        assert not prompts[index].ids or not all(prompts[index].choices) or len(prompts[index].ids) > 2


@given(PROMPTS, st.integers(1, 5))
def test_what_is_shared_is_shared(prompts, rows):
    """All prompts of a unit begin with the tokens that are computed once, and its cache holds the longest row."""
    prompts = [Prompt((0,) * 20 + prompt.ids, ((1, 2), (1, 3, 3))) for prompt in prompts]
    units = list(choice_units(prompts, Limits(Bounds(1000, rows, kept=10_000), context=1 << 30), cost=5))
    assert sorted(index for unit in units for index in unit.members) == list(range(len(prompts)))
    for unit in units:
        beginnings = {prompts[index].ids[: unit.shared] for index in unit.members}
        assert len(beginnings) == 1
        assert unit.columns >= max(len(prompts[index].ids) + 3 for index in unit.members)
        assert len(unit.members) <= unit.rows
    if len(prompts) > 1:
        assert any(unit.shared >= 19 for unit in units), "sharing must have paid here"
