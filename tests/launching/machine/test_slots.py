import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from itertools import chain

import pytest

import exptools.launching
from exptools.launching.machine.gpus import Gpu, GpuProcess
from exptools.launching.machine.request import Request, SlotError, parse_bytes
from exptools.launching.machine.slots import Busy, Slot, current_slot, make_slots, spare_cores
from exptools.launching.machine.topology import Core, Machine, Node

GIB = 1 << 30


def machine(cores: int, gpus: int = 0, smt: int = 1, nodes: int = 1) -> Machine:
    """Cores and GPUs divided evenly between nodes, each of which is a package of its own."""
    each = math.ceil(cores / nodes)
    siblings = [tuple(core + cores * thread for thread in range(smt)) for core in range(cores)]
    members = [
        tuple(sorted(chain.from_iterable(siblings[node * each : (node + 1) * each])))
        for node in range(nodes)
    ]
    places = [number // each for number in range(cores)]
    homes = [index * nodes // gpus for index in range(gpus)]
    return Machine(
        tuple(Core(n, siblings[n], package=places[n], node=places[n]) for n in range(cores)),
        tuple(
            Gpu(index, f"GPU-{index}", "Test", 16 * GIB, node=home, cpus=members[home])
            for index, home in enumerate(homes)
        ),
        can_pin=True,
        nodes=tuple(
            Node(node, members[node], tuple(10 if node == other else 21 for other in range(nodes)))
            for node in range(nodes)
        ),
    )


def cpus(slots: tuple[Slot, ...]) -> list[tuple[int, ...]]:
    return [slot.cpus for slot in slots]


def devices(slots: tuple[Slot, ...]) -> list[list[int]]:
    return [[gpu.index for gpu in slot.gpus] for slot in slots]


def test_with_gpus_each_gpu_is_a_slot_with_its_share_of_the_cores() -> None:
    slots = make_slots(machine(8, gpus=2), Request(), most=9)
    assert devices(slots) == [[0], [1]]
    assert cpus(slots) == [(0, 1, 2, 3), (4, 5, 6, 7)]


def test_without_gpus_each_core_is_a_slot_and_fewer_jobs_leave_half_of_the_cores() -> None:
    assert cpus(make_slots(machine(3), Request(), most=9)) == [(0,), (1,), (2,)]
    assert cpus(make_slots(machine(8), Request(), most=2)) == [(0, 1), (2, 3)]
    assert cpus(make_slots(machine(8), Request(jobs=1), most=9)) == [(0, 1, 2, 3)]
    assert cpus(make_slots(machine(2), Request(jobs=1), most=9)) == [(0,)]
    assert cpus(make_slots(machine(4), Request(), most=3)) == [(0,), (1,), (2,)]


def test_what_a_sweep_leaves_to_others_is_told_with_the_way_to_have_it() -> None:
    here = machine(8)
    spare = spare_cores(make_slots(here, Request(), most=2), here, Request())
    assert spare is not None
    told = "left to other sweeps: 4 of 8 cores (hydra.launcher.cpus_per_job=4 would take them, too)"
    assert spare.told("hydra.launcher.") == told
    for asked in (Request(cpus_per_job=2), Request(pin=False)):
        assert spare_cores(make_slots(here, asked, most=2), here, asked) is None
    assert spare_cores(make_slots(here, Request(), most=9), here, Request()) is None


def test_a_job_with_one_of_several_gpus_has_no_more_than_its_share_of_the_cores() -> None:
    here = machine(8, gpus=2)
    assert cpus(make_slots(here, Request(jobs=1), most=9)) == [(0, 1, 2, 3)]
    assert cpus(make_slots(here, Request(gpus_per_job=0.5), most=1)) == [(0, 1)]


@pytest.mark.parametrize(("quota", "count"), [(0.4, 1), (2.5, 3), (64.0, 8)])
def test_without_gpus_the_quota_bounds_jobs_and_threads(quota: float, count: int) -> None:
    slots = make_slots(replace(machine(8), quota=quota), Request(), most=99)
    assert len(slots) == sum(slot.threads for slot in slots) == count


def test_with_gpus_the_quota_bounds_threads_but_no_jobs() -> None:
    slots = make_slots(replace(machine(8, gpus=4), quota=2.0), Request(), most=99)
    assert [slot.threads for slot in slots] == [1, 1, 1, 1]


def test_a_slot_has_both_threads_of_its_cores_or_without_smt_one() -> None:
    (slot, _) = make_slots(machine(4, smt=2), Request(jobs=2, cpus_per_job=2), most=9)
    assert slot.cpus == (0, 1, 4, 5)
    assert slot.environment()["OMP_NUM_THREADS"] == "2"
    (slot, _) = make_slots(machine(4, smt=2), Request(jobs=2, cpus_per_job=2, smt=False), most=9)
    assert slot.cpus == slot.cores == (0, 1)


def test_without_pinning_a_slot_still_has_a_number_of_threads_but_no_core_of_its_own() -> None:
    (slot, _) = make_slots(machine(4), Request(jobs=2, pin=False), most=9)
    assert (slot.cpus, slot.cores, slot.threads) == ((), (), 2)


@pytest.mark.parametrize("nodes", [1, 2, 4])
@pytest.mark.parametrize("jobs", [1, 2, 3, 5])
@pytest.mark.parametrize("share", [0, 0.5, 1, 2])
def test_no_core_is_in_two_slots_whatever_is_asked_for(nodes: int, jobs: int, share: float) -> None:
    here = machine(13, gpus=10, smt=2, nodes=nodes)
    slots = make_slots(here, Request(jobs=jobs, gpus_per_job=share), most=9)
    taken = [cpu for slot in slots for cpu in slot.cpus]
    assert len(taken) == len(set(taken)) == sum(slot.threads for slot in slots) * 2
    assert len(slots) == jobs
    whole = [gpu for slot in slots for gpu in slot.gpus if share >= 1]
    assert len(whole) == len(set(whole)) == jobs * share * (share >= 1)


def test_cores_of_the_gpus_node_come_first() -> None:
    slots = make_slots(machine(8, gpus=4, nodes=2), Request(cpus_per_job=1), most=9)
    assert devices(slots) == [[0], [1], [2], [3]]
    assert cpus(slots) == [(0,), (1,), (4,), (5,)]


def test_slots_at_one_node_share_it_before_they_take_of_another() -> None:
    here = machine(8, gpus=2, nodes=2)
    near = tuple(replace(gpu, node=0, cpus=(0, 1, 2, 3)) for gpu in here.gpus)
    slots = make_slots(replace(here, gpus=near), Request(), most=9)
    assert cpus(slots) == [(0, 1, 4, 5), (2, 3, 6, 7)]


def test_a_gpu_that_is_near_to_all_cores_leaves_the_near_ones_to_those_that_are_not() -> None:
    here = machine(4, gpus=2, nodes=2)
    anywhere = replace(here.gpus[0], node=None, cpus=())
    choosy = replace(here.gpus[1], node=0, cpus=(0, 1))
    slots = make_slots(replace(here, gpus=(anywhere, choosy)), Request(), most=9)
    assert cpus(slots) == [(2, 3), (0, 1)]


def test_cores_of_the_same_package_come_before_others() -> None:
    here = machine(12, nodes=4)
    packages = tuple(replace(core, package=core.number % 2) for core in here.cores)
    nodes = tuple(replace(core, node=core.number // 2) for core in packages)
    gpu = Gpu(0, "GPU-0", "Test", GIB, node=None, cpus=(1,))
    (slot,) = make_slots(replace(here, cores=nodes, gpus=(gpu,)), Request(cpus_per_job=6), most=1)
    assert slot.cpus == (1, 3, 5, 7, 9, 11)


def test_a_gpu_at_a_node_without_cpus_gets_cores_of_the_nearest_node() -> None:
    here = machine(4, nodes=2)
    distances = ((10, 20, 40), (20, 10, 12), (40, 12, 10))
    nodes = tuple(Node(n, cpus, distances[n]) for n, cpus in enumerate([(0, 1), (2, 3), ()]))
    gpu = Gpu(0, "GPU-0", "Test", GIB, node=2)
    request = Request(jobs=1, cpus_per_job=2)
    (slot,) = make_slots(replace(here, nodes=nodes, gpus=(gpu,)), request, most=9)
    assert slot.cpus == (2, 3)


def test_jobs_without_gpus_stay_within_a_node_where_they_fit() -> None:
    here = machine(10, nodes=2)  # cores 0-4 and 5-9
    slots = make_slots(here, Request(jobs=3, cpus_per_job=2), most=9)
    assert all(len({cpu // 5 for cpu in slot.cpus}) == 1 for slot in slots)
    assert {slot.cpus[0] // 5 for slot in slots} == {0, 1}


def test_of_hybrid_cores_the_fast_ones_work_and_the_slow_ones_are_reserved() -> None:
    here = machine(4)
    cores = tuple(replace(core, kind=int(core.number % 2)) for core in here.cores)
    hybrid = replace(here, cores=cores)
    assert cpus(make_slots(hybrid, Request(jobs=1, cpus_per_job=2), most=9)) == [(1, 3)]
    slots = make_slots(hybrid, Request(reserve_cpus=1), most=9)
    assert cpus(slots) == [(1,), (2,), (3,)]


def test_jobs_are_spread_over_gpus_and_nodes_before_two_share_one() -> None:
    here = machine(8, gpus=4, nodes=2)
    request = Request(gpus_per_job=0.5)
    assert devices(make_slots(here, request, most=2)) == [[0], [2]]
    assert devices(make_slots(here, request, most=4)) == [[0], [1], [2], [3]]
    every = make_slots(here, request, most=9)
    assert sorted(devices(every)) == [[number // 2] for number in range(8)]


def test_the_gpus_of_one_job_are_of_one_node() -> None:
    slots = make_slots(machine(8, gpus=6, nodes=2), Request(gpus_per_job=2), most=9)
    assert devices(slots) == [[0, 1], [2, 5], [3, 4]]


def two_packages_of_two_nodes(gpus: int) -> Machine:
    here = machine(8, gpus=gpus, nodes=4)
    far = ((10, 12, 20, 20), (12, 10, 20, 20), (20, 20, 10, 12), (20, 20, 12, 10))
    nodes = tuple(replace(node, distances=far[node.number]) for node in here.nodes)
    return replace(here, nodes=nodes)


def test_jobs_that_leave_gpus_unused_are_far_from_each_other() -> None:
    assert devices(make_slots(two_packages_of_two_nodes(4), Request(), most=2)) == [[0], [2]]


def test_gpus_of_different_nodes_in_one_job_are_neighbours() -> None:
    slots = make_slots(two_packages_of_two_nodes(4), Request(gpus_per_job=2), most=9)
    assert devices(slots) == [[0, 1], [2, 3]]


def test_gpus_on_which_nobody_computes_are_taken_first_and_joined() -> None:
    here = machine(4, gpus=4)
    gpus = tuple(
        replace(gpu, processes=(GpuProcess(1, GIB),)) if gpu.index % 2 == 0 else gpu
        for gpu in here.gpus
    )
    for per_job, taken in ((1, [1]), (2, [1, 3])):
        slots = make_slots(replace(here, gpus=gpus), Request(gpus_per_job=per_job), most=1)
        assert devices(slots) == [taken]


def test_only_the_gpus_that_are_named_are_used() -> None:
    slots = make_slots(machine(4, gpus=4), Request(gpus=[3, "GPU-1"]), most=9)
    assert devices(slots) == [[3], [1]]


def test_as_many_jobs_share_a_gpu_as_its_memory_is_enough_for() -> None:
    request = Request(gpus_per_job=0.25, gpu_memory_per_job="5GiB")
    assert len(make_slots(machine(8, gpus=1), request, most=9)) == 3


def test_jobs_see_their_gpus_by_uuid() -> None:
    (slot,) = make_slots(machine(2, gpus=2), Request(gpus_per_job=2), most=9)
    assert slot.environment()["CUDA_VISIBLE_DEVICES"] == "GPU-0,GPU-1"
    assert "CUDA_DEVICE_ORDER" not in slot.environment()


def test_a_machine_without_gpus_leaves_the_variables_alone() -> None:
    (slot,) = make_slots(machine(1), Request(), most=9)
    assert not {"CUDA_VISIBLE_DEVICES", "EGL_DEVICE_ID"} & set(slot.environment())


def test_where_cores_are_too_few_for_the_gpus_no_job_is_bound_to_one() -> None:
    slots = make_slots(machine(2, gpus=8), Request(), most=16)
    assert devices(slots) == [[n] for n in range(8)]
    assert {(slot.cpus, slot.cores, slot.threads) for slot in slots} == {((), (), 1)}


def test_too_few_cores_are_no_reason_to_share_them_while_another_sweep_has_them() -> None:
    busy = Busy(cores=frozenset({0, 1, 2}), gpus=frozenset({"GPU-0"}))
    slots = make_slots(machine(4, gpus=4), Request(jobs=3), most=9, busy=busy)
    assert all(slot.cpus for slot in slots)


def test_a_number_of_cores_that_was_asked_for_is_given_even_if_gpus_idle() -> None:
    slots = make_slots(machine(4, gpus=8), Request(cpus_per_job=2), most=9)
    assert cpus(slots) == [(0, 1), (2, 3)]


def test_any_number_of_jobs_without_cores_of_their_own_fits() -> None:
    slots = make_slots(machine(2), Request(jobs=5, pin=False), most=9)
    assert [slot.threads for slot in slots] == [1] * 5


def test_a_request_that_fits_into_what_is_free_leaves_the_busy_alone() -> None:
    busy = Busy(frozenset({0, 1}), frozenset({"GPU-0"}))
    (slot,) = make_slots(machine(8, gpus=2), Request(jobs=1), most=9, busy=busy)
    assert devices((slot,)) == [[1]]
    assert not {0, 1} & set(slot.cpus)


def test_with_more_jobs_than_room_in_what_is_free_more_slots_wait_for_the_busy() -> None:
    busy = Busy(frozenset({0, 1}), frozenset({"GPU-0"}))
    slots = make_slots(machine(8, gpus=2), Request(), most=9, busy=busy)
    assert devices(slots) == [[1], [0]]
    assert [len(slot.cpus) for slot in slots] == [4, 4]
    slots = make_slots(machine(4), Request(), most=3, busy=Busy(frozenset({0, 1, 2})))
    assert cpus(slots) == [(3,), (0,), (1,)]
    assert [slot.index for slot in slots] == [0, 1, 2]


def test_who_has_to_wait_for_cores_takes_one_for_a_job() -> None:
    busy = Busy(frozenset(range(8)))
    assert cpus(make_slots(machine(8), Request(jobs=1), most=9, busy=busy)) == [(0,)]


def test_who_is_bound_to_no_core_is_not_hindered_by_busy_ones() -> None:
    busy = Busy(frozenset(range(4)))
    request = Request(pin=False)
    slots = make_slots(machine(4), request, most=9, busy=busy)
    assert slots == make_slots(machine(4), request, most=9)


def test_a_request_that_does_not_fit_into_what_is_free_waits_for_the_busy() -> None:
    busy = Busy(frozenset({0, 1}), frozenset())
    slots = make_slots(machine(4), Request(jobs=3), most=9, busy=busy)
    assert len(slots) == 3


def test_a_gpu_that_was_not_named_is_no_way_out_of_waiting() -> None:
    busy = Busy(gpus=frozenset({"GPU-0"}))
    assert devices(make_slots(machine(4, gpus=2), Request(gpus=0), most=9, busy=busy)) == [[0]]


def test_gpus_that_are_all_busy_are_waited_for_and_not_done_without() -> None:
    slots = make_slots(machine(4, gpus=1), Request(), most=9, busy=Busy(gpus=frozenset({"GPU-0"})))
    assert devices(slots) == [[0]]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (
            Request(jobs=3),
            "^jobs=3 does not.*2 cores and 0 GPUs.*: jobs=2 at once would fit; with pin=",
        ),
        (Request(cpus_per_job=3), "cpus_per_job=3 does not fit.*: cpus_per_job=2 would fit$"),
        (Request(gpus_per_job=1), "gpus_per_job=1 does not fit.*0 GPUs.*: gpus_per_job=0 would"),
        (Request(jobs=2, cpus_per_job=2), "jobs=1 at once or cpus_per_job=1 would fit"),
        (Request(reserve_cpus=2), "reserve_cpus=2 leaves nothing of 2 cores: reserve_cpus=1 is"),
        (Request(gpu_memory_per_job="1GB"), "gpu_memory_per_job=1GB does not fit: there is no GPU"),
        (Request(gpus="GPU-x"), "gpus names 'GPU-x', which is not one of the GPUs for us: none"),
    ],
)
def test_a_request_that_cannot_be_met_says_what_there_is(request_: Request, told: str) -> None:
    with pytest.raises(SlotError, match=told):
        make_slots(machine(2), request_, most=9)


@pytest.mark.parametrize(
    ("request_", "fits"),
    [
        (Request(jobs=5, gpus_per_job=1), {"gpus_per_job": 0.33}),
        (Request(jobs=1, gpus_per_job=4), {"gpus_per_job": 2}),
        (
            Request(jobs=5, cpus_per_job=4, gpus_per_job=2),
            {"gpus_per_job": 0.33, "cpus_per_job": 1},
        ),
        (Request(jobs=7, gpus_per_job=0.5), {"gpus_per_job": 0.25}),
    ],
)
def test_what_is_said_to_fit_does(request_: Request, fits: dict[str, float]) -> None:
    here = machine(8, gpus=2)
    told = " and ".join(f"{name}={value}" for name, value in sorted(fits.items()))
    with pytest.raises(SlotError, match=f"{told} would fit"):
        make_slots(here, request_, most=9)
    assert make_slots(here, replace(request_, **fits), most=9)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"jobs": -1}, "jobs is -1; it should be"),
        ({"jobs": True}, "jobs is True; it should be"),
        ({"cpus_per_job": 0}, "cpus_per_job is 0; it should be"),
        ({"reserve_cpus": -1}, "reserve_cpus is -1; it should be"),
        ({"gpus_per_job": -1}, "gpus_per_job is -1; it should be"),
        ({"gpus_per_job": 1.5}, "gpus_per_job is 1.5; it should be"),
        ({"gpu_ids": "name"}, "gpu_ids is 'name'; it should be uuid or index"),
        ({"gpu_memory_per_job": "10 apples"}, "it should be a size such as 10GB"),
        ({"gpu_memory_per_job": "1GB", "gpus_per_job": 0}, "leave one of them out"),
        ({"gpus": []}, "gpus is .*; it should name GPUs"),
        ({"pin": "maybe"}, "pin is 'maybe'; it should be true or false"),
        ({"share_gpus": 1}, "share_gpus is 1; it should be true or false"),
    ],
)
def test_a_senseless_option_is_refused_by_name(options: dict[str, object], told: str) -> None:
    with pytest.raises(SlotError, match=told):
        Request(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "number"),
    [("10GB", 10**10), ("8GiB", 8 << 30), ("1.5g", 15 * 10**8), ("512 MiB", 512 << 20), (7, 7)],
)
def test_sizes_are_read_as_people_write_them(size: str | int, number: int) -> None:
    assert parse_bytes(size) == number


def test_parts_of_gpus_are_devices_that_are_not_joined_or_counted() -> None:
    here = machine(4, gpus=1)
    parts = tuple(
        replace(here.gpus[0], uuid=f"MIG-{n}", mig=(n, 0), parent="GPU-0") for n in range(3)
    )
    divided = replace(here, gpus=parts)
    slots = make_slots(divided, Request(), most=9)
    seen = [slot.environment()["CUDA_VISIBLE_DEVICES"] for slot in slots]
    assert seen == ["MIG-0", "MIG-1", "MIG-2"]
    with pytest.raises(SlotError, match="0 GPUs"):
        make_slots(divided, Request(gpus_per_job=2), most=9)
    with pytest.raises(SlotError, match="use gpu_ids=uuid"):
        make_slots(divided, Request(gpu_ids="index"), most=9)


def test_a_job_can_ask_for_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPTOOLS_SLOT", raising=False)
    assert exptools.launching.current_slot() is None, "outside of a job"
    here = machine(4, gpus=2, smt=2)
    part = replace(here.gpus[1], mig=(3, 0), parent="GPU-1", uuid="MIG-1")
    _, slot = make_slots(replace(here, gpus=(here.gpus[0], part)), Request(), most=9)
    monkeypatch.setenv("EXPTOOLS_SLOT", slot.environment()["EXPTOOLS_SLOT"])
    assert exptools.launching.current_slot() == slot


@pytest.mark.parametrize("text", ["{", "[]", '{"index": 1}'])
def test_a_slot_that_no_launcher_wrote_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("EXPTOOLS_SLOT", text)
    with pytest.raises(SlotError, match="EXPTOOLS_SLOT does not describe a slot"):
        current_slot()


def test_asking_for_slots_loads_nothing_heavy() -> None:
    code = (
        "import sys; import exptools.launching.machine.slots;"
        "print({'pynvml', 'psutil', 'rich', 'hydra', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def preview(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "exptools.launching", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_older_path_of_the_preview_still_works() -> None:
    code = [sys.executable, "-m", "exptools.launching.slots", "jobs=1"]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    assert done.stdout == preview("jobs=1").stdout


def test_the_slots_can_be_looked_at_before_anything_runs(fake_nvml: str) -> None:
    done = preview(
        "jobs=1", "hydra.launcher.gpus_per_job=2", LD_LIBRARY_PATH=fake_nvml, FAKE_NVML_GPUS="3"
    )
    assert done.returncode == 0, done.stderr
    assert "GPU 2: Stand-in GPU, 16 GiB, GPU-00000000-0000-0000-0000-000000000002" in done.stdout
    assert "jobs=1, gpus_per_job=2:" in done.stdout
    header, row = (line.split(maxsplit=3) for line in done.stdout.splitlines()[-2:])
    assert header == ["slot", "cpus", "threads", "gpus"]
    assert (row[0], row[3].strip()) == ("0", "0, 1")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("gpu_per_job=2", "no option gpu_per_job; did you mean 'gpus_per_job'?"),
        ("jobs", "'jobs' should be <option>=<value>, such as jobs=4"),
        ("jobs=many", "jobs is 'many'; it should be a whole number, 1 or more"),
        ("jobs=100000", "jobs=100000 does not fit this machine"),
    ],
)
def test_words_that_make_no_slots_end_in_one_sentence(word: str, told: str) -> None:
    done = preview(word)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_environment_of_a_slot_is_one_line_of_json() -> None:
    (slot,) = make_slots(machine(512), Request(cpus_per_job=512), most=1)
    text = slot.environment()["EXPTOOLS_SLOT"]
    assert json.loads(text)["cpus"] == "0-511"
    assert len(text) < 300
