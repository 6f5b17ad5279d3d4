"""The guard: the process between the program and its helper, so that any of the three may die.

A process that loses its parent becomes a child of the nearest ancestor that asked for such. So what
jobs have started, in sessions of its own too, falls to the helper; to the guard, when the helper
dies, also together with the program; and with the guard the helper ends all that it has. The guard
does nothing but that, and stays as the program was at the start: another helper can be forked.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import NoReturn

from exptools.launching.jobs.family import adopt_orphans, end_family
from exptools.launching.jobs.forking import (
    Inherited,
    opened_gpu_files,
    reopen_files,
    what_forbids_forks,
)
from exptools.launching.jobs.fresh import Exit, make_exit
from exptools.launching.jobs.helper import ForkedJobs, FreshJobs, Helper
from exptools.launching.jobs.worker import Task, die_with_parent, outlive_parent


@dataclass(frozen=True)
class Hello:
    """The first message to a guard that was not forked: what all jobs have in common.

    Its answer is None when helpers may be asked for, else why jobs cannot be forked.
    """

    parent: int  # pid
    task: bytes  # a cloudpickled Task
    preload: bool  # whether to prepare the task now and fork the jobs
    argv: tuple[str, ...]


@dataclass(frozen=True)
class HelperStarted:
    """The answer to the socket of a helper that is wanted."""

    pid: int  # 0: it could not be forked


@dataclass(frozen=True)
class HelperEnded:
    """The helper has ended, and nothing that its jobs had started is left."""

    exit: Exit


def main(descriptor: int) -> None:
    """Guard the jobs of the process at the other end of a socket."""
    control = Connection(descriptor)
    hello: Hello = control.recv()
    die_with_parent(hello.parent)  # an import may take long, and nobody waits for it any more
    sys.argv[:] = hello.argv
    task, problem = _load_task(hello.task) if hello.preload else (None, None)
    control.send(problem)
    if problem is not None:
        return
    outlive_parent()
    if task is None:
        _guard(control, FreshJobs(hello.task, hello.argv))
    else:
        sys.argv[:] = hello.argv  # the program has its own again
        _guard(control, ForkedJobs(task, Inherited()))


def guard_forked(
    control: Connection, task: Task, inherited: Inherited, let_signals_through: Callable[[], None]
) -> NoReturn:
    """Be the guard in a process that was just forked from the program, with all that it has.

    The signals that it lets through are blocked since before the fork.
    """
    try:
        os.setsid()
        inherited.forget_signals()
        let_signals_through()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
        reopen_files()  # the program may read on
        _guard(control, ForkedJobs(task, inherited))
    except BaseException:  # noqa: BLE001 (it must not go on as a second program)
        traceback.print_exc()
    finally:
        os._exit(1)


def _guard(control: Connection, jobs: FreshJobs | ForkedJobs) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, no end can be waited for
    adopt_orphans()
    gc.freeze()  # the collector would touch, and so copy, every page that the forks share
    with contextlib.suppress(EOFError, OSError):  # the program is gone, or has no more jobs
        while True:
            descriptor = recv_handle(control)
            pid = _fork_helper(control, descriptor, jobs)
            control.send(HelperStarted(pid))
            if pid:
                # It ends when the program does, which need not be watched here.
                _, status = os.waitpid(pid, 0)
                end_family()
                control.send(HelperEnded(make_exit(os.waitstatus_to_exitcode(status))))
    # Not through the interpreter's end: what the task's modules registered is for the jobs.
    os._exit(0)


def _fork_helper(control: Connection, descriptor: int, jobs: FreshJobs | ForkedJobs) -> int:
    ours = os.getpid()
    connection = Connection(descriptor)
    try:
        pid = os.fork()
    except OSError:
        pid = 0
    else:
        if pid == 0:
            _become_helper(lambda: Helper(connection, jobs, guard=ours).serve(), control)
    connection.close()
    return pid


def _become_helper(serve: Callable[[], NoReturn], control: Connection) -> NoReturn:
    try:
        os.setsid()  # so that not both are meant by one process group
        control.close()
        adopt_orphans()
        serve()
    except BaseException:  # noqa: BLE001 (it must not go on as a second guard)
        traceback.print_exc()
    finally:
        os._exit(1)


def _load_task(content: bytes) -> tuple[Task | None, str | None]:
    """The task, ready to be called, or in words why jobs cannot be forked from here."""
    try:
        task: Task = pickle.loads(content)
        task.prepare()
        task.rehearse()
    except BaseException as error:  # noqa: BLE001 (the user's modules are imported here)
        traceback.print_exc()
        return None, f"running the program again raised {type(error).__name__}: {error}"
    return task, what_forbids_forks(opened_gpu_files())
