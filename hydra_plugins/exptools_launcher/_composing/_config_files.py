"""Config files, each read and parsed once a sweep."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import replace
from typing import Any, TypeAlias

from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf

from ._same_config import Frozen

_Read: TypeAlias = "dict[str, tuple[ConfigResult, Frozen]]"  # by the config's path
_SearchPath: TypeAlias = tuple[tuple[str | None, str | None], ...]  # empty: the app's own


def read_files_once(loader: ConfigLoader) -> None:
    """Have a config loader of Hydra's read each file once; another's is left as it is."""
    repository = getattr(loader, "repository", None)
    if repository is not None and not isinstance(repository, ReadOnce):
        loader.repository = ReadOnce(repository)  # type: ignore[attr-defined]


class ReadOnce:
    """Stands for Hydra's config repository and keeps each config that it read.

    Hydra copies its repository for each composition, and gives the copy another search path where
    ``hydra.searchpath`` says so. What was read is kept for each search path, and shared by the
    copies. Hydra merges what it is given into the config that it composes: it gets a copy.
    """

    def __init__(self, repository: Any) -> None:
        self._repository = repository
        self._repositories: dict[_SearchPath, Any] = {}
        self._read_on: dict[_SearchPath, _Read] = defaultdict(dict)
        self._read = self._read_on[()]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._repository, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> ReadOnce:
        return copy.copy(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return copy.copy, (self._repository,)  # a job in a fresh process needs no more

    def __copy__(self) -> ReadOnce:
        copied = object.__new__(ReadOnce)
        vars(copied).update(vars(self))
        return copied

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """See Hydra's `IConfigRepository`."""
        entries = tuple((entry.provider, entry.path) for entry in config_search_path.get_path())
        if entries not in self._repositories:
            repository = copy.deepcopy(self._repository)
            repository.initialize_sources(config_search_path)
            self._repositories[entries] = repository
        self._repository, self._read = self._repositories[entries], self._read_on[entries]

    def load_config(self, config_path: str) -> ConfigResult | None:
        """See Hydra's `IConfigRepository`."""
        read = self._read.get(config_path)
        if read is not None:
            return replace(read[0], config=_ready_to_copy(read[1]))
        result: ConfigResult | None = self._repository.load_config(config_path)
        if result is not None:
            kept = replace(result, config=OmegaConf.create())
            self._read[config_path] = kept, Frozen(result.config)
        return result


def _ready_to_copy(kept: Frozen) -> Any:
    """A copy of a config that is cheap to copy once more.

    Hydra deep-copies most configs when it puts them into their package, as they were loaded.
    """
    config = kept.thaw()
    if isinstance(config, DictConfig):
        vars(config)["__deepcopy__"] = lambda memo: kept.thaw()
    return config
