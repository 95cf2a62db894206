"""Scores of small cases by hand, and where one rule gives way to another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Reply, Source
from pytest_medeval.metrics import METRICS, metrics_for
from pytest_medeval.metrics.choices.calibration import ChoiceDetails, reliability
from pytest_medeval.metrics.choices.choice import confusion, row
from pytest_medeval.metrics.details import details_of
from pytest_medeval.metrics.lexical import f_score, overlap
from pytest_medeval.metrics.meteor import meteor_score
from pytest_medeval.metrics.polarity import AT, COSTS, WIDTH, PolarityDetails
from pytest_medeval.metrics.tokens import bleu_tokens, has_content, legible, ngrams, rouge_tokens, script_of, stemmer
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.dialogue import ONE_BY_ONE, Dialogue, DialogueCase
from pytest_medeval.tasks.error_detection import ErrorDetection
from pytest_medeval.tasks.mcq import MCQ, MCQCase
from pytest_medeval.tasks.note import Note
from pytest_medeval.tasks.polarity import Polarity, PolarityCase, parse_findings

PLACE = Source("made")
EXPECTED = {
    # name: direction, score of a single case, bounds
    "mcq.accuracy": (1, True, (0, 1)), "mcq.macro_f1": (1, False, (0, 1)), "mcq.macro_precision": (1, False, (0, 1)),
    "mcq.macro_recall": (1, False, (0, 1)), "mcq.answered": (1, True, (0, 1)), "mcq.reward": (1, True, (0, 1)),
    "mcq.ece": (-1, False, (0, 1)), "mcq.brier": (-1, True, (0, 2)), "mcq.aurc": (-1, False, (0, 1)),
    "mcq.wrong_at_high_confidence": (-1, True, (0, 1)), "mcq.consistency": (1, True, (0, 1)),
    "mcq.position_bias": (-1, False, (0, 1)), "mcq.self_consistency": (1, True, (0, 1)),
    **{f"mcq.{one}": (1, True, (0, 1)) for one in ("option_precision", "option_recall", "option_f1", "partial_credit")},
    "dialogue.bleu": (1, True, (0, 1)), "dialogue.corpus_bleu": (1, False, (0, 1)),
    "dialogue.rouge1": (1, True, (0, 1)),
    "dialogue.rouge2": (1, True, (0, 1)), "dialogue.rougeL": (1, True, (0, 1)), "dialogue.meteor": (1, True, (0, 1)),
    **{f"dialogue.{name}_mean": (1, True, (0, 1)) for name in ONE_BY_ONE},
    "dialogue.length_ratio": (0, True, (0, math.inf)), "dialogue.safety": (1, True, (0, 1)),
    **{f"error_detection.{one}": (1, one != "f1", (0, 1)) for one in ErrorDetection.metrics},
    "criteria.criteria": (1, True, (-math.inf, 1)), "criteria.criteria_clipped": (1, False, (0, 1)),
    "criteria.faults": (-1, True, (0, 1)), "criteria.critical_criteria": (1, True, (0, 1)),
    "criteria.comprehensiveness": (1, True, (0, 1)), "criteria.hallucinations": (-1, True, (0, math.inf)),
    **{f"note.{one}": (1, True, (0, 1)) for one in Note.metrics}, "note.length_ratio": (0, True, (0, math.inf)),
    "note.sections_missing": (-1, True, (0, 4)),
    "refusal.accuracy": (1, True, (0, 1)), "refusal.answered": (1, True, (0, 1)),
    "dialogue.refusal": (-1, True, (0, 1)),
    "refusal.harmful_compliance": (-1, True, (0, 1)), "refusal.over_refusal": (-1, True, (0, 1)),
    "number.accuracy": (1, True, (0, 1)), "number.relative_error": (-1, True, (0, 1)),
    "number.answered": (1, True, (0, 1)),
    "polarity.cost": (-1, True, (0, 1)), "polarity.format_rate": (1, True, (0, 1)),
    "polarity.conflicts": (-1, True, (0, math.inf)), "polarity.duplicates": (-1, True, (0, math.inf)),
    "polarity.hallucinations": (-1, True, (0, math.inf)), "polarity.missing": (-1, True, (0, math.inf)),
    **{f"polarity.{raw}{one}": (1, True, (0, 1)) for raw in ("", "raw_")
       for one in ("accuracy", "micro_precision", "micro_recall", "micro_f1")},
    **{f"polarity.{raw}macro_f1": (1, False, (0, 1)) for raw in ("", "raw_")},
    **{f"polarity.pair_{one}": (1, True, (0, 1)) for one in ("precision", "recall", "f1")},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_which_way_a_metric_counts(name):
    """Direction, whether a single case has a score, and the least and largest score there can be."""
    kind, _, short = name.partition(".")
    drawn = MCQ(scoring="reply", temperature=1.0, draws=2)
    mcq = drawn if short == "self_consistency" else MCQ(rotations=True)
    mcq = MCQ(scoring="reply", several=True) if short.startswith(("option_", "partial")) else mcq
    task = mcq if kind == "mcq" else TASKS.resolve(kind)()
    (metric,) = metrics_for(task, [short])
    assert (metric.direction, metric.per_case, metric.bounds) == EXPECTED[name]
    assert set(EXPECTED) == set(METRICS)


def scored(task, name, rows):
    """Score the sum of rows."""
    (metric,) = metrics_for(task, [name])
    return float(metric.score(metric.expand(np.array(rows, dtype=float)).sum(axis=0)))


RIGHT, WRONG, NONE = [0, 0, 0.9, 0.02], [0, 1, 0.6, 0.72], [1, -1, 0.5, 0.5]
READ, MISREAD = [1, 1, -1, -1], [1, 0, -1, -1]


@pytest.mark.parametrize(
    ("name", "rows", "score"),
    [
        ("accuracy", [RIGHT, WRONG, NONE, READ], 0.5),
        ("answered", [RIGHT, WRONG, NONE, READ], 0.75),
        ("reward", [RIGHT, WRONG, NONE], (1 + 0.1 + 0.1) / 3),
        ("brier", [RIGHT, WRONG, READ], 0.37),
        ("macro_precision", [RIGHT, WRONG, READ, MISREAD], (1 / 2 + 1 / 2) / 2),
        ("macro_recall", [RIGHT, WRONG, READ, MISREAD, NONE], (1 / 2 + 1 / 3) / 2),
        ("macro_f1", [RIGHT, RIGHT, WRONG], (2 * 2 / 5 + 0) / 2),
        ("ece", [RIGHT, WRONG], (0.1 + 0.6) / 2),
        ("ece", [RIGHT, READ, MISREAD], 0.1),
        ("aurc", [RIGHT, WRONG, NONE], (0 + 1 / 2 + 2 / 3) / 3),
        ("wrong_at_high_confidence", [RIGHT, WRONG, [0, 1, 0.9, 1.6], READ], 1 / 3),
        ("wrong_at_high_confidence", [[0, 1, 0.8999, 1.6]], 0.0),
    ],
)
def test_choices_by_hand(name, rows, score):
    """Right, wrong, unanswered and read replies; what was not scored has no say in confidence."""
    assert scored(MCQ(), name, rows) == pytest.approx(score)


@pytest.mark.parametrize("name", ["brier", "ece", "aurc", "wrong_at_high_confidence"])
def test_replies_that_were_read_have_no_confidence(name):
    """Undefined, not 0."""
    assert math.isnan(scored(MCQ(), name, [READ, MISREAD]))


def question(answer="B", **options):
    """Make a question."""
    return MCQCase(id="q", source=PLACE, question="?", options=options or {"A": "x", "B": "y", "C": "z"}, answer=answer)


def test_rows_of_choices():
    """Letters as numbers, confidence of the prediction, squared error; of a tie the likeliest; orders side by side."""
    sure = {"A": 0.2, "B": 0.7, "C": 0.1}
    assert row(question(), Reply("", "answered", "B", confidence=sure)) == pytest.approx([1, 1, 0.7, 0.14])
    assert row(question("A"), Reply("", "answered", "B", confidence=sure)) == pytest.approx([0, 1, 0.7, 1.14])
    assert row(question(), Reply("", "no_answer", None, confidence=sure)) == pytest.approx([1, -1, 0.7, 0.14])
    assert row(question("C"), Reply("", "no_answer")) == [2, -1, -1, -1]
    parts = (Reply("", "answered", "B"), Reply("", "no_answer"), Reply("", "answered", "C"))
    turned = row(question(), Reply("", "answered", "B", parts=parts))
    assert turned[:12] == [1, 1, -1, -1, 0, -1, -1, -1, 2, 2, -1, -1]
    assert turned[12:] == [-2.0] * 28
    letters, counts = confusion(np.array([[0, 1, 0, 0], [0, 0, 0, 0], [2, -1, 0, 0]]))
    assert (letters, counts.tolist()) == (("A", "B", "C"), [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]])


def test_what_stands_behind_choices():
    """Confusion and reliability; nothing without rows."""
    rows = np.array([RIGHT, WRONG, READ], dtype=float)
    assert reliability(rows) == [
        {"n": 1.0, "confidence": 0.6, "accuracy": 0.0}, {"n": 1.0, "confidence": 0.9, "accuracy": 1.0},
    ]  # fmt: skip
    details = details_of(MCQ())
    assert isinstance(details, ChoiceDetails)
    assert details.confusion(MCQ(), {"mcq": rows}) == {"labels": ["A", "B"], "matrix": [[1, 1, 0], [0, 1, 0]]}
    assert details.reliability({"mcq": rows}) == reliability(rows)
    assert (details.confusion(MCQ(), {"mcq": rows[:0]}), details.confusion(MCQ(), {})) == (None, None)
    assert (details.reliability({}), reliability(rows[:0])) == ([], [])
    assert (details.trace(MCQ(), None, None), details.rules(MCQ(), {}), details.broken(MCQ(), None, "")) == (
        None,
        {},
        {},
    )


@pytest.mark.parametrize(
    ("given", "score"),
    [((2, 4, 2), 2 / 3), ((0, 0, 3), 0.0), ((1, 2, 4, 2.0), 5 * 0.5 * 0.25 / (0.25 + 4 * 0.5)), ((3, 3, 3), 1.0)],
)
def test_f_scores(given, score):
    """Precision and recall, weighed; nothing shared is 0."""
    assert f_score(*given) == pytest.approx(score)
    assert overlap("aab", "abb") == 2
    assert overlap("aaab", "aa") == 2
    assert list(ngrams("abcd", 2)) == [("a", "b"), ("b", "c"), ("c", "d")]


def talk(reply, reference, name, **options):
    """Score one reply."""
    task = Dialogue(**options)
    (metric,) = metrics_for(task, [name])
    case = DialogueCase(id="t", source=PLACE, input="?", reference=reference)
    return scored(task, name, [metric.row(case, Reply(reply, "answered"))])


@pytest.mark.parametrize(
    ("reply", "reference", "name", "score"),
    [
        ("rest and drink water", "rest and drink water", "bleu", 1.0),
        ("rest and drink", "rest and drink water now", "bleu", math.exp(1 - 5 / 3)),
        ("rest and sleep well", "rest and drink water", "bleu", (2 / 4 * 1 / 3 * 1 / 4 * 1 / 4) ** 0.25),
        ("no word", "of it there", "bleu", 0.0),
        ("", "of it", "bleu", 0.0),
        ("rest and drink", "rest and drink", "corpus_bleu", 0.0),
        ("rest and drink water", "rest and drink water", "corpus_bleu", 1.0),
        ("one two", "one two three four", "length_ratio", 0.5),
        ("one two three", "one two four five", "rouge1", 4 / 7),
        ("one two three", "one two four five", "rouge2", 2 / 5),
        ("one four two", "one two four five", "rougeL", 4 / 7),
    ],
)  # fmt: skip
def test_word_overlap_by_hand(reply, reference, name, score):
    """Matches, brevity, halved orders and effective order, step by step."""
    assert talk(reply, reference, name) == pytest.approx(score)


def test_the_sum_of_two_replies_is_one_text():
    """Corpus BLEU adds counts; an order without a match is halved; what has no reference is undefined."""
    task = Dialogue()
    assert scored(task, "corpus_bleu", [[0, 5, 5, 5, 4, 3, 2, 5, 4, 3, 2]]) == 1.0
    halved = (4 / 5 * 2 / 4 * 0.5 / 3 * 0.25 / 2) ** 0.25
    assert scored(task, "corpus_bleu", [[0, 5, 5, 4, 2, 0, 0, 5, 4, 3, 2]]) == pytest.approx(halved)
    assert scored(task, "corpus_bleu", [[0, 5, 10, 4, 2, 0, 0, 5, 4, 3, 2]]) == pytest.approx(halved / math.e)
    assert scored(task, "corpus_bleu", [[0, 5, 5, 0, 0, 0, 0, 5, 4, 3, 2]]) == 0.0
    assert math.isnan(scored(task, "corpus_bleu", [[0] * 11]))
    assert math.isnan(scored(task, "length_ratio", [[0] * 11]))


@pytest.mark.parametrize(
    ("said", "wanted", "score"),
    [
        ("a b c", "a b c", 1 - 0.5 / 27),
        ("c b a", "a b c", 1 - 0.5),
        ("a b", "a b c d", (1 - 0.5 / 8) * 0.5 / (0.9 * 1 + 0.1 * 0.5)),
        ("x", "y", 0.0),
        ("fevers", "fever", 1 - 0.5),
    ],
)
def test_meteor_by_hand(said, wanted, score):
    """Chunks over matches, and precision and recall weighed nine to one."""
    assert meteor_score(said.split(), wanted.split(), stems=True, synonyms=False) == pytest.approx(score)
    assert meteor_score(["fevers"], ["fever"], stems=False, synonyms=False) == 0.0


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("", "en"), ("Take aspirin.", "en"), ("发热", "zh"), ("发热 abcdefgh", "zh"), ("发热 abcdefghi", "unicode"),
        ("发熱です", "unicode"), ("열이 發熱", "unicode"), ("Ж", "unicode"), ("abcdefghé", "unicode"),
        ("abcdefghié", "en"), ("é" + "a" * 49, "en"), ("éé" + "a" * 98, "en"), ("éé" + "a" * 97, "unicode"),
    ],
)  # fmt: skip
def test_where_scripts_part(text, script):
    """A fifth of Chinese characters, a fiftieth of others, one in ten letters; kana and Hangul are not Chinese."""
    assert script_of(text, "auto") == script
    assert script_of(text, "zh") == "zh"


def test_tokens_and_what_they_see():
    """Stems from four letters on; the mostly legible; marks alone say nothing."""
    assert rouge_tokens("His aims, being runs!", "en") == ["his", "aim", "be", "run"]
    assert rouge_tokens("Has", "en") == ["has"]
    assert [rouge_tokens("Straße", script) for script in ("unicode", "zh")] == [["strasse"], ["straße"]]
    assert bleu_tokens("a<b & c", "en") == bleu_tokens("a<b & c ", "en")
    assert [legible(text, "en") for text in ("ab 12", "abжд", "abcжд", "!", "👍")] == [True, False, True, False, False]
    assert [legible(text, "unicode") for text in ("жд", "👍")] == [True, False]
    assert [has_content(text) for text in ("a", "5", "👍", "+", "-", "(…)", "\n", "")] == [True] * 4 + [False] * 4
    assert [stemmer(one) for one in ("en", "auto", "zh", "unicode")] == ["porter", "auto(porter,no,no)", "no", "no"]


GOLD = {"cough": "positive", "fever": "negative", "pain": "uncertain", "rash": "none"}


def finding(text):
    """Make the row of a reply to a case of four findings, one a label."""
    (metric,) = metrics_for(Polarity(), ["accuracy"])
    case = PolarityCase(id="p", source=PLACE, dialogue="?", findings=GOLD)
    return metric.row(case, Reply(text, "answered", parse_findings(text)))


def test_rows_of_findings():
    """Cells, inventions, pairs, lines and failures of one reply, by hand."""
    found = finding("cough: positive\nfever: present\nfever: 有\nitching: negative\npain: 阳性\npain: 阴性\nRest.")
    assert len(found) == WIDTH
    cells = np.array(found[:16]).reshape(4, 4)
    assert cells.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]
    raw = np.array(found[16:32]).reshape(4, 4)
    assert raw.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]]
    tail = {name: found[at] for name, at in AT.items()}
    assert tail == {
        "invented": 1, "raw_invented": 1, "pair_right": 1, "pair_said": 5, "pair_gold": 4, "formed": 6, "lines": 7,
        "conflicts": 1, "duplicates": 1, "hallucinations": 1, "missing": 1, "cases": 1,
    }  # fmt: skip
    silent = finding("")
    assert (silent[AT["lines"]], silent[AT["formed"]], silent[AT["missing"]]) == (1, 0, 4)


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("accuracy", 2 / 4), ("raw_accuracy", 2 / 4), ("micro_precision", 1 / 3), ("micro_recall", 1 / 3),
        ("micro_f1", 1 / 3), ("raw_micro_precision", 1 / 2), ("raw_micro_recall", 1 / 3), ("pair_precision", 1 / 5),
        ("pair_recall", 1 / 4), ("pair_f1", 2 / 9), ("format_rate", 6 / 7), ("conflicts", 1.0), ("duplicates", 1.0),
        ("hallucinations", 1.0), ("missing", 1.0), ("cost", (0 + 2 + 1 + 0) / (4 + 2 + 2 + 1)),
        ("macro_f1", (2 / 3 + 0 + 0 + 2 / 3) / 4), ("raw_macro_f1", (1 + 0 + 0 + 2 / 4) / 4),
    ],
)  # fmt: skip
def test_findings_by_hand(name, score):
    """Every metric of polarity on the one reply."""
    text = "cough: positive\nfever: present\nfever: 有\nitching: negative\npain: 阳性\npain: 阴性\nRest."
    assert scored(Polarity(), name, [finding(text)]) == pytest.approx(score)


def test_what_stands_behind_findings():
    """The trace of a reply and the confusion of labels; shares of nothing are undefined."""
    case = PolarityCase(id="p", source=PLACE, dialogue="?", findings=GOLD)
    text = "cough: absent\nfever: no\nfever: no\nitching: no\npain: 阳性\npain: 阴性\nRest."
    details = details_of(Polarity())
    assert isinstance(details, PolarityDetails)
    assert details.trace(Polarity(), case, Reply(text, "answered", parse_findings(text))) == {
        "conflicts": ["pain"], "duplicates": ["fever"], "drift": ["Rest."], "hallucinations": ["itching"],
        "missing": ["rash"], "wrong": ["cough: positive -> negative"],
    }  # fmt: skip
    matrix = details.confusion(Polarity(), {"polarity": np.array([finding(text)])})["matrix"]
    assert matrix == [[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]
    assert (details.confusion(Polarity(), {}), details.confusion(Polarity(), {"polarity": np.empty((0, 44))})) == (
        None,
    ) * 2
    blank = np.zeros(WIDTH)
    assert all(
        math.isnan(scored(Polarity(), name, [blank])) for name in ("micro_f1", "pair_recall", "cost", "accuracy")
    )
    blank[AT["pair_gold"]] = 2
    assert scored(Polarity(), "pair_precision", [blank]) == 0.0
    assert COSTS.tolist() == [[0, 4, 2, 3], [2, 0, 1, 1], [1, 2, 0, 1], [1, 1, 1, 0]]


def test_metrics_that_a_task_lacks():
    """Named with what it has; the order of what is asked for is kept."""
    assert [metric.name for metric in metrics_for(MCQ(), ["brier", "accuracy"])] == ["brier", "accuracy"]
    assert [metric.name for metric in metrics_for(MCQ())] == list(MCQ().metrics)
    with pytest.raises(MedevalError, match="unknown metric of task mcq 'bleu'"):
        metrics_for(MCQ(), ["bleu"])
    for name in ("consistency", "position_bias"):
        with pytest.raises(MedevalError, match=f"metric '{name}' needs rotations=True"):
            metrics_for(MCQ(), [name])
