"""``run_experiments`` with real processes: what a run is told, and what each end leads to."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from exptools.launching.affinity import AffinityError
from exptools.launching.compat.experiments import find_directory
from exptools.launching.exp_launcher import ExperimentError, run_experiments
from exptools.launching.jobs.outcomes import Outcome
from exptools.launching.variant import VARIANT_FILE, VariantLevel, load_variant, make_variants
from exptools.rundir import State, read_status
from tests.conftest import ROOT, until

# Containers may have other cores than the first two: then nothing is bound.
BINDS = {0, 1} <= os.sched_getaffinity(0)
CODE = "2cpu_0gpu_1cpr_0hto" + ("" if BINDS else "_0saf")

SCRIPT = """
import json, os, pickle, signal, sys, time
from dataclasses import dataclass
from neighbour import NAME
from exptools.launching.affinity import affinity_from_code
from exptools.launching.variant import load_variant

@dataclass
class Report:
    argv: list

def main(affinity_code, log_dir, run_id, *args):
    variant = load_variant(log_dir)
    report = dict(
        name=[__name__, __file__, NAME],
        argv=pickle.loads(pickle.dumps(Report(sys.argv))).argv,
        args=args,
        pid=os.getpid(),
        shown=open("/proc/self/cmdline").read().split("\\0")[:-1],
        affinity=affinity_from_code(affinity_code),
        cpus=sorted(os.sched_getaffinity(0)),
        devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        start=time.time(),
    )
    print("a line of output")
    path = f"{log_dir}/{run_id}.json"
    with open(path + ".new", "w") as file:
        json.dump(report, file)
    os.replace(path + ".new", path)
    end = variant.get("end")
    if end == "raise":
        raise ValueError("bad lr")
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if end == "exit":
        sys.exit(3)
    if end == "wait":
        time.sleep(60)
    sys.exit()

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project's directory with the script; we stand in it."""
    directory = tmp_path / "it's a dir ü"
    (directory / "scripts").mkdir(parents=True)
    (directory / "scripts" / "train.py").write_text(SCRIPT)
    (directory / "scripts" / "neighbour.py").write_text("NAME = 'beside'")
    monkeypatch.chdir(directory)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,3")
    yield directory
    sys.modules.pop("neighbour", None)


def run(ends: Sequence[str], runs: int = 1, **options: Any) -> list[Outcome]:
    variants, log_dirs = make_variants(VariantLevel([("end",)], [[end] for end in ends], ends))
    code = options.pop("affinity_code", CODE)
    return run_experiments("scripts/train.py", code, "try", runs, variants, log_dirs, **options)


def day(place: Path) -> Path:
    (directory,) = (place / "data" / "local" / "try").iterdir()
    assert time.strptime(directory.name, "%Y%m%d")
    return directory


def report(place: Path, log_dir: str, run_id: int = 0) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((day(place) / log_dir / f"{run_id}.json").read_text())
    return record


def states(outcomes: Sequence[Outcome]) -> list[State]:
    return [outcome.status.state for outcome in outcomes]


def test_each_run_is_the_script_in_a_process_and_a_slot_of_its_own(place: Path) -> None:
    outcomes = run(["a", "b"], 2, common_args=["--fast"], runs_args=[(1,), (2,)])
    assert states(outcomes) == [State.COMPLETED] * 4
    names = [outcome.job.name for outcome in outcomes]
    assert names == ["a run_0", "b run_0", "a run_1", "b run_1"]
    reports = [report(place, log_dir, run_id) for run_id in (0, 1) for log_dir in "ab"]
    assert len({one["pid"] for one in reports} | {os.getpid()}) == 5
    for outcome, one in zip(outcomes, reports, strict=True):
        log_dir = outcome.job.directory.parent
        slot = f"{outcome.status.slot}slt_{CODE}"
        number = "12"["ab".index(log_dir.name)]
        run_id = outcome.job.directory.name.removeprefix("run_")
        assert one["argv"] == ["scripts/train.py", slot, str(log_dir), run_id, "--fast", number]
        assert one["shown"][-4:] == [str(log_dir), run_id, "--fast", number], "to ps and pgrep"
        assert "scripts/train.py" in one["shown"]
        assert one["name"] == ["__main__", str(place / "scripts" / "train.py"), "beside"]
        assert not BINDS or one["cpus"] == one["affinity"]["all_cpus"] == [outcome.status.slot]
        assert one["devices"] == "5,3", "the script chooses its GPU by itself"
        assert outcome.job.log.read_text() == "a line of output\n"


def test_variants_and_what_was_launched_are_written_down(place: Path) -> None:
    run(["a", "b"], 2)
    directory = day(place)
    for saved in ("a", "a/run_0", "a/run_1"):
        assert load_variant(directory / saved) == {"end": "a"}
    tree = [line.split(" | ")[1] for line in (directory / "experiments_tree.txt").open()]
    assert tree[1:] == ["Number of settings (experiments) to run: 2  (4).\n", "a\n", "b\n"]
    assert f"process ID: {os.getpid()}." in tree[0]
    launched = (directory / "num_launched.txt").read_text().splitlines()
    assert len(launched) == 4
    assert launched[-1].endswith("Experiments launched so far: 4 out of 4.")


def test_one_runs_bad_end_leaves_the_others_running(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = run(["raise", "kill", "exit", "well"])
    failed, killed = State.FAILED, State.KILLED
    assert states(outcomes) == [failed, killed, failed, State.COMPLETED]
    assert [outcome.status.error for outcome in outcomes[:3]] == [
        "ValueError: bad lr",
        "killed by SIGKILL before it returned",
        "exited with code 3 before it returned",
    ]
    assert "ValueError: bad lr" in outcomes[0].job.log.read_text()
    assert "4 jobs" in capsys.readouterr().out
    for outcome in outcomes:
        assert read_status(outcome.job.directory) == outcome.status


def test_retries_and_fail_fast_are_the_schedulers(place: Path) -> None:
    (outcome, *others) = run(["raise", "a", "b"], affinity_code="1cpu_0gpu_1cpr_0hto_0saf",
                             max_retries=1, fail_fast=True)  # fmt: skip
    assert (outcome.status.state, outcome.status.attempt) == (State.FAILED, 2)
    assert {other.status.error for other in others} == {"never started"}


def test_resuming_runs_only_what_is_not_completed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert states(run(["raise", "a"])) == [State.FAILED, State.COMPLETED]
    first = {name: report(place, name)["pid"] for name in ("raise", "a")}
    outcomes = run(["raise", "a", "b"], resume=True)
    assert states(outcomes) == [State.FAILED, State.COMPLETED, State.COMPLETED]
    assert "1 runs were completed before" in capsys.readouterr().out
    assert report(place, "a")["pid"] == first["a"]
    assert report(place, "raise")["pid"] != first["raise"]
    run(["a"])
    assert report(place, "a")["pid"] != first["a"], "without resume all of it is run again"


def test_resuming_with_another_variant_is_refused(place: Path) -> None:
    arguments = ("scripts/train.py", CODE, "try", 1)
    run_experiments(*arguments, [{"end": "x", "lr": 1}], ["a"])
    with pytest.raises(ExperimentError, match="variant of 'a' has changed"):
        run_experiments(*arguments, [{"end": "x", "lr": 2}], ["a"], resume=day(place))
    assert load_variant(day(place) / "a").lr == 1


@pytest.mark.parametrize(("mode", "count"), [(1, 4), (2, 1)])
def test_debug_modes_call_the_script_in_this_process(
    place: Path, mode: int, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list(sys.argv), list(sys.path)
    outcomes = run(["a", "b"], 2, debug_mode=mode)
    assert states(outcomes) == [State.COMPLETED] * count
    assert capsys.readouterr().out.count("a line of output") == count
    last = outcomes[-1].job.directory
    one = report(place, last.parent.name, int(last.name.removeprefix("run_")))
    assert one["pid"] == os.getpid()
    assert one["name"][0] == "train"
    assert (sys.argv, sys.path) == before


def test_in_debug_mode_an_exception_reaches_the_debugger(place: Path) -> None:
    with pytest.raises(ValueError, match="bad lr"):
        run(["raise", "a"], debug_mode=1)
    status = read_status(day(place) / "raise" / "run_0")
    assert status is not None
    assert (status.state, status.error) == (State.FAILED, "ValueError: bad lr")


def test_a_script_may_call_its_entry_as_rlpyt_does(place: Path) -> None:
    text = SCRIPT.replace("def main(", "def build_and_train(").replace("    main(", "    pass #")
    (place / "scripts" / "train.py").write_text(text)
    assert states(run(["a"], debug_mode=1)) == [State.COMPLETED]
    (place / "scripts" / "train.py").write_text("x = 1")
    with pytest.raises(ValueError, match="no function main or build_and_train"):
        run(["a"], debug_mode=1)


def test_what_makes_no_sense_is_refused_before_anything_is_written(place: Path) -> None:
    sound: dict[str, Any] = {
        "script": "scripts/train.py",
        "affinity_code": CODE,
        "experiment_title": "try",
        "runs_per_setting": 1,
        "variants": [{}],
        "log_dirs": ["a"],
    }
    for changed, message in [
        ({"script": "none.py"}, "there is no script none.py"),
        ({"runs_per_setting": 0}, "runs_per_setting is 0"),
        ({"log_dirs": []}, "1 variants, 0 log_dirs and 1 runs_args"),
        ({"variants": [{}, {}], "log_dirs": ["a", "b/../a"]}, "the same directory"),
        ({"variants": [{"x": {1}}]}, "x is of type set"),
        ({"common_args": "--fast"}, "common_args has '--fast' where a list"),
        ({"runs_args": ["ab"]}, "runs_args has 'ab' where a list"),
        ({"debug_mode": 3}, "debug_mode is 3"),
        ({"resume": "nowhere"}, "resume is 'nowhere', which is no directory"),
    ]:
        with pytest.raises(ExperimentError, match=message):
            run_experiments(**sound | changed)
    with pytest.raises(AffinityError, match="is no affinity code"):
        run_experiments(**sound | {"affinity_code": "fast"})
    assert not (place / "data").exists()


LAUNCH = """
import sys
from exptools.launching.exp_launcher import run_experiments
code, end, *names = sys.argv[1:]
run_experiments("scripts/train.py", code, "try", 1, [{"end": end}] * len(names), names)
"""


def launched(code: str, end: str, *names: str, **environment: str) -> "subprocess.Popen[str]":
    """A launch in a process of its own, of runs that have these names and end so."""
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH, code, end, *names],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_cuda_idx_counts_the_visible_gpus(place: Path, fake_nvml: str) -> None:
    gpus = {"LD_LIBRARY_PATH": fake_nvml, "FAKE_NVML_GPUS": "2", "CUDA_VISIBLE_DEVICES": "1"}
    done = launched("1cpu_1gpu_0hto_0saf", "", "a", **gpus)
    output, _ = done.communicate()
    assert done.returncode == 0, output
    status = read_status(day(place) / "a" / "run_0")
    assert status is not None
    assert status.gpus == ("GPU-00000000-0000-0000-0000-000000000001",)
    one = report(place, "a")
    assert (one["affinity"]["cuda_idx"], one["devices"]) == (0, "1")
    refused, _ = launched("2cpu_2gpu_2gpr_0hto_0saf", "", "a", **gpus).communicate()
    assert "names GPU 1, but this process may use 1, counted from 0" in refused


@pytest.fixture
def waiting(place: Path) -> Iterator["subprocess.Popen[str]"]:
    """A launch of three runs, of which two have begun."""
    with launched(CODE, "wait", *"abc") as process:
        until(lambda: len(list(place.glob("data/local/try/*/*/0.json"))) == 2)
        yield process
        process.kill()


def test_ctrl_c_ends_all_runs_and_the_rest_is_never_started(
    place: Path, waiting: "subprocess.Popen[str]"
) -> None:
    waiting.send_signal(signal.SIGINT)
    output, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 128 + signal.SIGINT
    assert "2 interrupted  1 never started" in output
    assert f"run_experiments(…, resume='data/local/try/{day(place).name}')" in output
    statuses = [read_status(day(place) / name / "run_0") for name in "abc"]
    assert [status and status.state for status in statuses] == [State.INTERRUPTED] * 3
    for name in "ab":
        assert not psutil.pid_exists(report(place, name)["pid"])
    assert not (day(place) / "c" / "0.json").exists()


def test_a_killed_launcher_leaves_no_run_behind(
    place: Path, waiting: "subprocess.Popen[str]"
) -> None:
    runs = [psutil.Process(report(place, name)["pid"]) for name in "ab"]
    waiting.kill()
    psutil.wait_procs(runs, timeout=60)
    assert not [one for one in runs if one.is_running()]


def test_runs_that_are_running_now_are_left_alone(
    place: Path, waiting: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(ExperimentError, match=r"is running now, by process \d+: wait"):
        run_experiments("scripts/train.py", CODE, "try", 1, [{}], ["a"])
    assert load_variant(day(place) / "a") == {"end": "wait"}
    assert (day(place) / "a" / VARIANT_FILE).exists()


@pytest.mark.parametrize("linked", ["a", "a/run_0"])
def test_no_run_is_where_a_link_below_the_days_directory_leads(place: Path, linked: str) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    day_before = place / "data" / "local" / "20261121" / "try"
    link = day_before / linked
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    with pytest.raises(ExperimentError, match=rf"{linked} \(it is a link"):
        run_experiments("scripts/train.py", CODE, "try", 1, [{}], ["a"], resume=str(day_before))
    assert not any(elsewhere.iterdir())


def test_an_error_steers_no_screen() -> None:
    assert str(ExperimentError("a\x1b]0;b\x07\u202e\nc")) == "a\\x1b]0;b\\x07\\u202e\nc"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
@pytest.mark.parametrize("place", ["data", "data/local/demo"])
def test_another_users_link_on_the_way_to_todays_directory_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).symlink_to(tmp_path)
    assert find_directory("demo", resume=False).name.isdecimal()  # one's own, to a large disk
    os.lchown(tmp_path / place, 65534, 65534)
    with pytest.raises(ExperimentError, match=f"no run can be in .*{place}: it is a link that"):
        find_directory("demo", resume=False)
