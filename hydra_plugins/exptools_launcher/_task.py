"""A Hydra job in its own process: a fork of the program, or the program run again."""

from __future__ import annotations

import contextlib
import functools
import importlib
import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hydra.main  # noqa: F401 (for its place in sys.modules)
from hydra.core.singleton import Singleton
from hydra.core.utils import JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from omegaconf.basecontainer import BaseContainer

from exptools.gc_pause import collector_paused
from exptools.launching.jobs.pickling import dumps, find_wrapped
from exptools.launching.jobs.program import Program, this_program
from exptools.launching.jobs.worker import Result

from ._packing import unpack
from ._rehearsal import rehearse


@dataclass(frozen=True)
class HydraTask:
    """What the jobs of a sweep share."""

    context: HydraContext
    task_function: TaskFunction

    def prepare(self) -> None:
        """See `Task`; this process is the program itself."""
        setup_globals()

    def rehearse(self) -> None:
        """See `Task`."""
        rehearse()

    def __call__(self, argument: bytes) -> Result:
        """Run one job, as Hydra's basic launcher would; the argument is its packed config."""
        with collector_paused() as resume_collector:

            @functools.wraps(self.task_function)
            def task_function(config: DictConfig) -> Any:
                resume_collector()
                try:
                    return self.task_function(config)
                except SystemExit as stop:
                    if stop.code not in (None, 0):
                        raise
                    return None  # it was done

            config = unpack(argument)
            try:
                job_return = run_job(
                    hydra_context=self.context,
                    task_function=task_function,
                    config=config,
                    job_dir_key="hydra.runtime.output_dir",  # as it was composed
                    job_subdir_key=None,
                )
            except BaseException as escaped:
                # Hydra 1.4 hangs its whole JobReturn on what escapes; pickled, that takes a minute.
                escaped.__dict__.pop("_hydra_job_return_handoff", None)
                raise
        _close_logger()
        error = value = None
        if job_return.status is JobStatus.FAILED:
            error = job_return._return_value
            _leave_out(task_function, error)
        else:
            value = job_return._return_value
        return Result(value, error, details=Returned(job_return.working_dir, job_return.task_name))


@dataclass(frozen=True)
class Returned:
    """The parts of a JobReturn that the parent does not know; the whole would be 90 kB."""

    working_dir: str | None
    task_name: str | None


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
        state = Singleton.get_state()
        self._resolvers = {
            name: content
            for name, resolver in state.pop("omegaconf_resolvers").items()
            if (content := _try_dumps(resolver, main_by_name=by_name)) is not None
        }
        function = None if self._name else task_function
        self._content = dumps((context, function, state), main_by_name=by_name)
        self._task: HydraTask | None = None

    def prepare(self) -> None:
        """Have the program's modules, names and settings here, and Hydra's state of there."""
        task_function = None
        if self._program is not None:
            task_function = _run_again(self._program, self._name)
        # What the program has registered while it ran again is its own; the rest comes from there.
        setup_globals()
        registered = dict(BaseContainer._resolvers)
        context, by_value, state = pickle.loads(self._content)
        Singleton.set_state({**state, "omegaconf_resolvers": {}})
        for name, content in self._resolvers.items():
            if name not in registered:
                registered[name] = pickle.loads(content)
        BaseContainer._resolvers = registered
        self._task = HydraTask(context, by_value if task_function is None else task_function)

    def rehearse(self) -> None:
        """See `Task`."""
        rehearse()

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


def _run_again(program: Program, name: _Name | None) -> TaskFunction | None:
    """Run the program up to its sweep, and find the task in it.

    What stands under its guard is run only if the task does, too.

    Raises:
        ImportError: the task is not there.
    """
    with _sweeps_refused():
        program.run(Reached, guard=False)
        if name is None:
            return None
        task_function = _find(name)
        if task_function is None:
            program.run(Reached, guard=True)
            task_function = _find(name)
    if task_function is None:
        raise ImportError(f"{program.path} has no {name.path} when it is run again")
    return task_function


def _find(name: _Name) -> TaskFunction | None:
    importlib.import_module(name.module)
    for depth, member in enumerate(find_wrapped(name.module, name.path)):
        if depth == name.depth:
            found: TaskFunction = member
            return found
    return None


@contextlib.contextmanager
def _sweeps_refused() -> Iterator[None]:
    """Stop the program where it would read its command line, if its call is not guarded."""

    def refuse(*arguments: Any) -> Any:
        raise Reached

    module: Any = sys.modules["hydra.main"]  # the attribute of that name is the decorator
    before = module.get_args_parser
    module.get_args_parser = refuse
    try:
        yield
    finally:
        module.get_args_parser = before


def _leave_out(function: Any, error: BaseException) -> None:
    """Take a wrapper of ours out of a traceback, which shows the user's program."""
    above = error.__traceback__
    while above is not None and above.tb_next is not None:
        if above.tb_next.tb_frame.f_code is function.__code__:
            above.tb_next = above.tb_next.tb_next
            return
        above = above.tb_next


def _try_dumps(resolver: Any, *, main_by_name: bool) -> bytes | None:
    """Pickle a resolver; None if it cannot be, as where it uses what cannot travel.

    If the program registers it while it is imported, the job has it all the same.
    """
    try:
        return dumps(resolver, main_by_name=main_by_name)
    except Exception:  # noqa: BLE001 (pickling runs code of the user's objects)
        return None


def _close_logger() -> None:
    """End a run that the logger opened by itself, so that a row that is lost fails the job."""
    module = sys.modules.get("exptools.logging.run_logger")
    if module is not None:
        module.logger.close()
