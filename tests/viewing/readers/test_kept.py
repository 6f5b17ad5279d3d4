"""What directories were is kept from one session to the next, and never believed beyond that."""

import json
import os
import time
from pathlib import Path

import pytest

from exptools.rundir import EXPTOOLS_DIR, HYDRA_CONFIG, LOG_LOCK, State, process_start
from exptools.viewing import cache_files
from exptools.viewing.index import Index, cache_directory
from exptools.viewing.readers import formats
from exptools.viewing.readers.memory import directories, kept
from exptools.viewing.run import Run
from tests.viewing.readers import test_formats as theirs
from tests.viewing.readers import test_memory as memory
from tests.viewing.readers import test_tables as tables
from tests.viewing.readers.trackers import test_mlflow as mlflow
from tests.viewing.readers.trackers import test_sacred as sacred
from tests.viewing.readers.trackers import test_trainer as trainer
from tests.viewing.readers.trackers import test_wandb as wandb
from tests.viewing.samples import csv_text, write_events, write_run, write_summary

asked = memory.asked
root = memory.root


@pytest.fixture(autouse=True)
def _few_are_worth_it(monkeypatch):
    monkeypatch.setattr(directories, "WORTH", 1)


def runs_of(root: Path, *, cache: bool = True) -> tuple[Run, ...]:
    """The runs that a new session finds."""
    index = Index([root], cache=cache)
    index.refresh()
    return index.snapshot.runs


def file_of(root: Path) -> Path:
    return cache_directory([root]) / "directories.json"


def write_all_formats(root: Path) -> None:
    """A run or two of each format, some of them broken, unfinished, nested or of odd names."""
    progress = csv_text({"x": [1.0]})
    write_run(root / "hydra" / "it's = ünï 0", {"lr": 1e-3, "l": [1, {"a": 2}]}, progress)
    write_run(root / "hydra" / "1", "a: 1\nb: ${a}\n", progress, state=State.FAILED, error="bad")
    write_run(root / "hydra" / "torn", "a: [1\nb: 2\n", progress, state=None)
    write_run(root / "hydra" / "split", {}, state=None)
    (root / "hydra" / "split" / "train.csv").write_text("step,loss\n1,2\n")
    (root / "hydra" / "split" / "eval.csv").write_text("step,loss\n1,3\n")
    write_summary(root / "hydra" / "1", best=1.5)
    (root / "hydra" / "1" / "notes.csv").write_text("x")
    lightning = write_run(root / "over", {"lr": 1}, state=None)
    for version in ("0", "1"):
        where = lightning / "csv" / f"version_{version}"
        theirs.write(where, metrics__csv=theirs.LIGHTNING, hparams__yaml="lr: 2\nmore: 3\n")
        write_events(lightning / "tensorboard" / f"version_{version}", {"loss": [1.0]})
    theirs.write(root / "alone", metrics__csv=theirs.LIGHTNING, hparams__yaml="lr: 2\n")
    job = theirs.write(root / "lr_1", variant_config__json='{"algo": {"lr": 1}}')
    theirs.write(job / "run_7", params__json='{"b": 1}', progress__csv=theirs.RLPYT)
    theirs.write(root / "sb3", progress__csv=theirs.SB3)
    theirs.write(root / "up", progress__txt=theirs.SPINNING_UP, config__json='{"seed": 1}')
    theirs.write(root / "yolo", results__csv=tables.YOLO, args__yaml="lr0: 0.01\n")
    theirs.write(root / "yolov5", results__csv=tables.YOLOV5, opt__yaml="a: 1\n", hyp__yaml="b: 2")
    theirs.write(root / "keras", training__log=tables.KERAS)
    theirs.write(root / "monitor")
    (root / "monitor" / "0.monitor.csv").write_text(tables.MONITOR)
    ray = '{"training_iteration": 1, "loss": 0.5}\n'
    theirs.write(root / "ray", result__json=ray, params__json='{"lr": 1}')
    theirs.write_sacred(root / "sacred" / "1")
    theirs.write_sacred(root / "sacred" / "2", "RUNNING", '{"loss": {"steps": [1')
    theirs.write(root / "sacred" / "3", run__json='{"status": 3}', config__json="{}")
    sacred.write_run(root / "pymarl", {"x": [1], "x_T": [0]})
    mlflow.write_store(root / "mlruns", **{"metrics__loss": "1 0.5 0\n", "params__lr": "0.1"})
    trainer.write_state(root / "trainer", trainer.LOG)
    trainer.write_state(root / "checkpoints" / "checkpoint-5", [{"loss": 1.0, "step": 5}])
    wandb.write_log(root, wandb.REAL.read_bytes())
    write_events(root / "events", {"a": [1.0, 2.0]})
    ours = theirs.write(root / "logger", progress__csv=progress)
    (ours / EXPTOOLS_DIR).mkdir()
    inode = (ours / EXPTOOLS_DIR).stat().st_ino
    (ours / LOG_LOCK).write_text(f"process {os.getpid()} on host elsewhere\n{inode}\n")
    (root / "no run" / "below").mkdir(parents=True)
    (root / "no run" / "data.csv").write_text("a\n1\n")
    os.symlink("data.csv", root / "no run" / "link.csv")


def test_of_every_format_the_next_session_finds_what_a_first_look_finds(tmp_path, asked):
    write_all_formats(tmp_path)
    memory.settle(tmp_path)
    cold = runs_of(tmp_path, cache=False)
    assert {run.format for run in cold} == {reader.name for reader in formats.READERS[1:]} | {
        "hydra"
    }
    assert any(run.faults for run in cold)
    assert any(run.earlier for run in cold)
    assert any(run.unread for run in cold)
    assert runs_of(tmp_path) == cold
    first = set(asked)
    asked.clear()
    assert runs_of(tmp_path) == cold
    at_risk = {"mlruns", mlflow.RUN, "checkpoints", "wandb", wandb.DIRECTORY.rpartition("/")[2]}
    assert set(asked) <= at_risk < first


@pytest.mark.parametrize("change", memory.CHANGES.values(), ids=memory.CHANGES.keys())
def test_the_next_session_sees_what_has_changed_meanwhile(root, change):
    before = runs_of(root)
    change(root)
    for directory in (root, *filter(Path.is_dir, root.rglob("*"))):
        os.utime(directory, (memory.LONG_AGO, memory.LONG_AGO))
    now = runs_of(root)
    assert now == runs_of(root, cache=False)
    assert change is memory.CHANGES["a job's settings"] or now != before


def test_a_run_that_was_running_is_judged_anew(tmp_path, monkeypatch):
    me = {"pid": os.getpid(), "pid_start": process_start(os.getpid())}
    write_run(tmp_path / "ours", {}, state=State.RUNNING, **me)
    theirs.write_sacred(tmp_path / "sacred", "RUNNING")
    memory.settle(tmp_path)
    for _ in range(2):
        assert [run.state for run in runs_of(tmp_path)] == [State.RUNNING] * 2
    monkeypatch.setattr("exptools.rundir.process_start", lambda pid: None)
    tomorrow = time.time() + 24 * 3600
    monkeypatch.setattr("exptools.viewing.run.time.time", lambda: tomorrow)
    assert [run.state for run in runs_of(tmp_path)] == [State.KILLED] * 2


def test_what_was_written_a_moment_ago_is_not_kept(root):
    config = root / "1" / HYDRA_CONFIG
    config.write_text("job: 8\n")
    now = config.stat()
    runs_of(root)
    config.write_text("job: 9\n")  # as long, in the same tick of the file system's clock
    os.utime(config, ns=(now.st_atime_ns, now.st_mtime_ns))
    assert [run.config.get("job") for run in runs_of(root)] == [0, 9, 2, None, None]


def head_and_body(content: bytes) -> tuple[bytes, dict]:
    head, _, body = content.partition(b"\n")
    return head, json.loads(body)


def rewritten(file: Path, change) -> None:
    """Another content, as if we had written it."""
    _, body = head_and_body(file.read_bytes())
    version = f"{kept.VERSION} {kept._version_of_readers()}"
    text = json.dumps(change(body)) if callable(change) else change
    cache_files.CacheFile(file, version, 2**20).write(text.encode(), 2**20)


def with_rows(row) -> object:
    return lambda body: {**body, "rows": {path: row(old) for path, old in body["rows"].items()}}


SPOILED = {
    "empty": lambda file: file.write_bytes(b""),
    "torn": lambda file: file.write_bytes(file.read_bytes()[:-9]),
    "another byte": lambda file: file.write_bytes(file.read_bytes().replace(b"csv", b"tsv")),
    "another version": lambda file: file.write_bytes(
        file.read_bytes().replace(b"directories 1", b"directories 0", 1)
    ),
    "a directory": lambda file: (file.unlink(), file.mkdir()),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "a list": lambda file: rewritten(file, "[1]"),
    "too deep": lambda file: rewritten(file, "[" * 9999),
    "no shapes": lambda file: rewritten(file, lambda body: {**body, "shapes": []}),
    "wrong shapes": lambda file: rewritten(
        file, lambda body: {**body, "shapes": [[1, 2, 3] for _ in body["shapes"]]}
    ),
    "no reader": lambda file: rewritten(
        file, lambda body: json.loads(json.dumps(body).replace('"hydra"', '"hydro"'))
    ),
    "no rows": lambda file: rewritten(file, with_rows(lambda row: [])),
    "texts for numbers": lambda file: rewritten(file, with_rows(lambda row: ["x", *row[1:]])),
    "short rows": lambda file: rewritten(file, with_rows(lambda row: row[:2])),
    "rows that are none": lambda file: rewritten(file, with_rows(lambda row: {"a": 1})),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_a_file_that_is_not_as_it_was_written_costs_a_look_and_nothing_else(root, spoil):
    cold = runs_of(root)
    spoil(file_of(root))
    assert runs_of(root) == cold


def test_other_readers_look_for_themselves(root, asked, monkeypatch):
    runs_of(root)
    asked.clear()
    runs_of(root)
    assert set(asked) == memory.AT_RISK
    monkeypatch.setattr(kept, "_version_of_readers", lambda: "another")
    runs_of(root)
    assert {"1", "2", "5", "empty"} < set(asked)


def test_nobody_else_can_read_what_is_kept_also_where_an_earlier_version_let_them(root):
    runs_of(root)
    place = cache_directory([root])
    place.chmod(0o755)
    write_run(root / "7", {"token": "secret"}, state=None)
    memory.settle(root)
    runs_of(root)
    assert {oct(file.stat().st_mode)[-3:] for file in place.iterdir()} == {"600"}
    assert oct(place.stat().st_mode)[-3:] == "700"
    assert {"directories.json", "texts.json"} <= {file.name for file in place.iterdir()}


def test_where_there_is_no_room_or_no_right_to_write_nothing_is_kept_and_all_is_found(
    root, monkeypatch
):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert runs_of(root) == runs_of(root, cache=False)
    assert list(cache_directory([root]).iterdir()) == []


def test_what_is_kept_is_bounded(root, monkeypatch):
    runs_of(root)
    assert file_of(root).exists()
    monkeypatch.setattr(kept, "MAX_FILE", 100)
    runs_of(root)
    assert not file_of(root).exists()


def test_a_few_new_directories_among_many_are_not_worth_to_write_all(root, monkeypatch):
    runs_of(root)
    before = file_of(root).read_bytes()
    monkeypatch.setattr(directories, "WORTH", 3)  # one new run, and the directory that it is in
    write_run(root / "7", {}, state=None)
    memory.settle(root)
    runs_of(root)
    assert file_of(root).read_bytes() == before
    write_run(root / "8", {}, state=None)
    memory.settle(root)
    runs_of(root)
    assert file_of(root).read_bytes() != before
