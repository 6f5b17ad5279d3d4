"""Hydra's interface as sweepers, callbacks and tasks know it, in real sweeps of a real app.

For each way to start a job there are three sweeps, which all tests share: one that has Hydra do
much, one that has it do little, and one that fails. Then come Hydra's own tests of a launcher,
which ship in its wheel.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hydra.core.plugins import Plugins
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)

from exptools.launching.jobs.results import read_result
from exptools.rundir import State, read_status
from tests.conftest import SWEEP, App

pytestmark = pytest.mark.hydra

Launches = list[dict[str, Any]]

# Writes down what launch() gave the sweeper, a line a call.
SPY = """
import json, sys, traceback
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus

instantiate = Plugins.instantiate_launcher

def told(job):
    record = dict(overrides=list(job.overrides), status=job.status.name)
    value = job._return_value
    if job.status is JobStatus.COMPLETED:
        return dict(record, value=value, dir=job.working_dir, cfg=dict(job.cfg))
    return dict(
        record,
        value=str(value),
        cause=repr(value.__cause__),
        own=isinstance(value, getattr(sys.modules["__main__"], "Diverged", ())),
        trace="".join(traceback.format_exception(value)),
    )

def spying(self, **options):
    launcher = instantiate(self, **options)
    launch = launcher.launch
    def recording(job_overrides, initial_job_idx):
        returned = launch(job_overrides, initial_job_idx)
        with open("launches.jsonl", "a") as file:
            line = dict(first=initial_job_idx, jobs=[told(job) for job in returned])
            file.write(json.dumps(line, default=str) + "\\n")
        return returned
    launcher.launch = recording
    return launcher

Plugins.instantiate_launcher = spying
"""


# Writes down what the callbacks are told, a line an event, wherever Hydra may have gone.
WITNESS = """
import json, os
from hydra.experimental.callback import Callback

class Witness(Callback):
    def __init__(self, raises=()):
        self.raises = raises
    def saw(self, what, **more):
        with open(os.path.join(os.path.dirname(__file__), "seen.jsonl"), "a") as file:
            file.write(json.dumps(dict(more, what=what, pid=os.getpid())) + "\\n")
        if what in self.raises:
            raise ValueError("the witness fell asleep")
    def on_multirun_start(self, config, **_):
        self.saw("multirun_start")
    def on_multirun_end(self, config, **_):
        self.saw("multirun_end")
    def on_job_start(self, config, *, task_function, **_):
        self.saw("job_start", job=config.hydra.job.num, x=config.x)
    def on_job_end(self, config, job_return, **_):
        self.saw("job_end", job=config.hydra.job.num, status=job_return.status.name)
"""
WITNESSED = "+hydra.callbacks.witness._target_=witness.Witness"

# The later a job stands, the earlier it ends.
TELLS = """
import logging
logging.getLogger("mine").debug("a detail")
told = hydra.core.hydra_config.HydraConfig.get()
open("here", "w")
time.sleep(0.2 * (3 - cfg.x))
return dict(
    tenfold=cfg.x * 10,
    pid=os.getpid(),
    directories=(os.getcwd(), hydra.utils.get_original_cwd()),
    variables=(os.environ.get("LEVEL"), os.environ.get("TOKEN")),
    time=(cfg.get("at"), told.sweep.dir),
    name=(told.job.num, told.job.id),
    input=(sys.stdin.read(), os.path.samestat(os.fstat(0), os.stat(os.devnull))),
)
"""
RAISES = """
import logging
logging.getLogger("mine").debug("a detail")
if cfg.x != 3:
    return cfg.x
try:
    cfg.x / 0
except ZeroDivisionError as error:
    raise Diverged("the loss is nan", cfg.x) from error
"""
DIVERGED = """
class Diverged(Exception):
    def __init__(self, why, at):
        super().__init__(why, at)
    def __str__(self):
        return f"{self.args[0]} at {self.args[1]}"
"""


class Sweep(NamedTuple):
    """A sweep that has ended, and what it left behind."""

    app: App
    pid: int
    code: int
    output: str

    @property
    def out(self) -> Path:
        return self.app.out

    @property
    def launches(self) -> Launches:
        return self.lines("launches.jsonl")

    @property
    def seen(self) -> Launches:
        return self.lines("seen.jsonl")

    def lines(self, name: str) -> Launches:
        return [json.loads(line) for line in (self.app.directory / name).open(encoding="utf-8")]

    def log(self, run: str) -> str:
        return (self.out / run / "output.log").read_text(encoding="utf-8")


def swept(app: App, *overrides: str, **environment: str) -> Sweep:
    (app.directory / "spy.py").write_text(SPY, encoding="utf-8")
    (app.directory / "witness.py").write_text(WITNESS, encoding="utf-8")
    app.insert("import spy")
    process = app.start(*SWEEP, *overrides, **environment)
    output, _ = process.communicate(timeout=120)
    return Sweep(app, process.pid, process.returncode, output)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, start: str) -> Path:
    return tmp_path_factory.mktemp("sweeps") / "it's a dir ü"


NOW = "${now:%H-%M-%S-%f}"


@pytest.fixture(scope="module")
def much(directory: Path, start: str) -> Sweep:
    """Three runs at once, for which Hydra does all that it can be told to."""
    sweep = swept(
        App(directory / "much", TELLS),
        *("+x=1,2,3", f"+at='{NOW}'", f"hydra.sweep.dir='out/{NOW}'"),
        *("hydra.job.chdir=true", "hydra.job.name=mine", "hydra.verbose=mine"),
        *("+hydra.job.env_set.LEVEL='${hydra.job.num}0'", "hydra.job.env_copy=[TOKEN]"),
        *("hydra.launcher.jobs=3", "hydra.launcher.pin=false", WITNESSED, start),
        TOKEN="it's a secret ü",
    )
    assert sweep.code == 0, sweep.output
    return sweep


@pytest.fixture(scope="module")
def little(directory: Path, start: str) -> Sweep:
    """Two runs for which Hydra does as little as possible, and a callback that raises."""
    sweep = swept(
        App(directory / "little", TELLS),
        *("+x=1,2", "+y=c", "hydra.sweep.subdir=${hydra.job.override_dirname}"),
        *("hydra.job.chdir=false", "hydra.output_subdir=null", "hydra.verbose=false"),
        "+hydra.callbacks.witness.raises=[multirun_start,job_start,job_end,multirun_end]",
        *(WITNESSED, start),
    )
    assert sweep.code == 0, sweep.output
    return sweep


@pytest.fixture(scope="module")
def failed(directory: Path, start: str) -> Sweep:
    """Batches of two, of which the second has a failure."""
    app = App(directory / "failed", RAISES)
    app.insert(DIVERGED)
    sweep = swept(
        app,
        *("+x=1,2,3,4,5,6", "hydra.sweeper.max_batch_size=2", "hydra.verbose=true", start),
        HYDRA_FULL_ERROR="1",
    )
    assert sweep.code == 1
    return sweep


def directory_of(sweep: Sweep) -> Path:
    """Where the runs are of a sweep that has its time in its name."""
    (directory,) = sweep.out.iterdir()
    return directory


def returned(runs: list[Path], what: str) -> list[Any]:
    """One of the things that the tasks returned, read from the run directories."""
    results = [read_result(run) for run in runs]
    return [result.value[what] if result else None for result in results]


def of_three(much: Sweep, what: str) -> list[Any]:
    return returned([directory_of(much) / str(job) for job in range(3)], what)


def of_two(little: Sweep, what: str) -> list[Any]:
    return returned([little.out / f"+x={x},+y=c" for x in (1, 2)], what)


def test_each_job_returns_in_the_order_it_was_given_in(much: Sweep) -> None:
    (one,) = much.launches
    time = directory_of(much).name
    at = "+at='${now:%H-%M-%S-%f}'"  # as it was given, and as Hydra's own launcher returns it
    assert one["first"] == 0
    assert [job["overrides"] for job in one["jobs"]] == [[f"+x={x}", at] for x in (1, 2, 3)]
    assert [job["value"]["tenfold"] for job in one["jobs"]] == [10, 20, 30]
    assert [job["status"] for job in one["jobs"]] == ["COMPLETED"] * 3
    assert [job["cfg"] for job in one["jobs"]] == [{"x": x, "at": time} for x in (1, 2, 3)]


def test_a_failed_job_returns_the_users_own_exception_with_its_cause(failed: Sweep) -> None:
    job = failed.launches[1]["jobs"][0]
    assert job["status"] == "FAILED"
    assert job["own"], "it can be caught as what it was raised as"
    assert job["value"] == "the loss is nan at 3"
    assert job["cause"] == "ZeroDivisionError('division by zero')"
    for text in (job["trace"], failed.output, failed.log("2")):
        assert "in main\n" in text
        assert "ZeroDivisionError: division by zero" in text
        assert "The above exception was the direct cause" in text
        assert "Diverged: the loss is nan at 3" in text


def test_batches_go_on_counting_and_end_after_the_one_with_a_failure(failed: Sweep) -> None:
    assert [one["first"] for one in failed.launches] == [0, 2]
    assert [[job["status"] for job in one["jobs"]] for one in failed.launches] == [
        ["COMPLETED", "COMPLETED"],
        ["FAILED", "COMPLETED"],
    ]
    statuses = [read_status(failed.out / str(job)) for job in range(5)]
    assert [status and status.job for status in statuses] == [0, 1, 2, 3, None]
    assert failed.output.count("  slot 0: ") == 1  # the slots are the same, and listed once


def test_the_directory_is_changed_if_hydra_should(much: Sweep) -> None:
    runs = directory_of(much)
    here = str(much.app.directory)
    assert of_three(much, "directories") == [(str(runs / str(job)), here) for job in range(3)]
    assert (runs / "1" / "here").exists()


def test_jobs_stay_in_the_directory_of_the_sweep_otherwise(little: Sweep) -> None:
    assert [one for one, _ in of_two(little, "directories")] == [str(little.app.directory)] * 2


def test_variables_are_set_and_copied_as_hydra_was_told(much: Sweep) -> None:
    secret = "it's a secret ü"
    assert of_three(much, "variables") == [("00", secret), ("10", secret), ("20", secret)]


def test_callbacks_of_others_see_the_sweep_in_the_parent_and_the_jobs_in_theirs(
    much: Sweep,
) -> None:
    events = much.seen
    assert [events[0]["what"], events[-1]["what"]] == ["multirun_start", "multirun_end"]
    assert {events[0]["pid"], events[-1]["pid"]} == {much.pid}
    for job, (pid, x) in enumerate(zip(of_three(much, "pid"), (1, 2, 3), strict=True)):
        began, ended = (one for one in events if one.get("job") == job)
        assert began == {"what": "job_start", "job": job, "x": x, "pid": pid}
        assert ended == {"what": "job_end", "job": job, "status": "COMPLETED", "pid": pid}


def test_a_callback_that_raises_is_a_warning_and_fails_no_job(little: Sweep) -> None:
    assert of_two(little, "tenfold") == [10, 20]
    log = little.log("+x=1,+y=c")
    for event, text in (
        ("multirun_start", little.output),
        ("job_start", log),
        ("job_end", log),
        ("multirun_end", little.output),
    ):
        assert f"Callback Witness.on_{event} raised ValueError: the witness fell asleep" in text


def test_the_time_of_the_sweep_is_the_same_in_all_jobs(much: Sweep) -> None:
    time = directory_of(much).name
    assert set(of_three(much, "time")) == {(time, f"out/{time}")}


def test_jobs_know_their_number_and_id_as_under_hydras_own_launcher(much: Sweep) -> None:
    assert of_three(much, "name") == [(0, "0"), (1, "1"), (2, "2")]


def test_runs_may_be_named_by_their_overrides(little: Sweep) -> None:
    for x in (1, 2):
        status = read_status(little.out / f"+x={x},+y=c")
        assert status is not None
        assert status.state is State.COMPLETED


def test_hydra_writes_no_files_of_its_own_if_it_should_not(little: Sweep) -> None:
    assert of_two(little, "tenfold") == [10, 20]
    assert not list(little.out.glob("*/.hydra"))


def test_verbose_jobs_log_what_they_debug(much: Sweep, little: Sweep, failed: Sweep) -> None:
    named, false, true = directory_of(much).name + "/0", "+x=1,+y=c", "0"
    for sweep, run, shown in ((much, named, True), (failed, true, True), (little, false, False)):
        assert ("a detail" in sweep.log(run)) is shown


def test_a_job_that_reads_its_input_finds_none(much: Sweep) -> None:
    assert of_three(much, "input") == [("", True)] * 3


# Hydra 1.4's suites expect the plugins to be registered before the first fixture saves its state.
Plugins.instance()


@pytest.mark.slow
@pytest.mark.parametrize(("launcher_name", "overrides"), [("exptools", [])])
class TestLauncher(LauncherTestSuite):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("exptools", ["hydra.sweeper.max_batch_size=2"])]
)
class TestBatches(BatchedSweeperTestSuite):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=exptools"])]
)
class TestIntegration(IntegrationTestSuite):
    pass
