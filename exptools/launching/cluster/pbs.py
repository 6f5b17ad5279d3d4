"""The handler of PBS; see the package."""

from __future__ import annotations

from exptools.launching.cluster import ClusterHandlerBase


class PbsHandler(ClusterHandlerBase):
    """What the original asked PBS for, for each run."""

    call_script_cmd = "qsub"
    cluster_manager_name = "PBS"

    def __init__(
        self,
        mem: str = "32G",
        walltime: str = "7200:00:00",
        n_gpus: int = 0,
        destination_queue: str | None = None,
        cmd_prefix: str | None = None,
    ) -> None:
        super().__init__(
            mem=mem,
            walltime=walltime,
            n_gpus=n_gpus,
            destination_queue=destination_queue,
            cmd_prefix=cmd_prefix,
        )
