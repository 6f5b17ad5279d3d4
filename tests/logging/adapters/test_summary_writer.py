"""A script written for PyTorch's SummaryWriter runs with ours; what both write is compared."""

import inspect
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.tensorboard import SummaryWriter as Theirs

from exptools.logging.adapters.summary_writer import SummaryWriter
from exptools.logging.run_logger import logger as the_logger
from exptools.run_values import read_values
from exptools.rundir import CONFIG_FILE


def table(directory):
    return pd.read_csv(directory / "progress.csv").drop(columns="wall_time")


def script(writer):
    for step in range(3):
        writer.add_scalar("loss", torch.tensor(1 / (step + 1)), step)
        writer.add_scalar("accuracy", np.float32(0.5), global_step=step)
    writer.add_histogram("weights", torch.arange(10.0), 2)
    writer.add_image("chw", torch.rand(3, 4, 5), 2)
    writer.add_image("hwc", np.zeros((4, 5, 3), np.uint8), 2, dataformats="HWC")
    writer.add_images("batch", torch.rand(4, 3, 4, 5), 2)
    writer.add_text("note", "hello", 2)


def test_a_script_gives_the_same_scalars_as_with_theirs(tmp_path, read_events, read_index):
    for kind in (Theirs, SummaryWriter):
        with kind(str(tmp_path / kind.__module__)) as writer:
            script(writer)
    theirs, ours = (tmp_path / kind.__module__ for kind in (Theirs, SummaryWriter))
    assert read_events(ours) == read_events(theirs)
    assert table(ours)["step"].tolist() == [0, 1, 2]
    media = [(record.tag, record.kind, record.step) for record in read_index(ours)]
    assert media == [
        ("weights", "histogram", 2),
        ("chw", "image", 2),
        ("hwc", "image", 2),
        ("batch", "image", 2),
        ("note", "text", 2),
    ]


def test_every_call_of_theirs_is_here_with_its_parameters_or_left_out_with_a_warning(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for name, method in inspect.getmembers(Theirs, inspect.isfunction):
            if name[0] == "_":
                continue
            if hasattr(SummaryWriter, name):
                ours = inspect.signature(getattr(SummaryWriter, name))
                assert list(ours.parameters) == list(inspect.signature(method).parameters)
            else:
                with pytest.warns(UserWarning, match=f"{name} is left out") as seen:
                    getattr(writer, name)("any", argument=1)
                assert seen[0].filename == __file__
        with pytest.raises(AttributeError, match="no attribute 'add_scalr'"):
            writer.add_scalr("loss", 1)


def test_a_later_step_and_a_flush_put_the_row_on_the_disk(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.add_scalar("a", 1, 0)
    writer.add_scalar("a", 2, 1)
    assert table(tmp_path)["a"].tolist() == [1]
    writer.flush()
    assert table(tmp_path)["a"].tolist() == [1, 2]
    writer.add_scalar("a", 3, 2)
    writer.close()
    assert table(tmp_path)["a"].tolist() == [1, 2, 3]


def test_values_without_a_step_are_counted_and_none_is_lost(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for value in range(3):
            writer.add_scalar("a", value)
            writer.add_scalar("b", -value)
    assert table(tmp_path).to_numpy().tolist() == [[0, 0, 0], [1, 1, -1], [2, 2, -2]]


def test_scalars_of_a_group_are_columns_of_the_same_run(tmp_path, read_events):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars("loss", {"train": 1, "eval": 2}, 5)
    assert read_events(tmp_path) == {"loss/train": [(5, 1)], "loss/eval": [(5, 2)]}


def test_figures_are_closed_and_videos_stand_side_by_side(tmp_path, read_index):
    before = plt.get_fignums()
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("one", plt.figure(), 1)
        writer.add_figure("two", [plt.figure(), plt.figure()], 1)
        assert plt.get_fignums() == before
        kept = plt.figure()
        writer.add_figure("kept", kept, 1, close=False)
        assert plt.get_fignums() == [*before, kept.number]
        plt.close(kept)
        writer.add_video("run", torch.rand(2, 3, 1, 4, 5), 1)
        with pytest.raises(ValueError, match=r"'bad' should have the shape \(N, T, C, H, W\)"):
            writer.add_video("bad", torch.zeros(3, 1, 4, 5))
    kinds = [record.kind for record in read_index(tmp_path)]
    assert kinds == ["figure"] * 4 + ["gif"]
    with Image.open(tmp_path / "media" / "run" / "1.gif") as gif:
        assert (gif.size, gif.n_frames) == ((10, 4), 3)


def test_hyperparameters_and_their_metrics_are_in_this_run(tmp_path, read_events):
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams({"lr": 0.1, "net": "mlp"}, {"hparam/accuracy": 0.9}, global_step=7)
    assert json.loads((tmp_path / "media/hparams/0.json").read_text()) == {"lr": 0.1, "net": "mlp"}
    assert read_values(tmp_path / CONFIG_FILE).values == {"lr": 0.1, "net": "mlp"}
    assert read_events(tmp_path)["hparam/accuracy"] == [(7, pytest.approx(0.9))]
    assert not [path for path in tmp_path.iterdir() if path.is_dir() and path.name[0].isdigit()]


def test_two_writers_have_a_run_each(tmp_path):
    with SummaryWriter(tmp_path / "train") as train, SummaryWriter(tmp_path / "eval") as evaluate:
        for step in range(2):
            train.add_scalar("loss", step, step)
            evaluate.add_scalar("loss", -step, step)
    assert table(tmp_path / "train")["loss"].tolist() == [0, 1]
    assert table(tmp_path / "eval")["loss"].tolist() == [0, -1]


@pytest.mark.parametrize("how", ["without a directory", "with the run's own"])
def test_it_writes_to_the_run_that_is_open_and_leaves_it_open(tmp_path, how):
    the_logger.open(tmp_path, console=None)
    try:
        with SummaryWriter(None if how == "without a directory" else tmp_path) as writer:
            assert writer.get_logdir() == str(tmp_path)
            writer.add_scalar("a", 1, 0)
        the_logger.log_scalar("a", 2, 1)
    finally:
        the_logger.close()
    assert table(tmp_path)["a"].tolist() == [1, 2]


def test_outside_of_any_run_it_makes_one_where_theirs_would(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="_lr") as writer:
        writer.add_scalar("a", 1)
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.endswith("_lr")
    assert table(run)["a"].tolist() == [1]


def test_a_purge_step_goes_on_with_what_is_there(tmp_path, read_events):
    for purge_step, steps in ((None, range(5)), (3, range(3, 6))):
        with SummaryWriter(tmp_path, purge_step=purge_step) as writer:
            for step in steps:
                writer.add_scalar("a", step, step)
    assert table(tmp_path)["a"].tolist() == list(range(6))
    assert [step for step, _ in read_events(tmp_path)["a"]] == list(range(6))
