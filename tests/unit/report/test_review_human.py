"""Track C in numbers: golden values of other programs; what several raters, chance and gaps do to them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.blind import ROLES
from pytest_medeval.judges.ratings.review import PairRating, read_reviews
from pytest_medeval.judges.ratings.types import Scale
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
    """Means by hand; p of ``wilcoxon(d, zero_method="wilcox")`` and ``binomtest(6, 7)`` of scipy 1.17.1."""
    suite = human(RECORD, rated())["suites"]["dialogue"]
    found = suite["dimensions"]["accuracy"]
    assert (found["candidate"], found["baseline"], found["difference"], found["n"]) == (3.625, 2.75, 0.875, 8)
    assert found["test"] == "Wilcoxon signed-rank"
    assert found["p_value"] == pytest.approx(0.09375, abs=1e-12)
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
        assert suite["dimensions"]["accuracy"]["p_corrected"] == pytest.approx(4 * 0.09375)
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


def test_from_the_page_to_the_numbers(make_record, export):
    """From page to numbers: a rater who favours the candidate by one grade is measured at one."""
    record = make_record()
    own = {case["candidate"]["reply"] for case in record["cases"]}
    path = export(record, grade=lambda _pair, _name, reply: 4 if reply in own else 3)
    suite = human(record, read_reviews([path], record))["suites"]["dialogue"]
    assert {name: one["difference"] for name, one in suite["dimensions"].items()} == dict.fromkeys(
        ("accuracy", "comprehensiveness", "helpfulness", "relevance", "overall"), 1.0
    )


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
