"""Lines of text: on standard output, in debug.log, and in TensorBoard, but no file each."""

import re

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from exptools.logging import logger as compat

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \| "


@pytest.fixture
def other_door():
    yield compat
    compat.close()


def shown(directory):
    """Step and text of each line that TensorBoard has."""
    events = EventAccumulator(str(directory), size_guidance={"tensors": 0})
    events.Reload()
    points = events.Tensors("text")
    return [(point.step, point.tensor_proto.string_val[0].decode()) for point in points]


def test_a_line_is_printed_kept_and_shown(logger, tmp_path, capsys):
    logger.open(tmp_path, console=None)
    logger.log_scalar("a", 1, 7)
    logger.info("epoch %d: %s", 3, "größe")
    logger.info({"100%": "as it is"})
    logger.close()
    lines = (tmp_path / "debug.log").read_text().splitlines()
    assert capsys.readouterr().out.splitlines() == lines
    assert re.fullmatch(f"{STAMP}epoch 3: größe", lines[0])
    assert re.fullmatch(STAMP + "{'100%': 'as it is'}", lines[1])
    assert shown(tmp_path) == [(7, line) for line in lines]
    assert not (tmp_path / "media").exists()


def test_a_thousand_lines_are_a_thousand_lines_of_one_file(other_door, tmp_path):
    other_door.open(tmp_path, console=None)
    for number in range(1000):
        other_door.log(f"line {number}")
    other_door.close()
    lines = (tmp_path / "debug.log").read_text().splitlines()
    assert [line.rpartition(" | ")[2] for line in lines] == [f"line {n}" for n in range(1000)]
    assert len(shown(tmp_path)) == 1000
    assert not (tmp_path / "media").exists()


def test_a_line_for_another_file_stands_there_alone(other_door, tmp_path):
    other_door.open(tmp_path, console=None)
    with other_door.additional_text_output("eval.log"):
        other_door.log_text("said there", filename="eval.log", with_timestamp=False)
    other_door.log_text("said here", 4, with_timestamp=False)
    other_door.close()
    assert (tmp_path / "eval.log").read_text() == "said there\n"
    assert (tmp_path / "debug.log").read_text() == "said here\n"
    assert shown(tmp_path) == [(0, "said there"), (4, "said here")]


def test_lines_before_the_first_row_leave_it_open_what_the_run_continues(logger, tmp_path):
    logger.open(tmp_path, console=None, snapshot_mode="all")
    for step in range(4):
        logger.log_scalar("a", step, step)
        logger.dump()
        logger.save_snapshot(step, step)
    logger.open(tmp_path, console=None)
    for number in range(300):
        logger.info(f"preparing {number}")
    assert logger.load_snapshot(1).itr == 1
    logger.log_scalar("a", 20, 2)
    logger.close()
    rows = (tmp_path / "progress.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["0", "1", "2"]
    assert len((tmp_path / "debug.log").read_text().splitlines()) == 300


def test_without_a_run_a_line_is_printed_all_the_same(logger, capsys):
    with pytest.warns(UserWarning, match="nothing is logged, for no run is open"):
        logger.info("hello")
    assert capsys.readouterr().out.endswith("| hello\n")


def test_a_closed_standard_output_costs_no_line(logger, tmp_path, monkeypatch):
    logger.open(tmp_path, console=None)
    monkeypatch.setattr("sys.stdout", None)
    logger.info("unheard")
    assert (tmp_path / "debug.log").read_text().endswith("unheard\n")
