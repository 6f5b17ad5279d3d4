"""All that jobs have started: how it is kept together, found and ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Collection

import psutil

from exptools.launching.jobs.fresh import descendants, kill_processes
from exptools.rundir import STATUS_WRITER

_PR_SET_PDEATHSIG = 1  # these two from linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36
_LAST_WAIT = 5.0  # seconds in which killed processes should be gone


def adopt_orphans() -> None:
    """Have our descendants become our children when they lose their parents."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def wake_at_parents_death(signum: signal.Signals) -> None:
    """Have the kernel send us a signal when our parent dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signum)


def end_family() -> None:
    """Kill our descendants, and those that they start meanwhile; who cannot be killed stays."""
    deadline = time.monotonic() + _LAST_WAIT
    with contextlib.suppress(ChildProcessError):  # no child is left
        while time.monotonic() < deadline:
            kill_processes(descendants(os.getpid()))
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.01)


def end_strangers(run_dirs: Collection[str]) -> None:
    """Kill what jobs have started, where nobody has adopted it: by what its environment says."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it is another user's, or gone
            if process.environ().get(STATUS_WRITER) in run_dirs:
                process.kill()
