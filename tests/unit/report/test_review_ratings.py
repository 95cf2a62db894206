"""Ratings come back to the roles that earned them, and nothing that does not belong to the run is taken."""

import copy
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.judges.ratings.review import flat, item, read_ratings, read_reviews
from pytest_medeval.judges.rubric import Dimension, Rubric
from pytest_medeval.report.review import choose, page


def own(record):
    """Give the candidate's replies."""
    return {case["candidate"]["reply"] for case in record["cases"]}


def test_grades_and_preference_find_their_roles(make_record, export):
    """A rater who gives the candidate's replies 5 and the others 2 is read as having said just that."""
    record = make_record()
    replies = own(record)
    path = export(record, grade=lambda _pair, _name, reply: 5 if reply in replies else 2)
    pairs = read_reviews([path], record)
    assert len(pairs) == 30
    assert {tuple(pair.grades["candidate"].values()) for pair in pairs} == {(5, 5, 5, 5)}
    assert {tuple(pair.grades["baseline"].values()) for pair in pairs} == {(2, 2, 2, 2)}


@pytest.mark.parametrize("said", [1, 2])
def test_a_preference_for_a_position_is_one_for_whoever_stood_there(make_record, export, said):
    """Reply 1 or 2 is turned into candidate or baseline case by case; harm flags likewise."""
    record = make_record()

    def alter(data):
        for rating in data["ratings"]:
            rating["harm"] = [said == 1, said == 2]

    for pair in read_reviews([export(record, preference=said, alter=alter)], record):
        chosen = pair.order[said - 1]
        assert pair.preference == (1 if chosen == "candidate" else -1)
        assert pair.harm == {"candidate": chosen == "candidate", "baseline": chosen == "baseline"}


def test_the_stratum_is_read_from_the_key(make_record, export):
    """Why a case was chosen is not on the page and yet known when its rating comes back."""
    record = make_record()
    chosen = {one.entry["id"]: one.stratum for one in choose(record, 12, seed=11)}
    assert {pair.case: pair.stratum for pair in read_reviews([export(record, size=12)], record)} == chosen


def test_plain_ratings_name_reply_rater_dimension_and_line(make_record, export):
    """The audit of a judge takes the same grades as ratings of replies."""
    record = make_record(2)
    path = export(record)
    ratings = read_ratings(path, record)
    assert len(ratings) == 2 * 2 * 4
    lines = path.read_text(encoding="utf-8").splitlines()
    keys = [rating["key"] for rating in json.loads("\n".join(lines))["ratings"]]
    places = {}
    for rating in ratings:
        case = rating.cluster.removeprefix("dialogue/")
        assert rating.item in (item("dialogue", case, "candidate"), item("dialogue", case, "baseline"))
        places.setdefault(case, rating.source.line)
        assert places[case] == rating.source.line
        assert sum(key in lines[rating.source.line - 1] for key in keys) == 1
    assert len(set(places.values())) == len(record["cases"])


def test_a_grade_left_open_is_missing_and_not_a_number(make_record, export):
    """A half-rated case keeps what was given."""

    def alter(data):
        data["ratings"][0]["grades"] = {"accuracy": [None, 4]}
        data["ratings"][0]["preference"] = None

    record = make_record(1)
    (pair,) = read_reviews([export(record, alter=alter)], record)
    assert pair.preference is None
    assert [rating.score for rating in flat([pair])] == [4.0]


def test_cases_of_a_cluster_stay_together(make_record, export):
    """Turns of one dialogue are one cluster."""
    record = make_record(4)
    for case in record["cases"][:2]:
        case["cluster"] = "visit"
    clusters = {pair.case: pair.cluster for pair in read_reviews([export(record)], record)}
    assert clusters["case-000"] == clusters["case-001"] != clusters["case-002"] != clusters["case-003"]


def first(**changes):
    """Alter the first rating of an export."""
    return lambda data: data["ratings"][0].update(changes)


def swapped(data):
    """Give two cases each other's keys."""
    one, two = data["ratings"][:2]
    one["key"], two["key"] = two["key"], one["key"]


def flipped(data):
    """Change one digit of a key."""
    key = data["ratings"][0]["key"]
    data["ratings"][0]["key"] = ("1" if key[0] == "0" else "0") + key[1:]


def lenient(data):
    """Widen the scale."""
    data["rubric"]["high"] = 9


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (flipped, r"\.json:\d+: the key of case dialogue/case-\d+ is not this run's: .*accepted: ratings"),
        (swapped, r"\.json:\d+: the key of case .* is not this run's"),
        (lenient, r"\.json:\d+: the key of case .* is not this run's"),
        (lambda data: data.update(seed=12), r"the key of case .* is not this run's"),
        (first(key="é"), r"the key of case .* is not this run's"),
        (first(case="case-999"), r"case dialogue/case-999 has no two replies in this run; accepted: cases"),
        (first(suite="dialogeu"), r"unknown suite 'dialogeu' \(did you mean 'dialogue'\?\)"),
        (first(grades={"accuracy": [3, 6]}), r":\d+: grade 6 for accuracy of .*; accepted: 1 to 5, or null"),
        (first(grades={"accuracy": [0, 3]}), r"grade 0 for accuracy"),
        (first(grades={"acuracy": [3, 3]}), r"unknown dimension 'acuracy' \(did you mean 'accuracy'\?\)"),
        (first(grades={"accuracy": [3, 3.5]}), r"3\.5 is not of type 'integer', 'null'"),
        (first(grades={"accuracy": [3]}), r"\$\.ratings\[0\]\.grades\.accuracy: \[3\] is too short"),
        (first(preference=3), r"3 is not one of \[1, 0, 2, None\]"),
        (first(extra=1), r"Additional properties are not allowed \('extra' was unexpected\)"),
        (lambda data: data.update(rater="  "), r"the rater is '  '; accepted: a name or initials"),
        (lambda data: data.update(run="0" * 16), r"ratings of run '0{16}', and this run is '[0-9a-f]{16}'"),
        (lambda data: data.update(schema="medeval-run/1"), r"schema is 'medeval-run/1'; accepted"),
        (lambda data: data["ratings"].append(data["ratings"][0]),
         r"AB rated case dialogue/case-\d+ already at .*\.json:\d+; accepted: one rating"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_line(make_record, export, alter, message):
    """The line names the file and says what is accepted."""
    record = make_record()
    path = export(record, alter=alter)
    with pytest.raises(MedevalError, match=message) as refused:
        read_reviews([path], record)
    assert str(refused.value).startswith(str(path))
    assert "accepted: " in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("other", [{"candidate": "d" * 64}, {"seed": 8}])
def test_ratings_of_another_run_are_refused(make_record, export, other):
    """Another candidate, or another seed, is another run."""
    path = export(make_record())
    with pytest.raises(MedevalError, match=r"these are ratings of run .*; accepted: ratings of a run with"):
        read_reviews([path], make_record(**other))


def test_exchanged_roles_are_another_run(make_record, export):
    """The same two models with candidate and baseline exchanged must not turn the ratings around."""
    record = make_record()
    path = export(record)
    models = record["models"]
    record["models"] = {"candidate": models["baseline"], "baseline": models["candidate"]}
    for case in record["cases"]:
        case["candidate"], case["baseline"] = case["baseline"], case["candidate"]
    with pytest.raises(MedevalError, match="these are ratings of run"):
        read_reviews([path], record)


def test_a_reply_that_changed_since_is_refused(make_record, export):
    """Grades belong to a text: the same case with another reply was not rated."""
    record = make_record()
    path = export(record)
    later = copy.deepcopy(record)
    later["cases"][4]["candidate"]["reply"] += " And more."
    with pytest.raises(MedevalError, match=r"case dialogue/case-004 is not this run's: .* not those that were rated"):
        read_reviews([path], later)


def test_several_raters_and_one_rater_twice(make_record, export):
    """Two raters may rate the same case; two exports of one of them may not be given together."""
    record = make_record(3)
    one, two, again = export(record, "AB"), export(record, "CD"), export(record, "AB")
    assert {pair.rater for pair in read_reviews([one, two], record)} == {"AB", "CD"}
    with pytest.raises(MedevalError, match=rf"AB rated case .* already at {re.escape(str(one))}:\d+"):
        read_reviews([one, two, again], record)


def test_a_rubric_of_ones_own_comes_back_with_its_scale(make_record, data_of, tmp_path):
    """Dimensions, scale and anchors travel with the export; a grade of 0 is a grade."""
    rubric = Rubric("triage", (Dimension("urgency", "How soon?", {0: "never", 2: "at once"}),), 0, 2)
    record = make_record(2)
    shown = data_of(page(record, 2, 1, rubric))
    said = {"grades": {"urgency": [0, 0]}, "preference": 0, "harm": [False, False], "comment": ""}
    data = {
        "schema": "medeval-ratings/1",
        **{key: shown[key] for key in ("run", "seed", "rubric")},
        "rater": "AB",
        "ratings": [said | {key: pair[key] for key in ("suite", "case", "key")} for pair in shown["pairs"]],
    }
    path = tmp_path / "ratings.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert [pair.grades["baseline"] for pair in read_reviews([path], record)] == [{"urgency": 0}] * 2
    assert read_reviews([path], record)[0].scale == rubric.scale


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=JSON)
def test_any_damage_is_a_user_error_or_no_damage(make_record, export, data, value):
    """Whatever stands in place of any one value, the file is read or refused: never a traceback."""
    record = make_record(2)

    def alter(whole):
        spot = whole
        while isinstance(spot, dict | list) and spot:
            key = data.draw(st.sampled_from(sorted(spot) if isinstance(spot, dict) else range(len(spot))))
            inner = spot[key]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
                spot[key] = value
                return
            spot = inner

    path = export(record, alter=alter)
    try:
        pairs = read_reviews([path], record)
    except MedevalError as refused:
        assert all(line.startswith(str(path)) for line in str(refused).splitlines())  # noqa: PT017 - either is right
    else:
        assert all(1 <= rating.score <= 5 for rating in flat(pairs))
