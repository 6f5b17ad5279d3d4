"""How a process ends."""

import signal
import subprocess
import sys

import pandas as pd
import pytest

from exptools.rundir import State, read_status

ENDING = """
import os, signal, sys, time
import hydra
from exptools import logger

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    logger.log_scalar("a", 1)
    logger.dump()
    logger.log_scalar("a", 2)
    print("ready", flush=True)
    time.sleep(60)

main()
"""


def terminated(run_python, code):
    """Run a job until it is ready and has got a SIGTERM: exit code, and what it said after that."""
    (run_python.home / "train.py").write_text(code)
    command = [sys.executable, "train.py", "hydra.run.dir=out", "hydra/callbacks=exptools"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=run_python.home, stdout=pipe, text=True) as process:
        assert any(line == "ready\n" for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
    return process.returncode, said


@pytest.mark.hydra
def test_sigterm_closes_a_single_run_with_its_state(run_python):
    code, _ = terminated(run_python, ENDING)
    assert code == 128 + signal.SIGTERM
    status = read_status(run_python.home / "out")
    assert (status.state, status.signal) == (State.KILLED, "SIGTERM")
    assert status.error == "ended by SIGTERM"
    assert pd.read_csv(run_python.home / "out" / "progress.csv")["a"].tolist() == [1, 2]


OWN_HANDLER = ENDING.replace(
    "    print",
    "    told = []\n    signal.signal(signal.SIGTERM, lambda *_: told.append('mine'))\n    print",
).replace("time.sleep(60)", "while not told: time.sleep(0.01)\n    print(told[0])")


def test_a_handler_of_the_users_own_stays(run_python):
    code, said = terminated(run_python, OWN_HANDLER)
    assert (code, "mine" in said) == (0, True)
    assert read_status(run_python.home / "out").state is State.COMPLETED
