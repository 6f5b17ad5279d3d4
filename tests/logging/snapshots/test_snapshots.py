"""Snapshots: which are kept, that they are whole, and which one is loaded."""

import os
import pickle
import random
import resource
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from exptools.logging.errors import LoggingError
from exptools.logging.snapshots import directory as snapshots_module
from exptools.logging.snapshots import file
from exptools.logging.snapshots.directory import SnapshotDirectory
from exptools.logging.snapshots.file import (
    SnapshotError,
    copy_snapshot,
    holds_tensors,
    write_snapshot,
)
from exptools.logging.snapshots.policy import SnapshotPolicy


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "snapshots"


def snapshots_in(directory, *policy, **options):
    return SnapshotDirectory(directory, SnapshotPolicy(*policy, **options))


def names(directory):
    return sorted(os.listdir(directory)) if directory.exists() else []


def own(*steps):
    return sorted(f"itr_{step}.pkl" for step in steps)


def test_a_state_comes_back_with_its_step(directory):
    state = {"weights": np.arange(3.0), "note": "größe"}
    path = snapshots_in(directory).save(state, 7)
    assert path == directory / "params.pkl"
    snapshot = snapshots_in(directory).load()
    assert (snapshot.itr, snapshot.path) == (7, path)
    assert snapshot.state["weights"].tolist() == [0, 1, 2]
    assert snapshot.state["note"] == "größe"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("all", own(*range(10))),
        ("last", ["params.pkl"]),
        ("gap", own(0, 4, 8)),
        ("last+gap", [*own(0, 4, 8), "params.pkl"]),
        ("none", []),
    ],
)
def test_a_mode_keeps_what_it_says(directory, mode, expected):
    snapshots = snapshots_in(directory, mode, gap=4)
    for itr in range(10):
        snapshots.save({"at": itr}, itr)
    assert names(directory) == expected
    for name in expected:
        content = pickle.loads((directory / name).read_bytes())
        at = 9 if name == "params.pkl" else int(name[4:-4])
        assert content == {"itr": at, "row": None, "state": {"at": at}}


def test_a_gap_is_kept_where_steps_pass_it_without_hitting_it(directory):
    snapshots = snapshots_in(directory, "gap", gap=100)
    for itr in range(64, 400, 64):
        snapshots.save(None, itr)
    assert names(directory) == own(128, 256, 320)


def test_rlpyts_verb_keeps_the_steps_and_the_files_of_rlpyt(directory):
    snapshots = snapshots_in(directory, "gap", gap=100)
    for itr in range(300):
        snapshots.save_raw({"agent_state_dict": {"w": torch.full((2,), itr)}}, itr)
    assert names(directory) == own(0, 99, 199, 299)
    assert torch.load(directory / "itr_99.pkl")["agent_state_dict"]["w"].tolist() == [99, 99]
    snapshot = snapshots_in(directory).load()
    assert snapshot.itr == 299
    assert snapshot.state["agent_state_dict"]["w"].tolist() == [299, 299]


@pytest.mark.parametrize(("params", "itr"), [({"itr": 5, "w": 1}, 5), ([1, 2], None)])
def test_the_last_file_of_rlpyts_verb_has_the_step_that_it_says(directory, params, itr):
    snapshots_in(directory, "last").save_raw(params, 5)
    snapshot = snapshots_in(directory).load()
    assert (snapshot.itr, snapshot.state) == (itr, params)


def test_keep_bounds_how_many_stay(directory):
    snapshots = snapshots_in(directory, "all", keep=3)
    for itr in (8, 9, 10, 11, 100):
        snapshots.save(None, itr)
        assert len(names(directory)) <= 3
    assert names(directory) == own(10, 11, 100)


class Callable:
    def __call__(self):
        raise AssertionError("an object is a state, not a function")


def give():
    return {"x": 1}


@pytest.mark.parametrize(
    ("state", "expected"),
    [(give, {"x": 1}), (lambda: 3, 3), (partial(dict, x=1), {"x": 1}), ([1].copy, [1])],
)
def test_a_function_is_called_for_the_state(directory, state, expected):
    snapshots = snapshots_in(directory)
    snapshots.save(state, 1)
    assert snapshots.load().state == expected


def test_a_function_is_called_only_if_the_mode_keeps_its_state(directory):
    calls = []
    snapshots = snapshots_in(directory, "gap", gap=3)
    for itr in range(7):
        snapshots.save(lambda itr=itr: calls.append(itr), itr)
    snapshots_in(directory, "none").save(lambda: calls.append("none"), 0)
    assert calls == [0, 3, 6]


def test_a_module_or_another_callable_object_is_the_state_itself(directory):
    snapshots = snapshots_in(directory)
    snapshots.save(torch.nn.Linear(2, 1), 1)
    assert isinstance(snapshots.load().state, torch.nn.Linear)
    snapshots.save(Callable(), 2)
    assert type(snapshots.load().state).__name__ == "Callable"


def test_a_function_that_takes_arguments_is_refused(directory):
    with pytest.raises(SnapshotError, match=r"called without arguments, but .*<lambda> takes some"):
        snapshots_in(directory).save(lambda model: model, 1)


class Agent:
    def __init__(self, inside):
        self.inside = inside


def test_torch_saves_what_holds_tensors_and_loads_it_to_a_device(directory):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2)).backward()
    optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "f": lambda x: x + 1}
    path = snapshots_in(directory).save(state, 4)
    assert path.read_bytes()[:2] == b"PK"
    loaded = snapshots_in(directory).load(map_location="meta")
    assert loaded.itr == 4
    assert loaded.state["model"]["weight"].device.type == "meta"
    loaded = snapshots_in(directory).load()
    assert torch.equal(loaded.state["model"]["weight"], model.weight)
    optimizer.load_state_dict(loaded.state["optimizer"])
    assert loaded.state["f"](1) == 2


def test_a_state_dict_is_loaded_by_torch_without_trusting_the_file(directory):
    path = snapshots_in(directory).save({"w": torch.ones(2)}, 4)
    assert torch.load(path, weights_only=True)["state"]["w"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ([{"a": (1, {"b": torch.ones(1)})}], True),
        (Agent({"x": Agent(torch.nn.Linear(1, 1))}), True),
        (torch.optim.SGD([torch.ones(1)], lr=1), True),
        ({"a": [1, "b", None, np.ones(2)]}, False),
        (Agent(torch), False),
        (OmegaConf.create({"a": {"b": "???"}}), False),
    ],
)
def test_tensors_are_found_wherever_they_are(state, expected):
    assert holds_tensors(state) == expected


def test_a_state_that_holds_itself_is_looked_through_once():
    state = []
    state.append(state)
    assert not holds_tensors(state)


NO_TORCH = """
import sys
from pathlib import Path
from exptools.logging.snapshots import file
from exptools.logging.snapshots.directory import SnapshotDirectory
directory = Path(sys.argv[1])
SnapshotDirectory(directory).save({"x": 1, "f": lambda: 2}, 3)
snapshot = SnapshotDirectory(directory).load()
print(snapshot.itr, snapshot.state["x"], snapshot.state["f"](), "torch" in sys.modules)
"""


def test_a_state_without_tensors_needs_no_torch(run_python, directory):
    done = run_python(NO_TORCH, str(directory))
    assert done.stdout == "3 1 2 False\n", done.stderr


def test_where_nothing_was_saved_there_is_nothing_to_load(directory):
    assert snapshots_in(directory).load() is None
    assert not directory.exists()


def test_a_snapshot_is_loaded_by_its_step(directory):
    snapshots = snapshots_in(directory, "last+gap", gap=10)
    for itr in range(35):
        snapshots.save(itr * 2, itr)
    assert snapshots.load(20).state == 40
    assert snapshots.load(34).path.name == "params.pkl"
    with pytest.raises(SnapshotError, match=r"of step 12 in .*; the nearest of 5 is 10"):
        snapshots.load(12)


def test_a_step_of_which_there_is_no_snapshot_at_all_is_said_so(directory):
    with pytest.raises(SnapshotError, match="there is no snapshot of step 12, nor any in"):
        snapshots_in(directory).load(12)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-30])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, empty])
@pytest.mark.parametrize(
    "tensor", [torch.arange(9999.0), np.arange(9999.0)], ids=["torch", "numpy"]
)
@pytest.mark.parametrize("mode", ["all", "last+gap"])
def test_the_one_before_is_loaded_if_the_newest_is_damaged(directory, mode, tensor, damage):
    snapshots = snapshots_in(directory, mode, gap=2)
    for itr in range(4):
        snapshots.save({"t": tensor}, itr)
    newest, before = (3, 2) if mode == "all" else ("params", 2)
    name = "params.pkl" if newest == "params" else "itr_3.pkl"
    damage(directory / name)
    with pytest.warns(UserWarning, match=rf"{name} .*; itr_2.pkl is loaded in its place"):
        snapshot = snapshots_in(directory).load()
    assert snapshot.itr == before
    assert (snapshot.state["t"] == tensor).all()


def test_to_start_afresh_since_all_are_damaged_is_not_decided_in_silence(directory):
    path = snapshots_in(directory).save([1], 1)
    truncate(path)
    with pytest.raises(SnapshotError, match=r"no snapshot is whole; of the newest: .*params.pkl"):
        snapshots_in(directory).load()


def test_a_whole_snapshot_whose_code_is_gone_is_not_taken_for_damaged(directory):
    snapshots = snapshots_in(directory, "all")
    snapshots.save(1, 1)
    module = type(sys)("gone")
    exec("class Model: pass", module.__dict__)
    sys.modules["gone"] = module
    try:
        snapshots.save(module.Model(), 2)
    finally:
        del sys.modules["gone"]
    with pytest.raises(SnapshotError, match=r"itr_2.pkl cannot be loaded: ModuleNotFoundError"):
        snapshots.load()


def test_what_another_user_owns_is_not_unpickled(directory, tmp_path, monkeypatch):
    snapshots_in(directory).save(Trap(tmp_path / "sprung"), 7)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    monkeypatch.setattr(file, "_owner_of_ours", lambda directory: owner + 1)
    with pytest.raises(SnapshotError, match=rf"params\.pkl is of another user \(id {owner}\)"):
        snapshots_in(directory).load()
    assert not (tmp_path / "sprung").exists()


def test_what_a_file_server_has_made_of_ours_is_loaded(directory, monkeypatch):
    snapshots_in(directory).save("state", 7)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert snapshots_in(directory).load().state == "state"


@pytest.mark.parametrize(("kind", "words"), [("link", "it is a link"), ("pipe", "no regular file")])
def test_a_snapshot_is_read_through_no_link_and_waits_for_no_pipe(directory, kind, words):
    path = snapshots_in(directory).save("state", 7)
    aside = path.rename(directory / "aside")
    path.symlink_to(aside) if kind == "link" else os.mkfifo(path)
    with pytest.raises(LoggingError, match=words):
        snapshots_in(directory).load()


class Trap:
    """Makes a directory where it is unpickled."""

    def __init__(self, sprung):
        self.sprung = sprung

    def __reduce__(self):
        return os.mkdir, (str(self.sprung),)


def test_a_state_that_cannot_be_pickled_leaves_the_one_before(directory):
    snapshots = snapshots_in(directory)
    snapshots.save("good", 1)
    for bad in (threading.Lock(), [torch.ones(1), threading.Lock()]):
        with pytest.raises(SnapshotError, match=r"cannot be pickled: .*lock.*; give what can be"):
            snapshots.save(bad, 2)
    assert names(directory) == ["params.pkl"]
    assert snapshots.load().state == "good"


@pytest.mark.parametrize("big", [torch.ones(10**5), np.ones(10**5)], ids=["torch", "numpy"])
def test_a_full_disk_is_one_clear_error_and_leaves_the_one_before(directory, big):
    snapshots = snapshots_in(directory, "last+gap", gap=1)
    snapshots.save("good", 1)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limit[1]))
    try:
        with pytest.raises(LoggingError, match="File too large"):
            snapshots.save({"big": big}, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert names(directory) == ["itr_1.pkl", "params.pkl"]
    assert snapshots.load().state == "good"


def test_a_run_directory_that_was_deleted_is_not_made_again(tmp_path):
    with pytest.raises(LoggingError, match=r"run/snapshots: No such file"):
        snapshots_in(tmp_path / "run" / "snapshots").save(1, 1)


def test_an_attempt_that_goes_on_replaces_what_was_later(directory):
    first = snapshots_in(directory, "last+gap", gap=10)
    for itr in range(36):
        first.save(f"first {itr}", itr)
    second = snapshots_in(directory, "last+gap", gap=10)
    assert second.load(20).state == "first 20"
    assert snapshots_in(directory).load().itr == 35  # nothing has changed so far
    second.save("second 21", 21)
    newest = snapshots_in(directory).load()
    assert (newest.itr, newest.state) == (21, "second 21")
    assert names(directory) == sorted(
        [*own(0, 10, 20), "itr_30.1.pkl", "params.1.pkl", "params.pkl"]
    )


def test_the_next_gap_is_counted_from_what_was_loaded(directory):
    snapshots_in(directory, "all").save(None, 95)
    snapshots = snapshots_in(directory, "gap", gap=10)
    snapshots.load()
    snapshots.save(None, 103)
    assert names(directory) == own(95, 103)


def test_an_attempt_that_starts_afresh_moves_the_others_aside(directory):
    for attempt in range(3):
        snapshots = snapshots_in(directory, "all")
        for itr in range(3 - attempt):
            snapshots.save(attempt, itr)
    assert names(directory) == sorted(
        [*own(0), *(f"itr_{n}.1.pkl" for n in range(3)), *(f"itr_{n}.2.pkl" for n in range(2))]
    )
    assert snapshots_in(directory).load().state == 2


def test_names_of_others_are_looked_at_once_however_many_there_are(directory, monkeypatch):
    directory.mkdir()
    for number in range(100):
        (directory / f"itr_{number}.pkl").touch()
        (directory / f"itr_0.{number + 1}.pkl").touch()
    asked, real = [], snapshots_module._attempt_name
    monkeypatch.setattr(
        snapshots_module, "_attempt_name", lambda *given: asked.append(given) or real(*given)
    )
    snapshots_in(directory, "all").save(1, 1)
    assert len(asked) < 200
    assert (directory / "itr_99.101.pkl").exists()


def test_a_changed_mode_does_not_leave_an_old_last_one_as_the_newest(directory):
    snapshots_in(directory, "last").save("old", 5)
    snapshots = snapshots_in(directory, "all")
    snapshots.load()
    snapshots.save("new", 6)
    assert snapshots_in(directory).load().state == "new"
    assert names(directory) == ["itr_6.pkl", "params.1.pkl"]


def test_an_attempt_that_goes_back_makes_a_new_line(directory):
    snapshots = snapshots_in(directory, "all")
    for itr in range(5):
        snapshots.save("first", itr)
    snapshots.load(1)  # to look at it does not change what is the newest
    snapshots.save("first", 5)
    snapshots.load(2)
    snapshots.save("second", 3)
    assert names(directory) == sorted([*own(0, 1, 2, 3), "itr_4.1.pkl", "itr_5.1.pkl"])
    assert snapshots_in(directory).load().state == "second"


def test_the_last_one_is_the_newest_whenever_the_process_ends(directory, monkeypatch):
    snapshots = snapshots_in(directory, "last+gap")
    snapshots.save(1, 1)
    put = Path.replace

    def put_one(self, target):
        put(self, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", put_one)
    with pytest.raises(KeyboardInterrupt):
        snapshots.save(2, 2)
    assert snapshots_in(directory).load().itr == 2


def test_damage_to_the_last_one_is_none_to_its_namesake(directory):
    snapshots_in(directory, "last+gap").save([1], 1)
    truncate(directory / "params.pkl")
    with pytest.warns(UserWarning, match="itr_1.pkl is loaded in its place"):
        assert snapshots_in(directory).load().itr == 1


def test_what_a_killed_process_was_writing_is_removed_by_the_next_save(directory):
    directory.mkdir()
    (directory / ".itr_5.pkl.aside").write_bytes(b"half")
    snapshots_in(directory).save(1, 1)
    assert names(directory) == ["params.pkl"]


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
if sys.argv[2] == "torch":
    import torch
from exptools.logging.snapshots import file
from exptools.logging.snapshots.directory import SnapshotDirectory
from exptools.logging.snapshots.policy import SnapshotPolicy

big = np.zeros(2**18)
for line in sys.stdin:  # a directory for each child, which is forked, for imports take long
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        policy = SnapshotPolicy(sys.argv[1], gap=2, keep=2)
        snapshots = SnapshotDirectory(Path(line.strip()), policy)
        for itr in range(10**6):
            state = big + itr
            snapshots.save(torch.from_numpy(state) if sys.argv[2] == "torch" else state, itr)
            os.write(writing, b"%d\\n" % itr)
    print(child, flush=True)
    os.close(writing)
    with open(reading, "rb") as saved:
        for itr in saved:
            print("saved", int(itr), flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "saver"), [("last+gap", "pickle"), ("all", "torch")])
def test_the_newest_whole_one_loads_wherever_a_process_was_killed(tmp_path, mode, saver):
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", KILLED, mode, saver]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        for round_ in range(10):
            directory = tmp_path / str(round_)
            print(directory, file=process.stdin, flush=True)
            child = int(process.stdout.readline())
            before = random.Random(round_).randrange(1, 6)
            last = [process.stdout.readline() for _ in range(before)][-1]
            while not list(directory.glob(".*")):
                pass  # until it is in the midst of saving
            os.kill(child, signal.SIGKILL)
            while (line := process.stdout.readline()) != "ended\n":
                last = line
            saved = int(last.split()[1])
            snapshot = snapshots_in(directory, mode).load()
            assert snapshot.itr in (saved, saved + 1)
            assert (snapshot.state == snapshot.itr).all()
        process.stdin.close()


SAVING_AT_ONCE = """
import os, sys
from exptools import logger

logger.open("run", console=None, snapshot_mode=sys.argv[1])
children = []
for number in range(3):
    children.append(os.fork())
    if not children[-1]:
        for itr in range(60):
            logger.save_snapshot([number] * 20_000, itr)
        os._exit(0)
print([os.waitpid(child, 0)[1] for child in children], logger.load_snapshot(59) is None)
"""


@pytest.mark.slow
def test_processes_that_save_at_once_do_not_take_each_others_files(run_python):
    done = run_python(SAVING_AT_ONCE, "last")
    assert done.stdout.startswith("[0, 0, 0] False"), done.stderr
    assert "params.pkl" in names(run_python.home / "run" / "snapshots")
    assert not list((run_python.home / "run" / "snapshots").glob(".*"))


@pytest.mark.parametrize("write", ["write", "copy"])
def test_a_snapshot_is_written_through_no_link(tmp_path, write):
    precious, link = tmp_path / "precious", tmp_path / "link"
    precious.write_text("mine")
    link.symlink_to(precious)
    write_snapshot(tmp_path / "whole", 1, with_torch=False)
    ways = {
        "write": partial(write_snapshot, link, 1, with_torch=False),
        "copy": partial(copy_snapshot, tmp_path / "whole", link),
    }
    with pytest.raises(LoggingError, match="it is a link"):
        ways[write]()
    assert precious.read_text() == "mine"
