"""What describes and measures a run is read through no link, and what is refused is named."""

import os
from pathlib import Path

import pytest

import exptools.viewing as xv
from exptools.rundir import State, Status, read_status, write_status
from exptools.viewing.run_files.usage import usage_of
from tests.viewing.samples import indexed, write_run

PAY = "step,pay\n0,123456\n"


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """What the person who looks may read, and the run's maker may not."""
    directory = tmp_path / "private"
    directory.mkdir()
    (directory / "creds.yaml").write_text("aws: AKIA123456\n")
    (directory / "pay.csv").write_text(PAY)
    (directory / "keras.csv").write_text("epoch,pay\n0,123456\n")
    (directory / "monitor.csv").write_text('#{"t_start": 1.0}\nr,l,t,pay\n1,1,1,123456\n')
    (directory / "status.json").write_text('{"state": "completed", "host": "AKIA123456"}')
    return directory


def faults_of(root: Path) -> str:
    index = indexed(root)
    runs = index.snapshot.runs
    index.columns(runs, ["pay", "loss", "step"])
    faults = [*index.snapshot.faults, *(fault for run in runs for fault in index.faults(run))]
    said = repr([(run.config, run.status, run.summary) for run in runs])
    assert "AKIA123456" not in said
    assert not any(index.columns(runs, ["pay"])[run.name].rows for run in runs)
    return "\n".join(map(str, faults))


@pytest.mark.parametrize(
    ("name", "target"),
    [
        (".hydra/config.yaml", "creds.yaml"),
        (".exptools/status.json", "status.json"),
        ("progress.csv", "pay.csv"),
        ("hparams.yaml", "creds.yaml"),
        ("variant_config.json", "creds.yaml"),
        ("events.out.tfevents.1.host", "pay.csv"),
        ("0.monitor.csv", "monitor.csv"),
        ("training.log", "keras.csv"),
        ("metrics.csv", "pay.csv"),
        ("trainer_state.json", "status.json"),
        (".hydra/hydra.yaml", "creds.yaml"),
        (".exptools/config.json", "status.json"),
        ("summary.json", "status.json"),
    ],
)
def test_a_file_that_is_a_link_is_refused_and_named(
    tmp_path: Path, private: Path, name: str, target: str
) -> None:
    link = tmp_path / "runs" / "bad" / name
    if name in (".hydra/hydra.yaml", ".exptools/config.json", "summary.json"):
        write_run(tmp_path / "runs" / "bad", {"lr": 0.1})  # a run by its other files
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(private / target)
    assert f"{link}: cannot be read: it is a link" in faults_of(tmp_path / "runs")


@pytest.mark.parametrize("name", [".hydra", ".exptools"])
def test_a_part_of_a_run_that_is_a_link_is_refused_and_named(
    tmp_path: Path, private: Path, name: str
) -> None:
    (private / "config.yaml").write_text("aws: AKIA123456\n")
    run = tmp_path / "runs" / "bad"
    run.mkdir(parents=True)
    (run / "progress.csv").write_text("step\n")
    (run / name).symlink_to(private)
    assert f"{run / name}: is a link" in faults_of(tmp_path / "runs")


@pytest.mark.parametrize("part", ["files", "params", "metrics", "tags"])
def test_parts_of_trackers_runs_that_are_links_are_refused_and_named(
    tmp_path: Path, private: Path, part: str
) -> None:
    (private / "config.yaml").write_text("aws:\n  value: AKIA123456\n")
    (private / "wandb-summary.json").write_text('{"aws": "AKIA123456"}')
    (private / "aws").write_text("AKIA123456")
    (private / "pay").write_text("1000 123456 0\n")
    name = "run-20250101_000000-abc" if part == "files" else "a" * 32
    run = tmp_path / "runs" / name
    run.mkdir(parents=True)
    (run / "run-abc.wandb").write_bytes(b":W&B\xe1\xbe\x00")
    (run / "meta.yaml").write_text("status: 3\n")
    (run / part).symlink_to(private)
    assert f"{run / part}: is a link" in faults_of(tmp_path / "runs")


def test_a_checkpoint_and_a_sweeps_config_that_are_links_are_named(
    tmp_path: Path, private: Path
) -> None:
    run = write_run(tmp_path / "runs" / "0", {}, state=None)
    (run / ".hydra" / "config.yaml").unlink()
    write_status(run, Status(State.QUEUED, job=0, overrides=("lr=1",)))
    (run.parent / "multirun.yaml").symlink_to(private / "creds.yaml")
    (private / "trainer_state.json").write_text("{}")
    (run / "checkpoint-5").symlink_to(private)
    faults = faults_of(tmp_path / "runs")
    assert f"{run.parent / 'multirun.yaml'}: cannot be read: it is a link" in faults
    assert f"{run / 'checkpoint-5'}: is a link" in faults


def test_status_and_usage_are_read_through_no_link_either(tmp_path: Path, private: Path) -> None:
    run = write_run(tmp_path / "run", {}, state=None)
    (run / ".exptools").mkdir(exist_ok=True)
    (run / ".exptools" / "status.json").symlink_to(private / "status.json")
    with pytest.raises(ValueError, match="it is a link"):
        read_status(run)
    (run / ".exptools" / "usage.csv").symlink_to(private / "pay.csv")
    with pytest.raises(OSError, match="it is a link"):
        usage_of(run)


def test_logs_and_media_are_read_through_no_link_in_python(tmp_path: Path, private: Path) -> None:
    run = write_run(tmp_path / "runs" / "0", {})
    (private / "output.log").write_text("AKIA123456")
    (private / "index.jsonl").write_text("{}\n")
    (run / "output.log").symlink_to(private / "output.log")
    (run / "files").symlink_to(private)
    (run / "media").symlink_to(private)
    loaded = xv.load(tmp_path / "runs")[0]
    for read in (loaded.log, lambda: loaded.log("files/output.log"), loaded.media):
        with pytest.raises(OSError, match="is a link"):
            read()


def test_a_directory_that_is_given_may_be_a_link(tmp_path: Path) -> None:
    write_run(tmp_path / "scratch" / "0", {"lr": 0.1}, "step,loss\n0,1\n")
    (tmp_path / "runs").symlink_to(tmp_path / "scratch")
    index = indexed(tmp_path / "runs")
    assert index.snapshot.runs[0].config == {"lr": 0.1}
    assert index.columns(index.snapshot.runs, ["loss"])["0"].rows == 1


def test_linked_runs_below_it_are_not_followed_but_named(tmp_path: Path) -> None:
    write_run(tmp_path / "scratch" / "a" / "0", {})
    write_run(tmp_path / "runs" / "0", {})
    (tmp_path / "runs" / "linked").symlink_to(tmp_path / "scratch" / "a")
    index = indexed(tmp_path / "runs")
    assert [run.name for run in index.snapshot.runs] == ["0"]
    (fault,) = index.snapshot.faults
    assert str(fault).startswith(f"{tmp_path}/runs/linked: is a link to {tmp_path}/scratch/a, and")
    assert "give it, too" in str(fault)
    both = indexed(tmp_path / "runs", tmp_path / "runs" / "linked")
    assert len(both.snapshot.runs) == 2


def test_links_to_data_and_to_what_is_seen_anyway_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    write_run(tmp_path / "runs" / "2026" / "0", {})
    (tmp_path / "runs" / "latest").symlink_to(tmp_path / "runs" / "2026")
    (tmp_path / "runs" / "data").symlink_to(tmp_path / "data")
    (tmp_path / "runs" / "2026" / "0" / "data").symlink_to(tmp_path / "data")
    (tmp_path / "runs" / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "runs" / "loop").symlink_to("loop")
    index = indexed(tmp_path / "runs")
    assert [run.name for run in index.snapshot.runs] == ["2026/0"]
    assert index.snapshot.faults == ()


def test_of_many_links_a_few_are_named(tmp_path: Path) -> None:
    write_run(tmp_path / "scratch", {})
    (tmp_path / "runs").mkdir()
    for number in range(100):
        (tmp_path / "runs" / str(number)).symlink_to(tmp_path / "scratch")
    faults = indexed(tmp_path / "runs").snapshot.faults
    assert len(faults) == 21
    assert "more links" in str(faults[-1])


@pytest.mark.parametrize("name", ["progress.csv", ".hydra/config.yaml"])
def test_nobody_waits_for_a_pipe(tmp_path: Path, name: str) -> None:
    run = write_run(tmp_path / "run", {}, "step,loss\n0,1\n")
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    index = indexed(tmp_path)
    index.columns(index.snapshot.runs, ["loss"])
    assert "it is no regular file" in "".join(map(str, index.faults(index.snapshot.runs[0])))
