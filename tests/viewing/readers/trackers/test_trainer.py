"""Runs of Hugging Face's Trainer: its state in the run, or in checkpoints."""

import json
from pathlib import Path

from exptools.viewing.index import Index
from tests.viewing.samples import indexed, only_run, write_run

LOG = [
    {"epoch": 0.5, "loss": 2.0, "grad_norm": 1.5, "learning_rate": 1e-5, "step": 10},
    {"epoch": 1.0, "loss": 1.0, "grad_norm": float("nan"), "learning_rate": 5e-6, "step": 20},
    {"epoch": 1.0, "eval_loss": 1.25, "eval_report": {"f1": 1}, "text": "x", "step": 20},
    {"epoch": 1.0, "train_runtime": 10**400, "done": True, "step": 20},
]


def write_state(directory: Path, log: list, **state) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    values = {"global_step": log[-1]["step"], "max_steps": 20, "num_train_epochs": 1, **state}
    text = json.dumps({"log_history": log, **values})
    (directory / "trainer_state.json").write_text(text)
    return directory


def series(index: Index, metric: str, x: str = "step") -> list:
    (both,) = index.series(index.snapshot.runs, metric, x).values()
    return [part.tolist() for part in both]


def test_an_entry_of_the_log_is_a_row(tmp_path):
    write_state(tmp_path / "out", LOG, best_metric=1.25, trial_params={"lr": 1e-5})
    (tmp_path / "out" / "config.json").write_text(
        '{"model_type": "bert", "_name_or_path": "bert-base", "hidden_size": 768}'
    )
    index = indexed(tmp_path)
    (run,) = index.snapshot.runs
    assert (run.name, run.format, run.state) == ("out", "trainer", None)
    assert run.config == {
        **{"_name_or_path": "bert-base", "model_type": "bert"},
        **{"num_train_epochs": 1, "max_steps": 20, "trial_params.lr": 1e-5},
    }
    assert run.summary == {"best_metric": 1.25}
    assert index.tags([run]) == [
        *("epoch", "loss", "grad_norm", "learning_rate", "eval_loss", "train_runtime", "done"),
    ]
    assert series(index, "loss") == [[10, 20], [2, 1]]
    assert series(index, "eval_loss", x="epoch") == [[1], [1.25]]
    assert series(index, "done") == [[20], [1]]
    assert series(index, "train_runtime") == [[20], [float("inf")]]


def test_without_a_state_of_its_own_the_newest_checkpoint_is_the_run(tmp_path):
    for steps in (9, 10, 100):
        write_state(tmp_path / "out" / f"checkpoint-{steps}", [{"loss": 1.0, "step": steps}])
    (tmp_path / "out" / "checkpoint-200").mkdir()  # it is just being saved
    index = indexed(tmp_path)
    assert [run.name for run in index.snapshot.runs] == ["out"]
    assert series(index, "loss") == [[100], [1]]


def test_of_the_runs_own_state_and_a_checkpoints_the_one_that_got_further_counts(tmp_path):
    write_state(tmp_path / "resumed", LOG[:1])
    write_state(tmp_path / "resumed" / "checkpoint-20", LOG)
    write_state(tmp_path / "ended", LOG)
    write_state(tmp_path / "ended" / "checkpoint-10", LOG[:1])
    index = indexed(tmp_path)
    both = index.series(index.snapshot.runs, "loss")
    assert {name: x.tolist() for name, (x, _) in both.items()} == {
        "resumed": [10, 20],
        "ended": [10, 20],
    }


def test_the_checkpoints_of_a_hydra_run_are_its_metrics_and_no_runs(tmp_path):
    run = write_run(tmp_path / "0", {"lr": 1}, state=None)
    write_state(run / "checkpoint-10", LOG[:1])
    write_state(run / "checkpoint-20", LOG)
    index = indexed(tmp_path)
    assert [(run.name, run.format) for run in index.snapshot.runs] == [("0", "hydra")]
    assert "checkpoint" not in " ".join(index.tags(index.snapshot.runs))
    assert series(index, "loss") == [[10, 20], [2, 1]]


def test_a_state_that_is_none_is_a_fault_and_a_good_one_beside_it_counts(tmp_path):
    write_state(tmp_path, LOG)
    checkpoint = write_state(tmp_path / "checkpoint-30", LOG)
    (checkpoint / "trainer_state.json").write_text('{"log_history": [')
    index = indexed(tmp_path)
    assert series(index, "loss") == [[10, 20], [2, 1]]
    run = index.snapshot.runs[0]
    assert all("no valid JSON" in fault.reason for fault in index.faults(run))
    assert index.faults(run)


def test_a_log_that_is_no_list_of_entries_is_a_fault(tmp_path):
    (tmp_path / "trainer_state.json").write_text('{"log_history": [1]}')
    index = indexed(tmp_path)
    index.columns(index.snapshot.runs, ["loss"])
    (fault,) = index.faults(only_run(tmp_path)) or index.faults(index.snapshot.runs[0])
    assert "list of objects" in fault.reason
