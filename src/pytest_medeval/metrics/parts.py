"""Lexical metrics of a part of a reply: of a correction, of a section."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from pytest_medeval.core.types import Case, Reply, Source
from pytest_medeval.metrics import lexical
from pytest_medeval.metrics.base import Measure
from pytest_medeval.metrics.meteor import meteor
from pytest_medeval.metrics.tokens import Language
from pytest_medeval.tasks.dialogue import Dialogue, DialogueCase

LEXICAL: Final[dict[str, Callable[[Dialogue], Measure]]] = {
    "bleu": lexical.bleu,
    "rouge1": lexical.rouge1,
    "rouge2": lexical.rouge2,
    "rougeL": lexical.rougeL,
    "meteor": meteor,
}
Part = Callable[[Any, Reply], tuple[str, str] | None]
"""A case and a reply -> the wanted text and what was said; None where nothing is wanted, which leaves the case out."""
_NOTHING: Final = Reply("", "answered")


def of_part(metric: str, language: Language, counts: str, part: Part, mark: str = "") -> Measure:
    """Make the lexical metric of a part; what is wanted and missing scores 0, what is not wanted does not count.

    ``counts`` names the stored rows, ``mark`` is what the signature says of the part.
    """
    own = LEXICAL[metric](Dialogue(language=language))
    unscored = [-1.0] * len(own.row(_case("a"), _NOTHING))

    def row(case: Case, reply: Reply) -> Sequence[float]:
        found = part(case, reply)
        return unscored if found is None else own.row(_case(found[0]), replace(_NOTHING, text=found[1]))

    head, _, rest = own.signature.partition("|")
    return replace(own, counts=f"{counts}.{own.counts}", make=row, signature=f"{head}|part:{mark or counts}|{rest}")


def _case(reference: str) -> DialogueCase:
    return DialogueCase(id="part", source=Source("part"), input="", reference=reference)
