"""The logger's verbs for what holds of a run as a whole: its config and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from exptools.logging.errors import obeys_on_error
from exptools.logging.rows.row import as_number
from exptools.logging.rows.tags import by_tag, check_tag, current_prefix
from exptools.logging.run.current import CurrentRun
from exptools.run_values import MARK

SummaryValue: TypeAlias = bool | int | float | str

LONGEST_TEXT = 10_000  # characters of a value of the summary
_NOT_GIVEN = object()


class RunVerbs:
    """The part of :class:`Logger` that says what a run was made with, and what came out of it."""

    _current: CurrentRun

    @obeys_on_error
    def config(self, settings: object) -> None:
        """Say what the run is made with; the viewer shows it as keys, and compares runs by them.

        Settings that are said later are added, and replace those of the same name. A run that goes
        on keeps them; one that starts afresh in the directory does not. In a Hydra job they stand
        beside Hydra's own, which count where both have a key.

        Args:
            settings: a mapping, nested as you like, an ``argparse.Namespace``, a dataclass's
                instance, or a config of OmegaConf's. What JSON lacks is there as a text: of a
                path or a function, or the name of an Enum; tuples and small arrays are lists.

        Raises:
            TypeError: it is none of these.
            ValueError: it is nested more than 50 deep, or holds itself.
        """
        from exptools.logging.run.settings import as_settings

        plain = as_settings(settings)
        self._current.use(lambda run: run.add_values(config=plain))

    @obeys_on_error
    def summary(self, name: str | Mapping[str, object], value: object = _NOT_GIVEN) -> None:
        """Keep a value of the run as a whole, such as its best accuracy, beside its rows.

        Of a name the last value counts. The number that a Hydra job returns is there as ``result``
        by itself, unless the job has said one here.

        Args:
            name: what it is called, with the prefix that is open; or a mapping of names to values,
                whose nested names are joined with slashes.
            value: a number, as :meth:`log_scalar` takes it, a boolean, or a text.

        Raises:
            TypeError, ValueError: the value is none of these, or the name can be no tag.
        """
        if isinstance(name, Mapping) == (value is not _NOT_GIVEN):
            raise TypeError(
                "summary takes a name and its value, as in summary('best_accuracy', 0.9), or one "
                "mapping of names to values"
            )
        given = name if isinstance(name, Mapping) else {name: value}
        prefix = current_prefix.get()
        values = {_name(prefix, tag): _value(tag, each) for tag, each in by_tag(given).items()}
        self._current.use(lambda run: run.add_values(summary=values))


def _name(prefix: str, name: object) -> str:
    full = prefix + check_tag(name)
    if full == MARK:
        raise ValueError(f"the name {MARK!r} is taken: it tells the file from other programs'")
    return full


def _value(name: str, value: object) -> SummaryValue:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise ValueError(
                f"the summary {name!r} has {len(value)} characters, not {LONGEST_TEXT} at most; "
                "log_text(tag, text) keeps longer ones"
            )
        return str(value)
    number = as_number(name, value)
    is_bool = isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool")
    return bool(number) if is_bool else number
