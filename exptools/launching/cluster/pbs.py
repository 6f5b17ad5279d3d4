"""The handler of PBS; see the package."""

from __future__ import annotations

import errno
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from exptools.launching.cluster import ClusterHandlerBase
from exptools.plain_files import refuse_other
from exptools.rundir import write_atomic

_LONGEST_NAME = 15  # that every PBS takes


class PbsHandler(ClusterHandlerBase):
    """What to ask PBS for, for each run."""

    call_script_cmd = "qsub"
    cluster_manager_name = "pbs"

    def __init__(
        self,
        mem: str = "32G",
        walltime: str = "7200:00:00",
        n_gpus: int = 0,
        destination_queue: str | None = None,
        cmd_prefix: str | None = None,
    ) -> None:
        super().__init__()
        self.mem = mem
        self.walltime = walltime
        self.n_gpus = n_gpus
        self.destination_queue = destination_queue
        self.cmd_prefix = cmd_prefix

    def make_script(
        self, log_dir: str, script_name: str, run_ID: int, call_command: Sequence[str]
    ) -> str:
        """See the base class."""
        if "\n" in log_dir:  # what follows would be a line of the script
            raise OSError(errno.EINVAL, "PBS takes no path with a line feed", log_dir)
        name = re.sub(r"\W", "_", script_name, flags=re.ASCII)[:_LONGEST_NAME]
        logs = [f"{log_dir}/run_{run_ID}.{stream}" for stream in ("stdout", "stderr")]
        for log in logs:
            refuse_other(Path(log))  # PBS writes through links
        lines = [
            "#!/bin/sh",
            "#PBS -l nodes=1",
            f"#PBS -l mem={self.mem}",
            f"#PBS -l walltime={self.walltime}",
            f"#PBS -N {name}",
            f"#PBS -o {logs[0]}",
            f"#PBS -e {logs[1]}",
        ]
        if self.destination_queue is not None:
            lines.append(f"#PBS -q {self.destination_queue}")
        if self.n_gpus > 0:
            lines.append(f"#PBS -W x=GRES:gpu@{self.n_gpus}")
        lines += ["", f"cd {shlex.quote(str(Path.cwd()))}"]
        lines += [self.cmd_prefix] if self.cmd_prefix else []
        path = Path(log_dir) / f"{script_name}_{run_ID}.qsub"
        text = "\n".join([*lines, shlex.join(call_command), ""])
        write_atomic(path, text.encode(), own=True)
        return str(path)
