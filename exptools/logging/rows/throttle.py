"""Keep every so many-th of what is logged under a tag."""

from __future__ import annotations

import operator


class Throttles:
    """A rule a tag; what has none is kept."""

    def __init__(self) -> None:
        self.rules: dict[str, list[int]] = {}  # tag → [every, calls so far]

    def set(self, tag: str, every: int) -> None:
        """See :meth:`Logger.throttle`."""
        try:
            number = operator.index(every)
        except TypeError as error:
            raise TypeError(
                f"every should be an integer from 1 on, not {every!r} ({type(every).__name__})"
            ) from error
        if number < 1:
            raise ValueError(f"every should be an integer from 1 on, not {number}")
        self.rules[tag] = [number, 0]

    def keeps(self, tag: str) -> bool:
        """Whether this call is one of those that are kept; counts it."""
        rule = self.rules.get(tag)
        if rule is None:
            return True
        every, calls = rule
        rule[1] += 1
        return calls % every == 0
