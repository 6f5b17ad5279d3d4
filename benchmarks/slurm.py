"""Short jobs on a small cluster: packed, one an element, and under submitit's own launcher.

    python benchmarks/slurm.py [JOBS [SECONDS]]

It brings up a real Slurm on this host (root, and `apt-get install slurm-wlm munge`): two nodes of
two CPUs each. The ideal is jobs × seconds / 4.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.cluster import Cluster, missing_program

APP = """
import time, hydra
@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    time.sleep(cfg.t)
if __name__ == "__main__":
    main()
"""
OURS = "hydra/launcher=exptools_slurm"
KINDS = {
    "packed: 2 elements with 2 jobs at once": (
        OURS,
        "hydra.launcher.nodes=2",
        "hydra.launcher.jobs=2",
    ),
    "one job an element": (OURS,),
    "submitit's launcher": ("hydra/launcher=submitit_slurm", "hydra.launcher.mem_gb=1"),
}


def run(kind: tuple[str, ...], directory: Path, jobs: int, seconds: float) -> float:
    """The seconds that a sweep takes."""
    command = [sys.executable, "app.py", "-m", *kind, f"+x=range({jobs})", f"+t={seconds}"]
    root = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    out = f"hydra.sweep.dir={directory}/{time.time_ns()}"
    began = time.monotonic()
    subprocess.run([*command, out], cwd=directory, env=environment, check=True, stdout=2)
    return time.monotonic() - began


def main(jobs: int = 20, seconds: float = 2.0) -> None:
    """Measure each kind, and print a line for each."""
    missing = missing_program()
    if missing is not None:
        sys.exit(f"no Slurm here ({missing}): apt-get install slurm-wlm munge")
    kinds = dict(KINDS)
    if importlib.util.find_spec("hydra_plugins.hydra_submitit_launcher") is None:
        del kinds["submitit's launcher"]
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        base.chmod(0o755)
        (base / "app.py").write_text(APP)
        (base / "slurm").mkdir()
        cluster = Cluster(base / "slurm", nodes=2, cpus=2, gpus=1, largest_array=1001)
        try:
            cluster.start()
            for kind, overrides in kinds.items():
                took = run(overrides, base, jobs, seconds)
                print(f"{kind}: {took:.1f} s (ideal {jobs * seconds / 4:.1f} s)", flush=True)
                cluster.revive()
        finally:
            cluster.stop()


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, float), sys.argv[1:], strict=False)))  # type: ignore[arg-type]
