"""The program's ends of the sockets to its guard and to the helpers that the guard forks."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from queue import Empty, SimpleQueue

from exptools.launching.jobs.family import end_strangers
from exptools.launching.jobs.forking import LISTENER
from exptools.launching.jobs.fresh import Exit, signal_group
from exptools.launching.jobs.guard import HelperEnded, HelperStarted
from exptools.launching.jobs.helper import Answer, Ended, Fork
from exptools.launching.jobs.worker import JobSpec
from exptools.locks import at_fork_in_child

_PATIENCE = 60.0  # seconds in which a fork should be answered
_LAST_WAIT = 10.0  # seconds in which all that a dead helper's jobs had started should be gone


class HelperDied(Exception):
    """The helper died before it could start a job: another may be asked."""


class GuardDied(Exception):
    """The guard is dead: no helper can be had from it."""


class GuardLink:
    """A guard, and the helper that it has forked last."""

    def __init__(self, control: Connection, pid: int, note: Callable[[str], None]) -> None:
        """Have the guard fork a helper.

        Args:
            control: the socket to the guard.
            pid: the guard's.
            note: is called with a sentence for the user.

        Raises:
            GuardDied: it could not.
        """
        self._control = control
        self._pid = pid
        self._note = note
        self._helper = self._new_helper()
        at_fork_in_child(self._control.close)

    def start(self, spec: JobSpec) -> HelperProcess:
        """Start a job in a living helper.

        Raises:
            HelperDied, GuardDied: somebody has killed one of them.
            OSError: the process could not be started.
        """
        if self._helper.is_gone:
            self._helper = self._new_helper()
        return self._helper.start(spec)

    def close(self) -> None:
        """Have all end, and wait until they have."""
        self._helper.close()
        self._control.close()
        _wait_or_kill(self._pid)

    def _new_helper(self) -> _HelperLink:
        connection, theirs = Pipe()
        try:
            with theirs:
                send_handle(self._control, theirs.fileno(), self._pid)
            while not isinstance(answer := self._answer(_PATIENCE), HelperStarted):
                continue  # the end of an earlier one, which we have stopped to wait for
        except (EOFError, OSError) as error:
            connection.close()
            raise GuardDied from error
        if not answer.pid:
            raise OSError("there is no memory, or no process is left, for a helper process")
        try:
            return _HelperLink(connection, answer.pid, self._bury)
        except RuntimeError as error:  # no more threads are allowed
            connection.close()  # it ends
            raise OSError(str(error)) from error

    def _bury(self, helper: int, jobs: Mapping[int, str]) -> str:
        """Wait until nothing is left of a dead helper's jobs; in words, with what they are lost.

        Args:
            helper: its pid.
            jobs: the run directories of those that ran, by pid.
        """
        exit_ = self._end_of_helper(jobs)
        how = str(exit_) if exit_.signal is None and exit_.lost_with is None else f"was {exit_}"
        lost = {0: "", 1: ", and the job that ran is lost with it"}
        many = f", and the {len(jobs)} jobs that ran are lost with it"
        told = f"the helper process {helper} {how}{lost.get(len(jobs), many)}"
        self._note(f"{told}; the next jobs get a new one")
        by_signal = f", which {exit_.signal} ended" if exit_.signal else ""
        return f"the helper process {helper}{by_signal}"

    def _end_of_helper(self, jobs: Mapping[int, str]) -> Exit:
        try:
            while not isinstance(answer := self._answer(_LAST_WAIT), HelperEnded):
                continue
            return answer.exit
        except TimeoutError:  # something that a job has started cannot be killed
            return Exit(None, None)
        except (EOFError, OSError):  # nobody but us can end what is left
            for pid in jobs:
                signal_group(pid, signal.SIGKILL)
            end_strangers(jobs.values())
            return Exit(None, None, lost_with="its guard")

    def _answer(self, patience: float) -> HelperStarted | HelperEnded:
        if not self._control.poll(patience):
            raise TimeoutError("the process that guards the jobs does not answer")
        answer: HelperStarted | HelperEnded = self._control.recv()
        return answer


class _HelperLink:
    """A helper, and the jobs that it runs."""

    def __init__(
        self, connection: Connection, pid: int, bury: Callable[[int, Mapping[int, str]], str]
    ) -> None:
        self._connection = connection
        # A fork of the program's that outlives it would keep the helper waiting for more jobs.
        at_fork_in_child(connection.close)
        self._pid = pid
        self._bury = bury
        self._answers: dict[int, _Answers] = defaultdict(_Answers)
        self._directories: dict[int, str] = {}  # of the jobs that run or are about to, by key
        self._pids: dict[int, int] = {}  # of the jobs that run, by key
        self._started = 0
        self._is_closing = False
        self._listener = threading.Thread(target=self._listen, name=LISTENER, daemon=True)
        self._listener.start()

    @property
    def is_gone(self) -> bool:
        """Whether it is dead, and all that its jobs had started."""
        return not self._listener.is_alive()

    def start(self, spec: JobSpec) -> HelperProcess:
        """Start a job; see `GuardLink`."""
        key, self._started = self._started, self._started + 1
        answers = self._answers[key]
        self._directories[key] = spec.directory
        try:
            self._connection.send(Fork(key, spec))
        except OSError:
            self._listener.join()
            raise HelperDied from None
        try:
            forked = answers.get(timeout=_PATIENCE)
        except Empty:
            raise OSError(f"the helper process {self._pid} does not answer") from None
        if isinstance(forked, Ended):  # it died before it could fork
            self._listener.join()
            raise HelperDied
        if forked.error is not None:
            raise forked.error
        return HelperProcess(forked.pid, answers)

    def close(self) -> None:
        """Have it end; no job runs any more."""
        self._is_closing = True
        with contextlib.suppress(OSError):  # it may have died
            # Closing alone would not be heard while our listener waits at the same socket.
            self._connection.send(None)
        self._listener.join(timeout=_LAST_WAIT)
        if not self.is_gone:  # somebody has stopped it
            os.kill(self._pid, signal.SIGKILL)
            self._listener.join()
        self._connection.close()

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                answer: Answer | None = self._connection.recv()
                if answer is None:
                    return
                self._hand_on(answer)
        if not self._is_closing:
            self._lose_jobs()

    def _hand_on(self, answer: Answer) -> None:
        answers = self._answers[answer.key]
        if isinstance(answer, Ended):
            del self._answers[answer.key], self._directories[answer.key]
            self._pids.pop(answer.key, None)
        elif answer.error is None:
            self._pids[answer.key] = answer.pid
        answers.put(answer)

    def _lose_jobs(self) -> None:
        running = {self._pids[key]: self._directories[key] for key in list(self._pids)}
        lost = Exit(None, None, lost_with=self._bury(self._pid, running))
        for key, answers in list(self._answers.items()):
            answers.put(Ended(key, lost))


class HelperProcess:
    """A job that a helper runs and waits for; see `fresh.JobProcess`."""

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


def _wait_or_kill(pid: int) -> None:
    """Wait for the end of a child that should end by itself; kill it if it does not."""
    deadline = time.monotonic() + _LAST_WAIT
    with contextlib.suppress(ChildProcessError):  # a handler of SIGCHLD has taken its end
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                deadline = math.inf
            time.sleep(0.002)
