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

_USUAL = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
# An exception that comes out of nowhere becomes another one in their exception handlers.
_DELICATE = ("omegaconf.", "antlr4.", "hydra._internal.config_loader_impl.")


class LaunchSignals:
    """Has SIGINT, SIGTERM and SIGHUP end this program with one line while it gets ready for jobs.

    The exit code is the shells': 128 and the signal's number. A second signal ends it at once,
    without a line. A handler of the user's own stays, and so does a signal that is ignored. While
    jobs run, the scheduler's handlers stand before these. Used as a context, the signals have
    their usual effect again behind it.
    """

    def __init__(self) -> None:
        self.on_stop: Callable[[], None] = lambda: None  # what to tidy up before the line
        self._before: dict[int, Any] = {}
        self._came: int | None = None  # the signal that came, if one has
        self._is_said = False

    def watch(self) -> None:
        """Begin to do so; again, it changes nothing."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        for name, usual in _USUAL.items():
            signum = getattr(signal, name, None)
            if signum is not None and signal.getsignal(signum) == usual:
                self._before[signum] = signal.signal(signum, self._on_signal)

    def release(self) -> None:
        """Give the signals their usual effect again."""
        for signum, handler in self._before.items():
            if signal.getsignal(signum) == self._on_signal:
                signal.signal(signum, handler)
        self._before.clear()

    def check(self) -> None:
        """End the program now if a signal came and it has not.

        It cannot where an exception would be lost: in a finalizer, or while a config is composed.

        Raises:
            SystemExit: one came.
        """
        if self._came is not None:
            self._stop(self._came)

    @contextlib.contextmanager
    def set_aside(self) -> Iterator[Callable[[], None]]:
        """Have the program's own handlers for a moment, for a fork; signals wait until it is over.

        Yields what the fork should call, for otherwise they wait there for ever.
        """
        self.check()
        if sys.platform == "win32":  # nothing forks
            yield lambda: None
            return
        watched = bool(self._before)
        # Those of the program's own handlers, too: what they raise there would have the fork go on
        # as a second program.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in _USUAL])

        def let_through() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

        self.release()
        try:
            yield let_through
        finally:
            if watched:
                self.watch()
            let_through()

    def __enter__(self) -> LaunchSignals:
        self.watch()
        return self

    def __exit__(self, *problem: object) -> None:
        self.check()
        self.release()

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        for other in (signum, *self._before):
            signal.signal(other, _leave)  # for good: the program ends
        self._came = signum
        if not _is_delicate(frame):
            self._stop(signum)

    def _stop(self, signum: int) -> None:
        if not self._is_said:
            self._is_said = True
            self.on_stop()
            _print_line(f"exptools: stopped by {signal.Signals(signum).name}; no job was running")
        sys.exit(128 + signum)


def _print_line(line: str) -> None:
    try:
        print(line, flush=True)
    except (OSError, ValueError, RuntimeError):  # nobody reads, or we are amid another print
        os.write(2, f"{line}\n".encode())


def _leave(signum: int, frame: FrameType | None) -> None:
    """End this program at a second signal: somebody has no patience, and nothing is at stake."""
    os._exit(128 + signum)


def _is_delicate(frame: FrameType | None) -> bool:
    while frame is not None:
        if f"{frame.f_globals.get('__name__')}.".startswith(_DELICATE):
            return True
        frame = frame.f_back
    return False
