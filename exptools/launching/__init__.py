"""Launch: jobs on their own CPU cores and GPUs, each in its own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exptools.launching.slots import current_slot

__all__ = ["current_slot"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}")
    from exptools.launching import slots

    value = globals()[name] = getattr(slots, name)
    return value
