"""What else compares texts does so in every script: mentions, duplicates, examples, options, findings."""

import unicodedata

import pytest
from tests.unit.metrics.sentences import SENTENCES

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Record, Reply, Source
from pytest_medeval.core.words import unicode_tokens
from pytest_medeval.tasks.cases.duplicates import Index
from pytest_medeval.tasks.cases.duplicates import plain as bare
from pytest_medeval.tasks.cases.shots import nearest
from pytest_medeval.tasks.cases.shots import plain as reduced
from pytest_medeval.tasks.cases.split import content
from pytest_medeval.tasks.dialogue import Dialogue
from pytest_medeval.tasks.reading.letters import read
from pytest_medeval.tasks.reading.outcome import loops
from pytest_medeval.tasks.reading.synonyms import similarity

NFD = {language: unicodedata.normalize("NFD", text) for language, text in SENTENCES.items()}


def dialogue(*mentions: str):
    """Make a case that demands mentions."""
    fields = {"id": "1", "input": "?", "reference": "!", "must_mention": list(mentions)}
    return Dialogue().case(Record(Source("made"), fields))


@pytest.mark.parametrize("language", SENTENCES)
def test_a_mention_is_found_in_any_spelling(language: str):
    """Composed or taken apart, in capitals or small letters: a right reply is not missed."""
    text = SENTENCES[language]
    capitals = text if language == "Turkish" else text.upper()  # whose I and İ no other language has
    for said in (text, NFD[language], capitals):
        assert Dialogue().correct(dialogue(text), Reply(said, "answered"))
    assert not Dialogue().correct(dialogue(text), Reply(text[: len(text) // 2], "answered"))


@pytest.mark.parametrize("mention", ["", " ", "|", " | "])
def test_a_mention_of_nothing_is_refused(mention: str):
    """It stands in every reply, and so would let every reply pass."""
    with pytest.raises(MedevalError, match="'must_mention' holds"):
        dialogue("ambulance", mention)


def test_nothing_between_bars_is_no_alternative():
    """A bar at the end does not make every reply right."""
    assert not Dialogue().correct(dialogue("ambulance|"), Reply("rest", "answered"))


@pytest.mark.parametrize("language", SENTENCES)
def test_texts_that_are_compared_are_the_same_in_nfc_and_nfd(language: str):
    """For leakage, examples and the split of training data."""
    text, apart = SENTENCES[language], NFD[language]
    assert bare(text) == bare(apart) != ""
    assert reduced(text) == reduced(apart) != ""
    assert Index([[bare(text)]], 0.8).holders([bare(apart)]).all()


@pytest.mark.parametrize(("one", "other"), [("की दवा", "का दवा"), ("ไข้", "ไข"), ("কাশি", "কাশ")])
def test_vowel_signs_tell_texts_apart(one: str, other: str):
    """Texts that differ in a mark alone are two."""
    assert bare(one) != bare(other)
    assert reduced(one) != reduced(other)
    made = [Dialogue().case(Record(Source("m"), {"id": "1", "input": text, "reference": "!"})) for text in (one, other)]
    assert content(made[0]) != content(made[1])


@pytest.mark.parametrize("language", ["Thai", "Burmese", "Khmer", "Lao", "Japanese", "Hindi", "Russian", "Korean"])
def test_the_nearest_example_is_the_one_that_says_the_same(language: str):
    """Half a text is nearest to the whole."""
    pool = list(SENTENCES.values())
    text = SENTENCES[language]
    assert nearest(pool, [text[: len(text) // 2]], 1) == [[pool.index(text)]]


def test_an_option_is_read_in_any_composition():
    """The option's text, taken apart, names the option."""
    options = {"A": "fièvre élevée", "B": "жёлтый"}
    for key, text in options.items():
        assert read(unicodedata.normalize("NFD", text), options).letter == key


@pytest.mark.parametrize(("one", "other"), [("боль в груди слева", "боль в груди справа"), ("гипертония", "гипотония")])
def test_alphabets_are_compared_as_strictly_as_latin(one: str, other: str):
    """The opposite finding is spelt nearly alike."""
    assert similarity(one, other) == 0


@pytest.mark.parametrize("language", SENTENCES)
def test_a_loop_is_seen(language: str):
    """Copies of a sentence are a loop in every script, and one sentence is none."""
    assert loops(f"{SENTENCES[language]} " * 6)
    assert not loops(SENTENCES[language])


def test_tokens():
    """By hand: mixed scripts, marks, numbers with units, emoji, Tibetan syllables."""
    assert unicode_tokens("服药 aspirin 5мг") == ["服", "药", "aspirin", "5мг"]
    assert unicode_tokens("ဖျားနာ") == ["ဖျား", "နာ"]
    assert unicode_tokens("སྨན་རིལ") == ["སྨན", "་", "རིལ"]
    assert unicode_tokens("هر ۳۹٫۵") == ["هر", "39٫5"]
    assert unicode_tokens("薬ー👍🏽!") == ["薬", "ー", "👍🏽", "!"]
