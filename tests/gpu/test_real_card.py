"""The report on a real GPU, made here of stand-ins for the driver and for CUDA."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, build_stand_in

pytestmark = pytest.mark.slow


@pytest.fixture
def libraries(fake_nvml: str) -> str:
    """A directory for LD_LIBRARY_PATH that has CUDA, too."""
    build_stand_in("cuda.c", Path(fake_nvml) / "libcuda.so.1")
    return fake_nvml


def report(libraries: str, gpus: Path, *parts: str, **environment: str) -> tuple[int, str]:
    """Exit code and text of the report."""
    done = subprocess.run(
        [sys.executable, "tests/gpu/real_card.py", *parts],
        cwd=ROOT,
        env={
            **os.environ,
            "LD_LIBRARY_PATH": libraries,
            "FAKE_NVML_FILE": str(gpus),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def gpus(tmp_path: Path) -> Path:
    file = tmp_path / "gpus.txt"
    file.write_text("gpu 0\ngpu 1 uuid=GPU-beef0000-0000-0000-0000-000000000000\n")
    return file


def test_a_card_that_behaves_as_we_think_differs_in_nothing(libraries: str, gpus: Path) -> None:
    code, text = report(libraries, gpus, CUDA_VISIBLE_DEVICES="1")
    assert code == 0, text
    for seen in (
        "cuda sees this GPU alone by the beginning of the UUID",
        "two jobs with gpus_per_job=0.5 completed",
        "they ran one after the other",
        "as forks of the program",
        "its GPU is this one",
        "NVML names that process by its pid",
        "it ran when the memory was free",
        "s after the job was killed",
        "s after the helper was killed",
        "s after the sweep was killed",
    ):
        assert seen in text
    assert "unseen   how such a script is recognised: CUDA opens no file here" in text


def test_a_card_that_sees_other_gpus_than_it_is_told_differs(libraries: str, gpus: Path) -> None:
    code, text = report(libraries, gpus, "visible", FAKE_CUDA_DEAF="1")
    assert code == 1, text
    assert "DIFFERS  cuda sees this GPU alone by the UUID: ['0000" in text
    assert "DIFFERS  cuda sees none by an empty name" in text


def test_without_a_gpu_there_is_nothing_to_report(libraries: str, tmp_path: Path) -> None:
    none = tmp_path / "none.txt"
    none.touch()
    code, text = report(libraries, none)
    assert code == 2
    assert "there is nothing to report" in text
