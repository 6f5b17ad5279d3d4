"""Nothing of a run is read or written through a link that somebody put into its directory."""

import os
import subprocess
from pathlib import Path

import pytest

from exptools import logger
from exptools.locks import FileLock
from exptools.plain_files import open_below, open_plain, walk


def test_a_link_is_refused_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    link = tmp_path / "progress.csv"
    link.symlink_to(precious)
    with pytest.raises(OSError, match="it is a link"):
        open_plain(link, os.O_WRONLY | os.O_TRUNC)
    with pytest.raises(OSError, match="it is a link"):
        FileLock(link)
    assert precious.read_text() == "mine"


def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no regular file"):
        open_plain(tmp_path / "pipe", os.O_RDONLY)


def test_a_run_directory_may_be_a_link_its_hidden_part_may_not(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "scratch")
    os.close(open_plain(tmp_path / "run" / "progress.csv", os.O_RDWR | os.O_CREAT))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run" / ".exptools").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="it is a link"):
        open_plain(tmp_path / "run" / ".exptools" / "log.lock", os.O_RDWR | os.O_CREAT)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize(
    "name", ["progress.csv", ".exptools/log.lock", ".exptools/rows.lock", ".exptools/members"]
)
def test_the_logger_writes_through_no_link(tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    link = tmp_path / "run" / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(precious)
    try:
        logger.open(tmp_path / "run", console=None)
        logger.log_scalar("loss", 1.0, 0)
        logger.close()
    except OSError as error:
        assert "link" in str(error)  # noqa: PT017 (it may also do without the file)
    assert precious.read_text() == "mine"


def test_a_file_below_a_directory_is_reached_through_no_link_and_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("here")
    (tmp_path / "a" / "link").symlink_to("b")
    (tmp_path / "a" / "b" / "linked").symlink_to("c")
    os.mkfifo(tmp_path / "a" / "b" / "pipe")
    with os.fdopen(open_below(tmp_path, ["a", "b", "c"])) as file:
        assert file.read() == "here"
    for parts in (["a", "link", "c"], ["a", "b", "linked"], ["a", "b", "pipe"], ["a", "b"], ["x"]):
        with pytest.raises(OSError, match=r"link|file|director"):
            open_below(tmp_path, parts)


def test_directories_may_be_as_deep_as_a_path_is_long_and_no_link_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").touch()
    monkeypatch.chdir(tmp_path)
    try:
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        Path("file").touch()
        Path("link").symlink_to(tmp_path / "elsewhere")
        found = dict(walk(tmp_path / "d"))
    finally:  # before Python 3.12 shutil.rmtree cannot, and pytest would end with that
        subprocess.run(["rm", "-rf", tmp_path / "d"], cwd=tmp_path, check=True)
    assert len(found) == 1500
    assert [*found.values()][-1] == ["file", "link"]
