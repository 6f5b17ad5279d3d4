"""rlpyt's own way with the logger: its verbs, its prefixes, its ``logger_context``."""

import contextlib
import json
import warnings

import pandas as pd
import pytest
import torch

from exptools.logging import logger
from exptools.logging.context import logger_context


@pytest.fixture(autouse=True)
def in_a_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    logger.close()


def columns(run_dir, name="progress.csv"):
    return list(pd.read_csv(run_dir / name).columns)[2:]  # without step and wall_time


def minibatch_rl(first, last, log_interval=2):
    """The loop of ``rlpyt.runners.minibatch_rl``: what it asks of the logger, and when."""
    agent = torch.nn.Linear(2, 1)
    logger.log("Running 6 iterations of minibatch RL.")
    for itr in range(first, last):
        with logger.prefix(f"itr #{itr} "):
            if (itr + 1) % log_interval == 0:
                logger.log("saving snapshot...")
                logger.save_itr_params(itr, {"itr": itr, "agent_state_dict": agent.state_dict()})
                with logger.tabular_prefix("Diagnostics/"):
                    logger.record_tabular("Iteration", itr)
                logger.record_tabular_misc_stat("Return", [1.0, 2.0])
                logger.dump_tabular(with_prefix=False)
                assert not logger.get_log_tabular_only()


STATISTICS = ["Average", "Std", "Median", "Min", "Max"]


@pytest.mark.parametrize(("use_summary_writer", "joined"), [(None, "/"), (True, "/"), (False, "")])
def test_a_prefix_that_counts_iterations_is_in_no_column(tmp_path, use_summary_writer, joined):
    run_dir = tmp_path / "ppo" / "run_0"
    options = {"override_prefix": True, "use_summary_writer": use_summary_writer}
    with logger_context("ppo", 0, "ppo", {"lr": 1}, snapshot_mode="last", **options):
        minibatch_rl(0, 6)
    expected = ["Diagnostics/Iteration", *(f"Return{joined}{name}" for name in STATISTICS)]
    assert columns(run_dir) == expected
    assert "itr #5 ppo_0 saving snapshot..." in (run_dir / "debug.log").read_text()
    snapshot = torch.load(run_dir / "params.pkl")  # where rlpyt had it
    assert snapshot["itr"] == 5
    with logger_context("ppo", 0, "ppo", {"lr": 1}, snapshot_mode="last", **options):
        minibatch_rl(snapshot["itr"] + 1, 10)
    rows = pd.read_csv(run_dir / "progress.csv")
    assert rows["Diagnostics/Iteration"].tolist() == [1, 3, 5, 7, 9]
    assert torch.load(run_dir / "params.pkl")["itr"] == 9


def test_the_originals_prefixes_are_in_the_columns_of_its_verbs(tmp_path):
    with logger_context(tmp_path / "data" / "x", 0, "x"), logger.prefix("eval/"):
        logger.log_scalar("loss", 1)
        logger.log_scalar_batch("r", [1])
        with logger.tabular_prefix("D/"):
            logger.log_scalar("a", 1)
            logger.record_tabular("b", 1)
        logger.dump_data()
    named = columns(tmp_path / "data" / "x" / "run_0")
    assert [tag for tag in named if "Std" not in tag and "M" not in tag] == [
        "eval/loss", "eval/r/Average", "eval/r/Len", "eval/D/a", "D/b",
    ]  # fmt: skip


def test_a_number_that_takes_anothers_place_is_warned_of(tmp_path):
    with logger_context(tmp_path / "data" / "x", 0, "x"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for itr in range(3):
                with logger.prefix(f"itr #{itr} "):
                    logger.record_tabular("loss", itr)
        logger.dump_tabular()
        with logger.prefix("train/"):
            logger.record_tabular("loss", 1)
        with (
            logger.prefix("eval/"),
            pytest.warns(UserWarning, match=r"'loss' was recorded under 'train/' and 'eval/'"),
        ):
            logger.record_tabular("loss", 2)


@contextlib.contextmanager
def rlpyts_own_context(exp_dir, snapshot_mode):
    """What ``rlpyt.utils.logging.context`` does with the logger."""
    logger.set_snapshot_mode(snapshot_mode)
    logger.set_log_tabular_only(False)
    logger.set_snapshot_dir(str(exp_dir))
    logger.set_tf_summary_writer(None)
    logger.add_text_output(str(exp_dir / "debug.log"))
    logger.add_tabular_output(str(exp_dir / "progress.csv"))
    logger.push_prefix("ppo_0 ")
    (exp_dir / "params.json").write_text(json.dumps({"name": "ppo"}))
    yield
    logger.remove_tabular_output(str(exp_dir / "progress.csv"))
    logger.remove_text_output(str(exp_dir / "debug.log"))
    logger.pop_prefix()


def test_rlpyts_own_context_opens_and_ends_a_run(tmp_path):
    run_dir = tmp_path / "local" / "ppo" / "run_0"
    with rlpyts_own_context(run_dir, "gap"):
        logger.set_snapshot_gap(4)
        assert (logger.get_snapshot_mode(), logger.get_snapshot_gap()) == ("gap", 4)
        other = str(tmp_path / "elsewhere" / "other.csv")
        logger.add_tabular_output(other)
        minibatch_rl(0, 6)
        logger.remove_tabular_output(other)
        logger.record_tabular("Late", 1)
    assert logger.directory is None
    assert columns(run_dir)[0] == "Diagnostics/Iteration"
    assert columns(tmp_path / "elsewhere", "other.csv") == columns(run_dir)[:-1]
    assert "ppo_0 itr #5 saving snapshot..." in (run_dir / "debug.log").read_text()
    assert sorted(path.name for path in run_dir.glob("*.pkl")) == ["itr_3.pkl"]


def test_snapshots_stay_in_the_run_that_is_open(tmp_path):
    with logger_context(tmp_path / "data" / "x", 0, "x", snapshot_mode=3):
        assert (logger.get_snapshot_mode(), logger.get_snapshot_gap()) == (3, 3)
        logger.set_snapshot_dir(logger.get_snapshot_dir())
        with pytest.warns(UserWarning, match="snapshots are in .*, not in elsewhere"):
            logger.set_snapshot_dir("elsewhere")
        assert (tmp_path / "data" / "x" / "run_0" / "progress.csv").exists()
    assert logger.get_snapshot_mode() == "last"
    with pytest.raises(ValueError, match="did you mean 'last'"):
        logger.set_snapshot_mode("lst")


def test_a_file_of_rlpyts_stays_where_it_is(tmp_path):
    run_dir = tmp_path / "data" / "x" / "run_0"
    run_dir.mkdir(parents=True)
    (run_dir / "params.pkl").write_text("rlpyt's")
    with logger_context(run_dir.parent, 0, "x", snapshot_mode="all"):
        logger.save_itr_params(3, {})
    assert (run_dir / "params.pkl").read_text() == "rlpyt's"
    assert (run_dir / "itr_3.pkl").is_symlink()


def test_lines_are_left_out_where_only_tables_are_wanted(tmp_path, capsys):
    with logger_context(tmp_path / "data" / "x", 0, "x"):
        logger.set_log_tabular_only(True)
        logger.log("not said")
        logger.set_log_tabular_only(False)
        logger.log("said")
    assert "not said" not in capsys.readouterr().out


def test_the_originals_writer_of_event_files_is_the_runs(tmp_path):
    assert logger.tb_writer is None
    with logger_context(tmp_path / "data" / "x", 0, "x"):
        logger.tb_writer.add_scalar("a", 4, 0)
        logger.tb_writer.flush()
        assert logger.tb_writer is logger.tb_writer
    assert logger.tb_writer is None
    assert columns(tmp_path / "data" / "x" / "run_0") == ["a"]


@pytest.mark.parametrize("where", ["", "absolute"])
def test_a_runs_own_table_is_there_already_by_whatever_name(tmp_path, where):
    run_dir = tmp_path / "data" / "x" / "run_0"
    with logger_context(run_dir.parent, 0, "x"):
        name = "progress.csv"
        logger.add_scalar_output(name)
        logger.add_tabular_output(str(run_dir / name) if where else name)
        logger.log_scalar("a", 1, filename=name)
        logger.record_tabular("b", 2)
        logger.dump_scalar(name)
        logger.remove_scalar_output(name)
        logger.log_scalar("a", 3)
        logger.dump_data()
    rows = pd.read_csv(run_dir / name)
    assert rows["a"].tolist() == [1, 3]
    assert sorted(path.name for path in run_dir.glob("*.csv")) == [name]


def test_a_mode_that_was_chosen_for_one_run_is_not_the_next_ones(tmp_path):
    logger.set_snapshot_mode("all")
    for name in ("first", "second"):
        logger.open(tmp_path / name)
        logger.save_itr_params(4, {})
    assert (tmp_path / "first" / "itr_4.pkl").exists()
    assert [path.name for path in (tmp_path / "second").glob("*.pkl")] == ["params.pkl"]
