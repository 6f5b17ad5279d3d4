"""The process of one job: start it in a slot, wait for its end, stop it and all its descendants."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from exptools.launching.slots import Slot
from exptools.launching.worker import Order
from exptools.rundir import OUTPUT_LOG, STATUS_WRITER

# Not "-m": with it the worker would be __main__, and be found only if this process's sys.path is
# also a new interpreter's.
_START = "import sys; sys.path[:] = {path!r}; from exptools.launching.worker import main; main()"


@dataclass(frozen=True)
class Exit:
    """How a process ended and what it used."""

    code: int | None  # None when a signal ended it
    signal: str | None  # "SIGKILL"
    max_rss: int | None = None  # bytes
    cpu_seconds: float | None = None

    def __str__(self) -> str:
        return f"killed by {self.signal}" if self.signal else f"exited with code {self.code}"


class JobProcess:
    """A job's process, in a session of its own so that signals reach it and its children alone."""

    def __init__(self, directory: Path, payload: bytes, slot: Slot) -> None:
        """Start it.

        Raises:
            OSError: the log cannot be written or the process cannot be started.
        """
        order = Order(
            directory=str(directory),
            cpus=slot.cpus,
            parent=os.getpid(),
            argv=tuple(sys.argv),
            payload=payload,
        )
        with tempfile.TemporaryFile() as stdin, open(directory / OUTPUT_LOG, "ab") as log:
            pickle.dump(order, stdin)
            stdin.seek(0)
            self._popen = subprocess.Popen(
                _command(),
                stdin=stdin,
                stdout=log,
                stderr=log,
                env=_environment(slot),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id, which is its process group's, too."""
        return self._popen.pid

    def wait(self) -> Exit:
        """Wait for its end, then kill what it left running."""
        if not hasattr(os, "waitid"):
            return _exit(self._popen.wait())
        # Not reaped yet, its pid is still its own and so is the group's.
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        self._signal_group(signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in KiB on Linux
        used = usage.ru_utime + usage.ru_stime
        return _exit(self._popen.returncode, usage.ru_maxrss * unit, used)

    def interrupt(self) -> None:
        """Ask the job to end, as Ctrl-C in its own terminal would."""
        self._signal_group(signal.SIGINT)

    def kill(self) -> None:
        """End the job and all its descendants, those in sessions of their own too."""
        descendants = self.descendants()
        self._signal_group(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        kill_processes(descendants)

    def descendants(self) -> list[psutil.Process]:
        """The processes that the job has started and that run now."""
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _signal_group(self, signum: int) -> None:
        if not hasattr(os, "killpg"):
            if self._popen.poll() is None:
                self._popen.terminate()
            return
        try:
            os.killpg(self.pid, signum)
        except (ProcessLookupError, PermissionError):
            return  # nobody of the group is left (macOS says "not permitted" then)


def kill_processes(processes: list[psutil.Process]) -> None:
    """Kill each process that still runs; psutil sees to it that a reused pid is left alone."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _command() -> list[str]:
    # The interpreter's own options (-O, -W …), as multiprocessing hands them to its children.
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *options, "-c", _START.format(path=sys.path)]


def _environment(slot: Slot) -> dict[str, str]:
    """The parent's environment with the slot's limits; a thread count set by the user wins."""
    threads_by_user = {name for name in slot.environment() if name in os.environ}
    threads_by_user.discard("CUDA_VISIBLE_DEVICES")
    ours = {key: value for key, value in slot.environment().items() if key not in threads_by_user}
    return {**os.environ, **ours, STATUS_WRITER: "scheduler"}


def _exit(returncode: int, max_rss: int | None = None, cpu_seconds: float | None = None) -> Exit:
    if returncode >= 0:
        return Exit(returncode, None, max_rss, cpu_seconds)
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return Exit(None, name, max_rss, cpu_seconds)
