"""The config that some groups give, and jobs' values set in copies of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, ListConfig, Node, OmegaConf, open_dict

from ._same_config import Frozen

_PLAIN_KEY = re.compile(r"[\w$-]+(\.[\w$-]+)*")


class HydraKnowsBetter(Exception):
    """Only Hydra can say what an override does here, or why it is wrong; the message says why."""


class Template:
    """What Hydra composed for some groups, before any value of a job is set."""

    def __init__(self, config: DictConfig) -> None:
        """Take what Hydra composed for a job that chooses these groups and sets nothing.

        Raises:
            HydraKnowsBetter: what Hydra adds at the end depends on more than the overrides.
        """
        job = config.hydra.job
        _require(not _has_interpolation(job._get_node("env_copy")), "hydra.job.env_copy varies")
        # Hydra 1.4 leaves it to an interpolation.
        self._has_dirname = not OmegaConf.is_interpolation(job, "override_dirname")
        task = config.hydra.overrides.task
        while task:
            task.pop()
        self._config = Frozen(config)

    def fill(
        self, master: DictConfig, overrides: Sequence[Override], values: Sequence[Override]
    ) -> DictConfig:
        """The config of a job with these overrides, of which the values are to be set.

        Raises:
            HydraKnowsBetter: one of them is not plain.
            Exception: one of them cannot be set.
        """
        config: DictConfig = self._config.thaw()
        for value in values:
            _set_value(config, value)
        task, job = config.hydra.overrides.task, config.hydra.job
        for override in overrides:
            task.append(override.input_line)
        for name in job.env_copy:
            job.env_set[name] = os.environ[name]
        if self._has_dirname:
            job.override_dirname = _override_dirname(job, overrides)
        OmegaConf.copy_cache(from_config=master, to_config=config)
        return config


def _override_dirname(job: DictConfig, overrides: Sequence[Override]) -> str:
    """What Hydra 1.3 puts into ``hydra.job.override_dirname``."""
    config = job.config.override_dirname
    excluded = config.exclude_keys
    lines = sorted(str(o.input_line) for o in overrides if o.key_or_group not in excluded)
    return re.sub("[=]", config.kv_sep, config.item_sep.join(lines))


def _set_value(config: DictConfig, override: Override) -> None:
    """Do to a config what Hydra does for an override of a value."""
    key, value, kind = override.key_or_group, override.value(), override.type
    plain = override.package is None and _PLAIN_KEY.fullmatch(key)
    _require(plain, f"{key} is no plain key of a value")
    parent, last, node = _find(config, key.split("."))
    if kind is not OverrideType.CHANGE or isinstance(value, dict | list):
        _require(not _has_interpolation(node), f"{key} has interpolations")
    if kind is OverrideType.DEL:
        _delete(config, parent, last, node, override)
        return
    adds = kind in (OverrideType.ADD, OverrideType.FORCE_ADD)
    _require(adds or kind is OverrideType.CHANGE, f"{kind} came with Hydra 1.4")
    if kind is OverrideType.ADD and not isinstance(value, dict | list):
        _require(not _is_set(node), f"{key} is there already")
    OmegaConf.update(config, key, value, merge=True, force_add=adds)


def _delete(
    config: DictConfig, parent: Any, key: str, node: Node | None, override: Override
) -> None:
    _require(isinstance(parent, DictConfig) and _is_set(node), f"{key} is no entry of a dict")
    _require(override.value_type is None, f"{key} is deleted only where it has a value")
    with open_dict(config):
        del parent[key]


def _require(condition: object, otherwise: str) -> None:
    if not condition:
        raise HydraKnowsBetter(otherwise)


def _find(config: DictConfig, path: Sequence[str]) -> tuple[Any, str, Node | None]:
    """The parent of a path's last key, that key, and its node, if there is one.

    Raises:
        HydraKnowsBetter: an interpolation on the way may lead to what Hydra adds at the end.
    """
    parent: Any = None
    node: Any = config
    for key in path:
        _require(node is None or not node._is_interpolation(), "its path is interpolated")
        parent, node = node, _child(node, key)
    return parent, path[-1], node


def _child(node: Any, key: str) -> Any:
    """The node that a container has at a key; None where it has none or is no container."""
    if not isinstance(node, DictConfig | ListConfig) or not _is_set(node):
        return None
    place = int(key) if isinstance(node, ListConfig) else key
    return node._get_child(place, validate_access=False)


def _is_set(node: Node | None) -> bool:
    return node is not None and not node._is_none() and not node._is_missing()


def _has_interpolation(node: Node | None) -> bool:
    """Whether a node or one that it holds is an interpolation."""
    return node is not None and any(each._is_interpolation() for each in _nodes(node))


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    content = node._content if isinstance(node, DictConfig | ListConfig) else None
    if isinstance(content, dict | list):
        for child in content.values() if isinstance(content, dict) else content:
            yield from _nodes(child)
