"""Sweeps that are started again: in pieces, extended, changed, and after a kill at any instant."""

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from exptools.launching.jobs.results import read_result
from exptools.launching.resume import (
    LOCK_FILE,
    SweepBusy,
    SweepLock,
    config_diff,
    run_directories,
)
from exptools.rundir import RETURN_FILE, STATUS_FILE, State, read_status, update_status
from tests.conftest import SWEEP, App, until

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], App]
RESUME = "hydra.launcher.resume=true"
KILLS = int(os.environ.get("EXPTOOLS_TEST_KILLS", "7"))  # set it to more for a long run

# Root may look into each directory, unless it has given that up.
WITHOUT_ROOTS_RIGHTS = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
    if os.getuid() == 0
    else ()
)

# Each job leaves a line when it is through; "broken" tells which jobs fail.
COUNTED = """
import pathlib
if cfg.x in json.loads(pathlib.Path("broken").read_text()):
    raise ValueError("broken")
with open("ran", "a") as file:
    file.write(f"{cfg.x}\\n")
return cfg.x * 10
"""


@pytest.fixture
def app(make_app: MakeApp) -> App:
    app = make_app(COUNTED)
    break_jobs(app)
    return app


def break_jobs(app: App, *jobs: int) -> None:
    (app.directory / "broken").write_text(json.dumps(jobs))


def ran(app: App) -> list[int]:
    path = app.directory / "ran"
    return sorted(map(int, path.read_text().split())) if path.exists() else []


def overrides(app: App) -> dict[str, tuple[str, ...]]:
    """What each run directory holds."""
    by_directory = {}
    for path in app.out.glob(f"*/{STATUS_FILE}"):
        status = read_status(path.parent.parent)
        assert status is not None
        by_directory[path.parent.parent.name] = status.overrides
    return by_directory


@pytest.mark.hydra
def test_only_jobs_that_did_not_complete_run_again_in_their_directories(app: App) -> None:
    break_jobs(app, 2)
    assert app.sweep("+x=1,2,3")[0] == 1
    break_jobs(app)
    output = app.completes("+x=1,2,3", RESUME)
    assert "2 jobs were completed before" in output
    assert ran(app) == [1, 2, 3]
    assert overrides(app) == {"0": ("+x=1",), "1": ("+x=2",), "2": ("+x=3",)}


def test_an_extended_sweep_runs_only_its_new_jobs_under_new_numbers(app: App) -> None:
    app.sweep("+x=1,3")
    app.completes("+x=0,1,2,3", RESUME)
    assert ran(app) == [0, 1, 2, 3]
    assert overrides(app) == {"0": ("+x=1",), "1": ("+x=3",), "2": ("+x=0",), "3": ("+x=2",)}


def test_a_directory_can_be_named_instead_of_the_sweep_directory(app: App) -> None:
    app.sweep("+x=1,2")
    plain = [word for word in SWEEP if not word.startswith("hydra.sweep.dir")]
    code, output = app.run(*plain, "+x=1,2,3", "hydra.launcher.resume=out")
    assert code == 0, output
    assert ran(app) == [1, 2, 3]
    assert not (app.directory / "multirun").exists()


def test_what_is_no_directory_of_a_sweep_is_refused_and_the_nearest_named(app: App) -> None:
    app.sweep("+x=1")
    for wrong, nearest in ((".", "out"), ("out/0", "out"), ("", "")):
        output = app.fails("+x=1", f"hydra.launcher.resume={wrong}")
        assert f"hydra.launcher.resume={wrong} is no directory of a sweep" in output
        assert not nearest or f"such as {nearest}\n" in output
    assert ran(app) == [1]


def test_a_sweep_that_is_there_already_is_not_run_over_without_a_word(app: App) -> None:
    assert "all jobs run" in app.completes("+x=1", RESUME)
    output = app.completes("+x=1,2", "hydra.launcher.resume=false")
    assert "1 of these 2 jobs have run here before and run again" in output


def test_lines_name_what_tells_a_job_from_all_of_the_sweep(app: App) -> None:
    app.completes("+x=1", "+y=2,4", "+z=5")
    output = app.completes("+x=1,3", "+y=2,4", "+z=5", RESUME)
    started = {line.split("  ")[2] for line in output.splitlines() if line.startswith("▶")}
    assert started == {"+x=3 +y=2", "+x=3 +y=4"}, "all that run now have x=3, but not all jobs"


def test_the_sweeper_gets_the_saved_results(app: App) -> None:
    app.sweep("+x=1,2")
    (app.directory / "show.py").write_text(
        "from hydra._internal.hydra import Hydra\n"
        "multirun = Hydra.multirun\n"
        "def show(*arguments, **options):\n"
        "    returns = multirun(*arguments, **options)\n"
        "    print('returned', [r.return_value.load() for r in returns[0]], returns[0][1].cfg)\n"
        "Hydra.multirun = show\n"
    )
    app.insert("import show")
    output = app.completes("+x=2,1", RESUME)
    assert "returned [20, 10] {'x': 1}" in output, output
    assert ran(app) == [1, 2]


@pytest.mark.hydra
def test_a_changed_config_is_shown_and_refused(make_app: MakeApp) -> None:
    app = make_app("open('ran', 'a').write('x')")
    config = app.directory / "config.yaml"
    config.write_text("x: 1\nwidth: 10\n")
    path = app.directory / "app.py"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("config_path=None", "config_path='.', config_name='config'"), "utf-8"
    )
    app.sweep("x=1,2")
    config.write_text("x: 1\nwidth: 20\n")
    output = app.fails("x=1,2", RESUME)
    assert "-width: 10\n+width: 20" in output
    assert "and 1 more runs" in output
    assert "Traceback" not in output
    assert (app.directory / "ran").read_text() == "xx"
    app.completes("x=1,2", RESUME, "hydra.launcher.resume_changed=true")
    assert (app.directory / "ran").read_text() == "xxxx"


@pytest.mark.parametrize("more", ["\n" * 2**21, "\n" * 20_000, "y: 1\n" * 5_000, "y" * 900_000])
def test_what_a_hostile_config_differs_in_is_told_in_few_words(tmp_path: Path, more: str) -> None:
    (tmp_path / "config.yaml").write_text(f"x: 1\n{more}")
    told = config_diff(tmp_path / "config.yaml", "x: 2\n")
    assert 0 < len(told) < 3000
    assert len(told.splitlines()) < 250


def test_two_sweeps_in_one_directory_are_refused_before_anything_is_written(
    make_app: MakeApp,
) -> None:
    app = make_app("time.sleep(600)")
    first = app.start(*SWEEP, "+x=1")
    until((app.out / "0" / ".hydra").exists)
    before = (app.out / "multirun.yaml").read_bytes()
    output = app.fails("+y=2")
    assert f"out is in use by process {first.pid} on " in output
    assert "Traceback" not in output
    assert (app.out / "multirun.yaml").read_bytes() == before
    first.send_signal(signal.SIGINT)
    first.communicate()


def test_a_dropped_lock_can_be_taken_again(tmp_path: Path) -> None:
    lock = SweepLock(tmp_path)
    with pytest.raises(SweepBusy, match="is in use by process"):
        SweepLock(tmp_path)
    (tmp_path / LOCK_FILE).write_text(
        json.dumps({"pid": 1, "host": "a", "command": ["\x1b" * 99_999]})
    )
    with pytest.raises(SweepBusy, match="is in use by process 1 on a") as told:
        SweepLock(tmp_path)
    assert len(str(told.value)) < 2000, "a line of a terminal, not a page"
    os.truncate(tmp_path / LOCK_FILE, 2**40)  # whoever holds it may let it claim anything
    with pytest.raises(SweepBusy, match="is in use by another process"):
        SweepLock(tmp_path)
    del lock
    SweepLock(tmp_path)


def test_directories_deeper_than_any_path_keep_no_run_from_being_found(tmp_path: Path) -> None:
    (tmp_path / "0" / ".hydra").mkdir(parents=True)
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep", dir_fd=here)
        below = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        assert [*run_directories(tmp_path)] == [tmp_path / "0"]
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "deep")], check=True)


def test_what_one_may_not_look_into_keeps_nobody_from_resuming_and_is_told(app: App) -> None:
    app.completes("+x=0,1")
    closed = [app.out / "7" / ".exptools", app.out / "closed"]
    for path in closed:
        path.mkdir(parents=True)
        (path / "status").touch()
        path.chmod(0)
    app.before = WITHOUT_ROOTS_RIGHTS
    output = app.completes("+x=0,1,2", RESUME)
    assert "you may not look into out/7, out/closed: left alone, whatever is there" in output
    assert (ran(app), (app.out / "8" / ".hydra").is_dir()) == ([0, 1, 2], True)
    for path in closed:
        path.chmod(0o700)


def test_runs_of_others_in_the_directory_are_left_alone(app: App) -> None:
    app.run("-m", "hydra.sweep.dir=out", "+x=1,2")  # the basic launcher
    before = (app.out / "0" / ".hydra" / "overrides.yaml").read_text()
    app.completes("+x=7,8", RESUME)
    assert (app.out / "0" / ".hydra" / "overrides.yaml").read_text() == before
    assert overrides(app) == {"2": ("+x=7",), "3": ("+x=8",)}


def test_runs_of_two_sweeps_with_the_same_numbers_are_told_apart(app: App) -> None:
    named = "hydra.sweep.subdir='x${x}'"
    app.sweep("+x=1,2", named)
    app.sweep("+x=3,4", named)
    output = app.completes("+x=1,2,3,4", named, RESUME)
    assert "4 jobs were completed before" in output
    assert ran(app) == [1, 2, 3, 4]


def test_where_no_config_was_saved_nobody_can_say_that_it_is_the_same(app: App) -> None:
    app.sweep("+x=1", "hydra.output_subdir=null")
    output = app.fails("+x=1", "hydra.output_subdir=null", RESUME)
    assert "nobody knows whether it has changed" in output


def test_a_job_that_was_stopped_amid_its_config_has_not_changed(app: App) -> None:
    break_jobs(app, 1, 2)
    app.sweep("+x=1,2")
    break_jobs(app)
    for job, written in enumerate(("", "x:")):
        (app.out / str(job) / ".hydra" / "config.yaml").write_text(written)
    app.completes("+x=1,2", RESUME)
    assert ran(app) == [1, 2]


def test_a_foreign_result_is_not_taken_for_a_jobs(app: App) -> None:
    contents = (b"", b"3\n", b'{"error": 1}\n', b"\xff\n", b"[" * 100_000)
    app.sweep("+x=range(5)")
    for job, content in enumerate(contents):
        (app.out / str(job) / RETURN_FILE).write_bytes(content)
    app.completes("+x=range(5)", RESUME)
    assert ran(app) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_result_of_an_older_version_counts_by_its_status(app: App) -> None:
    app.sweep("+x=1,2")
    for job in "01":
        path = app.out / job / RETURN_FILE
        _, content = path.read_bytes().split(b"\n", 1)
        path.write_bytes(pickle.dumps((None, False)) + content)
    (app.out / "1" / STATUS_FILE).unlink()
    update_status(app.out / "0", state=State.COMPLETED)
    output = app.fails("+x=1,2", RESUME)
    assert "resume_unknown" in output
    app.completes("+x=1,2", RESUME, "hydra.launcher.resume_unknown=again")
    assert ran(app) == [1, 2, 2]


class Trap:
    """Leaves a file where it is unpickled."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.sprung),)


def test_resuming_unpickles_nothing_of_what_lies_in_the_directory(app: App) -> None:
    """Not even of what matches a job, for Hydra's own sweeper is led by no value."""
    app.sweep("+x=1,2")
    sprung = app.directory / "sprung"
    line = (app.out / "0" / RETURN_FILE).read_bytes().split(b"\n", 1)[0] + b"\n"
    content = pickle.dumps(Trap(sprung))
    shutil.copytree(app.out / "0", app.out / "deep" / "er" / "9")
    for place, start in (("0", line), ("1", b""), ("deep/er/9", line)):
        (app.out / place / RETURN_FILE).write_bytes(start + content)
    app.completes("+x=1,2,3", RESUME)
    assert not sprung.exists()
    assert ran(app) == [1, 2, 3]


@pytest.mark.parametrize("number", [2**53, None])
def test_a_number_that_no_job_has_decides_no_other_jobs(app: App, number: int | None) -> None:
    app.sweep("+x=1,2")
    if number is None:
        (app.out / ("9" * 255) / ".hydra").mkdir(parents=True)
    else:
        update_status(app.out / "1", job=number)
    app.completes("+x=1,2,3", RESUME)
    assert ran(app) == [1, 2, 3]
    assert sorted(overrides(app)) in (["0", "1", "2"], ["0", "1", "3"])


@pytest.mark.parametrize("name", ["${oc.env:ELSEWHERE}", "${nothing}", "${", "???"])
def test_a_run_directory_whose_name_a_config_would_resolve_is_left_alone(
    app: App, name: str
) -> None:
    app.sweep("+x=1,2")
    (app.out / "1").rename(app.out / name)
    elsewhere = app.directory / "elsewhere"
    elsewhere.mkdir()
    output = app.completes("+x=1,2", RESUME, ELSEWHERE=str(elsewhere))
    assert "1 earlier run is left alone, for Hydra would take its directory's name" in output
    assert f"{name} (+x=2)" in output
    assert ran(app) == [1, 2, 2]
    assert not any(elsewhere.iterdir())
    assert sorted(overrides(app)) == sorted(["0", "2", name])


def test_a_job_whose_directory_the_job_would_take_for_another_is_refused(app: App) -> None:
    output = app.fails("+x=1", r"hydra.sweep.subdir='\\\${oc.env:HOME}'")
    assert "which Hydra takes for an interpolation" in output
    assert not ran(app)


def test_a_directory_that_holds_another_job_is_not_reused(app: App) -> None:
    same_name = "hydra.sweep.subdir=run"
    app.sweep("+x=1", same_name)
    output = app.fails("+x=2", same_name, RESUME)
    assert "holds another job than job 1 (+x=2)" in output


def test_after_kills_at_any_instant_each_job_completes_exactly_once(app: App) -> None:
    """The parent is killed at random instants; what is complete is never run again."""
    chance = random.Random(0)
    jobs = ",".join(map(str, range(24)))
    before: dict[int, int] = {}
    for _ in range(KILLS):
        process = app.start(*SWEEP, f"+x={jobs}", RESUME)
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.3, 2.0))
        process.kill()
        process.communicate()
        now = completions(app)
        assert before.items() <= now.items()
        before = now
    app.completes(f"+x={jobs}", RESUME)
    now = completions(app)
    assert before.items() <= now.items()
    assert sorted(now) == list(range(24))
    states = {read_status(app.out / str(number)).state for number in range(24)}
    assert states == {State.COMPLETED}


def completions(app: App) -> dict[int, int]:
    """When each completed job's result was written, by the job's number."""
    times = {}
    for path in app.out.glob(f"*/{RETURN_FILE}"):
        run_dir = path.parent.parent
        result = read_result(run_dir)
        if result is not None and result.error is None:
            times[int(run_dir.name)] = path.stat().st_mtime_ns
    return times
