"""A judge's bias by who wrote the reply: scipy.stats gives the same intervals where replies are independent."""

import numpy as np
import pytest
from scipy.stats import ttest_ind

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings import read_ratings
from pytest_medeval.judges.ratings.join import Pairs, join
from pytest_medeval.judges.ratings.systems import FEWEST, by_system
from pytest_medeval.judges.ratings.types import Rating, Scale

GRADES = Scale(1, 5)


def pairs(sizes, leaning=0.4, seed=5):
    """Make a judge that grades the candidate's replies by ``leaning`` too high; replies of nobody are graded 5 up."""
    rng = np.random.default_rng(seed)
    systems = [name for name, size in sizes.items() for _ in range(size)]
    human = rng.integers(1, 6, len(systems)).astype(float)
    lift = {"candidate": leaning, "": 5.0}
    score = human + rng.normal([lift.get(name, 0.0) for name in systems], 0.8)
    return Pairs(
        judge="j", dimension="accuracy", scale=GRADES, items=tuple(map(str, range(len(human)))), human=human,
        score=score, clusters=np.arange(len(human)), systems=tuple(systems),
    )  # fmt: skip


@pytest.mark.parametrize("sizes", [{"baseline": 60, "candidate": 70, "": 9}, {"q": 80, "candidate": 70, "b": 60}])
def test_gaps_are_those_of_two_samples(sizes):
    """Value of each mean; intervals near Welch's, of all gaps together at 1 - 0.05 / gaps; the candidate is first."""
    found = pairs(sizes)
    told = by_system(found, seed=1, resamples=4000)
    residual = found.score - found.human
    own = {name: residual[np.array(found.systems) == name] for name in sizes if name}
    assert told.biases.keys() == own.keys()
    for name, values in own.items():
        assert told.biases[name].value == pytest.approx(values.mean(), abs=1e-12)
    assert len(told.gaps) == len(own) * (len(own) - 1) // 2
    for gap in told.gaps:
        welch = ttest_ind(own[gap.first], own[gap.second], equal_var=False)
        interval = welch.confidence_interval(1 - 0.05 / len(told.gaps))
        assert gap.second != "candidate"
        assert gap.estimate.value == pytest.approx(own[gap.first].mean() - own[gap.second].mean(), abs=1e-12)
        assert (gap.estimate.low, gap.estimate.high) == pytest.approx(tuple(interval), abs=0.06)


def test_of_few_replies_no_gap_is_measured():
    """One below 20 gives a bias and no gap; so do 40 replies of ten clusters."""
    assert by_system(pairs({"candidate": FEWEST, "baseline": FEWEST}), seed=0, resamples=200).gaps
    told = by_system(pairs({"candidate": FEWEST - 1, "baseline": FEWEST}), seed=0, resamples=200)
    assert (len(told.biases), told.gaps) == (2, ())
    alike = pairs({"candidate": 40, "baseline": 40})
    object.__setattr__(alike, "clusters", np.arange(80) % 10)
    assert by_system(alike, seed=0, resamples=200).gaps == ()


def test_labels_name_who_wrote_the_reply_once(tmp_path):
    """A line of the item is enough, before or after the others; two names are a mistake with file and line."""
    file = tmp_path / "labels.jsonl"
    lines = [
        '{"item": "a", "score": 3}', '{"item": "a", "score": 4, "dimension": "tone", "system": "candidate"}',
        '{"item": "b", "score": 3, "system": "baseline"}', '{"item": "b", "score": 3, "dimension": "tone"}',
    ]  # fmt: skip
    file.write_text("\n".join(lines), "utf-8")
    found = {(one.item, one.dimension): one.system for one in read_ratings(file).ratings}
    assert found == {("a", "overall"): "candidate", ("a", "tone"): "candidate", ("b", "overall"): "baseline",
                     ("b", "tone"): "baseline"}  # fmt: skip
    file.write_text("\n".join([*lines, '{"item": "b", "rater": "q", "score": 1, "system": "x"}']), "utf-8")
    with pytest.raises(MedevalError, match=r"labels\.jsonl:5: 'b' is by 'x', and by 'baseline' above"):
        read_ratings(file)


def test_files_that_differ_on_who_wrote_a_reply_are_not_paired():
    """One file that says it is enough; two that differ are told."""
    source = Source("x", 1)
    people = [Rating(item, "p", "tone", 3, item, source, system=system) for item, system in (("a", "m"), ("b", "n"))]
    judge = [Rating(item, "j", "tone", 3, item, source, system="m" if item == "b" else "") for item in "ab"]
    joined = join(people, judge, {"tone": GRADES})
    assert joined.pairs[0].systems == ("m",)
    assert [(one.reason, one.detail) for one in joined.left] == [
        ("who wrote the reply is named differently", "b: m, n")
    ]
