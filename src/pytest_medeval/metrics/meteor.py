"""METEOR: words aligned by form, stem and synonym, with a penalty for broken order.

Where WordNet is, without a download and without importing NLTK.

NLTK's own data folders come first. Debian's package ``wordnet-base`` installs the same database under
``/usr/share/wordnet`` but for two of the files that NLTK opens, and NLTK refuses links that leave its folder,
so its files are copied once to the user's cache.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Reply
from pytest_medeval.metrics.base import SHARE, Measure, mean, mean_of, signed
from pytest_medeval.metrics.lexical import BEST, Referenced, averaged, refs
from pytest_medeval.metrics.tokens import Language, bleu_parts, bleu_tokens, has_content, script_of, stem, stemmer
from pytest_medeval.tasks.dialogue import Dialogue, DialogueCase

if TYPE_CHECKING:
    from nltk.corpus.reader import WordNetCorpusReader

DEBIAN: Final = Path("/usr/share/wordnet")
_COPIED: Final = (
    "cntlist.rev",
    *(f"{kind}.{part}" for kind in ("index", "data") for part in ("adj", "adv", "noun", "verb")),
    *(f"{part}.exc" for part in ("adj", "adv", "noun", "verb")),
)
_LEXNAMES: Final = """
    adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body
    noun.cognition noun.communication noun.event noun.feeling noun.food noun.group noun.location
    noun.motive noun.object noun.person noun.phenomenon noun.plant noun.possession noun.process
    noun.quantity noun.relation noun.shape noun.state noun.substance noun.time verb.body verb.change
    verb.cognition verb.communication verb.competition verb.consumption verb.contact verb.creation
    verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative verb.weather
    adj.ppl
""".split()  # noqa: SIM905 - 45 quoted names are harder to compare with the manual page
"""The lexicographer files in the order of their numbers: manual page lexnames(5WN) of WordNet 3.0."""
_PART_OF_SPEECH: Final = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}
_VERSION = re.compile(r"WordNet (\d+\.\d+) Copyright")
_HEADER = 2000


def nltk_folders() -> list[Path]:
    """List the folders that NLTK searches (``nltk.data.path``) without importing it, which takes a second."""
    named = [Path(folder) for folder in os.environ.get("NLTK_DATA", "").split(os.pathsep) if folder]
    inside = [Path(sys.prefix) / place for place in ("nltk_data", "share/nltk_data", "lib/nltk_data")]
    shared = [Path(place) for place in ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib")]
    return [*named, Path.home() / "nltk_data", *inside, *(place / "nltk_data" for place in shared)]


def cache_folder() -> Path:
    """Give this user's cache folder for NLTK data."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pytest-medeval" / "nltk_data"


@cache
def wordnet_version() -> str | None:
    """Tell WordNet's version, or None where there is none."""
    for folder in nltk_folders():
        corpora = folder / "corpora"
        if (corpora / "wordnet" / "data.adj").is_file():
            return _version((corpora / "wordnet" / "data.adj").read_bytes())
        if (corpora / "wordnet.zip").is_file():
            with zipfile.ZipFile(corpora / "wordnet.zip") as archive:
                return _version(archive.read("wordnet/data.adj"))
    if all((DEBIAN / name).is_file() for name in _COPIED):
        return _version((DEBIAN / "data.adj").read_bytes())
    return None


def _version(data: bytes) -> str:
    found = _VERSION.search(data[:_HEADER].decode("ascii", errors="replace"))
    return found.group(1) if found else "unknown"


@cache
def open_wordnet() -> WordNetCorpusReader:
    """Open WordNet as NLTK's corpus reader, where ``wordnet_version`` has found one; takes a second."""
    import nltk
    from nltk.corpus import wordnet

    try:
        nltk.data.find("corpora/wordnet")
    except LookupError:
        try:
            nltk.data.find("corpora/wordnet.zip")
        except LookupError:
            nltk.data.path.append(str(_copied()))
    wordnet.ensure_loaded()
    return wordnet


def _copied() -> Path:
    try:
        return copy_debian(DEBIAN, cache_folder())
    except OSError as error:
        raise MedevalError(
            f"WordNet cannot be copied to {cache_folder()} ({error}); XDG_CACHE_HOME names another folder"
        ) from error


def copy_debian(source: Path, target: Path) -> Path:
    """Copy Debian's WordNet to ``target/corpora/wordnet`` with the two files that it lacks; give ``target``.

    The copy is made beside its place and then renamed, so that no other process can see half of it.
    """
    final = target / "corpora" / "wordnet"
    if final.is_dir():
        return target
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix="copying-") as folder:
        made = Path(folder) / "wordnet"
        made.mkdir()
        for name in _COPIED:
            shutil.copyfile(source / name, made / name)
        kinds = [_PART_OF_SPEECH[name.partition(".")[0]] for name in _LEXNAMES]
        lines = (f"{at:02d}\t{name}\t{kind}\n" for at, (name, kind) in enumerate(zip(_LEXNAMES, kinds, strict=True)))
        (made / "lexnames").write_text("".join(lines))
        (made / "index.sense").write_text("")
        try:
            made.rename(final)
        except OSError:
            if not final.is_dir():  # else another process was first, and its copy is the same
                raise
    return target


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
        signature=signed("meteor", *weights, *words, *refs(task, BEST), library="nltk"),
        make=Referenced(_Meteor(task.language, synonyms=found is not None)), spread=mean_of(0), fold=mean,
        lexical=True, bounds=SHARE,
    )  # fmt: skip


def meteor_mean(task: Dialogue) -> Measure:
    """METEOR of each reply, averaged over all references of a case: see ``meteor``, which takes the best one."""
    return averaged(meteor(task))


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
    chunks = 1 + sum(after != (before[0] + 1, before[1] + 1) for before, after in pairwise(pairs))
    penalty: float = GAMMA * (chunks / len(pairs)) ** BETA
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
