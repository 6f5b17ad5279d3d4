from pathlib import Path

import pytest

import exptools.viewing as xv
from tests.viewing.samples import write_run


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with runs in three directories, which is also where we are."""
    for name in ("a", "b", "c [1]"):
        write_run(tmp_path / "runs" / name / "0", {})
    (tmp_path / "runs" / "notes.txt").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*roots):
    return [run.name for run in xv.load(*roots)]


def test_roots_are_written_as_in_a_shell(home):
    assert names("~/runs/a") == ["0"]
    assert names("runs/*") == names("~/ru*") == ["a/0", "b/0", "c [1]/0"]
    assert names("**/b") == ["0"]
    assert names(Path("runs") / "[ab]") == ["a/0", "b/0"]


def test_without_a_root_it_is_where_hydra_writes(home):
    write_run(home / "multirun" / "day" / "0", {})
    assert names() == ["day/0"]
    write_run(home / "outputs" / "0", {})
    assert names() == ["multirun/day/0", "outputs/0"]


def test_roots_come_one_by_one_or_in_lists(home):
    assert names(["runs/a", "runs/b"]) == names("runs/a", ("runs/b",)) == ["a/0", "b/0"]
    assert names(path for path in (home / "runs").iterdir() if path.name == "b") == ["0"]
    assert names("runs/a", ["runs/b", Path("runs")], "runs/*") == ["a/0", "b/0", "c [1]/0"]


def test_a_directory_with_a_bracket_in_its_name_is_no_pattern(home):
    assert names("runs/c [1]") == ["0"]


@pytest.mark.parametrize(
    ("roots", "sentence"),
    [
        ((), "no outputs/ and no multirun/ in this directory; give the directory that"),
        (([],), "load takes the directories"),
        (("runs/x*",), "no directory matches runs/x"),
        (("runs/*.txt",), "no directory matches"),
        (("runs/notes.txt",), "is a file; give the directory that has the runs in it"),
        (("~nobody-of-this-name/x",), "there is no directory ~nobody-of-this-name/x"),
        (("~/run",), "there is no directory .*/run; did you mean .*/runs"),
    ],
)
def test_what_leads_to_no_directory_is_said(home, roots, sentence):
    with pytest.raises(xv.QueryError, match=sentence):
        xv.load(*roots)


@pytest.mark.parametrize("root", [3, None, b"runs", [Path("runs"), 3]])
def test_what_is_no_path_is_no_root(home, root):
    with pytest.raises(TypeError, match="load takes directories as texts or paths, not"):
        xv.load(root)
