"""Near-duplicates between training text and held-out text, by character n-grams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.words import nfc

GRAM = 8
"""Characters of one n-gram."""
CHUNK = 4096


def nearest(texts: Sequence[str], held: Sequence[str]) -> NDArray[np.float64]:
    """Give each text's highest similarity with any held-out text: shape (n,).

    Jaccard similarity over sets of character 8-grams: J(a, b) = |G(a) & G(b)| / |G(a) | G(b)|,
    between 0 and 1; 0 where a text is shorter than one n-gram.
    N-grams are hashed into 2^22 cells, so that a value can only be too high, and by very little.
    """
    if not texts or not held:
        return np.zeros(len(texts))
    kept = _grams(held)
    sizes = np.asarray(kept.sum(axis=1)).ravel()
    best = [_best(_grams(texts[start : start + CHUNK]), kept, sizes) for start in range(0, len(texts), CHUNK)]
    return np.concatenate(best)


def _best(grams: Any, kept: Any, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    shared = (grams @ kept.T).toarray()
    union = np.asarray(grams.sum(axis=1)).reshape(-1, 1) + sizes - shared
    result: NDArray[np.float64] = (shared / np.maximum(union, 1)).max(axis=1)
    return result


def _grams(texts: Sequence[str]) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        analyzer="char",
        preprocessor=lambda text: nfc(text).lower(),
        ngram_range=(GRAM, GRAM),
        n_features=2**22,
        binary=True,
        norm=None,
        alternate_sign=False,
    )
    return vectorizer.transform(texts)
