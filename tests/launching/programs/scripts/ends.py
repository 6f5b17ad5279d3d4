"""Each job ends in another way, or returns something else."""

import json
import sys
import threading
from pathlib import Path

import hydra
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

sweep = BasicSweeper.sweep


def sweep_and_record(self, arguments):
    """Sweep, and write what the sweeper was given, and how that looks."""
    returned = sweep(self, arguments)
    lines = [[job.overrides, job.status.name, repr(job.return_value)] for job in returned[0]]
    Path("returned.json").write_text(json.dumps(lines))
    return returned


BasicSweeper.sweep = sweep_and_record


class Stubborn:
    def __reduce__(self):
        raise RuntimeError("no")


def numbers():
    yield 1


def leave(code=None):
    raise SystemExit(code)


def fail():
    raise ValueError("bad lr")


ENDS = {
    "exit_0": lambda: sys.exit(0),
    "exit_none": lambda: sys.exit(),
    "quit": lambda: quit(),
    "raise": lambda: leave(),
    "exit_3": lambda: sys.exit(3),
    "exit_text": lambda: sys.exit("no data"),
    "fail": fail,
    "plain": lambda: {"loss": 0.1, "steps": [1, 2]},
    "lock": lambda: {"loss": 0.1, "trainer": threading.Lock()},
    "nested": lambda: {"loss": 0.1, "objects": [{"model": Stubborn(), "epoch": 3}]},
    "generator": numbers,
    "module": lambda: json,
    "tuple": lambda: (0.1, [threading.Lock(), 2]),
}


@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    return ENDS[cfg.end]()


if __name__ == "__main__":
    main()
