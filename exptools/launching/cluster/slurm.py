"""Slurm's handler; see the package."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from exptools.launching.cluster import ClusterHandlerBase


class SlurmHandler(ClusterHandlerBase):
    """What to ask Slurm for, for each run; `run_on_cluster` submits them as one array."""

    call_script_cmd = "sbatch"
    cluster_manager_name = "slurm"

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
        super().__init__()
        self.mem = mem
        self.time = time
        self.n_gpus = n_gpus
        self.partition = partition
        self.cuda_module = cuda_module
        self.singularity_img = singularity_img
        self.exclude = exclude
        self.cmd_prefix = cmd_prefix
        self.other_modules = other_modules

    @property
    def commands(self) -> tuple[str, ...]:
        """The shell commands that come before a run."""
        modules = [self.cuda_module, *(self.other_modules or ())]
        modules += ["singularity"] if self.singularity_img else []
        loads = tuple(f"module load {module}" for module in modules if module)
        return (*([self.cmd_prefix] if self.cmd_prefix else []), *loads)

    @property
    def python(self) -> str | None:
        """The command that starts Python in the image; None: there is none."""
        if self.singularity_img is None:
            return None
        gpus = " --nv" if self.n_gpus > 0 else ""
        return f"singularity exec{gpus} {shlex.quote(self.singularity_img)} python"
