import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from exptools.logging.media.store import MediaRecord
from exptools.logging.run_logger import Logger
from exptools.rundir import MEDIA_INDEX


@pytest.fixture
def logger():
    logger = Logger()
    yield logger
    logger.close()


@pytest.fixture
def read_events():
    """Tag → [(step, value), …], as TensorBoard reads them from a run directory."""

    def read(directory: Path) -> dict[str, list[tuple[int, float]]]:
        events = EventAccumulator(str(directory), size_guidance={"scalars": 0})
        events.Reload()
        return {
            tag: [(event.step, event.value) for event in events.Scalars(tag)]
            for tag in events.Tags()["scalars"]
        }

    return read


@pytest.fixture
def read_index():
    """What a run's media index says, in the order in which it was logged."""

    def read(directory: Path) -> list[MediaRecord]:
        index = directory / MEDIA_INDEX
        lines = index.read_text(encoding="utf-8").splitlines() if index.exists() else ()
        return [MediaRecord(**json.loads(line)) for line in lines if line.endswith("}")]

    return read


@pytest.fixture
def run_python(tmp_path):
    """Run a script in a fresh process, in a directory whose name has a space."""
    home = tmp_path / "my project"
    home.mkdir()

    def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (home / "train.py").write_text(code, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "train.py", *arguments],
            cwd=home,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    run.home = home
    return run


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    done = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout.strip()
