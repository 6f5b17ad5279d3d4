"""What a job's own process does before and after the user's code, however it was started."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import faulthandler
import json
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn, Protocol

from exptools.error_line import error_line
from exptools.launching.jobs.forking import flush_streams, open_streams
from exptools.launching.jobs.seal import seal
from exptools.launching.stopping import stop_was_noticed, watch_interrupts
from exptools.rundir import RETURN_FILE, write_atomic

RESULT_LOST = 74  # exit code, EX_IOERR of sysexits.h: return.pkl could not be written

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h
_CLUSTERS = ("SIGTERM", "SIGUSR2")  # what clusters send ahead of the end


@dataclass(frozen=True)
class Result:
    """What the user's code gave: a value, an exception, or both."""

    value: Any = None
    error: BaseException | None = None
    stopped: bool = False  # it returned because should_stop() said so: there is more to do
    details: Any = None  # what else the task tells of its run
    lost: str | None = None  # in words, what of the value could not be sent between processes


class Task(Protocol):
    """What a sweep's jobs have in common: pickled once, called in each job's process."""

    def prepare(self) -> None:
        """Import what all jobs need: in each fresh process, or once in the one they fork from."""

    def rehearse(self) -> None:
        """Do once, where jobs fork from, what each would do for the first time."""

    def __call__(self, argument: bytes) -> Result:
        """Run one job, which the argument (`JobSpec.argument`) describes."""


@dataclass(frozen=True)
class JobSpec:
    """What a process needs to know to run its job."""

    directory: str  # the run directory, absolute
    cpus: tuple[int, ...]  # empty: do not pin
    environment: dict[str, str]
    argument: bytes  # for the task
    key: bytes = field(repr=False)  # with which it seals its result
    ps_arguments: tuple[str, ...] = ()  # what a fresh process's command shows to ps


class RemoteError(Exception):
    """Stands for an exception that cannot be sent between processes; carries its traceback."""


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however that happens.

    The parent's death is that of the *thread* that started us: it must be one that lasts.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def outlive_parent() -> None:
    """Take back what `die_with_parent` asked for."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, 0)


def prepare_process(cpus: tuple[int, ...]) -> None:
    """Pin the process, then make its signals and streams those of a job."""
    if cpus:
        os.sched_setaffinity(0, cpus)
    _take_signals_of_clusters()
    # A parent in a shell's background ignores SIGINT, which is how we ask a job to end.
    watch_interrupts()
    # A job that reads the terminal from a process group of its own would stop for ever.
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # A killed process loses what its buffers hold: the log should at least have whole lines.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    faulthandler.enable(2)  # whatever the program has made of sys.stderr


@contextlib.contextmanager
def signals_of_clusters_held() -> Iterator[None]:
    """Keep from the processes that are started meanwhile what a cluster sends to all of ours.

    It asks the whole of an allocation to end, with signals that would end a helper at once and all
    its jobs with it. They wait for this process until the block is over.
    """
    if not hasattr(signal, "pthread_sigmask"):  # no cluster of such machines is known
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in _CLUSTERS])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _take_signals_of_clusters() -> None:
    """Let them through to this job, if they were held: it is asked to end by SIGINT besides."""
    if not hasattr(signal, "pthread_sigmask"):
        return
    held = {getattr(signal, name) for name in _CLUSTERS}
    held &= signal.pthread_sigmask(signal.SIG_BLOCK, [])
    for signum in held - {signal.SIGTERM}:
        if signal.getsignal(signum) is signal.SIG_DFL:
            signal.signal(signum, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, held)


def run_and_exit(task: Task, spec: JobSpec) -> NoReturn:
    """Run the job, write its result and end the process: 0 if it completed, 1 if it failed.

    What the user's code does to its own process (``sys.exit``, Ctrl-C) has its usual effect.
    """
    code, interrupted = 1, False
    try:
        code = _run(task, spec)
    except SystemExit as stop:
        code = _exit_code(stop)
    except KeyboardInterrupt as interrupt:
        _print_traceback(interrupt)
        interrupted = True
    finally:  # nothing may return into the process that this one was forked from
        try:
            _run_exit_handlers()
            if interrupted:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGINT)
        finally:
            os._exit(code)


def _run(task: Task, spec: JobSpec) -> int:
    try:
        result = task(spec.argument)
    except KeyboardInterrupt:
        raise
    except SystemExit as stop:
        if isinstance(stop.code, int) and stop.code != 0:
            raise  # the process's exit code says it
        result = Result(error=stop if stop.code not in (None, 0) else None)  # a text
    except BaseException as error:  # noqa: BLE001 (the user's code: its exception is our result)
        result = Result(error=error)
    if isinstance(result.error, SystemExit):
        _exit_code(result.error)
    elif result.error is not None:
        _print_traceback(result.error)
    elif stop_was_noticed():
        result = replace(result, stopped=True)
    content = seal(_pickle_result(result), spec.key)
    try:
        write_atomic(Path(spec.directory) / RETURN_FILE, content)
    except OSError as error:
        with contextlib.suppress(OSError):  # the log is on the same disk
            print(f"the job's result could not be written: {error}", file=sys.stderr)
        return RESULT_LOST
    return 0 if result.error is None else 1


def _pickle_result(result: Result) -> bytes:
    """Pickle a result, behind a line that says how the job ended; what cannot travel is words."""
    from exptools.launching.jobs.pickling import dumps, without_unsendable

    error = result.error
    try:
        if error is not None:
            import tblib.pickling_support

            tblib.pickling_support.install(error)
            pickle.loads(dumps(error))  # some can be written, but not read back
    except Exception:  # noqa: BLE001 (pickling runs code of the user's classes)
        text = "".join(traceback.format_exception(error)).rstrip()
        error = RemoteError(f"the exception could not be pickled:\n{text}")
    result = replace(result, error=error)
    try:
        content = dumps(result)
    except Exception:  # noqa: BLE001 (pickling runs code of the user's classes)
        value, parts = without_unsendable(result.value)
        lost = (
            f"{', '.join(parts)} of its return value cannot be sent between processes, and a "
            "NotSent stands there"
        )
        print(f"exptools: {lost}", file=sys.stderr)
        content = dumps(replace(result, value=value, lost=lost))
    ending = {"error": None if error is None else error_line(error), "stopped": result.stopped}
    return json.dumps(ending).encode() + b"\n" + content


def _print_traceback(error: BaseException) -> None:
    with contextlib.suppress(Exception):  # stderr may be closed, or on a full disk
        traceback.print_exception(error)


def _exit_code(stop: SystemExit) -> int:
    """The process's exit code; what is none is printed, as Python does."""
    if stop.code is None or isinstance(stop.code, int):
        return (stop.code or 0) & 0xFF  # as the kernel takes it
    with contextlib.suppress(Exception):
        print(stop.code, file=sys.stderr)
    return 1


def _run_exit_handlers() -> None:
    """Do what the interpreter does at its end, but for the slow taking apart of modules.

    As multiprocessing's forked children do, and with the same private functions.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    flush_streams(open_streams())
