"""Units of measurement: how many of one are in another, where both are known."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

_NAMES: Final[dict[str, tuple[str, float]]] = {
    name: (dimension, factor)
    for dimension, units in {
        "mass": {
            "kg kgs kilogram kilograms": 1e3, "g gram grams": 1.0, "mg milligram milligrams": 1e-3,
            "mcg ug µg microgram micrograms": 1e-6, "ng": 1e-9, "pg": 1e-12, "lb lbs pound pounds": 453.59237,
        },
        "length": {"m": 1.0, "cm": 1e-2, "mm": 1e-3},
        "volume": {"l liter liters litre litres": 1.0, "dl": 0.1, "ml cc": 1e-3, "ul µl": 1e-6},
        "time": {
            "ms msec milliseconds": 1e-3, "s sec second seconds": 1.0, "min minute minutes": 60.0,
            "h hr hrs hour hours": 3600.0, "d day days": 86400.0,
        },
        # as much of an ion of one charge, or of what does not dissociate, in each of the three
        "amount": {"mol eq osm": 1.0, "mmol meq mosm": 1e-3, "umol µmol": 1e-6},
        "pressure": {"mmhg": 1.0, "kpa": 7.500616827},
        "share": {"% percent": 1.0},
        "": {"1.73m2 1.73m^2": 1.0},  # said or not, of a filtration rate
    }.items()
    for names, factor in units.items()
    for name in names.split()
}  # fmt: skip
_WORD = r"(?:mm ?hg|1\.73 ?m\^?2|[a-zµ]+|%)"
UNIT: Final = re.compile(rf"{_WORD}(?:\^?[23])?(?: ?(?:/|per) ?{_WORD}(?:\^?[23])?)*(?!\w)", re.IGNORECASE)
"""What may be a unit; ``parse`` says whether it is one."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its dimensions with their powers, and its size in the base units of these."""

    dimensions: tuple[tuple[str, int], ...]
    size: float


def parse(text: str) -> Unit | None:
    """Read a unit; None for what is none that is known here.

    >>> parse("mg/dL").dimensions, parse("mm Hg").size, parse("furlongs")
    ((('mass', 1), ('volume', -1)), 1.0, None)
    """
    powers: Counter[str] = Counter()
    size = 1.0
    plain = text.strip().replace("μ", "µ").lower().replace("mm hg", "mmhg")
    parts = [part.replace(" ", "") for part in re.split(r" ?(?:/|\bper\b) ?", plain)]
    for place, part in enumerate(parts):
        name, power = part, 1
        if part not in _NAMES and (raised := re.fullmatch(r"(\D+?)\^?([23])", part)):
            name, power = raised[1], int(raised[2])
        if name not in _NAMES:
            return None
        dimension, factor = _NAMES[name]
        sign = -power if place else power
        powers[dimension] += sign
        size *= factor**sign
    return Unit(tuple(sorted((name, power) for name, power in powers.items() if power and name)), size)


def converted(amount: float, said: Unit | None, wanted: Unit | None) -> float | None:
    """Give an amount in the unit that is wanted; None where the two measure different things.

    An amount whose unit is not known, or of which none is asked, stays as it is.

    >>> converted(0.48, parse("s"), parse("msec")), converted(5.0, parse("mmol/L"), parse("mg/dL"))
    (480.0, None)
    """
    if said is None or wanted is None:
        return amount
    if said.dimensions != wanted.dimensions:
        return None
    return amount if said.size == wanted.size else amount * said.size / wanted.size
