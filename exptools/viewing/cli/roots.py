"""The directories that a command looks at. Standard library only: commands start with this."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exptools.viewing.configs.secrets import Secrets
from exptools.viewing.errors import UsageError
from exptools.viewing.wording import hydras_directories, no_directory, nothing_of_hydras

SHOW_SECRETS = "show values of keys such as api_key and password, which are hidden else"


def chosen_roots(given: Sequence[Path]) -> list[Path]:
    """The directories that were given, or those into which Hydra writes."""
    for root in given:
        _check_root(root)
    roots = given or hydras_directories()
    if not roots:
        raise UsageError(nothing_of_hydras())
    return list(roots)


def listed(roots: Sequence[Path], joint: str = " and ") -> str:
    """Directories as a sentence names them."""
    return joint.join(f"{root}/" for root in roots)


def missing_package(error: ModuleNotFoundError) -> str:
    """What to say where a package of the extra is missing; if it is one of ours, raise."""
    package = (error.name or "").partition(".")[0]
    if package == "exptools":
        raise error
    return f"needs {package}, which is not installed: pip install 'hydra-exptools[dash]'"


def _check_root(root: Path) -> None:
    if root.is_dir():
        return
    if root.exists():
        raise UsageError(f"{root} is a file; give the directory that has the runs in it")
    raise UsageError(no_directory(root, Secrets().name))
