"""Shares of simulated suites, as docs/validity.md shows them."""

from __future__ import annotations

import math


def share(count: float, suites: int) -> str:
    """Give a share of simulated suites in percent, with its Monte Carlo error (one standard error)."""
    rate = count / suites
    error = math.sqrt(max(rate, 1 / suites) * (1 - min(rate, 1 - 1 / suites)) / suites)
    return f"{100 * rate:.1f} ± {100 * error:.1f} %"


def rate(found: float, suites: int) -> str:
    """Give a share between 0 and 1 as ``share`` gives a count.

    >>> rate(0.025, 2000)
    '2.5 ± 0.3 %'
    """
    return share(found * suites, suites)
