"""Drawn replies as a suite asks for them: options, seeds, and hashes that greedy ones keep."""

import math

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Identity
from pytest_medeval.core.signature import request_signature
from pytest_medeval.core.types import Answer, Message, Request, Source
from pytest_medeval.models.cache import CachedModel
from pytest_medeval.runs.suite import Suite, fingerprint, make_task
from pytest_medeval.tasks.base import draws_of, reply_of, seeded
from pytest_medeval.tasks.making import options_of
from pytest_medeval.tasks.mcq import MCQ, MCQCase

ASKED = Request((Message("system", "Be kind."), Message("user", "Was hilft bei Fieber?")), stop=("\n",))


def _key(request):
    return CachedModel(Identity("m", "f"), FakeModel)._key(request, "")


def test_greedy_hashes_are_those_of_before():
    """Signature and cache key of a greedy request are those that version 0.1 made before there was sampling."""
    assert request_signature(ASKED) == "690c23419164e941615450e67feb7a645cc925e8d0c81760be046a4d2db08ea6"
    assert _key(ASKED) == "cb2dbe794c69ff9593e94823f773a2b8f585e7c0f85d0de7e99c5f209d5fe65f"


def test_each_sampling_field_changes_signature_and_key():
    """Another temperature, top_p or seed is another request and another entry of the cache."""
    drawn = [
        ASKED,
        *(
            Request(ASKED.messages, stop=ASKED.stop, temperature=temperature, top_p=top_p, seed=seed)
            for temperature, top_p, seed in ((0.7, 1.0, 0), (0.8, 1.0, 0), (0.7, 0.9, 0), (0.7, 1.0, 5))
        ),
    ]
    assert len({request_signature(one) for one in drawn}) == len({_key(one) for one in drawn}) == len(drawn)


@pytest.mark.parametrize(
    ("task", "signature"),
    [
        ("dialogue", "3be18ac954ff3ead9e70fd6757106993e17649424c8a0998b121eba40b0c2b5b"),
        ("polarity", "7cc33bf7e86f5c345a248712c929760be981fa5c8424b385735da2b05e29d0d3"),
        ("mcq", "aa3dacce7df9c7b63a39eeba58182afa23d287f99f55f062bb03d54944ac7342"),
    ],
)
def test_greedy_suites_keep_their_signature(task, signature):
    """A suite that asks for no sampling has the signature and the options that version 0.1 gave it before."""
    made = make_task(Suite(task))
    assert fingerprint(made, []) == signature
    assert not {"temperature", "top_p"} & set(options_of(made))
    options = {"scoring": "reply"} if task == "mcq" else {}
    drawn = make_task(Suite(task, temperature=0.7, top_p=0.9, **options))
    assert options_of(drawn)["temperature"] == 0.7
    assert fingerprint(drawn, []) != signature


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": -0.1}, "temperature is -0.1; accepted: a finite number, 0 (greedy) or more"),
        ({"temperature": math.nan}, "temperature is nan; accepted: a finite number, 0 (greedy) or more"),
        ({"temperature": math.inf}, "temperature is inf; accepted: a finite number, 0 (greedy) or more"),
        ({"temperature": "warm"}, "temperature is 'warm'; accepted: a number"),
        ({"temperature": 1.0, "top_p": 0.0}, "top_p is 0.0; accepted: a number above 0, at most 1"),
        ({"temperature": 1.0, "top_p": 1.5}, "top_p is 1.5; accepted: a number above 0, at most 1"),
        ({"temperature": 1.0, "top_p": math.nan}, "top_p is nan; accepted: a number above 0, at most 1"),
        ({"top_p": 0.9}, "top_p=0.9 changes nothing without a temperature"),
        ({"draws": 4}, "draws=4; accepted: 1, or more beside a temperature above 0"),
        ({"draws": 0}, "draws=0; accepted: 1, or more"),
        ({"draws": 2.5, "temperature": 1.0}, "draws is 2.5; accepted: a whole number"),
    ],
)
@pytest.mark.parametrize("task", ["dialogue", "polarity", "mcq"])
def test_bad_values_name_the_suite(task, options, said):
    """A value that cannot be sampled with is one line with the file and line of the suite."""
    suite = Suite(task, **options)
    with pytest.raises(MedevalError) as caught:
        make_task(suite)
    assert str(caught.value).startswith(f"{suite.source}: {said}")
    assert "\n" not in str(caught.value)


def test_likelihoods_are_not_sampled():
    """A temperature where option likelihoods are compared is a mistake and not ignored."""
    with pytest.raises(MedevalError, match=r"temperature=0\.7 changes nothing with scoring='letters'"):
        make_task(Suite("mcq", temperature=0.7))


def test_cases_have_seeds_of_their_own():
    """The seed of a drawn request hangs on run and case; a greedy request has none."""
    drawn = Request(ASKED.messages, temperature=1.0)
    seeds = [seeded(drawn, run, case).seed for run in (0, 1) for case in ("a", "b")]
    assert len(set(seeds)) == 4
    assert seeded(drawn, 1, "b").seed == seeds[-1]
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seeded(ASKED, 1, "b") is ASKED


def test_a_task_that_says_nothing_of_draws_has_one():
    """Tasks of other packages need not know of them."""
    assert draws_of(object()) == 1


def test_two_draws_are_two_replies():
    """As many as were asked for, each read by itself; one that was not drawn is the reply."""
    case = MCQCase(id="1", source=Source("made"), question="?", options={"A": "x", "B": "y"}, answer="A")
    both = reply_of(MCQ(scoring="reply", temperature=1.0, draws=2), case, [Answer("A"), Answer("B")])
    assert [one.prediction for one in both.draws] == ["A", "B"]
    one = reply_of(MCQ(scoring="reply"), case, [Answer("A")])
    assert (one.prediction, one.draws) == ("A", ())
