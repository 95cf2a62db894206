"""Rows of docs/validity.md on looking several times, printed by benchmarks/validity.py, or alone.

python benchmarks/looks.py --suites 1000
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence

import numpy as np

from edges import ACCURACY, scored
from pytest_medeval.core.types import ALPHA
from pytest_medeval.metrics import metrics_for
from pytest_medeval.stats.bootstrap import NORMAL
from pytest_medeval.stats.evidence import gather
from pytest_medeval.stats.intervals import difference_interval
from pytest_medeval.stats.planning import cases_for, cases_needed
from pytest_medeval.stats.proportions import tango, tango_limits
from pytest_medeval.stats.sequential import Watched
from pytest_medeval.stats.spending import Spending
from pytest_medeval.tasks import TASKS
from pytest_medeval.verdicts.gates.data import SuiteData
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import judge_all
from rates import share

GAIN = 0.06
CHANGED = 0.2
"""Share of the cases that are right in one role only."""


def looked(looks: int, size: int, margin: float, suites: int, *, seed: int = 11) -> dict[str, str]:
    """Give how often `accuracy not worse than baseline by` the true loss passes at any of several looks.

    Cases grow from look to look, or are others each time; looks are declared or not. A gate on right and wrong passes
    when the lower limit of Tango's interval, at the level of the look, is above the condition.
    """
    rng = np.random.default_rng([seed, looks, size])
    rates = [(CHANGED - margin) / 2, (CHANGED + margin) / 2, 1 - CHANGED]
    turned = rng.multinomial(size, rates, (suites, looks))[..., :2].astype(float)
    found = {}
    for grows in (True, False):
        for declared in (False, True):
            passed = np.zeros(suites, dtype=bool)
            for look in range(1, looks + 1):
                seen = turned[:, :look].sum(axis=1) if grows else turned[:, look - 1]
                sizes = [one * size for one in range(1, look + 1)] if grows else []
                before = [one / looks for one in range(1, look)]
                spending = Spending(look, looks if declared else None, before, sizes)
                z = NORMAL.inv_cdf(1 - spending.alpha(ALPHA) / 2)
                n = float(look * size if grows else size)
                low = tango_limits(seen[:, 0], seen[:, 1], np.full(suites, n), np.full(suites, z))
                passed |= low > -margin
            way = f"{'growing' if grows else 'others'}, {'' if declared else 'not '}declared"
            found[way] = share(float(passed.sum()), suites)
    return found


def look_lines(suites: int) -> Iterator[str]:
    """Give the table of looks."""
    yield "| looks | gate | growing, not declared | growing, declared | others, not declared | others, declared |"
    yield "|---|---|---|---|---|---|"
    for margin, looks, size in ((0.0, 5, 200), (0.0, 10, 100), (0.0, 20, 50), (0.05, 5, 200), (0.05, 10, 240)):
        gate = f"not worse by {margin:g}" if margin else "better"
        told = " | ".join(looked(looks, size, margin, suites).values())
        yield f"| {looks}, every {size} cases | {gate} | {told} |"


def drawn(draws: int, n: int, suites: int, *, seed: int = 12) -> tuple[str, str, str, str]:
    """Give mean width and coverage of the interval of the difference, and false passes, also of draws taken as cases.

    Each case has a chance to be answered rightly, which differs between the models by case and not on average.
    """
    rng = np.random.default_rng([seed, draws])
    (metric,) = metrics_for(TASKS.resolve("mcq")(scoring="reply", temperature=1.0, draws=draws), ["accuracy"])
    counted, width = np.zeros(3), 0.0
    for number in range(suites):
        skill, turn = rng.normal(0.4, 1.2, n), rng.normal(0, 0.4, n)
        rights = [(1 / (1 + np.exp(-skill - side * turn)))[:, None] > rng.random((draws, n)).T for side in (1, -1)]
        rows = [np.full((n, draws, 4), -1.0) for _ in rights]
        for row, right in zip(rows, rights, strict=True):
            row[..., 0], row[..., 1] = 0, np.where(right, 0, 1)
        new, old = ({"mcq": row.reshape(n, 4 * draws)} for row in rows)
        (seen,) = gather([metric], new, old, seed=number, resamples=400, permute=False).values()
        low, high = difference_interval(seen) or (np.nan, np.nan)
        apart = tango(float((rights[0] & ~rights[1]).sum()), float((rights[1] & ~rights[0]).sum()), n * draws)
        counted += [low <= 0 <= high, low > 0, apart[0] > 0]
        width += (high - low) / suites
    covers, passes, as_cases = (share(one, suites) for one in counted.tolist())
    return f"{width:.3f}", covers, passes, as_cases


def draw_lines(suites: int) -> Iterator[str]:
    """Give the table of draws."""
    yield "| draws a case | width of the interval | it covers | passes wrongly | draws entered as cases pass wrongly |"
    yield "|---|---|---|---|---|"
    for draws in (1, 2, 4, 8):
        yield f"| {draws} | {' | '.join(drawn(draws, 240, suites))} |"


DRAWS = """
## Several draws of a reply

240 questions, each answered rightly with a chance of its own that differs between two models case by case, and not on
average: `accuracy better than baseline` of {suites} suites. Draws of a case are averaged, and cases resampled.
"""


def conjunction(losses: Sequence[float], suites: int, *, n: int = 240, seed: int = 14) -> tuple[str, str, str]:
    """Give how often gates `not worse by 0.05` all pass: by the rule, each corrected; and how often any fails."""
    rng = np.random.default_rng([seed, len(losses), int(1000 * abs(sum(losses)))])
    gate = parse_gate("accuracy not worse than baseline by 0.05")
    counted = np.zeros(3)
    for _ in range(suites):
        data = [_suite(rng, n, loss, f"s{at}") for at, loss in enumerate(losses)]
        together, apart = (judge_all([(gate, one) for one in data], all_must_pass=way) for way in (True, False))
        counted += [
            all(one.verdict == "pass" for one in together),
            all(one.verdict == "pass" for one in apart),
            any(one.verdict == "fail" for one in together),
        ]
    whole, corrected, failed = (share(one, suites) for one in counted.tolist())
    return whole, corrected, failed


def _suite(rng: np.random.Generator, n: int, loss: float, name: str) -> SuiteData:
    turn = rng.choice([1, -1, 0], n, p=[(0.15 - loss) / 2, (0.15 + loss) / 2, 0.85])
    both = rng.random(n) < 0.6
    new, old = ({"accuracy": scored(np.where(turn == 0, both, side * turn > 0))} for side in (1, -1))
    ids = [f"{at:04}" for at in range(n)]
    return SuiteData(name=name, metrics={"accuracy": ACCURACY}, rows={"candidate": new, "baseline": old}, ids=ids)


def gate_lines(suites: int) -> Iterator[str]:
    """Give the table of several gates."""
    yield "| six gates | goes out | goes out, passes corrected (Holm) | any gate fails |"
    yield "|---|---|---|---|"
    for told, losses in (
        ("one at its margin, the others gain", (0.05, *[-0.1] * 5)),
        ("one at its margin, the others equal", (0.05, *[0.0] * 5)),
        ("all at their margins", (0.05,) * 6),
        ("all equal", (0.0,) * 6),
        ("all gain 0.02", (-0.02,) * 6),
    ):
        yield f"| {told} | {' | '.join(conjunction(losses, suites))} |"


GATES = """
## Several gates that all must pass

Six suites of 240 cases, each with `accuracy not worse than baseline by 0.05`; {suites} runs. A run that goes out with a
loss at the margin goes out wrongly (aimed at 2.5 %); a run where no loss is beyond it fails wrongly (2.5 %).
"""


def planned(pilot: int, suites: int, truth: float | None, *, seed: int = 13) -> tuple[str, str]:
    """Give the median range of cases for `better than baseline` that pilots tell, and how often it is right.

    The candidate gains 0.06, and 20 % of the cases change; ``truth``: the gain that is taken for true.
    """
    rng = np.random.default_rng([seed, pilot])
    need = cases_needed(math.sqrt(CHANGED - GAIN**2), 1, GAIN)
    assert need is not None
    rates = [(CHANGED + GAIN) / 2, (CHANGED - GAIN) / 2, 1 - CHANGED]
    found = [cases_for(rng.choice([1.0, -1.0, 0.0], pilot, p=rates), None, 0.0, truth=truth) for _ in range(suites)]
    ends = np.array([[math.inf if end is None else end for end in (one.low, one.middle, one.high)] for one in found])
    told = " / ".join("no number" if math.isinf(one) else f"{one:,.0f}" for one in np.median(ends, axis=0).tolist())
    held = float(np.sum((ends[:, 0] <= need) & (need <= ends[:, 2])))
    return f"{told} (truth {need})", share(held, suites)


def plan_lines(suites: int) -> Iterator[str]:
    """Give the table of plans."""
    yield "| pilot | taken for true | cases, 10 / 50 / 90 %, median of the pilots | the range holds the truth |"
    yield "|---|---|---|---|"
    for pilot, truth in ((100, None), (300, None), (1000, None), (100, GAIN), (300, GAIN)):
        taken = "what the pilot shows" if truth is None else f"a gain of {truth:g}"
        yield f"| {pilot} | {taken} | {' | '.join(planned(pilot, suites, truth))} |"


PLANS = """
## Cases that a pilot asks for

`python -m pytest_medeval plan cases`, from {suites} pilots of a candidate that gains {gain:g} in accuracy: power 80 %.
80 % of the ranges should hold the number that is right.
"""


def sequentially(
    difference: float, margin: float, suites: int, *, n: int = 1000, size: int = 1, seed: int = 15
) -> tuple[str, str, str, str]:
    """Ask 20 batches until `not worse by` a margin is decided: passes, fails, those at the end; cases that were saved.

    ``size``: cases of a cluster, which change alike.
    """
    rng = np.random.default_rng([seed, int(1000 * abs(difference)), int(1000 * margin), size])
    bound = math.log(2 / ALPHA)
    rates = [(CHANGED + difference) / 2, (CHANGED - difference) / 2, 1 - CHANGED]
    counted, asked = np.zeros(3), 0
    for _ in range(suites):
        own = rng.choice([1.0, -1.0, 0.0], n, p=rates)
        if size > 1:
            common = np.repeat(rng.choice([1.0, -1.0, 0.0], n // size, p=rates), size)
            own = np.where(rng.random(n) < 0.5, common, own)
        sums, sizes = own.reshape(-1, size).sum(axis=1), np.full(n // size, float(size))
        done = 0
        for done in range(len(sums) // 20, len(sums) + 1, len(sums) // 20):
            seen = Watched(sums[:done], sizes[:done], -1.0, 1.0, size)
            above, below = seen.above(-margin) >= bound, seen.below(-margin) >= bound
            if above or below:
                counted += [above, below, 0]
                break
        else:
            counted[2] += 1
        asked += done * size
    passes, fails, open_ = (share(one, suites) for one in counted.tolist())
    return passes, fails, open_, f"{100 * (1 - asked / (n * suites)):.0f} %"


def sequential_lines(suites: int) -> Iterator[str]:
    """Give the table of runs that end when their gate is decided."""
    yield "| true difference | gate | cases | passes | fails | inconclusive at the end | cases saved |"
    yield "|---|---|---|---|---|---|---|"
    for difference, margin, n, size in (
        (0.0, 0.0, 1000, 1), (-0.05, 0.05, 1000, 1), (-0.05, 0.05, 240, 1), (-0.05, 0.05, 1000, 10),
        (-0.1, 0.0, 1000, 1), (-0.15, 0.0, 1000, 1), (-0.15, 0.05, 1000, 1), (0.0, 0.05, 1000, 1), (0.1, 0.0, 1000, 1),
    ):  # fmt: skip
        gate = f"not worse by {margin:g}" if margin else "better"
        cases = f"{n} in clusters of {size}" if size > 1 else str(n)
        told = " | ".join(sequentially(difference, margin, suites, n=n, size=size))
        yield f"| {difference:+g} | {gate} | {cases} | {told} |"


SEQUENTIAL = """
## Runs that end when every gate is decided

`--medeval-sequential`: 20 batches, after each of which a gate on accuracy may be decided for good; {suites} runs, 20 %
of the cases change. Where the truth lies on the condition both passes and fails are wrong: each 2.5 % at most, at
whatever batch it stops; intervals of a planned number of cases, looked at as often, pass in four times as many (above).
"""

LOOKS = """
## Looking several times

A candidate is looked at again and again, with more cases or with others, until its gate on accuracy passes; the truth
lies on the gate's condition, so every pass is wrong (aimed at 2.5 %). Declared: `--medeval-looks=K`. Shares of {suites}
suites with their Monte Carlo error (one standard error), here and below.
"""


def lines(suites: int) -> Iterator[str]:
    """Give this part of the page."""
    yield from LOOKS.format(suites=suites).splitlines()
    yield ""
    yield from look_lines(suites)
    yield from SEQUENTIAL.format(suites=suites).splitlines()
    yield ""
    yield from sequential_lines(suites)
    yield from DRAWS.format(suites=suites // 2).splitlines()
    yield ""
    yield from draw_lines(suites // 2)
    yield from GATES.format(suites=suites // 2).splitlines()
    yield ""
    yield from gate_lines(suites // 2)
    yield from PLANS.format(suites=suites, gain=GAIN).splitlines()
    yield ""
    yield from plan_lines(suites)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suites", type=int, default=1000)
    for line in lines(parser.parse_args().suites):
        print(line, flush=True)
