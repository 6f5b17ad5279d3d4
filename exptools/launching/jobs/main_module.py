"""The user's ``__main__`` in the jobs' processes, where another program's would be."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec
from types import CodeType, FunctionType, ModuleType
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


def dumps(task: object) -> bytes:
    """Pickle a task, with the functions of ``__main__`` that it needs, for another process."""
    content = io.BytesIO()
    _Pickler(content).dump(task)
    return content.getvalue()


def _reduce_code(code: CodeType) -> tuple[Any, ...]:
    _, arguments = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return _make_code, (code.co_filename, *arguments)


def _make_code(file: str, *arguments: Any) -> CodeType:
    return CodeType(*arguments).replace(co_filename=file)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Cloudpickle's, with functions that know their file.

    Since 3.1.3 it takes the file's name out of what it pickles by value, and a traceback would show
    no line of the user's program.
    """

    dispatch_table = cloudpickle.Pickler.dispatch_table.new_child({CodeType: _reduce_code})


def _is_picklable(member: object) -> bool:
    try:
        cloudpickle.dumps(member)
    except Exception:  # noqa: BLE001 (pickling runs code of the user's classes)
        return False
    return True
