"""METEOR against NLTK's own, with WordNet where there is one, and with a small stand-in everywhere."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.meteor_score import single_meteor_score

from pytest_medeval.core.types import Reply, Source
from pytest_medeval.metrics import meteor, metrics_for
from pytest_medeval.metrics.meteor import meteor_score, open_wordnet, wordnet_version
from pytest_medeval.metrics.tokens import bleu_tokens
from pytest_medeval.tasks.dialogue import Dialogue, DialogueCase


class Stub:
    """Holds synonyms in the way of NLTK's WordNet reader."""

    def __init__(self, *groups: list[str]) -> None:
        self.groups = groups

    def synsets(self, word: str) -> list[SimpleNamespace]:
        """Give the groups that hold a word."""
        found = (group for group in self.groups if word in group)
        return [
            SimpleNamespace(lemmas=lambda group=group: _lemmas(group), lemma_names=lambda group=group: group)
            for group in found
        ]


def _lemmas(group: list[str]) -> list[SimpleNamespace]:
    return [SimpleNamespace(name=lambda name=name: name) for name in group]


NONE = Stub()
SOME = Stub(["doctor", "physician"], ["ill", "sick", "out_of_sorts"], ["sick", "nauseous"], ["fast", "quick"])
WORDS = ["doctor", "physician", "ill", "sick", "nauseous", "fast", "quick", "quickly", "feels", "the"]


@pytest.fixture
def some_synonyms(monkeypatch):
    """Put the stand-in where WordNet would be."""
    monkeypatch.setattr(meteor, "open_wordnet", lambda: SOME)
    meteor._synonyms.cache_clear()
    yield
    meteor._synonyms.cache_clear()


def nltks(reply: str, reference: str, wordnet) -> float:
    """Score by NLTK."""
    return single_meteor_score(bleu_tokens(reference, "en"), bleu_tokens(reply, "en"), wordnet=wordnet)


def ours(reply: str, reference: str, *, synonyms: bool) -> float:
    """Score by the module under test."""
    return meteor_score(bleu_tokens(reply, "en"), bleu_tokens(reference, "en"), stems=True, synonyms=synonyms)


def test_without_wordnet_it_is_nltks_without_synonyms(real_pairs):
    """Not one of 660 real pairs differs from NLTK (3.10) when it knows no synonym."""
    for reply, reference in real_pairs:
        assert ours(reply, reference, synonyms=False) == nltks(reply, reference, NONE)


def test_with_wordnet_it_is_nltks(real_pairs):
    """Not one of 660 real pairs differs from NLTK (3.10) with WordNet 3.0."""
    if wordnet_version() is None:
        pytest.skip("no WordNet: neither in NLTK's data folders nor in /usr/share/wordnet")
    for reply, reference in real_pairs:
        assert ours(reply, reference, synonyms=True) == nltks(reply, reference, open_wordnet())


@pytest.mark.usefixtures("some_synonyms")
def test_synonym_stage_is_nltks():
    """Sentences of many synonyms, stems and repetitions, in any order, score as NLTK scores them."""
    rng = np.random.default_rng(7)
    for _ in range(500):
        sizes = rng.integers(1, 12, size=2)
        reply, reference = (" ".join(rng.choice(WORDS, size=size)) for size in sizes)
        assert ours(reply, reference, synonyms=True) == nltks(reply, reference, SOME)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS)), st.lists(st.sampled_from(WORDS)))
def test_range(reply: list[str], reference: list[str]):
    """0 to 1, and 1 - 0.5 / n^3 for a text against itself."""
    assert 0 <= meteor_score(reply, reference, stems=True, synonyms=False) <= 1
    if reply:
        itself = meteor_score(reply, reply, stems=True, synonyms=False)
        assert itself == pytest.approx(1 - 0.5 / len(reply) ** 3)


def test_the_metric_chooses_stages_by_script():
    """Chinese is compared by character, without stems and synonyms; silence scores 0."""
    (metric,) = metrics_for(Dialogue(), ["meteor"])
    case = DialogueCase(id="1", source=Source("made"), input="?", reference="发热咳嗽")
    rows = [metric.row(case, Reply(text, "answered")) for text in ("发热咳嗽", "咳嗽", "")]
    assert rows[0] == [1 - 0.5 / 4**3]
    precision, recall = 1, 0.5
    assert rows[1][0] == pytest.approx((1 - 0.5 / 2**3) * 10 * precision * recall / (recall + 9 * precision))
    assert rows[2] == [0.0]


@pytest.mark.parametrize(("version", "said"), [(None, "syn:none"), ("3.0", "syn:wn3.0")])
def test_signature_says_which_wordnet(monkeypatch, version, said):
    """Scores with and without synonyms never carry the same signature."""
    monkeypatch.setattr(meteor, "wordnet_version", lambda: version)
    (metric,) = metrics_for(Dialogue(), ["meteor"])
    assert f"|{said}|version:nltk-" in metric.signature
    (chinese,) = metrics_for(Dialogue(language="zh"), ["meteor"])
    assert "|stem:no|syn:none|" in chinese.signature
