"""Event files of TensorBoard's, as different libraries write them."""

from pathlib import Path

import numpy as np
import pytest
from google.protobuf.internal.encoder import _VarintBytes
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.util.tensor_util import make_tensor_proto

from exptools.logging.run_logger import Logger
from exptools.logging.writers.tensorboard import as_record
from exptools.viewing.metrics import logged_rows
from exptools.viewing.metrics.crc32c import masked_checksums
from exptools.viewing.metrics.event_reader import read_events
from exptools.viewing.metrics.reading import read_logged_rows
from exptools.viewing.run import Source
from tests.viewing.samples import indexed, write_run

VERSION = Event(wall_time=1, file_version="brain.Event:2")


def scalar(tag: str, step: int, value: float) -> Event:
    simple = Summary.Value(tag=tag, simple_value=value)
    return Event(wall_time=100 + step, step=step, summary=Summary(value=[simple]))


def tensor(tag: str, step: int, value: object, plugin: str | None = "scalars") -> Event:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin))
    content = Summary.Value(tag=tag, tensor=make_tensor_proto(value))
    if plugin:
        content.metadata.CopyFrom(metadata)
    return Event(wall_time=100 + step, step=step, summary=Summary(value=[content]))


def write(directory: Path, *events: Event, number: int = 0) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / f"events.out.tfevents.170000000{number}.host.1"
    path.write_bytes(b"".join(as_record(e.SerializeToString()) for e in (VERSION, *events)))
    return path


def values(rows, tag: str) -> list[list[float]]:
    logged = rows.frame.select("step", tag).drop_nulls()
    return [part.to_list() for part in logged]


def test_an_event_of_millions_of_empty_values_is_left_out_before_it_is_made(tmp_path):
    swollen = Event(step=1)
    swollen.MergeFromString(b"\x2a" + (b"\x80\x80\x80\x02") + b"\x0a\x00" * 2**21)
    picture = Summary.Value(tag="text", tensor=make_tensor_proto("a line of it, or so\n" * 2**18))
    file = write(
        tmp_path,
        scalar("a", 0, 1),
        swollen,
        Event(summary=Summary(value=[picture])),
        scalar("a", 2, 3),
    )
    rows = read_events([file])
    assert values(rows, "a") == [[0, 2], [1, 3]]
    (fault,) = rows.faults
    assert "1 of its events have more than 1,048,576 values" in fault.reason


@pytest.mark.parametrize("field", [b"\x72", b"\x7a", b"\x42"])
def test_an_event_of_millions_of_empty_resources_is_left_out_before_it_is_made(tmp_path, field):
    message = b"\x08\x01" + (field + b"\x00") * 2**21
    for head in (b"\x42", b"\x0a", b"\x2a"):  # a tensor, of a value, of a summary
        message = head + _VarintBytes(len(message)) + message
    path = write(tmp_path, scalar("a", 0, 1))
    path.write_bytes(path.read_bytes() + as_record(message))
    (fault,) = read_events([path]).faults
    assert "1 of its events have more than 1,048,576 values" in fault.reason


def test_a_long_text_is_an_event_like_any_other(tmp_path):
    text = Summary.Value(tag="text", tensor=make_tensor_proto("Brrr zzz\r\nr\tz\n" * 2**18))
    file = write(tmp_path, Event(summary=Summary(value=[text])), scalar("a", 0, 1))
    assert read_events([file]).faults == ()


def test_a_tensor_of_hundreds_of_dimensions_is_no_number_and_takes_none_with_it(tmp_path):
    odd = tensor("a", 0, 1.0)
    for size in [1] * 300:
        odd.summary.value[0].tensor.tensor_shape.dim.add(size=size)
    odd.summary.value[0].tensor.float_val.append(2.0)
    rows = read_events([write(tmp_path, odd, scalar("a", 1, 3))])
    assert values(rows, "a") == [[1], [3]]


def test_scalars_of_both_kinds_are_rows_by_step(tmp_path):
    file = write(
        tmp_path,
        scalar("a", 0, 0.5),
        scalar("a", 10, float("nan")),
        tensor("b", 10, np.float32(2.5)),
        tensor("b", 20, 3.5, plugin=None),  # only the first of a tag says what it is
        tensor("image", 20, [1.0, 2.0], plugin="images"),
    )
    rows = read_events([file])
    assert rows.frame["step"].to_list() == [0, 10, 20]
    assert rows.frame["wall_time"].to_list() == [100, 110, 120]
    assert rows.frame.columns == ["step", "wall_time", "a", "b"]
    assert values(rows, "b") == [[10, 20], [2.5, 3.5]]
    np.testing.assert_equal(values(rows, "a"), [[0, 10], [0.5, np.nan]])
    assert rows.faults == ()


def test_a_step_that_was_logged_twice_is_two_rows(tmp_path):
    file = write(tmp_path, scalar("a", 1, 1), scalar("a", 1, 2), scalar("b", 1, 9))
    rows = read_events([file])
    assert values(rows, "a") == [[1, 1], [1, 2]]
    assert values(rows, "b") == [[1], [9]]


def test_a_restart_replaces_what_it_overlaps_as_in_tensorboard(tmp_path):
    first = write(tmp_path, *(scalar("a", step, step) for step in range(6)))
    mark = Event(step=3, session_log=SessionLog(status=SessionLog.START))
    again = write(tmp_path, mark, *(scalar("a", step, -step) for step in range(3, 5)), number=1)
    x, y = values(read_events([first, again]), "a")
    assert (x, y) == ([0, 1, 2, 3, 4], [0, 1, 2, -3, -4])
    theirs = EventAccumulator(str(tmp_path)).Reload().Scalars("a")
    assert [(e.step, e.value) for e in theirs] == list(zip(x, y, strict=True))


def test_later_files_continue_the_earlier_in_the_order_of_their_times(tmp_path):
    write(tmp_path, scalar("a", 1, 1), number=2)
    write(tmp_path, scalar("a", 0, 0), number=1)
    index = indexed(tmp_path)
    (run,) = index.snapshot.runs
    assert run.format == "tensorboard"
    assert [part.tolist() for part in index.series([run], "a")[run.name]] == [[0, 1], [0, 1]]


def test_what_exptools_logs_is_read_back_as_32_bit_floats(tmp_path):
    logger = Logger()
    logger.open(tmp_path)
    logger.log_scalar("loss", 0.1, 3)
    logger.close()
    (file,) = tmp_path.glob("events.*")
    assert values(read_events([file]), "loss") == [[3], [float(np.float32(0.1))]]


def test_events_beside_a_hydra_config_are_the_runs_metrics_where_there_is_no_csv(tmp_path):
    write(write_run(tmp_path / "0", {"lr": 1}), scalar("a", 4, 2))
    write(write_run(tmp_path / "1", {"lr": 2}, "step,a\n4,3\n"), scalar("a", 4, 2))
    index = indexed(tmp_path)
    found = index.series(index.snapshot.runs, "a")
    assert {name: y.tolist() for name, (_, y) in found.items()} == {"0": [2], "1": [3]}
    assert [[source.kind for source in run.sources] for run in index.snapshot.runs] == [
        ["events"],
        ["csv", "events"],
    ]


def test_our_files_are_not_read_beside_our_csv_whatever_they_are_called(tmp_path):
    logger = Logger()
    logger.open(tmp_path)
    logger.log_scalar("loss", 0.1, 3)
    logger.close()
    (ours,) = tmp_path.glob("events.*")
    ours = ours.rename(ours.with_suffix(""))  # as versions before 0.2 did
    theirs = write(tmp_path, scalar("other", 4, 2))
    both = Source("events", (str(ours), str(theirs)))
    assert read_logged_rows(both).frame.columns == ["step", "wall_time", "other"]
    (tmp_path / "progress.csv").unlink()
    assert read_logged_rows(both).frame.columns == ["step", "wall_time", "loss", "other"]


@pytest.mark.parametrize("cut", [1, 5, 15, 30])
def test_a_record_that_is_being_written_is_no_fault(tmp_path, cut):
    file = write(tmp_path, scalar("a", 0, 1), scalar("a", 1, 2))
    file.write_bytes(file.read_bytes()[:-cut])
    rows = read_events([file])
    assert (values(rows, "a"), rows.faults) == ([[0], [1]], ())


@pytest.mark.parametrize("place", ["length", "message"])
def test_a_broken_record_ends_the_file_and_is_named_with_its_place(tmp_path, place):
    file = write(tmp_path, scalar("a", 0, 1), scalar("a", 1, 2), scalar("a", 2, 3))
    content = bytearray(file.read_bytes())
    last_but_one = len(content) - 2 * len(as_record(scalar("a", 1, 2).SerializeToString()))
    content[last_but_one + (1 if place == "length" else -8 + len(content) - last_but_one)] ^= 0x40
    file.write_bytes(content)
    rows = read_events([file])
    assert values(rows, "a")[1] in ([1], [1, 2])
    (fault,) = rows.faults
    assert "at byte" in fault.reason


def test_a_record_of_any_length_is_checked(tmp_path):
    rng = np.random.default_rng(0)
    lengths = np.array([*range(70), *range(1015, 1035), 2047, 2048, 3000, 100_000])
    data = rng.integers(0, 256, 200_000, np.uint8)
    begins = rng.integers(0, 100_000, len(lengths))
    parts = [data[at : at + n].tobytes() for at, n in zip(begins, lengths, strict=True)]
    theirs = [masked_crc32c(part) for part in parts]
    assert masked_checksums(data, begins, lengths).tolist() == theirs
    picture = Summary.Value(tag="x", image=Summary.Image(encoded_image_string=parts[-1]))
    event = Event(summary=Summary(value=[picture]))
    rows = read_events([write(tmp_path, scalar("a", 0, 1), event, scalar("a", 1, 2))])
    assert (values(rows, "a"), rows.faults) == ([[0, 1], [1, 2]], ())


def test_each_restart_replaces_what_came_before_it_and_no_more(tmp_path):
    marks = [Event(step=step, session_log=SessionLog(status=1)) for step in (8, 2, 5)]
    logged = [[scalar("a", step, number) for step in range(9)] for number in range(3)]
    events = [event for pair in zip(logged, marks, strict=True) for event in (*pair[0], pair[1])]
    rows = read_events([write(tmp_path, *events)])
    assert values(rows, "a") == [[0, 0, 0, 1, 1, 1, 2, 3, 4], [0, 1, 2, 0, 1, 2, 2, 2, 2]]


def test_a_few_bytes_cannot_ask_for_all_the_memory(tmp_path, monkeypatch):
    huge = tensor("a", 0, np.float64(1))
    huge.summary.value[0].tensor.tensor_shape.dim.add(size=10**15)
    write(tmp_path / "0", huge, scalar("b", 1, 2))
    write(tmp_path / "1", *(scalar(f"tag{step}", step, 1) for step in range(20)))
    monkeypatch.setattr(logged_rows, "MAX_CELLS", 100)
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == ["b"]
    ((fault,),) = [index.faults(run) for run in index.snapshot.runs[1:]]
    assert fault.reason == "cannot be read: 20 metrics at 20 steps are not read"
