import copy
import json
import os
import pickle
import re

import polars as pl
import pytest

import exptools.viewing as xv
from exptools.rundir import MEDIA_INDEX, OUTPUT_LOG
from tests.viewing.samples import write_run, write_summary

NAN = float("nan")


@pytest.fixture
def run(tmp_path):
    """A run between two others, which log something else."""
    write_run(tmp_path / "0", {"lr": 1}, {"other": [9.0]})
    write_run(tmp_path / "1", {"lr": 2}, {"loss": [3.0, None, 1.0], "acc": [None, 0.5, NAN]})
    write_run(tmp_path / "2", {"lr": 3})
    return xv.load(tmp_path)["1"]


def test_a_run_has_what_it_logged_and_nothing_of_others(run):
    assert run.metrics == ("acc", "loss")
    rows = run.rows()
    assert rows.columns == ["step", "wall_time", "acc", "loss"]
    assert rows["loss"].to_list() == [3.0, None, 1.0]
    assert run.rows("loss").height == 2
    assert run.rows(long=True).columns == ["step", "wall_time", "metric", "value"]
    with pytest.raises(xv.QueryError, match="no run has logged 'other'"):
        run.rows("other")


def test_a_run_sees_what_was_logged_since(run):
    run.rows()
    with (run.directory / "progress.csv").open("a") as file:
        file.write("3,1700000003.0,0.25,0.75\n")
    assert run.rows()["loss"].to_list() == [3.0, None, 1.0, 0.25]


def test_a_run_has_curves(run):
    curves = run.curve("loss", smooth=0.5)
    (group,) = curves
    assert (group.label, curves.smooth, curves.band) == ("1", "ema:0.5", "none")
    assert group.curve.x.tolist() == [0.0, 2.0]
    assert group.curve.center.tolist() == [3.0, pytest.approx((1 + 0.5 * 3) / 1.5)]
    assert run.curve("loss", x="relative_time")[0].curve.x.tolist() == [0.0, 2.0]
    with pytest.raises(xv.QueryError, match="did you mean 'loss'"):
        run.curve("los")


def test_a_run_has_logs(run):
    assert (run.logs, run.log()) == ((), "")
    (run.directory / "train.log").write_text("trained\n")
    (run.directory / OUTPUT_LOG).write_text("one\n\x1b[31mtwo\x1b[0m\nthree")
    assert run.logs == (OUTPUT_LOG, "train.log")
    assert run.log() == "one\ntwo\nthree"
    assert run.log(lines=2) == "two\nthree"
    assert run.log(lines=0) == ""
    assert run.log("train.log") == "trained\n"
    with pytest.raises(xv.QueryError, match=r"no log 'trian\.log'; did you mean 'train"):
        run.log("trian.log")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_no_log_and_nobody_waits_for_it(run):
    os.mkfifo(run.directory / "pipe.log")
    with pytest.raises(OSError, match=r"it is no regular file: .*pipe\.log"):
        run.log()


def test_a_run_has_media(run):
    assert run.media().height == 0
    lines = [
        {"tag": "digit", "step": 2, "kind": "image", "path": "media/digit/2.png", "size": 9},
        {"tag": "digit", "step": 1, "kind": "image", "path": "media/digit/1.png", "size": 8},
        {"tag": "secret", "step": 0, "kind": "text", "path": "../../secret", "size": 1},
        {"tag": "nul", "step": 0, "kind": "text", "path": "a\0b", "size": 1},
        {"tag": "nul above", "step": 0, "kind": "text", "path": "a\0b/c", "size": 1},
        {"tag": "link", "step": 0, "kind": "text", "path": "media/link", "size": 1},
        {"tag": "linked", "step": 0, "kind": "text", "path": "media/out/x", "size": 1},
        {"tag": "up", "step": 0, "kind": "text", "path": "media/../..", "size": 1},
    ]
    index = run.directory / MEDIA_INDEX
    index.parent.mkdir()
    (index.parent / "link").symlink_to("/etc/passwd")
    (index.parent / "out").symlink_to("/etc")
    index.write_text("".join(json.dumps(line) + "\n" for line in lines) + "no line\n")
    media = run.media()
    assert media.columns == ["kind", "tag", "step", "path", "wall_time", "size"]
    assert media.filter(pl.col("tag") == "digit")["path"].to_list() == [
        str(run.directory / "media/digit/1.png"),
        str(run.directory / "media/digit/2.png"),
    ]
    assert media.filter(pl.col("tag") != "digit")["path"].to_list() == [None] * 6


def test_a_run_says_in_a_line_what_it_is(tmp_path):
    write_run(tmp_path / "0", {f"key{i}": "x" * 100 for i in range(1000)}, state=None)
    assert repr(xv.load(tmp_path)[0]) == "<LoadedRun '0': no state, 1000 keys>"


def test_equal_runs_are_equal_and_can_be_counted(run):
    (again,) = xv.load(run.directory.parent).filter(lambda other: other.name == "1")
    assert again == run
    assert len({again, run}) == 1
    write_run(run.directory, {"lr": 7})
    assert xv.load(run.directory.parent)["1"] != run


@pytest.fixture
def config(tmp_path):
    write_run(tmp_path / "a", {"optim": {"lr": 0.1, "betas": [0.9, 0.99]}, "seed": 0})
    return xv.load(tmp_path)[0].config


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("lr", "the config has no key 'lr'; did you mean 'optim.lr'?"),
        ("sede", "the config has no key 'sede'; did you mean 'seed'?"),
        ("optim", "'optim' is a section of the config: it has optim.lr, optim.betas"),
        (3, "the config has no key 3; there are optim.lr, optim.betas, seed"),
    ],
)
def test_a_key_that_a_config_lacks_is_answered_with_the_nearest(config, key, sentence):
    with pytest.raises(KeyError) as error:
        config[key]
    assert str(error.value) == sentence
    assert key not in config
    assert config.get(key) is None


def test_what_a_summary_lacks_is_answered_with_the_nearest(tmp_path):
    write_run(tmp_path / "0", {}, {"loss": [1.0]})
    write_summary(tmp_path / "0", result=0.5)
    summary = xv.load(tmp_path)[0].summary
    assert dict(summary) == {"result": 0.5} == pickle.loads(pickle.dumps(summary))
    with pytest.raises(KeyError, match="the summary has no key 'reslt'; did you mean 'result'"):
        summary["reslt"]


def test_a_key_asked_for_as_an_attribute_is_shown_in_brackets(config):
    with pytest.raises(AttributeError, match=re.escape('as in config["optim.lr"]')):
        config.lr  # noqa: B018
    with pytest.raises(AttributeError, match="in brackets; the config has no key 'learning_rate'"):
        config.learning_rate  # noqa: B018


def test_a_config_is_a_mapping_that_nobody_changes(config):
    assert copy.deepcopy(config) == pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(TypeError, match="does not support item assignment"):
        config["seed"] = 1
    with pytest.raises(TypeError, match="does not support item deletion"):
        del config["seed"]
