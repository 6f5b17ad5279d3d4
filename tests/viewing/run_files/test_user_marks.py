"""The user's stars and notes on runs."""

import os
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from exptools.viewing.run_files.user_marks import MAX_NOTE, Mark, UserMarks
from tests.viewing.samples import indexed, run_with, write_run


@pytest.fixture
def index(tmp_path):
    for name in ("0", "1"):
        write_run(tmp_path / "runs" / name, {"seed": 0})
    return indexed(tmp_path / "runs")


def test_a_mark_is_kept_for_the_next_server_and_not_in_the_run(index, tmp_path):
    run, other = index.snapshot.runs
    before = sorted(path for path in run.directory.rglob("*"))
    marks = UserMarks(tmp_path / "data")
    assert marks.get(run) == Mark()
    marks.set(run, note="collapsed at 3k — why? 🤔")
    assert marks.set(run, star=True) == Mark(True, "collapsed at 3k — why? 🤔")
    again = UserMarks(tmp_path / "data")
    assert again.get(run) == Mark(True, "collapsed at 3k — why? 🤔")
    assert again.get(other) == Mark()
    assert again.of(index.snapshot.runs) == {run.name: again.get(run)}
    assert sorted(path for path in run.directory.rglob("*")) == before


def test_a_run_that_is_reached_by_a_link_has_the_same_mark(index, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    (tmp_path / "one").symlink_to(tmp_path / "runs" / "1")
    marks = UserMarks(tmp_path / "data")
    marks.set(index.snapshot.runs[1], star=True)
    for root in ("link", "one"):
        assert [m.star for m in marks.of(indexed(tmp_path / root).snapshot.runs).values()] == [True]


def test_marks_of_two_servers_do_not_undo_each_other(tmp_path):
    runs = [run_with(str(number)) for number in range(20)]

    def mark_all(note: str) -> None:
        marks = UserMarks(tmp_path / "data")
        for run in runs[0 if note == "a" else 10 :][:10]:
            marks.set(run, note=note)

    threads = [threading.Thread(target=mark_all, args=(note,)) for note in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notes = [UserMarks(tmp_path / "data").get(run).note for run in runs]
    assert notes == ["a"] * 10 + ["b"] * 10


def test_a_mark_taken_back_leaves_nothing_and_a_broken_one_is_none(index, tmp_path):
    run = index.snapshot.runs[0]
    marks = UserMarks(tmp_path / "data")
    marks.set(run, star=True)
    (file,) = marks.path.iterdir()
    for broken in (b"\xff{", b"[" * 200_000):
        file.write_bytes(broken)
        assert marks.get(run) == Mark()
    assert marks.of([run]) == {}
    marks.set(run, note="x")
    marks.set(run, note="")
    assert list(marks.path.iterdir()) == []
    with pytest.raises(ValueError, match=f"{MAX_NOTE} is the most"):
        marks.set(run, note="x" * (MAX_NOTE + 1))


def test_nobody_else_may_read_them_nor_those_of_an_earlier_version(index, tmp_path):
    directory = tmp_path / "data"
    directory.mkdir(mode=0o755)
    (directory / "old.json").write_text("{}")
    (directory / "old.json").chmod(0o644)
    marks = UserMarks(directory)
    marks.set(index.snapshot.runs[0], note="the key is abc")
    modes = {path.stat().st_mode & 0o777 for path in directory.iterdir()}
    assert (directory.stat().st_mode & 0o777, modes) == (0o700, {0o600})


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_another_user_of_the_machine_cannot_read_them(index):
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        marks = UserMarks(Path(directory) / "data" / "marks")
        marks.set(index.snapshot.runs[0], note="the key is abc")
        look = ["grep", "-r", "abc", directory]
        assert subprocess.run(look, capture_output=True, check=False).returncode == 0
        other = subprocess.run(look, capture_output=True, check=False, user=65534, group=65534)
        assert b"abc" not in other.stdout
