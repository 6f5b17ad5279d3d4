"""Logs of any size and content, a window at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exptools.viewing.run_files import logs


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def log(tmp_path):
    return tmp_path / "output.log"


def look(log: Path, at: Callable[..., Any], *where: Any, **limit: int) -> Any:
    """What a function of ``logs`` says of a file."""
    with log.open("rb") as file:
        return at(file, *where, **limit)


def test_the_end_of_a_long_log_begins_with_a_whole_line(log):
    written(log, "".join(f"line {number}\n" for number in range(1000)))
    window = look(log, logs.tail, limit=95)
    assert window.text.startswith("line 990\n")
    assert window.text.endswith("line 999\n")
    assert window.last
    assert (window.end, window.size) == (log.stat().st_size,) * 2


def test_a_gigabyte_is_not_read_to_show_its_end(log):
    with log.open("wb") as file:
        file.truncate(2**30)
        file.seek(2**30)
        file.write(b"\nthe end\n")
    assert look(log, logs.tail, limit=100).text == "the end\n"
    assert look(log, logs.find_error) is None


def test_a_log_is_followed_from_where_the_last_window_ended(log):
    written(log, "one\ntw")
    first = look(log, logs.tail)
    assert (first.text, first.rest) == ("one\n", "tw")
    written(log, "one\ntwo\nthree\n")
    second = look(log, logs.after, (first.end, first.inode))
    assert (second.text, second.rest) == ("two\nthree\n", "")
    assert look(log, logs.after, (second.end, second.inode)).text == ""


def test_a_letter_of_several_bytes_that_is_half_written_comes_whole_later(log):
    whole = "größe\n".encode()
    written(log, b"a\n" + whole[:3])
    first = look(log, logs.tail)
    written(log, b"a\n" + whole)
    assert look(log, logs.after, (first.end, first.inode)).text == "größe\n"


@pytest.mark.parametrize("change", ["cut", "replaced", "far ahead"])
def test_a_log_that_is_another_now_is_read_anew(log, change):
    written(log, "one\ntwo\n")
    first = look(log, logs.tail)
    if change == "cut":
        written(log, "1\n")
    elif change == "replaced":
        written(log.with_suffix(".new"), "one\ntwo\nthree\n").replace(log)
    else:
        written(log, "x" * 500)
    assert look(log, logs.after, (first.end, first.inode), limit=100) is None


def test_what_stands_before_a_window_joins_on_to_it(log):
    text = "".join(f"line {number}\n" for number in range(100))
    written(log, text)
    last = look(log, logs.tail, limit=100)
    earlier = look(log, logs.before, last.start, limit=10_000)
    assert earlier.text + earlier.rest + last.text == text


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"\x1b[1;31mred\x1b[0m and \x1b]8;;http://x\x07link\x1b]8;;\x07", "red and link"),
        (b" 10%|#\r 50%|###\r100%|######\ndone\n", "100%|######\ndone\n"),
        (b"windows\r\nlines\r\n", "windows\nlines\n"),
        (b"bell\x07 null\x00 delete\x7f", "bell null delete"),
        (b"\x1b]0;title without an end\nnext", "\nnext"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_what_a_terminal_would_leave_is_shown(content, shown):
    assert logs.plain(content) == shown


def test_a_line_without_end_is_shown_in_parts(log):
    written(log, "x" * 500_000)
    window = look(log, logs.tail)
    assert len(window.text) == logs.WINDOW
    assert window.rest == ""


def test_the_last_traceback_is_the_error(log):
    filler = "all is well, no Error here\n" * 60_000  # more than a block
    traceback = "Traceback (most recent call last):\n  File x\nValueError: no\n"
    written(log, f"start\n{traceback}{filler}  {traceback}{filler}")
    place = look(log, logs.find_error)
    shown = look(log, logs.around, place)
    assert place == len(f"start\n{traceback}{filler}")
    assert "  Traceback" in shown.text
    before, line, behind = logs.error_line(shown.text)
    assert line == "  Traceback (most recent call last):"
    assert before + line + behind == shown.text


def test_without_a_traceback_the_status_tells_what_to_look_for(log):
    written(log, "fine\nout of mémoire: 3\nat the end an AssertionError\n")
    assert look(log, logs.find_error, "out of mémoire: 3") == len("fine\n")
    assert look(log, logs.find_error) == len("fine\nout of mémoire: 3\n".encode())
    assert logs.error_line("a\nüü out of é\nb", "out of é")[1] == "üü out of é"
    assert logs.error_line("a mean_error of 0 Errors\n") is None
