"""METEOR: words aligned by form, stem and synonym, with a penalty for broken order."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from pytest_medeval.metrics.base import SHARE, Measure, mean, mean_of, signed
from pytest_medeval.metrics.tokens import (
    Language,
    bleu_parts,
    bleu_tokens,
    has_content,
    script_of,
    stem,
    stemmer,
)
from pytest_medeval.metrics.wordnet import open_wordnet, wordnet_version
from pytest_medeval.types import Reply

if TYPE_CHECKING:
    from pytest_medeval.tasks.dialogue import Dialogue, DialogueCase

ALPHA: Final = 0.9
BETA: Final = 3.0
GAMMA: Final = 0.5

Words: TypeAlias = list[tuple[int, str]]
"""Words with their positions."""


def meteor(task: Dialogue) -> Measure:
    """METEOR of each reply, averaged: (1 - 0.5 (chunks / m)^3) * 10PR / (R + 9P).

    m: words aligned with the reference, first by lower-cased form, then by Porter stem, then by WordNet
    synonym; P = m / words of the reply, R = m / words of the reference; chunks: runs of aligned words that
    are adjacent and in the same order in both. Equal to NLTK's ``single_meteor_score`` on the same tokens
    (sacrebleu's). Without WordNet the synonym stage is left out and the signature says ``syn:none``: such
    scores are lower, and not to be compared with others. Stems and synonyms are for English alone.
    Source: Lavie and Agarwal 2007, section 2 (alpha 0.9, beta 3, gamma 0.5). Range 0 to 1, higher is better.
    An empty reply scores 0; a text of n words against itself 1 - 0.5 / n^3, the most there is.

    >>> from pytest_medeval.tasks.dialogue import Dialogue
    >>> meteor(Dialogue(language="zh")).signature.rpartition("-")[0]
    'meteor|alpha:0.9|beta:3|gamma:0.5|tok:zh|norm:nfc|case:lc|stem:no|syn:none|version:nltk'
    """
    stems = stemmer(task.language)
    found = wordnet_version() if stems != "no" else None
    weights = (f"alpha:{ALPHA:g}", f"beta:{BETA:g}", f"gamma:{GAMMA:g}")
    words = (*bleu_parts(task.language), "case:lc", f"stem:{stems}", f"syn:wn{found}" if found else "syn:none")
    return Measure(
        name="meteor", counts="meteor",
        signature=signed("meteor", *weights, *words, library="nltk"),
        make=_Meteor(task.language, synonyms=found is not None), spread=mean_of(0), fold=mean,
        bounds=SHARE,
    )  # fmt: skip


class _Meteor:
    """Row of METEOR: the score."""

    def __init__(self, language: Language, *, synonyms: bool) -> None:
        self.language = language
        self.synonyms = synonyms

    def __call__(self, case: DialogueCase, reply: Reply) -> Sequence[float]:
        script = script_of(case.reference, self.language)
        said, wanted = (bleu_tokens(text, script) for text in (reply.text, case.reference))
        if not wanted or (not said and has_content(reply.text)):
            return [math.nan]
        english = script == "en"
        return [meteor_score(said, wanted, stems=english, synonyms=english and self.synonyms)]


def meteor_score(said: Iterable[str], wanted: Iterable[str], *, stems: bool, synonyms: bool) -> float:
    """Score the words of a reply against those of a reference.

    >>> said, wanted = "a mild fever", "the mild fevers"
    >>> round(meteor_score(said.split(), wanted.split(), stems=True, synonyms=False), 4)
    0.625
    """
    left: Words = list(enumerate(map(str.lower, said)))
    right: Words = list(enumerate(map(str.lower, wanted)))
    lengths = len(left), len(right)
    pairs, left, right = _match(left, right)
    if stems:
        more, left, right = _match(*([(at, stem(word)) for at, word in words] for words in (left, right)))
        pairs += more
    if synonyms:
        pairs += _match_synonyms(left, right)
    if not pairs:
        return 0.0
    pairs.sort()
    precision, recall = len(pairs) / lengths[0], len(pairs) / lengths[1]
    fmean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall)
    penalty: float = GAMMA * (_chunks(pairs) / len(pairs)) ** BETA
    return (1 - penalty) * fmean


def _match(left: Words, right: Words) -> tuple[list[tuple[int, int]], Words, Words]:
    """Pair equal words, the last of each side first, as NLTK does; give what is left of both sides."""
    places = _places(right)
    pairs, rest = [], []
    for at, word in reversed(left):
        if places.get(word):
            pairs.append((at, places[word].pop()))
        else:
            rest.append((at, word))
    used = {place for _, place in pairs}
    return pairs, rest[::-1], [(at, word) for at, word in right if at not in used]


def _match_synonyms(left: Words, right: Words) -> list[tuple[int, int]]:
    """Pair a word with the last free word of the reference that is one of its synonyms.

    As in NLTK, the words here are those that the stem stage left over, so stems are looked up.
    """
    places: Mapping[str, list[int]] = _places(right)
    pairs: list[tuple[int, int]] = []
    for at, word in reversed(left) if right else ():
        free = [places[synonym] for synonym in _synonyms(word) if places.get(synonym)]
        if free:
            pairs.append((at, max(free, key=lambda found: found[-1]).pop()))
    return pairs


def _places(words: Words) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for at, word in words:
        places[word].append(at)
    return dict(places)


@cache
def _synonyms(word: str) -> frozenset[str]:
    """Give a word and the one-word lemmas of all its WordNet synsets."""
    names = (name for synset in open_wordnet().synsets(word) for name in synset.lemma_names())
    return frozenset({word, *(name for name in names if "_" not in name)})


def _chunks(pairs: Sequence[tuple[int, int]]) -> int:
    """Count the runs of pairs that are adjacent and in order on both sides."""
    return 1 + sum(after != (before[0] + 1, before[1] + 1) for before, after in pairwise(pairs))
