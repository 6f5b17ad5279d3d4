"""The garbage collector while many objects are made."""

import gc
import weakref

import pytest

from exptools import gc_pause
from exptools.gc_pause import collector_paused


def test_the_collector_is_paused_until_the_last_of_several_blocks_ends() -> None:
    with collector_paused() as resume, collector_paused():
        resume()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_who_has_switched_the_collector_off_finds_it_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


class Cycle:
    """An object that is garbage only to who walks over all objects."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize(("every", "stays"), [(0.0, False), (1e9, True)])
def test_garbage_of_earlier_pauses_is_collected_now_and_then(
    monkeypatch: pytest.MonkeyPatch, every: float, stays: bool
) -> None:
    monkeypatch.setattr(gc_pause, "_AT_LEAST_EVERY", every)
    with collector_paused():
        garbage = weakref.ref(Cycle())
    with collector_paused():
        pass
    assert (garbage() is not None) is stays
