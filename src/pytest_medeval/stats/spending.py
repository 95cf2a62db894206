"""Several looks at a growing body of data: what each may spend of alpha so that all of them together stay at it.

Lan and DeMets (1983, Biometrika 70, 659-663) with the spending function that gives O'Brien and Fleming's boundaries:
by the share t of the looks, ``4 - 4 Phi(z(1 - alpha / 4) / sqrt(t))`` of the two-sided alpha is spent. Where every look
holds the cases of the one before and more, its boundary is computed (Armitage, McPherson and Rowe 1969): the looks are
then sums of independent increments. Where they do not (other cases each time), a look may spend what is new of alpha
and no more (Bonferroni), which holds however the looks depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.bootstrap import NORMAL

NODES = 96
"""Of the Gauss-Legendre quadrature over a look's continuation region."""
FARTHEST = 9.0
"""Standard errors beyond which nothing is left of a normal distribution."""
NOTHING, LEAST = 1e-15, 1e-9
"""A look that spends less than the first has no boundary; less than the second is no level of an interval."""


def spent(share: float, alpha: float = 0.05) -> float:
    """Give what is spent of the two-sided ``alpha`` by a share of the looks, from 0 to 1.

    >>> [round(spent(share), 4) for share in (0, 0.5, 1)]
    [0.0, 0.0031, 0.05]
    """
    return 4 - 4 * NORMAL.cdf(NORMAL.inv_cdf(1 - alpha / 4) / math.sqrt(share)) if share > 0 else 0.0


def boundaries(sizes: Sequence[float], increments: Sequence[float]) -> list[float]:
    """Give the two-sided boundary of z at each look: the chance to cross it first there is that look's increment.

    ``sizes``: the cases of each look, growing; a look that spends nothing has an infinite boundary.
    """
    from scipy.optimize import brentq

    found: list[float] = []
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    points, mass, before = np.zeros(1), np.ones(1), 0.0
    for size, increment in zip(sizes, increments, strict=True):
        step, top = math.sqrt(size - before), FARTHEST * math.sqrt(size)
        end = (
            top
            if increment <= NOTHING
            else brentq(partial(_excess, points, mass, step, increment), 0.0, top, xtol=1e-12)
        )
        found.append(end / math.sqrt(size) if increment > NOTHING else math.inf)
        grid = end * nodes
        density: FloatArray = np.exp(-(((grid[:, None] - points) / step) ** 2) / 2) / (step * math.sqrt(2 * math.pi))
        points, mass, before = grid, end * weights * (density @ mass), size
    return found


def _excess(points: FloatArray, mass: FloatArray, step: float, increment: float, end: float) -> float:
    """Say by how much the chance to pass ``end`` in a step from where the sum may be is above the increment."""
    from scipy.special import ndtr

    return float(mass @ (ndtr((points - end) / step) + ndtr((-end - points) / step))) - increment


@dataclass(frozen=True, slots=True)
class Spending:
    """Which look it is, of how many that were declared, and what the looks before it spent.

    ``declared``: None where nobody declared any, and each look is judged as if it were the only one. ``before``: the
    shares of the looks that the earlier ones were, 1 for one that was not declared; ``sizes``: the cases of all looks,
    this one last, where each holds those before it; else empty.
    """

    number: int = 1
    declared: int | None = None
    before: Sequence[float] = ()
    sizes: Sequence[int] = ()

    @property
    def share(self) -> float:
        """The share of the declared looks that are made with this one."""
        return 1.0 if self.declared is None else min(1.0, self.number / self.declared)

    @property
    def exhausted(self) -> bool:
        """Whether looks were declared and nothing of alpha is left for this one."""
        return self.declared is not None and max(self.before, default=0.0) >= self.share

    def alpha(self, alpha: float) -> float:
        """Give the two-sided level of this look; all of ``alpha`` where no look was declared or none is left."""
        if self.declared is None or self.exhausted:
            return alpha
        return _level((*self.before, self.share), tuple(self.sizes), alpha)

    def __str__(self) -> str:
        shared = self.declared and self.declared > 1 and not self.exhausted
        return f"look {self.number} of {self.declared}" if shared else ""


@cache
def _level(shares: tuple[float, ...], sizes: tuple[int, ...], alpha: float) -> float:
    """Give the level of the last of several looks."""
    reached = np.maximum.accumulate([0.0, *shares])
    increments = np.diff([spent(share, alpha) for share in reached.tolist()]).tolist()
    own = 2 * NORMAL.cdf(-boundaries(sizes, increments)[-1]) if sizes else increments[-1]
    return max(LEAST, float(own))
