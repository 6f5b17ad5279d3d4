"""What cannot travel where it has no name: a task in a function, and what is under the guard."""

import json
import signal
import threading
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import OmegaConf

INTERRUPTS = []
signal.signal(signal.SIGINT, lambda signum, frame: INTERRUPTS.append(signum))
OmegaConf.register_new_resolver("double", lambda x: 2 * x)


class Notes(Callback):
    def __init__(self, text):
        self.lock = threading.Lock()
        self.text = text

    def on_job_start(self, config, **_):
        with self.lock:
            out = Path(config.hydra.runtime.output_dir)
            (out / "callback.txt").write_text(self.text)


def run(factor, lock):
    @hydra.main(version_base="1.3", config_path=None)
    def main(cfg):
        with lock:
            signal.raise_signal(signal.SIGINT)
        answers = {"x": cfg.x * factor, "y": cfg.y, "interrupts": len(INTERRUPTS)}
        out = Path(HydraConfig.get().runtime.output_dir)
        (out / "answers.json").write_text(json.dumps(answers))

    main()


if __name__ == "__main__":
    LOCK = threading.Lock()
    OmegaConf.register_new_resolver("locked", lambda x, lock=LOCK: (lock.locked(), x)[1])
    run(factor=3, lock=LOCK)
