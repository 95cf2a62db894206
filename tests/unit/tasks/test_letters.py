"""Reading the one option that a reply names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.tasks.reading.letters import Reading, read

DRUGS = {"A": "aspirin", "B": "heparin", "C": "aspirin and heparin", "D": "warfarin"}
LISTED = "A. aspirin\nB. heparin\nC. aspirin and heparin\nD. warfarin"

NAMED = {
    "(B) heparin": "B",
    "The answer is C": "C",
    "The answer is C.": "C",
    "Answer: B. heparin": "B",
    "Answer\nB": "B",
    "B": "B",
    "b": "B",
    "I think B": "B",
    "A. wrong\nB. right\nC. wrong\nD. wrong": "B",
    "a": "A",
    "**B**": "B",
    "B)": "B",
    "Option B": "B",
    "option (b)": "B",
    "C: aspirin and heparin": "C",
    "C - aspirin and heparin": "C",
    "B. It acts at once.": "B",
    "aspirin": "A",
    "Aspirin and heparin.": "C",
    "D. warfarin. It cannot be given in pregnancy.": "D",
    "The best choice is option D: warfarin": "D",
    "The correct answer is (B) heparin because A is slow.": "B",
    "The answer is heparin, because it acts at once.": "B",
    "The answer is B, a fast drug.": "B",
    "The answer is:\n\nB": "B",
    "Option A is wrong. Option C is the correct answer.": "C",
    "\\boxed{C}": "C",
    "答案是B": "B",
    "答案：B": "B",
    "正确答案为 C。": "C",
    "故选D": "D",
    "选项B": "B",
    LISTED + "\n\nB": "B",
    LISTED + "\n\nThe answer is D.": "D",
    '{"answer_choice": "B"}': "B",
    '{"answer_choice": "B. heparin"}': "B",
    '{"step_by_step_thinking": "A or C?", "answer_choice": "C"}': "C",
    '{"answer_choice": B}': "B",
    '{"reason": "x" "answer_choice": "C. aspirin and heparin}': "C",
    '```json\n{"answer_choice": "D"}\n```': "D",
    'Sure:\n```json\n{"answer_choice": "D"}\n```': "D",
}

NOT_NAMED = [
    "",
    " ",
    "?",
    "{",
    "A/B",
    "A or B",
    "A, B",
    "A and B",
    "A、B",
    "Both A and B",
    "Both",
    "The answer is A or B",
    "The answer is B (or C).",
    "The answer is B, possibly C",
    "答案是B和C",
    "The answer is not B.",
    "The answer is C. The answer is D.",
    "B\n\nThe answer is C",
    "B. aspirin",
    "None of the above",
    "None of these (E)",
    "A. None of the above",
    "Answer: None of the above",
    "Cannot determine",
    "Inconclusive",
    "N/A",
    "E",
    "(E) ibuprofen",
    "The answer is E.",
    "I cannot answer this question.",
    "A patient with a fever needs care.",
    "A 45-year-old man has chest pain.",
    LISTED,
    '{"answer_choice": ""}',
    '{"answer_choice": null}',
    '{"answer_choice": ["A", "B"]}',
    '{"answer": "A", "answer_choice": "B"}',
    '{"step_by_step_thinking": "Therefore, the answer choice is: C."}',
]


@pytest.mark.parametrize(("reply", "letter"), NAMED.items())
def test_named(reply: str, letter: str):
    """A reply that names one option, in the ways that models do it."""
    assert read(reply, DRUGS).letter == letter


@pytest.mark.parametrize("reply", NOT_NAMED)
def test_not_named(reply: str):
    """Several, none, not offered, refused, contradicted: no letter is guessed."""
    assert read(reply, DRUGS).letter is None


@pytest.mark.parametrize(
    ("reply", "letter"),
    [("a", "A"), ("c", None), ("C", "C"), ("bc", "C"), ("B. c", "B"), ("d", "D"), ("The answer is c", None)],
)
def test_options_that_are_letters(reply: str, letter: str | None):
    """Codes for combinations: c is the text of B and the letter C, so it names neither."""
    assert read(reply, {"A": "a", "B": "c", "C": "bc", "D": "ad"}).letter == letter


@pytest.mark.parametrize(("reply", "letter"), [("A", "A"), ("D", "D"), ("E", None), ("D. E", "D")])
def test_options_of_a_picture(reply: str, letter: str | None):
    """Marks in a picture: E is the text of D, but a lone letter is read as a letter, and E is not offered."""
    assert read(reply, {"A": "A", "B": "B", "C": "C", "D": "E"}).letter == letter


def test_equal_texts_name_nothing():
    """The text of two options names neither; the letter still does."""
    options = {"A": "raised", "B": "raised", "C": "lowered"}
    assert [read(reply, options).letter for reply in ("raised", "B. raised", "lowered")] == [None, "B", "C"]


def test_an_option_may_be_none_of_the_above():
    """What is a refusal elsewhere is an answer where it is offered."""
    options = {"A": "fever", "B": "rash", "C": "None of the above"}
    replies = ("None of the above", "C. None of the above", "The answer is none of the above.")
    assert [read(reply, options).letter for reply in replies] == ["C", "C", "C"]


def test_yes_no_maybe():
    """The texts of PubMedQA's options, alone or with a full stop."""
    options = {"A": "yes", "B": "no", "C": "maybe"}
    replies = ("Yes", "no.", "Maybe", "Not sure", "No option fits")
    assert [read(reply, options).letter for reply in replies] == ["A", "B", "C", None, None]


OPTIONS = st.dictionaries(st.sampled_from("ABCDE"), st.text(min_size=1, max_size=9), min_size=2)


@settings(deadline=None)
@given(st.text(max_size=200), OPTIONS)
def test_never_crashes_and_names_only_what_is_offered(reply: str, options: dict[str, str]):
    """Any text over any options gives an offered letter or None."""
    assert read(reply, options).letter in {None, *options}


PIECES = ["A", "B", "E", "(", ")", "/", " or ", ". ", "\n", "The answer is ", "{", '"answer_choice": ', '"']


@settings(deadline=None)
@given(st.lists(st.sampled_from([*PIECES, "aspirin", "答案是"]), max_size=12).map("".join))
def test_pieces_of_replies_never_crash(reply: str):
    """Fragments of real replies in any order give an offered letter or None."""
    assert read(reply, DRUGS).letter in {None, *DRUGS}


@pytest.mark.parametrize("form", ["{}", "({})", "**{}**", "Answer: {}", "The answer is {}.", "答案：{}"])
@pytest.mark.parametrize("letter", "ABCD")
def test_every_offered_letter_is_read(letter: str, form: str):
    """No letter is favoured: each is read in each plain form."""
    assert read(form.format(letter), DRUGS).letter == letter


@pytest.mark.parametrize("between", ["/", " or ", " and ", ", ", " & ", "、", "或"])
@pytest.mark.parametrize("pair", ["AB", "CA", "DC"])
def test_two_letters_are_none(pair: str, between: str):
    """Two letters name no single option, whichever they are."""
    assert read(between.join(pair), DRUGS).letter is None


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("Heparin, because it acts at once.", "first line: text"),
        ("Heparin is given to inpatients.", "the only option named"),
        ("B: it acts at once.", "first line: letter"),
        ("(B) heparin", "first line: letter and text"),
        ("The answer is heparin.", "first line: text"),
    ],
)
def test_the_rule_that_read_a_reply_is_told(reply, why):
    """A text opens a reply as its answer only where it ends there; else what follows decides."""
    assert read(reply, {"A": "aspirin", "B": "heparin", "C": "warfarin"}) == Reading("B", why)
