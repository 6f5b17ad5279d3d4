"""Six variants of `demo.py`, each run twice: python launch_demo.py.

The runs are in ``data/local/demo/<today>/`` below the working directory.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from exptools.collections import AttrDict
from exptools.launching.affinity import quick_affinity_code
from exptools.launching.exp_launcher import run_experiments
from exptools.launching.variant import VariantLevel, make_variants, update_config
from exptools.rundir import State

DEFAULT = AttrDict(
    steps=100,
    optimizer={"lr": 0.1},
    data={"batch_size": 32, "noise": 0.1},
)


def main() -> None:
    """Build the variants, run them, and say how many did well."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--affinity", help="an affinity code; left out: two runs at once")
    parser.add_argument("--debug", type=int, default=0, help="1: all in this process; 2: one")
    parser.add_argument("--resume", action="store_true", help="leave out what is completed")
    arguments = parser.parse_args()
    learning_rates = VariantLevel(
        keys=[("optimizer", "lr")],
        values=[[0.3], [0.1], [0.03]],
        dir_names=["lr0.3", "lr0.1", "lr0.03"],
    )
    data = VariantLevel(
        keys=[("data", "batch_size"), ("data", "noise")],  # these two change together
        values=[[8, 0.5], [64, 0.1]],
        dir_names=["noisy", "clean"],
    )
    variants, log_dirs = make_variants(learning_rates, data)
    outcomes = run_experiments(
        script=Path(__file__).with_name("demo.py"),
        affinity_code=arguments.affinity or quick_affinity_code(n_parallel=2, use_gpu=False),
        experiment_title="demo",
        runs_per_setting=2,
        variants=[update_config(DEFAULT, variant) for variant in variants],
        log_dirs=log_dirs,
        debug_mode=arguments.debug,
        resume=arguments.resume,
    )
    completed = [outcome for outcome in outcomes if outcome.status.state is State.COMPLETED]
    print(f"{len(completed)} of {len(outcomes)} runs were completed")


if __name__ == "__main__":
    main()
