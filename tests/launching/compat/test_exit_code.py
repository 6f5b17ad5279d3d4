"""The exit code of a script whose runs went wrong: its own way with them, or 1."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# The outcomes are made, not run: what a script does with them is what counts.
LAUNCH = """
import atexit, sys
from pathlib import Path
from exptools.launching.compat.exit_code import ExitCode
from exptools.launching.jobs.outcomes import Job, Outcome
from exptools.rundir import State, Status

def run_experiments(*ends, code=ExitCode()):
    outcomes = [
        Outcome(Job(n, (f"lr{n}", "run_0"), Path(f"lr{n}"), b"", ()), Status(state=State(end)))
        for n, end in enumerate(ends)
    ]
    return code.watch(outcomes)

atexit.register(print, "before ours")
"""


def end(*lines: str) -> tuple[int, str, str]:
    """A script's exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH + "\n".join(lines)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_script_that_does_not_look_at_its_failed_runs_exits_with_1() -> None:
    code, said, told = end("run_experiments('completed', 'failed')", "print('the end', end='')")
    assert code == 1
    assert said == "the endbefore ours\n", "all other exit functions ran"
    assert told == "exptools: exit code 1, for 1 of 2 runs went wrong: lr1 run_0 failed\n"


def test_exit_functions_of_before_and_after_all_run_once() -> None:
    code, said, _ = end("run_experiments('failed')", "atexit.register(print, 'after ours')")
    assert code == 1
    assert said == "after ours\nbefore ours\n"


def test_a_test_that_does_not_look_leaves_pytest_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "test_launch.py").write_text(
        f"{LAUNCH}\ndef test_all_is_tried():\n    run_experiments('failed')\n"
    )
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_launch.py"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize(
    "look",
    [
        "for outcome in run_experiments('failed'): pass",
        "outcomes = run_experiments('failed'); outcomes[0].status",
        "if run_experiments('failed'): pass",
        "print(run_experiments('failed'))",
        "first, *others = run_experiments('failed', 'completed')",
        "sorted(run_experiments('failed'), key=str)",
        "assert run_experiments('failed') != []",
        "assert None not in run_experiments('failed')",
        "run_experiments('failed').copy()",
        "run_experiments('failed') + []",
        "import pickle; pickle.dumps(run_experiments('failed'))",
    ],
)
def test_a_script_that_looks_has_its_own_way_with_failures(look: str) -> None:
    assert end(look)[0] == 0


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("run_experiments('completed')", 0),
        ("run_experiments('failed'); raise ValueError('own')", 1),
        ("run_experiments('interrupted')", 1),
        ("import os; run_experiments('failed'); os.fork() and os._exit(os.wait()[1] // 256)", 0),
        ("run_experiments('completed'); run_experiments('killed'); run_experiments()", 1),
        ("import os; run_experiments('failed')[0]; os.fork() or sys.exit(7); os.wait()", 0),
    ],
)
def test_other_ends_are_as_they_were(lines: str, code: int) -> None:
    assert end(lines)[0] == code


def test_an_exception_is_the_last_that_is_said() -> None:
    code, _, told = end("run_experiments('failed')", "raise ValueError('own')")
    assert code == 1
    assert told.endswith("ValueError: own\n")


def test_a_launch_script_stops_what_would_follow_it(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("raise ValueError('bad lr')")
    (tmp_path / "launch.py").write_text(
        "from exptools.launching.exp_launcher import run_experiments\n"
        "run_experiments('train.py', '1cpu_0gpu_1cpr_0hto_0saf', 'try', 1, [{}], ['lr1'])\n"
    )
    done = subprocess.run(
        [sys.executable, "launch.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ValueError: bad lr" in done.stdout
    assert done.stderr.endswith("for 1 of 1 runs went wrong: lr1 run_0 failed\n")
