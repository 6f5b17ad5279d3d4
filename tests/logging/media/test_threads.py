"""Media take their time; whoever logs meanwhile does not wait, and nothing of them is lost."""

import threading

import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from exptools.logging.run_logger import Logger

FRAME = np.zeros((4, 4), np.uint8)


@pytest.fixture
def film(logger):
    """A film that is logged by another thread, which waits in the middle of encoding it."""
    began, go_on = threading.Event(), threading.Event()

    def frames():
        began.set()
        assert go_on.wait(60)
        yield FRAME

    thread = threading.Thread(target=lambda: logger.log_gif("film", frames()))

    def start():
        thread.start()
        assert began.wait(60)

        def finish():
            go_on.set()
            thread.join(60)

        return finish

    yield start
    go_on.set()


def test_a_film_that_is_being_encoded_keeps_no_other_thread_waiting(
    logger, film, tmp_path, read_index
):
    logger.open(tmp_path, console=None)
    logger.log_scalar("a", 1, 5)
    finish = film()
    logger.log_scalar("a", 2, 6)
    logger.log_text("note", "meanwhile")
    logger.dump()
    assert pd.read_csv(tmp_path / "progress.csv")["step"].tolist() == [5, 6]
    finish()
    logged = [(record.tag, record.step) for record in read_index(tmp_path)]
    assert logged == [("note", 6), ("film", 5)]


def open_next(logger):
    logger.open(logger.directory / "next")


@pytest.mark.parametrize("end", [Logger.close, open_next])
def test_a_run_ends_when_its_media_are_encoded(logger, tmp_path, read_index, end):
    logger.open(tmp_path, console=None)
    closing = threading.Thread(target=end, args=[logger])

    def frames():
        closing.start()
        closing.join(0.3)  # with nothing to wait for it would be done by then
        yield FRAME

    logging = threading.Thread(target=lambda: logger.log_gif("film", frames()))
    logging.start()
    logging.join(60)
    closing.join(60)
    assert [record.tag for record in read_index(tmp_path)] == ["film"]
    logger.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Images("film")] == [0]


def test_frames_may_log_by_themselves_and_even_close_the_run(logger, tmp_path):
    logger.open(tmp_path, console=None)

    def frames():
        logger.log_scalar("a", 1)
        logger.close()
        yield FRAME

    with pytest.raises(OSError, match="the run was closed meanwhile"):
        logger.log_gif("film", frames())
    assert pd.read_csv(tmp_path / "progress.csv")["a"].tolist() == [1]
    assert [path for path in tmp_path.rglob("*.gif") if path.is_file()] == []
