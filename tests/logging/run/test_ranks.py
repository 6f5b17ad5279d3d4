"""Ranks of a distributed training: the first one logs, the others can go on from its snapshots."""

import os
import subprocess
import sys

import pandas as pd
import pytest

from exptools.logging.run.current import CurrentRun
from exptools.logging.run.ranks import silent_rank, this_rank
from exptools.logging.run.run_lock import DirectoryInUse
from exptools.logging.run_logger import Logger
from exptools.logging.snapshots.file import SnapshotError
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
@pytest.mark.parametrize("callback", [(), ("hydra/callbacks=exptools",)])
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


# What each rank of torchrun does, one act after the other; files tell the ranks of each other.
WITHOUT_HYDRA = """
import os, pathlib, time
from exptools import logger

RANK = int(os.environ["RANK"])

def tell(*words):  # in one write: torchrun's ranks share an output without a buffer
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def say(word):
    pathlib.Path(f"{word} {RANK}").touch()

def wait_for(word, rank):
    while not os.path.exists(f"{word} {rank}"):
        time.sleep(0.005)

def open_in_order(directory, first):
    if RANK != first:
        wait_for(directory, first)
    logger.open(directory, console=None)
    say(directory)
    wait_for(directory, 1 - RANK)

for directory, first in (("one first", 1), ("zero first", 0)):
    open_in_order(directory, first)
    for step in range(3):
        logger.log_scalar("rank", RANK, step)
        logger.dump()
    logger.log_text("text", "from a rank")
    logger.save_snapshot({"by": RANK}, 2)
    say(directory + " saved")
    wait_for(directory + " saved", 0)
    tell(RANK, directory, logger.is_open, *logger.load_snapshot())
    logger.close()

if RANK == 0:
    logger.open("one first", console=None)
    say("opened")
wait_for("opened", 0)
try:
    tell(f"rank {RANK} loaded", *logger.load_snapshot())
except ValueError as error:
    tell(f"rank {RANK} {type(error).__name__}: {error}")
"""


@pytest.mark.slow
def test_under_torchrun_rank_0_logs_whoever_opens_first_and_the_others_load(run_python):
    (run_python.home / "train.py").write_text(WITHOUT_HYDRA)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "train.py"],
        cwd=run_python.home, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for directory in ("one first", "zero first"):
        run = run_python.home / directory
        assert pd.read_csv(run / "progress.csv")["rank"].tolist() == [0, 0, 0]
        assert len(list(run.glob("events.*"))) == len(list(run.glob("media/text/*"))) == 1
        for rank, is_open in ((0, True), (1, False)):
            assert f"{rank} {directory} {is_open} {{'by': 0}} 2" in done.stdout
    assert done.stderr.count("ranks above 0 log nothing (RANK=1 WORLD_SIZE=2)") == 1
    # Of the third act, in which only rank 0 opens.
    assert "rank 0 loaded {'by': 0} 2" in done.stdout
    assert "rank 1 SnapshotError: this rank (RANK=1 WORLD_SIZE=2) knows no run" in done.stdout
    assert "call logger.open(directory) in all ranks" in done.stdout


@pytest.fixture
def environment(monkeypatch):
    """Set what launchers leave in the environment; all else of theirs is away."""
    for name in (
        "RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "TORCHELASTIC_RUN_ID",
        "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE",
        "SLURM_PROCID", "SLURM_NTASKS",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(CurrentRun, "has_told_rank", False)

    def set_all(text: str) -> None:
        for setting in text.split():
            monkeypatch.setenv(*setting.split("="))

    return set_all


@pytest.mark.parametrize(
    ("said", "silent"),
    [
        ("RANK=0 LOCAL_RANK=0 WORLD_SIZE=2", False),
        ("RANK=1 LOCAL_RANK=1 WORLD_SIZE=2", True),
        ("RANK=1 WORLD_SIZE=1", False),
        ("RANK=7 WORLD_SIZE=2", False),  # which are of two trainings
        ("RANK=1", False),
        ("LOCAL_RANK=0 NODE_RANK=0 WORLD_SIZE=4", False),
        ("LOCAL_RANK=1 NODE_RANK=0 WORLD_SIZE=4", True),
        ("LOCAL_RANK=0 NODE_RANK=1 WORLD_SIZE=4", True),
        ("LOCAL_RANK=1 WORLD_SIZE=1", False),
        ("WORLD_SIZE=2", False),
        ("OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=4", False),
        ("OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4", True),
        ("PMI_RANK=1 PMI_SIZE=4", True),
        ("RANK=0 WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2", False),
        ("SLURM_PROCID=1 SLURM_NTASKS=4", False),  # four programs, for all that is known
        ("SLURM_PROCID=1 SLURM_NTASKS=4 PMI_RANK=1 PMI_SIZE=4", False),
        ("SLURM_PROCID=1 SLURM_NTASKS=4 MASTER_ADDR=n0", True),
        ("SLURM_PROCID=1 SLURM_NTASKS=4 WORLD_SIZE=4", True),
        ("SLURM_PROCID=0 SLURM_NTASKS=4 MASTER_ADDR=n0", False),
        ("SLURM_PROCID=1 SLURM_NTASKS=4 MASTER_ADDR=n0 RANK=0 WORLD_SIZE=1", False),
    ],
)
def test_who_started_a_process_says_whether_it_is_a_silent_rank(environment, said, silent):
    environment(said)
    assert (silent_rank() is not None) is silent


def test_a_task_of_srun_whose_directory_another_has_learns_how_to_say_that_it_is_a_rank(
    logger, tmp_path, environment
):
    logger.open(tmp_path)
    environment("SLURM_PROCID=1 SLURM_NTASKS=4")
    assert this_rank() is None
    with pytest.raises(DirectoryInUse, match=r"ranks of one training, set RANK=\$SLURM_PROCID"):
        Logger().open(tmp_path)


def test_where_the_environment_may_be_of_another_job_the_user_hears_who_is_silent(
    logger, tmp_path, environment, recwarn
):
    environment("RANK=1 WORLD_SIZE=4")
    logger.open(tmp_path / "run")
    logger.log_scalar("a", 1)
    Logger().open(tmp_path / "other")
    (warning,) = recwarn
    assert str(warning.message) == (
        "this process logs nothing, for it is not the first rank (RANK=1 WORLD_SIZE=4); if it is "
        "no rank, unset RANK and WORLD_SIZE; if each is to log to a directory of its own, choose "
        "logger.open(directory, all_ranks=True) or hydra.callbacks.exptools.all_ranks=true"
    )
    assert warning.filename == __file__
    assert not list(tmp_path.iterdir())
    logger.close()
    assert logger.directory is None


def test_a_rank_without_a_run_hears_so_at_its_first_log_and_instead_of_a_snapshot(
    logger, environment, recwarn
):
    environment("RANK=1 WORLD_SIZE=4")
    logger.log_scalar("a", 1)
    logger.log_scalar("a", 2)
    assert ["not the first rank" in str(warning.message) for warning in recwarn] == [True]
    with pytest.raises(SnapshotError, match=r"call logger\.open\(directory\) in all ranks"):
        logger.load_snapshot()


def test_a_wrong_option_is_refused_in_all_ranks(logger, tmp_path, environment):
    environment("RANK=1 WORLD_SIZE=4")
    with pytest.raises(ValueError, match="all_ranks should be True or False, not 'yes'"):
        logger.open(tmp_path, all_ranks="yes")


OWN_DIRECTORIES = """
import multiprocessing, os, sys
from exptools import logger

def work(number):
    logger.log_scalar("worker", number)
    logger.dump()

if __name__ == "__main__":
    logger.open(f"rank {os.environ['RANK']}", all_ranks=True, console=None)
    logger.log_scalar("main", 0)
    logger.dump()
    for number, how in enumerate(("fork", "spawn")):
        worker = multiprocessing.get_context(how).Process(target=work, args=(number,))
        worker.start()
        worker.join()
"""


def test_with_all_ranks_a_rank_and_its_workers_log_to_a_directory_of_their_own(run_python):
    done = run_python(OWN_DIRECTORIES, RANK="1", WORLD_SIZE="2")
    assert (done.returncode, done.stderr) == (0, "")
    table = pd.read_csv(run_python.home / "rank 1" / "progress.csv")
    assert table["main"].dropna().tolist() == [0]
    assert table["worker"].dropna().tolist() == [0, 1]


LEFT_OVER = """
import hydra
from exptools import logger

@hydra.main(version_base=None, config_path=None)
def main(cfg):
    logger.log_scalar("a", 1)

main()
"""


@pytest.mark.hydra
@pytest.mark.parametrize("callback", [(), ("hydra/callbacks=exptools",)])
def test_variables_left_over_in_a_hydra_job_are_told_of(run_python, callback):
    done = run_python(LEFT_OVER, "hydra.run.dir=out", *callback, RANK="1", WORLD_SIZE="4")
    assert done.returncode == 0
    assert done.stderr.count("not the first rank (RANK=1 WORLD_SIZE=4)") == 1
    assert not (run_python.home / "out" / "progress.csv").exists()


SPAWNED = """
import multiprocessing, os, torch.distributed
from exptools import logger

def rank():
    logger.open("out")

if __name__ == "__main__":
    logger.open("out")
    del os.environ["EXPTOOLS_RUN_DIR"]  # as if both had been started by somebody else
    process = multiprocessing.get_context("spawn").Process(target=rank)
    process.start()
    process.join()
"""


@pytest.mark.slow
def test_a_spawned_rank_that_opens_too_early_learns_when_to_do_it(run_python):
    done = run_python(SPAWNED)
    assert "the ranks of one training, open the run after init_process_group()" in done.stderr


@pytest.mark.hydra
def test_the_callback_lets_all_ranks_log(run_python):
    options = ("hydra.run.dir=out", "hydra/callbacks=exptools")
    done = run_python(
        LEFT_OVER, *options, "hydra.callbacks.exptools.all_ranks=true", RANK="1", WORLD_SIZE="4"
    )
    assert done.returncode == 0
    assert "rank" not in done.stderr  # Hydra 1.4 has warnings of its own
    assert pd.read_csv(run_python.home / "out" / "progress.csv")["a"].tolist() == [1]
    assert read_status(run_python.home / "out").state is State.COMPLETED


OTHER_DOOR = """
from exptools.logging import logger
from exptools.logging.context import logger_context

with logger_context("data/example", 0, "example", {"lr": 0.1}, snapshot_mode="last"):
    with logger.additional_scalar_output("other.csv"), logger.additional_text_output("b.log"):
        logger.log("a line")
        logger.log_scalar("a", 1, filename="other.csv")
        logger.dump_scalar("other.csv")
        logger.log_embedding("points", [[1.0, 2.0]])
        logger.record_tabular("loss", 1)
        logger.save_itr_params(0, {"a": 1})
        logger.dump_tabular()
"""


def test_a_silent_rank_makes_no_file_by_the_other_door_either(run_python):
    done = run_python(OTHER_DOOR, RANK="1", WORLD_SIZE="2")
    assert done.returncode == 0, done.stderr
    assert not (run_python.home / "data").exists()
