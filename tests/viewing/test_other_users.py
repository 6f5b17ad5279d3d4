"""Another user of the machine, a real one where we may become one: what he can read and plant."""

import os
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

from exptools.rundir import HYDRA_CONFIG, STATUS_FILE
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.cache_files import CacheFile
from exptools.viewing.index import Index, cache_directory
from exptools.viewing.metrics import disk_cache, store
from exptools.viewing.readers.memory.texts import MAX_FILE, VERSION
from exptools.viewing.run_files import group_names
from exptools.viewing.run_files.user_marks import UserMarks
from tests.viewing.samples import write_run

OTHER = 65534
SECRET = "only-for-me"
pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user"
)


@pytest.fixture
def home(monkeypatch):
    """A home that all may enter, as many are, with caches and data in it, and a usual umask."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        home.chmod(0o755)
        for name in ("cache", "data"):
            monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(home / name))
        before = os.umask(0o022)
        yield home
        os.umask(before)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs with something in their configs, old enough to be kept in the cache."""
    monkeypatch.setattr(store, "WORTH_BYTES", 0)
    for number in range(2):
        run = write_run(tmp_path / str(number), {"lr": f"{SECRET}{number}"}, "step,loss\n0,1\n")
        for file in (*run.rglob("*"), run):
            os.utime(file, (1e9, 1e9))
    return tmp_path


def looked(root: Path) -> Index:
    """An index that has read all there is of some runs, and kept it."""
    index = Index([root])
    index.refresh()
    index.columns(index.snapshot.runs, ["loss"])
    return index


def as_other(*command: str) -> bytes:
    """What a command of the other user prints."""
    done = subprocess.run(command, capture_output=True, check=False, user=OTHER, group=OTHER)
    return done.stdout + done.stderr


def test_another_user_reads_nothing_of_what_is_kept(home, runs):
    workspace = Workspace(looked(runs))
    run = workspace.index.snapshot.runs[0]
    group = f'[["lr", "{SECRET}"]]'
    for stamp, problem in (
        workspace.marks.keep(run, star=True, note=SECRET),
        workspace.marks.keep_tags(run, [SECRET]),
        workspace.marks.keep_hidden([run], hidden=True),
        workspace.names.keep(group, label=SECRET, color="#000000"),
    ):
        assert (stamp is None, problem) == (False, "")
    kept = [file for file in home.rglob("*") if file.is_file()]
    assert {file.suffix for file in kept} == {".json", ".pack"}
    assert sum(SECRET.encode() in file.read_bytes() for file in kept) >= 3
    seen = as_other("grep", "-r", "", str(home))
    assert SECRET.encode() not in seen
    assert b"Permission denied" in seen
    assert {file.stat().st_mode & 0o777 for file in kept} == {0o600}
    assert {file.parent.stat().st_mode & 0o777 for file in kept} == {0o700}


def test_names_of_groups_that_an_earlier_version_let_others_read_are_taken_from_them(home, runs):
    workspace = Workspace(looked(runs))
    workspace.names.keep("a", label=SECRET)
    (file,) = (home / "data").rglob("*.json")
    file.chmod(0o644)
    file.parent.chmod(0o755)
    assert Workspace(workspace.index).names.all()["a"].label == SECRET
    assert SECRET.encode() not in as_other("cat", str(file))


def test_what_another_user_has_put_into_the_cache_is_not_believed(home, runs, monkeypatch):
    monkeypatch.setattr(disk_cache, "_sum", lambda _: 0)  # he would write the right one
    looked(runs)
    place = cache_directory([runs])
    texts, (pack,) = CacheFile(place / "texts.json", VERSION, MAX_FILE), place.glob("*.pack")
    texts.write(texts.read().replace(f"{SECRET}0".encode(), b"planted"), 2**30)
    content = pack.read_bytes()
    before, _, after = content.rpartition(struct.pack("d", 1.0))
    pack.write_bytes(before + struct.pack("d", 7.0) + after)
    assert shown(looked(runs)) == (["planted", f"{SECRET}1"], [1.0, 7.0])  # so it would be
    for file in place.iterdir():
        os.chown(file, OTHER, OTHER)
    assert shown(looked(runs)) == ([f"{SECRET}0", f"{SECRET}1"], [1.0, 1.0])


def test_marks_and_names_of_groups_that_another_user_has_put_there_are_not_believed(home, runs):
    workspace = Workspace(looked(runs))
    (first, _) = workspace.index.snapshot.runs
    workspace.marks.keep_hidden([first], hidden=True)
    workspace.names.keep("a", label="theirs")
    for file in (home / "data").rglob("*.json"):
        os.chown(file, OTHER, OTHER)
    again = Workspace(looked(runs))
    assert not again.marks.get(first).hidden
    assert again.marks.hidden_places() == frozenset()
    assert again.names.all() == {}


def test_whoever_shares_a_group_cannot_exchange_what_is_kept(home, runs):
    os.umask(0o002)
    workspace = Workspace(looked(runs))
    workspace.marks.keep(workspace.index.snapshot.runs[0], star=True)
    made = [path for path in home.rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o700}


@pytest.mark.parametrize("name", [HYDRA_CONFIG, STATUS_FILE])
def test_a_config_or_a_status_in_a_directory_that_nobody_may_enter_is_a_fault(home, name):
    file = write_run(home / "runs" / "0", {"lr": 1}, "step,loss\n0,1\n") / name
    file.parent.chmod(0)
    index = Index([home / "runs"], cache=False)
    os.seteuid(OTHER)
    try:
        index.refresh()
    finally:
        os.seteuid(0)
    (run,) = index.snapshot.runs
    assert [str(fault) for fault in run.faults] == [f"{file}: cannot be read: Permission denied"]
    assert len(run.sources) == 1


def test_where_another_user_has_put_a_link_nothing_is_written_or_changed(home, runs):
    theirs = home / "theirs"
    theirs.mkdir(mode=0o755)
    (theirs / "texts.json").write_text("mine")
    place = cache_directory([runs])
    marks = UserMarks().path
    for link in (place, marks):
        link.parent.mkdir(parents=True)
        link.symlink_to(theirs)
        os.lchown(link, OTHER, OTHER)
    workspace = Workspace(looked(runs))
    assert workspace.marks.keep(workspace.index.snapshot.runs[0], star=True)[0] is None
    assert [file.name for file in theirs.iterdir()] == ["texts.json"]
    assert (theirs / "texts.json").read_text() == "mine"
    assert [path.stat().st_mode & 0o777 for path in (theirs, theirs / "texts.json")] == [
        *(0o755, 0o644)
    ]


def test_a_link_of_another_user_above_leads_to_no_directory_of_ours(home, runs):
    project = home / "project"
    marks = project / "marks"
    marks.mkdir(parents=True, mode=0o755)
    (marks / "public.json").write_text("mine")
    (home / "data").mkdir()
    (home / "data/exptools").symlink_to(project)
    os.lchown(home / "data/exptools", OTHER, OTHER)
    workspace = Workspace(looked(runs))
    assert workspace.marks.keep(workspace.index.snapshot.runs[0], note="mine")[0] is None
    assert [file.name for file in marks.iterdir()] == ["public.json"]
    assert [path.stat().st_mode & 0o777 for path in (marks, marks / "public.json")] == [
        *(0o755, 0o644)
    ]


def test_names_of_files_that_another_user_has_put_there_steer_no_terminal(home, runs, caplog):
    workspace = Workspace(looked(runs))
    first = workspace.index.snapshot.runs[0]
    workspace.marks.keep(first, star=True)
    workspace.names.keep("a", label="mine")
    for directory in (workspace.marks.path, workspace.names._paths[0]):
        file = directory / "\x1b[31m.json"
        file.write_text("{}")
        os.chown(file, OTHER, OTHER)
    assert workspace.marks.get(first).star
    assert len(workspace.marks.of([first])) == len(workspace.names.all()) == 1
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "\\x1b[31m" in told
    assert "\x1b" not in told


def test_a_directory_of_another_user_is_not_looked_through(home, runs, caplog):
    for name in ("marks", f"groups/{group_names._digest('/')}"):
        directory = home / "data/exptools" / name
        directory.mkdir(parents=True)
        (directory / "0.json").write_text("{}")
        os.chown(directory, OTHER, OTHER)
    workspace = Workspace(looked(runs))
    assert workspace.marks.hidden_places() == frozenset()
    assert workspace.names.all() == {}
    assert caplog.text == ""


def shown(index: Index) -> tuple[list[str], list[float]]:
    """The configs and the metrics of the runs."""
    runs = index.snapshot.runs
    values = index.columns(runs, ["loss"])
    return [run.config["lr"] for run in runs], [values[run.name]["loss"][0] for run in runs]
