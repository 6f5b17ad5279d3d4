import io
import math
import random
import subprocess
import sys

import pytest
from tensorboard.summary.writer.record_writer import RecordWriter

from exptools.logging.rows.row import Row
from exptools.logging.writers.tensorboard import TensorBoardWriter, as_record, new_event_file


def event_files(directory):
    return sorted(directory.glob("events.out.tfevents.*"))


def test_tensorboard_reads_every_scalar_with_its_step(tmp_path, read_events):
    writer = TensorBoardWriter(new_event_file(tmp_path))
    writer.write(Row(0, 1.0, {"loss": 0.5, "größe\n🙂": 3}))
    writer.write(Row(7, 2.0, {"loss": math.inf}))
    writer.write(Row(2**40, 3.0, {"loss": -0.25}))
    writer.close()
    assert read_events(tmp_path) == {
        "loss": [(0, 0.5), (7, math.inf), (2**40, -0.25)],
        "größe\n🙂": [(0, 3.0)],
    }


def test_nan_is_nan_in_tensorboard(tmp_path, read_events):
    writer = TensorBoardWriter(new_event_file(tmp_path))
    writer.write(Row(0, 1.0, {"loss": math.nan}))
    writer.close()
    ((step, value),) = read_events(tmp_path)["loss"]
    assert step == 0
    assert math.isnan(value)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 4097])
def test_records_are_those_of_tensorboards_own_writer(size):
    message = random.Random(size).randbytes(size)
    theirs = io.BytesIO()
    RecordWriter(theirs).write(message)
    assert as_record(message) == theirs.getvalue()


def test_a_row_is_one_record(tmp_path):
    writer = TensorBoardWriter(new_event_file(tmp_path))
    (path,) = event_files(tmp_path)
    before = path.stat().st_size
    writer.write(Row(0, 1.0, {f"tag/{n}": 0.5 for n in range(100)}))
    record = path.read_bytes()[before:]
    length = int.from_bytes(record[:8], "little")
    assert len(record) == 8 + 4 + length + 4
    writer.close()


def test_two_writers_in_one_second_have_files_of_their_own(tmp_path):
    writers = [TensorBoardWriter(new_event_file(tmp_path)) for _ in range(3)]
    assert len(event_files(tmp_path)) == 3
    for writer in writers:
        writer.close()


def test_writing_events_does_not_load_numpy_or_tensorflow():
    code = (
        "import sys, exptools.logging.writers.tensorboard; "
        "print({'numpy', 'tensorflow', 'tensorboard.compat.tensorflow_stub'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
