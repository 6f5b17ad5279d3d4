"""Real sweeps of a real Hydra app: what is enforced, and what each kind of end leads to."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from exptools.launching.jobs.pickling import NotSent
from exptools.launching.jobs.results import read_result
from exptools.run_values import read_values, summary_path
from exptools.rundir import State, Status, read_status
from tests.conftest import SWEEP, App, line_with, until

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], App]


REPORT = """
from threadpoolctl import threadpool_info
import numpy
numpy.ones((9, 9)) @ numpy.ones((9, 9))
report = dict(
    cpus=sorted(os.sched_getaffinity(0)),
    environment=dict(os.environ),
    threads=[pool["num_threads"] for pool in threadpool_info()],
    pid=os.getpid(),
    native_threads=len(os.listdir("/proc/self/task")),
)
with open(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir + "/report.json", "w") as f:
    json.dump(report, f)
"""

ENDS = """
if cfg.end == "raise":
    raise ValueError("bad lr")
if cfg.end == "exit":
    os._exit(3)
if cfg.end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if cfg.end == "left":
    sys.exit(0)
if cfg.end == "unpicklable":
    return (number for number in range(3))
"""


def status(app: App, job: int) -> Status:
    run_status = read_status(app.out / str(job))
    assert run_status is not None
    return run_status


def reports(app: App, jobs: int) -> list[dict[str, Any]]:
    return [json.loads((app.out / str(job) / "report.json").read_text()) for job in range(jobs)]


def test_jobs_are_pinned_to_cores_of_their_slot_and_their_libraries_know(
    make_app: MakeApp, start: str
) -> None:
    app = make_app(REPORT)
    output = app.completes("+x=1,2", start, OMP_NUM_THREADS="", MKL_NUM_THREADS="5")
    first, second = reports(app, 2)
    assert first["pid"] != second["pid"]
    cores = len(os.sched_getaffinity(0))
    if cores > 1:
        assert not set(first["cpus"]) & set(second["cpus"])
    for job, report in enumerate((first, second)):
        assert status(app, job).cpus
        threads = int(report["environment"]["OPENBLAS_NUM_THREADS"])
        assert report["threads"] == [threads] * len(report["threads"])
        assert report["environment"]["MKL_NUM_THREADS"] == "5", "the user's own setting wins"
    assert "MKL_NUM_THREADS=5 is set by you and stays so in the jobs" in output


@pytest.mark.hydra
def test_one_jobs_bad_end_leaves_the_others_running(make_app: MakeApp, start: str) -> None:
    app = make_app(ENDS)
    output = app.fails("+end=raise,exit,kill,left,unpicklable,well", start)
    states = [status(app, job).state for job in range(6)]
    assert states == [State.FAILED, State.FAILED, State.KILLED, *[State.COMPLETED] * 3]
    assert [status(app, job).error for job in range(3)] == [
        "ValueError: bad lr",
        "exited with code 3 before it returned",
        "killed by SIGKILL before it returned",
    ]
    assert status(app, 1).exit_code == 3
    assert status(app, 2).signal == "SIGKILL"
    table = output[output.index("what happened") :]
    for job in range(3):
        assert f"out/{job}/output.log" in table
    assert "3 completed" in table
    assert "job 4 completed, but the whole (generator) of its return value cannot be sent" in output


@pytest.mark.hydra
def test_what_a_job_prints_is_in_its_log_the_traceback_too(make_app: MakeApp, start: str) -> None:
    app = make_app("print('héllo', flush=False)\nos.system('echo from C')\nraise KeyError('x')")
    _, output = app.sweep(start)
    assert "in main\n" in output, "Hydra shows the user's own traceback"
    assert "KeyError: 'x'" in output
    log = (app.out / "0" / "output.log").read_text(encoding="utf-8")
    assert "héllo" in log
    assert "from C" in log
    assert "KeyError: 'x'" in log
    assert "Traceback" in log


@pytest.mark.hydra
def test_a_job_that_died_is_told_in_one_sentence_without_a_traceback(make_app: MakeApp) -> None:
    _, output = make_app("os._exit(3)").sweep("+x=1")
    assert "job 0 (+x=1) exited with code 3 before it returned; its output is in" in output
    assert "Traceback" not in output


SLEEPS_AND_FORKS = """
if cfg.stubborn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("signum", "start"),
    [
        pytest.param(signal.SIGINT, "warm", marks=pytest.mark.hydra),
        (signal.SIGINT, "fresh"),
        (signal.SIGTERM, "warm"),
        (signal.SIGHUP, "warm"),
    ],
)
def test_a_signal_stops_the_sweep_and_leaves_no_process(
    make_app: MakeApp, signum: signal.Signals, start: str
) -> None:
    app = make_app(SLEEPS_AND_FORKS)
    # One stubborn job and, with one slot a core, at least one that never starts.
    waiting = len(os.sched_getaffinity(0)) + 1
    stubborn = f"+stubborn=true,{','.join(['false'] * waiting)}"
    process = app.start(*SWEEP, f"hydra.launcher.start={start}", stubborn, "hydra.launcher.grace=1")
    for _ in range(min(2, waiting)):
        line_with(process, "▶ running")
    parent = psutil.Process(process.pid)
    until(lambda: len(parent.children(recursive=True)) >= 6)
    family = parent.children(recursive=True)
    process.send_signal(signum)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert "Traceback" not in output
    states = {status(app, job).state for job in range(waiting + 1)}
    assert states == {State.INTERRUPTED}
    assert status(app, waiting).error == "never started"


def test_when_the_parent_is_killed_nothing_of_the_sweep_is_left(
    make_app: MakeApp, start: str
) -> None:
    app = make_app("subprocess.Popen([sys.executable, '-c', 'input()'])\ntime.sleep(600)")
    many = len(os.sched_getaffinity(0)) + 1
    process = app.start(*SWEEP, start, f"+x=range({many})")
    for _ in range(many - 1):
        line_with(process, "▶ running")
    until((app.out / "0" / ".hydra").exists)  # until the job has asked to die with us
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive
    assert status(app, 0).state is State.INTERRUPTED
    assert status(app, many - 1).state is State.QUEUED
    assert status(app, many - 1).observed is State.INTERRUPTED


@pytest.mark.hydra
def test_two_jobs_that_would_share_a_directory_are_refused_before_anything_starts(
    make_app: MakeApp,
) -> None:
    app = make_app("pass")
    output = app.fails("+x=1,2", "hydra.sweep.subdir=same")
    assert "jobs 0 (+x=1) and 1 (+x=2) would both write into" in output
    assert "hydra.sweep.subdir='${hydra.job.num}'" in output
    assert "Traceback" not in output
    assert not (app.out / "same").exists()


@pytest.mark.hydra
def test_a_sweep_directory_that_cannot_be_written_is_told_in_one_sentence(
    make_app: MakeApp,
) -> None:
    app = make_app("pass")
    app.out.write_text("a file where the directory should be")
    output = app.fails("+x=1,2")
    assert "the sweep directory out cannot be written" in output
    assert "Traceback" not in output


def test_a_run_directory_that_cannot_be_used_fails_its_job_alone(make_app: MakeApp) -> None:
    app = make_app("pass")
    (app.out / "1" / "output.log").mkdir(parents=True)
    (app.out / "0").write_text("in the way")
    output = app.fails("+x=1,2,3")
    assert output.count("could not be started") >= 2
    assert status(app, 1).state is State.FAILED
    assert "could not be started" in (status(app, 1).error or "")
    assert status(app, 2).state is State.COMPLETED


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(
            "+hydra.launcher.job=2",
            "hydra.launcher.job is no option.*did you mean 'jobs'?",
            marks=pytest.mark.hydra,
        ),
        ("hydra.launcher.n_jobs=2", "hydra.launcher.n_jobs is no option.*did you mean 'jobs'?"),
        ("hydra.launcher.jobs=9999", "jobs=9999 does not fit this machine"),
        (
            "hydra.launcher.affinity=2cpu_0gpu_1cpr hydra.launcher.jobs=1",
            "affinity=2cpu_0gpu_1cpr says how .* and so does hydra.launcher.jobs: leave one",
        ),
    ],
)
def test_a_bad_option_is_told_without_a_traceback_and_leaves_no_directory(
    make_app: MakeApp, options: str, told: str
) -> None:
    app = make_app("pass")
    output = app.fails("hydra/callbacks=exptools", *options.split())
    assert "Traceback" not in output
    assert re.search(told, " ".join(output.split()))
    assert not app.out.exists()


def test_a_task_that_can_neither_be_sent_nor_made_again_is_told_in_one_sentence(
    make_app: MakeApp,
) -> None:
    app = make_app("pass")
    app.command = ["-c", "exec(open('app.py').read())"]  # no file that a job could run
    app.insert(
        "import threading\n"
        "def locked(task):\n"
        "    lock = threading.Lock()\n"
        "    return lambda cfg: (lock, task(cfg))"
    )
    path = app.directory / "app.py"
    path.write_text(path.read_text("utf-8").replace("def main", "@locked\ndef main"), "utf-8")
    output = app.fails("hydra.launcher.start=fresh")
    assert "cannot be sent to the jobs' processes: cannot pickle '_thread.lock'" in output
    assert "Traceback" not in output


UNREADABLE = """
class Trap:
    def __reduce__(self):
        return sys.exit, (3,)

return Trap() if cfg.x else {"loss": 0.1, "trainer": [LOCK]}
"""


def test_the_number_that_a_job_returns_is_its_result_and_another_programs_file_its_own(
    make_app: MakeApp,
) -> None:
    app = make_app(
        """
        if cfg.get("fails"):
            raise RuntimeError
        if cfg.n == 1:
            directory = hydra.core.hydra_config.HydraConfig.get().runtime.output_dir
            with open(directory + "/summary.json", "w") as file:
                file.write("[1, 2]")
        if cfg.n == 2:
            from exptools import logger
            logger.summary("result", 7)
        return {0: (0.5, 1), 1: 0.25, 2: 0.75, 3: "0.5"}[cfg.n]
        """
    )
    app.completes("+n=0,1,2,3")
    found = [read_values(summary_path(app.out / str(n))) for n in range(4)]
    assert [said and said.values for said in found] == [
        {"result/0": 0.5, "result/1": 1}, {"result": 0.25}, {"result": 7}, None,
    ]  # fmt: skip
    assert (app.out / "1" / "summary.json").read_text() == "[1, 2]"
    app.fails("+n=0", "+fails=true")
    assert read_values(summary_path(app.out / "0")).values == {}  # it did not return this time


def test_a_job_is_completed_whatever_becomes_of_its_return_value(
    make_app: MakeApp, start: str
) -> None:
    app = make_app(UNREADABLE)
    app.insert("import threading\nLOCK = threading.Lock()")
    output = app.completes("+x=0,1", start)
    assert "job 0 completed (and so did 1 more), but ['trainer'][0] (lock) of its" in output
    partly, unreadable = (read_result(app.out / job) for job in "01")
    assert partly is not None
    assert partly.value["loss"] == 0.1
    assert isinstance(partly.value["trainer"][0], NotSent)
    assert unreadable is not None
    assert isinstance(unreadable.value, NotSent)


@pytest.mark.hydra
def test_the_plugin_scan_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from hydra.core.plugins import Plugins; Plugins.instance();"
        "assert 'hydra_plugins.exptools_launcher.launcher' in sys.modules;"
        "print({'rich', 'psutil', 'pynvml', 'numpy', 'tensorboard', 'cloudpickle', 'dash'}"
        " & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.strip() == "set()"


def test_a_job_that_runs_too_long_is_ended_whether_or_not_it_returns_then_and_the_others_go_on(
    make_app: MakeApp, start: str
) -> None:
    app = make_app(
        "if cfg.x == 'done': return\n"
        "try:\n    time.sleep(600)\n"
        "except KeyboardInterrupt:\n    if cfg.x == 'raises': raise\n    return 1"
    )
    output = app.fails("+x=raises,returns,done", start, "hydra.launcher.timeout=2")
    states = [status(app, job).state for job in range(3)]
    assert states == [State.TIMEOUT, State.TIMEOUT, State.COMPLETED]
    assert "ran longer than timeout=2 s" in output


def test_a_job_that_failed_is_started_again_as_often_as_allowed(make_app: MakeApp) -> None:
    app = make_app(
        "with open('tries', 'a') as f: f.write('x')\nassert len(open('tries').read()) >= cfg.needed"
    )
    app.completes("+needed=3", "hydra.launcher.max_retries=2")
    assert status(app, 0).state is State.COMPLETED
    assert status(app, 0).attempt == 3


def test_with_fail_fast_the_first_failure_ends_the_sweep(make_app: MakeApp) -> None:
    app = make_app("assert cfg.x\ntime.sleep(600)")
    output = app.fails("+x=0,1,2", "hydra.launcher.fail_fast=true", "hydra.launcher.grace=1")
    assert status(app, 0).state is State.FAILED
    assert {status(app, job).state for job in (1, 2)} == {State.INTERRUPTED}
    assert "fail_fast is set" in output


def test_a_job_that_asks_should_stop_ends_in_its_own_way(make_app: MakeApp, start: str) -> None:
    app = make_app(
        "import exptools\n"
        "exptools.should_stop()\n"
        "print('ready', flush=True)\n"
        "while not exptools.should_stop(): time.sleep(0.01)\n"
        "open('saved', 'w')\n"
    )
    process = app.start(*SWEEP, start)
    log = app.out / "0" / "output.log"
    until(lambda: log.exists() and "ready" in log.read_text())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert (app.directory / "saved").exists()
    assert status(app, 0).state is State.INTERRUPTED
    assert status(app, 0).error == "returned early, as it was asked to"


def test_unseeded_jobs_draw_different_numbers(make_app: MakeApp, start: str) -> None:
    app = make_app("import random\nreturn random.random(), NUMPY.random.random()")
    app.insert("import numpy as NUMPY")
    app.completes("+x=1,2,3", start)
    drawn = [read_result(app.out / str(job)) for job in range(3)]
    pythons, numpys = zip(*(result.value for result in drawn if result), strict=True)
    assert len(set(pythons)) == len(set(numpys)) == 3


def test_a_module_that_leaves_a_thread_makes_jobs_start_fresh(make_app: MakeApp) -> None:
    app = make_app("MODULE.event.wait(0)\nprint('ran')")
    (app.directory / "threaded.py").write_text(
        "import threading\n"
        "event = threading.Event()\n"
        "threading.Thread(target=event.wait, daemon=True).start()\n"
    )
    app.insert("import threaded as MODULE")
    output = app.completes("+x=1")
    assert "under the script's guard, for a thread runs (Thread-1 (wait))" in output


def test_pools_of_a_library_that_the_helper_has_loaded_are_resized_and_start_no_thread_in_the_job(
    make_app: MakeApp,
) -> None:
    app = make_app(REPORT)
    app.insert("import numpy")
    app.completes("+x=1", "hydra.launcher.jobs=1", OMP_NUM_THREADS="")
    (report,) = reports(app, 1)
    threads = int(report["environment"]["OPENBLAS_NUM_THREADS"])
    assert threads == len(os.sched_getaffinity(0)) or threads * 2 == len(os.sched_getaffinity(0))
    assert report["threads"] == [threads]
    assert report["native_threads"] == 1


def test_a_full_disk_is_told_as_such(make_app: MakeApp, start: str) -> None:
    app = make_app(
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    )
    output = app.fails("+x=1", start)
    assert "its result could not be written to its directory: is the disk full?" in output


@pytest.mark.hydra
def test_what_a_batch_promises_is_said_before_the_start(make_app: MakeApp) -> None:
    app = make_app("assert cfg.x")
    output = app.fails("+x=1,0,1", "hydra.sweeper.max_batch_size=2")
    said = "with max_batch_size=2, Hydra stops after a batch in which a job failed"
    assert output.count(said) == 1
    assert output.index(said) < output.index("▶ running")
    assert not (app.out / "2").exists()


# Each end of an odd job, and what its status says of it.
ODD_ENDS = {
    "sys.exit(-9)": "exited with code 247 before it returned",
    "sys.exit('no data')": "SystemExit: no data",
    "raise BaseException('odd')": "BaseException: odd",
    "class Bad(Exception):\n    def __str__(self): return 1/0\nraise Bad": "Bad",
    "raise ValueError('\\udcff')": "ValueError: ?",
    "cfg.y": "ConfigAttributeError: Key 'y' is not in struct",
    "os.closerange(0, 99)\nraise ValueError('mute')": "ValueError: mute",
    "class Odd(Exception):\n"
    "    def __init__(self, a, b): super().__init__(f'{a}{b}')\n"
    "raise Odd(1, 2)": "12",
}


def test_odd_ends_are_told_and_harm_nobody_else(make_app: MakeApp, start: str) -> None:
    ends = [
        f"if cfg.x == {number}:\n{textwrap.indent(end, '    ')}"
        for number, end in enumerate(ODD_ENDS)
    ]
    app = make_app("\n".join(ends))
    output = app.fails(f"+x=range({len(ends) + 1})", start)
    for number, (end, error) in enumerate(ODD_ENDS.items()):
        assert status(app, number).state is State.FAILED, output
        assert error in (status(app, number).error or ""), end
    assert status(app, len(ends)).state is State.COMPLETED, output  # after all of them


def test_a_sweep_goes_on_when_nobody_reads_its_output(make_app: MakeApp) -> None:
    app = make_app("time.sleep(0.2)")
    process = app.start(*SWEEP, "+x=range(6)")
    line_with(process, "▶ running")
    assert process.stdout is not None
    process.stdout.close()
    process.wait(timeout=60)
    assert {status(app, job).state for job in range(6)} == {State.COMPLETED}


def test_a_terminal_without_our_signs_gets_others(make_app: MakeApp) -> None:
    output = make_app("pass").completes("+x=1", PYTHONIOENCODING="ascii")
    assert "? completed" in output


def test_a_sweep_inside_a_job_uses_the_jobs_own_slot(make_app: MakeApp) -> None:
    app = make_app(
        "if cfg.get('inner'): return\n"
        "subprocess.run([sys.executable, 'app.py', '-m', '+inner=1,2', 'hydra/launcher=exptools',"
        " f'hydra.sweep.dir=inner{cfg.x}'], check=True, timeout=60)"
    )
    app.completes("+x=1,2")
    assert len(list(app.directory.glob("inner*/*/.exptools/status.json"))) == 4


def test_ignored_child_signals_do_not_hang_a_sweep(make_app: MakeApp, start: str) -> None:
    app = make_app("pass")
    app.insert("import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)")
    app.sweep("+x=1,2", start)
    assert status(app, 1).state is State.COMPLETED


@pytest.mark.hydra
def test_a_program_may_sweep_again_in_the_same_directory(make_app: MakeApp, start: str) -> None:
    app = make_app("print('again')")
    app.insert("import psutil")
    path = app.directory / "app.py"
    again = "main()\n    main()\n    print(len(psutil.Process().children()), 'child')\n"
    path.write_text(path.read_text("utf-8").replace("    main()\n", f"    {again}"), "utf-8")
    assert "1 child\n" in app.completes("+x=1", start)


def test_a_machine_without_room_for_a_process_is_told_in_one_sentence(make_app: MakeApp) -> None:
    app = make_app("pass")
    app.insert("""
import errno
def refuse(*arguments, **options):
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
os.fork = refuse
subprocess.Popen = refuse
""")
    output = app.fails("+x=1")
    assert "no process can be started for the jobs: Resource temporarily unavailable" in output
    assert "Traceback" not in output
