"""The configs of jobs that Hydra has not composed yet, as far as they are known.

A queued job has its overrides, in its status, and the config of its sweep, in which all values
have their defaults. Where it chooses another config of a group (``model=large``) only a sibling
that has been started knows what stands in it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from exptools.rundir import SWEEP_FILE, Status
from exptools.viewing.configs.choices import choices_text, with_choices
from exptools.viewing.configs.overrides import Override, parse_override
from exptools.viewing.configs.parsing import NO_CONFIG
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.readers.description import Description, RunTexts, fault_of
from exptools.viewing.readers.memory.texts import MAX_TEXT, read_text
from exptools.viewing.run import Run
from exptools.viewing.signatures import Signature, file_signature

_DEEPEST = 8  # directories between a sweep's and a job's: ``hydra.sweep.subdir`` may have several
_OF_HYDRA = "hydra:"
MOST_GROUPS = 16  # sets of config groups of which jobs of an index may choose


def described(run: RunTexts, status: Status) -> Description:
    """The config that a job will have, given what it was told to override."""
    overrides = _parsed(status.overrides)
    if not overrides:
        return Description()
    sweep = _sweep_file(run.directory, run.root) if status.job is not None else None
    try:
        return _composed(run, sweep, overrides) if sweep else _only(run, overrides, {})
    except (OSError, ValueError) as error:  # a fault of the sweep's file, and none of this run
        if isinstance(error, OSError) and error.errno == errno.ELOOP and sweep:
            run.refused.append(fault_of(Path(sweep), error))
        return _only(run, overrides, {})


def _composed(run: RunTexts, sweep: str, overrides: Sequence[Override]) -> Description:
    """The sweep's config with a job's overrides."""
    text, whole = _texts(sweep, file_signature(sweep))
    choices = with_choices(NO_CONFIG, text, run.configs)
    parts = run.configs.cut(whole)
    settings = [part for part in parts if not part.startswith(_OF_HYDRA)]
    if len(settings) == len(parts):  # they could not be told apart
        return _only(run, overrides, choices)
    groups = _chosen_groups(overrides, choices)
    if groups and not choices:  # what has a value where there are no groups is no group
        there = run.configs.parse(settings)
        groups = {key: choice for key, choice in groups.items() if key not in there}
    if any(choices.get(key) != choice for key, choice in groups.items()):
        # A group may have the name of a key: what it is then is not what was chosen.
        there = run.configs.parse(settings)
        known = [one for one in overrides if one.key not in groups or one.key not in there]
        left = {
            group: choice
            for group, choice in choices.items()
            if group not in there and group not in groups
        }
        return _only(run, known, left)._replace(incomplete=frozenset(groups))
    values = [one for one in overrides if one.key not in groups]
    config, derived, _ = run.configs.overridden(settings, values)
    return Description(with_choices(config, text, run.configs), derived=derived)


@lru_cache(64)
def _texts(sweep: str, _: Signature | None) -> tuple[str, str]:
    """The choices in a sweep's file, and all of its text; thousands of jobs ask for them."""
    return choices_text(sweep), read_text(sweep, MAX_TEXT)


def _only(run: RunTexts, overrides: Sequence[Override], choices: Mapping[str, Any]) -> Description:
    """What a job overrides, and what it leaves chosen of the groups; nothing else is known."""
    config, derived, _ = run.configs.overridden([], [one for one in overrides if one.sign != "~"])
    known = {key: choice for key, choice in choices.items() if key not in config}
    groups = frozenset(_chosen_groups(overrides, choices))
    return Description(MappingProxyType({**known, **config}), derived=derived, incomplete=groups)


def _chosen_groups(overrides: Sequence[Override], choices: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides that choose a config of a group, or may do so, by the groups."""
    groups = {}
    for sign, key, value in overrides:
        names_one = isinstance(value, str) and value.isidentifier()
        may_add_one = names_one and (sign == "+" or not choices)
        if key in choices or "/" in key or "@" in key or may_add_one:
            groups[key] = None if sign == "~" else value
    return groups


def _sweep_file(directory: str, root: str) -> str | None:
    """The nearest file above a job's directory in which Hydra keeps the config of its sweep.

    Above the directory that somebody gave there may be files that are none of these runs'.
    """
    here = directory
    for _ in range(_DEEPEST):
        if here in (root, os.path.dirname(here)):
            break
        here = os.path.dirname(here)
        path = os.path.join(here, SWEEP_FILE)
        if os.path.isfile(path):
            return path
    return None


def with_siblings(runs: Sequence[Run]) -> list[Run]:
    """The runs, those with incomplete configs with what a sibling's tells of theirs.

    A sibling is a run of the same sweep that has chosen the same of the config groups. What it
    overrides is its own, and so is what was made of that.
    """
    if all(run.incomplete is None for run in runs):
        return list(runs)
    siblings = _Siblings(runs)
    return [run if run.incomplete is None else _completed(run, siblings) for run in runs]


class _Siblings:
    """The runs whose configs are known, to be found by their sweep and what they have chosen."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._known = [run for run in runs if run.sweep is not None and run.incomplete is None]
        self._by_groups: dict[tuple[str, ...], dict[Any, Run]] = {}

    def of(self, run: Run) -> Run | None:
        """The first of the same sweep with the same choices; None where there is none."""
        groups = tuple(sorted(run.incomplete or ()))
        if groups not in self._by_groups:
            if len(self._by_groups) == MOST_GROUPS:  # a sweep has them all in common
                return None
            self._by_groups[groups] = {
                _chosen(one, groups): one for one in reversed(self._known) if one.config
            }
        return self._by_groups[groups].get(_chosen(run, groups))


def _chosen(run: Run, groups: Sequence[str]) -> Any:
    own = {one.key: one.value for one in _overrides(run)}
    choices = [own.get(group, run.config.get(group)) for group in groups]
    return run.sweep, comparison_key(choices)


def _completed(run: Run, siblings: _Siblings) -> Run:
    sibling = siblings.of(run)
    if sibling is None:
        return run
    own = {one.key for one in _overrides(sibling)} | sibling.derived
    known = {key: value for key, value in sibling.config.items() if key not in own}
    return replace(run, config=MappingProxyType({**known, **run.config}))


def _overrides(run: Run) -> list[Override]:
    return _parsed(run.status.overrides) if run.status else []


def _parsed(texts: Sequence[str]) -> list[Override]:
    return [one for text in texts if (one := parse_override(text))]
