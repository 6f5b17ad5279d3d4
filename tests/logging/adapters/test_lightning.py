"""Lightning's own Trainer, logging to ours."""

import json
import logging
import re
import warnings
from argparse import Namespace

import lightning.pytorch as pl
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.demos.boring_classes import BoringModel

from exptools.logging.adapters.lightning import ExptoolsLogger
from exptools.logging.run_logger import Logger
from exptools.run_values import read_values
from exptools.rundir import CONFIG_FILE

pytestmark = pytest.mark.slow


class Model(BoringModel):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()

    def training_step(self, batch, index):
        loss = self.layer(batch).mean()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, index):
        self.log("val/loss", self.layer(batch).mean())

    def test_step(self, batch, index):
        self.log("test/loss", self.layer(batch).mean())


def make_trainer(logger, **options):
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    defaults = {
        "max_epochs": 1,
        "limit_train_batches": 4,
        "limit_val_batches": 1,
        "limit_test_batches": 1,
        "log_every_n_steps": 2,
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return pl.Trainer(logger=ExptoolsLogger(logger=logger), **defaults | options)


@pytest.fixture
def trainer(logger):
    return make_trainer(logger)


def test_a_directory_opens_a_run_there(tmp_path):
    engine = Logger()
    ours = ExptoolsLogger(tmp_path / "run", logger=engine)
    ours.log_metrics({"loss": 0.5}, 0)
    ours.save()
    engine.close()
    assert pd.read_csv(tmp_path / "run/progress.csv")["loss"].tolist() == [0.5]


def steps(path):
    table = pd.read_csv(path)
    return table["step"][table["train/loss"].notna()].tolist()


def test_a_fit_and_a_test_log_to_the_run_that_is_open(trainer, logger, tmp_path):
    logger.open(tmp_path, console=None)
    model = Model()
    trainer.fit(model)
    trainer.test(model, verbose=False)
    table = pd.read_csv(tmp_path / "progress.csv")
    assert table["step"][table["train/loss"].notna()].tolist() == [1, 3]
    assert table["step"][table["val/loss"].notna()].tolist() == [3]
    assert table["test/loss"].count() == 1
    assert json.loads((tmp_path / "media/hparams/0.json").read_text()) == {"lr": 0.1}
    assert read_values(tmp_path / CONFIG_FILE).values == {"lr": 0.1}
    assert logger.is_open


def test_checkpoints_stand_in_the_run_directory(trainer, logger, tmp_path):
    logger.open(tmp_path, console=None)
    trainer.fit(Model())
    assert trainer.log_dir == str(tmp_path)
    assert [path.parent for path in tmp_path.rglob("*.ckpt")] == [tmp_path / "checkpoints"]


def test_modules_reach_the_verbs_through_experiment(logger, tmp_path):
    logger.open(tmp_path, console=None)
    ExptoolsLogger(logger=logger).experiment.log_text("note", "hello", 1)
    assert (tmp_path / "media" / "note" / "1.txt").read_text() == "hello"


def test_modules_that_were_written_for_tensorboard_log_by_its_verbs(logger, tmp_path):
    logger.open(tmp_path, console=None)
    experiment = ExptoolsLogger(logger=logger).experiment
    experiment.add_scalar("a", 1.0, 3)
    with experiment.prefix("eval/"):
        experiment.add_image("frame", torch.rand(3, 4, 5), 3)
    experiment.close()
    assert pd.read_csv(tmp_path / "progress.csv")["a"].tolist() == [1]
    assert (tmp_path / "media" / "eval" / "frame" / "3.png").exists()
    assert logger.is_open


def test_hyperparameters_bring_their_metrics_as_with_tensorboards_logger(logger, tmp_path):
    logger.open(tmp_path, console=None)
    ours = ExptoolsLogger(logger=logger)
    ours.log_hyperparams(Namespace(lr=0.1), {"hp/loss": 0})
    with pytest.warns(UserWarning, match="it is logged as 'wall_time_' instead"):
        ours.log_metrics({"wall_time": 5}, 0)
    ours.save()
    table = pd.read_csv(tmp_path / "progress.csv")
    assert table[["hp/loss", "wall_time_"]].to_numpy().tolist() == [[0, 5]]


def test_a_fit_from_a_checkpoint_goes_on_with_the_run_and_another_starts_afresh(logger, tmp_path):
    def fit(checkpoint=None, **options):
        logger.open(tmp_path, console=None)
        path = None if checkpoint is None else tmp_path / "checkpoints" / f"{checkpoint}.ckpt"
        options = {"enable_checkpointing": "callbacks" in options} | options
        make_trainer(logger, **options).fit(Model(), ckpt_path=path)
        return steps(tmp_path / "progress.csv")

    saved = [
        ModelCheckpoint(filename="{epoch}", save_top_k=-1),
        ModelCheckpoint(filename="{step}", save_top_k=-1, every_n_train_steps=6),
    ]
    assert fit(max_epochs=3, log_every_n_steps=1, callbacks=saved) == [*range(12)]

    assert fit("step=6", max_epochs=4, log_every_n_steps=4) == [*range(6), 7, 11, 15]
    assert steps(tmp_path / "progress.1.csv") == [*range(6, 12)], "what did not go on stays apart"
    assert fit("epoch=0", max_epochs=2, log_every_n_steps=4) == [*range(4), 7]

    before = (tmp_path / "progress.csv").read_text().splitlines()
    logger.open(tmp_path, console=None)
    path = tmp_path / "checkpoints" / "epoch=0.ckpt"
    make_trainer(logger).test(Model(), ckpt_path=path, verbose=False)
    logger.close()
    lines = (tmp_path / "progress.csv").read_text().splitlines()
    rows = [line.rstrip(",") for line in before[1:]]
    assert [line.rstrip(",") for line in lines[1:-1]] == rows, "a test adds to what is tested"

    logger.open(tmp_path, console=None)
    trainer = make_trainer(logger, max_epochs=2, log_every_n_steps=4, enable_checkpointing=False)
    trainer.validate(Model(), ckpt_path=path, verbose=False)
    trainer.fit(Model(), ckpt_path=path)
    assert steps(tmp_path / "progress.csv") == [*range(4), 7], "a look before it changes nothing"

    assert fit(log_every_n_steps=4) == [3], "though it logs no step before that"


TWO_RANKS = """
import os, sys
sys.modules["lightning"] = None  # as if only the older name were installed

import pytorch_lightning as pl
from pytorch_lightning.demos.boring_classes import BoringModel
from exptools import logger
from exptools.logging.adapters.lightning import ExptoolsLogger
from exptools.logging.run_logger import Logger

class Model(BoringModel):
    def training_step(self, batch, index):
        logger.log_scalar("seen", 1)
        self.log("rank", float(self.global_rank), rank_zero_only=True)
        return super().training_step(batch, index)

logger.open(sys.argv[1], console=None)
pl.Trainer(
    logger=ExptoolsLogger(), strategy="ddp", devices=2, accelerator="cpu", max_steps=3,
    limit_val_batches=0, log_every_n_steps=1, enable_checkpointing=False,
    enable_progress_bar=False, enable_model_summary=False,
).fit(Model())
os.write(1, f"done {logger.is_open}\\n".encode())
"""


def test_of_two_ranks_the_first_logs_and_nobody_is_refused(run_python, tmp_path):
    done = run_python(TWO_RANKS, str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert sorted(re.findall("done .*", done.stdout)) == ["done False", "done True"], "of each rank"
    table = pd.read_csv(tmp_path / "run" / "progress.csv")
    assert table["step"].tolist() == [0, 1, 2]
    assert table["rank"].tolist() == [0, 0, 0]
    assert table["seen"].tolist() == [1, 1, 1]
