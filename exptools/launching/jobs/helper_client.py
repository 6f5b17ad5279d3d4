"""Start jobs through a helper process: as its forks, or as fresh interpreters that it watches."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from queue import Empty, SimpleQueue
from typing import TypeAlias

from exptools.launching.jobs.fresh import (
    Exit,
    FreshStarter,
    JobProcess,
    interpreter_command,
    open_log,
    signal_group,
)
from exptools.launching.jobs.worker import JobSpec

_PATIENCE = 60.0  # seconds in which a fork should be answered


class CannotFork(Exception):
    """Jobs cannot be forked from a helper; the message says why."""


@dataclass(frozen=True)
class Hello:
    """The first message to the helper: what all its jobs have in common.

    Its answer is None when jobs may come, else why they may not.
    """

    parent: int  # pid
    task: bytes  # a cloudpickled Task
    preload: bool  # whether to import the task now and fork the jobs
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


class HelperStarter:
    """Starts each job as a child of one helper, which outlives us to end all of them.

    With ``preload`` the helper imports the task once and the jobs are its forks: a process a job
    at the price of a fork. Its environment is that of a job, for libraries that read it when they
    are loaded. Without, each job is a fresh interpreter.
    Should it die, its jobs die with it, and the next ones start in fresh interpreters.

    Raises:
        CannotFork: the platform cannot fork safely, or importing the task touched a GPU, left
            threads running, or failed.
    """

    def __init__(self, task: bytes, environment: Mapping[str, str], *, preload: bool) -> None:
        if sys.platform != "linux":
            raise CannotFork(f"{sys.platform} has no fork that is safe for its libraries")
        self._fresh = FreshStarter(task)
        self._answers: dict[int, _Answers] = defaultdict(_Answers)
        self._pids: dict[int, int] = {}  # of the jobs that run, by key
        self._started = 0
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed with us)
        self._connection, theirs = Pipe()
        with theirs:
            self._helper = subprocess.Popen(
                interpreter_command("exptools.launching.jobs.helper", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                env=_helper_environment(environment),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._shake_hands(Hello(os.getpid(), task, preload, tuple(sys.argv)))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(self, spec: JobSpec) -> JobProcess:
        """See `Starter`."""
        open_log(spec).close()  # an error is raised here, not in a fork that nobody hears
        key, self._started = self._started, self._started + 1
        answers = self._answers[key]
        try:
            self._connection.send(Fork(key, spec))
        except OSError:  # the helper is gone
            return self._fresh.start(spec)
        try:
            forked = answers.get(timeout=_PATIENCE)
        except Empty:
            raise OSError(f"the helper process {self._helper.pid} does not answer") from None
        if isinstance(forked, Ended):  # it died before it could fork
            return self._fresh.start(spec)
        if forked.error is not None:
            raise forked.error
        return HelperProcess(forked.pid, answers)

    def close(self) -> None:
        """See `Starter`."""
        with contextlib.suppress(OSError):  # it may have died
            # Closing alone would not be heard while our listener waits at the same socket.
            self._connection.send(None)
        self._helper.wait()
        self._listener.join()
        self._connection.close()
        self._output.close()

    def _shake_hands(self, hello: Hello) -> None:
        try:
            self._connection.send(hello)
            problem: str | None = self._connection.recv()
        except (EOFError, OSError):
            problem = f"importing the task ended the process: {self._last_words()}"
        if problem is not None:
            self._connection.close()
            self._helper.wait()
            self._output.close()
            raise CannotFork(problem)

    def _last_words(self) -> str:
        self._helper.wait()
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._helper.returncode}"

    def _listen(self) -> None:
        try:
            while True:
                answer: Answer = self._connection.recv()
                if isinstance(answer, Ended):
                    self._pids.pop(answer.key, None)
                elif answer.error is None:
                    self._pids[answer.key] = answer.pid
                self._answers[answer.key].put(answer)
        except (EOFError, OSError):
            # The helper is gone, and its jobs with it: the kernel kills them at its death. What
            # they started is left to us.
            for key, answers in list(self._answers.items()):
                if key in self._pids:
                    signal_group(self._pids[key], signal.SIGKILL)
                answers.put(Ended(key, Exit(None, "SIGKILL")))


class HelperProcess:
    """A job that the helper runs and waits for; see `fresh.JobProcess`."""

    def __init__(self, pid: int, answers: _Answers) -> None:
        self._pid = pid
        self._answers = answers

    @property
    def pid(self) -> int:
        """See `JobProcess`."""
        return self._pid

    def when_ended(self, tell: Callable[[Exit], None]) -> None:
        """See `JobProcess`."""
        self._answers.tell_end(tell)


class _Answers:
    """What the helper says of one job: waited for, then told on, so that no thread need wait."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Answer] = SimpleQueue()
        self._lock = threading.Lock()
        self._tell: Callable[[Exit], None] | None = None

    def put(self, answer: Answer) -> None:
        """Take an answer from the helper; in the listener's thread."""
        with self._lock:
            if self._tell is None:
                self._queue.put(answer)
            elif isinstance(answer, Ended):
                self._tell(answer.exit)

    def get(self, timeout: float) -> Answer:
        """The next answer. Raises `queue.Empty` after ``timeout`` seconds."""
        return self._queue.get(timeout=timeout)

    def tell_end(self, tell: Callable[[Exit], None]) -> None:
        """Tell how the job ends, or has ended."""
        with self._lock:
            self._tell = tell
            with contextlib.suppress(Empty):
                while True:
                    answer = self._queue.get_nowait()
                    if isinstance(answer, Ended):
                        tell(answer.exit)


def _helper_environment(environment: Mapping[str, str]) -> dict[str, str]:
    # These two start their threads when they are imported, and threads do not survive a fork;
    # a job gives them their size. The others start theirs when they are first used.
    return {**environment, "OPENBLAS_NUM_THREADS": "1", "NUMEXPR_NUM_THREADS": "1"}
