"""Scoring of replies: this package against sacrebleu, rouge-score and NLTK, on the same real pairs.

Each pair is a real reply, scored against the reply to the next question. Runs alternate and begin with empty
caches, as a new process does; the seconds are of the processor, so that a busy machine does not matter.
Usage: ``python benchmarks/scoring.py [FILE] [--pairs 1000] [--runs 5]``.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import process_time
from typing import TypeAlias, cast

import numpy as np
import sacrebleu
from nltk.translate.meteor_score import single_meteor_score
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

from pytest_medeval.core.types import Reply, Source
from pytest_medeval.metrics import meteor, metrics_for, tokens
from pytest_medeval.metrics.meteor import open_wordnet, wordnet_version
from pytest_medeval.metrics.tokens import bleu_tokens
from pytest_medeval.tasks.base import Task
from pytest_medeval.tasks.dialogue import Dialogue, DialogueCase

DATA = Path(__file__).parents[1] / "../shared/data/genmedgpt5k/chatdoctor5k.json"
FAMILIES = {
    "BLEU": ["bleu"],
    "ROUGE-1/2/L": ["rouge1", "rouge2", "rougeL"],
    "METEOR": ["meteor"],
    "all": ["bleu", "rouge1", "rouge2", "rougeL", "meteor"],
}
Pairs: TypeAlias = Sequence[tuple[str, str]]
Scorer: TypeAlias = Callable[[Pairs], list[list[float]]]


class NoSynonyms:
    """Stands for WordNet where there is none, on both sides alike."""

    def synsets(self, word: str) -> list[object]:  # noqa: ARG002 - the shape of NLTK's reader
        """Know no synonym."""
        return []


def ours(names: Sequence[str]) -> Scorer:
    """Score by this package, the families of metrics in turn for each pair, as an evaluation does."""
    metrics = metrics_for(cast("Task", Dialogue(language="en")), names)
    families = {metric.counts: metric for metric in metrics}

    def run(pairs: Pairs) -> list[list[float]]:
        rows: dict[str, list[Sequence[float]]] = {name: [] for name in families}
        for said, gold in pairs:
            case = DialogueCase(id="1", source=Source("benchmark"), input="-", reference=gold)
            for name, metric in families.items():
                rows[name].append(metric.row(case, Reply(said, "answered")))
        scores = [metric.score(metric.expand(np.array(rows[metric.counts]))) for metric in metrics]
        found: list[list[float]] = np.stack(scores, axis=1).tolist()
        return found

    return run


def libraries(names: Sequence[str]) -> Scorer:
    """Score by the reference libraries, each object made once; METEOR is given BLEU's tokens."""
    rouge = RougeScorer([name for name in names if name.startswith("rouge")], use_stemmer=True)
    wordnet = open_wordnet() if wordnet_version() else NoSynonyms()
    judges: dict[str, Callable[[str, str], list[float]]] = {
        "bleu": lambda said, gold: [min(sacrebleu.sentence_bleu(said, [gold]).score / 100, 1)],
        "rouge1": lambda said, gold: [score.fmeasure for score in rouge.score(gold, said).values()],
        "meteor": lambda said, gold: [
            single_meteor_score(bleu_tokens(gold, "en"), bleu_tokens(said, "en"), wordnet=wordnet)
        ],
    }
    used = [judge for name, judge in judges.items() if name in names]
    return lambda pairs: [[score for judge in used for score in judge(*pair)] for pair in pairs]


def forget() -> None:
    """Empty every cache that scoring fills."""
    tokens.forget()
    meteor._synonyms.cache_clear()  # noqa: SLF001 - a warm cache would flatter us
    Tokenizer13a.__call__.cache_clear()
    TokenizerRegexp.__call__.cache_clear()


def timed(scorer: Scorer, pairs: Pairs) -> tuple[float, list[list[float]]]:
    """Score once, from empty caches; give seconds and scores."""
    forget()
    started = process_time()
    scores = scorer(pairs)
    return process_time() - started, scores


def main() -> None:
    """Print one line a family of metrics and one for all together."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=DATA, help="GenMedGPT JSON")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    entries = json.loads(asked.file.read_text(encoding="utf-8"))[: asked.pairs + 1]
    pairs = list(pairwise(entry["output"] for entry in entries))
    print(f"{len(pairs)} pairs, median of {asked.runs} runs, WordNet {wordnet_version() or 'none'}")
    print(f"Python {platform.python_version()}, {platform.machine()}, processor time")
    print(f"{'':12} {'libraries':>12} {'ours':>12} {'ratio':>7}  pairs that differ")
    for family, names in FAMILIES.items():
        own, peer = ours(names), libraries(names)
        timed(own, pairs[:50])
        timed(peer, pairs[:50])
        runs = [(timed(peer, pairs), timed(own, pairs)) for _ in range(asked.runs)]
        seconds = [median(run[side][0] for run in runs) for side in (0, 1)]
        differ = sum(one != other for one, other in zip(runs[0][0][1], runs[0][1][1], strict=True))
        _line(family, seconds, differ)


def _line(name: str, seconds: Sequence[float], differ: int) -> None:
    peer, own = seconds
    print(f"{name:12} {1000 * peer:9.0f} ms {1000 * own:9.0f} ms {peer / own:6.1f}x  {differ}")


if __name__ == "__main__":
    main()
