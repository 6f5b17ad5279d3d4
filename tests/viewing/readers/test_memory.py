"""An index that remembers what directories were sees whatever changes in them."""

import os
import shutil
from pathlib import Path

import pytest

import exptools.viewing as xv
from exptools.rundir import HYDRA_CONFIG, PROGRESS_CSV, State, Status, write_status
from exptools.viewing.index import Index
from exptools.viewing.readers import formats
from tests.viewing.samples import csv_text, write_run

LONG_AGO = 1.5e9
MLFLOW = "mlruns/0/" + 32 * "a"


# The directories whose readers look into others below.
AT_RISK = {"0", 32 * "a"}


def settle(root: Path) -> None:
    """Make all below a directory look as if nobody had written to it for long."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def root(tmp_path):
    for job in range(3):
        write_run(tmp_path / "runs" / str(job), {"job": job}, csv_text({"x": [1.0]}), state=None)
    (tmp_path / "runs" / "empty" / ".hydra").mkdir(parents=True)
    (tmp_path / "runs" / "0" / ".exptools").mkdir()
    (tmp_path / "runs" / "0" / "checkpoint-5").mkdir()
    put(tmp_path / "runs" / "5" / "events.out.tfevents.1.host", "")
    put(tmp_path / "runs" / MLFLOW / "meta.yaml", "run_name: a\nstatus: 3\nstart_time: 1500\n")
    put(tmp_path / "runs" / MLFLOW / "metrics" / "a", "1500 1.0 0\n")
    settle(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def asked(monkeypatch):
    """The names of the directories about which a reader is asked, from now on."""
    names = []
    (first, *others) = formats.READERS

    class Asked:
        def __getattr__(self, name):
            return getattr(first, name)

        def files(self, listing):
            names.append(Path(listing.path).name)
            return first.files(listing)

    monkeypatch.setattr(formats, "READERS", (Asked(), *others))
    return names


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def replace_by_one_as_old_and_long(path: Path) -> None:
    other = path.with_name("other")
    other.write_text(path.read_text().replace("1", "7"))
    os.utime(other, (LONG_AGO, LONG_AGO))
    other.rename(path)


def link_elsewhere(root: Path) -> None:
    elsewhere = root.parent / "elsewhere.csv"
    elsewhere.write_text(csv_text({"x": [1.0, 2.0]}))
    (root / "1" / PROGRESS_CSV).unlink()
    (root / "1" / PROGRESS_CSV).symlink_to(elsewhere)


CHANGES = {
    "another config": lambda root: put(root / "1" / HYDRA_CONFIG, "job: 9\n"),
    "a config as long and as old": lambda root: replace_by_one_as_old_and_long(
        root / "1" / HYDRA_CONFIG
    ),
    "a first config": lambda root: put(root / "empty" / HYDRA_CONFIG, "job: 9\n"),
    "no config": lambda root: (root / "1" / HYDRA_CONFIG).unlink(),
    "a status": lambda root: write_status(root / "0", Status(state=State.FAILED)),
    "a row": lambda root: put(root / "1" / PROGRESS_CSV, csv_text({"x": [1.0, 2.0]})),
    "no metrics": lambda root: (root / "1" / PROGRESS_CSV).unlink(),
    "a link for a file": link_elsewhere,
    "events": lambda root: put(root / "1" / "events.out.tfevents.1.host", ""),
    "a directory for a file": lambda root: (
        (root / "1" / PROGRESS_CSV).unlink(),
        (root / "1" / PROGRESS_CSV).mkdir(),
    ),
    "another format": lambda root: put(root / "5" / PROGRESS_CSV, csv_text({"x": [1.0]})),
    "no run": lambda root: shutil.rmtree(root / "1"),
    "another run": lambda root: write_run(root / "deep" / "4", {"job": 4}),
    "a run below a run": lambda root: write_run(root / "1" / "below", {"job": 4}),
    "a sweep": lambda root: put(root / "multirun.yaml", ""),
    "a trainer's state": lambda root: put(
        root / "0" / "checkpoint-5" / "trainer_state.json",
        '{"global_step": 5, "log_history": [{"step": 5, "loss": 0.5}]}',
    ),
    "a metric of MLflow's": lambda root: put(root / MLFLOW / "metrics" / "b", "1500 1.0 0\n"),
    "a job's settings": lambda root: put(root / "variant_config.json", '{"lr": 1}'),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_changes_is_seen_also_where_the_times_of_directories_lie(root, change):
    index = Index([root])
    index.refresh()
    before = index.snapshot.runs
    change(root)
    for directory in (root, *root.rglob("*")):
        if directory.is_dir():
            os.utime(directory, (LONG_AGO, LONG_AGO))
    index.refresh()
    new = Index([root], cache=False)
    new.refresh()
    assert index.snapshot.runs == new.snapshot.runs
    assert change is CHANGES["a job's settings"] or index.snapshot.runs != before


def test_a_reader_is_asked_again_only_about_what_has_changed(root, asked):
    index = Index([root])
    index.refresh()
    assert {"0", "1", "2", "empty", "runs"} < set(asked)
    asked.clear()
    assert index.refresh() is False
    assert set(asked) == AT_RISK
    asked.clear()
    put(root / "1" / HYDRA_CONFIG, "job: 9\n")
    assert index.refresh() is True
    assert set(asked) == {"1", *AT_RISK}


def test_what_was_written_a_moment_ago_is_looked_at_again(root):
    config = root / "1" / HYDRA_CONFIG
    config.write_text("job: 8\n")
    now = config.stat()
    index = Index([root])
    index.refresh()
    config.write_text("job: 9\n")  # as long, in the same tick of the file system's clock
    os.utime(config, ns=(now.st_atime_ns, now.st_mtime_ns))
    index.refresh()
    assert [run.config.get("job") for run in index.snapshot.runs] == [0, 9, 2, None, None]


def test_a_second_load_asks_no_reader_and_sees_what_has_changed(root, asked):
    runs = xv.load(root)
    asked.clear()
    again = xv.load(root)
    assert (set(asked), again.origin) == (AT_RISK, runs.origin)
    write_run(root / "3", {"job": 3})
    assert [run.name for run in xv.load(root)] == ["0", "1", "2", "3", "5", MLFLOW]
    assert [run.name for run in runs] == ["0", "1", "2", "5", MLFLOW]
