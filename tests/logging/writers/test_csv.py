import csv
import io
import math
import subprocess
import sys

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from exptools.logging.rows.row import Row
from exptools.logging.run.earlier.attempts import cut, set_aside
from exptools.logging.run.earlier.position import EarlierRows
from exptools.logging.writers.csv import CsvWriter


@pytest.fixture
def path(tmp_path):
    return tmp_path / "progress.csv"


@pytest.fixture
def writer(path):
    writer = CsvWriter(path)
    yield writer
    writer.close()


def read_rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_a_file_without_rows_has_a_header(writer, path):
    assert path.read_bytes() == b"step,wall_time\n"


def test_columns_stand_in_the_order_of_their_first_appearance(writer, path):
    writer.write(Row(0, 10.5, {"b": 1}))
    writer.write(Row(1, 11.5, {"c": 2, "a": 3}))
    writer.write(Row(2, 12.5, {"a": 4, "b": 5}))
    assert path.read_text() == ("step,wall_time,b,c,a\n0,10.5,1,,\n1,11.5,,2,3\n2,12.5,5,,4\n")
    assert list(path.parent.iterdir()) == [path]


def test_pandas_and_polars_read_back_the_exact_numbers(writer, path):
    floats = [0.1, 1 / 3, 1e-310, 1.7976931348623157e308, -0.0, 123456789.123456789]
    for step, value in enumerate(floats):
        writer.write(Row(step, 0.0, {"x": value}))
    assert pd.read_csv(path)["x"].tolist() == floats
    assert pl.read_csv(path)["x"].to_list() == floats


def test_values_that_are_not_finite_are_read_as_numbers(writer, path):
    for step, value in enumerate((1.5, math.nan, math.inf, -math.inf)):
        writer.write(Row(step, 0.0, {"x": value}))
    assert [row[2] for row in read_rows(path)] == ["x", "1.5", "NaN", "inf", "-inf"]
    assert pl.read_csv(path)["x"].dtype == pl.Float64
    assert pl.read_csv(path)["x"].is_nan().to_list() == [False, True, False, False]
    assert pd.read_csv(path)["x"].tolist()[2:] == [math.inf, -math.inf]


def test_absent_values_are_empty_also_beside_nan(writer, path):
    writer.write(Row(0, 0.0, {"a": 1.5, "b": math.nan}))
    writer.write(Row(1, 0.0, {"b": 2.5}))
    assert pl.read_csv(path)["a"].to_list() == [1.5, None]
    assert read_rows(path)[1:] == [["0", "0.0", "1.5", "NaN"], ["1", "0.0", "", "2.5"]]


AWKWARD_TAGS = [
    "a,b",
    'say "hi"',
    '"',
    "two\nlines",
    "return\rand\r\nfeed",
    "größe/μ/損失/🙂",
    " padded ",
    "None",
    "nan",
    "A",
    "a",
    "x" * 10_000,
]


def test_any_tag_is_read_back_as_it_was(writer, path):
    for step, tag in enumerate(AWKWARD_TAGS):
        writer.write(Row(step, 0.0, {tag: step}))
    expected = ["step", "wall_time", *AWKWARD_TAGS]
    assert read_rows(path)[0] == expected
    assert pd.read_csv(path).columns.tolist() == expected
    # polars leaves the quotes of a header doubled.
    assert [column.replace('""', '"') for column in pl.read_csv(path).columns] == expected
    assert [row[2 + step] for step, row in enumerate(read_rows(path)[1:])] == [
        str(step) for step in range(len(AWKWARD_TAGS))
    ]


READERS = {
    "pandas": lambda path: pd.read_csv(path).to_numpy(float),
    "polars": lambda path: pl.read_csv(path, infer_schema_length=None).cast(pl.Float64).to_numpy(),
    "duckdb": lambda path: np.array(duckdb.read_csv(str(path)).fetchall(), float),
    "numpy": lambda path: np.genfromtxt(path, delimiter=",", skip_header=1, ndmin=2),
}

GROWING = """
import sys
from pathlib import Path
from exptools.logging.writers.csv import CsvWriter
from exptools.logging.rows.row import Row

writer = CsvWriter(Path(sys.argv[1]))
print("open", flush=True)
for step in range(3000):
    writer.write(Row(step, 0.0, {"a": step, f"t/{step // 20}": 0.5}))
"""


def test_a_concurrent_reader_never_sees_lines_of_different_widths(path):
    rows_seen = [0]
    with subprocess.Popen(
        [sys.executable, "-c", GROWING, str(path)], stdout=subprocess.PIPE
    ) as writing:
        writing.stdout.readline()
        while writing.poll() is None:
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1].decode()
            widths = {len(row) for row in csv.reader(io.StringIO(whole, newline=""))}
            assert len(widths) == 1
            rows_seen.append(whole.count("\n") - 1)
    assert writing.returncode == 0
    assert len(set(rows_seen)) > 10, "the reader did not catch the writer at work"
    assert rows_seen == sorted(rows_seen), "rows vanished for a while"
    assert pd.read_csv(path)["a"].tolist() == list(range(3000))
    tables = {name: read(path) for name, read in READERS.items()}
    for name, table in tables.items():
        assert table.shape == (3000, 3 + 150), name
        assert np.array_equal(table, tables["pandas"], equal_nan=True), name


def test_rows_of_earlier_attempts_are_set_aside_byte_for_byte(path):
    torn = b"step,wall_time,a\n0,1.0,2\n1,1."
    for attempt in (1, 2):
        path.write_bytes(torn + b"%d" % attempt)
        set_aside(path)
    assert not path.exists()
    assert (path.parent / "progress.1.csv").read_bytes() == torn + b"1"
    assert (path.parent / "progress.2.csv").read_bytes() == torn + b"2"


def test_a_stray_quote_in_a_header_costs_no_more_than_reading_the_file(path):
    path.write_bytes(b'step,wall_time,"loss\n' + b"1,2\n" * 2_000_000)  # hours, if quadratic
    aside = cut(path, EarlierRows.read(path), [])
    assert aside == path.with_name("progress.1.csv")
    assert not path.exists()
