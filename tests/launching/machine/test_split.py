"""Jobs that come later get the cores that the sweep's earlier ones had, or it is said."""

from dataclasses import replace

from exptools.launching.machine.request import Request
from exptools.launching.machine.slots import Slot, make_slots
from exptools.launching.machine.split import Split, divide_as_before
from exptools.rundir import State, Status
from tests.launching.machine.test_slots import machine


def divided(
    cores: int, jobs: int, before: Split | None, request: Request | None = None, gpus: int = 0
) -> tuple[list[int], list[str]]:
    """The cores of each slot, and what is said."""

    def divide(asked: Request) -> tuple[Slot, ...]:
        return make_slots(machine(cores, gpus=gpus), asked, most=jobs)

    slots, notes = divide_as_before(divide, request or Request(), jobs, before)
    return [slot.threads for slot in slots], notes


BEFORE = Split(jobs=4, threads=1, gpus=0)


def test_the_last_job_gets_what_the_others_had() -> None:
    assert divided(8, 1, None)[0] != [1], "on its own it would have more"
    threads, (note,) = divided(8, 1, BEFORE)
    assert threads == [1]
    assert note.startswith("each job gets 1 core, as this sweep's earlier jobs had")


def test_nothing_is_said_where_nothing_differs() -> None:
    assert divided(4, 4, BEFORE) == ([1, 1, 1, 1], [])


def test_a_smaller_machine_is_said() -> None:
    (threads,), (note,) = divided(3, 1, replace(BEFORE, threads=4))
    assert threads < 4
    assert " now, where this sweep's earlier jobs had 4 cores: their results can differ" in note


def test_a_larger_machine_runs_more_of_them_at_once() -> None:
    assert divided(64, 9, BEFORE)[0] == [1] * 9


def test_what_the_user_asks_for_wins_and_is_said() -> None:
    threads, (note,) = divided(8, 1, BEFORE, Request(cpus_per_job=3))
    assert threads == [3]
    assert "gets 3 cores now, where this sweep's earlier jobs had 1 core:" in note
    assert divided(8, 1, BEFORE, Request(jobs=1))[0] == [1], "that is no number of cores"


def test_one_job_that_had_all_cores_does_not_keep_the_rest_of_the_sweep_waiting() -> None:
    threads, (note,) = divided(8, 8, Split(jobs=1, threads=8, gpus=0))
    assert threads == [1] * 8
    assert "gets 1 core now, where this sweep's earlier jobs had 8 cores" in note


def test_other_gpus_are_said() -> None:
    _, (note,) = divided(8, 4, replace(BEFORE, threads=2), gpus=4)
    assert "gets 2 cores and 1 GPU now, where this sweep's earlier jobs had 2 cores:" in note


def test_the_split_is_read_from_the_runs_as_most_of_them_had_it() -> None:
    few = [Status(State.COMPLETED, slot=0, threads=8)]
    many = [Status(State.FAILED, slot=slot % 2, threads=4, gpus=("GPU-1",)) for slot in range(3)]
    silent = [Status(State.QUEUED)] * 9
    assert Split.of_runs([*few, *many, *silent]) == Split(jobs=2, threads=4, gpus=1)
    assert Split.of_runs(silent) is None
