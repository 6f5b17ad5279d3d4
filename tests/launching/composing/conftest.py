from collections.abc import Iterator
from copy import deepcopy

import pytest
from hydra.core.singleton import Singleton


@pytest.fixture(autouse=True, scope="module")
def restore_hydra() -> Iterator[None]:
    """Leave Hydra's global state, the version that it imitates too, as other tests expect it."""
    state = deepcopy(Singleton.get_state())
    yield
    Singleton.set_state(state)
