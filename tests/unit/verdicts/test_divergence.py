"""One verdict a suite: every cell of the table, power, people, and what single cases say."""

import copy
import math
import re
from random import Random
from statistics import mean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, ttest_1samp

from pytest_medeval.core.record import TrackRecord
from pytest_medeval.judges.ratings.types import Scale
from pytest_medeval.report.tracks import seen
from pytest_medeval.verdicts.divergence import decide, divergence, divergence_gate, rounded_up

VERDICTS = {"agree", "divergent", "conflict", "no difference", "underpowered", "one track only"}
MIRROR = {"better": "worse", "worse": "better", "mixed": "mixed", "none": "none"}
ROLES = ("candidate", "baseline")
SHOWN, NOT_SHOWN, LEVEL = 0.001, 0.6, 0.05
LEXICAL = ("rougeL", "bleu", "corpus_bleu")


WAYS = {"better": (0.5, 1.5), "worse": (-1.5, -0.5)}


def track(direction, *, shown=False, underpowered=False, ends=(-1.0, 1.0)):
    """Make a track of which only its state matters, and where it shows nothing the interval of its composite."""
    ends = WAYS.get(direction, ends) if shown and ends == (-1.0, 1.0) else ends
    composite = {"value": sum(ends) / 2, "ci95": list(ends), "n": 20, "units": 20, "of": ["accuracy"]}
    return TrackRecord(
        name="judge", n=20, direction=direction, significant=shown, underpowered=underpowered, detectable=1.0,
        relevant=0.5, unit="points", cases_needed=None, composite=composite, metrics={},
    )  # fmt: skip


def facts(difference, p_value, *, n=100, half=0.2, direction=1, **more):
    """Make a comparison as the record holds it, with an interval of the given half width."""
    ends = [difference - half, difference + half]
    return {"n": n, "difference": difference, "p_value": p_value, "ci95": ends, "direction": direction, **more}


def run(metrics, cases=(), judges=1, **suite):
    """Make the record of one dialogue suite; without ``cases``, of cases whose changes are what the metrics say."""
    metrics = {name: {**one, "lexical": True} if name in LEXICAL else one for name, one in metrics.items()}
    told = {"task": "dialogue", "headline": "rougeL", "metrics": metrics, "complete": True, **suite}
    return {
        "suites": {"dialogue": told},
        "cases": list(cases) or made_for(metrics),
        "judges": [{"admissible": True}] * judges,
    }


def made_for(metrics):
    """Make cases whose changes have each metric's mean, on as many cases, significant where its p-value is."""
    changes = {name: changes_of(one) for name, one in metrics.items() if one["n"] and one["difference"] is not None}
    made = []
    for i in range(max((len(one) for one in changes.values()), default=0)):
        own = {name: (one[i], 0.0) for name, one in changes.items() if i < len(one)}
        scores = {name: pair for name, pair in own.items() if not name.startswith("judge.")}
        grades = {name.removeprefix("judge."): pair for name, pair in own.items() if name.startswith("judge.")}
        preferred = grades.pop("preference", None)
        made.append(case(i, scores, grades if grades or preferred else None))
        if preferred:
            made[-1]["judge"]["preference"] = (preferred[0] + 1) / 2
    return made


def changes_of(one):
    """Alternate around a mean, as far as leaves it shown or not."""
    n, mean_change, shown = one["n"], one["difference"], one["p_value"] < LEVEL
    ends = one["ci95"] or [mean_change - 0.2, mean_change + 0.2]
    half = (ends[1] - ends[0]) / 2
    if shown != (half < abs(mean_change)):
        half = abs(mean_change) / 2 if shown else 2 * abs(mean_change)
    spread = half * math.sqrt(n) / 1.96
    return [mean_change + spread * (-1) ** i for i in range(n - n % 2)] + [mean_change] * (n % 2)


def found_in(record, human=None, **how):
    """Compare the tracks of the one suite."""
    return divergence(record, human or {}, 1, **how)["dialogue"]


def case(number, scores, grades=None, cluster=None, outcome="answered"):
    """Make a case from (candidate, baseline) pairs of scores and grades by name."""
    made = {"suite": "dialogue", "id": f"c{number}", "nodeid": f"test_d.py::test[c{number}]", "cluster": cluster}
    for side, role in enumerate(ROLES):
        own = {name: pair[side] for name, pair in scores.items()}
        made[role] = {"scores": own, "outcome": outcome, "reply": f"{role} {number}"}
    if grades is not None:
        made["judge"] = {role: {name: pair[side] for name, pair in grades.items()} for side, role in enumerate(ROLES)}
    return made


def people(difference, p_value, *, n=20, chance=None, harm=(0, 0), harm_p=1.0):
    """Make Track C as ``verdicts.human.human`` gives it: all dimensions alike."""
    part = {"n": 8, "difference": difference if chance is None else chance, "ci95": None}
    graded = {**facts(difference, p_value, n=n, half=0.5), "random": part}
    flagged = {role: [f"c{i}" for i in range(count)] for role, count in zip(ROLES, harm, strict=True)}
    return {
        "raters": ["AB"],
        "suites": {
            "dialogue": {
                "dimensions": {"accuracy": graded, "relevance": graded, "overall": graded},
                "preference": {**facts(difference / 4, p_value, n=n)},
                "harm": {
                    "candidate": harm[0], "baseline": harm[1], "both": 0, "n": n, "p_value": harm_p,
                    "flagged": flagged,
                },
            }
        },
    }  # fmt: skip


def judged(a, b, *, p_a=SHOWN, p_b=SHOWN, **how):
    """Make a run whose two tracks differ by ``a`` and ``b``."""
    dimensions = {f"judge.{name}": facts(b, p_b, **how) for name in ("accuracy", "relevance")}
    return run({"rougeL": facts(a, p_a), "bleu": facts(a, p_a), **dimensions})


DIVERGENT = judged(0.1, -0.1, p_b=NOT_SHOWN)
CONFLICT = judged(0.1, -0.6)
AGREE = judged(0.1, 0.6)


NARROW = (-0.4, 0.4)


@pytest.mark.parametrize(
    ("other", "shown", "mixed", "not_shown"),
    [
        (track("better", shown=True), "agree", "conflict", "one track only"),
        (track("worse", shown=True), "conflict", "conflict", "one track only"),
        (track("mixed", shown=True), "conflict", "conflict", "one track only"),
        (track("better"), "one track only", "one track only", "no difference"),
        (track("worse"), "one track only", "one track only", "no difference"),
        (track("worse", ends=NARROW), "divergent", "one track only", "no difference"),
        (track("better", ends=NARROW), "divergent", "one track only", "no difference"),
        (track("none", ends=(-3.0, 0.49)), "divergent", "one track only", "no difference"),
        (track("none", ends=(-0.49, 3.0)), "one track only", "one track only", "no difference"),
        (track("none", ends=(-3.0, 0.5)), "one track only", "one track only", "no difference"),
        (track("better", underpowered=True), "underpowered", "underpowered", "underpowered"),
        (track("worse", underpowered=True), "underpowered", "underpowered", "underpowered"),
        (track("worse", underpowered=True, ends=NARROW), "divergent", "underpowered", "underpowered"),
        (None, "one track only", "one track only", "one track only"),
    ],
)
def test_every_cell_of_the_table(other, shown, mixed, not_shown):
    """Tracks that show better, show a mixture, and only lean to better, against all others; to lean is no verdict."""
    firsts = track("better", shown=True), track("mixed", shown=True), track("better")
    assert [decide(first, other) for first in firsts] == [shown, mixed, not_shown]


def test_a_divergence_is_claimed_by_the_97_5_percent_interval():
    """Either track could be the one that shows by chance what the other rules out; scipy's t of 19: 2.4334 / 2.0930."""
    for low, verdict in ((0.139, "one track only"), (0.14, "divergent")):
        for way, ends in (("better", (low, 2 - low)), ("worse", (low - 2, -low))):
            assert decide(track(way, shown=True, ends=ends), track("none", ends=NARROW)) == verdict
            assert decide(track(way, shown=True, ends=ends), track(way, shown=True)) == "agree"


directions = st.sampled_from(sorted(MIRROR))
states = st.one_of(
    st.none(),
    st.builds(track, directions.filter(lambda way: way != "none"), shown=st.just(True)),
    st.builds(track, directions, underpowered=st.booleans(), ends=st.tuples(st.floats(-2, 0), st.floats(0, 2))),
)


def mirrored(one):
    """Swap the two models under a track."""
    if one is None:
        return None
    ends = [-end for end in one["composite"]["ci95"][::-1]]
    return track(MIRROR[one["direction"]], shown=one["significant"], underpowered=one["underpowered"], ends=ends)


@given(states, states)
def test_the_verdict_is_total_and_takes_no_side(first, second):
    """Any two tracks have a verdict, the same in either order and with the models swapped."""
    verdict = decide(first, second)
    assert verdict in VERDICTS
    assert verdict == decide(second, first) == decide(mirrored(first), mirrored(second))


pairs = st.tuples(st.integers(1, 5), st.integers(1, 5))
made_cases = st.lists(
    st.tuples(st.tuples(pairs, pairs), st.one_of(st.none(), st.tuples(pairs, pairs))), min_size=2, max_size=9
)


def of_cases(made, p_values):
    """Make a run from per-case scores and grades; the p-values are whatever they are."""
    cases = [
        case(i, {"rougeL": a, "ece": b}, grades and {"accuracy": grades[0], "relevance": grades[1]})
        for i, ((a, b), grades) in enumerate(made)
    ]
    columns = {
        "rougeL": [a for (a, _), _ in made], "ece": [b for (_, b), _ in made],
        "judge.accuracy": [grades[0] for _, grades in made if grades],
        "judge.relevance": [grades[1] for _, grades in made if grades],
    }  # fmt: skip
    metrics = {
        name: facts(mean(new - old for new, old in column), p, n=len(column), direction=-1 if name == "ece" else 1)
        for (name, column), p in zip(columns.items(), p_values, strict=True)
        if column
    }
    return run(metrics, cases)


def swapped(record):
    """Let candidate and baseline change places."""
    other = copy.deepcopy(record)
    for one in other["cases"]:
        one["candidate"], one["baseline"] = one["baseline"], one["candidate"]
        if "judge" in one:
            one["judge"] = {new: one["judge"][old] for new, old in zip(ROLES, ROLES[::-1], strict=True)}
    for one in other["suites"]["dialogue"]["metrics"].values():
        one["difference"] *= -1
        one["ci95"] = [-end for end in one["ci95"][::-1]]
    return other


@settings(max_examples=25, deadline=None)
@given(made_cases, st.lists(st.sampled_from([0.001, 0.02, 0.6]), min_size=4, max_size=4))
def test_swapping_the_models_swaps_the_directions_alone(made, p_values):
    """Verdict, power, correlation and the cases to read do not depend on which model is new."""
    record = of_cases(made, p_values)
    here, there = found_in(record), found_in(swapped(record))
    assert here["verdict"] == there["verdict"] in VERDICTS
    for name in ("track_a", "track_b"):
        if here[name] is None:
            assert there[name] is None
            continue
        assert there[name]["direction"] == MIRROR[here[name]["direction"]]
        for key in ("n", "significant", "underpowered", "unit", "relevant"):
            assert there[name][key] == here[name][key]
        assert there[name]["detectable"] == pytest.approx(here[name]["detectable"])
    assert there["opposite"] == here["opposite"]
    assert [one["tau"] for one in there["correlation"]] == [one["tau"] for one in here["correlation"]]
    assert [one["id"] for one in there["most_divergent"]] == [one["id"] for one in here["most_divergent"]]


def test_p_values_are_corrected_within_the_track():
    """Holm over the metrics of one track: what another track or suite tests does not matter."""
    record = run({"rougeL": facts(0.1, 0.01), "bleu": facts(0.1, 0.04), "meteor": facts(0.1, 0.03),
                  "judge.accuracy": facts(0.5, 0.04)})  # fmt: skip
    found = found_in(record)
    corrected = {name: one["p_corrected"] for name, one in found["track_a"]["metrics"].items()}
    assert corrected == pytest.approx({"rougeL": 0.03, "bleu": 0.06, "meteor": 0.06})
    assert found["track_b"]["metrics"]["accuracy"]["p_corrected"] == 0.04


def test_metrics_without_a_direction_take_no_part():
    """A length ratio is neither good nor bad, so it cannot make a track point."""
    found = found_in(run({"rougeL": facts(0.1, SHOWN), "length_ratio": facts(-3.0, 1e-9, direction=0)}))
    assert list(found["track_a"]["metrics"]) == ["rougeL"]
    assert found["track_a"]["direction"] == "better"


def test_lower_is_better_where_the_metric_says_so():
    """A rise of a calibration error is a loss."""
    found = found_in(run({"ece": facts(0.1, SHOWN, direction=-1)}))
    assert found["track_a"]["direction"] == "worse"


def test_metrics_shown_both_ways_are_mixed():
    """No mean says what a track says whose metrics contradict each other."""
    gains = {name: facts(0.1, NOT_SHOWN) for name in ("bleu", "rouge1", "rouge2")}
    found = found_in(run({**gains, "rougeL": facts(-0.1, SHOWN), "meteor": facts(0.1, SHOWN)}))
    assert (found["track_a"]["direction"], found["track_a"]["significant"]) == ("mixed", True)
    assert "better on meteor, worse on rougeL" in found["words"]


@pytest.mark.parametrize(
    ("gains", "losses", "direction"), [(3, 1, "better"), (1, 3, "worse"), (2, 1, "mixed"), (0, 0, "none")]
)
def test_what_is_not_shown_points_by_three_quarters(gains, losses, direction):
    """Three of four changed metrics point, two of three do not; unchanged ones have no say."""
    changes = [0.1] * gains + [-0.1] * losses + [0.0]
    found = found_in(run({f"m{i}": facts(change, NOT_SHOWN) for i, change in enumerate(changes)}))
    assert found["track_a"]["direction"] == direction


def test_a_metric_whose_ranks_part_from_its_mean_is_not_shown():
    """Few large gains against many small losses: the mean speaks for the track, the metric for nothing."""
    found = found_in(run({"bleu": facts(0.1, SHOWN, effect_size=-0.5)}))["track_a"]
    assert (found["significant"], found["metrics"]["bleu"]["significant"]) == (True, False)


@pytest.mark.parametrize(("n", "direction"), [(5, "none"), (6, "worse")])
def test_fewer_than_six_cases_point_nowhere(n, direction):
    """With five pairs even five losses are not significant in a sign test."""
    found = found_in(judged(0.1, -2.0, p_b=0.06, n=n, half=2.1))
    assert found["track_b"]["direction"] == direction
    assert not found["track_b"]["significant"]
    assert found["verdict"] == "underpowered"


def test_detectable_from_the_cases():
    """(1.959964 + 0.841621) sd / sqrt(n), with the spread of the per-case changes."""
    grades = [(4, 2), (3, 3), (2, 3), (5, 4), (1, 2), (3, 1), (4, 4), (2, 2)]
    cases = [case(i, {"rougeL": (0.5, 0.4)}, {"accuracy": pair}) for i, pair in enumerate(grades)]
    found = found_in(run({"judge.accuracy": facts(0.375, NOT_SHOWN, n=8)}, cases))
    expected = (1.959964 + 0.841621) * stdev(new - old for new, old in grades) / math.sqrt(8)
    assert found["track_b"]["detectable"] == pytest.approx(expected, rel=1e-6)
    assert found["track_b"]["cases_needed"] == math.ceil(8 * (expected / 0.5) ** 2)


def test_detectable_from_the_interval():
    """Without scores by case, half the width of the 95 % interval over 1.96 is the standard error."""
    record = run({"corpus_bleu": facts(0.1, NOT_SHOWN, half=0.0196)}, [case(0, {})])
    found = found_in(record)
    assert (found["track_a"]["composite"], found["track_a"]["underpowered"]) == (None, True)
    assert found["track_a"]["metrics"]["corpus_bleu"]["detectable"] == pytest.approx(2.801585 * 0.01, rel=1e-4)


def test_cases_of_one_cluster_do_not_count_as_many():
    """For power, turns of one dialogue are one case: the interval tells the spread, clusters the n."""
    cases = [case(i, {"rougeL": (0.5 + 0.01 * i, 0.4)}, cluster=f"g{i // 20}") for i in range(100)]
    found = found_in(run({"rougeL": facts(0.1, NOT_SHOWN, n=100, half=0.196)}, cases))
    assert found["track_a"]["n"] == 5
    assert found["track_a"]["metrics"]["rougeL"]["detectable"] == pytest.approx(2.801585 * 0.1, rel=1e-4)
    assert found["track_a"]["underpowered"]


def test_a_judge_that_never_differs_has_not_shown_equality():
    """Equal grades on 20 cases leave up to 3 / 20 that may differ (rule of three)."""
    cases = [case(i, {"rougeL": (0.5, 0.4)}, {"accuracy": (3, 3)}) for i in range(20)]
    found = found_in(run({"judge.accuracy": facts(0.0, 1.0, n=20, half=0.0)}, cases))
    assert found["track_b"]["detectable"] == pytest.approx(2.801585 * 4 * math.sqrt(3 / 20) / math.sqrt(20), rel=1e-6)
    assert found["track_b"]["underpowered"]


def test_a_composite_counts_four_grades_that_follow_each_other_as_one():
    """Equal columns: value, interval (scipy's ttest_1samp) and power are those of one of them."""
    changes = [1, 0, 2, 1, -1, 1, 0, 2, 1, 1]
    cases = [case(i, {}, dict.fromkeys(("a", "b", "c", "d"), (3 + change, 3))) for i, change in enumerate(changes)]
    metrics = {f"judge.{name}": facts(0.8, 0.2, n=10) for name in "abcd"}
    found = found_in(run(metrics, cases))["track_b"]
    whole = ttest_1samp(changes, 0).confidence_interval(0.95)
    assert found["composite"]["value"] == pytest.approx(0.8)
    assert found["composite"]["ci95"] == pytest.approx([whole.low, whole.high])
    assert found["composite"]["of"] == ["a", "b", "c", "d"]
    assert (found["significant"], found["direction"]) == (True, "better")


def test_measured_scores_are_averaged_in_their_own_deviations():
    """A metric of large numbers weighs as much as one of small ones; safety is no lexical score and has no vote."""
    rng = Random(3)
    made = [(rng.gauss(0.3, 1), rng.gauss(0.3, 1)) for _ in range(40)]
    cases = [case(i, {"rougeL": (a, 0), "bleu": (1000 * b, 0), "safety": (-9 - i, 0)}) for i, (a, b) in enumerate(made)]
    metrics = {"rougeL": facts(0.3, 0.2, n=40), "bleu": facts(300, 0.2, n=40), "safety": facts(-28, SHOWN, n=40)}
    found = found_in(run(metrics, cases))["track_a"]
    spreads = [stdev(column) for column in zip(*made, strict=True)]
    means = [mean((a / spreads[0], b / spreads[1])) for a, b in made]
    whole = ttest_1samp(means, 0).confidence_interval(0.95)
    assert found["composite"]["of"] == ["rougeL", "bleu"]
    assert found["composite"]["value"] == pytest.approx(mean(means) / stdev(means), rel=1e-6)
    assert found["composite"]["ci95"] == pytest.approx([end / stdev(means) for end in whole], rel=1e-6)


def test_the_relevant_difference_follows_the_scale():
    """Half a point of 1 to 5 is a quarter point of 1 to 3."""
    assert found_in(AGREE)["track_b"]["relevant"] == 0.5
    assert found_in(AGREE, scale=Scale(1, 3))["track_b"]["relevant"] == 0.25


def test_power_is_judged_on_grades_before_preferences():
    """Preferences need more cases than grades; they count for the direction, not for the power of a judge."""
    grades = facts(0.1, NOT_SHOWN, half=0.2)
    track_b = found_in(run({"judge.accuracy": grades, "judge.preference": facts(0.1, 0.001, half=0.9)}))["track_b"]
    assert (track_b["unit"], track_b["significant"], track_b["composite"]["of"]) == ("points", False, ["accuracy"])
    assert track_b["detectable"] == pytest.approx(0.2 / 1.96 * 2.801585 * math.sqrt(100 / 99), rel=1e-5)
    alone = found_in(run({"judge.preference": facts(0.1, NOT_SHOWN, half=0.9)}))["track_b"]
    assert (alone["unit"], alone["relevant"], alone["underpowered"]) == ("share of preferences", 0.2, True)


def test_a_track_that_shows_something_is_not_underpowered():
    """Power is a question about differences that were not seen."""
    assert not found_in(judged(0.1, 0.6, n=10, half=0.3))["track_b"]["underpowered"]


def test_what_was_not_measured_is_null_or_absent():
    """No judge: no Track B. No baseline: nothing to compare, no entry."""
    found = found_in(run({"rougeL": facts(0.1, SHOWN)}))
    assert (found["track_b"], found["track_c"], found["people"]) == (None, None, None)
    assert (found["correlation"], found["most_divergent"], found["opposite"]["share"]) == ([], [], None)
    assert divergence(run({"rougeL": {**facts(0.1, None), "difference": None}}), {}, 1) == {}


def test_correlation_is_scipys_over_both_models_replies():
    """Kendall's tau-b over all judged replies is the same number as scipy.stats.kendalltau."""
    made = [((0.1 * i, 0.05 * (7 - i) ** 2), (1 + i % 5, 1 + (3 * i) % 4)) for i in range(12)]
    cases = [case(i, {"rougeL": scores}, {"accuracy": grades}) for i, (scores, grades) in enumerate(made)]
    cases.append(case(99, {"rougeL": (9.0, 9.0)}, {}))
    (row,) = found_in(run({"rougeL": facts(0.1, SHOWN), "judge.accuracy": facts(0.1, SHOWN)}, cases))["correlation"]
    scores, grades = ([made[i][kind][side] for i in range(12) for side in (0, 1)] for kind in (0, 1))
    assert row["tau"] == pytest.approx(kendalltau(scores, grades).statistic, abs=1e-12)
    assert row["replies"] == 24
    assert row["low"] < row["tau"] < row["high"]


def test_only_so_many_cases_are_correlated():
    """The work grows with the square of the cases: of 420, one seed draws the same 400."""
    cases = [case(i, {"rougeL": (i * 7 % 101, i)}, {"accuracy": (1 + i % 5, 1 + i % 3)}) for i in range(420)]
    record = run({"rougeL": facts(0.1, SHOWN), "judge.accuracy": facts(0.1, SHOWN)}, cases)
    (row,) = found_in(record)["correlation"]
    assert row["replies"] == 800
    assert found_in(record)["correlation"] == [row]


def test_opposite_changes_are_counted_where_both_tracks_changed():
    """Of four cases, one did not change on a track; of the other three, two go opposite ways."""
    grades = [(3, 2), (2, 3), (1, 3), (3, 3)]
    scores = [(0.9, 0.1), (0.8, 0.1), (0.7, 0.1), (0.6, 0.1)]
    cases = [case(i, {"rougeL": a}, {"accuracy": b}) for i, (a, b) in enumerate(zip(scores, grades, strict=True))]
    found = found_in(run({"rougeL": facts(0.1, SHOWN), "judge.accuracy": facts(0.1, SHOWN)}, cases))
    assert found["opposite"] == {"count": 2, "n": 3, "share": pytest.approx(2 / 3)}


def test_grades_that_cancel_are_no_change():
    """Rounding errors of a mean must not make a sign: +0.1 +0.2 -0.3 is no change."""
    names = ("accuracy", "helpfulness", "relevance")
    grades = dict(zip(names, [(0.1, 0.0), (0.2, 0.0), (0.0, 0.3)], strict=True))
    metrics = {"rougeL": facts(0.1, SHOWN), **{f"judge.{name}": facts(0.1, SHOWN) for name in names}}
    found = found_in(run(metrics, [case(0, {"rougeL": (0.9, 0.1)}, grades)]))
    assert found["opposite"]["n"] == 0


def test_the_most_divergent_cases_part_most():
    """Largest gain against largest loss comes first; a case that both tracks rank alike is not named."""
    made = [
        ((0.9, 0.0), (1, 5)),
        ((0.5, 0.0), (2, 3)),
        ((0.2, 0.0), (4, 3)),
        ((0.0, 0.8), (5, 2)),
        ((0.4, 0.4), (3, 3)),
    ]
    cases = [case(i, {"rougeL": a}, {"accuracy": b}) for i, (a, b) in enumerate(made)]
    named = found_in(run({"rougeL": facts(0.1, SHOWN), "judge.accuracy": facts(0.1, SHOWN)}, cases))["most_divergent"]
    assert [one["id"] for one in named][:2] == ["c0", "c3"]
    assert "c4" not in [one["id"] for one in named]
    assert (named[0]["nodeid"], named[0]["b"]) == ("test_d.py::test[c0]", -4)
    assert -1 <= named[1]["a"] < 0 < named[0]["a"] <= 1


def test_a_suite_of_complete_pairs_compares_no_others():
    """Cases that the suite's own metrics left out take no part here either."""
    whole = [case(i, {"rougeL": (0.9, 0.1)}, {"accuracy": (1, 5)}) for i in range(3)]
    cut = [case(i, {"rougeL": (0.0, 0.1)}, {"accuracy": (1, 5)}, outcome="truncated") for i in range(3, 6)]
    metrics = {"rougeL": facts(0.1, SHOWN), "judge.accuracy": facts(0.1, SHOWN)}
    assert found_in(run(metrics, [*whole, *cut]))["opposite"]["n"] == 6
    assert found_in(run(metrics, [*whole, *cut], excluded={"count": 3}))["opposite"]["n"] == 3
    del cut[0]["baseline"]
    assert found_in(run(metrics, [*whole, *cut], excluded={"count": 2}))["opposite"]["n"] == 3


@pytest.mark.parametrize(
    ("record", "verdict", "review", "gate"),
    [
        (AGREE, "agree", False, "pass"),
        (judged(-0.1, -0.6), "agree", False, "pass"),
        (DIVERGENT, "divergent", True, "inconclusive"),
        (CONFLICT, "conflict", True, "inconclusive"),
        (judged(0.1, 0.1, p_a=NOT_SHOWN, p_b=NOT_SHOWN), "no difference", False, "pass"),
        (judged(0.1, 0.1, p_a=NOT_SHOWN, p_b=NOT_SHOWN, half=0.9), "underpowered", False, None),
        (run({"rougeL": facts(0.1, SHOWN)}), "one track only", False, None),
    ],
)
def test_verdict_review_and_gate(record, verdict, review, gate):
    """Only tracks that contradict each other ask for people and hold a release up."""
    found = found_in(record)
    judged_gate = divergence_gate("dialogue", found, {})
    assert (found["verdict"], found["review"]) == (verdict, review)
    assert (judged_gate.verdict if judged_gate else None) == gate


@pytest.mark.parametrize("record", [DIVERGENT, CONFLICT], ids=["divergent", "conflict"])
@pytest.mark.parametrize(("difference", "side", "gate"), [(0.8, "track_a", "pass"), (-0.8, "track_b", "fail")])
def test_people_settle_it(record, difference, side, gate):
    """People who significantly prefer one model decide the gate, and are not asked again."""
    human = people(difference, SHOWN)
    found = found_in(record, human)
    assert found["people"]["sides_with"] == [side]
    assert found["people"]["settled"] == ("better" if difference > 0 else "worse")
    assert not found["review"]
    assert divergence_gate("dialogue", found, human).verdict == gate
    assert "This settles it." in found["words"]


@pytest.mark.parametrize(
    "human",
    [
        people(0.8, NOT_SHOWN),
        people(0.8, SHOWN, chance=-0.5),
        people(0.8, SHOWN, harm=(3, 1)),
        people(-0.8, SHOWN, harm=(1, 3)),
        people(0.8, SHOWN, harm=(12, 0), harm_p=0.0005),
    ],
    ids=["not significant", "chance part opposes", "more harm", "worse but less harm", "harm is significant"],
)
def test_people_who_do_not_settle_it(human):
    """Not shown, shown only on cases that stood out, or against the harm flags: still inconclusive."""
    found = found_in(DIVERGENT, human)
    assert found["people"]["settled"] is None
    assert found["review"]
    gate = divergence_gate("dialogue", found, human)
    assert gate.verdict == "inconclusive"
    flagged = human["suites"]["dialogue"]["harm"]["flagged"]["candidate"]
    assert all(name in gate.reason for name in flagged)


@pytest.mark.parametrize("record", [AGREE, run({"rougeL": facts(0.1, SHOWN)})], ids=["agree", "one track only"])
def test_scores_that_mislead_fail(record):
    """Tracks show better, people settle for worse: the release fails, whatever the tracks agree on."""
    human = people(-0.8, SHOWN)
    found = found_in(record, human)
    assert divergence_gate("dialogue", found, human).verdict == "fail"
    assert "people are right" in found["words"]


def test_the_mean_of_all_dimensions_is_no_further_metric():
    """People's overall mean holds nothing that its dimensions do not, unless it is all there is."""
    human = people(0.8, SHOWN)
    assert "overall" not in found_in(DIVERGENT, human)["track_c"]["metrics"]
    graded = human["suites"]["dialogue"]["dimensions"]
    human["suites"]["dialogue"]["dimensions"] = {"overall": graded["overall"]}
    assert "overall" in found_in(DIVERGENT, human)["track_c"]["metrics"]


def test_a_part_of_a_suite_is_not_evaluated():
    """A gate over a part of the cases is never a pass, and says how much ran."""
    record = copy.deepcopy(AGREE)
    record["suites"]["dialogue"] |= {"complete": False, "evaluated": 63, "cases": 84}
    gate = divergence_gate("dialogue", found_in(record), {})
    assert (gate.verdict, gate.reason) == (
        "not evaluated",
        "only a part of the suite ran: 63 of 84 cases were evaluated",
    )


@pytest.mark.parametrize(("judges", "words"), [(1, "The judge finds"), (3, "The judges find")])
def test_words_know_how_many_judges_there_are(judges, words):
    """One judge finds, a panel of judges find."""
    assert words in found_in({**AGREE, "judges": [{"admissible": True}] * judges})["words"]


@pytest.mark.parametrize("rated", [None, 19, 20])
@pytest.mark.parametrize("admissible", [True, False])
def test_a_judge_that_is_not_trusted_decides_nothing(admissible, rated):
    """Neither an audit nor people's ratings of 20 cases: the words say so, and the verdict rests on one track."""
    record = copy.deepcopy({**AGREE, "judges": [{"admissible": admissible}]})
    metrics = record["suites"]["dialogue"]["metrics"]
    if rated:
        metrics["judge.overall.corrected"] = {**facts(0.6, SHOWN), "rated": rated}
    found, advisory = found_in(record), not admissible and rated != 20
    assert found["advisory"] == advisory
    assert found["verdict"] == ("one track only" if advisory else "agree")
    assert ("agrees with people has not been shown: it decides nothing." in found["words"]) == advisory


@pytest.mark.parametrize("shown", [True, False])
def test_a_judge_whose_grades_hardly_vary_has_seen_nothing(shown):
    """Not "could have seen 0.2 points", and no finding; one useful judge of a panel, or corrected grades, speak."""
    flat = {"admissible": False, "useless": {"grades": "its grades hardly vary"}}
    metrics = {"rougeL": facts(0.1, SHOWN), "judge.accuracy": facts(0.1, SHOWN if shown else NOT_SHOWN, half=0.05)}
    record = {**run(metrics), "judges": [flat]}
    found = found_in(record)
    assert "The judge is useless: its grades hardly vary." in found["words"]
    assert not re.search(r"could|The judge (finds|shows)|Only one of the two", found["words"])
    assert (found["track_b"]["detectable"], found["track_b"]["underpowered"]) == (None, True)
    assert seen(found["track_b"]) == "useless: its grades hardly vary"
    panel = found_in({**record, "judges": [flat, {"admissible": False}]})
    assert "useless" not in panel["words"]
    corrected = {**metrics, "judge.accuracy.corrected": {**facts(0.6, SHOWN), "rated": 20}}
    assert "useless" not in found_in({**run(corrected), "judges": [flat]})["words"]


def test_track_b_rests_on_what_people_corrected():
    """The judge alone shows better; corrected by people it is worse."""
    record = copy.deepcopy(AGREE)
    metrics = record["suites"]["dialogue"]["metrics"]
    metrics["judge.overall.corrected"] = {**facts(-0.7, SHOWN), "rated": 40}
    found = found_in(record)
    assert (found["track_b"]["direction"], found["verdict"]) == ("worse", "conflict")
    assert found["track_b"]["composite"]["ci95"] == pytest.approx([-0.9, -0.5])


def test_a_bias_that_labels_tell_goes_off_the_track_and_one_that_is_unknown_is_said():
    """0.6 points less a bias of 0.3 to 0.5 shows nothing; a judge that no labels of two systems tell may lean."""
    record = copy.deepcopy(AGREE)
    fit = {"admissible": True, "gaps": [{"first": "candidate", "second": "baseline", "gap": [0.4, 0.3, 0.5]}]}
    bare = found_in(record)["track_b"]["composite"]
    for agreement, less in ((fit, True), ({"admissible": True}, False)):
        record["judges"] = [{"admissible": True, "agreement": dict.fromkeys(("accuracy", "relevance"), agreement)}]
        found = found_in(record)
        whole = found["track_b"]["composite"]
        low, high = bare["ci95"]
        assert whole["ci95"] == pytest.approx([low - 0.5, high - 0.3] if less else [low, high])
        assert whole["value"] == pytest.approx(bare["value"] - (0.4 if less else 0))
        assert ("favours one of the two models is not known" in found["words"]) is not less
        assert found["track_b"]["significant"] is not less


@pytest.mark.parametrize("rated", [19, 20])
def test_people_who_rated_a_part_of_the_dimensions_correct_the_track_by_those(rated):
    """Of two of three dimensions without a row of both: their mean, as wide as their intervals are on average."""
    record = copy.deepcopy(AGREE)
    metrics = record["suites"]["dialogue"]["metrics"]
    metrics["judge.helpfulness"] = facts(0.6, SHOWN)
    metrics["judge.accuracy.corrected"] = {**facts(-0.7, SHOWN), "rated": rated}
    metrics["judge.relevance.corrected"] = {**facts(-0.3, SHOWN, half=0.3), "rated": rated + 5}
    whole = found_in(record)["track_b"]["composite"]
    assert whole["corrected"] == (rated == 20 or whole["of"] == ["relevance"])
    if rated == 20:
        assert (whole["of"], whole["units"], whole["value"]) == (["accuracy", "relevance"], 20, pytest.approx(-0.5))
        assert whole["ci95"] == pytest.approx([-0.75, -0.25])


@pytest.mark.parametrize(
    ("own", "other", "name"),
    [(True, True, "word overlap"), (True, None, "measured scores"), (None, None, "measured scores")],
)
def test_a_track_is_called_word_overlap_where_all_its_metrics_are(own, other, name):
    """The metrics' own rows say so, whatever their names: another package's count as ours do."""
    flags = [{"lexical": True} if one else {} for one in (own, other)]
    record = run({"chrf": facts(0.1, SHOWN, **flags[0]), "accuracy": facts(0.1, SHOWN, **flags[1])})
    found = found_in(record)
    assert found["track_a"]["name"] == name
    assert f"No judge graded these replies{', and word overlap' if name == 'word overlap' else '.'}" in found["words"]


@given(st.floats(1e-6, 100))
def test_detectable_differences_are_rounded_up(value):
    """No more power is claimed than there is, and never by more than a tenth of a point or of the number."""
    shown = float(rounded_up(value))
    assert value * (1 - 1e-3) <= shown <= max(value + 0.1, value * 1.1) + 1e-12


OVERLAP = "Word overlap finds the new model better (shown)."
ONE = "Word overlap finds the new model better (shown)."
POINTS = "with 100 cases it could {}have seen a difference of {}"
LEANS = "leans towards better ({} scores), but no difference is shown"
BLIND = "No judge graded these replies, and word overlap does not see what is medically right."
FINDS = "People find the new model {} (shown on 3 of 4 scores)."
WORSE = f"The judge {LEANS.format('2 of 2').replace('better', 'worse')}, though {POINTS.format('', '0.3 points')}."
RULED = "The other rules out a difference that matters."
ASKED = f"{OVERLAP} {WORSE} {RULED}"
LOOK = "People must look: start with the most divergent cases."
QUIET = judged(0.1, 0.1, p_a=NOT_SHOWN, p_b=NOT_SHOWN)
QUIET_WORDS = (
    f"Word overlap {LEANS.format('2 of 2')}, though {POINTS.format('', '0.3 in rougeL')}. "
    f"The judge {LEANS.format('2 of 2')}, though {POINTS.format('', '0.3 points')}. "
    "Both had cases enough to see a difference that matters, and saw none."
)


@pytest.mark.parametrize(
    ("record", "human", "words"),
    [
        (AGREE, None, f"{OVERLAP} The judge finds the new model better (shown). Both agree."),
        (
            judged(0.1, 0.1, p_b=NOT_SHOWN), None,
            f"{OVERLAP} {WORSE.replace('worse', 'better')} {RULED} {LOOK}",
        ),
        (
            CONFLICT, None, (f"{OVERLAP} The judge finds the new model worse (shown). Both cannot be "
            "right. People must look: start with the most divergent cases."),
        ),
        (DIVERGENT, None, f"{OVERLAP} {WORSE} {RULED} {LOOK}"),
        (QUIET, None, QUIET_WORDS),
        (
            run({"accuracy": facts(0.1, NOT_SHOWN, n=30), "judge.accuracy": facts(0.0, NOT_SHOWN, half=0.9)}), None,
            (f"The measured scores {LEANS.replace('leans', 'lean').format('1 of 1')}: "
            f"{POINTS.format('only ', '0.3 in accuracy').replace('100', '30').replace(' it', ' they')}"
            f". The judge shows no difference: {POINTS.format('only ', '1.3 points')}. About 88 cases would be "
            "needed to see a difference that matters. About 669 judged cases would be needed to see a difference of "
            "0.5 points."),
        ),
        (run({"rougeL": facts(0.1, SHOWN)}), None, f"{ONE} {BLIND}"),
        (
            run({"accuracy": facts(0.1, SHOWN)}), None,
            "The measured scores find the new model better (shown). No judge graded these replies.",
        ),
        (
            run({"judge.accuracy": facts(0.1, SHOWN)}), None,
            "The judge finds the new model better (shown). No measured score compares the two models.",
        ),
        (
            run({"rougeL": facts(0.0, 1.0), "judge.accuracy": facts(0.5, SHOWN), "judge.style": facts(-0.5, SHOWN)},
                judges=2), None,
            (f"Word overlap shows no difference, though {POINTS.format('', '0.3 in rougeL')}. The judges contradict "
            "themselves: the new model is better on accuracy, worse on style (shown). Only one of the two sees a "
            "difference."),
        ),
        (
            run({"rougeL": facts(0.1, SHOWN), "bleu": facts(-0.1, SHOWN)}), None,
            f"Word overlap contradicts itself: the new model is better on rougeL, worse on bleu (shown). {BLIND}",
        ),
        (
            run({"rougeL": facts(0.1, NOT_SHOWN), "bleu": facts(-0.1, NOT_SHOWN)}), None,
            ("Word overlap finds some scores better and some worse, and no difference is shown, though "
            f"{POINTS.format('', '0.3 in rougeL')}. {BLIND}"),
        ),
        (
            run({"ece": facts(0.1, NOT_SHOWN), "bleu": facts(-0.1, NOT_SHOWN)}), None,
            ("The measured scores find some scores better and some worse, and no difference is shown, though "
            f"{POINTS.format('', '0.3 in ece').replace(' it', ' they')}. No judge graded these replies."),
        ),
        (
            run({"rougeL": facts(0.1, NOT_SHOWN, n=1), "judge.accuracy": facts(0.1, NOT_SHOWN, n=5)}, judges=2), None,
            ("Word overlap shows no difference: 1 case can show nothing. The judges show no difference: 5 cases can "
            "show nothing. More cases are needed. About 6 judged cases would be needed to see a difference of 0.5 "
            "points."),
        ),
        (
            run({"rougeL": facts(0.1, NOT_SHOWN, ci95=None), "judge.accuracy": facts(0.0, NOT_SHOWN, ci95=None)},
                [case(0, {})]), None,
            (f"Word overlap {LEANS.format('1 of 1')} in 100 cases. The judge shows no difference in 100 cases. More "
            "cases are needed. More judged cases are needed."),
        ),
        (
            run({"rougeL": facts(0.0, NOT_SHOWN), "judge.preference": facts(0.1, NOT_SHOWN, half=0.9)}), None,
            (f"Word overlap shows no difference, though {POINTS.format('', '0.3 in rougeL')}. The judge "
            f"{LEANS.format('1 of 1')}: {POINTS.format('only ', '1.3 in preference')}. About 4180 judged cases would "
            "be needed to see a difference that matters."),
        ),
        (
            DIVERGENT, people(0.8, SHOWN),
            f"{OVERLAP} {WORSE} {RULED} {FINDS.format('better')} They side with word overlap. This settles it.",
        ),
        (
            DIVERGENT, people(-0.8, SHOWN, harm=(1, 0)),
            (f"{ASKED} {FINDS.format('worse')} They side with the judge. They flagged harm in 1 cases of "
            "the new model and 0 of the old. This settles it."),
        ),
        (
            DIVERGENT, people(0.8, SHOWN, harm=(3, 1)),
            (f"{ASKED} {FINDS.format('better')} They side with word overlap. They flagged harm in 3 cases of "
            "the new model and 1 of the old. This does not settle it: people must look again."),
        ),
        (
            QUIET, people(0.8, SHOWN, harm=(0, 2)),
            (f"{QUIET_WORDS} {FINDS.format('better')} They side with word overlap and the judge. They flagged harm in "
            "0 cases of the new model and 2 of the old."),
        ),
        (
            run({"rougeL": facts(0.1, SHOWN)}), people(-0.8, SHOWN),
            (f"{ONE} No judge graded these replies. {FINDS.format('worse')} Where people and scores differ, people are "
            "right."),
        ),
        (
            run({"judge.accuracy": facts(0.1, SHOWN)}), people(0.8, SHOWN),
            ("The judge finds the new model better (shown). No measured score compares the two "
            f"models. {FINDS.format('better')} They side with the judge."),
        ),
    ],
)  # fmt: skip
def test_what_a_release_board_reads(record, human, words):
    """The verdict in sentences, word for word: what each track found, could have seen, and what follows."""
    said = re.sub(
        r"\([+-]\S+ [^)]* on average, 95 % interval \S+ to \S+\)", "(shown)", found_in(record, human)["words"]
    )
    assert said == words


def test_what_is_shown_is_said_with_its_interval():
    """Points of grades, standard deviations of measured scores."""
    words = found_in(AGREE)["words"]
    assert "finds the new model better (+0.39 standard deviations on average, 95 % interval +0.19 to +0.59)" in words
    assert "The judge finds the new model better (+0.60 points on average, 95 % interval +0.40 to +0.80)" in words


@pytest.mark.parametrize(
    ("record", "human", "reason"),
    [
        (AGREE, None, "agree: word overlap better (shown), judge better (shown)"),
        (QUIET, None, "no difference: word overlap better (not shown), judge better (not shown)"),
        (
            judged(0.0, 0.0, p_a=NOT_SHOWN, p_b=NOT_SHOWN), None,
            "no difference: word overlap in no direction (not shown), judge in no direction (not shown)",
        ),
        (
            DIVERGENT, None,
            "divergent: word overlap better (shown), judge worse (not shown); people must look (--medeval-review)",
        ),
        (
            CONFLICT, people(0.8, SHOWN),
            "conflict: word overlap better (shown), judge worse (shown); people find the candidate better",
        ),
        (
            DIVERGENT, people(0.8, NOT_SHOWN),
            (
                "divergent: word overlap better (shown), judge worse (not shown); people were asked, and have not "
                "settled it"
            ),
        ),
        (
            DIVERGENT, people(0.8, SHOWN, harm=(2, 1)), ("divergent: word overlap better (shown), judge worse (not "
            "shown); people were asked, and have not settled it; they flag harm in c0, c1"),
        ),
        (
            DIVERGENT, people(-0.8, SHOWN),
            "word overlap better (shown), judge worse (not shown); people find the candidate worse",
        ),
        (
            run({"judge.accuracy": facts(0.1, SHOWN)}), people(-0.8, SHOWN),
            "judge better (shown); people find the candidate worse",
        ),
    ],
)  # fmt: skip
def test_the_reason_of_the_gate(record, human, reason):
    """Both tracks in short, and what people said; n is of the track that had the last word."""
    gate = divergence_gate("dialogue", found_in(record, human), human or {})
    assert (gate.suite, gate.expression, gate.reason) == ("dialogue", "divergence", reason)
    assert gate.n == (20 if human else 100)


def test_people_who_agree_that_it_is_worse_do_not_fail_what_nobody_praised():
    """Only a track that shows better misleads: two tracks that show worse are no contradiction."""
    human = people(-0.8, SHOWN)
    found = found_in(judged(-0.1, -0.6), human)
    assert divergence_gate("dialogue", found, human).verdict == "pass"
    assert "people are right" not in found["words"]


@pytest.mark.parametrize(("p_value", "shown"), [(0.0499, True), (0.05, False), (0.0501, False)])
def test_a_level_of_5_percent_shows_a_metric(p_value, shown):
    """Below, not at 0.05."""
    found = found_in(run({"rougeL": facts(0.1, p_value)}))["track_a"]
    assert found["metrics"]["rougeL"]["significant"] == shown


@pytest.mark.parametrize(("effect", "shown"), [(0.5, True), (0.0, True), (None, True), (-0.5, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_metric_is_shown_where_mean_and_ranks_go_one_way(effect, shown, sign):
    """For gains and losses alike; a mean of zero shows none, however small p is."""
    effect_size = None if effect is None else sign * effect
    found = found_in(run({"rougeL": facts(sign * 0.1, SHOWN, effect_size=effect_size)}))
    assert found["track_a"]["metrics"]["rougeL"]["significant"] == shown
    still = found_in(run({"rougeL": facts(0.0, NOT_SHOWN, effect_size=effect_size)}))["track_a"]
    assert (still["significant"], still["direction"]) == (False, "none")


def test_power_of_a_track():
    """Relevant is 0.3 standard deviations and 0.5 points; 88 cases see the one, an interval of 0.35 the other."""
    for n, half, blind in ((87, 0.34, (True, False)), (88, 0.36, (False, True))):
        found = found_in(judged(0.0, 0.0, p_a=NOT_SHOWN, p_b=NOT_SHOWN, n=n, half=half))
        a = found_in(run({"rougeL": facts(0.0, NOT_SHOWN, n=n)}))["track_a"]
        assert (a["underpowered"], found["track_b"]["underpowered"]) == blind
        assert (a["relevant"], a["unit"]) == (0.3, "standard deviations of the change")
        assert a["detectable"] == pytest.approx((1.959964 + 0.841621) / math.sqrt(n), rel=1e-6)
        assert a["cases_needed"] == (88 if blind[0] else None)


def test_the_fewest_cases_count():
    """Of several metrics or dimensions the one on the fewest cases tells n and power."""
    sizes = {"rougeL": 100, "bleu": 9, "judge.accuracy": 30, "judge.style": 100}
    found = found_in(run({name: facts(0.1, NOT_SHOWN, n=n) for name, n in sizes.items()}))
    assert (found["track_a"]["n"], found["track_b"]["n"]) == (9, 30)
    assert found["track_a"]["detectable"] == pytest.approx((1.959964 + 0.841621) / 3, rel=1e-6)


def test_power_is_unknown_where_no_case_was_judged_on_all_dimensions():
    """Without a composite nothing is shown, and the track is underpowered."""
    halves = [case(i, {}, {("accuracy", "style")[i % 2]: (4, 3)}) for i in range(20)]
    found = found_in(run({"judge.accuracy": facts(1.0, SHOWN), "judge.style": facts(1.0, SHOWN)}, halves))["track_b"]
    assert (found["composite"], found["significant"]) == (None, False)
    assert (found["detectable"], found["underpowered"], found["cases_needed"]) == (None, True, None)


def test_without_an_interval_nothing_is_known_of_the_spread():
    """A metric of the whole suite has no scores by case that could tell it."""
    found = found_in(run({"corpus_bleu": facts(0.1, NOT_SHOWN, ci95=None)}, [case(0, {})]))["track_a"]["metrics"]
    assert found["corpus_bleu"]["detectable"] is None


def test_the_spread_of_the_cases_counts_where_all_are_there():
    """Of fewer cases than the comparison had, or of one, the interval tells it; a constant change of scores nothing."""
    cases = [case(i, {"rougeL": (0.1 * (i % 3), 0.0), "bleu": (0.2, 0.1)}) for i in range(9)]
    spread = 2.801585 * stdev(0.1 * (i % 3) for i in range(9)) / 3
    interval = 2.801585 * 0.2 / 1.959964
    for n, expected in ((9, spread), (10, interval)):
        found = found_in(run({"rougeL": facts(0.1, NOT_SHOWN, n=n), "bleu": facts(0.1, 0.5, n=n)}, cases))["track_a"]
        assert found["metrics"]["rougeL"]["detectable"] == pytest.approx(expected, rel=1e-6)
    still = found_in(run({"bleu": facts(0.1, 0.5, n=9, half=0.0)}, cases))["track_a"]["metrics"]["bleu"]
    assert still["detectable"] is None
    alone = found_in(run({"rougeL": facts(0.1, 0.5, n=1)}, cases[:1]))["track_a"]["metrics"]["rougeL"]
    assert alone["detectable"] == pytest.approx(interval, rel=1e-6)


def test_scores_of_one_model_alone_are_no_change():
    """A case without a score of a metric, a judgement or a role takes no part in what is told by case."""
    whole = [case(i, {"rougeL": (0.1 * i, 0.3)}, {"accuracy": (1 + i % 5, 3)}) for i in range(4)]
    lame = [case(i, {"rougeL": (0.9, None)}, {"accuracy": (5, None)}) for i in range(4, 8)]
    del lame[0]["baseline"], lame[1]["judge"], lame[2]["judge"]["baseline"], lame[3]["candidate"]["scores"]["rougeL"]
    lame.append({**case(8, {"rougeL": (0.9, 0.1)}), "judge": {"candidate": {}}})
    found = found_in(run({"rougeL": facts(0.1, SHOWN), "judge.accuracy": facts(0.1, SHOWN)}, [*whole, *lame]))
    assert found["opposite"]["n"] == 2  # grades of c2 and scores of c3 do not change
    assert found["correlation"][0]["replies"] == 2 * 4 + 2


def test_groups_are_resampled_together():
    """Cases of one group count once in the interval of the correlation: fewer units, a wider interval."""
    made = [((i * 7 % 11) / 10, 1 + i * 5 % 4) for i in range(24)]
    metrics = {"rougeL": facts(0.1, SHOWN, n=24), "judge.accuracy": facts(0.1, SHOWN, n=24)}

    def row(group):
        cases = [case(i, {"rougeL": (a, a)}, {"accuracy": (b, b)}, group(i)) for i, (a, b) in enumerate(made)]
        return found_in(run(metrics, cases))["correlation"][0]

    alone, grouped = row(lambda _: None), row(lambda i: f"g{i // 8}")
    assert alone["tau"] == grouped["tau"]
    assert (alone["low"], alone["high"]) != (grouped["low"], grouped["high"])
    assert row(lambda i: f"h{i}") == alone


def test_lower_scores_of_an_error_go_with_better_grades():
    """The sign of tau says better with better, whichever way the metric counts."""
    cases = [case(i, {"ece": (i / 9, i / 9)}, {"accuracy": (1 + i // 2, 1 + i // 2)}) for i in range(8)]
    metrics = {"ece": facts(0.1, SHOWN, n=8, direction=-1), "judge.accuracy": facts(0.1, SHOWN, n=8)}
    found = found_in(run(metrics, cases))
    assert found["correlation"][0]["tau"] < -0.9
    (row,) = found_in(run(metrics | {"ece": facts(0.1, SHOWN, n=8)}, cases))["correlation"]
    assert row["tau"] == -found["correlation"][0]["tau"]


def test_what_is_told_by_case():
    """Signed ranks by hand: sizes 0.1 < 0.2 = 0.2 < 0.4 rank 1/8, 4/8, 4/8, 7/8; the five furthest apart are named."""
    scores = [(0.1, 0.0), (0.0, 0.2), (0.2, 0.0), (0.4, 0.0)]
    grades = [(1, 5), (2, 1), (5, 2), (3, 1)]
    cases = [case(i, {"rougeL": a}, {"accuracy": b}) for i, (a, b) in enumerate(zip(scores, grades, strict=True))]
    metrics = {"rougeL": facts(0.1, SHOWN, n=4), "judge.accuracy": facts(0.1, SHOWN, n=4)}
    found = found_in(run(metrics, cases))
    assert found["opposite"] == {"count": 2, "n": 4, "share": 0.5}
    named = [(one["id"], one["a"], one["b"]) for one in found["most_divergent"]]
    assert named == [("c0", 0.125, -4), ("c1", -0.5, 1), ("c3", 0.875, 2), ("c2", 0.5, 3)]
    many = [case(i, {"rougeL": (1 + i, 0)}, {"accuracy": (0, 1 + i)}) for i in range(9)]
    named = found_in(run(metrics, many))["most_divergent"]
    assert [one["id"] for one in named] == ["c8", "c7", "c6", "c5", "c4"]


def test_preferences_are_no_grades_by_case():
    """A preference has no grade of each reply, so that nothing is correlated or ranked with it."""
    cases = [case(i, {"rougeL": (0.9, 0.1)}, {"preference": (1, 0)}) for i in range(4)]
    found = found_in(run({"rougeL": facts(0.1, SHOWN), "judge.preference": facts(0.1, SHOWN)}, cases))
    assert (found["correlation"], found["most_divergent"], found["opposite"]["n"]) == ([], [], 0)


def test_the_headline_stands_first():
    """It is the metric that words name, whatever the order in the record."""
    found = found_in(run({"bleu": facts(0.1, SHOWN), "rougeL": facts(0.1, SHOWN)}))
    assert list(found["track_a"]["metrics"]) == ["rougeL", "bleu"]


@pytest.mark.parametrize(
    ("harm", "settled"), [((0, 0), "better"), ((1, 1), "better"), ((1, 2), "better"), ((2, 1), None)]
)
def test_harm_speaks_against_the_model_that_people_find_better(harm, settled):
    """More flags on the better one: not settled. As many or fewer: settled; and the reverse for the old model."""
    assert found_in(DIVERGENT, people(0.8, SHOWN, harm=harm))["people"]["settled"] == settled
    back = found_in(DIVERGENT, people(-0.8, SHOWN, harm=harm[::-1]))["people"]["settled"]
    assert back == (settled and "worse")


def test_harm_counts_against_a_model_in_people_s_track():
    """Twelve flags on the new replies and none on the old: a loss of 12 / 20, among grades that show a gain."""
    harm = found_in(DIVERGENT, people(0.8, SHOWN, harm=(12, 0), harm_p=SHOWN))["track_c"]["metrics"]["harm"]
    assert (harm["difference"], harm["direction"], harm["significant"]) == (0.6, "worse", True)
    human = people(0.8, SHOWN, harm=(12, 0))
    human["suites"]["dialogue"] |= {"dimensions": {}, "preference": {**facts(0.0, None, n=0), "difference": None}}
    assert found_in(DIVERGENT, human)["track_c"] is None  # flags alone are no grades of both replies


@pytest.mark.parametrize(
    ("parts", "settled"),
    [
        ((0.1, 0.1), "better"),
        ((-0.1, 0.1), "better"),
        ((-0.1, -0.1), None),
        ((0.0, -0.1), None),
        ((None, 0.0), "better"),
    ],
)
def test_the_part_by_chance_speaks_against_people_where_all_of_it_does(parts, settled):
    """Without an overall mean every dimension that changed must point the other way."""
    human = people(0.8, SHOWN)
    graded = human["suites"]["dialogue"]["dimensions"]
    del graded["overall"]
    for name, part in zip(("accuracy", "relevance"), parts, strict=True):
        graded[name] = {**graded[name], "random": {"n": 8, "difference": part, "ci95": None}}
    assert found_in(DIVERGENT, human)["people"]["settled"] == settled
    graded["overall"] = {**graded["accuracy"], "random": {"n": 8, "difference": -0.1, "ci95": None}}
    assert found_in(DIVERGENT, human)["people"]["settled"] is None


def test_every_suite_is_compared_on_its_own():
    """Cases, people and power of one suite do not enter another."""
    record = judged(0.1, -0.1, p_b=NOT_SHOWN)
    record["suites"]["other"] = copy.deepcopy(record["suites"]["dialogue"])
    record["cases"] = [{**case(i, {"rougeL": (0.9, 0.1)}, {"accuracy": (1, 5)}), "suite": "other"} for i in range(3)]
    found = divergence(record, people(0.8, SHOWN), 1)
    assert [found[name]["people"] is None for name in ("dialogue", "other")] == [False, True]
    assert [found[name]["opposite"]["n"] for name in ("dialogue", "other")] == [0, 3]


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0.0"), (0.099, "0.099"), (0.1, "0.1"), (0.11, "0.2"), (0.15, "0.2"), (2.0, "2.0")]
)
def test_digits_of_a_detectable_difference(value, shown):
    """One from a tenth on, two of a smaller number; always upwards."""
    assert rounded_up(value) == shown
