"""Scripts of the original exptools and of rlpyt log as they did."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from exptools.logging import logger
from exptools.logging.context import logger_context
from exptools.logging.errors import LoggingError
from exptools.logging.run.earlier.position import last_step
from exptools.run_values import read_values
from exptools.rundir import SUMMARY_FILE
from tests.viewing.samples import only_run


@pytest.fixture(autouse=True)
def in_a_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    logger.close()


def table(run_dir, name="progress.csv"):
    return pd.read_csv(run_dir / name).drop(columns="wall_time")


def test_the_originals_own_demo_leaves_what_it_says(tmp_path, read_index):
    config = {"optionB": 2.0, "optionC": {"deep": [1, 2]}}
    with logger_context(tmp_path / "data" / "here", 3, "demo", config):
        logger.log_text("Start running experiment", 0)
        for epoch_i in range(3):
            logger.log_text("This is a test", epoch_i, color="blue")
            logger.log_scalar("metric1", epoch_i, epoch_i)
            logger.log_scalar_batch("metric_array", [1, 3, float("nan")], epoch_i)
            additional_csv = f"iteration{epoch_i}.csv"
            with logger.additional_scalar_output(additional_csv):
                for itr_i in range(5):
                    logger.log_scalar("inner_step", itr_i, itr_i, filename=additional_csv)
                    logger.dump_scalar(additional_csv)
            logger.dump_data()
            image = np.full((3, 50, 40), 9, np.uint8)
            logger.log_image("random_img", image, epoch_i)
            logger.log_gif("random_gif", [image, image + 100], epoch_i, duration=0.1)
    run_dir = tmp_path / "data" / "here" / "run_3"
    rows = table(run_dir)
    assert rows["metric1"].tolist() == [0, 1, 2]
    assert rows.iloc[0, 2:].to_dict() == {
        "metric_array/Average": 2, "metric_array/Std": 1, "metric_array/Max": 3,
        "metric_array/Min": 1, "metric_array/Len": 2,
    }  # fmt: skip
    assert table(run_dir, "iteration2.csv")["inner_step"].tolist() == [0, 1, 2, 3, 4]
    assert json.loads((run_dir / "params.json").read_text()) == {
        **config, "name": "demo", "run_ID": 3,
    }  # fmt: skip
    lines = (run_dir / "debug.log").read_text().splitlines()
    assert lines[0].endswith(" | demo_3 Start running experiment")
    assert len(lines) == 4
    kinds = [record.kind for record in read_index(run_dir)]
    assert {kind: kinds.count(kind) for kind in ("image", "gif", "text", "hparams")} == {
        "image": 3, "gif": 3, "text": 0, "hparams": 1,
    }  # fmt: skip
    (gif, *_) = (record for record in read_index(run_dir) if record.kind == "gif")
    with Image.open(run_dir / gif.path) as animation:
        assert (animation.size, animation.n_frames) == ((40, 50), 2)


def rlpyt_training(run_dir, first, last, gap=5):
    """A sampler, an optimizer and a logger as rlpyt's runners have them."""
    agent = torch.nn.Linear(2, 1)
    if first:
        params = torch.load(run_dir / "snapshots" / f"itr_{first - 1}.pkl", weights_only=False)
        agent.load_state_dict(params["agent_state_dict"])
        assert params["itr"] == first - 1
    optimizer = torch.optim.SGD(agent.parameters(), lr=0.1)
    random = np.random.default_rng(first)
    for itr in range(first, last):
        with logger.prefix(f"itr #{itr} "):
            x = torch.from_numpy(random.normal(size=(16, 2)).astype(np.float32))
            loss = ((agent(x) - x.sum(1, keepdim=True)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            logger.log("optimized")
        logger.set_iteration(itr)
        logger.save_itr_params(itr, {"itr": itr, "agent_state_dict": agent.state_dict()})
        with logger.tabular_prefix("Diagnostics/"):
            logger.record_tabular("CumSteps", itr * 16)
        logger.record_tabular("Loss", loss.item())
        logger.record_tabular_misc_stat("Return", [1.0, 2.0, 6.0])
        logger.record_tabular_misc_stat("Return", [], placement="front")
        logger.dump_tabular(with_prefix=False)
    return agent


def test_an_agent_trained_in_rlpyts_way_can_be_stopped_and_continued(tmp_path):
    run_dir = tmp_path / "data" / "rl" / "run_0"
    assert logger_context.__wrapped__
    with logger_context("data/rl", 0, "ppo", {"lr": 0.1}, snapshot_mode=5):
        rlpyt_training(run_dir, 0, 12)
    assert sorted(path.name for path in (run_dir / "snapshots").iterdir()) == [
        "itr_0.pkl", "itr_4.pkl", "itr_9.pkl",
    ]  # fmt: skip
    first = table(run_dir)["Loss"].tolist()
    with logger_context("data/rl", 0, "ppo", {"lr": 0.1}, snapshot_mode="gap", itr_i=10):
        rlpyt_training(run_dir, 10, 20)
    rows = table(run_dir)
    assert rows["step"].tolist() == list(range(20))
    assert rows["Loss"].tolist()[:10] == first[:10]
    assert table(run_dir, "progress.1.csv")["Loss"].tolist() == first[10:]
    assert rows["Diagnostics/CumSteps"].tolist() == [itr * 16 for itr in range(20)]
    assert rows["Return/Median"].tolist() == [2] * 20
    assert rows["AverageReturn"].isna().all()
    events = EventAccumulator(str(run_dir), size_guidance={"scalars": 0})
    events.Reload()
    assert [event.step for event in events.Scalars("Loss")] == list(range(20))


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, [0, 1, 2, 5, 6]), ({"refresh": True}, [5, 6]), ({"itr_i": 2}, [0, 1, 5, 6])],
)
def test_what_stays_of_an_earlier_attempt(tmp_path, options, expected):
    for steps, how in (([0, 1, 2], {}), ([5, 6], options)):
        with logger_context(tmp_path, 0, "demo", {"a": 1}, **how):
            for step in steps:
                logger.log_scalar("a", step, step)
                logger.dump_data()
    assert table(tmp_path / "run_0")["a"].tolist() == expected


def test_a_script_that_begins_anew_replaces_what_was_there_and_loses_nothing(tmp_path):
    for value in (1, 2):
        with logger_context(tmp_path, 0, "demo", {"a": 1}):
            for step in range(2):
                logger.log_scalar("a", value, step)
                logger.dump_data()
    assert table(tmp_path / "run_0")["a"].tolist() == [2, 2]
    assert table(tmp_path / "run_0", "progress.1.csv")["a"].tolist() == [1, 1]


def test_a_relative_directory_outside_of_data_is_put_there_and_said(tmp_path, capsys):
    with logger_context("mine", 0, "demo"):
        logger.log_scalar("a", 1)
    (run_dir,) = (tmp_path / "data" / "local" / "demo").glob("*/mine/run_0")
    assert table(run_dir)["a"].tolist() == [1]
    assert "mine is outside of data/" in capsys.readouterr().out


def test_prefixes_of_kinds_stand_behind_those_of_all(tmp_path, read_index):
    with logger_context(tmp_path, 0, "demo"):
        logger.push_prefix("all/")
        logger.push_scalar_prefix("one/")
        with logger.scalar_prefix("two/"), logger.image_prefix("picture/"):
            logger.log_scalar("a", 1)
            logger.log_scalar("bare", 1, with_prefix=False)
            logger.log_image("frame", np.zeros((4, 4), np.uint8))
        logger.pop_scalar_prefix()
        logger.pop_prefix()
        logger.log_scalar("plain", 1)
    assert table(tmp_path / "run_0").columns[1:].tolist() == ["all/one/two/a", "bare", "plain"]
    tags = [record.tag for record in read_index(tmp_path / "run_0")]
    assert "all/picture/frame" in tags


def test_both_doors_lead_to_one_run(tmp_path, read_index):
    from exptools import logger as modern

    with logger_context(tmp_path, 0, "demo"):
        modern.log_scalar("modern", 1, 0)
        logger.log_scalar("old", 2, 0)
        logger.log_text("note", "of the other door", 0)
    assert table(tmp_path / "run_0").to_dict("list") == {"step": [0], "modern": [1], "old": [2]}
    assert "note" in [record.tag for record in read_index(tmp_path / "run_0")]


@pytest.mark.parametrize("is_link", [True, False])
def test_the_projectors_config_is_read_through_no_link_and_from_no_pipe(tmp_path, is_link):
    config = tmp_path / "run_0" / "projector_config.pbtxt"
    config.parent.mkdir()
    config.symlink_to("/dev/null") if is_link else os.mkfifo(config)
    refused = pytest.raises(LoggingError, match=r"it is a link|no regular file")
    with logger_context(tmp_path, 0, "demo"), refused:
        logger.log_embedding("codes", np.zeros((2, 2)), 0)


def test_an_embedding_is_one_that_tensorboards_projector_reads(tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    points = np.arange(10.0).reshape(5, 2)
    images = np.zeros((5, 3, 8, 6), np.uint8)
    with logger_context(tmp_path, 0, "demo"):
        logger.log_embedding("codes", points, 0, ["a", "b\nc", 3, "d", "e"], images)
        with pytest.raises(ValueError, match="5 points and 2 labels"):
            logger.log_embedding("codes", points, 0, ["a", "b"])
        with pytest.raises(ValueError, match="5 points and 2 images"):
            logger.log_embedding("codes", points, 0, None, images[:2])
    run_dir = tmp_path / "run_0"
    config = ProjectorConfig()
    text_format.Parse((run_dir / "projector_config.pbtxt").read_text(), config)
    (entry,) = config.embeddings
    assert np.loadtxt(run_dir / entry.tensor_path).tolist() == points.tolist()
    assert (run_dir / entry.metadata_path).read_text().splitlines() == ["a", "b c", "3", "d", "e"]
    with Image.open(run_dir / entry.sprite.image_path) as sprite:
        assert sprite.size == (3 * 6, 3 * 8)


def test_a_verb_that_is_none_names_the_nearest():
    with pytest.raises(AttributeError, match="no verb 'log_scaler'; did you mean 'log_scalar'"):
        _ = logger.log_scaler


def test_a_table_that_is_not_open_is_said_in_a_sentence(tmp_path):
    with (
        logger_context(tmp_path, 0, "demo"),
        pytest.raises(ValueError, match=r"'a\.csv' is not open"),
    ):
        logger.log_scalar("a", 1, filename="a.csv")


def test_a_summary_counts_on_where_the_run_goes_on_and_the_settings_are_the_new_ones(tmp_path):
    run_dir, saids = tmp_path / "run_0", []
    for itr_i, params in [(0, {"lr": 1, "old": 1}), (3, {"lr": 2}), (0, {"lr": 3})]:
        with logger_context(tmp_path, 0, "demo", params, itr_i=itr_i):
            if itr_i == 0 and "old" in params:
                logger.summary("best", 1)
            for itr in range(itr_i, itr_i + 3):
                logger.log_scalar("a", itr, itr)
        said = read_values(run_dir / SUMMARY_FILE)
        saids.append((said and said.values, only_run(tmp_path).config.get("lr")))
    assert saids == [({"best": 1}, 1), ({"best": 1}, 2), (None, 3)]
    assert "old" not in only_run(tmp_path).config


def test_a_pipe_or_a_hole_in_the_place_of_an_earlier_table_keeps_nobody_waiting(tmp_path):
    assert last_step(tmp_path / "none") is None
    os.mkfifo(tmp_path / "pipe")
    assert last_step(tmp_path / "pipe") is None
    with open(tmp_path / "hole", "wb") as table:
        table.truncate(2**40)
    assert last_step(tmp_path / "hole") is None
    (tmp_path / "torn").write_text("step,a\n7,1\n8,2\n9")
    assert last_step(tmp_path / "torn") == 9
    (tmp_path / "far").write_text(f"step,a\n{2**80},1\n")
    assert last_step(tmp_path / "far") is None
    (tmp_path / "link").symlink_to(tmp_path / "torn")
    assert last_step(tmp_path / "link") is None
