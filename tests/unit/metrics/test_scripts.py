"""Word overlap in the scripts of the world: an equal text is the best there is, and another one is less."""

import math
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from tests.unit.metrics.sentences import SENTENCES

from pytest_medeval.core.types import Reply, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.tokens import bleu_tokens, rouge_tokens, script_of
from pytest_medeval.tasks.dialogue import Dialogue, DialogueCase

ROUGE = ("rouge1", "rouge2", "rougeL")
NAMES = ("bleu", "corpus_bleu", *ROUGE, "length_ratio")


def scores(reply: str, reference: str, task: Dialogue | None = None) -> dict[str, float]:
    """Score a reply by every metric of word overlap."""
    case = DialogueCase(id="1", source=Source("made"), input="?", reference=reference)
    found = {}
    for metric in metrics_for(task or Dialogue(), [*NAMES, "meteor"]):
        row = metric.row(case, Reply(reply, "answered", prediction=reply))
        found[metric.name] = float(metric.score(metric.expand(np.array([row])).sum(axis=0)))
    return found


def most_of_meteor(text: str) -> float:
    """Give METEOR's largest score of a text: one chunk of n words costs 0.5 / n^3."""
    return 1 - 0.5 / len(bleu_tokens(text, script_of(text, "auto"))) ** 3


def test_the_sentences_are_of_many_languages_and_scripts():
    """At least 40 languages and 20 scripts, by the first word of their letters' Unicode names."""
    letters = [char for text in SENTENCES.values() for char in text if char.isalpha()]
    assert len(SENTENCES) >= 50
    assert len({unicodedata.name(char).split()[0] for char in letters}) >= 25


@pytest.mark.parametrize("language", SENTENCES)
def test_an_equal_text_scores_1(language: str):
    """Also where one is composed (NFC) and the other taken apart (NFD), in either order."""
    text = SENTENCES[language]
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    for reply, reference in ((text, text), forms, forms[::-1]):
        found = scores(reply, reference)
        assert found.pop("meteor") == pytest.approx(most_of_meteor(text), abs=1e-12)
        assert found == pytest.approx(dict.fromkeys(NAMES, 1.0), abs=1e-12)


@pytest.mark.parametrize("language", SENTENCES)
def test_a_text_of_another_language_shares_no_word(language: str):
    """A reply in another script is wrong and not undefined: its words are there, and none of them is shared."""
    other = "Hello doctor" if not SENTENCES[language].isascii() else SENTENCES["Russian"]
    found = scores(other, SENTENCES[language])
    assert [found[name] for name in ROUGE] == [0, 0, 0]


@pytest.mark.parametrize("language", SENTENCES)
def test_half_a_text_scores_between(language: str):
    """No script collapses into one token: half of a text shares words with the whole, and fewer than all."""
    words = rouge_tokens(SENTENCES[language], script_of(SENTENCES[language], "auto"))
    assert len(words) >= 4
    found = scores(SENTENCES[language][: len(SENTENCES[language]) // 2], SENTENCES[language])
    assert 0.2 < found["rouge1"] < 1
    assert 0 < found["rougeL"] < 1


PAIRS = [
    ("दिन में दो बार", "दान मे दो बार"),  # differ in vowel signs
    ("ไม่มีไข้", "ไม่มีไข"),
    ("má", "mà"),
    ("жар", "пар"),
    ("كبد", "كلب"),
]


@pytest.mark.parametrize(("reply", "reference"), PAIRS)
def test_marks_tell_words_apart(reply: str, reference: str):
    """A vowel sign, a tone or a letter makes another word."""
    assert scores(reply, reference)["rouge1"] < 1


SAME = [
    ("الدَّواءُ بَعدَ الأكل", "الدواء بعد الأكل"),  # vowel points
    ("الـــدواء", "الدواء"),  # tatweel
    ("שָׁלוֹם", "שלום"),
    ("می‌خورم", "میخورم"),  # zero-width non-joiner
    ("٣٩ درجة", "39 درجة"),
    ("दिन में २ बार", "दिन में 2 बार"),
    ("ΓΙΑΤΡΟΣ", "γιατρος"),
    ("ВРАЧ", "врач"),
]


@pytest.mark.parametrize(("reply", "reference"), SAME)
def test_spellings_of_one_word(reply: str, reference: str):
    """Optional points, stretching, digits' shapes, letter case and invisible characters do not count."""
    assert scores(reply, reference)["rouge1"] == pytest.approx(1)


@pytest.mark.parametrize("reply", ["👍", "🙏🏽 !!", "☠ ..."])
@pytest.mark.parametrize("language", ["English", "Russian", "Hindi", "Chinese"])
def test_content_without_a_word_is_undefined(reply: str, language: str):
    """ROUGE knows words only, so such a reply has no score; BLEU counts marks as tokens, and gives 0 or little."""
    found = scores(reply, SENTENCES[language])
    assert all(math.isnan(found[name]) for name in ROUGE)
    assert 0 <= found["bleu"] < 0.1


@pytest.mark.parametrize("reply", ["", " \n", "\u200b", "...", "—", "؟", "?"])
@pytest.mark.parametrize("language", ["English", "Russian", "Thai", "Chinese"])
def test_an_empty_reply_is_0(reply: str, language: str):
    """Nothing, or punctuation alone, was said: that is an unanswered question, which is wrong."""
    found = scores(reply, SENTENCES[language])
    assert [found[name] for name in ROUGE] == [0.0] * 3
    marks = 0.1 if reply.strip(" \n\u200b") else 0.0  # BLEU and METEOR count marks as tokens
    assert all(0 <= found[name] <= marks for name in ("bleu", "corpus_bleu", "meteor"))


def test_a_tokenizer_that_cannot_read_the_reference_gives_no_score():
    """A suite that says English of Russian gets no ROUGE rather than 0, or the score of its digits."""
    text = SENTENCES["Russian"]
    assert all(math.isnan(scores(text, text, Dialogue(language="en"))[name]) for name in ROUGE)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_reference_chooses_for_all_replies(form: str):
    """What a model replies cannot change how it is counted, nor can the composition of the reference."""
    for one, other in pairwise(SENTENCES.values()):
        assert script_of(unicodedata.normalize(form, one), "auto") == script_of(one, "auto")
        assert 0 <= scores(other, one)["rouge1"] < 0.7


def test_signatures_name_the_tokenizer():
    """Each language's own, and Unicode's with what brings its tables."""
    found = {language: metrics_for(Dialogue(language=language), ["rouge1"])[0].signature
             for language in ("auto", "en", "zh", "unicode")}  # fmt: skip
    assert len(set(found.values())) == 4
    assert found["auto"].startswith("rouge1|tok:auto(rouge-score,zh-char,unicode)|regex:")
    assert found["unicode"].startswith("rouge1|tok:unicode|regex:")
    assert found["en"].startswith("rouge1|tok:rouge-score|norm:nfc|stem:porter|")
