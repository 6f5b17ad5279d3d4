"""Affinity codes: small cases of our own; test_affinity_oracle.py has those of the original."""

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

from exptools.launching import affinity
from exptools.launching.affinity import (
    AffinityError,
    affinity_from_code,
    combine_affinity,
    decode_affinity,
    encode_affinity,
    full_resource_affinity,
    get_n_run_slots,
    make_affinity,
    prepend_run_slot,
    quick_affinity_code,
    remove_run_slot,
    set_gpu_from_visibles,
)
from exptools.launching.affinity.on_machine import slots_of_code
from exptools.launching.machine.gpus import Gpu
from exptools.launching.machine.slots import INHERITED
from exptools.launching.machine.topology import Core, Machine

SetMachine = Callable[[Machine], Machine]


def machine(siblings: list[tuple[int, ...]], gpus: int = 0, packages: str = "") -> Machine:
    cores = tuple(
        Core(cpus[0], cpus, package=int(packages[n]) if packages else 0)
        for n, cpus in enumerate(siblings)
    )
    return Machine(
        cores, tuple(Gpu(n, f"GPU-{n}", "Test", 1 << 34) for n in range(gpus)), can_pin=True
    )


def smt(cores: int, gpus: int = 0, packages: str = "") -> Machine:
    return machine([(core, core + cores) for core in range(cores)], gpus, packages)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> SetMachine:
    """Have the functions find themselves on a machine."""

    def stand(machine: Machine) -> Machine:
        monkeypatch.setattr(affinity, "read_machine", lambda: machine)
        return machine

    return stand


def test_a_code_says_what_differs_from_the_defaults() -> None:
    code = encode_affinity(8, 2, contexts_per_gpu=2, hyperthread_offset=0, n_socket=2)
    assert code == "8cpu_2gpu_2cxg_0hto_2skt"
    assert decode_affinity(code) == {"cpu": 8, "gpu": 2, "cxg": 2, "hto": 0, "skt": 2}
    assert encode_affinity(4, cpu_per_run=2, hyperthread_offset=4, n_socket=1, run_slot=1) == (
        "1slt_4cpu_0gpu_2cpr"
    )
    assert remove_run_slot(prepend_run_slot(3, code)) == (3, code)


@pytest.mark.parametrize(
    ("code", "runs", "cpus", "cuda"),
    [
        ("4cpu_0gpu_2cpr", 2, [(0, 1, 4, 5), (2, 3, 6, 7)], None),
        ("4cpu_0gpu_2cpr_0hto", 2, [(0, 1), (2, 3)], None),
        ("4cpu_2gpu_0hto", 2, [(0, 1), (2, 3)], [0, 1]),
        ("4cpu_2gpu_2cxg_0hto", 4, [(0,), (2,), (1,), (3,)], [0, 1, 0, 1]),
        ("8cpu_0gpu_2cpr_16hto_2skt", 4, [(0, 1, 16, 17), (2, 3, 18, 19), (8, 9, 24, 25)], None),
    ],
)
def test_each_slot_has_its_cpus_and_gpu(
    code: str, runs: int, cpus: list[tuple[int, ...]], cuda: list[int] | None
) -> None:
    assert get_n_run_slots(code) == runs
    affinities: list[Any] = [affinity_from_code(f"{slot}slt_{code}") for slot in range(runs)]
    assert [one.all_cpus for one in affinities][: len(cpus)] == cpus
    assert [one.get("cuda_idx") for one in affinities] == (cuda or [None] * runs)


def test_a_run_with_several_gpus_has_a_share_for_each() -> None:
    shares: Any = affinity_from_code("1slt_4cpu_4gpu_2gpr_0hto_0saf")
    assert [(share.cuda_idx, share.master_cpus) for share in shares] == [(2, (2,)), (3, (3,))]
    whole = combine_affinity(shares)
    assert whole == {
        "all_cpus": [2, 3],
        "master_cpus": [2, 3],
        "workers_cpus": [(2,), (3,)],
        "alternating": False,
        "set_affinity": False,
        "cuda_idx": [2, 3],
    }


def test_an_asynchronous_run_samples_beside_its_optimizer() -> None:
    affinity_of_run: Any = affinity_from_code("1slt_8cpu_4gpu_0hto_1ass_1sgr_1alt")
    assert affinity_of_run.all_cpus == (4, 5, 6, 7)
    assert [(one.cpus, one.cuda_idx) for one in affinity_of_run.optimizer] == [((4,), 2)]
    (sampler,) = affinity_of_run.sampler
    assert (sampler.master_cpus, sampler.cuda_idx) == ((5, 6, 7), 3)
    assert sampler.workers_cpus == ((5,), (6,), (7,)) * 2
    without: Any = affinity_from_code("0slt_4cpu_1gpu_0hto_1ass")
    assert (without.sampler.master_cpus, without.sampler.cuda_idx) == ((1, 2, 3), None)


def test_workers_have_their_cores_and_alternating_ones_a_thread_each() -> None:
    code = "0slt_5cpu_0gpu_5cpr_2cpw_8hto_1res"
    together: Any = affinity_from_code(code)
    assert together.workers_cpus == ((1, 2, 9, 10), (3, 4, 11, 12))
    in_turn: Any = affinity_from_code(f"{code}_1alt")
    assert in_turn.workers_cpus == ((1, 2), (3, 4), (9, 10), (11, 12))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("0slt_", "is no affinity code: '' is no number with an abbreviation"),
        ("0slt_4cpu_1gup", "no 'gup'; did you mean 'gpu'"),
        ("0slt_4cpu_2cpu_0gpu_1cpr", "has 'cpu' twice"),
        ("0slt_0slt_4cpu_0gpu_1cpr", "has a run slot where none belongs"),
        ("4cpu_0gpu_1cpr", "does not begin with a run slot"),
        ("0slt_2gpu", "does not say how many CPU cores"),
        ("0slt_4cpu", "need cpu_per_run: 1cpr"),
        ("4slt_4cpu_0gpu_1cpr", "run slot 4 is not one of .*: 0 to 3"),
        ("0slt_4cpu_0gpu_8cpr", "not one run fits: each run takes 8 of 4 cores"),
        ("0slt_5cpu_2gpu", "5 cores cannot be divided evenly by 2: n_cpu_core=4 can"),
        ("0slt_4cpu_2gpu_2cxg_2gpr", "contexts on a GPU cannot go with gpu_per_run"),
        ("0slt_4cpu_2gpu_1sgr", "sample_gpu_per_run is for async_sample"),
        ("0slt_4cpu_0gpu_1cpr_1ass", "async_sample needs GPUs"),
        ("0slt_8cpu_0gpu_1cpr_6hto", "hyperthread_offset=6 is less than n_cpu_core=8"),
        ("0slt_4cpu_2gpu_2res", "cpu_reserved=2 leaves 0 of 2 cores for workers, too few"),
        ("0slt_12cpu_3gpu_2skt", "cannot be spread over n_socket=2: .*n_socket=1 would do"),
    ],
)
def test_what_no_machine_can_give_is_refused_in_a_sentence(code: str, message: str) -> None:
    with pytest.raises(AffinityError, match=message):
        affinity_from_code(code)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_gpu": -1}, "n_gpu is -1; it should be a whole number, 0 or more"),
        ({"cpu_per_run": 0}, "cpu_per_run is 0; it should be a whole number, 1 or more"),
        ({"n_cpu_core": 2.5}, "n_cpu_core is 2.5; it should be a whole number"),
        ({"run_slot": 4}, "run_slot is 4; 4cpu_0gpu_1cpr has slots 0 to 3"),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused(
    arguments: dict[str, Any], message: str
) -> None:
    given = {"n_cpu_core": 4, "hyperthread_offset": 4, "n_socket": 1} | arguments
    with pytest.raises(AffinityError, match=re.escape(message)):
        encode_affinity(**given)


@pytest.mark.parametrize(
    ("this_machine", "code"),
    [
        (smt(4), "4cpu_0gpu_1cpr"),
        (machine([(0,), (1,)]), "2cpu_0gpu_1cpr_0hto"),
        (smt(4, packages="0011"), "4cpu_0gpu_1cpr_2skt"),
        (smt(4, packages="0101"), "4cpu_0gpu_1cpr"),
    ],
)
def test_offset_sockets_and_cores_are_those_of_the_machine(
    this_machine: Machine, code: str, on: SetMachine
) -> None:
    on(this_machine)
    assert encode_affinity() == code


@pytest.mark.parametrize(
    "siblings", [[(0, 1), (2, 3)], [(0, 2), (1,)], [(0, 2, 4), (1, 3, 5)], [(2, 4), (3, 5)]]
)
def test_a_numbering_that_no_code_can_say_is_refused(
    siblings: list[tuple[int, ...]], on: SetMachine
) -> None:
    on(machine(siblings))
    with pytest.raises(AffinityError, match="pass hyperthread_offset"):
        encode_affinity()
    assert encode_affinity(hyperthread_offset=0).endswith("0hto")


def test_the_quick_code_divides_the_machine_evenly(on: SetMachine) -> None:
    on(smt(8, gpus=3, packages="00001111"))
    assert quick_affinity_code() == "6cpu_3gpu_8hto", "3 runs have no place on 2 sockets"
    assert quick_affinity_code(contexts_per_gpu=2, n_parallel=2) == "8cpu_2gpu_2cxg_2skt"
    assert quick_affinity_code(n_parallel=3, use_gpu=False) == "6cpu_0gpu_2cpr_8hto"
    assert quick_affinity_code(n_parallel=99, use_gpu=False) == "8cpu_0gpu_1cpr_2skt"
    with pytest.raises(AffinityError, match="n_parallel must say how many runs"):
        quick_affinity_code(use_gpu=False)
    with pytest.raises(AffinityError, match="n_parallel is 0"):
        quick_affinity_code(n_parallel=0)
    with pytest.raises(AffinityError, match="12 runs need a CPU core each, but there are 8"):
        quick_affinity_code(contexts_per_gpu=4)


def test_the_whole_machine_is_for_one_run_however_it_is_numbered(on: SetMachine) -> None:
    on(machine([(0, 1), (2, 3), (4, 5)]))
    whole: Any = full_resource_affinity()
    assert (whole.all_cpus, whole.set_affinity) == ((0, 2, 4, 1, 3, 5), True)
    assert whole.workers_cpus == ((0, 1), (2, 3), (4, 5))
    on(smt(4, gpus=2))
    shares: Any = affinity_from_code("cluster")
    assert [(share.cuda_idx, share.master_cpus) for share in shares] == [
        (0, (0, 1, 4, 5)),
        (1, (2, 3, 6, 7)),
    ]
    assert not shares[0].set_affinity


def test_make_affinity_is_the_affinity_of_the_arguments() -> None:
    made = make_affinity(run_slot=1, n_cpu_core=4, cpu_per_run=2, hyperthread_offset=0, n_socket=1)
    assert made == affinity_from_code("1slt_4cpu_0gpu_2cpr_0hto")


@pytest.mark.parametrize(
    ("visible", "cuda_idx", "after"),
    [
        ("4,5,6", 1, "5"),
        ("GPU-a,GPU-b", [1, 0], "GPU-b,GPU-a"),
        (None, (2,), "2"),
        ("4,5", [], ""),
    ],
)
def test_gpus_are_chosen_among_the_visible_ones(
    visible: str | None, cuda_idx: Any, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    set_gpu_from_visibles(cuda_idx)
    assert affinity.rendering.os.environ["CUDA_VISIBLE_DEVICES"] == after


@pytest.mark.parametrize(
    ("visible", "cuda_idx", "message"),
    [
        ("4,5", 2, "no GPU 2: CUDA_VISIBLE_DEVICES is '4,5'"),
        ("4,5", -1, "no GPU -1"),
        ("", 0, "no GPU 0: CUDA_VISIBLE_DEVICES is ''"),
        ("4,5", [0, 0], "names a GPU twice"),
        ("4,5", None, "cuda_idx is None"),
        ("4,5", "0", "cuda_idx is '0'"),
    ],
)
def test_a_gpu_that_is_not_visible_is_refused(
    visible: str, cuda_idx: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(AffinityError, match=re.escape(message)):
        set_gpu_from_visibles(cuda_idx)


def test_affinities_of_two_modes_do_not_combine() -> None:
    with_gpu: Any = affinity_from_code("0slt_2cpu_2gpu")
    without: Any = affinity_from_code("0slt_2cpu_0gpu_1cpr")
    with pytest.raises(AffinityError, match="of two modes"):
        combine_affinity([with_gpu, without])
    with pytest.raises(AffinityError, match="as a list"):
        combine_affinity([])


def test_a_code_becomes_the_slots_of_the_scheduler() -> None:
    slots, notes = slots_of_code(smt(4, gpus=2), "4cpu_2gpu_2cxg", most=3)
    assert [slot.cpus for slot in slots] == [(0, 4), (2, 6), (1, 5)]
    assert [slot.cores for slot in slots] == [(0,), (2,), (1,)]
    assert [[gpu.uuid for gpu in slot.gpus] for slot in slots] == [["GPU-0"], ["GPU-1"], ["GPU-0"]]
    assert slots[1].environment()["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    assert (slots[0].threads, notes) == (1, [])


def test_the_seeds_scripts_see_all_gpus_and_choose_by_themselves() -> None:
    (slot, _), notes = slots_of_code(smt(4, gpus=2), "4cpu_2gpu", 9, INHERITED)
    assert "CUDA_VISIBLE_DEVICES" not in slot.environment()
    assert slot.environment()["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert [gpu.index for gpu in slot.gpus] == [0], "other sweeps are kept from it"
    _, notes = slots_of_code(smt(4), "4cpu_2gpu", 9, INHERITED)
    assert notes == ["GPU 0-1 of 4cpu_2gpu cannot be seen here"]


def test_a_code_of_another_machine_is_refused() -> None:
    with pytest.raises(AffinityError, match="names the CPUs 0-7, but this process may use 0-3"):
        slots_of_code(machine([(0,), (1,), (2,), (3,)]), "8cpu_0gpu_1cpr_0hto", 9)
    with pytest.raises(AffinityError, match="names GPU 1, but this process may use 1"):
        slots_of_code(smt(4, gpus=1), "4cpu_2gpu", 9)
    slots, notes = slots_of_code(machine([(0,), (1,)]), "2cpu_0gpu_1cpr", 9)
    assert [slot.cpus for slot in slots] == [(0,), (1,)]
    assert "names hyperthreads that are not here, 2-3; 0hto" in notes[0]
    (slot,), _ = slots_of_code(machine([(0,)]), "8cpu_0gpu_8cpr_0saf", 9)
    assert (slot.cpus, slot.cores, slot.threads) == ((), (), 8), "0saf binds nothing"


@pytest.mark.parametrize(
    ("code", "last_run", "waste"),
    [
        (
            "36cpu_3gpu_0hto_1ass_1sgr",
            [0, 1],
            "GPU 2 of 36cpu_3gpu_0hto_1ass_1sgr will idle: gpu_per_run=2 would use all",
        ),
        ("56cpu_4gpu_2cpw_0hto_1ass_1sgr", [2, 3], "2 of 56 cores .*: cpu_per_worker=1 would use"),
        ("3cpu_3gpu_2gpr", [0, 1], "GPU 2 and 1 of 3 cores .*: gpu_per_run=3 would use all"),
        ("9cpu_2gpu_0hto_1ass", [1], "1 of 9 cores .*: sample_gpu_per_run=1 would use all"),
        ("17cpu_2gpu_0hto_1ass_1oss", [1], "n_cpu_core=16 names only what is used"),
        ("16cpu_8gpu_3gpr_0hto_2skt_2cpw", [3, 4, 5], "GPU 6-7 and 4 of 16 cores"),
    ],
)
def test_hardware_that_idles_is_told_with_what_would_use_it(
    code: str, last_run: list[int], waste: str
) -> None:
    slot = get_n_run_slots(code) - 1
    with pytest.warns(UserWarning, match=waste):
        run: Any = affinity_from_code(prepend_run_slot(slot, code))
    shares = run if isinstance(run, list) else run.optimizer
    sampler = [] if isinstance(run, list) else run.sampler
    shares = shares + (sampler if isinstance(sampler, list) else [])
    assert sorted({share["cuda_idx"] for share in shares}) == last_run


def test_what_idles_is_told_once_for_all_runs() -> None:
    _, notes = slots_of_code(smt(3, gpus=3), "3cpu_3gpu_2gpr", 9, INHERITED)
    assert len(notes) == 1
    assert notes[0].startswith("GPU 2 and 1 of 3 cores of 3cpu_3gpu_2gpr will idle")


def test_rlpyts_optimizers_are_told_their_threads() -> None:
    run: Any = affinity_from_code("0slt_8cpu_2gpu_3res_1ass_1sgr")
    (optimizer,) = run.optimizer
    for one in (optimizer, optimizer.copy(), copy.deepcopy(optimizer), run.copy().optimizer[0]):
        assert one["torch_threads"] == 3
    assert pickle.loads(pickle.dumps(optimizer))["torch_threads"] == 3
    assert list(optimizer) == ["cpus", "cuda_idx", "set_affinity"], "as the original's"
    with pytest.raises(KeyError, match="no 'torch_thread' here"):
        optimizer["torch_thread"]
