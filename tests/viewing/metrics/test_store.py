"""Index.columns and its like: read in bulk, remembered, and right whatever stands in the files."""

import csv
import os
import struct
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from exptools.rundir import HYDRA_CONFIG, PROGRESS_CSV
from exptools.viewing.index import Index, cache_directory
from exptools.viewing.metrics import csv_bulk_reader, csv_columns, disk_cache, reading
from exptools.viewing.metrics import store as metric_store
from exptools.viewing.metrics.columns import is_absent
from exptools.viewing.metrics.csv_reader import parse_csv, read_header
from exptools.viewing.readers.memory import texts as text_cache
from tests.viewing.samples import csv_text, indexed, write_run

NAN = float("nan")
LONG_AGO = 1.6e9  # Unix seconds


def write_runs(root: Path, number: int = 3, rows: int = 4, settled: bool = True) -> Path:
    for job in range(number):
        values = {"a": [job + row / 8 for row in range(rows)], "b": [-1.0] * rows}
        settle(write_run(root / str(job), {"job": job}, csv_text(values)), settled)
    return root


def settle(run: Path, settled: bool = True) -> None:
    if settled:
        os.utime(run / PROGRESS_CSV, (LONG_AGO, LONG_AGO))


def read(index: Index, metric: str = "a") -> dict[str, list[float]]:
    return {run: y.tolist() for run, (_, y) in index.series(index.snapshot.runs, metric).items()}


def places(index: Index, name: str) -> list[tuple[int | None, str]]:
    (run,) = (run for run in index.snapshot.runs if run.name == name)
    return [(fault.line, fault.reason) for fault in index.faults(run)]


def test_columns_are_whole_rows_in_which_an_empty_cell_is_told_from_nan(tmp_path):
    write_run(tmp_path / "0", {}, "step,wall_time,a,b\n0,1.5,NaN,\n10,2.5,,5\n20,3.5,-inf,6\n")
    index = indexed(tmp_path)
    columns = index.columns(index.snapshot.runs, ["step", "a", "b", "none"])["0"]
    assert set(columns) == {"step", "a", "b"}
    assert columns["step"].tolist() == [0, 10, 20]
    assert columns.logged("a").tolist() == [True, False, True]
    assert columns.logged("b").tolist() == [False, True, True]
    np.testing.assert_equal(columns["a"], [NAN, NAN, -np.inf])
    assert (columns.rows, columns.step_from) == (3, "step")
    x, y = columns.series("a")
    np.testing.assert_equal([x, y], [[0, 20], [NAN, -np.inf]])
    with pytest.raises(ValueError, match="read-only"):
        columns["a"][0] = 1


GOOD = "0,1.5,7,1\n1,2.5,8,2\n"
FILES = {  # rows below step,wall_time,a,b
    "all is well": GOOD,
    "a cell is no number": GOOD + "2,3.5,oops,3\n",
    "a row is too short": GOOD + "2,3.5\n3,4.5,9,4\n",
    "a row is too long": GOOD + "2,3.5,9,3,99\n3,4.5,10,4\n",
    "one is too short and one too long": "0,1.5,7\n" + GOOD + "2,3.5,9,3,99\n",
    "short, ending in a comma, and long": "0,1.5,\n" + GOOD + "2,3.5,9,3,\n",
    "a line is blank": "0,1.5,7,1\n\n1,2.5,8,2\n",
    "the last line is torn": GOOD + "2,3.",
    "the last line has all but its end": GOOD + "2,3.5,9,3",
    "quotes": '0,1.5,"7",1\n1,2.5,8,2\n',
    "an open quote": '0,1.5,"7,1\n1,2.5,8,2\n',
    "no text": "0,1.5,\xff\xfe,1\n1,2.5,8,2\n",
    "a NUL": "0,1.5,7\0,1\n1,2.5,8,2\n",
    "the last cells are empty": "0,1.5,7,\n1,2.5,8,\n",
    "empty": "",
    "only spaces": "0,1.5, ,1\n1,2.5,8,2\n",
    "spellings": "0,1.5,nan,1\n1,2.5,-Infinity,+2\n2,3.5,1e400,.5\n",
    "windows": "0,1.5,7,1\r\n1,2.5,8,\r\n",
}


@pytest.mark.parametrize("rows", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("names", [["step", "a"], ["step", "wall_time", "a", "b"]])
def test_a_file_reads_in_bulk_as_alone_and_spoils_no_other(tmp_path, rows, names):
    header = "step,wall_time,a,b" + ("\r\n" if "\r" in rows else "\n")
    content = (header + rows).encode("latin-1")
    write_runs(tmp_path, number=3)
    odd = write_run(tmp_path / "odd", {}, "")
    (odd / PROGRESS_CSV).write_bytes(content)
    index = indexed(tmp_path)
    found = index.columns(index.snapshot.runs, names)
    alone = parse_csv(content, odd / PROGRESS_CSV)
    for name in names:
        expected = alone.frame[name]
        np.testing.assert_equal(found["odd"][name], expected.to_numpy())
        assert found["odd"].logged(name).tolist() == expected.is_not_null().to_list()
    if names[-1] == "b" or not alone.faults:
        assert places(index, "odd") == [(fault.line, fault.reason) for fault in alone.faults]
    for job in range(3):
        assert found[str(job)]["a"].tolist() == [job + row / 8 for row in range(4)]
        assert places(index, str(job)) == []


@pytest.mark.parametrize("content", ["\n", "\n1,2\n", "\nstep,a\n1,2\n", "\r\n"])
def test_a_blank_line_in_place_of_a_header_spoils_no_other_file(tmp_path, content):
    write_runs(tmp_path, number=2)
    write_run(tmp_path / "odd", {}, content)
    index = indexed(tmp_path)
    found = index.columns(index.snapshot.runs, ["step", "a"])
    assert [len(found[name]["a"]) for name in "01"] == [4, 4]
    assert "a" not in found["odd"]


def test_files_without_fault_do_not_take_the_careful_way(tmp_path, monkeypatch):
    for name in ("all is well", "the last cells are empty", "windows", "the last line is torn"):
        header = "step,wall_time,a,b" + ("\r\n" if name == "windows" else "\n")
        write_run(tmp_path / name, {}, header + FILES[name])
    write_run(tmp_path / "tabs", {}, state=None)
    (tmp_path / "tabs" / "progress.txt").write_text("Epoch\ta\n0\t7\n1\t8\n")
    careful = []
    monkeypatch.setattr(metric_store, "read_logged_rows", careful.append)
    assert set(map(tuple, read(indexed(tmp_path)).values())) == {(7.0, 8.0)}
    assert careful == []


def test_a_name_with_a_comma_between_tabs_is_the_same_however_its_file_is_read(tmp_path):
    head = "Epoch\teval,return\n"
    for name, row in {"fast": "0\t1\n", "careful": "0\tfoo\n1\t2\n"}.items():
        write_run(tmp_path / name, {}, state=None)
        (tmp_path / name / "progress.txt").write_text(head + row)
    index = indexed(tmp_path)
    found = index.columns(index.snapshot.runs, ["step", "eval,return"])
    assert {name: of_run["eval,return"].tolist()[-1] for name, of_run in found.items()} == {
        "fast": 1,
        "careful": 2,
    }


@pytest.mark.parametrize("settled", [True, False])
def test_files_of_many_layouts_and_sizes_are_read_at_once(tmp_path, monkeypatch, settled):
    monkeypatch.setattr(csv_bulk_reader, "CHUNK", 200)
    monkeypatch.setattr(csv_bulk_reader, "LARGE", 1000)
    expected = {}
    for job in range(24):
        rows = 60 if job % 5 == 0 else 1 + job % 7
        tags = {"a": [job + row / 3 for row in range(rows)], f"b{job % 3}": [0.5] * rows}
        text = csv_text(tags)
        text = text.replace("\n", "\r\n") if job % 4 == 0 else text
        torn = "9,9" if job % 6 == 0 else ""
        settle(write_run(tmp_path / str(job), {}, text + torn), settled)
        expected[str(job)] = tags["a"]
    index = indexed(tmp_path)
    assert read(index) == expected
    faulty = [run.name for run in index.snapshot.runs if index.faults(run)]
    assert faulty == ["0", "6", "12", "18"]
    assert [line for line, _ in places(index, "6")] == [len(expected["6"]) + 2]


@pytest.mark.parametrize("piece", [20, 1000])
@pytest.mark.parametrize("steps", [["0", "1", "2.5"], ["0", "1e3", "1e4"], ["0", "9" * 20, ""]])
def test_steps_of_a_large_file_may_begin_as_integers_and_go_on_otherwise(
    tmp_path, monkeypatch, steps, piece
):
    monkeypatch.setattr(csv_columns, "PIECE", piece)
    monkeypatch.setattr(csv_bulk_reader, "LARGE", 10)
    rows = "".join(f"{step},1.0,{row}.5\n" for row, step in enumerate(steps))
    settle(write_run(tmp_path / "0", {}, f"step,wall_time,a\n{rows}"))
    index = indexed(tmp_path)
    found = index.columns(index.snapshot.runs, ["step", "a"])["0"]
    np.testing.assert_equal(found["step"], [float(step or "nan") for step in steps])
    assert found["a"].tolist() == [0.5, 1.5, 2.5]


def test_a_large_file_that_its_owner_empties_while_it_is_read_is_no_end_of_the_process(
    tmp_path, monkeypatch
):
    text = csv_text({"a": [1.0] * 1000, "b": [None] * 1000})
    path = write_run(tmp_path / "0", {}, text) / PROGRESS_CSV
    settle(path.parent)
    monkeypatch.setattr(csv_bulk_reader, "LARGE", 1000)
    given = []
    read_csv, rectangular = pl.read_csv, csv_columns._is_rectangular

    def emptied(*args):
        os.truncate(path, 0)  # what is mapped of it now is no longer there: SIGBUS
        return rectangular(*args)

    monkeypatch.setattr(csv_columns, "_is_rectangular", emptied)
    monkeypatch.setattr(
        pl, "read_csv", lambda text, **how: given.append(type(text)) or read_csv(text, **how)
    )
    assert read(indexed(tmp_path)) == {"0": []}
    assert {*given} == {bytes}  # a file that it opens itself Polars maps


@pytest.mark.parametrize("piece", [40, 100, 10_000])
def test_a_large_file_is_read_in_pieces_of_whole_rows(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(csv_bulk_reader, "LARGE", 1000)
    monkeypatch.setattr(csv_columns, "PIECE", piece)
    monkeypatch.setattr(reading, "parse_csv", None)  # the careful way is not needed
    expected = [row / 7 for row in range(200)]
    run = write_run(tmp_path / "0", {}, csv_text({"a": expected, "b": [None, 0.5] * 100}))
    settle(run)
    index = indexed(tmp_path)
    found = index.columns(index.snapshot.runs, ["step", "a", "b"])["0"]
    assert found["step"].tolist() == list(range(200))
    assert found["a"].tolist() == expected
    assert found.logged("b").tolist() == [False, True] * 100


def test_blank_lines_under_many_columns_are_no_cells(tmp_path, monkeypatch):
    head = ",".join(["step", *(f"m{number}" for number in range(50))]) + "\n"
    layout = csv_columns.Layout.of(head.encode(), ",")
    monkeypatch.setattr(csv_columns, "_frame", None)  # it would make them, however many
    assert csv_columns.parse(b"\n" * 1000, layout, layout.names) is None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blank_lines_of_a_large_file_are_no_rows_however_lines_end(tmp_path, monkeypatch, end):
    run = write_run(tmp_path / "0", {}, "")
    text = "a\n" + "".join(f"{row}.5{end}{end}" for row in range(100))
    (run / PROGRESS_CSV).write_bytes(text.encode())
    settle(run)
    monkeypatch.setattr(csv_bulk_reader, "LARGE", 100)
    index = indexed(tmp_path)
    assert index.columns(index.snapshot.runs, ["a"])["0"]["a"].tolist() == [
        row + 0.5 for row in range(100)
    ]


@pytest.mark.parametrize(("text", "rows"), [("a\n{row},1.0,999.0,b", 0), ('said "{row}"', 100)])
def test_texts_over_several_lines_are_no_rows_of_a_large_file(tmp_path, monkeypatch, text, rows):
    with (write_run(tmp_path / "0", {}, "") / PROGRESS_CSV).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "wall_time", "a", "text"])
        writer.writerows([row, 1.0, row / 2, text.format(row=row)] for row in range(100))
    settle(tmp_path / "0")
    monkeypatch.setattr(csv_bulk_reader, "LARGE", 1000)
    index = indexed(tmp_path)
    found = index.columns(index.snapshot.runs, ["step", "a"])["0"]
    assert found["step"].tolist() == list(range(rows)), "as of a small one, which names faults"
    assert found["a"].tolist() == [row / 2 for row in range(rows)]


def test_a_large_file_that_grows_while_it_is_read_is_read_as_it_is_then(tmp_path, monkeypatch):
    run = write_run(tmp_path / "0", {}, csv_text({"a": [1.0] * 100}))
    settle(run)
    monkeypatch.setattr(csv_bulk_reader, "LARGE", 1000)
    real = csv_bulk_reader.parse_file

    def parse_file(file, end, layout, names):
        with (run / PROGRESS_CSV).open("a") as writer:
            writer.write("100,1.5,2.0\n101,1.5,3")
        return real(file, end, layout, names)

    monkeypatch.setattr(csv_bulk_reader, "parse_file", parse_file)
    index = indexed(tmp_path)
    assert read(index) == {"0": [1.0] * 100 + [2.0]}
    with (run / PROGRESS_CSV).open("a") as file:
        file.write(".5\n")
    assert read(index) == {"0": [1.0] * 100 + [2.0, 3.5]}


def test_a_large_file_that_is_replaced_while_it_is_read_is_read_as_it_is_then(
    tmp_path, monkeypatch
):
    run = write_run(tmp_path / "0", {}, csv_text({"a": [1.0] * 100}))
    settle(run)
    monkeypatch.setattr(csv_bulk_reader, "LARGE", 1000)
    real = csv_bulk_reader.parse_file

    def parse_file(file, end, layout, names):
        columns = real(file, end, layout, names)
        write_run(run, {}, csv_text({"a": [2.0] * 100}))
        return columns

    monkeypatch.setattr(csv_bulk_reader, "parse_file", parse_file)
    assert read(indexed(tmp_path)) == {"0": [2.0] * 100}


def test_only_the_columns_that_are_asked_for_are_read(tmp_path):
    write_run(tmp_path / "0", {}, "step,wall_time,a,text\n0,1,5,abc\n1,2,6,def\n")
    index = indexed(tmp_path)
    assert read(index) == {"0": [5, 6]}
    assert places(index, "0") == []
    index.columns(index.snapshot.runs, ["text"])
    assert len(places(index, "0")) == 2


def test_tags_are_those_of_the_headers_in_the_order_of_their_appearance(tmp_path):
    write_run(tmp_path / "0", {}, csv_text({"b": [1.0], "a": [None]}))
    write_run(tmp_path / "1", {}, csv_text({"a,c": [1.0]}).replace("a,c", '"a,c"'))
    write_run(tmp_path / "2", {})
    write_run(tmp_path / "3", {}, "step,wall")
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == ["b", "a", "a,c"]


def test_the_last_row_comes_from_the_end_of_the_file(tmp_path):
    write_run(tmp_path / "0", {}, csv_text({"a": [0.1] * 5000 + [0.5], "b": [1.0] * 5000 + [None]}))
    write_run(tmp_path / "1", {}, "step,wall_time,a\n0,1.5,7\n1,2.5,8\n2,3.")
    write_run(tmp_path / "2", {}, "step,wall_time,a\n")
    write_run(tmp_path / "3", {})
    index = indexed(tmp_path)
    runs = index.snapshot.runs
    np.testing.assert_equal(index.last(runs, "a"), [0.5, 8, np.nan, np.nan])
    np.testing.assert_equal(index.last(runs, "b"), [np.nan] * 4)


def test_the_head_of_a_file_is_read_once_and_not_at_all_if_it_is_known(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(metric_store, "read_header", lambda *a: read.append(a) or read_header(*a))
    monkeypatch.setattr(metric_store, "WORTH_RUNS", 1)
    run = write_run(tmp_path / "0", {}, csv_text({"a": [0.0, 1.0], "b": [5.0, 6.0]}))
    settle(run)
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == ["a", "b"]
    assert index.last(index.snapshot.runs, "b") == [6]
    assert len(read) == 1
    index.columns(index.snapshot.runs, ["step", "a"])
    later = indexed(tmp_path)
    monkeypatch.setattr(metric_store, "read_last_row", None)  # it is known, too
    assert later.tags(later.snapshot.runs) == ["a", "b"]
    assert later.last(later.snapshot.runs, "a") == [1]
    assert len(read) == 1


def test_of_a_file_that_grows_only_the_new_rows_are_read(tmp_path, monkeypatch):
    run = write_run(tmp_path / "0", {}, csv_text({"a": [0.0, 1.0], "b": [5.0, 6.0]}))
    index = indexed(tmp_path)
    index.columns(index.snapshot.runs, ["step", "a"])
    monkeypatch.setattr(metric_store, "read_many", lambda files, choose: [].extend(files) or ())
    for value in (2.0, 3.0):
        with (run / PROGRESS_CSV).open("a") as file:
            file.write(f"{value:.0f},9.5,{value},\n7,")
        assert read(index) == {"0": [float(n) for n in range(int(value) + 1)]}
        assert [line for line, _ in places(index, "0")] == [int(value) + 3]
        text = (run / PROGRESS_CSV).read_text().removesuffix("7,")
        os.truncate(run / PROGRESS_CSV, len(text))


ROWS = "".join(f"{row},1.0,{row},0.25\n" for row in range(9))  # longer than what is compared
OTHERS = ROWS.replace(",1.0,", ",1.0,5")
REWRITES = {  # rows below another header, whether the file is another one, and what a then is
    "replaced": ("step,wall_time,a,b\n", OTHERS + OTHERS, True),
    "written anew in place": ("step,wall_time,a,b\n", OTHERS + OTHERS, False),
    "other rows of the same length": (
        "step,wall_time,a,b\n",
        ROWS.replace("0.25", "0.75").replace(",1.0,", ",2.0,") + "9,1.0,9,0.25\n",
        False,
    ),
    "another name": ("step,wall_time,c,a\n", ROWS + "9,1.0,9,0.25\n", False),
    "a column more": ("step,wall_time,a,b,c\n", ROWS.replace("\n", ",\n") + "9,1.0,9,1,2\n", False),
}


@pytest.mark.parametrize(("header", "rows", "aside"), REWRITES.values(), ids=REWRITES.keys())
def test_a_file_that_is_rewritten_is_not_taken_for_one_that_grew(tmp_path, header, rows, aside):
    run = write_run(tmp_path / "0", {}, "step,wall_time,a,b\n" + ROWS)
    index = indexed(tmp_path)
    assert read(index) == {"0": [float(row) for row in range(9)]}
    index.columns(index.snapshot.runs, ["wall_time"])
    written = run / ("aside" if aside else PROGRESS_CSV)
    written.write_text(header + rows)
    os.replace(written, run / PROGRESS_CSV)
    found = index.columns(index.snapshot.runs, ["wall_time", "a"])["0"]
    expected = parse_csv((header + rows).encode(), run).frame
    assert found["a"].tolist() == expected["a"].to_list()
    assert found["wall_time"].tolist() == expected["wall_time"].to_list()


def test_a_file_that_goes_between_the_looks_has_no_rows_and_harms_no_other(tmp_path):
    write_runs(tmp_path)
    index = indexed(tmp_path)
    (tmp_path / "1" / PROGRESS_CSV).unlink()
    assert read(index) == {"0": [0, 0.125, 0.25, 0.375], "1": [], "2": [2, 2.125, 2.25, 2.375]}


@pytest.fixture
def worth_it(monkeypatch):
    monkeypatch.setattr(metric_store, "WORTH_BYTES", 0)


def stored(root: Path) -> list[Path]:
    return sorted(cache_directory([root]).glob("*.pack"))


@pytest.mark.usefixtures("worth_it")
def test_the_next_session_finds_the_columns_in_the_cache(tmp_path, monkeypatch):
    write_runs(tmp_path)
    (tmp_path / "1" / PROGRESS_CSV).write_text("step,wall_time,a\n0,1.0,\n1,1.0,NaN\n2,")
    settle(tmp_path / "1")
    first = indexed(tmp_path)
    before = first.columns(first.snapshot.runs, ["step", "a"])
    assert len(stored(tmp_path)) > 0
    real = metric_store.read_many
    monkeypatch.setattr(
        metric_store, "read_many", lambda files, choose: real(list(files)[:0], choose)
    )
    again = indexed(tmp_path)
    after = again.columns(again.snapshot.runs, ["step", "a"])
    for run in before:
        np.testing.assert_equal(after[run]["a"], before[run]["a"])
        np.testing.assert_equal(after[run]["step"], before[run]["step"])
    assert is_absent(after["1"]["a"]).tolist() == [True, False]
    assert places(again, "1") == places(first, "1")


@pytest.mark.usefixtures("worth_it")
def test_a_run_that_has_changed_is_not_taken_from_the_cache(tmp_path):
    write_runs(tmp_path)
    read(indexed(tmp_path))
    write_run(tmp_path / "1", {}, csv_text({"a": [9.0]}))
    settle(tmp_path / "1")
    assert read(indexed(tmp_path))["1"] == [9]


@pytest.mark.usefixtures("worth_it")
def test_what_was_just_written_is_not_kept_for_it_may_change_under_the_same_time(tmp_path):
    write_runs(tmp_path, settled=False)
    read(indexed(tmp_path))
    assert stored(tmp_path) == []


def lost(content):
    """A pack of which the disk has kept the table of contents, and zeros."""
    begin = len(disk_cache.MAGIC)
    table = begin + 8 + int.from_bytes(content[begin : begin + 8], "little")
    return content[:table].ljust(len(content), b"\0")


SPOILED = {
    "cut short": lambda content: content[:-8],
    "of another version": lambda content: content.replace(
        b"exptools columns", b"exptools cuboids", 1
    ),
    "with fewer rows of a run": lambda content: content.replace(b", 4, []]", b", 3, []]", 1),
    "with a number changed": lambda content: content.replace(
        struct.pack("d", 2.375), struct.pack("d", 77.0)
    ),
    "with another sum": lambda content: content[:-8] + bytes(8),
    "lost behind its table": lost,
}


@pytest.mark.usefixtures("worth_it")
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_a_pack_that_is_not_as_it_should_be_is_not_used(tmp_path, spoil):
    write_runs(tmp_path)
    expected = read(indexed(tmp_path))
    (pack,) = stored(tmp_path)
    pack.write_bytes(spoil(pack.read_bytes()))
    assert read(indexed(tmp_path)) == expected


def test_configs_come_from_the_cache_until_they_change_or_it_is_spoiled(tmp_path, monkeypatch):
    write_runs(tmp_path)
    for config in tmp_path.glob("*/.hydra/config.yaml"):
        os.utime(config, (LONG_AGO, LONG_AGO))
    indexed(tmp_path)
    (tmp_path / "1" / ".hydra" / "config.yaml").write_text("job: 7\n")
    real, files = text_cache.read_listed, []
    monkeypatch.setattr(
        text_cache,
        "read_listed",
        lambda path, limit: files.append(Path(path).parts[-3:]) or real(path, limit),
    )
    assert [run.config["job"] for run in indexed(tmp_path).snapshot.runs] == [0, 7, 2]
    assert [parts for parts in files if parts[-1] == "config.yaml"] == [
        ("1", ".hydra", "config.yaml")
    ]
    texts = cache_directory([tmp_path]) / "texts.json"
    whole = texts.read_bytes()
    for spoiled in (b"", b"[]", whole[:-1], whole.replace(b"job: 2", b"job: 3"), whole[20:]):
        texts.write_bytes(spoiled)
        assert [run.config["job"] for run in indexed(tmp_path).snapshot.runs] == [0, 7, 2]


def test_the_texts_of_configs_keep_within_their_bounds(tmp_path, monkeypatch):
    def keep(root: str, text: str) -> Path:
        run = write_run(tmp_path / root / text[:1], {"text": text}, state=None)
        os.utime(run / HYDRA_CONFIG, (LONG_AGO, LONG_AGO))
        indexed(tmp_path / root)
        return cache_directory([tmp_path / root]) / "texts.json"

    monkeypatch.setattr(text_cache, "MAX_BYTES", 2500)
    first, second = keep("a", "x" * 800), keep("b", "x" * 800)
    os.utime(second, (LONG_AGO, LONG_AGO))
    third = keep("c", "x" * 800)
    assert [file.exists() for file in (first, second, third)] == [True, False, True]
    monkeypatch.setattr(text_cache, "MAX_FILE", 1500)
    keep("c", "y" * 800)
    assert [file.exists() for file in (first, second, third)] == [True, False, False]


@pytest.mark.usefixtures("worth_it")
def test_the_cache_keeps_within_its_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(disk_cache, "MAX_PACKS", 2)
    write_runs(tmp_path)
    for metric in ("a", "b", "wall_time"):
        read(indexed(tmp_path), metric)
        time.sleep(0.01)  # packs are told apart by their times
    assert len(stored(tmp_path)) == 2
    monkeypatch.setattr(disk_cache, "MAX_BYTES", 0)
    write_runs(tmp_path, number=4)
    assert len(read(indexed(tmp_path))) == 4
    assert stored(tmp_path) == []


def test_without_a_cache_nothing_is_written(tmp_path):
    write_runs(tmp_path, number=40)
    index = Index([tmp_path], cache=False)
    index.refresh()
    read(index)
    assert not cache_directory([tmp_path]).exists()


@pytest.mark.usefixtures("worth_it")
def test_a_cache_that_cannot_be_written_is_gone_without(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    write_runs(tmp_path / "runs")
    assert len(read(indexed(tmp_path / "runs"))) == 3


def test_the_memory_of_columns_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(metric_store, "MEMORY", 100)
    write_runs(tmp_path)
    index = indexed(tmp_path)
    for _ in range(3):
        assert len(read(index, "a")["2"]) == len(read(index, "b")["2"]) == 4
    assert index._metrics._store._bytes < 500


READER = """
    import sys
    from pathlib import Path
    from exptools.viewing.metrics import store as metric_store
    from exptools.viewing.index import Index
    metric_store.WORTH_BYTES = 0
    for _ in range(10):
        index = Index([Path(sys.argv[1])])
        index.refresh()
        found = index.series(index.snapshot.runs, sys.argv[2])
        assert {name: len(y) for name, (_, y) in found.items()} == {str(n): 4 for n in range(30)}
"""


def test_processes_share_the_cache_while_others_write_and_remove_it(tmp_path):
    write_runs(tmp_path, number=30)
    code = textwrap.dedent(READER)
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), metric])
        for metric in ("a", "b", "a")
    ]
    while any(process.poll() is None for process in processes):
        for path in stored(tmp_path):
            path.unlink(missing_ok=True)
    assert [process.returncode for process in processes] == [0, 0, 0]


def test_threads_may_ask_for_columns_at_once(tmp_path):
    write_runs(tmp_path, number=20)
    index, lengths, errors = indexed(tmp_path), [], []

    def use(metric):
        try:
            for _ in range(10):
                index.refresh()
                lengths.extend(map(len, read(index, metric).values()))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test should show it
            errors.append(error)

    threads = [threading.Thread(target=use, args=(metric,)) for metric in "abab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (errors, lengths) == ([], [4] * (20 * 10 * 4))


def test_who_asks_for_a_good_run_does_not_wait_for_a_bad_one(tmp_path, monkeypatch):
    write_runs(tmp_path, number=2)
    write_run(tmp_path / "bad", {}, 'step,"a\n0,1\n')
    index = indexed(tmp_path)
    is_read, go_on, real = threading.Event(), threading.Event(), metric_store.read_logged_rows

    def slow(source):
        is_read.set()
        assert go_on.wait(60)
        return real(source)

    monkeypatch.setattr(metric_store, "read_logged_rows", slow)
    *good, bad = index.snapshot.runs
    with ThreadPoolExecutor(2) as threads:
        everything = threads.submit(read, index)
        assert is_read.wait(60)
        again = threads.submit(index.columns, [bad], ["a"])
        assert [y.tolist()[:1] for _, y in index.series(good, "a").values()] == [[0], [1]]
        assert index.tags(good) == ["a", "b"]
        assert not everything.done()
        assert not again.done()
        go_on.set()
        assert (everything.result()["bad"], again.result()["bad"].rows) == ([], 0)


def test_a_run_whose_reading_fails_can_be_asked_for_again(tmp_path, monkeypatch):
    write_runs(tmp_path, number=1)
    index = indexed(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(metric_store, "read_many", None)
        with pytest.raises(TypeError):
            read(index)
    assert len(read(index)["0"]) == 4


def test_a_header_may_be_longer_than_what_is_read_of_it_at_first(tmp_path):
    tags = [f"tag{number}" for number in range(20_000)]
    write_run(tmp_path / "0", {}, ",".join(["step", *tags]) + "\n")
    write_run(tmp_path / "1", {}, "step," + "x" * 200_000 + "\n1,2\n")
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == [*tags, "x" * 200_000]
    assert index.columns(index.snapshot.runs, ["x" * 200_000])["1"].rows == 1
