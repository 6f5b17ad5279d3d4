"""One running job: the environment it gets, its deadline, how it is ended, and how it ended."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from exptools.launching.jobs.fresh import (
    Exit,
    JobProcess,
    descendants,
    kill_processes,
    signal_group,
)
from exptools.launching.jobs.outcomes import Job, Outcome, judge, oom_kills, save_status
from exptools.launching.machine.slots import THREAD_VARIABLES, Slot
from exptools.rundir import STATUS_WRITER, State, Status

if TYPE_CHECKING:
    import psutil

_LAST_WAIT = 10.0  # seconds in which a killed job's end should be reported
_SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has the latter alone


@dataclass
class RunningJob:
    """A job whose process runs; what is due at its deadline depends on what was done before."""

    job: Job
    slot: Slot
    process: JobProcess
    status: Status
    timeout: float | None  # seconds that it may run
    oom_kills: int  # of this machine's kernel, before the job started
    port: str  # its MASTER_PORT
    key: bytes = field(repr=False)  # with which it seals its result
    deadline: float | None = None  # by time.monotonic(): when to ask it to end or, then, to kill it
    asked: State | None = None  # why it was asked to end
    killed: bool = False
    family: list[psutil.Process] = field(default_factory=list)  # of the moment it was asked

    def __post_init__(self) -> None:
        """Start the clock."""
        self.deadline = None if self.timeout is None else time.monotonic() + self.timeout

    def ask_to_end(self, why: State, grace: float) -> None:
        """Send what Ctrl-C sends; after so many seconds of grace it is to be killed."""
        self.asked = why
        self.family = descendants(self.process.pid)
        self.deadline = time.monotonic() + grace
        signal_group(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill it and all that it has started."""
        self.family += descendants(self.process.pid)
        signal_group(self.process.pid, _SIGKILL)
        kill_processes(self.family)
        self.killed, self.deadline = True, time.monotonic() + _LAST_WAIT

    def end(self, exit_: Exit) -> Outcome:
        """Judge how it ended and write that into its status."""
        kill_processes(self.family)
        oom = exit_.signal == "SIGKILL" and oom_kills() > self.oom_kills
        state, error, result = judge(self.job.directory, exit_, self.asked, self.key, oom=oom)
        if state is State.TIMEOUT:
            error = f"ran longer than timeout={self.timeout:g} s; {error}"
        status = replace(
            self.status,
            ended=time.time(),
            exit_code=exit_.code,
            signal=exit_.signal,
            max_rss=exit_.max_rss,
            cpu_seconds=exit_.cpu_seconds,
            error=error,
            state=state,
        )
        return Outcome(self.job, save_status(self.job, status), result)


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
