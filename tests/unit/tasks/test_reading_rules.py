"""What every reading keeps to: never raises, only what is offered, in linear time, nothing that is denied."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_languages import DRUGS, REFUSED, STATED, _filled, _options

from pytest_medeval.tasks.letters import read
from pytest_medeval.tasks.reading.normal import normalise

PLAIN = {"A": "aspirin", "B": "heparin", "C": "warfarin", "D": "insulin"}

DENIALS = {
    "en": [
        "I don't think that ",
        "It is not true that ",
        "I doubt that ",
        "Nobody says that ",
        "It is false that ",
    ],
    "zh": ["我不认为", "不能说"],
    "de": ["Ich glaube nicht, dass ", "Es stimmt nicht, dass "],
    "fr": ["Je ne pense pas que ", "Il est faux que "],
    "es": ["No creo que ", "Es falso que "],
    "pt": ["Não acho que ", "É falso que "],
    "it": ["Non credo che ", "È falso che "],
    "ru": ["Я не думаю, что ", "Неправда, что "],
    "ar": ["لا أعتقد أن ", "من الخطأ أن "],
    "hi": ["मुझे नहीं लगता कि ", "यह गलत है कि "],
}
"""Denials that go before a whole statement; Japanese and Korean deny behind it."""

SENTENCES = {
    language: [
        form
        for form in STATED[language]
        if not any(mark in form for mark in ":：】") and form.count(". ") == 0
    ]
    for language in DENIALS
}


def _drops_turns(form: str) -> bool:
    """Leave out forms that begin anew (``Therefore ...``): a denial before them denies something else."""
    return not form.startswith(
        (
            "Since",
            "It acts",
            "因此",
            "故选",
            "Daher",
            "Donc",
            "Por lo tanto",
            "Portanto",
            "Quindi",
            "Следовательно",
            "لذلك",
            "इसलिए",
        )
    )


@pytest.mark.parametrize("language", DENIALS)
def test_a_denied_statement_is_never_the_letter(language: str):
    """Whatever states an option states none behind a denial."""
    for form in filter(_drops_turns, SENTENCES[language]):
        for denial in DENIALS[language]:
            for letter in "ABCD":
                said = _filled(language, form, letter)
                reply = denial + (said if said[0] in "ABCD" else said[0].lower() + said[1:])
                assert read(reply, _options(language)).letter != letter, reply


FORMS = [
    (language, form) for table in (STATED, REFUSED) for language, forms in table.items() for form in forms
]
WORDS = st.sampled_from(
    [*"ABCDE", "(", ")", "/", ". ", "\n", ", ", "{", "}", '"', "<answer>", "\\boxed{", "not ", "if "]
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(WORDS, st.sampled_from(FORMS)), max_size=8), st.sampled_from(sorted(DRUGS)))
def test_any_mixture_gives_an_offered_letter_or_none(parts: list, language: str):
    """Statements and pieces of markup in any order never raise, and name only what is offered, with a reason."""
    reply = "".join(part if isinstance(part, str) else _filled(*part, "B") for part in parts)
    found = read(reply, _options(language))
    assert found.letter in {None, *"ABCD"}
    assert found.why


UNITS = [
    "a",
    " ",
    "\n",
    "A ",
    "A, ",
    "the answer is ",
    "answer ",
    "(",
    "{",
    '"',
    "<answer>",
    "\\boxed{",
    '{"answer": "',
]
UNITS += [
    "<think>",
    "</think>",
    "**",
    "not ",
    "aspirin and ",
    "\\text{",
    "答案是",
    "~~",
    "if ",
    "```\n{",
    "<s ",
    "option ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_long_replies_take_linear_time(unit: str):
    """Sixteen times the length takes no more than a few times sixteen: no pattern runs away on 100 kB."""
    short, long = (unit * (size // len(unit) + 1) for size in (6_250, 100_000))
    began = time.process_time()
    read(short, PLAIN)
    between = time.process_time()
    read(long, PLAIN)
    assert time.process_time() - between < 60 * max(between - began, 0.02)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("**Ｂ**", "B"),
        ("\ufeffB\u200b", "B"),
        ("🅱️", "B"),
        ("Ⓑ", "B"),
        ("B<|eot_id|>", "B"),
        ("$\\mathbf{B}$", "B"),
        ("<b>B</b>", "B"),
        ("~~A~~ B", "B"),
        ("Ответ: В", "Ответ: B"),
        ("<think>A\n</think>B", "B"),
        ("A?\n</think>\nB", "B"),
        ("<think>A", ""),
        ("B\nQuestion: next?\nA", "B"),
    ],
)
def test_one_form(raw: str, plain: str):
    """Width, marks, special tokens, LaTeX, tags, thoughts and a next question are taken off."""
    assert normalise(raw) == plain


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ('{"answer": "B"}', "B"),
        ('{"answer": "not B"}', None),
        ('{"answer": "B is wrong"}', None),
        ('{"answer": {"letter": "B"}}', "B"),
        ('Use this: {"answer": "B"}', "B"),
        ('The patient asked {"answer": "A"} but I recommend heparin', None),
        ("<answer>A</answer> The answer is B.", None),
        ("<answer>A or B</answer>", None),
        ("Vitamin A is the best.", None),
        ("The answer is E. coli.", None),
        ("The answer is A drug that thins blood.", None),
        ("B, not A.", "B"),
        ("A, C and D are wrong, so B.", "B"),
        ("If I had to guess, I would say B.", "B"),
        ("It has been argued that the answer is A.", None),
        ("Heparin should be avoided.", None),
        ("A 45-year-old man. The answer is B.", "B"),
    ],
)
def test_fields_and_kin(reply: str, letter: str | None):
    """Values of fields, names that end in a letter, articles, and what stands beside a claim."""
    assert read(reply, PLAIN).letter == letter
