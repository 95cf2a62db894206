"""Rows of docs/validity.md on looking several times, printed by benchmarks/validity.py, or alone.

python benchmarks/looks.py --suites 1000
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import numpy as np

from pytest_medeval.core.types import ALPHA
from pytest_medeval.metrics import metrics_for
from pytest_medeval.stats.bootstrap import NORMAL
from pytest_medeval.stats.evidence import gather
from pytest_medeval.stats.intervals import difference_interval
from pytest_medeval.stats.proportions import tango, tango_limits
from pytest_medeval.stats.spending import Spending
from pytest_medeval.tasks import TASKS

CHANGED = 0.2
"""Share of the cases that are right in one role only."""


def share(count: float, suites: int) -> str:
    """Give a share of simulated suites in percent, with its Monte Carlo error (one standard error)."""
    rate = count / suites
    error = math.sqrt(max(rate, 1 / suites) * (1 - min(rate, 1 - 1 / suites)) / suites)
    return f"{100 * rate:.1f} ± {100 * error:.1f} %"


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
    yield from DRAWS.format(suites=suites // 2).splitlines()
    yield ""
    yield from draw_lines(suites // 2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suites", type=int, default=1000)
    for line in lines(parser.parse_args().suites):
        print(line, flush=True)
