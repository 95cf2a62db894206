"""Word overlap against sacrebleu and rouge-score, which are the judges here: the digits must be theirs."""

import math

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from pytest_medeval.core.types import Reply, Source
from pytest_medeval.core.words import WORD
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.tokens import bleu_tokens, rouge_tokens, script_of
from pytest_medeval.tasks.dialogue import Dialogue, DialogueCase

ROUGE = ["rouge1", "rouge2", "rougeL"]
NAMES = ["bleu", "corpus_bleu", "length_ratio", *ROUGE]


def case_of(reference: str) -> DialogueCase:
    """Make a case of a reference."""
    return DialogueCase(id="1", source=Source("made"), input="?", reference=reference)


def reply_of(text: str) -> Reply:
    """Make a reply of a text."""
    return Reply(text, "answered", prediction=text)


def score(name: str, reply: str, reference: str, task: Dialogue | None = None) -> float:
    """Score one reply by one metric."""
    (metric,) = metrics_for(task or Dialogue(), [name])
    row = metric.row(case_of(reference), reply_of(reply))
    return float(metric.score(metric.expand(np.array([row])).sum(axis=0)))


class Characters:
    """The Chinese tokenizer, in the form that rouge-score takes."""

    def tokenize(self, text: str) -> list[str]:
        """Split a text."""
        return rouge_tokens(text, "zh")


def test_sentence_bleu_is_sacrebleus(real_pairs):
    """Not one of 660 real pairs differs from sacrebleu.sentence_bleu (2.x), on a scale of 1."""
    for reply, reference in real_pairs:
        expected = sacrebleu.sentence_bleu(reply, [reference]).score / 100
        assert score("bleu", reply, reference) == min(expected, 1.0)


def test_corpus_bleu_is_sacrebleus(real_pairs, total):
    """The score of summed rows equals sacrebleu.corpus_bleu on the whole, whichever part is taken."""
    (metric,) = metrics_for(Dialogue(), ["corpus_bleu"])
    rows = [list(metric.row(case_of(reference), reply_of(reply))) for reply, reference in real_pairs]
    parts = (slice(None), slice(0, 600, 3), slice(1, 600, 3), slice(2, 600, 3), slice(600, None))
    for part in parts:
        replies, references = zip(*real_pairs[part], strict=True)
        expected = sacrebleu.corpus_bleu(list(replies), [list(references)]).score / 100
        assert total(metric, rows[part]) == pytest.approx(expected, abs=1e-12)


def test_rouge_is_rouge_scores(real_pairs):
    """Not one of 660 real pairs differs from rouge-score (0.1.2) with its stemmer."""
    judge = RougeScorer(ROUGE, use_stemmer=True)
    metrics = metrics_for(Dialogue(), ROUGE)
    for reply, reference in real_pairs:
        expected = judge.score(reference, reply)
        row = metrics[0].row(case_of(reference), reply_of(reply))
        for metric in metrics:
            found = metric.score(metric.expand(np.array([row])).sum(axis=0))
            assert found == expected[metric.name].fmeasure


CHINESE = [
    "咳嗽两天，有点发热39.5度。",
    "建议服用阿莫西林 0.5g，一天三次。",
    "多喝水，注意休息",
    "发热",
    "咳嗽，发热咳嗽",
    "",
    "Take 2 pills 每天",
]


@pytest.mark.parametrize("reference", [text for text in CHINESE if text])
@pytest.mark.parametrize("reply", CHINESE)
def test_chinese_against_the_references(reply: str, reference: str):
    """Chinese equals sacrebleu with its zh tokenizer, and rouge-score given characters."""
    task = Dialogue(language="zh")
    expected = sacrebleu.sentence_bleu(reply, [reference], tokenize="zh").score / 100
    assert score("bleu", reply, reference, task) == min(expected, 1.0)
    judge = RougeScorer(ROUGE, tokenizer=Characters()).score(reference, reply)
    for name in ROUGE:
        assert score(name, reply, reference, task) == judge[name].fmeasure


MARKS = [*"aZ19.,-'\"&;<>/()[]$%:!?\u00e9\u4e00\u2003 \t\n", "&amp;", "<skipped>"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(MARKS), max_size=30).map("".join))
def test_tokens_are_those_of_13a(text: str):
    """Splitting word by word gives what sacrebleu's 13a gives for the whole text, whatever is in it."""
    assert list(bleu_tokens(text, "en")) == Tokenizer13a()(text.rstrip()).split()


@pytest.mark.parametrize("text", [text for text in CHINESE if len(text) > 1])
@pytest.mark.parametrize("name", ["bleu", "rouge1", "rouge2", "rougeL", "length_ratio"])
def test_a_text_against_itself_is_1(name: str, text: str):
    """Also in Chinese, where a tokenizer of Latin words gives 0; BLEU also for a text of two characters."""
    assert score(name, text, text) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("咳嗽", "zh"),
        ("服用 aspirin 100 mg 每天", "zh"),
        ("Take aspirin.", "en"),
        ("", "en"),
        ("中 is a Chinese letter", "en"),
        ("Sjögren's syndrome", "en"),
        ("Принимайте аспирин 100 mg", "unicode"),
        ("高血圧の薬を毎日飲んでください", "unicode"),
        ("혈압약(血壓藥)을 드세요", "unicode"),
        ("Uống nhiều nước", "unicode"),
    ],
)
def test_script_is_found(text: str, script: str):
    """The reference decides, and a suite may say it."""
    assert script_of(text, "auto") == script
    assert script_of(text, "en") == "en"


@pytest.mark.parametrize("name", NAMES)
def test_silence_scores_0_and_counts(name: str, total):
    """An empty reply is 0 and stays in the mean: half of the replies silent, half of the score."""
    (metric,) = metrics_for(Dialogue(), [name])
    said, reference = "rest and drink a lot of water", "rest and drink a lot of water"
    rows = [list(metric.row(case_of(reference), reply_of(text))) for text in (said, "")]
    assert total(metric, rows[1:]) == 0
    expected = math.exp(1 - 14 / 7) if name == "corpus_bleu" else 0.5
    assert total(metric, rows) == pytest.approx(expected)


def test_rouge_l_beta_weighs_recall():
    """F = (1 + b^2) PR / (R + b^2 P) by hand: P = 1, R = 1/2, b = 1.2 (S1)."""
    expected = (1 + 1.44) * 0.5 / (0.5 + 1.44)
    task, reference = Dialogue(rouge_beta=1.2), "fever today and cough"
    assert score("rougeL", "fever today", reference, task) == pytest.approx(expected, abs=1e-15)
    assert score("rouge1", "fever today", reference, task) == pytest.approx(2 / 3)


def test_length_ratio_is_a_ratio_of_sums(total):
    """Long cases weigh more: (2 + 6) / (4 + 4) tokens."""
    (metric,) = metrics_for(Dialogue(), ["length_ratio"])
    replies = ["a b", "a b c d e f"]
    rows = [list(metric.row(case_of("a b c d"), reply_of(text))) for text in replies]
    assert total(metric, rows) == 1
    assert [total(metric, [row]) for row in rows] == [0.5, 1.5]


def test_scores_of_many_sums_at_once(real_pairs):
    """Resampling scores a stack of sums: the same as one by one, and NaN for no case."""
    for metric in metrics_for(Dialogue(), NAMES):
        rows = [metric.row(case_of(reference), reply_of(reply)) for reply, reference in real_pairs[:60]]
        counts = metric.expand(np.array(rows))
        stack = np.stack([part.sum(axis=0) for part in (counts[:30], counts[30:], counts[:0])])[:, None]
        found = metric.score(stack)
        assert found.shape == (3, 1)
        assert [metric.score(one[0]) for one in stack[:2]] == found[:2, 0].tolist()
        assert np.isnan(found[2, 0])


def test_signatures_say_what_moves_the_number():
    """Tokenizer, stemmer, beta, and the version of the library that defines the number."""
    signatures = {metric.name: metric.signature for metric in metrics_for(Dialogue(rouge_beta=1.2), NAMES)}
    assert signatures["bleu"].startswith("bleu|nrefs:1|case:mixed|eff:yes|tok:auto(13a,zh,unicode)|regex:")
    assert "|norm:nfc|smooth:exp|" in signatures["bleu"]
    assert "|eff:no|" in signatures["corpus_bleu"]
    assert "|beta:1.2|version:rouge-score-" in signatures["rougeL"]
    assert "beta" not in signatures["rouge1"]


PIECES = ["fever", "Fevers,", "cough.", "a", "39.5", "咳", "嗽。", "-", "\n"]
WORDS = st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join)


@settings(deadline=None)
@given(WORDS.filter(lambda text: not text.strip() or WORD.search(text)), WORDS.filter(WORD.search))
def test_every_score_is_in_its_range(reply: str, reference: str):
    """0 to 1, and never NaN for a reply that is empty or holds a word."""
    for name in ("bleu", "corpus_bleu", *ROUGE):
        assert 0 <= score(name, reply, reference) <= 1
