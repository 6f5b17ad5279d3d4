"""The user's ``__main__`` in the jobs' processes, where another program's would be."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

import cloudpickle

_NAME = "__main__"


@dataclass(frozen=True)
class MainModule:
    """What others than the task look up in ``__main__``, to be pickled together with the task.

    Pickle refers to classes and functions by name: those of structured configs, of what the task
    saves, of the work that it gives to a pool. Multiprocessing imports the file in its children.
    Modules may have been imported for what that does: registering environments, for example.
    """

    members: dict[str, Any]
    file: str | None
    name: str | None  # its real one, under ``python -m``

    def restore(self) -> None:
        """Make this process's ``__main__`` have the same."""
        module = sys.modules[_NAME]
        for name, member in self.members.items():
            setattr(module, name, member)
        if self.file is not None:
            module.__file__ = self.file
        if self.name is not None:
            module.__spec__ = ModuleSpec(self.name, None)

    def picklable(self) -> MainModule:
        """The same without members that cannot be pickled."""
        members = {name: m for name, m in self.members.items() if _is_picklable(m)}
        return replace(self, members=members)


def read_main_module() -> MainModule:
    """This process's ``__main__``: the functions, classes and modules that have a name there."""
    module = sys.modules[_NAME]
    members = {
        name: member
        for name, member in vars(module).items()
        if isinstance(member, type | FunctionType | ModuleType)
    }
    spec = module.__spec__
    return MainModule(members, getattr(module, "__file__", None), spec.name if spec else None)


def _is_picklable(member: object) -> bool:
    try:
        cloudpickle.dumps(member)
    except Exception:  # noqa: BLE001 (pickling runs code of the user's classes)
        return False
    return True
