"""What is written aside: a killed process's goes, a living one's stays."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exptools.asides import remove_leftovers, write_aside, written_aside
from exptools.locks import FileLock, Reach
from tests.conftest import ROOT

WRITING = """
import sys
from pathlib import Path
from exptools.asides import written_aside
with written_aside(Path(sys.argv[1]) / "big file.pkl") as aside:
    aside.write_bytes(b"half")
    print(aside, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writing(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """Another process that is writing a file aside in the directory."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout
        assert Path(process.stdout.readline().strip()).exists()
        yield process
        process.kill()


def test_what_a_living_process_writes_stays_and_what_a_killed_one_wrote_goes(
    writing: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    (tmp_path / ".mine").touch()
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    writing.kill()
    writing.wait()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".mine"]


@pytest.mark.parametrize("reach", [Reach.HOST, Reach.NOWHERE])
def test_what_may_be_of_a_living_process_elsewhere_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reach: Reach
) -> None:
    monkeypatch.setattr(FileLock, "reach", reach)
    (tmp_path / ".a.far-0123456789abcdef.aside").touch()
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_two_that_write_one_file_at_once_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / ("ü" * 120)
    with written_aside(target) as one, written_aside(target) as other:
        assert one != other
        remove_leftovers(tmp_path)
        other.replace(target)
        one.write_bytes(b"last")
        one.replace(target)
    assert target.read_bytes() == b"last"
    assert list(tmp_path.iterdir()) == [target]


def test_a_leftover_that_is_no_file_or_cannot_be_removed_is_left(tmp_path: Path) -> None:
    (tmp_path / ".dir.aside").mkdir()
    (tmp_path / ".link.aside").symlink_to(tmp_path)
    os.mkfifo(tmp_path / ".pipe.aside")
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "nowhere")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_aside(tmp_path / "file", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
