"""A job's process in a fresh interpreter; and how any job's process is watched and stopped."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, NoReturn, Protocol

from exptools.launching.jobs.worker import (
    JobSpec,
    Task,
    die_with_parent,
    prepare_process,
    run_and_exit,
)
from exptools.plain_files import open_plain, refuse_other
from exptools.rundir import (
    HYDRA_CONFIG,
    HYDRA_DIR,
    HYDRA_OVERRIDES,
    HYDRA_SETTINGS,
    OUTPUT_LOG,
)

if TYPE_CHECKING:
    import psutil

# Not "-m": with it the module would be __main__, and be found only if this process's sys.path is
# also a new interpreter's.
_START = "import sys; sys.path[:] = {path!r}; from {module} import main; main({argument})"


@dataclass(frozen=True)
class Exit:
    """How a process ended and what it used."""

    code: int | None  # None when a signal ended it, or nobody knows what did
    signal: str | None  # "SIGKILL"
    max_rss: int | None = None  # bytes
    cpu_seconds: float | None = None
    lost_with: str | None = None  # what took it with it, in words; None: its end was its own

    def __str__(self) -> str:
        if self.lost_with is not None:
            return f"lost with {self.lost_with}"
        if self.signal is None and self.code is None:
            return "ended in an unknown way"
        return f"killed by {self.signal}" if self.signal else f"exited with code {self.code}"


class JobProcess(Protocol):
    """The process of a job, the leader of a session of its own."""

    @property
    def pid(self) -> int:
        """Its id, which is its process group's, too."""

    def when_ended(self, tell: Callable[[Exit], None]) -> None:
        """Tell its end, at once or later in another thread; what runs in its group is killed."""


class Starter(Protocol):
    """Starts jobs, each in a process of its own, until it is closed."""

    def start(self, spec: JobSpec) -> JobProcess:
        """Start a job.

        Raises:
            OSError: its log cannot be written or the process cannot be started.
        """

    def close(self) -> None:
        """Free what the starter holds; no job runs any more."""


class FreshStarter:
    """Starts each job in an interpreter of its own, which imports everything again."""

    def __init__(self, task: bytes) -> None:
        self._task = task  # a cloudpickled Task

    def start(self, spec: JobSpec) -> FreshProcess:
        """See `Starter`."""
        return FreshProcess(self._task, spec)

    def close(self) -> None:
        """See `Starter`; nothing is held."""


class FreshProcess:
    """See `JobProcess`."""

    def __init__(self, task: bytes, spec: JobSpec) -> None:
        with _open_input(os.getpid(), task, tuple(sys.argv), spec) as stdin, open_log(spec) as log:
            self._popen = subprocess.Popen(
                [*interpreter_command("exptools.launching.jobs.fresh"), *spec.ps_arguments],
                stdin=stdin,
                stdout=log,
                stderr=log,
                env=spec.environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """See `JobProcess`."""
        return self._popen.pid

    def when_ended(self, tell: Callable[[Exit], None]) -> None:
        """See `JobProcess`."""
        try:
            threading.Thread(target=lambda: tell(self._wait()), daemon=True).start()
        except RuntimeError:  # no more threads are allowed: end it rather than never hear of it
            signal_group(self.pid, signal.SIGKILL)
            tell(self._wait())

    def _wait(self) -> Exit:
        try:
            return self._take_end()
        except OSError:  # somebody else has taken it, for example a handler of SIGCHLD
            return Exit(None, None)

    def _take_end(self) -> Exit:
        if not hasattr(os, "waitid"):
            return make_exit(self._popen.wait())
        # Not reaped yet, its pid is still its own and so is the group's.
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        exit_ = reap(self.pid)
        self._popen.returncode = exit_.code or 0  # so that Popen does not wait for it, too
        return exit_


def exec_fresh(task: bytes, argv: tuple[str, ...], spec: JobSpec) -> NoReturn:
    """Turn this process, forked for it, into a job's fresh interpreter."""
    with _open_input(os.getppid(), task, argv, spec) as stdin:
        os.dup2(stdin.fileno(), 0)
        command = [*interpreter_command("exptools.launching.jobs.fresh"), *spec.ps_arguments]
        os.execve(command[0], command, spec.environment)


def _open_input(parent: int, task: bytes, argv: tuple[str, ...], spec: JobSpec) -> IO[bytes]:
    """What `main` reads. A file without a name, so that nobody need wait until it is read."""
    stdin = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    pickle.dump((parent, argv, spec), stdin)
    stdin.write(task)
    stdin.seek(0)
    return stdin


def main() -> None:
    """Run the job whose `JobSpec` stands on standard input: a fresh process begins here."""
    parent, argv, spec = pickle.load(sys.stdin.buffer)
    content = sys.stdin.buffer.read()
    sys.argv[:] = argv
    die_with_parent(parent)
    prepare_process(spec.cpus)  # before the task is imported, with all its thread pools
    task: Task = pickle.loads(content)
    task.prepare()
    sys.argv[:] = argv
    os.environ.clear()  # the program may change them as it is imported: it has done so before
    os.environ.update(spec.environment)
    run_and_exit(task, spec)


def interpreter_command(module: str, argument: str = "") -> list[str]:
    """The command of a new interpreter that runs a module's ``main``, with our options and path."""
    # The interpreter's own options (-O, -W …), as multiprocessing hands them to its children.
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    code = _START.format(path=sys.path, module=module, argument=argument)
    return [sys.executable, *options, "-c", code]


def open_log(spec: JobSpec) -> BinaryIO:
    """Open a job's log to append to it.

    Raises:
        OSError: it is a link, or something else that the job, or Hydra for it, would write through.
    """
    directory = Path(spec.directory)
    refuse_linked_configs(directory)
    return open(directory / OUTPUT_LOG, "ab", opener=open_plain)


def refuse_linked_configs(directory: Path) -> None:
    """Raise an OSError where Hydra would write what describes a job through a link."""
    for name in (HYDRA_DIR, HYDRA_CONFIG, HYDRA_SETTINGS, HYDRA_OVERRIDES):
        refuse_other(directory / name)


def reap(pid: int) -> Exit:
    """Take the end of a child that has ended, after killing what it left in its group."""
    signal_group(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in KiB on Linux
    used = usage.ru_utime + usage.ru_stime
    return make_exit(os.waitstatus_to_exitcode(status), usage.ru_maxrss * unit, used)


def make_exit(
    returncode: int, max_rss: int | None = None, cpu_seconds: float | None = None
) -> Exit:
    """An Exit from a return code in Python's manner: negative for a signal."""
    if returncode >= 0:
        return Exit(returncode, None, max_rss, cpu_seconds)
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return Exit(None, name, max_rss, cpu_seconds)


def signal_group(pid: int, signum: int) -> None:
    """Send a signal to a job's process group; on Windows, end the process."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(pid, signum)
        else:
            os.kill(pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        return  # nobody of the group is left (macOS says "not permitted" then)


def descendants(pid: int) -> list[psutil.Process]:
    """The processes that a job has started and that run now."""
    import psutil

    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def kill_processes(processes: list[psutil.Process]) -> None:
    """Kill each process that still runs; psutil sees to it that a reused pid is left alone."""
    import psutil

    for process in processes:
        try:
            process.kill()
        except psutil.Error:  # it is gone, or another user's (sudo)
            continue
