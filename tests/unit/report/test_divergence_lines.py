"""The divergence section: it fits the terminal, and says what could have been seen."""

import pytest

from pytest_medeval.report.lines import WIDTH
from pytest_medeval.report.terminal import inked
from pytest_medeval.report.tracks import divergence as lines

SPREAD = "standard deviations of the change"


def track(name="judge", *, significant=False, unit="points", metric="accuracy", difference=-0.25, detectable=0.55):
    """Make a track of one metric, as the record holds it."""
    direction = "better" if difference > 0 else "worse"
    return {
        "name": name, "n": 20, "direction": direction, "significant": significant, "detectable": detectable,
        "underpowered": not significant, "relevant": 0.5, "unit": unit, "cases_needed": 25,
        "metrics": {metric: {"n": 20, "difference": difference, "p_corrected": 0.3, "direction": direction,
                             "significant": significant, "detectable": detectable}},
    }  # fmt: skip


def entry(**changes):
    """Make a suite's entry: word overlap shows better, the judge leans the other way."""
    overlap = track("word overlap", significant=True, unit=SPREAD, metric="rougeL", difference=0.0365)
    taus = {"accuracy": 0.1, "relevance": None, "helpfulness": -0.2}
    changes_of = {"c1": (0.9, -1.25), "c2": (-0.1, 0.5), "c3": (0.0, 0.5)}
    found = {
        "verdict": "divergent", "review": True, "complete": True, "reason": "", "people": None,
        "words": "Word overlap finds the new model better. People must look.",
        "track_a": overlap, "track_b": track(), "track_c": None,
        "correlation": [
            {"metric": "rougeL", "dimension": name, "tau": tau, "low": -0.5, "high": 0.5}
            for name, tau in taus.items()
        ],
        "opposite": {"count": 9, "n": 17, "share": 9 / 17},
        "most_divergent": [
            {"nodeid": f"test_d.py::test[{name}]", "id": name, "a": a, "b": b}
            for name, (a, b) in changes_of.items()
        ],
    }  # fmt: skip
    return {**found, **changes}


def texts(found, suite="dialogue"):
    """Print one suite."""
    return [line.text for line in inked(lines({suite: found}))]


def test_nothing_compared_prints_nothing():
    """A run without a baseline has no divergence section."""
    assert list(lines({})) == []


def test_what_is_not_shown_says_what_could_have_been_seen():
    """A difference that is not significant never stands without its power, rounded up."""
    shown = texts(entry())
    assert any(one.endswith("no difference shown (could have seen 0.6 points)") for one in shown)
    other = track("word overlap", unit=SPREAD, metric="rougeL", detectable=0.0123)
    assert any("no difference shown (could have seen 0.013 in rougeL)" in one for one in texts(entry(track_a=other)))


def test_the_section_names_verdict_tracks_and_cases():
    """Verdict, what each track shows, strongest and weakest correlation, opposite share, where to read."""
    text = "\n".join(texts(entry()))
    assert "dialogue: DIVERGENT" in text
    assert "shown on 1 of 1 scores" in text
    assert "rougeL +0.0365*" in text
    assert "C people" in text
    assert "not asked" in text
    assert "rougeL with accuracy +0.10 [-0.50, +0.50], rougeL with helpfulness -0.20 [-0.50, +0.50]" in " ".join(
        text.split()
    )
    assert "9 of 17 cases that changed on both tracks (53%)" in text
    assert "much up        -1.25  test_d.py::test[c1]" in text
    assert "a little down  +0.50  test_d.py::test[c2]" in text
    assert "unchanged      +0.50  test_d.py::test[c3]" in text
    assert "--medeval-json" in text
    assert "--medeval-review" in text


@pytest.mark.parametrize(
    ("n", "units", "corrected", "told"),
    [(20, 20, False, " 20 "), (84, 20, False, "84 in 20 clusters"), (240, 20, True, "240, 20 rated")],
)
def test_cases_are_counted_as_cases_and_what_they_rest_on_is_named(n, units, corrected, told):
    """Clusters are no cases, and of a corrected track the rated ones carry the interval."""
    whole = {"value": -0.2, "ci95": [-0.5, 0.1], "n": n, "units": units, "of": ["accuracy"], "corrected": corrected}
    shown = texts(entry(track_b={**track(), "composite": whole}))
    assert any(one.startswith("B judge") and told in one for one in map(str.strip, shown)), shown


def test_lower_is_better_is_said_at_the_number():
    """A rise that is a loss is marked, since its sign misleads."""
    worse = track("measured scores", significant=True, unit=SPREAD, metric="ece", difference=0.2)
    worse["metrics"]["ece"]["direction"] = "worse"
    assert any("ece +0.2000* (worse)" in one for one in texts(entry(track_a=worse)))


def test_people_who_settled_it_stand_beside_the_verdict():
    """The first line says that people decided, and how."""
    people = {"sides_with": ["track_b"], "settled": "worse", "harm": {"candidate": 1, "baseline": 0}}
    shown = texts(entry(track_c=track("people", significant=True), people=people))
    assert "dialogue: DIVERGENT, settled by people: worse" in shown
    assert not any("not asked" in one for one in shown)


def test_one_track_alone_is_short():
    """A suite without judge and people has its table above; here it has its verdict and words."""
    alone = entry(verdict="one track only", track_b=None, correlation=[], most_divergent=[],
                  opposite={"count": 0, "n": 0, "share": None})  # fmt: skip
    assert len(texts(alone)) == 4  # the section's head, an empty line, the verdict, its words


def test_a_part_of_a_suite_is_said():
    """Whoever reads the verdict must know that not all cases ran."""
    assert any("63 of 84" in one for one in texts(entry(complete=False, reason="63 of 84 cases were evaluated")))


@pytest.mark.parametrize("length", [1, 40, 90, 300])
def test_no_line_is_wider_than_the_terminal(length):
    """Long names of suites, metrics, dimensions and node ids do not break the page; nothing is cut off."""
    name = "x" * length
    found = entry(
        words="It " + "and that " * length,
        track_a=track("measured scores", unit=SPREAD, metric=name),
        track_b=track(metric=name),
        correlation=[{"metric": name, "dimension": name, "tau": 0.5, "low": None, "high": None}] * 2,
        most_divergent=[{"nodeid": f"test_{name}.py::test[{name}-c1]", "id": "c1", "a": 0.4, "b": -1.0}],
    )
    shown = texts(found, suite=name)
    assert max(map(len, shown)) <= WIDTH
    assert found["most_divergent"][0]["nodeid"] in "".join(line.strip() for line in shown)
