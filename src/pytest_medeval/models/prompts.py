"""Messages to token ids, by the model's own chat template where it has one.

With a template the reply starts right behind the generation prompt, so a choice is tokenised on its own.
Without one the messages are joined by blank lines and the reply is the next such part; prompt and choice are
then tokenised together and split at the prompt's length, as lm-evaluation-harness does (``encode_pair``),
since a token may reach over the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from jinja2.exceptions import TemplateError

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models.local.batches import Prompt
from pytest_medeval.models.spec import Variables

_MARK = "medeval7probe"


class Prompter:
    """A tokenizer, with the methods of Transformers' own, and what its chat template can do with its variables."""

    def __init__(self, tokenizer: Any, variables: Variables = ()) -> None:
        self.tokenizer = tokenizer
        self._variables = dict(variables)
        self.templated = bool(self.tokenizer.chat_template)
        self._takes_system = self.templated and self._system_shows()

    def encode(self, request: Request) -> Prompt:
        """Turn a request into token ids."""
        if not self.templated:
            return self._plain(request)
        ids = self._ids(self._render(request.messages))
        return Prompt(tuple(ids), tuple(tuple(self._ids(choice)) for choice in request.choices))

    def decode(self, ids: Sequence[int]) -> str:
        """Turn the ids of a reply into text, with the special tokens: they may be what encloses thoughts."""
        return self._text(ids, special=True)

    def special(self, ids: Sequence[int]) -> tuple[str, ...]:
        """List the texts of the special tokens among the ids of a reply, each once."""
        if self._text(ids, special=True) == self._text(ids, special=False):
            return ()
        bare = (token for token in dict.fromkeys(ids) if not self._text([token], special=False))
        return tuple(filter(None, (self._text([token], special=True) for token in bare)))

    @cached_property
    def lead(self) -> str:
        """What the template puts between the last message and the reply; some open the model's thoughts there."""
        return self._render([Message("user", _MARK)]).rpartition(_MARK)[2] if self.templated else ""

    def end_tokens(self) -> set[int]:
        """Give the ids that end a reply: end of text, and what the template puts behind a reply."""
        ends = {self.tokenizer.eos_token_id} - {None}
        if self.templated:
            turns = [Message("user", _MARK), Message("assistant", _MARK)]
            _, _, rest = self._render(turns, prompt=False).rpartition(_MARK)
            ends |= set(self._ids(rest.strip())[:1]) & set(self.tokenizer.all_special_ids)
        return {int(end) for end in ends}

    def _text(self, ids: Sequence[int], *, special: bool) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=not special, clean_up_tokenization_spaces=False)
        return text

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _render(self, messages: Sequence[Message], *, prompt: bool = True) -> str:
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        if not self._takes_system:
            turns = _merged(turns)
        try:
            text: str = self.tokenizer.apply_chat_template(
                turns, add_generation_prompt=prompt, tokenize=False, **self._variables
            )
        except TemplateError as error:
            roles = ", ".join(turn["role"] for turn in turns)
            raise MedevalError(f"the model's chat template refuses the turns {roles}: {error}") from None
        return text

    def _system_shows(self) -> bool:
        """Try whether the template takes a system turn; some raise, others leave it out silently."""
        turns = [{"role": "system", "content": _MARK}, {"role": "user", "content": "?"}]
        try:
            return _MARK in self.tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, tokenize=False, **self._variables
            )
        except TemplateError:
            return False

    def _plain(self, request: Request) -> Prompt:
        context = "\n\n".join(turn.content for turn in request.messages) + "\n\n"
        if not request.choices:
            return Prompt(tuple(self.tokenizer.encode(context)))
        stem = context.rstrip()
        ids = self.tokenizer.encode(stem)
        choices = (self.tokenizer.encode(context + choice)[len(ids) :] for choice in request.choices)
        return Prompt(tuple(ids), tuple(map(tuple, choices)))


def _merged(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """Move a leading system turn to the head of the first user turn."""
    if not turns or turns[0]["role"] != "system":
        return turns
    system, *rest = turns
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system["content"]}, *rest]
    return [{"role": "user", "content": f"{system['content']}\n\n{rest[0]['content']}"}, *rest[1:]]
