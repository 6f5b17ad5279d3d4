"""A small input takes little time and memory, whatever it claims; the other runs are seen."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from exptools.viewing.metrics.logged_rows import MAX_COLUMNS
from exptools.viewing.readers.walk import MAX_DEPTH, list_directory
from tests.viewing.readers.trackers.test_wandb import log_of, row
from tests.viewing.samples import indexed, write_run

MEASURED = """
import resource, sys
from pathlib import Path
from exptools.viewing.index import Index
import exptools.viewing.metrics.store, polars
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
index = Index([Path(sys.argv[1])], cache=False)
index.refresh()
columns = index.columns(index.snapshot.runs, ["loss"])
print(sorted((name, its.rows) for name, its in columns.items()))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
for run in index.snapshot.runs:
    print(*index.faults(run), sep="\\n")
"""
ROWS = "step,wall_time,loss\n" + "".join(f"{row},{row},1.5\n" for row in range(1000))
HOLED = {  # the file of a run, how it begins and how it ends
    "progress.csv": (ROWS, "\n1,2,3\n"),
    "trainer_state.json": ('{"log_history": [', "]}"),
    "events.out.tfevents.1.host": ("", ""),
    "0.monitor.csv": ('#{"t_start": 1.0}\nr,l,t\n1,1,1\n', "1,1,1\n"),
    "training.log": ("epoch,loss\n1,2\n", "\n1,2\n"),
}


def write_with_hole(file: Path, begin: str, size: int, end: str) -> None:
    """A file of so many bytes of which nearly nothing is on disk, last written to long ago."""
    with open(file, "wb") as out:
        out.write(begin.encode())
        out.truncate(size)
        out.seek(size)
        out.write(end.encode())
    os.utime(file, (1e9, 1e9))


def measured(root: Path) -> tuple[str, float, str]:
    """The rows of the runs, the MB that reading them took, and the faults."""
    command = [sys.executable, "-c", MEASURED, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, kilobytes, faults = done.stdout.split("\n", 2)
    return rows, int(kilobytes) / 1024, faults


@pytest.mark.slow
def test_files_that_claim_gigabytes_take_what_they_hold(tmp_path: Path) -> None:
    sizes = (3 * 2**30, 20 * 2**30, 2**30 - 100)
    for name, (begin, end) in HOLED.items():
        for size in sizes:
            for at_end in {"", end}:
                run = write_run(tmp_path / f"{name}-{size}-{len(at_end)}", {})
                write_with_hole(run / name, begin, size, at_end)
    if os.stat(run / name).st_blocks * 512 > 2**20:
        pytest.skip("this file system keeps no holes")
    write_run(tmp_path / "good", {}, ROWS)
    rows, megabytes, faults = measured(tmp_path)
    assert "('good', 1000)" in rows
    assert f"('progress.csv-{sizes[0]}-0', 1000)" in rows  # what was written is read
    assert megabytes < 300
    assert faults.count("on nothing was written; left out") >= 3 * len(HOLED)


def test_a_file_too_large_is_a_fault_and_takes_no_memory(tmp_path: Path, monkeypatch) -> None:
    run = write_run(tmp_path / "large", {}, ROWS)
    write_run(tmp_path / "good", {}, "step,loss\n0,1\n")
    for place in ("logged_rows.MAX_BYTES", "csv_bulk_reader.MAX_IN_PIECES"):
        monkeypatch.setattr(f"exptools.viewing.metrics.{place}", 1000)
    monkeypatch.setattr("exptools.viewing.metrics.csv_bulk_reader.LARGE", 1000)
    monkeypatch.setattr(
        "exptools.viewing.metrics.logged_rows.read_content.__defaults__", (1000,), raising=True
    )
    index = indexed(tmp_path)
    columns = index.columns(index.snapshot.runs, ["loss"])
    assert (columns["good"].rows, columns["large"].rows) == (1, 0)
    (fault,) = index.faults(next(one for one in index.snapshot.runs if one.name == "large"))
    assert (
        str(fault) == f"{run / 'progress.csv'}: cannot be read: more than 1000 bytes are not read"
    )


@pytest.mark.parametrize(
    ("name", "cell"), [("progress.csv", "x"), ("progress.csv", " 1"), ("training.log", "True")]
)
def test_polars_is_not_asked_for_each_of_many_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, cell: str
) -> None:
    asked = []
    cast = pl.Series.cast
    monkeypatch.setattr(
        pl.Series, "cast", lambda *args, **more: asked.append(0) or cast(*args, **more)
    )
    for columns in (200, 2_000):
        run = write_run(tmp_path / str(columns), {})
        header = ",".join(["epoch", *map("m{}".format, range(columns))])
        (run / name).write_text(f"{header}\n1{',2' * columns}\n2{f',{cell}' * columns}\n1,2\n")
        index = indexed(run)
        asked.append(1)
        index.columns(index.snapshot.runs, ["epoch", "m7"])
    few, many = asked.index(1, 1), len(asked) - asked.index(1, 1)
    assert abs(many - few) < 10


def test_more_columns_than_anybody_reads_are_a_fault(tmp_path: Path) -> None:
    header = ",".join(map("m{}".format, range(MAX_COLUMNS + 1)))
    write_run(tmp_path / "wide", {}, f"{header}\n1,2\n")
    write_run(tmp_path / "good", {}, "step,loss\n0,1\n")
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == ["loss"]
    assert index.columns(index.snapshot.runs, ["loss"])["good"].rows == 1
    faults = "".join(str(fault) for run in index.snapshot.runs for fault in index.faults(run))
    assert f"a header of {MAX_COLUMNS + 1:,} columns is not read" in faults


MANY = 2000  # metrics, each at a step of its own
SPARSE = {  # of a run the files that say what it is, and those of its metrics
    "ray": {
        "params.json": "{}",
        "result.json": "".join(f'{{"training_iteration": {n}, "m{n}": 1}}\n' for n in range(MANY)),
    },
    "trainer": {
        "trainer_state.json": json.dumps(
            {"log_history": [{"step": n, f"m{n}": 1} for n in range(MANY)]}
        )
    },
    "sacred": {
        "run.json": '{"status": "COMPLETED"}',
        "config.json": "{}",
        "info.json": json.dumps(
            {f"m{n}": [1] for n in range(MANY)} | {f"m{n}_T": [n] for n in range(MANY)}
        ),
    },
    "headers": {
        "progress.csv": "".join(
            f"step,{','.join(f'm{n}' for n in range(at, at + 50))}\n" + f"1{',2' * 50}\n" * 20
            for at in range(0, MANY, 50)
        )
    },
    "monitors": {
        f"{at}.monitor.csv": '#{"t_start": 1}\n'
        f"r,l,t,{','.join(f'm{n}' for n in range(at, at + 50))}\n" + f"1,1,1{',2' * 50}\n" * 20
        for at in range(0, MANY, 50)
    },
}


@pytest.mark.parametrize("kind", SPARSE)
def test_rows_of_hardly_anything_but_gaps_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("exptools.viewing.metrics.logged_rows.MAX_GAPS", 10)
    monkeypatch.setattr("exptools.viewing.metrics.logged_rows.FEW_CELLS", 2**20)
    (tmp_path / "run").mkdir()
    for name, text in SPARSE[kind].items():
        (tmp_path / "run" / name).write_text(text)
    index = indexed(tmp_path)
    columns = index.columns(index.snapshot.runs, ["m1", "step"])
    assert columns["run"].rows == 0
    faults = "".join(map(str, index.faults(index.snapshot.runs[0])))
    assert re.search(r"cannot be read: [\d,]+ metrics at [\d,]+ steps are not read", faults)


def test_as_many_gaps_as_runs_have_that_log_some_things_seldom_are_read(tmp_path: Path) -> None:
    seldom = [f"m{number}" for number in range(400)]
    log = [{"step": step, "loss": 1.0} for step in range(1000)]
    log[-1] |= dict.fromkeys(seldom, 2.0)
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    index = indexed(tmp_path)
    (columns,) = index.columns(index.snapshot.runs, ["loss", "m7"]).values()
    assert (columns.rows, columns.logged("m7").sum()) == (1000, 1)


NESTED = {"x" * 50_000: {f"m{number}": {} if number % 2 else 1 for number in range(2000)}}


@pytest.mark.parametrize("kind", ["ray", "wandb"])
def test_names_that_repeat_a_long_one_are_refused(tmp_path: Path, kind: str) -> None:
    """100 kB of names within a long one are 100 MB of names."""
    run = tmp_path / ("run-20250101_000000-abc" if kind == "wandb" else "t")
    run.mkdir()
    if kind == "wandb":
        (run / "run-abc.wandb").write_bytes(log_of([row(0, a=json.dumps(NESTED))]))
    else:
        (run / "params.json").write_text("{}")
        (run / "result.json").write_text(json.dumps({"training_iteration": 1, **NESTED}) + "\n")
    index = indexed(tmp_path)
    index.columns(index.snapshot.runs, ["step"])
    faults = "".join(map(str, index.faults(index.snapshot.runs[0])))
    assert "names of more than 16,777,216 letters are not read" in faults


def test_headers_that_have_very_many_columns_together_are_a_fault(tmp_path: Path) -> None:
    """Each of the columns of all headers would stand beside the rows of each."""
    half = MAX_COLUMNS // 2
    names = [",".join(f"m{number}" for number in range(at, at + half)) for at in (0, half)]
    write_run(tmp_path, {}, "".join(f"step,{of}\n1\n" for of in names))
    index = indexed(tmp_path)
    index.columns(index.snapshot.runs, ["step"])
    faults = "".join(map(str, index.faults(index.snapshot.runs[0])))
    assert f"a header of {MAX_COLUMNS + 1:,} columns is not read" in faults


def test_deep_directories_are_named_and_the_others_searched(tmp_path: Path) -> None:
    write_run(tmp_path / "good", {})
    deep = tmp_path.joinpath(*["d"] * 900)
    deep.mkdir(parents=True)
    write_run(tmp_path.joinpath(*["d"] * (MAX_DEPTH - 1), "run"), {})
    index = indexed(tmp_path)
    assert len(index.snapshot.runs) == 2
    (fault,) = index.snapshot.faults
    assert str(fault).endswith("is 100 directories deep: what lies below is not searched")
    write_run(tmp_path / "new", {})
    assert index.refresh()
    assert len(index.snapshot.runs) == 3


def test_an_index_survives_what_no_reader_foresaw_and_tries_again(
    tmp_path: Path, monkeypatch
) -> None:
    write_run(tmp_path / "bad", {})
    write_run(tmp_path / "good", {})
    from exptools.viewing.readers.memory import directories

    detect = directories.detect_format

    def broken(listing, *more):
        if listing.path.endswith("bad"):
            raise RecursionError("deep")
        return detect(listing, *more)

    monkeypatch.setattr(directories, "detect_format", broken)
    index = indexed(tmp_path)
    assert [run.name for run in index.snapshot.runs] == ["good"]
    assert "bad: cannot be read: RecursionError" in str(index.snapshot.faults[0])
    monkeypatch.undo()
    assert index.refresh()
    assert [run.name for run in index.snapshot.runs] == ["bad", "good"]
    assert index.snapshot.faults == ()


def test_a_directory_of_very_many_files_is_looked_at_in_part(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("exptools.viewing.readers.walk.MAX_ENTRIES", 50)
    write_run(tmp_path / "good", {})
    (tmp_path / "many").mkdir()
    for number in range(60):
        (tmp_path / "many" / str(number)).touch()
    index = indexed(tmp_path)
    assert [run.name for run in index.snapshot.runs] == ["good"]
    assert "holds more than" in str(index.snapshot.faults[0])
    assert len(list_directory(str(tmp_path / "many")).files) == 51


def test_metrics_that_take_too_much_together_are_named_and_others_are_there(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("exptools.viewing.metrics.store.MAX_ANSWER", 30_000)
    for number in range(5):
        write_run(tmp_path / str(number), {}, ROWS.replace("1.5", "x", 1))  # the careful way
    index = indexed(tmp_path)
    read = index.columns(index.snapshot.runs, ["loss"])
    refused = [run for run in index.snapshot.runs if not read[run.name].rows]
    assert 0 < len(refused) < 5
    assert "together" in str(index.faults(refused[0]))
    again = index.columns(refused[:1], ["loss"])  # by itself it is not too much
    assert again[refused[0].name].rows == 1000
    assert "together" not in str(index.faults(refused[0]))
