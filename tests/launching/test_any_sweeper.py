"""Hydra's interface as sweepers, callbacks and tasks know it, in real sweeps of a real app."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from exptools.launching.jobs.outcomes import read_result
from exptools.rundir import State, read_status
from tests.conftest import App

MakeApp = Callable[[str], App]
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


@pytest.fixture(params=["warm", "fresh"])
def start(request: pytest.FixtureRequest) -> str:
    """Each way to start a job, as an override."""
    return f"hydra.launcher.start={request.param}"


def spied(app: App) -> App:
    (app.directory / "spy.py").write_text(SPY, encoding="utf-8")
    app.insert("import spy")
    return app


def launches(app: App) -> Launches:
    return [json.loads(line) for line in (app.directory / "launches.jsonl").open(encoding="utf-8")]


def values(app: App, jobs: int) -> list[Any]:
    """What the tasks returned, read from the run directories 0, 1, …"""
    results = [read_result(app.out / str(job)) for job in range(jobs)]
    return [result.value.value if result else None for result in results]


def test_each_job_returns_in_the_order_it_was_given_in(make_app: MakeApp, start: str) -> None:
    # The later a job stands, the earlier it ends.
    app = spied(make_app("time.sleep(0.2 * (3 - cfg.x))\nreturn cfg.x * 10"))
    code, output = app.sweep("+x=1,2,3", "hydra.launcher.jobs=3", "hydra.launcher.pin=false", start)
    assert code == 0, output
    ((one),) = launches(app)
    assert one["first"] == 0
    assert [job["overrides"] for job in one["jobs"]] == [["+x=1"], ["+x=2"], ["+x=3"]]
    assert [job["value"] for job in one["jobs"]] == [10, 20, 30]
    assert [job["status"] for job in one["jobs"]] == ["COMPLETED"] * 3
    assert [job["cfg"] for job in one["jobs"]] == [{"x": 1}, {"x": 2}, {"x": 3}]


RAISES = """
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


def test_a_failed_job_returns_the_users_own_exception_with_its_cause(
    make_app: MakeApp, start: str
) -> None:
    app = spied(make_app(RAISES))
    app.insert(DIVERGED)
    code, output = app.sweep("+x=7", start, HYDRA_FULL_ERROR="1")
    assert code == 1
    ((job,),) = (one["jobs"] for one in launches(app))
    assert job["status"] == "FAILED"
    assert job["own"], "it can be caught as what it was raised as"
    assert job["value"] == "the loss is nan at 7"
    assert job["cause"] == "ZeroDivisionError('division by zero')"
    for text in (job["trace"], output, (app.out / "0" / "output.log").read_text()):
        assert "in main\n" in text
        assert "ZeroDivisionError: division by zero" in text
        assert "The above exception was the direct cause" in text
        assert "Diverged: the loss is nan at 7" in text


def test_batches_go_on_counting_and_end_after_the_one_with_a_failure(
    make_app: MakeApp, start: str
) -> None:
    app = spied(make_app("assert cfg.x != 3\nreturn cfg.x"))
    code, _ = app.sweep("+x=1,2,3,4,5,6", "hydra.sweeper.max_batch_size=2", start)
    assert code == 1
    found = launches(app)
    assert [one["first"] for one in found] == [0, 2]
    assert [[job["status"] for job in one["jobs"]] for one in found] == [
        ["COMPLETED", "COMPLETED"],
        ["FAILED", "COMPLETED"],
    ]
    statuses = [read_status(app.out / str(job)) for job in range(5)]
    assert [status and status.job for status in statuses] == [0, 1, 2, 3, None]


def test_the_directory_is_changed_if_hydra_should(make_app: MakeApp, start: str) -> None:
    app = make_app("open('here', 'w')\nreturn os.getcwd(), hydra.utils.get_original_cwd()")
    code, output = app.sweep("+x=1,2", "hydra.job.chdir=true", start)
    assert code == 0, output
    here = str(app.directory)
    assert values(app, 2) == [(str(app.out / "0"), here), (str(app.out / "1"), here)]
    assert (app.out / "1" / "here").exists()


def test_jobs_stay_in_the_directory_of_the_sweep_otherwise(make_app: MakeApp, start: str) -> None:
    app = make_app("return os.getcwd()")
    code, output = app.sweep("+x=1,2", "hydra.job.chdir=false", start)
    assert code == 0, output
    assert values(app, 2) == [str(app.directory)] * 2


def test_variables_are_set_and_copied_as_hydra_was_told(make_app: MakeApp, start: str) -> None:
    app = make_app("return os.environ['LEVEL'], os.environ['TOKEN']")
    code, output = app.sweep(
        "+x=5,6",
        "+hydra.job.env_set.LEVEL='${hydra.job.num}0'",
        "hydra.job.env_copy=[TOKEN]",
        start,
        TOKEN="it's a secret ü",
    )
    assert code == 0, output
    assert values(app, 2) == [("00", "it's a secret ü"), ("10", "it's a secret ü")]


WITNESS = """
import json, os
from hydra.experimental.callback import Callback

class Witness(Callback):
    def __init__(self, raises=()):
        self.raises = raises
    def saw(self, what, **more):
        with open("seen.jsonl", "a") as file:
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


def witnessed(app: App) -> App:
    (app.directory / "witness.py").write_text(WITNESS, encoding="utf-8")
    return app


def seen(app: App) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (app.directory / "seen.jsonl").open(encoding="utf-8")]


def test_callbacks_of_others_see_the_sweep_in_the_parent_and_the_jobs_in_theirs(
    make_app: MakeApp, start: str
) -> None:
    app = witnessed(make_app("return os.getpid()"))
    sweep = app.start(
        "-m", "hydra/launcher=exptools", "hydra.sweep.dir=out", "+x=5,6", WITNESSED, start
    )
    output, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, output
    events = seen(app)
    assert [events[0]["what"], events[-1]["what"]] == ["multirun_start", "multirun_end"]
    assert {events[0]["pid"], events[-1]["pid"]} == {sweep.pid}
    for job, (pid, x) in enumerate(zip(values(app, 2), (5, 6), strict=True)):
        began, ended = (one for one in events if one.get("job") == job)
        assert began == {"what": "job_start", "job": job, "x": x, "pid": pid}
        assert ended == {"what": "job_end", "job": job, "status": "COMPLETED", "pid": pid}


def test_a_callback_that_raises_is_a_warning_and_fails_no_job(
    make_app: MakeApp, start: str
) -> None:
    app = witnessed(make_app("return 1"))
    raises = "+hydra.callbacks.witness.raises=[multirun_start,job_start,job_end,multirun_end]"
    code, output = app.sweep("+x=1,2", WITNESSED, raises, start)
    assert code == 0, output
    assert values(app, 2) == [1, 1]
    log = (app.out / "0" / "output.log").read_text()
    for event, text in (
        ("multirun_start", output),
        ("job_start", log),
        ("job_end", log),
        ("multirun_end", output),
    ):
        assert f"Callback Witness.on_{event} raised ValueError: the witness fell asleep" in text


def test_the_time_of_the_sweep_is_the_same_in_all_jobs(make_app: MakeApp, start: str) -> None:
    app = make_app("return cfg.at, hydra.core.hydra_config.HydraConfig.get().sweep.dir")
    now = "${now:%H-%M-%S-%f}"
    code, output = app.run(
        "-m",
        "hydra/launcher=exptools",
        f"hydra.sweep.dir='out/{now}'",
        f"+at='{now}'",
        "+x=1,2,3",
        start,
    )
    assert code == 0, output
    (directory,) = app.out.iterdir()
    results = [read_result(directory / str(job)) for job in range(3)]
    told = {result.value.value for result in results if result}
    assert told == {(directory.name, f"out/{directory.name}")}


def test_jobs_know_their_number_and_name(make_app: MakeApp, start: str) -> None:
    app = make_app("job = hydra.core.hydra_config.HydraConfig.get().job\nreturn job.num, job.id")
    code, output = app.sweep("+x=1,2,3", "hydra.job.name=mine", start)
    assert code == 0, output
    assert values(app, 3) == [(0, "mine_0"), (1, "mine_1"), (2, "mine_2")]


def test_runs_may_be_named_by_their_overrides(make_app: MakeApp, start: str) -> None:
    app = make_app("return cfg.x")
    code, output = app.sweep(
        "+x=1,2", "+y=c", "hydra.sweep.subdir=${hydra.job.override_dirname}", start
    )
    assert code == 0, output
    for x in (1, 2):
        status = read_status(app.out / f"+x={x},+y=c")
        assert status is not None
        assert status.state is State.COMPLETED


def test_hydra_writes_no_files_of_its_own_if_it_should_not(make_app: MakeApp, start: str) -> None:
    app = make_app("return cfg.x")
    code, output = app.sweep("+x=1,2", "hydra.output_subdir=null", start)
    assert code == 0, output
    assert values(app, 2) == [1, 2]
    assert not list(app.out.glob("*/.hydra"))


def test_verbose_jobs_log_what_they_debug(make_app: MakeApp, start: str) -> None:
    app = make_app("import logging\nlogging.getLogger('mine').debug('a detail')")
    for verbose, shown in (("mine", True), ("true", True), ("false", False)):
        code, output = app.sweep(f"+x={verbose}", f"hydra.verbose={verbose}", start)
        assert code == 0, output
        log = (app.out / "0" / "output.log").read_text(encoding="utf-8")
        assert ("a detail" in log) is shown
        (app.out / "0" / "output.log").unlink()


def test_a_job_that_reads_its_input_finds_none(make_app: MakeApp, start: str) -> None:
    null = "os.path.samestat(os.fstat(0), os.stat(os.devnull))"
    app = make_app(f"return sys.stdin.read(), {null}")
    code, output = app.sweep("+x=1", start)
    assert code == 0, output
    assert values(app, 1) == [("", True)]
