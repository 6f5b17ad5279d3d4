"""The user's program in another process: run again, up to the task, as ``__main__``."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import os
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

_MAIN = "__main__"


@dataclass(frozen=True)
class Program:
    """The script or module that a process runs, as the interpreter was given it."""

    path: str  # of its source file, absolute
    module: str | None  # its real name, under ``python -m``
    arguments: tuple[str, ...]  # of its command, its own name included
    directory: str  # where it was started

    def run(self, stop: type[BaseException], *, guard: bool) -> None:
        """Run it in this process, as ``__main__``, until its end or until it raises ``stop``.

        Args:
            stop: what is raised where the program must not go on.
            guard: whether ``__name__ == "__main__"`` is true in it. If not, what stands under it is
                left out, as in the children of `multiprocessing`, while the names of its loggers
                and classes are those that they have in the program.

        Raises what the program raises.
        """
        here = os.getcwd()
        sys.argv[:] = self.arguments
        os.chdir(self.directory)
        try:
            if self.module is None:
                run_script(Path(self.path), guard=guard)
            else:
                _run_module(self.module, guard=guard)
        except stop:
            pass
        finally:
            os.chdir(here)


def this_program() -> Program | None:
    """The program of this process; None where it has no file: ``python -c``, a notebook."""
    main = sys.modules[_MAIN]
    path, spec = getattr(main, "__file__", None), main.__spec__
    if path is None or not os.path.isfile(path):
        return None
    module = spec.name if spec is not None and spec.name != _MAIN else None
    return Program(os.path.abspath(path), module, _arguments(module), _directory(path, module))


def run_script(path: Path, *, guard: bool = True) -> None:
    """Do what the interpreter does when it is given a script."""
    module = ModuleType(_MAIN)
    module.__loader__ = SourceFileLoader(_MAIN, str(path))
    _run_as_main(module, path.read_bytes(), str(path), guard=guard)


def _run_module(name: str, *, guard: bool) -> None:
    """Do what the interpreter does when it is given ``-m``."""
    spec = importlib.util.find_spec(name)
    loader: Any = spec.loader if spec is not None else None
    source: str | None = loader.get_source(name) if loader is not None else None
    if spec is None or spec.origin is None or source is None:
        raise ImportError(f"there is no source of {name}")
    module = ModuleType(_MAIN)
    module.__spec__, module.__loader__, module.__package__ = spec, loader, spec.parent
    _run_as_main(module, source, spec.origin, guard=guard)


def _run_as_main(module: ModuleType, source: str | bytes, path: str, *, guard: bool) -> None:
    module.__file__ = path
    cached = None if module.__spec__ is None else module.__spec__.cached
    vars(module).update(__builtins__=builtins, __cached__=cached)
    sys.modules[_MAIN] = module
    exec(_compile(source, path, guard=guard), vars(module))


def _compile(source: str | bytes, path: str, *, guard: bool) -> CodeType:
    tree = ast.parse(source, path)
    if not guard:
        tree = ast.fix_missing_locations(_GuardIsFalse().visit(tree))
    code: CodeType = compile(tree, path, "exec", dont_inherit=True)
    return code


class _GuardIsFalse(ast.NodeTransformer):
    """Makes ``__name__ == "__main__"`` false and leaves all else, line numbers too, as it is."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        sides = (node.left, *node.comparators)
        is_guard = (
            len(sides) == 2
            and isinstance(node.ops[0], ast.Eq)
            and any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
            and any(isinstance(side, ast.Constant) and side.value == _MAIN for side in sides)
        )
        return ast.copy_location(ast.Constant(value=False), node) if is_guard else node


def _arguments(module: str | None) -> tuple[str, ...]:
    """The command's arguments as they were: a program that changes them will do so again."""
    for index, argument in enumerate(sys.orig_argv):
        if index and argument in (sys.argv[0], module, module and module.removesuffix(".__main__")):
            return (sys.argv[0], *sys.orig_argv[index + 1 :])
    return tuple(sys.argv)


def _directory(path: str, module: str | None) -> str:
    """Where the program was started: it may have changed its directory, and will do so again."""
    if module is None:
        for argument in sys.orig_argv[1:]:
            # The interpreter makes a script's path absolute by putting its directory before it.
            if not os.path.isabs(argument) and path.endswith(os.sep + argument):
                return path.removesuffix(os.sep + argument) or os.sep
    elif os.getcwd() not in sys.path and not getattr(sys.flags, "safe_path", False):
        return os.path.abspath(sys.path[0])  # what -m puts there
    return os.getcwd()
