"""Optuna's sweeper, whose current release knows Hydra 1.3 only."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from exptools.rundir import State, Status, read_status
from tests.conftest import App

pytestmark = pytest.mark.slow

MakeApp = Callable[[str], App]
OPTUNA = ("hydra/sweeper=optuna", "hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=1")


def statuses(app: App, jobs: int) -> list[Status | None]:
    return [read_status(app.out / str(job)) for job in range(jobs)]


def best(app: App) -> dict[str, Any]:
    results: dict[str, Any] = yaml.safe_load((app.out / "optimization_results.yaml").read_text())
    return results


def test_trials_are_jobs_whose_numbers_go_on_from_batch_to_batch(make_app: MakeApp) -> None:
    app = make_app("return (cfg.x - 0.5) ** 2")
    batches = ("hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=2")
    output = app.completes(*OPTUNA, *batches, "+x=interval(0,1)")
    assert output.count("exptools: 2 jobs in ") >= 2
    job_statuses = statuses(app, 6)
    assert [one and one.job for one in job_statuses] == [0, 1, 2, 3, 4, None]
    tried = [float(one.overrides[0].removeprefix("+x=")) for one in job_statuses if one]
    assert len(set(tried)) == 5
    nearest = min(tried, key=lambda x: abs(x - 0.5))
    assert best(app)["best_params"] == {"+x": nearest}
    assert best(app)["best_value"] == (nearest - 0.5) ** 2


# How the second trial of each batch of two ends, its state, and what is told of it.
BAD_ENDS = {
    "raise ValueError('diverged')": (State.FAILED, "diverged"),
    "os._exit(3)": (State.FAILED, r"job 3 \(\+x=0.*\) exited with code 3 before it returned"),
    "os.kill(os.getpid(), 9)": (State.KILLED, r"job 5 \(\+x=0.*\) was killed by SIGKILL"),
}


def test_jobs_that_end_badly_are_failed_trials_and_the_study_goes_on(make_app: MakeApp) -> None:
    number = "hydra.core.hydra_config.HydraConfig.get().job.num"
    ends = [f"if {number} == {1 + 2 * n}:\n    {end}" for n, end in enumerate(BAD_ENDS)]
    app = make_app("\n".join([*ends, "return cfg.x"]))
    trials = ("hydra.sweeper.n_trials=7", "hydra.sweeper.n_jobs=2")
    some = "hydra.sweeper.max_failure_rate=0.5"
    output = app.completes(*OPTUNA, *trials, some, "+x=interval(0,1)")
    well, badly = statuses(app, 7)[::2], statuses(app, 7)[1::2]
    assert [one and one.state for one in well] == [State.COMPLETED] * 4
    assert [one and one.state for one in badly] == [state for state, _ in BAD_ENDS.values()]
    for _, told in BAD_ENDS.values():
        assert re.search(f"Failed experiment: {told}", output)
    assert f"+x={best(app)['best_value']}" in {one.overrides[0] for one in well if one}


def test_too_many_failed_trials_end_the_study_with_the_users_own_error(make_app: MakeApp) -> None:
    app = make_app("raise ValueError('diverged')")
    trials = ("hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2")
    output = app.fails(*OPTUNA, *trials, "+x=interval(0,1)")
    assert "in main\n" in output
    assert "ValueError: diverged" in output
    assert [one is None for one in statuses(app, 3)] == [False, False, True]


def test_trials_on_two_objectives_return_both(make_app: MakeApp) -> None:
    app = make_app("return cfg.x, 1 - cfg.x")
    app.completes(
        *OPTUNA,
        "hydra.sweeper.direction=[minimize,minimize]",
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.n_jobs=2",
        "+x=interval(0,1)",
    )
    assert len(best(app)["solutions"]) == 2
