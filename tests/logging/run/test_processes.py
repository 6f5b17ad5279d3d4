"""Ranks of a distributed training, and how a process ends."""

import os
import signal
import subprocess
import sys

import pandas as pd
import pytest

from exptools.logging.run.environment import is_silent
from exptools.rundir import State, read_status

# Two ranks of torch's own, in processes that the job spawns; they alone load it, as it takes long.
DISTRIBUTED = """
import multiprocessing, os
from concurrent.futures import ProcessPoolExecutor
import hydra
from exptools import logger

def train(rank, meeting_point):
    import torch.distributed
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=2
    )
    for step in range(20):
        value = torch.tensor(float(rank + 1))
        torch.distributed.all_reduce(value)
        logger.log_scalars({"sum": value, "rank": rank}, step)
    logger.save_snapshot({"rank": rank}, 19)
    torch.distributed.barrier()
    print("loaded", logger.load_snapshot().state, flush=True)
    torch.distributed.destroy_process_group()

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, spawned) as ranks:
        list(ranks.map(train, range(2), [os.path.abspath("meeting point")] * 2))
    logger.log_scalar("after", 1, 20)

if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "callback", [(), pytest.param(("hydra/callbacks=exptools",), marks=pytest.mark.hydra)]
)
def test_of_two_ranks_under_the_launcher_the_first_logs_and_none_is_refused(run_python, callback):
    done = run_python(
        DISTRIBUTED, "-m", "hydra/launcher=exptools", "hydra.launcher.jobs=1",
        "hydra.launcher.start=fresh", "hydra.sweep.dir=sweep", *callback,
        EXPTOOLS_LEASES=str(run_python.home / "leases"),
    )  # fmt: skip
    output = (run_python.home / "sweep" / "0" / "output.log").read_text()
    assert done.returncode == 0, output
    table = pd.read_csv(run_python.home / "sweep" / "0" / "progress.csv")
    assert table["step"].tolist() == list(range(21))
    assert table["sum"].dropna().tolist() == [3] * 20
    assert table["rank"].dropna().tolist() == [0] * 20
    assert output.count("loaded {'rank': 0}") == 2


TORCHRUN = """
import os, hydra
from exptools import logger

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    for step in range(5):
        logger.log_scalar("rank", int(os.environ["RANK"]), step)

main()
"""


def test_ranks_that_torchrun_starts_may_share_a_run_directory(run_python):
    (run_python.home / "train.py").write_text(TORCHRUN)
    options = ["hydra.run.dir=out", "hydra/callbacks=exptools"]
    environment = os.environ | {"WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "train.py", *options],
            cwd=run_python.home, env=environment | {"RANK": str(rank)},
        )
        for rank in (1, 0)
    ]  # fmt: skip
    assert [rank.wait(60) for rank in ranks] == [0, 0]
    table = pd.read_csv(run_python.home / "out" / "progress.csv")
    assert table["rank"].tolist() == [0] * 5
    assert not list((run_python.home / "out").glob("progress.*.csv"))


def test_a_rank_that_opens_a_directory_of_its_own_logs_there(logger, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    logger.log_scalar("a", 1)  # silent, and no warning
    logger.open(tmp_path / "rank 1")
    logger.log_scalar("a", 2)
    logger.close()
    assert pd.read_csv(tmp_path / "rank 1" / "progress.csv")["a"].tolist() == [2]


@pytest.mark.parametrize(
    ("environment", "silent"),
    [
        ({"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "0", "WORLD_SIZE": "4"}, False),
        ({"LOCAL_RANK": "1", "NODE_RANK": "0", "WORLD_SIZE": "4"}, True),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1", "WORLD_SIZE": "4"}, True),
        ({"LOCAL_RANK": "1", "WORLD_SIZE": "1"}, False),
        ({"WORLD_SIZE": "2"}, False),
    ],
)
def test_the_launchers_of_torch_and_lightning_say_which_rank_is_silent(
    monkeypatch, environment, silent
):
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_silent() is silent


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
