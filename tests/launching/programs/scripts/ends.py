"""Each job ends in another way, or returns something else."""

import json
import sys
import threading
from pathlib import Path

import hydra
from hydra.core.plugins import Plugins

instantiate_launcher = Plugins.instantiate_launcher


def recording_launcher(*arguments, **more):
    """Hydra's launcher, which writes down what it gives the sweeper, and how that looks."""
    launcher = instantiate_launcher(*arguments, **more)
    launch = launcher.launch

    def launch_and_record(overrides, initial_job_idx):
        jobs = launch(overrides, initial_job_idx)
        lines = [[job.overrides, job.status.name, repr(job._return_value)] for job in jobs]
        Path("returned.json").write_text(json.dumps(lines))
        return jobs

    launcher.launch = launch_and_record
    return launcher


Plugins.instantiate_launcher = recording_launcher


class Stubborn:
    def __reduce__(self):
        raise RuntimeError("no")


def numbers():
    yield 1


def leave():
    raise SystemExit


def fail():
    raise ValueError("bad lr")


ENDS = {
    "exit_0": lambda: sys.exit(0),
    "quit": quit,
    "raise": leave,
    "exit_3": lambda: sys.exit(3),
    "exit_text": lambda: sys.exit("no data"),
    "fail": fail,
    "plain": lambda: {"loss": 0.1, "steps": [1, 2]},
    "lock": lambda: {"loss": 0.1, "trainer": threading.Lock()},
    "nested": lambda: {"loss": 0.1, "objects": [{"model": Stubborn(), "epoch": 3}]},
    "generator": numbers,
    "tuple": lambda: (0.1, [threading.Lock(), 2]),
}


@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    return ENDS[cfg.end]()


if __name__ == "__main__":
    main()
