"""Ctrl-C before the first job runs: one line, and nothing half done."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_HANDLERS = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL}
_HANDLERS["SIGHUP"] = signal.SIG_DFL


class LaunchSignals:
    """Has SIGINT, SIGTERM and SIGHUP end this program with one line while it gets ready for jobs.

    The exit code is the shells': 128 and the signal's number. A second signal ends it at once,
    without a line. A handler of the user's own stays, and so does a signal that is ignored. While
    jobs run, the scheduler's handlers stand before these. Used as a context, the signals have
    their usual effect again behind it.
    """

    def __init__(self, on_stop: Callable[[], None] = lambda: None) -> None:
        self.on_stop = on_stop  # what to tidy up before the line is printed
        self._before: dict[int, Any] = {}

    def watch(self) -> None:
        """Begin to do so; again, it changes nothing."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        for name, usual in _HANDLERS.items():
            signum = getattr(signal, name, None)
            if signum is not None and signal.getsignal(signum) == usual:
                self._before[signum] = signal.signal(signum, self._stop)

    def release(self) -> None:
        """Give the signals their usual effect again."""
        for signum, handler in self._before.items():
            if signal.getsignal(signum) == self._stop:
                signal.signal(signum, handler)
        self._before.clear()

    @contextlib.contextmanager
    def set_aside(self) -> Iterator[None]:
        """Leave signals their usual effect for a moment, as for a process that is forked in it."""
        watched = bool(self._before)
        self.release()
        try:
            yield
        except KeyboardInterrupt:
            self._stop(signal.SIGINT, None)
        finally:
            if watched:
                self.watch()

    def __enter__(self) -> LaunchSignals:
        self.watch()
        return self

    def __exit__(self, *problem: object) -> None:
        self.release()

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        for other in (signum, *self._before):
            signal.signal(other, _leave)
        self._before.clear()  # the program ends: what it had is not put back
        self.on_stop()
        line = f"exptools: stopped by {signal.Signals(signum).name}; no job was running"
        try:
            print(line, flush=True)
        except (OSError, ValueError, RuntimeError):  # nobody reads, or we are amid another print
            os.write(2, f"{line}\n".encode())
        sys.exit(128 + signum)


def _leave(signum: int, frame: FrameType | None) -> None:
    """End this program at a second signal: somebody has no patience, and nothing is at stake."""
    os._exit(128 + signum)
