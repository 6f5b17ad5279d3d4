"""What is compared with a key and can be equal to none of its values, with what to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from exptools.hints import suggestion
from exptools.rundir import State
from exptools.viewing.configs.values import display
from exptools.viewing.errors import QueryError
from exptools.viewing.groups.asked import Asked
from exptools.viewing.groups.grouping import Key
from exptools.viewing.groups.truth import comparable, kind
from exptools.viewing.run import Run

_NOUNS = {"list": "a list", "number": "a number", "text": "a text"}


def check_values(
    key: Key, runs: Iterable[Run], given: Sequence[Any], say: Callable[..., str]
) -> None:
    """Raise QueryError where no run has a value of the type of any of the given ones.

    A list may be given as the text that the table shows.

    Args:
        say: the comparison as it should be, of the values as a condition has them.
    """
    if key.whole.removeprefix("run.") == "state":
        _check_states(given)
    if key.whole == "run.started":  # and not a config's
        _check_times(given)
    values = (comparable(key.value(run)) for run in runs)
    kinds = {kind(value) for value in values if value is not None}
    texts = {"text"} if "list" in kinds else set()
    if kinds and given and not any(kind(value) in kinds | texts for value in given):
        nouns = " or ".join(_NOUNS.get(one, one) for one in sorted(kinds))
        raise QueryError(
            f"{key.name} is {nouns} wherever a run has it, and never "
            f"{_written(given[0])}{_advice(given, kinds, say)}"
        )


def check_own(key: Key, asked: Asked, given: Sequence[Any]) -> None:
    """Raise QueryError where no run is called so itself, but a config's ``optim.name`` is that."""
    own = key.whole
    if (
        own not in ("name", "sweep") or key.name != own
    ):  # states are known, and checked by themselves
        return
    if any(key.value(run) in given for run in asked.runs):
        return
    for longer in asked.names.longer(own):
        if any(run.config.get(longer) in given for run in asked.runs):
            raise QueryError(
                f"{own} is the run's own, and of none it is {_written(given[0])}; say {longer}"
            )


def _check_states(given: Sequence[Any]) -> None:
    states = [state.value for state in State]
    for value in given:
        if isinstance(value, str) and value not in states:
            raise QueryError(f"there is no state {value!r}; {suggestion(value, states)}")


def _check_times(given: Sequence[Any]) -> None:
    for value in given:
        if isinstance(value, str) and not re.match(r"\d|[%_]", value):  # a pattern of like
            raise QueryError(
                f"started is a day or a time, as '2026-11-27' or '2026-11-27 14:30'; not {value!r}"
            )


def _advice(given: Sequence[Any], kinds: set[str], say: Callable[..., str]) -> str:
    """How to write what was probably meant."""
    meant = [_meant(value, kinds) for value in given]
    return f"; say {say(*meant)}" if None not in meant else ""


def _meant(given: Any, kinds: set[str]) -> str | None:
    """A value as one of these kinds, as a condition has it; None where it can be none."""
    if "true or false" in kinds and str(given).lower() in ("0", "1", "true", "false"):
        return "true" if str(given).lower() in ("1", "true") else "false"
    if "number" in kinds and isinstance(given, bool):
        return display(int(given))
    if "number" in kinds and isinstance(given, str) and _is_number(given):
        return given.strip()
    if "text" in kinds and kind(given) in ("number", "true or false"):
        return f"'{display(given)}'"
    return f"[{_written(given)}]" if "list" in kinds else None


def _written(value: Any) -> str:
    """A value as a condition has it."""
    return f"'{value}'" if isinstance(value, str) else display(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
