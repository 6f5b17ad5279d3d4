"""Runs in W&B's local directories. ``run-abc123.wandb`` holds records that W&B 0.31 wrote.

It was given ``lr`` 0.001, ``net`` and ``seed``, then four rows of ``loss`` and ``val``, the third
with a NaN, an infinity, a boolean, a text and a histogram, and ``late`` at step 9; it ended with 3.
"""

import math
import shutil
import struct
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from exptools.rundir import State
from exptools.viewing.index import Index
from exptools.viewing.readers.trackers.wandb import PATIENCE
from exptools.viewing.wandb_log import BLOCK, BrokenRecord, _record_class, read_end, read_log
from tests.viewing.samples import indexed, only_run, write_run

REAL = Path(__file__).with_name("run-abc123.wandb")
DIRECTORY = "wandb/offline-run-20261127_010721-abc123"
MAGIC = b":W&B\xe1\xbe\x00"


def write_log(root: Path, content: bytes, directory: str = DIRECTORY) -> Path:
    run = root / directory
    (run / "files").mkdir(parents=True)
    (run / f"run-{run.name.rpartition('-')[2]}.wandb").write_bytes(content)
    return run


def record(**fields) -> bytes:
    """A record of the log, as its fields."""
    return _record_class()(**fields).SerializeToString()


def row(step: int, **values: str) -> bytes:
    items = [
        {"nested_key": name.encode().split(b"."), "value_json": t.encode()}
        for name, t in values.items()
    ]
    return record(history={"item": items, "step": {"num": step}})


def log_of(records: Iterable[bytes]) -> bytes:
    """A log as LevelDB writes it."""
    content = bytearray(MAGIC)
    for message in records:
        left, first = memoryview(message), True
        while first or left:
            room = BLOCK - len(content) % BLOCK
            if room < 7:
                content += bytes(room)
                continue
            part, left = left[: room - 7], left[room - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}
            tagged = bytes([kind[first, not left]]) + part
            content += struct.pack("<IH", zlib.crc32(tagged), len(part)) + tagged
            first = False
    return bytes(content)


def series(index: Index, metric: str, x: str = "step") -> list:
    (both,) = index.series(index.snapshot.runs, metric, x).values()
    return [part.tolist() for part in both]


def test_an_offline_run_has_its_config_its_history_and_its_end_from_its_log(tmp_path):
    write_log(tmp_path, REAL.read_bytes())
    index = indexed(tmp_path)
    (run,) = index.snapshot.runs
    assert (run.name, run.format, run.state) == (DIRECTORY, "wandb", State.FAILED)
    assert run.status.exit_code == 3
    assert run.status.ended - run.status.started < 60
    assert run.config == {
        **{"lr": 0.001, "net.width": (64, 64), "net.act": "relu", "seed": 3, "more": True},
    }
    assert run.summary == {"run_name": "a real one"}
    assert set(index.tags([run])) == {"loss", "val.acc", "nan", "inf", "flag", "late"}
    assert series(index, "loss") == [[0, 1, 2, 3], [1, 1 / 2, 1 / 3, 1 / 4]]
    assert series(index, "val.acc") == [[0, 1, 2, 3], [0, 0.25, 0.5, 0.75]]
    assert series(index, "late") == [[9], [1.5]]
    assert series(index, "flag") == [[2], [1]]
    np.testing.assert_equal(series(index, "nan"), [[2], [math.nan]])
    assert series(index, "inf") == [[2], [math.inf]]
    (walls, _) = series(index, "loss", x="wall_time")
    assert run.status.started <= walls[0] <= walls[3] <= run.status.ended
    assert index.faults(run) == ()


def test_an_online_run_has_its_config_and_summary_from_its_files(tmp_path):
    run = write_log(tmp_path, REAL.read_bytes(), "wandb/run-20261127_010721-abc123")
    (run / "files/config.yaml").write_text(
        "_wandb:\n    value:\n        cli_version: 0.31.0\nwandb_version: 1\n"
        "lr:\n    desc: null\n    value: 1e-3\nnet:\n    value:\n        width:\n            - 64\n"
        "a.b:\n    value: 2\nvalue:\n    value: 5\nnone:\n    value: null\n"
    )
    (run / "files/wandb-summary.json").write_text(
        '{"loss": 0.25, "flag": 2, "best": "x", "_step": 9, "_wandb": {"runtime": 3}, "hist": {}}'
    )
    (run / "files/wandb-metadata.json").write_text(
        '{"host": "node1", "program": "train.py", "args": ["--lr", "3"], "git": {"commit": "ab1"}}'
    )
    run = only_run(tmp_path)
    assert run.config == {"lr": 1e-3, "net.width": (64,), r"a\.b": 2, "value": 5, "none": None}
    # Its last loss is no summary; that of "flag", which was 1 in its last row, was set.
    assert run.summary == {"run_name": "a real one", "flag": 2, "best": "x"}
    assert (run.status.host, run.status.git) == ("node1", {"commit": "ab1"})
    assert run.status.command == ("train.py", "--lr", "3")


@pytest.mark.parametrize(
    ("code", "state"), [(0, State.COMPLETED), (1, State.FAILED), (255, State.INTERRUPTED)]
)
def test_how_a_run_ended_is_told_by_its_exit_code(tmp_path, code, state):
    begun = record(run={"start_time": {"seconds": 1795741642}})
    write_log(tmp_path, log_of([begun, record(exit={"exit_code": code})]))
    assert only_run(tmp_path).state is state


def test_a_run_that_has_no_end_and_was_long_silent_was_killed(tmp_path):
    now = int(time.time())
    for name, last in (("a", now - int(PATIENCE) - 60), ("b", now)):
        begun = record(run={"start_time": {"seconds": now - 90_000}})
        load = record(stats={"timestamp": {"seconds": last}})
        write_log(tmp_path, log_of([begun, load]), f"wandb/run-20261127_010721-{name}")
    a, b = indexed(tmp_path).snapshot.runs
    assert (a.state, b.state) == (State.KILLED, State.RUNNING)
    assert a.status.seen == now - int(PATIENCE) - 60


def test_rows_of_older_versions_have_dicts_as_one_text_and_media_are_no_metrics(tmp_path):
    older = row(
        7,
        loss="0.5",
        nested='{"a": {"b": 1}, "c": 2.5, "text": "x"}',
        image='{"_type": "image-file", "height": 3}',
        nan='"NaN"',
        broken="{",
        listed="[1, 2]",
    )
    newer = row(8, **{"picture._type": '"image-file"', "picture.height": "3", "box.a.b": "4"})
    write_log(tmp_path, log_of([older, newer]))
    index = indexed(tmp_path)
    tags = index.tags(index.snapshot.runs)
    assert sorted(tags) == ["box.a.b", "loss", "nan", "nested.a.b", "nested.c"]
    assert series(index, "nested.a.b") == [[7], [1]]


def test_a_record_may_go_through_many_blocks(tmp_path):
    records = [row(0, loss="1"), row(1, text=f'"{"x" * 3 * BLOCK}"', loss="2"), row(2, loss="3")]
    write_log(tmp_path, log_of(records))
    assert series(indexed(tmp_path), "loss") == [[0, 1, 2], [1, 2, 3]]


def test_the_end_of_a_log_is_read_without_what_began_before_it():
    content = log_of([row(0, text=f'"{"x" * 3 * BLOCK}"'), row(1, loss="2")])
    (last,) = read_end(content[2 * BLOCK :])
    assert last.history.step.num == 1


def test_the_end_of_a_long_log_tells_how_the_run_ended(tmp_path):
    begun = record(run={"start_time": {"seconds": 1795741642}})
    middle = [row(step, text=f'"{"x" * BLOCK}"') for step in range(60)]
    ended = record(exit={"exit_code": 0})
    write_log(tmp_path, log_of([begun, *middle, ended]))
    assert only_run(tmp_path).state is State.COMPLETED


@pytest.mark.parametrize("missing", range(1, 9))
def test_a_record_that_is_being_written_is_left_out_without_a_fault(tmp_path, missing):
    write_log(tmp_path, log_of([row(0, loss="1"), row(1, loss="2")])[:-missing])
    index = indexed(tmp_path)
    assert series(index, "loss") == [[0], [1]]
    assert index.faults(index.snapshot.runs[0]) == ()


def test_a_log_is_read_up_to_its_first_broken_record_and_that_is_a_fault(tmp_path):
    content = bytearray(log_of([row(0, loss="1"), row(1, loss="2"), row(2, loss="3")]))
    at = content.index(b"2", content.index(b"loss", content.index(b"loss") + 4))
    content[at] = ord("9")
    write_log(tmp_path, bytes(content))
    index = indexed(tmp_path)
    assert series(index, "loss") == [[0], [1]]
    (fault,) = index.faults(index.snapshot.runs[0])
    assert "is broken; left out with all after it" in fault.reason


def test_a_record_of_millions_of_empty_items_is_broken_before_it_is_made():
    items = b"\x0a\x00" * (2**20 + 1)
    swollen = b"\x12" + b"\x82\x80\x80\x01" + items
    read = read_log(log_of([row(0, loss="1"), swollen]))
    assert next(read).HasField("history")
    with pytest.raises(BrokenRecord):
        next(read)


@pytest.mark.parametrize(
    "content", [b"x" * 100, MAGIC + b"\x01" * 999, log_of([b"\xff" * 20])], ids=["", "crc", "proto"]
)
def test_what_is_no_log_is_a_fault(content):
    with pytest.raises(BrokenRecord):
        list(read_log(content))


@pytest.mark.parametrize("content", [b"", MAGIC[:3], MAGIC, MAGIC + bytes(100)])
def test_a_log_that_has_just_been_made_is_empty(content):
    assert list(read_log(content)) == []


def test_a_run_whose_log_is_gone_has_its_config_and_no_state(tmp_path):
    run = write_log(tmp_path, b"", "wandb/run-20261127_010721-abc123")
    shutil.rmtree(run)
    (run / "files").mkdir(parents=True)
    (run / "files/config.yaml").write_text("lr:\n    value: 3\n")
    run = only_run(tmp_path)
    assert (run.config, run.state, run.sources) == ({"lr": 3}, None, ())


def test_a_resumed_run_has_one_history_from_all_its_directories(tmp_path):
    first = log_of([row(step, loss=str(step), old=str(step)) for step in range(4)])
    again = log_of([row(step, loss=str(step * 10)) for step in range(2, 6)])
    for place in ("", "hydra/"):
        write_log(tmp_path, first, f"{place}wandb/run-20261127_010721-abc")
        write_log(tmp_path, again, f"{place}wandb/run-20261128_010721-abc")
    write_run(tmp_path / "hydra", {"lr": 1})
    index = indexed(tmp_path)
    assert [run.name for run in index.snapshot.runs] == ["hydra", "wandb/run-20261128_010721-abc"]
    for metric, values in {"loss": [0, 1, 20, 30, 40, 50], "old": [0, 1]}.items():
        for steps, numbers in index.series(index.snapshot.runs, metric).values():
            assert (steps.tolist(), numbers.tolist()) == (list(range(len(values))), values)


def test_a_run_of_wandbs_below_a_hydra_run_is_its_writer(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, {"loss": [5, 6]}, state=None)
    write_log(run, REAL.read_bytes())
    index = indexed(tmp_path)
    (run,) = index.snapshot.runs
    assert (run.name, run.format, run.config["lr"], run.config["seed"]) == ("0", "hydra", 1, 3)
    assert run.state is State.FAILED
    assert series(index, "loss") == [[0, 1], [5, 6]]  # its own file counts
    assert series(index, "late") == [[9], [1.5]]


def test_a_log_that_says_odd_things_is_a_run_with_what_can_be_read(tmp_path):
    update = [
        {"key": b"a", "value_json": b"1"},
        {"nested_key": [b"a", b"b"], "value_json": b"2"},
        {"key": b"deep", "value_json": b"[" * 100_000},
    ]
    begun = {"start_time": {"seconds": 1_600_000_000}, "config": {"update": update}}
    run = write_log(tmp_path, log_of([record(run=begun), row(0, _timestamp='"x"', loss="1")]))
    (run / "files/wandb-metadata.json").write_text('{"args": 5, "program": "x", "host": ["a"]}')
    (run / "files/wandb-summary.json").write_text("[" * 100_000)
    index = indexed(tmp_path)
    (run,) = index.snapshot.runs
    assert (run.config, run.state, run.status.command) == ({"a.b": 2}, State.KILLED, ("x",))
    assert series(index, "loss") == [[0], [1]]
    assert index.faults(run) == ()
