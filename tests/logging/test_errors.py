"""What the system refuses: each verb says so as the user chose, and nothing else goes wrong."""

import shutil
import time

import pandas as pd
import pytest

from exptools.logging.errors import LoggingError

# Each verb for the first time when no descriptor is left, and once more when there are some.
NO_DESCRIPTOR_LEFT = """
import os, resource, sys, warnings
import numpy as np
from matplotlib.figure import Figure
from exptools import logger
from exptools.logging import logger as compat

image, figure = np.zeros((8, 8)), Figure()
figure.suptitle("with fonts")
VERBS = {
    "log_scalars": lambda: (logger.log_scalars({"a": 1, "new": 2}), logger.dump()),
    "log_scalar_batch": lambda: logger.log_scalar_batch("batch", [1, 2]),
    "info": lambda: logger.info("line"),
    "log_text": lambda: logger.log_text("text", "a"),
    "log_histogram": lambda: logger.log_histogram("histogram", [1, 2]),
    "log_image": lambda: logger.log_image("image", image),
    "log_gif": lambda: logger.log_gif("gif", [image, image]),
    "log_figure": lambda: logger.log_figure("figure", figure),
    "log_hparams": lambda: logger.log_hparams({"lr": 1}),
    "log_audio": lambda: logger.log_audio("audio", np.zeros(9)),
    "log_table": lambda: logger.log_table("table", [{"a": 1}]),
    "log_embedding": lambda: logger.log_embedding("points", np.zeros((2, 2))),
    "log_file": lambda: logger.log_file("file", __file__),
    "save_snapshot": lambda: logger.save_snapshot({"a": 1}, 0),
    "add_text_output": lambda: compat.add_text_output("text.log"),
    "add_scalar_output": lambda: compat.add_scalar_output("other.csv"),
    "log_to_table": lambda: compat.log_scalar("a", 1, filename="other.csv"),
    "dump_scalar": lambda: compat.dump_scalar("other.csv"),
    "save_param_dict": lambda: compat.save_param_dict({"a": 1}, "params.json"),
}
on_error = sys.argv[1]
logger.open("run " + on_error, on_error=on_error, console=None)
logger.log_scalar("a", 0)
logger.dump()

def take_all():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return taken

for verb, call in VERBS.items():
    taken = take_all()
    try:
        call()
        said = "nothing"
    except BaseException as error:
        said = type(error).__name__
    for descriptor in taken:
        os.close(descriptor)
    call()
    print(verb, said)
logger.close()
"""
QUIET = {"log_to_table", "dump_scalar"}  # to a table that could not be opened nothing is written


@pytest.mark.slow
def test_where_no_file_can_be_opened_each_verb_raises_or_goes_on_as_chosen(run_python):
    for on_error in ("raise", "warn"):
        done = run_python(NO_DESCRIPTOR_LEFT, on_error)
        assert done.returncode == 0, done.stderr
        said = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
        wrong = "LoggingError" if on_error == "raise" else "nothing"
        quiet = {verb for verb, word in said.items() if word != wrong}
        assert len(said) == 19
        assert quiet <= QUIET, said
        assert done.stderr.count("there will be no further warning") == (on_error == "warn")
        assert (run_python.home / f"run {on_error}" / "media" / "figure").exists()


def test_an_error_that_is_the_users_is_raised_whatever_is_chosen(logger, tmp_path):
    logger.open(tmp_path, on_error="warn")

    def state():
        raise PermissionError("mine")

    def frames():
        raise FileNotFoundError("my frames")
        yield

    with pytest.raises(PermissionError, match="mine"):
        logger.save_snapshot(state, 0)
    with pytest.raises(FileNotFoundError, match="my frames"):
        logger.log_gif("a", frames())
    with pytest.raises(FileNotFoundError, match="the file 'f' is not there"):
        logger.log_file("f", tmp_path / "nothing")


def test_no_file_is_said_to_have_a_row_that_was_deleted_with_it(logger, tmp_path):
    logger.open(tmp_path / "run", console=None)
    logger.log_scalar("a", 1, 0)
    logger.dump()
    shutil.rmtree(tmp_path / "run")
    logger.log_scalar("a", 2, 1)
    with pytest.raises(LoggingError) as told:
        logger.dump()
    assert "has it" not in str(told.value)
    assert str(told.value).count("lacks the row of step 1") == 2


def test_a_clock_that_is_set_back_a_day_silences_neither_the_console_nor_a_look_at_the_files(
    logger, tmp_path, capsys, monkeypatch
):
    logger.open(tmp_path / "run", console=0.01)
    logger.log_scalar("a", 1, 0)
    logger.dump()
    yesterday, later = time.time() - 86400, time.monotonic() + 2
    monkeypatch.setattr(time, "time", lambda: yesterday)
    monkeypatch.setattr(time, "monotonic", lambda: later)
    logger.log_scalar("a", 2, 1)
    logger.dump()
    assert [line[:6] for line in capsys.readouterr().out.splitlines()] == ["step 0", "step 1"]
    (events,) = (tmp_path / "run").glob("events.*")
    events.unlink()
    later += 2
    logger.log_scalar("a", 3, 2)
    with pytest.raises(LoggingError, match=r"tfevents.*lacks the row of step 2, progress.csv has"):
        logger.dump()
    assert pd.read_csv(tmp_path / "run" / "progress.csv")["a"].tolist() == [1, 2, 3]
