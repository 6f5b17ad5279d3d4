"""Files under media/ and the index that says what they are."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import threading

import pytest

from exptools import plain_files
from exptools.logging.errors import LoggingError
from exptools.logging.media import artifacts
from exptools.logging.media.store import (
    EncodedMedium,
    MediaStore,
    directory_of,
    index_size,
    set_aside_media,
)
from tests.media_samples import store_file, write_medium

TEXT = EncodedMedium("text", "txt", b"hello")


def test_a_medium_is_a_file_under_its_tag_with_a_line_in_the_index(tmp_path, read_index):
    record = write_medium(tmp_path, "eval/sample", 7, TEXT, wall_time=12.5)
    assert record.path == "media/eval/sample/7.txt"
    assert (tmp_path / record.path).read_bytes() == b"hello"
    (line,) = (tmp_path / "media" / "index.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "tag": "eval/sample",
        "step": 7,
        "kind": "text",
        "path": "media/eval/sample/7.txt",
        "wall_time": 12.5,
        "sha256": hashlib.sha256(b"hello").hexdigest(),
        "size": 5,
    }
    assert read_index(tmp_path) == [record]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("link", ["media", "media/a"])
def test_where_a_link_leads_nowhere_that_is_said_and_no_name_is_looked_for(tmp_path, link):
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / "nowhere")
    with pytest.raises(LoggingError, match="it is no directory"):
        MediaStore(tmp_path).write("a", 0, TEXT, 1.0)


def test_what_is_logged_again_for_a_step_overwrites_nothing(tmp_path, read_index):
    contents = [b"one", b"two", b"three"]
    for content in contents:
        write_medium(tmp_path, "t", 3, EncodedMedium("text", "txt", content), 0.0)
    records = read_index(tmp_path)
    assert [record.path for record in records] == [
        "media/t/3.txt",
        "media/t/3.1.txt",
        "media/t/3.2.txt",
    ]
    assert [(tmp_path / record.path).read_bytes() for record in records] == contents


AWKWARD = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/../b",
    "..",
    ".",
    "",
    "/",
    "a//b",
    ".hidden",
    "trailing. ",
    "new\nline",
    "nul\0",
    'quo"te, comma',
    "back\\slash",
    "größe/🙂",
    "größe/🙃",
    "x" * 10_000,
    "x" * 10_001,
    "é" * 300,
    "a/" * 5_000,
    "a/" * 5_001,
    "a",
    "a/3.txt",
    "a/3.txt/b",
    "index.jsonl",
    "index.1.jsonl",
    "files",
    "files/ab",
    "layer.0.weight",
    "lone\udcff",
    "con:",
]


def test_any_tag_has_files_of_its_own_that_stay_in_media(tmp_path, read_index):
    run = tmp_path / "run"
    run.mkdir()
    for tag in AWKWARD:
        write_medium(run, tag, 3, EncodedMedium("text", "txt", tag.encode(errors="replace")), 0.0)
    records = read_index(run)
    assert [record.tag for record in records] == AWKWARD
    for record in records:
        path = run / record.path
        assert path.read_bytes() == record.tag.encode(errors="replace")
        assert path.resolve().is_relative_to(run / "media")
        assert not any(part.startswith(".") for part in path.relative_to(run).parts)
    assert len({(run / record.path).parent for record in records}) == len(AWKWARD)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("tag", ["loss", "eval/größe", "layer.0.weight", "a b/c_d-e=1@2,3+4"])
def test_a_plain_tag_is_its_own_path(tag):
    assert directory_of(tag).as_posix() == tag


def test_threads_that_log_the_same_tag_and_step_lose_nothing(tmp_path, read_index):
    def log(number):
        for _ in range(20):
            write_medium(tmp_path, "t", 1, EncodedMedium("text", "txt", b"%d" % number), 0.0)

    threads = [threading.Thread(target=log, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = read_index(tmp_path)
    assert len({record.path for record in records}) == 80
    for record in records:
        content = (tmp_path / record.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record.sha256


def test_the_thousandth_medium_of_a_step_is_not_a_thousand_looks(tmp_path, monkeypatch):
    for number in range(1, 1000):
        (tmp_path / "media" / "t").mkdir(parents=True, exist_ok=True)
        (tmp_path / "media" / "t" / f"1.{number}.txt").touch()
    (tmp_path / "media" / "t" / "1.txt").touch()
    looks = []
    lexists = os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda path: looks.append(path) or lexists(path))
    assert write_medium(tmp_path, "t", 1, TEXT, 0.0).path == "media/t/1.1000.txt"
    assert len(looks) < 30


def test_the_last_number_is_remembered_and_what_others_took_is_passed_over(tmp_path, monkeypatch):
    ours, theirs = MediaStore(tmp_path), MediaStore(tmp_path)
    for _ in range(20):
        ours.write("t", 1, TEXT, 0.0)
    monkeypatch.setattr(os.path, "lexists", lambda path: pytest.fail(f"looked at {path}"))
    assert ours.write("t", 1, TEXT, 0.0).path == "media/t/1.20.txt"
    monkeypatch.undo()
    assert theirs.write("t", 1, TEXT, 0.0).path == "media/t/1.21.txt"
    assert ours.write("t", 1, TEXT, 0.0).path == "media/t/1.22.txt"
    assert ours.write("t", 2, TEXT, 0.0).path == "media/t/2.txt"


def test_half_a_line_of_the_index_spoils_no_other(tmp_path, read_index):
    write_medium(tmp_path, "a", 1, TEXT, 0.0)
    index = tmp_path / "media" / "index.jsonl"
    whole = index.read_bytes()
    index.write_bytes(whole + whole[:20])
    write_medium(tmp_path, "b", 2, TEXT, 0.0)
    assert [record.tag for record in read_index(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    "odd", [{"step": "x"}, {"step": [1]}, {"step": None}, {"step": 1e999}, {"wall_time": "x"}]
)
def test_a_line_that_nobody_of_ours_has_written_ends_no_attempt(tmp_path, read_index, odd):
    write_medium(tmp_path, "a", 1, TEXT, 0.0)
    index = tmp_path / "media" / "index.jsonl"
    record = json.loads(index.read_text())
    with index.open("a") as lines:
        lines.write(f"{json.dumps(record | odd)}\n")
    set_aside_media(tmp_path, lambda _, medium: medium.step <= 2, index_size(tmp_path))
    assert [medium.step for medium in read_index(tmp_path)] == [1]


def test_a_run_without_media_has_an_empty_index(tmp_path, read_index):
    assert read_index(tmp_path) == []
    set_aside_media(tmp_path, lambda *_: False, index_size(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_what_a_later_attempt_replaces_moves_to_an_index_of_its_own(tmp_path, read_index):
    for step in range(5):
        write_medium(tmp_path, "t", step, TEXT, 0.0)
    set_aside_media(tmp_path, lambda _, medium: medium.step <= 2, index_size(tmp_path))
    assert [record.step for record in read_index(tmp_path)] == [0, 1, 2]
    write_medium(tmp_path, "t", 3, TEXT, 1.0)
    assert read_index(tmp_path)[-1].path == "media/t/3.1.txt"
    set_aside_media(tmp_path, lambda *_: False, index_size(tmp_path))
    assert read_index(tmp_path) == []
    aside = [(tmp_path / "media" / f"index.{n}.jsonl").read_text().splitlines() for n in (1, 2)]
    assert [[json.loads(line)["step"] for line in lines] for lines in aside] == [
        [3, 4],
        [0, 1, 2, 3],
    ]
    assert len(list((tmp_path / "media" / "t").iterdir())) == 6


def test_a_run_directory_that_was_deleted_is_not_made_again(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    write_medium(run, "t", 1, TEXT, 0.0)
    shutil.rmtree(run)
    with pytest.raises(LoggingError, match=r"run/media: No such file"):
        write_medium(run, "t", 2, TEXT, 0.0)
    assert not run.exists()


FULL_DISK = """
import resource, sys
from exptools import logger
logger.open(sys.argv[1], console=None)
logger.log_text("t", "small", 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    logger.log_text("t" * int(sys.argv[3]), "x" * int(sys.argv[2]), 2)
except OSError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("content", "tag", "full"), [(1001, 1, "2.txt"), (1000, 900, "index.jsonl")]
)
def test_a_full_disk_leaves_what_was_logged_before(
    run_python, tmp_path, content, tag, full, read_index
):
    done = run_python(FULL_DISK, str(tmp_path / "run"), str(content), str(tag))
    assert done.stdout.startswith("LoggingError"), done.stderr
    assert f"{full}: " in done.stdout
    (record,) = read_index(tmp_path / "run")
    files = [path for path in (tmp_path / "run" / "media").rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"1.txt", "index.jsonl"}
    assert (tmp_path / "run" / record.path).read_bytes() == b"small"


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    return path


def test_a_file_is_copied_with_its_hash(run, model, read_index):
    record = store_file(run, "best model", model, 5, wall_time=1.0)
    digest = hashlib.sha256(b"weights").hexdigest()
    assert record.path == f"media/files/{digest[:16]}/model.pt"
    assert (record.kind, record.tag, record.step) == ("file", "best model", 5)
    assert (record.sha256, record.size, record.source) == (digest, 7, str(model))
    assert record.link is None
    model.write_bytes(b"later")
    assert (run / record.path).read_bytes() == b"weights"
    assert read_index(run) == [record]


def test_the_same_content_is_stored_once(run, model, read_index):
    other = model.with_name("same.pt")
    shutil.copy(model, other)
    records = [
        store_file(run, "a", model, 1, 0.0),
        store_file(run, "b", other, 2, 0.0),
        store_file(run, "c", other, 3, 0.0, link=True),
    ]
    assert len({record.path for record in records}) == 1
    assert len([path for path in (run / "media" / "files").rglob("*") if path.is_file()]) == 1
    assert [record.tag for record in read_index(run)] == ["a", "b", "c"]


@pytest.fixture
def home(run):
    """Where the content of the model belongs, in which others have put something."""
    home = run / "media/files" / hashlib.sha256(b"weights").hexdigest()[:16]
    home.mkdir(parents=True)
    return home


@pytest.fixture
def read_for(monkeypatch):
    """The files that were read for a content."""
    read, real = [], artifacts._has_content
    monkeypatch.setattr(
        artifacts, "_has_content", lambda path, *more: read.append(path) or real(path, *more)
    )
    return read


def test_files_that_others_have_put_beside_a_content_are_not_all_read(run, model, home, read_for):
    for number in range(20):
        (home / f"a{number}").write_bytes(b"strange")
    record = store_file(run, "a", model, 1, 0.0)
    assert (run / record.path).read_bytes() == b"weights"
    assert len(read_for) < 10


def test_a_file_of_holes_is_not_read_for_a_content(run, model, home, monkeypatch):
    monkeypatch.setattr(plain_files, "LARGE", 1)
    with open(home / "a", "wb") as file:
        file.truncate(7)
    assert not artifacts._has_content(home / "a", hashlib.sha256(bytes(7)).hexdigest(), 7)


def test_a_link_that_leads_elsewhere_is_not_followed_for_a_content(run, model, home, read_for):
    other = model.with_name("same.pt")
    shutil.copy(model, other)
    (home / "a").symlink_to(other)
    assert store_file(run, "a", model, 1, 0.0).path.endswith("/model.pt")
    assert not read_for


def test_a_file_that_another_keeps_from_us_is_not_waited_for(run, model, home):
    theirs = home / "a"
    theirs.write_bytes(b"weights")
    with open(theirs, "r+b") as file:
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # the kernel asks for the lease back
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        record = store_file(run, "a", model, 1, 0.0)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    assert record.path.endswith("/model.pt")


def test_what_a_link_leads_to_is_what_is_linked(run, model):
    link = model.with_name("best.pt")
    link.symlink_to("model.pt")
    record = store_file(run, "model", link, 1, 0.0, link=True)
    assert os.path.samefile(run / record.path, model)
    assert (record.path[-8:], record.source) == ("/best.pt", str(link))
    assert record.link == "hard"


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("5.png", "5.png"),
        ("x" * 200 + ".ckpt", "x" * 60 + ".ckpt"),
        (".env", "env"),
        ("a\nb.tar.gz", "a_b.tar.gz"),
        ("no ending", "no ending"),
        ("a." + "b" * 200, "a." + "b" * 58),
    ],
)
def test_a_file_keeps_its_name_as_far_as_it_goes(run, tmp_path, name, stored):
    (tmp_path / name).write_bytes(b"")
    assert store_file(run, "m", tmp_path / name, 1, 0.0).path.endswith("/" + stored)


def test_a_file_of_another_file_system_is_linked_by_its_path(run, model, monkeypatch):
    def refuse(*paths):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    record = store_file(run, "model", model, 1, 0.0, link=True)
    assert record.link == "symbolic"
    assert (run / record.path).readlink() == model


def test_a_linked_file_that_changed_is_not_taken_for_what_it_was(run, model):
    store_file(run, "a", model, 1, 0.0, link=True)
    model.write_bytes(b"changed")
    copy = model.with_name("copy.pt")
    copy.write_bytes(b"weights")
    record = store_file(run, "b", copy, 2, 0.0)
    assert (run / record.path).read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (
            "modle.pt",
            FileNotFoundError,
            r"the file 'm' is not there: .*modle.pt; did you mean 'mod",
        ),
        ("no/where", FileNotFoundError, r"the file 'm' is not there: "),
        (
            ".",
            ValueError,
            r"should be one file, not the directory .*: log its files, or an",
        ),
        ("pipe", ValueError, r"the file 'm' should be a regular file, which .*pipe is not"),
    ],
)
def test_what_is_no_file_is_refused_by_its_tag(run, model, name, error, message, read_index):
    os.mkfifo(model.with_name("pipe"))
    with pytest.raises(error, match=message):
        store_file(run, "m", model.parent / name, 1, 0.0)
    assert read_index(run) == []
