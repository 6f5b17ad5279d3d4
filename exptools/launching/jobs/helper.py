"""The helper process: starts each job as its child, by a fork or in a fresh interpreter.

It never runs the user's task itself and never opens a GPU. When the process that asked for it is
gone, it ends all jobs and says so in their runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn, TypeAlias

from exptools.launching.jobs.forking import Inherited, what_forbids_forks
from exptools.launching.jobs.fresh import (
    Exit,
    descendants,
    exec_fresh,
    kill_processes,
    reap,
    signal_group,
)
from exptools.launching.jobs.worker import (
    JobSpec,
    Task,
    die_with_parent,
    outlive_parent,
    prepare_process,
    run_and_exit,
)
from exptools.rundir import OUTPUT_LOG, RETURN_FILE, State, update_status

_PR_SET_CHILD_SUBREAPER = 36  # from linux/prctl.h


@dataclass(frozen=True)
class Hello:
    """The first message to a helper that was not forked: what all its jobs have in common.

    Its answer is None when jobs may come, else why they may not.
    """

    parent: int  # pid
    task: bytes  # a cloudpickled Task
    preload: bool  # whether to prepare the task now and fork the jobs
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Fork:
    """Start a job; the key names it in the answers."""

    key: int
    spec: JobSpec


@dataclass(frozen=True)
class Forked:
    """The job runs, or why it could not be started."""

    key: int
    pid: int
    error: OSError | None = None


@dataclass(frozen=True)
class Ended:
    """The job's process has ended, and how."""

    key: int
    exit: Exit


Answer: TypeAlias = Forked | Ended


def main(descriptor: int) -> None:
    """Serve the process at the other end of a socket until it closes it or dies."""
    connection = Connection(descriptor)
    hello: Hello = connection.recv()
    die_with_parent(hello.parent)  # an import may take long, and nobody waits for it any more
    sys.argv[:] = hello.argv
    task, problem = _load_task(hello.task) if hello.preload else (None, None)
    connection.send(problem)
    if problem is not None:
        return
    outlive_parent()  # to end its jobs and say so
    if task is None:
        _Helper(connection, _FreshJobs(hello.task, hello.argv)).serve()
    else:
        sys.argv[:] = hello.argv  # the program has its own again
        _Helper(connection, _ForkedJobs(task, Inherited())).serve()


def serve_forked(connection: Connection, task: Task, inherited: Inherited) -> NoReturn:
    """Be the helper in a process that was just forked from the program, with all that it has."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
        inherited.forget_signals()
        _Helper(connection, _ForkedJobs(task, inherited)).serve()
    except BaseException:  # noqa: BLE001 (it must not go on as a second program)
        traceback.print_exc()
    finally:
        os._exit(1)


class _FreshJobs:
    """Each job runs the program again, in an interpreter of its own."""

    def __init__(self, task: bytes, argv: tuple[str, ...]) -> None:
        self._task = task
        self._argv = argv

    def become(self, spec: JobSpec) -> NoReturn:
        exec_fresh(self._task, self._argv, spec)


class _ForkedJobs:
    """Each job is a fork of the helper."""

    def __init__(self, task: Task, inherited: Inherited) -> None:
        self._task = task
        self._inherited = inherited

    def become(self, spec: JobSpec) -> NoReturn:
        os.environ.clear()
        os.environ.update(spec.environment)
        self._inherited.settle(spec.environment)
        prepare_process(spec.cpus)
        run_and_exit(self._task, spec)


class _Helper:
    def __init__(self, connection: Connection, jobs: _FreshJobs | _ForkedJobs) -> None:
        # What a job leaves behind in a session of its own becomes our child, and ends with us.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        gc.freeze()  # the collector would touch, and so copy, every page that the forks share
        self._connection = connection
        self._kind = jobs
        self._jobs: dict[int, Fork] = {}  # by pid
        self._wakeup, self._wakeup_writer = os.pipe()
        for end in (self._wakeup, self._wakeup_writer):
            os.set_blocking(end, False)

    def serve(self) -> None:
        signal.signal(signal.SIGCHLD, lambda signum, frame: None)
        signal.set_wakeup_fd(self._wakeup_writer, warn_on_full_buffer=False)
        socket = self._connection.fileno()
        with contextlib.suppress(EOFError, OSError):  # the other end is gone
            while True:
                ready, _, _ = select.select([socket, self._wakeup], [], [])
                if self._wakeup in ready:
                    os.read(self._wakeup, 4096)
                    self._report_ends()
                if socket in ready:
                    fork: Fork | None = self._connection.recv()
                    if fork is None:
                        break
                    self._fork(fork)
        self._end_all()
        # Not through the interpreter's end: what the task's modules registered is for the jobs.
        os._exit(0)

    def _fork(self, fork: Fork) -> None:
        ours = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._connection.send(Forked(fork.key, 0, error))
            return
        if pid == 0:
            self._become_job(fork.spec, ours)
        self._jobs[pid] = fork
        self._connection.send(Forked(fork.key, pid))

    def _become_job(self, spec: JobSpec, parent: int) -> NoReturn:
        try:
            os.setsid()
            die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._connection.close()
            os.close(self._wakeup)
            os.close(self._wakeup_writer)
            log = os.open(Path(spec.directory) / OUTPUT_LOG, os.O_WRONLY | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
            self._kind.become(spec)
        except BaseException:  # noqa: BLE001 (a fork must not go on as a second helper)
            traceback.print_exc()
        finally:
            os._exit(1)

    def _report_ends(self) -> None:
        for pid in list(self._jobs):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
                exit_ = reap(pid)
                self._connection.send(Ended(self._jobs.pop(pid).key, exit_))
        self._reap_strays()

    def _reap_strays(self) -> None:
        """Take the ends of processes that jobs left behind and that became our children."""
        with contextlib.suppress(ChildProcessError):
            while (
                ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            ) is not None:
                if ended.si_pid in self._jobs:
                    return  # its end is reported at the next signal, which is on its way
                os.waitpid(ended.si_pid, 0)

    def _end_all(self) -> None:
        """Kill every job and all that they started, and write how the jobs ended."""
        for pid in self._jobs:
            signal_group(pid, signal.SIGKILL)
        kill_processes(descendants(os.getpid()))
        for pid, fork in self._jobs.items():
            _record_end(Path(fork.spec.directory), reap(pid))


def _load_task(content: bytes) -> tuple[Task | None, str | None]:
    """The task, ready to be called, or in words why jobs cannot be forked from here."""
    try:
        task: Task = pickle.loads(content)
        task.prepare()
        task.rehearse()
    except BaseException as error:  # noqa: BLE001 (the user's modules are imported here)
        traceback.print_exc()
        return None, f"running the program again raised {type(error).__name__}: {error}"
    return task, what_forbids_forks()


def _record_end(run_dir: Path, exit_: Exit) -> None:
    completed = exit_.code == 0 and (run_dir / RETURN_FILE).exists()
    with contextlib.suppress(OSError, ValueError):  # nobody is left to tell
        update_status(
            run_dir,
            state=State.COMPLETED if completed else State.INTERRUPTED,
            ended=time.time(),
            exit_code=exit_.code,
            signal=exit_.signal,
            error=None if completed else "the process that ran the sweep died",
        )
