from collections.abc import Iterator

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase


@pytest.fixture(autouse=True, scope="module")
def restore_hydra() -> Iterator[None]:
    """Leave what Hydra keeps for the whole process as other tests expect it."""
    before = dict(vars(VersionBase.instance()))  # of the version that it imitates
    yield
    vars(VersionBase.instance()).update(before)
    GlobalHydra.instance().clear()
