"""What the readers of multiple-choice formats share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_medeval.core.types import Record, Skip, Source
from pytest_medeval.core.words import nfc


def choice(source: Source, fields: Mapping[str, Any]) -> Record | Skip:
    """Make a record, unless its gold is no option, or its gold text stands under a second letter.

    Two letters with the right text are two right answers of which only one would count. Wrong options
    with the same text leave the gold clear, so they stay.
    """
    options, answer = fields["options"], fields["answer"]
    if answer not in options:
        return Skip(source, "gold answer matches no option")
    texts = [_plain(text) for text in options.values()]
    if texts.count(_plain(options[answer])) > 1:
        return Skip(source, "gold text stands under two letters")
    return Record(source, fields)


def _plain(text: object) -> str:
    return " ".join(nfc(str(text)).split()).casefold()
