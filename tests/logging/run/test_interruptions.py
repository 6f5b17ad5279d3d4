"""A signal may interrupt a dump at any line, to raise an exception or to log itself."""

import csv
import sys
from contextlib import contextmanager


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
