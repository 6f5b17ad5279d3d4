"""A console command whose task is an object, with decorators around it and within."""

import functools
import json
import logging
import threading
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig

log = logging.getLogger(__name__)


def noisy(task):
    lock = threading.Lock()  # so that the wrapper cannot be pickled

    @functools.wraps(task)
    def wrapper(cfg, **more):
        with lock:
            log.info("before %s", task.__name__)
            return "wrapped", task(cfg, **more)

    return wrapper


class Scaled:
    """A task that gives its function an argument more."""

    def __init__(self, task):
        functools.update_wrapper(self, task)
        self.task = functools.partial(task, factor=3)
        self.lock = threading.RLock()

    def __call__(self, cfg):
        with self.lock:
            return self.task(cfg)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
@noisy
@Scaled
@noisy
def main(cfg, factor):
    answers = [cfg.model.width * factor, __name__, log.name, type(main).__name__]
    out = Path(HydraConfig.get().runtime.output_dir)
    (out / "answers.json").write_text(json.dumps(answers))
    return lambda: "this cannot be pickled, either"
