"""Messages to tokens, with every kind of chat template."""

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models.local.model import load_prompter

ASKED = Request((Message("system", "Be brief."), Message("user", "Rash?")), choices=("A", "B C"))
REFUSING = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "[{{ m['role'] }}]{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
SILENT = (
    "{% for m in messages %}{% if m['role'] != 'system' %}"
    "[{{ m['role'] }}]{{ m['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def _text(prompter, ids):
    return prompter.tokenizer.decode(list(ids))


def test_template_and_choices(make_model):
    """The reply starts behind the generation prompt; a choice is tokenised on its own."""
    prompter = load_prompter(make_model())
    prompt = prompter.encode(ASKED)
    assert _text(prompter, prompt.ids) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nRash?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert [_text(prompter, choice) for choice in prompt.choices] == ["A", "B C"]


@pytest.mark.parametrize("template", [REFUSING, SILENT])
def test_system_turn_is_merged_where_the_template_has_no_place_for_it(make_model, template):
    """A template that raises on a system turn, or drops it, gets it at the head of the user's turn."""
    prompter = load_prompter(make_model(template=template))
    assert _text(prompter, prompter.encode(ASKED).ids) == "[user]Be brief.\n\nRash?[assistant]"


def test_without_template_parts_are_joined_by_blank_lines(make_model):
    """Prompt and choice are tokenised as one text and split where the prompt ends."""
    prompter = load_prompter(make_model(template=None))
    prompt = prompter.encode(ASKED)
    assert _text(prompter, prompt.ids) == "Be brief.\n\nRash?"
    assert [_text(prompter, prompt.ids + choice) for choice in prompt.choices] == [
        "Be brief.\n\nRash?\n\nA",
        "Be brief.\n\nRash?\n\nB C",
    ]
    generated = prompter.encode(Request(ASKED.messages))
    assert _text(prompter, generated.ids) == "Be brief.\n\nRash?\n\n"


def test_end_of_turn_is_an_end(make_model):
    """What the template puts behind an assistant's turn ends a reply, beside the end of text."""
    prompter = load_prompter(make_model())
    assert prompter.end_tokens() == set(prompter.tokenizer.convert_tokens_to_ids(["</s>", "<|im_end|>"]))


def test_template_that_refuses_the_turns_is_one_line(make_model):
    """What a template raises is told with the roles it was given."""
    prompter = load_prompter(make_model(template="{{ raise_exception('roles must alternate') }}"))
    with pytest.raises(MedevalError, match="chat template refuses the turns user: roles must alternate"):
        prompter.encode(ASKED)


def test_prompt_hash_is_over_token_ids(make_model):
    """Two prompts with the same tokens share a hash, whatever choices follow."""
    prompter = load_prompter(make_model())
    one, two = prompter.encode(ASKED), prompter.encode(Request(ASKED.messages))
    assert one.hash == two.hash
    assert one.hash != prompter.encode(Request((Message("user", "Rash!"),))).hash


ALTERNATING = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
TALK = (
    Message("system", "Be brief."),
    Message("user", "I cough."),
    Message("user", "It hurts."),
    Message("assistant", "Where?"),
    Message("user", "Here."),
)


def test_turns_of_one_role_in_a_row_are_one_where_the_template_takes_none(make_model):
    """Earlier turns of the assistant stay; a template that takes repeats gets them."""
    refusing = load_prompter(make_model(template=ALTERNATING))
    assert refusing.context(TALK) == "[user]Be brief.\n\nI cough.\n\nIt hurts.[assistant]Where?[user]Here.[assistant]"
    taking = load_prompter(make_model(template=SILENT))
    assert taking.context(TALK[1:]) == "[user]I cough.[user]It hurts.[assistant]Where?[user]Here.[assistant]"
