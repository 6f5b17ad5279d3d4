"""Files of a few bytes that claim to be larger than any memory: an attempt is made all the same."""

import os
from pathlib import Path

import pandas as pd
import pytest

from exptools.logging.adapters.summary_writer import SummaryWriter
from exptools.logging.errors import LoggingError
from exptools.logging.run_logger import Logger
from exptools.plain_files import LARGE
from exptools.rundir import DEBUG_LOG, MEDIA_INDEX, PROGRESS_CSV, ROW_LOCK

HUGE = 2**42  # bytes


@pytest.fixture
def run(logger: Logger, tmp_path: Path) -> Path:
    """A run that was ended behind a snapshot."""
    log(logger, tmp_path, 0, 1)
    return tmp_path


def log(logger: Logger, directory: Path, *steps: int, resumes: bool = False) -> None:
    logger.open(directory, console=None)
    if resumes:
        logger.load_snapshot()
    for step in steps:
        logger.log_scalar("loss", 1.0, step)
        logger.dump()
    logger.save_snapshot(None, steps[-1])
    logger.close()


def grow(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.truncate(path, HUGE)
    return path


def steps(run: Path) -> list[int]:
    return pd.read_csv(run / PROGRESS_CSV)["step"].tolist()


@pytest.mark.parametrize("resumes", [False, True])
def test_an_index_of_media_that_nobody_wrote_is_set_aside(
    logger: Logger, run: Path, resumes: bool
) -> None:
    grow(run / MEDIA_INDEX)
    log(logger, run, 2, resumes=resumes)
    assert steps(run) == ([0, 1, 2] if resumes else [2])
    assert (run / "media" / "index.1.jsonl").stat().st_size == HUGE


@pytest.mark.parametrize("is_empty", [False, True])
def test_so_is_a_table(logger: Logger, run: Path, is_empty: bool) -> None:
    if is_empty:
        (run / PROGRESS_CSV).unlink()
    grow(run / PROGRESS_CSV)
    log(logger, run, 2, resumes=True)
    assert steps(run) == [2]
    assert (run / "progress.1.csv").stat().st_size == HUGE


def test_a_writer_of_tensorboards_kind_logs_beside_it(run: Path) -> None:
    (run / PROGRESS_CSV).unlink()
    grow(run / PROGRESS_CSV)
    writer = SummaryWriter(str(run))
    writer.add_scalar("loss", 1.0, 2)
    writer.close()
    assert steps(run) == [2]


@pytest.mark.parametrize("name", [ROW_LOCK, MEDIA_INDEX, DEBUG_LOG])
def test_of_what_a_backup_has_too_no_more_is_copied_than_was_written(
    logger: Logger, run: Path, name: str
) -> None:
    os.link(grow(run / name), run / "backup")
    logger.open(run, console=None)
    try:
        logger.log_text("note", "hello", 2)
        logger.info("hello")
    except LoggingError as error:
        assert "parts of it were never written" in str(error)  # noqa: PT017 (of a lock none is)
    logger.close()
    ours = [path for path in run.rglob("*") if not path.samefile(run / "backup")]
    assert sum(path.stat().st_size for path in ours) < LARGE
