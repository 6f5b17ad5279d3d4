"""What a job's own process does before and after the user's code.

The order arrives on standard input; the result leaves as ``.exptools/return.pkl``. Until the
process is pinned nothing that starts threads may be imported.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from exptools.rundir import RETURN_FILE, write_atomic

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


@dataclass(frozen=True)
class Order:
    """What the parent tells the process of a job."""

    directory: str  # the run directory, absolute
    cpus: tuple[int, ...]  # empty: do not pin
    parent: int  # pid; the job must not outlive it
    argv: tuple[str, ...]
    payload: bytes  # a cloudpickled Callable[[], Result]


@dataclass(frozen=True)
class Result:
    """What the user's code gave: a value, an exception, or a value that carries an exception."""

    value: Any = None
    error: BaseException | None = None


class RemoteError(Exception):
    """Stands for an exception that cannot be sent between processes; carries its traceback."""


def main() -> None:
    """Run the job whose order stands on standard input; the exit code is 0 if it completed."""
    order: Order = pickle.load(sys.stdin.buffer)
    _end_with(order.parent)
    if order.cpus:
        os.sched_setaffinity(0, order.cpus)
    # A parent in a shell's background ignores SIGINT, which is how we ask a job to end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _prepare_streams()
    sys.argv[:] = order.argv
    result = _call(order.payload)
    write_atomic(Path(order.directory) / RETURN_FILE, _pickled(result))
    sys.exit(0 if result.error is None else 1)


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however that happens."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def _prepare_streams() -> None:
    # A job that reads the terminal from a process group of its own would stop for ever.
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # A killed process loses what its buffers hold: the log should at least have whole lines.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    faulthandler.enable()


def _call(payload: bytes) -> Result:
    import cloudpickle

    try:
        function: Callable[[], Result] = cloudpickle.loads(payload)
        result = function()
    except Exception as error:  # noqa: BLE001 (the user's code: its exception is our result)
        result = Result(error=error)
    if result.error is not None:
        traceback.print_exception(result.error)
    return result


def _pickled(result: Result) -> bytes:
    """Pickle a result; what cannot travel is replaced by an error that says so."""
    import cloudpickle
    import tblib.pickling_support

    error = result.error
    try:
        if error is not None:
            tblib.pickling_support.install(error)
            cloudpickle.loads(cloudpickle.dumps(error))  # some can be written, but not read back
    except Exception:  # noqa: BLE001 (pickling runs code of the user's classes)
        text = "".join(traceback.format_exception(error))
        error = RemoteError(f"{text}(the exception itself could not be pickled)")
    try:
        content: bytes = cloudpickle.dumps(Result(result.value, error))
    except Exception as problem:  # noqa: BLE001 (pickling runs code of the user's classes)
        error = error or RemoteError(f"the job's return value cannot be pickled: {problem}")
        traceback.print_exception(error)
        content = cloudpickle.dumps(Result(None, error))
    return content
