"""What our logger says of a run as a whole, in whichever format the rest of the run is.

Its config is added to that of the run's own format, which counts where both have a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from exptools.run_values import MAX_VALUES, RunValues, is_ours, parse_values
from exptools.rundir import CONFIG_FILE, EXPTOOLS_DIR, OTHER_SUMMARY_FILE, SUMMARY_FILE
from exptools.viewing.configs.parsing import NO_CONFIG, flat_settings
from exptools.viewing.readers.description import RunTexts, fault_of
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Fault
from exptools.viewing.wording import escape_invalid_unicode
from exptools.visible import visible_lines


@dataclass(frozen=True)
class SaidOfRun:
    """The config and the summary that a run has logged, and what of them could not be read."""

    config: Mapping[str, Any] = field(default_factory=lambda: NO_CONFIG)
    summary: Mapping[str, Any] = field(default_factory=lambda: NO_CONFIG)
    faults: tuple[Fault, ...] = ()


NOTHING_SAID = SaidOfRun()


def value_files(listing: Listing) -> tuple[str, ...]:
    """The files of this kind that may be there."""
    ours = EXPTOOLS_DIR in listing.hidden
    names = (CONFIG_FILE,) if ours else ()
    if SUMMARY_FILE in listing.files:
        names = (*names, SUMMARY_FILE)
    is_taken = SUMMARY_FILE in listing.files or SUMMARY_FILE in listing.directories
    return (*names, OTHER_SUMMARY_FILE) if ours and is_taken else names


def read_said(run: RunTexts, names: Sequence[str]) -> SaidOfRun:
    """What stands in these files; one of another program says nothing."""
    config: Mapping[str, Any] = NO_CONFIG
    summary: dict[str, Any] = {}
    faults: tuple[Fault, ...] = ()
    for name in names:
        said = _read(run, name)
        if said is None:
            continue
        if not name.endswith(CONFIG_FILE):
            summary |= _scalars(said.values)
            continue
        try:
            config = flat_settings(said.values)
        except ValueError as error:
            faults = (*faults, fault_of(run.path(name), error))
    return SaidOfRun(config, MappingProxyType(summary), faults)


def _read(run: RunTexts, name: str) -> RunValues | None:
    try:
        parts = run.parts(name, _only_ours, MAX_VALUES)
    except (OSError, ValueError):  # gone, or no file of ours: those are neither large nor binary
        return None
    return parse_values("".join(parts))


def _only_ours(text: str) -> list[str]:
    return [text] if is_ours(text) else []


def _scalars(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        visible_lines(name): escape_invalid_unicode(v) if isinstance(v, str) else v
        for name, v in values.items()
        if isinstance(v, (bool, int, float, str))
    }
