"""Two sweeps on one machine: gates in one process, or in several where a death matters."""

import fcntl
import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exptools.launching.machine.gate import Gate, Wait
from exptools.launching.machine.gpus import Gpu
from exptools.launching.machine.leases import find_busy, resource_name
from exptools.launching.machine.request import Request
from exptools.launching.machine.slots import Slot

GPU = Gpu(0, "GPU-4f", "Test", 16 << 30)
MakeGate = Callable[[], Gate]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPTOOLS_LEASES", str(tmp_path / "leases"))
    return tmp_path / "leases"


@pytest.fixture
def make_gate() -> Iterator[MakeGate]:
    gates: list[Gate] = []

    def make() -> Gate:
        gates.append(Gate(Request()))
        return gates[-1]

    yield make
    for gate in gates:
        gate.close()


def slot(*cores: int, gpu: Gpu | None = None, index: int = 0) -> Slot:
    gpus = (gpu,) if gpu else ()
    return Slot(index, cores, len(cores), gpus, hide_gpus=False, cores=cores)


def enter(gate: Gate, wanted: Slot) -> str | None:
    """Try to take a slot: None, or what it waits for."""
    (answer,) = gate.admit([wanted], 1)
    return answer.reason if isinstance(answer, Wait) else None


class Sweep:
    """A process that holds slots until it is killed; ``then`` runs when it has them."""

    def __init__(self, then: str = "") -> None:
        code = (
            "import os, subprocess, sys\n"
            "from exptools.launching.machine.gate import Gate\n"
            "from exptools.launching.machine.request import Request\n"
            "from exptools.launching.machine.slots import Slot\n"
            "gate = Gate(Request())\n"
            "slot = Slot(0, (1,), 1, (), False, cores=(1,))\n"
            "assert gate.admit([slot], 1) == [slot]\n"
            f"{then}\nprint('ready', flush=True)\nsys.stdin.read()\n"
        )
        self._popen = subprocess.Popen(
            [sys.executable, "-c", code, "--lr=1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._popen.stdout is not None
        self.said = self._popen.stdout.readline()
        self.pid = self._popen.pid

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()

    def close(self) -> None:
        self.kill()
        self._popen.communicate()


@pytest.fixture
def start() -> Iterator[Callable[[str], Sweep]]:
    sweeps: list[Sweep] = []

    def start_one(then: str = "") -> Sweep:
        sweeps.append(Sweep(then))
        return sweeps[-1]

    yield start_one
    for sweep in sweeps:
        sweep.close()


def test_what_another_process_holds_is_waited_for_until_it_dies(
    start: Callable[..., Sweep], make_gate: MakeGate
) -> None:
    other, gate = start(), make_gate()
    told = enter(gate, slot(0, 1, index=3))
    assert told is not None
    assert told.startswith("core 1, which ")
    assert f", pid {other.pid} (-c --lr=1) holds" in told
    assert enter(gate, slot(0)) is None, "other cores are free"
    gate.leave(slot(0))
    other.kill()
    assert enter(gate, slot(0, 1)) is None


@pytest.mark.parametrize(
    "start_child",
    [
        # The fork reads the same pipe, whose other end we hold: it lives on.
        "ready, tell = os.pipe()\nchild = os.fork()\n"
        "if not child: os.write(tell, b'x'); sys.stdin.read(); os._exit(0)\n"
        "os.read(ready, 1); print(child, end=' ')",
        "print(subprocess.Popen(['sleep', '100'], close_fds=False).pid, end=' ')",
    ],
)
def test_a_child_does_not_keep_a_dead_sweeps_leases(
    start: Callable[..., Sweep], make_gate: MakeGate, start_child: str
) -> None:
    other = start(start_child)
    child = int(other.said.split()[0])
    other.kill()
    os.kill(child, 0)
    assert enter(make_gate(), slot(1)) is None
    os.kill(child, signal.SIGKILL)


def test_a_child_that_is_being_started_does_not_keep_a_lease_that_is_given_back(
    make_gate: MakeGate,
) -> None:
    gate, other = make_gate(), make_gate()
    assert enter(gate, slot(1)) is None
    copy = os.dup(gate._leases._open["core-1"])  # as a process has between its fork and its exec
    gate.leave(slot(1))
    assert enter(other, slot(1)) is None
    os.close(copy)


def test_a_slot_is_taken_whole_or_not_at_all(make_gate: MakeGate) -> None:
    first, second, third = make_gate(), make_gate(), make_gate()
    assert enter(first, slot(5, gpu=GPU)) is None
    assert enter(second, slot(4, 5)) is not None
    second.close()
    assert enter(third, slot(4)) is None


def test_slots_of_one_sweep_that_share_a_gpu_share_its_lease(make_gate: MakeGate) -> None:
    gate, other = make_gate(), make_gate()
    assert enter(gate, slot(0, gpu=GPU)) is None
    assert enter(gate, slot(1, gpu=GPU, index=1)) is None
    gate.leave(slot(0, gpu=GPU))
    told = enter(other, slot(2, gpu=GPU))
    assert told is not None
    assert told.startswith("GPU GPU-4f, which ")
    gate.leave(slot(1, gpu=GPU, index=1))
    assert enter(other, slot(2, gpu=GPU)) is None


def test_slots_that_are_not_pinned_lease_no_cores(make_gate: MakeGate) -> None:
    unpinned = Slot(0, (), 4, (), hide_gpus=False)
    assert enter(make_gate(), unpinned) is None
    assert enter(make_gate(), unpinned) is None


def test_closing_gives_everything_back(make_gate: MakeGate) -> None:
    gate = make_gate()
    assert enter(gate, slot(0, gpu=GPU)) is None
    gate.close()
    assert enter(make_gate(), slot(0, gpu=GPU)) is None


def test_others_leases_are_listed_but_not_ours_or_those_of_the_dead(
    start: Callable[..., Sweep], make_gate: MakeGate
) -> None:
    assert enter(make_gate(), slot(7, gpu=GPU)) is None
    other = start()
    busy = find_busy()
    assert (busy.cores, busy.gpus) == ({1}, frozenset())
    holder = busy.holders["core 1"]
    assert holder is not None
    assert holder.pid == other.pid
    other.kill()
    assert not find_busy().cores


def test_the_kernel_is_believed_when_a_lease_names_another_holder(
    start: Callable[..., Sweep], make_gate: MakeGate, directory: Path
) -> None:
    other = start()
    pretend_another_wrote(directory / "core-1", user="root")
    told = enter(make_gate(), slot(1))
    assert told is not None
    assert f", pid {other.pid} (" in told
    holder = find_busy().holders["core 1"]
    assert holder is not None
    assert (holder.pid, holder.user) == (other.pid, pwd.getpwuid(os.getuid()).pw_name)


@pytest.mark.skipif(sys.platform != "linux", reason="leases on files are Linux's")
def test_a_lease_on_a_lease_file_does_not_make_us_wait(
    make_gate: MakeGate, directory: Path
) -> None:
    gate = make_gate()
    assert enter(gate, slot(1)) is None
    gate.leave(slot(1))
    with (directory / "core-1").open("rb") as file:
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # the kernel asks for the lease back
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        told = enter(make_gate(), slot(1))
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    assert told == "core 1, which another process holds"


def test_a_gpu_that_another_holds_is_listed_by_its_uuid(make_gate: MakeGate) -> None:
    part = Gpu(0, "MIG-GPU-4f/1/0", "Test", 0)
    assert enter(make_gate(), slot(0, gpu=part)) is None
    pretend_another_wrote(Path(os.environ["EXPTOOLS_LEASES"]) / "gpu-MIG-GPU-4f_1_0")
    assert find_busy().gpus == {"MIG-GPU-4f/1/0"}


def test_the_user_of_a_lease_is_that_of_the_process_that_holds_it(
    start: Callable[..., Sweep], directory: Path
) -> None:
    other = start()
    pretend_another_wrote(directory / "core-1", pid=other.pid, user="somebody")
    holder = find_busy().holders["core 1"]
    assert holder is not None
    assert (holder.pid, holder.user) == (other.pid, pwd.getpwuid(os.getuid()).pw_name)


def test_the_name_of_a_lease_steers_no_terminal() -> None:
    assert resource_name("gpu-\x1b[31mEVIL\x07") == "GPU \\x1b[31mEVIL\\x07"
    assert resource_name("core-\udcff\u202e") == "core \\udcff\\u202e"


def pretend_another_wrote(file: Path, **said: object) -> None:
    record = json.loads(file.read_text()) | {"pid": 1} | said
    file.write_text(json.dumps(record))


def test_all_users_can_take_what_one_has_left_whatever_the_umask(
    make_gate: MakeGate, directory: Path
) -> None:
    before = os.umask(0o077)
    try:
        assert enter(make_gate(), slot(0)) is None
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o7777 == 0o1777
    assert (directory / "core-0").stat().st_mode & 0o777 == 0o666


def test_a_directory_that_was_there_keeps_its_permissions(
    make_gate: MakeGate, directory: Path
) -> None:
    directory.mkdir(mode=0o700)
    assert enter(make_gate(), slot(0)) is None
    assert directory.stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_in_place_of_a_lease_is_not_followed(
    make_gate: MakeGate, directory: Path, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    gate = make_gate()
    link(victim, directory / "core-0")
    told = enter(gate, slot(0))
    assert told is not None
    assert "whose lease file cannot be opened" in told
    assert victim.read_text() == "precious"


def test_a_pipe_in_place_of_a_lease_stops_nobody(make_gate: MakeGate, directory: Path) -> None:
    gate = make_gate()
    os.mkfifo(directory / "core-0")
    assert "it is not a plain file" in (enter(gate, slot(0)) or "")
    assert not find_busy().cores


def test_a_link_in_place_of_the_directory_is_not_followed(
    make_gate: MakeGate, directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    directory.symlink_to(tmp_path / "elsewhere")
    gate = make_gate()
    (note,) = gate.notes([])
    assert "EXPTOOLS_LEASES" in note
    assert enter(gate, slot(0)) is None, "without leases, but it runs"
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_lease_whose_file_was_removed_is_taken_on_the_new_one(
    make_gate: MakeGate, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exptools.launching.machine import lease_files

    real, removed = lease_files.lock, []

    def lock(descriptor: int, *, shared: bool = False) -> bool:
        if not removed and not shared:  # between opening and locking
            removed.append((directory / "core-0").unlink())
        return real(descriptor, shared=shared)

    monkeypatch.setattr(lease_files, "lock", lock)
    assert enter(make_gate(), slot(0)) is None
    assert enter(make_gate(), slot(0)) is not None, "who comes now sees the lease"


@pytest.mark.parametrize("said", ["", "{", "[]", '{"user": 1}'])
def test_a_holder_that_does_not_say_who_it_is_is_another_process(
    make_gate: MakeGate, directory: Path, said: str
) -> None:
    assert enter(make_gate(), slot(0)) is None
    (directory / "core-0").write_text(said)
    told = enter(make_gate(), slot(0))
    assert told == "core 0, which another process holds"


def test_what_another_user_wrote_cannot_play_with_the_terminal(
    make_gate: MakeGate, directory: Path
) -> None:
    assert enter(make_gate(), slot(0)) is None
    pretend_another_wrote(directory / "core-0", command="\x1b[2J\nx" + "y" * 500)
    told = enter(make_gate(), slot(0)) or ""
    assert told.isprintable()
    assert "\\x1b[2J\\nxy" in told
    assert len(told) < 200


def test_a_system_without_file_locks_runs_without_leases_and_says_so(
    make_gate: MakeGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exptools.launching.machine.lease_files.HAS_LOCKS", False)
    gate = make_gate()
    (note,) = gate.notes([])
    assert "no file locks" in note
    assert enter(gate, slot(0)) is None
    assert find_busy().cores == frozenset()


MEMORY = """
import sys
from exptools.launching.machine.gate import Gate
from exptools.launching.machine.request import Request
from exptools.launching.machine.slots import make_slots
from exptools.launching.machine.topology import read_machine

request = Request(gpu_memory_per_job="6GiB", gpus_per_job=0.5, cpus_per_job=1, pin=False)
machine = read_machine()
gate = Gate(request)
first, second = (make_slots(machine, request, most=1)[0] for _ in range(2))
for line in sys.stdin:
    if line == "leave\\n":
        gate.leave(first)
    (answer,) = gate.admit([first], 1)
    print(getattr(answer, "reason", None), flush=True)
"""


class Waiting:
    """A process with a gate, on a machine whose GPU is as ``file`` says."""

    def __init__(self, fake_nvml: str, file: Path) -> None:
        self.file = file
        file.write_text("gpu 0\n")
        environment = {**os.environ, "LD_LIBRARY_PATH": fake_nvml, "FAKE_NVML_FILE": str(file)}
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        self.popen = subprocess.Popen(
            [sys.executable, "-c", MEMORY],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tries(self, word: str = "enter") -> str:
        assert self.popen.stdin
        assert self.popen.stdout
        self.popen.stdin.write(f"{word}\n")
        self.popen.stdin.flush()
        return self.popen.stdout.readline().strip()


@pytest.fixture
def waiting(fake_nvml: str, tmp_path: Path) -> Iterator[Waiting]:
    waiting = Waiting(fake_nvml, tmp_path / "gpus.txt")
    yield waiting
    waiting.popen.communicate()


def test_what_our_own_jobs_asked_for_counts_before_they_use_it(waiting: Waiting) -> None:
    waiting.file.write_text("gpu 0\nprocess 0 1 3072\n")  # 13 GiB are free: enough for two
    assert [waiting.tries(), waiting.tries()] == ["None", "None"]
    assert "6 GiB on GPU 0, where 1 GiB are free" in waiting.tries()
    assert waiting.tries("leave") == "None"


def test_a_gpu_whose_memory_nvml_does_not_tell_is_not_waited_for(waiting: Waiting) -> None:
    waiting.file.write_text("gpu 0\nerror 0 GetMemoryInfo 3\n")
    assert waiting.tries() == "None"
