"""Threads and a bare call of the task at the top level, as quick scripts have it."""

import json
import logging
import signal
import sys
import threading
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig

log = logging.getLogger(__name__)
TICKS = [0]


def monitor():
    while True:
        time.sleep(0.01)
        TICKS[0] += 1


threading.Thread(target=monitor, name="monitor", daemon=True).start()
signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(9))


@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    log.info("a line in the job's log")
    before = TICKS[0]
    time.sleep(0.1)
    answers = {
        "the monitor goes on": TICKS[0] > before,
        "threads": sorted(t.name for t in threading.enumerate() if t.name == "monitor"),
        "handler": signal.getsignal(signal.SIGTERM).__name__,
        "name": __name__,
    }
    out = Path(HydraConfig.get().runtime.output_dir)
    (out / "answers.json").write_text(json.dumps(answers, indent=1))


main()
with open("after.txt", "a", encoding="utf-8") as file:
    file.write("the sweep is over\n")
sys.exit(5)
