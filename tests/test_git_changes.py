"""What the code differed in from its commit: the patch makes the tree that ran of the commit."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from exptools.provenance import git_changes, untracked
from exptools.provenance.git_changes import MAX_PATCH, Changes, changes_around

ODD_NAMES = (
    "with space.py",
    "qu\"o'te.py",
    "ü 日本/x.py",
    "back\\slash",
    "new\nline\t.py",
    "-n",
    ":!x",
    ":!d/z.py",
    "\x01\x7f",
)


def git(directory: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    done = subprocess.run(command, cwd=directory, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def fill(directory: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    top = tmp_path / "my repo"
    top.mkdir()
    git(top, "init", "--quiet")
    fill(
        top,
        {
            ".gitignore": "ignored\n*.tmp\n",
            "changed.py": "".join(f"line {n}\n" for n in range(50)),
            "deleted.py": "gone\n",
            "renamed.py": "the same\n" * 20,
            "script.sh": "echo\n",
            "data.bin": bytes(range(256)) * 4,
            "kept.py": "kept\n",
            "becomes a dir": "x\n",
            "untracked again.py": "old\n",
            "ü/deep.py": "deep\n",
        },
    )
    (top / "link").symlink_to("kept.py")
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message", "first")
    return top


def change(top: Path) -> None:
    """Make each kind of change."""
    fill(top, {"changed.py": (top / "changed.py").read_text().replace("line 25", "other\r")})
    (top / "deleted.py").unlink()
    git(top, "mv", "renamed.py", "new name.py")
    (top / "script.sh").chmod(0o755)
    fill(top, {"data.bin": bytes(reversed(range(256))) * 5, "ü/deep.py": "no end of line"})
    fill(top, {"staged.py": "new\n", "announced.py": "later\n", "staged, then changed.py": "1\n"})
    git(top, "add", "staged.py", "staged, then changed.py")
    git(top, "add", "--intent-to-add", "announced.py")
    fill(top, {"staged, then changed.py": "2\n"})
    git(top, "rm", "--quiet", "--cached", "untracked again.py")
    (top / "becomes a dir").unlink()
    (top / "link").unlink()
    (top / "link").symlink_to("no where")
    fill(top, {"becomes a dir/x.py": "x = 1\n", "empty.py": "", "crlf.txt": "a\r\nb\r\n"})
    fill(top, {name: f"# {name}\n" for name in ODD_NAMES} | {"latin.txt": "é".encode("latin-1")})
    fill(top, {"run it": "#!/bin/sh\n", "new dir/deeper/x.py": "\n\nx\n\n"})
    (top / "run it").chmod(0o755)
    (top / "untracked link").symlink_to("kept.py")
    (top / "link to dir").symlink_to("ü")


def tree(top: Path) -> dict[str, tuple[int, bytes]]:
    """All files but git's and what it ignores: mode and content."""
    found: dict[str, tuple[int, bytes]] = {}
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        if ".git/" in f"{name}/" or "ignored" in name or name.endswith(".tmp"):
            continue
        if path.is_symlink():
            found[name] = 0, os.fsencode(os.readlink(path))
        elif path.is_file():
            found[name] = path.stat().st_mode & 0o100, path.read_bytes()
    return found


def changes_of(directory: Path) -> Changes:
    changes = changes_around(directory)
    assert changes is not None
    return changes


def applied(repository: Path, tmp_path: Path, patch: bytes) -> dict[str, tuple[int, bytes]]:
    """The tree of the commit with the patch."""
    copy = tmp_path / "applied"
    git(tmp_path, "clone", "--quiet", str(repository), str(copy))
    if patch:
        git(copy, "apply", "--whitespace=nowarn", stdin=patch)
    return tree(copy)


@pytest.mark.parametrize("below", [".", "ü"])
def test_the_patch_makes_the_tree_that_ran_of_the_commit(
    repository: Path, tmp_path: Path, below: str
) -> None:
    for key, value in (
        ("diff.noprefix", "true"), ("diff.context", "0"), ("status.showUntrackedFiles", "no"),
        ("diff.relative", "true"), ("core.quotePath", "true"), ("color.ui", "always"),
        ("diff.orderFile", "/gone"),
    ):  # fmt: skip
        git(repository, "config", key, value)
    change(repository)
    fill(repository, {"ignored/x.py": "x", "new dir/x.tmp": "x"})
    index = (repository / ".git" / "index").read_bytes()
    os.utime(repository / "kept.py", (1, 1))  # what a refresh of the index would write there
    changes = changes_of(repository / below)
    assert changes.dirty
    assert changes.left_out == ()
    assert applied(repository, tmp_path, changes.patch) == tree(repository)
    assert (repository / ".git" / "index").read_bytes() == index
    assert sorted(os.listdir(repository / ".git")) == sorted(
        os.listdir(tmp_path / "applied" / ".git")
    ) or not list((repository / ".git").glob("*lock*"))


def test_a_new_file_is_written_as_git_writes_it(repository: Path) -> None:
    change(repository)
    command = ["git", "-c", "core.quotePath=false", "diff", "--no-index", "--full-index", "--"]
    for name in (*ODD_NAMES, "run it", "empty.py", "latin.txt", "crlf.txt", "untracked link"):
        done = subprocess.run([*command, "/dev/null", name], cwd=repository, stdout=-1, check=False)
        assert untracked.creation(repository, name) == done.stdout


def test_a_link_that_was_put_in_the_place_of_a_file_meanwhile_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "precious").write_text("key")
    (tmp_path / "new.py").symlink_to("precious")
    monkeypatch.setattr(Path, "lstat", Path.stat)  # as it was a moment before
    with pytest.raises(untracked.NotInPatch, match="cannot be read"):
        untracked.creation(tmp_path, "new.py")


def test_a_clean_tree_has_no_patch_and_one_new_script_makes_it_dirty(repository: Path) -> None:
    fill(repository, {"ignored": "x", "train.log": "x", "model.pt": b"\0\1"})
    changes = changes_of(repository)
    assert (changes.dirty, changes.patch) == (False, b"")
    assert [one[:2] for one in changes.left_out] == [("model.pt", "binary"), ("train.log", "a log")]
    fill(repository, {"train.py": "x = 1\n"})
    first = changes_of(repository)
    assert first.dirty
    assert b"+++ b/train.py\n" in first.patch
    fill(repository, {"results.txt": "written by the run\n"})
    assert b"+++ b/results.txt\n" in changes_of(repository).patch
    assert changes_of(repository).digest == first.digest
    fill(repository, {"train.py": "x = 2\n"})
    assert changes_of(repository).digest != first.digest


def test_what_holds_no_code_is_left_out_and_its_reason_said(repository: Path) -> None:
    fill(
        repository,
        {
            "sub/tokenizer/secret_sharing.py": "x\n",
            "sub/.env": "TOKEN=1\n",
            "sub/.ssh/config": "x\n",
            "sub/HF_token": "x\n",
            "sub/Secrets.yaml": "x\n",
            "sub/api_keys.toml": "x\n",
            "sub/kaggle.json": "x\n",
            "sub/outputs/0/.hydra/config.yaml": "a: 1\n",
            "sub/outputs/0/metrics.csv": "a\n1\n",
            "sub/__pycache__/new.pyc": "x",
            "sub/venv/pyvenv.cfg": "x",
            "sub/data.bin": b"a\0b",
        },
    )
    os.mkfifo(repository / "sub" / "pipe")
    for nested in (repository / "nested", repository / "sub" / "other"):
        nested.mkdir()
        git(nested, "init", "--quiet")
        fill(nested, {"x.py": "x\n"})
    changes = changes_of(repository)
    assert changes.patch.count(b"diff --git") == 1
    assert sorted(one[:2] for one in changes.left_out) == [
        ("nested/", "a repository of its own"),
        ("sub/.env", "may hold secrets"),
        ("sub/.ssh/", "may hold secrets"),
        ("sub/HF_token", "may hold secrets"),
        ("sub/Secrets.yaml", "may hold secrets"),
        ("sub/api_keys.toml", "may hold secrets"),
        ("sub/data.bin", "binary"),
        ("sub/kaggle.json", "may hold secrets"),
        ("sub/other/", "a repository of its own"),
        ("sub/pipe", "no regular file"),
    ]
    assert not changes.is_cut


def test_what_is_too_much_is_left_out_as_whole_files_and_the_rest_applies(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_changes, "_MAX_UNTRACKED", 3)
    fill(repository, {"changed.py": "y" * 2 * MAX_PATCH, "kept.py": "kept, too\n"})
    fill(repository, {f"notes {n}.txt": "x\n" for n in range(4)})
    fill(repository, {"big.csv": "1\n" * MAX_PATCH, "train.py": "x\n"})
    changes = changes_of(repository)
    assert changes.is_cut
    assert [one.path for one in changes.left_out] == [
        "changed.py", "big.csv", "notes 1.txt", "notes 2.txt", "notes 3.txt"
    ]  # fmt: skip
    expected = tree(repository)
    for left_out in changes.left_out[1:]:
        del expected[left_out.path]
    expected["changed.py"] = 0, git(repository, "show", "HEAD:changed.py")
    assert applied(repository, tmp_path, changes.patch) == expected
    fill(repository, {"changed.py": "y" * 3 * MAX_PATCH})
    assert changes_of(repository).digest != changes.digest


def test_a_huge_tree_of_data_is_not_looked_through_to_its_end(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untracked, "_MAX_LOOKED_AT", 50)
    fill(repository, {f"data/{n}/{m}.txt": "x" for n in range(20) for m in range(5)})
    fill(repository, {f"many/{n}.txt": "x" for n in range(60)})
    fill(repository, {f"{n}.txt": "x" for n in range(60)})
    fill(repository, {"src/model.py": "x = 1\n", "train.py": "x = 2\n"})
    changes = changes_of(repository)
    assert b"+++ b/src/model.py\n" in changes.patch
    assert b"+++ b/train.py\n" in changes.patch
    reasons = {one.path: one.reason for one in changes.left_out}
    assert reasons["many/"] == "50 files or more"
    assert "and what comes after it: too many files" in reasons.values()


def test_a_home_directory_under_git_is_not_searched(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(repository))
    fill(repository, {"diary.txt": "x\n"})
    changes = changes_of(repository)
    assert (changes.dirty, changes.patch) == (False, b"")
    assert changes.left_out[0].reason == "the repository is a home directory"


def test_a_repository_without_commits_and_no_repository_are_none(tmp_path: Path) -> None:
    assert changes_around(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert changes_around(tmp_path) is None


def test_files_that_make_a_directory_look_like_a_repository_are_none_and_run_nothing(
    repository: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "project"
    (repository / ".git").rename(shared)
    git(shared, "config", "core.worktree", ".")
    git(shared, "config", "core.fsmonitor", f"touch '{tmp_path}/run'; false")
    (shared / "app").mkdir()
    assert changes_around(shared / "app") is None
    assert not (tmp_path / "run").exists()


def test_a_working_tree_of_a_bare_repository_has_its_changes(
    repository: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), "bare.git")
    git(tmp_path / "bare.git", "worktree", "add", "--quiet", "tree")
    tree = tmp_path / "bare.git/tree"
    fill(tree, {"kept.py": "changed\n"})
    assert b"+changed" in changes_of(tree).patch


@pytest.fixture
def submodule(repository: Path, tmp_path: Path) -> Path:
    """A submodule of the repository, as it was committed."""
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "--quiet")
    fill(library, {"lib.py": "x\n"})
    git(library, "add", "--all")
    git(library, "commit", "--quiet", "--message", "first")
    allowed = ("-c", "protocol.file.allow=always")
    git(repository, *allowed, "submodule", "--quiet", "add", str(library), "a lib")
    git(repository, "commit", "--quiet", "--message", "second")
    return repository / "a lib"


@pytest.mark.parametrize("name", ["lib.py", "new.py"])
def test_a_submodule_with_changes_of_its_own_is_named(
    repository: Path, submodule: Path, name: str
) -> None:
    assert not changes_of(repository).dirty
    fill(submodule, {name: "changed\n"})
    changes = changes_of(repository)
    assert (changes.dirty, changes.patch) == (True, b"")
    assert [(one.path, one.reason) for one in changes.left_out] == [
        ("a lib", "a submodule that has changes of its own")
    ]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_another_user_in_the_place_of_a_submodule_has_nothing_run(
    repository: Path, submodule: Path, tmp_path: Path
) -> None:
    shutil.rmtree(submodule)
    submodule.mkdir()
    git(submodule, "init", "--quiet")
    fill(submodule, {"lib.py": "theirs\n"})
    git(submodule, "add", "--all")
    git(submodule, "commit", "--quiet", "--message", "theirs")
    git(submodule, "config", "core.fsmonitor", f"touch '{tmp_path}/run'; false")
    for path in (submodule, *submodule.rglob("*")):
        os.chown(path, 65534, 65534)
    dirty = changes_of(repository).dirty
    assert not (tmp_path / "run").exists()
    assert dirty


def test_a_submodule_within_one_with_changes_of_its_own_is_named(
    repository: Path, submodule: Path, tmp_path: Path
) -> None:
    allowed = ("-c", "protocol.file.allow=always")
    git(submodule, *allowed, "submodule", "--quiet", "add", str(tmp_path / "library"), "inner")
    git(submodule, "commit", "--quiet", "--message", "with inner")
    git(repository, "commit", "--quiet", "--all", "--message", "third")
    assert not changes_of(repository).dirty
    fill(submodule / "inner", {"lib.py": "changed\n"})
    assert [one.path for one in changes_of(repository).left_out] == ["a lib"]


def test_thousands_of_names_of_one_large_file_are_not_all_read(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_changes, "_MAX_UNTRACKED_READ", 10_000)
    fill(repository, {"many/0.py": "\n" * 4000})
    for number in range(1, 50):
        os.link(repository / "many/0.py", repository / f"many/{number}.py")
    made, real = [], git_changes.creation
    monkeypatch.setattr(git_changes, "creation", lambda *given: made.append(given) or real(*given))
    changes = changes_of(repository)
    assert len(made) < 5
    assert len(changes.left_out) > 40
    assert changes.dirty
