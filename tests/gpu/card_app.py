"""The jobs of `real_card.py`: each takes memory of its GPU and records what it was given."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import hydra
from driver import Cuda
from hydra.core.hydra_config import HydraConfig

from exptools.launching import current_slot

OPENED_AT_TOP = Cuda() if "CARD_OPENS_CUDA" in os.environ else None


@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    start = time.time()
    cuda = Cuda()
    cuda.hold(cfg.mib)
    directory = Path(HydraConfig.get().runtime.output_dir)
    (directory / "here").touch()
    while len(list(directory.parent.glob("*/here"))) < cfg.get("together", 1):
        time.sleep(0.01)
    names = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "EGL_DEVICE_ID")
    record = {
        "pid": os.getpid(),
        "start": start,
        "end": time.time(),
        "slot": [gpu.uuid for gpu in current_slot().gpus],
        "environment": {name: os.environ.get(name) for name in names},
        "cuda": cuda.devices(),
        "torch": ask("torch") if cfg.get("torch") else None,
        "egl": ask("egl") if cfg.get("egl") else None,
    }
    (directory / "record.aside").write_text(json.dumps(record))
    (directory / "record.aside").rename(directory / "record.json")
    if cfg.get("forever"):
        time.sleep(600)


def ask(what):
    """What a library says in a process of its own, which may crash; None where it says nothing."""
    command = [sys.executable, str(Path(__file__).with_name("driver.py")), what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


if __name__ == "__main__":
    main()
