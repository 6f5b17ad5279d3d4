"""Hydra's own suites for launchers, on the cluster."""

from __future__ import annotations

import os

import pytest
from hydra.core.plugins import Plugins
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)

from tests.cluster.cluster import Cluster

Plugins.instance()


@pytest.fixture(autouse=True)
def _on_the_cluster(running_cluster: Cluster) -> None:
    """Bring it up."""


@pytest.mark.slow
@pytest.mark.parametrize(("launcher_name", "overrides"), [("exptools_slurm", [])])
class TestLauncher(LauncherTestSuite):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("exptools_slurm", ["hydra.sweeper.max_batch_size=2"])]
)
class TestBatches(BatchedSweeperTestSuite):
    pass


@pytest.mark.skipif(
    "EXPTOOLS_ALL_SUITES" not in os.environ,
    reason="what it tests hardly depends on where jobs run: EXPTOOLS_ALL_SUITES=1 runs it",
)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=exptools_slurm"])]
)
class TestIntegration(IntegrationTestSuite):
    pass
