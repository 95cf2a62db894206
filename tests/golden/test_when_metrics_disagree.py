"""The two tables of "When Metrics Disagree" (arXiv 2603.00314), rebuilt as scores.

The paper prints means, n and p-values, not the scores. These are scores that have them. Track A: quantiles of
a log-normal distribution a model, a third more spread (on the log scale) for the tuned one, and the spread
searched for the table's p. Track B: counts of the grades 1 to 5, found by trying all counts that use every
grade, have one mode, and have the table's means. P-values are those of ``scipy.stats.mannwhitneyu``
(asymptotic, with continuity and tie correction), the paper's test. Which score of one model goes with which
of the other is not in the paper either: a seed draws it, with better replies on both sides for easier cases.
"""

import json
from dataclasses import asdict
from importlib import resources

import jsonschema
import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import mannwhitneyu

from pytest_medeval.metrics.base import Measure, mean, mean_of
from pytest_medeval.report.lines import WIDTH
from pytest_medeval.report.terminal import inked
from pytest_medeval.report.tracks import divergence as lines
from pytest_medeval.stats.compare import compare_all
from pytest_medeval.stats.correct import holm
from pytest_medeval.verdicts.divergence import divergence, divergence_gate

PAIRS, JUDGED, SEED = 84, 20, 7

TRACK_A = {
    "bleu": (0.0033, 0.0216, 0.0040),
    "rouge1": (0.1819, 0.2211, 0.0070),
    "rouge2": (0.0298, 0.0549, 0.0162),
    "rougeL": (0.1696, 0.2061, 0.0100),
    "meteor": (0.1004, 0.1227, 0.0450),
}
"""metric: mean of the base, mean of the tuned model, p."""

TRACK_B = {
    "accuracy": (2.80, 2.65, 0.6868, (2, 8, 4, 4, 2), (5, 5, 4, 4, 2)),
    "comprehensiveness": (3.55, 3.30, 0.4026, (2, 2, 3, 9, 4), (1, 4, 7, 4, 4)),
    "helpfulness": (3.25, 3.15, 0.7605, (2, 3, 7, 4, 4), (1, 6, 5, 5, 3)),
    "relevance": (2.75, 2.60, 0.6889, (1, 10, 4, 3, 2), (3, 8, 5, 2, 2)),
}
"""dimension: mean of the base, mean of the tuned model, p, how often each model got 1, 2, 3, 4, 5."""


def log_normal(average, spread):
    """Give 84 quantiles of a log-normal distribution, ascending, with exactly this mean."""
    values = np.exp(spread * ndtri((np.arange(PAIRS) + 0.5) / PAIRS))
    return average * values / values.mean()


def measured(base, tuned, p):
    """Search the spread at which the means have the table's p: the wider, the less a difference shows."""
    low, high = 0.02, 3.0
    for _ in range(40):
        spread = (low + high) / 2
        scores = log_normal(base, spread), log_normal(tuned, 1.3 * spread)
        found = mannwhitneyu(scores[1], scores[0])
        ahead = found.statistic > PAIRS**2 / 2
        low, high = (spread, high) if ahead and found.pvalue < p else (low, spread)
    return scores


def dealt(ascending, ease, draw):
    """Deal ascending scores to cases, the better ones rather to the easier cases."""
    order = np.argsort(np.argsort(ease + draw.normal(size=len(ease))))
    return np.asarray(ascending, dtype=float)[order]


def samples():
    """Make all scores: name -> (base, tuned), a score a case."""
    draw = np.random.default_rng(SEED)
    ease = draw.normal(size=PAIRS)
    found = {}
    for name, (base, tuned, p) in TRACK_A.items():
        found[name] = tuple(dealt(scores, ease, draw) for scores in measured(base, tuned, p))
    for name, (*_, base, tuned) in TRACK_B.items():
        grades = (np.repeat(np.arange(1, 6), counts) for counts in (base, tuned))
        found[f"judge.{name}"] = tuple(dealt(one, ease[:JUDGED], draw) for one in grades)
    return found


def compared(scores):
    """Compare base and tuned by the plugin's own statistics, as the record holds them."""
    found = {}
    for name, (base, tuned) in scores.items():
        measure = Measure(name=name, counts=name, signature=name, make=None, fold=mean, spread=mean_of(0))
        rows = {name: tuned[:, None]}, {name: base[:, None]}
        found[name] = compare_all([measure], *rows, seed=SEED, resamples=2000)[name]
    corrected = holm([one.p_value for one in found.values()])
    return {name: {**asdict(one), "p_corrected": p} for (name, one), p in zip(found.items(), corrected, strict=True)}


@pytest.fixture(scope="module")
def record():
    """Put the study into a run record: 84 complete pairs, of which the first 20 are judged."""
    scores = samples()
    cases = []
    for number in range(PAIRS):
        name = f"case-{number:03}"
        nodeid = f"suites/dialogue/test_dialogue.py::test_dialogue[{name}]"
        case = {"suite": "dialogue", "id": name, "nodeid": nodeid, "cluster": None}
        for side, role in enumerate(("baseline", "candidate")):
            own = {metric: float(scores[metric][side][number]) for metric in TRACK_A}
            case[role] = {"scores": own, "outcome": "answered", "reply": ""}
        if number < JUDGED:
            case["judge"] = {
                role: {one: float(scores[f"judge.{one}"][side][number]) for one in TRACK_B}
                for side, role in enumerate(("baseline", "candidate"))
            }
        cases.append(case)
    suite = {"task": "dialogue", "headline": "rougeL", "complete": True, "metrics": compared(scores)}
    return {"suites": {"dialogue": suite}, "cases": cases, "judges": [{"spec": "judge", "admissible": True}]}


@pytest.fixture(scope="module")
def found(record):
    """Compare the tracks of the study."""
    return divergence(record, {}, SEED)["dialogue"]


@pytest.mark.parametrize("metric", TRACK_A)
def test_the_built_scores_have_the_means_and_p_of_track_a(record, metric):
    """Means agree with the table to four digits, and Mann-Whitney's p within 0.001."""
    base, tuned, p = TRACK_A[metric]
    facts = record["suites"]["dialogue"]["metrics"][metric]
    assert (round(facts["baseline"], 4), round(facts["candidate"], 4), facts["n"]) == (base, tuned, PAIRS)
    assert facts["mann_whitney_p"] == pytest.approx(p, abs=0.001)


@pytest.mark.parametrize("dimension", TRACK_B)
def test_the_built_grades_have_the_means_and_p_of_track_b(record, dimension):
    """Means agree with the table to two digits, and Mann-Whitney's p within 0.0015."""
    base, tuned, p, *_ = TRACK_B[dimension]
    facts = record["suites"]["dialogue"]["metrics"][f"judge.{dimension}"]
    assert (round(facts["baseline"], 2), round(facts["candidate"], 2), facts["n"]) == (base, tuned, JUDGED)
    assert facts["mann_whitney_p"] == pytest.approx(p, abs=0.0015)


def test_the_study_is_divergent_and_asks_for_people(found):
    """Five of five scores better and shown, four of four grades worse and not shown: people must look."""
    assert (found["verdict"], found["review"]) == ("divergent", True)
    assert (found["track_a"]["direction"], found["track_a"]["significant"]) == ("better", True)
    assert (found["track_b"]["direction"], found["track_b"]["significant"]) == ("worse", False)
    assert [one["significant"] for one in found["track_a"]["metrics"].values()] == [True] * 5
    assert [one["direction"] for one in found["track_b"]["metrics"].values()] == ["worse"] * 4


def test_what_twenty_judged_cases_could_have_seen(found):
    """No grade alone could have seen half a point; their mean could, and rules out that the gain is as large."""
    judge = found["track_b"]
    assert judge["n"] == JUDGED
    assert min(one["detectable"] for one in judge["metrics"].values()) > judge["relevant"] == 0.5
    assert judge["detectable"] < judge["relevant"]
    assert judge["composite"]["ci95"][1] < judge["relevant"]
    assert "The other rules out a difference that matters." in found["words"]
    assert "People must look" in found["words"]


def test_the_papers_own_test_gives_the_same_verdict(record):
    """With Mann-Whitney's p-values in place of the paired ones, nothing of the verdict changes."""
    suite = record["suites"]["dialogue"]
    unpaired = {name: {**one, "p_value": one["mann_whitney_p"]} for name, one in suite["metrics"].items()}
    study = {**record, "suites": {"dialogue": {**suite, "metrics": unpaired}}}
    found = divergence(study, {}, SEED)["dialogue"]
    assert (found["verdict"], found["track_b"]["underpowered"], found["review"]) == ("divergent", False, True)
    assert all(one["significant"] for one in found["track_a"]["metrics"].values())


def test_the_gate_is_inconclusive(found):
    """Nobody has looked yet, so the release is neither passed nor failed."""
    gate = divergence_gate("dialogue", found, {})
    assert (gate.expression, gate.verdict) == ("divergence", "inconclusive")


def test_the_lines_fit_and_name_the_cases_to_read(found):
    """The section has the verdict, what the judge could have seen, and the most divergent node ids."""
    shown = [line.text for line in inked(lines({"dialogue": found}))]
    assert max(map(len, shown)) <= WIDTH
    text = "\n".join(shown)
    assert "dialogue: DIVERGENT" in text
    assert "no difference shown (could have seen" in text
    assert all(case["nodeid"] in text for case in found["most_divergent"])


def test_the_entry_fits_the_schema_of_the_record(found):
    """What is computed is what the record's schema describes, also after a round trip through JSON."""
    file = resources.files("pytest_medeval.runs") / "record.schema.json"
    schema = json.loads(file.read_text("utf-8"))
    wanted = {"$ref": "#/$defs/DivergenceRecord", "$defs": schema["$defs"]}
    plain = json.loads(json.dumps(found, allow_nan=False))
    jsonschema.validate(plain, wanted)
    assert plain == found
