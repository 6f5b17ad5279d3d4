"""What stands on disk after the process was killed or interrupted, or the disk was full."""

import csv
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pandas as pd
import pytest

ENDING = """
import os, random, sys
from exptools import logger

logger.open(sys.argv[1], console=None)
random.seed(sys.argv[2])
last = 10**6 if sys.argv[2].startswith("SIG") else random.randrange(200, 400)
for step in range(last):
    logger.log_scalars({"a": step, f"late/{step // 100}": 0.5})
    logger.dump()
    os.write(1, b"dumped\\n")
logger.log_scalar("a", -1)
if sys.argv[2].startswith("os._exit"):
    os._exit(1)
raise RuntimeError
"""


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL", "exception", "os._exit"])
def test_whatever_ends_the_process_no_dumped_row_is_lost_and_no_file_torn(
    tmp_path, read_events, end
):
    for attempt in range(2):
        run = tmp_path / str(attempt)
        command = [sys.executable, "-c", ENDING, str(run), f"{end} {attempt}"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=subprocess.DEVNULL) as process:
            process.stdout.readline()
            if end.startswith("SIG"):
                time.sleep(random.uniform(0, 0.05))
                process.send_signal(signal.Signals[end])
            dumped = 1 + len(process.stdout.readlines())
        assert process.returncode != 0
        assert (run / "progress.csv").read_bytes().endswith(b"\n")
        assert pd.read_csv(run / "progress.csv")["a"].tolist()[:dumped] == list(range(dumped))
        assert [step for step, _ in read_events(run)["a"]][:dumped] == list(range(dumped))
        (events,) = run.glob("events.*")
        assert ends_with_a_whole_record(events.read_bytes())


def ends_with_a_whole_record(content):
    at = 0
    while at < len(content):
        at += int.from_bytes(content[at : at + 8], "little") + 16  # with length and checksums
    return at == len(content)


FULL_DISK = """
import resource, sys
from exptools import logger

logger.open(sys.argv[1], console=None)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    for step in range(1000):
        logger.log_scalars(SCALARS, step)
        logger.dump()
except OSError as error:
    print(f"{type(error).__name__}: {error}")
    print(step)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
logger.log_scalar("a", -1)
logger.dump()
"""
LONG_IN_CSV = '{"a": step, "b": 1 / 3, "c": 2 / 3}'
LONG_IN_EVENTS = '{"a": step, "a long tag that TensorBoard repeats": 0}'
NEW_COLUMNS = '{"a": step, f"b/{step}": 0.5}'


@pytest.mark.parametrize(
    ("scalars", "full_file"), [(LONG_IN_CSV, "progress.csv"), (LONG_IN_EVENTS, "events.out.")]
)
def test_a_full_disk_is_one_clear_error_and_cuts_no_row(
    run_python, tmp_path, read_events, scalars, full_file
):
    for limit in range(4000, 4064, 8):  # the disk ends at several places of a row
        run_dir = tmp_path / str(limit)
        done = run_python(FULL_DISK.replace("SCALARS", scalars), str(run_dir), str(limit))
        message, failed_step = done.stdout.splitlines()
        assert message.startswith("LoggingError: ")
        assert "File too large" in message
        assert f"{run_dir}/{full_file}" in message
        assert f"this file lacks the row of step {failed_step}, " in message
        assert message.endswith(" has it")
        written = list(range(int(failed_step)))
        csv_steps = pd.read_csv(run_dir / "progress.csv")["a"].tolist()
        event_steps = [value for _, value in read_events(run_dir)["a"]]
        # The row of the failed step is in the file that it fitted into.
        also_failed = [*written, len(written)]
        in_csv, in_events = (
            (written, also_failed) if full_file == "progress.csv" else (also_failed, written)
        )
        assert csv_steps == [*in_csv, -1]
        assert event_steps == [*in_events, -1]


def test_a_column_that_no_longer_fits_leaves_the_file_readable(run_python, tmp_path):
    done = run_python(FULL_DISK.replace("SCALARS", NEW_COLUMNS), str(tmp_path / "run"), "4000")
    message, failed_step = done.stdout.splitlines()
    assert "File too large" in message
    steps = pd.read_csv(tmp_path / "run" / "progress.csv")["a"].tolist()
    assert steps == [*range(int(failed_step)), -1]
    assert not list((tmp_path / "run").glob(".progress*"))


A_LATER_STEP = """
import resource, sys
from exptools import logger

logger.open(sys.argv[1], console=None)
logger.log_scalar("a", 0, 0)
logger.dump()
logger.log_scalar("a", 1, 1)
logger.log_scalar("a", 0.5, -1)
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))
try:
    logger.log_scalar("a", 2, 2)
except OSError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, limit)
"""


def test_the_value_whose_call_told_of_a_lost_row_is_not_lost(run_python, tmp_path, read_events):
    done = run_python(A_LATER_STEP, str(tmp_path / "run"))
    assert pd.read_csv(tmp_path / "run" / "progress.csv")["a"].tolist() == [0, 2]
    assert read_events(tmp_path / "run")["a"] == [(0, 0), (2, 2)]
    (events,) = (tmp_path / "run").glob("events*")
    assert done.stdout == (
        f"{tmp_path}/run/progress.csv: File too large; this file lacks the rows of steps -1, 1, "
        f"{events.name} lacks the rows of steps -1, 1\n"
    )


# A signal may interrupt a dump at any line, to raise an exception or to log itself.
@contextmanager
def at_line(number, interrupt):
    """Call a function before the line that our code reaches as its so many-th."""
    left = number

    def trace(frame, event, argument):
        nonlocal left
        if not frame.f_globals["__name__"].startswith("exptools.logging"):
            return None
        if frame.f_code.co_name in ("_quoted", "<genexpr>"):  # once for each tag
            return None
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                interrupt()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lambda: left <= 0
    finally:
        sys.settrace(before)


def read(directory):
    with open(directory / "progress.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert {len(row) for row in rows} == {len(header)}
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_an_exception_at_any_line_of_a_dump_leaves_the_table_whole(logger, tmp_path):
    def stop():
        raise KeyboardInterrupt

    logger.open(tmp_path, console=None)
    number, was_reached, returned = 0, True, []
    while was_reached:
        number += 1
        with at_line(number, stop) as is_reached:
            try:
                logger.log_scalars({"n": number, f"new {number}": 1}, 2 * number)
                logger.dump()
                returned.append(2 * number)
            except KeyboardInterrupt:
                pass
            was_reached = is_reached()
        logger.log_scalar("n", number, 2 * number + 1)
        logger.dump()
        returned.append(2 * number + 1)
    assert number > 60
    assert set(returned) <= {int(row["step"]) for row in read(tmp_path)}


def test_a_handler_that_logs_during_a_dump_disturbs_neither_row(logger, tmp_path, read_events):
    def handle():
        logger.log_scalar(f"handled {number}", number)
        logger.dump()

    logger.open(tmp_path, console=None)
    number, was_reached = 0, True
    while was_reached:
        number += 1
        logger.log_scalars({"n": number, f"new {number}": 1})
        with at_line(number, handle) as is_reached:
            logger.dump()
            was_reached = is_reached()
    logger.close()
    rows, events = read(tmp_path), read_events(tmp_path)
    for n in range(1, number):
        assert [row for row in rows if row["n"] == str(n)], n
        assert [row for row in rows if row[f"handled {n}"] == str(n)], n
        assert events[f"new {n}"], n
        assert events[f"handled {n}"], n


# As another thread may, between any two instructions.
def test_a_number_during_which_the_row_ends_is_in_that_row_or_the_next(logger, tmp_path):
    logger.open(tmp_path, console=None)
    number, was_reached = 0, True
    while was_reached:
        logger.log_scalar("other", 1.0)
        with at_line(number, logger.dump) as is_reached:
            logger.log_scalar("n", float(number))
            was_reached = is_reached() or not number
        logger.dump()
        number += 1
    assert number > 10
    assert [row["n"] for row in read(tmp_path) if row["n"]] == [f"{n}.0" for n in range(number)]
