"""Numbers for people: as many digits as their uncertainty leaves sense to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

DIGITS = 4  # of a number without uncertainty
SPREAD_DIGITS = 2  # of an uncertainty
NOISE = 1e-12  # of the centre: a narrower band comes from the arithmetic
LONGEST, SHORTEST = 6, -4  # powers of ten from and up to which a power of ten is taken out


@dataclass(frozen=True)
class Rounded:
    """A centre and its band as texts, all in the same power of ten."""

    center: str
    spread: str = ""  # of a band of the same width on either side
    low: str = ""  # the edges of any other band
    high: str = ""
    exponent: int = 0  # the power of ten that all is to be multiplied by


def rounded(center: float, low: float = math.nan, high: float = math.nan) -> Rounded | None:
    """Round half the band's width to two digits, and the rest to its last place.

    Without a band the centre has four digits. None where the centre is no finite number.
    """
    if not math.isfinite(center):
        return None
    banded = math.isfinite(low) and math.isfinite(high)
    spread = high / 2 - low / 2 if banded else 0.0
    size = _power(max(abs(center), spread), DIGITS)
    exponent = size if size >= LONGEST or size <= SHORTEST else 0
    if spread <= NOISE * abs(center):
        text = _fixed(center, exponent, DIGITS - 1 - _power(center, DIGITS) + exponent)
        short = text.rstrip("0").rstrip(".") if "." in text else text
        return Rounded(short, "0" if banded else "", exponent=exponent)
    places = SPREAD_DIGITS - 1 - _power(spread, SPREAD_DIGITS) + exponent
    middle = _fixed(center, exponent, places)
    if math.isclose(high - center, center - low, rel_tol=1e-6):
        return Rounded(middle, _fixed(spread, exponent, places), exponent=exponent)
    edges = [_fixed(edge, exponent, places) for edge in (low, high)]
    return Rounded(middle, low=edges[0], high=edges[1], exponent=exponent)


def _power(number: float, digits: int) -> int:
    """The power of ten of the first digit, once rounded: 0.0999 is 0.10 in two digits."""
    return int(f"{number:.{digits - 1}e}".partition("e")[2]) if number else 0


def _fixed(number: float, exponent: int, places: int) -> str:
    """A number without its power of ten, with so many places after the point."""
    scaled = round(Decimal(number).scaleb(-exponent), places)
    text = f"{scaled:.{max(0, places)}f}"
    return text.removeprefix("-") if not scaled else text
