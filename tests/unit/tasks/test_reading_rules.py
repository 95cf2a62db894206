"""What every reading keeps to: one form, fields before words, linear time."""

import time

import pytest

from pytest_medeval.tasks.reading.letters import read
from pytest_medeval.tasks.reading.normal import tidy

PLAIN = {"A": "aspirin", "B": "heparin", "C": "warfarin", "D": "insulin"}

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
        ("B\nQuestion: next?\nA", "B"),
        ("🅉", "Z"),
        ("🆊", "🆊"),
    ],
)
def test_one_form(raw: str, plain: str):
    """Width, marks, special tokens, LaTeX, tags and a next question are taken off."""
    assert tidy(raw) == plain


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


@pytest.mark.parametrize(
    ("reply", "letter", "why"),
    [
        ("Heparin. Heparin it is.", "B", "first line: text"),
        ("Heparin, heparin!", "B", "first line: text"),
        ("heparin. B. heparin", "B", "first line: text"),
        ("B\nA drug that thins blood.\nC acts slowly.", "B", "first line: letter"),
        ("So C.\nA/B", "C", "conclusion"),
        ("The answer is B unless pregnant", None, "conditional"),
        ("The answer is B drug", None, "no option"),
        ("I am not sure. A right answer is hard to give.", None, "named"),
        ("C is correct\nA/B", "C", "verdict"),
        ("Or B is correct.", "B", "verdict"),
        ("A or B is correct.", None, "several"),
        ("None of these. The answer is C.", "C", "statement"),
        ("A or B\nThe answer is C.", "C", "statement"),
        ("A or B\n(C) is correct.", None, "several"),
    ],
)
def test_which_rule_reads(reply: str, letter: str | None, why: str):
    """An option named again, a list that is none, a word that is no letter, what takes an opening back."""
    found = read(reply, PLAIN)
    assert (found.letter, found.why) == (letter, why)
