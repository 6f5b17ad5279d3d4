"""Whose turn it is when several sweeps want the same: gates in one process, or in several."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exptools.launching import __main__ as preview
from exptools.launching.machine import gate as gates
from exptools.launching.machine import lease_files, turns
from exptools.launching.machine.gate import Gate, Wait
from exptools.launching.machine.gpus import Gpu
from exptools.launching.machine.lease_files import LeaseFiles, write_record
from exptools.launching.machine.request import Request
from exptools.launching.machine.slots import Slot
from exptools.launching.machine.topology import Core, Machine
from exptools.launching.machine.turns import Turns
from tests.conftest import until

GPUS = tuple(Gpu(index, f"GPU-{index}", "Test", 16 << 30) for index in range(2))
MakeGate = Callable[..., Gate]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPTOOLS_LEASES", str(tmp_path / "leases"))
    return tmp_path / "leases"


@pytest.fixture
def make_gate() -> Iterator[MakeGate]:
    made: list[Gate] = []

    def make(part: Machine | None = None, request: Request | None = None) -> Gate:
        made.append(Gate(request or Request(), part))
        return made[-1]

    yield make
    for gate in made:
        gate.close()


def slot(*cores: int, gpus: tuple[Gpu, ...] = (), index: int = 0) -> Slot:
    return Slot(index, cores, len(cores), gpus, hide_gpus=False, cores=cores)


def part(cores: int, gpus: tuple[Gpu, ...] = ()) -> Machine:
    return Machine(tuple(Core(n, (n,)) for n in range(cores)), gpus, can_pin=True)


def ask(gate: Gate, *slots: Slot, jobs: int = 99) -> list[tuple[int, ...] | str | None]:
    """The cores that each slot got, or what it waits for."""
    return [
        answer.reason if isinstance(answer, Wait) else answer and answer.cores
        for answer in gate.admit(slots, jobs)
    ]


def test_sweeps_take_turns_and_who_has_just_had_one_comes_last(make_gate: MakeGate) -> None:
    running, *waiting = (make_gate() for _ in range(4))
    assert ask(running, slot(1)) == [(1,)]
    for gate in waiting:
        assert f"core 1, which {me()}" in str(ask(gate, slot(1)))
    for _ in range(6):
        running.leave(slot(1))
        following, *waiting = [*waiting, running]
        for gate in reversed(waiting):
            (told,) = ask(gate, slot(1))
            assert f"core 1, for which {me()}" in str(told)
            assert str(told).endswith("has waited longer")
        assert ask(following, slot(1)) == [(1,)]
        running = following


def me() -> str:
    import pwd

    return f"{pwd.getpwuid(os.getuid()).pw_name}, pid {os.getpid()} ("


def test_a_slot_that_needs_many_cores_is_not_overtaken_for_ever(make_gate: MakeGate) -> None:
    small, large = make_gate(part(2)), make_gate(part(2))
    ones = [slot(0, index=0), slot(1, index=1)]
    assert ask(small, *ones) == [(0,), (1,)]
    assert "which" in str(ask(large, slot(0, 1)))
    for one in ones:  # as each of its jobs ends, what is free is kept for the large one
        small.leave(one)
        assert "has waited longer" in str(ask(small, one))
        if one is ones[0]:
            assert "which" in str(ask(large, slot(0, 1)))
    assert ask(large, slot(0, 1)) == [(0, 1)]


def test_a_slot_takes_whichever_core_is_free_first(make_gate: MakeGate) -> None:
    first, second = make_gate(part(3)), make_gate(part(3))
    slots = [slot(n, index=n) for n in range(3)]
    assert ask(first, *slots) == [(0,), (1,), (2,)]
    assert "core 0, which" in str(ask(second, slot(0)))
    first.leave(slots[2])
    (answer,) = second.admit([slot(0)], 1)
    assert isinstance(answer, Slot)
    assert (answer.cores, answer.cpus, answer.index) == ((2,), (2,), 0)
    second.leave(answer)
    assert ask(first, slots[2]) == [(2,)]


def test_two_slots_of_one_sweep_never_move_to_the_same_core(make_gate: MakeGate) -> None:
    other, gate = make_gate(part(3)), make_gate(part(3))
    assert ask(other, slot(0)) == [(0,)]
    moved, own, waits = ask(gate, slot(0, index=0), slot(1, index=1), slot(2, index=2))
    assert {moved, own} == {(1,), (2,)}
    assert "core 0, which" in str(waits)


def test_a_slot_moves_to_a_free_gpu_and_few_enough_jobs_share_it(make_gate: MakeGate) -> None:
    half = Request(gpus_per_job=0.5, pin=False)
    other, gate = make_gate(part(2, GPUS), half), make_gate(part(2, GPUS), half)
    assert ask(other, slot(gpus=GPUS[:1])) == [()]
    slots = [slot(gpus=GPUS[n % 2 : n % 2 + 1], index=n) for n in range(3)]
    answers = gate.admit(slots, 9)
    there = [answer.gpus for answer in answers if isinstance(answer, Slot)]
    assert there == [GPUS[1:], GPUS[1:]]
    assert isinstance(answers[2], Wait)
    assert answers[2].reason.startswith("GPU GPU-0, which ")


def test_who_waits_for_a_gpu_keeps_no_more_cores_than_it_needs(make_gate: MakeGate) -> None:
    holder, waiting, other = (make_gate(part(3, GPUS)) for _ in range(3))
    assert ask(holder, slot(0, gpus=GPUS)) == [(0,)]
    assert "GPU" in str(ask(waiting, slot(0, gpus=GPUS[:1])))
    assert ask(other, slot(1, index=0), slot(2, index=1), jobs=1) == [(2,), None]
    assert "core " in str(ask(other, slot(1, index=1)))


def test_a_slot_without_a_job_to_come_gives_up_its_turn(make_gate: MakeGate) -> None:
    holder, waiting, other = make_gate(), make_gate(), make_gate()
    assert ask(holder, slot(1), slot(2, index=1)) == [(1,), (2,)]
    told = ask(waiting, slot(1), slot(2, index=1), jobs=1)
    assert [isinstance(one, str) for one in told] == [True, False]
    holder.leave(slot(2))
    assert ask(other, slot(2)) == [(2,)], "nobody waits there"
    ask(waiting, slot(1), jobs=0)
    holder.leave(slot(1))
    assert ask(holder, slot(1)) == [(1,)]


def test_who_does_not_take_what_is_kept_is_passed_over(
    make_gate: MakeGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, suspended = make_gate(), make_gate()
    assert ask(first, slot(1)) == [(1,)]
    ask(suspended, slot(1))
    first.leave(slot(1))
    assert "has waited longer" in str(ask(first, slot(1)))
    monkeypatch.setattr(turns, "PATIENCE", -1.0)
    assert ask(first, slot(1)) == [(1,)]
    monkeypatch.setattr(turns, "PATIENCE", 100.0)
    first.leave(slot(1))
    assert ask(first, slot(1)) == [(1,)], "and not waited for each time again"


def test_a_suspended_sweep_with_many_slots_is_passed_over_as_a_whole(
    make_gate: MakeGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, suspended = make_gate(part(1)), make_gate(part(1))
    assert ask(first, slot(0)) == [(0,)]
    ask(suspended, *(slot(0, index=index) for index in range(20)))
    first.leave(slot(0))
    assert "has waited longer" in str(ask(first, slot(0)))
    monkeypatch.setattr(turns, "PATIENCE", -1.0)
    assert ask(first, slot(0)) == [(0,)], "and not kept for its second slot then"


def test_a_ticket_with_ever_new_times_is_passed_over(
    make_gate: MakeGate, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, need = LeaseFiles(), {"cores": 1, "gpus": 0, "of_cores": [1], "of_gpus": []}
    descriptor = files.acquire("wait-0")
    write_record(descriptor, {"waits": [need | {"since": [1.0]}]})
    gate = make_gate()
    assert "has waited longer" in str(ask(gate, slot(1)))
    write_record(descriptor, {"waits": [need | {"since": [2.0]}]})
    monkeypatch.setattr(turns, "PATIENCE", -1.0)
    assert ask(gate, slot(1)) == [(1,)]
    os.close(descriptor)


@pytest.mark.parametrize("since", [-1e300, 1e300])
def test_waiters_of_any_time_can_be_printed(
    make_gate: MakeGate, since: float, capsys: pytest.CaptureFixture[str]
) -> None:
    files, need = LeaseFiles(), {"cores": 1, "gpus": 0, "of_cores": [1], "of_gpus": []}
    descriptor = files.acquire("wait-0")
    write_record(descriptor, {"waits": [need | {"since": [since]}]})
    preview.main(["jobs=1"])
    assert "waits for a slot of 1 core, since" in capsys.readouterr().out
    os.close(descriptor)


def test_who_takes_something_of_what_is_kept_goes_on_having_its_turn(
    make_gate: MakeGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, waiting = make_gate(part(2)), make_gate(part(2))
    ours = [slot(0, index=0), slot(1, index=1)]
    assert ask(first, *ours) == [(0,), (1,)]
    theirs = [slot(0, index=0), slot(1, index=1)]
    ask(waiting, *theirs)
    first.leave(ours[0])
    assert "has waited longer" in str(ask(first, ours[0]))
    assert ask(waiting, *theirs)[0] == (0,)
    first.leave(ours[1])
    monkeypatch.setattr(turns, "PATIENCE", -1.0)
    assert isinstance(ask(first, ours[1])[0], str), "one of its slots still waits, and may go on"


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{",
        b"[1]",
        b'{"waits": 1}',
        b'{"waits": [{"cores": 1}]}',
        b'{"waits": [{"cores": 9, "gpus": 0, "of_cores": [1], "of_gpus": [], "since": [0]}]}',
        b'{"waits": [{"cores": 1, "gpus": 0, "of_cores": [1], "of_gpus": [], "since": [NaN]}]}',
        b'{"waits": [{"cores": 1, "gpus": 0, "of_cores": ["x"], "of_gpus": [], "since": [0]}]}',
    ],
)
def test_a_ticket_that_makes_no_sense_is_ignored(
    make_gate: MakeGate, directory: Path, record: bytes
) -> None:
    holder, waiting, other = make_gate(), make_gate(), make_gate()
    assert ask(holder, slot(1)) == [(1,)]
    ask(waiting, slot(1))
    (ticket,) = directory.glob("wait-*")
    ticket.write_bytes(record)
    holder.leave(slot(1))
    assert ask(other, slot(1)) == [(1,)]


def test_who_claims_to_wait_with_very_many_slots_costs_little(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, need = LeaseFiles(), {"cores": 1, "gpus": 0, "of_cores": [0], "of_gpus": []}
    names = [*(f"wait-{number}" for number in range(60)), "wait-anything"]
    held = {name: files.acquire(name) for name in names}
    for number, name in enumerate(names):
        write_record(held[name], {"waits": [need | {"since": [-number] * 10_000}]})
    waiters = Turns(files).waiters()
    assert len(waiters) == 1000
    assert [one.since for one in waiters] == sorted(one.since for one in waiters)
    assert "wait-anything" not in {one.ticket for one in waiters}, "no ticket has that name"
    sizes: list[int] = []
    monkeypatch.setattr(
        lease_files, "_read_record", lambda file: sizes.append(os.fstat(file).st_size)
    )
    Turns(files).waiters()
    assert 2**20 < sum(sizes) <= 2**21
    for descriptor in held.values():
        os.close(descriptor)


WAITS = """
import sys
from exptools.launching.machine.gate import Gate
from exptools.launching.machine.request import Request
from exptools.launching.machine.slots import Slot

gate = Gate(Request())
print(gate.admit([Slot(0, (1,), 1, (), False, cores=(1,))], 1)[0].reason, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_waiter_that_dies_blocks_nobody(make_gate: MakeGate, signum: signal.Signals) -> None:
    gate, young = make_gate(), make_gate()
    assert ask(gate, slot(1)) == [(1,)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", WAITS], **pipes) as waiter:  # type: ignore[call-overload]
        assert f"core 1, which {me()}" in waiter.stdout.readline()
        (told,) = [one.holder for one in turns.find_waiters()]
        assert told.pid == waiter.pid
        gate.leave(slot(1))
        assert f"pid {waiter.pid} (-c) has waited longer" in str(ask(gate, slot(1)))
        ask(young, slot(1))
        waiter.send_signal(signum)
        waiter.wait()
    assert "has waited longer" in str(ask(young, slot(1)))
    assert ask(gate, slot(1)) == [(1,)], "it has waited longer than the young one"


def test_a_ticket_that_was_torn_up_is_used_again(make_gate: MakeGate, directory: Path) -> None:
    holder = make_gate()
    assert ask(holder, slot(1)) == [(1,)]
    for _ in range(3):
        waiting = make_gate()
        ask(waiting, slot(1))
        assert [path.name for path in directory.glob("wait-*")] == ["wait-0"]
        waiting.close()


def test_news_come_when_something_is_given_back_and_else_once_a_second(
    make_gate: MakeGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "_LOOKS", 1000.0)
    holder, waiting = make_gate(), make_gate()
    ask(holder, slot(1))
    ask(waiting, slot(1))
    assert not waiting.has_news()
    holder.leave(slot(1))
    until(waiting.has_news)
    monkeypatch.setattr(gates, "_LOOKS", 0.0)
    ask(waiting, slot(1))
    assert waiting.has_news()


def test_others_can_read_who_waits_for_what(make_gate: MakeGate, directory: Path) -> None:
    holder, waiting = make_gate(part(2)), make_gate(part(2))
    ask(holder, slot(0, index=0), slot(1, index=1))
    ask(waiting, slot(0, index=0), slot(1, index=1))
    record = json.loads((directory / "wait-0").read_text())
    assert record["pid"] == os.getpid()
    (need,) = record["waits"]
    since = need.pop("since")
    assert need == {"cores": 1, "gpus": 0, "of_cores": [0, 1], "of_gpus": []}
    assert len(since) == 2
