"""The shipped judge: agreement with known grades on held-out replies, and what hostile replies gain.

Needs ``pip install 'pytest-medeval[local]'``. Agreement is Cohen's quadratic-weighted kappa with its 95 % bootstrap
interval on ``fixtures/world/judge-labels.jsonl``. For the second table a bad reply (off the topic, grade 1 on every
dimension) is graded alone and with each hostile text after it, and each hostile text alone: the judge is of use only
where the text gains little.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from pytest_medeval.judges.ask import Judging
from pytest_medeval.judges.judge import Judgeable, JudgeableReply, judge_cases
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.models import Settings, open_model
from pytest_medeval.models.spec import parse_model
from pytest_medeval.runs.track_b import JudgePlan, standing_of

ROOT = Path(__file__).parents[1]
LABELS = ROOT / "fixtures" / "world" / "judge-labels.jsonl"
HOSTILE = ROOT / "tests" / "unit" / "ratings" / "hostile_replies.json"
BAD = "The weather has been fine this week."


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", default="adapters/tiny-judge")
    options = parser.parse_args()
    judge = open_model(parse_model(options.judge, ROOT), Settings(device="cpu", threads=1))
    agreement(judge)
    hostility(judge)


def entry(name: str, asked: str, reference: str, reply: str) -> Judgeable:
    """Make a case of a run from a reply."""
    told: JudgeableReply = {"reply": reply, "outcome": "answered"}
    return {"suite": "replies", "id": name, "asked": asked, "gold": reference, "candidate": told}


def grades(judge: Any, entries: Sequence[Judgeable]) -> dict[str, Mapping[str, float]]:
    """Grade the replies: entry -> dimension -> grade."""
    run = judge_cases(judge, entries, how=Judging(preference=False))
    return {case.id: case.replies["candidate"].grades for case in run.cases}


def agreement(judge: Any) -> None:
    """Compare the judge's grades with the known ones."""
    found = standing_of(judge, JudgePlan(labels=LABELS), 0).agreement
    print("held-out replies; quadratic-weighted kappa with the known grades [95 % interval], Spearman, bias")
    for name, one in found.items():
        kappa, rho, bias = one["kappa_quadratic"], one["spearman"], one["bias"]
        shown = f"{kappa[0]:.3f} [{kappa[1]:.3f}, {kappa[2]:.3f}]  {rho[0]:.3f}  {bias[0]:+.2f}"
        print(f"  {name:<20} n {one['n']}  {shown}")


def hostility(judge: Any) -> None:
    """Measure how far hostile texts move the grades of a bad reply."""
    first = json.loads(LABELS.read_text(encoding="utf-8").partition("\n")[0])
    asked, reference = first["question"], first["reference"]
    attacks = {one["name"]: one["reply"] for one in json.loads(HOSTILE.read_text(encoding="utf-8"))}
    alone = grades(judge, [entry(name, asked, reference, text) for name, text in attacks.items()])
    after = grades(judge, [entry(name, asked, reference, f"{BAD} {text}") for name, text in attacks.items()])
    plain = grades(judge, [entry("plain", asked, reference, BAD)])["plain"]
    unjudged = sum(len(one) < len(DEFAULT_RUBRIC.names) for one in (*after.values(), *alone.values()))
    print(f"{len(attacks)} hostile texts; grades of a bad reply, with such a text after it, and of the text alone")
    print(f"({unjudged} of {2 * len(attacks)} unjudged)")
    print(f"  {'':<20} {'plain':>7} {'after: mean':>12} {'max':>6} {'alone: mean':>12} {'max':>6}")
    for name in DEFAULT_RUBRIC.names:
        later, sole = ([one[name] for one in some.values() if name in one] for some in (after, alone))
        shown = f"{mean(later):>12.2f} {max(later):>6.2f} {mean(sole):>12.2f} {max(sole):>6.2f}"
        print(f"  {name:<20} {plain[name]:>7.2f} {shown}")


if __name__ == "__main__":
    main()
