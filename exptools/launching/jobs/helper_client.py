"""Start jobs through a helper process: as its forks, or as fresh interpreters that it watches."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from exptools.launching.jobs.forking import Inherited, quiet_fork, what_forbids_forks
from exptools.launching.jobs.fresh import (
    FreshStarter,
    JobProcess,
    Starter,
    interpreter_command,
    open_log,
)
from exptools.launching.jobs.guard import Hello, guard_forked
from exptools.launching.jobs.helper_link import GuardDied, GuardLink, HelperDied
from exptools.launching.jobs.worker import JobSpec, Task

_TRIES = 2  # helpers that may die before they start a job


class CannotFork(Exception):
    """Jobs cannot be forked; the message says why."""


def fork_helper(
    task: Task,
    gpu_files: Sequence[str],
    again: Callable[[], Starter],
    note: Callable[[str], None],
    let_signals_through: Callable[[], None],
) -> HelperStarter:
    """Helpers that are forks of this process, with all that the program has made so far.

    Their jobs are their forks: the program goes on in each, nothing is imported or pickled again.

    Args:
        task: what the jobs do.
        gpu_files: the files of GPUs that the program has opened.
        again: makes what starts jobs once no such helper can be had any more.
        note: is called with what the user should know.
        let_signals_through: ends, in a fork, what keeps signals from it until it can have them.

    Raises:
        CannotFork: what the program has loaded or started would not work in a fork.
    """
    _refuse_without_fork()
    inherited = Inherited()
    inherited.flush()
    reason = what_forbids_forks(gpu_files)
    if reason is not None:
        raise CannotFork(reason)
    control, theirs = Pipe()
    with theirs:
        pid = quiet_fork()
        if pid == 0:
            control.close()
            guard_forked(theirs, task, inherited, let_signals_through)
    return HelperStarter(_link(control, pid, note), again)


def start_helper(
    task: bytes, environment: Mapping[str, str], note: Callable[[str], None], *, preload: bool
) -> HelperStarter:
    """Helpers that are forks of an interpreter of its own.

    Args:
        task: a pickled `Task`.
        environment: the helpers'. That of a job, for libraries that read it when they are loaded.
        note: is called with what the user should know.
        preload: whether that interpreter prepares the task and the jobs are forks. If not, each job
            prepares it in a fresh interpreter.

    Raises:
        CannotFork: the platform cannot fork safely, or preparing the task touched a GPU, left
            threads running, or failed.
    """
    _refuse_without_fork()

    def again() -> Starter:
        try:
            return start_helper(task, environment, note, preload=preload)
        except CannotFork as reason:
            note(f"each job starts in a fresh interpreter, for {reason}")
            return FreshStarter(task)

    control, theirs = Pipe()
    with theirs, tempfile.TemporaryFile() as output:
        guard = subprocess.Popen(
            interpreter_command("exptools.launching.jobs.guard", str(theirs.fileno())),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_helper_environment(environment),
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        try:
            control.send(Hello(os.getpid(), task, preload, tuple(sys.argv)))
            problem: str | None = control.recv()
        except (EOFError, OSError):
            guard.wait()
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines()
            words = lines[-1] if lines else f"exit code {guard.returncode}"
            problem = f"importing the program ended the process: {words}"
        if problem is not None:
            control.close()
            guard.wait()
            raise CannotFork(problem)
    guard.returncode = 0  # we wait for it ourselves
    return HelperStarter(_link(control, guard.pid, note), again)


def _link(control: Connection, pid: int, note: Callable[[str], None]) -> GuardLink:
    try:
        return GuardLink(control, pid, note)
    except (GuardDied, OSError) as error:
        raise CannotFork(f"the process that guards the jobs died at once ({error})") from error


class HelperStarter:
    """Starts each job as a child of a helper, behind which a guard stands, to end all of them.

    Should the helper die, its jobs are lost with it, and the next ones are started by another that
    the guard forks as it did the first. Should the guard die, the helper ends, too.
    """

    def __init__(self, guard: GuardLink, again: Callable[[], Starter]) -> None:
        """``again`` makes what starts the jobs once the guard is dead."""
        self._guard = guard
        self._again = again
        self._next: Starter | None = None  # what that has made
        # Nobody tells Hydra's launchers that no more jobs will come.
        self._finalizer = weakref.finalize(self, _close, os.getpid(), guard)

    def start(self, spec: JobSpec) -> JobProcess:
        """See `Starter`."""
        open_log(spec).close()  # an error is raised here, not in a fork that nobody hears
        for _ in range(_TRIES if self._next is None else 0):
            try:
                return self._guard.start(spec)
            except HelperDied:
                continue
            except GuardDied:
                self._next = self._again()
                break
        if self._next is None:
            raise OSError(f"{_TRIES} helper processes died before they could start it")
        return self._next.start(spec)

    def close(self) -> None:
        """See `Starter`."""
        self._finalizer()
        if self._next is not None:
            self._next.close()


def _close(owner: int, guard: GuardLink) -> None:
    if os.getpid() == owner:  # in a fork of ours it is not our child
        guard.close()


def _refuse_without_fork() -> None:
    if sys.platform != "linux":
        raise CannotFork(f"{sys.platform} has no fork that is safe for its libraries")


def _helper_environment(environment: Mapping[str, str]) -> dict[str, str]:
    # It starts its threads when it is imported, and threads do not survive a fork.
    return {**environment, "NUMEXPR_NUM_THREADS": "1"}
