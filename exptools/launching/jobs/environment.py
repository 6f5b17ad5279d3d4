"""The environment variables that hold a job's process to its slot."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from pathlib import Path

from exptools.launching.machine.slots import THREAD_VARIABLES, Slot
from exptools.rundir import STATUS_WRITER


def job_environment(slot: Slot, run_dir: Path, ports: Collection[str] = ()) -> dict[str, str]:
    """This process's environment with the slot's limits; what the user set explicitly wins.

    Its MASTER_PORT is none of those that are given, which other jobs have.
    """
    ours = {**slot.environment(), "MASTER_PORT": _free_port(ports)}
    for name in (*THREAD_VARIABLES, "MASTER_PORT"):
        if os.environ.get(name):
            ours.pop(name, None)
    return {**os.environ, **ours, STATUS_WRITER: str(run_dir)}


def threads_set_by_user() -> list[str]:
    """What to say of thread counts that the user has set in the environment."""
    own = [f"{name}={os.environ[name]}" for name in THREAD_VARIABLES if os.environ.get(name)]
    return [f"{', '.join(own)} is set by you and stays so in the jobs"] if own else []


def _free_port(taken: Collection[str]) -> str:
    """A TCP port that nobody listens on now, so that torch's jobs do not meet on its default.

    A job takes its port later than we look: the kernel may offer it to us again.
    """
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        if port not in taken:
            return port
