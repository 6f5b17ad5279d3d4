"""Hydra's own tests of a launcher, which ship in its wheel."""

import pytest
from hydra.core.plugins import Plugins
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)

pytestmark = [pytest.mark.hydra, pytest.mark.slow]

# Hydra 1.4's suites expect the plugins to be registered before the first fixture saves its state.
Plugins.instance()


@pytest.mark.parametrize(("launcher_name", "overrides"), [("exptools", [])])
class TestLauncher(LauncherTestSuite):
    pass


@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("exptools", ["hydra.sweeper.max_batch_size=2"])]
)
class TestBatches(BatchedSweeperTestSuite):
    pass


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=exptools"])]
)
class TestIntegration(IntegrationTestSuite):
    pass
