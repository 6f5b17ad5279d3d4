"""The environment of a job's process."""

from __future__ import annotations

import os
import socket

from exptools.launching.slots import THREAD_VARIABLES, Slot
from exptools.rundir import STATUS_WRITER


def job_environment(slot: Slot) -> dict[str, str]:
    """This process's environment with the slot's limits; what the user set explicitly wins."""
    ours = {**slot.environment(), "MASTER_PORT": str(_free_port())}
    for name in (*THREAD_VARIABLES, "MASTER_PORT"):
        if os.environ.get(name):
            ours.pop(name, None)
    return {**os.environ, **ours, STATUS_WRITER: "scheduler"}


def _free_port() -> int:
    """A TCP port that nobody listens on now, so that torch's jobs do not meet on its default."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
