"""Sizes and durations as a person reads them: one way in the terminal, on the page, in errors."""

from __future__ import annotations

_PARTS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))  # seconds


def format_bytes(number: float) -> str:
    """So many bytes: ``512 B``, ``340 MiB``, ``7.5 GiB``. Units are powers of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(number) < 1000:  # not 1024: three digits are enough
            return f"{_digits(number)} {unit}"
        number /= 1024
    return f"{_digits(number)} TiB"


def format_duration(seconds: float) -> str:
    """So many seconds, in the two units that say most: ``26 ms``, ``3.2 s``, ``4 min 10 s``."""
    if 0 < seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < 60:
        return f"{_digits(max(seconds, 0.0))} s"
    whole = round(seconds)
    at = next(at for at, (_, part) in enumerate(_PARTS) if whole >= part)
    (large, part), (small, fraction) = _PARTS[at], _PARTS[at + 1]
    rest = whole % part // fraction
    return f"{whole // part:,} {large}" + (f" {rest} {small}" if rest else "")


def short_duration(seconds: float) -> str:
    """The same for a narrow column: ``3.2s``, ``4m10s``, ``2h05m``."""
    minutes, hours = int(seconds // 60) % 60, int(seconds // 3600)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{int(seconds % 60):02}s" if minutes else f"{seconds:.1f}s"


def rough_duration(seconds: float) -> str:
    """A time that is only estimated, no finer than it can be: ``10 s``, ``3 min``, ``14 h``."""
    if seconds < 60:
        return f"{max(round(seconds / 5) * 5, 5)} s"
    for unit, part, until in (("min", 60, 100), ("h", 3600, 48)):
        if round(seconds / part) < until:
            return f"{round(seconds / part)} {unit}"
    return f"{round(seconds / 86400)} d"


def _digits(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0") if abs(number) < 100 else f"{number:.0f}"
