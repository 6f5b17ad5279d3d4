"""The garbage collector while many objects are made."""

import gc

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
