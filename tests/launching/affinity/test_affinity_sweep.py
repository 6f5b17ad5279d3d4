"""``hydra.launcher.affinity``: a code's run slots are the launcher's slots."""

import json
import os
from collections.abc import Callable

import pytest

from tests.conftest import App

pytestmark = pytest.mark.hydra

MakeApp = Callable[[str], App]

# Containers may have other cores than the first two: then nothing is bound.
CODE = "2cpu_2gpu_0hto" + ("" if {0, 1} <= os.sched_getaffinity(0) else "_0saf")

REPORT = """
from exptools.launching import current_slot
report = [
    current_slot().index,
    sorted(os.sched_getaffinity(0)),
    os.environ["CUDA_VISIBLE_DEVICES"],
    os.environ["OMP_NUM_THREADS"],
]
with open(f"{cfg.x}.json", "w") as file:
    json.dump(report, file)
"""


def test_jobs_run_in_the_slots_of_the_code(
    make_app: MakeApp, fake_nvml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    app = make_app(REPORT)
    fake = {"LD_LIBRARY_PATH": fake_nvml, "FAKE_NVML_GPUS": "2"}
    code, output = app.sweep("+x=1,2,3", f"hydra.launcher.affinity={CODE}", **fake)
    assert code == 0, output
    reports = [json.loads((app.directory / f"{x}.json").read_text()) for x in (1, 2, 3)]
    assert {report[0] for report in reports} == {0, 1}
    for slot, cpus, devices, threads in reports:
        assert cpus == [slot] or CODE.endswith("saf")
        assert devices == f"GPU-00000000-0000-0000-0000-00000000000{slot}"
        assert threads == "1"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["affinity=2cpu_0gpu_1cpr", "jobs=1", "pin=false"], "so does hydra.launcher.jobs, "),
        (["affinity=2cpu_0gpu_3cpr"], "not one run fits: each run takes 3 of 2 cores"),
        (["affinity=9999cpu_0gpu_9999cpr_0hto"], "names the CPUs 0-9998, but this process may use"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    make_app: MakeApp, options: list[str], message: str
) -> None:
    app = make_app("pass")
    code, output = app.sweep("+x=1", *(f"hydra.launcher.{option}" for option in options))
    assert code == 1
    assert message in " ".join(output.split())
    assert "Traceback" not in output
