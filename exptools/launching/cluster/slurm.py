"""Slurm's handler; see the package."""

from __future__ import annotations

from collections.abc import Sequence

from exptools.launching.cluster import ClusterHandlerBase


class SlurmHandler(ClusterHandlerBase):
    """What the original asked Slurm for, for each run."""

    call_script_cmd = "sbatch"
    cluster_manager_name = "Slurm"

    def __init__(  # noqa: PLR0913, PLR0917 (the arguments that scripts of the original pass)
        self,
        mem: str = "12G",
        time: str = "24:00:00",
        n_gpus: int = 0,
        partition: str | None = None,
        cuda_module: str | None = None,
        singularity_img: str | None = None,
        exclude: str | None = None,
        cmd_prefix: str | None = None,
        other_modules: Sequence[str] | None = None,
    ) -> None:
        super().__init__(
            mem=mem,
            time=time,
            n_gpus=n_gpus,
            partition=partition,
            cuda_module=cuda_module,
            singularity_img=singularity_img,
            exclude=exclude,
            cmd_prefix=cmd_prefix,
            other_modules=other_modules,
        )
