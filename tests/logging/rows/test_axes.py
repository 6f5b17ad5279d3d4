"""Values whose steps are counted differently: updates beside the steps of an environment."""

import pandas as pd
import pytest

from exptools.logging.rows.row import OpenRows


def rows(directory):
    """Step and tags of each row, in the order of the table."""
    table = pd.read_csv(directory / "progress.csv")
    values = table.drop(columns=["step", "wall_time"]).to_dict("records")
    return [
        (step, {tag for tag, value in row.items() if value == value})  # noqa: PLR0124 (NaN)
        for step, row in zip(table["step"], values, strict=True)
    ]


@pytest.fixture
def opened(logger, tmp_path):
    logger.open(tmp_path, console=None)
    return logger


def test_the_row_of_a_slower_axis_is_written_with_the_next_of_the_faster(opened, tmp_path):
    opened.log_scalar("eval", 1, 1_000_000)
    for update in range(3):
        opened.log_scalar("loss", 1, update)
    assert rows(tmp_path) == [(0, {"loss"}), (1_000_000, {"eval"}), (1, {"loss"})]


def test_tags_remember_their_axis_so_that_no_row_is_cut_in_two(opened, tmp_path):
    for update in range(4):
        opened.log_scalar("loss", 1, update)
        opened.log_scalar("eval", 1, 1_000 * (update + 1))
        opened.log_scalar("accuracy", 1, update)
    opened.dump()
    # Only as long as the second axis is new, a later step ends the row, as it always did.
    assert rows(tmp_path)[-4:] == [
        *((2, {"loss", "accuracy"}), (3_000, {"eval"})),
        *((3, {"loss", "accuracy"}), (4_000, {"eval"})),
    ]


def test_each_of_three_axes_has_the_current_row_in_memory_at_most(opened, tmp_path):
    for second in range(5):
        opened.log_scalar("system", second, second)
        for update in range(100 * second, 100 * (second + 1)):
            opened.log_scalar("loss", update, update)
            if update % 50 == 0:
                opened.log_scalar("eval", update, 1_000 * update)
    table = pd.read_csv(tmp_path / "progress.csv")
    assert table["loss"].dropna().tolist() == [*range(499)]
    assert table["system"].dropna().tolist() == [*range(5)]
    assert table["eval"].dropna().tolist() == [*range(0, 500, 50)]


def test_a_late_value_leaves_the_current_row_open(opened, tmp_path):
    for step in range(5, 8):
        opened.log_scalar("loss", 1, step)
        opened.log_scalar("eval", 1, step - 1)
        opened.log_scalar("accuracy", 1, step)
    opened.dump()
    full = {"loss", "accuracy"}
    assert rows(tmp_path) == [
        *((4, {"eval"}), (5, full), (5, {"eval"})),
        *((6, full), (6, {"eval"}), (7, full)),
    ]


def test_values_without_a_step_go_to_the_row_that_was_logged_to_last(opened, tmp_path):
    opened.log_scalar("eval", 1, 1_000)
    opened.log_scalar("loss", 1, 5)
    opened.log_scalar("accuracy", 1)
    opened.dump()
    assert rows(tmp_path) == [(5, {"loss", "accuracy"}), (1_000, {"eval"})]


def test_a_row_without_a_step_keeps_all_values_without_one(opened, tmp_path):
    opened.log_scalar("a", 1, 9)
    opened.dump()
    opened.log_scalar("loss", 1)
    opened.log_scalar("eval", 1, 3)  # an earlier step, which cannot be that of the row
    opened.log_scalar("accuracy", 1)
    opened.dump()
    assert rows(tmp_path)[1:] == [(3, {"eval"}), (10, {"loss", "accuracy"})]


@pytest.mark.parametrize("order", [range(1000, 0, -1), [(17 * n) % 1009 for n in range(1, 1009)]])
def test_steps_in_any_order_fill_no_memory_and_lose_nothing(order):
    open_rows, ended = OpenRows(), []
    for step in order:
        if open_rows.ended_by(("x",), step):
            ended += open_rows.end(None, 0.0)
        open_rows.at(("x",), step).scalars["x"] = step
        assert len(open_rows.pending()) <= 8
    ended += open_rows.end(None, 0.0)
    assert sorted(row.step for row in ended) == sorted(order)
    assert all(row.scalars == {"x": row.step} for row in ended)
