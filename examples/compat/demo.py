"""The script that `launch_demo.py` runs: fits a line by stochastic gradient descent.

python demo.py <slot_affinity_code> <log_dir> <run_id>
"""

from __future__ import annotations

import sys

import numpy as np

from exptools.launching.affinity import affinity_from_code
from exptools.launching.variant import load_variant
from exptools.logging import logger
from exptools.logging.context import logger_context


def main(affinity_code: str, log_dir: str, run_id: str, *args: str) -> None:
    """Run one variant once; the launcher's debug_mode calls this, too."""
    config = load_variant(log_dir)
    affinity = affinity_from_code(affinity_code)
    # With torch and a GPU: torch.cuda.set_device(affinity["cuda_idx"]), then torch.device("cuda").
    print(f"CPUs {affinity.all_cpus}, GPU {affinity.get('cuda_idx')}, arguments {args}")
    random = np.random.default_rng(int(run_id))
    slope, intercept = 0.0, 0.0
    with logger_context(log_dir, run_id, "line", config, snapshot_mode="last"):
        logger.log_text(f"fitting with {config.optimizer}")
        for itr in range(config.steps):
            x = random.uniform(-1, 1, config.data.batch_size)
            noise = random.normal(0, config.data.noise, x.size)
            error = slope * x + intercept - (3 * x + 1 + noise)
            slope -= config.optimizer.lr * float((error * x).mean())
            intercept -= config.optimizer.lr * float(error.mean())
            logger.log_scalar("loss", float((error**2).mean()), itr)
            logger.log_scalar_batch("error", error, itr)
            logger.dump_data()
            logger.save_itr_params(itr, {"itr": itr, "slope": slope, "intercept": intercept})


if __name__ == "__main__":
    main(*sys.argv[1:])
