"""Run as ``python -m package.train``: relative imports, pools, a callback that is in here."""

import json
import logging
import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from . import START, callbacks
from .work import Task

log = logging.getLogger(__name__)


class Notes(callbacks.Notes):
    file = "callback of the script.txt"


def double(x):
    return 2 * x


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return type(other) is Point and other.x == self.x

    __hash__ = None


def same_class(point):
    return type(point) is Point and Point(point.x + 1)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    log.info("a line in the job's log")
    context = multiprocessing.get_context(cfg.how)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        doubled = list(pool.map(double, range(3)))
        point = pool.submit(same_class, Point(1)).result()
        from_a_module = pool.submit(Task(START)).result()
    answers = {
        "pool": [doubled, point == Point(2), from_a_module],
        "name": [__name__, __package__, __spec__.name, main.__module__, __file__],
        "composed": OmegaConf.to_container(hydra.compose(config_name="config")),
        "width": cfg.model.width,
        "directory": hydra.utils.to_absolute_path("here"),
    }
    out = Path(HydraConfig.get().runtime.output_dir)
    (out / "answers.json").write_text(json.dumps(answers, indent=1))
    (out / "draws.json").write_text(json.dumps([random.random(), np.random.random()]))


if __name__ == "__main__":
    main()
