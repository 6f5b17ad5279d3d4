"""When the app looks at the disk, and what it reads before anybody asks."""

import threading
from pathlib import Path

import pytest

from exptools.viewing.app import workspace as module
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.index import Look
from tests.viewing.samples import indexed, write_run


def test_what_the_index_has_just_found_is_not_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "a", {"lr": 1})
    workspace = Workspace(indexed(tmp_path))
    write_run(tmp_path / "b", {"lr": 2})
    workspace.look()
    assert len(workspace.facts().runs) == 1
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.0)
    workspace.look()
    assert len(workspace.facts().runs) == 2


def test_a_first_look_at_a_slow_disk_delays_the_second_by_no_more_than_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "a", {"lr": 1})
    index = indexed(tmp_path)
    workspace = Workspace(index)
    write_run(tmp_path / "b", {"lr": 2})
    now = index.last_look.end if index.last_look else 0.0
    index.last_look = Look(now, 600.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: now + 11)
    workspace.look()
    assert len(workspace.facts().runs) == 2


def test_the_other_metrics_are_read_once_the_picture_has_been_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AHEAD", 0.01)
    metrics = {"loss": [1, 2], "accuracy": [3, 4], "reward": [5, 6]}
    write_run(tmp_path / "a", {"lr": 1}, metrics)
    index = indexed(tmp_path)
    asked, columns, done = [], index.columns, threading.Event()

    def heard(runs: object, names: list[str]) -> object:
        asked.append(names)
        if len(asked) == 2:
            done.set()
        return columns(runs, names)  # type: ignore[arg-type]

    monkeypatch.setattr(index, "columns", heard)
    Workspace(index).read_ahead("loss")
    assert done.wait(30)
    assert asked == [["loss"], ["accuracy", "reward"]]
