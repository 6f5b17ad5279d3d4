"""A third of what Hydra 1.3 takes to compose a config, saved where it is for nothing.

For each config of a defaults list it makes a config of all choices so far, from which it resolves
entries such as ``model_${data}``. Most lists have no such entry, and most configs have no list.
Hydra 1.4 has no such function; neither has it a public place to ask for this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from hydra._internal import defaults_list as hydras
from hydra.core.default_element import ConfigDefault, GroupDefault, InputDefault

_NAME = "_create_interpolation_map"


@contextlib.contextmanager
def quick_defaults_lists() -> Iterator[None]:
    """In the block Hydra makes that config only for lists with an entry that needs it."""
    original = getattr(hydras, _NAME, None)
    if original is None:
        yield
        return

    def make(overrides: Any, defaults: Sequence[InputDefault], self_added: bool) -> Any:  # noqa: FBT001 (theirs)
        is_needed = any(map(_may_interpolate, defaults))
        return original(overrides, defaults, self_added) if is_needed else None

    setattr(hydras, _NAME, make)
    try:
        yield
    finally:
        setattr(hydras, _NAME, original)


def _may_interpolate(default: InputDefault) -> bool:
    if isinstance(default, ConfigDefault):
        return "${" in (default.path or "")
    return not isinstance(default, GroupDefault) or "${" in str(default.value)
