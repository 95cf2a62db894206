"""Messages to token ids, by the model's own chat template where it has one.

With a template the reply starts right behind the generation prompt; without one the messages are joined by blank
lines and the reply is the next such part. A choice is tokenised where it stands: together with its prompt, as
lm-evaluation-harness does (``_encode_pair``), since what a tokenizer makes of a text hangs on what is before it, and a
token may reach over the border.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

from jinja2.exceptions import TemplateError

from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.core.files.door import bounded
from pytest_medeval.core.types import Answer, Message, Request
from pytest_medeval.models.local.batches import NO_NUMBERS, NO_TOKEN, Prompt, behind, unfit_answer
from pytest_medeval.models.spec import Variables

_MARK = "medeval7probe"
_CLOCK = re.compile(r"""strftime_now\(\s*(?P<quote>['"])(?P<form>.*?)(?P=quote)\s*\)""")


def dated(template: str, day: date) -> str:
    """Write a day into a chat template in all places where it asks the clock.

    >>> dated("{{ strftime_now('%d %b %Y') }}", date(2026, 3, 4))
    "{{ '04 Mar 2026' }}"
    """
    return _CLOCK.sub(lambda found: repr(day.strftime(found["form"])), template)


class Prompter:
    """A tokenizer, with the methods of Transformers' own, and what its chat template can do with its variables."""

    def __init__(self, tokenizer: Any, variables: Variables = ()) -> None:
        self.tokenizer = tokenizer
        self._variables = dict(variables)
        self.templated = bool(self.tokenizer.chat_template)
        self._takes_system = self.templated and self._system_shows()

    def encode(self, request: Request) -> Prompt:
        """Turn a request into token ids."""
        context = self.context(request.messages)
        stem = context.rstrip() if request.choices and not self.templated else context
        wholes = [self._whole(context + choice) if choice else () for choice in request.choices]
        return behind(self._whole(stem), wholes)

    def taught(self, request: Request, reply: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Give the ids of a prompt as ``encode`` asks it, and those of the wanted reply behind it, closed as a turn is.

        Of a request with choices the reply is one more of them, split off where they are; else the prompt keeps its
        ids, and the reply is tokenised behind it where no token reaches over the border.
        """
        if request.choices:
            found = self.encode(replace(request, choices=(reply,)))
            return found.ids, (*found.choices[0], self.closing)
        asked, whole = self.encode(request).ids, self._whole(self.context(request.messages) + reply)
        told = whole[len(asked) :] if whole[: len(asked)] == asked else self._ids(reply)
        return asked, (*told, self.closing)

    def context(self, messages: Sequence[Message]) -> str:
        """Write messages as the model is asked them, up to where its reply begins."""
        return self._render(messages) if self.templated else "\n\n".join(turn.content for turn in messages) + "\n\n"

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
        return {int(end) for end in {self.tokenizer.eos_token_id, *self._turn_ends} - {None}}

    @cached_property
    def closing(self) -> int:
        """The id that closes a wanted reply: what the template puts behind one, else the end of text."""
        end = next(iter(self._turn_ends), self.tokenizer.eos_token_id)
        if end is None:
            told = "the tokenizer names no end of text, and its chat template closes no turn"
            raise MedevalError(f"{getattr(self.tokenizer, 'name_or_path', '')}: {told}; accepted: an eos_token")
        return int(end)

    @property
    def padding(self) -> int:
        """An id to fill rows with; no attention and no loss sees it, so that any will do where none is named."""
        own = self.tokenizer.pad_token_id
        return int(min(self.end_tokens(), default=0) if own is None else own)

    @cached_property
    def _turn_ends(self) -> set[int]:
        """The special token that the template puts behind a reply, if it does."""
        if not self.templated:
            return set()
        turns = [Message("user", _MARK), Message("assistant", _MARK)]
        _, _, rest = self._render(turns, prompt=False).rpartition(_MARK)
        return set(self._ids(rest.strip())[:1]) & set(self.tokenizer.all_special_ids)

    def scored(self, prompt: Prompt, logprobs: tuple[float, ...]) -> Answer:
        """Make the answer of the log-likelihoods of a prompt's choices."""
        lengths, size = tuple(map(len, prompt.choices)), len(prompt.ids)
        return Answer("", "choice", logprobs, lengths, prompt.hash, size, lead=self.lead)

    def reply(self, prompt: Prompt, found: Sequence[int], ends: Collection[int], stops: Sequence[str]) -> Answer:
        """Make the answer of the ids that followed a prompt, up to an end token or before a stop string."""
        if found[-1:] == [NO_TOKEN]:
            return unfit_answer(prompt, NO_NUMBERS)
        ended = bool(found) and found[-1] in ends
        said = found[:-1] if ended else found
        text = self.decode(said)
        places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
        return Answer(
            text[: min(places)] if places else text,
            "stop" if places or ended else "length",
            prompt_hash=prompt.hash,
            prompt_tokens=len(prompt.ids),
            reply_tokens=len(found),
            lead=self.lead,
            special=self.special(said),
        )

    def _text(self, ids: Sequence[int], *, special: bool) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=not special, clean_up_tokenization_spaces=False)
        return text

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def _render(self, messages: Sequence[Message], *, prompt: bool = True) -> str:
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        if not self._takes_system:
            turns = _merged(turns)
        if any(one["role"] == next_one["role"] for one, next_one in pairwise(turns)) and not self._takes_repeats:
            turns = _joined(turns)
        try:
            return self._filled(turns, prompt=prompt)
        except TemplateError as error:
            roles = ", ".join(turn["role"] for turn in turns)
            raise MedevalError(
                f"{self._template} refuses the turns {roles}: {error}; accepted: it takes them"
            ) from None

    @property
    def _template(self) -> str:
        return f"{getattr(self.tokenizer, 'name_or_path', '')}: the model's chat template"

    def _filled(self, turns: list[dict[str, str]], *, prompt: bool) -> str:
        """Let the template write the turns; it may be any program, so its time and memory are bounded."""
        try:
            with bounded(self._template):
                text: str = self.tokenizer.apply_chat_template(
                    turns, add_generation_prompt=prompt, tokenize=False, **self._variables
                )
        except (TemplateError, MedevalError):
            raise
        except Exception as error:
            raise MedevalError(f"{self._template}: fails: {whole(error)}; accepted: it writes any turns") from error
        return text

    @cached_property
    def _takes_repeats(self) -> bool:
        """Whether the template shows two turns of one role in a row; some raise, others leave one out."""
        turns = [{"role": "user", "content": f"{_MARK}{place}"} for place in "12"]
        try:
            text = self._filled(turns, prompt=True)
        except TemplateError:
            return False
        return all(turn["content"] in text for turn in turns)

    def _system_shows(self) -> bool:
        """Try whether the template takes a system turn; some raise, others leave it out silently."""
        turns = [{"role": "system", "content": _MARK}, {"role": "user", "content": "?"}]
        try:
            return _MARK in self._filled(turns, prompt=True)
        except TemplateError:
            return False

    def _whole(self, text: str) -> tuple[int, ...]:
        """Tokenise a text behind the tokens that begin one, without those that some tokenizers end one with.

        A template writes them itself.
        """
        return self._ids(text) if self.templated else (*self._beginning, *self._ids(text))

    @cached_property
    def _beginning(self) -> tuple[int, ...]:
        """Give the special tokens that the tokenizer puts before a text."""
        bare, whole = self._ids(_MARK), tuple(self.tokenizer.encode(_MARK))
        places = (at for at in range(len(whole)) if whole[at : at + len(bare)] == bare)
        return tuple(whole[: next(places, 0)])


def _merged(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """Move a leading system turn to the head of the first user turn."""
    if not turns or turns[0]["role"] != "system":
        return turns
    system, *rest = turns
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system["content"]}, *rest]
    return [{"role": "user", "content": f"{system['content']}\n\n{rest[0]['content']}"}, *rest[1:]]


def _joined(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """Make one turn of those of one role in a row."""
    return [
        {"role": role, "content": "\n\n".join(turn["content"] for turn in some)}
        for role, some in groupby(turns, lambda turn: turn["role"])
    ]
