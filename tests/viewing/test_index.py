import os
from dataclasses import fields, replace

from exptools.rundir import PROGRESS_CSV, State, Status, process_start, write_status
from exptools.viewing.index import Index
from exptools.viewing.readers import formats, hydra, walk
from exptools.viewing.run import Run
from tests.viewing.samples import csv_text, indexed, write_run


def names(index: Index) -> list[str]:
    return [run.name for run in index.snapshot.runs]


def values(index: Index) -> list[float]:
    """Of the metric x of the first run."""
    ((_, y),) = index.series(index.snapshot.runs[:1], "x").values()
    return y.tolist()


def test_runs_are_found_at_any_depth_and_in_the_order_of_their_numbers(tmp_path):
    for name in ("sweep/10", "sweep/2", "sweep/1", "a/b/c/d", "sweep/01"):
        write_run(tmp_path / name, {})
    (tmp_path / "not a run").mkdir()
    assert names(indexed(tmp_path)) == ["a/b/c/d", "sweep/01", "sweep/1", "sweep/2", "sweep/10"]


def test_runs_whose_names_say_a_fraction_stand_together(tmp_path):
    in_order = [f"lr{lr}_seed{seed}" for lr in ("0.01", "0.1") for seed in (0, 2, 10)]
    for name in reversed(in_order):
        write_run(tmp_path / name, {})
    assert names(indexed(tmp_path)) == in_order


def test_a_run_that_was_read_has_every_field_of_a_run(tmp_path):
    write_run(tmp_path / "0", {"lr": 0.1}, {"loss": [1.0]})
    (run,) = indexed(tmp_path).snapshot.runs
    assert vars(run).keys() == {field.name for field in fields(Run)}


def test_runs_below_a_run_are_found_but_not_in_its_own_parts(tmp_path):
    write_run(tmp_path, {})  # hydra.run.dir=outputs, once, and every run below would be gone
    for name in ("0", "0/checkpoints/copy", "0/media/x", "0/snapshots/x", "0/.hydra/x", "media/1"):
        write_run(tmp_path / "sweep" / name, {})
    assert set(names(indexed(tmp_path))) == {
        tmp_path.name,
        *("sweep/0", "sweep/0/checkpoints/copy", "sweep/media/1"),
    }


def test_a_root_may_be_a_run_with_a_name_of_its_own_and_roots_may_overlap(tmp_path):
    run = write_run(tmp_path / "out" / "0", {})
    assert names(indexed(run)) == ["0"]
    assert names(indexed(tmp_path / "out", run, tmp_path / "out")) == ["0"]
    write_run(run / "0", {})
    assert names(indexed(run)) == ["0", "0/"]


def test_links_are_not_followed_but_a_root_may_be_one(tmp_path):
    write_run(tmp_path / "runs" / "z" / "0", {})
    elsewhere = write_run(tmp_path / "elsewhere" / "1", {})
    for name, target in {"a": "z/0", "loop": "..", "root": "/", "out": elsewhere}.items():
        (tmp_path / "runs" / name).symlink_to(target)
    assert names(indexed(tmp_path / "runs")) == ["z/0"]
    assert names(indexed(tmp_path / "runs" / "out")) == ["out"]
    assert len(names(indexed(tmp_path, tmp_path / "runs" / "out"))) == 2
    assert names(indexed(tmp_path / "runs", tmp_path / "runs" / "out")) == ["out", "z/0"]


def test_a_directory_that_cannot_be_read_is_a_fault_and_the_others_are_there(tmp_path, monkeypatch):
    write_run(tmp_path / "open" / "0", {})
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def guarded(path):  # permissions do not keep root out
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(walk.os, "scandir", guarded)
    index = indexed(tmp_path)
    assert names(index) == ["open/0"]
    assert [str(fault) for fault in index.snapshot.faults] == [
        f"{tmp_path / 'closed'}: cannot be searched: Permission denied"
    ]


def test_a_run_that_its_reader_cannot_take_is_there_with_a_fault(tmp_path, monkeypatch):
    write_run(tmp_path / "bad", {})
    write_run(tmp_path / "good", {"lr": 1})
    reader = hydra.READER

    def failing(described):
        if described.directory.endswith("bad"):
            raise ZeroDivisionError("unforeseen")
        return reader.read(described)

    monkeypatch.setattr(formats, "READERS", (replace(reader, read=failing),))
    bad, good = indexed(tmp_path).snapshot.runs
    assert (good.config, good.faults) == ({"lr": 1}, ())
    assert (bad.name, bad.config, bad.state) == ("bad", {}, None)
    assert [str(fault) for fault in bad.faults] == [
        f"{tmp_path / 'bad'}: cannot be read: ZeroDivisionError: unforeseen"
    ]


def test_rows_that_their_reader_cannot_take_are_a_fault(tmp_path, monkeypatch):
    text = csv_text({"x": [1.0]}) + "what takes the careful reader\n"
    run = write_run(tmp_path / "0", {}, text)

    def failing(content, path, separator):
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr("exptools.viewing.metrics.reading.parse_csv", failing)
    index = indexed(tmp_path)
    index.columns(index.snapshot.runs, ["x"])
    (fault,) = index.faults(index.snapshot.runs[0])
    assert fault.file == run / PROGRESS_CSV
    assert "ZeroDivisionError" in fault.reason


def test_nothing_new_is_no_change_and_reads_no_file_again(tmp_path, monkeypatch):
    write_run(tmp_path / "0", {"lr": float("nan")}, csv_text({"x": [1.0]}))
    index = indexed(tmp_path)
    before, rows = index.snapshot, values(index)
    assert index.refresh() is False
    assert index.snapshot is before
    monkeypatch.setattr("exptools.viewing.metrics.store.read_many", lambda files, _: ())
    assert values(index) == rows == [1]


def test_every_kind_of_change_is_seen_once_and_shown(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, csv_text({"x": [1.0]}))
    index = indexed(tmp_path)
    versions = [index.snapshot.version]

    def seen() -> bool:
        versions.append(index.snapshot.version)
        return (index.refresh(), index.refresh()) == (True, False)

    with (run / PROGRESS_CSV).open("a") as file:
        file.write("1,1.0,2.0\n")
    assert seen()
    assert values(index) == [1, 2]
    write_status(run, Status(state=State.FAILED))
    assert seen()
    assert index.snapshot.runs[0].state is State.FAILED
    write_run(run, {"lr": 2}, None, state=None)
    assert seen()
    assert index.snapshot.runs[0].config == {"lr": 2}
    write_run(tmp_path / "1", {})
    assert seen()
    assert names(index) == ["0", "1"]
    run.rename(tmp_path.parent / f"{tmp_path.name}-gone")
    assert seen()
    assert names(index) == ["1"]
    assert versions == sorted(versions)


def test_a_run_whose_process_goes_is_seen_to_be_killed_though_no_file_changes(
    tmp_path, monkeypatch
):
    me = {"pid": os.getpid(), "pid_start": process_start(os.getpid())}
    write_run(tmp_path / "0", {}, state=State.RUNNING, **me)
    index = indexed(tmp_path)
    assert index.snapshot.runs[0].state is State.RUNNING
    monkeypatch.setattr("exptools.rundir.process_start", lambda pid: None)
    assert index.refresh() is True
    assert index.snapshot.runs[0].state is State.KILLED
