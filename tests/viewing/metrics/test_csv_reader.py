import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from exptools.rundir import PROGRESS_CSV
from exptools.viewing.metrics.csv_reader import MAX_FAULTS, parse_progress
from exptools.viewing.metrics.reading import ProgressCache, read_progress
from exptools.viewing.readers.formats import read_run
from tests.viewing.samples import csv_text, write_run

FILE = Path("progress.csv")
NAN = float("nan")


def parse(text: str | bytes):
    return parse_progress(text.encode() if isinstance(text, str) else text, FILE)


def column(progress, name: str) -> list[float | None]:
    return progress.frame[name].to_list()


def places(progress) -> list[tuple[int | None, str]]:
    return [(fault.line, fault.reason) for fault in progress.faults]


def test_every_value_is_read_in_full_precision():
    values = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1e-5, 123456789.123456789]
    progress = parse(csv_text({"x": values}))
    assert [value.hex() for value in column(progress, "x")] == [value.hex() for value in values]
    assert set(progress.frame.dtypes) == {pl.Float64}
    assert progress.faults == ()


def test_empty_is_absent_and_nan_and_infinities_are_values():
    progress = parse("step,wall_time,a,b\n0,1.0,NaN,\n1,2.0,,-inf\n2,3.0,inf,1\n")
    assert column(progress, "a")[1:] == [None, float("inf")]
    assert np.isnan(column(progress, "a")[0])
    assert column(progress, "b") == [None, float("-inf"), 1.0]
    assert progress.faults == ()


def test_a_series_has_the_rows_of_its_metric_and_keeps_nan():
    x, y = parse("step,wall_time,a,b\n0,,1,\n10,,,5\n20,,NaN,6\n").series("a")
    assert x.tolist() == [0, 20]
    np.testing.assert_equal(y, [1, NAN])
    assert [len(part) for part in parse("step,a\n0,1\n").series("z")] == [0, 0]


@pytest.mark.parametrize("torn", ["2,3.0", "2,3.0,0.1", "2,3.0,0.", '2,"3', "2"])
def test_a_last_line_without_its_end_is_left_out_and_named(torn):
    progress = parse("step,wall_time,x\n0,1.0,7\n1,2.0,8\n" + torn)
    assert column(progress, "x") == [7, 8]
    ((line, reason),) = places(progress)
    assert line == 4
    assert "not finished" in reason
    assert str(progress.faults[0]).startswith("progress.csv:4: ")


@pytest.mark.parametrize("bad", ["1,2.0", "1,2.0,8,9", "garbage", "1,2.0,8\0,,"])
@pytest.mark.parametrize("quotes", ["", '"'])
def test_a_row_with_other_cells_than_the_header_takes_no_other_with_it(bad, quotes):
    text = f"step,wall_time,x\n0,1.0,{quotes}7{quotes}\n{bad}\n2,3.0,9\n"
    progress = parse(text)
    assert column(progress, "x") == [7, 9]
    ((line, reason),) = places(progress)
    assert line == 3
    assert "header has 3" in reason


@pytest.mark.parametrize("cell", ["oops", "1.2.3", "0x10", "1,5".replace(",", ";"), "True", "1_0"])
def test_a_cell_that_is_no_number_is_nan_and_named_with_line_and_column(cell):
    progress = parse(f"step,wall_time,x,y\n0,1.0,1,5\n1,2.0,{cell},6\n\n2,3.0,3,7\n")
    np.testing.assert_equal(column(progress, "x"), [1, NAN, 3])
    assert column(progress, "y") == [5, 6, 7]
    ((line, reason),) = places(progress)
    assert line == 3
    assert "x" in reason
    assert repr(cell) in reason


def test_a_quote_that_nobody_closes_spoils_its_own_row_only():
    progress = parse('step,x\n0,1\n1,"2\n2,3\n3,"4"\n')
    assert column(progress, "x") == [1, 3, 4]
    assert [line for line, _ in places(progress)] == [3]


def test_an_open_quote_in_the_header_does_not_swallow_the_file():
    progress = parse('step,"x\n' + "0,1\n" * 100_000)
    assert progress.frame.height == 0
    assert len(progress.faults) == MAX_FAULTS + 1


def test_a_blank_first_line_or_a_huge_cell_is_survived():
    assert parse("\nstep,x\n").tags == []
    assert column(parse('step,x\n0,"' + "9" * 200_000 + '"\n1,2\n'), "x")[-1] == 2


def test_lines_are_counted_past_blank_and_bad_ones():
    progress = parse("step,x\n0,1\n\n1\n2,bad\n")
    assert [line for line, _ in places(progress)] == [4, 5]


@pytest.mark.parametrize("tag", ["a,b", 'say "hi"', "line\nbreak", "größe/学習率", " spaced ", "%"])
def test_a_tag_may_be_any_text(tag):
    quoted = '"' + tag.replace('"', '""') + '"'
    progress = parse(f"step,wall_time,{quoted}\n0,1.0,0.5\n1,1.0,x\n")
    assert progress.tags == [tag]
    assert column(progress, tag)[0] == 0.5
    assert places(progress)[0][0] == 3 + tag.count("\n")


def test_no_bytes_and_no_file_are_no_rows_and_no_fault(tmp_path):
    empty = write_run(tmp_path / "0", {}, "")
    missing = write_run(tmp_path / "1", {})
    for directory in (empty, missing):
        progress = read_progress(read_run(directory))
        assert (progress.frame.height, progress.tags, progress.faults) == (0, [], ())


def test_a_header_alone_is_no_rows_and_a_torn_one_is_named():
    assert parse("step,wall_time,x\n").tags == []
    assert parse("step,wall_time,x\n").faults == ()
    assert places(parse("step,wall_ti"))[0][0] == 1


def test_a_file_without_steps_has_its_rows_numbered():
    progress = parse("loss\n3\n2\n1\n")
    x, y = progress.series("loss")
    assert (x.tolist(), y.tolist()) == ([0, 1, 2], [3, 2, 1])


def test_windows_lines_and_a_byte_order_mark_are_read_too():
    progress = parse(b"\xef\xbb\xbfstep,x\r\n0,1\r\n1,2\r\n")
    assert (column(progress, "x"), progress.faults) == ([1, 2], ())


def test_bytes_that_are_no_text_spoil_their_cell_only():
    progress = parse(b"step,x,y\n0,\xff\xfe,1\n1,2,3\n")
    np.testing.assert_equal(column(progress, "x"), [NAN, 2])
    assert column(progress, "y") == [1, 3]


def test_of_a_column_that_stands_twice_the_first_counts_and_the_other_is_named():
    progress = parse("step,x,x\n0,1,2\n")
    assert column(progress, "x") == [1]
    assert "twice" in places(progress)[0][1]


def test_a_column_of_texts_does_not_bury_the_page_in_faults():
    progress = parse("step,name\n" + "0,abc\n" * 500)
    assert len(progress.faults) == MAX_FAULTS + 1


def test_a_file_is_read_again_when_it_has_changed_and_only_then(tmp_path):
    run = read_run(write_run(tmp_path / "0", {}, "step,x\n0,1\n"))
    cache = ProgressCache()
    first = cache.get(run)
    assert cache.get(run) is first
    with (run.directory / PROGRESS_CSV).open("a") as file:
        file.write("1,2\n")
    assert column(cache.get(run), "x") == [1, 2]


def test_a_file_replaced_by_one_of_its_size_and_time_is_noticed(tmp_path):
    run = read_run(write_run(tmp_path / "0", {}, "step,x\n0,1\n"))
    path, other = run.directory / PROGRESS_CSV, run.directory / "other.csv"
    cache = ProgressCache()
    cache.get(run)
    stat = path.stat()
    other.write_text("step,x\n0,5\n")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(other, path)
    assert column(cache.get(run), "x") == [5]
