"""What a judge's bias does, and what correcting it costs: real judges and clinicians who scored the same replies.

    python benchmarks/corrected.py ../shared/data/judge_human/medieval                          # all pairs
    python benchmarks/corrected.py ../shared/data/judge_human/medieval chatgpt_4o CG4L G2FT     # one pair, one draw

Medieval has the scores of clinicians and of four language-model judges for the answers of seven models to the same
clinical cases, so that the difference between two models is known from all cases. For every pair of models and every
judge: ``RATED`` cases are drawn as if people had rated only those, and three estimates of the difference are made,
from the judge alone, from the people's sample alone, and corrected (``stats.ppi``), ``DRAWS`` times over. Coverage
is the share of 95 % intervals that hold what all clinicians say, false the share of intervals wholly on its wrong side.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import TypeAlias

import numpy as np

from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.ppi import corrected_mean

PEOPLE = "scores-to-be-released.clean.json"
RATED = 60
DRAWS = 200
Scores: TypeAlias = Mapping[str, Mapping[str, float]]
"""case -> model -> score, 0 to 10."""


def people_of(folder: Path) -> Scores:
    """Read the clinicians' mean scores."""
    given = json.loads((folder / PEOPLE).read_text(encoding="utf-8"))
    return {
        case: {
            answer.rpartition("-")[2]: fmean(strengths)
            for answer, ratings in answers.items()
            if (strengths := [one["strength"] for one in ratings if one["strength"] is not None])
        }
        for case, answers in given.items()
    }


def judge_of(file: Path) -> Scores:
    """Read a judge's scores."""
    given = json.loads(file.read_text(encoding="utf-8"))
    return {
        case: {answer.rpartition("-")[2]: float(score) for answer, score in answers.items()}
        for case, answers in given.items()
    }


def pairs(people: Scores, judge: Scores) -> Iterator[tuple[str, str, FloatArray, FloatArray]]:
    """Give, for each pair of models, the differences (n,) that people and the judge see on cases that both scored."""
    models = sorted({model for answers in people.values() for model in answers})
    for new, old in combinations(models, 2):
        both = [
            (people[case][new] - people[case][old], judge[case][new] - judge[case][old])
            for case in people
            if {new, old} <= people[case].keys() & judge.get(case, {}).keys()
        ]
        seen = np.array(both, dtype=np.float64)
        yield new, old, seen[:, 0], seen[:, 1]


def trial(people: FloatArray, judge: FloatArray, rng: np.random.Generator) -> dict[str, tuple[float, float, float]]:
    """Estimate once: name -> (value, low, high)."""
    drawn = np.full(len(people), np.nan)
    chosen = rng.permutation(len(people))[:RATED]
    drawn[chosen] = people[chosen]
    found = {
        "judge": corrected_mean(judge, judge),
        "people": corrected_mean(np.zeros(len(judge)), drawn),
        "corrected": corrected_mean(judge, drawn),
    }
    return {name: (one.value, *one.interval()) for name, one in found.items() if one is not None}


def measure(folder: Path) -> Iterator[str]:
    """Print a row for each judge: mean bias over pairs, then coverage, false and width of each estimate."""
    people = people_of(folder)
    rng = np.random.default_rng(0)
    yield "| judge | bias | judge: covers, false | people: covers, false, width | corrected: covers, false, width |"
    yield "|---|---|---|---|---|"
    for file in sorted(folder.glob("*.rate.json")):
        rows: dict[str, list[tuple[bool, bool, float]]] = {"judge": [], "people": [], "corrected": []}
        bias = []
        for _, _, clinicians, judge in pairs(people, judge_of(file)):
            truth = float(clinicians.mean())
            bias.append(abs(float(judge.mean()) - truth))
            for _ in range(DRAWS):
                for name, (_, low, high) in trial(clinicians, judge, rng).items():
                    wrong = (low > 0 and truth <= 0) or (high < 0 and truth >= 0)
                    rows[name].append((low <= truth <= high, wrong, high - low))
        said = [_said(np.array(rows[name], dtype=np.float64), width=name != "judge") for name in rows]
        yield f"| {file.name.partition('.')[0]} | {fmean(bias):.2f} | {' | '.join(said)} |"


def _said(rows: FloatArray, *, width: bool) -> str:
    covers, wrong, wide = rows.mean(axis=0)
    return f"{100 * covers:.1f} %, {100 * wrong:.1f} %" + (f", {wide:.2f}" if width else "")


def example(folder: Path, judge: str, new: str, old: str) -> Iterator[str]:
    """Print one draw of one pair: what each estimate says of ``new`` less ``old``, and what all clinicians say."""
    people, judged = people_of(folder), judge_of(folder / f"{judge}.rate.json")
    found = {frozenset(one[:2]): one for one in pairs(people, judged)}
    first, _, clinicians, seen = found[frozenset((new, old))]
    turn = 1 if first == new else -1
    yield "| estimate | difference | 95 % interval |"
    yield "|---|---|---|"
    rows = trial(turn * clinicians, turn * seen, np.random.default_rng(0))
    if importlib.util.find_spec("cje"):
        rows["cje-eval"] = peer(people, judged, new, old)
    for name, (value, low, high) in rows.items():
        yield f"| {name} | {value:+.2f} | {low:+.2f} to {high:+.2f} |"
    yield f"| all clinicians, {len(clinicians)} cases | {turn * clinicians.mean():+.2f} | |"


def peer(people: Scores, judge: Scores, new: str, old: str) -> tuple[float, float, float]:
    """Let cje-eval (0.9.3, where it is installed) calibrate the judge on the same draw."""
    import cje

    cases = [case for case in people if {new, old} <= people[case].keys() & judge.get(case, {}).keys()]
    drawn = set(np.random.default_rng(0).permutation(len(cases))[:RATED].tolist())
    draws = {
        model: [
            {
                "prompt_id": case,
                "judge_score": judge[case][model] / 10,
                "oracle_label": people[case][model] / 10 if place in drawn else None,
            }
            for place, case in enumerate(cases)
        ]
        for model in (new, old)
    }
    found = cje.analyze_dataset(fresh_draws_data=draws).compare_policies(new, old)
    return 10 * found["difference"], 10 * found["ci_lower"], 10 * found["ci_upper"]


def main() -> None:
    """Print the table, or the example."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pair", nargs="*", metavar="JUDGE NEW OLD")
    told = parser.parse_args()
    for line in example(told.folder, *told.pair) if told.pair else measure(told.folder):
        print(line)


if __name__ == "__main__":
    main()
