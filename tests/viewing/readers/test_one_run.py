"""What lies below a run belongs to it, and is counted once."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

from exptools.rundir import HYDRA_SETTINGS, State, Status, write_status
from exptools.viewing.index import Index
from exptools.viewing.readers import hydra, others
from exptools.viewing.readers.formats import DetectedRun
from exptools.viewing.readers.nesting import one_run_each
from exptools.viewing.run import Source
from exptools.viewing.signatures import Signature
from tests.viewing.samples import indexed, write_events, write_run

HPARAMS = "lr: 0.1\n"
SETTLED = Signature(1, 1, 1)


def names(index: Index) -> list[str]:
    return [run.name for run in index.snapshot.runs]


def values(index: Index, metric: str) -> dict[str, list[float]]:
    series = index.series(index.snapshot.runs, metric)
    return {name: y.tolist() for name, (_, y) in series.items()}


def earlier(index: Index) -> list[str]:
    (run,) = index.snapshot.runs
    return [one.directory.relative_to(run.directory).as_posix() for one in run.earlier]


def write_csv(directory: Path, columns: dict[str, list[float]], name: str = "metrics.csv") -> Path:
    """What Lightning's CSVLogger writes."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = [["step", *columns]]
    rows += [[step, *cells] for step, cells in enumerate(zip(*columns.values(), strict=True))]
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    (directory / name).write_text(text)
    (directory / "hparams.yaml").write_text(HPARAMS)
    return directory


@pytest.fixture
def run(tmp_path) -> Path:
    """A Hydra run without metrics of its own."""
    return write_run(tmp_path / "0", {"lr": 0.1})


def test_two_runs_with_two_loggers_each_are_two_runs(tmp_path):
    for job, value in enumerate([0.1, 0.3]):
        run = write_run(tmp_path / str(job), {"lr": job})
        write_csv(run / "csv" / "version_0", {"loss": [1.0, value]})
        write_events(run / "tensorboard" / "version_0", {"loss": [1.0, value], "extra": [5, 6]})
        (run / "tensorboard" / "version_0" / "hparams.yaml").write_text(HPARAMS)
    index = indexed(tmp_path)
    assert names(index) == ["0", "1"]
    assert values(index, "loss") == {"0": [1, 0.1], "1": [1, 0.3]}  # 64 bits: those of the CSV
    assert values(index, "extra") == {"0": [5, 6], "1": [5, 6]}
    assert index.tags(index.snapshot.runs) == ["loss", "extra"]
    assert [dict(run.config) for run in index.snapshot.runs] == [{"lr": 0}, {"lr": 1}]


def test_of_two_attempts_the_newest_is_the_run_and_the_older_is_told(tmp_path, run):
    for attempt in range(12):
        write_csv(run / "csv" / f"version_{attempt}", {"acc": [0.5, attempt]})
    index = indexed(tmp_path)
    assert (names(index), values(index, "acc")) == (["0"], {"0": [0.5, 11]})
    assert earlier(index) == [f"csv/version_{attempt}" for attempt in range(11)]
    (found,) = index.snapshot.runs
    (source,) = found.earlier[3].sources
    assert source.files == (str(run / "csv" / "version_3" / "metrics.csv"),)
    assert found.earlier[3].updated == pytest.approx(os.stat(source.files[0]).st_mtime)


def test_a_csv_of_a_dead_attempt_does_not_stand_for_events_of_the_one_that_goes_on(tmp_path, run):
    write_csv(run / "csv" / "version_0", {"acc": [0.1, 0.2]})
    os.utime(run / "csv" / "version_0" / "metrics.csv", (1_700_000_000, 1_700_000_000))
    write_events(run / "tb" / "version_0", {"acc": [0.125, 0.25]}, stamp=1_699_999_000)
    write_events(run / "tb" / "version_1", {"acc": [0.5]}, stamp=1_700_000_100)
    index = indexed(tmp_path)
    assert values(index, "acc") == {"0": [0.5]}
    assert earlier(index) == ["csv/version_0", "tb/version_0"]


def test_a_csv_that_began_later_than_the_events_is_of_the_attempt_in_which_it_was_written(
    tmp_path, run
):
    write_csv(run / "csv" / "version_0", {"acc": [0.1, 0.2]})  # the first attempt wrote none
    write_events(run / "tb" / "version_0", {"acc": [0.5]}, stamp=1_699_999_000)
    write_events(run / "tb" / "version_1", {"acc": [0.125, 0.25]}, stamp=1_700_000_100)
    index = indexed(tmp_path)
    assert values(index, "acc") == {"0": [0.1, 0.2]}
    assert earlier(index) == ["tb/version_0"]


@pytest.mark.parametrize("logger", ["csv", "tensorboard"])
def test_the_runs_own_progress_csv_counts_before_lightnings_loggers(tmp_path, logger):
    run = write_run(tmp_path / "0", {"lr": 1}, {"loss": [0.1, 0.2]})
    if logger == "csv":
        write_csv(run / "lightning_logs" / "version_0", {"loss": [7, 8], "val": [1, 2]})
    else:
        write_events(run / "lightning_logs" / "version_0", {"loss": [7, 8], "val": [1, 2]})
    index = indexed(tmp_path)
    assert values(index, "loss") == {"0": [0.1, 0.2]}
    assert values(index, "val") == {"0": [1, 2]}
    assert index.tags(index.snapshot.runs) == ["loss", "val"]


def test_a_name_that_the_experiment_got_from_its_logger_is_no_part_of_the_metrics(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, {"loss": [0.1]})
    write_csv(run / "my_model" / "version_0", {"loss": [7], "val": [1]})
    assert indexed(tmp_path).tags(indexed(tmp_path).snapshot.runs) == ["loss", "val"]


def test_keras_train_and_validation_are_called_by_their_places(tmp_path, run):
    for place, value in {"train": 0.5, "validation": 0.75}.items():
        write_events(run / "logs" / place, {"epoch_loss": [value, 0.25]})
    index = indexed(tmp_path)
    assert names(index) == ["0"]
    assert index.tags(index.snapshot.runs) == ["train/epoch_loss", "validation/epoch_loss"]
    assert values(index, "train/epoch_loss") == {"0": [0.5, 0.25]}
    assert values(index, "validation/epoch_loss") == {"0": [0.75, 0.25]}
    assert values(index, "epoch_loss") == {"0": []}


def test_keras_alone_is_a_run_for_each_training(tmp_path):
    for number in (0, 1):
        for place in ("train", "validation"):
            write_events(tmp_path / f"fit {number}" / place, {"epoch_loss": [number, 1]})
    index = indexed(tmp_path)
    assert names(index) == ["fit 0", "fit 1"]
    assert values(index, "train/epoch_loss") == {"fit 0": [0, 1], "fit 1": [1, 1]}
    write_events(tmp_path / "fit 0" / "other", {"epoch_loss": [1]})  # so they are runs
    assert len(names(indexed(tmp_path))) == 4


def test_what_add_scalars_writes_beside_the_events_is_called_by_its_place(tmp_path, run):
    write_events(run / "tb", {"lr": [1, 2]})
    for place in ("loss_train", "loss_val"):
        write_events(run / "tb" / place, {"loss": [3, 4]})
    index = indexed(tmp_path)
    assert names(index) == ["0"]
    assert index.tags(index.snapshot.runs) == ["lr", "loss_train/loss", "loss_val/loss"]


@pytest.mark.parametrize("place", ["fold", "rank", "env", "agent", "seed", "Fold", "Subject"])
def test_folds_and_ranks_are_parts_of_a_run_and_no_attempts(tmp_path, run, place):
    for number in (0, 1):
        write_csv(run / f"{place}_{number}" / "version_0", {"acc": [number, 0.5]})
    write_csv(run / f"{place}_1" / "version_1", {"acc": [7]})
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == [f"{place}_0/acc", f"{place}_1/acc"]
    assert values(index, f"{place}_1/acc") == {"0": [7]}
    assert earlier(index) == [f"{place}_1/version_0"]


def test_an_evaluation_beside_the_runs_own_metrics_keeps_its_place(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, {"reward": [1, 2]})
    write_events(run / "eval", {"reward": [7, 8]})
    index = indexed(tmp_path)
    assert values(index, "reward") == {"0": [1, 2]}
    assert values(index, "eval/reward") == {"0": [7, 8]}


@pytest.mark.parametrize("place", ["eval", "model"])
def test_an_empty_progress_csv_changes_no_names(tmp_path, place):
    tags = []
    for job, progress in enumerate([None, "step,wall_time\n"]):
        write_csv(write_run(tmp_path / str(job), {}, progress) / place, {"loss": [1]})
        index = indexed(tmp_path / str(job))
        tags.append(index.tags(index.snapshot.runs))
    assert tags == [["loss"], ["loss"]]


@pytest.mark.parametrize("rows", [(1, 1), (1, 3), (2, 1)])
def test_parts_are_called_by_their_places_from_their_first_row_on(tmp_path, run, rows):
    for fold, number in enumerate(rows):
        directory = run / f"fold_{fold}"
        directory.mkdir()
        lines = "".join(f"{step},{fold}\n" for step in range(number))
        (directory / "progress.csv").write_text(f"step,loss\n{lines}")
    index = indexed(tmp_path)
    for fold, number in enumerate(rows):
        assert values(index, f"fold_{fold}/loss") == {"0": [fold] * number}
    assert index.tags(index.snapshot.runs) == ["fold_0/loss", "fold_1/loss"]


def test_the_nearest_of_several_places_has_its_plain_names(tmp_path, run):
    write_csv(run / "a", {"loss": [1]})
    write_csv(run / "a" / "b", {"loss": [2]})
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == ["loss", "a/b/loss"]


def test_torchs_own_directories_are_attempts_whatever_host_and_year(tmp_path, run):
    for stamp, name in [
        (1_700_000_000, "Dec31_23-59-59_host-a"),
        (1_700_000_900, "Jan01_00-14-59_host-b"),
    ]:
        file = f"events.out.tfevents.{{stamp}}.{name.rpartition('_')[2]}.7.0"
        write_events(run / "runs" / name, {"loss": [stamp % 1000]}, stamp=stamp, name=file)
    index = indexed(tmp_path)
    assert values(index, "loss") == {"0": [900]}
    assert earlier(index) == ["runs/Dec31_23-59-59_host-a"]


def test_two_writers_of_one_attempt_are_told_by_their_comments(tmp_path, run):
    for comment in ("_train", "_eval"):
        write_events(run / "runs" / f"Nov27_00-59-22_host{comment}", {"loss": [1]})
    tags = indexed(tmp_path).tags(indexed(tmp_path).snapshot.runs)
    assert len(tags) == len({*tags} - {"loss"}) == 2


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("20261126-235959", "20261127-005922"),
        ("2026-11-27_00-59-22", "2026-11-27_10-00-00"),
        ("2026-11-27/00-59-22", "2026-11-27/01-00-00"),
        ("1700000000.25", "1700000900.5"),
        ("PPO_9", "PPO_10"),
        ("CrossQ_1", "CrossQ_2"),
        ("Nov27_00-59-22_h", "Nov27_01-00-00_h"),
        ("ppo__4cdd62eb_26_11_27-00_59_22", "ppo__23e4aa24_26_11_27-10_00_00"),  # BenchMARL's
    ],
)
def test_names_that_are_times_or_counts_are_attempts(tmp_path, run, older, newer):
    write_events(run / "tb" / older, {"x": [1]})
    write_events(run / "tb" / newer, {"x": [2]})
    index = indexed(tmp_path)
    assert values(index, "x") == {"0": [2]}
    assert earlier(index) == [f"tb/{older}"]


def test_an_attempt_that_has_logged_nothing_yet_replaces_none(tmp_path, run):
    write_csv(run / "csv" / "version_0", {"x": [1]})
    (run / "csv" / "version_1").mkdir()
    (run / "csv" / "version_1" / "hparams.yaml").write_text(HPARAMS)
    index = indexed(tmp_path)
    assert (values(index, "x"), earlier(index)) == ({"0": [1]}, [])


def test_stable_baselines3_is_one_run_with_its_csv_and_its_events(tmp_path):
    (tmp_path / "ppo").mkdir()
    (tmp_path / "ppo" / "progress.csv").write_text("time/total_timesteps,reward\n8,0.1\n16,0.2\n")
    for number, value in [(1, 1), (2, 0.2)]:
        write_events(tmp_path / "ppo" / f"PPO_{number}", {"reward": [value], "fps": [number]}, 16)
    index = indexed(tmp_path)
    assert names(index) == ["ppo"]
    assert values(index, "reward") == {"ppo": [0.1, 0.2]}
    assert values(index, "fps") == {"ppo": [2]}
    assert earlier(index) == ["PPO_1"]


def test_runs_by_themselves_stay_so_below_a_run(tmp_path):
    write_run(tmp_path, {"lr": 1}, {"loss": [1]})
    write_run(tmp_path / "hydra", {"lr": 2}, {"loss": [2]})
    write_status(tmp_path / "status", Status(State.COMPLETED))
    variant = tmp_path / "variant"
    variant.mkdir()
    (variant / "params.json").write_text('{"lr": 3}')
    sweep = tmp_path / "sweep"
    write_events(sweep / "0" / "tb", {"loss": [3]})
    (sweep / "multirun.yaml").write_text("{}")
    write_events(tmp_path / "hydra" / "tb", {"extra": [4]})
    index = indexed(tmp_path)
    assert {*names(index)} == {tmp_path.name, "hydra", "status", "sweep/0/tb", "variant"}
    assert values(index, "extra")["hydra"] == [4]


def test_a_stray_file_swallows_no_runs(tmp_path):
    write_events(tmp_path, {"stray": [1]})
    for name in "ab":
        write_events(tmp_path / name, {"loss": [1]})
    assert len(names(indexed(tmp_path))) == 3
    (tmp_path / "progress.csv").write_text("step,stray\n0,1\n")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "progress.csv").write_text("step,loss\n0,1\n")
    assert len(names(indexed(tmp_path))) == 4


def test_two_loggers_side_by_side_are_one_run_where_no_run_is_above(tmp_path):
    for number in (0, 1):
        write_csv(tmp_path / "csv_logs" / f"version_{number}", {"loss": [number, 0.1]})
        write_events(tmp_path / "tb_logs" / f"version_{number}", {"loss": [9, 9], "lr": [1, 2]})
    index = indexed(tmp_path)
    assert names(index) == ["csv_logs/version_0", "csv_logs/version_1"]
    assert list(values(index, "loss").values()) == [[0, 0.1], [1, 0.1]]
    assert list(values(index, "lr").values()) == [[1, 2], [1, 2]]


def test_loggers_that_counted_different_attempts_are_not_taken_for_each_other(tmp_path):
    write_csv(tmp_path / "csv" / "version_0", {"loss": [1]})
    for number in (0, 1):
        write_events(tmp_path / "tb" / f"version_{number}", {"loss": [9]})
    assert len(names(indexed(tmp_path))) == 3


def test_our_own_event_files_are_not_read_where_progress_csv_is(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, {"loss": [0.1]})
    name = "events.out.tfevents.{stamp}.host.1.0.exptools"
    write_events(run, {"only here": [1]}, name=name)
    write_events(run, {"more": [1]}, name=f"{name}.000001")
    write_events(write_run(tmp_path / "1", {"lr": 1}), {"only here": [1]}, name=name)
    one, other = (index := indexed(tmp_path)).snapshot.runs
    assert (index.tags([one]), index.tags([other])) == (["loss"], ["only here"])


def test_events_of_others_beside_progress_csv_add_what_only_they_have(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, {"loss": [0.1, 0.2]})
    write_events(run, {"loss": [0.1, 0.2], "grad": [3, 4, 5]})
    index = indexed(tmp_path)
    (found,) = index.snapshot.runs
    columns = index.columns([found], ["step", "wall_time", "loss", "grad"])["0"]
    assert columns["step"].tolist() == [0, 1, 0, 1, 2]
    assert columns["wall_time"].tolist() == [1.7e9, 1.7e9 + 1, 1.7e9, 1.7e9 + 1, 1.7e9 + 2]
    assert columns.logged("loss").tolist() == [True, True, False, False, False]
    assert columns.series("grad")[1].tolist() == [3, 4, 5]
    assert index.last([found], "grad") == [5]
    assert index.last([found], "loss") == [0.2]


@pytest.mark.parametrize("name", ["version_{}{:02}", "seed_{}{:02}", "Nov27_00-{:02}-{:02}_host"])
def test_thousands_of_directories_below_a_run_take_no_time(name):
    run = DetectedRun("/runs/0", hydra.READER, {".hydra/config.yaml": SETTLED}, (), ())
    parts = []
    for number in range(5000):
        place = f"/runs/0/tb/{name.format(number // 100, number % 100)}"
        source = Source("events", (f"{place}/events.out.tfevents.1700000000.host",))
        parts.append(DetectedRun(place, others.TENSORBOARD, {}, (source,), (SETTLED,)))
    started = time.process_time()
    (whole,) = one_run_each([run, *parts])
    assert len(whole.sources) + len(whole.earlier) == 5000
    assert time.process_time() - started < 2


def test_the_last_row_is_one_of_a_source_that_has_rows(tmp_path):
    run = write_run(tmp_path / "0", {}, "step,wall_time\n")
    write_csv(run / "csv", {"loss": [3, 2]})
    index = indexed(tmp_path)
    assert index.last(index.snapshot.runs, "loss") == [2]


def test_a_place_whose_name_is_no_unicode_is_shown_escaped(tmp_path, run):
    for name in (b"\xff", b"b"):
        place = Path(os.fsdecode(os.fsencode(run) + b"/" + name))
        write_csv(place, {"loss": [1]})
    index = indexed(tmp_path)
    assert sorted(index.tags(index.snapshot.runs)) == ["\\udcff/loss", "b/loss"]


def test_rows_without_a_clock_get_that_of_the_other_source_at_their_steps(tmp_path, run):
    write_csv(run / "csv", {"loss": [0.1, 0.2, 0.3]})
    write_events(run / "tb", {"loss": [0.1, 0.2]})
    index = indexed(tmp_path)
    x, y = index.series(index.snapshot.runs, "loss", "wall_time")["0"]
    assert (x - 1.7e9).tolist() == [0, 1]
    assert y.tolist() == [0.1, 0.2]


def test_a_column_without_any_value_does_not_hide_another_sources(tmp_path, run):
    (write_csv(run / "csv", {"loss": [1]}) / "metrics.csv").write_text("step,loss,val\n0,1,\n")
    write_events(run / "tb", {"val": [0.5]})
    assert values(indexed(tmp_path), "val") == {"0": [0.5]}


def test_a_run_that_gets_another_source_is_noticed(tmp_path, run):
    write_csv(run / "csv" / "version_0", {"loss": [1]})
    index = indexed(tmp_path)
    assert not index.refresh()
    write_events(run / "tb" / "version_0", {"val": [0.5]})
    assert index.refresh()
    assert (values(index, "loss"), values(index, "val")) == ({"0": [1]}, {"0": [0.5]})
    write_csv(run / "csv" / "version_1", {"loss": [2]})
    assert index.refresh()
    assert values(index, "loss") == {"0": [2]}


def test_the_next_session_has_all_sources_from_its_cache(tmp_path, run):
    progress = {f"m{number}": list(np.arange(40_000.0)) for number in range(3)}
    write_csv(run / "csv", progress)
    write_events(run / "tb", {"val": [0.5]})
    for file in run.rglob("*.*"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    first, second = indexed(tmp_path), indexed(tmp_path)
    for index in (first, second):
        assert values(index, "m2") == {"0": progress["m2"]}
        assert values(index, "val") == {"0": [0.5]}


def test_a_run_whose_only_description_is_its_status_has_lightnings_hyperparameters(tmp_path):
    write_status(tmp_path / "0", Status(State.COMPLETED))
    write_csv(tmp_path / "0" / "csv" / "version_0", {"loss": [1]})
    (found,) = indexed(tmp_path).snapshot.runs
    assert (found.config, found.state) == ({"lr": 0.1}, State.COMPLETED)


def test_torchs_hyperparameters_and_scalars_below_its_events_are_of_one_run(tmp_path):
    for name in "ab":
        writer = SummaryWriter(tmp_path / name)
        writer.add_scalar("loss", 0.5, 0)
        writer.add_scalars("train/acc", {"top1": 0.25, "top5": 0.75}, 0)
        writer.add_hparams({"lr": 0.1}, {"best": 0.75})
        writer.close()
    index = indexed(tmp_path)
    assert names(index) == ["a", "b"]
    assert values(index, "loss") == {"a": [0.5], "b": [0.5]}
    assert values(index, "best") == {"a": [0.75], "b": [0.75]}
    assert values(index, "train_acc_top5/train/acc") == {"a": [0.75], "b": [0.75]}


def test_runs_called_as_torchs_parts_below_a_stray_file_stay_runs(tmp_path):
    write_events(tmp_path, {"stray": [1]})
    write_events(tmp_path / "1700000000.25", {"loss": [1]})
    write_events(tmp_path / "lr_0.1", {"lr": [1], "loss": [1]})
    write_events(tmp_path / "loss_l1", {"loss": [1]}, name="events.out.tfevents.{stamp}.host.2.0")
    assert len(names(indexed(tmp_path))) == 4


def test_what_keras_writes_above_its_train_and_validation_is_of_the_same_training(tmp_path):
    for number in (0, 1):
        write_events(tmp_path / f"run-{number}", {"accuracy": [number]})
        for place in ("train", "validation"):
            write_events(tmp_path / f"run-{number}" / place, {"epoch_loss": [number, 1]})
    index = indexed(tmp_path)
    assert names(index) == ["run-0", "run-1"]
    assert values(index, "accuracy") == {"run-0": [0], "run-1": [1]}
    assert values(index, "train/epoch_loss") == {"run-0": [0, 1], "run-1": [1, 1]}


def test_what_an_estimator_writes_of_its_evaluation_is_of_the_training_above(tmp_path):
    for name, value in {"a": 0.5, "b": 0.25}.items():
        write_events(tmp_path / name, {"loss": [1, value]})
        write_events(tmp_path / name / "eval", {"loss": [value]})
    index = indexed(tmp_path)
    assert values(index, "loss") == {"a": [1, 0.5], "b": [1, 0.25]}
    assert values(index, "eval/loss") == {"a": [0.5], "b": [0.25]}


def test_a_run_without_validation_calls_its_training_as_the_others_of_the_sweep_do(tmp_path):
    for job, places in enumerate([["train"], ["train", "eval"]]):
        run = write_run(tmp_path / str(job), {"lr": job})
        for place in places:
            write_events(run / "tb" / place, {"loss": [0.5]})
    assert values(indexed(tmp_path), "train/loss") == {"0": [0.5], "1": [0.5]}


def test_a_metrics_csv_without_hyperparameters_is_read_if_something_counts_its_steps(tmp_path, run):
    for number in (0, 1):
        version = write_csv(run / "logs" / f"version_{number}", {"loss": [number, 0.5]})
        (version / "hparams.yaml").unlink()
    index = indexed(tmp_path)
    assert values(index, "loss") == {"0": [1, 0.5]}
    assert earlier(index) == ["logs/version_0"]
    (run / "data").mkdir()
    (run / "data" / "metrics.csv").write_text("age,income\n3,4\n")
    assert values(indexed(tmp_path), "income") == {"0": []}
    assert names(indexed(run / "logs")) == ["version_0", "version_1"]


def test_a_log_of_words_is_not_named_where_a_logger_below_has_the_metrics(tmp_path, run):
    (run / "train.log").write_text("epoch 1\n")
    (run / "evaluations.npz").touch()
    assert indexed(tmp_path).snapshot.runs[0].unread == ("evaluations.npz", "train.log")
    write_csv(run / "csv" / "version_0", {"loss": [1.0]})
    assert indexed(tmp_path).snapshot.runs[0].unread == ("evaluations.npz",)


def test_parts_of_parts_stay_with_them_and_nothing_is_lost(tmp_path):
    hparams = {"_hparams_/session_start_info": [1]}
    write_events(tmp_path / "a", {"x": [1]})
    write_events(tmp_path / "a" / "loss_t", {"loss": [2]})
    for place in ("1700000001.5", "1700000001.5/1700000002.5", "loss_t/1700000000.5"):
        write_events(tmp_path / "a" / place, {**hparams, place: [3]})
    for place in ("", "train", "eval", "train/train", "train/eval"):
        write_events(tmp_path / "b" / place, {"loss": [4]})
    index = indexed(tmp_path)
    assert names(index) == ["a", "b"]
    first, second = (index.tags([run]) for run in index.snapshot.runs)
    assert set(first) >= {"x", "loss_t/loss", "1700000001.5", "1700000001.5/1700000002.5"}
    assert sorted(second) == [
        *("eval/loss", "loss", "train/eval/loss"),
        *("train/loss", "train/train/loss"),
    ]


def settings(run: Path, text: str) -> None:
    (run / HYDRA_SETTINGS).write_text(f"hydra:\n{text}  sweep:\n    dir: multirun\n")


def test_in_a_projects_own_directory_every_training_is_a_run(run):
    settings(run, "  run:\n    dir: .\n  mode: RUN\n")
    for number, value in enumerate([0.1, 0.2, 0.3]):
        write_csv(run / "csv" / f"version_{number}", {"loss": [1.0, value]})
        write_events(run / "tb" / f"version_{number}", {"loss": [1.0, value], "lr": [1, 1]})
    index = indexed(run.parent)
    found = [[1.0, value] for value in (0.3, 0.1, 0.2)]  # the newest has the config
    assert list(values(index, "loss").values()) == found
    assert [bool(one.config) for one in index.snapshot.runs] == [True, True, True]
    assert names(index)[0] == "0"
    assert [one.earlier for one in index.snapshot.runs] == [()] * 3


def test_a_job_whose_directory_the_sweep_chose_is_no_project(run):
    settings(run, "  run:\n    dir: .\n  mode: MULTIRUN\n")
    for number in range(2):
        write_csv(run / "csv" / f"version_{number}", {"loss": [1.0, 0.1]})
    assert earlier(indexed(run.parent)) == ["csv/version_0"]


def with_hparams(directory: Path, text: str) -> Path:
    (directory / "hparams.yaml").write_text(text)
    return directory


def test_versions_that_differ_in_a_setting_are_places_of_the_run_called_by_it(tmp_path, run):
    for fold in range(3):
        version = write_csv(run / "lightning_logs" / f"version_{fold}", {"acc": [0.1, fold]})
        with_hparams(version, f"lr: 0.1\nfold: {fold}\nlog_dir: /tmp/{fold}\n")
    retried = write_csv(run / "lightning_logs" / "version_3", {"acc": [0.1, 7.0]})
    with_hparams(retried, "lr: 0.1\nfold: 1\nlog_dir: /tmp/3\n")
    index = indexed(tmp_path)
    assert earlier(index) == ["lightning_logs/version_1"]
    ends = {f"fold_{fold}/acc": {"0": [0.1, end]} for fold, end in enumerate([0.0, 7.0, 2.0])}
    assert {tag: values(index, tag) for tag in index.tags(index.snapshot.runs)} == ends


@pytest.mark.parametrize(
    "again",
    ["lr: 0.1", "lr: 0.1\nmax_epochs: 20", "lr: 0.1\nckpt_path: a.ckpt", "lr: 0.1\nrun_id: b7", ""],
)
def test_versions_that_differ_in_what_a_second_try_is_told_are_attempts(tmp_path, run, again):
    first = write_csv(run / "lightning_logs" / "version_0", {"acc": [0.1, 0.2]})
    with_hparams(first, "lr: 0.1\nmax_epochs: 10\nrun_id: a3\n")
    with_hparams(write_csv(run / "lightning_logs" / "version_1", {"acc": [0.3]}), again)
    index = indexed(tmp_path)
    assert earlier(index) == ["lightning_logs/version_0"]
    assert values(index, "acc") == {"0": [0.3]}


def test_one_run_that_two_loggers_wrote_to_places_of_their_own_counts_once(tmp_path):
    for run in range(2):
        hparams = f"lr: {run}\n"
        with_hparams(write_csv(tmp_path / "results" / f"version_{run}", {"acc": [0.1]}), hparams)
        board = tmp_path / "my_experiment" / f"version_{run}"
        write_events(board, {"acc": [0.5], "val": [0.25]})
        with_hparams(board, hparams)
    index = indexed(tmp_path)
    assert names(index) == ["results/version_0", "results/version_1"]
    assert values(index, "acc") == {"results/version_0": [0.1], "results/version_1": [0.1]}
    assert values(index, "val") == {"results/version_0": [0.25], "results/version_1": [0.25]}


@pytest.mark.parametrize("change", ["settings", "time", "kind"])
def test_runs_that_nothing_tells_to_be_one_stay_two(tmp_path, change):
    write_csv(tmp_path / "a" / "version_0", {"acc": [0.1]})
    other = tmp_path / "b" / "version_0"
    if change == "kind":
        write_csv(other, {"acc": [0.1]})
    else:
        write_events(other, {"acc": [0.5]})
    hparams = with_hparams(other, "lr: 7\n" if change == "settings" else HPARAMS) / "hparams.yaml"
    if change == "time":
        os.utime(hparams, (1_700_000_000, 1_700_000_000))
    assert len(names(indexed(tmp_path))) == 2


def test_a_root_that_is_a_link_into_another_is_looked_at_there(tmp_path, run):
    write_csv(run / "logs" / "version_0", {"acc": [0.1]})
    above, inside = tmp_path / "link", tmp_path.parent / f"{tmp_path.name}-inside"
    inside.symlink_to(run / "logs")
    above.symlink_to(run)
    for roots in ([tmp_path, inside], [inside, tmp_path], [inside, above, tmp_path]):
        index = indexed(*roots)
        assert len(index.snapshot.runs) == 1
        assert index.tags(index.snapshot.runs) == ["acc"]
    inside.unlink()
