"""``should_stop()``: the signals that end a job, seen from the user's code."""

from __future__ import annotations

import signal
import threading
from types import FrameType

# A signal handler belongs to the whole process, so there is one of these, too.
_arrived = threading.Event()
_noticed = threading.Event()
_watching = threading.Event()


def should_stop() -> bool:
    """Whether the job was asked to end: save what you need, then return.

    From the first call on, the first SIGINT or SIGTERM (Ctrl-C, a time limit, a preempted node)
    interrupts nothing and only turns this true; a second one has its usual effect. A job that
    returns after it saw True counts as interrupted, so that resuming the sweep runs it again.

    Raises:
        RuntimeError: the first call came from another than the main thread.
    """
    if not _watching.is_set():
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the first call of should_stop() must be made by the main thread")
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, _on_signal)
        _watching.set()
    if _arrived.is_set():
        _noticed.set()
    return _arrived.is_set()


def stop_was_noticed() -> bool:
    """Whether `should_stop` has said True, or an interrupt was raised, perhaps to be caught."""
    return _noticed.is_set()


def watch_interrupts() -> None:
    """Have Ctrl-C raise KeyboardInterrupt, as it does, and keep in mind that it came.

    A handler that the program has set stays. It may be ignored by what started the program, such as
    a shell's background: then it is heeded here, for it is how we ask a job to end.
    """
    usual = (signal.default_int_handler, signal.SIG_DFL, signal.SIG_IGN, None)
    if signal.getsignal(signal.SIGINT) in usual:
        signal.signal(signal.SIGINT, _on_interrupt)


def _on_interrupt(signum: int, frame: FrameType | None) -> None:
    _noticed.set()
    signal.default_int_handler(signum, frame)


def _on_signal(signum: int, frame: FrameType | None) -> None:
    _arrived.set()
    usual = signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
    signal.signal(signum, usual)
