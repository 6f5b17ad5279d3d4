"""Fixtures that several rooms use: a Hydra app in a directory with an awkward name, fake GPUs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORACLE = ROOT.parent / "shared" / "oracle"  # golden data, where there is some


class App:
    """A Hydra app on disk that tests run as a user would: in a process of its own."""

    def __init__(self, directory: Path, task: str) -> None:
        self.directory = directory
        self.command = ["app.py"]
        self.before: Sequence[str] = ()  # what starts the process, as another user for example
        directory.mkdir(parents=True)
        body = textwrap.indent(textwrap.dedent(task).strip(), "    ")
        (directory / "app.py").write_text(
            "import json, os, signal, subprocess, sys, time\nimport hydra\n\n"
            '@hydra.main(version_base="1.3", config_path=None)\n'
            f'def main(cfg):\n{body}\n\nif __name__ == "__main__":\n    main()\n',
            encoding="utf-8",
        )

    def insert(self, line: str) -> None:
        """Add a line to the app's module, after its imports."""
        path = self.directory / "app.py"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("import hydra\n", f"import hydra\n{line}\n", 1), "utf-8")

    def start(self, *overrides: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.before, sys.executable, *self.command, *overrides],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def run(self, *overrides: str, **environment: str) -> tuple[int, str]:
        """Run to the end: exit code, and all that it printed."""
        process = self.start(*overrides, **environment)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def sweep(self, *overrides: str, **environment: str) -> tuple[int, str]:
        """Run a sweep into ``self.directory / "out"`` under our launcher."""
        return self.run(*SWEEP, *overrides, **environment)

    def completes(self, *overrides: str, **environment: str) -> str:
        """Run a sweep of which every job should complete; all that it printed."""
        code, output = self.sweep(*overrides, **environment)
        assert code == 0, output
        return output

    def fails(self, *overrides: str, **environment: str) -> str:
        """Run a sweep that should end with an error; all that it printed."""
        code, output = self.sweep(*overrides, **environment)
        assert code == 1, output
        return output

    @property
    def out(self) -> Path:
        return self.directory / "out"


SWEEP = ("-m", "hydra/launcher=exptools", "hydra.sweep.dir=out")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only tests marked hydra run, import no file without one: imports take most of a run."""
    if config.option.markexpr != "hydra":
        return None
    files = [collection_path]
    if collection_path.is_dir():
        files = list(collection_path.rglob("test_*.py"))
    elif not collection_path.match("test_*.py"):
        return None
    return None if any("mark.hydra" in file.read_text("utf-8") for file in files) else True


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[[str], App]:
    return lambda task: App(tmp_path / "it's a dir ü", task)


@pytest.fixture(scope="session", params=["warm", "fresh"])
def start(request: pytest.FixtureRequest) -> str:
    """Each way to start a job, as an override."""
    return f"hydra.launcher.start={request.param}"


def line_with(process: subprocess.Popen[str], part: str) -> str:
    """The next line of a process's output that has a part; waits for it."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if part in line:
            return line
    pytest.fail(f"{part!r} never came:\n{''.join(lines)}")


def until(condition: Callable[[], object]) -> None:
    """Wait for what another process or thread will do."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


# One of each for all tests, as directories without end take their time: sweeps that have ended
# leave no lease, and what the viewer remembers stands under the names of the runs' directories.
@pytest.fixture(scope="session", autouse=True)
def own_leases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests' sweeps from waiting for those of whoever else uses this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPTOOLS_LEASES", str(tmp_path_factory.mktemp("leases")))
        yield


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the viewer remembers of the tests' runs out of the user's own directories."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session", autouse=True)
def heeded_signals() -> None:
    """Let signals reach the tests' processes, though ours is run with nohup or behind a shell's &.

    What is ignored here is ignored in all processes that the tests start.
    """
    defaults = {signal.SIGINT: signal.default_int_handler}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, defaults.get(number, signal.SIG_DFL))


@pytest.fixture(scope="session")
def fake_nvml(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A directory for LD_LIBRARY_PATH in which pynvml finds our stand-in driver."""
    directory = tmp_path_factory.mktemp("nvml")
    build_stand_in("nvml.c", directory / "libnvidia-ml.so.1")
    return str(directory)


def build_stand_in(source: str, library: Path) -> None:
    """Compile a file of tests/gpu to the library that it stands in for."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "the stand-in for NVML needs a C compiler: apt-get install gcc libc6-dev"
    soname, file = f"-Wl,-soname,{library.name}", Path(__file__).parent / "gpu" / source
    subprocess.run([compiler, "-shared", "-fPIC", soname, "-o", library, file], check=True)
