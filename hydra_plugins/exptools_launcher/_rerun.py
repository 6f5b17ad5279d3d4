"""A Hydra job in an interpreter of its own, which runs the program again up to its sweep."""

from __future__ import annotations

import contextlib
import importlib
import pickle
import sys
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import hydra.main  # noqa: F401 (for its place in sys.modules)
from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf.basecontainer import BaseContainer

from exptools.launching.jobs.pickling import dumps, find_wrapped
from exptools.launching.jobs.program import Program, this_program
from exptools.launching.jobs.worker import Result

from ._rehearsal import rehearse
from ._task import HydraTask


class Reached(BaseException):
    """The program wants to start its sweep, in a process that has it for the sake of a job."""


class RerunTask:
    """The task in a process that has not run the program yet: it does so, up to its sweep."""

    def __init__(self, context: HydraContext, task_function: TaskFunction) -> None:
        """Pickle what both have in common.

        Raises what pickling raises, which runs code of the user's objects.
        """
        self._program = this_program()
        by_name = self._program is not None
        self._name = _name_of(task_function) if by_name else None
        if _try_dumps(context.callbacks, main_by_name=by_name) is None:
            context = copy(context)
            context.callbacks = None  # type: ignore[assignment]
        state = Singleton.get_state()
        self._resolvers = {
            name: _try_dumps(resolver, main_by_name=by_name)
            for name, resolver in state.pop("omegaconf_resolvers").items()
        }
        self._travels = self._name is None
        try:
            function = task_function if self._travels else None
            self._content = dumps((context, function, state), main_by_name=by_name)
        except Exception:  # what a task closes over is the program's to make again
            if self._program is None or not self._travels:
                raise
            self._travels = False
            self._content = dumps((context, None, state), main_by_name=by_name)
        self._task: HydraTask | None = None

    def prepare(self) -> None:
        """Have the program's modules, names and settings here, and Hydra's state of there."""
        task_function = None
        if self._program is not None:
            task_function = self._run_again(self._program)
        # What the program has registered while it ran again is its own; the rest comes from there.
        setup_globals()
        registered = dict(BaseContainer._resolvers)
        context, by_value, state = pickle.loads(self._content)
        Singleton.set_state({**state, "omegaconf_resolvers": {}})
        for name, content in self._resolvers.items():
            if name not in registered and content is not None:
                registered[name] = pickle.loads(content)
        BaseContainer._resolvers = registered
        self._task = HydraTask(context, by_value if task_function is None else task_function)

    def rehearse(self) -> None:
        """See `Task`."""
        rehearse()

    def _run_again(self, program: Program) -> TaskFunction | None:
        """Run the program up to its sweep, and find the task in it, unless that was sent.

        What stands under its guard is run only if something is not there without.

        Raises:
            ImportError: the task is not there.
        """
        resolvers = dict(BaseContainer._resolvers)
        with _sweeps_refused() as refused:
            _run(program, refused, guard=False)
            task_function = None if self._travels else _find(self._name, refused)
            if not self._has_all(task_function):
                BaseContainer._resolvers = resolvers  # registering one twice is an error
                _run(program, refused, guard=True)
                task_function = None if self._travels else _find(self._name, refused)
        if task_function is None and not self._travels:
            missing = self._name.path if self._name else "sweep"
            raise ImportError(f"{program.path} has no {missing} when it is run again")
        return task_function

    def _has_all(self, task_function: TaskFunction | None) -> bool:
        unsent = {name for name, content in self._resolvers.items() if content is None}
        is_found = self._travels or task_function is not None
        return is_found and unsent <= BaseContainer._resolvers.keys()

    def __call__(self, argument: bytes) -> Result:
        """See `HydraTask`."""
        assert self._task is not None, "prepare() comes first"
        return self._task(argument)


@dataclass(frozen=True)
class _Name:
    """Where a function is found: decorators hide it behind their own."""

    module: str
    path: str  # in the module
    depth: int  # how many wrappers are around it


def _name_of(task_function: TaskFunction) -> _Name | None:
    module = getattr(task_function, "__module__", None)
    path = getattr(task_function, "__qualname__", None)
    if isinstance(module, str) and isinstance(path, str):
        for depth, member in enumerate(find_wrapped(module, path)):
            if member is task_function:
                return _Name(module, path, depth)
    return None


def _run(program: Program, refused: Sequence[TaskFunction], *, guard: bool) -> None:
    """Run the program up to its sweep; what it makes of the refusal is not the job's concern."""
    try:
        program.run(Reached, guard=guard)
    except BaseException:
        if not refused:
            raise


def _find(name: _Name | None, refused: Sequence[TaskFunction]) -> TaskFunction | None:
    """The task by its name, or where it has none, the one that the program called for its sweep."""
    if name is None:
        return refused[-1] if refused else None
    importlib.import_module(name.module)
    for depth, member in enumerate(find_wrapped(name.module, name.path)):
        if depth == name.depth:
            found: TaskFunction = member
            return found
    return None


@contextlib.contextmanager
def _sweeps_refused() -> Iterator[list[TaskFunction]]:
    """Stop the program where it would read its command line for a task; yields those tasks."""
    refused: list[TaskFunction] = []

    def refuse(*arguments: Any) -> Any:
        refused.append(sys._getframe(1).f_locals["task_function"])
        raise Reached

    module: Any = sys.modules["hydra.main"]  # the attribute of that name is the decorator
    before = module.get_args_parser
    module.get_args_parser = refuse
    try:
        yield refused
    finally:
        module.get_args_parser = before


def _try_dumps(part: Any, *, main_by_name: bool) -> bytes | None:
    """Pickle a resolver or callbacks; None if that fails, as where they use what cannot travel.

    What the program registers while it is imported, the job has all the same.
    """
    try:
        return dumps(part, main_by_name=main_by_name)
    except Exception:  # noqa: BLE001 (pickling runs code of the user's objects)
        return None
