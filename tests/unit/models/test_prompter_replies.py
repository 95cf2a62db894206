"""Ids that followed a prompt as an answer: one place for models of folders and of GGUF files."""

from __future__ import annotations

import pytest

from pytest_medeval.models.local.batches import NO_NUMBERS, NO_TOKEN, Prompt
from pytest_medeval.models.prompts import Prompter

PROMPT = Prompt((1, 2, 3), ((4,), (5, 6)))
END = 0


class Letters:
    """A tokenizer of letters, whose end token writes ``</s>``."""

    chat_template = None

    def decode(self, ids, *, skip_special_tokens, **_):
        """Write ids as letters."""
        return "".join(chr(96 + token) if token else "" if skip_special_tokens else "</s>" for token in ids)


@pytest.mark.parametrize(
    ("found", "stops", "text", "finish"),
    [
        ([1, 2, END], (), "ab", "stop"),
        ([1, 2], (), "ab", "length"),
        ([1, 2, 3, 4], ("d", "bc"), "a", "stop"),
        ([END], (), "", "stop"),
        ([], (), "", "length"),
        ([1, 2], ("", "z"), "ab", "length"),
    ],
)
def test_a_reply_ends_at_an_end_token_or_a_stop_string(found, stops, text, finish):
    """The end token is counted and not shown; of stop strings the first in the text cuts."""
    answer = Prompter(Letters()).reply(PROMPT, found, {END}, stops)
    assert (answer.text, answer.finish, answer.reply_tokens) == (text, finish, len(found))
    assert (answer.prompt_hash, answer.prompt_tokens) == (PROMPT.hash, 3)


def test_a_reply_without_numbers_is_an_error():
    """What had begun is no answer."""
    answer = Prompter(Letters()).reply(PROMPT, [1, NO_TOKEN], {END}, ())
    assert (answer.finish, answer.error) == ("error", NO_NUMBERS)


def test_likelihoods_stand_beside_the_lengths_of_their_choices():
    """One number and one count of tokens a choice."""
    answer = Prompter(Letters()).scored(PROMPT, (-1.0, -2.5))
    assert (answer.finish, answer.logprobs, answer.choice_tokens) == ("choice", (-1.0, -2.5), (1, 2))
    assert (answer.prompt_hash, answer.prompt_tokens) == (PROMPT.hash, 3)
