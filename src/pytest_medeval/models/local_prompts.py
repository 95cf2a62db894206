"""The tokenizer of a model folder, as Transformers loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers

from pytest_medeval.errors import MedevalError
from pytest_medeval.models import prompts
from pytest_medeval.models.spec_kinds import Variables


class Prompter(prompts.Prompter):
    """Turns requests into token ids by the tokenizer and the chat template of a folder."""

    def __init__(self, folder: Path, variables: Variables = ()) -> None:
        try:
            tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:
            raise MedevalError(
                f"{folder}: its tokenizer cannot be loaded: {str(error).strip().splitlines()[0]}"
            ) from error
        super().__init__(tokenizer, variables)
