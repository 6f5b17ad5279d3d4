"""What a process must be like to fork jobs, and what a forked job does with what it inherits."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import io
import logging
import os
import re
import signal
import stat
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from exptools.launching.jobs.random_state import RandomState

if sys.platform != "win32":  # nothing forks there
    import fcntl

# Descriptors of these mean that the driver of a GPU was opened.
_GPU_FILES = ("/dev/nvidia", "/dev/kfd", "/dev/dri/", "/dev/accel", "/dev/dxg", "/dev/nvmap")
# Threads of libraries that see to forks themselves: jemalloc's, one of polars that only cleans, and
# that of NVIDIA's driver, which NVML and CUDA start anew in a fork. (Whoever has used CUDA has its
# files open, too.)
_FORK_PROOF = re.compile(r"jemalloc_bg_thd|polars-ooc-clea|cuda\d{8,}")
# What waits for the answers of an earlier sweep's helper: a fork can do without.
LISTENER = "exptools-listener"
# By threadpoolctl's name for a library; the others read OMP_NUM_THREADS alone.
_POOL_VARIABLES = {"openblas": "OPENBLAS_NUM_THREADS", "mkl": "MKL_NUM_THREADS"}
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGUSR1", "SIGUSR2")


def what_forbids_forks(gpu_files: Sequence[str]) -> str | None:
    """Why this process's forks could not use what it has loaded; None if they can.

    It has opened these files of GPUs, from `opened_gpu_files`, which reading the machine does, too.

    A fork has one thread only. Where a library waits for the others, it hangs: OpenMP's does at its
    first parallel region if the process has run one before. OpenBLAS, though, ends its threads
    before a fork and starts them when they are needed. So one is forked, and what threads are
    still there afterwards are those that would be missed.
    """
    if gpu_files:
        return f"{gpu_files[0]} is open, and CUDA does not survive a fork"
    threads = [t for t in threading.enumerate() if t.name != LISTENER]
    others = [t.name for t in threads if t is not threading.main_thread()]
    if not others:
        _fork_once()
        others = _native_threads()
    if others:
        others = ["of a library such as OpenMP" if n == _own_name() else n for n in others]
        what = f"{len(others)} threads run" if len(others) > 1 else "a thread runs"
        return f"{what} ({', '.join(dict.fromkeys(others))}), and threads do not survive a fork"
    return None


def flush_streams(streams: Iterable[io.IOBase]) -> None:
    """Write what open files hold in memory, those of C libraries too.

    A fork would write it again, and a process that ends without the interpreter's end never would.
    """
    for stream in (sys.stdout, sys.stderr, *streams):
        with contextlib.suppress(Exception):  # closed, on a full disk, or None
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def open_streams() -> list[io.IOBase]:
    """The open files of this process that are written, but for those that were frozen."""
    objects = gc.get_objects()
    # Text goes into the bytes below it. Subclasses are left out, for isinstance would ask objects
    # of all kinds, some of which import something or warn.
    return [
        obj
        for kind in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
        for obj in objects
        if type(obj) is kind
    ]


def reopen_files() -> None:
    """Open the files again that this fork reads: it would share its place in each with others.

    Each would read what the others leave, at once or one after the other. What is written stays
    shared, so that nobody writes over what another has written.
    """
    for name in os.listdir("/proc/self/fd"):
        # The listing's own is closed by now; what is not to be had again stays shared, too.
        with contextlib.suppress(OSError):
            _reopen(int(name))


def _reopen(descriptor: int) -> None:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    is_read_only = not flags & (os.O_WRONLY | os.O_RDWR)
    if not is_read_only or not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return
    place = os.lseek(descriptor, 0, os.SEEK_CUR)
    again = os.open(f"/proc/self/fd/{descriptor}", flags & ~os.O_NOFOLLOW)
    try:
        os.lseek(again, place, os.SEEK_SET)
        os.dup2(again, descriptor, inheritable=os.get_inheritable(descriptor))
    finally:
        os.close(again)


class Inherited:
    """What the forks of this process share with it, and how each makes that its own.

    Made once, in the process that they are forked from or in its parent.
    """

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController

        libraries = ThreadpoolController().lib_controllers  # finding them is slow
        self._libraries = [(library, library.get_num_threads()) for library in libraries]
        self._handlers = {signum: signal.getsignal(signum) for signum in _signal_numbers()}
        gc.unfreeze()
        self._streams = open_streams()
        self._random_state = RandomState(gc.get_objects())
        gc.freeze()  # the collector would touch, and so copy, every page that the forks share

    def flush(self) -> None:
        """Write what the open files hold in memory."""
        flush_streams(self._streams)

    def forget_signals(self) -> None:
        """Have signals end this process, which is not the program that has set the handlers.

        What has come for the program's process group and is blocked still was meant for that.
        """
        for signum in self._handlers:
            signal.signal(signum, signal.SIG_IGN)
            signal.signal(signum, signal.SIG_DFL)

    def before_fork(self, environment: Mapping[str, str]) -> None:
        """Make OpenBLAS's pools here what the next fork's environment says.

        Told so in a fork, it would start all its threads there, which spin for a while; those that
        it starts here end with the fork.
        """
        self._limit_pools(environment, forked=False)

    def settle(self, environment: Mapping[str, str]) -> None:
        """Begin a job in a process that was just forked: its environment has its slot's limits."""
        for signum, handler in self._handlers.items():
            if handler is not None:  # None: it was not set from Python
                signal.signal(signum, handler)
        reopen_files()
        _forget_exit_handlers(self.flush)
        self._limit_pools(environment, forked=True)
        torch, most = sys.modules.get("torch"), _thread_count(environment, "OMP_NUM_THREADS")
        if torch is not None and most is not None and torch.get_num_threads() > most:
            torch.set_num_threads(most)
        self._random_state.settle()

    def _limit_pools(self, environment: Mapping[str, str], *, forked: bool) -> None:
        """Make the thread pools no larger than the environment says.

        Libraries read it when they are loaded: now only a call changes what they do. What the
        program has made smaller stays so.
        """
        default = _thread_count(environment, "OMP_NUM_THREADS")
        for library, chosen in self._libraries:
            if (library.internal_api == "openblas") is forked:
                continue
            most = _thread_count(environment, _POOL_VARIABLES.get(library.internal_api, ""))
            wanted = min(chosen or sys.maxsize, most or default or sys.maxsize)
            if wanted < sys.maxsize and library.get_num_threads() != wanted:
                library.set_num_threads(wanted)


def _forget_exit_handlers(last: Callable[[], None]) -> None:
    """Leave to the program's own process what is to be done at its end.

    What is registered from now on is done at the end of the job, as in `multiprocessing`'s forks,
    and then what libraries of the standard library do there.
    """
    atexit._clear()
    atexit.register(last)
    atexit.register(logging.shutdown)
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    atexit.register(weakref.finalize._exitfunc)  # type: ignore[attr-defined]
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        process: Any = sys.modules["multiprocessing.process"]
        process._children.clear()
        util._finalizer_registry.clear()
        util._run_after_forkers()
        atexit.register(util._exit_function)


def quiet_fork() -> int:
    """Fork; Python 3.12 warns of other threads, of which `what_forbids_forks` knows more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _fork_once() -> None:
    pid = quiet_fork()
    if pid == 0:
        os._exit(0)
    with contextlib.suppress(ChildProcessError):  # a handler of SIGCHLD has taken its end
        os.waitpid(pid, 0)


def _native_threads() -> list[str]:
    """The names of those that Python does not know and that do not see to forks themselves."""
    names = []
    known = {thread.native_id for thread in threading.enumerate()}
    for thread in os.listdir("/proc/self/task"):
        if int(thread) not in known:
            with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/comm") as file:
                names.append(file.read().strip())
    return [name for name in names if not _FORK_PROOF.fullmatch(name)]


def _own_name() -> str:
    return Path("/proc/self/comm").read_text().strip()


def opened_gpu_files() -> list[str]:
    """The files of GPU drivers that this process has open."""
    if not os.path.isdir("/proc/self/fd"):
        return []
    opened = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself is closed by now
            opened.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [path for path in opened if path.startswith(_GPU_FILES)]


def _thread_count(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isdigit() and int(text) > 0 else None


def _signal_numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
