"""What is loaded when it is first used, so that importing costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def lazy_attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package (PEP 562); ``homes`` maps each name to its module."""

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}; it has {sorted(homes)}"
            )
        value = getattr(importlib.import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)  # next time nobody asks us
        return value

    return load


def lazy_module(name: str) -> ModuleType:
    """Stands for a module, which is loaded when the first of its attributes is asked for."""
    return _LazyModule(name)


class _LazyModule(ModuleType):
    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self.__name__), attribute)
