"""Which cases are put before people: shares, what each stratum holds, and that the seed decides all."""

import re
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.report.review import choose


def change(entry):
    """Headline change of a case."""
    return entry["candidate"]["scores"]["rougeL"] - entry["baseline"]["scores"]["rougeL"]


def by_stratum(chosen, stratum):
    """Cases of a stratum."""
    return [one.entry for one in chosen if one.stratum == stratum]


def test_shares_are_the_documented_ones(make_record):
    """Of 20 places 8 go to the most divergent, 4 to those near a threshold, 8 to chance."""
    counts = Counter(one.stratum for one in choose(make_record(60), 20, seed=1))
    assert counts == {"divergent": 8, "near": 4, "random": 8}


def test_divergent_and_near_are_the_extremes_of_what_chance_left(make_record):
    """Without judge scores no unread case changed more than the divergent ones, or less than the near."""
    record = make_record(60)
    chosen = choose(record, 20, seed=1)
    read = {one.entry["id"] for one in chosen}
    unread = [abs(change(case)) for case in record["cases"] if case["id"] not in read]
    assert min(abs(change(case)) for case in by_stratum(chosen, "divergent")) >= max(unread)
    assert max(abs(change(case)) for case in by_stratum(chosen, "near")) <= min(unread)


def test_chance_draws_every_case_equally_often(make_record):
    """Over many seeds each case is drawn by chance about as often: the extremes are not kept out of it."""
    record = make_record(10)
    seeds = 2000
    drawn = Counter(case["id"] for seed in range(seeds) for case in by_stratum(choose(record, 5, seed), "random"))
    share = 2 / 10
    within = 4.5 * (seeds * share * (1 - share)) ** 0.5
    assert len(drawn) == 10
    assert all(abs(count - seeds * share) < within for count in drawn.values())


def test_judge_scores_make_disagreement_the_measure(make_record):
    """A case on which the tracks point opposite ways comes before one with a large change on both."""
    record = make_record(12)
    for number, case in enumerate(record["cases"]):
        case["candidate"]["scores"]["rougeL"] = 0.5 + (0.2 if number == 3 else 0.3)
        case["baseline"]["scores"]["rougeL"] = 0.5
        worse = number == 3
        case["judge"] = {"candidate": {"accuracy": 1 if worse else 5}, "baseline": {"accuracy": 5 if worse else 1}}
    seed = next(s for s in range(50) if "case-003" not in {c["id"] for c in by_stratum(choose(record, 5, s), "random")})
    assert "case-003" in {case["id"] for case in by_stratum(choose(record, 5, seed), "divergent")}


def test_the_divergence_part_of_the_record_comes_first(make_record):
    """Cases that the divergence verdict names are the divergent ones, whatever their change."""
    record = make_record(40)
    calm = sorted(record["cases"], key=lambda case: abs(change(case)))[:3]
    record["divergence"] = {"dialogue": {"most_divergent": [{"nodeid": case["nodeid"]} for case in calm]}}
    chosen = choose(record, 20, seed=5)
    assert {case["id"] for case in calm} <= {case["id"] for case in by_stratum(chosen, "divergent")} | {
        case["id"] for case in by_stratum(chosen, "random")
    }


@pytest.mark.parametrize(
    ("expression", "distance"),
    [
        ("rougeL >= 0.5", lambda case: abs(case["candidate"]["scores"]["rougeL"] - 0.5)),
        ("rougeL not worse than baseline by 0.3", lambda case: abs(change(case) + 0.3)),
        ("rougeL better than baseline", lambda case: abs(change(case))),
    ],
)
def test_near_means_near_what_a_gate_asks_for(make_record, expression, distance):
    """A gate on the headline metric moves the threshold that near is measured from."""
    record = make_record(60)
    record["gates"] = [{"suite": "dialogue", "expression": "critical"}, {"suite": "dialogue", "expression": expression}]
    chosen = choose(record, 20, seed=1)
    read = {one.entry["id"] for one in chosen}
    unread = [distance(case) for case in record["cases"] if case["id"] not in read]
    assert max(distance(case) for case in by_stratum(chosen, "near")) <= min(unread)


def test_only_cases_with_two_different_replies(make_record):
    """A missing, failed, empty or equal reply leaves nothing to compare."""
    record = make_record(6)
    del record["cases"][0]["baseline"]
    record["cases"][1]["candidate"]["outcome"] = "error"
    record["cases"][2]["baseline"]["reply"] = "  "
    record["cases"][3]["baseline"]["reply"] = record["cases"][3]["candidate"]["reply"].replace(" ", "\n")
    assert [one.entry["id"] for one in choose(record, 99, seed=0)] == ["case-004", "case-005"]


def test_nothing_to_review_is_said_in_one_line(make_record):
    """A run without a baseline has no pairs."""
    record = make_record(3)
    for case in record["cases"]:
        del case["baseline"]
    with pytest.raises(MedevalError, match=r"no case to review in dialogue: .*accepted: a run with --medeval-baseline"):
        choose(record, 5, seed=0)


@pytest.mark.parametrize("size", [0, -3])
def test_a_size_below_one_is_refused(make_record, size):
    """The option accepts one case or more."""
    with pytest.raises(MedevalError, match=re.escape(f"--medeval-review-size is {size}; accepted: 1 or more")):
        choose(make_record(3), size, seed=0)


def test_free_text_is_read_unless_other_suites_are_named(make_record):
    """An option letter needs no reader; a suite that is asked for is read all the same."""
    record = make_record(10, ("dialogue", "mcq"))
    record["suites"]["dialogue"]["task"] = "another package's"
    record["suites"]["mcq"]["judged"] = False
    assert {one.entry["suite"] for one in choose(record, 8, seed=0)} == {"dialogue"}
    assert {one.entry["suite"] for one in choose(record, 8, seed=0, suites=["mcq"])} == {"mcq"}
    with pytest.raises(MedevalError, match=r"unknown suite 'mqc' \(did you mean 'mcq'\?\)"):
        choose(record, 8, seed=0, suites=["mqc"])


def test_suites_share_the_places_and_lend_what_they_cannot_use(make_record):
    """A suite of two cases gives its other places to its neighbour."""
    record = make_record(12, ("one", "two"))
    record["cases"] = [case for case in record["cases"] if case["suite"] == "one" or case["id"] < "case-002"]
    assert Counter(one.entry["suite"] for one in choose(record, 10, seed=0)) == {"one": 8, "two": 2}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n=st.integers(1, 25), size=st.integers(1, 40), seed=st.integers(0, 5), unscored=st.integers(0, 25))
def test_any_run_gives_as_many_cases_as_there_are_places(make_record, n, size, seed, unscored):
    """Whatever has scores: min(size, n) different cases in the record's order, the same ones each time."""
    record = make_record(n)
    for case in record["cases"][:unscored]:
        case["candidate"]["scores"] = {}
    first, second = choose(record, size, seed), choose(record, size, seed)
    ids = [one.entry["id"] for one in first]
    assert ids == sorted(set(ids))
    assert len(ids) == min(size, n)
    assert first == second
    assert all(one.entry["candidate"]["scores"] for one in first if one.stratum != "random")
