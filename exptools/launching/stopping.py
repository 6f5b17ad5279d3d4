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
    interrupts nothing and only turns this true; a second one has its usual effect. The first call
    must be made by the main thread. A job that returns after it saw True counts as interrupted, so
    that resuming the sweep runs it again.
    """
    if not _watching.is_set():
        _watching.set()
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, _on_signal)
    if _arrived.is_set():
        _noticed.set()
    return _arrived.is_set()


def stop_was_noticed() -> bool:
    """Whether `should_stop` has said True."""
    return _noticed.is_set()


def _on_signal(signum: int, frame: FrameType | None) -> None:
    _arrived.set()
    usual = signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
    signal.signal(signum, usual)
