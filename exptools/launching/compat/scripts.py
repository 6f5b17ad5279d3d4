"""A script as rlpyt has them: ``python SCRIPT <slot_affinity_code> <log_dir> <run_id> *args``."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pickle
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from exptools.launching.affinity.codes import prepend_run_slot
from exptools.launching.jobs.program import run_script
from exptools.launching.jobs.worker import Result
from exptools.launching.machine.slots import current_slot

ENTRIES = ("main", "build_and_train")
CLUSTER = "cluster"  # an affinity code: all that a cluster's manager has given


class ScriptError(ValueError):
    """The script cannot be called as `run_experiments` does; the message says why."""


@dataclass(frozen=True)
class ScriptRun:
    """What makes the command line of one run of the script."""

    affinity_code: str  # without a slot: that is known when the run starts
    log_dir: str
    run_id: int
    args: tuple[str, ...] = ()

    def arguments(self, slot: int) -> list[str]:
        """The script's arguments, when it runs in a slot."""
        code = self.affinity_code
        if code != CLUSTER:  # there a run has all that its process may use
            code = prepend_run_slot(slot, code)
        return [code, self.log_dir, str(self.run_id), *self.args]


@dataclass(frozen=True)
class ScriptTask:
    """The script as a task of the scheduler: called in an interpreter of its own."""

    script: str

    def prepare(self) -> None:
        """See `worker.Task`: a script is not imported beforehand, for all of it is its run."""

    def rehearse(self) -> None:
        """See `worker.Task`; jobs are never forked from it."""

    def __call__(self, argument: bytes) -> Result:
        """Run the script as ``__main__``; the argument is a pickled `ScriptRun`."""
        run: ScriptRun = pickle.loads(argument)
        slot = current_slot()
        sys.argv[:] = [self.script, *run.arguments(slot.index if slot is not None else 0)]
        with _exit_0_is_the_end():
            path = Path(self.script).absolute()
            sys.path.insert(0, str(path.parent))
            run_script(path)
        return Result()


def call_entry(script: str, arguments: Sequence[str]) -> None:
    """Import the script into this process, as a debugger needs it, and call its entry.

    Raises:
        ScriptError: it has no function called main or build_and_train.
        Exception: what the script raises.
    """
    path = Path(script).absolute()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _as_script(script, arguments, module):
        spec.loader.exec_module(module)
        entry = next((getattr(module, name) for name in ENTRIES if hasattr(module, name)), None)
        if entry is None:
            raise ScriptError(
                f"{script} has no function {' or '.join(ENTRIES)}: debug_mode calls it"
            )
        with _exit_0_is_the_end():
            entry(*arguments)


@contextlib.contextmanager
def _exit_0_is_the_end() -> Iterator[None]:
    """Take ``sys.exit(0)`` for what it is in a script: its end."""
    try:
        yield
    except SystemExit as stop:
        if stop.code not in (None, 0):
            raise


@contextlib.contextmanager
def _as_script(script: str, arguments: Sequence[str], module: ModuleType) -> Iterator[None]:
    """The script's arguments and path, and its module where pickle and dataclasses look for it."""
    name = module.__name__
    argv, path, before = list(sys.argv), list(sys.path), sys.modules.get(name)
    sys.argv[:] = [script, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    sys.modules[name] = module
    try:
        yield
    finally:
        sys.argv[:], sys.path[:] = argv, path
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
