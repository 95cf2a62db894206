"""Which predicted finding is which gold finding: same name, synonym, or all but the same spelling."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.files.tomltext import Toml, read_toml

SHIPPED: Final = Path(__file__).with_name("synonyms.toml")

THRESHOLD: Final = 0.8
ALPHABETIC_THRESHOLD: Final = 0.9
"""Similarity (2 * longest common subsequence / both lengths) from which two names may be one finding. A name
in an alphabet holds more letters for the same meaning, so more of them must agree."""

TELLING: Final = frozenset(
    "无不没未非否左右上下前后内外中多少高低大小快慢轻重增减升降粗细长短深浅厚薄"
    "急早晚初复新旧干湿冷热软硬红白黑黄绿紫炎癌瘤肿疹疮"
    "头面颈胸背腰腹肩臂肘腕手指膝踝脚足腿髋肺肝肾胃肠心脑脾胆胰膀胱鼻耳眼咽喉口舌牙唇皮骨关节"
    "血尿便痰汗"
    "甲乙丙丁戊一二三四五六七八九十"
)
"""Characters that tell one finding from another: names that differ in one of them are never the same, however
similar (有痰 and 无痰, 支气管炎 and 支气管肺炎, 左侧胸痛 and 右侧胸痛)."""

STEM: Final = 4
"""Words of such names may differ only behind this many letters: pain and pains, but not febrile and
afebrile, hypo- and hyper-, left and right."""

_EDGE = " \t\r\n*_`\"'“”‘’。.,;:!?、()[]{}<>《》【】"
_ALPHABETIC = re.compile(r"[^\W\d_\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True)
class Canonicaliser:
    """A table of synonyms: ``rewrite`` pairs that apply to every name, and the group that a name is in."""

    rewrite: tuple[tuple[str, str], ...]
    group: Mapping[str, int]

    def form(self, finding: str) -> str:
        """Give the form in which names are compared: without case, width, punctuation, extra blanks."""
        folded = unicodedata.normalize("NFKC", finding).casefold().strip(_EDGE)
        folded = re.sub(r"\s+", " ", folded)
        for old, new in self.rewrite:
            folded = folded.replace(old, new)
        return folded

    def align(self, predicted: Sequence[str], gold: Sequence[str]) -> dict[str, str]:
        """Map predicted findings to the gold findings that they mean; those that mean none are left out.

        First the same name, then the same form, then the same group, then the most similar name that nothing
        else was mapped to. No prediction is mapped to two golds. Several may be mapped to one gold by name,
        form or group: saying fever twice, in two words, is a repetition or a contradiction, and not an
        invention. A name equally similar to two golds is mapped to neither.

        >>> load_synonyms().align(["发烧", "无痰", "右下腹胀痛"], ["发热", "有痰", "右下腹痛"])
        {'发烧': '发热', '右下腹胀痛': '右下腹痛'}
        """
        found = {name: name for name in predicted if name in set(gold)}
        forms = {name: self.form(name) for name in (*predicted, *gold)}
        groups: dict[str, str | int] = {name: self.group.get(form, form) for name, form in forms.items()}
        for keys in (forms, groups):
            for name in predicted:
                same = [target for target in gold if keys[target] == keys[name]]
                if same and name not in found:
                    found[name] = next((target for target in same if target not in found.values()), same[0])
        for name, target in self._similar(predicted, gold, forms, found):
            if name not in found and target not in found.values():
                found[name] = target
        return {name: found[name] for name in predicted if name in found}

    @staticmethod
    def _similar(
        predicted: Sequence[str], gold: Sequence[str], forms: Mapping[str, str], found: Mapping[str, str]
    ) -> Iterator[tuple[str, str]]:
        """Give each name that is left with the one free gold finding most like it, the most alike first."""
        free = [target for target in gold if target not in found.values()]
        pairs: list[tuple[float, str, str]] = []
        for name in (name for name in dict.fromkeys(predicted) if name not in found):
            scores = {target: similarity(forms[name], forms[target]) for target in free}
            best = [target for target, score in scores.items() if score and score == max(scores.values())]
            if len(best) == 1:
                pairs.append((scores[best[0]], name, best[0]))
        for _, name, target in sorted(pairs, key=lambda pair: -pair[0]):
            yield name, target


def similarity(one: str, other: str) -> float:
    """Compare two forms: normalised indel similarity; 0 below the threshold or where a telling part differs.

    >>> similarity("右下腹痛", "右下腹胀痛") > 0.8, similarity("右下腹痛", "左下腹痛")
    (True, 0.0)
    """
    from rapidfuzz import fuzz

    alphabetic = bool(_ALPHABETIC.search(one) or _ALPHABETIC.search(other))
    score = fuzz.ratio(one, other) / 100
    if score < (ALPHABETIC_THRESHOLD if alphabetic else THRESHOLD):
        return 0.0
    gone, come = _difference(one, other)
    if any(char in TELLING or char.isdigit() for char in gone + come):
        return 0.0
    words = (re.findall(r"[^\W_]+", name) for name in (one, other))
    starts = [sorted(word[:STEM] for word in extra.elements()) for extra in _difference(*words)]
    if alphabetic and (starts[0] != starts[1] or any(len(start) < STEM for start in starts[0])):
        return 0.0
    return score


def _difference(one: Iterable[str], other: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Give what only one of two bags holds."""
    left, right = Counter(one), Counter(other)
    return left - right, right - left


@cache
def load_synonyms(path: str | Path = SHIPPED) -> Canonicaliser:
    """Read a table of synonyms: TOML with ``groups`` (lists of names) and ``rewrite`` (pairs of texts).

    Raises ``MedevalError`` where the file cannot be read, has other keys or shapes, or puts a name in two
    groups.
    """
    file = Path(path)
    toml = read_toml(file, "synonyms, a TOML file with 'groups' and 'rewrite'")
    if unknown := toml.data.keys() - {"groups", "rewrite"}:
        raise MedevalError(f"{toml.at(min(unknown))}: {accepted('key', min(unknown), ['groups', 'rewrite'])}")
    rewrite = tuple((old, new) for old, new in _texts(toml, "rewrite", 2))
    table = Canonicaliser(rewrite, {})
    group: dict[str, int] = {}
    for number, names in enumerate(_texts(toml, "groups", None)):
        for name in names:
            if group.setdefault(table.form(name), number) != number:
                raise MedevalError(f"{toml.at('groups')}: {name!r} is in two groups; accepted: one group a finding")
    return Canonicaliser(rewrite, group)


def _texts(toml: Toml, key: str, size: int | None) -> list[list[str]]:
    """Check that a key holds lists of texts, each of the size where one is given."""
    lists = toml.data.get(key, [])
    accept = "a list of lists of texts" if size is None else f"a list of lists of {size} texts"
    if not isinstance(lists, list):
        raise MedevalError(f"{toml.at(key)}: {key} is {lists!r}; accepted: {accept}")
    for entry in lists:
        texts = isinstance(entry, list) and entry and all(isinstance(name, str) for name in entry)
        if not texts or not entry[0].strip() or (size is not None and len(entry) != size):
            raise MedevalError(f"{toml.at(key)}: {key} holds {entry!r}; accepted: {accept}")
    return lists
