"""Whole programs: what each does under Hydra's basic launcher it does under ours, unchanged.

The programs are in `scripts`, each with many habits that it shares with others of its kind. Each
writes down what its job saw. It runs under Hydra's basic launcher and, in the same directory,
under ours with both ways to start a job; then all that the sweeps left is compared.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from omegaconf import OmegaConf

from exptools.rundir import EXPTOOLS_DIR, OUTPUT_LOG, State, read_status
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parent / "scripts"
STARTS = ("warm", "fresh")
NOT_COMPARED = ("draws.json", "guarded.json")  # other tests say how these differ
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+")


class Sweep(NamedTuple):
    """A sweep that has ended, and what it left behind."""

    code: int
    output: str
    out: Path

    def answers(self, job: int, name: str = "answers.json") -> Any:
        return json.loads((self.out / str(job) / name).read_text(encoding="utf-8"))

    def log(self, job: int) -> str:
        return (self.out / str(job) / OUTPUT_LOG).read_text(encoding="utf-8")

    def files(self) -> dict[str, object]:
        """What is in the files of the sweep, but for ours and for the names of the launchers."""
        paths = [path for path in self.out.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(self.out)): _content(path)
            for path in paths
            if EXPTOOLS_DIR not in path.parts and path.name not in (OUTPUT_LOG, *NOT_COMPARED)
        }


class Sweeps(NamedTuple):
    """The same sweep under each launcher."""

    basic: Sweep
    warm: Sweep
    fresh: Sweep


class Project:
    """The scripts, in a directory whose name is not an easy one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        shutil.copytree(SCRIPTS, directory)

    def run(self, *command: str, **environment: str) -> tuple[int, str]:
        completed = subprocess.run(
            [sys.executable, *command],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return completed.returncode, completed.stdout

    def sweep(self, launcher: str, command: str, *overrides: str, **environment: str) -> Sweep:
        """Sweep with a launcher (``"basic"``, or a way to start); the results are kept apart."""
        sweep_dir, kept = self.directory / "out", self.directory / f"out of {launcher}"
        chosen = ["hydra/launcher=basic"]
        if launcher != "basic":
            chosen = ["hydra/launcher=exptools", f"hydra.launcher.start={launcher}"]
            # A worker that cannot find its work waits for ever, and so does a lock left behind.
            chosen += ["hydra.launcher.jobs=1", "hydra.launcher.timeout=60"]
        where = f"hydra.sweep.dir='{str(sweep_dir).replace(chr(39), chr(92) + chr(39))}'"
        code, output = self.run(*command.split(), "-m", *overrides, where, *chosen, **environment)
        sweep_dir.rename(kept)
        return Sweep(code, output, kept)

    def sweeps(self, command: str, *overrides: str, **environment: str) -> Sweeps:
        """Sweep with each launcher; each must have done as basic did."""
        sweeps = Sweeps(
            *(self.sweep(name, command, *overrides, **environment) for name in Sweeps._fields)
        )
        differences = {start: _difference(sweeps.basic, getattr(sweeps, start)) for start in STARTS}
        assert not any(differences.values()), json.dumps(differences, indent=1)
        return sweeps


def _difference(basic: Sweep, ours: Sweep) -> dict[str, object]:
    """What one of our sweeps did otherwise than basic's: ``{what: [basic's, ours]}``."""
    expected, found = basic.files(), ours.files()
    different: dict[str, object] = {
        name: _first_difference(expected[name], found[name])
        for name in expected.keys() & found.keys()
        if expected[name] != found[name]
    }
    if expected.keys() != found.keys():
        names = [sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())]
        different["only here, only there"] = names
    if basic.code != ours.code:
        different["exit code"] = [basic.code, ours.code]
    if different:
        logs = [path.read_text(encoding="utf-8") for path in ours.out.glob(f"*/{OUTPUT_LOG}")]
        different["said"] = [text[-2000:] for text in (ours.output, *logs)]
    return different


def _first_difference(expected: object, found: object) -> object:
    """Of two answers, those that are not the same; else both."""
    if not isinstance(expected, dict) or not isinstance(found, dict):
        return [str(expected), str(found)]
    keys = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
    return {key: _first_difference(expected.get(key), found.get(key)) for key in keys}


def _content(path: Path) -> object:
    """What a file says, but for what must differ."""
    if path.suffix == ".yaml":
        return _without_launcher(OmegaConf.to_container(OmegaConf.load(path)))
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    if path.suffix in (".log", ".txt"):
        return _TIME.sub("<time>", path.read_text(encoding="utf-8"))
    return path.read_bytes()


def _without_launcher(config: Any) -> Any:
    if isinstance(config, dict) and "hydra" in config:
        hydra = config["hydra"]
        del hydra["launcher"], hydra["runtime"]["choices"]["hydra/launcher"]
        overrides = hydra["overrides"]["hydra"]
        hydra["overrides"]["hydra"] = [o for o in overrides if "launcher" not in o]
    return config


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "it's a dir ü")


@pytest.mark.hydra
def test_what_a_script_sets_opens_and_names_at_its_top_level_is_there_in_the_job(
    project: Project,
) -> None:
    sweeps = project.sweeps("top_level.py", "job=0,1")
    alone = sweeps.basic.answers(0, "draws.json")
    for start in (sweeps.warm, sweeps.fresh):
        draws = [start.answers(job, "draws.json") for job in (0, 1)]
        assert draws == [alone, alone], "each job begins with what the script has seeded"
    # What stands under the guard is not done again in a fresh interpreter.
    guarded = [sweep.answers(0, "guarded.json") for sweep in sweeps]
    assert guarded == [["set", "spawn"], ["set", "spawn"], [None]]
    saved = sweeps.warm.out / "1" / "model.pkl"
    assert "Model(width=1," in project.run("top_level.py", "--read", str(saved))[1]


@pytest.mark.hydra
def test_a_package_that_is_run_as_a_module_has_its_pools_its_imports_and_its_callbacks(
    project: Project,
) -> None:
    sweeps = project.sweeps("-m package.train", "how=fork,spawn,forkserver", "model=large")
    for sweep in sweeps:
        draws = [sweep.answers(job, "draws.json") for job in range(3)]
        for generator in zip(*draws, strict=True):
            assert len(set(generator)) == 3, "jobs whose generators nobody seeded draw differently"


def test_a_command_may_run_an_object_with_decorators_around_it_and_within(
    project: Project,
) -> None:
    project.sweeps("bin/train", "model=small,large")


def test_a_bare_call_beside_threads_runs_one_sweep_and_what_follows_it_once(
    project: Project,
) -> None:
    sweeps = project.sweeps("busy_top.py", "+x=1")
    assert sweeps.basic.code == 5
    lines = (project.directory / "after.txt").read_text(encoding="utf-8").splitlines()
    assert lines == ["the sweep is over"] * len(sweeps)


@pytest.mark.hydra
def test_a_task_a_resolver_and_a_callback_may_hold_what_cannot_be_sent(project: Project) -> None:
    notes = ("+hydra.callbacks.notes._target_=__main__.Notes", "+hydra.callbacks.notes.text=noted")
    sweeps = project.sweeps("locked_in.py", "+x=5", "+y='${locked:${double:${x}}}'", *notes)
    assert sweeps.basic.answers(0) == {"x": 15, "y": 10, "interrupts": 1}


ENDS_WELL = ("exit_0", "quit", "raise", "generator")
HAS_A_LOSS = ("plain", "lock", "nested")


@pytest.mark.parametrize("launcher", STARTS)
def test_a_job_that_exits_with_0_or_returns_what_cannot_travel_is_completed(
    project: Project, launcher: str
) -> None:
    ends = [*HAS_A_LOSS, "tuple", *ENDS_WELL]
    sweep = project.sweep(launcher, "ends.py", f"+end={','.join(ends)}")
    assert sweep.code == 0, sweep.output
    returned = json.loads((project.directory / "returned.json").read_text())
    by_end = {overrides[0].removeprefix("+end="): (how, text) for overrides, how, text in returned}
    assert {how for how, _ in by_end.values()} == {"COMPLETED"}
    assert by_end["plain"][1] == "{'loss': 0.1, 'steps': [1, 2]}"
    assert [by_end[end][1] for end in ENDS_WELL[:3]] == ["None"] * 3
    for end in HAS_A_LOSS:
        assert by_end[end][1].startswith("{'loss': 0.1")
    assert by_end["tuple"][1].startswith("(0.1, [")
    for job, end in enumerate(ends):
        status = read_status(sweep.out / str(job))
        assert status is not None
        assert status.state is State.COMPLETED, end
    assert "trainer" in sweep.log(ends.index("lock"))
    assert "model" in sweep.log(ends.index("nested"))


@pytest.mark.parametrize("launcher", STARTS)
def test_a_job_that_goes_wrong_says_it_as_under_basic(project: Project, launcher: str) -> None:
    sweep = project.sweep(launcher, "ends.py", "+end=exit_3,exit_text,fail")
    assert sweep.code == 1
    for job in range(3):
        status = read_status(sweep.out / str(job))
        assert status is not None
        assert status.state is State.FAILED
    assert "no data" in sweep.log(1)
    script = project.directory / "ends.py"
    line = script.read_text().splitlines().index('    raise ValueError("bad lr")') + 1
    traceback = f'File "{script}", line {line}, in fail\n    raise ValueError("bad lr")\n'
    assert traceback in sweep.log(2)


def test_a_script_may_set_torch_at_its_top_level(project: Project) -> None:
    sweeps = project.sweeps("with_torch.py", "+x=1")
    draws = [sweep.answers(0, "draws.json") for sweep in sweeps]
    assert draws == [draws[0]] * 3, "the job begins with what the script has seeded"


def test_a_job_does_not_wait_for_threads_of_openmp_that_a_fork_has_not(project: Project) -> None:
    sweep = project.sweep("warm", "with_torch.py", "+x=1", OPENMP_AT_THE_TOP="yes")
    assert sweep.code == 0, sweep.output
    assert sweep.answers(0)["product"] == 300**3
    assert "threads do not survive a fork" in sweep.output
