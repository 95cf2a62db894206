"""Polarity by hand and against scikit-learn."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from pytest_medeval.core.types import Answer, Reply, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.polarity import COSTS, WIDTH, confusion, trace
from pytest_medeval.tasks.polarity import Polarity, PolarityCase
from pytest_medeval.tasks.reading.labels import LABELS

TASK = Polarity()
METRICS = {metric.name: metric for metric in metrics_for(TASK)}
WORDS = {"positive": "阳性", "negative": "阴性", "uncertain": "不确定", "none": "无意义"}
GOLD = {"发热": "positive", "咳嗽": "negative", "皮疹": "uncertain", "腹泻": "none"}


def case_of(findings: dict[str, str]) -> PolarityCase:
    """Make a case of gold findings."""
    return PolarityCase(id="1", source=Source("made"), dialogue="-", findings=findings)


def read(text: str, findings: dict[str, str]) -> Reply:
    """Read a reply as the task does."""
    return TASK.read(case_of(findings), Answer(text))


def row_of(text: str, findings: dict[str, str] = GOLD) -> list[float]:
    """Give the row of one reply."""
    return list(METRICS["accuracy"].row(case_of(findings), read(text, findings)))


def score(name: str, *rows: list[float]) -> float:
    """Score the sum of rows."""
    metric = METRICS[name]
    return float(metric.score(metric.expand(np.array(rows)).sum(axis=0)))


def scores(text: str, *names: str) -> list[float]:
    """Score one reply to the gold findings above."""
    return [score(name, row_of(text)) for name in names]


def lines(labels: dict[str, str]) -> str:
    """Write a reply."""
    return "\n".join(f"{finding}：{WORDS[label]}" for finding, label in labels.items())


def test_a_perfect_reply():
    """All right: 1 for every share, 0 for every failure."""
    row = row_of(lines(GOLD))
    assert len(row) == WIDTH
    for name in METRICS:
        failure = name in {"conflicts", "duplicates", "hallucinations", "missing", "cost"}
        assert score(name, row) == (0 if failure else 1), name


def test_a_silent_reply():
    """Nothing said: right about what has no meaning, out of form, all missing."""
    for text in ("", "建议多喝水。"):
        assert scores(text, "accuracy", "macro_f1") == [0.25, pytest.approx(0.4 / 4)]
        assert scores(text, "micro_precision", "micro_recall", "micro_f1") == [0, 0, 0]
        assert scores(text, "pair_f1", "format_rate") == [0, 0]
        assert scores(text, "missing", "hallucinations", "conflicts", "duplicates") == [4, 0, 0, 0]


def test_micro_by_hand():
    """Gold has 3 states; the reply gives 3: one right, one wrong, one invented; one is left out."""
    text = "发热：阳性\n咳嗽：阳性\n头痛：阳性"
    assert scores(text, "micro_precision", "micro_recall", "micro_f1") == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert scores(text, "accuracy", "hallucinations", "missing") == [0.5, 1, 2]
    assert scores(text, "pair_precision", "pair_recall") == pytest.approx([1 / 3, 1 / 4])


def test_precision_and_recall_differ():
    """Few but right: P = 1, R = 1/3; an invented finding without meaning costs no precision."""
    assert scores("发热：阳性", "micro_precision", "micro_recall") == pytest.approx([1, 1 / 3])
    assert scores("发热：阳性\n头痛：无意义", "micro_precision", "pair_precision") == [1, 1 / 2]


def test_synonyms_count_after_canonicalisation_only():
    """发烧 for 发热, "有" for positive: right after canonicalisation, missing and invented before it."""
    text = "发烧：有\n咳嗽：阴性\n皮疹：不确定\n腹泻：无意义"
    assert scores(text, "accuracy", "micro_f1", "macro_f1", "hallucinations", "missing") == [1, 1, 1, 0, 0]
    assert scores(text, "raw_accuracy", "raw_micro_recall") == pytest.approx([3 / 4, 2 / 3])
    assert scores(text, "pair_precision", "pair_recall") == pytest.approx([3 / 4, 3 / 4])
    verbatim = "发烧：阳性\n咳嗽：阴性\n皮疹：不确定\n腹泻：无意义"
    assert scores(verbatim, "raw_micro_precision") == pytest.approx([2 / 3])


def test_two_labels_for_one_finding_count_as_neither():
    """A conflict is a miss, not a choice: first, last and best label are all refused."""
    for text in ("发热：阳性\n发热：阴性", "发热：阴性\n发热：阳性", "发热：阳性\n发烧：阴性"):
        assert scores(text, "conflicts", "duplicates", "micro_recall", "missing") == [1, 0, 0, 3]
    assert scores("发热：阳性\n发热：阴性", "pair_precision", "pair_recall") == [0, 0]


def test_repetition_is_counted_and_costs_no_score():
    """The same line three times: two duplicates, one pair."""
    text = "发热：阳性\n发热：阳性\n发烧：阳性"
    assert scores(text, "duplicates", "conflicts", "hallucinations") == [2, 0, 0]
    assert scores("发热：阳性\n发热：阳性", "pair_precision", "micro_precision") == [1, 1]


def test_format_rate_is_pooled_over_lines():
    """3 of 4 lines in one reply, none in a silent one: 3 of 5."""
    rows = row_of("发热：阳性\n咳嗽：阴性\n多喝水\n皮疹：不确定"), row_of("")
    assert score("format_rate", rows[0]) == 3 / 4
    assert score("format_rate", *rows) == 3 / 5


def test_cost_is_asymmetric():
    """To call a present finding absent costs twice as much as the opposite, and the worst is 1."""
    present, absent = {"发热": "positive"}, {"发热": "negative"}
    harm = [score("cost", row_of("发热：阴性", present)), score("cost", row_of("", present))]
    assert harm == [1, 3 / 4]
    both = score("cost", row_of("发热：阴性", present), row_of("发热：阳性", absent))
    assert both == 1
    assert COSTS[0, 1] == 2 * COSTS[1, 0]
    assert (np.diag(COSTS) == 0).all()


def test_trace_lists_what_is_wrong():
    """Each failure by name."""
    text = "发烧：阴性\n咳嗽：阴性\n咳嗽：阳性\n头痛：阳性\n头痛：阳性\n多喝水"
    assert trace(case_of(GOLD), read(text, GOLD)) == {
        "conflicts": ["咳嗽"], "duplicates": ["头痛"], "drift": ["多喝水"], "hallucinations": ["头痛"],
        "missing": ["皮疹", "腹泻"], "wrong": ["发热: positive -> negative"],
    }  # fmt: skip


def test_own_synonyms_are_used_and_signed(tmp_path: Path):
    """Another table, another number, another signature."""
    file = tmp_path / "own.toml"
    file.write_text('groups = [["发热", "体热"]]', encoding="utf-8")
    (own,) = metrics_for(Polarity(synonyms=str(file)), ["accuracy"])
    case = case_of({"发热": "positive"})
    assert own.score(np.array(own.row(case, read("体热：阳性", GOLD)))) == 1
    assert METRICS["accuracy"].score(np.array(METRICS["accuracy"].row(case, read("体热：阳性", GOLD)))) == 0
    assert own.signature != METRICS["accuracy"].signature
    assert f"|synonyms:{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}|" in own.signature


FINDINGS = ["发热", "咳嗽", "皮疹", "腹泻", "头痛", "乏力"]
LABELLED = st.dictionaries(st.sampled_from(FINDINGS), st.sampled_from(LABELS))
CASES = st.lists(st.tuples(LABELLED.filter(bool), LABELLED), min_size=1, max_size=8)


@settings(deadline=None)
@given(CASES)
def test_sums_equal_scikit_learn(cases: list[tuple[dict[str, str], dict[str, str]]]):
    """Accuracy, macro-F1 and confusion on the gold findings, micro over the findings of both."""
    rows = [row_of(lines(said), gold) for gold, said in cases]
    true = [label for gold, _ in cases for label in gold.values()]
    predicted = [said.get(finding, "none") for gold, said in cases for finding in gold]
    assert score("accuracy", *rows) == pytest.approx(accuracy_score(true, predicted), abs=1e-12)
    macro = f1_score(true, predicted, average="macro", zero_division=0)
    assert score("macro_f1", *rows) == pytest.approx(macro, abs=1e-12)
    assert (confusion(np.array(rows)) == confusion_matrix(true, predicted, labels=LABELS)).all()
    assert (confusion(np.array(rows), raw=True) == confusion(np.array(rows))).all()
    named = [(gold, said, name) for gold, said in cases for name in {*gold, *said}]
    both = [(gold.get(name, "none"), said.get(name, "none")) for gold, said, name in named]
    states = {label for pair in both for label in pair} - {"none"}
    for prefix in ("micro_", "raw_micro_"):
        found = [score(prefix + part, *rows) for part in ("precision", "recall", "f1")]
        if states:
            true, predicted = zip(*both, strict=True)
            expected = precision_recall_fscore_support(
                true, predicted, labels=LABELS[:3], average="micro", zero_division=0
            )
            assert found == pytest.approx(expected[:3], abs=1e-12)
        else:
            assert np.isnan(found).all()


@settings(deadline=None)
@given(CASES)
def test_pairs_equal_sets(cases: list[tuple[dict[str, str], dict[str, str]]]):
    """Pair scores are those of sets of (case, finding, label)."""
    rows = [row_of(lines(said), gold) for gold, said in cases]
    gold = {(at, *pair) for at, (one, _) in enumerate(cases) for pair in one.items()}
    said = {(at, *pair) for at, (_, other) in enumerate(cases) for pair in other.items()}
    assert score("pair_recall", *rows) == pytest.approx(len(gold & said) / len(gold))
    assert score("pair_precision", *rows) == pytest.approx(len(gold & said) / len(said) if said else 0)
    assert score("pair_f1", *rows) == pytest.approx(2 * len(gold & said) / (len(gold) + len(said)))


LINES = ["发热：阳性", "发热：阴性", "发烧:有", "头痛：无", "咳嗽：不确定", "多喝水", ""]
REPLIES = st.lists(st.sampled_from(LINES)).map("\n".join)


@settings(deadline=None)
@given(st.lists(REPLIES, min_size=1, max_size=5))
def test_ranges(replies: list[str]):
    """Shares are in 0..1, and numbers a case are not negative."""
    rows = [row_of(reply) for reply in replies]
    for name in METRICS:
        value = score(name, *rows)
        assert value >= 0
        assert value <= 1 or name in {"conflicts", "duplicates", "hallucinations", "missing"}
    assert np.array(rows).shape == (len(replies), WIDTH)


@pytest.mark.parametrize("name", METRICS)
def test_scores_of_many_sums_at_once(name: str):
    """A stack of sums is scored like its parts; no case gives NaN."""
    rows = np.array([row_of(text) for text in ("发热：阳性", "发热：阴性\n头痛：阳性", "", lines(GOLD))])
    counts = METRICS[name].expand(rows)
    stack = np.stack([counts[:2].sum(axis=0), counts[2:].sum(axis=0), np.zeros(counts.shape[1])])[:, None]
    found = METRICS[name].score(stack)
    assert found.shape == (3, 1)
    assert [METRICS[name].score(one[0]) for one in stack[:2]] == found[:2, 0].tolist()
    assert np.isnan(found[2, 0])
