"""The helper process: imports the task once, then forks each job from its only thread.

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
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from exptools.launching.jobs.fresh import (
    Exit,
    descendants,
    exec_fresh,
    kill_processes,
    reap,
    signal_group,
)
from exptools.launching.jobs.helper_client import Ended, Fork, Forked, Hello
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
# By threadpoolctl's name for a library; the others read OMP_NUM_THREADS alone.
_POOL_VARIABLES = {"openblas": "OPENBLAS_NUM_THREADS", "mkl": "MKL_NUM_THREADS"}


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
    # What a job leaves behind in a session of its own becomes our child, and ends with us.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    gc.freeze()  # the collector would touch, and so copy, every page that the forks share
    _Helper(connection, hello, task).serve()


class _Helper:
    def __init__(self, connection: Connection, hello: Hello, task: Task | None) -> None:
        self._connection = connection
        self._hello = hello
        self._task = task  # None: each job imports it in an interpreter of its own
        self._pools = _ThreadPools() if task is not None else None
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
            if self._task is None or self._pools is None:
                exec_fresh(self._hello.task, self._hello.argv, spec)
            os.environ.clear()
            os.environ.update(spec.environment)
            prepare_process(spec.cpus)
            self._pools.limit(spec.environment)
            _reseed()
            run_and_exit(self._task, spec)
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


class _ThreadPools:
    """The thread pools of the libraries that are loaded at this moment; finding them is slow.

    Libraries read their environment variables when they are loaded: in a process forked from one
    that has them, only a call changes what they do.
    """

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController

        self._libraries = ThreadpoolController().lib_controllers

    def limit(self, environment: Mapping[str, str]) -> None:
        """Make the pools as large as these environment variables say."""
        default = _thread_count(environment, "OMP_NUM_THREADS")
        for library in self._libraries:
            own = _thread_count(environment, _POOL_VARIABLES.get(library.internal_api, ""))
            threads = own or default
            if threads is not None:
                library.set_num_threads(threads)
        torch = sys.modules.get("torch")
        if torch is not None and default is not None:
            torch.set_num_threads(default)


def _load_task(content: bytes) -> tuple[Task | None, str | None]:
    """The task, ready to be called, or in words why jobs cannot be forked from here."""
    try:
        task: Task = pickle.loads(content)
        task.prepare()
    except BaseException as error:  # noqa: BLE001 (the user's modules are imported here)
        traceback.print_exc()
        return None, f"importing the task raised {type(error).__name__}: {error}"
    opened = _opened_gpu_files()
    if opened:
        return task, f"importing the task opened {opened[0]}, and CUDA does not survive a fork"
    threads = len(os.listdir("/proc/self/task")) - 1
    if threads:
        return task, f"importing the task left {threads} threads, which do not survive a fork"
    return task, None


def _opened_gpu_files() -> list[str]:
    opened = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself is closed by now
            opened.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [path for path in opened if path.startswith("/dev/nvidia")]


def _thread_count(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isdigit() and int(text) > 0 else None


def _reseed() -> None:
    """Give global generators a state of their own; Python's does so by itself at a fork."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    # Those of GPUs are made, each with a seed of its own, when a job opens its GPU.
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.default_generator.seed()


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
