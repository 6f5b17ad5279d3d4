"""Read what a run's directory says of it: one marker and one small reader a format.

So far there is one format: a run of Hydra's (``.hydra/config.yaml``), of exptools'
(``.exptools/status.json``), or of both. What cannot be read becomes a ``Fault`` of the run; a run
is never dropped for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from exptools.rundir import HYDRA_CONFIG, STATUS_FILE, SWEEP_FILE, Status, StatusError, read_status
from exptools.viewing.configs import flatten
from exptools.viewing.runs import Fault, Run

MARKERS = (HYDRA_CONFIG, STATUS_FILE)  # having one of these files makes a directory a run

# A float as the config's author meant it. YAML 1.1, which PyYAML follows, reads 1e-3 and 1e3 as
# texts because they have no dot or no sign; to Hydra, which wrote the file, they are numbers.
_FLOAT = re.compile(
    r"""[-+]?(?:
        [0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[0-9][0-9_]*[eE][-+]?[0-9]+
        |\.(?:inf|Inf|INF)
    )$
    |\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$
    |\.(?:nan|NaN|NAN)$""",
    re.VERBOSE,
)
_PATH_TAGS = ("Path", "PosixPath", "WindowsPath")


def is_run(directory: Path) -> bool:
    """Whether a directory is a run's, in a format that we read."""
    return any((directory / marker).is_file() for marker in MARKERS)


def read_run(directory: Path, root: Path | None = None) -> Run:
    """Read a run's config and status.

    Args:
        directory: the run's directory.
        root: the directory to which the run's name is relative; by default its parent.
    """
    root = root or directory.parent
    config, config_faults = _read_config(directory / HYDRA_CONFIG)
    status, status_faults = _read_status(directory)
    return Run(
        directory=directory,
        name=directory.name if directory == root else directory.relative_to(root).as_posix(),
        sweep=_sweep(directory, root),
        config=config,
        status=status,
        state=status.observed if status else None,
        faults=config_faults + status_faults,
    )


def parse_config(text: str) -> Mapping[str, Any]:
    """A config's leaves by their dotted keys, ``${...}`` as written, numbers as Hydra has them.

    Raises:
        ValueError: the text is no YAML, or no mapping; the message says where.
    """
    try:
        config = yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no valid YAML: {_first_line(error)}") from error
    if config is not None and not isinstance(config, dict):
        raise ValueError(f"a config should be a mapping, not a {type(config).__name__}")
    try:
        return MappingProxyType(dict(flatten(config or {})))
    except RecursionError as error:
        raise ValueError("a config that contains itself cannot be read") from error


def _read_config(path: Path) -> tuple[Mapping[str, Any], tuple[Fault, ...]]:
    try:
        return parse_config(path.read_text(encoding="utf-8")), ()
    except FileNotFoundError:
        return MappingProxyType({}), ()
    except (OSError, ValueError) as error:
        mark = getattr(error.__cause__, "problem_mark", None)
        fault = Fault(path, mark.line + 1 if mark else None, str(error))
        return MappingProxyType({}), (fault,)


def _read_status(directory: Path) -> tuple[Status | None, tuple[Fault, ...]]:
    try:
        return read_status(directory), ()
    except StatusError as error:
        return None, (Fault(directory / STATUS_FILE, None, str(error)),)


def _sweep(directory: Path, root: Path) -> str | None:
    """The nearest directory above the run, up to the root, that Hydra started a sweep in."""
    for parent in directory.parents:
        if (parent / SWEEP_FILE).is_file():
            below = parent != root and parent.is_relative_to(root)
            return parent.relative_to(root).as_posix() if below else parent.name
        if root in (parent, directory):
            break
    return None


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    return str(problem).partition("\n")[0]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader with Hydra's reading of floats, dates (texts) and paths."""


def _teach_loader() -> None:
    replaced = ("tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
    _Loader.yaml_implicit_resolvers = {
        start: [(tag, pattern) for tag, pattern in resolvers if tag not in replaced]
        for start, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
    for name in _PATH_TAGS:
        tag = f"tag:yaml.org,2002:python/object/apply:pathlib.{name}"
        _Loader.add_constructor(tag, _path_text)


def _path_text(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> str:
    return "/".join(map(str, loader.construct_sequence(node))).replace("//", "/")


_teach_loader()
