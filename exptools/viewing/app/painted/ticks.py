"""Where the ticks of an axis are, and what they say: as Plotly has them, which draws over them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from exptools.viewing.figures.numbers import MANY, large_number, small_power

LEAST, LARGEST = -300, 308  # powers of ten that a float has
MINUTE, HOUR, DAY = 60, 3600, 86400  # s
TIMES = (  # s, between ticks
    *(1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE),
    *(HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY),
)
FIRST_TIME, LAST_TIME = -62_000_000_000, 253_000_000_000  # s: about the years that have a number
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
PREFIXES = {0: "", 3: "k", 6: "M", 9: "B", 12: "T"}  # Plotly's "B"


@dataclass(frozen=True)
class Tick:
    """A tick: its place from 0 to 1 along the axis, and its text."""

    place: float
    text: str


def ticks(low: float, high: float, most: int, *, log: bool) -> list[Tick]:
    """About ``most`` ticks from ``low`` to ``high``; of a logarithmic axis both are exponents."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return []
    if not log:
        return _linear(low, high, most)
    powers = [Tick((math.log10(v) - low) / (high - low), t) for v, t in _powers(low, high, most)]
    if len(powers) > 1 or high - low > 1 or high > LARGEST:
        return powers
    between = _linear(10.0**low, 10.0**high, most)  # less than a factor of ten
    span = 10.0**high - 10.0**low
    values = [10.0**low + tick.place * span for tick in between]
    places = [(math.log10(value) - low) / (high - low) for value in values]
    return [Tick(place, tick.text) for place, tick in zip(places, between, strict=True)]


def _linear(low: float, high: float, most: int) -> list[Tick]:
    rough = high / most - low / most  # each part by itself: the span may be beyond any float
    if rough < 10.0**LEAST:
        return []
    step = _step(rough)
    first = math.ceil(low / step - 1e-9)
    places = [first + count for count in range(100)]
    values = [place * step for place in places if place * step <= high + step * 1e-9]
    largest = max(abs(low), abs(high))
    exponent = math.floor(math.log10(largest) + 0.01) if largest else 0
    smallest = math.floor(math.log10(step) + 1e-9)
    span = high / 2 - low / 2
    return [Tick((v / 2 - low / 2) / span, _text(v, exponent, smallest)) for v in values]


def _powers(low: float, high: float, most: int) -> Iterator[tuple[float, str]]:
    """Powers of ten between two exponents, not too many; where there are too few, 2 and 5 times."""
    exponents = range(max(LEAST, math.ceil(low)), min(LARGEST, math.floor(high)) + 1)
    if len(exponents) > 1:
        apart = math.ceil(len(exponents) / most)
        yield from ((10.0**e, _text(10.0**e, e, e)) for e in exponents if e % apart == 0)
        return
    for exponent in sorted({math.floor(low), math.floor(high)} & {*range(LEAST, LARGEST)}):
        for digit in (1, 2, 5):
            value = digit * 10.0**exponent
            if low <= math.log10(value) <= high:
                yield value, _text(value, exponent, exponent)


def time_ticks(low: float, high: float, most: int) -> list[Tick]:
    """About ``most`` ticks at whole times of the day, or days, from ``low`` to ``high``: s, UTC."""
    if not FIRST_TIME <= low < high <= LAST_TIME:
        return []
    rough = (high - low) / most
    days = _step(max(1.0, rough / DAY)) * DAY
    step = next((step for step in TIMES if step >= rough), days)
    values = (place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1))
    return [Tick((value - low) / (high - low), _time(value, step)) for value in values]


def _time(value: float, step: float) -> str:
    """A time as ticks so many seconds apart need it: at midnight the day."""
    when = EPOCH + timedelta(seconds=value)
    if value % DAY == 0:
        return f"{when:%b} {when.day}"
    return f"{when:%H:%M}" if step >= MINUTE else f"{when:%H:%M:%S}"


def _step(rough: float) -> float:
    """The round number that is not below a rough one: 2, 5 or 10 times a power of ten."""
    base = 10.0 ** math.floor(math.log10(rough))
    return base * next((part for part in (1, 2, 5) if rough / base <= part), 10)


def _text(value: float, exponent: int, smallest: int) -> str:
    """The number with the digits that tell it from its neighbours."""
    if 10.0**smallest >= MANY and exponent != smallest:
        return large_number(value)
    if exponent < -3:
        thousands = exponent
    else:
        thousands = 3 * round((exponent - 1) / 3) if exponent > 3 else 0
        if thousands not in PREFIXES:
            return f"{value:.3g}".replace("-", "−")
    digits = min(max(0, thousands - smallest), 12)
    text = f"{value / 10.0**thousands:.{digits}f}".replace("-", "−")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    if text.lstrip("−") == "0":
        return "0"
    return small_power(exponent, text) if exponent < -3 else f"{text}{PREFIXES[thousands]}"
