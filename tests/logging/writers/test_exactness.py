"""What is written by hand is what the official libraries write, for anything that is logged."""

import io
import math
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from exptools.logging.rows.row import MAX_STEP, Row
from exptools.logging.writers.csv import CsvWriter
from exptools.logging.writers.tensorboard import TensorBoardWriter

STEPS = st.integers(-MAX_STEP, MAX_STEP) | st.integers(-300, 2**15)
TAGS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
LONG_TAG = "größe/" * 1500
FLOATS = st.floats() | st.floats(1e-5, 1e-4) | st.floats(1e16, 1e22) | st.floats(0, 2.3e-308)
NUMBERS = FLOATS | st.integers(-(2**70), 2**70)
ROWS = st.builds(
    Row, STEPS, st.floats(1, 2e9), st.dictionaries(TAGS, NUMBERS, min_size=1, max_size=12)
)


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    return tmp_path_factory.mktemp("events") / "events.out.tfevents.1.host.1.0"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return CsvWriter(tmp_path_factory.mktemp("table") / "progress.csv")


def official(row):
    """The record of a row as TensorBoard's own messages and writer make it."""
    values = [Summary.Value(tag=tag, simple_value=float32(v)) for tag, v in row.scalars.items()]
    event = Event(wall_time=row.wall_time, step=row.step, summary=Summary(value=values))
    file = io.BytesIO()
    RecordWriter(file).write(event.SerializeToString())
    return file.getvalue()


def float32(number):
    try:
        return struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)


def written(writer, row):
    before = writer.path.stat().st_size
    writer.write(row)
    return writer.path.read_bytes()[before:]


@settings(max_examples=300, deadline=None)
@given(ROWS)
@example(Row(0, 1.5, {"zero": 0.0, "minus": -0.0, "nan": math.nan, "inf": math.inf}))
@example(Row(-1, 1.5, {LONG_TAG: 1.7976931348623157e308, "x": 3.4028235677973366e38}))
@example(Row(2**14, 1e9, {f"tag/{n}": n / 7 for n in range(5000)}))
def test_events_are_those_of_the_official_messages_byte_for_byte(events, row):
    writer = TensorBoardWriter(events)  # anew, for in one file the steps of a tag go up
    assert written(writer, row) == official(row)
    writer.close()


@settings(max_examples=300, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=30))
@example([5e-324, 9.999999999999999e-05, 0.0001, 1e16, 9999999999999998.0, 1e-7, -0.0, 2**63])
def test_cells_are_the_numbers_repr(table, numbers):
    row = Row(0, 0.5, {f"tag/{n}": number for n, number in enumerate(numbers)})
    table.write(row)
    last = table.path.read_text().splitlines()[-1].split(",")[2 : 2 + len(numbers)]
    assert last == [repr(number).replace("nan", "NaN") for number in numbers]
