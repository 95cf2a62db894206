"""Joining people's and judges' scores, and the audit: what is paired, what falls out, who is admitted."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.audit import MIN_CLUSTERS, agreement, among, audit, refusal, standing
from pytest_medeval.judges.ratings.join import join
from pytest_medeval.judges.ratings.types import Rating, RatingSet, Scale, nominal
from pytest_medeval.stats.agreement import Estimate

GRADES = Scale(1, 5)
SCALES = {"accuracy": GRADES, "tone": GRADES}


def rating(item, rater, score, *, dimension="accuracy", cluster=None, about="", line=1):
    """Make a rating."""
    return Rating(item, rater, dimension, score, cluster or item, Source(f"{rater}.json", line), about)


def test_people_are_averaged_and_the_rest_is_listed():
    """Two people's mean against the judge; what is unknown, unjudged or unshared has its reason."""
    people = [rating("a", "p", 3), rating("a", "q", 4), rating("b", "p", 2), rating("a", "p", 1, dimension="tone")]
    judge = [rating("a", "j", 5), rating("c", "j", 1), rating("a", "j", 1, dimension="style")]
    joined = join(people, judge, SCALES)
    (pairs,) = joined.pairs
    assert (pairs.items, pairs.human.tolist(), pairs.score.tolist()) == (("a",), [3.5], [5.0])
    assert Counter(entry.reason for entry in joined.left) == {
        "people gave no score for this reply": 1,
        "j gave no score for this reply": 1,
        "people gave no style": 1,
    }


def test_same_id_with_another_text_is_not_paired():
    """Ids that agree while the texts differ are two replies; an unknown text on either side joins by id."""
    people = [rating("a", "p", 3, about="x"), rating("b", "p", 3, about="x"), rating("c", "p", 3)]
    judge = [rating("a", "j", 3, about="y"), rating("b", "j", 3, about="x"), rating("c", "j", 3, about="z")]
    joined = join(people, judge, SCALES)
    assert joined.pairs[0].items == ("b", "c")
    assert [entry.reason for entry in joined.left] == ["the two files differ in what was rated"]


def test_of_labels_the_most_given_counts():
    """Two of three people; a tie is left out, and one label that nobody gave has no recall."""
    said = {"a": (0, 0, 2), "b": (0, 1, 2), "c": (1, 1), "d": (0, 1), "e": (1,), "f": (0,)}
    people = [rating(item, f"p{index}", code) for item, codes in said.items() for index, code in enumerate(codes)]
    judge = [rating(item, "j", code) for item, code in zip(said, (0, 0, 1, 0, 0, 0), strict=True)]
    joined = join(people, judge, {"accuracy": nominal("yes", "no", "open")})
    (pairs,) = joined.pairs
    assert (pairs.items, pairs.human.tolist()) == (("a", "c", "e", "f"), [0, 1, 1, 0])
    reason = "as many people gave one label as another"
    assert [(one.reason, one.detail) for one in joined.left] == [(reason, "b"), (reason, "d")]
    found = agreement(pairs, resamples=200)
    assert {name: one.value for name, one in found.estimates.items()} == pytest.approx(
        {"kappa": 0.5, "alpha": 8 / 15, "percent_agreement": 0.75, "recall of yes": 1, "recall of no": 0.5,
         "recall of open": None, "balanced_accuracy": 0.75, "macro_f1": (4 / 5 + 2 / 3) / 2,
         "macro_f1_each": (2 / 3 + 4 / 7) / 3}
    )  # fmt: skip
    assert found.estimates["recall of open"].reason == "undefined: people gave it to no reply"
    assert (found.nominal, found.systems.biases) == (True, {})


def test_every_judge_score_is_paired_or_listed():
    """Nothing vanishes: pairs and entries left out add up to what the judge gave."""
    rng = np.random.default_rng(2)
    people = [rating(f"r{item}", "p", 3, about=str(item % 3)) for item in rng.choice(60, 40, replace=False)]
    judge = [rating(f"r{item}", "j", 2, about=str(item % 2)) for item in range(60)]
    joined = join(people, judge, SCALES)
    theirs = [entry for entry in joined.left if entry.source.file == "j.json"]
    assert len(joined.pairs[0].items) + len(theirs) == 60


def test_a_cluster_that_one_file_leaves_out_is_taken_from_the_other():
    """Replies of one conversation stay together when only one of the files says that they do."""
    for ours, theirs in (("k", None), (None, "k")):
        people = [rating(item, "p", 3, cluster=ours) for item in "abc"]
        judge = [rating(item, "j", 3, cluster=theirs) for item in "abc"]
        assert join(people, judge, SCALES).pairs[0].cluster_count == 1


def panel(noise, *, items=60, bias=0.0, seed=0):
    """Make people's grades and a judge's, which differ by noise and bias."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, 6, items)
    graded = np.clip(np.rint(truth + noise * rng.normal(size=items) + bias), 1, 5)
    people = [rating(str(index), "p", float(grade)) for index, grade in enumerate(truth)]
    return people, [rating(str(index), "j", float(grade)) for index, grade in enumerate(graded)]


@pytest.mark.parametrize(("noise", "bias", "admissible"), [(0.5, 0.0, True), (10.0, 0.0, False), (0.0, 4.0, False)])
def test_a_judge_that_agrees_is_admissible(noise, bias, admissible):
    """Little noise admits; pure noise does not, nor does a judge that gives everyone the top grade."""
    (pairs,) = join(*panel(noise, bias=bias), SCALES).pairs
    found = agreement(pairs, resamples=500)
    assert found.standing.admissible is admissible
    assert found.estimates["bias"].value == pytest.approx(np.mean(pairs.score - pairs.human))


def test_floor_is_an_option():
    """The same judge is admissible at one floor and advisory at a higher one."""
    (pairs,) = join(*panel(1.0), SCALES).pairs
    low = agreement(pairs, resamples=500).standing.low
    assert agreement(pairs, resamples=500, floor=low).standing.admissible
    assert not agreement(pairs, resamples=500, floor=low + 0.01).standing.admissible


def test_few_perfect_cases_admit_nobody():
    """Three replies in full agreement have the interval [1, 1], which means nothing."""
    (pairs,) = join(*panel(0.0, items=MIN_CLUSTERS - 1), SCALES).pairs
    found = agreement(pairs, resamples=200)
    assert found.estimates["kappa_quadratic"].low == 1
    assert not found.standing.admissible
    assert found.standing.reason == "9 clusters; at least 10 are needed, 60 are asked for"


def test_standing_without_an_interval_says_why():
    """A judge whose agreement is undefined is advisory, and the reason is the statistic's own."""
    nothing = Estimate(None, reason="undefined: the scores do not vary")
    found = standing(nothing, nothing, 50)
    assert (found.admissible, found.reason, found.low) == (False, nothing.reason, None)
    assert standing(nothing, Estimate(0.6, 0.5, 0.7), 60).reason == "lower end of alpha 0.50 reaches 0.40"


SIMULATED = {30: (0.2475, 0.2957), 60: (0.415, 0.1999), 120: (0.725, 0.1346)}
"""Labels -> share of judges that are admitted, and mean distance of value and lower end of the interval.

400 sets each: two correlated normals (0.6335, so that the quadratic kappa of their grades is 0.58) cut into grades 1 to
5 at their quintiles; kappa and alpha with 400 resamples, floor 0.4.
"""


@pytest.mark.parametrize("labels", SIMULATED)
def test_how_likely_a_judge_is_refused_is_what_a_simulation_finds(labels):
    """Within two standard errors of 400 trials; fewer than 60 labels are named, and 60 are not."""
    admitted, below = SIMULATED[labels]
    found = standing(Estimate(0.58, 0.58 - below, 0.7), Estimate(None), labels)
    assert found.refused == pytest.approx(1 - admitted, abs=0.05)
    assert ("60 are asked for" in found.reason) is (labels < 60)


def test_refusal_at_its_edges():
    """A lower end on the floor is even odds; without spread the answer is certain; too few clusters refuse all."""
    assert refusal(0.6, 0.4, 0.4) == 0.5
    assert [refusal(1.0, 1.0, floor) for floor in (1.0, 0.4)] == [0.0, 0.0]
    assert refusal(0.3, 0.3, 0.4) == 1.0
    assert refusal(0.58, 0.28, 0.4) == pytest.approx(0.7835, abs=1e-3)
    assert standing(Estimate(1.0, 1.0, 1.0), Estimate(None), MIN_CLUSTERS - 1).refused == 1.0
    assert standing(Estimate(None), Estimate(None), 50).refused is None


def test_raters_among_themselves():
    """Two raters of each reply, changing pairs: alpha over all; one rater alone gives nothing."""
    people = [rating(str(item), f"p{item % 3}", 1 + item % 5) for item in range(30)]
    people += [rating(str(item), f"p{(item + 1) % 3}", 1 + item % 5) for item in range(30)]
    (found,) = among(people, SCALES, resamples=200)
    assert (found.raters, found.scores, found.repeats.items) == (("p0", "p1", "p2"), 60, 30)
    assert found.repeats.alpha.value == pytest.approx(1)
    assert found.repeats.identical.value == 1
    assert among(people[:30:3], SCALES) == ()


def test_one_dimension_on_two_scales_is_a_mistake():
    """People's 0 to 10 against a judge's 1 to 5 is not compared."""
    human = RatingSet(file="p.json", role="human", ratings=(rating("a", "p", 3),), scales={"accuracy": Scale(0, 10)})
    judge = RatingSet(file="j.json", role="judge", ratings=(rating("a", "j", 3),), scales={"accuracy": GRADES})
    with pytest.raises(MedevalError, match=r"j.json: 'accuracy' is graded 1 to 5, elsewhere 0 to 10"):
        audit(human, [judge])
