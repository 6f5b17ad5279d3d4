import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

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


class TensorBoardPage:
    """What a running TensorBoard answers over HTTP."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, query: str) -> Any:
        with urllib.request.urlopen(self._address + query, timeout=60) as answer:
            return json.load(answer)

    def points(self, tag: str, run: str = ".", count: int = 1) -> list[tuple[int, float]]:
        """The points of a scalar, as soon as the server has read so many."""
        query = urllib.parse.urlencode({"run": run, "tag": tag})
        deadline = time.monotonic() + 60
        points: list[Any] = []
        while len(points) < count and time.monotonic() < deadline:
            time.sleep(0.05)  # it reads meanwhile; there is no other way to learn how far it is
            with suppress(urllib.error.HTTPError):  # until it knows the run
                points = self.ask(f"data/plugin/scalars/scalars?{query}")
        return [(step, value) for _, step, value in points]

    def runs(self) -> list[str]:
        return sorted(self.ask("data/runs"))


@pytest.fixture
def tensorboard():
    """Serve a directory as a user does, and ask TensorBoard's page what it shows."""

    @contextmanager
    def serve(directory: Path, *options: str) -> Iterator[TensorBoardPage]:
        command = [
            *(sys.executable, "-m", "tensorboard.main", "--port=0", f"--logdir={directory}"),
            *("--samples_per_plugin=scalars=100000,text=1000", *options),
        ]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            try:
                said = []
                while "(Press CTRL+C to quit)" not in (line := server.stderr.readline()):
                    assert line, f"TensorBoard did not start: {said}"
                    said.append(line)
                is_fast = "fast data loading" in "".join(said)
                assert is_fast == ("--load_fast=false" not in options)
                (address,) = re.findall(r"http://\S+", line)
                yield TensorBoardPage(address)
            finally:
                server.terminate()
                # While a pipe is there for its last words: without one they are an error to it,
                # which it survives if it is about to serve somebody.
                server.communicate(timeout=60)

    return serve


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
