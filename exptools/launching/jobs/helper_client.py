"""Start jobs through a helper process: as its forks, or as fresh interpreters that it watches."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue

from exptools.launching.jobs.forking import Inherited, quiet_fork, what_forbids_forks
from exptools.launching.jobs.fresh import (
    Exit,
    FreshStarter,
    JobProcess,
    Starter,
    interpreter_command,
    open_log,
    signal_group,
)
from exptools.launching.jobs.helper import (
    Answer,
    Ended,
    Fork,
    Hello,
    serve_forked,
)
from exptools.launching.jobs.worker import JobSpec, Task

_PATIENCE = 60.0  # seconds in which a fork should be answered


class CannotFork(Exception):
    """Jobs cannot be forked; the message says why."""


def fork_helper(
    task: Task, fallback: Callable[[], Starter], close_in_child: Callable[[], None]
) -> HelperStarter:
    """A helper that is a fork of this process, with all that the program has made so far.

    Its jobs are its forks: the program goes on in each, nothing is imported or pickled again.

    Args:
        task: what the jobs do.
        fallback: makes what starts jobs once the helper is dead.
        close_in_child: closes what is this process's alone, in the helper.

    Raises:
        CannotFork: what the program has loaded or started would not work in a fork.
    """
    _refuse_without_fork()
    inherited = Inherited()
    inherited.flush()
    reason = what_forbids_forks()
    if reason is not None:
        raise CannotFork(reason)
    ours, theirs = Pipe()
    with theirs:
        pid = quiet_fork()
        if pid == 0:
            ours.close()
            close_in_child()
            serve_forked(theirs, task, inherited)
    return HelperStarter(ours, pid, fallback)


def start_helper(task: bytes, environment: Mapping[str, str], *, preload: bool) -> HelperStarter:
    """A helper in an interpreter of its own.

    Args:
        task: a pickled `Task`.
        environment: the helper's. That of a job, for libraries that read it when they are loaded.
        preload: whether the helper prepares the task and its jobs are its forks. If not, each job
            prepares it in a fresh interpreter.

    Raises:
        CannotFork: the platform cannot fork safely, or preparing the task touched a GPU, left
            threads running, or failed.
    """
    _refuse_without_fork()
    connection, theirs = Pipe()
    with theirs, tempfile.TemporaryFile() as output:
        helper = subprocess.Popen(
            interpreter_command("exptools.launching.jobs.helper", str(theirs.fileno())),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_helper_environment(environment),
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        try:
            connection.send(Hello(os.getpid(), task, preload, tuple(sys.argv)))
            problem: str | None = connection.recv()
        except (EOFError, OSError):
            helper.wait()
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines()
            words = lines[-1] if lines else f"exit code {helper.returncode}"
            problem = f"importing the program ended the process: {words}"
        if problem is not None:
            connection.close()
            helper.wait()
            raise CannotFork(problem)
    helper.returncode = 0  # we wait for it ourselves
    return HelperStarter(connection, helper.pid, lambda: FreshStarter(task))


class HelperStarter:
    """Starts each job as a child of one helper, which outlives us to end all of them.

    Should it die, its jobs die with it, and the next ones are started by the fallback.
    """

    def __init__(self, connection: Connection, pid: int, fallback: Callable[[], Starter]) -> None:
        self._connection = connection
        self._fallback = fallback
        self._fresh: Starter | None = None  # the fallback's, once it is needed
        self._answers: dict[int, _Answers] = defaultdict(_Answers)
        self._pids: dict[int, int] = {}  # of the jobs that run, by key
        self._started = 0
        self._pid = pid
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        # Nobody tells Hydra's launchers that no more jobs will come.
        self._finalizer = weakref.finalize(self, _close, os.getpid(), connection, pid)

    def start(self, spec: JobSpec) -> JobProcess:
        """See `Starter`."""
        open_log(spec).close()  # an error is raised here, not in a fork that nobody hears
        key, self._started = self._started, self._started + 1
        answers = self._answers[key]
        try:
            self._connection.send(Fork(key, spec))
        except OSError:  # the helper is gone
            return self._start_without_helper(spec)
        try:
            forked = answers.get(timeout=_PATIENCE)
        except Empty:
            raise OSError(f"the helper process {self._pid} does not answer") from None
        if isinstance(forked, Ended):  # it died before it could fork
            return self._start_without_helper(spec)
        if forked.error is not None:
            raise forked.error
        return HelperProcess(forked.pid, answers)

    def close(self) -> None:
        """See `Starter`."""
        self._finalizer()
        self._listener.join()

    def _start_without_helper(self, spec: JobSpec) -> JobProcess:
        if self._fresh is None:
            self._fresh = self._fallback()
        return self._fresh.start(spec)

    def _listen(self) -> None:
        try:
            while True:
                answer: Answer = self._connection.recv()
                answers = self._answers[answer.key]
                if isinstance(answer, Ended):
                    self._pids.pop(answer.key, None)
                    del self._answers[answer.key]
                elif answer.error is None:
                    self._pids[answer.key] = answer.pid
                answers.put(answer)
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


def _close(owner: int, connection: Connection, pid: int) -> None:
    """Have the helper end, and wait until it has; in a fork of ours it is not our child."""
    if os.getpid() != owner:
        return
    with contextlib.suppress(OSError):  # it may have died
        # Closing alone would not be heard while our listener waits at the same socket.
        connection.send(None)
    with contextlib.suppress(ChildProcessError):  # a handler of SIGCHLD has taken its end
        os.waitpid(pid, 0)
    connection.close()


def _refuse_without_fork() -> None:
    if sys.platform != "linux":
        raise CannotFork(f"{sys.platform} has no fork that is safe for its libraries")


def _helper_environment(environment: Mapping[str, str]) -> dict[str, str]:
    # It starts its threads when it is imported, and threads do not survive a fork.
    return {**environment, "NUMEXPR_NUM_THREADS": "1"}
