"""A script written for PyTorch's SummaryWriter runs with ours; what both write is compared."""

import copy
import gc
import inspect
import json
import os
import pickle
import shutil
import threading
from contextlib import suppress

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter as Theirs
from torch.utils.tensorboard.summary import hparams, image

from exptools.logging.adapters.summary_writer import SummaryWriter
from exptools.logging.errors import LoggingError
from exptools.logging.run.current import CurrentRun
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


def test_sounds_and_embeddings_go_to_the_run(tmp_path, read_index):
    with SummaryWriter(tmp_path) as writer:
        writer.add_audio("beep", torch.zeros(1, 100), 3, sample_rate=8000)
        labels = [["a", 1], ["b", 2]]
        writer.add_embedding(torch.eye(2), labels, global_step=3, metadata_header=["name", "n"])
    assert [(record.tag, record.kind, record.step) for record in read_index(tmp_path)] == [
        ("beep", "audio", 3)
    ]
    (metadata,) = tmp_path.rglob("metadata.tsv")
    assert metadata.read_text().splitlines() == ["name=a, n=1", "name=b, n=2"]


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


def test_a_run_that_a_writer_has_opened_is_refused_with_what_to_do(tmp_path, logger):
    with (
        SummaryWriter(tmp_path),
        pytest.raises(LoggingError, match="this one; a SummaryWriter made after"),
    ):
        logger.open(tmp_path)


def test_outside_of_any_run_it_makes_one_where_theirs_would(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="_lr") as writer:
        writer.add_scalar("a", 1)
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.endswith("_lr")
    assert table(run)["a"].tolist() == [1]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_another_users_link_at_the_place_that_nobody_gave_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "private").mkdir()
    (tmp_path / "runs").symlink_to("private")
    SummaryWriter().close()  # one's own leads where it leads
    os.lchown(tmp_path / "runs", 65534, 65534)
    before = sorted((tmp_path / "private").rglob("*"))
    with pytest.raises(LoggingError, match="another user has made this link"):
        SummaryWriter(comment="other")
    assert sorted((tmp_path / "private").rglob("*")) == before


def test_a_purge_step_goes_on_with_what_is_there(tmp_path, read_events):
    for purge_step, steps in ((None, range(5)), (3, range(3, 6))):
        with SummaryWriter(tmp_path, purge_step=purge_step) as writer:
            for step in steps:
                writer.add_scalar("a", step, step)
    assert table(tmp_path)["a"].tolist() == list(range(6))
    assert [step for step, _ in read_events(tmp_path)["a"]] == list(range(6))


def live(kind):
    gc.collect()
    return [thing for thing in gc.get_objects() if type(thing) is kind]


def test_writers_that_are_closed_or_forgotten_leave_nothing(tmp_path):
    before = len(live(CurrentRun))
    descriptors = len(os.listdir("/proc/self/fd"))
    for number in range(60):
        writer = SummaryWriter(tmp_path / str(number))
        writer.add_scalar("a", number, 0)
        if number % 2:
            writer.close()
    del writer
    assert len(live(CurrentRun)) == before
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert [table(tmp_path / str(number))["a"].tolist() for number in (58, 59)] == [[58], [59]]


@pytest.mark.parametrize("kind", [Theirs, SummaryWriter])
def test_what_is_logged_after_closing_opens_the_writer_again(tmp_path, read_events, kind):
    writer = kind(tmp_path)
    writer.add_scalar("a", 1, 0)
    assert list(writer.all_writers) == [writer.file_writer.get_logdir()] == [str(tmp_path)]
    writer.close()
    assert (writer.file_writer, writer.all_writers) == (None, None)
    writer.close()
    writer.add_scalar("a", 2, 1)
    writer.file_writer.flush()
    assert writer._get_file_writer().get_logdir() == str(tmp_path)
    writer.close()
    # The names of two files of one second need not sort as they were opened.
    assert sorted(read_events(tmp_path)["a"]) == [(0, 1), (1, 2)]


def test_steps_are_counted_on_after_closing(tmp_path):
    for value in range(3):
        with SummaryWriter(tmp_path) as writer:
            writer.add_scalar("a", value)
    assert table(tmp_path).to_numpy().tolist() == [[0, 0], [1, 1], [2, 2]]


def test_writers_of_one_directory_share_the_run_whatever_they_call_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(tmp_path / "run", tmp_path / "link")
    first, second = SummaryWriter(tmp_path / "run"), SummaryWriter("./link/")
    assert second.get_logdir() == "./link/"
    first.add_scalar("a", 1, 0)
    second.add_scalar("b", 2, 0)
    first.close()
    monkeypatch.chdir("/")
    second.add_scalar("b", 3, 1)
    second.close()
    assert table(tmp_path / "run").to_dict("list") == {
        "step": [0, 1],
        "a": pytest.approx([1, float("nan")], nan_ok=True),
        "b": [2, 3],
    }


def test_writers_one_after_the_other_add_to_one_curve_until_one_starts_over(tmp_path):
    for epoch in range(2):
        for tag in ("train", "eval"):
            with SummaryWriter(tmp_path) as writer:
                writer.add_scalar(tag, epoch, epoch)
    assert table(tmp_path)["step"].tolist() == [0, 0, 1, 1]
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("train", 5, 0)
    assert table(tmp_path)["train"].tolist() == [5]
    assert pd.read_csv(tmp_path / "progress.1.csv")["step"].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("table", ["loss\n0.5\n", "step,wall_time,loss\n1e5,0,1\n"])
def test_another_programs_table_in_the_place_of_ours_ends_no_program(tmp_path, table):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", 0.5, 0)
    (tmp_path / "progress.csv").write_text(table)
    with suppress(LoggingError), SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", 0.4, 1)


def test_a_directory_that_was_removed_is_a_new_run(tmp_path):
    writer = SummaryWriter(tmp_path / "run")
    writer.add_scalar("a", 1, 0)
    shutil.rmtree(tmp_path / "run")
    with SummaryWriter(tmp_path / "run") as writer:
        writer.add_scalar("a", 2, 0)
    assert table(tmp_path / "run")["a"].tolist() == [2]


def test_tags_that_a_table_cannot_have_are_renamed_and_said_once(tmp_path, read_index, recwarn):
    with SummaryWriter(tmp_path) as writer:
        for step in range(2):
            for tag in ("step", "wall_time", "", "a\0b", "\ud800", "long" * 50_000):
                writer.add_scalar(tag, step, step)
            writer.add_text("step", "hello", step)
    columns = table(tmp_path).columns
    assert columns[:5].tolist() == ["step", "step_", "wall_time_", "unnamed", "a_b"]
    assert [len(column) for column in columns[5:]] == [1, 209]
    assert table(tmp_path)["step_"].tolist() == [0, 1]
    assert {record.tag for record in read_index(tmp_path)} == {"step_"}
    assert len(recwarn) == 6
    assert "it is logged as 'step_' instead" in str(recwarn[0].message)


def test_an_address_is_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="to a directory, not to 's3://bucket/a'"):
        SummaryWriter("s3://bucket/a")
    assert not list(tmp_path.iterdir())


def test_other_hyperparameters_than_before_are_a_run_of_their_own(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for lr in (0.1, 0.1, 0.2):
            writer.add_hparams({"lr": lr}, {"accuracy": lr})
        writer.add_hparams({"lr": 0.1}, {"accuracy": 5}, run_name="named")
    below = sorted(path.parent.relative_to(tmp_path) for path in tmp_path.rglob("progress.csv"))
    by_time, named = below[1:]
    assert str(named) == "named"
    assert table(tmp_path)["accuracy"].tolist() == [0.1, 0.1]
    assert table(tmp_path / by_time)["accuracy"].tolist() == [0.2]
    assert table(tmp_path / named)["accuracy"].tolist() == [5]
    assert json.loads((tmp_path / named / "media/hparams/0.json").read_text()) == {"lr": 0.1}


class Corrected(SummaryWriter):
    """As people make theirs write hyperparameters to the run itself."""

    def add_hparams(self, hparam_dict, metric_dict):
        with SummaryWriter(log_dir=self._get_file_writer().get_logdir()) as writer:
            for summary in hparams(hparam_dict, metric_dict):
                writer.file_writer.add_summary(summary)
            for tag, value in metric_dict.items():
                writer.add_scalar(tag, value)


def test_tensorboards_own_messages_become_scalars_and_hyperparameters_and_the_rest_is_shown(
    tmp_path, read_events
):
    writer = Corrected(logdir=tmp_path)  # as tensorboardX calls it
    writer.add_scalar("a", 1, 0)
    writer.add_hparams({"lr": 0.1, "layers": 3}, {"accuracy": 0.5})
    writer.file_writer.add_summary(image("frame", torch.rand(3, 4, 5), dataformats="CHW"), 1)
    writer.add_scalar("a", 2, torch.tensor(1))
    writer.close()
    assert table(tmp_path)["a"].tolist() == [1, 2]
    assert table(tmp_path)["accuracy"][0] == 0.5
    saved = json.loads((tmp_path / "media/hparams/0.json").read_text())
    assert saved == {"lr": 0.1, "layers": 3}
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in events.Images("frame")] == [1]


def test_a_copy_of_a_writer_writes_to_the_same_run(tmp_path):
    writer = Corrected(tmp_path)
    writer.add_scalar("a", 1, 0)
    for step, again in enumerate((copy.deepcopy(writer), pickle.loads(pickle.dumps(writer))), 1):
        assert isinstance(again, Corrected)
        again.add_scalar("a", again.get_logdir() == str(tmp_path), step)
        again.close()
    writer.close()
    assert table(tmp_path)["a"].tolist() == [1, 1, 1]


def test_threads_with_a_writer_each_lose_nothing(tmp_path):
    writers = []

    def write(number):
        writers.append(SummaryWriter(tmp_path))
        for step in range(20):
            writers[-1].add_scalar(f"of/{number}", step, step)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.close()
    assert [table(tmp_path)[f"of/{number}"].count() for number in range(4)] == [20] * 4


PROCESSES = """
import multiprocessing, sys
from exptools.logging.adapters.summary_writer import SummaryWriter

def write(writer, tag):
    writer.add_scalar(tag, 1, 0)
    writer.close()

def write_by_name(directory, tag):
    with SummaryWriter(directory) as writer:
        writer.add_scalar(tag, 1, 0)

if __name__ == "__main__":
    writer = SummaryWriter(sys.argv[1])
    writer.add_scalar("a", 1, 0)
    writer.add_scalar("a", 2, 1)
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        for target, argument in ((write, writer), (write_by_name, sys.argv[1])):
            process = context.Process(target=target, args=(argument, f"{method}/{target.__name__}"))
            process.start()
            process.join()
            assert process.exitcode == 0
    writer.close()
"""


def test_processes_get_the_writer_or_its_directory_and_write_to_the_run(run_python, tmp_path):
    done = run_python(PROCESSES, str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    written = table(tmp_path / "run").count().to_dict()
    assert written == {
        "step": 6,
        "a": 2,
        "fork/write": 1,
        "fork/write_by_name": 1,
        "spawn/write": 1,
        "spawn/write_by_name": 1,
    }


ATTEMPT = """
import sys
from exptools.logging.adapters.summary_writer import SummaryWriter

first, last, *purge = map(int, sys.argv[2:])
with SummaryWriter(sys.argv[1], purge_step=purge[0] if purge else None) as writer:
    for step in range(first, last):
        writer.add_scalar("a", step, step)
"""


def test_a_program_started_again_goes_on_by_its_purge_step_only(run_python, tmp_path):
    def steps_after(*arguments):
        done = run_python(ATTEMPT, str(tmp_path), *map(str, arguments))
        assert done.returncode == 0, done.stderr
        return table(tmp_path)["step"].tolist(), done.stderr

    assert steps_after(0, 5) == ([0, 1, 2, 3, 4], "")
    assert steps_after(3, 6, 3) == ([0, 1, 2, 3, 4, 5], "")
    steps, said = steps_after(3, 6)
    assert steps == [3, 4, 5], "a run that does not say that it goes on is not mixed with another"
    assert "purge_step=3) goes on with them" in said
