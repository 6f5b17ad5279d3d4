"""Stable-Baselines3's own logger and one of its algorithms, writing to ours."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Figure, HParam, Image, Logger, Video

from exptools.logging.adapters.stable_baselines3 import ExptoolsOutputFormat
from exptools.run_values import read_values
from exptools.rundir import CONFIG_FILE


@pytest.fixture
def theirs(logger, tmp_path):
    logger.open(tmp_path, console=None)
    theirs = Logger(None, [ExptoolsOutputFormat(logger)])
    yield theirs
    theirs.close()


def table(directory):
    return pd.read_csv(directory / "progress.csv").drop(columns="wall_time")


def test_a_training_logs_a_row_for_each_of_its_iterations(theirs, tmp_path):
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, n_epochs=1, device="cpu")
    model.set_logger(theirs)
    model.learn(96)
    logged = table(tmp_path)
    assert logged["step"].tolist() == [32, 64, 96]
    assert logged["time/total_timesteps"].tolist() == [32, 64, 96]
    assert logged["train/loss"].notna().tolist() == [False, True, True]


@pytest.mark.slow
def test_a_model_that_goes_on_adds_to_its_run_and_one_that_begins_starts_afresh(logger, tmp_path):
    def learn(model, timesteps, **options):
        logger.open(tmp_path / "run", console=None)
        model.set_logger(Logger(None, [ExptoolsOutputFormat(logger)]))
        model.learn(timesteps, **options)
        logger.close()
        return table(tmp_path / "run")["step"].tolist()

    def ppo(n_steps):
        return PPO("MlpPolicy", "CartPole-v1", n_steps=n_steps, batch_size=16, n_epochs=1)

    model = ppo(16)
    assert learn(model, 32) == [16, 32]
    model.save(tmp_path / "model.zip")
    assert learn(model, 32, reset_num_timesteps=False) == [16, 32, 48, 64]
    again = PPO.load(tmp_path / "model.zip", env=model.env)
    assert learn(again, 16, reset_num_timesteps=False) == [16, 32, 48]
    replaced = pd.read_csv(tmp_path / "run" / "progress.1.csv")
    assert replaced["step"].tolist() == [48, 64]
    assert learn(ppo(32), 32) == [32], "though no step before that is logged again"


def test_a_dump_is_a_row_on_the_disk(theirs, tmp_path):
    theirs.record("a", np.float32(1.5))
    theirs.record("b", torch.tensor([2]))
    theirs.record_mean("mean", 1)
    theirs.record_mean("mean", 2)
    theirs.record("nothing", None)
    theirs.dump(10)
    assert table(tmp_path).to_dict("records") == [{"step": 10, "a": 1.5, "b": 2, "mean": 1.5}]


def test_excluded_keys_are_left_out(theirs, tmp_path):
    theirs.record("ours", 1, exclude="exptools")
    theirs.record("both", 1, exclude=("stdout", "csv", "tensorboard"))
    theirs.record("table", 1, exclude="tensorboard")
    theirs.record("kept", 1, exclude=("stdout", "log", "json", "csv"))
    theirs.dump(0)
    assert table(tmp_path).columns.tolist() == ["step", "table", "kept"]


def test_what_is_no_scalar_is_logged_as_what_it_is(theirs, tmp_path, read_index):
    figure = plt.figure()
    theirs.record("note", "hello")
    theirs.record("weights", torch.arange(10.0))
    theirs.record("frame", Image(np.zeros((4, 5, 3), np.uint8), "HWC"))
    theirs.record("video", Video(torch.zeros(1, 3, 3, 4, 5, dtype=torch.uint8), fps=5))
    theirs.record("figure", Figure(figure, close=True))
    theirs.record("hparams", HParam({"lr": 0.1, "schedule": None}, {"eval/reward": 0}))
    theirs.record("a", 1)
    theirs.dump(7)
    index = {record.tag: (record.kind, record.step) for record in read_index(tmp_path)}
    assert index == {
        "note": ("text", 7),
        "weights": ("histogram", 7),
        "frame": ("image", 7),
        "video": ("gif", 7),
        "figure": ("figure", 7),
        "hparams": ("hparams", 0),
    }
    assert not plt.fignum_exists(figure.number)
    hparams = json.loads((tmp_path / "media" / "hparams" / "0.json").read_text())
    assert hparams == {"lr": 0.1, "schedule": "None"}
    assert read_values(tmp_path / CONFIG_FILE).values == {"lr": 0.1, "schedule": None}
    assert table(tmp_path).columns.tolist() == ["step", "a"]


def test_a_value_of_no_kind_is_refused_by_its_key(theirs):
    theirs.record("odd", object())
    with pytest.raises(TypeError, match="the scalar 'odd' should be one number"):
        theirs.dump(0)


def test_closing_theirs_leaves_the_run_open(theirs, logger, tmp_path):
    theirs.close()
    assert logger.directory == tmp_path
