"""Ctrl-C: before the first job runs one line, later one line for what never ran and the way on."""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from exptools.launching.launch_signals import LaunchSignals
from exptools.rundir import RETURN_FILE
from tests.conftest import ROOT, SWEEP, App, line_with, until

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], App]


def stopped(process: "subprocess.Popen[str]", signum: signal.Signals) -> str:
    """What a sweep prints from a signal on, once it has ended as it should."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signum)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signum, output
    assert "Traceback" not in output
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    return output


@pytest.mark.parametrize(
    "signum", [pytest.param(signal.SIGINT, marks=pytest.mark.hydra), signal.SIGTERM]
)
def test_a_signal_while_configs_are_composed_ends_with_one_line(
    make_app: MakeApp, signum: signal.Signals
) -> None:
    app = make_app("pass")
    app.insert(
        "import time\n"
        "from hydra._internal.config_loader_impl import ConfigLoaderImpl as Loader\n"
        "load = Loader.load_sweep_config\n"
        "def slow(*arguments):\n"
        "    print('composing', flush=True)\n"
        "    time.sleep(0.05)\n"
        "    return load(*arguments)\n"
        "Loader.load_sweep_config = slow"
    )
    process = app.start(*SWEEP, "+x=range(1000)")
    line_with(process, "composing")
    lines = [line for line in stopped(process, signum).splitlines() if line != "composing"]
    assert lines == [f"exptools: stopped by {signum.name}; no job was running"]
    assert not list(app.out.glob("[0-9]*"))
    app.completes("+x=1", "hydra.launcher.resume=true")


@pytest.mark.parametrize(
    ("start", "waits"), [("warm", (0.0, 0.05, 0.2, 0.5)), ("fresh", (0.1, 0.3))]
)
def test_a_signal_at_any_moment_of_the_launch_ends_without_a_traceback(
    make_app: MakeApp, start: str, waits: tuple[float, ...]
) -> None:
    app = make_app("time.sleep(600)")
    for wait in waits:
        process = app.start(*SWEEP, f"hydra.launcher.start={start}", "+x=1,2")
        until((app.out / ".exptools" / "lock").exists)
        time.sleep(wait)
        output = stopped(process, signal.SIGINT)
        assert "no job was running" in output or "this goes on with the rest" in output
        for path in app.out.glob("*"):
            assert path.name in {".exptools", "multirun.yaml", "0", "1"}
        subprocess.run(["rm", "-r", app.out], check=True)


def test_a_signal_while_the_helper_imports_the_program_ends_with_one_line(
    make_app: MakeApp,
) -> None:
    app = make_app("return SLOW")
    (app.directory / "slow.py").write_text(
        "import os, pathlib, threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
        "if 'AGAIN' in os.environ:\n"
        "    pathlib.Path('importing').touch()\n"
        "    time.sleep(600)\n"
        "os.environ['AGAIN'] = 'yes'\n"
    )
    app.insert("import slow as SLOW")
    process = app.start(*SWEEP, "+x=1")
    until((app.directory / "importing").exists)
    assert "stopped by SIGINT; no job was running" in stopped(process, signal.SIGINT)
    assert not list(app.out.glob("[0-9]*"))


@pytest.mark.hydra
def test_what_never_ran_is_one_line_and_the_command_that_goes_on_works(make_app: MakeApp) -> None:
    app = make_app("if not os.path.exists('go'): time.sleep(600)\nprint(cfg.name)")
    out = 'it\'s "out", or=not'
    quoted = out.replace('"', '\\"')
    process = app.start(
        "-m", "hydra/launcher=exptools", f'hydra.sweep.dir="{quoted}"', "+x=range(40)",
        "+name='a $b'", "hydra.launcher.resume=true",
    )  # fmt: skip
    line_with(process, "▶ running")
    output = stopped(process, signal.SIGINT)
    never = 40 - len(os.sched_getaffinity(0))
    assert output.count("never started") == 1
    assert f"{never} never started" in output or f"{never + 1} never started" in output
    *_, said, command = output.strip().splitlines()
    assert said == "exptools: this goes on with the rest:"
    assert shlex.split(command)[1:3] == ["app.py", "-m"]
    (app.directory / "go").touch()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, shell=True, cwd=app.directory, env=environment, check=True)
    assert len(list((app.directory / out).glob(f"*/{RETURN_FILE}"))) == 40
    assert not (app.directory / "multirun").exists()


def test_fail_fast_says_how_to_go_on_too(make_app: MakeApp) -> None:
    app = make_app("raise ValueError")
    output = app.fails("+x=range(9)", "hydra.launcher.fail_fast=true", "hydra.launcher.jobs=1")
    assert "1 failed  8 never started" in output
    assert "hydra.launcher.resume=out" in output


def test_a_second_signal_ends_it_at_once_and_without_a_traceback(make_app: MakeApp) -> None:
    app = make_app("pass")
    app.insert(
        "import atexit\natexit.register(lambda: (print('leaving', flush=True), time.sleep(600)))"
    )
    process = app.start(*SWEEP, "+x=range(2000)")
    until((app.out / "multirun.yaml").exists)
    process.send_signal(signal.SIGINT)
    line_with(process, "leaving")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, "")


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put back what the test's own process does at signals."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


def test_a_handler_of_the_users_own_stays(handlers: None) -> None:
    caught: list[int] = []
    signal.signal(signal.SIGTERM, lambda signum, frame: caught.append(signum))

    def launch() -> None:
        with LaunchSignals():
            signal.raise_signal(signal.SIGTERM)
            assert caught == [signal.SIGTERM]
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(SystemExit, match="130"):
        launch()


@pytest.mark.hydra
def test_a_signal_amid_a_composition_waits_until_that_is_through(handlers: None) -> None:
    code = "def compose():\n    signal.raise_signal(signal.SIGINT)\n    return 'a config'"
    amid = {"__name__": "omegaconf.base", "signal": signal}
    exec(code, amid)
    signals = LaunchSignals()
    signals.watch()
    assert amid["compose"]() == "a config"
    with pytest.raises(SystemExit, match="130"):
        signals.check()


def test_a_job_has_the_programs_own_handlers(make_app: MakeApp) -> None:
    app = make_app(
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\n"
        "assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL"
    )
    app.completes("+x=1")
    app.completes("+x=1", "hydra.launcher.start=fresh")
