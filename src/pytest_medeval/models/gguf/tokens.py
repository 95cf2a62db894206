"""A GGUF file's own tokenizer and chat template, with the methods that ``Prompter`` asks of Transformers' ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.models.gguf.engine import Llama


class Tokenizer:
    """Ids and texts by llama.cpp, chat templates by Jinja in a sandbox as Transformers renders them."""

    def __init__(self, engine: Llama, template: str | None) -> None:
        self._engine = engine
        self.chat_template = template
        self.eos_token_id = engine.last if engine.last >= 0 else None
        self.all_special_ids = engine.controls()
        self._template = None if template is None else _compiled(template)

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Turn text into ids."""
        return self._engine.ids(text, special=add_special_tokens)

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool, **_: object) -> str:
        """Turn ids into text, with or without control tokens."""
        return self._engine.text(ids, special=not skip_special_tokens)

    def apply_chat_template(
        self,
        turns: Sequence[dict[str, str]],
        *,
        add_generation_prompt: bool,
        tokenize: bool = False,
        **variables: object,
    ) -> str:
        """Render turns of a conversation, with the template's own variables."""
        del tokenize  # what Transformers is told; here the rendered text is all there is
        if self._template is None:
            raise MedevalError("the model has no chat template")
        words = {"bos_token": self._engine.first, "eos_token": self._engine.last}
        return self._template.render(
            messages=turns,
            tools=None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **variables,
            **{name: self._engine.piece(token) for name, token in words.items()},
        )


def _compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = partial(json.dumps, ensure_ascii=False)
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now(UTC).strftime(form)
    try:
        return environment.from_string(template)
    except jinja2.TemplateSyntaxError as error:
        raise MedevalError(f"the model's chat template cannot be read: line {error.lineno}: {error.message}") from None


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)
