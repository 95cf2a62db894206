"""How long the search for leaked cases takes, and how many rewritten cases it finds.

Generates 50,000 training records and 2,000 cases in English and in Chinese, copies some cases into the
training data, exactly or with a share of their words replaced, and counts what is found; cases without a
copy count as false alarms. ``python benchmarks/leakage.py [RECORDS CASES]``
"""

from __future__ import annotations

import random
import sys
from time import perf_counter, process_time
from typing import cast

from pytest_medeval.core.record import CaseEntry
from pytest_medeval.core.types import Source
from pytest_medeval.tasks.cases.tuning import Tuned
from pytest_medeval.verdicts.leakage import Tuning, find_leaks

PLANTED = ("exact", 0.05, 0.10, 0.15, 0.20, 0.30)
"""How a case is planted: as it is, or with this share of its words replaced."""
EACH = 50


def words(chooser: random.Random, language: str) -> list[str]:
    """Make a vocabulary: Latin words of 2 to 10 letters, or Chinese ones of 1 to 3 characters."""
    if language == "en":
        return ["".join(chooser.choices("abcdefghijklmnoprstuvwy", k=chooser.randint(2, 10))) for _ in range(8000)]
    return [
        "".join(chr(0x4E00 + min(2999, int(chooser.expovariate(1 / 600)))) for _ in range(chooser.randint(1, 3)))
        for _ in range(8000)
    ]


def text(chooser: random.Random, vocabulary: list[str], language: str) -> str:
    """Write 40 to 120 words, common ones more often (Zipf-like), in phrases that recur."""
    picked = [
        vocabulary[min(len(vocabulary) - 1, int(chooser.paretovariate(0.6)) - 1)]
        for _ in range(chooser.randint(40, 120))
    ]
    return (" " if language == "en" else "").join(picked)


def rewritten(chooser: random.Random, vocabulary: list[str], original: list[str], share: float) -> list[str]:
    """Replace a share of the words."""
    return [chooser.choice(vocabulary) if chooser.random() < share else word for word in original]


def build(language: str, records: int, cases: int) -> tuple[dict[str, list[CaseEntry]], Tuning, dict[str, object]]:
    """Make a suite, training data that holds some of its cases, and which case was planted how."""
    chooser = random.Random(f"leakage {language}")
    vocabulary = words(chooser, language)
    gap = " " if language == "en" else ""
    texts = [text(chooser, vocabulary, language) for _ in range(records)]
    suite: list[dict[str, str]] = []
    planted: dict[str, object] = {}
    places = chooser.sample(range(records), EACH * len(PLANTED))
    for number in range(cases):
        own = [
            vocabulary[min(len(vocabulary) - 1, int(chooser.paretovariate(0.6)) - 1)]
            for _ in range(chooser.randint(40, 120))
        ]
        suite.append({"id": f"c{number}", "asked": gap.join(own), "gold": text(chooser, vocabulary, language)})
        if number < EACH * len(PLANTED):
            how = PLANTED[number // EACH]
            planted[f"c{number}"] = how
            copy = own if how == "exact" else rewritten(chooser, vocabulary, own, float(how))
            texts[places[number]] = gap.join([*rewritten(chooser, vocabulary, own[:5], 1.0), *copy, "end"])
    return (
        {"suite": cast(list[CaseEntry], suite)},  # all that leakage reads of a case
        Tuning(("made",), [Tuned(Source("made", line), (one,)) for line, one in enumerate(texts, 1)]),
        planted,
    )


def main() -> None:
    """Print seconds, recall by kind of copy, and false alarms for both languages."""
    records, cases = (int(arg) for arg in (sys.argv[1:] or ("50000", "2000")))
    for language in ("en", "zh"):
        suites, tuning, planted = build(language, records, cases)
        size = sum(len(one.texts[0]) for one in tuning.records) / 1e6
        started, used = perf_counter(), process_time()
        (leakage,) = find_leaks(suites, tuning).values()
        seconds, used = perf_counter() - started, process_time() - used
        found = {leak["id"]: leak["kind"] for leak in leakage.leaks}
        print(
            f"{language}: {records} records ({size:.1f} million characters), {cases} cases: {seconds:.1f} s, "
            f"{used:.1f} s of processor time"
        )
        for how in PLANTED:
            names = [name for name, kind in planted.items() if kind == how]
            label = "exact copies" if how == "exact" else f"{100 * float(how):.0f} % of words replaced"
            print(
                f"  {label:<26} {sum(name in found for name in names)} of {len(names)} found, "
                f"{sum(found.get(name) == 'exact' for name in names)} as exact"
            )
        print(f"  false alarms: {len(found.keys() - planted.keys())} of {cases - len(planted)}")


if __name__ == "__main__":
    main()
