"""Links in the place of plans: they may lead to another sweep's, and nothing is written there."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from exptools.launching.cluster import elements
from exptools.launching.cluster.earlier import find_open, take_from_agents
from exptools.launching.cluster.elements import AllocationOptions, SubmissionError, submit
from exptools.launching.cluster.pbs import PbsHandler
from exptools.launching.cluster.plan import PlanError, plan_numbers, read_plan
from exptools.launching.jobs.results import remove_result
from exptools.rundir import RETURN_FILE, STATUS_FILE, State, Status, write_status
from tests.launching.cluster.conftest import Planned

Plans = Callable[..., Planned]
CLUSTER = ".exptools/cluster"
LINK = "it is a link"


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.mark.parametrize("linked", [".exptools", CLUSTER, f"{CLUSTER}/1"])
def test_going_on_with_a_copied_sweep_takes_no_jobs_from_the_agents_of_another(
    planned: Plans, tmp_path: Path, linked: str
) -> None:
    mine = planned(["value = 1"]).plan
    copied = tmp_path / "copied"
    (copied / linked).parent.mkdir(parents=True)
    (copied / linked).symlink_to(mine.sweep_dir / linked)
    before = names(mine.directory)
    for look in (take_from_agents, find_open, read_plan, plan_numbers):
        with pytest.raises(PlanError, match=LINK):
            look(copied)
    assert names(mine.directory) == before
    assert [one.number for one in find_open(mine.sweep_dir)] == [1]


@pytest.mark.parametrize("name", ["٢", "02", "0", "9" * 200])
def test_a_directory_that_is_named_like_no_plan_is_none(planned: Plans, name: str) -> None:
    mine = planned(["value = 1"]).plan
    other = mine.directory.parent / name
    other.mkdir()
    (other / "plan.json").write_text("{}")
    assert plan_numbers(mine.sweep_dir) == [1]
    assert planned(["value = 2"]).plan.number == 2


def test_an_element_imports_nothing_of_the_directory_in_which_it_begins(
    planned: Plans, tmp_path: Path
) -> None:
    plan = planned(["value = 1"]).plan
    begins = tmp_path / "another's"
    begins.mkdir()
    (begins / "exptools.py").write_text("raise SystemExit('run')")
    done = subprocess.run(
        elements._command(plan, [1], None),
        shell=True,
        cwd=begins,
        env={**os.environ, "SLURM_JOB_ID": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 job to run" in done.stdout


def test_a_plan_can_be_read_where_the_umask_lets_everybody_write(planned: Plans) -> None:
    before = os.umask(0)
    try:
        mine = planned(["value = 1"]).plan
    finally:
        os.umask(before)
    assert read_plan(mine.sweep_dir).jobs(1)
    assert mine.task()


def test_a_plan_is_not_written_where_a_link_leads(planned: Plans, tmp_path: Path) -> None:
    elsewhere, sweep_dir = tmp_path / "elsewhere", tmp_path / "a sweep ü"
    elsewhere.mkdir()
    (sweep_dir / ".exptools").mkdir(parents=True)
    (sweep_dir / CLUSTER).symlink_to(elsewhere)
    with pytest.raises(OSError, match=LINK):
        planned(["value = 1"])
    assert not names(elsewhere)


def test_nothing_is_submitted_whose_logs_a_link_leads_elsewhere(
    planned: Plans, tmp_path: Path
) -> None:
    plan = planned(["value = 1"]).plan
    (plan.directory / "logs").symlink_to(tmp_path)
    with pytest.raises(SubmissionError, match=rf"logs cannot be written: {LINK}"):
        submit(plan, [1], AllocationOptions(), 1)


@pytest.mark.parametrize("linked", ["train_0.qsub", "run_0.stdout", "run_0.stderr"])
def test_a_script_of_pbs_and_its_logs_go_through_no_link(tmp_path: Path, linked: str) -> None:
    precious, log_dir = tmp_path / "precious", tmp_path / "x1"
    precious.write_text("mine")
    log_dir.mkdir()
    (log_dir / linked).symlink_to(precious)
    if linked.startswith("train"):
        script = PbsHandler().make_script(str(log_dir), "train", 0, ["true"])
        assert not Path(script).is_symlink()
    else:
        with pytest.raises(OSError, match=LINK):
            PbsHandler().make_script(str(log_dir), "train", 0, ["true"])
    assert precious.read_text() == "mine"


def test_a_line_feed_in_the_name_of_a_directory_begins_no_line_of_a_script(tmp_path: Path) -> None:
    log_dir = tmp_path / "x\nid > run;"
    log_dir.mkdir()
    with pytest.raises(OSError, match="PBS takes no path with a line feed"):
        PbsHandler().make_script(str(log_dir), "train", 0, ["true"])
    assert not names(log_dir)


def test_nothing_of_another_run_is_removed_before_a_job_begins(tmp_path: Path) -> None:
    mine, copied = tmp_path / "mine", tmp_path / "copied"
    write_status(mine, Status(State.COMPLETED))
    (mine / RETURN_FILE).write_text("mine")
    (mine / ".exptools" / ".a.host-0.aside").touch()
    before = names(mine / ".exptools")
    copied.mkdir()
    (copied / ".exptools").symlink_to(mine / ".exptools")
    with pytest.raises(OSError, match=LINK):
        remove_result(copied)
    with pytest.raises(OSError, match=LINK):
        write_status(copied, Status(State.QUEUED))
    assert names(mine / ".exptools") == before
    assert '"completed"' in (mine / STATUS_FILE).read_text()
