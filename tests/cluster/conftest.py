"""A Slurm cluster for all tests of this folder, and sweeps on it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exptools.rundir import Status, read_status
from tests.cluster.cluster import Cluster, missing_program
from tests.conftest import App

NODES, CPUS, GPUS, LARGEST_ARRAY = 3, 2, 2, 5
SWEEP = ("-m", "hydra/launcher=exptools_slurm", "hydra.sweep.dir=out")
# Ask the controller more often than one should: tests wait for its answers.
QUICK = "import exptools.launching.cluster.watch as watch; watch.QUEUE_INTERVAL = 0.5"


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    missing = missing_program()
    if missing is not None:
        pytest.skip(f"no Slurm here ({missing}): apt-get install slurm-wlm munge")
    if importlib.util.find_spec("submitit") is None:
        pytest.skip("no submitit here: pip install submitit")
    before = os.environ.get("SLURM_CONF")
    base = tmp_path_factory.mktemp("slurm")
    for directory in (base, *base.parents):  # munge wants its socket's way open to all
        if directory.is_relative_to("/tmp") and directory != Path("/tmp"):
            directory.chmod(0o755)
    cluster = Cluster(base, NODES, CPUS, GPUS, LARGEST_ARRAY)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        os.environ.pop("SLURM_CONF")
        if before is not None:
            os.environ["SLURM_CONF"] = before


@pytest.fixture
def cluster(running_cluster: Cluster) -> Iterator[Cluster]:
    yield running_cluster
    running_cluster.revive()


class ClusterApp(App):
    """A Hydra app whose sweeps run on the cluster."""

    def __init__(self, directory: Path, task: str) -> None:
        super().__init__(directory, task)
        self.insert(QUICK)

    def sweep(self, *overrides: str, **environment: str) -> tuple[int, str]:
        return self.run(*SWEEP, *overrides, **environment)

    def status(self, job: int) -> Status:
        status = read_status(self.out / str(job))
        assert status is not None
        return status

    def states(self, jobs: int) -> list[str]:
        return [self.status(job).state.value for job in range(jobs)]

    def marked(self, job: int) -> bool:
        """Whether a job has said that it is where the test wants it."""
        return (self.out / str(job) / "mark").exists()


@pytest.fixture
def cluster_app(tmp_path: Path, cluster: Cluster) -> Callable[[str], ClusterApp]:
    return lambda task: ClusterApp(tmp_path / "it's a dir ü", task)
