"""Several sweeps on one machine, of two users where we may start another's: judged by order."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.conftest import ROOT, SWEEP, App, line_with, until

pytestmark = pytest.mark.slow

# Another user, who may read what belongs to us (the interpreter, perhaps) but not write there.
NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)
ALL_CORES = len(os.sched_getaffinity(0))

# A job writes its name, and ends when it may.
TAKES_TURNS = """
    from pathlib import Path
    with open("order", "a") as order:
        order.write(f"{cfg.name}{cfg.x}\\n")
    deadline = time.monotonic() + 60
    while not (Path(f"go-{cfg.name}{cfg.x}").exists() or Path("go").exists()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app in a directory into which all users may write, as into that of the leases."""
    top = Path(tempfile.mkdtemp())
    monkeypatch.setenv("EXPTOOLS_LEASES", str(top / "leases"))
    app = App(top / "it's a dir ü", TAKES_TURNS)
    (app.directory / "order").touch()
    for path, mode in ((top, 0o755), (app.directory, 0o777), (app.directory / "order", 0o666)):
        path.chmod(mode)
    (top / "leases").mkdir()
    (top / "leases").chmod(0o1777)
    yield app
    shutil.rmtree(top)


@pytest.fixture
def start(app: App) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a sweep whose jobs take all cores; what still runs at the end is killed."""
    sweeps: list[subprocess.Popen[str]] = []

    def sweep(name: str, *overrides: str, user: Sequence[str] = ()) -> subprocess.Popen[str]:
        options = (f"+name={name}", f"hydra.sweep.dir={name}", *overrides)
        sweeps.append(
            subprocess.Popen(
                [*user, sys.executable, *app.command, *SWEEP, *options],
                cwd=app.directory,
                env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return sweeps[-1]

    yield sweep
    for process in sweeps:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def other_user() -> Sequence[str]:
    """What starts a command as another user, where we may do that; else nothing."""
    if os.getuid() != 0 or not shutil.which("setpriv"):
        return ()
    command = [*NOBODY, sys.executable, "-c", "import hydra, exptools"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    return NOBODY if done.returncode == 0 else ()


def order(app: App) -> list[str]:
    """The jobs in the order of their starts."""
    return (app.directory / "order").read_text().split()


def test_a_waiting_sweep_starts_after_one_job_of_the_first_though_another_waiter_died(
    app: App, start: Callable[..., subprocess.Popen[str]], other_user: Sequence[str]
) -> None:
    all_cores = f"hydra.launcher.cpus_per_job={ALL_CORES}"
    first = start("a", "+x=range(8)", all_cores)
    until(lambda: order(app) == ["a0"])
    killed = start("b", "+x=0", all_cores)
    told = line_with(killed, "waits for")
    assert f"pid {first.pid} (app.py -m " in told
    assert told.endswith(" holds; hydra.launcher.pin=false starts at once\n")
    third = start("c", "+x=0,1", all_cores, user=other_user)
    line_with(third, "waits for")
    holds, *waits = who_uses_the_machine()
    assert f"pid {first.pid} (app.py -m " in holds
    assert re.search(r"\) holds cores? [0-9,-]+, since \d\d:\d\d:\d\d \(", holds)
    for sweep, line in zip((killed, third), waits, strict=True):
        assert f"pid {sweep.pid} (app.py -m " in line
        assert f") waits for a slot of {ALL_CORES} core" in line
    killed.kill()
    killed.wait()
    (app.directory / "go-a0").touch()
    turn = line_with(first, f"pid {third.pid} (app.py -m ")
    # Where the other one was quicker than the first looked, it has the cores already.
    assert "waited longer" in turn or turn.endswith(
        " holds; hydra.launcher.pin=false starts at once\n"
    )
    until(lambda: order(app) == ["a0", "c0"])
    (app.directory / "go-c0").touch()
    until(lambda: order(app) == ["a0", "c0", "a1"])
    (app.directory / "go").touch()
    for sweep in (third, first):
        output, _ = sweep.communicate(timeout=60)
        assert sweep.returncode == 0, output
    assert sorted(order(app)) == [*(f"a{n}" for n in range(8)), "c0", "c1"]


def who_uses_the_machine() -> list[str]:
    """What the preview says of those who hold something, and of those who wait."""
    command = [sys.executable, "-m", "exptools.launching.slots"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if " holds " in line or " waits " in line]


def test_who_is_bound_to_no_core_does_not_wait(
    app: App, start: Callable[..., subprocess.Popen[str]]
) -> None:
    start("a", "+x=0", f"hydra.launcher.cpus_per_job={ALL_CORES}")
    until(lambda: order(app) == ["a0"])
    debug = start("b", "+x=0", "hydra.launcher.pin=false")
    until(lambda: order(app) == ["a0", "b0"])
    (app.directory / "go").touch()
    output, _ = debug.communicate(timeout=60)
    assert "waits" not in output
