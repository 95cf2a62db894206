"""Near-duplicates: grams, the index against counting every pair, and where a share is enough."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.tasks.cases import duplicates
from pytest_medeval.tasks.cases.duplicates import GRAM, Index, Match, grams, plain, plain_lines

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.text(alphabet="abcdefgh 发热咳嗽腹痛", min_size=20, max_size=90), min_size=1, max_size=3),
    st.lists(st.text(alphabet="abcdefgh 发热咳嗽腹痛", max_size=80), min_size=1, max_size=8),
)
def test_the_index_misses_nothing(wanted, texts):
    """The prefix filter finds what comparing every pair finds."""
    wanted, texts = [plain(text) for text in wanted], [plain(text) for text in texts]
    (found,) = Index([wanted], 0.6).search(texts)
    sets = {text: set(grams([text])[0].tolist()) for text in (*wanted, *texts)}
    for text, match in zip(wanted, found, strict=True):
        own = sets[text]
        shares = [len(own & sets[other]) / len(own) if len(own) >= 12 else 0.0 for other in texts]
        best = max(shares)
        assert (match is not None) == (best >= (0.6 if len(own) >= 30 else 1.0))
        assert match is None or match.share == pytest.approx(best)


def test_grams_stay_within_their_text():
    """Eight letters or four Chinese characters; none crosses into the next text."""
    words, owners = grams(["abcdefghi", "发热咳嗽痛", "short"])
    assert owners.tolist() == [0, 0, 1, 1]
    assert len(set(words.tolist())) == 4
    assert GRAM == 8


def text(start, length):
    """Make a plain text of so many letters of which no gram repeats."""
    made = "".join(f"{one}{two}" for one in LETTERS for two in LETTERS)
    return made[2 * start : 2 * start + length]


@pytest.mark.parametrize(
    ("own", "held", "found"),
    [
        (18, 18, None),  # eleven grams say too little
        (19, 19, 1.0),  # twelve grams, all there
        (36, 35, None),  # twenty-nine grams must all be there
        (36, 36, 1.0),
        (37, 28, 0.7),  # thirty grams, twenty-one of them: the least share
        (37, 27, None),
        (37, 36, 29 / 30),
    ],
)
def test_how_much_of_a_text_must_stand_there(own, held, found):
    """Of short texts nothing counts, of short sentences all, of longer ones the least share."""
    wanted = text(0, own)
    ((match,),) = Index([[wanted]], 0.7).search(["zzzzzzzzz", wanted[:held] + "!!"])
    assert match == (None if found is None else Match(1, pytest.approx(found)))


def test_the_first_text_that_holds_most_is_found():
    """Of equal ones the first; a later one that holds more goes before; groups and places are kept."""
    wanted, other = text(0, 60), text(100, 60)
    texts = [wanted[:50], wanted[:50], f"x{wanted}", f"{wanted}y", other]
    found = Index([[wanted, "short"], [other]], 0.5).search(texts)
    assert found == [[Match(2, 1.0), None], [Match(4, 1.0)]]
    assert Index([[wanted]], 0.5).search(texts[:2]) == [[Match(0, pytest.approx(43 / 53))]]
    assert Index([[wanted]], 0.5).search([]) == [[None]]


@pytest.mark.parametrize(("count", "own"), [(3, True), (4, False)])
def test_what_most_texts_of_a_group_share_is_its_form(count, own):
    """From four texts on, what more than half of them hold says nothing of any of them."""
    form = text(0, 90)
    group = [form + text(100 + 40 * n, 40) for n in range(count)]
    found = Index([group], 0.5).search([form])[0]
    assert [one is not None for one in found] == [own] * count
    assert [one.share for one in Index([group], 0.5).search(group)[0]] == [1.0] * count
    half = [form + text(100, 40), form + text(150, 40), text(200, 60), text(250, 60)]
    assert Index([half], 0.5).search([form])[0][0] is not None  # two of four are no more than half


def test_texts_that_hold_one_are_told():
    """At least the share of any text, or equal to one however short; lines stand on their own."""
    wanted = text(0, 60)
    held = Index([[wanted, "fever\ncough"]], 0.7).holders(
        [wanted[:50], wanted[:40], "fevercough", "fever", f"zz{wanted}"]
    )
    assert held.tolist() == [True, False, True, False, True]
    assert plain_lines("(A) Fever!\n\n b \nCough.") == "fever\ncough"
    many = [f"{wanted}{n}" for n in range(40)]
    assert Index([[wanted]], 0.7).holders(many).all()


def test_pieces_of_the_search_change_nothing(monkeypatch):
    """Texts searched a few at a time are found as all at once."""
    wanted = [text(40 * n, 60) for n in range(5)]
    texts = ["zz", *wanted, "yy", wanted[0]]
    whole = Index([wanted], 0.7).search(texts)
    for chunk in (1, 61, 200):
        monkeypatch.setattr(duplicates, "CHUNK", chunk)
        assert Index([wanted], 0.7).search(texts) == whole
    assert [match.where for match in whole[0]] == [1, 2, 3, 4, 5]
    assert list(duplicates._chunks(["a" * 150, "b" * 150, "c"])) == [(0, ["a" * 150, "b" * 150]), (2, ["c"])]


def test_a_gram_ends_with_its_text():
    """Eight bytes of a text, one for ASCII and two for others, from every character on."""
    words, owners = grams(["abcdefgh", "abcdefg", "aé发fgh"])
    assert (len(words), owners.tolist()) == (2, [0, 2])
    assert [len(found) for found in grams(["short"])] == [0, 0]
    assert [len(found) for found in grams([])] == [0, 0]
    assert grams(["abcdefgh"])[0][0] == grams(["xabcdefgh"])[0][1]
