"""The helper process: starts each job as its child, by a fork or in a fresh interpreter.

It never runs the user's task itself and never opens a GPU. When the program or the guard is gone,
it ends all jobs and says so in their runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NoReturn, TypeAlias

from exptools.launching.jobs.family import adopt_orphans, end_family, wake_at_parents_death
from exptools.launching.jobs.forking import Inherited
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
    prepare_process,
    run_and_exit,
)
from exptools.plain_files import open_plain
from exptools.rundir import OUTPUT_LOG, RETURN_FILE, State, update_status


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


Answer: TypeAlias = Forked | Ended  # None is the last one, to the None that closes the helper


class FreshJobs:
    """Each job runs the program again, in an interpreter of its own."""

    def __init__(self, task: bytes, argv: tuple[str, ...]) -> None:
        self._task = task
        self._argv = argv

    def before_fork(self, spec: JobSpec) -> None:
        """Nothing: the job shares nothing with this process."""

    def become(self, spec: JobSpec) -> NoReturn:
        """Be a job, in a process that was just forked for it."""
        exec_fresh(self._task, self._argv, spec)


class ForkedJobs:
    """Each job is a fork of the helper."""

    def __init__(self, task: Task, inherited: Inherited) -> None:
        self._task = task
        self._inherited = inherited

    def before_fork(self, spec: JobSpec) -> None:
        """Make ready what the job will share."""
        self._inherited.before_fork(spec.environment)

    def become(self, spec: JobSpec) -> NoReturn:
        """Be a job, in a process that was just forked for it."""
        os.environ.clear()
        os.environ.update(spec.environment)
        self._inherited.settle(spec.environment)
        prepare_process(spec.cpus)
        run_and_exit(self._task, spec)


class Helper:
    """Starts the jobs that one socket asks for, and tells how they end."""

    def __init__(self, connection: Connection, jobs: FreshJobs | ForkedJobs, guard: int) -> None:
        """``guard`` is the pid of our parent, with which we end."""
        self._connection = connection
        self._kind = jobs
        self._guard = guard
        self._jobs: dict[int, Fork] = {}  # by pid
        self._mask: set[int] = set()  # of signals, as the program has it
        self._wakeup, self._wakeup_writer = os.pipe()
        for end in (self._wakeup, self._wakeup_writer):
            os.set_blocking(end, False)

    def serve(self) -> NoReturn:
        """Do what the socket says, until its other end is closed or the guard is gone."""
        # What a job leaves behind in a session of its own becomes our child, and ends with us.
        adopt_orphans()
        signal.signal(signal.SIGCHLD, lambda signum, frame: None)
        signal.set_wakeup_fd(self._wakeup_writer, warn_on_full_buffer=False)
        # What started the program may have blocked it, or the program itself.
        self._mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        wake_at_parents_death(signal.SIGCHLD)
        died = "ran the sweep"
        with contextlib.suppress(EOFError, OSError):  # the other end is gone
            self._serve_program()
            died = "guards the jobs"
        self._end_all(f"the process that {died} died")
        # Not through the interpreter's end: what the task's modules registered is for the jobs.
        os._exit(0)

    def _serve_program(self) -> None:
        while os.getppid() == self._guard:
            # Not select(): a program with many open files has given us descriptors above 1023.
            ready = wait([self._connection, self._wakeup])
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
                self._report_ends()
            if self._connection in ready:
                fork: Fork | None = self._connection.recv()
                if fork is None:  # no job will come, and none runs
                    self._connection.send(None)
                    return
                self._fork(fork)

    def _fork(self, fork: Fork) -> None:
        ours = os.getpid()
        self._kind.before_fork(fork.spec)
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
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            self._connection.close()
            os.close(self._wakeup)
            os.close(self._wakeup_writer)
            log = open_plain(Path(spec.directory) / OUTPUT_LOG, os.O_WRONLY | os.O_APPEND)
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

    def _end_all(self, why: str) -> None:
        """Kill every job and all that they started, and write how the jobs ended."""
        for pid in self._jobs:
            signal_group(pid, signal.SIGKILL)
        kill_processes(descendants(os.getpid()))
        for pid, fork in self._jobs.items():
            _record_end(Path(fork.spec.directory), reap(pid), why)
        end_family()


def _record_end(run_dir: Path, exit_: Exit, why: str) -> None:
    completed = exit_.code == 0 and (run_dir / RETURN_FILE).exists()
    with contextlib.suppress(OSError, ValueError):  # nobody is left to tell
        update_status(
            run_dir,
            state=State.COMPLETED if completed else State.INTERRUPTED,
            ended=time.time(),
            exit_code=exit_.code,
            signal=exit_.signal,
            error=None if completed else why,
        )
