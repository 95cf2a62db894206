"""Word overlap of a dialogue reply with its reference: BLEU, ROUGE, length.

Each number equals that of its reference program on the same tokens (sacrebleu, rouge-score); only the
counting is done faster. Of several references the best counts (``NAME``), or their mean (``NAME_mean``); a case without
one has no score. A text is composed (NFC) first; the tokenizer of a case is chosen by its reference
(``pytest_medeval.metrics.tokens``). An empty reply scores 0 and stays in the mean. A text with content in which the
tokenizer finds nothing (ROUGE of a lone emoji) has no score: its row is NaN, it is counted, and no gate passes on it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from copy import copy
from dataclasses import replace
from statistics import fmean
from typing import Final

import numpy as np

from pytest_medeval.core.types import FloatArray, Reply
from pytest_medeval.core.words import WORD
from pytest_medeval.metrics.base import SHARE, Measure, mean, mean_of, ratio, signed
from pytest_medeval.metrics.tokens import (
    Language,
    bleu_parts,
    bleu_tokens,
    has_content,
    legible,
    ngrams,
    rouge_parts,
    rouge_tokens,
    script_of,
    stemmer,
)
from pytest_medeval.tasks.dialogue import Dialogue, DialogueCase

ORDER: Final = 4


def bleu(task: Dialogue) -> Measure:
    """BLEU of each reply, averaged: BP * exp(mean over n of ln p_n).

    p_n: share of the reply's n-grams (n = 1..4) that the reference holds, clipped; BP = min(1, exp(1 - r/c))
    for r reference and c reply tokens. Orders longer than the reply are left out (effective order), and an
    order without a match counts half of the one before it (exponential smoothing):
    ``sacrebleu.sentence_bleu``, on a scale of 1. Source: Papineni et al. 2002, section 2; Post 2018;
    smoothing 3 of Chen and Cherry 2014. Range 0 to 1, higher is better. A reply without one word of the
    reference, or an empty one, scores 0; a text compared with itself scores 1, however short.

    >>> from pytest_medeval.tasks.dialogue import Dialogue
    >>> bleu(Dialogue(language="en")).signature.rpartition("-")[0]
    'bleu|nrefs:1|case:mixed|eff:yes|tok:13a|norm:nfc|smooth:exp|version:sacrebleu'
    """
    parts = ("nrefs:1", "case:mixed", "eff:yes", *bleu_parts(task.language), "smooth:exp")
    return Measure(
        name="bleu", counts="bleu", signature=signed("bleu", *parts, *refs(task, BEST), library="sacrebleu"),
        make=Referenced(_Bleu(task.language)), spread=mean_of(0), fold=mean, lexical=True, bounds=SHARE,
    )  # fmt: skip


def bleu_mean(task: Dialogue) -> Measure:
    """BLEU of each reply, averaged over all references of a case: see ``bleu``, which takes the best one."""
    return averaged(bleu(task))


def corpus_bleu(task: Dialogue) -> Measure:
    """BLEU of all replies as one text: n-gram counts are summed over the cases before p_n and BP are taken.

    Symbols and source as ``bleu``; no effective order, so a corpus without a single 4-gram scores 0:
    ``sacrebleu.corpus_bleu`` on a scale of 1. Range 0 to 1, higher is better; NaN for no case.

    >>> from pytest_medeval.tasks.dialogue import Dialogue
    >>> float(corpus_bleu(Dialogue()).score(np.array([0, 5, 5, 5, 4, 3, 2, 5, 4, 3, 2])))
    1.0
    """
    parts = ("nrefs:1", "case:mixed", "eff:no", *bleu_parts(task.language), "smooth:exp")
    return Measure(
        name="corpus_bleu", counts="bleu",
        signature=signed("corpus_bleu", *parts, *refs(task, BEST), library="sacrebleu"),
        make=Referenced(_Bleu(task.language)), fold=_corpus_bleu, per_case=False, lexical=True, bounds=SHARE,
    )  # fmt: skip


def length_ratio(task: Dialogue) -> Measure:
    """Length of the replies over length of the references: sum of c / sum of r, in BLEU's tokens.

    Range 0 upwards; 1 is as long as the reference, and neither more nor less is better as such. An empty
    reply adds 0 to the numerator; NaN for no case.

    >>> from pytest_medeval.tasks.dialogue import Dialogue
    >>> float(length_ratio(Dialogue()).score(np.array([0, 6, 12, *[0] * 8])))
    0.5
    """
    return Measure(
        name="length_ratio", counts="bleu", direction=0,
        signature=signed("length_ratio", *bleu_parts(task.language), *refs(task, BEST), library="sacrebleu"),
        make=Referenced(_Bleu(task.language)), fold=lambda total: ratio(total[..., 1], total[..., 2]),
        bounds=(0.0, math.inf),
    )  # fmt: skip


BEST, MEAN = "best", "mean"


def refs(task: Dialogue, how: str) -> tuple[str, ...]:
    """Say in a signature how many references there are, and which score is taken; nothing where each case has one."""
    return () if task.references == "1" else (f"refs:{task.references}:{how}",)


class Referenced:
    """Row of a reply against each reference of its case: the best one's, or the mean of them; NaN without one.

    The best is that of the highest first number; ``apart``: of each number for itself.
    """

    def __init__(self, make: Callable[[DialogueCase, Reply], Sequence[float]], *, apart: bool = False) -> None:
        self.make = make
        self.apart = apart
        self.mean = False

    def __call__(self, case: DialogueCase, reply: Reply) -> Sequence[float]:
        """Give the row of one case."""
        if len(case.known) <= 1:
            found = self.make(case, reply)
            return found if case.known else [math.nan] * len(found)
        rows = [self.make(replace(case, reference=text), reply) for text in case.known]
        defined = [row for row in rows if not any(map(math.isnan, row))]
        if not defined:
            return rows[0]
        if self.mean:
            return [fmean(column) for column in zip(*defined, strict=True)]
        return [max(column) for column in zip(*defined, strict=True)] if self.apart else max(defined, key=_first)


def _first(row: Sequence[float]) -> float:
    return row[0]


def averaged(metric: Measure) -> Measure:
    """Make the mean over references of a metric that takes the best."""
    make = copy(metric.make)
    if not isinstance(make, Referenced):
        raise TypeError(f"{metric.name} compares with no reference")
    make.mean = True
    signature = metric.signature.replace(f":{BEST}|", f":{MEAN}|").replace(metric.name, f"{metric.name}_mean", 1)
    return replace(metric, name=f"{metric.name}_mean", counts=f"{metric.counts}_mean", signature=signature, make=make)


class _Bleu:
    """Row of BLEU: sentence score, lengths of reply and reference, matches and n-grams of orders 1 to 4."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, case: DialogueCase, reply: Reply) -> Sequence[float]:
        script = script_of(case.reference, self.language)
        said, wanted = bleu_tokens(reply.text, script), bleu_tokens(case.reference, script)
        if not wanted or (not said and has_content(reply.text)):
            return [math.nan] * (3 + 2 * ORDER)
        matches = [0] * ORDER
        for order in range(1, ORDER + 1):
            matches[order - 1] = overlap(ngrams(said, order), ngrams(wanted, order))
            if matches[order - 1] == 0:
                break  # nor does a longer one match
        totals = [max(len(said) - order, 0) for order in range(ORDER)]
        score = _sentence_bleu(matches, totals, len(said), len(wanted))
        return [score, len(said), len(wanted), *matches, *totals]


def overlap(said: Iterable[Hashable], wanted: Iterable[Hashable]) -> int:
    """Count what two bags share, repetitions as often as both have them."""
    left = Counter(wanted)
    shared = 0
    for item in said:
        if left.get(item):
            left[item] -= 1
            shared += 1
    return shared


def _sentence_bleu(matches: Sequence[int], totals: Sequence[int], said: int, wanted: int) -> float:
    """Follow sacrebleu's arithmetic step by step, so that not one digit differs."""
    if not any(matches):
        return 0.0
    smooth, logs = 1.0, []
    for match, total in zip(matches, totals, strict=True):
        if total == 0:
            break
        smooth = smooth if match else smooth * 2
        logs.append(math.log(100.0 * match / total if match else 100.0 / (smooth * total)))
    brevity = math.exp(1 - wanted / said) if said < wanted else 1.0
    return min(brevity * math.exp(sum(logs) / len(logs)) / 100, 1.0)


def _corpus_bleu(total: FloatArray) -> FloatArray:
    said, wanted = total[..., 1], total[..., 2]
    matches, totals = total[..., 3 : 3 + ORDER], total[..., 3 + ORDER : 3 + 2 * ORDER]
    halvings = np.cumsum(matches == 0, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):  # what is not defined is replaced below
        precision = np.where(matches > 0, matches, 0.5**halvings) / totals
        brevity = np.where(said < wanted, np.exp(1 - wanted / said), 1.0)
        score = brevity * np.exp(np.log(precision).mean(axis=-1))
    none = (matches.sum(axis=-1) == 0) | (totals[..., -1] == 0)
    return np.where(wanted == 0, np.nan, np.where(none, 0.0, np.minimum(score, 1.0)))


def rouge1(task: Dialogue) -> Measure:
    """ROUGE-1 of each reply, averaged: F = 2PR / (P + R) over single words; see ``rouge2``."""
    return _rouge(task, "rouge1", 0)


def rouge2(task: Dialogue) -> Measure:
    """ROUGE-2 of each reply, averaged: F = 2PR / (P + R) over pairs of words.

    P: shared n-grams (clipped) over those of the reply; R: over those of the reference. Words are lower-cased
    and, in English, stemmed (Porter; only words of four letters or more); scripts without blanks count by
    character; punctuation is left out. Equal in English to rouge-score's ``fmeasure`` with ``use_stemmer=True``.
    Source: Lin 2004, section 2. Range 0 to 1, higher is better. An empty reply scores 0; so does a text of one
    word against itself in ROUGE-2, which has no pair. NaN for a reply or a reference with content and no word,
    and where the suite names a tokenizer that cannot read the reference.

    >>> from pytest_medeval.tasks.dialogue import Dialogue
    >>> rouge2(Dialogue(language="zh")).signature.rpartition("-")[0]
    'rouge2|tok:zh-char|norm:nfc|stem:no|case:lc|version:rouge-score'
    """
    return _rouge(task, "rouge2", 1)


def rougeL(task: Dialogue) -> Measure:  # noqa: N802 - the metric's name in the field
    """ROUGE-L of each reply, averaged: F = (1 + b^2) PR / (R + b^2 P) of the longest common subsequence.

    P: its length over the reply's, R: over the reference's, b: ``rouge_beta``, the weight of recall (1: F1;
    S1: 1.2). Words as for ``rouge2``; the whole reply is one sequence. Equal to rouge-score's ``fmeasure`` at
    b = 1. Source: Lin 2004, section 3.1. Range 0 to 1, higher is better. An empty reply scores 0.

    >>> from pytest_medeval.tasks.dialogue import Dialogue
    >>> rougeL(Dialogue(language="en", rouge_beta=1.2)).signature.rpartition("-")[0]
    'rougeL|tok:rouge-score|norm:nfc|stem:porter|case:lc|beta:1.2|version:rouge-score'
    """
    return _rouge(task, "rougeL", 2, f"beta:{task.rouge_beta:g}")


def rouge1_mean(task: Dialogue) -> Measure:
    """ROUGE-1 of each reply, averaged over all references of a case."""
    return averaged(rouge1(task))


def rouge2_mean(task: Dialogue) -> Measure:
    """ROUGE-2 of each reply, averaged over all references of a case."""
    return averaged(rouge2(task))


def rougeL_mean(task: Dialogue) -> Measure:  # noqa: N802 - the metric's name in the field
    """ROUGE-L of each reply, averaged over all references of a case."""
    return averaged(rougeL(task))


def _rouge(task: Dialogue, name: str, column: int, *parts: str) -> Measure:
    tok = (*rouge_parts(task.language), f"stem:{stemmer(task.language)}", "case:lc")
    parts = (*parts, *refs(task, BEST))
    return Measure(
        name=name, counts="rouge", signature=signed(name, *tok, *parts, library="rouge-score"),
        make=Referenced(_Rouge(task.language, task.rouge_beta), apart=True), spread=mean_of(column), fold=mean,
        lexical=True, bounds=SHARE,
    )  # fmt: skip


class _Rouge:
    """Row of ROUGE: the F of ROUGE-1, ROUGE-2 and ROUGE-L."""

    def __init__(self, language: Language, beta: float) -> None:
        self.language = language
        self.beta = beta

    def __call__(self, case: DialogueCase, reply: Reply) -> Sequence[float]:
        from rapidfuzz.distance import LCSseq

        script = script_of(case.reference, self.language)
        said, wanted = rouge_tokens(reply.text, script), rouge_tokens(case.reference, script)
        if has_content(reply.text) and not (legible(case.reference, script) and WORD.search(reply.text)):
            return [math.nan] * 3
        single = overlap(said, wanted)
        double = overlap(ngrams(said, 2), ngrams(wanted, 2))
        longest = LCSseq.similarity(said, wanted)
        return [
            f_score(single, len(said), len(wanted)),
            f_score(double, len(said) - 1, len(wanted) - 1),
            f_score(longest, len(said), len(wanted), self.beta),
        ]


def f_score(shared: int, said: int, wanted: int, beta: float = 1.0) -> float:
    """Weigh precision and recall: (1 + b^2) PR / (R + b^2 P); 0 where nothing is shared."""
    if shared == 0:
        return 0.0
    precision, recall, square = shared / said, shared / wanted, beta * beta
    return (1 + square) * precision * recall / (recall + square * precision)
