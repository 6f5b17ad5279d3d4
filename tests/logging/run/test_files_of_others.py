"""Files that others have put into a run's directory: they neither end a training nor hold it up."""

import os
from pathlib import Path

import pytest

from exptools.logging import logger as compat
from exptools.logging.errors import LoggingError
from exptools.logging.run.alone import hold_alone, join
from exptools.logging.run.earlier.position import last_row_of
from exptools.logging.run_logger import Logger
from exptools.logging.snapshots.directory import SnapshotDirectory
from exptools.logging.snapshots.policy import SnapshotPolicy
from exptools.logging.writers.append_file import first_free_number
from exptools.logging.writers.csv import read_header
from exptools.logging.writers.event_order import OrderedFile, records_that_count
from exptools.rundir import PROGRESS_CSV


def event_file(run: Path) -> Path:
    (path,) = run.glob("events.out.tfevents.*")
    return path


def log(logger: Logger, run: Path, rows: int) -> Path:
    logger.open(run, console=None)
    for step in range(rows):
        logger.log_scalar("loss", 1.0, step)
        logger.dump()
    logger.close()
    return event_file(run)


def known_steps(path: Path) -> int:
    """The newest step that is known of an event file."""
    file = OrderedFile(path, bytes, keep=True)
    file.catch_up()
    file.file.close()
    return file.newest


def test_event_files_are_read_in_pieces_of_any_size(
    logger: Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log(logger, tmp_path, 50)
    whole = list(records_that_count(path, lambda _: True))
    assert len(whole) == 50
    for size in (13, 64, 100):
        monkeypatch.setattr("exptools.logging.writers.event_order._PIECE", size)
        assert list(records_that_count(path, lambda _: True)) == whole
        assert known_steps(path) == 49


def test_an_event_file_that_is_cut_off_while_it_is_read_ends_there(
    logger: Logger, tmp_path: Path
) -> None:
    path = log(logger, tmp_path, 20_000)
    records = records_that_count(path, lambda _: True)
    next(records)
    os.truncate(path, 0)
    assert len(list(records)) < 20_000, "and not with the end of the process"


@pytest.mark.timeout(15)
@pytest.mark.parametrize("size", [4096, 2**32])
def test_nothing_of_an_event_file_of_zeros_counts(tmp_path: Path, size: int) -> None:
    path = tmp_path / "events"
    path.touch()
    os.truncate(path, size)
    assert known_steps(path) < 0
    assert list(records_that_count(path, lambda _: True)) == []


def test_a_file_of_members_that_everybody_may_write_is_not_mapped(tmp_path: Path) -> None:
    path = tmp_path / "members"
    path.touch()
    path.chmod(0o666)
    assert hold_alone(path) is None
    join(path, is_held=lambda: True)
    assert not path.read_bytes(), "nobody waits for what it says"


@pytest.mark.parametrize("text", ["epoch,loss\n0.5,0.3\n", "step,wall_time,loss\nx,1,2\n", "a\n"])
def test_a_table_without_rows_of_ours_has_no_last_row(tmp_path: Path, text: str) -> None:
    (tmp_path / PROGRESS_CSV).write_text(text)
    assert last_row_of(tmp_path / PROGRESS_CSV) is None


def test_a_table_with_more_columns_than_anybody_reads_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / PROGRESS_CSV
    path.write_text("step,wall_time" + ",a" * 70_000 + "\n")
    with path.open("rb") as file:
        assert read_header(file)[1] is None


def test_a_free_number_is_found_behind_numbers_beyond_any_index(tmp_path: Path) -> None:
    for power in range(70):
        (tmp_path / str(2**power)).touch()
    free = first_free_number(lambda number: tmp_path / str(number), 1)
    assert not (tmp_path / str(free)).exists()
    assert (tmp_path / str(free - 1)).exists()


def test_a_snapshot_with_the_name_of_no_step_keeps_no_other_from_being_saved(
    tmp_path: Path,
) -> None:
    (tmp_path / f"itr_{'9' * 247}.pkl").touch()
    saved = SnapshotDirectory(tmp_path, SnapshotPolicy("all")).save({"a": 1}, 3)
    assert saved.name == "itr_3.pkl"


def test_lines_are_not_written_where_a_link_leads_that_came_later(tmp_path: Path) -> None:
    run, private = tmp_path / "run", tmp_path / "private"
    private.mkdir()
    (private / "a.log").write_text("mine\n")
    compat.open(run, console=None)
    compat.add_text_output("texts/a.log")
    compat.log("before")
    (run / "texts").rename(run / "moved")
    (run / "texts").symlink_to(private)
    with pytest.raises(LoggingError, match="it is a link"):
        compat.log("after")
    compat.close()
    assert (private / "a.log").read_text() == "mine\n"
