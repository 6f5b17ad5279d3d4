"""The script that `launch_demo.py` runs: fits a line by stochastic gradient descent.

python demo.py <slot_affinity_code> <log_dir> <run_id>
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from exptools import logger
from exptools.launching.affinity import affinity_from_code
from exptools.launching.variant import load_variant


def main(affinity_code: str, log_dir: str, run_id: str, *args: str) -> None:
    """Run one variant once; the launcher's debug_mode calls this, too."""
    config = load_variant(log_dir)
    affinity = affinity_from_code(affinity_code)
    # With torch and a GPU: torch.cuda.set_device(affinity["cuda_idx"]), then torch.device("cuda").
    print(f"CPUs {affinity.all_cpus}, GPU {affinity.get('cuda_idx')}, arguments {args}")
    random = np.random.default_rng(int(run_id))
    slope, intercept = 0.0, 0.0
    logger.open(Path(log_dir) / f"run_{run_id}")
    for step in range(config.steps):
        x = random.uniform(-1, 1, config.data.batch_size)
        error = slope * x + intercept - (3 * x + 1 + random.normal(0, config.data.noise, x.size))
        slope -= config.optimizer.lr * float((error * x).mean())
        intercept -= config.optimizer.lr * float(error.mean())
        logger.log_scalar("loss", float((error**2).mean()), step)
        logger.dump()
    logger.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
