"""Track C in numbers: golden values of other programs; what several raters, chance and gaps do to them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.blind import ROLES
from pytest_medeval.judges.ratings.review import PairRating
from pytest_medeval.judges.ratings.types import Scale
from pytest_medeval.stats.proportions import tango
from pytest_medeval.verdicts.human import human

RECORD = {"seed": 0, "suites": {"dialogue": {}, "other": {}}}


def pair(case, new, old, **changes):
    """Make a rating of one case with the same grade in two dimensions."""
    facts = {
        "suite": "dialogue", "case": case, "rater": "AB", "stratum": "random",
        "order": ("candidate", "baseline"),
        "grades": {
            "candidate": {"accuracy": new, "relevance": new}, "baseline": {"accuracy": old, "relevance": old},
        },
        "preference": (new > old) - (new < old), "harm": dict.fromkeys(ROLES, False), "comment": "",
        "scale": Scale(1, 5), "cluster": f"dialogue/{case}", "about": dict.fromkeys(ROLES, ""),
        "source": Source("ratings.json", 1),
    }  # fmt: skip
    return PairRating(**{**facts, **changes})


NEW = (4, 3, 5, 2, 4, 5, 3, 3)
OLD = (3, 2, 3, 3, 3, 3, 2, 3)
"""Differences 1, 1, 2, -1, 1, 2, 1, 0."""


def rated(**changes):
    """Rate eight cases."""
    return [pair(f"case-{place}", new, old, **changes) for place, (new, old) in enumerate(zip(NEW, OLD, strict=True))]


def test_means_difference_and_paired_test():
    """Means by hand; p of exact ``permutation_test(permutation_type="samples")`` and ``binomtest`` of scipy 1.17.1."""
    suite = human(RECORD, rated())["suites"]["dialogue"]
    found = suite["dimensions"]["accuracy"]
    assert (found["candidate"], found["baseline"], found["difference"], found["n"]) == (3.625, 2.75, 0.875, 8)
    assert found["test"] == "paired permutation"
    assert found["p_value"] == pytest.approx(0.09375, abs=0.01)
    assert found["ci95"][0] < 0.875 < found["ci95"][1]
    preference = suite["preference"]
    assert preference["cases"] == {"wins": 6, "ties": 1, "losses": 1}
    assert preference["votes"] == {"candidate": 6, "same": 1, "baseline": 1}
    assert preference["p_value"] == pytest.approx(0.125, abs=1e-12)
    assert preference["difference"] == 5 / 8


def test_p_values_are_corrected_over_the_dimensions_of_all_suites():
    """Holm over two suites of two dimensions; ``overall`` is made of them and is left out."""
    suites = human(RECORD, [*rated(), *rated(suite="other")])["suites"]
    for suite in suites.values():
        assert suite["dimensions"]["accuracy"]["p_corrected"] == 4 * suite["dimensions"]["accuracy"]["p_value"]
        assert suite["dimensions"]["overall"]["p_corrected"] is None
        assert suite["dimensions"]["overall"]["difference"] == suite["dimensions"]["accuracy"]["difference"]


def test_a_second_rater_adds_no_case():
    """Two raters who say the same leave n, difference and p-value as they were."""
    one = human(RECORD, rated())["suites"]["dialogue"]
    two = human(RECORD, [*rated(), *rated(rater="CD")])["suites"]["dialogue"]
    assert two["cases"] == one["cases"] == 8
    assert two["ratings"] == 16
    for key in ("n", "difference", "p_value", "ci95"):
        assert two["dimensions"]["accuracy"][key] == one["dimensions"]["accuracy"][key]
    assert two["preference"]["cases"] == one["preference"]["cases"]
    assert two["preference"]["votes"] == {"candidate": 12, "same": 2, "baseline": 2}


def test_rater_agreement_is_krippendorffs_alpha():
    """The number of ``krippendorff.alpha(data, level_of_measurement="ordinal")`` of krippendorff 0.9.0."""
    grades = {"AB": (1, 2, 3, 4, 5, 3, 2, None), "CD": (1, 3, 3, 4, 4, 3, 2, 5), "EF": (2, 2, 3, 5, 5, None, 1, 5)}
    given = [
        pair(f"case-{place}", 1, 1, rater=rater, grades={
            "candidate": {} if grade is None else {"accuracy": grade}, "baseline": {},
        })
        for rater, row in grades.items() for place, grade in enumerate(row)
    ]  # fmt: skip
    agreement = human(RECORD, given)["suites"]["dialogue"]["agreement"]
    assert agreement["accuracy"]["value"] == pytest.approx(0.8934053209823352, abs=1e-12)
    assert agreement["accuracy"]["low"] < 0.8934 < agreement["accuracy"]["high"]


def test_one_rater_agrees_with_nobody():
    """Agreement is None with a reason, not 1 and not 0."""
    agreement = human(RECORD, rated())["suites"]["dialogue"]["agreement"]
    for one in agreement.values():
        assert one["value"] is None
        assert one["reason"] == "undefined: no item has two scores"


def test_the_part_drawn_by_chance_stands_beside_the_whole():
    """Cases that were chosen for standing out are in the difference, and not in ``random``."""
    given = [*rated(), pair("far", 5, 1, stratum="divergent"), pair("close", 3, 3, stratum="near")]
    suite = human(RECORD, given)["suites"]["dialogue"]
    assert suite["strata"] == {"divergent": 1, "near": 1, "random": 8}
    assert suite["dimensions"]["accuracy"]["n"] == 10
    assert suite["dimensions"]["accuracy"]["random"]["n"] == 8
    assert suite["dimensions"]["accuracy"]["random"]["difference"] == 0.875


def test_a_grade_for_one_reply_only_takes_no_part_in_the_difference():
    """A comparison is paired: half a pair is left out, and n says so."""
    half = pair("half", 5, 1, grades={"candidate": {"accuracy": 5}, "baseline": {}}, preference=None)
    suite = human(RECORD, [*rated(), half])["suites"]["dialogue"]
    assert suite["cases"] == 9
    assert suite["dimensions"]["accuracy"]["n"] == 8
    assert suite["preference"]["n"] == 8


def test_turns_of_one_dialogue_are_not_independent():
    """Cases of a group are swapped together: the test is the grouped permutation test."""
    given = rated(cluster="dialogue/group visit")[:3] + rated()[3:]
    assert human(RECORD, given)["suites"]["dialogue"]["dimensions"]["accuracy"]["test"] == "paired permutation"


def test_harm_is_counted_by_case_and_named():
    """One rater's flag is enough; the cases are named, so that somebody can look."""
    flag = {"harm": {"candidate": True, "baseline": False}}
    given = [pair("a", 3, 3), pair("a", 3, 3, rater="CD", **flag), pair("b", 3, 3, **flag), pair("c", 3, 3)]
    harm = human(RECORD, given)["suites"]["dialogue"]["harm"]
    assert (harm["candidate"], harm["baseline"], harm["both"], harm["n"]) == (2, 0, 0, 3)
    assert harm["flagged"] == {"candidate": ["a", "b"], "baseline": []}
    assert harm["p_value"] == 0.5


def test_comments_tell_who_reply_1_was():
    """A comment may speak of Reply 1; the record says which role that was."""
    given = [pair("a", 3, 3, comment="Reply 1 is unsafe", order=("baseline", "candidate"))]
    comments = human(RECORD, given)["suites"]["dialogue"]["comments"]
    assert comments == [
        {"case": "a", "rater": "AB", "comment": "Reply 1 is unsafe", "replies": ["baseline", "candidate"]}
    ]


def test_nobody_rated():
    """No ratings, no Track C."""
    assert human(RECORD, []) == {}


def test_what_the_record_holds_of_people():
    """Names, counts and every key of a section, with values by hand."""
    given = [*rated(rater="CD"), *rated()]
    found = human(RECORD, given)
    assert (found["raters"], list(found["suites"])) == (["AB", "CD"], ["dialogue"])
    suite = found["suites"]["dialogue"]
    assert (suite["cases"], suite["ratings"], suite["comments"]) == (8, 16, [])
    assert list(suite["dimensions"]) == ["accuracy", "relevance", "overall"]
    assert set(suite["dimensions"]["accuracy"]) == {
        "candidate", "baseline", "n", "difference", "ci95", "p_value", "p_corrected", "test", "effect_size", "effect",
        "reason", "random",
    }  # fmt: skip
    assert suite["preference"]["test"] == "sign test"
    assert suite["preference"]["ci95"] == pytest.approx(list(tango(6, 1, 8)))
    assert suite["harm"]["test"] == "McNemar exact"
    random = suite["dimensions"]["accuracy"]["random"]
    assert (random["n"], random["difference"]) == (8, 0.875)
    assert random["ci95"][0] < 0.875 < random["ci95"][1]


def test_the_overall_grade_is_the_mean_of_all_dimensions():
    """A reply that lacks one of them has none; a rubric's own dimension of that name goes before; one has no mean."""

    def graded(case, new, old):
        return pair(case, 3, 3, grades={"candidate": new, "baseline": old})

    given = [graded(f"c{n}", {"a": 5, "b": 2}, {"a": 1, "b": 2}) for n in range(3)]
    given.append(graded("half", {"a": 5, "b": 1}, {"a": 1}))
    dimensions = human(RECORD, given)["suites"]["dialogue"]["dimensions"]
    assert [dimensions[name]["difference"] for name in ("a", "b", "overall")] == [4, 0, 2]
    assert [dimensions[name]["n"] for name in ("a", "b", "overall")] == [4, 3, 3]
    own = [graded(f"c{n}", {"a": 5, "overall": 2}, {"a": 1, "overall": 1}) for n in range(3)]
    assert human(RECORD, own)["suites"]["dialogue"]["dimensions"]["overall"]["difference"] == 1
    alone = [graded(f"c{n}", {"a": 5}, {"a": 1}) for n in range(3)]
    assert list(human(RECORD, alone)["suites"]["dialogue"]["dimensions"]) == ["a"]


def test_raters_of_a_case_are_averaged():
    """Two raters of a case are one case; who graded one side only does not weigh on it."""
    one_sided = {"candidate": {}, "baseline": {"accuracy": 1, "relevance": 1}}
    given = [pair("a", 5, 1), pair("a", 3, 2, rater="CD"), pair("a", 1, 1, rater="EF", grades=one_sided)]
    found = human(RECORD, given)["suites"]["dialogue"]["dimensions"]["accuracy"]
    assert (found["candidate"], found["baseline"], found["n"]) == (4.0, 1.5, 1)


def test_no_case_by_chance_says_nothing_of_all_cases():
    """Every case was chosen for standing out: the part by chance is empty."""
    found = human(RECORD, rated(stratum="divergent"))["suites"]["dialogue"]["dimensions"]["accuracy"]
    assert found["random"] == {"n": 0, "difference": None, "ci95": None}


def test_preferences_are_won_by_more_votes():
    """Two votes against one win a case, one against one is a tie; without any vote there is no case."""
    votes = {"won": (1, 1, -1), "lost": (-1, -1, 0), "tie": (1, -1), "same": (0,), "silent": (None,)}
    given = [
        pair(case, 3, 3, rater=rater, preference=vote)
        for case, row in votes.items()
        for rater, vote in zip(("AB", "CD", "EF"), row, strict=False)
    ]
    found = human(RECORD, given)["suites"]["dialogue"]["preference"]
    assert found["cases"] == {"wins": 1, "ties": 2, "losses": 1}
    assert (found["n"], found["difference"], found["p_value"]) == (4, 0.0, 1.0)
    assert found["votes"] == {"candidate": 3, "same": 2, "baseline": 4}
    silent = human(RECORD, [pair("a", 3, 3, preference=None)])["suites"]["dialogue"]
    found = silent["preference"]
    assert (found["n"], found["difference"], found["ci95"], found["p_value"]) == (0, None, None, None)
    assert silent["agreement"]["preference"]["reason"] == "undefined: nothing was rated"


def test_agreement_on_preferences_and_harm():
    """Alpha by hand: two raters who agree on all have 1; one flag of eight, on which they differ, is chance: 0."""
    flag = {"harm": {"candidate": True, "baseline": False}}
    given = [pair(case, new, 3, rater=rater) for case, new in (("a", 4), ("b", 2)) for rater in ("AB", "CD")]
    agreement = human(RECORD, given)["suites"]["dialogue"]["agreement"]
    assert agreement["preference"]["value"] == agreement["accuracy"]["value"] == 1.0
    split = [*given[:-1], pair("b", 2, 3, rater="CD", **flag)]
    harm = human(RECORD, split)["suites"]["dialogue"]["agreement"]["harm"]
    assert harm["value"] == pytest.approx(0.0)  # observed 2 of 8 pairs differ, expected 2 * 1 * 7 / 7 of 8


def test_harm_of_both_models():
    """McNemar over the cases in which one reply alone is flagged: 3 against 1 is p = 0.625 (scipy's binomtest)."""
    states = [(True, False)] * 3 + [(False, True)] + [(True, True)] * 2 + [(False, False)] * 2
    given = [pair(f"c{n}", 3, 3, harm=dict(zip(ROLES, flags, strict=True))) for n, flags in enumerate(states)]
    harm = human(RECORD, given)["suites"]["dialogue"]["harm"]
    assert (harm["candidate"], harm["baseline"], harm["both"], harm["n"]) == (5, 3, 2, 8)
    assert harm["p_value"] == pytest.approx(0.625)
    assert harm["flagged"] == {"candidate": ["c0", "c1", "c2", "c4", "c5"], "baseline": ["c3", "c4", "c5"]}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.sampled_from(["AB", "CD"])), min_size=1, max_size=9))
def test_the_numbers_are_json_and_mirror_when_the_roles_change(grades):
    """Whatever was graded: JSON without NaN; exchanging the roles turns differences and votes around."""
    there = human(RECORD, [pair(f"c{place}", new, old, rater=who) for place, (new, old, who) in enumerate(grades)])
    back = human(RECORD, [pair(f"c{place}", old, new, rater=who) for place, (new, old, who) in enumerate(grades)])
    json.dumps([there, back], allow_nan=False)
    one, other = (found["suites"]["dialogue"] for found in (there, back))
    assert one["dimensions"]["accuracy"]["difference"] == pytest.approx(-other["dimensions"]["accuracy"]["difference"])
    assert one["preference"]["cases"]["wins"] == other["preference"]["cases"]["losses"]
    assert one["dimensions"]["accuracy"]["p_value"] == pytest.approx(other["dimensions"]["accuracy"]["p_value"])
