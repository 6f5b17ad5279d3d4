"""Configs of jobs that choose the same config groups: composed once, then the values set."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from ._packing import pack, unpack
from ._same_config import same_config
from ._template import HydraKnowsBetter, Template

log = logging.getLogger(__name__)

_Kind: TypeAlias = tuple[Any, str, type[Any]]  # what an override does, its key, its value's type


@dataclass(frozen=True)
class _Asked:
    """A job's overrides, parsed."""

    overrides: Sequence[Override]
    groups: list[Override]  # those that choose a config group
    values: list[Override]  # the others

    @property
    def kinds(self) -> set[_Kind]:
        return {(v.type, v.key_or_group, type(v.value())) for v in self.values}


@dataclass
class _Family:
    """The jobs that choose the same groups."""

    first: tuple[_Asked, bytes] | None = None  # the first job, as Hydra composed it
    template: Template | None = None  # made at the second job
    is_plain: bool = True  # whether it could be made
    checked: set[_Kind] = field(default_factory=set)  # kinds of overrides that it gets right


class Templates:
    """Composes jobs' configs as Hydra does, in a thirtieth of its time where groups are the same.

    Hydra composes what a job's groups choose; then it sets the job's values, one after the other.
    The first part is the same for all jobs with the same groups: it is composed once, as a
    template, and each job's values are set in a copy. What is not plain goes to Hydra as a whole,
    and so does what raises, for Hydra's own words. A template is made at the second job, for where
    each job has groups of its own it would be for nothing. Each kind of override is composed by
    Hydra, too, when it is first met: after any difference no template is used.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self._loader = loader
        self._parser = OverridesParser.create()
        self._parsed: dict[str, Override] = {}
        self._known_groups: dict[str, bool] = {}  # whether a key is one
        self._families: dict[tuple[Any, ...], _Family] = {}
        self._trusted = True

    def compose(self, master: DictConfig, overrides: list[str]) -> DictConfig:
        """What Hydra's `load_sweep_config` gives; raises what it raises."""
        asked = family = None
        if self._trusted:
            with _hydra_tells_errors():
                asked = self._ask(master, overrides)
                family = self._family(master, asked)
        if asked is None or family is None or not family.is_plain:
            return self._loader.load_sweep_config(master, overrides)
        if family.template is not None and asked.kinds <= family.checked:
            with _hydra_tells_errors():
                return family.template.fill(master, asked.overrides, asked.values)
        config = self._loader.load_sweep_config(master, overrides)
        if family.template is None:
            family.first = asked, pack(config)
        else:
            self._check(family, master, asked, pack(config))
        return config

    def _ask(self, master: DictConfig, overrides: Sequence[str]) -> _Asked:
        asked = _Asked([self._parse(text) for text in overrides], [], [])
        for override in asked.overrides:
            is_group = self._chooses_group(master, override)
            (asked.groups if is_group else asked.values).append(override)
        return asked

    def _parse(self, text: str) -> Override:
        """Parse an override that can be one of a job.

        Raises:
            HydraKnowsBetter: it cannot, or it is about Hydra itself.
            OverrideParseException: it is none.
        """
        override = self._parsed.get(text)
        if override is None:
            override = self._parsed[text] = self._parser.parse_override(text)
        if override.is_sweep_override() or override.is_hydra_override():
            raise HydraKnowsBetter(f"{text} is no override of a job's own config")
        return override

    def _chooses_group(self, master: DictConfig, override: Override) -> bool:
        """As Hydra's defaults list sees it."""
        if isinstance(override.value(), dict):
            return False
        key = override.key_or_group
        if key not in self._known_groups:
            name, mine = master.hydra.job.config_name, master.hydra.overrides.hydra
            options = self._loader.get_group_options(key, None, name, list(mine))
            self._known_groups[key] = bool(options)
        return self._known_groups[key]

    def _family(self, master: DictConfig, asked: _Asked) -> _Family:
        """The job's family; its template is made when its second job is asked for."""
        texts = [str(group.input_line) for group in asked.groups]
        mine = (id(master), tuple(master.hydra.overrides.hydra), os.getcwd())
        family = self._families.setdefault((*mine, *texts), _Family())
        if family.template is None and family.first is not None and family.is_plain:
            first, packed = family.first
            family.first, family.is_plain = None, False
            family.template = Template(self._loader.load_sweep_config(master, texts))
            family.is_plain = True
            self._check(family, master, first, packed)
        return family

    def _check(self, family: _Family, master: DictConfig, asked: _Asked, packed: bytes) -> None:
        """Compare what the family's template gives with what Hydra gave, both as a job gets it."""
        assert family.template is not None
        with _hydra_tells_errors():
            filled = family.template.fill(master, asked.overrides, asked.values)
            self._trusted = same_config(unpack(pack(filled)), unpack(packed))
            family.checked |= asked.kinds


@contextlib.contextmanager
def _hydra_tells_errors() -> Iterator[None]:
    """Pass over any exception: Hydra composes the config then, and tells what is wrong with it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (it may come from code of the user's)
        log.debug("Hydra composes a config without a template, for %s", error)
