"""The original's handlers of cluster managers: what `run_on_cluster` asks one for, for each run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ClusterHandlerBase:
    """The settings of a cluster manager's jobs, as attributes; base of handlers of one's own."""

    call_script_cmd = "sbatch or qsub"  # the command to which a script's path is given
    cluster_manager_name = "cluster"  # names the directory below data
    affinity_code = "cluster"  # with which a script gets all that its job may use

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)

    def make_script(
        self, log_dir: str, script_name: str, run_ID: int, call_command: Sequence[str]
    ) -> str:
        """Write a script for the manager, and return its path.

        Args:
            log_dir: the directory of the run's variant, absolute; the script may stand there.
            script_name: what to call the manager's job.
            run_ID: the number of the run.
            call_command: what the script runs, word by word.
        """
        raise NotImplementedError(
            f"{type(self).__name__} writes no script: give it make_script(log_dir, script_name, "
            "run_ID, call_command), which returns its path, or use SlurmHandler or PbsHandler"
        )
