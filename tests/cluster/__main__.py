"""``python -m tests.cluster``: a shell with a Slurm of its own, which ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster.cluster import Cluster, missing_program


def main() -> None:
    """Bring up three nodes and start the user's shell."""
    missing = missing_program()
    if missing is not None:
        sys.exit(f"no Slurm here ({missing}): as root, apt-get install slurm-wlm munge")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # munge wants its socket's way open to all
        cluster = Cluster(Path(name), nodes=3, cpus=2, gpus=2, largest_array=1001)
        try:
            cluster.start()
            print(cluster.ask("sinfo", "-N", "-o", "%N %T %c CPUs %G"), flush=True)
            subprocess.run([os.environ.get("SHELL", "sh")], check=False)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
