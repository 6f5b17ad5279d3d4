from pathlib import Path

import numpy as np
import polars as pl
import pytest

from exptools.viewing.metrics import csv_reader
from exptools.viewing.metrics.csv_reader import MAX_FAULTS, parse_csv, split_header
from tests.viewing.samples import csv_text, indexed, write_run

FILE = Path("progress.csv")
NAN = float("nan")


def parse(text: str | bytes):
    return parse_csv(text.encode() if isinstance(text, str) else text, FILE)


def column(rows, name: str) -> list[float | None]:
    return rows.frame[name].to_list()


def places(rows) -> list[tuple[int | None, str]]:
    return [(fault.line, fault.reason) for fault in rows.faults]


def test_every_value_is_read_in_full_precision():
    values = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1e-5, 123456789.123456789]
    rows = parse(csv_text({"x": values}))
    assert [value.hex() for value in column(rows, "x")] == [value.hex() for value in values]
    assert set(rows.frame.dtypes) == {pl.Float64}
    assert rows.faults == ()


def test_empty_is_absent_and_nan_and_infinities_are_values():
    rows = parse("step,wall_time,a,b\n0,1.0,NaN,\n1,2.0,,-inf\n2,3.0,inf,1\n")
    assert column(rows, "a")[1:] == [None, float("inf")]
    assert np.isnan(column(rows, "a")[0])
    assert column(rows, "b") == [None, float("-inf"), 1.0]
    assert rows.faults == ()


@pytest.mark.parametrize("torn", ["2,3.0", "2,3.0,0.1", "2,3.0,0.", '2,"3', "2"])
def test_a_last_line_without_its_end_is_left_out_and_named(torn):
    rows = parse("step,wall_time,x\n0,1.0,7\n1,2.0,8\n" + torn)
    assert column(rows, "x") == [7, 8]
    ((line, reason),) = places(rows)
    assert line == 4
    assert "not finished" in reason
    assert str(rows.faults[0]).startswith("progress.csv:4: ")


@pytest.mark.parametrize("bad", ["1,2.0", "1,2.0,8,9", "garbage", "1,2.0,8\0,,"])
@pytest.mark.parametrize("quotes", ["", '"'])
def test_a_row_with_other_cells_than_the_header_takes_no_other_with_it(bad, quotes):
    text = f"step,wall_time,x\n0,1.0,{quotes}7{quotes}\n{bad}\n2,3.0,9\n"
    rows = parse(text)
    assert column(rows, "x") == [7, 9]
    ((line, reason),) = places(rows)
    assert line == 3
    cells = bad.count(",") + 1
    assert reason == f"{cells} cells where the header has 3; left out"


@pytest.mark.parametrize("cell", ["oops", "1.2.3", "0x10", "1,5".replace(",", ";"), "True", "1_0"])
def test_a_cell_that_is_no_number_is_nan_and_named_with_line_and_column(cell):
    rows = parse(f"step,wall_time,x,y\n0,1.0,1,5\n1,2.0,{cell},6\n\n2,3.0,3,7\n")
    np.testing.assert_equal(column(rows, "x"), [1, NAN, 3])
    assert column(rows, "y") == [5, 6, 7]
    ((line, reason),) = places(rows)
    assert line == 3
    assert "x" in reason
    assert repr(cell) in reason


def test_a_quote_that_nobody_closes_spoils_its_own_row_only():
    rows = parse('step,x\n0,1\n1,"2\n2,3\n3,"4"\n')
    assert column(rows, "x") == [1, 3, 4]
    assert [line for line, _ in places(rows)] == [3]


def test_an_open_quote_in_the_header_does_not_swallow_the_file():
    for closed, height in {"": 0, '0,"\n': 1}.items():  # by another stray quote, far below
        rows = parse('step,"x\n' + "0,1\n" * 20_000 + closed)
        assert rows.frame.height == height
        assert len(rows.faults) == MAX_FAULTS + 1


class Counted(bytes):
    """Bytes that know how many of them were searched for quotes."""

    searched = 0

    def count(self, sub, start=0, end=None):
        end = len(self) if end is None else end
        Counted.searched += end - start
        return super().count(sub, start, end)


def test_no_byte_is_searched_twice_for_the_end_of_the_header(monkeypatch):
    monkeypatch.setattr(csv_reader, "MAX_NAME", 10**6)
    content = Counted(b'step,"x\n' + b"0,1\n" * 1000)
    names, _, line = split_header(content)
    assert (names, line) == (['step,"x'], 2)
    assert Counted.searched == len(content)


def test_a_blank_first_line_or_a_huge_cell_is_survived():
    assert parse("\nstep,x\n").frame.height == 0
    assert column(parse('step,x\n0,"' + "9" * 200_000 + '"\n1,2\n'), "x")[-1] == 2


def test_lines_are_counted_past_blank_and_bad_ones():
    rows = parse("step,x\n0,1\n\n1\n2,bad\n")
    assert [line for line, _ in places(rows)] == [4, 5]


@pytest.mark.parametrize("tag", ["a,b", 'say "hi"', "line\nbreak", "größe/学習率", " spaced ", "%"])
def test_a_tag_may_be_any_text(tag):
    quoted = '"' + tag.replace('"', '""') + '"'
    rows = parse(f"step,wall_time,{quoted}\n0,1.0,0.5\n1,1.0,x\n")
    assert rows.frame.columns == ["step", "wall_time", tag]
    assert column(rows, tag)[0] == 0.5
    assert places(rows)[0][0] == 3 + tag.count("\n")


def test_no_bytes_and_no_file_are_no_rows_and_no_fault(tmp_path):
    write_run(tmp_path / "empty", {}, "")
    write_run(tmp_path / "missing", {})
    index = indexed(tmp_path)
    runs = index.snapshot.runs
    assert [columns.rows for columns in index.columns(runs, ["step", "x"]).values()] == [0, 0]
    assert index.tags(runs) == []
    assert [index.faults(run) for run in runs] == [(), ()]


def test_a_header_alone_is_no_rows_and_a_torn_one_is_named():
    header = parse("step,wall_time,x\n")
    assert (header.frame.height, header.faults) == (0, ())
    assert places(parse("step,wall_ti"))[0][0] == 1


def test_windows_lines_and_a_byte_order_mark_are_read_too():
    rows = parse(b"\xef\xbb\xbfstep,x\r\n0,1\r\n1,2\r\n")
    assert (column(rows, "x"), rows.faults) == ([1, 2], ())


def test_bytes_that_are_no_text_spoil_their_cell_only():
    rows = parse(b"step,x,y\n0,\xff\xfe,1\n1,2,3\n")
    np.testing.assert_equal(column(rows, "x"), [NAN, 2])
    assert column(rows, "y") == [1, 3]


def test_of_a_column_that_stands_twice_the_first_counts_and_the_other_is_named():
    rows = parse("step,x,x\n0,1,2\n")
    assert column(rows, "x") == [1]
    assert "twice" in places(rows)[0][1]


def test_a_column_of_texts_does_not_bury_the_page_in_faults():
    rows = parse("step,name\n" + "0,abc\n" * 500)
    assert len(rows.faults) == MAX_FAULTS + 1
