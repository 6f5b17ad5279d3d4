import pytest

from exptools.launching.slots import Request, Slot, SlotError, make_slots
from exptools.launching.topology import Gpu, Machine


def machine(cores: int, gpus: int = 0, smt: int = 1) -> Machine:
    siblings = tuple(tuple(core + cores * thread for thread in range(smt)) for core in range(cores))
    devices = tuple(Gpu(index, f"GPU-{index}", "Test", 1 << 30) for index in range(gpus))
    return Machine(siblings, devices, can_pin=True)


def cpus(slots: tuple[Slot, ...]) -> list[tuple[int, ...]]:
    return [slot.cpus for slot in slots]


def test_without_gpus_each_core_is_a_slot() -> None:
    assert cpus(make_slots(machine(3), Request(), most=9)) == [(0,), (1,), (2,)]


def test_with_gpus_each_gpu_is_a_slot_with_its_share_of_the_cores() -> None:
    slots = make_slots(machine(8, gpus=2), Request(), most=9)
    assert [slot.gpus[0].index for slot in slots] == [0, 1]
    assert cpus(slots) == [(0, 1, 2, 3), (4, 5, 6, 7)]


def test_fewer_jobs_than_cores_share_all_the_cores() -> None:
    assert cpus(make_slots(machine(8), Request(), most=2)) == [(0, 1, 2, 3), (4, 5, 6, 7)]


def test_a_slot_has_both_threads_of_its_cores_and_counts_cores_as_threads() -> None:
    (slot, _) = make_slots(machine(4, smt=2), Request(jobs=2), most=9)
    assert slot.cpus == (0, 1, 4, 5)
    assert slot.environment()["OMP_NUM_THREADS"] == "2"


def test_no_core_and_no_gpu_is_in_two_slots() -> None:
    slots = make_slots(machine(13, gpus=5, smt=2), Request(jobs=2, gpus_per_job=2), most=9)
    taken = [cpu for slot in slots for cpu in slot.cpus]
    devices = [gpu for slot in slots for gpu in slot.gpus]
    assert len(taken) == len(set(taken))
    assert len(devices) == len(set(devices)) == 4


def test_jobs_see_their_gpus_by_uuid() -> None:
    (slot,) = make_slots(machine(2, gpus=2), Request(gpus_per_job=2), most=9)
    assert slot.environment()["CUDA_VISIBLE_DEVICES"] == "GPU-0,GPU-1"


def test_zero_gpus_a_job_hides_the_gpus() -> None:
    slots = make_slots(machine(2, gpus=1), Request(gpus_per_job=0), most=9)
    assert [slot.environment()["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["", ""]


def test_a_machine_without_gpus_leaves_the_variable_alone() -> None:
    (slot,) = make_slots(machine(1), Request(), most=9)
    assert "CUDA_VISIBLE_DEVICES" not in slot.environment()


def test_more_gpus_than_cores_are_no_reason_to_share_a_core() -> None:
    assert len(make_slots(machine(2, gpus=8), Request(), most=9)) == 2


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (Request(jobs=3), "jobs=3 does not fit.*2 cores and 0 GPUs.*jobs=2 at once would fit"),
        (Request(cpus_per_job=3), "cpus_per_job=3 does not fit.*ask for fewer"),
        (Request(gpus_per_job=1), "gpus_per_job=1 does not fit.*0 GPUs"),
    ],
)
def test_a_request_that_cannot_be_met_says_what_there_is(request_: Request, told: str) -> None:
    with pytest.raises(SlotError, match=told):
        make_slots(machine(2), request_, most=9)


@pytest.mark.parametrize("option", ["jobs", "cpus_per_job", "gpus_per_job"])
def test_a_senseless_number_is_refused_by_name(option: str) -> None:
    with pytest.raises(SlotError, match=f"{option} is -1; it should be"):
        Request(**{option: -1})
