"""Thoughts and replies: every form that models write, and nothing lost between them."""

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.thoughts import DEFAULT_TAGS, parse_tags, pieces, split
from pytest_medeval.core.types import Answer
from pytest_medeval.tasks.reading.outcome import text_outcome

THOUGHT, SAID = "An ambulance would be needed.", "Take a warm bath."
HEAD, FINAL = "<|channel|>analysis<|message|>", "<|start|>assistant<|channel|>final<|message|>"

CLOSED = {
    "think": f"<think>{THOUGHT}</think>\n\n{SAID}",
    "a prefixed tag": f"<seed:think>{THOUGHT}</seed:think>{SAID}",
    "triangles": f"◁think▷{THOUGHT}◁/think▷{SAID}",
    "unused tokens": f"<unused94>{THOUGHT}<unused95>{SAID}",
    "triangles, closing alone": f"{THOUGHT}◁/think▷{SAID}",
    "thinking": f"<thinking>{THOUGHT}</thinking>{SAID}",
    "reasoning": f"<reasoning>\n{THOUGHT}\n</reasoning>\n{SAID}",
    "square": f"[THINK]{THOUGHT}[/THINK]{SAID}",
    "any letter case, with blanks": f"< Think >{THOUGHT}</ THINK >{SAID}",
    "only the closing tag": f"{THOUGHT}\n</think>\n\n{SAID}",
    "behind the reply": f"{SAID}\n<think>{THOUGHT}</think>",
    "nested": f"<think>a<think>{THOUGHT}</think>b</think>{SAID}",
    "nested, with two inner blocks": f"<think>x<think>a</think>{THOUGHT}<think>b</think>z</think>{SAID}",
    "an inner tag that nothing closes": f"<think>{THOUGHT} <think> again</think>{SAID}",
    "closed twice": f"<think>a</think>{THOUGHT}</think>{SAID}",
    "another kind within": f"<think>a</thinking>{THOUGHT}</think>{SAID}",
    "a quoted closing tag within": f'<think>I end with "</think>" then. {THOUGHT}</think>{SAID}',
    "a fence that is never closed within": f"<think>```\n{THOUGHT}</think>{SAID}",
    "a fence closed only by another's head": f"a\n```\n{THOUGHT}</think>{SAID}",
    "harmony": f"{HEAD}{THOUGHT}<|end|>{FINAL}{SAID}<|return|>",
    "harmony, with a tool": f"{HEAD}{THOUGHT}<|end|><|start|>assistant<|channel|>commentary to=f <|constrain|>json"
    f"<|message|>{{}}<|call|>{FINAL}{SAID}",
    "harmony without its special tokens": f"analysis{THOUGHT}assistantfinal{SAID}",
}
UNCLOSED = {
    "think": f"<think>{THOUGHT}",
    "behind closed ones": f"<think>a</think><think>{THOUGHT}",
    "square": f"[THINK] {THOUGHT}",
    "harmony": f"{HEAD}{THOUGHT}",
    "harmony, before the final message": f"{HEAD}a<|end|><|start|>assistant<|channel|>commentary<|message|>{THOUGHT}",
    "harmony without its special tokens": f"analysis{THOUGHT}",
    "in a fence that is never closed": f"```\n<think>{THOUGHT}",
}
PLAIN = {
    "no tag": SAID,
    "in backticks": "I write `<think>` before and `</think>` behind.",
    "in quotation marks": 'I write "<think>" and “</think>”.',
    "in a fence": f"So:\n```xml\n<think>a</think>\n```\n{SAID}",
    "alone in a fence": f"```\n<think>\n```\n{SAID}",
    "a word that begins like a channel": "analysis of the blood shows nothing",
    "other tags": "<thinker>a</thinker> <b>x</b> </end>",
    "comparisons": "If SpO2 < 90 % > think of embolism.",
    "an end mark of another family": f"{SAID}<|end|>",
}


@pytest.mark.parametrize("form", CLOSED)
def test_thoughts_are_no_part_of_the_reply(form: str):
    """Whatever encloses them, the reply is what was said beside them."""
    found = split(CLOSED[form])
    assert (found.reply, found.unclosed) == (SAID, False)
    assert THOUGHT in found.thoughts


@pytest.mark.parametrize("form", UNCLOSED)
def test_thoughts_that_never_end_leave_no_reply(form: str):
    """What is cut off inside thoughts is no answer."""
    found = split(UNCLOSED[form])
    assert found.unclosed
    assert found.reply.strip("`\n") == ""
    assert THOUGHT in found.thoughts


@pytest.mark.parametrize("form", PLAIN)
def test_a_reply_may_speak_of_tags(form: str):
    """Quoted tags are text, and a text without thoughts is given as it is."""
    assert split(PLAIN[form]) == ("", PLAIN[form], False)


def test_several_blocks_and_words_that_would_meet():
    """Thoughts between words leave a blank."""
    assert split("Take<think>a</think>aspirin<think>b</think>.") == ("a\n\nb", "Take aspirin .", False)


def test_a_quotation_on_either_side_quotes_no_tag():
    """Marks that end one text and begin another do not stand around the tag between them."""
    assert split('so "B"</think>"B" it is') == ('so "B"', '"B" it is', False)


@pytest.mark.parametrize(
    ("lead", "text", "reply", "unclosed"),
    [
        ("<|Assistant|><think>\n", f"{THOUGHT}</think>{SAID}", SAID, False),
        ("<|Assistant|><think>\n", THOUGHT, "", True),
        ("<|Assistant|><think>\n", f"<think>\n{THOUGHT}</think>{SAID}", SAID, False),
        ("<|Assistant|><think>\n", f"{THOUGHT}</think>So: <think>b</think>{SAID}", f"So: {SAID}", False),
        ("assistant\n<think>\n\n</think>\n\n", SAID, SAID, False),
        ("<|start|>assistant<|channel|>analysis<|message|>", f"{THOUGHT}<|end|>{FINAL}{SAID}", SAID, False),
        ("<|start|>assistant<|channel|>analysis<|message|>", THOUGHT, "", True),
        ("<|im_start|>assistant\n", SAID, SAID, False),
    ],
)
def test_a_prompt_that_opens_thoughts(lead: str, text: str, reply: str, unclosed: bool):
    """A chat template may end with an opening tag, as DeepSeek-R1's does: the reply then begins inside thoughts."""
    found = split(text, lead=lead)
    assert (found.reply, found.unclosed) == (reply, unclosed)
    assert found.thoughts or "</think>" in lead or "im_start" in lead


def test_tags_can_be_named():
    """Other tags take the place of the usual ones; a pair is written out."""
    huatuo = f"## Thinking\n{THOUGHT}\n## Final Response\n{SAID}"
    assert split(huatuo, parse_tags("## Thinking...## Final Response")).reply == SAID
    assert split(f"<reason>a</reason>{SAID}", parse_tags("<reason>, think")).reply == SAID
    assert split(f"<think>a</think>{SAID}", parse_tags("off")).reply == f"<think>a</think>{SAID}"
    assert split(f"{HEAD}a<|end|>", parse_tags("think")).reply == f"{HEAD}a<|end|>"
    assert parse_tags(",".join(DEFAULT_TAGS)) == DEFAULT_TAGS


@pytest.mark.parametrize("text", ["", "think,", "a b", "...", "a...", "<think", "[think", "</think>", "3x"])
def test_what_names_no_tag_is_refused(text: str):
    """One line says what is accepted."""
    with pytest.raises(MedevalError, match="names no tag; accepted: names of tags"):
        parse_tags(text)


MARKS = [
    *("<think>", "</think>", "<THINKING >", "</thinking>", "[THINK]", "[/THINK]", "<|end|>", "<|return|>"),
    *(HEAD, FINAL, "analysis", "assistantfinal", "`", '"', "```\n", "\n", " "),
    *("<", ">", "/", "think", "[", "咳嗽", "é"),
]
texts = st.lists(st.sampled_from(MARKS) | st.text(max_size=3), max_size=14).map("".join)


@given(texts, st.sampled_from(["", "<think>", HEAD]))
def test_no_character_is_lost_but_tags_and_blanks(text: str, lead: str):
    """The pieces are the text; thoughts and reply are its characters without tags and outer blanks."""
    found, _ = pieces(text, DEFAULT_TAGS, lead)
    assert "".join(piece for _, piece in found) == text
    said = " ".join(piece for part, piece in found if part == "reply")
    assume(not split(said).thoughts)  # what is put together may read as tags again
    kept = "".join(piece for part, piece in found if part != "tag")
    assert _letters("".join(split(text, lead=lead)[:2])) == _letters(kept)


def _letters(text: str) -> Counter[str]:
    return Counter("".join(text.split()))


@given(texts)
def test_a_reply_has_no_thoughts_left(text: str):
    """Splitting again changes nothing."""
    reply = split(text).reply
    assert split(reply) == ("", reply, False)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer("", thoughts=THOUGHT, unclosed=True), "truncated"),
        (Answer("Rest.", thoughts=THOUGHT, unclosed=True, finish="length"), "truncated"),
        (Answer("", thoughts="Wait, is it so? " * 20, unclosed=True, finish="length"), "degenerate"),
        (Answer("Rest.", thoughts="Wait, is it so? " * 20), "answered"),
        (Answer("", thoughts=THOUGHT), "no_answer"),
    ],
)
def test_outcomes(answer: Answer, outcome: str):
    """Thoughts that never end are no answer; a loop within them is one only where the generation ended in it."""
    assert text_outcome(answer) == outcome
