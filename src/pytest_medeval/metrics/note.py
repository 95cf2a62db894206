"""Clinical notes: word overlap of the whole and of each division, length, and divisions that are missing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_medeval.core.types import Reply
from pytest_medeval.core.words import words
from pytest_medeval.metrics.base import Measure, ratio, signed
from pytest_medeval.metrics.parts import of_part
from pytest_medeval.tasks.note import DIVISIONS, Note, NoteCase, sections


def bleu(task: Note) -> Measure:
    """BLEU of the whole note, its headings included; see ``lexical.bleu``."""
    return of_part("bleu", task.language, "note", _whole)


def rouge1(task: Note) -> Measure:
    """ROUGE-1 of the whole note, as ACI-Bench (Yim et al. 2023); see ``lexical.rouge1``."""
    return of_part("rouge1", task.language, "note", _whole)


def rouge2(task: Note) -> Measure:
    """ROUGE-2 of the whole note; see ``rouge1``."""
    return of_part("rouge2", task.language, "note", _whole)


def rougeL(task: Note) -> Measure:  # noqa: N802 - the metric's name in the field
    """ROUGE-L of the whole note; see ``rouge1``."""
    return of_part("rougeL", task.language, "note", _whole)


def meteor(task: Note) -> Measure:
    """METEOR of the whole note; see ``meteor.meteor``."""
    return of_part("meteor", task.language, "note", _whole)


def rougeL_subjective(task: Note) -> Measure:  # noqa: N802 - likewise
    """ROUGE-L of the subjective division: complaint, histories, medications; 0 where the reply lacks it.

    Divisions are those of ACI-Bench (Yim et al. 2023, section 4), found by their headings in both notes. Notes whose
    reference lacks the division do not count.
    """
    return _division(task, "subjective")


def rougeL_exam(task: Note) -> Measure:  # noqa: N802 - likewise
    """ROUGE-L of the examination; see ``rougeL_subjective``."""
    return _division(task, "exam")


def rougeL_results(task: Note) -> Measure:  # noqa: N802 - likewise
    """ROUGE-L of the results; see ``rougeL_subjective``."""
    return _division(task, "results")


def rougeL_plan(task: Note) -> Measure:  # noqa: N802 - likewise
    """ROUGE-L of assessment and plan; see ``rougeL_subjective``."""
    return _division(task, "plan")


def length_ratio(task: Note) -> Measure:  # noqa: ARG001 - no option matters
    """Words of the notes over words of the references: sum of l / sum of r.

    Range 0 up; 1 is as long as the physician's; NaN without a word of reference.

    >>> length_ratio(Note()).signature.split("|")[0]
    'length_ratio'
    """
    return Measure(
        name="length_ratio", counts="note_length", signature=signed("length_ratio", "tok:unicode"), make=_lengths,
        fold=lambda total: ratio(total[..., 0], total[..., 1]), direction=0, bounds=(0.0, math.inf),
    )  # fmt: skip


def sections_missing(task: Note) -> Measure:  # noqa: ARG001 - no option matters
    r"""Mean number of the reference's divisions that the reply does not head, or leaves empty.

    Range 0 to 4, lower is better; NaN for no note.

    >>> from pytest_medeval.core.types import Source
    >>> case = NoteCase(id="a", source=Source("x"), dialogue="d", reference="HPI: cough\nPLAN: tea")
    >>> sections_missing(Note()).row(case, Reply("Plan: rest", "answered"))
    [1.0, 1.0]
    """
    return Measure(
        name="sections_missing", counts="note_sections", signature=signed("sections_missing", "of:aci"), make=_missing,
        direction=-1, bounds=(0.0, float(len(DIVISIONS))),
    )  # fmt: skip


def _whole(case: NoteCase, reply: Reply) -> tuple[str, str]:
    return case.reference, reply.text


def _division(task: Note, name: str) -> Measure:
    def part(case: NoteCase, reply: Reply) -> tuple[str, str] | None:
        wanted = sections(case.reference).get(name)
        return (wanted, sections(reply.text).get(name, "")) if wanted else None

    made = of_part("rougeL", task.language, f"note_{name}", part)
    made.name = f"rougeL_{name}"
    return made


def _lengths(case: NoteCase, reply: Reply) -> Sequence[float]:
    return [len(words(reply.text)), len(words(case.reference))]


def _missing(case: NoteCase, reply: Reply) -> Sequence[float]:
    said = sections(reply.text)
    return [float(sum(not said.get(name) for name, text in sections(case.reference).items() if text)), 1.0]
